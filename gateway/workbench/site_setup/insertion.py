"""One more entry in a block of a YAML file, with every byte of what is there kept.

Nothing is written anew: the text is cut at one line, and the new lines are put there. What comes out is read again
and compared with what it must be; where it differs in anything, nothing is inserted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from gateway import yamlfile
from gateway.errors import GatewayError, ProblemsFound
from gateway.yamlfile import YamlFile

_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_MARK_OF_DOCUMENTS = re.compile(r"(---|\.\.\.)(\s|$)")
_BYTE_ORDER_MARK = "\ufeff"
_STEP = 2

Path = tuple[str, ...]


class CannotInsert(GatewayError):
    """Nothing can be put there without a risk for what is there; `line` is where, if that is known."""

    exit_code = 2

    def __init__(self, why: str, line: int | None = None) -> None:
        self.why = why
        self.line = line
        super().__init__(why)


class Entry(msgspec.Struct, frozen=True):
    """A new member `name` of the block at `block`, such as ("routes",).

    lines: its text, the line with the name and comments above it included, indented by two blanks a level.
    value: what these lines say, as the reader gives it.
    """

    block: Path
    name: str
    lines: tuple[str, ...]
    value: Any


def inserted(raw: bytes, entries: Sequence[Entry], shown_as: str) -> bytes:
    """The file with the entries at the ends of their blocks; missing blocks are made at the end of the file.

    Every line that was there stays as it was, in its order. Raises CannotInsert, and ProblemsFound where the file
    itself cannot be read.
    """
    before = yamlfile.parse(raw, shown_as)
    wanted = before.data if before.data is not None else {}
    text = raw.decode("utf-8")
    mark = _BYTE_ORDER_MARK if text.startswith(_BYTE_ORDER_MARK) else ""
    text = text.removeprefix(_BYTE_ORDER_MARK)
    for entry in entries:
        file = yamlfile.parse(text, shown_as)
        text = _one_more(text, file, entry)
        wanted = _with(wanted, (*entry.block, entry.name), entry.value)
        _must_say(text, wanted, shown_as)
    return (mark + text).encode("utf-8")


def line_end_of(text: str) -> str:
    """How the first line of a text ends; a plain line feed where it has no end."""
    found = _LINE_END.search(text)
    return found.group() if found else "\n"


def _one_more(text: str, file: YamlFile, entry: Entry) -> str:
    lines = _lines(text)
    if file.data is not None and not isinstance(file.data, dict):
        raise CannotInsert("the file is not a table of keys and values", 1)
    _no_flow(file, (), lines)
    block, own = entry.block, list(entry.lines)
    while block and not _is_there(file, block):  # a block that is missing is made, with the entry in it
        own = [f"{block[-1]}:", *(f"{' ' * _STEP}{line}" if line else "" for line in own)]
        block = block[:-1]
    _no_flow(file, block, lines)
    at = _end_of(file, block, lines)
    column = _column_of_members(file, block)
    step = _step_of(file)
    end = line_end_of(lines[at - 1] if at and _LINE_END.search(lines[at - 1]) else text)
    new = [f"{_indented(line, column, step)}{end}" for line in own]
    if at and not _LINE_END.search(lines[at - 1]):
        new.insert(0, end)
    if at and lines[at - 1].strip() and not _is_key_line(file, block, at):
        new.insert(1 if new[0] == end else 0, end)
    if at < len(lines) and lines[at].strip():
        new.append(end)
    return "".join([*lines[:at], *new, *lines[at:]])


def _must_say(text: str, wanted: Any, shown_as: str) -> None:
    try:
        said = yamlfile.parse(text, shown_as).data
    except ProblemsFound:
        said = None
    if said != wanted:
        raise CannotInsert("its layout leaves no place where lines can be added without changing what is there")


def _with(data: Any, path: Path, value: Any) -> Any:
    """The data with one more member; what is in between is made."""
    name, *rest = path
    inner = _with(data.get(name) or {}, tuple(rest), value) if rest else value
    return {**data, name: inner}


def _is_there(file: YamlFile, path: Path) -> bool:
    return not path or path in file.keys


def _no_flow(file: YamlFile, path: Path, lines: Sequence[str]) -> None:
    """Raise CannotInsert where the value is no block of lines. The path leads to a key that is there."""
    value: Any = file.data
    for name in path:
        value = value[name]
    span = file.spans.get(path)
    shown = f"`{'.'.join(path)}`" if path else "the file"
    if value is None:
        key = file.keys.get(path)
        rest = lines[key.line - 1][key.column - 1 + key.length :] if key and key.line else ""
        if rest.strip().removeprefix(":").partition("#")[0].strip():
            raise CannotInsert(f"{shown} has a value of its own (nothing)", key.line if key else None)
        return
    if not isinstance(value, dict):
        raise CannotInsert(f"{shown} is not a table of keys and values", span.line if span else None)
    if span is not None and span.line and lines[span.line - 1][(span.column or 1) - 1] == "{":
        raise CannotInsert(f"{shown} is written in braces, `{{…}}`", span.line)


def _end_of(file: YamlFile, block: Path, lines: Sequence[str]) -> int:
    """How many lines there are up to the end of a block, with the comments that are indented like its members."""
    start = _line_of(file, block)
    after = [
        span.line - 1
        for place, span in file.keys.items()
        if place[: len(block)] != block and span.line and span.line - 1 > start
    ]
    marks = [
        number
        for number, line in enumerate(lines)
        if number > start and _MARK_OF_DOCUMENTS.match(line) and (file.data or number)
    ]
    end = min([*after, *marks, len(lines)])
    column = _column_of_key(file, block)
    while end > start + 1 and _is_outside(lines[end - 1], column):
        end -= 1
    return end


def _is_outside(line: str, column: int) -> bool:
    """Whether a line behind a block belongs to what follows: an empty one, or a comment that is no deeper."""
    text = line.strip()
    return not text or (text.startswith("#") and len(line) - len(line.lstrip()) <= column)


def _line_of(file: YamlFile, block: Path) -> int:
    """The line of a block's key, from 0; -1 for the file as a whole."""
    key = file.keys.get(block)
    return key.line - 1 if key is not None and key.line else -1


