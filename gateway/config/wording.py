"""What pydantic found wrong, in the words of this product and at its place in the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from gateway import library
from gateway.config.masking import without_value
from gateway.config.model import ConfigModel
from gateway.diagnostics import Problem
from gateway.endpoints.options import TYPES, options_type
from gateway.yamlfile import Location, YamlFile

_TYPES = " or ".join(f"`type: {name}`" for name in TYPES)
_PLAIN = {
    "string_type": "text is expected",
    "dict_type": "a table of keys and values is expected",
    "model_type": "a table of keys and values is expected",
    "model_attributes_type": "a table of keys and values is expected",
    "list_type": "a list is expected",
    "too_short": "at least one is expected",
    "int_type": "a whole number is expected",
    "int_parsing": "a whole number is expected",
    "int_from_float": "a whole number is expected",
    "float_type": "a number is expected",
    "float_parsing": "a number is expected",
    "bool_type": "`true` or `false` is expected",
    "bool_parsing": "`true` or `false` is expected",
    "date_type": "a day such as 2026-11-01 is expected",
    "date_parsing": "a day such as 2026-11-01 is expected",
    "date_from_datetime_parsing": "a day such as 2026-11-01 is expected",
    "date_from_datetime_inexact": "a day such as 2026-11-01 is expected",
    "path_type": "a path is expected",
    "string_pattern_mismatch": "only letters, digits, `-` and `_` are expected, a letter or digit first",
    "greater_than_equal": "at least {ge} is expected",
    "less_than_equal": "at most {le} is expected",
    "greater_than": "more than {gt} is expected",
    "string_too_long": "at most {max_length} characters are expected",
}


def arranged(found: Sequence[Any]) -> list[Any]:
    """The errors of pydantic, at each place the unknown keys first, and no missing key that is only misspelt."""
    unknown: dict[Any, list[str]] = {}
    places: dict[Any, int] = {}
    for item in found:
        place = item["loc"][:-1]
        places.setdefault(place, len(places))
        if item["type"] == "extra_forbidden":
            unknown.setdefault(place, []).append(str(item["loc"][-1]))

    def is_misspelt(item: Any) -> bool:
        name, others = str(item["loc"][-1]), unknown.get(item["loc"][:-1], [])
        return item["type"] == "missing" and any(library.similar(other, [name]) for other in others)

    kept = [item for item in found if not is_misspelt(item)]
    return sorted(kept, key=lambda item: (places[item["loc"][:-1]], item["type"] != "extra_forbidden"))


def word(item: Any, file: YamlFile, data: Any) -> Problem:
    """A pydantic error in the words of this product, at its place."""
    location = _in_the_file(data, item["loc"])
    kind, last = item["type"], str(item["loc"][-1])
    if kind == "extra_forbidden":
        return _unknown_key(item["loc"], location, file, data)
    if kind == "missing":
        return Problem(
            code="C002", message=f"`{last}` is missing", span=file.span(location, key=True), help=f"add `{last}:`"
        )
    if kind == "union_tag_not_found":
        return Problem(
            code="C002",
            message="`type` is missing",
            span=file.span(location, key=True),
            help=f"add {_TYPES}",
        )
    if kind == "union_tag_invalid":
        return Problem(
            code="C003",
            message=f"there is no endpoint type `{item['ctx']['tag']}`",
            span=file.span((*location, "type")),
            help=f"write {_TYPES}",
        )
    if "[key]" in item["loc"]:
        return Problem(
            code="C003",
            message=f"`{item['input']}` cannot be a name",
            span=file.span(location, key=True),
            help="names have letters, digits, `-` and `_`, at most 60, and a letter or digit first",
        )
    return Problem(
        code="C003", message=f"`{last}`: {_said(kind, item)}", span=file.span(location), label="this value"
    )


def _said(kind: str, item: Any) -> str:
    context = item.get("ctx", {})
    if kind == "literal_error":
        words = str(context["expected"]).replace("'", "`")
        return f"{words} is expected"
    if kind in _PLAIN:
        return _PLAIN[kind].format(**context)
    said = str(item["msg"]).removeprefix("Value error, ")
    return f"{said[0].lower()}{said[1:]}"


def _unknown_key(told: Sequence[Any], location: Location, file: YamlFile, data: Any) -> Problem:
    last = str(told[-1])
    options = _options_at(told, data)
    known = list(options)
    near = library.similar(last, known)
    span = file.span(location, key=True)
    if told[0] == "endpoints" and (near is None or options[near].annotation is SecretStr):
        span = without_value(span, file.spans.get(location))
    return Problem(
        code="C001",
        message=f"unknown key `{last}`",
        span=span,
        label="not an option here",
        help=f"there is an option with a similar name: `{near}`" if near else _options_line(known),
    )


def _in_the_file(data: Any, told: Sequence[Any]) -> Location:
    """The part of a pydantic location that leads somewhere in the file."""
    steps: list[str | int] = []
    for part in told:
        in_list = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if in_list or (isinstance(data, dict) and part in data):
            data = data[part]
            steps.append(part)
    return tuple(steps)


def _options_at(told: Sequence[Any], data: Any) -> dict[str, FieldInfo]:
    """The options at a place of the model, by the names that stand in the file."""
    model: Any = ConfigModel
    if told[0] == "endpoints" and len(told) > 2:
        model = options_type(data["endpoints"][told[1]]["type"])
    else:
        for part in told[:-1]:
            field = options_of(model).get(part)
            model = _inner(field.annotation) if field is not None else model
    return options_of(model)


def options_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The options of a model, by the names that stand in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _inner(annotation: Any) -> Any:
    """The model inside `dict[Name, Model]`, `list[Model]` or `Model | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((inner for member in reversed(get_args(annotation)) if (inner := _inner(member))), None)


def _options_line(known: list[str]) -> str | None:
    return f"options here are {', '.join(f'`{name}`' for name in known)}" if known else None
