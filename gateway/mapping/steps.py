"""The steps of a plain path as data, for a reader that walks them itself."""

from __future__ import annotations

import re

import msgspec

_NAME = r"[^\W\d][\w.-]*"
_STEP = re.compile(rf"({_NAME})(?:\[\s*({_NAME}(?:/{_NAME})*)\s*=\s*(?:'([^']*)'|\"([^\"]*)\")\s*\])?")

Telling = tuple[tuple[str, ...], str]
"""A child that tells elements of one name apart, and the text that it must have."""


class Steps(msgspec.Struct, frozen=True):
    """Child names, with a test on some of them.

    tells: per name None, or the test of `[CHILD='text']`.
    """

    names: tuple[str, ...]
    tells: tuple[Telling | None, ...]


def steps_of(path: str) -> Steps | None:
    """The steps of `A/B[C='text']/D`; None for any path with more in it (attributes, `..`, positions, XPath)."""
    names: list[str] = []
    tells: list[Telling | None] = []
    at = 0
    path = path.strip()
    while True:
        match = _STEP.match(path, at)
        if match is None:
            return None
        name, child, single, double = match.groups()
        names.append(name)
        text = single if single is not None else double
        tells.append(None if child is None else (tuple(child.split("/")), text.strip()))
        at = match.end()
        if at == len(path):
            return Steps(tuple(names), tuple(tells))
        if path[at] != "/":
            return None
        at += 1
