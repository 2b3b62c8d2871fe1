"""CSV inputs as a stream of record elements: each header is a child's name (`names.element_name`).

Without `group` each line is a record whose children are its cells. With `group: COLUMN` the lines that have the
same text in that column are one record with a `row` for each of them; an empty cell there goes on with the record
above.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from gateway.diagnostics import Span
from gateway.mapping.lines import SourceLines
from gateway.mapping.names import element_name
from gateway.mapping.opening import LARGEST_RECORD, open_text, refuse, refuse_beginning
from gateway.mapping.paths import Element, set_line
from gateway.mapping.sources import Records, SourceSpec

RECORD, ROW = "record", "row"
_DELIMITERS = (";", ",", "\t", "|")
_SHOWN_AS = {"\t": "tab"}
_UNFIT = {code: " " for code in range(32) if code not in (9, 10, 13)} | {0xFFFE: " ", 0xFFFF: " "}

Line = tuple[list[str], int, int]
"""The cells of one line of the table, with its first and last line in the file (a cell may hold line breaks)."""


class CsvRecords(Records):
    """The records of a CSV input; see sources.Records."""

    namespaces = False

    def __init__(self, path: Path, spec: SourceSpec, shown_as: str) -> None:
        self._path = path
        self._spec = spec
        self._shown_as = shown_as
        self._codec, text = open_text(path, spec, shown_as)
        self._lines = SourceLines(path, self._codec.removesuffix("-sig"))
        if text.lstrip("\ufeff \t\r\n").startswith(("<?xml", "<", "{", "[{")):
            refuse_beginning(text, "CSV", shown_as)
        first = next(line for line in text.lstrip("\ufeff").splitlines() if line.strip())
        self._marked = first.lower().startswith("sep=") and len(first) == len("sep=") + 1
        self._delimiter = spec.delimiter or (first[-1] if self._marked else self._told(first))
        self._columns: list[str] = []
        self._names: list[str] = []
        self._rows: list[tuple[Element, Line]] = []

    def __iter__(self) -> Iterator[Element]:
        """Yield the records. Raises SourceProblems, possibly after some."""
        count = 0
        lines = self._cells()
        self._head(lines)
        for record in self._grouped(lines) if self._spec.group else ([line] for line in lines):
            count += 1
            yield self._built(record)
        if count == 0:
            refuse(
                "S007",
                "the input has no records: no line stands below the header",
                Span(file=self._shown_as),
                "nothing is to be done if the shop had no orders in that time",
            )

    def place(self, element: Element, value: str | None) -> Span:
        """The cell where it can be told, else the line."""
        found = self._row_of(element)
        if found is None:
            return Span(file=self._shown_as)
        row, (_, first, last) = found
        index = -1 if element is row or element not in list(row) else row.index(element)
        wanted = next((part.strip() for part in (value or "").splitlines() if part.strip()), "")
        for number in range(first, last + 1):
            text = self._lines.line(number)
            start = self._cell_start(text, index) if text is not None and first == last and index >= 0 else 0
            at = text.find(wanted, start) if text is not None and wanted else -1
            if at >= 0:
                return Span(file=self._shown_as, line=number, column=at + 1, length=len(wanted), text=text)
        text = self._lines.line(first)
        column = self._cell_start(text, index) + 1 if text is not None and first == last and index >= 0 else 0
        return Span(file=self._shown_as, line=first, column=column, length=1 if column else 0, text=text)

    def fragment(self, element: Element) -> bytes:
        """The header and the record's lines, with the same delimiter, quote and encoding."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, delimiter=self._delimiter, quotechar=self._spec.quote, lineterminator="\r\n")
        if self._spec.header is True:
            writer.writerow(self._columns)
        writer.writerows(cells for _, (cells, _, _) in self._rows)
        encoding = self._spec.encoding
        return buffer.getvalue().encode("utf-8-sig" if encoding in (None, "utf-8") else str(encoding))

    # -- lines -----------------------------------------------------------------------------------------------

    def _cells(self) -> Iterator[Line]:
        """The lines of the table; empty ones are left out."""
        with self._path.open(encoding=self._codec, newline="") as file:
            if self._marked:
                file.readline()
            skipped = int(self._marked)
            reader = csv.reader(file, delimiter=self._delimiter, quotechar=self._spec.quote, strict=True)
            while True:
                first = skipped + reader.line_num + 1
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    self._refuse_line(first, str(error))
                if any(cell.strip() for cell in cells):
                    yield cells, first, skipped + reader.line_num

    def _refuse_line(self, first: int, said: str) -> None:
        span = self._line_span(first)
        if "unexpected end" in said:
            refuse(
                "S002",
                "the input is cut: a text that begins with a quote in this line does not end",
                span,
                "export or upload it again; nothing of a cut input is used",
            )
        if "field larger" in said:
            refuse("S009", "a cell is too large", span, "look for a quote that is not closed")
        refuse(
            "S001",
            f"the input is not well-formed CSV: {said}",
            span,
            f"a quote within a text is written twice (`{self._spec.quote * 2}`); name another one with `quote:`",
        )

    def _head(self, lines: Iterator[Line]) -> None:
        header = self._spec.header
        if header is True:
            found = next(lines, None)
            self._columns = [cell.strip() for cell in found[0]] if found else []
            while self._columns and not self._columns[-1]:
                self._columns.pop()
        elif header is not False:
            self._columns = list(header)
        self._names = [element_name(each) for each in self._columns]
        group = self._spec.group
        if group and header is not False and element_name(group) not in self._names:
            listed = ", ".join(f"`{each}`" for each in self._columns[:12]) + (
                ", …" if len(self._columns) > 12 else ""
            )
            refuse(
                "S003",
                f"there is no column `{group}`, by which this mapping groups the lines",
                self._line_span(1 + int(self._marked)),
                f"the header has {listed}; check that the route has the mapping of this platform",
            )

    def _checked(self, line: Line) -> list[str]:
        """The cells of a line, as many as there are columns; empty ones behind the last column do not count."""
        cells, first, _ = line
        if self._spec.header is False and not self._names:
            self._names = [f"c{number}" for number in range(1, len(cells) + 1)]
        extra = cells[len(self._names) :]
        if len(cells) < len(self._names) or any(cell.strip() for cell in extra):
            where = "the header" if self._spec.header is True else "the table"
            refuse(
                "S001",
                f"line {first} has {len(cells)} columns, {where} has {len(self._names)}",
                self._line_span(first),
                f"a text that holds `{_SHOWN_AS.get(self._delimiter, self._delimiter)}` or a line break stands in "
                f"quotes; a wrong `delimiter:` looks like this too",
            )
        return cells[: len(self._names)]

    def _grouped(self, lines: Iterator[Line]) -> Iterator[list[Line]]:
        """Lines that stand together and have the same text in the column of the group."""
        wanted = element_name(self._spec.group or "")
        known: set[int] = set()
        held: list[Line] = []
        size, current = 0, ""
        for line in lines:
            cells = self._checked(line)
            key = cells[self._names.index(wanted)].strip() if wanted in self._names else ""
            if held and key and key != current:
                yield held
                held, size = [], 0
            if key and key != current:
                if hash(key) in known:
                    self._refuse_apart(key, line)
                known.add(hash(key))
            current = key or current
            held.append(line)
            size += sum(map(len, cells))
            if size > LARGEST_RECORD:
                refuse(
                    "S009",
                    f"one record has more than {LARGEST_RECORD >> 20} million characters",
                    self._line_span(line[1]),
                    "check the column in `source: {group: …}`",
                )
        if held:
            yield held

    def _refuse_apart(self, key: str, line: Line) -> None:
        refuse(
            "S011",
            f"the lines of `{key}` do not stand together",
            self._line_span(line[1]),
            f"sort the export by `{self._spec.group}`; the first lines would be sent as a whole record",
        )

    # -- elements --------------------------------------------------------------------------------------------

    def _built(self, lines: list[Line]) -> Element:
        record = etree.Element(RECORD)
        set_line(record, lines[0][1])
        self._rows = []
        for line in lines:
            cells = self._checked(line)
            row = etree.SubElement(record, ROW) if self._spec.group else record
            set_line(row, line[1])
            for name, cell in zip(self._names, cells, strict=False):
                etree.SubElement(row, name).text = cell.translate(_UNFIT)
            self._rows.append((row, line))
        return record

    def _row_of(self, element: Element) -> tuple[Element, Line] | None:
        around = {element, *element.iterancestors()}
        found = next((each for each in self._rows if each[0] in around), None)
        return found or (self._rows[0] if self._rows else None)

    def _told(self, first: str) -> str:
        """The delimiter that the first line has most often outside of quotes."""
        bare = "".join(first.split(self._spec.quote)[::2]) if self._spec.quote else first
        counts = {each: bare.count(each) for each in _DELIMITERS}
        most = max(counts.values())
        best = [each for each, count in counts.items() if count == most]
        if most and len(best) > 1:
            shown = " and ".join(f"`{_SHOWN_AS.get(each, each)}`" for each in best)
            refuse(
                "S001",
                f"the delimiter cannot be told: {shown} stand equally often in the first line",
                Span(file=self._shown_as, line=1, text=first[:2000]),
                'name it in the mapping: `source: {delimiter: ";"}`',
            )
        return best[0] if most else ","

    def _cell_start(self, text: str, index: int) -> int:
        """Where the cell of that number begins in a line."""
        at = count = 0
        quoted = False
        while at < len(text) and count < index:
            if text[at] == self._spec.quote:
                quoted = not quoted
            elif text[at] == self._delimiter and not quoted:
                count += 1
            at += 1
        return at

    def _line_span(self, number: int) -> Span:
        return Span(file=self._shown_as, line=number, text=self._lines.line(number))
