"""Orders that a shop could have sent: made of any values, completed and checked as those of a mapping are."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from msgspec import structs

from gateway.documents import LineKind, Order, PaymentMethod, minor_unit, rounded
from gateway.documents.completion import complete_order
from tests.rendering.orders import PRAGUE, order

ANY = st.text(max_size=40)
PLAIN = st.text("abcčřž ĎA'&<>\"0-9", min_size=1, max_size=20).map(lambda text: f"x{' '.join(text.split())}")
RATES = st.sampled_from(("21", "12", "0", "15", "27")).map(Decimal)


def maybe(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str | None]:
    """A text or nothing; a mapping gives no empty ones."""
    return st.one_of(st.none(), texts.map(lambda text: text or None))


@st.composite
def parties(draw: st.DrawFn, texts: st.SearchStrategy[str] = ANY) -> dict[str, Any]:
    """A customer with a name or a company; letters of any kind, and all else may be missing."""
    fields = ("street", "city", "postcode", "email", "phone")
    values: dict[str, Any] = {field: draw(maybe(texts)) for field in fields}
    values["country"] = draw(st.sampled_from((None, "CZ", "SK", "HU")))
    values[draw(st.sampled_from(("name", "company")))] = f"x{draw(texts)}"
    if draw(st.booleans()):
        values |= {"company_id": "12345679", "vat_id": "CZ12345679"}
    return values


@st.composite
def rows(draw: st.DrawFn, basis: str, unit: Decimal, texts: st.SearchStrategy[str] = ANY) -> dict[str, Any]:
    """A line whose price is given with or without VAT."""
    places = 0 if unit == 1 else 2
    row: dict[str, Any] = {
        "kind": draw(st.sampled_from([kind for kind in LineKind if kind is not LineKind.ROUNDING])),
        "name": f"x{draw(texts)}",
        "variant": draw(maybe(texts)),
        "sku": draw(st.sampled_from((None, "TRICKO-L", "A/1", "ž 5"))),
        "ean": draw(st.sampled_from((None, "8590000000017"))),
        "unit": draw(st.sampled_from((None, "ks", "kg"))),
        "quantity": draw(st.integers(1, 30).map(Decimal)),
        "vat_rate": draw(RATES),
        "unit_price": {basis: draw(st.decimals(1, 5000, places=places))},
        "discount_percent": draw(st.sampled_from((None, Decimal(10)))),
    }
    if row["kind"] is LineKind.PAYMENT:
        row["name"] = "Dobírka"
    return row


@st.composite
def orders(
    draw: st.DrawFn, texts: st.SearchStrategy[str] = ANY, bases: tuple[str, ...] = ("gross", "net")
) -> Order:
    """An order that adds up, as every order does that leaves a mapping."""
    currency = draw(st.sampled_from(("CZK", "EUR", "HUF")))
    unit = minor_unit(currency)
    values: dict[str, Any] = {
        "number": draw(st.integers(1, 9_999_999_999).map(str)),
        "ordered_at": datetime(2026, draw(st.integers(1, 12)), 21, 0, 30, tzinfo=PRAGUE),
        "currency": currency,
        "exchange_rate": draw(st.sampled_from((None, Decimal("24.310"), Decimal(1)))),
        "billing": draw(parties(texts)),
        "delivery": draw(st.one_of(st.none(), parties(texts))),
        "lines": draw(st.lists(rows(draw(st.sampled_from(bases)), unit, texts), min_size=1, max_size=4)),
        "payment": {
            "method": draw(st.sampled_from((None, *PaymentMethod))),
            "name": draw(maybe(texts)),
            "paid": draw(st.sampled_from((None, True, False))),
        },
        "shipping": {"name": draw(maybe(texts)), "pickup_point": draw(maybe(texts))},
        "status": draw(maybe(texts)),
        "customer_note": draw(maybe(texts)),
        "shop_note": draw(maybe(texts)),
    }
    found, findings = complete_order(values)
    assert found is not None, findings
    whole = found.total.gross or Decimal(0)
    if draw(st.booleans()):  # the shop rounds the amount to pay, and says so
        to_pay = rounded(whole, Decimal(1))
        values["total"] = {"rounding": to_pay - whole, "to_pay": to_pay}
    elif draw(st.booleans()):
        values["total"] = {"to_pay": whole}
    found, findings = complete_order(values)
    assert found is not None, findings
    return found


def priced(**changed: Any) -> Order:
    """An order built by hand, with its total without VAT, which every order has that leaves a mapping."""
    built = order(**changed)
    if built.total.net is not None:
        return built
    net = sum((row.total.net or Decimal(0) for row in built.lines), Decimal(0))
    return structs.replace(built, total=structs.replace(built.total, net=rounded(net, Decimal("0.01"))))
