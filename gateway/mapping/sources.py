"""XML inputs as a stream of record elements, with flat memory; whatever spoils the whole input is raised."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache, partial
from hashlib import sha256
from itertools import islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec
from lxml import etree
from msgspec.structs import replace

from gateway.diagnostics import Problem, Span
from gateway.errors import SourceProblems
from gateway.mapping.canonical import canonical_fingerprint
from gateway.mapping.chunks import (
    PARSING,
    Chunk,
    ChunkParser,
    Frame,
    NotCuttable,
    Part,
    chunks,
    frame_of,
    parts_of,
)
from gateway.mapping.encoding import HEAD, Prolog, encoding_problem, read_prolog
from gateway.mapping.ending import wholeness
from gateway.mapping.fragment import alone
from gateway.mapping.kept import Kept, KeptOfChunk, KeptWhole
from gateway.mapping.lines import SourceLines, line_of
from gateway.mapping.opening import LARGEST_RECORD, WRONG_PLACE, check_size, refuse, refuse_blank
from gateway.mapping.paths import Element, children, local_name
from gateway.mapping.syntax import in_our_words

if TYPE_CHECKING:
    from gateway.mapping.laid_out import Found, Layouts
    from gateway.mapping.levels import Values

_NO_DOCTYPE = "export without a DOCTYPE; it can hide entities that read files or fill the memory"
_CHUNK = 64 << 10


class Section(msgspec.Struct, frozen=True):
    """Elements of another part of the same input, joined to each record as children named `name`.

    Those at `record` are taken whose text at `key` is the record's text at `equals`. into: the elements of the
    record that they are joined to. needed: whether it is a problem that there is none.
    """

    name: str
    record: tuple[str, ...]
    key: str
    equals: str
    into: str
    needed: bool


class SourceSpec(msgspec.Struct, frozen=True):
    """Where the records are: one or several paths from the root; the first one that occurs is taken.

    header (CSV): whether the first line is one, or the names of the columns. group (CSV): the column whose equal
    texts make one record. namespaces: the prefixes that paths may use. split: the path from a record to the parts
    of it that are documents of their own.
    """

    records: tuple[tuple[str, ...], ...]
    encoding: str | None
    max_bytes: int
    format: Literal["xml", "json", "jsonl", "csv"] = "xml"
    delimiter: str | None = None
    quote: str = '"'
    header: bool | tuple[str, ...] = True
    group: str | None = None
    namespaces: Mapping[str, str] = msgspec.field(default_factory=dict)
    sections: tuple[Section, ...] = ()
    split: str | None = None

    @property
    def paths(self) -> str:
        """The paths as a person reads them."""
        return " or ".join("`/" + "/".join(names) + "`" for names in self.records)


Line = int | Callable[[], int]
"""The line of a record, or what counts it."""

Taken = tuple[Element | None, "Values | None", Line]
"""A record as an element, or as its values already, and its line."""


class Records(Protocol):
    """The records of one input as a stream of elements. Each is valid until the next one is asked for.

    namespaces: whether the names of the present record may have one.
    """

    namespaces: bool = True

    def __iter__(self) -> Iterator[Element]:
        """Yield the records in the input's order. Raises SourceProblems, possibly after some."""

    def place(self, element: Element, value: str | None) -> Span:
        """Where a value of an element stands in the input; the element's own place where that cannot be told."""

    def read_by(self, layouts: Layouts) -> Iterator[Taken]:
        """The records, those as values already that could be read by their layout. Raises as iterating does."""
        for element in self:
            yield element, None, self.line(element)

    def present(self) -> Element:
        """The element of a present record that was read by its layout."""
        raise LookupError

    def line(self, element: Element) -> int:
        """The line of an element as the parser tells it, without looking at the input; 0 where it does not."""
        return line_of(element)

    def fragment(self, element: Element) -> bytes:
        """A well-formed input with this record alone, that the same mapping reads."""

    def keep(self, element: Callable[[], Element], line: Line) -> Kept:
        """The present record for later on. element: gives that record's. line: as it was read with."""
        present = element()
        return KeptWhole(line, self.fragment(present), canonical_fingerprint(present))


