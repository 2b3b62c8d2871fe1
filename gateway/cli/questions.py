"""Asking a person on a terminal; where nobody can be asked, a missing answer is an error that names its option."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import typer

from gateway.diagnostics import printable
from gateway.errors import UsageError

T = TypeVar("T")


class Questions:
    """The questions of one command.

    asks: whether somebody is asked. offers: whether also what a person should look at first has a default.
    """

    def __init__(self, *, asks: bool, takes_defaults: bool) -> None:
        self.asks = asks and sys.stdin.isatty() and sys.stderr.isatty()
        self.offers = self.asks or takes_defaults

    def answer(
        self, question: str, option: str, read: Callable[[str], T], *, default: str = "", hints: Sequence[str] = ()
    ) -> T:
        """A word or a line, asked for again until `read` takes it. Raises UsageError where nobody can be asked."""
        if not self.asks:
            if not default:
                raise UsageError(_missing(question, option, hints))
            return read(default)
        for hint in hints:
            _say(f"  {hint}\n")
        while True:
            end = " " if question.endswith("?") and not default else ": "
            _say(f"{question}{f' [{default}]' if default else ''}{end}")
            text = _line() or default
            if not text:
                continue
            try:
                return read(text)
            except UsageError as error:
                _say(f"  {error}\n")

    def choice(self, question: str, option: str, names: Sequence[tuple[str, str]], *, default: str = "") -> str:
        """One of several, by its name or its number; each has a word about it. A single one is not asked for."""
        if len(names) == 1:
            return names[0][0]

        def read(text: str) -> str:
            if text.isdecimal() and 0 < int(text) <= len(names):
                return names[int(text) - 1][0]
            if text in (name for name, _ in names):
                return text
            raise UsageError(f"`{printable(text)}` is none of them; give a number or a name")

        if not self.asks and not default:
            raise UsageError(_missing(question, option, [", ".join(name for name, _ in names)]))
        width = max(len(name) for name, _ in names)
        hints = [f"{n:2} {name.ljust(width)}  {about}".rstrip() for n, (name, about) in enumerate(names, 1)]
        return self.answer(question, option, read, default=default, hints=hints)

    def agrees(self, question: str, *, default: bool) -> bool:
        """Yes or no; the default where nobody can be asked."""
        if not self.asks:
            return default
        while True:
            _say(f"{question} [{'Y/n' if default else 'y/N'}]: ")
            text = _line().lower()
            if text in ("", "y", "yes", "n", "no"):
                return default if not text else text.startswith("y")

    def secret(self, question: str) -> str | None:
        """What is typed without being shown; None where nobody can be asked."""
        if not self.asks:
            return None
        from getpass import getpass

        while True:
            try:
                text = getpass(f"{question}: ", stream=sys.stderr)
            except EOFError:
                raise typer.Abort from None
            if text:
                return text


def _missing(question: str, option: str, hints: Sequence[str]) -> str:
    told = f" ({'; '.join(hint.strip() for hint in hints)})" if hints else ""
    return f"{option} is missing: {question[0].lower()}{question[1:]}{told}"


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _line() -> str:
    text = sys.stdin.readline()
    if not text:
        raise typer.Abort
    return text.strip()
