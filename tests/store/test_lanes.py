"""The embedded engine keeps the contract of the lanes."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from sqlalchemy import Connection, event

from gateway.clock import ManualClock
from gateway.store.lanes import Done, SqliteLanes
from gateway.store.ledger import LaneLease, Ledger
from tests.store.lane_engine import LaneEngineContract


class TestSqliteLanes(LaneEngineContract):
    @pytest.fixture(autouse=True)
    def _without_waiting_for_the_disk(self, ledger: Ledger) -> None:
        """Durability is not what these tests are about, and thousands of turns wait for it."""
        event.listen(ledger.engine, "connect", lambda opened, _: opened.execute("PRAGMA synchronous=OFF"))
        ledger.engine.dispose()

    @pytest.fixture
    def engine(self, ledger: Ledger) -> SqliteLanes:
        return SqliteLanes(ledger, lease=timedelta(seconds=120))

    def test_idle_workers_start_at_once_when_a_lane_is_woken(self) -> None:
        done = threading.Event()
        stop = threading.Event()
        workers = threading.Thread(
            target=self.engine.run,
            args=(lambda _: done.set() or Done(),),  # type: ignore[func-returns-value]
            kwargs={"workers": 2, "stop": stop},
        )
        workers.start()
        try:
            self.wake("a")
            assert done.wait(5)
        finally:
            stop.set()
            workers.join()

    def test_the_next_moment_is_that_of_the_lane_that_is_ready_first(self, clock: ManualClock) -> None:
        assert isinstance(self.engine, SqliteLanes)
        assert self.engine.next_ready() is None
        self.wake("late", in_seconds=90)
        self.wake("soon", in_seconds=30)
        assert self.engine.next_ready() == clock.now() + timedelta(seconds=30)
        with self.engine.exclusively("soon"):
            assert self.engine.next_ready() == clock.now() + timedelta(seconds=90)

    def test_the_heart_of_a_long_turn_beats_by_itself(self, ledger: Ledger) -> None:
        # given a lease of 0.3 seconds by the clock of the ledger, which the beats read
        engine = SqliteLanes(ledger, lease=timedelta(seconds=0.3))
        with engine.exclusively("a") as lease:
            renewed = threading.Event()
            until = [None]

            def beats() -> None:
                for _ in range(100):
                    with ledger.read() as connection:
                        found = connection.exec_driver_sql("SELECT lease_until FROM lane").scalar()
                    if until[0] not in (None, found):
                        renewed.set()
                        return
                    until[0] = found
                    assert isinstance(ledger.clock, ManualClock)
                    ledger.clock.advance(0.01)
                    threading.Event().wait(0.02)

            beats()
            assert renewed.is_set()
            with ledger.write(lease):
                pass

    @pytest.mark.parametrize("at", ["the end of the turn", "the turn itself"])
    def test_a_full_disk_does_not_hold_a_lane_for_its_whole_lease(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, at: str
    ) -> None:
        # given a ledger that takes nothing from the first turn on
        monkeypatch.setattr("gateway.store.lanes._AFTER_TROUBLE", 0.01)
        monkeypatch.setattr("gateway.store.lanes._AFTER_FAULT", timedelta(0))
        full, turns, refused, again = threading.Event(), list[str](), threading.Event(), threading.Event()
        write = Ledger.write

        def write_if_there_is_room(
            self: Ledger, lease: LaneLease | None = None
        ) -> AbstractContextManager[Connection]:
            if full.is_set():
                refused.set()
                raise OSError("no space left on device")
            return write(self, lease)

        def drain(lease: LaneLease) -> Done:
            turns.append(lease.lane)
            if len(turns) > 1:
                again.set()
                return Done()
            full.set()
            if at == "the turn itself":
                with ledger.write(lease):
                    pass
            return Done()

        monkeypatch.setattr(Ledger, "write", write_if_there_is_room)
        stop = threading.Event()
        workers = threading.Thread(target=self.engine.run, args=(drain,), kwargs={"workers": 1, "stop": stop})
        workers.start()
        try:
            self.wake("a")
            assert refused.wait(5)
            # when there is room again
            full.clear()
            # then the lane goes on, though its lease by the ledger's clock has not moved at all
            assert again.wait(5)
        finally:
            stop.set()
            workers.join()
        assert turns == ["a", "a"]
