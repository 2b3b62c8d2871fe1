"""A chunk of XML as text in which nothing is left but tags and texts, so that expressions can match it."""

from __future__ import annotations

import re
from collections.abc import Iterable

_CODECS = {
    "utf-8": "utf-8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "windows-1250": "cp1250",
    "windows-1252": "cp1252",
    "iso-8859-1": "latin-1",
    "iso-8859-2": "iso8859-2",
}
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r"))
_BEYOND = re.compile(b"\xef\xbf[\xbe\xbf]")  # U+FFFE and U+FFFF in UTF-8
_OPENING = ord("<")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_FORM = r"&(?:(amp|lt|gt|quot|apos)|#([0-9]{1,7})|#x([0-9a-fA-F]{1,6}));"
_REFERENCE, REFERENCE_BYTES = re.compile(_FORM), re.compile(_FORM.encode())


class NotPlain(Exception):
    """The chunk is to be parsed."""


def codec_of(encoding: str) -> str | None:
    """Python's name of an encoding that is read here; None for any other."""
    return _CODECS.get(encoding.lower().replace("_", "-"))


def plain_text(data: bytes, codec: str, end_tag: bytes) -> tuple[str, str | bytes]:
    """The text, with its references such as `&amp;`; and the same as UTF-8 where that is at hand.

    Raises NotPlain for what only a parser understands.

    Comments are left out, CDATA sections are written as texts, and line ends are `\n` (XML 1.0, section 2.11).
    What is not well-formed outside of tags is refused; the tags are left to who matches them. An end tag of that
    name is one of an element. Single bytes are looked for wherever that will do: it is ten times as fast.
    """
    if len(data.translate(None, _CONTROLS)) != len(data) or (b"\xef" in data and _BEYOND.search(data)):
        raise NotPlain
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
        if b"\r" in data:
            raise NotPlain
    if b"!" in data:
        data = b"".join(_without_marks(data, end_tag))
    elif b"]" in data and b"]]>" in data:
        raise NotPlain
    if b"&" in data:
        _check_references(data)
    try:
        text = data.decode(codec)
    except UnicodeDecodeError:
        raise NotPlain from None
    return text, data if codec == "utf-8" else text


def resolved(texts: tuple[str | None, ...]) -> tuple[str | None, ...]:
    """Texts with the characters that their references stand for."""
    return tuple([_REFERENCE.sub(character_of, text) if text and "&" in text else text for text in texts])


def _without_marks(data: bytes, end_tag: bytes) -> Iterable[bytes]:
    """The pieces between comments and CDATA sections, and what is in the latter as text."""
    at = begin = 0
    while (begin := data.find(b"!", begin)) >= 0:
        if not begin or data[begin - 1] != _OPENING:
            begin += 1
            continue
        yield _outside(data[at : begin - 1])
        if data.startswith(b"[CDATA[", begin + 1):
            end = data.find(b"]]>", begin)
            inside = data[begin + 8 : end]
            if end < 0 or end_tag in inside:
                raise NotPlain
            if b"&" in inside or b"<" in inside or b">" in inside:
                inside = inside.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")
            yield inside
        elif data.startswith(b"--", begin + 1):
            end = data.find(b"--", begin + 3)
            inside = data[begin + 3 : end]
            if (
                end < 0 or not data.startswith(b"-->", end) or b"\n" in inside or b"<" in inside
            ):  # lines are counted
                raise NotPlain
        else:
            raise NotPlain
        at = begin = end + 3
    yield _outside(data[at:])


def _outside(piece: bytes) -> bytes:
    """A piece between two marks. Raises NotPlain where one stands within a tag, or such an end is left."""
    if piece.rfind(b"<") > piece.rfind(b">") or (b"]" in piece and b"]]>" in piece):
        raise NotPlain
    return piece


def _check_references(data: bytes) -> None:
    """Raises NotPlain for what is no reference to a character that XML allows."""
    at = 0
    while (at := data.find(b"&", at)) >= 0:
        found = REFERENCE_BYTES.match(data, at)
        if found is None:
            raise NotPlain
        name, decimal, hexadecimal = found.groups()
        if not name and not _is_allowed(_number(decimal, hexadecimal)):
            raise NotPlain
        at = found.end()


def character_of(match: re.Match[str] | re.Match[bytes]) -> str:
    """What a reference stands for."""
    name, decimal, hexadecimal = match.groups()
    if name:
        return _NAMED[name if isinstance(name, str) else name.decode()]
    return chr(_number(decimal, hexadecimal))


def _number(decimal: str | bytes | None, hexadecimal: str | bytes | None) -> int:
    """The number of the character that a reference names one way or the other."""
    return int(decimal) if decimal else int(hexadecimal or "", 16)


def _is_allowed(number: int) -> bool:
    """Whether XML 1.0 allows the character (section 2.2); those beyond 16 bits are left to the parser."""
    return number in (9, 10, 13) or 0x20 <= number <= 0xD7FF or 0xE000 <= number <= 0xFFFD