def records_of(
    path: Path, spec: SourceSpec, shown_as: str, *, apart: bool = False, part: Part | None = None
) -> Records:
    """The records of an input. Raises SourceProblems for what can be told before the first record is read.

    apart: nobody will look at what stands beside a record or above it (but for the names of its ancestors and
    their attributes), so that records may be parsed by themselves, which is faster. part: only the records of that
    part; reading them raises NotCuttable where the part is not what it seemed to be.
    """
    if spec.split is not None:
        from gateway.mapping.splitting import SplitRecords

        return SplitRecords(records_of(path, replace(spec, split=None), shown_as), spec)
    if spec.sections:
        from gateway.mapping.joins import JoinedRecords

        return JoinedRecords(path, spec, shown_as)
    if spec.format in ("json", "jsonl"):
        from gateway.mapping.json_source import JsonRecords

        return JsonRecords(path, spec, shown_as)
    if spec.format == "csv":
        from gateway.mapping.csv_source import CsvRecords

        return CsvRecords(path, spec, shown_as)
    return XmlRecords(path, spec, shown_as, apart=apart, part=part)


def parts_of_source(path: Path, spec: SourceSpec, shown_as: str, size: int) -> list[Part]:
    """The parts of an input for several processes; none where it cannot be cut. Raises SourceProblems for what can
    be told from its beginning: that all of its bytes are of its encoding is for `examine` to find out.
    """
    if len(spec.records) > 1 or spec.format != "xml" or spec.sections or spec.split is not None:
        return []
    with suppress(NotCuttable):
        prolog = _beginning(path, spec, shown_as)
        return parts_of(path, frame_of(path, spec.records[0], prolog, spec.encoding), size)
    return []


def examine(path: Path, spec: SourceSpec, shown_as: str) -> Prolog:
    """Check what can be told before parsing. Raises SourceProblems."""
    prolog = _beginning(path, spec, shown_as)
    problem = encoding_problem(path, prolog, shown_as, spec.encoding)
    if problem is not None:
        raise SourceProblems([problem])
    return prolog


def _beginning(path: Path, spec: SourceSpec, shown_as: str) -> Prolog:
    """Check what can be told from the beginning. Raises SourceProblems."""
    size = check_size(path, spec, shown_as)
    prolog = prolog_of(path)
    if prolog.blank:
        refuse_blank(size, shown_as)
    _check_start(prolog, spec, shown_as)
    return prolog


def prolog_of(path: Path) -> Prolog:
    """How an input begins."""
    with path.open("rb") as file:
        return read_prolog(file.read(HEAD))


def _check_start(prolog: Prolog, spec: SourceSpec, shown_as: str) -> None:
    if not prolog.is_xml:
        refuse(
            "S001",
            "the input does not begin as XML",
            _span(prolog, shown_as, 0, 0),
            "check what was dropped here: this mapping reads XML",
        )
    if "html" in ((prolog.doctype or "").lower(), (prolog.root or "").lower()):
        refuse(
            "S003",
            "the input is a web page (HTML), not an export",
            _span(prolog, shown_as, prolog.at, 1),
            "check the address and the login of the export; shops refuse with a page",
        )
    if prolog.doctype is not None:
        refuse(
            "S004",
            "the input has a DOCTYPE, which is not taken",
            _span(prolog, shown_as, prolog.at, len("<!DOCTYPE")),
            _NO_DOCTYPE,
        )
    roots = {names[0] for names in spec.records}
    if prolog.root is not None and prolog.root.rpartition(":")[2] not in roots:
        wanted = " or ".join(f"`{name}`" for name in sorted(roots))
        refuse(
            "S003",
            f"the root is `{prolog.root}`, this mapping reads {wanted}",
            _span(prolog, shown_as, prolog.at + 1, len(prolog.root)),
            WRONG_PLACE,
        )


