"""Reading the records of an export by their layout, which is learned while they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from typing import NamedTuple

from gateway.mapping.by_layout import ByLayout
from gateway.mapping.canonical import canonical_forms
from gateway.mapping.chunks import Chunk, Frame, NotCuttable
from gateway.mapping.doubt import Doubt
from gateway.mapping.generated import written_reader
from gateway.mapping.layout import Layout, NoLayout
from gateway.mapping.levels import LevelReader, Values
from gateway.mapping.paths import Element
from gateway.mapping.plain_text import NotPlain, codec_of, plain_text
from gateway.mapping.unreadable import Unreadable

WORTH = 1 << 20
"""Bytes of an input for which it is worth while to learn a layout."""

WORTH_BLANKS = 8 << 20
"""Bytes for which it is worth while to look at their white space as well."""

_FIRST = 40
"""Records that are learned from before any is read so."""

_MOST_TIMES = 16
"""How often a layout may be widened for one input: each time it is compiled anew."""

_PATIENCE = 64
"""Records that may be refused before it is asked whether it is still worth while."""

Read = Callable[[str, int], tuple[Values, int]]


Found = tuple[Values, Callable[[], int]]
"""The values of a record, and what tells its line."""


class Lines:
    """Counts the lines of a chunk up to a place, from the place that was asked for last.

    before: tells how many lines of the input stand before the chunk.
    """

    def __init__(self, text: str, before: Callable[[], int]) -> None:
        self._text = text
        self._before = before
        self._last = 0, 1

    def at(self, place: int) -> int:
        """The line at a place. Threads may ask. Raises OSError where the input cannot be read any more."""
        return self._before() + self._in_text(place)

    def _in_text(self, place: int) -> int:
        last, line = self._last
        if place < last:
            return line - self._text.count("\n", place, last)
        line += self._text.count("\n", last, place)
        self._last = place, line
        return line


class _Known(NamedTuple):
    """A layout, and what reads its records."""

    layout: Layout
    read: Read
    expects_blanks: bool


class Layouts:
    """The layout that the latest large input of a mapping had. Threads share it."""

    def __init__(self, level: LevelReader) -> None:
        self._level = level
        self._latest: _Known | None = None

    def matcher(self, frame: Frame, size: int) -> Matcher | None:
        """What reads the records of an input of so many bytes by their layout; None where that is no gain."""
        codec = codec_of(frame.encoding)
        if size < WORTH or codec is None:
            return None
        return Matcher(self, frame, codec, self._latest, looks_at_blanks=size >= WORTH_BLANKS)

    def written(self, layout: Layout, records: str | None = None) -> Read:
        """The function that reads records of a layout; it is taken first for the next input. Raises NoLayout.

        records: some of them, whose white space is expected.
        """
        read: Read = written_reader(self._level, ByLayout(layout, records))
        self._latest = _Known(deepcopy(layout), read, expects_blanks=records is not None)
        return read


class Matcher:
    """Reads one input. For one thread."""

    def __init__(
        self, layouts: Layouts, frame: Frame, codec: str, known: _Known | None, *, looks_at_blanks: bool
    ) -> None:
        self._layouts = layouts
        self._codec = codec
        self._end_tag = frame.end_tag.decode("ascii", "replace")
        self._tag = frame.end_tag
        self._name = frame.path[-1]
        self._layout = deepcopy(known.layout) if known else Layout(self._name)
        self._read = known.read if known else None
        self._looks_at_blanks = looks_at_blanks
        self._expects_blanks = known is not None and known.expects_blanks
        self._is_of_another = known is not None
        self._learned = self._met = self._refused = 0
        self._plain: str | bytes | None = None
        self._forms: list[bytes] | None = None
        self.is_of_use = True

    def canonical_forms(self) -> list[bytes] | None:
        """The canonical forms of the records of the present chunk; None where they are to be parsed for them."""
        if self._plain is not None:
            self._forms, self._plain = canonical_forms(self._plain, self._tag), None
        return self._forms

    def records(
        self, chunk: Chunk, lines_before: Callable[[], int], parsed: Callable[[], list[Element]]
    ) -> Iterator[Found | None]:
        """The records of a chunk; None for one that is to be read as an element.

        parsed: the elements of the chunk. Raises what that raises, before any record of it is given.
        """
        read = self._read
        self._plain, self._forms = None, None
        try:
            if read is None:
                raise NotPlain
            text, plain = plain_text(chunk.data, self._codec, self._tag)
        except NotPlain:
            elements = parsed()
            yield from (None for _ in elements)
            self._look_back(len(elements), len(elements), elements)
            return
        found, refused = self._found(read, text, lines_before)
        if refused:
            parsed()  # raises, before any record is given, where the chunk is not well-formed
        else:
            self._plain = plain
        yield from found
        self._look_back(len(found), refused, parsed() if refused else [])
        if self._looks_at_blanks and not refused and not self._expects_blanks:
            self._read = self._layouts.written(self._layout, text)
            self._expects_blanks = True

    def _found(self, read: Read, text: str, lines_before: Callable[[], int]) -> tuple[list[Found | None], int]:
        """The records of a chunk, and how many of them could not be read so. Raises NotCuttable."""
        found: list[Found | None] = []
        at, end, lines, refused = 0, len(text), Lines(text, lines_before), 0
        while at < end:
            start = text.find("<", at)
            try:
                values, at = read(text, start)
            except (Doubt, Unreadable, TypeError, ValueError, ArithmeticError):
                at = self._behind(text, start)
                refused += 1
                found.append(None)
            else:
                found.append((values, partial(lines.at, start)))
        return found, refused

    def _behind(self, text: str, start: int) -> int:
        """Where a record ends that could not be read. Raises NotCuttable."""
        end = text.find(self._end_tag, start)
        if min(start, end) < 0:
            raise NotCuttable
        return end + len(self._end_tag)

    def _learn(self, elements: list[Element]) -> bool:
        """Widen the layout; whether records are read by another one now. Raises NoLayout."""
        try:
            is_new = self._layout.learn(elements)
        except NoLayout:
            if not self._is_of_another:
                raise
            # the input before was laid out otherwise, by another shop perhaps
            self._layout, self._read, self._is_of_another = Layout(self._name), None, False
            is_new = self._layout.learn(elements)
        if self._met < _FIRST or not (is_new or self._read is None):
            return False
        self._learned += 1
        self._read = self._layouts.written(self._layout)
        self._expects_blanks = False
        return True

    def _look_back(self, met: int, refused: int, elements: list[Element]) -> None:
        """Learn from a chunk in which records were refused, and ask whether this is worth while."""
        self._met += met
        if elements and self._learned < _MOST_TIMES:
            try:
                if self._learn(elements):
                    return
            except NoLayout:
                self.is_of_use = False
        self._refused += refused if self._read is not None else 0
        if self._refused > max(_PATIENCE, self._met // 2):
            self.is_of_use = False
