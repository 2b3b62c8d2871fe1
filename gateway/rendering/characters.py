"""Fitting text into the character set of a target, and into XML.

XML 1.0 forbids most control characters, surrogates and two noncharacters. POHODA stores Windows-1250:
what that lacks is written with its nearest neighbour, and told.
"""

from __future__ import annotations

import re
import unicodedata
from codecs import charmap_encode, lookup
from collections.abc import Callable
from functools import cache, cached_property
from importlib import import_module

import msgspec

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")
SPECIAL = re.compile("[&<>\"'\x00-\x1f\ud800-\udfff\ufffe\uffff]")
"""What cannot stand in XML as it is."""

_MARKUP = "&<>\"'"
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"}

_NEIGHBOURS = {
    # Romanian with comma below: Windows-1250 has the letters with cedilla
    **dict(zip("șțȘȚ", "şţŞŢ", strict=True)),
    **dict(zip("øØłŁđĐıħĦŧŦŋŊ", "oOlLdDihHtTnN", strict=True)),
    **dict(zip("æÆœŒþÞðÐẞ", ("ae", "Ae", "oe", "Oe", "th", "Th", "d", "D", "SS"), strict=True)),
    **dict(zip("→←↔⇒≤≥≠≈∞", ("->", "<-", "<->", "=>", "<=", ">=", "!=", "~", "oo"), strict=True)),
    **dict.fromkeys("−‐‑‒―", "-"),
    **dict(zip("′″⁄∕¡¿", "'\"//!?", strict=True)),
    **dict.fromkeys("•★☆", "*"),
    **dict.fromkeys("✓✔", "x"),
    # invisible: joiners, direction marks, variation selectors, byte order mark
    **dict.fromkeys("\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\ufe0e\ufe0f", ""),
}
_CYRILLIC = {
    **dict(zip("абвгґдезиіклмнопрстуфцычшжйэ", "abvggdeziiklmnoprstufcyčšžje", strict=True)),
    "ё": "jo",
    "є": "je",
    "ї": "ji",
    "х": "ch",
    "щ": "šč",
    "ъ": "",
    "ь": "",
    "ю": "ju",
    "я": "ja",
    "ј": "j",
    "љ": "lj",
    "њ": "nj",
    "ћ": "ć",
    "ђ": "dj",
    "ў": "u",
    "џ": "dž",
}
_GREEK = {
    **dict(zip("αβγδεζηικλμνξοπρσςτυφω", "avgdeziiklmnxoprsstyfo", strict=True)),
    "θ": "th",
    "χ": "ch",
    "ψ": "ps",
}


class Fitted(msgspec.Struct, frozen=True):
    """A text as it fits, and what was replaced in it: each foreign character with what stands for it."""

    text: str
    replaced: tuple[tuple[str, str], ...] = ()