class XmlRecords(Records):
    """The records of an XML input; see Records."""

    def __init__(
        self, path: Path, spec: SourceSpec, shown_as: str, *, apart: bool = False, part: Part | None = None
    ) -> None:
        self._path = path
        self._spec = spec
        self._shown_as = shown_as
        self._part = part
        self._prolog = prolog = examine(path, spec, shown_as) if part is None else prolog_of(path)
        self._apart = apart and len(spec.records) == 1
        self._lines_before: Callable[[], int] = _none
        self._kept: tuple[Frame, Chunk, int] | None = None
        self._parsed: Callable[[], list[Element]] = list
        self._forms: Callable[[], list[bytes] | None] = _no_forms
        self._again: tuple[Chunk, list[Element]] | None = None
        self.namespaces = True
        self._root = prolog.root or spec.records[0][0]
        self._lines = SourceLines(path, spec.encoding or prolog.codec or "utf-8")
        self._encoding = spec.encoding or "UTF-8"
        self._chosen: int | None = None
        self._parent: Element | None = None
        self._container_seen = False

    def __iter__(self) -> Iterator[Element]:
        """Yield the records. Raises SourceProblems, possibly after some."""
        for element, _, _ in self.read_by(None):
            yield element if element is not None else self.present()

    def present(self) -> Element:
        """See Records."""
        if self._kept is None:
            raise LookupError
        return self._parsed()[self._kept[2]]

    def read_by(self, layouts: Layouts | None) -> Iterator[Taken]:
        """See Records; without layouts, all of them as elements."""
        if self._part is not None:
            yield from self._in_chunks(layouts)
            return
        given = 0
        with suppress(NotCuttable):
            for taken in self._in_chunks(layouts):
                given += 1
                yield taken
            return
        self._lines_before, self.namespaces, self._kept = _none, True, None
        for element in islice(self._one_by_one(), given, None):
            yield element, None, self.line(element)

    def _in_chunks(self, layouts: Layouts | None) -> Iterator[Taken]:
        """The quick way. Raises NotCuttable, possibly after some records."""
        if not self._apart:
            raise NotCuttable
        frame = frame_of(self._path, self._spec.records[0], self._prolog, self._spec.encoding)
        parser = ChunkParser(frame)
        matcher = layouts.matcher(frame, self._path.stat().st_size) if layouts is not None else None
        with self._path.open("rb") as file:
            for chunk in chunks(file, frame, self._part):
                self._lines_before = lines_before = cache(partial(self._lines.before, chunk.start))
                self.namespaces = b"xmlns" in frame.opening or b"xmlns" in chunk.data
                self._parsed = parsed = cache(partial(parser.records, chunk))
                is_used = matcher is not None and matcher.is_of_use and not self.namespaces
                if matcher is None or not is_used:
                    by_layout: Iterable[Found | None] = repeat(None, len(parsed()))
                    self._forms = _no_forms
                else:
                    by_layout = matcher.records(chunk, lines_before, parsed)
                    self._forms = matcher.canonical_forms
                for index, found in enumerate(by_layout):
                    self._kept = frame, chunk, index
                    if found is not None:
                        yield None, *found
                    else:
                        element = parsed()[index]
                        yield element, None, partial(_line_in_all, line_of(element), lines_before)
        self._kept = None

    def _one_by_one(self) -> Iterator[Element]:
        """The sure way, which tells what is wrong with an input."""
        parser = self._parser()
        count = 0
        with self._path.open("rb") as file:
            passed = 0
            while True:
                chunk = file.read(_CHUNK)
                error = _feed(parser, chunk)
                for _, element in parser.read_events():
                    if self._is_record(element):
                        count += 1
                        passed = 0
                        yield element
                        _release(element)
                if error is not None:
                    raise SourceProblems([self._syntax_problem(error, at_end=not chunk)])
                if not chunk:
                    break
                passed += len(chunk)
                if passed > LARGEST_RECORD:
                    self._refuse_large(count)
        if count == 0:
            self._refuse_none()

    def place(self, element: Element, value: str | None) -> Span:
        """See Records."""
        return self._lines.place(element, value, self._shown_as, lines_before=self._lines_before())

    def line(self, element: Element) -> int:
        """See Records."""
        return _line_in_all(super().line(element), self._lines_before)

    def fragment(self, element: Element) -> bytes:
        """The ancestors of the record are kept with their attributes and namespaces, what stands beside it is not.

        It is UTF-8, or the encoding that the mapping names, because with that one it will be read again.
        """
        return alone(element, self._encoding)

    def keep(self, element: Callable[[], Element], line: Line) -> Kept:
        """See Records. Of a chunk its bytes are kept, and parsed once more if more is asked for."""
        if self._kept is None:
            return super().keep(element, line)
        frame, chunk, index = self._kept
        forms = self._forms()
        known_by = canonical_fingerprint(element()) if forms is None else sha256(forms[index]).hexdigest()
        return KeptOfChunk(self, frame, chunk, index, known_by)

    def parsed_again(self, frame: Frame, chunk: Chunk) -> list[Element]:
        """The records of a chunk that was passed by."""
        if self._again is None or self._again[0] is not chunk:
            self._again = chunk, ChunkParser(frame).records(chunk)
        return self._again[1]

    def line_again(self, element: Element, chunk: Chunk) -> int:
        """The line of a record of a chunk that was passed by."""
        return _line_in_all(line_of(element), partial(self._lines.before, chunk.start))

    def _parser(self) -> Any:
        tags = ["{*}" + name for name in dict.fromkeys(names[-1] for names in self._spec.records)]
        return etree.XMLPullParser(
            events=("end",),
            tag=tags,
            encoding=self._spec.encoding,
            **PARSING,
        )

    def _is_record(self, element: Element) -> bool:
        """Whether the element stands at the record's path; the path is walked only under a new parent."""
        parent = element.getparent()
        if parent is not None and parent is self._parent:
            return local_name(element.tag) == self._spec.records[self._chosen or 0][-1]
        names = [local_name(element.tag), *(local_name(above.tag) for above in element.iterancestors())]
        path = tuple(reversed(names))
        if path not in self._spec.records:
            return False
        index = self._spec.records.index(path)
        if self._chosen is None:
            if element.getroottree().docinfo.internalDTD is not None:
                refuse(
                    "S004", "the input has a DOCTYPE, which is not taken", Span(file=self._shown_as), _NO_DOCTYPE
                )
            if any(_holds_container(element, path, other) for other in self._spec.records[:index]):
                self._container_seen = True
                return False
            self._chosen = index
        if index != self._chosen:
            return False
        self._parent = parent
        return True

    def _refuse_large(self, count: int) -> None:
        refuse(
            "S009",
            f"no record ended within {LARGEST_RECORD >> 20} MiB after record {count}",
            Span(file=self._shown_as),
            "check the path in `source: {record: …}` and the export",
        )

    def _refuse_none(self) -> None:
        span = Span(file=self._shown_as)
        if self._container_seen or any(len(names) <= 2 for names in self._spec.records):
            refuse(
                "S007",
                f"the input has no records: nothing stands at {self._spec.paths}",
                span,
                "nothing is to be done if the shop had no orders in that time",
            )
        refuse("S003", f"nothing stands at {self._spec.paths}", span, WRONG_PLACE)

    def _syntax_problem(self, error: etree.XMLSyntaxError, *, at_end: bool) -> Problem:
        line, column = error.position
        said = re.sub(r",? line \d+, column \d+$", "", (error.msg or "").strip()).replace("\n", " ")
        said = said[:1].lower() + said[1:]
        text = self._lines.line(line)
        span = Span(
            file=self._shown_as, line=line, column=min(column, len(text)) if text else 0, length=1, text=text
        )
        # A small input is parsed only when it is closed, so its end must be looked at to tell cut from faulty.
        cut = at_end and wholeness(self._path) == "unfinished"
        code, message, hint = in_our_words(int(getattr(error, "code", 0) or 0), said, self._root if cut else None)
        return Problem(code=code, message=message, span=span, help=hint)


