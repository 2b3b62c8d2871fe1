"""From what the catalogue knows of one code to what a target is told of it. Pure: no ledger, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any, Literal

import msgspec

from gateway.documents import LevelPrice, Offer, Price, PriceBasis, Product, ProductPrice, StockLevel, with_both
from gateway.mapping.expressions import BadExpression, Expression
from gateway.mapping.unreadable import Unreadable

_HUNDRED = Decimal(100)
_FOUR_PLACES = Decimal("0.0001")
_PRICED = ("price", "special_price")
_DAYS_OF_SPECIAL = ("special_price_from", "special_price_until")
_TAKEN_FROM_PRODUCT = (
    "name", "ean", "group", "part_number", "condition", "supplement", "unit", "manufacturer", "category",
    "description", "url", "guarantee", "weight", "vat_rate", "currency", "delivery_days", "availability",
    "available_from", "for_sale", "on_internet",
)  # fmt: skip


class CannotWorkOut(Exception):
    """A rule cannot be evaluated for a code. `rule` is its place below `rules:`."""

    def __init__(self, message: str, rule: tuple[str, ...]) -> None:
        self.message = message
        self.rule = rule
        super().__init__(message)


class LeftOut(msgspec.Struct, frozen=True):
    """The target is not told of the code, and why."""

    reason: str


class Known(msgspec.Struct, frozen=True):
    """All that the catalogue knows of one code. What a complete input lacked stands apart and is no pieces."""

    sku: str
    products: tuple[Product, ...] = ()
    stock: tuple[StockLevel, ...] = ()
    prices: tuple[ProductPrice, ...] = ()
    gone_products: tuple[Product, ...] = ()
    gone_stock: tuple[StockLevel, ...] = ()

    @property
    def is_gone(self) -> bool:
        """Whether nothing of it is there any more."""
        return not (self.products or self.stock) and bool(self.gone_products or self.gone_stock)


class Rules(msgspec.Struct, frozen=True):
    """The compiled rules of a target (gateway.offers.model says what each means)."""

    warehouses: tuple[str, ...] = ()
    count: Literal["available", "all"] = "available"
    at_least: Decimal | None = Decimal(0)
    whole_pieces: bool = False
    price_level: str | None = None
    price_warehouse: str | None = None
    special_price_level: str | None = None
    currency: str | None = None
    round_to: Decimal | None = None
    markup: Expression | None = None
    conditions: Mapping[str, Expression] = msgspec.field(default_factory=dict)
    fields: Mapping[str, Expression] = msgspec.field(default_factory=dict)
    readers: Mapping[str, Any] = msgspec.field(default_factory=dict)

    def work_out(self, known: Known) -> Offer | LeftOut:
        """The offer. Raises CannotWorkOut where a rule does not fit the values."""
        try:
            return self._worked_out(known)
        except ArithmeticError:
            raise CannotWorkOut("an amount is too large or too small to be computed with", ()) from None

    def _worked_out(self, known: Known) -> Offer | LeftOut:
        values = self._gathered(known)
        if self._holds("leave_out", values):
            return LeftOut("`leave_out` holds")
        self._mark_up(values)
        for name, expression in self.fields.items():
            self._set(values, name, expression)
        for subject in ("price", "quantity"):
            if self._holds(f"without_{subject}", values):
                values[subject] = None
                if subject == "price":
                    values["special_price"] = None
        _must_be_a_price(values)
        if values["special_price"] is None:
            values.update(dict.fromkeys(_DAYS_OF_SPECIAL))
        return _offer(values)

    # -- gathering -------------------------------------------------------------------------------------------

    def _gathered(self, known: Known) -> dict[str, Any]:
        products = self._in_order(known.products or known.gone_products)
        values: dict[str, Any] = {"sku": known.sku}
        for name in _TAKEN_FROM_PRODUCT:
            values[name] = _first(getattr(product, name) for product in products)
        values["images"] = next((each.images for each in products if each.images), ())
        values["properties"] = next((each.properties for each in products if each.properties), ())
        values["quantity"], values["reserved"] = self._counted(known)
        rate = values["vat_rate"]
        if rate is None:
            rate = values["vat_rate"] = _first(each.vat_rate for each in known.prices)
        price, currency = self._price(known, products, self.price_level or "")
        special = None
        if self.special_price_level is not None:
            special, _ = self._price(known, products, self.special_price_level)
        values.update(dict.fromkeys(_DAYS_OF_SPECIAL))
        if special is None:
            card = next((each for each in products if each.special_price and self._gives_prices(each)), None)
            if card is not None:
                special = card.special_price
                values.update({name: getattr(card, name) for name in _DAYS_OF_SPECIAL})
        values["price"] = _as_values(with_both(price, rate))
        values["special_price"] = _as_values(with_both(special, rate))
        values["currency"] = currency or self.currency or values["currency"]
        return values

    def _in_order(self, products: Iterable[Product]) -> list[Product]:
        """The chosen warehouses first, in the order in which they are named."""

        def place(product: Product) -> tuple[int, str]:
            chosen = (index for index, name in enumerate(self.warehouses) if _lies_in(product.warehouse, name))
            return next(chosen, len(self.warehouses)), product.warehouse

        return sorted(products, key=place)

    def _counted(self, known: Known) -> tuple[Decimal | None, Decimal | None]:
        """What lies in the chosen warehouses, and what of it is reserved; None where nobody says."""
        present: list[Product | StockLevel] = [*known.products, *known.stock]
        absent: list[Product | StockLevel] = [*known.gone_products, *known.gone_stock]
        there, gone = [each for each in present if self._counts(each)], filter(self._counts, absent)
        if not there and not any(gone):
            return None, None
        quantity = sum((each.quantity for each in there if each.quantity is not None), Decimal(0))
        reserved = sum((each.reserved for each in there if each.reserved is not None), Decimal(0))
        told = quantity - reserved if self.count == "available" else quantity
        if self.whole_pieces:
            told = told.to_integral_value(ROUND_FLOOR)
        return (told if self.at_least is None else max(told, self.at_least)), reserved

    def _counts(self, row: Product | StockLevel) -> bool:
        return row.quantity is not None and self._is_chosen(row.warehouse)

    def _is_chosen(self, warehouse: str) -> bool:
        return not self.warehouses or any(_lies_in(warehouse, name) for name in self.warehouses)

    def _price(self, known: Known, products: Sequence[Product], level: str) -> tuple[Price | None, str | None]:
        """The price of a level with its currency; one that comes apart goes before that of a card.

        Raises CannotWorkOut where there are several currencies and no rule chooses one.
        """
        found = [(each.price, each.currency) for each in known.prices if each.level == level]
        found += [
            (each.price, each.currency or product.currency)
            for product in products
            if self._gives_prices(product)
            for each in _levels(product)
            if each.level == level
        ]
        fitting = [(price, currency) for price, currency in found if self._fits(currency)]
        currencies = sorted({currency for _, currency in fitting if currency is not None})
        if len(currencies) > 1:
            listed = " and ".join(currencies)
            raise CannotWorkOut(f"prices in {listed} are known of it, and no `currency` says which", ("currency",))
        return (fitting[0][0], currencies[0] if currencies else None) if fitting else (None, None)

    def _gives_prices(self, product: Product) -> bool:
        chosen = self.price_warehouse is None or _lies_in(product.warehouse, self.price_warehouse)
        return chosen and self._fits(product.currency)

    def _fits(self, currency: str | None) -> bool:
        return self.currency is None or currency is None or currency == self.currency

    # -- rules -----------------------------------------------------------------------------------------------

    def _holds(self, name: str, values: Mapping[str, Any]) -> bool:
        expression = self.conditions.get(name)
        return expression is not None and bool(self._value(expression, values, (name,)))

    def _mark_up(self, values: dict[str, Any]) -> None:
        """Markup and rounding of the price; the special price is told as it is."""
        price = values["price"]
        if price is None:
            return
        rate = values["vat_rate"]
        if self.markup is not None:
            percent = self._value(self.markup, values, ("markup",))
            if percent is None or isinstance(percent, bool):
                raise CannotWorkOut("the markup is no number", ("markup",))
            factor = 1 + Decimal(percent) / _HUNDRED
            marked = {side: None if price[side] is None else price[side] * factor for side in ("net", "gross")}
            price = _priced({**marked, "basis": price["basis"]}, rate)
        if self.round_to is not None:
            price = self._rounded(price, rate)
        values["price"] = price

    def _rounded(self, price: Mapping[str, Any], rate: Decimal | None) -> dict[str, Any] | None:
        """Rounded with VAT where that is known, for that is what customers see; else as it is given."""
        assert self.round_to is not None
        side = "gross" if price.get("gross") is not None else "net"
        steps = (price[side] / self.round_to).quantize(Decimal(1), ROUND_HALF_UP)
        amount = steps * self.round_to
        if amount == 0 < price[side]:
            raise CannotWorkOut(
                f"`round_to: {self.round_to}` makes nothing of the price {price[side]}", ("round_to",)
            )
        return _as_values(with_both({side: amount}, rate if side == "gross" else None))

    def _set(self, values: dict[str, Any], name: str, expression: Expression) -> None:
        value = self._value(expression, values, ("fields", name))
        reader = self.readers[name]
        try:
            typed = None if value is None or value == "" else reader(value)
        except (Unreadable, ValueError) as error:
            why = error.message if isinstance(error, Unreadable) else str(error)
            raise CannotWorkOut(f"`{name}` cannot be made of it: {why}", ("fields", name)) from error
        group, _, side = name.partition(".")
        if not side:
            values[name] = typed
            if name == "vat_rate":
                for priced in _PRICED:
                    values[priced] = _at_rate(values[priced], typed)
            return
        other = "net" if side == "gross" else "gross"
        given = {side: typed, other: None} if name not in _both(self.fields, group) else dict(values[group] or {})
        given[side] = typed
        values[group] = _priced(given, values["vat_rate"])

    def _value(self, expression: Expression, values: Mapping[str, Any], rule: tuple[str, ...]) -> Any:
        properties = {each.name: each.value or "" for each in values["properties"]}
        try:
            return expression.evaluate(values, lambda name: properties.get(name, ""), None)
        except BadExpression as error:
            raise CannotWorkOut(error.message, rule) from error
        except Unreadable as error:
            raise CannotWorkOut(error.message, rule) from error


def _lies_in(warehouse: str, name: str) -> bool:
    """Whether it is that warehouse or a part of it: POHODA writes `ZBOŽÍ/Hrnky`."""
    return warehouse == name or warehouse.startswith(f"{name}/")


def _at_rate(price: Mapping[str, Any] | None, rate: Decimal | None) -> dict[str, Any] | None:
    """The price under another VAT rate: the side that was given stays."""
    if price is None:
        return None
    given = "net" if price.get("basis") is PriceBasis.NET or price.get("gross") is None else "gross"
    return _as_values(with_both({given: price[given]}, rate))


def _must_be_a_price(values: dict[str, Any]) -> None:
    """No negative price, and no special price that is none. Raises CannotWorkOut."""
    for name in _PRICED:
        given = values[name]
        if given is not None and any(given[side] is not None and given[side] < 0 for side in ("net", "gross")):
            raise CannotWorkOut(f"`{name}` becomes negative", ("markup",) if name == "price" else ("fields", name))
    price, special = values["price"], values["special_price"]
    if price is None or special is None:
        return
    side = "gross" if price["gross"] is not None and special["gross"] is not None else "net"
    if price[side] is not None and special[side] is not None and special[side] >= price[side] > 0:
        values["special_price"] = None


def _both(fields: Mapping[str, Expression], group: str) -> frozenset[str]:
    """The two sides of a price where rules give both of them."""
    sides = {f"{group}.net", f"{group}.gross"}
    return frozenset(sides) if sides <= set(fields) else frozenset()


def _levels(product: Product) -> Iterable[LevelPrice]:
    """The prices of a card; the plain one is that of the level without a name."""
    if product.price is not None:
        yield LevelPrice(level="", price=product.price, currency=product.currency)
    yield from product.prices


def _first(values: Iterable[Any]) -> Any:
    return next((value for value in values if value is not None), None)


def _as_values(price: Price | None) -> dict[str, Any] | None:
    """A price as expressions see it; `basis` says which side was given."""
    if price is None:
        return None
    return {"net": price.net, "gross": price.gross, "basis": price.basis}


def _priced(given: Mapping[str, Any], rate: Decimal | None) -> dict[str, Any] | None:
    """The two sides, four places, with the one that is missing derived."""
    basis = given.get("basis")
    sides = {
        side: None if given.get(side) is None else Decimal(given[side]).quantize(_FOUR_PLACES, ROUND_HALF_UP)
        for side in ("net", "gross")
    }
    if basis is PriceBasis.NET and rate is not None:
        sides["gross"] = None  # derived anew: both sides were not always given alike
    return _as_values(with_both(sides, rate))


def _offer(values: Mapping[str, Any]) -> Offer:
    members = {name: values[name] for name in Offer.__struct_fields__ if values.get(name) is not None}
    for name in _PRICED:
        if name in members:
            given = members[name]
            sides = {side: _plain(given.get(side)) for side in ("net", "gross")}
            basis = given.get("basis") or (PriceBasis.GROSS if sides["gross"] is not None else PriceBasis.NET)
            members[name] = Price(**sides, basis=basis)
    if "quantity" in members:
        members["quantity"] = _plain(members["quantity"])
    return Offer(**members)


def _plain(amount: Decimal | None) -> Decimal | None:
    """Without trailing zeros, so that `5` and `5.000` are one value; never with an exponent."""
    if amount is None:
        return None
    plain = amount.normalize() + 0
    return plain.quantize(Decimal(1)) if plain == plain.to_integral_value() else plain
