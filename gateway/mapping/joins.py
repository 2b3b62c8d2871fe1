"""Sections of one input, joined to its records by key: a first pass reads each section into memory, bounded.

What is joined stands in the record as children with the name of the section, so that paths, rows and fingerprints
see one tree.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import Any, Protocol

from lxml import etree
from msgspec.structs import replace

from gateway.diagnostics import Span
from gateway.errors import SourceProblems
from gateway.mapping.convert import folded
from gateway.mapping.json_source import JsonRecords, built
from gateway.mapping.json_text import decoded
from gateway.mapping.lines import line_of
from gateway.mapping.opening import refuse
from gateway.mapping.paths import Element, Path, compile_path, set_line, text_of
from gateway.mapping.sources import Records, Section, SourceSpec, XmlRecords

LARGEST_INDEX = 256 << 20
"""Bytes that all sections of one input may take in memory."""

_ENTRY = 200  # bytes that an entry takes besides its content
_NOTHING_THERE = ("S003", "S007")


class _Form(Protocol):
    """What a join needs of a format: an element put away and brought back, and an input of several parts."""

    def pack(self, element: Element) -> tuple[Any, int]:
        """The element as it can be kept, and its size."""

    def unpack(self, name: str, packed: Any) -> Element:
        """The element again, under another name."""

    def place(self, root: Element, packed: Any, element: Element, value: str | None) -> Span:
        """The place of a value within an element that was brought back."""

    def combined(self, fragment: bytes, partners: list[tuple[Section, Any]]) -> bytes:
        """The fragment of a record with what was joined to it, each in its section."""


class JoinedRecords(Records):
    """The records of an input with its sections joined; see sources.Records."""

    def __init__(self, path: FilePath, spec: SourceSpec, shown_as: str) -> None:
        self._sections = spec.sections
        self._records, self._form = _opened(path, replace(spec, sections=()), shown_as)
        self._index = _Index(path, spec, shown_as)
        self._paths = {
            section.name: (
                compile_path(section.into, spec.namespaces),
                compile_path(section.equals, spec.namespaces),
            )
            for section in self._sections
        }
        self._joined: list[tuple[Element, Element, Section, Any]] = []

    def __iter__(self) -> Iterator[Element]:
        """Yield the records. Raises SourceProblems, possibly after some."""
        self._index.fill()
        for element in self._records:
            self._joined = []
            for section in self._sections:
                self._join(element, section)
            yield element

    def place(self, element: Element, value: str | None) -> Span:
        """See sources.Records; a value that was joined is shown in its section."""
        around = {element, *element.iterancestors()}
        for _, root, _, packed in self._joined:
            if root in around:
                return self._form.place(root, packed, element, value)
        with self._apart():
            return self._records.place(element, value)

    def fragment(self, element: Element) -> bytes:
        """See sources.Records; what was joined stands in its section."""
        with self._apart():
            alone = self._records.fragment(element)
        seen: set[int] = set()
        partners = []
        for _, _, section, packed in self._joined:
            if id(packed) not in seen:
                partners.append((section, packed))
                seen.add(id(packed))
        return self._form.combined(alone, partners)

    def _join(self, record: Element, section: Section) -> None:
        into, equals = self._paths[section.name]
        for holder in list(into.find_all(record)):
            for packed in self._index.found(section, _key(equals, holder)):
                partner = self._form.unpack(section.name, packed)
                holder.append(partner)
                self._joined.append((holder, partner, section, packed))

    @contextmanager
    def _apart(self) -> Iterator[None]:
        """Take away what was joined, for a moment."""
        for holder, partner, _, _ in reversed(self._joined):
            holder.remove(partner)
        try:
            yield
        finally:
            for holder, partner, _, _ in self._joined:
                holder.append(partner)


class _Index:
    """The sections of an input by key."""

    def __init__(self, path: FilePath, spec: SourceSpec, shown_as: str) -> None:
        self._path = path
        self._spec = spec
        self._shown_as = shown_as
        self._entries: dict[tuple[str, str], list[Any]] = {}

    def fill(self) -> None:
        """Read all sections. Raises SourceProblems, also where they are larger than the memory they may take."""
        size = 0
        self._entries = {}
        for section in self._spec.sections:
            key = compile_path(section.key, self._spec.namespaces)
            plain = replace(self._spec, records=(section.record,), sections=())
            try:
                records, form = _opened(self._path, plain, self._shown_as)
                for element in records:
                    packed, weight = form.pack(element)
                    self._entries.setdefault((section.name, _key(key, element)), []).append(packed)
                    size += weight + _ENTRY
                    if size > LARGEST_INDEX:
                        self._refuse(section)
            except SourceProblems as error:
                if [problem.code for problem in error.problems] not in [[code] for code in _NOTHING_THERE]:
                    raise

    def found(self, section: Section, key: str) -> list[Any]:
        """What a section has under a key; nothing for an empty one."""
        return self._entries.get((section.name, key), []) if key else []

    def _refuse(self, section: Section) -> None:
        refuse(
            "S009",
            f"the sections take more than {LARGEST_INDEX >> 20} MiB of memory, at `{section.name}`",
            Span(file=self._shown_as),
            "export fewer records at once, or have the shop put what belongs together into one record",
        )


def _opened(path: FilePath, spec: SourceSpec, shown_as: str) -> tuple[Records, _Form]:
    if spec.format == "json":
        records = JsonRecords(path, spec, shown_as)
        return records, _Json(records)
    xml = XmlRecords(path, spec, shown_as)
    return xml, _Xml(xml, spec.encoding or "UTF-8")


def _key(path: Path, element: Element) -> str:
    found = path.find(element)
    return folded(text_of(found)) if found is not None else ""


class _Xml:
    """XML: an element is kept as bytes with the lines of its elements and what stands above it."""

    def __init__(self, records: XmlRecords, encoding: str) -> None:
        self._records = records
        self._encoding = encoding
        self._parent: Element | None = None
        self._above: list[tuple[str, dict[str, str], dict[str, str]]] = []

    def pack(self, element: Element) -> tuple[Any, int]:
        """See _Form."""
        parent = element.getparent()
        if parent is None or parent is not self._parent:
            self._parent = parent
            self._above = [_skeleton(each) for each in element.iterancestors()]
        lines = array("I", (line_of(each) for each in element.iter()))
        written = etree.tostring(element, with_tail=False)
        return (written, lines, self._above), len(written) + 4 * len(lines)

    def unpack(self, name: str, packed: Any) -> Element:
        """See _Form."""
        written, lines, _ = packed
        element = etree.fromstring(written)
        for each, line in zip(element.iter(), lines, strict=True):
            set_line(each, line)
        element.tag = name
        return element

    def place(self, root: Element, packed: Any, element: Element, value: str | None) -> Span:
        """See _Form."""
        if element is root:
            element = etree.fromstring(packed[0])
            set_line(element, packed[1][0])
        return self._records.place(element, value)

    def combined(self, fragment: bytes, partners: list[tuple[Section, Any]]) -> bytes:
        """See _Form."""
        root = etree.fromstring(fragment, etree.XMLParser(remove_blank_text=True))
        for _, (written, _lines, above) in partners:
            holder = root
            for tag, attributes, namespaces in reversed(above[:-1]):
                below = next((child for child in holder if child.tag == tag), None)
                if below is None:
                    below = etree.SubElement(holder, tag, attributes, namespaces)
                holder = below
            holder.append(etree.fromstring(written))
        etree.indent(root)
        text: Any = etree.tostring(root, encoding=self._encoding, xml_declaration=True)
        return bytes(text) + b"\n"


def _skeleton(element: Element) -> tuple[str, dict[str, str], dict[str, str]]:
    namespaces: Any = element.nsmap  # the default one has the key None, which the stubs do not know
    return str(element.tag), {str(k): str(v) for k, v in element.attrib.items()}, dict(namespaces)


class _Json:
    """JSON: an element is kept as the text that it was made of."""

    def __init__(self, records: JsonRecords) -> None:
        self._records = records

    def pack(self, element: Element) -> tuple[Any, int]:
        """See _Form."""
        kept = self._records.kept()
        return kept, 2 * len(kept[1])

    def unpack(self, name: str, packed: Any) -> Element:
        """See _Form."""
        _, raw, at = packed
        element = built(name, decoded(raw), at[0])
        assert element is not None  # it was built before
        return element

    def place(self, root: Element, packed: Any, element: Element, value: str | None) -> Span:
        """See _Form."""
        _, raw, at = packed
        return self._records.place_within(root, raw, at, element, value)

    def combined(self, fragment: bytes, partners: list[tuple[Section, Any]]) -> bytes:
        """See _Form; the record is the one that was yielded last."""
        keys, raw, _ = self._records.kept()
        return self._records.wrapped([(keys, raw), *((keys, raw) for _, (keys, raw, _) in partners)])
