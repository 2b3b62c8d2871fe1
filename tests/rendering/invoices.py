"""Invoices, contacts and offers for tests; those of hypothesis are completed as those of a mapping are."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from gateway.documents import (
    KINDS,
    Contact,
    Invoice,
    InvoiceType,
    LineKind,
    Offer,
    PaymentMethod,
    Price,
    PriceBasis,
    Totals,
    minor_unit,
    with_both,
)
from tests.profit.orders import maybe, parties, rows
from tests.rendering.orders import PRAGUE, gross, line, party, shipping_line

DAY = datetime(2026, 11, 21, 9, 0, tzinfo=PRAGUE)


def invoice(**changed: Any) -> Invoice:
    values: dict[str, Any] = {
        "number": "2026000777",
        "issued_at": DAY,
        "taxed_at": DAY - timedelta(days=1),
        "due_at": DAY + timedelta(days=14),
        "currency": "CZK",
        "billing": party(),
        "lines": (line(), shipping_line()),
        "order_number": "2026000124",
        "ordered_at": DAY - timedelta(days=3),
    }
    values |= changed
    if "total" not in values:
        values["total"] = Totals(gross=sum(row.total.gross or Decimal(0) for row in values["lines"]))
    return Invoice(**values)


def credit_note(**changed: Any) -> Invoice:
    lines = (line(gross("-242")), shipping_line(total=gross("-89"), unit_price=gross("-89")))
    values = {"type": InvoiceType.CREDIT_NOTE, "original_number": "2026000700", "lines": lines}
    return invoice(**(values | changed))


def contact(**changed: Any) -> Contact:
    return Contact(**({"number": "cust-9", "billing": party()} | changed))


def offer(**changed: Any) -> Offer:
    values: dict[str, Any] = {
        "sku": "TRICKO-L",
        "name": "Tričko modré L",
        "vat_rate": Decimal(21),
        "currency": "CZK",
        "price": gross("242"),
        "quantity": Decimal(7),
    }
    return Offer(**(values | changed))


@st.composite
def invoices(draw: st.DrawFn, texts: st.SearchStrategy[str], home: str = "CZ") -> Invoice:
    """An invoice that adds up, as every one does that leaves a mapping; of the home country's rates, or abroad."""
    kind = draw(st.sampled_from(list(InvoiceType)))
    currency = draw(st.sampled_from(("CZK", "EUR", "HUF")))
    unit = minor_unit(currency)
    abroad = draw(st.booleans())
    rates = {"CZ": ("21", "12", "0"), "SK": ("23", "19", "5", "0"), "HU": ("27", "5", "0"), "FR": ("20", "5.5")}
    where = draw(st.sampled_from([each for each in rates if each != home])) if abroad else home
    lines = draw(st.lists(rows(draw(st.sampled_from(("gross", "net"))), unit, texts), min_size=1, max_size=4))
    for row in lines:
        row["vat_rate"] = Decimal(draw(st.sampled_from(rates[where])))
        row["kind"] = draw(st.sampled_from([each for each in LineKind if each is not LineKind.ROUNDING]))
        if kind is InvoiceType.CREDIT_NOTE:
            row["quantity"] = -row["quantity"]
    billing = draw(parties(texts)) | {"country": where}
    if abroad:
        billing.pop("vat_id", None)
    values: dict[str, Any] = {
        "number": draw(st.sampled_from(("FV-2026/17", "2026000777", "A"))),
        "type": kind,
        "issued_at": DAY,
        "taxed_at": draw(st.sampled_from((None, DAY - timedelta(days=1)))),
        "due_at": draw(st.sampled_from((None, DAY + timedelta(days=14)))),
        "currency": currency,
        "exchange_rate": draw(st.sampled_from((None, Decimal("24.310")))),
        "billing": billing,
        "delivery": draw(st.sampled_from((None, {"name": "Eva Nová", "city": "Praha", "country": where}))),
        "lines": lines,
        "order_number": draw(st.sampled_from((None, "2026000124"))),
        "original_number": draw(st.sampled_from((None, "FV-2026/1"))),
        "variable_symbol": draw(st.sampled_from((None, "2026 000 999"))),
        "payment": {"method": draw(st.sampled_from((None, *PaymentMethod))), "name": draw(maybe(texts))},
        "shipping": {"name": draw(maybe(texts)), "package_number": draw(maybe(texts))},
        "customer_note": draw(maybe(texts)),
        "shop_note": draw(maybe(texts)),
    }
    found, findings = KINDS["invoice"].complete(values)
    assume(isinstance(found, Invoice))
    assert isinstance(found, Invoice), findings
    return found


@st.composite
def contacts(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> Contact:
    """A contact as it leaves a mapping."""
    values: dict[str, Any] = {
        "number": draw(st.sampled_from(("cust-9", "a@example.com", "ž 1"))),
        "billing": draw(parties(texts)) | {"region": draw(maybe(texts))},
        "delivery": draw(st.one_of(st.none(), parties(texts))),
        "group": draw(maybe(texts)),
        "price_level": draw(st.sampled_from((None, "VOC"))),
        "maturity_days": draw(st.sampled_from((None, 0, 14))),
        "customer_note": draw(maybe(texts)),
        "shop_note": draw(maybe(texts)),
    }
    found, findings = KINDS["contact"].complete(values)
    assert isinstance(found, Contact), findings
    return found


@st.composite
def offers(draw: st.DrawFn, texts: st.SearchStrategy[str], home: str = "CZ") -> Offer:
    """An offer with any of its fields."""
    rate = Decimal(draw(st.sampled_from(("21", "12", "0") if home == "CZ" else ("23", "19", "5", "0"))))
    amount = draw(st.decimals(0, 99_999, places=2))
    basis = draw(st.sampled_from(PriceBasis))
    price = with_both({basis.value: amount}, rate)
    return Offer(
        sku=draw(st.sampled_from(("TRICKO-L", "A/1", "ž 5"))),
        name=f"x{draw(texts)}",
        ean=draw(st.sampled_from((None, "8590000000017"))),
        supplement=draw(maybe(texts)),
        unit=draw(st.sampled_from((None, "ks"))),
        manufacturer=draw(maybe(texts)),
        description=draw(maybe(texts)),
        vat_rate=rate,
        price=draw(st.sampled_from((price, None))),
        special_price=Price(net=Decimal(1), gross=Decimal("1.21")),
        for_sale=draw(st.sampled_from((None, True, False))),
        on_internet=draw(st.sampled_from((None, True, False))),
        quantity=draw(st.sampled_from((None, Decimal(3)))),
    )
