"""The quick reader of a mapping: one Python function, written from what was compiled.

It gives the values of a record that has nothing unusual about it. Wherever there is a doubt (a value that cannot
be read, an element that stands twice where one is expected, a missing required value) it raises, and the record is
read again by `LevelReader`, which alone words problems. So it may refuse whatever it likes, but it never gives
other values. How it finds the texts is one of two ways: `by_elements` and `by_layout`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from decimal import Decimal
from typing import Any, Protocol

from gateway.mapping.convert import LONGEST, folded, read_text
from gateway.mapping.doubt import Doubt
from gateway.mapping.levels import Block, FieldReader, LevelReader, Recipe, Test
from gateway.mapping.lookups import lookup_key
from gateway.mapping.numbers import is_plain, read_number
from gateway.mapping.plan import Plan
from gateway.mapping.remembered import Remembered
from gateway.mapping.script import Script
from gateway.mapping.steps import steps_of
from gateway.mapping.unreadable import Unreadable
from gateway.mapping.wanted import Wanted, WantedPaths

NO_TEXT = "None"
"""The name of a raw text that no record has."""


RowEnds = tuple[str, str]
"""What ends the reading of a row: of one that is left out, and of one with its `values`."""


class Finder(Protocol):
    """Writes how the texts of a record are found.

    head: the function's first line. result: what it returns, from its `values`.
    """

    head: str
    result: str

    def begin(self, script: Script, root: Wanted) -> None:
        """Take up the script that is written, for a record."""

    def walk(self, node: Wanted) -> None:
        """Write the finding of all that is wanted of the record, or of a row within `each_row`."""

    def raw(self, node: Wanted, name: str) -> str:
        """Write the reading of the raw text of a child; gives its name, NO_TEXT where there never is one."""

    def own_text(self, row: Wanted) -> str | None:
        """The name of the raw text of a row itself; None where the ordinary plan is to find it."""

    def each_row(self, node: Wanted, row: Wanted, rows: str, *, alone: bool) -> AbstractContextManager[RowEnds]:
        """Write the loop over rows, within which a level reads one into the list `rows`.

        alone: what comes of a row depends on nothing but its own texts.
        """

    def each_planned_row(self, plan: Plan, number: int, node: Wanted, row: Wanted) -> AbstractContextManager[None]:
        """Write the loop over rows that only the ordinary plan finds."""

    def scanned(self, plan: Plan, root: Wanted) -> str:
        """The expression of the slots of the ordinary plan, for what only it can do."""


def written_reader(level: LevelReader, finder: Finder) -> Any:
    """The function for the records of a mapping: from what the finder's head says to what its result says."""
    constants = {"Doubt": Doubt, "doubted": _doubted, "no_text": _no_text}
    script = Script(finder.head, constants)
    top = _Level(script, finder, level)
    finder.begin(script, top.wanted.root)
    values = top.written()
    script.write(f"return {finder.result.format(values=values)}")
    return script.compiled("read", "<quick reader>")


def stays_inside(level: LevelReader) -> bool:
    """Whether no path of a mapping leaves the record, as far as can be told: it has no `..`, and is no XPath."""
    levels = [level, *(block.level for _, blocks in level.rows for block in blocks)]
    paths = [each.plan.path(slot) for each in levels for slot in range(1, each.plan.size)]
    plain = [re.sub(r"(?:^|/)@[\w.:-]+$|\[[0-9]+\]|(?<![\w:])[\w.-]+:(?=\w)", "", path) for path in paths]
    return all(path in ("", ".") or steps_of(path) is not None for path in plain)


