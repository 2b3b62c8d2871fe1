"""The closed lists and value types that documents are made of."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import NewType

CountryCode = NewType("CountryCode", str)
"""ISO 3166-1 alpha-2, upper case."""

CurrencyCode = NewType("CurrencyCode", str)
"""ISO 4217, upper case."""


class LineKind(StrEnum):
    """What a line of an order stands for."""

    PRODUCT = "product"
    SERVICE = "service"
    SHIPPING = "shipping"
    PAYMENT = "payment"
    DISCOUNT = "discount"
    ROUNDING = "rounding"
    GIFT = "gift"


class PaymentMethod(StrEnum):
    """How the customer pays."""

    CASH = "cash"
    CASH_ON_DELIVERY = "cash_on_delivery"
    BANK_TRANSFER = "bank_transfer"
    CARD = "card"
    CARD_ON_DELIVERY = "card_on_delivery"
    ONLINE = "online"
    INSTALMENTS = "instalments"
    VOUCHER = "voucher"
    INVOICE = "invoice"
    FREE = "free"
    OTHER = "other"


class Carrier(StrEnum):
    """Who brings the goods."""

    PERSONAL_PICKUP = "personal_pickup"
    PACKETA = "packeta"
    PPL = "ppl"
    DPD = "dpd"
    GLS = "gls"
    DHL = "dhl"
    UPS = "ups"
    FEDEX = "fedex"
    CESKA_POSTA = "ceska_posta"
    BALIKOVNA = "balikovna"
    WEDO = "wedo"
    TOPTRANS = "toptrans"
    GEIS = "geis"
    SLOVENSKA_POSTA = "slovenska_posta"
    SPS = "sps"
    INPOST = "inpost"
    POCZTA_POLSKA = "poczta_polska"
    ORLEN_PACZKA = "orlen_paczka"
    MAGYAR_POSTA = "magyar_posta"
    FOXPOST = "foxpost"
    PICK_PACK_PONT = "pick_pack_pont"
    EXPRESS_ONE = "express_one"
    FAN_COURIER = "fan_courier"
    SAMEDAY = "sameday"
    CARGUS = "cargus"
    OWN_DELIVERY = "own_delivery"
    ELECTRONIC = "electronic"
    OTHER = "other"


class PriceBasis(StrEnum):
    """Which of the two prices the shop itself gave; the other one is derived."""

    NET = "net"
    GROSS = "gross"


class ItemCondition(StrEnum):
    """Whether a product was used before."""

    NEW = "new"
    USED = "used"
    REFURBISHED = "refurbished"


_ONE, _HUNDREDTH = Decimal(1), Decimal("0.01")
_WHOLE_UNITS = frozenset({"HUF", "JPY", "KRW", "ISK", "CLP"})


def minor_unit(currency: str) -> Decimal:
    """The smallest amount that a shop rounds to: 0.01, or 1 where nobody trades in fractions.

    HUF has fractions in ISO 4217, but Hungarian shops round to whole forints.
    """
    return _ONE if currency in _WHOLE_UNITS else _HUNDREDTH


def rounded(amount: Decimal, unit: Decimal) -> Decimal:
    """The amount rounded half up to a multiple of the unit (a power of ten)."""
    return amount.quantize(unit, rounding=ROUND_HALF_UP)
