"""What a level of a mapping wants of an element: the places that its paths lead to, as a tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.mapping.steps import Steps


class Wanted:
    """A place in the tree of elements that the paths of a level lead through.

    below: the children that are wanted. rows: all elements of the name are wanted, not the first one only.
    row_roots: what is wanted of each of these rows, by the levels that read them.
    by: where a child tells elements of the name apart (`[TYPE='billing']`): per child, per text, the place of the
    first such element. first: the first of several, where a plain path leads through them.
    """

    def __init__(self) -> None:
        self.below: dict[str, Wanted] = {}
        self.rows = False
        self.row_roots: list[Wanted] = []
        self.by: dict[str, dict[str, Wanted]] = {}
        self.first: Wanted | None = None

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

    def chosen(self) -> Iterator[Wanted]:
        """What is wanted of single ones of several elements."""
        for texts in self.by.values():
            yield from texts.values()
        if self.first is not None:
            yield self.first


class WantedPaths:
    """The tree of a level, made from its paths. paths: by their numbers. rows: the numbers of those to rows."""

    def __init__(self, paths: Mapping[int, Steps], rows: set[int]) -> None:
        self.root = Wanted()
        self.rows: dict[int, Wanted] = {}
        self._places: dict[int, Steps] = {}
        several = {places for number, steps in paths.items() for places in _several(steps, every=number in rows)}
        for number, steps in paths.items():
            self._enter(number, steps, several, every=number in rows)

    def value(self, number: int) -> tuple[Wanted, str] | None:
        """The place and the name of its child whose text a path leads to; None where the tree cannot hold it."""
        steps = self._places.get(number)
        return None if steps is None else (self._parent(steps), steps.names[-1])

    def _enter(self, number: int, steps: Steps, several: set[tuple[str, ...]], *, every: bool) -> None:
        """Put a path into the tree, where it is one that the tree can hold."""
        if steps.tells[-1] is not None or any(tells and (every or len(tells[0]) != 1) for tells in steps.tells):
            return
        through = [steps.names[: index + 1] in several for index in range(len(steps.names) - 1)]
        if every and any(through):
            return
        node = self.root
        for index, (name, tells) in enumerate(zip(steps.names, steps.tells, strict=True)):
            node = node.below.setdefault(name, Wanted())
            if tells is not None:
                node = node.by.setdefault(tells[0][0], {}).setdefault(tells[1], Wanted())
            elif index < len(through) and through[index]:
                node.first = node.first or Wanted()
                node = node.first
        if every:
            node.rows = True
            self.rows[number] = node
        elif steps.names not in several:
            self._places[number] = steps

    def _parent(self, steps: Steps) -> Wanted:
        """The place in which the last step of a path is looked up."""
        node = self.root
        for name, tells in zip(steps.names[:-1], steps.tells[:-1], strict=True):
            node = node.below[name]
            if tells is not None:
                node = node.by[tells[0][0]][tells[1]]
            elif node.first is not None:
                node = node.first
        return node


def _several(steps: Steps, *, every: bool) -> Iterator[tuple[str, ...]]:
    """The places on a path at which more than one element is looked at."""
    for index, tells in enumerate(steps.tells):
        if tells is not None or (every and index == len(steps.names) - 1):
            yield steps.names[: index + 1]