def _is_key_line(file: YamlFile, block: Path, at: int) -> bool:
    return at - 1 == _line_of(file, block)


def _column_of_key(file: YamlFile, block: Path) -> int:
    """The indentation of a block's key; of the file as a whole less than any."""
    key = file.keys.get(block)
    return (key.column or 1) - 1 if key is not None else -1


def _column_of_members(file: YamlFile, block: Path) -> int:
    """How far the members of a block are indented."""
    for place, span in file.keys.items():
        if len(place) == len(block) + 1 and place[:-1] == block:
            return (span.column or 1) - 1
    return _column_of_key(file, block) + _step_of(file) if block else 0


def _step_of(file: YamlFile) -> int:
    """How many blanks a level is indented by: as in the first block of the file that has a member."""
    for place, span in file.keys.items():
        above = file.keys.get(place[:-1])
        if len(place) > 1 and above is not None and span.line != above.line:
            step = (span.column or 1) - (above.column or 1)
            if step > 0:
                return step
    return _STEP


def _indented(line: str, column: int, step: int) -> str:
    """A line that is indented by two blanks a level, as the file does it."""
    bare = line.lstrip(" ")
    return " " * (column + (len(line) - len(bare)) // _STEP * step) + bare if bare else ""


def _lines(text: str) -> list[str]:
    """The lines as YAML counts them, each with its end."""
    found, at = [], 0
    for match in _LINE_END.finditer(text):
        found.append(text[at : match.end()])
        at = match.end()
    return [*found, text[at:]] if at < len(text) else found
