"""Reads an input both ways: as it is read, and record by record with nothing but the ordinary readers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

from gateway.errors import SourceProblems
from gateway.mapping import Mapping, laid_out, reader
from gateway.mapping import chunks as chunking
from gateway.mapping.chunks import NotCuttable
from gateway.mapping.laid_out import Matcher
from gateway.mapping.sources import XmlRecords


def quickly(
    mapping: Mapping, path: Path, size: int = chunking.SIZE, worth: int = laid_out.WORTH, **wanted: Any
) -> list[Any]:
    """What comes of an input that is read in chunks of this size, and by its layout from another one on."""
    with (
        patch.object(chunking, "SIZE", size),
        patch.object(laid_out, "WORTH", worth),
        patch.object(laid_out, "WORTH_BLANKS", worth),
        patch.object(reader, "WORTH_WRITING", 0),
    ):
        return _told(mapping, path, **wanted)


def surely(mapping: Mapping, path: Path, **wanted: Any) -> list[Any]:
    """What comes of it where every doubt is a certainty."""
    with patch.object(XmlRecords, "_in_chunks", _not_cuttable), patch.object(Mapping, "_read_quickly", _nothing):
        return _told(mapping, path, **wanted)


def _told(mapping: Mapping, path: Path, **wanted: Any) -> list[Any]:
    told: list[Any] = []
    try:
        for reading in mapping.read(path, **wanted):
            kept = reading.keep()
            assert kept.line() == reading.line
            assert kept.fingerprint == reading.fingerprint()
            told.append(
                {
                    "position": reading.position,
                    "line": reading.line,
                    "key": reading.key,
                    "document": repr(reading.document),
                    "problems": reading.problems,
                    "fingerprint": reading.fingerprint(),
                    "fragment": reading.fragment(),
                    "kept": kept.fragment(),
                }
            )
    except SourceProblems as error:
        told.append(error.problems)
    return told


def _not_cuttable(*_: object) -> NoReturn:
    raise NotCuttable


def _nothing(*_: object) -> None:
    return None


def quick_share(mapping: Mapping, path: Path) -> tuple[int, int]:
    """How many records of an input are read the quick way, of how many."""
    quick = 0
    ordinary = Mapping._read_quickly

    def counted(self: Mapping, *given: Any) -> Any:
        nonlocal quick
        reading = ordinary(self, *given)
        quick += reading is not None
        return reading

    with (
        patch.object(Mapping, "_read_quickly", counted),
        patch.object(XmlRecords, "_one_by_one", _refused),
        patch.object(reader, "WORTH_WRITING", 0),
    ):
        read = len(list(mapping.read(path)))
    return quick, read


def _refused(_records: XmlRecords) -> Iterator[Any]:
    raise AssertionError("the input was not read in chunks")


@contextmanager
def by_layout(size: int = 200) -> Iterator[None]:
    """Inputs of any size are read by their layout, from the chunk after the first record on."""
    with (
        patch.object(laid_out, "WORTH", 0),
        patch.object(laid_out, "WORTH_BLANKS", 0),
        patch.object(laid_out, "_FIRST", 1),
        patch.object(chunking, "SIZE", size),
    ):
        yield


def laid_out_share(mapping: Mapping, path: Path) -> tuple[int, int]:
    """How many records of an input are read by their layout, of how many."""
    by_it = 0
    ordinary = Matcher.records

    def counted(self: Matcher, *given: Any) -> Iterator[Any]:
        nonlocal by_it
        for found in ordinary(self, *given):
            by_it += found is not None
            yield found

    with patch.object(Matcher, "records", counted):
        read = len(list(mapping.read(path)))
    return by_it, read
