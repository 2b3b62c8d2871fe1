"""Whether an input is complete to its end."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from gateway.mapping.encoding import HEAD, marked_codec, read_prolog

Wholeness = Literal["whole", "unfinished", "unreadable", "untold"]

_TAIL = 64 << 10
_CHUNK = 1 << 20
_LONGEST_TEXT = 64 << 20
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def wholeness(path: Path, format: str = "xml") -> Wholeness:  # noqa: A002 - the word of the mapping language
    """Whether an input is complete to its end.

    XML: the root's end tag stands at the end (comments, processing instructions and white space may follow).
    JSON: every bracket is closed. CSV and JSON lines end anywhere: `untold`, only time tells.
    `unreadable` is what no further bytes at the end can mend; an empty file is `unfinished`.
    Raises OSError where the file cannot be read.
    """
    if format == "xml":
        return _of_xml(path)
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head.strip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"):
        return "unfinished"
    return _of_json(path, head) if format == "json" else "untold"


def _of_json(path: Path, head: bytes) -> Wholeness:
    """Brackets are counted outside of texts, chunk by chunk."""
    codec = marked_codec(head)
    depth, held, first = 0, "", True
    with path.open(encoding=codec, errors="replace", newline="") as file:
        while chunk := file.read(_CHUNK):
            text = (held + chunk).lstrip("\ufeff \t\r\n") if first else held + chunk
            if first and text and not text.startswith(("{", "[")):
                return "unreadable"
            first = first and not text
            bare, quote, rest = _STRING.sub("", text).partition('"')
            depth += bare.count("{") + bare.count("[") - bare.count("}") - bare.count("]")
            held = quote + rest
            if len(held) > _LONGEST_TEXT:
                return "unfinished"
    return "unfinished" if depth > 0 or held else "whole"


def _of_xml(path: Path) -> Wholeness:
    with path.open("rb") as file:
        head = file.read(HEAD)
        size = file.seek(0, 2)
        start = max(0, size - _TAIL)
        file.seek(start - start % 2)
        tail = file.read()
    prolog = read_prolog(head)
    if prolog.blank:
        return "unfinished"
    if not prolog.is_xml:
        return "unreadable"
    if prolog.doctype is not None:
        # Refused when it is read; whether it is whole is told by its end as ever, but its root is not known.
        return "whole" if re.search(rb">\s*\Z", tail.replace(b"\x00", b"")) else "unfinished"
    if prolog.root is None:
        return "unfinished"
    text = _without_misc(tail.decode(prolog.codec or "latin-1", "replace"))
    if re.search(rf"</{re.escape(prolog.root)}\s*>\Z", text):
        return "whole"
    if size <= HEAD and re.fullmatch(
        rf"<{re.escape(prolog.root)}(?:\s+[^\s=<>]+\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'))*\s*/>",
        _without_misc(prolog.text[prolog.at :]),
    ):
        return "whole"
    return "unfinished"


def _without_misc(text: str) -> str:
    """The text up to the root's end: trailing white space, comments and processing instructions dropped."""
    while True:
        text = text.rstrip(" \t\r\n")
        if text.endswith("-->"):
            opening = text.rfind("<!--")
        elif text.endswith("?>"):
            opening = text.rfind("<?")
        else:
            return text
        if opening < 0:
            return text
        text = text[:opening]
