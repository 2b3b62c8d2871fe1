"""A file that goes to the disk while it is written, so that there is little to wait for at its end."""

from __future__ import annotations

import os
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import BinaryIO

STRETCH = 16 << 20
"""Bytes after which the disk is given what was written."""


class SyncedFile:
    """Writes to a binary file; at the end of the context all of it is on the disk.

    Raises OSError where it cannot be written, also for what was written before.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._waiting = 0
        self._under_way: _Sync | None = None

    def __enter__(self) -> SyncedFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        self.wait()
        if kind is None:
            self._raise()
            self._file.flush()
            os.fsync(self._file.fileno())

    def write(self, data: bytes) -> None:
        """Add some bytes."""
        self._file.write(data)
        self._waiting += len(data)
        if self._waiting >= STRETCH and (self._under_way is None or not self._under_way.is_alive()):
            self._raise()
            self._file.flush()
            self._waiting, sync = 0, _Sync(self._file.fileno())
            with suppress(RuntimeError):  # the system has no thread left: all of it is synced at the end
                sync.start()
                self._under_way = sync

    def wait(self) -> None:
        """Wait until the disk has what it was given."""
        if self._under_way is not None:
            self._under_way.join()

    def _raise(self) -> None:
        """Raise what the disk has said, which it says once."""
        if self._under_way is not None and self._under_way.error is not None:
            raise self._under_way.error


class _Sync(Thread):
    """Has what was written of a file put on the disk. error: why that was not possible."""

    def __init__(self, file: int) -> None:
        super().__init__(name="sync")
        self._of = file
        self.error: OSError | None = None

    def run(self) -> None:
        """See above."""
        try:
            os.fsync(self._of)
        except OSError as error:
            self.error = error