class _Level:
    """Writes the reading of one level: the record, or a row."""

    def __init__(self, script: Script, finder: Finder, level: LevelReader) -> None:
        self._script = script
        self._finder = finder
        self._level = level
        self._plan = level.plan
        self._above: Mapping[str, str] | None = None
        self._texts_come_again = False
        rows = {block.each for _, blocks in level.rows for block in blocks}
        paths = {number: steps_of(self._plan.path(number)) for number in range(1, self._plan.size)}
        self.wanted = WantedPaths({number: steps for number, steps in paths.items() if steps is not None}, rows)
        self._blocks = [(name, [self._row_level(block) for block in blocks]) for name, blocks in level.rows]

    def _row_level(self, block: Block) -> tuple[Block, _Level]:
        below = _Level(self._script, self._finder, block.level)
        node = self.wanted.rows.get(block.each)
        if node is not None:
            node.row_roots.append(below.wanted.root)
        return block, below

    def written(
        self,
        above: Mapping[str, str] | None = None,
        condition: Test | None = None,
        left_out: str = "continue",
        *,
        whole_rows: bool = False,
    ) -> str:
        """Write all of it; gives the expression of the values.

        above: the fields of the record, for a row. condition: rows for which it is false are left out, by that
        statement. whole_rows: they are remembered as a whole, so that the texts of a new one are mostly new.
        """
        self._above = above
        self._texts_come_again = above is not None and not whole_rows
        self._finder.walk(self.wanted.root)
        if condition is not None:
            self._script.write(f"if not {self._holds(condition, 'None', above or {})}: {left_out}")
        known: dict[str, str] = {}
        for reader in self._level.fields:
            known.setdefault(reader.field.name, self._field(reader, known))  # a section has no value of its own
        self._pending_defaults(known)
        return _literal(known, [(name, self._rows(blocks, known)) for name, blocks in self._blocks])

    # fields

    def _field(self, reader: FieldReader, known: Mapping[str, str]) -> str:
        """Write the reading of one field; gives the name of its value."""
        value = self._script.name("v")
        recipe = reader.recipe
        if reader.constant:
            self._script.write(f"{value} = None")
        elif recipe is None:
            self._by_reader(reader, value, known)
        else:
            self._by_recipe(recipe, value, known)
        if reader.required and reader.default is None:
            self._script.write(f"if {value} is None: raise Doubt")
        elif reader.default is not None and not reader.pending:
            default = self._script.constant("default", reader.default)
            self._script.write(f"if {value} is None: {value} = {default}")
        return value

    def _pending_defaults(self, known: Mapping[str, str]) -> None:
        """Write the defaults that count only where their group has another value."""
        for reader in self._level.fields:
            if reader.default is None or not reader.pending:
                continue
            default = self._script.constant("default", reader.default)
            name = known[reader.field.name]
            group = f"{reader.group}."
            others = " or ".join(
                f"{value} is not None"
                for field, value in known.items()
                if field.startswith(group) and value != name
            )
            if others:
                self._script.write(f"if {name} is None and ({others}): {name} = {default}")

    def _by_reader(self, reader: FieldReader, value: str, known: Mapping[str, str]) -> None:
        """Write a call of the ordinary reading, for what is not written here."""
        read, slots = self._script.constant("reader", reader.read), self._script.name("slots")
        self._script.write(f"{slots} = {self._scanned()}")
        values = _literal(known, [])
        if self._above is not None:
            plan = self._script.constant("plan", self._plan)
            self._script.write(f"{plan}.hand_down({slots}, {_literal(self._above, [])})")
        self._script.write(f"{value} = {read}({slots}, {values}, doubted)")

    def _by_recipe(self, recipe: Recipe, value: str, known: Mapping[str, str]) -> None:
        script = self._script
        raw = self._chosen(recipe)
        if recipe.test is not None:
            text = script.name("t")
            script.write(f"{text} = {self._folded(recipe, raw)} if {raw} else None")
            script.write(f"{value} = None")
            with script.block(f"if {text} and {self._holds(recipe.test, text, known)}:"):
                self._converted(recipe, value, text)
        elif recipe.convert is read_text and not recipe.empty and not self._texts_come_again:
            with script.block(f"if {raw}:"):
                script.write(f"{value} = {self._folded(recipe, raw)}")
                script.write(f"if not 0 < len({value}) <= {LONGEST}: {value} = no_text({value})")
            script.write(f"else: {value} = None")
        else:
            self._converted(recipe, value, raw)

    def _folded(self, recipe: Recipe, raw: str) -> str:
        """The expression of a text with its white space in order."""
        if recipe.fold is folded:
            if recipe.way == "join" and folded(between := f"-{recipe.separator}-") == between:
                return raw  # its parts are in order
            return f"' '.join({raw}.split())"
        return f"{self._script.constant('fold', recipe.fold)}({raw})"

    def _converted(self, recipe: Recipe, value: str, raw: str) -> None:
        """Write the way from a text to the value."""
        if recipe.warns:
            read = self._script.constant("read", _through(recipe))
            self._script.write(f"{value} = {read}({raw}) if {raw} else None")
        else:
            key = (recipe.convert, recipe.fold, recipe.empty)
            remembered = self._script.shared("remembered", key, lambda: Remembered(_through(recipe)))
            self._script.write(f"{value} = {remembered}[{raw}]")

    def _holds(self, test: Test, text: str, known: Mapping[str, str]) -> str:
        """Write what a condition needs; gives its expression."""
        given = [text]
        for name in test.condition.names:
            source = (self._above or {}) if name in test.outer else known
            given.append(source.get(name, "None"))
        for path in test.condition.paths:
            raw = self._raw(test.numbers[path])
            given.append(f"(' '.join({raw}.split()) if {raw} else '')")
        return f"{self._script.constant('test', test.condition.call)}({', '.join(given)})"

    def _chosen(self, recipe: Recipe) -> str:
        """Write the choice between several paths, or their joining; gives the name of the text."""
        script = self._script
        if recipe.way == "path":
            return self._raw(recipe.slots[0])
        chosen = script.name("r")
        if recipe.way == "join":
            parts = [self._raw(slot) for slot in recipe.slots]
            texts = ", ".join(f"{part} and ' '.join({part}.split())" for part in parts)
            script.write(f"{chosen} = {recipe.separator!r}.join(filter(None, ({texts},)))")
            return chosen
        blank = f"not {chosen} or {chosen}.isspace()"
        if recipe.empty:
            key, empty = script.constant("key", lookup_key), script.constant("empty", recipe.empty)
            blank += f" or {key}({chosen}) in {empty}"
        with ExitStack() as nested:
            for slot in recipe.slots:
                script.write(f"{chosen} = {self._raw(slot)}")
                nested.enter_context(script.block(f"if {blank}:"))
            script.write(f"{chosen} = None")
        return chosen

    def _raw(self, slot: int) -> str:
        """Write the reading of a raw text; gives its name."""
        place = self.wanted.value(slot)
        if place is not None:
            return self._finder.raw(*place)
        if self._plan.path(slot) == "." and (own := self._finder.own_text(self.wanted.root)) is not None:
            return own
        raw, text = self._script.name("r"), self._script.constant("text", self._plan.text(slot))
        self._script.write(f"{raw} = {text}({self._scanned()})")
        return raw

    def _scanned(self) -> str:
        return self._finder.scanned(self._plan, self.wanted.root)

    # rows

    def _rows(self, blocks: list[tuple[Block, _Level]], known: Mapping[str, str]) -> str:
        rows = self._script.name("rows")
        self._script.write(f"{rows} = []")
        for block, level in blocks:
            node, row = self.wanted.rows.get(block.each), level.wanted.root
            if node is None:
                with self._finder.each_planned_row(self._plan, block.each, self.wanted.root, row):
                    self._script.write(f"{rows}.append({level.written(known, block.condition)})")
                continue
            with self._finder.each_row(node, row, rows, alone=_stands_alone(block)) as (left_out, taken):
                values = level.written(known, block.condition, left_out, whole_rows=left_out != "continue")
                self._script.write(taken.format(values=values))
        return rows


