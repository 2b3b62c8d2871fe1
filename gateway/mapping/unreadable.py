"""What is raised inside this room when a value cannot be read; the reader turns it into a Problem."""

from __future__ import annotations


class Unreadable(Exception):
    """A text that is not what its field wants.

    `message`, `hint` and `notes` go into the problem as they are. `slot` tells which of a field's several paths
    the text came from, where that is known.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        slot: int | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.code = code
        self.message = message
        self.hint = hint
        self.slot = slot
        self.notes = notes
        super().__init__(message)
