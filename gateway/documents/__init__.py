"""Canonical documents: what every platform is read into and every target is written from."""

from gateway.documents.completion import Finding, OnTotals
from gateway.documents.kinds import KINDS, Document, Kind, decode, differences, encode, fingerprint
from gateway.documents.order import Order, OrderLine, Payment, Price, Shipping, Totals
from gateway.documents.party import Party
from gateway.documents.receipt import Receipt, Remark, RemarkLevel, Verdict
from gateway.documents.values import (
    Carrier,
    CountryCode,
    CurrencyCode,
    LineKind,
    PaymentMethod,
    PriceBasis,
    minor_unit,
    rounded,
)

__all__ = [
    "KINDS",
    "Carrier",
    "CountryCode",
    "CurrencyCode",
    "Document",
    "Finding",
    "Kind",
    "LineKind",
    "OnTotals",
    "Order",
    "OrderLine",
    "Party",
    "Payment",
    "PaymentMethod",
    "Price",
    "PriceBasis",
    "Receipt",
    "Remark",
    "RemarkLevel",
    "Shipping",
    "Totals",
    "Verdict",
    "decode",
    "differences",
    "encode",
    "fingerprint",
    "minor_unit",
    "rounded",
]
