"""The hosts on the other side: how many connections each has at a time, and which do not answer.

All workers share it, in memory alone. Without the limit a hundred routes of one server would knock at once and be
banned; without the breaker each of them would wait for its own time-out while other partners wait behind.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import msgspec

from gateway.clock import Clock
from gateway.errors import EndpointError, EndpointUnreachable, HostUnreachable
from gateway.telemetry import emit

_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(seconds=60)
_SOON = timedelta(milliseconds=100)
_PER_LANE = timedelta(milliseconds=30)
_FORGOTTEN = timedelta(seconds=10)


class NoConnectionFree(Exception):
    """Not an error, but a turn to wait for: the host has as many connections as it may have until `again`."""

    def __init__(self, host: str, again: datetime) -> None:
        self.again = again
        super().__init__(f"all connections to {host} are in use")


class _Host(msgspec.Struct):
    open: int = 0
    failures: int = 0
    closed_until: datetime | None = None
    reason: str = ""
    asking: dict[str, datetime] = msgspec.field(default_factory=dict)


class Partners:
    """The connections and the breaker of every host."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()

    @contextmanager
    def connection(self, host: str | None, limit: int, lane: str, *, wait: bool = False) -> Iterator[None]:
        """One of the host's connections for the length of the block.

        Raises NoConnectionFree where all are in use (with `wait` it waits, and raises EndpointUnreachable after a
        minute), EndpointUnreachable where the host did not answer just now. That it does not answer is learnt
        from a HostUnreachable that leaves the block.
        """
        if host is None:
            yield
            return
        self._wait(host, limit, lane) if wait else self._enter(host, limit, lane)
        failures = self._hosts[host].failures
        try:
            yield
        except HostUnreachable as error:
            self._failed(host, error)
            raise
        except EndpointError:
            self.answered(host)
            raise
        else:
            if self._hosts[host].failures <= failures:  # one that lay idle knows nothing of later failures
                self.answered(host)
        finally:
            with self._lock:
                self._hosts[host].open -= 1

    def try_all_again(self) -> None:
        """Forget who did not answer: a person asked for something, and may have mended it."""
        with self._lock:
            for known in self._hosts.values():
                known.failures, known.closed_until = 0, None

    def _wait(self, host: str, limit: int, lane: str) -> None:
        until = self._clock.now() + _LONGEST_PAUSE
        while True:
            try:
                return self._enter(host, limit, lane)
            except NoConnectionFree as busy:
                if busy.again > until:
                    raise EndpointUnreachable(str(busy), code="E001") from busy
                self._clock.wait(threading.Event(), (busy.again - self._clock.now()).total_seconds())

    def _enter(self, host: str, limit: int, lane: str) -> None:
        now = self._clock.now()
        with self._lock:
            known = self._hosts.setdefault(host, _Host())
            if known.closed_until is not None and now < known.closed_until:
                raise EndpointUnreachable(
                    f"{known.reason} (not tried again before {known.closed_until.astimezone():%H:%M:%S})",
                    code="E001",
                )
            if known.open >= limit:
                known.asking = {name: at for name, at in known.asking.items() if now - at < _FORGOTTEN}
                known.asking[lane] = now
                raise NoConnectionFree(host, now + _SOON + _PER_LANE * len(known.asking))
            known.asking.pop(lane, None)
            known.open += 1
            if known.closed_until is not None:  # one goes ahead; the others wait for what it finds
                known.closed_until = now + _FIRST_PAUSE

    def _failed(self, host: str, error: HostUnreachable) -> None:
        with self._lock:
            known = self._hosts[host]
            known.failures += 1
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(known.failures - 1, 10))
            known.closed_until, known.reason = self._clock.now() + pause, error.message
        if known.failures == 1:
            emit("host_unreachable", level="warning", host=host, reason=error.message)

    def answered(self, host: str) -> None:
        """The host is there: whoever waits for that may go on."""
        with self._lock:
            known = self._hosts[host]
            was_closed, known.failures, known.closed_until = known.failures > 0, 0, None
        if was_closed:
            emit("host_answers_again", host=host)
