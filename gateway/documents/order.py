"""The canonical order."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from gateway.documents.party import Party
from gateway.documents.values import Carrier, CurrencyCode, LineKind, PaymentMethod, PriceBasis


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """An amount without and with VAT. `basis` says which of the two the shop gave; the target gets that one."""

    net: Decimal | None = None
    gross: Decimal | None = None
    basis: PriceBasis = PriceBasis.GROSS

    @property
    def given(self) -> Decimal:
        """The amount that the shop gave."""
        amount = self.gross if self.basis is PriceBasis.GROSS else self.net
        if amount is None:
            raise ValueError("a price without its given amount")
        return amount

    @property
    def vat(self) -> Decimal | None:
        """What of it is VAT; None where one of the two amounts is not known."""
        return None if self.net is None or self.gross is None else self.gross - self.net


class OrderLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of an order. Prices are in the order's currency; `vat_rate` is a percentage such as 21.

    `discount_percent` tells what the shop has already taken off `unit_price`; it is for people, not for sums.
    """

    kind: LineKind
    name: str
    quantity: Decimal
    unit_price: Price
    total: Price
    vat_rate: Decimal
    sku: str | None = None
    ean: str | None = None
    variant: str | None = None
    unit: str | None = None
    discount_percent: Decimal | None = None
    note: str | None = None


class Payment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How it is paid: the canonical method and the shop's own name of it."""

    method: PaymentMethod | None = None
    name: str | None = None
    paid: bool | None = None


class Shipping(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How it travels: the canonical carrier, the shop's own name of it, pickup point and package number."""

    carrier: Carrier | None = None
    name: str | None = None
    pickup_point: str | None = None
    package_number: str | None = None


class Totals(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the whole order costs.

    `net` and `gross` are without the rounding; `rounding` is what the shop added (or took, negative)
    to make the amount to pay round; `to_pay` is what the customer pays.
    """

    net: Decimal | None = None
    gross: Decimal | None = None
    rounding: Decimal = Decimal(0)
    to_pay: Decimal | None = None

    @property
    def vat(self) -> Decimal | None:
        """What of the order is VAT; None where one of the two totals is not known."""
        return None if self.net is None or self.gross is None else self.gross - self.net

    @property
    def payable(self) -> Decimal | None:
        """What the customer pays; the rounded total where the shop does not say it."""
        if self.to_pay is not None:
            return self.to_pay
        return None if self.gross is None else self.gross + self.rounding


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order of one customer, as every shop's export is read into.

    ordered_at is aware. exchange_rate is the price of `exchange_amount` units of `currency` in the shop's home
    currency. `delivery` is None where the goods go to the billing address.
    """

    number: str
    ordered_at: datetime
    currency: CurrencyCode
    billing: Party
    lines: tuple[OrderLine, ...]
    total: Totals
    delivery: Party | None = None
    exchange_rate: Decimal | None = None
    exchange_amount: int = 1
    payment: Payment = Payment()
    shipping: Shipping = Shipping()
    status: str | None = None
    cancelled: bool = False
    customer_note: str | None = None
    shop_note: str | None = None
