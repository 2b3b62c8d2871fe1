"""JSON as a stream of tokens: a cursor that holds no more of the text than the value it stands at."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Literal, NoReturn, TextIO

from gateway.mapping.opening import LARGEST_RECORD

_CHUNK = 1 << 18
_NEAR = 16  # an error this near to the end of what was read may only mean that the value goes on
_SPACE = re.compile(r"[ \t\r\n]*")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_LAST_WORD = re.compile(r"[\w.+-]*\s*")
_CLOSERS = {"[": "]", "{": "}"}


Fault = Literal["syntax", "cut", "size"]


class BadJson(Exception):
    """A text that is not JSON, with its place: wrong, cut, or too large or too deep."""

    def __init__(self, message: str, line: int, column: int, kind: Fault = "syntax") -> None:
        self.message = message
        self.line = line
        self.column = column
        self.kind = kind
        super().__init__(message)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"`{name}` is no value of JSON")


_decoder = json.JSONDecoder(object_pairs_hook=tuple, parse_float=str, parse_int=str, parse_constant=_no_constant)
"""Objects come as tuples of pairs, so that no key is lost; numbers as they are written."""


class Cursor:
    """Reads one JSON text from its start to its end."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self._at = 0
        self._line = 1
        self._before = 0
        self._ended = False

    def peek(self) -> str:
        """The next character that is no white space; "" at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def place(self, offset: int | None = None) -> tuple[int, int]:
        """Line and column, from 1, of where the cursor stands, or of a place in the text that it holds."""
        at = self._at if offset is None else offset
        start = self._text.rfind("\n", 0, at) + 1
        line = self._line + self._text.count("\n", 0, at)
        return line, at - start + 1 + (self._before if start == 0 else 0)

    def value(self) -> tuple[Any, str]:
        """The next value, decoded and as it is written; the cursor moves behind it. Raises BadJson."""
        self.peek()
        while True:
            try:
                value, end = _decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                behind = error.pos - self._at
                if self._may_go_on(error) and self._longer():
                    continue
                open_text = error.msg.startswith("Unterminated")
                raise self.fault(error.msg.lower(), self._at + behind, cut=open_text) from error
            except RecursionError as error:
                raise self.fault("the input is nested too deep", kind="size") from error
            except ValueError as error:
                raise self.fault(str(error)) from error
            if end == len(self._text) and self._longer():
                continue
            raw = self._text[self._at : end]
            self._at = end
            return value, raw

    def members(self) -> Iterator[None]:
        """Stand at each member of the array that begins here; whoever asks reads it. Raises BadJson."""
        return self._listed("]")

    def pairs(self) -> Iterator[str]:
        """The keys of the object that begins here, the cursor standing at the value of each. Raises BadJson."""
        for _ in self._listed("}"):
            if self.peek() != '"':
                raise self.fault("expecting property name enclosed in double quotes")
            key, _raw = self.value()
            if self.peek() != ":":
                raise self.fault("expecting ':' delimiter")
            self._at += 1
            yield key

    def skip(self, level: int = 0) -> None:
        """Move behind the next value without holding more of it than a member of a member."""
        first = self.peek()
        if level >= 2 or first not in ("[", "{"):
            self.value()
        else:
            for _ in self.members() if first == "[" else self.pairs():
                self.skip(level + 1)

    def fault(
        self, message: str, offset: int | None = None, kind: Fault = "syntax", *, cut: bool = False
    ) -> BadJson:
        """A fault at a place; at the end of the input it only means that the input does not go on."""
        at = self._at if offset is None else offset
        ended = self._ended and (cut or _LAST_WORD.fullmatch(self._text, at) is not None)
        return BadJson(message, *self.place(at), "cut" if ended and kind == "syntax" else kind)

    def _listed(self, closer: str) -> Iterator[None]:
        self.peek()
        self._at += 1
        if self.peek() == closer:
            self._at += 1
            return
        while True:
            yield None
            character = self.peek()
            if character not in (",", closer) or not character:
                raise self.fault("expecting ',' delimiter")
            self._at += 1
            if character == closer:
                return
            if self.peek() == closer:
                raise self.fault("a comma stands before the closing bracket")

    def _may_go_on(self, error: json.JSONDecodeError) -> bool:
        return error.msg.startswith("Unterminated") or error.pos >= len(self._text) - _NEAR

    def _longer(self) -> bool:
        """Read on while the value is not longer than a record may be."""
        if len(self._text) - self._at > LARGEST_RECORD:
            raise self.fault(f"one value has more than {LARGEST_RECORD >> 20} million characters", kind="size")
        return self._more()

    def _more(self) -> bool:
        """Drop what is behind the cursor and read as much again as is held, so that long values cost no square."""
        if self._ended:
            return False
        self._line, column = self.place()
        self._before = column - 1
        held = self._text[self._at :]
        chunk = self._file.read(max(_CHUNK, len(held)))
        self._text, self._at = held + chunk, 0
        self._ended = not chunk
        return not self._ended


def decoded(raw: str) -> Any:
    """A text that is known to be JSON."""
    return _decoder.decode(raw)


def tokens(raw: str) -> Iterator[re.Match[str]]:
    """The tokens of a text that is known to be JSON."""
    return _TOKEN.finditer(raw)


def spread(raw: str) -> str:
    """A text in one line as indented lines, for a person; one that has lines stays as it is."""
    if "\n" in raw:
        return raw
    written: list[str] = []
    depth = 0
    for token in tokens(raw):
        text = token[0]
        if text in "}]":
            depth -= 1
            empty = bool(written) and written[-1].strip() in _CLOSERS
            written.append(text if empty else f"\n{'  ' * depth}{text}")
        elif text == ":":
            written.append(": ")
        else:
            opened = bool(written) and written[-1].strip() in (*_CLOSERS, ",")
            if text != "," and opened:
                written.append("\n" + "  " * depth)
            written.append(text)
            depth += text in _CLOSERS
    return "".join(written)
