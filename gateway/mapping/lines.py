"""Lines of an input by number, for the excerpts of problems; and the place of a value in them."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from gateway.diagnostics import Span
from gateway.mapping.paths import Element, local_name

LONGEST_LINE = 4000
_EVERY = 1000
_BLOCK = 1 << 20
_NEAR = 12
_EXACT_LINES = 65535  # libxml2 keeps 16 bits; beyond it tells the line of a neighbour


class SourceLines:
    """Reads lines by number; places of every thousandth line are remembered, so no reading is from the start."""

    def __init__(self, path: Path, codec: str) -> None:
        self._path = path
        self._codec = codec
        self._starts = [0]
        self._wide: list[str] | None = None
        self._counted = 0, 0

    def line(self, number: int) -> str | None:
        """A line (from 1) without its break; None where there is none, or where it is too long to be shown."""
        if number < 1:
            return None
        try:
            if self._codec.startswith("utf-16"):
                return self._wide_line(number)
            return self._narrow_line(number)
        except OSError:
            return None

    def _wide_line(self, number: int) -> str | None:
        if self._wide is None:
            text = self._path.read_bytes().decode("utf-16" if self._codec == "utf-16" else self._codec, "replace")
            self._wide = text.lstrip("\ufeff").split("\n")
        line = self._wide[number - 1].rstrip("\r") if number <= len(self._wide) else None
        return line if line is not None and len(line) <= LONGEST_LINE else None

    def _narrow_line(self, number: int) -> str | None:
        block = min((number - 1) // _EVERY, len(self._starts) - 1)
        with self._path.open("rb") as file:
            file.seek(self._starts[block])
            current = block * _EVERY + 1
            while current < number:
                if not _skip_line(file):
                    return None
                current += 1
                if (current - 1) % _EVERY == 0 and (current - 1) // _EVERY == len(self._starts):
                    self._starts.append(file.tell())
            raw = file.readline(LONGEST_LINE * 4 + 2)
        if not raw:
            return None
        text = raw.decode(self._codec, "replace").lstrip("\ufeff").rstrip("\r\n")
        return text if len(text) <= LONGEST_LINE else None

    def place(self, element: Element, value: str | None, shown_as: str, *, lines_before: int = 0) -> Span:
        """The place of a value of an element; of the element's tag where the value does not stand as it is.

        lines_before: of the input, where the element was parsed from a part of it.
        """
        line = line_of(element) + lines_before
        tag = local_name(element.tag)
        start = self._tag_line(line, tag)
        first = next((part.strip() for part in (value or "").splitlines() if part.strip()), "")
        found = self._value(start, tag, first) if first else None
        if found is not None:
            return Span(file=shown_as, line=found[0], column=found[1], length=found[2], text=found[3])
        text = self.line(start)
        if text is None:
            return Span(file=shown_as, line=start)
        column = _tag_column(text, tag)
        return Span(
            file=shown_as, line=start, column=column + 1 if column >= 0 else 0, length=len(tag) + 1, text=text
        )

    def _tag_line(self, line: int, tag: str) -> int:
        """The line of the start tag."""
        for near in range(line, max(0, line - (_NEAR if line >= _EXACT_LINES else 3)), -1):
            text = self.line(near)
            if text is not None and _tag_column(text, tag) >= 0:
                return near
        return line

    def before(self, place: int) -> int:
        """The number of lines before a byte; it is counted from the place that was asked for last.

        Raises OSError where the input cannot be read any more.
        """
        known, count = self._counted
        if place < known:
            known = count = 0
        if place > known:
            with self._path.open("rb") as file:
                file.seek(known)
                while known < place and (block := file.read(min(_BLOCK, place - known))):
                    count += block.count(b"\n")
                    known += len(block)
            self._counted = known, count
        return count

    def _value(self, line: int, tag: str, value: str) -> tuple[int, int, int, str] | None:
        """Line, column, length and text of a value that stands just after the tag or in the lines below it."""
        for number in range(line, line + _NEAR):
            text = self.line(number)
            if text is None:
                return None
            start = max(0, _tag_column(text, tag) + len(tag)) if number == line else 0
            escaped = escape(value, quote=False)
            for written in (value, escaped, escaped.replace('"', "&quot;")):
                at = text.find(written, start)
                if at >= 0:
                    return number, at + 1, len(written), text
            if number > line and f"</{tag}>" in text:
                return None
        return None


def line_of(element: Element) -> int:
    """The source line of an element, as the parser tells it; 0 where it does not."""
    line: Any = element.sourceline
    return int(line) if line else 0


def _tag_column(text: str, tag: str) -> int:
    at = text.find(f"<{tag}")
    while at >= 0 and text[at + len(tag) + 1 : at + len(tag) + 2] not in ("", ">", " ", "/", "\t"):
        at = text.find(f"<{tag}", at + 1)
    return at if at >= 0 else text.find(f":{tag}")


def _skip_line(file: object) -> bool:
    """Move past one line, however long; False at the end."""
    read = file.readline  # type: ignore[attr-defined]
    piece = read(1 << 16)
    if not piece:
        return False
    while piece and not piece.endswith(b"\n"):
        piece = read(1 << 16)
    return True
