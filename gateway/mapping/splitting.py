"""Records that hold several documents: each is read once for every part, as if it had that part alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.diagnostics import Span
from gateway.mapping.paths import Element, compile_path
from gateway.mapping.sources import Records, SourceSpec


class SplitRecords(Records):
    """The records of another source, each once for every element that a path of it leads to; see sources.Records.

    While one part is read the others are taken out, so that paths, rows and fingerprints see a record with one
    part. A record without any is given as it is.
    """

    def __init__(self, records: Records, spec: SourceSpec) -> None:
        assert spec.split is not None
        self._records = records
        self._path = compile_path(spec.split, spec.namespaces)
        self._parts: list[Element] = []
        self._present: Element | None = None
        self._held: dict[int, tuple[Element, list[Element]]] = {}

    def __iter__(self) -> Iterator[Element]:
        """Yield the records. Raises SourceProblems, possibly after some."""
        for record in self._records:
            self._parts = list(self._path.find_all(record))
            if len(self._parts) < 2:
                yield record
                continue
            for part in self._parts:
                self._present = part
                with self._alone():
                    yield record
            self._present = None

    def place(self, element: Element, value: str | None) -> Span:
        """See sources.Records."""
        with self._whole():
            return self._records.place(element, value)

    def line(self, element: Element) -> int:
        """See sources.Records; of a part it is the part's own line."""
        return self._records.line(element if self._present is None else self._present)

    def fragment(self, element: Element) -> bytes:
        """See sources.Records: of XML with that part alone, of JSON the whole record."""
        return self._records.fragment(element)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """The present part without the others, which come back in their places."""
        holders = [(part, part.getparent()) for part in self._parts]
        children = {id(holder): (holder, list(holder)) for _, holder in holders if holder is not None}
        self._held = children
        for part, holder in holders:
            if holder is not None and part is not self._present:
                holder.remove(part)
        try:
            yield
        finally:
            _refill(children)

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """The record with all its parts, for a moment: places are counted in the input as it is."""
        if self._present is None:
            yield
            return
        alone = {key: (holder, list(holder)) for key, (holder, _) in self._held.items()}
        _refill(self._held)
        try:
            yield
        finally:
            _refill(alone)


def _refill(children: dict[int, tuple[Element, list[Element]]]) -> None:
    for holder, members in children.values():
        holder[:] = members
