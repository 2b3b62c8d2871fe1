"""The canonical fields that a mapping may set, with their types, walked from the documents' annotations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from gateway.documents import CountryCode, CurrencyCode, PriceBasis

FieldType = Literal["text", "note", "number", "whole", "time", "yes/no", "country", "currency", "code"]


Codes = type[StrEnum]


class Field(msgspec.Struct, frozen=True):
    """One settable field. `codes` is the closed list behind a field of type `code`."""

    name: str
    type: FieldType
    codes: Codes | None = None


class Level(msgspec.Struct, frozen=True):
    """The fields of a record, and the rows below it (such as `lines`).

    optional: the groups that are None where none of their fields has a value, such as `delivery`.
    """

    fields: Mapping[str, Field]
    rows: Mapping[str, Level] = msgspec.field(default_factory=dict)
    optional: frozenset[str] = frozenset()

    @property
    def groups(self) -> frozenset[str]:
        """`billing` and its like: names that have fields below them."""
        return frozenset(name.partition(".")[0] for name in self.fields if "." in name)


_TYPES: dict[Any, FieldType] = {
    str: "text",
    Decimal: "number",
    int: "whole",
    bool: "yes/no",
    datetime: "time",
    CountryCode: "country",
    CurrencyCode: "currency",
}


@cache
def level_of(document: type[msgspec.Struct]) -> Level:
    """The fields of a document."""
    fields: dict[str, Field] = {}
    rows: dict[str, Level] = {}
    optional: set[str] = set()
    for name, annotation in get_type_hints(document).items():
        hint = _without_none(annotation)
        if get_origin(hint) is tuple:
            rows[name] = level_of(get_args(hint)[0])
        elif hint in _TYPES:
            is_note = hint is str and (name in ("note", "description") or name.endswith("_note"))
            fields[name] = Field(name, "note" if is_note else _TYPES[hint])
        elif issubclass(hint, msgspec.Struct):
            fields.update({f"{name}.{each.name}": _below(name, each) for each in level_of(hint).fields.values()})
            if hint is not annotation:
                optional.add(name)
        elif issubclass(hint, StrEnum) and hint is not PriceBasis:
            fields[name] = Field(name, "code", hint)
    return Level(fields, rows, frozenset(optional))


def _below(group: str, each: Field) -> Field:
    return Field(f"{group}.{each.name}", each.type, each.codes)


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, UnionType):
        return next(member for member in get_args(annotation) if member is not type(None))
    return annotation
