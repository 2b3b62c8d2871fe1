"""A problem is a value: what is wrong, where, why, and what to do."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Level = Literal["error", "warning", "note"]


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a text file.

    `line` and `column` count from 1 and are 0 where unknown; `length` is in characters.
    `text` is the whole line as it stood when the problem was found, because an input may be moved afterwards.
    """

    file: str
    line: int = 0
    column: int = 0
    length: int = 0
    text: str | None = None

    def __str__(self) -> str:
        place = self.file
        if self.line:
            place += f":{self.line}"
            if self.column:
                place += f":{self.column}"
        return place


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One diagnostic.

    `code` opens `gateway explain CODE`; `message` is one lower-case sentence without a full stop;
    `label` stands under the caret; `help` is a statement of what to do;
    `record` names the order or other record (`order 2026000124`), `field` the canonical field.
    `context` are further lines of the form `key: value`, shown below the excerpt.
    """

    code: str
    message: str
    level: Level = "error"
    span: Span | None = None
    label: str | None = None
    help: str | None = None
    record: str | None = None
    field: str | None = None
    context: tuple[str, ...] = ()

    def at(self, span: Span | None = None, *, record: str | None = None) -> Problem:
        """The same problem with its place or record filled in, where they were not known before."""
        return msgspec.structs.replace(
            self, span=self.span or span, record=self.record if self.record is not None else record
        )

    def as_json(self) -> dict[str, Any]:
        """The problem as plain data, without empty members."""
        data = msgspec.to_builtins(self)
        return {key: value for key, value in data.items() if value not in (None, [], ())}


def from_json(data: Any) -> Problem:
    """The problem that `as_json` wrote."""
    return msgspec.convert(data, Problem)


def has_errors(problems: tuple[Problem, ...] | list[Problem]) -> bool:
    """Whether one of the problems is an error."""
    return any(problem.level == "error" for problem in problems)
