"""From text to the type of a field."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from gateway.mapping.fields import Field
from gateway.mapping.numbers import read_number, read_whole
from gateway.mapping.places import read_country, read_currency
from gateway.mapping.times import read_moment
from gateway.mapping.unreadable import Unreadable

LONGEST = 4000
"""Characters that a text may have; POHODA's longest note is shorter."""
LONGEST_DESCRIPTION = 64_000
"""Characters that the description of a product may have."""

_YES = frozenset({"1", "true", "yes", "y", "ano", "áno", "igen", "tak", "da", "ja"})
_NO = frozenset({"0", "false", "no", "n", "ne", "nie", "nem", "nu", "nein"})


def folded(text: str) -> str:
    """One line: ends trimmed, every run of white space (also no-break spaces and line breaks) one blank."""
    return " ".join(text.split())


def folded_lines(text: str) -> str:
    """A note: each line folded, line breaks kept, empty lines at both ends dropped."""
    return "\n".join(" ".join(line.split()) for line in text.splitlines()).strip("\n")


def read_text(text: str) -> str:
    """Text of at most LONGEST characters. Raises Unreadable (D014)."""
    if len(text) > LONGEST:
        raise Unreadable(
            "D014",
            f"the text has {len(text)} characters, at most {LONGEST} are taken",
            hint="shorten it in the shop; a text this long is usually a fault of the export",
        )
    return text


def read_description(text: str) -> str:
    """The description of a product, which is a page of HTML in most shops. Raises Unreadable (D014)."""
    if len(text) > LONGEST_DESCRIPTION:
        raise Unreadable(
            "D014",
            f"the text has {len(text)} characters, at most {LONGEST_DESCRIPTION} are taken",
            hint="shorten it in the shop; a text this long is usually a fault of the export",
        )
    return text


def read_yes_no(text: str) -> bool:
    """`1`, `true`, `ano`, `igen` … and their opposites; `0.00` is no. Raises Unreadable (D013)."""
    word = text.casefold()
    if word in _YES:
        return True
    if word in _NO:
        return False
    try:
        number = read_number(text)
    except Unreadable:
        number = None
    if number is not None and number in (0, 1):
        return bool(number)
    raise Unreadable("D013", f"`{text}` is neither yes nor no", hint="expected 1 or 0, or use a `lookup:`")


def code_reader(codes: type[StrEnum]) -> Callable[[str], StrEnum]:
    """Reads the exact canonical values of a closed list. Raises Unreadable (D016)."""
    members = {str(code): code for code in codes}

    def read(text: str) -> StrEnum:
        code = members.get(text)
        if code is None:
            raise Unreadable(
                "D016",
                f"`{text}` is not one of the canonical codes {', '.join(members)}",
                hint="give the field a `lookup:` that leads to one of them",
            )
        return code

    return read


_READERS: dict[str, Callable[[str], Any]] = {
    "text": read_text,
    "note": read_text,
    "number": read_number,
    "whole": read_whole,
    "yes/no": read_yes_no,
    "country": read_country,
    "currency": read_currency,
    "time": read_moment,
}


def reader_of(field: Field) -> Callable[[str], Any]:
    """The reader of a field's type; times in a mapping have their own (`times.time_reader`)."""
    if field.name == "description":
        return read_description
    if field.codes is not None:
        return code_reader(field.codes)
    return _READERS[field.type]
