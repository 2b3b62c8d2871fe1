"""Two versions of a mapping over the same samples: which fields change, which records break, which heal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from gateway.diagnostics import Problem
from gateway.errors import SourceProblems
from gateway.mapping import Mapping
from gateway.mapping.selftest import shown
from gateway.workbench.flat import flat

Verdict = Literal["changed", "breaks", "heals", "other problems", "gone", "new"]


class Compared(msgspec.Struct, frozen=True):
    """A record that the two mappings read differently. `fields`: (field, old value, new value)."""

    record: str
    verdict: Verdict
    fields: tuple[tuple[str, str, str], ...] = ()
    problems: tuple[Problem, ...] = ()


class Comparison(msgspec.Struct, frozen=True):
    """One sample: its records, and those that differ; `unread`: why one of the mappings cannot read it."""

    sample: str
    records: int
    differing: tuple[Compared, ...]
    unread: tuple[Problem, ...] = ()

    @property
    def same(self) -> bool:
        """Whether both read the same."""
        return not self.differing and not self.unread


class _Read(msgspec.Struct, frozen=True):
    name: str
    position: int
    fields: dict[str, str] | None
    problems: tuple[Problem, ...]


_Records = dict[tuple[str, int], _Read]


def compare(old: Mapping, new: Mapping, sample: Path) -> Comparison:
    """What becomes of the records of a sample when `new` takes the place of `old`."""
    unread: list[Problem] = []
    before, after = _records(old, sample, unread), _records(new, sample, unread)
    found = tuple(each for pair in _pairs(before, after) for each in _differing(*pair))
    return Comparison(str(sample), max(len(before), len(after)), found, tuple(dict.fromkeys(unread)))


def _pairs(before: _Records, after: _Records) -> Iterator[tuple[_Read | None, _Read | None]]:
    """The same record in both: by its key, and where that is read otherwise or not at all, by its position."""
    left = {each.position: key for key, each in after.items() if key not in before}
    met = set(after) & set(before)
    for key, each in before.items():
        other = key if key in met else left.pop(each.position, None)
        yield each, after[other] if other is not None else None
    for key in left.values():
        yield None, after[key]


def _records(mapping: Mapping, sample: Path, unread: list[Problem]) -> _Records:
    """The records by key, the second one of a key by its count, those without a key by position."""
    found: _Records = {}
    try:
        for reading in mapping.read(sample):
            key = reading.key or f"#{reading.position}"
            name, count = f"{mapping.kind.name} {key}", 0
            while (key, count) in found:
                count += 1
            fields = None
            if reading.document is not None:
                fields = {path: shown(value) for path, value in flat(reading.document).items()}
            found[key, count] = _Read(name, reading.position, fields, reading.problems)
    except SourceProblems as error:
        unread += error.problems
    return found


def _differing(before: _Read | None, after: _Read | None) -> Iterator[Compared]:
    if before is None or after is None:
        there = before or after
        assert there is not None, "a key stands in one of the two"
        yield Compared(there.name, "gone" if after is None else "new")
    elif before.fields is not None and after.fields is None:
        yield Compared(before.name, "breaks", problems=after.problems)
    elif before.fields is None and after.fields is not None:
        yield Compared(after.name, "heals", problems=before.problems)
    elif before.fields is not None and after.fields is not None:
        fields = tuple(_changes(before.fields, after.fields))
        if fields:
            yield Compared(after.name, "changed", fields)
    elif [problem.message for problem in before.problems] != [problem.message for problem in after.problems]:
        yield Compared(after.name, "other problems", problems=after.problems)


def _changes(before: dict[str, str], after: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    for path in dict.fromkeys([*before, *after]):
        old, new = before.get(path, "(nothing)"), after.get(path, "(nothing)")
        if old != new:
            yield path, old, new
