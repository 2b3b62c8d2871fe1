"""Documents that are checked against their schema while others are written."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.diagnostics import Problem
from gateway.exchange.writing import CHECKED_AT_ONCE, Checks, faults_of
from gateway.rendering import Identity, Rendered


class Envelope:
    """A template as far as checks need one."""

    kind = "order"

    def envelope(self, pack: str) -> tuple[bytes, bytes]:
        return f"<pack id='{pack}'>".encode(), b"</pack>"


class Refusing:
    """A schema that refuses what holds a certain word."""

    def takes(self, data: bytes) -> bool:
        return b"bad" not in data

    def check(self, data: bytes, *, record: str) -> tuple[Problem, ...]:
        return (Problem(code="X001", message="it is bad", record=record),) if b"bad" in data else ()


def documents(count: int, bad: set[int]) -> list[tuple[Identity, Rendered, str]]:
    return [
        (Identity.of("shop", "order", str(n)), Rendered(b"bad" if n in bad else b"good", "utf-8"), str(n))
        for n in range(count)
    ]


@pytest.mark.parametrize("schema", [Refusing(), None])
@pytest.mark.parametrize("count", [0, 1, CHECKED_AT_ONCE - 1, CHECKED_AT_ONCE, 2 * CHECKED_AT_ONCE + 7])
def test_each_document_has_its_own_faults_in_the_order_in_which_they_came(count: int, schema: Any) -> None:
    template: Any = Envelope()
    written = documents(count, bad={0, 5, CHECKED_AT_ONCE - 1, CHECKED_AT_ONCE + 3, 2 * CHECKED_AT_ONCE + 6})
    # when
    with Checks(template, schema) as checks:
        for each in written:
            checks.add(*each)
        found = list(checks.faults())
    # then
    assert found == list(faults_of(template, schema, written))
    told = [(problem.record, problem.message) for problems in found for problem in problems]
    assert told == [(f"order {key}", "it is bad") for _, one, key in written if one.data == b"bad" and schema]


def test_what_goes_wrong_in_a_check_is_raised_where_the_faults_are_asked_for() -> None:
    class Broken(Refusing):
        def takes(self, data: bytes) -> bool:
            raise MemoryError("no more")

    template: Any = Envelope()
    schema: Any = Broken()
    with Checks(template, schema) as checks:
        for each in documents(CHECKED_AT_ONCE, bad=set()):
            checks.add(*each)
        with pytest.raises(MemoryError, match="no more"):
            list(checks.faults())