def _feed(parser: Any, chunk: bytes) -> etree.XMLSyntaxError | None:
    """Feed the parser; an error is handed back, because the records before it are still to be read."""
    try:
        if chunk:
            parser.feed(chunk)
        else:
            parser.close()
    except etree.XMLSyntaxError as error:
        return error
    return None


def _no_forms() -> None:
    """Records are parsed for their canonical forms."""


def _none() -> int:
    """No lines stand before what is parsed as a whole."""
    return 0


def _line_in_all(line: int, before: Callable[[], int]) -> int:
    """The line in the input from that in a part of it; 0 where the parser does not tell it."""
    return line + before() if line else 0


def _release(element: Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _holds_container(element: Element, path: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether `other` is a path below `path` whose parent is there: then the export is one without records."""
    if other[: len(path)] != path or len(other) < len(path) + 2:
        return False
    holders = [element]
    for name in other[len(path) : -1]:
        holders = [child for holder in holders for child in children(holder, name)]
    return bool(holders)


def _span(prolog: Prolog, shown_as: str, at: int, length: int) -> Span:
    before = prolog.text[:at]
    line = before.count("\n") + 1
    start = before.rfind("\n") + 1
    text = prolog.text[start:].split("\n", 1)[0].rstrip("\r")[:2000]
    return Span(file=shown_as, line=line, column=at - start + 1 if length else 0, length=length, text=text)
