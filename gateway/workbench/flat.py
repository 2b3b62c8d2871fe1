"""A document as its canonical fields, one by one, as mappings and tests name them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec


def flat(document: msgspec.Struct) -> dict[str, Any]:
    """`lines[2].unit_price.gross` and its like with their values; what is absent is left out."""
    return dict(_parts(document, ""))


def _parts(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _parts(getattr(value, name), f"{place}.{name}" if place else name)
    elif isinstance(value, tuple):
        for number, member in enumerate(value, 1):
            yield from _parts(member, f"{place}[{number}]")
    elif value is not None:
        yield place, value
