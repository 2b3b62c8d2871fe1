"""Lanes: what must happen in order happens on one lane, and one worker at a time works on it.

The engine is asked only "somebody run this lane, soon or at a time"; what there is to do stands in the ledger.
A lost wake-up therefore costs time, never work: `sweep` wakes what has work and no wake-up.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection, Row, and_, or_, select, update

from gateway.clock import from_text, to_text
from gateway.store import tables
from gateway.store.ledger import LaneLease, LaneLost, Ledger, insert_into
from gateway.telemetry import emit

_LEASE = timedelta(seconds=120)
_IDLE = 0.5
_AFTER_TROUBLE = 2.0
_AFTER_FAULT = timedelta(seconds=10)
"""When a lane is worked on again on which a turn failed for a reason that nobody foresaw, such as a full disk."""


class Done(msgspec.Struct, frozen=True):
    """The lane has nothing more to do until it is woken."""


class Again(msgspec.Struct, frozen=True):
    """There is more to do: come back at once, after the other lanes had their turn."""


class RetryAt(msgspec.Struct, frozen=True):
    """Come back at `at`, because of `error`."""

    at: datetime
    error: str


class WaitUntil(msgspec.Struct, frozen=True):
    """Come back at `at`; nothing went wrong, and new work may come earlier."""

    at: datetime


DrainResult = Done | Again | RetryAt | WaitUntil
Drain = Callable[[LaneLease], DrainResult]


class LaneStatus(msgspec.Struct, frozen=True):
    """How one lane stands."""

    lane: str
    ready_at: str | None
    owner: str | None
    failures: int
    error: str | None


class LaneEngine(Protocol):
    """Runs lanes. `wake` belongs into the transaction of the work that it announces."""

    def wake(self, connection: Connection, lane: str, at: datetime | None = None) -> None:
        """See that the lane is run soon, or at `at` where it is not to run earlier already. Idempotent."""
        ...

    def urge(self, connection: Connection, lane: str) -> None:
        """Run the lane now, also where it waits after a failure: a person asked for it."""
        ...

    def run(self, drain: Drain, *, workers: int, stop: threading.Event) -> None:
        """Work on lanes with several threads until `stop` is set; each finishes what it has in hand."""
        ...

    def exclusively(self, lane: str) -> AbstractContextManager[LaneLease]:
        """Have one lane for oneself, once whoever works on it is done."""
        ...

    def sweep(self, pending: Sequence[str]) -> int:
        """Free the lanes of dead workers and wake the pending ones that nobody woke. Returns how many."""
        ...

    def status(self) -> list[LaneStatus]:
        """All lanes, by name."""
        ...


class SqliteLanes:
    """The engine of one machine: lanes are rows, workers are threads of this process."""

    def __init__(self, ledger: Ledger, *, lease: timedelta = _LEASE) -> None:
        self._ledger = ledger
        self._lease = lease
        self._woken = threading.Condition()

    def wake(self, connection: Connection, lane: str, at: datetime | None = None) -> None:
        """See that the lane is run soon, or at `at` where it is not to run earlier already. Idempotent.

        A lane that waits after a failure goes on waiting: new work is no reason to hammer a server that is down.
        """
        ready = to_text(at or self._ledger.clock.now())
        statement = insert_into(connection, tables.lane).values(key=lane, ready_at=ready)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["key"],
                set_={"ready_at": statement.excluded.ready_at},
                where=or_(
                    tables.lane.c.ready_at.is_(None),
                    and_(tables.lane.c.failures == 0, tables.lane.c.ready_at > statement.excluded.ready_at),
                ),
            )
        )
        self.nudge()

    def urge(self, connection: Connection, lane: str) -> None:
        """Run the lane now, also where it waits after a failure: a person asked for it."""
        self.wake(connection, lane)
        connection.execute(
            update(tables.lane)
            .where(tables.lane.c.key == lane)
            .values(ready_at=to_text(self._ledger.clock.now()), failures=0, error=None, urged=1)
        )

    def nudge(self) -> None:
        """Make idle workers look again at once."""
        with self._woken:
            self._woken.notify_all()

    def run(self, drain: Drain, *, workers: int, stop: threading.Event) -> None:
        """Work on lanes with several threads until `stop` is set; each finishes what it has in hand."""
        threads = [
            threading.Thread(target=self._work, args=(drain, stop, self._worker_name(n)), name=f"lane-worker-{n}")
            for n in range(1, workers + 1)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def drain_ready(self, drain: Drain, *, until_idle: bool = True) -> int:
        """Work on what is ready in this thread; returns how many turns were taken (for `run --once`, tests)."""
        turns = 0
        while (lease := self._claim(self._worker_name(0))) is not None:
            self._turn(drain, lease)
            turns += 1
            if not until_idle:
                break
        return turns

    def sweep(self, pending: Sequence[str]) -> int:
        """Free the lanes of dead workers and wake the pending ones that nobody woke. Returns how many."""
        now = self._ledger.now()
        with self._ledger.write() as connection:
            freed = connection.execute(
                update(tables.lane)
                .where(tables.lane.c.owner.is_not(None), tables.lane.c.lease_until < now)
                .values(owner=None, lease_until=None, ready_at=now)
            ).rowcount
            known = set(
                connection.execute(
                    select(tables.lane.c.key).where(
                        or_(tables.lane.c.ready_at.is_not(None), tables.lane.c.owner.is_not(None))
                    )
                ).scalars()
            )
            asleep = [lane for lane in pending if lane not in known]
            for lane in asleep:
                self.wake(connection, lane)
        return freed + len(asleep)

    @contextmanager
    def exclusively(self, lane: str) -> Iterator[LaneLease]:
        """Have one lane for oneself, once whoever works on it is done; afterwards it waits as it did before."""
        with self._ledger.write() as connection:
            connection.execute(insert_into(connection, tables.lane).values(key=lane).on_conflict_do_nothing())
        while True:
            before = self._row(lane)
            lease = self._claim(self._worker_name(-1), lane)
            if lease is not None:
                break
            self._ledger.clock.wait(threading.Event(), 0.05)
        ended = threading.Event()
        threading.Thread(target=self._beat, args=(lease, ended), daemon=True).start()
        try:
            yield lease
        finally:
            ended.set()
            self._finish_exclusive(lease, before)

    def _finish_exclusive(self, lease: LaneLease, before: Row[tuple[Any, ...]]) -> None:
        try:
            with self._ledger.write(lease) as connection:
                now = connection.execute(select(tables.lane).where(tables.lane.c.key == lease.lane)).one()
                moments = [moment for moment in (before.ready_at, now.ready_at) if moment is not None]
                failures, error = (0, None) if now.urged else (before.failures, before.error)
                self._give_back(connection, lease, min(moments, default=None), failures, error)
        except LaneLost as lost:
            emit("lane_lost", level="warning", lane=lease.lane, reason=str(lost))
        self.nudge()

    def _row(self, lane: str) -> Row[tuple[Any, ...]]:
        with self._ledger.read() as connection:
            return connection.execute(select(tables.lane).where(tables.lane.c.key == lane)).one()

    def release_all(self) -> None:
        """Free every lane: only for the holder of the spool lock at its start, when no worker can be alive."""
        now = self._ledger.now()
        with self._ledger.write() as connection:
            connection.execute(
                update(tables.lane)
                .where(tables.lane.c.owner.is_not(None))
                .values(owner=None, lease_until=None, ready_at=now, epoch=tables.lane.c.epoch + 1)
            )

    def status(self) -> list[LaneStatus]:
        """All lanes, by name."""
        with self._ledger.read() as connection:
            rows = connection.execute(select(tables.lane).order_by(tables.lane.c.key)).all()
        return [LaneStatus(r.key, r.ready_at, r.owner, r.failures, r.error) for r in rows]

    def renew(self, lease: LaneLease) -> None:
        """Say that the worker is alive. Raises LaneLost where the lane has another worker meanwhile."""
        until = to_text(self._ledger.clock.now() + self._lease)
        with self._ledger.write(lease) as connection:
            connection.execute(
                update(tables.lane).where(tables.lane.c.key == lease.lane).values(lease_until=until)
            )

    def next_ready(self) -> datetime | None:
        """When the next lane that nobody works on becomes ready."""
        with self._ledger.read() as connection:
            ready = connection.execute(
                select(tables.lane.c.ready_at)
                .where(tables.lane.c.owner.is_(None), tables.lane.c.ready_at.is_not(None))
                .order_by(tables.lane.c.ready_at)
                .limit(1)
            ).scalar()
        return None if ready is None else from_text(ready)

    def _work(self, drain: Drain, stop: threading.Event, worker: str) -> None:
        """The life of a worker. A database that fails for a while costs turns, never the thread."""
        lease: LaneLease | None = None
        while not stop.is_set():
            try:
                if lease is not None:  # its turn failed: without this it would stand still for the whole lease
                    self._finish(lease, WaitUntil(self._ledger.clock.now() + _AFTER_FAULT))
                    lease = None
                lease = self._claim(worker)
                if lease is not None:
                    self._turn(drain, lease)
                    lease = None
                    continue
            except Exception as error:  # noqa: BLE001 - a full disk or a locked file passes; the worker must stay
                emit("lane_trouble", level="error", worker=worker, error=f"{type(error).__name__}: {error}")
                stop.wait(_AFTER_TROUBLE)
            with self._woken:
                if not stop.is_set():
                    self._woken.wait(_IDLE)

    def _claim(self, worker: str, lane: str | None = None) -> LaneLease | None:
        now = self._ledger.clock.now()
        wanted = tables.lane.c.ready_at <= to_text(now) if lane is None else tables.lane.c.key == lane
        ready = (
            select(tables.lane.c.key, tables.lane.c.epoch)
            .where(tables.lane.c.owner.is_(None), wanted)
            .order_by(tables.lane.c.ready_at)
            .limit(1)
        )
        with self._ledger.read() as connection:
            if connection.execute(ready).one_or_none() is None:
                return None
        with self._ledger.write() as connection:
            row = connection.execute(ready).one_or_none()
            if row is None:
                return None
            connection.execute(
                update(tables.lane)
                .where(tables.lane.c.key == row.key)
                .values(
                    owner=worker,
                    lease_until=to_text(now + self._lease),
                    epoch=row.epoch + 1,
                    ready_at=None,
                    urged=0,
                )
            )
        return LaneLease(row.key, row.epoch + 1, worker)

    def _turn(self, drain: Drain, lease: LaneLease) -> None:
        beating = threading.Event()
        heart = threading.Thread(target=self._beat, args=(lease, beating), name=f"lease-{lease.lane}", daemon=True)
        heart.start()
        try:
            result = drain(lease)
        except LaneLost as lost:
            emit("lane_lost", level="warning", lane=lease.lane, reason=str(lost))
            return
        finally:
            beating.set()
        self._finish(lease, result)

    def _beat(self, lease: LaneLease, ended: threading.Event) -> None:
        while not ended.wait(self._lease.total_seconds() / 3):
            try:
                self.renew(lease)
            except LaneLost:
                return
            except Exception as error:  # noqa: BLE001 - the next beat may go through; the lease decides
                emit("lane_trouble", level="warning", lane=lease.lane, error=f"{type(error).__name__}: {error}")

    def _finish(self, lease: LaneLease, result: DrainResult) -> None:
        now = self._ledger.clock.now()
        failures, error, ready = 0, None, None
        if isinstance(result, Again):
            ready = to_text(now)
        elif isinstance(result, WaitUntil):
            ready = to_text(result.at)
        elif isinstance(result, RetryAt):
            ready, error = to_text(result.at), result.error
        try:
            with self._ledger.write(lease) as connection:
                woken, failed, urged = connection.execute(
                    select(tables.lane.c.ready_at, tables.lane.c.failures, tables.lane.c.urged).where(
                        tables.lane.c.key == lease.lane
                    )
                ).one()
                if isinstance(result, RetryAt) and not urged:
                    failures = failed + 1
                elif woken is not None:
                    ready, error = (woken if urged or ready is None else min(woken, ready)), None
                self._give_back(connection, lease, ready, failures, error)
        except LaneLost as lost:
            emit("lane_lost", level="warning", lane=lease.lane, reason=str(lost))
        self.nudge()

    def _give_back(
        self, connection: Connection, lease: LaneLease, ready: str | None, failures: int, error: str | None
    ) -> None:
        connection.execute(
            update(tables.lane)
            .where(tables.lane.c.key == lease.lane)
            .values(owner=None, lease_until=None, ready_at=ready, failures=failures, error=error)
        )

    @staticmethod
    def _worker_name(number: int) -> str:
        return f"{socket.gethostname()}/{os.getpid()}/{number}"
