"""Orders for the tests of this room, built by hand."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from gateway.documents import (
    Carrier,
    LineKind,
    Order,
    OrderLine,
    Party,
    Payment,
    PaymentMethod,
    Price,
    PriceBasis,
    Shipping,
    Totals,
    rounded,
)
from gateway.rendering import Identity

PRAGUE = ZoneInfo("Europe/Prague")

SETTINGS = {"company_id": "12345678"}
LOOKUPS = {
    "payment": {"bank_transfer": "Příkazem", "cash_on_delivery": "Dobírkou", "card": "Plat.kartou"},
    "carrier": {"packeta": "Zásilkovna"},
}


def gross(amount: str, rate: str = "21") -> Price:
    net = (Decimal(amount) / (1 + Decimal(rate) / 100)).quantize(Decimal("0.0001"))
    return Price(net=net, gross=Decimal(amount), basis=PriceBasis.GROSS)


def net(amount: str, rate: str = "21") -> Price:
    with_vat = (Decimal(amount) * (1 + Decimal(rate) / 100)).quantize(Decimal("0.0001"))
    return Price(net=Decimal(amount), gross=with_vat, basis=PriceBasis.NET)


def line(price: Price | None = None, **changed: Any) -> OrderLine:
    values: dict[str, Any] = {
        "kind": LineKind.PRODUCT,
        "name": "Tričko modré",
        "variant": "L",
        "sku": "TRICKO-L",
        "quantity": Decimal(1),
        "unit": "ks",
        "unit_price": price or gross("242"),
        "total": price or gross("242"),
        "vat_rate": Decimal(21),
    }
    return OrderLine(**(values | changed))


def shipping_line(**changed: Any) -> OrderLine:
    values: dict[str, Any] = {"kind": LineKind.SHIPPING, "name": "Zásilkovna", "sku": None, "variant": None}
    return line(gross("89"), **(values | changed))


def party(**changed: Any) -> Party:
    values = {
        "name": "Jan Novák",
        "street": "Česká 1/2",
        "city": "Brno",
        "postcode": "602 00",
        "country": "CZ",
        "email": "jan@example.cz",
        "phone": "+420777123456",
    }
    return Party(**(values | changed))


def company(**changed: Any) -> Party:
    values = {"company": "Žluťoučký kůň s.r.o.", "company_id": "87654321", "vat_id": "CZ87654321"}
    return party(**(values | changed))


def order(**changed: Any) -> Order:
    values: dict[str, Any] = {
        "number": "2026000124",
        "ordered_at": datetime(2026, 11, 21, 0, 30, tzinfo=PRAGUE),
        "currency": "CZK",
        "billing": party(),
        "lines": (line(), shipping_line()),
        "total": Totals(gross=Decimal(331)),
        "payment": Payment(method=PaymentMethod.CASH_ON_DELIVERY, name="Dobírka"),
        "shipping": Shipping(carrier=Carrier.PACKETA, name="Zásilkovna"),
    }
    if "lines" in changed:  # the order costs what its lines do, unless a test says something else
        values["total"] = Totals(gross=sum(rounded(row.total.gross, Decimal("0.01")) for row in changed["lines"]))
    return Order(**(values | changed))


def identity(document: Order | None = None) -> Identity:
    return Identity.of("shoptet-main", "order", (document or order()).number)
