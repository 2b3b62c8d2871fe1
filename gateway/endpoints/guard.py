"""An end to every wait, from outside: a connection is cut whose owner waits inside a library for too long.

Libraries wait without a time-out or try again after each one (paramiko does while it writes); only closing the
connection from another thread frees who waits there.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable
from typing import Any, Literal

from gateway.clock import monotonic


class Guard:
    """Watches one step on one connection, in a thread that ends with the step.

    `cut` is called once at most: after `whole` seconds, or once nothing has moved for `silence` seconds. It is
    never called after the step, so it cannot hit a later one. `tripped` says whether it was called, and why.
    """

    def __init__(
        self,
        cut: Callable[[], object],
        *,
        whole: float,
        silence: float = math.inf,
        moved: Callable[[], float] = lambda: -math.inf,
    ) -> None:
        self._cut = cut
        self.whole = whole
        self._silence = silence
        self._moved = moved
        self._changed = threading.Condition()
        self._over = False
        self.tripped: Literal["silence", "whole"] | None = None

    def __enter__(self) -> Guard:
        self._began = monotonic()
        self._thread = threading.Thread(target=self._watch, name="guard", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._over = True
            self._changed.notify()
        self._thread.join()

    def _watch(self) -> None:
        with self._changed:
            while not self._over:
                now = monotonic()
                whole = self._began + self.whole - now
                silence = max(self._began, self._moved()) + self._silence - now
                if min(whole, silence) <= 0:
                    self.tripped = "whole" if whole <= 0 else "silence"
                    with contextlib.suppress(Exception):
                        self._cut()
                    return
                self._changed.wait(min(whole, silence, threading.TIMEOUT_MAX))


class WatchedLine:
    """The socket under a connection, which remembers when a byte went last."""

    def __init__(self, plain: Any) -> None:
        self._plain = plain
        self._went = monotonic()
        self._stuck_since: float | None = None

    def moved(self) -> float:
        """When a byte went last; while the other side takes none, that what it sends does not count."""
        stuck = self._stuck_since
        return self._went if stuck is None else stuck

    def send(self, data: bytes) -> int:
        """As a socket's."""
        try:
            count: int = self._plain.send(data)
        except TimeoutError:
            if self._stuck_since is None:
                self._stuck_since = monotonic()
            raise
        self._stuck_since, self._went = None, monotonic()
        return count

    def recv(self, size: int) -> bytes:
        """As a socket's."""
        data: bytes = self._plain.recv(size)
        self._went = monotonic()
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)
