"""What the tests in a mapping say, as they stand there; `selftest` runs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.diagnostics import Span

if TYPE_CHECKING:
    from gateway.mapping.language import TestModel

PROBLEMS = "problems"
"""The key under `expect:` that lists problem codes instead of naming a field."""


class Golden(msgspec.Struct, frozen=True):
    """The file that a record must be written as, and the template with what it is bound to."""

    file: str
    template: str
    settings: Mapping[str, Any]
    lookups: Mapping[str, Mapping[str, str]]
    span: Span | None


class SelfTest(msgspec.Struct, frozen=True):
    """One test, with the places of its parts in the mapping file."""

    name: str
    given: str
    expect: Mapping[str, Any]
    span: Span | None
    given_span: Span | None
    expect_spans: Mapping[str, Span | None]
    golden: Golden | None = None


def golden_of(test: TestModel, span: Span | None) -> Golden | None:
    """The golden file of a test as it stands in the mapping."""
    if test.golden is None:
        return None
    lookups = {
        name: {key: code for key, code in rows.items() if code is not None}
        for name, rows in test.golden.lookups.items()
    }
    return Golden(test.golden.file, test.golden.template, test.golden.settings, lookups, span)
