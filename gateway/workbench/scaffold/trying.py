"""A draft tried on its own sample: what it cannot read is withdrawn, what it reads becomes its tests."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.documents import Order
from gateway.mapping import Reading, load
from gateway.mapping.selftest import shown
from gateway.workbench.flat import flat
from gateway.workbench.scaffold.draft import Draft, draft_of
from gateway.workbench.scaffold.survey import Survey
from gateway.workbench.scaffold.writing import Expectation, Header, scalar, written

_ROUNDS = 6
_TESTS = 3
_UNREADABLE = frozenset({"D002", "D003", "D004", "D005", "D006", "D012", "D013", "D014", "D016", "D017"})
_KEPT = frozenset({"number", "ordered_at", "currency", "billing.name", "lines"})
_TESTED = (
    "number", "ordered_at", "currency", "billing.name", "billing.company", "billing.city", "billing.country",
    "payment.method", "shipping.carrier", "total.gross", "total.net", "total.to_pay",
)  # fmt: skip
_TESTED_ROW = ("name", "quantity", "vat_rate", "unit_price.basis")


@dataclass(frozen=True)
class Platform:
    """The first mapping of a platform. good: records that are read whole; bad: the codes against the others."""

    text: str
    draft: Draft
    records: int
    good: int
    bad: Mapping[str, int]


def drafted(taken: Survey, sample: Path, header: Header) -> Platform:
    """Draft a mapping for a sample, and try it there until every guess can at least be read."""
    draft = draft_of(taken)
    for _ in range(_ROUNDS):
        readings = _read(written(draft, header, ()), sample, header)
        refuted = _refuted(readings, draft)
        if not refuted:
            break
        draft = draft.without(refuted)
    tests = [_expectation(reading, header) for reading in readings[:_TESTS]]
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
        f"lines.{guess.field}" for rows in draft.lines for guess in rows.guesses
    }
    found: dict[str, None] = {}
    for reading in readings:
        for problem in reading.problems:
            field = re.sub(r"\[\d+\]", "", problem.field or "")
            if problem.code in _UNREADABLE and field not in _KEPT:
                found.setdefault(field)
            elif problem.code == "D018":
                found |= dict.fromkeys(("lines.total.gross", "lines.total.net"))
    return [field for field in found if field in have]


def _expectation(reading: Reading, header: Header) -> Expectation:
    name = f"record {reading.position} as the draft reads it"
    given = f"{header.given}#{reading.position}"
    if reading.document is None:
        codes = [problem.code for problem in reading.problems]
        return Expectation(f"record {reading.position} has problems", given, {"problems": f"[{', '.join(codes)}]"})
    assert isinstance(reading.document, Order), "drafts are made of orders"
    values = flat(reading.document)
    expect = {path: scalar(shown(values[path])) for path in _TESTED if path in values}
    expect["lines"] = str(len(reading.document.lines))
    row = {f"lines[1].{path}": values.get(f"lines[1].{path}") for path in _TESTED_ROW}
    basis = row.pop("lines[1].unit_price.basis")
    expect |= {path: scalar(shown(value)) for path, value in row.items() if value is not None}
    price = f"lines[1].unit_price.{basis}"
    if price in values:
        expect[price] = scalar(shown(values[price]))
    return Expectation(name, given, expect)
