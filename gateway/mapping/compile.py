"""From the checked YAML to compiled readers; everything wrong is noted, nothing is raised."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from gateway.library import similar
from gateway.mapping.complaints import Complaints
from gateway.mapping.convert import reader_of
from gateway.mapping.expressions import BadExpression, compile_expression
from gateway.mapping.fields import Field, Level
from gateway.mapping.language import FieldModel, RowsModel
from gateway.mapping.layers import Layers
from gateway.mapping.levels import Block, FieldReader, LevelReader, Test
from gateway.mapping.lookups import Lookup, lookup_key, split_else
from gateway.mapping.paths import BadPath
from gateway.mapping.plan import Plan
from gateway.mapping.readers import (
    Getter,
    computed,
    constant_reader,
    reader_from,
    recipe_of,
    section_check,
    summed,
    through,
)
from gateway.mapping.sources import Section
from gateway.mapping.tables import vat_rates_text
from gateway.mapping.times import time_reader
from gateway.mapping.unreadable import Unreadable
from gateway.yamlfile import Location

_WAYS = ("path", "first", "join", "sum", "value", "compute")
_SAMPLE = datetime(2026, 12, 31, 23, 58, 59)  # noqa: DTZ001 - only tries a pattern


class _Scope(msgspec.Struct, frozen=True):
    """What an expression may use: the paths of its level, fields before it, and fields of the record in a row."""

    plan: Plan
    known: Mapping[str, Field]
    outer: Mapping[str, Field]


class Compiler:
    """Compiles the levels of one mapping. `lookups` are the tables of the file with the route's rows laid over."""

    def __init__(
        self,
        layers: Layers,
        complaints: Complaints,
        lookups: Mapping[str, Mapping[str, str]],
        added: Mapping[str, Mapping[str, str]],
        namespaces: Mapping[str, str] | None = None,
    ) -> None:
        self._layers = layers
        self._complaints = complaints
        self._lookups = lookups
        self._added = added
        self._namespaces = namespaces or {}
        self.used_lookups: set[str] = set()

    def level(
        self, fields: Mapping[str, Any], level: Level, at: Location, record: Mapping[str, Field] | None = None
    ) -> LevelReader:
        """The reader of the fields at one level; `record` are the fields of the record, where they are rows."""
        reader = LevelReader(Plan(self._namespaces))
        blocks: list[tuple[str, Any]] = []
        before: dict[str, Field] = {}
        outer = {name: field for name, field in (record or {}).items() if name not in level.fields}
        for name, data in fields.items():
            if data is None:
                continue
            if name in level.rows:
                blocks.append((name, data))
                continue
            field = level.fields.get(name)
            if field is None:
                self._unknown(name, level, (*at, name))
                continue
            scope = _Scope(reader.plan, dict(before), outer)
            compiled = self._field(field, data, (*at, name), scope, level.optional)
            before[name] = field
            if compiled is not None:
                reader.fields.append(compiled)
        for name, data in blocks:
            reader.rows.append((name, self._blocks(reader.plan, data, level.rows[name], (*at, name), before)))
        return reader

    def sections(self, level: LevelReader, sections: Sequence[Section]) -> None:
        """Have a record say which section lacks what it refers to."""
        for section in sections:
            at = ("source", "sections", section.name)
            if not section.needed or section.into != ".":
                continue
            partner = self._slot(level.plan, section.name, at)
            reference = self._slot(level.plan, section.equals, (*at, "equals"))
            if partner is not None and reference is not None:
                level.fields.append(section_check(section, level.plan, partner, reference, self._layers.span(at)))

    def _unknown(self, name: str, level: Level, at: Location) -> None:
        if name in level.groups:
            members = ", ".join(f"`{each}`" for each in level.fields if each.startswith(f"{name}."))
            hint: str | None = f"map its fields: {members}"
        else:
            near = similar(name, (*level.fields, *level.rows))
            hint = (
                f"there is a field with a similar name: `{near}`" if near else "docs/documents.md lists the fields"
            )
        self._complaints.add(
            "M006", f"unknown field `{name}`", at, key=True, label="not a field of the document", hint=hint
        )

    def _blocks(
        self, plan: Plan, data: Any, level: Level, at: Location, record: Mapping[str, Field]
    ) -> list[Block]:
        several = isinstance(data, list)
        found = []
        for index, each in enumerate(data if several else [data]):
            place = (*at, index) if several else at
            model = self._complaints.validated(RowsModel, each, place, f"`{at[-1]}`")
            if model is None:
                continue
            below = self.level(model.fields, level, (*place, "fields"), record)
            slot = self._slot(plan, model.each, (*place, "each"), every=True)
            scope = _Scope(below.plan, record, {})
            condition = self._test(model.when, scope, (*place, "when"), own_text=False)
            if slot is not None:
                found.append(Block(slot, condition, below, self._layers.span((*place, "each"))))
        return found

    def _field(
        self, field: Field, data: Any, at: Location, scope: _Scope, optional: frozenset[str]
    ) -> FieldReader | None:
        model = self._complaints.validated(
            FieldModel, {"path": data} if isinstance(data, str) else data, at, f"field `{field.name}`"
        )
        if model is None or not self._fits(model, field, at):
            return None
        group, _, name = field.name.rpartition(".")
        short = isinstance(data, str)
        slots = self._slots(model, at, scope.plan, short=short)
        test = self._test(model.when, scope, (*at, "when"), own_text=model.compute is None)
        expression = self._test(model.compute, scope, (*at, "compute"), own_text=False, what="expression")
        constant = self._constant(model.value, field, (*at, "value"))
        default = self._constant(model.default, field, (*at, "default"))
        lookup = self._lookup(model.lookup, field, (*at, "lookup"))
        convert = self._converter(model, field, at)
        if slots is None or convert is None:
            return None
        convert = through(lookup, convert) if lookup else convert
        recipe = None
        if model.value is not None:
            read = constant_reader(constant, test)
            default = constant if test is None else None
        elif model.sum is not None:
            read = summed(scope.plan, slots, test)
        elif model.compute is not None:
            if expression is None:
                return None
            empty = frozenset(lookup_key(each) for each in model.empty or ())
            read = computed(expression, test, field, convert, lookup=lookup, empty=empty)
            slots = tuple(expression.numbers.values())
        else:
            recipe = recipe_of(model, field, slots, convert, test)
            read = reader_from(recipe, scope.plan)
            if test is not None and test.handed is not None:
                recipe = None
        return FieldReader(
            field=field,
            group=group or None,
            name=name,
            read=read,
            recipe=recipe,
            slots=slots,
            default=default,
            required=model.required,
            pending=group in optional,
            constant=model.value is not None and test is None,
            conditional=test is not None,
            warns=field.type == "time",
            span=self._layers.span(at, key=True),
        )

    def _fits(self, model: FieldModel, field: Field, at: Location) -> bool:
        """Whether the options make sense together and for the field's type."""
        before = len(self._complaints.problems)
        ways = [way for way in _WAYS if getattr(model, way) is not None]
        if len(ways) != 1:
            said = f"both `{ways[0]}` and `{ways[1]}`" if ways else "no way to a value"
            self._complaints.add(
                "M008",
                f"field `{field.name}` has {said}",
                at,
                key=True,
                hint="give exactly one of `path`, `first`, `join`, `sum`, `value` and `compute`",
            )
        wants = {
            "format": ("time",),
            "timezone": ("time",),
            "sum": ("number",),
            "join": ("text", "note"),
            "separator": ("text", "note"),
        }
        for option, types in wants.items():
            if getattr(model, option) is not None and field.type not in types:
                self._complaints.add(
                    "M012",
                    f"`{option}` does not fit field `{field.name}`, which is of type {field.type}",
                    (*at, option),
                    key=True,
                    hint=f"`{option}` is for fields of type {' or '.join(types)}",
                )
        if model.lookup is not None and (model.value is not None or model.sum is not None):
            self._complaints.add(
                "M012", "`lookup` goes with `path`, `first`, `join` or `compute`", (*at, "lookup"), key=True
            )
        return len(self._complaints.problems) == before

    def _slots(self, model: FieldModel, at: Location, plan: Plan, *, short: bool) -> tuple[int, ...] | None:
        wanted: list[tuple[str, Location]] = []
        if model.path is not None:
            wanted.append((model.path, at if short else (*at, "path")))
        for way in ("first", "join", "sum"):
            wanted += [(path, (*at, way, index)) for index, path in enumerate(getattr(model, way) or ())]
        slots = [self._slot(plan, path, place) for path, place in wanted]
        return None if None in slots else tuple(slot for slot in slots if slot is not None)

    def _slot(self, plan: Plan, path: str, at: Location, *, every: bool = False) -> int | None:
        try:
            return plan.slot(path, every=every)
        except BadPath as bad:
            self._complaints.add("M007", bad.message, at, hint=bad.hint)
            return None

    def _test(
        self, source: str | None, scope: _Scope, at: Location, *, own_text: bool, what: str = "condition"
    ) -> Test | None:
        """A condition or another expression, bound to its plan."""
        if source is None:
            return None
        try:
            expression = compile_expression(source, {**scope.outer, **scope.known}, what=what, own_text=own_text)
        except BadExpression as bad:
            self._complaints.add("M013", bad.message, at, hint=bad.hint)
            return None
        if {"function_vat_rate", "function_vat_rate_between"} & expression.constants.keys():
            self._layers.texts.append(vat_rates_text())
        numbers, getters = {}, dict[str, Getter]()
        for path in expression.paths:
            slot = self._slot(scope.plan, path, at)
            if slot is not None:
                numbers[path], getters[path] = slot, scope.plan.text(slot)
        outer = frozenset(name for name in expression.names if name not in scope.known)
        return Test(expression, getters, numbers, outer, scope.plan.handed() if outer else None)

    def _constant(self, text: str | None, field: Field, at: Location) -> Any:
        if text is None:
            return None
        if field.type == "time":
            self._complaints.add(
                "M014", f"field `{field.name}` cannot have a constant", at, hint="map a path to a date"
            )
            return None
        try:
            return reader_of(field)(text)
        except Unreadable as unreadable:
            near = similar(text, [str(code) for code in field.codes]) if field.codes else None
            hint = f"there is a code with a similar name: `{near}`" if near else unreadable.hint
            self._complaints.add(
                "M014", unreadable.message, at, label=f"field `{field.name}` wants {_wanted(field)}", hint=hint
            )
            return None

    def _converter(self, model: FieldModel, field: Field, at: Location) -> Callable[..., Any] | None:
        """The reader of the field's type: (text), or (text, warn) for times."""
        if field.type != "time":
            return reader_of(field)
        for index, pattern in enumerate(model.format or ()):
            try:
                datetime.strptime(_SAMPLE.strftime(pattern), pattern)  # noqa: DTZ007 - only tries the pattern
            except ValueError as error:
                place = (*at, "format", index) if (*at, "format", index) in self._layers.spans else (*at, "format")
                self._complaints.add("M012", f"`{pattern}` is not a date pattern: {error}", place)
                return None
        if model.timezone is None and not (model.format and all("%z" in each for each in model.format)):
            self._complaints.add(
                "M011",
                f"field `{field.name}` has no time zone",
                at,
                key=True,
                hint="add the shop's zone: `timezone: Europe/Prague`; times in exports rarely say it themselves",
            )
            return None
        zone = None
        if model.timezone is not None:
            try:
                zone = ZoneInfo(model.timezone)
            except (KeyError, ValueError, OSError):
                near = similar(model.timezone, sorted(available_timezones()))
                hint = f"there is a zone with a similar name: `{near}`" if near else "such as `Europe/Prague`"
                self._complaints.add(
                    "M011", f"there is no time zone `{model.timezone}`", (*at, "timezone"), hint=hint
                )
                return None
        return time_reader(tuple(model.format or ()), zone)

    def _lookup(self, name: str | None, field: Field, at: Location) -> Lookup | None:
        if name is None:
            return None
        self.used_lookups.add(name)
        table = self._lookups.get(name)
        if table is None:
            near = similar(name, self._lookups)
            known = ", ".join(f"`{each}`" for each in self._lookups) or "none"
            hint = (
                f"there is a lookup with a similar name: `{near}`" if near else f"there are these lookups: {known}"
            )
            self._complaints.add("M009", f"there is no lookup `{name}`", at, hint=hint)
            return None
        rows, otherwise = split_else(table)
        typed = {key: self._code(code, field, name, key) for key, code in rows.items()}
        if otherwise == "error":
            return Lookup(name, typed, None)
        if otherwise == "keep":
            if field.codes is not None:
                self._complaints.add(
                    "M010",
                    f"`else: keep` in lookup `{name}` is for texts, field `{field.name}` is of type {field.type}",
                    ("lookups", name, "else"),
                    hint="write `else: error` or one of the canonical codes",
                )
            return Lookup(name, typed, "keep")
        return Lookup(name, typed, None, self._code(otherwise, field, name, "else"))

    def _code(self, code: str, field: Field, table: str, key: str) -> Any:
        try:
            return reader_of(field)(code)
        except Unreadable as unreadable:
            codes: list[str] = [str(each) for each in field.codes] if field.codes else []
            near = similar(code, codes)
            hint = (
                f"there is a code with a similar name: `{near}`"
                if near
                else (f"the codes are {', '.join(codes)}" if codes else unreadable.hint)
            )
            message = f"`{code}` is not {_wanted(field)} (field `{field.name}`)"
            if key in self._added.get(table, {}):
                message = f"{message}; the route adds it to lookup `{table}` for `{key}`"
            self._complaints.add("M010", message, ("lookups", table, key), hint=hint)
            return None


def _wanted(field: Field) -> str:
    if field.codes is not None:
        return f"a code of {field.codes.__name__}"
    return {
        "number": "a number",
        "whole": "a whole number",
        "yes/no": "yes or no",
        "country": "a country",
        "currency": "a currency",
    }.get(field.type, "text")
