"""What a draft of one kind of document looks like, besides its guesses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from gateway.workbench.scaffold.guess import Guess, Rows
from gateway.workbench.scaffold.survey import Survey


class Form(msgspec.Struct, frozen=True):
    """How a draft is written and tried.

    fields: the groups of fields in their order; apart: those with an empty line before them. held: places for
    fields that a document cannot be without, of the guesses that there are. rows: a block that it cannot be
    without. kept: fields that are never withdrawn. tested, tested_rows: what the drafted tests look at, in each
    block of rows in its first row.
    """

    key: str
    fields: tuple[str, ...]
    apart: frozenset[str]
    held: Callable[[Sequence[Guess], Survey], list[Guess]]
    rows: Rows | None
    kept: frozenset[str]
    tested: tuple[str, ...]
    tested_rows: tuple[tuple[str, tuple[str, ...]], ...]
