"""A loaded mapping: it reads an input record by record into documents or their problems."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gateway import yamlfile
from gateway.diagnostics import Problem, Span, has_errors
from gateway.documents import Document, Finding, Kind, OnTotals
from gateway.mapping.by_elements import ByElements
from gateway.mapping.canonical import canonical_fingerprint
from gateway.mapping.chunks import Part
from gateway.mapping.doubt import Doubt
from gateway.mapping.generated import stays_inside, written_reader
from gateway.mapping.kept import Kept
from gateway.mapping.laid_out import Layouts
from gateway.mapping.levels import FieldReader, LevelReader, Trace, Trouble, Values
from gateway.mapping.paths import Element
from gateway.mapping.plan import Slots
from gateway.mapping.sources import Line, Records, SourceSpec, examine, parts_of_source, records_of
from gateway.mapping.unreadable import Unreadable

if TYPE_CHECKING:
    from gateway.mapping.expectations import SelfTest
    from gateway.mapping.selftest import TestOutcome


WORTH_WRITING = 8
"""Records that a mapping must meet before its quick reader is written, which takes as long as reading some."""

Place = Callable[[Element, "str | None"], Span]
"""Finds a value of an element in the source."""


_PRICED = ("quantity", "unit_price", "total", "vat_rate")
"""What the price of a line is told from."""


class Origin(msgspec.Struct, eq=False):
    """The source element behind a reading, until the next record is read."""

    _element: Element | None
    _records: Records
    _fingerprint: str | None = None
    _expired: bool = False

    def expire(self) -> None:
        """Let the element go."""
        self._element = None
        self._expired = True

    def element(self) -> Element:
        """The element. Raises RuntimeError once the next record has been read."""
        if self._expired:
            raise RuntimeError("a reading's source is gone once the next record is read; ask before")
        if self._element is None:
            self._element = self._records.present()
        return self._element

    def fingerprint(self) -> str:
        """See Reading.fingerprint."""
        if self._fingerprint is None:
            self._fingerprint = canonical_fingerprint(self.element())
        return self._fingerprint

    def fragment(self) -> bytes:
        """See Reading.fragment."""
        return self._records.fragment(self.element())

    def keep(self, line: Line) -> Kept:
        """See Reading.keep."""
        return self._records.keep(self.element, line)


class Reading(msgspec.Struct, frozen=True, eq=False):
    """One record of an input: its document, or the problems that stand against it.

    position: the record's number in the input, from 1. line: its first line in the source.
    key: the document's key as far as it could be read, also of a bad record.
    document: None where one of the problems is an error; warnings may stand beside a document.
    `fingerprint` and `fragment` are computed when asked for, and that is possible only until the next record
    is read (RuntimeError afterwards; a fingerprint that was asked for once stays).
    """

    position: int
    _line: Line
    key: str | None
    document: Document | None
    problems: tuple[Problem, ...]
    _origin: Origin

    @property
    def line(self) -> int:
        """See above."""
        return self._line if isinstance(self._line, int) else self._line()

    def fingerprint(self) -> str:
        """sha256 of the canonical source fragment: C14N without comments, white space around texts ignored."""
        return self._origin.fingerprint()

    def fragment(self) -> bytes:
        """A well-formed input with this record alone, for a person to mend and to drop back.

        What a record needs around it is kept: in XML its ancestors with their attributes and namespaces.
        """
        return self._origin.fragment()

    def keep(self) -> Kept:
        """What tells all this also when the next record has been read, as long as the input can be. It is cheap
        where nothing is asked; asked for as `fragment` is.
        """
        return self._origin.keep(self._line)


class Mapping:
    """A compiled mapping. Loaded with `load`; reading keeps no state, so threads may share it."""

    def __init__(
        self,
        *,
        name: str,
        path: str,
        kind: Kind,
        version: str,
        source: SourceSpec,
        level: LevelReader,
        on_totals: OnTotals,
        tests: tuple[SelfTest, ...],
    ) -> None:
        self.name = name
        self.path = path
        self.kind = kind
        self.version = version
        self.format = source.format
        self._source = source
        self._level = level
        self._on_totals = on_totals
        self._tests = tests
        self._quick: dict[bool, Callable[[Element], Values]] = {}
        self._records_before = 0
        self._layouts = Layouts(level)
        self._apart = stays_inside(level)

    def read(
        self, path: Path, *, shown_as: str | None = None, wanted: Callable[[int], bool] | None = None
    ) -> Iterator[Reading]:
        """Read an input as a stream.

        shown_as: the name that problems show, where the file lies elsewhere than it came from.
        wanted: tells by its position whether a record is to be read; the others are passed over.
        Raises SourceProblems for what spoils the whole input, possibly after readings were yielded (a cut file);
        nothing of such an input may be used. Raises OSError where the file cannot be read.
        """
        shown = shown_as if shown_as is not None else yamlfile.shorten(path)
        records = records_of(path, self._source, shown, apart=self._apart)
        yield from self._readings(records, wanted)

    def parts(self, path: Path, *, shown_as: str, size: int) -> list[Part]:
        """Parts of an input of about `size` bytes, for several processes; none where it cannot be cut.

        Raises SourceProblems for what can be told from its beginning. `examine` looks at all of it.
        """
        return parts_of_source(path, self._source, shown_as, size) if self._apart else []

    def examine(self, path: Path, *, shown_as: str) -> None:
        """Check what can be told before an input is parsed, as `read` does. Raises SourceProblems."""
        examine(path, self._source, shown_as)

    def read_part(self, path: Path, part: Part, *, shown_as: str) -> Iterator[Reading]:
        """The readings of a part, their positions counted from its beginning. Raises NotCuttable where the input
        is not what its cuts suppose; then the part is to be read anew with all that follow it, by `read`.
        """
        records = records_of(path, self._source, shown_as, apart=True, part=part)
        yield from self._readings(records, None)

    def _readings(self, records: Records, wanted: Callable[[int], bool] | None) -> Iterator[Reading]:
        for position, (element, values, line) in enumerate(records.read_by(self._layouts), start=1):
            if wanted is not None and not wanted(position):
                continue
            origin = Origin(element, records)
            try:
                yield (
                    self._completed(position, line, values, origin)
                    or self._read_quickly(position, origin.element(), origin, records)
                    or self._read_surely(position, origin.element(), origin, records)
                )
            finally:
                origin.expire()

    def run_tests(self, *, root: Path | None) -> list[TestOutcome]:
        """Run the tests of the file; samples are looked up below `root`, then among the shipped ones."""
        from gateway.mapping.selftest import run

        return run(self, self._tests, root)

    def _completed(self, position: int, line: Line, values: Values | None, origin: Origin) -> Reading | None:
        """The reading of values with which there is nothing wrong; None for any other."""
        if values is None:
            return None
        document, findings = self.kind.complete(values, on_totals=self._on_totals)
        if document is None or findings:
            return None
        return Reading(position, line, self.kind.key_of(document), document, (), origin)

    def _read_quickly(self, position: int, element: Element, origin: Origin, records: Records) -> Reading | None:
        """The reading of a record that has nothing unusual about it; None for any other."""
        namespaces = records.namespaces
        read = self._quick.get(namespaces)
        if read is None:
            self._records_before += 1
            if self._records_before < WORTH_WRITING:
                return None
            read = self._quick[namespaces] = written_reader(self._level, ByElements(namespaces=namespaces))
        try:
            values = read(element)
        except (Doubt, Unreadable, TypeError, ValueError, ArithmeticError):
            return None
        return self._completed(position, records.line(element), values, origin)

    def _read_surely(self, position: int, element: Element, origin: Origin, records: Records) -> Reading:
        values, trace = self._level.read_record(element)
        document, findings = self.kind.complete(values, on_totals=self._on_totals)
        key = self.kind.key_in(values)
        line = records.line(element)
        if document is not None and not findings and not trace.troubles:
            return Reading(position, line, self.kind.key_of(document), document, (), origin)
        record = f"{self.kind.name} {key}" if key else f"{self.kind.name} #{position}"
        problems = _Problems(self._level, trace, records.place, record)
        found = [problems.of_trouble(trouble) for trouble in trace.troubles]
        unreadable = [trouble.path for trouble in trace.troubles if not trouble.warning]
        found += [problems.of_finding(each) for each in findings if not _follows(each, unreadable)]
        if has_errors(found):
            document = None
        line = records.place(element, None).line or line
        return Reading(position, line, key, document, tuple(found), origin)


def _follows(finding: Finding, unreadable: list[str]) -> bool:
    """Whether a finding only repeats that a value below it (or all sums over it) could not be read."""
    for path in unreadable:
        if path == finding.field or path.startswith(f"{finding.field}.") or finding.field.startswith(f"{path}."):
            return True
        row, _, member = path.partition("].")
        if member.startswith(_PRICED) and finding.field.startswith(f"{row}]") and finding.code == "D011":
            return True
        if finding.code == "D007" and path.startswith(("lines", "total")):
            return True
    return False


class _Problems:
    """Words the problems of one record, each with its place in the source."""

    def __init__(self, level: LevelReader, trace: Trace, place: Place, record: str) -> None:
        self._level = level
        self._trace = trace
        self._place = place
        self._record = record

    def of_trouble(self, trouble: Trouble) -> Problem:
        unreadable, reader = trouble.unreadable, trouble.reader
        wanted = (unreadable.slot,) if unreadable.slot is not None else reader.slots if reader else ()
        element, text = _located(trouble.level, trouble.slots, wanted)
        return Problem(
            code=unreadable.code,
            level="warning" if trouble.warning else "error",
            message=unreadable.message,
            span=self._place(element, text),
            help=unreadable.hint,
            record=self._record,
            field=trouble.path,
            context=_context(trouble.path, trouble.span) + unreadable.notes,
        )

    def of_finding(self, finding: Finding) -> Problem:
        level, slots, name = self._level, self._trace.slots, finding.field
        for rows, traced in self._trace.rows.items():
            if name.startswith(f"{rows}["):
                number, _, name = name[len(rows) + 1 :].partition("].")
                level, slots = traced[int(number.rstrip("]")) - 1]
        reader, element, text = _behind(level, slots, name)
        return Problem(
            code=finding.code,
            level=finding.level,
            message=finding.message,
            span=self._place(element, text),
            help=finding.help,
            record=self._record,
            field=finding.field,
            context=_context(finding.field, reader.span if reader else None),
        )


def _behind(level: LevelReader, slots: Slots, name: str) -> tuple[FieldReader | None, Element, str | None]:
    """The field that gave a value, and its element; for `unit_price` the first of its members that has one."""
    reader: FieldReader | None = None
    nearest = slots[0]
    for each in level.fields:
        if each.field.name == name or each.field.name.startswith(f"{name}."):
            element, text = _located(level, slots, each.slots)
            if text is not None:
                return each, element, text
            if reader is None:
                reader, nearest = each, element
    return reader, nearest, None


def _located(level: LevelReader, slots: Slots, wanted: tuple[int, ...]) -> tuple[Element, str | None]:
    """The first of the paths that leads to a text; else to an empty element; else the record or row itself."""
    nearest: Element | None = None
    for slot in wanted:
        text = level.plan.text(slot)(slots)
        element = level.plan.place(slots, slot)
        if element is not None and text and not text.isspace():
            return element, text
        nearest = nearest if nearest is not None else element
    return (nearest if nearest is not None else slots[0]), None


def _context(path: str, mapped: Span | None) -> tuple[str, ...]:
    lines = [f"field: {path}"]
    if mapped is not None:
        lines.append(f"mapped by {mapped.file}:{mapped.line}")
    return tuple(lines)
