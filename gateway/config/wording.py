"""What pydantic found wrong, in the words of this product and at its place in the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from gateway import library
from gateway.config.model import ConfigModel
from gateway.diagnostics import Problem
from gateway.endpoints.ftp import FtpOptions
from gateway.endpoints.local import LocalOptions
from gateway.yamlfile import YamlFile

_PLAIN = {
    "string_type": "text is expected",
    "dict_type": "a table of keys and values is expected",
    "model_type": "a table of keys and values is expected",
    "list_type": "a list is expected",
    "too_short": "at least one is expected",
}


def word(item: Any, file: YamlFile, data: Any) -> Problem:
    """A pydantic error in the words of this product, at its place."""
    location = tuple(part for part in item["loc"] if part in _steps(data, item["loc"]) or isinstance(part, int))
    kind, last = item["type"], str(item["loc"][-1])
    if kind == "extra_forbidden":
        known = _known_keys(item["loc"])
        near = library.similar(last, known)
        return Problem(
            code="C001",
            message=f"unknown key `{last}`",
            span=file.span(location, key=True),
            label="not an option here",
            help=f"there is an option with a similar name: `{near}`" if near else _options_line(known),
        )
    if kind == "missing":
        return Problem(
            code="C002",
            message=f"`{last}` is missing",
            span=file.span(location[:-1], key=True),
            help=f"add `{last}:`",
        )
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return Problem(
            code="C003",
            message="the endpoint's `type` is not known",
            span=file.span((*location, "type")) or file.span(location),
            help="write `type: local` or `type: ftp`",
        )
    if kind == "string_pattern_mismatch" and "[key]" in item["loc"]:
        return Problem(
            code="C003",
            message=f"`{item['input']}` cannot be a name",
            span=file.span(location, key=True),
            help="names have letters, digits, `-` and `_`",
        )
    said = _PLAIN.get(kind) or item["msg"].removeprefix("Value error, ")
    return Problem(
        code="C003", message=f"`{last}`: {said[0].lower()}{said[1:]}", span=file.span(location), label="this value"
    )


def _steps(data: Any, location: Sequence[Any]) -> list[Any]:
    """The members of a pydantic location that are keys of the file (it also names union members)."""
    steps = []
    for part in location:
        in_list = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if in_list or (isinstance(data, dict) and part in data):
            data = data[part]
            steps.append(part)
        elif part == location[-1]:
            steps.append(part)
    return steps


def _known_keys(location: Sequence[Any]) -> list[str]:
    """The options at a place of the model, by the names that stand in the file."""
    model: Any = ConfigModel
    for part in location[:-1]:
        field = _field(model, part) if isinstance(model, type) and issubclass(model, BaseModel) else None
        model = _inner(field.annotation, part) if field is not None else model
        if isinstance(part, str) and part in _TAGS:
            model = _TAGS[part]
    if isinstance(model, type) and issubclass(model, BaseModel):
        return [field.alias or name for name, field in model.model_fields.items()]
    return []


_TAGS: dict[str, type[BaseModel]] = {"local": LocalOptions, "ftp": FtpOptions}


def _field(model: type[BaseModel], name: Any) -> Any:
    for key, field in model.model_fields.items():
        if name in (key, field.alias):
            return field
    return None


def _inner(annotation: Any, _part: Any) -> Any:
    """The model inside `dict[Name, Model]`, `list[Model]` or `Model | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for member in reversed(getattr(annotation, "__args__", ())):
        inner = _inner(member, None)
        if inner is not None:
            return inner
    return None


def _options_line(known: list[str]) -> str | None:
    return f"options here are {', '.join(f'`{name}`' for name in known)}" if known else None
