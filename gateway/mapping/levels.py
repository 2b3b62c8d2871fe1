"""Compiled readers: an element of the source to nested dicts of typed values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from gateway.diagnostics import Span
from gateway.mapping.convert import folded
from gateway.mapping.expressions import BadExpression, Expression
from gateway.mapping.fields import Field
from gateway.mapping.paths import Element
from gateway.mapping.plan import Plan, Slots
from gateway.mapping.unreadable import Unreadable

Values = dict[str, Any]
Warn = Callable[[Unreadable], None]
Read = Callable[[Slots, Values, Warn], Any]


class Recipe(msgspec.Struct, frozen=True):
    """How a value is read from paths, as data: `FieldReader.read` does it, and a faster reader is written from it.

    way: `path`, `first` or `join` over the `slots`; separator: between joined parts.
    fold: brings the white space of a text in order. empty: texts that stand for no value, as lookup keys.
    convert: from the folded text to the value, through the lookup where there is one; it takes a `Warn` as well
    if `warns`. test: what must hold for the value.
    """

    way: Literal["path", "first", "join"]
    slots: tuple[int, ...]
    separator: str
    fold: Callable[[str], str]
    empty: frozenset[str]
    convert: Callable[..., Any]
    warns: bool
    test: Test | None


class FieldReader(msgspec.Struct, frozen=True):
    """One field: where its value goes, how it is read, and where in the mapping it stands.

    slots: the paths that its value may come from, for the place of a problem.
    constant: its value is always `default`.
    recipe: what `read` does, where that is no more than reading paths; else None.
    """

    field: Field
    group: str | None
    name: str
    read: Read
    recipe: Recipe | None
    slots: tuple[int, ...]
    default: Any
    required: bool
    pending: bool
    constant: bool
    conditional: bool
    warns: bool
    span: Span | None


class Block(msgspec.Struct, frozen=True):
    """A kind of rows: where they are, which of them count, and their fields."""

    each: int
    condition: Test | None
    level: LevelReader
    span: Span | None


class Test(msgspec.Struct, frozen=True):
    """A condition (or another expression), bound to the plan of its level.

    getters: the raw text of each of its paths; numbers: the slots of the paths, for the place of a problem.
    outer: the names that are fields of the record, in an expression of a row; handed: the slot of its values.
    """

    condition: Expression
    getters: Mapping[str, Callable[[Slots], str | None]]
    numbers: Mapping[str, int] = msgspec.field(default_factory=dict)
    outer: frozenset[str] = frozenset()
    handed: int | None = None

    def holds(self, slots: Slots, values: Values, value: str | None) -> bool:
        """Whether it is true. Raises Unreadable (D017) where the values do not fit it."""
        return bool(self.evaluate(slots, values, value))

    def evaluate(self, slots: Slots, values: Values, value: str | None) -> Any:
        """Its value. Raises Unreadable (D017) where the values do not fit it."""
        if self.handed is not None:
            values = _with_outer(values, slots[self.handed], self.outer)
        try:
            return self.condition.evaluate(values, lambda path: folded(self.getters[path](slots) or ""), value)
        except BadExpression as error:
            raise Unreadable(
                "D017", error.message, hint="compare texts with texts, and ask first whether a field is none"
            ) from error
        except Unreadable as unreadable:
            self._point(unreadable, slots)
            raise

    def _point(self, unreadable: Unreadable, slots: Slots) -> None:
        """Tell the path whose text is named by the problem."""
        for path, slot in self.numbers.items():
            text = folded(self.getters[path](slots) or "")
            if unreadable.slot is None and text and f"`{text}`" in unreadable.message:
                unreadable.slot = slot


def _with_outer(values: Values, record: Values, outer: frozenset[str]) -> Values:
    """The fields of a row, and those of the record that an expression names."""
    both = dict(values)
    for name in outer:
        group, _, member = name.partition(".")
        if member:
            both[group] = {**(both.get(group) or {}), member: (record.get(group) or {}).get(member)}
        else:
            both[group] = record.get(group)
    return both


class Trouble(msgspec.Struct, frozen=True):
    """Something unreadable, with what is needed to find its place again."""

    unreadable: Unreadable
    level: LevelReader
    slots: Slots
    reader: FieldReader | None
    path: str
    span: Span | None
    warning: bool = False


class Trace(msgspec.Struct):
    """What happened while one record was read: troubles, and the rows with their slots, for findings."""

    troubles: list[Trouble] = msgspec.field(default_factory=list)
    rows: dict[str, list[tuple[LevelReader, Slots]]] = msgspec.field(default_factory=dict)
    slots: Slots = msgspec.field(default_factory=list)


class LevelReader:
    """The reader of a record or of a row."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.fields: list[FieldReader] = []
        self.rows: list[tuple[str, list[Block]]] = []

    def read_record(self, element: Element) -> tuple[Values, Trace]:
        """The values of a record with its rows; troubles are in the trace."""
        trace = Trace()
        trace.slots = self.plan.scan(element)
        values = self._read(trace.slots, trace, "")
        for name, blocks in self.rows:
            values[name] = self._read_rows(name, blocks, values, trace)
        return values, trace

    def _read_rows(self, name: str, blocks: list[Block], record: Values, trace: Trace) -> list[Values]:
        rows: list[Values] = []
        traced = trace.rows.setdefault(name, [])
        for block in blocks:
            for element in self.plan.rows(trace.slots, block.each):
                slots = block.level.plan.scan(element)
                block.level.plan.hand_down(slots, record)
                at = f"{name}[{len(rows) + 1}]"
                if block.condition is not None:
                    try:
                        if not block.condition.holds(slots, record, None):
                            continue
                    except Unreadable as unreadable:
                        trace.troubles.append(Trouble(unreadable, block.level, slots, None, at, block.span))
                        continue
                traced.append((block.level, slots))
                rows.append(block.level._read(slots, trace, at + "."))  # noqa: SLF001 - another of this class
        return rows

    def _read(self, slots: Slots, trace: Trace, prefix: str) -> Values:
        values: Values = {}
        pending: list[FieldReader] = []
        for reader in self.fields:
            try:
                warn = self._warner(trace, slots, reader, prefix) if reader.warns else _ignore
                value = reader.read(slots, values, warn)
            except Unreadable as unreadable:
                trace.troubles.append(
                    Trouble(unreadable, self, slots, reader, prefix + reader.field.name, reader.span)
                )
                continue
            if value is None:
                value = reader.default
                if value is None:
                    if reader.required:
                        self._missing(trace, slots, reader, prefix)
                    continue
                if reader.pending:
                    pending.append(reader)
                    continue
            if reader.group is None:
                values[reader.name] = value
            elif reader.group in values:
                values[reader.group][reader.name] = value
            else:
                values[reader.group] = {reader.name: value}
        for reader in pending:
            if reader.group in values:
                values[reader.group][reader.name] = reader.default
        return values

    def _missing(self, trace: Trace, slots: Slots, reader: FieldReader, prefix: str) -> None:
        paths = " or ".join(f"`{self.plan.path(slot)}`" for slot in reader.slots)
        missing = Unreadable(
            "D001",
            f"`{prefix}{reader.field.name}` is missing"
            + (f": there is nothing in {paths}" if paths else "")
            + (", or its `when` does not hold" if reader.conditional else ""),
            hint="fill it in in the shop, or take `required` off the field in the mapping",
        )
        trace.troubles.append(Trouble(missing, self, slots, reader, prefix + reader.field.name, reader.span))

    def _warner(self, trace: Trace, slots: Slots, reader: FieldReader, prefix: str) -> Warn:
        def warn(unreadable: Unreadable) -> None:
            path = prefix + reader.field.name
            trace.troubles.append(Trouble(unreadable, self, slots, reader, path, reader.span, warning=True))

        return warn


def _ignore(_: Unreadable) -> None:
    """No field but a time warns."""
