"""The part of a quick reader that finds texts by the layout of the records, without parsing them into elements.

The text that it reads has no comments, CDATA sections and processing instructions left; see `plain_text`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import chain

from gateway.documents import Row
from gateway.mapping.blanks import BLANK, with_any, with_those_of
from gateway.mapping.generated import NO_TEXT
from gateway.mapping.layout import Layout, NoLayout, Shape
from gateway.mapping.plain_text import resolved
from gateway.mapping.plan import Plan
from gateway.mapping.remembered import RememberedRows
from gateway.mapping.script import Script
from gateway.mapping.wanted import Wanted

_TEXT = "[^<]*+"
_WANTED = "([^<]*+)"
_GROUPS = "m.groups() if text.find('&', at, end) < 0 else resolved(m.groups())"

Path = tuple[str, ...]
Places = dict[Path, str]
"""From the path of a wanted text to the expression that gives it."""


class ByLayout:
    """Writes the matching of a record. Raises NoLayout where the layout does not fit what is wanted.

    records: some as plain text, whose white space is expected.
    """

    head = "def read(text, at):"
    result = "{values}, at"

    def __init__(self, layout: Layout, records: str | None = None) -> None:
        self._layout = layout
        self._records = records
        self._raw: dict[Wanted, Places] = {}
        self._rows: dict[Wanted, tuple[str, list[Path]]] = {}
        self._own: dict[Wanted, str] = {}

    def begin(self, script: Script, root: Wanted) -> None:
        """Write the matching of the whole record."""
        self._script = script
        script.use("resolved", resolved)
        script.use("Row", Row)
        parts = _Parts(self._layout, root)
        found: Places = {}
        for (pattern, texts, rows), expected in zip(parts.all, self._expected(parts), strict=True):
            match = script.constant("match", re.compile(with_any(pattern)).match)
            match = f"{match}(text, at)"
            if expected is not None:
                match = f"{script.constant('expected', re.compile(expected).match)}(text, at) or {match}"
            if rows is None:
                names = {path: script.name("r") for path in texts}
                self._matched(match, "raise Doubt")
                if names:
                    script.write(f"{''.join(f'{name}, ' for name in names.values())} = {_GROUPS}")
                script.write("at = end")
                found |= names
            else:
                name = script.name("l")
                self._rows[rows] = name, texts
                script.write(f"{name} = []")
                with script.block("while True:"):
                    self._matched(match, "break")
                    script.write(f"{name}.append({_GROUPS})")
                    script.write("at = end")
        self._bind(root, found)

    def _expected(self, parts: _Parts) -> Sequence[str | None]:
        """What is tried first for each of the parts."""
        if self._records is None:
            return [None] * len(parts.all)
        return with_those_of(self._records, [(pattern, rows is not None) for pattern, _, rows in parts.all])

    def _matched(self, match: str, otherwise: str) -> None:
        """Write the matching of an expression from where the last one ended."""
        self._script.write(f"m = {match}")
        self._script.write(f"if m is None: {otherwise}")
        self._script.write("end = m.end()")

    def walk(self, node: Wanted) -> None:
        """See Finder; a row is bound where its loop is written."""
        for child in node.below.values():
            if child.many:
                self._many(child)
            elif child.below:
                self.walk(child)

    def raw(self, node: Wanted, name: str) -> str:
        """The expression of a raw text; nothing needs to be written."""
        texts = self._raw[node]
        if (name,) not in texts:
            raise NoLayout
        return texts[(name,)]

    def own_text(self, row: Wanted) -> str | None:
        """What is between the tags of a row that has no children."""
        if row not in self._own:
            raise NoLayout
        return self._own[row]

    @contextmanager
    def each_row(self, node: Wanted, row: Wanted, rows: str, *, alone: bool) -> Iterator[tuple[str, str]]:
        """See Finder. Each row is taken apart, but for one that stood in another record already."""
        script = self._script
        found, texts = self._rows.get(node, ("()", []))
        names = {path: script.name("r") for path in texts}
        self._bind(row, names)
        if () in names:
            self._own[row] = names[()]
        elif node not in self._rows:
            self._own[row] = NO_TEXT
        left_out, taken = "continue", f"{rows}.append({{values}})"
        with script.block(f"for e in {found}:"):
            if alone:
                known = script.constant("rows", RememberedRows())
                script.write(f"x = {known}.get(e, {known})")
                with script.block(f"if x is not {known}:"):
                    script.write(f"if x is not None: {rows}.append(x)")
                    script.write("continue")
                left_out = f"{known}.keep(e, None); continue"
                taken = f"{rows}.append({known}.keep(e, Row({{values}})))"
            if names:
                script.write(f"{''.join(f'{name}, ' for name in names.values())} = e")
            yield left_out, taken

    def each_planned_row(self, plan: Plan, number: int, node: Wanted, row: Wanted) -> AbstractContextManager[None]:
        """There are no elements to plan with."""
        raise NoLayout

    def scanned(self, plan: Plan, root: Wanted) -> str:
        """There are no elements to scan."""
        raise NoLayout

    def _bind(self, node: Wanted, found: Places, above: Path = ()) -> None:
        """Say where the texts of a place and of those below it are; what no record has is no text."""
        self._raw[node] = {}
        for name, child in node.below.items():
            path = (*above, name)
            if not child.below and not child.many:
                self._raw[node][(name,)] = found.get(path, NO_TEXT)
            elif not child.many:
                self._bind(child, found, path)

    def _many(self, node: Wanted) -> None:
        """Write the choice of single rows."""
        rows, texts = self._rows.get(node, ("()", []))
        for telling, wanted in node.by.items():
            if (telling,) not in texts and node in self._rows:
                raise NoLayout
            table = self._script.name("b")
            self._script.write(f"{table} = {{}}")
            if node in self._rows:
                with self._script.block(f"for e in {rows}:"):
                    key = f"(e[{texts.index((telling,))}] or '').strip()"
                    self._script.write(f"{table}.setdefault({key}, []).append(e)")
            for text, place in wanted.items():
                if not text:  # an element that is not there has no text either
                    raise NoLayout
                chosen = self._script.name("l")
                self._script.write(f"{chosen} = {table}.get({text!r}, ())")
                self._choose(place, chosen, texts)
        if node.first is not None:
            self._choose(node.first, rows, texts)

    def _choose(self, node: Wanted, rows: str, texts: list[Path]) -> None:
        """Write the taking of the first of several rows; a path leads to the first hit in any of them."""
        row = self._script.name("e")
        none = self._script.constant("none", (None,) * len(texts))
        self._script.write(f"{row} = {rows}[0] if {rows} else {none}")
        names = {path: f"{row}[{index}]" for index, path in enumerate(texts)}
        lacks = [f"{names[path]} is None" for path in _texts_of(node) if path in names]
        if lacks:
            self._script.write(f"if len({rows}) > 1 and ({' or '.join(lacks)}): raise Doubt")
        self._bind(node, names)


class _Parts:
    """The expressions of a layout one after the other: between the rows that are wanted, and of each such row.

    all: the expression, the paths of its groups, and the place of the rows that it stands for.
    """

    def __init__(self, layout: Layout, root: Wanted) -> None:
        self.all: list[tuple[str, list[Path], Wanted | None]] = []
        self._pattern: list[str] = []
        self._texts: list[Path] = []
        if layout.shape.is_text or layout.shape.bare:
            raise NoLayout
        self._branch(layout.name, layout.shape, root, ())
        self._end(None)

    def _end(self, rows: Wanted | None) -> None:
        self.all.append(("".join(self._pattern), self._texts, rows))
        self._pattern, self._texts = [], []

    def _branch(self, name: str, shape: Shape, wanted: Wanted, path: Path) -> None:
        """Add an element of which something is wanted, and which is always there."""
        self._pattern.append(f"{BLANK}<{re.escape(name)}>")
        for child_name, child in shape.below.items():
            below = wanted.below.get(child_name)
            optional = shape.is_optional(child_name)
            if below is not None and below.many:
                self._many(child_name, child, below)
            elif below is not None and below.below and _is_always_one(shape, child_name):
                self._branch(child_name, child, below, (*path, child_name))
            else:
                self._pattern.append(
                    self._inside(child_name, child, below, (*path, child_name), optional=optional)
                )
        self._pattern.append(f"{BLANK}</{re.escape(name)}>")

    def _many(self, name: str, shape: Shape, wanted: Wanted) -> None:
        """Add rows, as an expression of their own."""
        self._end(None)
        merged = _merged([*wanted.chosen(), *wanted.row_roots], wanted.by)
        self._pattern.append(self._inside(name, shape, merged, (), optional=False))
        self._end(wanted)

    def _inside(self, name: str, shape: Shape, wanted: Wanted | None, path: Path, *, optional: bool) -> str:
        """The expression of an element, within one expression."""
        if wanted is not None and wanted.many:
            raise NoLayout  # rows within rows, or within what is not always there
        if wanted is not None and not wanted.below and not shape.is_text:
            raise NoLayout  # the text of what has children
        wants = wanted is not None and bool(wanted.below) != shape.is_text  # of text alone, no children
        once = self._element(name, shape, wanted if wants else None, path)
        if not shape.repeated or not path:
            return f"(?:{once})?" if optional else once
        if wants and not shape.is_text:
            raise NoLayout
        again = self._element(name, shape, None, path) if wants else once
        return f"(?:{once}(?:{again})*)?" if optional else f"{once}(?:{again})*"

    def _element(self, name: str, shape: Shape, wanted: Wanted | None, path: Path) -> str:
        tag = re.escape(name)
        if shape.is_text:
            if wanted is not None:
                self._texts.append(path)
            text = _TEXT if wanted is None else _WANTED
            return f"{BLANK}<{tag}(?:>{text}</{tag}>|{BLANK}/>)"
        below = [
            self._inside(
                child_name,
                child,
                None if wanted is None else wanted.below.get(child_name),
                (*path, child_name),
                optional=shape.is_optional(child_name),
            )
            for child_name, child in shape.below.items()
        ]
        inner = "".join(below)
        full = f"{BLANK}<{tag}>{inner}{BLANK}</{tag}>"
        return f"(?:{full}|{BLANK}<{tag}(?:>{BLANK}</{tag}>|{BLANK}/>))" if shape.bare else full


def _is_always_one(shape: Shape, name: str) -> bool:
    """Whether each element has one child of the name, with something in it."""
    child = shape.below[name]
    return not (shape.is_optional(name) or child.is_text or child.bare or child.repeated)


def _texts_of(node: Wanted, above: Path = ()) -> list[Path]:
    """The paths of the texts that are wanted at a place and below it."""
    paths = []
    for name, child in node.below.items():
        if child.below:
            paths += _texts_of(child, (*above, name))
        else:
            paths.append((*above, name))
    return paths


def _merged(nodes: list[Wanted], by: dict[str, dict[str, Wanted]]) -> Wanted:
    """All that is wanted of rows, by whomever. Raises NoLayout for rows within them."""
    merged = Wanted()
    for name in chain(by, *(node.below for node in nodes)):
        below = [node.below[name] for node in nodes if name in node.below]
        if any(each.many for each in below):
            raise NoLayout
        merged.below[name] = _merged(below, {})
    return merged
