"""A draft tried on its own sample: what it cannot read is withdrawn, what it reads becomes its tests."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from gateway.documents import Document
from gateway.mapping import Reading, load
from gateway.mapping.selftest import shown
from gateway.workbench.flat import flat
from gateway.workbench.scaffold.draft import Draft, draft_of
from gateway.workbench.scaffold.product_draft import product_draft_of
from gateway.workbench.scaffold.survey import Survey
from gateway.workbench.scaffold.writing import Expectation, Header, scalar, written

_ROUNDS = 6
_TESTS = 3
_UNREADABLE = frozenset({"D002", "D003", "D004", "D005", "D006", "D012", "D013", "D014", "D016", "D017"})
_DRAFTS: Mapping[str, Callable[[Survey], Draft]] = {"order": draft_of, "product": product_draft_of}
DRAFTED = tuple(_DRAFTS)
"""The kinds of documents that fields are guessed for."""


class Platform(msgspec.Struct, frozen=True):
    """The first mapping of a platform. good: records that are read whole; bad: the codes against the others."""

    text: str
    draft: Draft
    records: int
    good: int
    bad: Mapping[str, int]


def drafted(taken: Survey, sample: Path, header: Header) -> Platform:
    """Draft a mapping for a sample, and try it there until every guess can at least be read."""
    draft = _DRAFTS[header.kind](taken)
    for _ in range(_ROUNDS):
        readings = _read(written(draft, header, ()), sample, header)
        refuted = _refuted(readings, draft)
        if not refuted:
            break
        draft = draft.without(refuted)
    tests = [_expectation(reading, header, draft) for reading in readings[:_TESTS]]
    bad = Counter(problem.code for reading in readings for problem in reading.problems if problem.level == "error")
    good = sum(reading.document is not None for reading in readings)
    return Platform(written(draft, header, tests), draft, len(readings), good, bad)


def _read(text: str, sample: Path, header: Header) -> list[Reading]:
    """Read the sample by a text that is no file yet. Raises ProblemsFound."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{header.kind}.yaml"
        path.write_text(text, encoding="utf-8")
        mapping = load(str(path))
        return list(mapping.read(sample))


def _refuted(readings: Sequence[Reading], draft: Draft) -> list[str]:
    """The guesses that cannot read a value of the sample, and totals of rows that contradict their prices."""
    have = {guess.field for guess in draft.guesses} | {
        f"{rows.block}.{guess.field}" for rows in draft.lines for guess in rows.guesses
    }
    found: dict[str, None] = {}
    for reading in readings:
        for problem in reading.problems:
            field = re.sub(r"\[\d+\]", "", problem.field or "")
            if problem.code in _UNREADABLE and field not in draft.form.kept:
                found.setdefault(field)
            elif problem.code == "D018":
                found |= dict.fromkeys(("lines.total.gross", "lines.total.net"))
    return [field for field in found if field in have]


def _expectation(reading: Reading, header: Header, draft: Draft) -> Expectation:
    name = f"record {reading.position} as the draft reads it"
    given = f"{header.given}#{reading.position}"
    if reading.document is None:
        codes = [problem.code for problem in reading.problems]
        return Expectation(f"record {reading.position} has problems", given, {"problems": f"[{', '.join(codes)}]"})
    return Expectation(name, given, dict(_expected(reading.document, draft)))


def _expected(document: Document, draft: Draft) -> Iterator[tuple[str, str]]:
    values = flat(document)
    guessed = {guess.field for guess in draft.guesses}
    for path in draft.form.tested:
        if path.startswith("price.") and path not in guessed:
            continue
        yield from _shown(values, path)
    for block, fields in draft.form.tested_rows:
        rows = getattr(document, block)
        if rows:
            yield block, str(len(rows))
        for path in (f"{block}[1].{field}" for field in fields):
            yield from _shown(values, path)


def _shown(values: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """The value at a path; of a price the side that was given."""
    basis = values.get(f"{path}.basis")
    path = f"{path}.{basis}" if basis is not None else path
    if values.get(path) not in (None, ""):
        yield path, scalar(shown(values[path]))
