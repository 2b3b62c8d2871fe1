"""The kinds of documents, and what each promises: its key, its significant fields, how it is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, Literal

import msgspec

from gateway.documents.attachment import Attachment, complete_attachment
from gateway.documents.completion import Finding, OnTotals, complete_order
from gateway.documents.contact import Contact, complete_contact
from gateway.documents.invoice import Invoice, complete_invoice
from gateway.documents.order import Order, Price
from gateway.documents.order_state import OrderState, complete_order_state
from gateway.documents.product import (
    Offer,
    Product,
    ProductPrice,
    StockLevel,
    complete_product,
    complete_product_price,
    complete_stock_level,
)
from gateway.documents.receipt import Receipt, complete_receipt
from gateway.documents.request import Request

Document = (
    Order
    | Invoice
    | Contact
    | OrderState
    | Product
    | StockLevel
    | ProductPrice
    | Offer
    | Receipt
    | Request
    | Attachment
)
"""Every canonical record."""

_encoder = msgspec.json.Encoder(order="deterministic", decimal_format="string")
_MISSING = object()
_CANCELLABLE = (Order, Invoice)


class Kind(msgspec.Struct, frozen=True):
    """One kind of document.

    nature: an event is posted once; a snapshot is replaced by its successor.
    significant: the top-level fields whose change means another document, not just another status.
    needed: what a mapping has to name, each as one field or as several of which one is enough.
    dated: the field that `since:` of a route looks at; None where the kind has no day of its own.
    on_change: what happens to a document that comes again with another content, where the route does not say it.
    becomes: the kind that targets get of it, where that is another one: offers are worked out of the catalogue.
    complete: builds the document from nested dicts of typed values, with findings on what is wrong.
    """

    name: str
    document: type[Document]
    nature: Literal["event", "snapshot"]
    key: tuple[str, ...]
    significant: tuple[str, ...]
    needed: tuple[tuple[str, ...], ...]
    complete: Callable[..., tuple[Document | None, tuple[Finding, ...]]]
    dated: str | None = None
    becomes: str | None = None
    on_change: Literal["hold", "replace"] = "hold"

    @property
    def is_read(self) -> bool:
        """Whether mappings can read it from an input."""
        return self.complete is not _never_read

    @property
    def for_targets(self) -> str:
        """The kind that templates write of it."""
        return self.becomes or self.name

    def key_of(self, document: Document) -> str:
        """The key as one text; several fields are joined by `/`, which is `~1` inside one of them."""
        if len(self.key) == 1:
            return str(getattr(document, self.key[0]))
        return self._joined([getattr(document, field) for field in self.key])

    def key_in(self, values: Mapping[str, Any]) -> str | None:
        """The key among the values of a record that is no document; None where it is not there."""
        first = values.get(self.key[0])
        if first is None:
            return None
        return str(first) if len(self.key) == 1 else self._joined([values.get(field) for field in self.key])

    def when(self, document: Document) -> datetime | None:
        """The moment that `since:` of a route looks at; None where the kind has none."""
        moment = getattr(document, self.dated) if self.dated is not None else None
        return moment if isinstance(moment, datetime) else None

    @staticmethod
    def _joined(parts: Sequence[object]) -> str:
        return "/".join(str(part or "").replace("~", "~0").replace("/", "~1") for part in parts).rstrip("/")


def _never_read(values: Mapping[str, Any], *, on_totals: OnTotals = "error") -> tuple[None, tuple[Finding, ...]]:
    """For what the gateway itself makes; a mapping of such a kind is refused before."""
    del values, on_totals
    return None, ()


KINDS: Mapping[str, Kind] = {
    "order": Kind(
        name="order",
        document=Order,
        nature="event",
        key=("number",),
        significant=("currency", "billing", "delivery", "lines", "total"),
        needed=(
            ("number",),
            ("ordered_at",),
            ("currency",),
            ("lines",),
            ("billing.name", "billing.company"),
        ),
        complete=complete_order,
        dated="ordered_at",
    ),
    "invoice": Kind(
        name="invoice",
        document=Invoice,
        nature="event",
        key=("number",),
        significant=(
            "type",
            "currency",
            "billing",
            "delivery",
            "lines",
            "total",
            "order_number",
            "original_number",
        ),
        needed=(
            ("number",),
            ("issued_at",),
            ("currency",),
            ("lines",),
            ("billing.name", "billing.company"),
        ),
        complete=complete_invoice,
        dated="issued_at",
    ),
    "contact": Kind(
        name="contact",
        document=Contact,
        nature="event",
        key=("number",),
        significant=("billing", "delivery", "group", "price_level", "maturity_days"),
        needed=(("number",), ("billing.name", "billing.company")),
        complete=complete_contact,
    ),
    "order_state": Kind(
        name="order_state",
        document=OrderState,
        nature="event",
        key=("number",),
        significant=("state", "invoice_number", "tracking_number"),
        needed=(("number",),),
        complete=complete_order_state,
        on_change="replace",
    ),
    "product": Kind(
        name="product",
        document=Product,
        nature="snapshot",
        key=("sku", "warehouse"),
        significant=tuple(Product.__struct_fields__),
        needed=(("sku",),),
        complete=complete_product,
        becomes="offer",
    ),
    "stock": Kind(
        name="stock",
        document=StockLevel,
        nature="snapshot",
        key=("sku", "warehouse"),
        significant=tuple(StockLevel.__struct_fields__),
        needed=(("sku",), ("quantity",)),
        complete=complete_stock_level,
        becomes="offer",
    ),
    "price": Kind(
        name="price",
        document=ProductPrice,
        nature="snapshot",
        key=("sku", "level", "currency"),
        significant=tuple(ProductPrice.__struct_fields__),
        needed=(("sku",), ("price.net", "price.gross")),
        complete=complete_product_price,
        becomes="offer",
    ),
    "offer": Kind(
        name="offer",
        document=Offer,
        nature="snapshot",
        key=("sku",),
        significant=tuple(Offer.__struct_fields__),
        needed=(),
        complete=_never_read,
    ),
    "attachment": Kind(
        name="attachment",
        document=Attachment,
        nature="event",
        key=("number",),
        significant=("sha256",),
        needed=(("number",), ("name",), ("sha256",), ("size",)),
        complete=complete_attachment,
        on_change="replace",
    ),
    "request": Kind(
        name="request",
        document=Request,
        nature="event",
        key=("number",),
        significant=(),
        needed=(),
        complete=_never_read,
    ),
    "receipt": Kind(
        name="receipt",
        document=Receipt,
        nature="event",
        key=("item",),
        significant=("verdict", "record_id", "record_number"),
        needed=(("verdict",), ("item",)),
        complete=complete_receipt,
    ),
}


def is_cancelled(document: Document) -> bool:
    """Whether its source says that it counts no more. The state of a cancelled order is news like any other."""
    return isinstance(document, _CANCELLABLE) and document.cancelled


def encode(document: Document) -> bytes:
    """The document as deterministic JSON, for storage and for hashes."""
    return _encoder.encode(document)


def decode(kind: str, data: bytes) -> Document:
    """The document that `encode` wrote."""
    return msgspec.json.decode(data, type=KINDS[kind].document)


def fingerprint(kind: str, document: Document) -> str:
    """sha256 of the significant fields: two documents that differ in nothing else are the same business."""
    fields = {field: _normal(getattr(document, field)) for field in KINDS[kind].significant}
    return sha256(_encoder.encode(fields)).hexdigest()


def differences(kind: str, old: Document, new: Document) -> list[tuple[str, str, str]]:
    """The significant fields that differ: (path, old value, new value), in the document's order."""
    found: list[tuple[str, str, str]] = []
    for field in KINDS[kind].significant:
        before = _as_shown(getattr(old, field))
        after = _as_shown(getattr(new, field))
        _compare(field, before, after, found)
    return found


