"""The tests that stand in a mapping itself: a record of a sample, and the fields that are expected of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from gateway import library
from gateway.diagnostics import Problem, Span, one_line
from gateway.documents import Document
from gateway.errors import ProblemsFound
from gateway.mapping.convert import read_yes_no
from gateway.mapping.expectations import PROBLEMS, SelfTest
from gateway.mapping.numbers import read_number
from gateway.mapping.tracing import Traced, behind, trace
from gateway.mapping.unreadable import Unreadable

if TYPE_CHECKING:
    from gateway.mapping.reader import Mapping as LoadedMapping
    from gateway.mapping.reader import Reading

_STEP = re.compile(r"([^.\[\]]+)|\[([1-9][0-9]*)\]")


class Difference(msgspec.Struct, frozen=True):
    """One expectation that does not hold, and where the value that is there comes from.

    at: the expectation; mapped, path, source: the mapping's line, its path, and the place in the sample.
    """

    field: str
    expected: str
    found: str
    at: Span | None
    mapped: Span | None = None
    path: str | None = None
    source: Span | None = None


class TestOutcome(msgspec.Struct, frozen=True):
    """Whether a test passed, and what differs where it did not. given: its sample and the number of the record."""

    __test__ = False

    name: str
    passed: bool
    problems: tuple[Problem, ...]
    span: Span | None = None
    differences: tuple[Difference, ...] = ()
    given: str = ""


def run(mapping: LoadedMapping, tests: Sequence[SelfTest], root: Path | None) -> list[TestOutcome]:
    """Run the tests of a mapping. What is wrong with a sample is a problem of the outcome, never raised."""
    return [run_one(mapping, test, root) for test in tests]


def tests_of(mapping: LoadedMapping) -> tuple[SelfTest, ...]:
    """The tests that stand in a mapping, with their golden files."""
    return mapping._tests  # noqa: SLF001 - the same room


def run_one(mapping: LoadedMapping, test: SelfTest, root: Path | None) -> TestOutcome:
    """Run the expectations of one test; its golden file is compared by who knows templates."""
    problems: list[Problem] = []
    differences: list[Difference] = []
    try:
        with sample_reading(mapping, test, root) as reading:
            problems += _refused(reading, test)
            if not problems:
                differences += _differences(mapping, reading, test)
                problems += [_differs(test, each, reading) for each in differences]
    except ProblemsFound as error:
        problems += error.problems
    return TestOutcome(test.name, not problems, tuple(problems), test.span, tuple(differences), test.given)


@contextmanager
def sample_reading(mapping: LoadedMapping, test: SelfTest, root: Path | None) -> Iterator[Reading]:
    """The record that a test is about. Raises ProblemsFound where there is none or the sample cannot be read."""
    name, _, number = test.given.partition("#")
    sample = locate(name, root)
    if sample is None or (number and not number.isdigit()):
        message = f"there is no sample `{name}`" if sample is None else f"`{number}` is not the number of a record"
        hint = "write it like `samples/shoptet/orders.xml#2`: a path and the number of a record"
        raise ProblemsFound([Problem(code="M021", message=message, span=test.given_span, help=hint)])
    position = int(number or 1)
    for reading in mapping.read(sample, shown_as=name, wanted=lambda number: number == position):
        yield reading
        return
    message = f"the sample `{name}` has no record {position}"
    raise ProblemsFound([Problem(code="M021", message=message, span=test.given_span)])


def locate(name: str, root: Path | None) -> Path | None:
    """A file that a test names: below `root`, else among what ships."""
    for folder in (root, library.shipped()):
        if folder is not None and (folder / name).is_file():
            return folder / name
    return None


def _refused(reading: Reading, test: SelfTest) -> Iterator[Problem]:
    """The problem of a record that is no document, where the test does not expect that."""
    if reading.document is None and test.expect.get(PROBLEMS) is None:
        yield Problem(
            code="M020",
            message=f"the test `{test.name}` expects a document, the record has problems",
            span=test.span,
            context=tuple(one_line(problem) for problem in reading.problems),
        )


def _differences(mapping: LoadedMapping, reading: Reading, test: SelfTest) -> Iterator[Difference]:
    wanted = test.expect.get(PROBLEMS)
    codes = [problem.code for problem in reading.problems]
    if wanted is not None and codes != wanted:
        at = test.expect_spans.get(PROBLEMS) or test.span
        yield Difference(PROBLEMS, ", ".join(map(str, wanted)), ", ".join(codes) or "none", at)
    traced: Sequence[Traced] | None = None
    for path, expected in test.expect.items():
        found = None if path == PROBLEMS else value_at(reading.document, path)
        if path == PROBLEMS or same_value(found, expected):
            continue
        if traced is None:
            traced = trace(mapping, reading)
        yield _placed(Difference(path, shown(expected), shown(found), test.expect_spans.get(path)), traced)


def _placed(difference: Difference, traced: Sequence[Traced]) -> Difference:
    """The difference with the place of its value in the mapping and in the sample."""
    field = behind(traced, difference.field)
    if field is None:
        return difference
    hit = next(iter(field.used), None) or next(iter(field.hits), None)
    return replace(
        difference,
        mapped=field.mapped,
        path=hit.path if hit is not None else None,
        source=hit.place if hit is not None else None,
    )


def _differs(test: SelfTest, difference: Difference, reading: Reading) -> Problem:
    mapped = (
        f"mapped by {difference.mapped.file}:{difference.mapped.line}" if difference.mapped is not None else ""
    )
    from_path = f" from {difference.path}" if mapped and difference.path is not None else ""
    place = difference.source
    sample = f"sample: {test.given} (line {place.line if place is not None else reading.line})"
    return Problem(
        code="M020",
        message=f"the test `{test.name}` expects `{difference.field}` to be {difference.expected}, "
        f"it is {difference.found}",
        span=difference.at or test.span,
        label=f"is {difference.found}",
        field=difference.field,
        context=(*([mapped + from_path] if mapped else []), sample),
    )


def value_at(document: Document | None, path: str) -> Any:
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


def same_value(found: Any, expected: Any) -> bool:
    """Whether a value is what an example expects of it, however the number or the yes is written there."""
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
    return shown(found) == text


def shown(value: Any) -> str:
    """A value of a document as a person writes it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)
