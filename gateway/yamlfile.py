"""YAML with positions: every scalar stays text, every node knows its place.

YAML 1.1 turns `NO` into false, `012` into 10 and `12:30` into 750. Here nothing is turned into anything:
the model that reads a value decides its type. Duplicate keys, anchors, aliases and tags are problems.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from gateway import library
from gateway.diagnostics import Problem, Span
from gateway.errors import ProblemsFound

_QUICK = getattr(yaml, "CSafeLoader", None)
_READ_OTHERWISE = ("\t", "? ", "?\n", "\ufeff", "\x85", "\u2028", "\u2029")
"""What the loader in C takes and the other one refuses, or counts otherwise."""
LARGEST = 1 << 20
DEEPEST = 40

Location = tuple[str | int, ...]


class YamlFile(msgspec.Struct, frozen=True):
    """One file: `data` is dicts, lists, text and None; `spans` tells where each part stands.

    `spans[("fields", "number")]` is the value's place and `keys[("fields", "number")]` the key's.
    """

    path: str
    data: Any
    spans: dict[Location, Span]
    keys: dict[Location, Span]
    text: str

    def span(self, location: Sequence[str | int], *, key: bool = False) -> Span | None:
        """The place of a value (or of its key); of the nearest part above where it does not exist itself."""
        at = tuple(location)
        table = self.keys if key else self.spans
        if key and at not in table:
            table = self.spans
        while at and at not in table:
            at = at[:-1]
            table = self.spans
        return table.get(at)


def read(path: Path, *, shown_as: str | None = None) -> YamlFile:
    """Read a file from disk. Raises ProblemsFound with every problem of its form."""
    name = shown_as or shorten(path)
    return parse(read_text(path, shown_as=name), name)


def read_text(path: Path, *, shown_as: str | None = None) -> str:
    """The text of a file. Raises ProblemsFound where it cannot be read, is too large or is not UTF-8."""
    name = shown_as or shorten(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ProblemsFound(
            [
                Problem(
                    code="Y001",
                    message=f"cannot read `{name}`: {error.strerror or error}",
                    span=Span(file=name),
                    help="check the name and the rights of the file",
                )
            ]
        ) from error
    return _decode(raw, name)


def parse(raw: bytes | str, name: str) -> YamlFile:
    """Read YAML from memory. Raises ProblemsFound with every problem of its form."""
    text = _decode(raw, name)
    lines = text.splitlines()

    def span_of(start: Any, end: Any) -> Span:
        line = lines[start.line] if start.line < len(lines) else ""
        length = end.column - start.column if end.line == start.line else len(line) - start.column
        return Span(file=name, line=start.line + 1, column=start.column + 1, length=max(1, length), text=line)

    try:
        builder = _built(text, span_of)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        span = span_of(mark, mark) if mark is not None else Span(file=name)
        raise ProblemsFound([_syntax_problem(error, span)]) from error
    except yaml.YAMLError as error:
        raise ProblemsFound(
            [Problem(code="Y001", message=f"this is not YAML: {error}", span=Span(file=name))]
        ) from error
    except RecursionError as error:
        raise ProblemsFound([_too_deep(Span(file=name))]) from error
    if builder.problems:
        raise ProblemsFound(builder.problems)
    return YamlFile(path=name, data=builder.data, spans=builder.spans, keys=builder.keys, text=text)


def shorten(path: Path) -> str:
    """A path as a person would write it: relative to the working folder, or to the folders that ship."""
    for base in (Path.cwd(), library.shipped()):
        try:
            return path.resolve().relative_to(base).as_posix()
        except (ValueError, OSError):
            continue
    return str(path)


def _decode(raw: bytes | str, name: str) -> str:
    if len(raw) > LARGEST:
        raise ProblemsFound(
            [
                Problem(
                    code="Y005",
                    message=f"the file is larger than {LARGEST // 1024} KiB",
                    span=Span(file=name),
                    help="split it with `include:`",
                )
            ]
        )
    if isinstance(raw, str):
        return raw
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ProblemsFound(
            [
                Problem(
                    code="Y006",
                    message="the file is not UTF-8",
                    span=Span(file=name, line=line),
                    help="save it as UTF-8 in the editor",
                )
            ]
        ) from error


def _built(text: str, span_of: Callable[[Any, Any], Span]) -> _Builder:
    """What a text holds. The loader in C is much quicker; what it refuses is told in the other one's words."""
    if _QUICK is not None and not any(sign in text for sign in _READ_OTHERWISE):
        try:
            return _Builder(text, _QUICK, span_of)
        except yaml.YAMLError:
            pass
    return _Builder(text, yaml.SafeLoader, span_of)


