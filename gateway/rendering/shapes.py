"""What the check at load knows about a value: its type, whether it may be absent, what it consists of."""

from __future__ import annotations

import types
import typing
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any

import msgspec
from markupsafe import Markup


class Shape(msgspec.Struct, frozen=True):
    """The type of an expression. `base` is `object` where it is not known, `tuple` with `item` for several."""

    base: Any = object
    optional: bool = False
    item: Shape | None = None

    @property
    def is_record(self) -> bool:
        """Whether it has fields."""
        return isinstance(self.base, type) and issubclass(self.base, msgspec.Struct)

    def noun(self) -> str:
        """What people call it."""
        if self.is_record:
            return str(self.base.__name__)
        if isinstance(self.base, type) and issubclass(self.base, Enum):
            return str(self.base.__name__)
        return _NOUNS.get(self.base, "value")


UNKNOWN = Shape()
TEXT = Shape(str)
FLAG = Shape(bool)
WRITTEN = Shape(Markup)
NOTHING = Shape(type(None), optional=True)

_NOUNS: dict[Any, str] = {
    str: "text",
    Decimal: "number",
    int: "number",
    bool: "flag",
    datetime: "moment",
    date: "day",
    tuple: "list",
    Markup: "rendered text",
}


class Loop(msgspec.Struct, frozen=True):
    """What a template may ask of `loop`."""

    index: int
    index0: int
    first: bool
    last: bool
    length: int


@cache
def fields_of(record: type) -> dict[str, Shape]:
    """The fields and public properties of a record type."""
    shapes = {name: shape_of(hint) for name, hint in typing.get_type_hints(record).items() if name[0] != "_"}
    for name, member in vars(record).items():
        if isinstance(member, property) and not name.startswith("_"):
            shapes[name] = shape_of(typing.get_type_hints(member.fget).get("return", object))
    return shapes


def field_names(record: type) -> frozenset[str]:
    """The names of all fields of a record type and of the records in it."""
    found: set[str] = set()
    waiting, seen = [record], set()
    while waiting:
        current = waiting.pop()
        seen.add(current)
        for name, shape in fields_of(current).items():
            found.add(name)
            part = shape.item or shape
            if part.is_record and part.base not in seen:
                waiting.append(part.base)
    return frozenset(found)


def shape_of(hint: Any) -> Shape:
    """The shape of a type annotation."""
    hint = getattr(hint, "__supertype__", hint)
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        members = [member for member in typing.get_args(hint) if member is not type(None)]
        if len(members) != 1:
            return UNKNOWN
        return msgspec.structs.replace(shape_of(members[0]), optional=len(members) < len(typing.get_args(hint)))
    if origin is tuple:
        return Shape(tuple, item=shape_of(typing.get_args(hint)[0]))
    return Shape(hint) if isinstance(hint, type) else UNKNOWN


def either(one: Shape, other: Shape) -> Shape:
    """The shape of a value that is one of the two."""
    if one.base is type(None):
        return msgspec.structs.replace(other, optional=True)
    if other.base is type(None):
        return msgspec.structs.replace(one, optional=True)
    optional = one.optional or other.optional
    if one.base == other.base:
        return Shape(one.base, optional, one.item)
    if all(isinstance(s.base, type) and issubclass(s.base, str) for s in (one, other)):
        return Shape(str, optional)
    return UNKNOWN
