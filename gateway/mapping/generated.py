"""The quick reader of a mapping: one Python function, written from what was compiled, that walks each level once.

It gives the values of a record that has nothing unusual about it. Wherever there is a doubt (a value that cannot
be read, an element that stands twice where one is expected, a missing required value) it raises, and the record is
read again by `LevelReader`, which alone words problems. So it may refuse whatever it likes, but it never gives
other values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

from gateway.mapping.convert import LONGEST, folded, read_text
from gateway.mapping.levels import Block, FieldReader, LevelReader, Recipe, Test, Values
from gateway.mapping.lookups import lookup_key
from gateway.mapping.numbers import is_plain, read_number
from gateway.mapping.paths import Element, local_name, text_of
from gateway.mapping.remembered import Remembered
from gateway.mapping.script import Script
from gateway.mapping.steps import Steps, steps_of
from gateway.mapping.unreadable import Unreadable

_NONE: frozenset[str] = frozenset()

QuickReader = Callable[[Element], Values]
"""From a record to its values; raises Doubt or Unreadable where the ordinary reader is to look."""


class Doubt(Exception):
    """The record is to be read the ordinary way."""


def quick_reader(level: LevelReader, *, namespaces: bool) -> QuickReader:
    """The function for the records of a mapping. namespaces: the names of elements may have one."""
    constants = {
        "NOTHING": {},
        "Doubt": Doubt,
        "deep": text_of,
        "doubted": _doubted,
        "no_text": _no_text,
        "once": _once,
        "once_texts": _once_texts,
    }
    script = Script("def read(record):", constants)
    tag = "c.tag.rpartition('}')[2]" if namespaces else "c.tag"
    values = _Level(script, tag, level, "record").written()
    script.write(f"return {values}")
    read: QuickReader = script.compiled("read", "<quick reader>")
    return read


def stays_inside(level: LevelReader) -> bool:
    """Whether no path of a mapping leaves the record, as far as can be told: it has no `..`, and is no XPath."""
    levels = [level, *(block.level for _, blocks in level.rows for block in blocks)]
    paths = [each.plan.path(slot) for each in levels for slot in range(1, each.plan.size)]
    plain = [re.sub(r"(?:^|/)@[\w.:-]+$|\[[0-9]+\]|(?<![\w:])[\w.-]+:(?=\w)", "", path) for path in paths]
    return all(steps_of(path or "A") is not None for path in plain)


class _Node:
    """A place in the tree of elements that the paths of a level lead through.

    below: the children that are wanted. rows: all elements of the name are wanted, not the first one only.
    by: where a child tells elements of the name apart (`[TYPE='billing']`): per child, per text, the node of the
    first such element. first: the first of several, where a plain path leads through them.
    element, members: its variables: the element (or the list of all, with the table of each), and the table of its
    children. texts: the table holds their raw texts. row_single: see `single`, for what the rows themselves read.
    """

    def __init__(self) -> None:
        self.below: dict[str, _Node] = {}
        self.row_single: frozenset[str] = frozenset()
        self.rows = False
        self.texts = False
        self.by: dict[str, dict[str, _Node]] = {}
        self.first: _Node | None = None
        self.element = ""
        self.members = ""

    @property
    def many(self) -> bool:
        """Whether more than one element of the name is looked at."""
        return self.rows or bool(self.by) or self.first is not None

    @property
    def flat(self) -> bool:
        """Whether nothing but the texts of the children is wanted."""
        return all(not child.below and not child.many for child in self.below.values())

    @property
    def single(self) -> frozenset[str]:
        """The children of which one is expected, because something below them is read."""
        return frozenset(name for name, child in self.below.items() if child.below and not child.many)


class _Level:
    """Writes the reading of one level: the record, or a row."""

    def __init__(self, script: Script, tag: str, level: LevelReader, element: str, members: str = "") -> None:
        self._script = script
        self._tag = tag
        self._level = level
        self._plan = level.plan
        self._above: Mapping[str, str] | None = None
        self.root = _Node()
        self.root.element = element
        self.root.members = members
        self._places: dict[int, Steps] = {}
        self._row_nodes: dict[int, _Node] = {}
        rows = {block.each for _, blocks in level.rows for block in blocks}
        paths = {slot: steps_of(self._plan.path(slot)) for slot in range(1, self._plan.size)}
        several = {
            places for slot, steps in paths.items() if steps for places in _several(steps, every=slot in rows)
        }
        for slot, steps in paths.items():
            if steps is not None:
                self._enter(slot, steps, several, every=slot in rows)
        self._blocks = [(name, [self._row_level(block) for block in blocks]) for name, blocks in level.rows]

    def _row_level(self, block: Block) -> tuple[Block, _Level]:
        node = self._row_nodes.get(block.each)
        members = self._script.name("d") if node is not None else ""
        below = _Level(self._script, self._tag, block.level, self._script.name("e"), members)
        if node is not None:
            node.row_single |= below.root.single
        return block, below

    def written(self, above: Mapping[str, str] | None = None, condition: Test | None = None) -> str:
        """Write all of it; gives the expression of the values.

        above: the fields of the record, for a row. condition: rows for which it is false are left out.
        """
        self._above = above
        self._walk(self.root)
        if condition is not None:
            self._script.write(f"if not {self._holds(condition, 'None', above or {})}: continue")
        known: dict[str, str] = {}
        for reader in self._level.fields:
            known.setdefault(reader.field.name, self._field(reader, known))  # a section has no value of its own
        self._pending_defaults(known)
        return _literal(known, [(name, self._rows(blocks, known)) for name, blocks in self._blocks])

    # the tree of paths

    def _enter(self, slot: int, steps: Steps, several: set[tuple[str, ...]], *, every: bool) -> None:
        """Put a path into the tree, where it is one that the tree can hold."""
        if steps.tells[-1] is not None or any(tells and (every or len(tells[0]) != 1) for tells in steps.tells):
            return
        through = [steps.names[: index + 1] in several for index in range(len(steps.names) - 1)]
        if every and any(through):
            return
        node = self.root
        for index, (name, tells) in enumerate(zip(steps.names, steps.tells, strict=True)):
            node = node.below.setdefault(name, _Node())
            if tells is not None:
                node = node.by.setdefault(tells[0][0], {}).setdefault(tells[1], _Node())
            elif index < len(through) and through[index]:
                node.first = node.first or _Node()
                node = node.first
        if every:
            node.rows = True
            self._row_nodes[slot] = node
        elif steps.names not in several:
            self._places[slot] = steps

    def _walk(self, node: _Node, among: str = "") -> None:
        """Write the tables of children of a node and of all nodes below it.

        among: the list whose first element the node stands in, where a path leads to the first hit in any of them.
        """
        if not node.below:
            return
        if not node.members and not all(child.many for child in node.below.values()):
            node.members = self._script.name("d")
            self._table(node.members, node.element, node)
        if among:
            lacks = [f"{name!r} not in {node.members}" for name, child in node.below.items() if not child.many]
            lacks += ["True"] if len(lacks) < len(node.below) else []
            self._script.write(f"if len({among}) > 1 and ({' or '.join(lacks)}): raise Doubt")
        for name, child in node.below.items():
            if child.many:
                self._many(node, name, child)
            elif child.below:
                self._one(node, name, child, among)

    def _table(self, table: str, element: str, node: _Node) -> None:
        """Write the table of an element's children by name, the first of each: the elements, or their texts."""
        if node.flat:
            node.texts = True
            once, held = f"once_texts({element})", "deep(c) if len(c) else c.text"
        else:
            once, held = f"once({element}, {self._script.constant('single', node.single)})", "c"
        self._script.write(f"{table} = {{{self._tag}: {held} for c in {element}}}")
        self._script.write(f"if len({table}) != len({element}): {table} = {once}")

    def _one(self, node: _Node, name: str, child: _Node, among: str) -> None:
        child.element = self._script.name("e")
        self._script.write(f"{child.element} = {node.members}.get({name!r})")
        if all(each.many for each in child.below.values()):
            self._walk(child, among)
            return
        child.members = self._script.name("d")
        self._script.write(f"{child.members} = NOTHING")
        with self._script.block(f"if {child.element} is not None:"):
            self._table(child.members, child.element, child)
        self._walk(child, among)

    def _many(self, node: _Node, name: str, child: _Node) -> None:
        """Write the list of all elements of a name, each with the table of its children."""
        child.element = self._script.name("l")
        table = self._script.name("d")
        self._script.write(f"{child.element} = []")
        below = [child, *(wanted for texts in child.by.values() for wanted in texts.values())]
        below += [child.first] if child.first is not None else []
        single = child.row_single.union(child.by, *(each.single for each in below))
        once = f"once(e, {self._script.constant('single', single)})"
        with (
            self._script.block(f"for c in {node.element} if {node.element} is not None else ():"),
            self._script.block(f"if {self._tag} == {name!r}:"),
        ):
            self._script.write("e = c")
            self._script.write(f"{table} = {{{self._tag}: c for c in e}}")
            self._script.write(f"if len({table}) != len(e): {table} = {once}")
            self._script.write(f"{child.element}.append((e, {table}))")
        for telling, texts in child.by.items():
            self._told_apart(child, telling, texts)
        if child.first is not None:
            self._chosen_row(child.first, child.element)

    def _told_apart(self, node: _Node, telling: str, texts: dict[str, _Node]) -> None:
        """Write the search for the first element whose child has a certain text."""
        found = self._script.name("b")
        self._script.write(f"{found} = {{}}")
        with self._script.block(f"for e, d in {node.element}:"):
            self._script.write(f"x = d.get({telling!r})")
            text = "((deep(x) if len(x) else x.text) or '').strip()"
            self._script.write(f"if x is not None: {found}.setdefault({text}, []).append((e, d))")
        for text, wanted in texts.items():
            rows = self._script.name("l")
            self._script.write(f"{rows} = {found}.get({text!r}, ())")
            self._chosen_row(wanted, rows)

    def _chosen_row(self, node: _Node, rows: str) -> None:
        """Write the taking of the first of several rows."""
        node.element, node.members = self._script.name("e"), self._script.name("d")
        self._script.write(f"{node.element}, {node.members} = {rows}[0] if {rows} else (None, NOTHING)")
        self._walk(node, rows)

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
        elif recipe.convert is read_text and not recipe.empty and self._above is None:
            with script.block(f"if {raw}:"):
                script.write(f"{value} = {self._folded(recipe, raw)}")
                script.write(f"if not 0 < len({value}) <= {LONGEST}: {value} = no_text({value})")
            script.write(f"else: {value} = None")
        else:
            self._converted(recipe, value, raw)

    def _folded(self, recipe: Recipe, raw: str) -> str:
        """The expression of a text with its white space in order."""
        if recipe.fold is folded:
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
            texts = ", ".join(f"' '.join({part}.split()) if {part} else ''" for part in parts)
            script.write(f"{chosen} = {recipe.separator!r}.join([t for t in ({texts},) if t])")
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
        raw = self._script.name("r")
        steps = self._places.get(slot)
        if steps is None:
            text = self._script.constant("text", self._plan.text(slot))
            self._script.write(f"{raw} = {text}({self._scanned()})")
            return raw
        node, name = self._parent(steps), steps.names[-1]
        if node.texts:
            self._script.write(f"{raw} = {node.members}.get({name!r})")
        else:
            self._script.write(f"x = {node.members}.get({name!r})")
            self._script.write(f"{raw} = None if x is None else deep(x) if len(x) else x.text")
        return raw

    def _parent(self, steps: Steps) -> _Node:
        """The node in whose table the last step of a path is looked up."""
        node = self.root
        for name, tells in zip(steps.names[:-1], steps.tells[:-1], strict=True):
            node = node.below[name]
            if tells is not None:
                node = node.by[tells[0][0]][tells[1]]
            elif node.first is not None:
                node = node.first
        return node

    def _scanned(self) -> str:
        """The slots of the ordinary plan, for what only it can do."""
        plan = self._script.constant("plan", self._plan)
        return f"{plan}.scan({self.root.element})"

    # rows

    def _rows(self, blocks: list[tuple[Block, _Level]], known: Mapping[str, str]) -> str:
        rows = self._script.name("rows")
        self._script.write(f"{rows} = []")
        for block, level in blocks:
            node = self._row_nodes.get(block.each)
            if node is not None:
                head = f"for {level.root.element}, {level.root.members} in {node.element}:"
            else:
                plan = self._script.constant("plan", self._plan)
                head = f"for {level.root.element} in {plan}.rows({self._scanned()}, {block.each}):"
            with self._script.block(head):
                self._script.write(f"{rows}.append({level.written(known, block.condition)})")
        return rows


def _several(steps: Steps, *, every: bool) -> Iterator[tuple[str, ...]]:
    """The places on a path at which more than one element is looked at."""
    for index, tells in enumerate(steps.tells):
        if tells is not None or (every and index == len(steps.names) - 1):
            yield steps.names[: index + 1]


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


def _once_texts(element: Element) -> dict[str, str | None]:
    """The raw text of the first child of each name."""
    return {name: text_of(child) if len(child) else child.text for name, child in _once(element, _NONE).items()}


def _once(element: Element, single: frozenset[str]) -> dict[str, Element]:
    """The first child of each name. Raises Doubt where one stands twice whose children are read."""
    table: dict[str, Element] = {}
    for child in element:
        name = local_name(child.tag)
        if name in table:
            if name in single:
                raise Doubt
        else:
            table[name] = child
    return table