class _Refused(yaml.MarkedYAMLError):
    def __init__(self, code: str, message: str, mark: Any) -> None:
        super().__init__(problem=message, problem_mark=mark)
        self.code = code


def _syntax_problem(error: yaml.MarkedYAMLError, span: Span) -> Problem:
    helps = {
        "Y003": "write the part out where it is needed",
        "Y004": "write the plain value; the field's type reads it",
    }
    if isinstance(error, _Refused):
        return Problem(code=error.code, message=str(error.problem), span=span, help=helps.get(error.code))
    said = error.problem or error.context or "cannot be read"
    if "\\t" in said or "tab" in said.lower():
        return Problem(
            code="Y001", message="a tab stands where YAML wants spaces", span=span, help="indent with spaces"
        )
    return Problem(
        code="Y001",
        message=f"this is not YAML: {said}",
        span=span,
        help="values with `: `, `#`, `{` or `[` in them must stand in quotes",
    )


def _too_deep(span: Span) -> Problem:
    return Problem(code="Y005", message=f"the file nests deeper than {DEEPEST} levels", span=span)


class _Builder:
    """Turns the events of a text into plain data as they come, and notes where each part stands."""

    def __init__(self, text: str, loader_class: Any, span_of: Callable[[Any, Any], Span]) -> None:
        self.spans: dict[Location, Span] = {}
        self.keys: dict[Location, Span] = {}
        self.problems: list[Problem] = []
        self._span_of = span_of
        self._depth = 0
        loader = loader_class(text)
        self._get: Callable[[], yaml.Event] = loader.get_event
        try:
            self.data = self._document()
        finally:
            loader.dispose()

    def _document(self) -> Any:
        self._get()  # the start of the stream
        first = self._get()
        if isinstance(first, yaml.StreamEndEvent):
            return None
        data = self._part(self._next(), ())
        self._get()  # the end of the document
        another: Any = self._get()
        if not isinstance(another, yaml.StreamEndEvent):
            raise yaml.MarkedYAMLError(problem="but found another document", problem_mark=another.start_mark)
        return data

    def _next(self) -> Any:
        """The next event, where it is one that is allowed."""
        event: Any = self._get()
        if not isinstance(event, yaml.ScalarEvent):
            if isinstance(event, yaml.CollectionEndEvent):
                self._depth -= 1
                return event
            if isinstance(event, yaml.AliasEvent):
                raise _Refused("Y003", "aliases are not allowed", event.start_mark)
            self._depth += 1
            if self._depth > DEEPEST:
                raise _Refused("Y005", f"the file nests deeper than {DEEPEST} levels", event.start_mark)
        if event.anchor is not None:
            raise _Refused("Y003", "anchors are not allowed", event.start_mark)
        if event.tag is not None:
            raise _Refused("Y004", f"the tag `{event.tag}` is not allowed", event.start_mark)
        return event

    def _part(self, event: Any, location: Location) -> Any:
        self.spans[location] = self._span_of(event.start_mark, event.end_mark)
        if isinstance(event, yaml.ScalarEvent):
            return None if not event.style and event.value in ("", "~", "null") else event.value
        start = event.start_mark
        data: Any
        if isinstance(event, yaml.SequenceStartEvent):
            data = []
            while not isinstance(event := self._next(), yaml.CollectionEndEvent):
                data.append(self._part(event, (*location, len(data))))
        else:
            data = {}
            while not isinstance(event := self._next(), yaml.CollectionEndEvent):
                self._member(event, location, data)
        self.spans[location] = self._span_of(start, event.end_mark)
        return data

    def _member(self, event: Any, location: Location, data: dict[str, Any]) -> None:
        """A key, with its value behind it."""
        span = self._span_of(event.start_mark, event.end_mark)
        at = (*location, event.value) if isinstance(event, yaml.ScalarEvent) else None
        if at is not None and at not in self.keys:
            self.keys[at] = span
            data[event.value] = self._part(self._next(), at)
            return
        span = self._passed_over(event) or span
        self._passed_over(self._next())
        self.problems.append(
            Problem(code="Y001", message="a key must be plain text", span=span)
            if at is None
            else Problem(
                code="Y002",
                message=f"the key `{event.value}` stands twice",
                span=span,
                label=f"first on line {self.keys[at].line}",
                help="remove one of the two; the last one does not win here",
            )
        )

    def _passed_over(self, event: Any) -> Span | None:
        """The place of a part that nothing is made of; None of a single text."""
        if isinstance(event, yaml.ScalarEvent):
            return None
        start, above = event.start_mark, self._depth - 1
        while self._depth > above:
            event = self._next()
        return self._span_of(start, event.end_mark)