class Charset:
    """The characters of one encoding (a codec name such as `windows-1250`)."""

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding

    @cached_property
    def fits_line(self) -> Callable[[str], object]:
        """Whether `line` would change nothing: the quick answer, None where it is not sure."""
        return re.compile(_clean_line(self.encoding)).fullmatch

    @cached_property
    def is_clean(self) -> Callable[[str], object]:
        """Whether a line needs neither fitting nor escaping: the quick answer, None where it is not sure."""
        return re.compile(_clean_line(self.encoding, without=_MARKUP)).fullmatch

    @cached_property
    def are_clean(self) -> Callable[[str], object]:
        """Whether lines need neither fitting nor escaping, but for their breaks: the quick answer, as above."""
        return re.compile(_of_lines(_clean_line(self.encoding, without=_MARKUP))).fullmatch

    @cached_property
    def _fits_lines(self) -> Callable[[str], object]:
        return re.compile(_of_lines(_clean_line(self.encoding))).fullmatch

    def line(self, text: str) -> Fitted:
        """The text on one line: white space collapsed, foreign characters replaced."""
        if self.fits_line(text):
            return Fitted(text)
        fitted = self._replace(text)
        return Fitted(" ".join(fitted.text.split()), fitted.replaced)

    def lines(self, text: str) -> Fitted:
        """The text with its line breaks; white space within a line collapsed, foreign characters replaced."""
        if self._fits_lines(text):
            return Fitted(text)
        fitted = self._replace(text)
        rows = (" ".join(row.split()) for row in fitted.text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
        return Fitted("\n".join(rows).strip("\n"), fitted.replaced)

    def holds(self, text: str) -> bool:
        """Whether the text can be kept as it is: on one line, without foreign characters."""
        return _encodable(text, self.encoding) and not _BREAKS.search(text)

    def _replace(self, text: str) -> Fitted:
        text = unicodedata.normalize("NFC", text)
        if _encodable(text, self.encoding) and not _ILLEGAL.search(text):
            return Fitted(text)
        replaced: dict[str, str] = {}
        out = []
        for character in text:
            if _ILLEGAL.match(character):
                replaced[character] = ""
            elif not _encodable(character, self.encoding):
                replaced[character] = neighbour(character, self.encoding)
            out.append(replaced.get(character, character))
        return Fitted("".join(out), tuple(replaced.items()))


def encoder(encoding: str) -> Callable[[str], bytes]:
    """What encodes a text that the encoding holds; those of one byte have a table, which is the shorter way."""
    table = getattr(import_module(f"encodings.{lookup(encoding).name.replace('-', '_')}"), "encoding_table", None)
    if table is None:
        return lambda text: text.encode(encoding)
    return lambda text: charmap_encode(text, "strict", table)[0]


def escape(text: str) -> str:
    """The text as it stands in an element or in a quoted attribute, so that a parser gives back the same.

    Line breaks and tabs become references: a parser would turn them into blanks in an attribute.
    """
    if SPECIAL.search(text) is None:
        return text
    return SPECIAL.sub(_reference, text)


def legal(text: str) -> Fitted:
    """The text without what XML 1.0 cannot hold."""
    found = _ILLEGAL.findall(text)
    return Fitted(_ILLEGAL.sub("", text), tuple(dict.fromkeys((c, "") for c in found))) if found else Fitted(text)


@cache
def neighbour(character: str, encoding: str) -> str:
    """What stands for a character that the encoding lacks: its plain letter, a transcription, or `?`."""
    for candidate in (_NEIGHBOURS.get(character), _transcribed(character), _plain(character, encoding)):
        if candidate is not None and _encodable(candidate, encoding):
            return candidate
    return "?"


def _transcribed(character: str) -> str | None:
    base = unicodedata.normalize("NFD", character)[0]
    for letter in (character, base):
        found = _CYRILLIC.get(letter.lower(), _GREEK.get(letter.lower()))
        if found is not None:
            return found.capitalize() if letter != letter.lower() else found
    return None


def _plain(character: str, encoding: str) -> str | None:
    """The compatibility form without its marks: `ñ` is `n`, `²` is `2`, `½` is `1/2`."""
    parts = [c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c)]
    text = "".join(_NEIGHBOURS.get(c, c) for c in parts)
    return text if parts and _encodable(text, encoding) else None


def _encodable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _reference(match: re.Match[str]) -> str:
    character = match.group()
    known = _ESCAPES.get(character)
    if known is not None:
        return known
    return f"&#{ord(character)};" if character in "\t\n\r" else ""


def _of_lines(row: str) -> str:
    return f"{row}(?:\n{row})*"


def _clean_line(encoding: str, without: str = "") -> str:
    """A pattern of texts that surely need no fitting, without some characters."""
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        foreign = "\\s\x00-\x20\x7f-\xa0\xad\u0300-\u036f\u1680-\u1fff\u2000-\u200f\u2028-\u206f\ud800-\uffff"
        member = f"[^{re.escape(without)}{foreign}]"
    else:
        known = (bytes([code]).decode(encoding, "ignore") for code in range(0x21, 0x100))
        kept = (c for c in known if c.isprintable() and not c.isspace() and c not in without)
        member = "[" + "".join(re.escape(c) for c in kept) + "]"
    return f"{member}+(?: {member}+)*"
