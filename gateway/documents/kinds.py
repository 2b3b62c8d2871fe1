"""The kinds of documents, and what each promises: its key, its significant fields, how it is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any, Literal

import msgspec

from gateway.documents.completion import Finding, OnTotals, complete_order
from gateway.documents.order import Order, Price
from gateway.documents.receipt import Receipt, complete_receipt

Document = Order | Receipt
"""Every canonical record."""

_encoder = msgspec.json.Encoder(order="deterministic", decimal_format="string")
_MISSING = object()


@dataclass(frozen=True)
class Kind:
    """One kind of document.

    nature: an event is posted once; a snapshot is replaced by its successor.
    significant: the top-level fields whose change means another document, not just another status.
    needed: what a mapping has to name, each as one field or as several of which one is enough.
    complete: builds the document from nested dicts of typed values, with findings on what is wrong.
    """

    name: str
    document: type[Document]
    nature: Literal["event", "snapshot"]
    key: tuple[str, ...]
    significant: tuple[str, ...]
    needed: tuple[tuple[str, ...], ...]
    complete: Callable[..., tuple[Document | None, tuple[Finding, ...]]]

    def key_of(self, document: Document) -> str:
        """The key as one text."""
        if len(self.key) == 1:
            return str(getattr(document, self.key[0]))
        return "/".join(str(getattr(document, field)) for field in self.key)


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
