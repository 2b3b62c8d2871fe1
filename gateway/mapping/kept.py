"""What can be told of a record after the next one was read, and by what it is known again."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

import msgspec

from gateway.mapping.canonical import canonical_fingerprint
from gateway.mapping.chunks import Chunk, Frame
from gateway.mapping.paths import Element

if TYPE_CHECKING:
    from gateway.mapping.sources import XmlRecords

PLAIN = "plain:"
"""Before the fingerprints of records as text; those without are of canonical forms."""


class Kept(Protocol):
    """A record that may have been passed by.

    fingerprint: to be stored, so that the record is known again. It is that of its text wherever that is at hand,
    without comments, with CDATA sections as texts: a canonical form costs ten times as much.
    """

    @property
    def fingerprint(self) -> str:
        """See above."""

    def line(self) -> int:
        """The first line of the record in the input. Raises OSError where that cannot be read any more."""

    def fragment(self) -> bytes:
        """See Reading.fragment."""

    def canonical_fingerprint(self) -> str:
        """See Reading.fingerprint."""


def is_known_by(record: Kept, fingerprint: str) -> bool | None:
    """Whether a record is the one that a stored fingerprint is of; None where that cannot be told.

    It cannot where that one is of a text: the same record may be written otherwise.
    """
    if record.fingerprint == fingerprint:
        return True
    return None if fingerprint.startswith(PLAIN) else record.canonical_fingerprint() == fingerprint


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

    def canonical_fingerprint(self) -> str:
        """See Kept."""
        return self.fingerprint


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

    def canonical_fingerprint(self) -> str:
        """See Kept."""
        return canonical_fingerprint(self._element())

    def _element(self) -> Element:
        return self.records.parsed_again(self.frame, self.chunk)[self.index]


def fingerprint_of_text(text: bytes) -> str:
    """The fingerprint of a record as text."""
    return PLAIN + sha256(text).hexdigest()
