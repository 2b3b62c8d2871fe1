"""XML inputs in chunks of whole records: the parser gets some ten records at once instead of every event.

A chunk ends behind a record's end tag. Whether that tag was a real one and not a text in a comment or a CDATA
section is told by the parser: a chunk that was cut inside of one has no end and is not well-formed. So one that
parses holds whole children of the records' parent, and the next one begins between two of them. Head and tail are
parsed with a mark between them, which proves that the mark stands at the records' path. Whatever does not fit is
left to the ordinary way (NotCuttable); it alone words problems.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from lxml import etree

from gateway.mapping.encoding import Prolog
from gateway.mapping.paths import Element, local_name

SIZE = 64 << 10
"""Bytes that a chunk has at least, but for the last one."""

PARSING: Mapping[str, Any] = {
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
    "remove_blank_text": True,
}
"""How every parser reads an input, whether in chunks or as a stream: else the two would see different records."""

_READ = 128 << 10
"""Bytes that are read at once: few enough that the system does not take their memory back each time."""

_LONGEST_HEAD = 256 << 10
_LONGEST_TAIL = 64 << 10
_LONGEST_CHUNK = 8 << 20
_MARK = b"<gateway-records-stand-here/>"
_MARK_NAME = "gateway-records-stand-here"


class NotCuttable(Exception):
    """The input is to be read the ordinary way."""


class Frame(msgspec.Struct, frozen=True):
    """What stands around the records.

    start: the byte at which the first record begins. opening, closing: the tags of the ancestors, on one line.
    end_tag: of a record. path: the local names from the root to a record.
    """

    path: tuple[str, ...]
    encoding: str
    start: int
    head: bytes
    opening: bytes
    closing: bytes
    end_tag: bytes


class Chunk(msgspec.Struct, frozen=True):
    """Some records of an input: their bytes, and at which byte of it they begin."""

    data: bytes
    start: int


class Part(msgspec.Struct, frozen=True):
    """A stretch of bytes of an input that begins and ends between two records, if the part before it is sound."""

    start: int
    end: int


def frame_of(path: Path, names: tuple[str, ...], prolog: Prolog, encoding: str | None) -> Frame:
    """Find the first record and what stands around it. Raises NotCuttable."""
    said = encoding or prolog.declared or "utf-8"
    if (prolog.codec or "").startswith("utf-16") or said.lower().replace("_", "-").startswith("utf-16"):
        raise NotCuttable
    with path.open("rb") as file:
        head = file.read(_LONGEST_HEAD)
    first = re.search(rb"<((?:[\w.-]+:)?%s)[\s>/]" % re.escape(names[-1].encode()), head)
    if first is None or b"xml:" in head[: first.start()]:  # what `xml:space` says reaches into the records
        raise NotCuttable
    head = head[: first.start()]
    opening, closing = _ancestors(head, names, said)
    return Frame(names, said, len(head), head, opening, closing, b"</" + first[1] + b">")


def parts_of(path: Path, frame: Frame, size: int) -> list[Part]:
    """Cut an input into parts of about `size` bytes; the records stand in them. Raises NotCuttable.

    Whether a cut is a true one is known once the part before it was read to its end: see ChunkParser.
    """
    with path.open("rb") as file:
        end = _end_of_records(file, frame)
        cuts = [frame.start]
        while end - cuts[-1] > size and (cut := _behind(file, frame.end_tag, cuts[-1] + size)) < end:
            cuts.append(cut)
    return [Part(*each) for each in pairwise([*cuts, end])]


def _behind(file: BinaryIO, tag: bytes, place: int) -> int:
    """Where the first such tag behind a place ends. Raises NotCuttable."""
    file.seek(place)
    text = b""
    while (found := text.find(tag)) < 0:
        more = file.read(SIZE)
        if not more or len(text) > _LONGEST_CHUNK:
            raise NotCuttable
        text += more
    return place + found + len(tag)


def _end_of_records(file: BinaryIO, frame: Frame) -> int:
    """Where the last record ends, if what stands behind it is the end of the input. Raises NotCuttable."""
    size = file.seek(0, os.SEEK_END)
    start = max(frame.start, size - _LONGEST_TAIL - len(frame.end_tag))
    file.seek(start)
    text = file.read()
    end = text.rfind(frame.end_tag) + len(frame.end_tag)
    if end < len(frame.end_tag):
        raise NotCuttable
    _check_tail(frame, text[end:])
    return start + end


def chunks(file: BinaryIO, frame: Frame, part: Part | None = None) -> Iterator[Chunk]:
    """The chunks of an input (or of a part), each ending behind a record. Raises NotCuttable where its end does
    not fit.
    """
    left = part.end - part.start if part else None
    start, rest, length = part.start if part else frame.start, b"", len(frame.end_tag)
    file.seek(start)
    while True:
        more = file.read(_READ if left is None else min(_READ, left))
        if left is not None:
            left -= len(more)
            if left and not more:  # it is shorter than it was
                raise NotCuttable
        rest += more
        at = 0
        while (end := rest.find(frame.end_tag, at + SIZE)) >= 0:
            yield Chunk(rest[at : end + length], start + at)
            at = end + length
        rest = rest[at:]
        start += at
        if not more:
            break
        if len(rest) > _LONGEST_CHUNK:
            raise NotCuttable
    end = rest.rfind(frame.end_tag) + length
    if end >= length:
        yield Chunk(rest[:end], start)
        rest = rest[end:]
    if part is None:
        _check_tail(frame, rest)
    elif rest:
        raise NotCuttable


class ChunkParser:
    """Parses chunks of one input into their records. For one thread."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._parser = _parser(frame.encoding)

    def records(self, chunk: Chunk) -> list[Element]:
        """The records of a chunk. Raises NotCuttable where it is not well-formed by itself, and where it has not
        as many records as end tags, because the positions of the following ones were counted by them.
        """
        frame = self._frame
        try:
            parent: Any = etree.fromstring(frame.opening + chunk.data + frame.closing, self._parser)
        except etree.XMLSyntaxError:
            raise NotCuttable from None
        for _ in frame.path[2:]:
            if len(parent) != 1:  # another container of records
                raise NotCuttable
            parent = parent[0]
        name = frame.path[-1]
        children = list(parent)
        if not all(child.tag == name for child in children):
            children = [child for child in children if local_name(child.tag) == name]
        if len(children) != chunk.data.count(frame.end_tag):
            raise NotCuttable
        return children


