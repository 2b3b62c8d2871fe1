"""Where the values of one record come from: source place, path, line of the mapping, rule, value.

It reads the record once more in the way that words problems, so it is slow and tells everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.diagnostics import Span
from gateway.errors import ProblemsFound
from gateway.mapping.convert import folded
from gateway.mapping.layers import Layers, read_layers
from gateway.mapping.levels import FieldReader, LevelReader, Trace
from gateway.mapping.lookups import ELSE, INCLUDE, Lookup, lookup_key
from gateway.mapping.tables import read_table
from gateway.mapping.unreadable import Unreadable

if TYPE_CHECKING:
    from gateway.mapping.plan import Slots
    from gateway.mapping.reader import Mapping as LoadedMapping
    from gateway.mapping.reader import Place, Reading
    from gateway.yamlfile import Location

_WAYS = ("path", "first", "join", "sum", "value")


class Hit(msgspec.Struct, frozen=True):
    """What one path of a field leads to; `raw` is None where it leads nowhere, `place` is in the input."""

    path: str
    raw: str | None
    place: Span | None


class TableStep(msgspec.Struct, frozen=True):
    """The row of a lookup that a text met: its key as written, and its place where a file has it."""

    table: str
    text: str
    key: str | None
    place: Span | None


class Traced(msgspec.Struct, frozen=True):
    """How one canonical field of a record was read.

    mapped: where the mapping has it. way: `path`, `first`, `join`, `sum`, `value` or another key of the language.
    used: the hits whose texts the value was made of. value: as read; None where there is none.
    trouble: why it could not be read.
    """

    name: str
    type: str
    mapped: Span | None
    way: str
    hits: tuple[Hit, ...]
    used: tuple[Hit, ...]
    table: TableStep | None
    default: bool
    conditional: bool
    value: Any
    trouble: str | None

    @property
    def raw(self) -> str | None:
        """The texts that the value was made of, as they stand in the source."""
        return " + ".join(hit.raw.strip() for hit in self.used if hit.raw is not None) or None

    @property
    def rule(self) -> str:
        """The rule in a few words, for a table."""
        if self.trouble is not None:
            return "cannot be read"
        if self.table is not None:
            key = f" {self.table.key}" if self.table.key is not None else ""
            return f"lookup {self.table.table}:{key}"
        if self.default and self.way != "value":
            return "default"
        if self.value is None:
            return "`when` does not hold" if self.conditional and self.used else "nothing there"
        if self.way == "value":
            return "constant"
        return self.type if self.way == "path" else f"{self.way}, {self.type}"


class Rules(msgspec.Struct, frozen=True):
    """The texts of a mapping behind its compiled form: what each field says, and the rows of its lookups."""

    layers: Layers
    added: Mapping[str, Mapping[str, str]]
    site: Path | None

    def option(self, at: Location) -> Any:
        """What stands at a place of the file; None where nothing does."""
        value: Any = self.layers.data
        for step in at:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def step(self, table: str, text: str) -> TableStep:
        """The row of a lookup that a text meets."""
        own = dict(self.option(("lookups", table)) or {})
        shared = own.pop(INCLUDE, None)
        rows = {**(self._included(shared) if isinstance(shared, str) else {}), **own, **self.added.get(table, {})}
        keys = {key: key for key in rows if key != ELSE}
        try:
            key = Lookup(table, keys, None).find(text)
        except Unreadable:
            key = ELSE if rows.get(ELSE, "error") != "error" else None
        known = key is not None and key in own and key not in self.added.get(table, {})
        place = self.layers.span(("lookups", table, key), key=True) if known else None
        return TableStep(table, text, key, place)

    def _included(self, name: str) -> Mapping[str, str]:
        """The rows of a shared table; that it is there was checked when the mapping was loaded."""
        try:
            return read_table(name, self.site, None).rows
        except ProblemsFound:
            return {}


def rules_of(
    name_or_path: str, *, site: Path | None = None, added: Mapping[str, Mapping[str, str]] | None = None
) -> Rules:
    """The texts behind a mapping. Raises ProblemsFound where its files cannot be read."""
    return Rules(read_layers(name_or_path, site), added or {}, site)


def trace(mapping: LoadedMapping, reading: Reading, rules: Rules | None = None) -> tuple[Traced, ...]:
    """Every mapped field of a record, in the order of the mapping; rows are `lines[1].name` and so on.

    It is to be asked before the next record is read (RuntimeError afterwards).
    """
    origin = reading._origin  # noqa: SLF001 - the same room
    level: LevelReader = mapping._level  # noqa: SLF001 - the same room
    values, found = level.read_record(origin.element())
    place = origin._records.place  # noqa: SLF001 - the same room
    teller = _Teller(found, place, rules)
    fields = list(teller.level(level, found.slots, values, "", ("fields",)))
    for rows, traced in found.rows.items():
        blocks = next(each for name, each in level.rows if name == rows)
        several = len(blocks) > 1 or (rules is not None and isinstance(rules.option(("fields", rows)), list))
        numbers = {id(block.level): index for index, block in enumerate(blocks)}
        for index, (below, slots) in enumerate(traced):
            at = ("fields", rows, numbers[id(below)]) if several else ("fields", rows)
            row = values.get(rows, [])[index]
            fields += teller.level(below, slots, row, f"{rows}[{index + 1}].", (*at, "fields"))
    return tuple(fields)


def behind(fields: Sequence[Traced], name: str) -> Traced | None:
    """The field of that name, or the one that it is derived from: `unit_price.net` from `unit_price.gross`."""
    exact = next((each for each in fields if each.name == name), None)
    if exact is not None and (exact.value is not None or exact.trouble is not None):
        return exact
    below = f"{name}."
    group = name.rpartition(".")[0]
    beside = f"{group}." if group.endswith(("unit_price", "total")) else below
    given = (each for each in fields if each.value is not None and each.name.startswith((below, beside)))
    return next(given, exact)


class _Teller:
    """Tells the fields of one record."""

    def __init__(self, found: Trace, place: Place, rules: Rules | None) -> None:
        self._troubles = {each.path: each.unreadable.message for each in found.troubles if not each.warning}
        self._place = place
        self._rules = rules

    def level(
        self, level: LevelReader, slots: Slots, values: Mapping[str, Any], prefix: str, at: Location
    ) -> Iterator[Traced]:
        for reader in level.fields:
            yield self._field(level, reader, slots, values, prefix, at)

    def _field(
        self,
        level: LevelReader,
        reader: FieldReader,
        slots: Slots,
        values: Mapping[str, Any],
        prefix: str,
        at: Location,
    ) -> Traced:
        name = reader.field.name
        options = self._rules.option((*at, name)) if self._rules is not None else None
        way = self._way(reader, options)
        hits = tuple(self._hit(level, slots, slot) for slot in reader.slots)
        used = _used(way, hits, reader)
        holder = values if reader.group is None else values.get(reader.group) or {}
        value = holder.get(reader.name)
        table = None
        if (
            isinstance(options, dict)
            and isinstance(options.get("lookup"), str)
            and used
            and self._rules is not None
        ):
            text = " ".join(folded(hit.raw or "") for hit in used)
            table = self._rules.step(options["lookup"], text)
        trouble = self._troubles.get(prefix + name)
        defaulted = value is not None and (not used or trouble is not None) and value == reader.default
        return Traced(
            name=prefix + name,
            type=reader.field.type,
            mapped=reader.span,
            way=way,
            hits=hits,
            used=used,
            table=table if value is not None or trouble is not None else None,
            default=defaulted,
            conditional=reader.conditional,
            value=value,
            trouble=trouble,
        )

    def _table(self, options: Any, used: tuple[Hit, ...]) -> TableStep | None:
        name = options.get("lookup") if isinstance(options, dict) else None
        if self._rules is None or not isinstance(name, str) or not used:
            return None
        return self._rules.step(name, " ".join(folded(hit.raw or "") for hit in used))

    @staticmethod
    def _way(reader: FieldReader, options: Any) -> str:
        if isinstance(options, dict):
            return next((way for way in _WAYS if options.get(way) is not None), next(iter(options), "path"))
        if reader.recipe is not None:
            return reader.recipe.way
        return "sum" if reader.slots else "value"

    def _hit(self, level: LevelReader, slots: Slots, slot: int) -> Hit:
        raw = level.plan.text(slot)(slots)
        element = level.plan.place(slots, slot)
        place = self._place(element, raw) if element is not None else None
        return Hit(level.plan.path(slot), raw if element is not None else None, place)


def _used(way: str, hits: tuple[Hit, ...], reader: FieldReader) -> tuple[Hit, ...]:
    empty = reader.recipe.empty if reader.recipe is not None else frozenset()
    full = tuple(
        hit for hit in hits if hit.raw is not None and hit.raw.strip() and lookup_key(hit.raw) not in empty
    )
    return full[:1] if way == "first" else full
