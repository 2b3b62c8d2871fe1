"""The tests that stand in a mapping itself: a record of a sample, and the fields that are expected of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway import library
from gateway.diagnostics import Problem, Span, one_line
from gateway.documents import Document
from gateway.errors import SourceProblems
from gateway.mapping.convert import read_yes_no
from gateway.mapping.numbers import read_number
from gateway.mapping.unreadable import Unreadable

if TYPE_CHECKING:
    from gateway.mapping.reader import Mapping as LoadedMapping
    from gateway.mapping.reader import Reading

PROBLEMS = "problems"
"""The key under `expect:` that lists problem codes instead of naming a field."""

_STEP = re.compile(r"([^.\[\]]+)|\[([1-9][0-9]*)\]")


@dataclass(frozen=True, slots=True)
class SelfTest:
    """One test, with the places of its parts in the mapping file."""

    name: str
    given: str
    expect: Mapping[str, Any]
    span: Span | None
    given_span: Span | None
    expect_spans: Mapping[str, Span | None]


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """Whether a test passed, and what differs where it did not."""

    __test__ = False

    name: str
    passed: bool
    problems: tuple[Problem, ...]


def run(mapping: LoadedMapping, tests: Sequence[SelfTest], root: Path | None) -> list[TestOutcome]:
    """Run the tests of a mapping. What is wrong with a sample is a problem of the outcome, never raised."""
    outcomes = []
    for test in tests:
        problems = tuple(_problems(mapping, test, root))
        outcomes.append(TestOutcome(test.name, not problems, problems))
    return outcomes


def _problems(mapping: LoadedMapping, test: SelfTest, root: Path | None) -> Iterator[Problem]:
    name, _, number = test.given.partition("#")
    sample = _sample(name, root)
    if sample is None or (number and not number.isdigit()):
        message = f"there is no sample `{name}`" if sample is None else f"`{number}` is not the number of a record"
        yield Problem(
            code="M021",
            message=message,
            span=test.given_span,
            help="write it like `samples/shoptet/orders.xml#2`: a path and the number of a record",
        )
        return
    position = int(number or 1)
    try:
        for reading in mapping.read(sample, shown_as=name):
            if reading.position == position:
                yield from _compare(reading, test)
                return
    except SourceProblems as error:
        yield from error.problems
        return
    yield Problem(code="M021", message=f"the sample `{name}` has no record {position}", span=test.given_span)


def _sample(name: str, root: Path | None) -> Path | None:
    for folder in (root, library.shipped()):
        if folder is not None and (folder / name).is_file():
            return folder / name
    return None


def _compare(reading: Reading, test: SelfTest) -> Iterator[Problem]:
    wanted_codes = test.expect.get(PROBLEMS)
    codes = [problem.code for problem in reading.problems]
    if wanted_codes is not None:
        if codes != wanted_codes:
            yield _differs(test, PROBLEMS, ", ".join(map(str, wanted_codes)), ", ".join(codes) or "none", reading)
    elif reading.document is None:
        yield Problem(
            code="M020",
            message=f"the test `{test.name}` expects a document, the record has problems",
            span=test.span,
            context=tuple(one_line(problem) for problem in reading.problems),
        )
        return
    for path, expected in test.expect.items():
        if path == PROBLEMS:
            continue
        found = _value(reading.document, path)
        if not _same(found, expected):
            yield _differs(test, path, _shown(expected), _shown(found), reading)


def _differs(test: SelfTest, path: str, expected: str, found: str, reading: Reading) -> Problem:
    return Problem(
        code="M020",
        message=f"the test `{test.name}` expects `{path}` to be {expected}, it is {found}",
        span=test.expect_spans.get(path) or test.span,
        label=f"is {found}",
        field=path,
        context=(f"sample: {test.given} (line {reading.line})",),
    )


def _value(document: Document | None, path: str) -> Any:
    """The value at `lines[2].unit_price.gross`; a tuple counts its members; an absent part is None."""
    value: Any = document
    for name, number in _STEP.findall(path):
        if value is None:
            return None
        if number:
            value = value[int(number) - 1] if int(number) <= len(value) else None
        else:
            value = getattr(value, name, None)
    return len(value) if isinstance(value, tuple) else value


def _same(found: Any, expected: Any) -> bool:
    if found is None or expected is None:
        return found is None and expected is None
    text = str(expected)
    if isinstance(found, bool):
        try:
            return read_yes_no(text) is found
        except Unreadable:
            return False
    if isinstance(found, Decimal):
        try:
            return read_number(text) == found
        except Unreadable:
            return False
    return _shown(found) == text


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)
