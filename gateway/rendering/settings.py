"""What a template can be told: its settings and its lookups, declared in the folder's `settings.yaml`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, Literal

import msgspec

from gateway.diagnostics import Problem, Span
from gateway.documents import Carrier, InvoiceType, LineKind, PaymentMethod
from gateway.errors import ProblemsFound
from gateway.library import similar
from gateway.rendering.identity import Implied
from gateway.rendering.sources import Sources
from gateway.rendering.user_fields import UserField, bound
from gateway.yamlfile import parse

FILE = "settings.yaml"
_TYPES: Mapping[str, Any] = {
    "text": str,
    "number": int,
    "flag": bool,
    "list": tuple[str, ...],
    "user_fields": tuple[UserField, ...],
}
_SEVERAL = ("list", "user_fields", "rows")
Where = Callable[[Sequence[str | int]], Span | None]


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One column of a setting that is a list of rows; a template reads it as `row.name`."""

    description: str
    required: bool = False
    pattern: str | None = None


class Setting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One setting; a template reads it as `settings.name`. Numbers are whole ones.

    longest: of a text, or of each one of a list; of user fields it is their names'. most: how many there may be.
    columns: of the type `rows`, what each row consists of.
    """

    description: str
    type: Literal["text", "number", "flag", "list", "user_fields", "rows"] = "text"
    columns: dict[str, Column] = {}
    default: str | None = None
    required: bool = False
    one_of: tuple[str, ...] = ()
    longest: int | None = None
    least: int | None = None
    most: int | None = None
    pattern: str | None = None

    @property
    def is_there(self) -> bool:
        """Whether it always has a value; several have one that may be empty."""
        return self.required or self.default is not None or self.type in _SEVERAL


class LookupTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table from canonical codes to the target's own; `longest` is what the target can store."""

    description: str
    keys: Literal["payment", "carrier", "country", "invoice type", "line kind"]
    longest: int


class Declaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a `settings.yaml`."""

    settings: dict[str, Setting] = {}
    lookups: dict[str, LookupTable] = {}

    def struct(self) -> type[msgspec.Struct]:
        """The type of what templates see as `settings`."""
        fields: list[tuple[str, Any]] = []
        for name, setting in self.settings.items():
            row: Any = _row_of(name, setting) if setting.type == "rows" else None
            of = tuple[row, ...] if row is not None else _TYPES[setting.type]
            fields.append((name, of if setting.is_there else of | None))
        return msgspec.defstruct("settings", fields, frozen=True, kw_only=True, module=__name__)


class CanonicalKeys(msgspec.Struct, frozen=True):
    """The codes that a lookup of one sort may have as its keys; None where a pattern decides."""

    noun: str
    codes: tuple[str, ...]
    pattern: str


CANONICAL: Mapping[str, CanonicalKeys] = {
    "payment": CanonicalKeys("payment method", tuple(PaymentMethod), ""),
    "carrier": CanonicalKeys("carrier", tuple(Carrier), ""),
    "country": CanonicalKeys("country", (), "[A-Z]{2}"),
    "invoice type": CanonicalKeys("invoice type", tuple(InvoiceType), ""),
    "line kind": CanonicalKeys("line kind", tuple(LineKind), ""),
}


def declared(sources: Sources, folders: Sequence[str]) -> Declaration:
    """The declarations of the folders, the first folder's winning. Raises ProblemsFound (Y…, T016)."""
    settings: dict[str, Setting] = {}
    lookups: dict[str, LookupTable] = {}
    for folder in reversed(folders):
        source = sources.get(f"{folder}/{FILE}" if folder else FILE)
        if source is None:
            continue
        found = _declaration(source.text, source.path)
        settings |= found.settings
        lookups |= found.lookups
    return Declaration(settings, lookups)


@lru_cache(maxsize=64)
def _declaration(text: str, path: str) -> Declaration:
    """The declaration of one folder; all its templates share it."""
    try:
        return msgspec.convert(parse(text, path).data or {}, Declaration, strict=False)
    except msgspec.ValidationError as error:
        problem = Problem(
            code="T016",
            message=f"this declares no settings: {str(error)[:1].lower()}{str(error)[1:]}",
            span=Span(file=path),
            help="`docs/templates.md` shows the form of a settings file",
        )
        raise ProblemsFound([problem]) from error


