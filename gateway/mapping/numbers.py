"""Numbers as shops write them: `1 210,50 Kč`, `21 %`, `1.234,56`, `27.0000`.

The rules stand in docs/mapping.md. Where two readings are possible the text is refused, never guessed.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

from gateway.mapping.unreadable import Unreadable

is_plain = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,12})?").fullmatch
"""Whether a text is a number as a machine writes it, which `Decimal` reads alike."""

_CURRENCY = r"(?:kč|kc|czk|€|eur|ft|huf|zł|zl|pln|lei|leu|ron|\$|usd|£|gbp)"
_WRITTEN = re.compile(
    rf"(?P<sign>[-+])?\s*(?P<before>{_CURRENCY})?\s*(?P<inner>[-+])?\s*"
    rf"(?P<digits>[0-9.,](?:[0-9.,'’\s]*[0-9])?)(?P<dash>,-{{1,2}})?\s*(?:(?P<after>{_CURRENCY})\.?|%)?",
    re.IGNORECASE,
).fullmatch
_SPACED = re.compile(r"[0-9]{1,3}(?:['’\s][0-9]{3})+(?:[.,][0-9]+)?").fullmatch
_MINUS = str.maketrans("\u2212\u2013\u2012\ufe63\uff0d", "-----")
_LONGEST = 40


@lru_cache(maxsize=4096)
def read_number(text: str) -> Decimal:
    """The number in a text. Raises Unreadable (D002)."""
    if is_plain(text):
        return Decimal(text)
    return _read_written(text)


def read_whole(text: str) -> int:
    """A whole number; `1.00` is one. Raises Unreadable (D002)."""
    number = read_number(text)
    if number != number.to_integral_value():
        raise Unreadable("D002", f"`{text}` is not a whole number")
    return int(number)


def _read_written(text: str) -> Decimal:
    match = _WRITTEN(text.translate(_MINUS)) if len(text) <= _LONGEST else None
    if match is None or (match["sign"] and match["inner"]):
        raise _not_a_number(text)
    digits = _plain_digits(match["digits"], text, money=bool(match["before"] or match["after"] or match["dash"]))
    sign = "-" if "-" in (match["sign"], match["inner"]) else ""
    return Decimal(sign + digits)


def _plain_digits(written: str, text: str, *, money: bool) -> str:
    """Digits with at most one dot, from digits with separators."""
    if re.search(r"['’\s]", written):
        if not _SPACED(written):
            raise _not_a_number(text)
        return re.sub(r"['’\s]", "", written).replace(",", ".")
    dots, commas = written.count("."), written.count(",")
    if dots + commas == 0:
        return written
    decimal = max(".", ",", key=written.rfind)
    thousands = "," if decimal == "." else "."
    if dots and commas:
        whole, _, fraction = written.rpartition(decimal)
        return f"{_ungrouped(whole, thousands, text)}.{_digits(fraction, text)}"
    if dots + commas > 1:
        return _ungrouped(written, decimal, text)
    whole, _, fraction = written.partition(decimal)
    if money and len(fraction) == 3 and 1 <= len(whole) <= 3 and whole.strip("0"):
        raise Unreadable(
            "D002",
            f"`{text}` is ambiguous: {whole}{fraction} or {whole}.{fraction}",
            hint="map an element that holds the bare number; texts written for people are not read by guessing",
        )
    return f"{whole or '0'}.{_digits(fraction, text)}"


def _ungrouped(whole: str, separator: str, text: str) -> str:
    first, *groups = whole.split(separator)
    if not groups or not 1 <= len(first) <= 3 or any(len(group) != 3 for group in groups):
        raise _not_a_number(text)
    return _digits("".join((first, *groups)), text)


def _digits(text: str, whole_text: str) -> str:
    if not (text.isascii() and text.isdigit()):
        raise _not_a_number(whole_text)
    return text


def _not_a_number(text: str) -> Unreadable:
    shown = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
    return Unreadable("D002", f"`{shown}` is not a number")
