"""What can be told of a record after the next one was read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import msgspec

from gateway.mapping.chunks import Chunk, Frame
from gateway.mapping.paths import Element

if TYPE_CHECKING:
    from gateway.mapping.sources import XmlRecords


class Kept(Protocol):
    """A record that may have been passed by.

    fingerprint: see Reading.fingerprint.
    """

    @property
    def fingerprint(self) -> str:
        """See above."""

    def line(self) -> int:
        """The first line of the record in the input. Raises OSError where that cannot be read any more."""

    def fragment(self) -> bytes:
        """See Reading.fragment."""


class KeptWhole:
    """A record of which everything was worked out at once."""

    __slots__ = ("_fragment", "_line", "fingerprint")

    def __init__(self, line: int | Callable[[], int], fragment: bytes, fingerprint: str) -> None:
        self._line = line
        self._fragment = fragment
        self.fingerprint = fingerprint

    def line(self) -> int:
        """See Kept."""
        return self._line if isinstance(self._line, int) else self._line()

    def fragment(self) -> bytes:
        """See Kept."""
        return self._fragment


class KeptOfChunk(msgspec.Struct, frozen=True, eq=False):
    """A record of a chunk, which is parsed once more if somebody asks; see Kept. For one thread."""

    records: XmlRecords
    frame: Frame
    chunk: Chunk
    index: int
    fingerprint: str

    def line(self) -> int:
        """See Kept."""
        return self.records.line_again(self._element(), self.chunk)

    def fragment(self) -> bytes:
        """See Kept."""
        return self.records.fragment(self._element())

    def _element(self) -> Element:
        return self.records.parsed_again(self.frame, self.chunk)[self.index]
