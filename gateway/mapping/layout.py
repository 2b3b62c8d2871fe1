"""The layout of an export's records: which elements stand where, learned from some of them.

Programs write each record alike. Once it is known what stands where, one regular expression can read a record. It
accounts for every character, so that what it takes is well-formed, and what is laid out otherwise is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

from gateway.mapping.paths import Element

_NAME = re.compile(r"[^\W\d][\w.-]*")
_MOST_NAMES = 400
_DEEPEST = 12


class NoLayout(Exception):
    """The records have attributes or namespaces, or are too different: they are to be read as elements."""


class Shape:
    """How the elements of one name look, as far as they were met.

    below: their children in order. repeated: some have several of the name. holders: how many elements have some.
    """

    def __init__(self) -> None:
        self.below: dict[str, Shape] = {}
        self.repeated = False
        self._empty = 0
        self._full = 0
        self._texts = False
        self.holders = 0

    @property
    def is_text(self) -> bool:
        """Whether there is nothing but text in them."""
        return not self.below

    @property
    def bare(self) -> bool:
        """Whether some are empty though others have children."""
        return bool(self.below) and self._empty > 0

    def is_optional(self, name: str) -> bool:
        """Whether some lack the child."""
        return self.below[name].holders < self._full

    def signature(self) -> object:
        """What two shapes differ in."""
        children = [(name, self.is_optional(name), child.signature()) for name, child in self.below.items()]
        return (self.repeated, self.bare, children)

    def learn(self, element: Element, depth: int = 1) -> None:
        """Widen it by an element. Raises NoLayout."""
        text = element.text
        if element.attrib or depth > _DEEPEST:
            raise NoLayout
        if not len(element):
            self._empty += not text or text.isspace()
            self._texts = self._texts or bool(text and not text.isspace())
            if self._texts and self.below:
                raise NoLayout
            return
        if self._texts or any(each and not each.isspace() for each in (text, *(child.tail for child in element))):
            raise NoLayout
        names = [(str(name), len(list(group))) for name, group in groupby(element, key=_tag)]
        self._arrange([name for name, _ in names])
        self._full += 1
        for name, count in names:
            self.below[name].holders += 1
            self.below[name].repeated |= count > 1
        for child in element:
            self.below[_tag(child)].learn(child, depth + 1)

    def _arrange(self, names: list[str]) -> None:
        """Bring the names into one order with those that were met. Raises NoLayout where there is none."""
        if len(set(names)) != len(names):
            raise NoLayout
        order, at = list(self.below), -1
        for name in names:
            if name in self.below:
                place = order.index(name)
                if place < at:
                    raise NoLayout
                at = place
            else:
                at += 1
                order.insert(at, name)
        if len(order) > len(self.below):
            self.below = {name: self.below.get(name) or Shape() for name in order}


class Layout:
    """What was learned of the records of a name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.shape = Shape()

    def learn(self, records: Iterable[Element]) -> bool:
        """Widen it by these; whether it is another one now. Raises NoLayout."""
        before = self.shape.signature()
        for record in records:
            if record.tag != self.name:
                raise NoLayout
            self.shape.learn(record)
        names = _names_below(self.shape)
        if len(names) >= _MOST_NAMES or self.name in names:
            raise NoLayout
        return self.shape.signature() != before


def _tag(element: Element) -> str:
    """The name of a child. Raises NoLayout for one with a prefix or namespace, or of another alphabet."""
    if not isinstance(element.tag, str) or not element.tag.isascii() or not _NAME.fullmatch(element.tag):
        raise NoLayout
    return element.tag


def _names_below(shape: Shape) -> list[str]:
    """The name of each place below, so that one stands there as often as it has a place."""
    return [*shape.below, *(name for child in shape.below.values() for name in _names_below(child))]
