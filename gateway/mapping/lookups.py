"""Lookup tables: the shop's own words to canonical codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from gateway.mapping.unreadable import Unreadable

ELSE = "else"
INCLUDE = "include"
_REMEMBERED = 4096
_LONGEST_REMEMBERED = 120
_SHOWN = 12
_ABSENT = object()

Otherwise = Literal["error", "keep"]


def lookup_key(text: str) -> str:
    """Keys are compared without case and with white space folded."""
    return " ".join(text.split()).casefold()


class Lookup:
    """One table, with the codes already read as the field's type.

    A key that ends with `*` matches every text that begins so; an exact key wins over it, then the longest one.
    What no key matches is an error, or `other`, or kept as it is.
    """

    def __init__(
        self, name: str, rows: Mapping[str, Any], otherwise: Otherwise | None, other: Any = _ABSENT
    ) -> None:
        self.name = name
        self._keys = tuple(rows)
        self._exact: dict[str, Any] = {}
        self._prefixes: list[tuple[str, Any]] = []
        self._keep = otherwise == "keep"
        self._other = other
        self._known: dict[str, Any] = {}
        for key, value in rows.items():
            folded = lookup_key(key)
            if folded.endswith("*"):
                self._prefixes.append((folded[:-1], value))
            else:
                self._exact[folded] = value
        self._prefixes.sort(key=lambda each: -len(each[0]))

    def find(self, text: str) -> Any:
        """The code for a text. Raises Unreadable (D004) where the table has none."""
        value = self._known.get(text, _ABSENT)
        if value is _ABSENT:
            value = self._search(text)
            if value is not text and len(self._known) < _REMEMBERED and len(text) <= _LONGEST_REMEMBERED:
                self._known[text] = value
        return value

    def _search(self, text: str) -> Any:
        key = lookup_key(text)
        if key in self._exact:
            return self._exact[key]
        for prefix, value in self._prefixes:
            if key.startswith(prefix):
                return value
        if self._keep:
            return text
        if self._other is not _ABSENT:
            return self._other
        known = ", ".join(self._keys[:_SHOWN]) + (", …" if len(self._keys) > _SHOWN else "")
        raise Unreadable(
            "D004",
            f"the lookup `{self.name}` has no entry for `{text}`",
            hint=f"add a line for it under `lookups: {{{self.name}: …}}` of the route or of the mapping",
            notes=(f"it knows: {known or 'nothing'}",),
        )


def split_else(rows: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """The rows without `else`, and what `else` says (`error` where it is not given)."""
    plain = {key: value for key, value in rows.items() if key != ELSE}
    return plain, rows.get(ELSE, "error")


Finder = Callable[[str], Any]
