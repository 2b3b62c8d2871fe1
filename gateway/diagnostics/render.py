"""Problems as text for a terminal or a `.why.txt`: an excerpt with carets, then the help line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from unicodedata import combining, east_asian_width

from gateway.diagnostics.problem import Problem, Span

_COLOURS = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "note": "\x1b[1;36m"}
_BLUE, _BOLD, _END = "\x1b[1;34m", "\x1b[1m", "\x1b[0m"
_WIDEST = 160


def render(problem: Problem, *, colour: bool = False) -> str:
    """The whole problem, several lines, no line break at the end."""
    head = f"{problem.level}[{problem.code}]"
    message = printable(f"{problem.record}: {problem.message}" if problem.record else problem.message)
    if colour:
        head = f"{_COLOURS[problem.level]}{head}{_END}"
        message = f"{_BOLD}{message}{_END}"
    lines = [f"{head}: {message}"]
    gutter = " " * len(str(problem.span.line)) if problem.span and problem.span.line else " "
    bar = f"{_BLUE}|{_END}" if colour else "|"
    if problem.span is not None:
        lines.append(f"{gutter}--> {printable(str(problem.span))}")
        lines.extend(_excerpt(problem.span, problem.label, gutter, bar))
    notes = [f"{gutter} = {printable(line)}" for line in problem.context]
    if problem.help:
        notes.append(f"{gutter} = help: {printable(problem.help)}")
    if notes and problem.span is not None and problem.span.text is not None:
        lines.append(f"{gutter} {bar}")
    return "\n".join(lines + notes)


def render_all(problems: Iterable[Problem], *, colour: bool = False) -> str:
    """Several problems, a blank line between them."""
    return "\n\n".join(render(problem, colour=colour) for problem in problems)


def one_line(problem: Problem) -> str:
    """The short form: place, level, code and message."""
    place = f"{problem.span}: " if problem.span else ""
    record = f"{problem.record}: " if problem.record else ""
    return printable(f"{place}{problem.level}[{problem.code}]: {record}{problem.message}")


def github_line(problem: Problem) -> str:
    """The workflow command that makes an annotation of a problem at its line."""
    word = {"error": "error", "warning": "warning", "note": "notice"}[problem.level]
    place: list[str] = []
    if problem.span is not None:
        place.append(f"file={_property(problem.span.file)}")
        place += [f"line={problem.span.line}"] if problem.span.line else []
        place += [f"col={problem.span.column}"] if problem.span.column else []
    place.append(f"title={_property(problem.code)}")
    message = f"{problem.record}: {problem.message}" if problem.record else problem.message
    if problem.help:
        message = f"{message}\nhelp: {problem.help}"
    return f"::{word} {','.join(place)}::{_data(message)}"


def count_line(problems: Sequence[Problem], files: int) -> str:
    """The closing line of a check: `2 errors, 1 warning in 5 files`."""
    errors = sum(problem.level == "error" for problem in problems)
    warnings = sum(problem.level == "warning" for problem in problems)
    counts = [plural(errors, "error")]
    if warnings:
        counts.append(plural(warnings, "warning"))
    return f"{', '.join(counts)} in {plural(files, 'file')}"


def plural(count: int, noun: str) -> str:
    """`1 order`, `2 orders`, `0 orders`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def printable(text: str) -> str:
    """Text from outside without control characters, so that it can neither colour nor break a line."""
    return "".join(c if c.isprintable() or c == " " else repr(c)[1:-1] for c in text)


def _data(text: str) -> str:
    """Text of a workflow command, which ends at a line break."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """A value in the head of a workflow command."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _excerpt(span: Span, label: str | None, gutter: str, bar: str) -> list[str]:
    if span.text is None:
        return []
    text, column = _window(span.text.rstrip("\r\n").expandtabs(1), span.column)
    number = f"{span.line}" if span.line else ""
    lines = [f"{gutter} {bar}", f"{number} {bar} {printable(text)}"]
    if column:
        length = max(1, min(span.length or 1, len(text) - column + 1))
        pad = _width(text[: column - 1])
        carets = "^" * max(1, _width(text[column - 1 : column - 1 + length]))
        lines.append(f"{gutter} {bar} {' ' * pad}{carets}{' ' + printable(label) if label else ''}")
    elif label:
        lines.append(f"{gutter} {bar} {printable(label)}")
    return lines


def _window(text: str, column: int) -> tuple[str, int]:
    """A long line is shown around the place that matters."""
    if len(text) <= _WIDEST:
        return text, column
    start = max(0, min(column - _WIDEST // 2, len(text) - _WIDEST))
    shown = text[start : start + _WIDEST]
    if start:
        shown = "…" + shown[1:]
    if start + _WIDEST < len(text):
        shown = shown[:-1] + "…"
    return shown, column - start if column else 0


def _width(text: str) -> int:
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)
