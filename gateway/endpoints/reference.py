"""The options of every endpoint as a page for people, from the models that check them."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from gateway.endpoints.options import TYPES, options_type

BEGIN, END = "<!-- options: generated, do not edit -->", "<!-- end of options -->"


def refreshed(page: str) -> str:
    """The page with its tables of options written anew."""
    before, rest = page.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


def tables() -> str:
    """One table for each type of endpoint."""
    return "\n".join(_table(options_type(name)) for name in TYPES)


def _table(model: type[BaseModel]) -> str:
    head = f"### `type: {model.model_fields['type'].default}`\n\n{(model.__doc__ or '').strip()}\n"
    rows = [
        f"| `{name}` | {_kind(field)} | {_default(field)} | {field.description} |"
        for name, field in sorted(
            model.model_fields.items(), key=lambda item: item[0] not in model.__annotations__
        )
        if name != "type"
    ]
    return "\n".join([head, "| option | kind | default | meaning |", "|---|---|---|---|", *rows, ""])


def _kind(field: FieldInfo) -> str:
    members = [member for member in get_args(field.annotation) or [field.annotation] if member is not type(None)]
    if get_origin(field.annotation) is Literal:
        return " or ".join(f"`{word}`" for word in get_args(field.annotation))
    if get_origin(field.annotation) is dict:
        return f"table of {_plain(get_args(field.annotation)[1])}s"
    return " or ".join(_plain(member) for member in members)


def _plain(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(f"`{word}`" for word in get_args(kind))
    names = {"str": "text", "int": "whole number", "float": "seconds", "bool": "true or false", "Path": "path"}
    return "secret" if kind is SecretStr else names.get(kind.__name__, kind.__name__)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default is None or field.default == {}:
        return "-"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"
