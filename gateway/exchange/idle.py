"""Connections to targets that stay open for a moment: the next file often comes within seconds."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from datetime import datetime, timedelta

import msgspec

from gateway.clock import Clock
from gateway.endpoints import Service, Target

_LONGEST = timedelta(seconds=20)


class _Kept(msgspec.Struct, frozen=True):
    host: str
    made_of: object
    target: Target | Service
    holds: ExitStack
    since: datetime


class IdleTargets:
    """Open targets by their lane, which has one worker at a time. Each counts as a connection of its host."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def take(self, lane: str, made_of: object) -> tuple[Target | Service, ExitStack] | None:
        """The target that was kept for this lane, if its configuration (`made_of`) is still the same."""
        with self._lock:
            kept = self._kept.pop(lane, None)
        if kept is None:
            return None
        if kept.made_of != made_of:
            kept.holds.close()
            return None
        kept.target.refresh()
        return kept.target, kept.holds

    def keep(self, lane: str, host: str, made_of: object, target: Target | Service, holds: ExitStack) -> None:
        """Keep a target open; closing `holds` closes it and gives its connection back."""
        with self._lock:
            before = self._kept.pop(lane, None)
            self._kept[lane] = _Kept(host, made_of, target, holds, self._clock.now())
        if before is not None:
            before.holds.close()

    def close_one(self, host: str) -> bool:
        """Close the oldest one of a host: somebody else needs the connection. False where there is none."""
        with self._lock:
            lanes = [lane for lane, kept in self._kept.items() if kept.host == host]
            if not lanes:
                return False
            oldest = self._kept.pop(min(lanes, key=lambda lane: self._kept[lane].since))
        oldest.holds.close()
        return True

    def close_old(self) -> None:
        """Close those that nobody has used for a while."""
        self._close(before=self._clock.now() - _LONGEST)

    def close_all(self) -> None:
        """Close all of them."""
        self._close(before=None)

    def _close(self, before: datetime | None) -> None:
        with self._lock:
            old = [lane for lane, kept in self._kept.items() if before is None or kept.since < before]
            closing = [self._kept.pop(lane) for lane in old]
        for kept in closing:
            kept.holds.close()
