"""User fields of an accounting program: which of them gets which value of the document, or which constant.

They are a setting (a table of names), checked when the template is loaded: the field must be one of the document,
and its type one that the value can be written as.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, get_args

import msgspec

from gateway.library import similar
from gateway.rendering.shapes import Shape, fields_of

FieldType = Literal["text", "memo", "number", "currency", "integer", "boolean", "date", "list"]


class UserField(msgspec.Struct, frozen=True):
    """One field of the accounting program. Its value is that of `path` in the document, or `constant`."""

    name: str
    type: FieldType
    path: tuple[str, ...] = ()
    constant: str | None = None
    list: str | None = None


class FilledField(msgspec.Struct, frozen=True):
    """A user field with its value as text; `list` names the program's list that the value is taken from."""

    name: str
    type: str
    text: str
    list: str | None = None


_WAYS: Mapping[type, tuple[FieldType, ...]] = {
    str: ("text", "memo", "list"),
    Decimal: ("number", "currency", "text"),
    int: ("integer", "number", "text"),
    bool: ("boolean",),
    datetime: ("date", "text"),
    date: ("date", "text"),
}
"""What a value may be written as; the first one is meant where nothing is said."""

_FORMS: Mapping[str, tuple[str, str]] = {
    "number": (r"-?[0-9]{1,15}(\.[0-9]+)?", "a plain number"),
    "currency": (r"-?[0-9]{1,15}(\.[0-9]+)?", "a plain number"),
    "integer": (r"-?[0-9]{1,9}", "a whole number"),
    "boolean": ("true|false", "`true` or `false`"),
    "date": ("[0-9]{4}-[0-9]{2}-[0-9]{2}", "a day such as 2026-11-21"),
}


def bound(name: str, raw: Any, document: type[msgspec.Struct]) -> tuple[UserField | None, str]:
    """The user field of one line of the table, or None and what is wrong with it."""
    given = {"field": raw} if isinstance(raw, str) else raw
    if not isinstance(given, Mapping):
        return None, "must be a field such as `shipping.package_number`, or `{value: …}`"
    unknown = next((str(key) for key in given if key not in ("field", "value", "type", "list")), None)
    if unknown is not None:
        return None, f"does not know `{unknown}`; known are `field`, `value`, `type`, `list`"
    if (given.get("field") is None) == (given.get("value") is None):
        return None, "must have either `field` or `value`"
    named = given.get("list")
    kind: Any = given.get("type") or ("list" if named is not None else None)
    if kind is not None and kind not in get_args(FieldType):
        return None, "must have a `type` of " + ", ".join(f"`{known}`" for known in get_args(FieldType))
    if named is not None and kind != "list":
        return None, "has a `list`, but its type is not `list`"
    chosen: UserField | str
    if given.get("field") is not None:
        chosen = _of_document(name, str(given["field"]), kind, named, document)
    else:
        chosen = _constant(name, given["value"], kind or "text", named)
    return (None, chosen) if isinstance(chosen, str) else (chosen, "")


def filled(
    document: msgspec.Struct, fields: tuple[UserField, ...], plain: Callable[[Decimal], str]
) -> tuple[FilledField, ...]:
    """The fields for which there is a value. plain: how a number is written."""
    found = []
    for field in fields:
        value = field.constant if field.constant is not None else _value(document, field.path)
        if value is not None and value != "":
            found.append(FilledField(field.name, field.type, _text(value, plain), field.list))
    return tuple(found)


def _of_document(
    name: str, path: str, kind: FieldType | None, named: str | None, document: type[msgspec.Struct]
) -> UserField | str:
    shape, parts = Shape(document), path.split(".")
    for part in parts:
        known = fields_of(shape.base) if shape.is_record else {}
        if part not in known:
            near = similar(part, known)
            there = f"; there is `{near}`" if near else ""
            return f"names `{path}`, which is not a field of {document.__name__}{there}"
        shape = known[part]
    base = str if isinstance(shape.base, type) and issubclass(shape.base, str) else shape.base
    if base not in _WAYS:
        return f"names `{path}`, which is a {shape.noun()} and has no one value"
    memo = base is str and parts[-1].endswith(("note", "description"))
    chosen = kind or ("memo" if memo else _WAYS[base][0])
    if chosen not in _WAYS[base]:
        ways = ", ".join(f"`{way}`" for way in _WAYS[base])
        return f"names `{path}`, which can be written as {ways}, but not as `{chosen}`"
    return UserField(name, chosen, tuple(parts), None, named)


def _constant(name: str, raw: Any, kind: FieldType, named: str | None) -> UserField | str:
    if isinstance(raw, dict | list):
        return "must have a plain `value`"
    text = str(raw).lower() if isinstance(raw, bool) else str(raw)
    pattern, form = _FORMS.get(kind, (r"(?s).*\S.*", "a text"))
    if not re.fullmatch(pattern, text):
        return f"has the value `{text}`, but a field of the type `{kind}` takes {form}"
    return UserField(name, kind, (), text, named)


def _value(document: msgspec.Struct, path: tuple[str, ...]) -> Any:
    value: Any = document
    for part in path:
        value = getattr(value, part, None)
    return value


def _text(value: Any, plain: Callable[[Decimal], str]) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)