def bind_settings(
    declaration: Declaration, given: Mapping[str, Any], where: Where, document: type[msgspec.Struct]
) -> tuple[msgspec.Struct | None, list[Problem]]:
    """The settings as the template sees them, or None and the problems of what was given.

    document: what the template writes; user fields name fields of it.
    """
    problems = [
        Problem(
            code="T009",
            message=f"`{name}` is not a setting of this template",
            span=where(("settings", name)),
            help=_near("setting", name, declaration.settings),
        )
        for name, value in given.items()
        if name not in declaration.settings and not isinstance(value, Implied)
    ]
    values: dict[str, Any] = {}
    for name, setting in declaration.settings.items():
        raw = given.get(name)
        if raw is None and setting.default is not None:
            raw = setting.default
        if raw is None:
            values[name] = () if setting.type in _SEVERAL else None
            if setting.required:
                problems.append(_missing(name, setting, where))
            continue
        if setting.type == "user_fields":
            values[name], wrong = _user_fields(name, setting, raw, document, where)
            problems += wrong
            continue
        value: Any
        if setting.type == "rows":
            value, lack = _rows(name, setting, raw)
        else:
            value, lack = _listed(setting, raw) if setting.type == "list" else _value(setting, raw)
        values[name] = value
        if lack:
            problems.append(
                Problem(
                    code="T011",
                    message=f"the setting `{name}` is `{raw}`, but {lack}",
                    span=where(("settings", name)),
                    help=f"`{name}` is {_lower(setting.description)}",
                )
            )
    return (None, problems) if problems else (declaration.struct()(**values), [])


def bind_lookups(
    declaration: Declaration, given: Mapping[str, Mapping[str, str]], where: Where
) -> tuple[dict[str, dict[str, str]], list[Problem]]:
    """All declared tables (empty where none was given), and the problems of what was given."""
    problems: list[Problem] = []
    tables: dict[str, dict[str, str]] = {name: {} for name in declaration.lookups}
    for name, table in given.items():
        declared_table = declaration.lookups.get(name)
        if declared_table is None:
            problems.append(
                Problem(
                    code="T009",
                    message=f"`{name}` is not a lookup of this template",
                    span=where(("lookups", name)),
                    help=_near("lookup", name, declaration.lookups),
                )
            )
            continue
        for key, value in table.items():
            problem = _lookup_problem(name, declared_table, str(key), value, where)
            if problem is not None:
                problems.append(problem)
            else:
                tables[name][str(key)] = str(value)
    return tables, problems


def _lookup_problem(name: str, table: LookupTable, key: str, value: str | None, where: Where) -> Problem | None:
    canonical = CANONICAL[table.keys]
    at = where(("lookups", name, key))
    known = key in canonical.codes or bool(canonical.pattern and re.fullmatch(canonical.pattern, key))
    if not known:
        near = similar(key, canonical.codes)
        help_line = f"there is one with a similar name: `{near}`" if near else None
        if help_line is None and canonical.codes:
            help_line = "known are " + ", ".join(f"`{code}`" for code in canonical.codes)
        return Problem(
            code="T013", message=f"`{key}` is not the code of a {canonical.noun}", span=at, help=help_line
        )
    text = "" if value is None else str(value)
    if not text.strip() or len(text) > table.longest or "\n" in text:
        lack = "empty" if not text.strip() else f"not one line of at most {table.longest} characters"
        return Problem(
            code="T011",
            message=f"the value of `{key}` in the lookup `{name}` is {lack}",
            span=at,
            help=f"write the code as the target knows it: {_lower(table.description)}",
        )
    return None


def _missing(name: str, setting: Setting, where: Where) -> Problem:
    return Problem(
        code="T010",
        message=f"the setting `{name}` is missing",
        span=where(("settings",)),
        help=f"add `{name}`: {_lower(setting.description)}",
    )


def _value(setting: Setting, raw: Any) -> tuple[str | int | bool | None, str | None]:
    """The typed value, or what is wrong with it."""
    text = str(raw).lower() if isinstance(raw, bool) else str(raw)
    if setting.one_of and text not in setting.one_of:
        return None, "must be one of " + ", ".join(f"`{choice}`" for choice in setting.one_of)
    if setting.type == "flag":
        return text == "true", None if text in ("true", "false") else "must be `true` or `false`"
    if isinstance(raw, bool | list | dict):
        return None, f"must be {'a whole number' if setting.type == 'number' else 'text'}"
    if setting.type == "number":
        if not re.fullmatch(r"-?[0-9]{1,9}", text):
            return None, "must be a whole number"
        number = int(text)
        low = setting.least is not None and number < setting.least
        return number, f"must be at least {setting.least}" if low else None
    if setting.longest is not None and len(text) > setting.longest:
        return None, f"may have {setting.longest} characters, not {len(text)}"
    if setting.pattern is not None and not re.fullmatch(setting.pattern, text):
        return None, f"must be of the form `{setting.pattern}`"
    return text, None


