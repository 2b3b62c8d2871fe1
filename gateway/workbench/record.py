"""One record of an input through a mapping, with the story of each field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from gateway.diagnostics import Problem
from gateway.documents import Document
from gateway.errors import UsageError
from gateway.mapping import Mapping
from gateway.mapping.tracing import Rules, Traced, trace
from gateway.workbench.flat import flat


class Story(msgspec.Struct, frozen=True):
    """A record as a mapping reads it. `document` is None where `problems` stand against it."""

    name: str
    position: int
    line: int
    document: Document | None
    problems: tuple[Problem, ...]
    fields: tuple[Traced, ...]

    @property
    def values(self) -> dict[str, Any]:
        """The canonical fields of the document, or those that could be read."""
        if self.document is not None:
            return flat(self.document)
        return {each.name: each.value for each in self.fields if each.value is not None}

    def derived(self) -> dict[str, Any]:
        """What the document has and no field of the mapping gave."""
        given = {each.name for each in self.fields if each.value is not None}
        return {name: value for name, value in self.values.items() if name not in given}


def story_of(mapping: Mapping, source: Path, position: int, rules: Rules | None = None) -> Story:
    """Read the record of that number. Raises SourceProblems, and UsageError where there is none."""
    last = 0
    for reading in mapping.read(source):
        last = reading.position
        if last == position:
            name = f"{mapping.kind.name} {reading.key or f'#{position}'}"
            fields = trace(mapping, reading, rules)
            return Story(name, position, reading.line, reading.document, reading.problems, fields)
    raise UsageError(f"{source} has no record {position}; it has {last}")