def _stands_alone(block: Block) -> bool:
    """Whether what comes of a row depends on its own texts alone, and not on the record."""
    tests = [reader.recipe.test for reader in block.level.fields if reader.recipe is not None]
    by_record = block.condition is not None and bool(block.condition.condition.names)
    return not by_record and not any(test is not None and test.outer for test in tests)


def _literal(known: Mapping[str, str], rows: list[tuple[str, str]]) -> str:
    """The expression of nested values from the names of single ones."""
    groups: dict[str, list[str]] = {}
    parts = []
    for name, value in known.items():
        group, _, member = name.rpartition(".")
        if group:
            groups.setdefault(group, []).append(f"{member!r}: {value}")
        else:
            parts.append(f"{name!r}: {value}")
    parts += [f"{group!r}: {{{', '.join(members)}}}" for group, members in groups.items()]
    parts += [f"{name!r}: {value}" for name, value in rows]
    return "{" + ", ".join(parts) + "}"


def _through(recipe: Recipe) -> Callable[[str], Any]:
    """From the raw text to the value. Raises Unreadable, or Doubt for what would be warned of."""
    fold, empty, convert, warns = recipe.fold, recipe.empty, recipe.convert, recipe.warns
    if convert is read_number and not empty:
        return _number

    def read(raw: str) -> Any:
        text = fold(raw)
        if not text or (empty and lookup_key(text) in empty):
            return None
        return convert(text, _doubted) if warns else convert(text)

    return read


def _number(raw: str) -> Decimal | None:
    if is_plain(raw):
        return Decimal(raw)
    text = folded(raw)
    return read_number(text) if text else None


def _doubted(_: Unreadable) -> None:
    raise Doubt


def _no_text(text: str) -> None:
    """None for an empty text. Raises Doubt for one that is too long."""
    if text:
        raise Doubt