def _listed(setting: Setting, raw: Any) -> tuple[tuple[str, ...] | None, str | None]:
    """The texts of a list, or what is wrong with it; one text alone is a list of one."""
    texts = raw if isinstance(raw, list | tuple) else [raw]
    if setting.most is not None and len(texts) > setting.most:
        return None, f"may have {setting.most} entries, not {len(texts)}"
    for text in texts:
        _, lack = _value(setting, text)
        if lack is None and not str(text).strip():
            lack = "may not be empty"
        if lack is not None:
            return None, f"its entry `{text}` {lack}" if len(texts) > 1 else lack
    return tuple(str(text) for text in texts), None


def _row_of(name: str, setting: Setting) -> Any:
    """The type of one row: its columns are texts, None where a row need not have one."""
    return _row_type(name, tuple((column, each.required) for column, each in setting.columns.items()))


@cache
def _row_type(name: str, columns: tuple[tuple[str, bool], ...]) -> Any:
    fields: list[tuple[str, Any]] = [(column, str if needed else str | None) for column, needed in columns]
    return msgspec.defstruct(name, fields, frozen=True, kw_only=True, module=__name__)


def _rows(name: str, setting: Setting, raw: Any) -> tuple[tuple[msgspec.Struct, ...] | None, str | None]:
    """The rows of a table, or what is wrong with it."""
    if not isinstance(raw, list | tuple) or not all(isinstance(row, Mapping) for row in raw):
        form = ", ".join(f"{each}: …" for each in setting.columns)
        return None, f"must be a list of rows such as `{{{form}}}`"
    if setting.most is not None and len(raw) > setting.most:
        return None, f"may have {setting.most} rows, not {len(raw)}"
    rows = []
    for number, row in enumerate(raw, start=1):
        unknown = next((str(key) for key in row if key not in setting.columns), None)
        if unknown is not None:
            known = ", ".join(f"`{each}`" for each in setting.columns)
            return None, f"its row {number} has `{unknown}`; known are {known}"
        for column, about in setting.columns.items():
            lack = _lack_of(about, row.get(column))
            if lack is not None:
                return None, f"`{column}` of its row {number} {lack}"
        texts = {each: None if row.get(each) is None else str(row[each]) for each in setting.columns}
        rows.append(_row_of(name, setting)(**texts))
    return tuple(rows), None


def _lack_of(column: Column, raw: Any) -> str | None:
    if raw is None:
        return f"is missing: {_lower(column.description)}" if column.required else None
    if isinstance(raw, bool | list | dict) or not str(raw).strip():
        return "must be a text"
    if column.pattern is not None and not re.fullmatch(column.pattern, str(raw)):
        return f"is `{raw}`, but must be of the form `{column.pattern}`"
    return None


def _user_fields(
    name: str, setting: Setting, raw: Any, document: type[msgspec.Struct], where: Where
) -> tuple[tuple[UserField, ...], list[Problem]]:
    """The user fields of a table, and a problem for each line that cannot be one."""
    about = f"`{name}` is {_lower(setting.description)}"
    if not isinstance(raw, Mapping):
        message = f"the setting `{name}` is `{raw}`, but must be a table of names"
        return (), [Problem(code="T011", message=message, span=where(("settings", name)), help=about)]
    fields: list[UserField] = []
    problems: list[Problem] = []
    for key, value in raw.items():
        _, lack = _value(setting, str(key))
        field = None
        if lack is None:
            field, lack = bound(str(key), value, document)
        if field is not None:
            fields.append(field)
            continue
        message = f"`{key}` in the setting `{name}` {lack}"
        problems.append(Problem(code="T011", message=message, span=where(("settings", name, key)), help=about))
    if setting.most is not None and len(raw) > setting.most:
        message = f"the setting `{name}` may have {setting.most} entries, not {len(raw)}"
        problems.append(Problem(code="T011", message=message, span=where(("settings", name)), help=about))
    return tuple(fields), problems


def _near(noun: str, name: str, known: Mapping[str, object]) -> str:
    near = similar(name, known)
    if near:
        return f"there is a {noun} with a similar name: `{near}`"
    return f"known are {', '.join(f'`{word}`' for word in known)}" if known else f"there is no {noun} to set"


def _lower(sentence: str) -> str:
    text = sentence.strip().rstrip(".").replace("\n", " ")
    return text if text[:2].isupper() else text[:1].lower() + text[1:]