def _as_shown(value: Any) -> Any:
    """Plain data with the amounts as the shop wrote them; of a price only the side that the shop gave."""
    if isinstance(value, Price):
        return {value.basis.value: value.given}
    if isinstance(value, msgspec.Struct):
        return {name: _as_shown(getattr(value, name)) for name in value.__struct_fields__}
    return [_as_shown(member) for member in value] if isinstance(value, tuple) else value


def _normal(value: Any) -> Any:
    """`10.0` and `10.00` are the same amount."""
    kind = type(value)
    if kind is Decimal:
        return value.normalize() + 0
    if kind is tuple:
        return [_normal(member) for member in value]
    if not isinstance(value, msgspec.Struct):
        return value
    plain = {}
    for name in value.__struct_fields__:
        member = getattr(value, name)
        plain[name] = member if member is None or type(member) is str else _normal(member)
    return plain


def _compare(path: str, old: Any, new: Any, found: list[tuple[str, str, str]]) -> None:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            _compare(f"{path}.{name}", old.get(name, _MISSING), new.get(name, _MISSING), found)
    elif isinstance(old, list | tuple) and isinstance(new, list | tuple):
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else _MISSING
            after = new[index] if index < len(new) else _MISSING
            _compare(f"{path}[{index + 1}]", before, after, found)
    elif old != new:
        found.append((path, _shown(old), _shown(new)))


def _shown(value: Any) -> str:
    if value is _MISSING or value is None:
        return "(nothing)"
    if isinstance(value, dict):
        return ", ".join(f"{k} {_shown(v)}" for k, v in value.items() if v is not None)
    return str(value)


__all__ = [
    "KINDS",
    "Document",
    "Finding",
    "Kind",
    "OnTotals",
    "decode",
    "differences",
    "encode",
    "fingerprint",
]
