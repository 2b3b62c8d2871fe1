"""The part of a quick reader that finds texts in elements: a table of the children per level, each walked once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from gateway.mapping.doubt import Doubt
from gateway.mapping.paths import Element, local_name, text_of
from gateway.mapping.plan import Plan
from gateway.mapping.script import Script
from gateway.mapping.wanted import Wanted

_NONE: frozenset[str] = frozenset()


class ByElements:
    """Writes the walk over a record's elements. namespaces: the names of elements may have one."""

    head = "def read(record):"
    result = "{values}"

    def __init__(self, *, namespaces: bool) -> None:
        self._tag = "c.tag.rpartition('}')[2]" if namespaces else "c.tag"
        self._element: dict[Wanted, str] = {}
        self._members: dict[Wanted, str] = {}
        self._texts: set[Wanted] = set()

    def begin(self, script: Script, root: Wanted) -> None:
        """Take up the script that is written, for a record."""
        self._script = script
        for name, value in _CONSTANTS.items():
            script.use(name, value)
        self._element[root] = "record"

    def walk(self, node: Wanted, among: str = "") -> None:
        """Write the tables of children of a place and of all places below it.

        among: the list whose first element the place stands in, where a path leads to the first hit in any of
        them.
        """
        if not node.below:
            return
        if node not in self._members and not all(child.many for child in node.below.values()):
            self._members[node] = self._script.name("d")
            self._table(self._members[node], self._element[node], node)
        if among:
            members = self._members.get(node, "")
            lacks = [f"{name!r} not in {members}" for name, child in node.below.items() if not child.many]
            lacks += ["True"] if len(lacks) < len(node.below) else []
            self._script.write(f"if len({among}) > 1 and ({' or '.join(lacks)}): raise Doubt")
        for name, child in node.below.items():
            if child.many:
                self._many(node, name, child)
            elif child.below:
                self._one(node, name, child, among)

    def raw(self, node: Wanted, name: str) -> str:
        """Write the reading of the raw text of a child; gives its name."""
        raw = self._script.name("r")
        if node in self._texts:
            self._script.write(f"{raw} = {self._members[node]}.get({name!r})")
        else:
            self._script.write(f"x = {self._members[node]}.get({name!r})")
            self._script.write(f"{raw} = None if x is None else deep(x) if len(x) else x.text")
        return raw

    def own_text(self, row: Wanted) -> str | None:
        """The plan finds it."""
        return None

    @contextmanager
    def each_row(self, node: Wanted, row: Wanted, rows: str, *, alone: bool) -> Iterator[tuple[str, str]]:
        """See Finder."""
        self._element[row], self._members[row] = self._script.name("e"), self._script.name("d")
        with self._script.block(f"for {self._element[row]}, {self._members[row]} in {self._element[node]}:"):
            yield "continue", f"{rows}.append({{values}})"

    def each_planned_row(self, plan: Plan, number: int, node: Wanted, row: Wanted) -> AbstractContextManager[None]:
        """The same for rows that only the ordinary plan finds."""
        self._element[row] = self._script.name("e")
        rows = f"{self._script.constant('plan', plan)}.rows({self.scanned(plan, node)}, {number})"
        return self._script.block(f"for {self._element[row]} in {rows}:")

    def scanned(self, plan: Plan, root: Wanted) -> str:
        """The slots of the ordinary plan, for what only it can do."""
        return f"{self._script.constant('plan', plan)}.scan({self._element[root]})"

    def _table(self, table: str, element: str, node: Wanted) -> None:
        """Write the table of an element's children by name, the first of each: the elements, or their texts."""
        if node.flat:
            self._texts.add(node)
            once, held = f"once_texts({element})", "deep(c) if len(c) else c.text"
        else:
            once, held = f"once({element}, {self._script.constant('single', node.single)})", "c"
        self._script.write(f"{table} = {{{self._tag}: {held} for c in {element}}}")
        self._script.write(f"if len({table}) != len({element}): {table} = {once}")

    def _one(self, node: Wanted, name: str, child: Wanted, among: str) -> None:
        element = self._element[child] = self._script.name("e")
        self._script.write(f"{element} = {self._members[node]}.get({name!r})")
        if all(each.many for each in child.below.values()):
            self.walk(child, among)
            return
        members = self._members[child] = self._script.name("d")
        self._script.write(f"{members} = NOTHING")
        with self._script.block(f"if {element} is not None:"):
            self._table(members, element, child)
        self.walk(child, among)

    def _many(self, node: Wanted, name: str, child: Wanted) -> None:
        """Write the list of all elements of a name, each with the table of its children."""
        rows = self._element[child] = self._script.name("l")
        table, above = self._script.name("d"), self._element[node]
        self._script.write(f"{rows} = []")
        below = [child, *child.chosen(), *child.row_roots]
        single = frozenset(child.by).union(*(each.single for each in below))
        once = f"once(e, {self._script.constant('single', single)})"
        with (
            self._script.block(f"for c in {above} if {above} is not None else ():"),
            self._script.block(f"if {self._tag} == {name!r}:"),
        ):
            self._script.write("e = c")
            self._script.write(f"{table} = {{{self._tag}: c for c in e}}")
            self._script.write(f"if len({table}) != len(e): {table} = {once}")
            self._script.write(f"{rows}.append((e, {table}))")
        for telling, texts in child.by.items():
            self._told_apart(rows, telling, texts)
        if child.first is not None:
            self._chosen_row(child.first, rows)

    def _told_apart(self, rows: str, telling: str, texts: dict[str, Wanted]) -> None:
        """Write the search for the first element whose child has a certain text."""
        found = self._script.name("b")
        self._script.write(f"{found} = {{}}")
        with self._script.block(f"for e, d in {rows}:"):
            self._script.write(f"x = d.get({telling!r})")
            text = "((deep(x) if len(x) else x.text) or '').strip()"
            self._script.write(f"if x is not None: {found}.setdefault({text}, []).append((e, d))")
        for text, wanted in texts.items():
            chosen = self._script.name("l")
            self._script.write(f"{chosen} = {found}.get({text!r}, ())")
            self._chosen_row(wanted, chosen)

    def _chosen_row(self, node: Wanted, rows: str) -> None:
        """Write the taking of the first of several rows."""
        element, members = self._element[node], self._members[node] = (
            self._script.name("e"),
            self._script.name("d"),
        )
        self._script.write(f"{element}, {members} = {rows}[0] if {rows} else (None, NOTHING)")
        self.walk(node, rows)


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


_CONSTANTS: dict[str, object] = {"NOTHING": {}, "deep": text_of, "once": _once, "once_texts": _once_texts}
