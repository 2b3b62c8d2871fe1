"""JSON inputs as a stream of record elements: the same tree that XML gives, so that the language stays one.

A member of an object is an element with the key's name (`names.element_name`), each member of an array is one of
several elements of that name, an array within an array has members `item`, null is an empty element, and numbers
and true/false are texts as they are written. `record` is the way of keys to one record; arrays on it do not count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from gateway.diagnostics import Problem, Span
from gateway.errors import SourceProblems
from gateway.mapping.json_text import BadJson, Cursor, spread, tokens
from gateway.mapping.lines import SourceLines
from gateway.mapping.names import element_name
from gateway.mapping.opening import WRONG_PLACE, open_text, refuse, refuse_beginning
from gateway.mapping.paths import Element, set_line, text_of
from gateway.mapping.sources import Records, SourceSpec

RECORD, ITEM, ROOT = "record", "item", "root"
DEEPEST = 100
"""Levels that a record may have."""

UNFIT_FOR_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Written = tuple[int, int]
"""Start and end of a token in a record's text."""


class JsonRecords(Records):
    """The records of a JSON input (or of JSON lines); see sources.Records."""

    namespaces = False

    def __init__(self, path: Path, spec: SourceSpec, shown_as: str) -> None:
        self._path = path
        self._spec = spec
        self._shown_as = shown_as
        self._codec, text = open_text(path, spec, shown_as)
        self._lines = SourceLines(path, self._codec.removesuffix("-sig"))
        start = text.lstrip("\ufeff \t\r\n")
        if not start.startswith(("{", "[")):
            refuse_beginning(text, "JSON", shown_as)
        self._reached = 0
        self._keys: list[str] = []
        self._current: Element | None = None
        self._raw = ""
        self._at = (0, 0)

    def __iter__(self) -> Iterator[Element]:
        """Yield the records. Raises SourceProblems, possibly after some."""
        names = self._chosen()
        count = 0
        for element in self._walk(names):
            count += 1
            yield element
        if count == 0:
            self._refuse_none(names)

    def place(self, element: Element, value: str | None) -> Span:
        """The value where it stands as it is, else the key; the record's first line for what is not within it."""
        return self.place_within(self._current, self._raw, self._at, element, value)

    def place_within(
        self, root: Element | None, raw: str, at: tuple[int, int], element: Element, value: str | None
    ) -> Span:
        """The place of an element below `root`, which was built from a text that begins at a line and column."""
        line, column = at
        found = _written(root, raw, element)
        if found is None:
            return Span(file=self._shown_as, line=line, text=self._lines.line(line))
        start, end = found[1] if value is not None and found[1] is not None else found[0]
        before = raw.rfind("\n", 0, start)
        line += raw.count("\n", 0, start)
        column = start - before if before >= 0 else column + start
        text = self._lines.line(line)
        return Span(
            file=self._shown_as, line=line, column=column if text else 0, length=max(1, end - start), text=text
        )

    def fragment(self, element: Element) -> bytes:
        """The record as it is written, within the keys that lead to it."""
        return self.wrapped([(self._keys, self._raw)])

    def wrapped(self, parts: list[tuple[list[str], str]]) -> bytes:
        """An input of some texts, each under its keys."""
        tree: dict[str | None, Any] = {}
        for keys, raw in parts:
            holder = tree
            for key in keys:
                holder = holder.setdefault(key, {})
            holder.setdefault(None, []).append(raw)
        encoding = self._spec.encoding or "utf-8"
        text = _nested(tree)
        if self._spec.format == "jsonl":
            return (" ".join(text.split("\n")) + "\n").encode(encoding)
        return (spread(text) + "\n").encode(encoding)

    def kept(self) -> tuple[list[str], str, tuple[int, int]]:
        """The keys, the text and the place of the record that was yielded last."""
        return list(self._keys), self._raw, self._at

    # -- the walk to the records -----------------------------------------------------------------------------

    def _chosen(self) -> tuple[str, ...]:
        """The first of the record paths that occurs."""
        for names in self._spec.records[:-1]:
            found = next(self._walk(names), None)
            if found is not None or self._reached >= max(1, len(names) - 1):
                return names
        return self._spec.records[-1]

    def _walk(self, names: tuple[str, ...]) -> Iterator[Element]:
        self._reached, self._keys = 0, [""] * len(names)
        root = etree.Element(ROOT) if names else None
        with self._path.open(encoding=self._codec, newline="") as file:
            cursor = Cursor(file)
            try:
                yield from self._value(cursor, names, 0, root)
                while cursor.peek():
                    if self._spec.format != "jsonl":
                        raise BadJson("something follows the end of the value", *cursor.place())
                    yield from self._value(cursor, names, 0, etree.Element(ROOT) if names else None)
            except BadJson as bad:
                raise SourceProblems([self._problem(bad)]) from bad

    def _value(
        self, cursor: Cursor, names: tuple[str, ...], depth: int, parent: Element | None
    ) -> Iterator[Element]:
        first = cursor.peek()
        if first == "[":
            for _ in cursor.members():
                yield from self._value(cursor, names, depth, parent)
        elif first != "{":
            cursor.value()
        elif depth == len(names):
            yield from self._record(cursor, names[-1] if names else RECORD, parent)
        else:
            assert parent is not None
            for key in cursor.pairs():
                name = element_name(key)
                if name == names[depth]:
                    self._reached = max(self._reached, depth + 1)
                    self._keys[depth] = key
                    last = depth + 1 == len(names)
                    yield from self._value(
                        cursor, names, depth + 1, parent if last else etree.SubElement(parent, name)
                    )
                elif cursor.peek() in ("[", "{"):
                    cursor.skip()
                else:
                    _add(parent, name, cursor.value()[0], 1)

    def _record(self, cursor: Cursor, name: str, parent: Element | None) -> Iterator[Element]:
        self._at = cursor.place()
        value, self._raw = cursor.value()
        element = built(name, value, self._at[0])
        if element is None:
            raise BadJson(f"a record has more than {DEEPEST} levels", *self._at, kind="size")
        self._current = element
        if parent is not None:
            parent.append(element)
        yield element
        if parent is not None:
            parent.remove(element)

    # -- problems --------------------------------------------------------------------------------------------

    def _problem(self, bad: BadJson) -> Problem:
        text = self._lines.line(bad.line)
        span = Span(file=self._shown_as, line=bad.line, column=bad.column if text else 0, length=1, text=text)
        if bad.kind == "size":
            return Problem(
                code="S009", message=bad.message, span=span, help="export fewer records at once, or less in one"
            )
        if bad.kind == "cut":
            return Problem(
                code="S002",
                message="the input is cut: its closing bracket is missing",
                span=span,
                help="export or upload it again; nothing of a cut input is used",
            )
        return Problem(
            code="S001",
            message=f"the input is not well-formed JSON: {bad.message}",
            span=span,
            help='mend that place, or export again; in texts `"` is written `\\"` and `\\` is written `\\\\`',
        )

    def _refuse_none(self, names: tuple[str, ...]) -> None:
        span = Span(file=self._shown_as)
        if self._reached >= max(len(names) - 1, 1) or not names:
            refuse(
                "S007",
                f"the input has no records: nothing stands at {self._spec.paths}",
                span,
                "nothing is to be done if the shop had no orders in that time",
            )
        refuse("S003", f"nothing stands at {self._spec.paths}", span, WRONG_PLACE)


