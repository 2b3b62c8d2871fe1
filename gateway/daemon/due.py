"""Which routes are to be looked at, and when. Clocks and watchers only put routes in here."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import datetime


class DueRoutes:
    """Routes that wait for their turn, shared between threads. What is lost here costs a scan, never an order."""

    def __init__(self) -> None:
        self._at: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def add(self, route: str, at: datetime) -> None:
        """Look at the route at `at`, or earlier where that was wished before."""
        with self._lock:
            self._at[route] = min(at, self._at.get(route, at))

    def waiting(self, now: datetime) -> set[str]:
        """The routes that are due, which stay in."""
        with self._lock:
            return {route for route, at in self._at.items() if at <= now}

    def take(self, routes: Iterable[str], now: datetime) -> list[str]:
        """Those of the routes that are due, which are thereby taken out."""
        with self._lock:
            due = [route for route in routes if route in self._at and self._at[route] <= now]
            for route in due:
                del self._at[route]
        return due
