"""Whether an input is complete to its end, told from its first and last bytes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from gateway.mapping.encoding import HEAD, read_prolog

Wholeness = Literal["whole", "unfinished", "unreadable"]

_TAIL = 64 << 10


def wholeness(path: Path, format: str = "xml") -> Wholeness:  # noqa: A002 - the word of the mapping language
    """Look at the first 64 KiB for the root and at the last 64 KiB for its end tag.

    `unreadable` is what no further bytes at the end can mend: it does not begin as XML.
    Comments, processing instructions and white space may follow the root; an empty file is `unfinished`.
    Raises ValueError for another format, OSError where the file cannot be read.
    """
    if format != "xml":
        raise ValueError(f"no wholeness check for the format {format!r}")
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
