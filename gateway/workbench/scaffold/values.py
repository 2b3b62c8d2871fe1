"""What a text may be by itself: a date, an amount, a country, a code that checks."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from gateway.mapping.numbers import read_number
from gateway.mapping.places import read_country, read_currency
from gateway.mapping.times import time_reader
from gateway.mapping.unreadable import Unreadable
from gateway.workbench.scaffold.vocabulary import DATE_PATTERNS, NUMERIC_CURRENCIES

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[a-z]{2,}", re.IGNORECASE)
_UTC = ZoneInfo("UTC")


def number(text: str) -> Decimal | None:
    """The number that a text is, by the rules of mappings."""
    try:
        return read_number(text) if text else None
    except Unreadable:
        return None


def country(text: str) -> str | None:
    """The country that a text names."""
    try:
        return read_country(text)
    except Unreadable:
        return None


def currency(text: str) -> str | None:
    """The currency that a text names, ISO's numbers too."""
    try:
        return NUMERIC_CURRENCIES.get(text) or read_currency(text)
    except Unreadable:
        return None


def is_date(text: str, patterns: tuple[str, ...] = ()) -> bool:
    """Whether a text is a date in the usual ways, or by the patterns; a null date is none."""
    try:
        return time_reader(patterns, _UTC)(text, lambda _: None) is not None
    except Unreadable:
        return False


def date_patterns(texts: tuple[str, ...]) -> tuple[str, ...] | None:
    """The patterns that read all of the texts: () where none are needed, None where they are no dates."""
    if texts and all(is_date(text) for text in texts):
        return ()
    for pattern in (each.replace("|", " ") for each in DATE_PATTERNS):
        if texts and all(_reads(text, pattern) for text in texts):
            return (pattern,)
    return None


def is_ean(text: str) -> bool:
    """Whether a text is an EAN with the right check digit."""
    if not re.fullmatch(r"\d{8}|\d{12,14}", text):
        return False
    digits = [int(digit) for digit in text.zfill(14)]
    return sum(digit * (3 if index % 2 == 0 else 1) for index, digit in enumerate(digits)) % 10 == 0


def _reads(text: str, pattern: str) -> bool:
    try:
        datetime.strptime(text, pattern)  # noqa: DTZ007 - only tries the pattern
    except ValueError:
        return False
    return True