def _written(root: Element | None, raw: str, element: Element) -> tuple[Written, Written | None] | None:
    """Where the key (for the root itself its bracket) and the value of an element stand in the text."""
    for index, each in enumerate(root.iter() if root is not None else ()):
        if each is element:
            key, value = _places(raw)[index]
            return key, value if text_of(element).strip() and not len(element) else None
    return None


def built(name: str, value: Any, line: int) -> Element | None:
    """The element of a record; None where it has too many levels."""
    element = etree.Element(name)
    set_line(element, line)
    return element if _fill(element, value, 1) else None


def _fill(element: Element, value: Any, depth: int) -> bool:
    """Give an element its text or children; False where that would be too deep."""
    if isinstance(value, tuple):
        return depth < DEEPEST and all(_add(element, element_name(key), below, depth) for key, below in value)
    if isinstance(value, bool):
        element.text = "true" if value else "false"
    elif value is not None:
        element.text = value if value.isascii() and value.isprintable() else UNFIT_FOR_XML.sub(" ", value)
    return True


def _add(parent: Element, name: str, member: Any, depth: int) -> bool:
    """Add a member of an object; each member of an array is one of several of that name."""
    if not isinstance(member, list):
        return _fill(etree.SubElement(parent, name), member, depth + 1)
    for each in member:
        below = etree.SubElement(parent, name)
        nested = isinstance(each, list)
        if not (_add(below, ITEM, each, depth + 1) if nested else _fill(below, each, depth + 1)):
            return False
    return depth < DEEPEST


def _nested(tree: dict[str | None, Any]) -> str:
    if None in tree:
        raws = tree[None]
        return str(raws[0]) if len(raws) == 1 else f"[{', '.join(raws)}]"
    members = [f"{json.dumps(key, ensure_ascii=False)}: {_nested(below)}" for key, below in tree.items()]
    return "{" + ", ".join(members) + "}"


def _places(raw: str) -> list[tuple[Written, Written]]:
    """Key and value of every element of a record, in the order in which `built` makes them."""
    found: list[tuple[Written, Written]] = []
    stream = [(token[0], token.span()) for token in tokens(raw)]
    at = 0

    def inner(span: Written) -> Written:
        """A text without its quotes."""
        return (span[0] + 1, span[1] - 1) if raw[span[0]] == '"' and span[1] - span[0] > 2 else span

    def one(key: Written) -> None:
        """A value that is an element of its own."""
        nonlocal at
        text, span = stream[at]
        found.append((key, inner(span)))
        if text == "{":
            pairs()
        else:
            at += 1

    def pairs() -> None:
        nonlocal at
        at += 1
        while stream[at][0] != "}":
            if stream[at][0] == ",":
                at += 1
            key = inner(stream[at][1])
            at += 2
            several(key)
        at += 1

    def several(key: Written) -> None:
        """A value that is an element, or an array of such."""
        nonlocal at
        if stream[at][0] != "[":
            one(key)
            return
        at += 1
        while stream[at][0] != "]":
            if stream[at][0] == ",":
                at += 1
            start = stream[at][1]
            if stream[at][0] == "[":
                found.append((start, start))
                several(start)
            else:
                one(inner(start) if stream[at][0] != "{" else start)
        at += 1

    one(stream[0][1])
    return found
