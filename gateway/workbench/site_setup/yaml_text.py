"""YAML as a person would write it: plain words plain, everything else in quotes, comments in one column."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gateway import yamlfile

_PLAIN = re.compile(r"[\w/.](?:[\w/.@+=~%-]|:(?=[^\s,\]}])|(?<! ) (?=[\w/.]))*")
_NOTHING = ("null", "Null", "NULL")
_DIGITS = re.compile(r"[0-9]+")
_TIME = re.compile(r"\d:\d\d\b(?!/)")
_COLUMN = 33


def scalar(text: str) -> str:
    """A value that is read as this very text."""
    looks_otherwise = text in _NOTHING or _DIGITS.fullmatch(text.replace(".", "")) or _TIME.search(text)
    if _PLAIN.fullmatch(text) and not looks_otherwise:
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def flow(values: Mapping[str, str]) -> str:
    """A table in one line."""
    return "{" + ", ".join(f"{key}: {scalar(value)}" for key, value in values.items()) + "}"


def line(level: int, text: str, comment: str = "") -> str:
    """A line of an entry, with its comment where the others have theirs."""
    shown = f"{'  ' * level}{text}"
    return f"{shown.ljust(_COLUMN - 2)}  # {comment}" if comment else shown


def said_by(name: str, lines: Sequence[str]) -> Any:
    """What the lines of an entry say."""
    return yamlfile.parse("\n".join(lines) + "\n", name).data[name]
