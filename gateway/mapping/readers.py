"""The readers of single fields: from the slots of a scan to a typed value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from gateway.diagnostics import Span
from gateway.mapping.convert import folded, folded_lines
from gateway.mapping.fields import Field
from gateway.mapping.functions import as_text
from gateway.mapping.language import FieldModel
from gateway.mapping.levels import FieldReader, Read, Recipe, Test, Values, Warn
from gateway.mapping.lookups import Lookup, lookup_key
from gateway.mapping.numbers import read_number
from gateway.mapping.paths import text_of
from gateway.mapping.plan import Plan, Slots
from gateway.mapping.sources import Section
from gateway.mapping.unreadable import Unreadable

Getter = Callable[[Slots], str | None]


def recipe_of(
    model: FieldModel, field: Field, slots: tuple[int, ...], convert: Callable[..., Any], test: Test | None
) -> Recipe:
    """What reading paths takes, as data."""
    return Recipe(
        way="path" if model.path is not None else "first" if model.first is not None else "join",
        slots=slots,
        separator=" " if model.separator is None else model.separator,
        fold=folded_lines if field.type == "note" else folded,
        empty=frozenset(lookup_key(each) for each in model.empty or ()),
        convert=convert,
        warns=field.type == "time",
        test=test,
    )


def reader_from(recipe: Recipe, plan: Plan) -> Read:
    """The reader that does what a recipe says."""
    convert = recipe.convert
    if recipe.way == "path" and plan.is_plain(recipe.slots[0]) and not recipe.empty and recipe.test is None:
        return _direct(recipe.slots[0], recipe.fold, convert, takes_warn=recipe.warns)
    warned = convert if recipe.warns else lambda text, _warn: convert(text)
    return _pipeline(_getter(plan, recipe), recipe.fold, recipe.empty, recipe.test, warned)


def _getter(plan: Plan, recipe: Recipe) -> Getter:
    getters = [plan.text(slot) for slot in recipe.slots]
    empty, separator = recipe.empty, recipe.separator
    if recipe.way == "path":
        return getters[0]
    if recipe.way == "first":

        def first(found: Slots) -> str | None:
            for get in getters:
                text = get(found)
                if text and not text.isspace() and (not empty or lookup_key(text) not in empty):
                    return text
            return None

        return first

    def join(found: Slots) -> str | None:
        parts = [folded(get(found) or "") for get in getters]
        return separator.join(part for part in parts if part)

    return join


def _pipeline(
    get: Getter,
    fold: Callable[[str], str],
    empty: frozenset[str],
    test: Test | None,
    convert: Callable[[str, Warn], Any],
) -> Read:
    def read(slots: Slots, values: Values, warn: Warn) -> Any:
        raw = get(slots)
        if raw is None:
            return None
        text = fold(raw)
        return convert(text, warn) if text else None

    def read_checked(slots: Slots, values: Values, warn: Warn) -> Any:
        raw = get(slots)
        text = fold(raw) if raw is not None else ""
        if not text or (empty and lookup_key(text) in empty):
            return None
        if test is not None and not test.holds(slots, values, text):
            return None
        return convert(text, warn)

    return read_checked if empty or test is not None else read


def _direct(number: int, fold: Callable[[str], str], convert: Callable[..., Any], *, takes_warn: bool) -> Read:
    """The most common field, with as few calls as can be: one plain path, nothing but its type."""

    def read(slots: Slots, values: Values, warn: Warn) -> Any:
        hit = slots[number]
        if hit is None:
            return None
        raw = text_of(hit) if len(hit) else hit.text
        if raw is None:
            return None
        text = " ".join(raw.split())
        return convert(text) if text else None

    def read_folded(slots: Slots, values: Values, warn: Warn) -> Any:
        hit = slots[number]
        text = fold(text_of(hit)) if hit is not None else ""
        if not text:
            return None
        return convert(text, warn) if takes_warn else convert(text)

    return read if fold is folded and not takes_warn else read_folded


def through(lookup: Lookup, convert: Callable[..., Any]) -> Callable[..., Any]:
    """A converter that goes through a lookup first."""

    def find(text: str, *warn: Warn) -> Any:
        value = lookup.find(text)
        return convert(value, *warn) if value is text else value

    return find


def constant_reader(constant: Any, test: Test | None) -> Read:
    """A constant; without a condition it is the field's default, which makes no group such as `delivery`."""
    if test is None:
        return lambda slots, values, warn: None

    def read(slots: Slots, values: Values, warn: Warn) -> Any:
        return constant if test.holds(slots, values, None) else None

    return read


def summed(plan: Plan, slots: tuple[int, ...], test: Test | None) -> Read:
    """Numbers added up; absent ones are left out."""
    getters = [(slot, plan.text(slot)) for slot in slots]

    def read(found: Slots, values: Values, warn: Warn) -> Any:
        total = None
        for slot, get in getters:
            text = folded(get(found) or "")
            if text:
                try:
                    number = read_number(text)
                except Unreadable as unreadable:
                    unreadable.slot = slot
                    raise
                total = number if total is None else total + number
        if total is not None and test is not None and not test.holds(found, values, str(total)):
            return None
        return total

    return read


def computed(
    expression: Test,
    test: Test | None,
    field: Field,
    convert: Callable[..., Any],
    *,
    lookup: Lookup | None,
    empty: frozenset[str],
) -> Read:
    """The value of an expression. A number, yes/no or time is taken as it is where the field is of that type."""
    warned: Callable[[str, Warn], Any] = convert if field.type == "time" else lambda text, _warn: convert(text)
    fold = folded_lines if field.type == "note" else folded
    taken = None if lookup is not None else _TAKEN.get(field.type)

    def read(slots: Slots, values: Values, warn: Warn) -> Any:
        if test is not None and not test.holds(slots, values, None):
            return None
        result = expression.evaluate(slots, values, None)
        if taken is not None and result is not None:
            value = taken(result)
            if value is not None:
                return value
        text = fold(as_text(result))
        if not text or (empty and lookup_key(text) in empty):
            return None
        return warned(text, warn)

    return read


def section_check(section: Section, plan: Plan, partner: int, reference: int, span: Span | None) -> FieldReader:
    """A field without a value: it says (D019) that a record refers to nothing in a section."""
    key_of = plan.text(reference)

    def read(slots: Slots, values: Values, warn: Warn) -> None:
        key = folded(key_of(slots) or "")
        if key and plan.found(slots, partner) is None:
            raise Unreadable(
                "D019",
                f"the section `{section.name}` has nothing with `{section.key}` = `{key}`",
                hint="export both parts together, or say `missing: empty` in the mapping's section",
                slot=reference,
            )

    return FieldReader(
        field=Field(section.name, "text"),
        group=None,
        name=section.name,
        read=read,
        recipe=None,
        slots=(reference,),
        default=None,
        required=False,
        pending=False,
        constant=False,
        conditional=False,
        warns=False,
        span=span,
    )


def _number(value: Any) -> Decimal | None:
    return Decimal(value) if isinstance(value, Decimal | int) and not isinstance(value, bool) else None


def _same(kind: type[Any]) -> Callable[[Any], Any]:
    return lambda value: value if isinstance(value, kind) else None


_TAKEN: dict[str, Callable[[Any], Any]] = {"number": _number, "yes/no": _same(bool), "time": _same(datetime)}
