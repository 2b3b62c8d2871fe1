"""A plan: all paths of one level (the record, or a row of it), found in one scan over its elements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gateway.mapping.paths import Element, Found, Path, compile_path, element_of, text_of

Slots = list[Any]
"""What a scan found: the element itself in slot 0, then per path a hit, None, or _LATER."""

_LATER: Any = object()
_EMPTY: list[Element] = []

Node = dict[str, tuple[int, bool, Any]]


class Plan:
    """Collects paths while a mapping is compiled; then `scan` fills the slots of an element.

    Plain paths are found by one walk over the children, each name looked up in a dict.
    The others are followed only when a field asks for them.
    """

    def __init__(self, namespaces: Mapping[str, str] | None = None) -> None:
        self._namespaces = namespaces or {}
        self._node: Node = {}
        self._paths: list[Path | None] = [None]
        self._slots: dict[tuple[str, bool], int] = {}
        self._blank: Slots = [None]
        self._handed: int | None = None

    def slot(self, text: str, *, every: bool = False) -> int:
        """The slot of a path; with `every` it holds the list of all hits. Raises BadPath."""
        path = compile_path(text, self._namespaces)
        known = self._slots.get((path.text, every))
        if known is not None:
            return known
        number = self._slots[path.text, every] = len(self._paths)
        self._paths.append(path)
        plain = path.simple is not None and self._insert(path.simple, number, every=every)
        self._blank.append(None if plain else _LATER)
        return number

    def handed(self) -> int:
        """The slot that `hand_down` fills, for expressions of a row that use fields of the record."""
        if self._handed is None:
            self._handed = len(self._paths)
            self._paths.append(None)
            self._blank.append(None)
        return self._handed

    def hand_down(self, slots: Slots, record: dict[str, Any]) -> None:
        """Give the values of the record to a row, where it asks for them."""
        if self._handed is not None:
            slots[self._handed] = record

    def scan(self, element: Element) -> Slots:
        """The slots of an element, filled as far as one walk goes."""
        slots = self._blank.copy()
        slots[0] = element
        _fill(element, self._node, slots)
        return slots

    def found(self, slots: Slots, number: int) -> Found | None:
        """The first hit of a path."""
        hit = slots[number]
        if hit is _LATER:
            path = self._paths[number]
            assert path is not None
            hit = slots[number] = path.find(slots[0])
        return hit  # type: ignore[no-any-return]  # slots are filled by the two lines above and by _fill

    def rows(self, slots: Slots, number: int) -> list[Element]:
        """All hits of a path that was asked for with `every`."""
        hits = slots[number]
        if hits is _LATER:
            path = self._paths[number]
            assert path is not None
            hits = slots[number] = list(path.find_all(slots[0]))
        return hits if hits is not None else _EMPTY

    def is_plain(self, number: int) -> bool:
        """Whether a path is found by the scan; then its slot holds an element or None."""
        return self._blank[number] is not _LATER

    @property
    def size(self) -> int:
        """The number of slots; slot 0 is the element itself."""
        return len(self._paths)

    def path(self, number: int) -> str:
        """The text of a path."""
        path = self._paths[number]
        return path.text if path is not None else "."

    def text(self, number: int) -> Callable[[Slots], str | None]:
        """A getter for the raw text of a path; None where the path leads nowhere."""
        if self._blank[number] is _LATER:

            def follow(slots: Slots) -> str | None:
                hit = self.found(slots, number)
                return None if hit is None else text_of(hit)

            return follow

        def get(slots: Slots) -> str | None:
            hit = slots[number]
            if hit is None:
                return None
            if len(hit):
                return text_of(hit)
            text: str | None = hit.text
            return text

        return get

    def place(self, slots: Slots, number: int) -> Element | None:
        """The element behind a path, for a problem."""
        hit = self.found(slots, number)
        return None if hit is None else element_of(hit)

    def _insert(self, names: tuple[str, ...], number: int, *, every: bool) -> bool:
        """Enter a plain path into the tree of names; False where another path has that very place."""
        node = self._node
        for name in names[:-1]:
            slot, many, below = node.get(name, (-1, False, None))
            if below is None:
                below = {}
                node[name] = (slot, many, below)
            node = below
        slot, many, below = node.get(names[-1], (-1, False, None))
        if slot >= 0:
            return False
        node[names[-1]] = (number, every, below)
        return True


def _fill(element: Element, node: Node, slots: Slots) -> None:
    for child in element:
        tag = child.tag
        entry = node.get(tag)
        if entry is None:
            if tag[0] != "{":
                continue
            entry = node.get(tag.rpartition("}")[2])
            if entry is None:
                continue
        slot, every, below = entry
        if slot >= 0:
            if every:
                if slots[slot] is None:
                    slots[slot] = [child]
                else:
                    slots[slot].append(child)
            elif slots[slot] is None:
                slots[slot] = child
        if below is not None:
            _fill(child, below, slots)
