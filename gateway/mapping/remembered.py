"""Values that were read of texts lately: codes, rates, prices and countries come again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

MOST = 2048
"""Texts of one way of reading that are remembered."""

MOST_ROWS = 1024
"""Rows of one list that are remembered."""

LONGEST_ROW = 600
"""Characters that the texts of such a row may have together."""

LONGEST = 120
"""Characters that such a text may have, so that what is kept is bounded."""


class Remembered(dict[Any, Any]):
    """From the raw text to the value, for the texts that were met lately. Threads share it."""

    def __init__(self, read: Callable[[str], Any]) -> None:
        self._read = read
        super().__init__({None: None, "": None})

    def __missing__(self, raw: str) -> Any:
        if raw is None:  # another thread has just cleared it
            return None
        value = self._read(raw)
        if len(raw) <= LONGEST:
            if len(self) >= MOST:
                self.clear()
                self[None] = None
            self[raw] = value
        return value


class RememberedRows(dict[Any, Any]):
    """From the texts of a row to its values, None for one that is left out. Threads share it.

    Deliveries, payments and the goods of a shop come again and again.
    """

    def keep(self, texts: tuple[str | None, ...], values: Any) -> Any:
        """Remember a row, if it is no long one; gives its values."""
        if len("".join(filter(None, texts))) > LONGEST_ROW:
            return values
        if len(self) >= MOST_ROWS:
            self.clear()
        self[texts] = values
        return values
