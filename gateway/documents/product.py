"""The snapshots of a price list: products, stock levels and prices; and the offer that is made of them.

A source may bring all of it in one record (a product with its quantity and prices, one per warehouse) or each
apart. A target gets offers: one per code, worked out by its rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from gateway.documents.completion import Finding, OnTotals, complete_price, missing, too_large
from gateway.documents.order import Price
from gateway.documents.values import CurrencyCode, ItemCondition, PriceBasis

_NET, _GROSS = PriceBasis.NET, PriceBasis.GROSS


class LevelPrice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The price of one price level, such as `Internet`."""

    level: str
    price: Price
    currency: CurrencyCode | None = None


class Image(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A picture: its address, or its file's name."""

    url: str


class Property(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One further value of a product under the source's own name, such as a user field."""

    name: str
    value: str | None = None


class _Described(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a card of a price list and an offer both say. `vat_rate` is a percentage, `weight` in kilograms.

    quantity: pieces. for_sale, on_internet: the source's own switches; None where it has none. group: what all
    variants of one product share. part_number: the maker's own number of it. availability: the source's own words
    of when it can be had, available_from the day of it. special_price_from, special_price_until: where that price
    counts in these days alone.
    """

    sku: str
    name: str | None = None
    ean: str | None = None
    group: str | None = None
    part_number: str | None = None
    condition: ItemCondition | None = None
    supplement: str | None = None
    unit: str | None = None
    manufacturer: str | None = None
    category: str | None = None
    description: str | None = None
    url: str | None = None
    guarantee: str | None = None
    weight: Decimal | None = None
    vat_rate: Decimal | None = None
    currency: CurrencyCode | None = None
    price: Price | None = None
    special_price: Price | None = None
    special_price_from: datetime | None = None
    special_price_until: datetime | None = None
    quantity: Decimal | None = None
    delivery_days: int | None = None
    availability: str | None = None
    available_from: datetime | None = None
    for_sale: bool | None = None
    on_internet: bool | None = None
    images: tuple[Image, ...] = ()
    properties: tuple[Property, ...] = ()


class Product(_Described, frozen=True, kw_only=True, omit_defaults=True):
    """One card of a price list. A code that lies in several warehouses has one card in each.

    quantity counts what is there, reserved what of it is promised already.
    """

    warehouse: str = ""
    prices: tuple[LevelPrice, ...] = ()
    reserved: Decimal | None = None


class StockLevel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much of a product lies in one warehouse, and how much of it is promised already."""

    sku: str
    warehouse: str = ""
    quantity: Decimal
    reserved: Decimal | None = None


class ProductPrice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a product costs on one price level and in one currency."""

    sku: str
    level: str = ""
    currency: CurrencyCode | None = None
    price: Price
    vat_rate: Decimal | None = None


class Offer(_Described, frozen=True, kw_only=True, omit_defaults=True):
    """What a target is told of one code: the result of its rules over everything that is known of that code.

    A field that the rules leave out is None, and the target's value of it stays as it is.
    """


def complete_product(
    values: Mapping[str, Any], *, on_totals: OnTotals = "error"
) -> tuple[Product | None, tuple[Finding, ...]]:
    """Build a product from nested dicts of typed values; None where an error stands among the findings."""
    del on_totals  # it has no sums
    try:
        findings = missing(values, ("sku",))
        members = _taken(Product, values)
        rate = values.get("vat_rate")
        members["price"] = _price(values.get("price"), rate, "price", findings)
        members["special_price"] = _price(values.get("special_price"), rate, "special_price", findings)
        members["prices"] = _levels(values.get("prices") or (), rate, findings)
        members["images"] = tuple(Image(url=row["url"]) for row in values.get("images") or () if row.get("url"))
        members["properties"] = tuple(
            Property(name=row["name"], value=row.get("value"))
            for row in values.get("properties") or ()
            if row.get("name")
        )
        return (None if findings else Product(**members)), tuple(findings)
    except ArithmeticError:
        return None, (too_large(),)


def complete_stock_level(
    values: Mapping[str, Any], *, on_totals: OnTotals = "error"
) -> tuple[StockLevel | None, tuple[Finding, ...]]:
    """Build a stock level from typed values; None where an error stands among the findings."""
    del on_totals
    findings = missing(values, ("sku", "quantity"))
    return (None if findings else StockLevel(**_taken(StockLevel, values))), tuple(findings)


def complete_product_price(
    values: Mapping[str, Any], *, on_totals: OnTotals = "error"
) -> tuple[ProductPrice | None, tuple[Finding, ...]]:
    """Build a price from typed values; None where an error stands among the findings."""
    del on_totals
    try:
        findings = missing(values, ("sku",))
        price = _price(values.get("price"), values.get("vat_rate"), "price", findings)
        if price is None and not findings:
            findings.append(Finding(code="D001", field="price.gross", message="`price` is missing"))
        members = {**_taken(ProductPrice, values), "price": price}
        return (None if findings else ProductPrice(**members)), tuple(findings)
    except ArithmeticError:
        return None, (too_large(),)


def with_both(given: Mapping[str, Any] | Price | None, rate: Decimal | None) -> Price | None:
    """A price with the amount that is missing derived where the VAT rate is known; None where there is none."""
    if given is None:
        return None
    if isinstance(given, Price):
        given = {"net": given.net, "gross": given.gross}
    net, gross = given.get("net"), given.get("gross")
    if net is None and gross is None:
        return None
    if rate is None and (net is None or gross is None):
        return Price(net=net, gross=gross, basis=_NET if gross is None else _GROSS)
    price, _, _ = complete_price(net, gross, rate)
    return price if price is not None else Price(net=net, gross=gross)


def _price(
    given: Mapping[str, Any] | None, rate: Decimal | None, at: str, findings: list[Finding]
) -> Price | None:
    price = with_both(given, rate)
    if price is not None and price.given < 0:
        findings.append(
            Finding(
                code="D008", field=at, message=f"the price is negative: {price.given}", help="correct it there"
            )
        )
    return price


def _levels(rows: Any, rate: Decimal | None, findings: list[Finding]) -> tuple[LevelPrice, ...]:
    levels = []
    for index, row in enumerate(rows, start=1):
        price = _price(row.get("price"), rate, f"prices[{index}].price", findings)
        if price is not None and row.get("level"):
            levels.append(LevelPrice(level=row["level"], price=price, currency=row.get("currency")))
    return tuple(levels)


def _taken(document: type[msgspec.Struct], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that the document has a field for; what is None keeps the field's default."""
    return {name: values[name] for name in document.__struct_fields__ if values.get(name) is not None}
