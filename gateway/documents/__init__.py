"""Canonical documents: what every platform is read into and every target is written from."""

from gateway.documents.attachment import Attachment
from gateway.documents.completion import Finding, OnTotals, Row
from gateway.documents.contact import Contact
from gateway.documents.invoice import Invoice, InvoiceType
from gateway.documents.kinds import KINDS, Document, Kind, decode, differences, encode, fingerprint, is_cancelled
from gateway.documents.order import Order, OrderLine, Payment, Price, Shipping, Totals
from gateway.documents.order_state import LinkedDocument, OrderState, OrderStateLine
from gateway.documents.party import Party
from gateway.documents.product import (
    Image,
    LevelPrice,
    Offer,
    Product,
    ProductPrice,
    Property,
    StockLevel,
    with_both,
)
from gateway.documents.receipt import Receipt, Remark, RemarkLevel, Verdict
from gateway.documents.request import Request
from gateway.documents.values import (
    Carrier,
    CountryCode,
    CurrencyCode,
    ItemCondition,
    LineKind,
    PaymentMethod,
    PriceBasis,
    minor_unit,
    rounded,
)

__all__ = [
    "KINDS",
    "Attachment",
    "Carrier",
    "Contact",
    "CountryCode",
    "CurrencyCode",
    "Document",
    "Finding",
    "Image",
    "Invoice",
    "InvoiceType",
    "ItemCondition",
    "Kind",
    "LevelPrice",
    "LineKind",
    "LinkedDocument",
    "Offer",
    "OnTotals",
    "Order",
    "OrderLine",
    "OrderState",
    "OrderStateLine",
    "Party",
    "Payment",
    "PaymentMethod",
    "Price",
    "PriceBasis",
    "Product",
    "ProductPrice",
    "Property",
    "Receipt",
    "Remark",
    "RemarkLevel",
    "Request",
    "Row",
    "Shipping",
    "StockLevel",
    "Totals",
    "Verdict",
    "decode",
    "differences",
    "encode",
    "fingerprint",
    "is_cancelled",
    "minor_unit",
    "rounded",
    "with_both",
]