def _ancestors(head: bytes, names: tuple[str, ...], encoding: str) -> tuple[bytes, bytes]:
    """The start and end tags around the records, written anew; they are where the record path says."""
    try:
        parser = etree.XMLPullParser(events=("start",), encoding=encoding, no_network=True, load_dtd=False)
        parser.feed(head + _MARK)
        found: list[Any] = [element for _, element in parser.read_events()]
    except (etree.XMLSyntaxError, LookupError):
        raise NotCuttable from None
    passed = [local_name(element.tag) for element in found]
    if passed[-1:] != [_MARK_NAME] or names[-1] in passed:
        raise NotCuttable
    above = [*reversed(list(found[-1].iterancestors()))]
    if not above or tuple(local_name(element.tag) for element in above) != names[:-1]:
        raise NotCuttable
    if above[0].getroottree().docinfo.internalDTD is not None:
        raise NotCuttable
    copy: Any = None
    for element in above:
        attributes = dict(element.attrib)
        try:
            made = etree.Element(element.tag, attributes, element.nsmap)
        except ValueError:  # the parser takes some names that cannot be written
            raise NotCuttable from None
        if copy is not None:
            copy.append(made)
        copy = made
    etree.SubElement(copy, _MARK_NAME)
    whole: Any = etree.tostring(copy.getroottree(), encoding=encoding, xml_declaration=False)
    opening, mark, closing = whole.partition(_MARK)
    if not mark or b"\n" in whole:
        raise NotCuttable
    return opening, closing


def _check_tail(frame: Frame, tail: bytes) -> None:
    """Head and tail must be one whole document without any record. Raises NotCuttable."""
    if len(tail) > _LONGEST_TAIL:
        raise NotCuttable
    try:
        root = etree.fromstring(frame.head + _MARK + tail, _parser(frame.encoding))
    except etree.XMLSyntaxError:
        raise NotCuttable from None
    if any(local_name(element.tag) == frame.path[-1] for element in root.iter()):
        raise NotCuttable


def _parser(encoding: str) -> etree.XMLParser:
    return etree.XMLParser(encoding=encoding, **PARSING)
