"""How the commands speak: results on standard output, progress and problems on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from gateway.diagnostics import Problem, printable, render_all

if TYPE_CHECKING:
    from rich.progress import Progress

_GREEN, _RED, _YELLOW, _BOLD, _END = "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[1m", "\x1b[0m"


class Terminal:
    """The two streams of a command. Colour only where a person sees it, and never with NO_COLOR."""

    def __init__(self, *, quiet: bool = False) -> None:
        wished = not os.environ.get("NO_COLOR")
        self.colour_out = wished and sys.stdout.isatty()
        self.colour_err = wished and sys.stderr.isatty()
        self.quiet = quiet

    def result(self, text: str = "") -> None:
        """A line of the result."""
        sys.stdout.write(text + "\n")

    def json(self, value: Any) -> None:
        """The result as JSON."""
        text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
        sys.stdout.write(text + "\n")

    def note(self, text: str) -> None:
        """A line about the work, for a person who watches."""
        if not self.quiet:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def problems(self, problems: Sequence[Problem], *, limit: int = 50) -> None:
        """Problems with their excerpts."""
        if problems:
            sys.stderr.write(render_all(problems[:limit], colour=self.colour_err) + "\n\n")
            if len(problems) > limit:
                sys.stderr.write(f"… and {len(problems) - limit} more\n\n")

    def mark(self, verdict: Literal["good", "bad", "doubtful"]) -> str:
        """A tick, a cross, or an exclamation mark."""
        sign, colour = {"good": ("✓", _GREEN), "bad": ("✗", _RED), "doubtful": ("!", _YELLOW)}[verdict]
        return f"{colour}{sign}{_END}" if self.colour_out else sign

    def bold(self, text: str) -> str:
        """Text that stands out."""
        return f"{_BOLD}{text}{_END}" if self.colour_out else text

    def table(
        self, head: Sequence[str], rows: Sequence[Sequence[object]], *, only_if_any: Sequence[str] = ()
    ) -> None:
        """Columns as wide as their widest cell; those of `only_if_any` are left out where all are 0."""
        shown = [i for i, name in enumerate(head) if name not in only_if_any or any(row[i] != 0 for row in rows)]
        head = [head[i] for i in shown]
        rows = [[row[i] for i in shown] for row in rows]
        cells = [[printable(str(cell)) for cell in row] for row in rows]
        widths = [max(len(row[i]) for row in [list(head), *cells]) for i in range(len(head))]
        right = [bool(rows) and all(isinstance(row[i], int) for row in rows) for i in range(len(head))]

        def line(row: Sequence[str]) -> str:
            padded = [
                cell.rjust(width) if to_right else cell.ljust(width)
                for cell, width, to_right in zip(row, widths, right, strict=True)
            ]
            return "  ".join(padded).rstrip()

        self.result(self.bold(line(head)))
        for row in cells:
            self.result(line(row))

    @contextmanager
    def progress(self, what: str, total: int | None = None) -> Iterator[Advance]:
        """A bar with count, rate and time left on a terminal; nothing in a pipe."""
        if self.quiet or not sys.stderr.isatty():
            yield _no_bar
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            yield _Bar(bar, what, total)


class Advance(Protocol):
    """Tells a progress bar that something is done."""

    def __call__(self, steps: int = 1, note: str = "") -> None:
        """Move on by `steps`."""
        ...


class _Bar:
    def __init__(self, bar: Progress, what: str, total: int | None) -> None:
        self._bar = bar
        self._task = bar.add_task(what, total=total, rate="")

    def __call__(self, steps: int = 1, note: str = "") -> None:
        self._bar.update(self._task, advance=steps, rate=note)


def _no_bar(steps: int = 1, note: str = "") -> None:
    """Where nobody watches."""


def cut(text: str, width: int = 44) -> str:
    """A text on one line, shortened to a width."""
    text = printable(" ".join(text.split()))
    return text if len(text) <= width else f"{text[: width - 1]}…"
