"""The one place where time is read, so that a test can say what time it is."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What everything that needs the time is given."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the event is set (True) or the seconds are over (False)."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until the event is set (True) or the seconds are over (False)."""
        return event.wait(seconds)


class ManualClock:
    """A clock for tests: it stands still until it is moved, and waiting moves it."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock needs an aware start")
        self._now = start

    def now(self) -> datetime:
        """The moment that the test has set."""
        return self._now

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Move on by the seconds without waiting for them."""
        self.advance(seconds)
        return event.is_set()

    def advance(self, seconds: float) -> None:
        """Move the clock on."""
        self._now += timedelta(seconds=seconds)


def to_text(moment: datetime) -> str:
    """A moment as it is stored: UTC, microseconds, sortable as text."""
    if moment.tzinfo is None:
        raise ValueError("a stored time must be aware")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_text(text: str) -> datetime:
    """The moment that `to_text` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def monotonic() -> float:
    """Seconds of a clock that never jumps, for durations only."""
    return time.monotonic()
