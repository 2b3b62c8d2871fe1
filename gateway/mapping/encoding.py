"""How an input begins: byte order mark, declaration, DOCTYPE, root; and whether its encoding is what it says."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

import msgspec

from gateway.diagnostics import Problem, Span
from gateway.mapping.language import ENCODINGS
from gateway.mapping.lines import SourceLines

HEAD = 64 << 10
_CHUNK = 64 << 10
_LONGEST_SHOWN = 4000
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_ALLOWED = {codecs.lookup(name).name for name in ENCODINGS} | {"utf-16-le", "utf-16-be", "ascii"}
_DECLARATION = re.compile(r"<\?xml\b(?:[^>]*?\bencoding\s*=\s*(?:\"([^\"]*)\"|'([^']*)'))?[^>]*\?>")
_SKIPPED = re.compile(r"(?:\s+|<!--.*?-->|<\?.*?\?>)+", re.DOTALL)
_ROOT = re.compile(r"<([^\s<>/!?][^\s<>/]*)")
_DOCTYPE = re.compile(r"<!DOCTYPE\s+([^\s>\[]+)", re.IGNORECASE)


class Prolog(msgspec.Struct, frozen=True):
    """What the first bytes say.

    codec: Python's name of the encoding that the bytes are read with, None where it is not a known one.
    declared: the encoding that the declaration names, as written. mark: the encoding of the byte order mark.
    root, doctype: names where they were reached. text: the head as text. at: where the first of them begins in it.
    """

    codec: str | None
    declared: str | None
    mark: str | None
    root: str | None
    doctype: str | None
    text: str
    at: int

    @property
    def blank(self) -> bool:
        """Nothing but white space so far."""
        return not self.text.strip("\ufeff\x00 \t\r\n")

    @property
    def is_xml(self) -> bool:
        """Whether the first character is that of XML."""
        return self.text.lstrip("\ufeff \t\r\n").startswith("<")


def marked_codec(head: bytes) -> str:
    """Python's name of the encoding that the first bytes tell where nothing declares one; else UTF-8."""
    for mark, codec in _BOMS:
        if head.startswith(mark):
            return "utf-8-sig" if codec == "utf-8" else "utf-16"
    zeros = (head[:1] == b"\x00", head[1:2] == b"\x00")
    return {(True, False): "utf-16-be", (False, True): "utf-16-le"}.get(zeros, "utf-8")


def read_prolog(head: bytes) -> Prolog:
    """Read the first bytes of an input."""
    mark = next((codec for bom, codec in _BOMS if head.startswith(bom)), None)
    wide = mark if mark and mark != "utf-8" else {b"<\x00": "utf-16-le", b"\x00<": "utf-16-be"}.get(head[:2])
    first = _DECLARATION.match(head.decode(wide or "latin-1", "replace").lstrip("\ufeffï»¿ \t\r\n"))
    declared = (first[1] or first[2]) if first else None
    codec = wide or mark
    if codec is None:
        codec = _codec(declared) if declared else "utf-8"
        if codec is not None and codec.startswith("utf-16"):
            codec = "utf-8"  # a lie: the bytes are one to a character
        elif codec not in _ALLOWED:
            codec = None  # Python also knows such as `hex`, which are no encodings of texts
    text = head.decode(codec or "latin-1", "replace").lstrip("\ufeff")
    skipped = _SKIPPED.match(text)
    at = skipped.end() if skipped else 0
    doctype, root = _DOCTYPE.match(text, at), _ROOT.match(text, at)
    return Prolog(codec, declared, mark, root[1] if root else None, doctype[1] if doctype else None, text, at)


def encoding_problem(path: Path, prolog: Prolog, shown_as: str, override: str | None) -> Problem | None:
    """What is wrong with the encoding of an input (S005), or None. Reads the whole file where it must."""
    if override is not None:
        codec = codecs.lookup(override).name
        return invalid_bytes(path, codec, f"the mapping says `{override}`", shown_as)
    declared = prolog.declared
    name = _codec(declared) if declared else None
    if declared and (name is None or name not in _ALLOWED):
        return _problem(
            f"the declared encoding `{declared}` is not taken",
            prolog,
            shown_as,
            f"export as one of {', '.join(ENCODINGS)}; if it is one of these, say so: `source: {{encoding: …}}`",
        )
    seen = prolog.mark or ("utf-16" if prolog.codec in ("utf-16-le", "utf-16-be") else None)
    if (
        declared
        and name
        and (name.startswith("utf-16") != (seen or "").startswith("utf-16") or _differs(name, seen))
    ):
        truth = seen or "one byte a character"
        return _problem(
            f"the declared encoding `{declared}` is not the true one: the bytes are {truth}",
            prolog,
            shown_as,
            "name the true one in the mapping: `source: {encoding: utf-8}`",
        )
    codec = prolog.codec or "utf-8"
    if codec in ("utf-8", "ascii"):
        said = f"`{declared}` is declared" if declared else "no encoding is declared, so it must be UTF-8"
        return invalid_bytes(path, "utf-8", said, shown_as)
    if not codec.startswith("utf-16") and _is_utf8(path):
        return _problem(
            f"the declared encoding `{declared}` is not the true one: the bytes are utf-8",
            prolog,
            shown_as,
            "name the true one in the mapping: `source: {encoding: utf-8}`",
        )
    return None


def _differs(name: str, seen: str | None) -> bool:
    return seen == "utf-8" and name not in ("utf-8", "ascii")


def _codec(name: str | None) -> str | None:
    try:
        return codecs.lookup(name or "").name
    except (LookupError, ValueError):
        return None


def _problem(message: str, prolog: Prolog, shown_as: str, hint: str) -> Problem:
    line = prolog.text.split("\n", 1)[0].rstrip("\r")
    column = line.find(prolog.declared or "\x00") + 1
    span = Span(file=shown_as, line=1, column=column, length=len(prolog.declared or ""), text=line)
    return Problem(code="S005", message=message, span=span, help=hint)


def invalid_bytes(path: Path, codec: str, said: str, shown_as: str) -> Problem | None:
    """A problem (S005) where the bytes are not of the codec; `said` is who says that they are. Reads the file."""
    decoder = codecs.getincrementaldecoder(codec)()
    passed = 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK)
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                pending = len(error.object) - len(chunk)
                return _invalid_byte(path, codec, passed - pending + error.start, said, shown_as)
            if not chunk:
                return None
            passed += len(chunk)


def _invalid_byte(path: Path, codec: str, place: int, said: str, shown_as: str) -> Problem:
    """The problem of the byte at a place, with its line where that is not too long to be shown."""
    reach = 4 * _LONGEST_SHOWN
    with path.open("rb") as file:
        file.seek(max(0, place - reach))
        before = file.read(min(place, reach)).rsplit(b"\n", 1)[-1]
        rest = file.read(reach)
    text = (before + rest.split(b"\n", 1)[0]).decode(codec, "replace")
    shown = text if len(text) <= _LONGEST_SHOWN else None
    line = SourceLines(path, codec).before(place) + 1
    column = len(before.decode(codec, "replace")) + 1
    return Problem(
        code="S005",
        message=f"{said}, but byte 0x{rest[:1].hex()} on line {line} is not {codec}",
        span=Span(file=shown_as, line=line, column=column if shown else 0, length=1, text=shown),
        help="name the true encoding in the mapping, such as `source: {encoding: windows-1250}`",
    )


def _is_utf8(path: Path) -> bool:
    """Whether the bytes are UTF-8 with at least one character beyond ASCII."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    beyond = False
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            beyond = beyond or not chunk.isascii()
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                return False
    return beyond
