"""What every lane engine keeps to. An engine passes by a subclass with a fixture `engine`."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from gateway.clock import ManualClock, to_text
from gateway.store import tables
from gateway.store.lanes import Again, Done, DrainResult, LaneEngine, LaneStatus, RetryAt
from gateway.store.ledger import LaneLease, LaneLost, Ledger, tell


class LaneEngineContract:
    """The promises of `LaneEngine`, whichever database it stands on."""

    @pytest.fixture(autouse=True)
    def _parts(self, engine: LaneEngine, ledger: Ledger, clock: ManualClock) -> None:
        self.engine, self.ledger, self.clock = engine, ledger, clock

    # -- words of these tests ------------------------------------------------------------------------

    def wake(self, *lanes: str, in_seconds: float | None = None) -> None:
        at = None if in_seconds is None else self.clock.now() + timedelta(seconds=in_seconds)
        with self.ledger.write() as connection:
            for lane in lanes:
                self.engine.wake(connection, lane, at)

    def urge(self, lane: str) -> None:
        with self.ledger.write() as connection:
            self.engine.urge(connection, lane)  # type: ignore[attr-defined]

    def drain(self, result: DrainResult | Callable[[LaneLease], DrainResult] = Done()) -> list[str]:  # noqa: B008
        """Run what is ready in this thread; returns the lanes in the order of their turns."""
        turns: list[str] = []

        def work(lease: LaneLease) -> DrainResult:
            turns.append(lease.lane)
            return result(lease) if callable(result) else result

        self.engine.drain_ready(work)  # type: ignore[attr-defined]
        return turns

    def later(self, seconds: float) -> RetryAt:
        return RetryAt(self.clock.now() + timedelta(seconds=seconds), "the server is down")

    def state(self, lane: str) -> LaneStatus:
        return next(status for status in self.engine.status() if status.lane == lane)

    def run_until(self, drain: Callable[[LaneLease], DrainResult], done: Callable[[], bool], workers: int) -> None:
        """Let workers work until `done`, at most a minute."""
        stop = threading.Event()
        thread = threading.Thread(target=self.engine.run, args=(drain,), kwargs={"workers": workers, "stop": stop})
        thread.start()
        try:
            until = time.monotonic() + 60
            while not done() and time.monotonic() < until:
                time.sleep(0.005)
        finally:
            stop.set()
            self.engine.nudge()  # type: ignore[attr-defined]
            thread.join()
        assert done(), "the lanes did not come to their end in a minute"

    # -- waking --------------------------------------------------------------------------------------

    def test_a_lane_that_is_woken_gets_a_turn_and_only_one(self) -> None:
        self.wake("a")
        self.wake("a")
        assert self.drain() == ["a"]
        assert self.drain() == []

    def test_a_lane_that_nobody_woke_is_left_alone(self) -> None:
        assert self.drain() == []
        assert self.engine.status() == []

    def test_lanes_have_their_turns_in_the_order_in_which_they_were_woken(self) -> None:
        for lane in ("c", "a", "b"):
            self.wake(lane)
            self.clock.advance(0.001)
        assert self.drain() == ["c", "a", "b"]

    def test_a_wake_for_later_waits_for_its_time(self) -> None:
        self.wake("a", in_seconds=60)
        assert self.drain() == []
        self.clock.advance(61)
        assert self.drain() == ["a"]

    def test_an_earlier_wake_moves_a_later_one_forward_and_not_the_other_way(self) -> None:
        self.wake("a", in_seconds=60)
        self.wake("a", in_seconds=10)
        self.wake("a", in_seconds=90)
        assert self.state("a").ready_at == to_text(self.clock.now() + timedelta(seconds=10))

    def test_a_wake_that_is_rolled_back_with_its_transaction_never_was(self) -> None:
        def fail() -> None:
            with self.ledger.write() as connection:
                self.engine.wake(connection, "a")
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail()
        assert self.drain() == []

    def test_a_wake_during_a_turn_leads_to_one_more(self) -> None:
        def work(lease: LaneLease) -> DrainResult:
            if len(turns) < 1:
                turns.append(lease.lane)
                self.wake("a")
                self.wake("a")
            return Done()

        turns: list[str] = []
        self.wake("a")
        assert self.drain(work) == ["a", "a"]

    def test_a_lane_that_says_again_comes_back_after_the_others(self) -> None:
        answers = iter([Again(), Done(), Done()])
        self.wake("a")
        self.clock.advance(0.001)
        self.wake("b")
        self.clock.advance(0.001)
        assert self.drain(lambda _: next(answers)) == ["a", "b", "a"]

    # -- failing -------------------------------------------------------------------------------------

    def test_a_failing_lane_waits_and_tells_why(self) -> None:
        self.wake("a")
        self.drain(self.later(60))
        status = self.state("a")
        assert (status.failures, status.error) == (1, "the server is down")
        assert status.ready_at == to_text(self.clock.now() + timedelta(seconds=60))
        # and after its time it has its turn, and a good one makes it forget
        self.clock.advance(61)
        assert self.drain(self.later(60)) == ["a"]
        assert self.state("a").failures == 2
        self.clock.advance(61)
        assert self.drain() == ["a"]
        assert (self.state("a").failures, self.state("a").error) == (0, None)

    def test_new_work_does_not_wake_a_lane_that_waits_after_a_failure(self) -> None:
        self.wake("a")
        self.drain(self.later(60))
        self.wake("a")
        assert self.drain() == []

    def test_new_work_during_the_failing_turn_does_not_wake_it_either(self) -> None:
        def work(_: LaneLease) -> DrainResult:
            self.wake("a")
            return self.later(60)

        self.wake("a")
        assert self.drain(work) == ["a"]

    def test_a_person_who_urges_a_waiting_lane_gets_a_turn_at_once(self) -> None:
        self.wake("a")
        self.drain(self.later(60))
        self.urge("a")
        assert self.drain() == ["a"]
        assert self.state("a").failures == 0

    # -- leases --------------------------------------------------------------------------------------

    def test_a_person_who_urges_during_a_failing_turn_gets_another_turn_at_once(self) -> None:
        def urged_meanwhile(_lease: LaneLease) -> DrainResult:
            if len(seen) == 1:
                self.urge("a")
            seen.append(1)
            return self.later(60) if len(seen) == 2 else Done()

        seen = [0]
        self.wake("a")
        assert self.drain(urged_meanwhile) == ["a", "a"]
        assert (self.state("a").failures, self.state("a").error) == (0, None)

    def test_having_a_waiting_lane_alone_does_not_end_its_waiting(self) -> None:
        self.wake("a")
        self.drain(self.later(60))
        before = self.state("a")
        with self.engine.exclusively("a"):
            pass
        assert self.state("a") == before

    def test_every_turn_has_a_higher_epoch(self) -> None:
        epochs: list[int] = []
        for _ in range(3):
            self.wake("a")
            self.drain(lambda lease: epochs.append(lease.epoch) or Done())  # type: ignore[func-returns-value]
        assert [later - earlier for earlier, later in pairwise(epochs)] == [1, 1]

    def test_the_holder_of_a_lane_may_commit(self) -> None:
        with self.engine.exclusively("a") as lease, self.ledger.write(lease) as connection:
            tell(connection, self.ledger.now(), "done")
        assert self.told() == ["done"]

    def test_a_worker_that_woke_up_after_its_lease_was_given_on_cannot_commit(self) -> None:
        # given a worker that hangs beyond its lease
        def hangs(lease: LaneLease) -> DrainResult:
            self.clock.advance(3600)
            assert self.engine.sweep([]) == 1
            # and another one that has its lane meanwhile
            assert self.drain(lambda other: self.commit(other, "the other")) == ["a"]
            # when it comes back
            self.commit(lease, "too late")
            return Done()

        self.wake("a")
        # then its commit is refused and nothing of it stays
        self.take_one_turn(hangs)
        assert self.told() == ["the other"]
        # and the lane is free for the next
        self.wake("a")
        assert self.drain() == ["a"]

    def test_a_lease_that_was_freed_is_lost_also_before_somebody_else_takes_the_lane(self) -> None:
        with self.engine.exclusively("a") as lease:
            self.clock.advance(3600)
            self.engine.sweep([])
            with pytest.raises(LaneLost, match=r"^lane a has another worker now$"), self.ledger.write(lease):
                pass

    def test_a_worker_that_says_it_is_alive_keeps_its_lane(self) -> None:
        with self.engine.exclusively("a") as lease:
            self.clock.advance(100)
            self.engine.renew(lease)  # type: ignore[attr-defined]
            self.clock.advance(100)
            assert self.engine.sweep([]) == 0
            self.commit(lease, "still mine")
        assert self.told() == ["still mine"]

    def test_at_a_start_all_lanes_are_free_and_the_workers_before_cannot_commit(self) -> None:
        with self.engine.exclusively("a") as before:
            self.engine.release_all()  # type: ignore[attr-defined]
            assert self.drain() == ["a"]
            with pytest.raises(LaneLost):
                self.commit(before, "too late")
        assert self.told() == []

    def test_a_sweep_wakes_what_has_work_and_no_wake_up_and_nothing_else(self) -> None:
        self.wake("woken")
        self.wake("failing")
        self.clock.advance(1)
        assert self.drain(lambda lease: self.later(60) if lease.lane == "failing" else Done()) != []
        assert self.engine.sweep(["forgotten", "failing"]) == 1
        assert self.drain() == ["forgotten"]

    def test_a_lane_with_a_living_worker_is_not_swept(self) -> None:
        with self.engine.exclusively("a"):
            assert self.engine.sweep(["a"]) == 0

    def test_whoever_wants_a_lane_alone_waits_until_its_worker_is_done(self) -> None:
        order: list[str] = []
        inside = threading.Event()

        def work(_: LaneLease) -> DrainResult:
            inside.set()
            time.sleep(0.05)
            order.append("worker")
            return Done()

        def alone() -> None:
            inside.wait(5)
            with self.engine.exclusively("a"):
                order.append("alone")

        thread = threading.Thread(target=alone)
        thread.start()
        self.wake("a")
        self.take_one_turn(work)
        thread.join(10)
        assert order == ["worker", "alone"]

    def test_work_that_came_while_one_had_the_lane_alone_is_not_lost(self) -> None:
        with self.engine.exclusively("a"):
            self.wake("a")
        assert self.drain() == ["a"]

    def test_a_lane_is_given_back_also_when_its_holder_fails(self) -> None:
        with pytest.raises(RuntimeError), self.engine.exclusively("a"):
            raise RuntimeError
        assert self.state("a").owner is None

    # -- many workers --------------------------------------------------------------------------------

    def test_four_workers_keep_the_order_of_every_lane_and_never_share_one(self) -> None:
        # given 30 lanes with 20 pieces of work each, put in while the workers work
        lanes, pieces = [f"lane-{n}" for n in range(30)], 20
        waiting: dict[str, list[int]] = defaultdict(list)
        done: dict[str, list[int]] = defaultdict(list)
        busy: set[str] = set()
        overlaps: list[str] = []
        guard = threading.Lock()

        def work(lease: LaneLease) -> DrainResult:
            with guard:
                if lease.lane in busy:
                    overlaps.append(lease.lane)
                busy.add(lease.lane)
                batch, waiting[lease.lane] = waiting[lease.lane][:7], waiting[lease.lane][7:]
            time.sleep(0.001)
            with guard:
                done[lease.lane] += batch
                busy.discard(lease.lane)
                return Again() if waiting[lease.lane] else Done()

        def put() -> None:
            for piece in range(pieces):
                for lane in lanes:
                    with guard:
                        waiting[lane].append(piece)
                self.clock.advance(0.001)
                self.wake(*lanes)

        putting = threading.Thread(target=put)
        putting.start()
        self.run_until(work, lambda: all(len(done[lane]) == pieces for lane in lanes), workers=4)
        putting.join()
        # then
        assert overlaps == []
        assert {lane: done[lane] for lane in lanes} == {lane: list(range(pieces)) for lane in lanes}

    def test_two_thousand_lanes_all_have_their_turn(self) -> None:
        lanes = [f"lane-{n:04}" for n in range(2000)]
        self.wake(*lanes)
        seen: list[str] = []
        self.run_until(lambda lease: seen.append(lease.lane) or Done(), lambda: len(seen) >= 2000, workers=4)  # type: ignore[func-returns-value]
        assert sorted(seen) == lanes

    # -- further words -------------------------------------------------------------------------------

    def commit(self, lease: LaneLease, what: str) -> DrainResult:
        with self.ledger.write(lease) as connection:
            tell(connection, self.ledger.now(), what)
        return Done()

    def told(self) -> list[str]:
        with self.ledger.read() as connection:
            return list(connection.execute(select(tables.timeline.c.event)).scalars())

    def take_one_turn(self, work: Callable[[LaneLease], DrainResult]) -> None:
        self.engine.drain_ready(work, until_idle=False)  # type: ignore[attr-defined]
