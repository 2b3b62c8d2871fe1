"""What several processes do comes back in the order of the tasks."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import GatewayError
from gateway.exchange.crew import SPACES, Outcome, Work, in_order


@pytest.fixture(autouse=True)
def no_process_outlives_the_test() -> Iterator[None]:
    yield
    assert multiprocessing.active_children() == []


def start(ready: str | None) -> Work:
    """The first of each four tasks takes longest; the tenth is a bad one."""

    def work(task: int, put: Callable[[bytes], None]) -> Any:
        time.sleep(0.02 if task % 4 == 0 else 0.001)
        for _ in range(task):
            put(bytes([task]) * 100)
        if task == 10:
            raise GatewayError("the tenth")
        return task, ready

    return work


def expected(task: int, ready: str | None) -> Outcome:
    return Outcome((task, ready), bytes([task]) * 100 * task)


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("room", [1, 450, 8 << 20])
def test_the_outcomes_come_in_order_with_all_their_bytes(
    monkeypatch: pytest.MonkeyPatch, workers: int, room: int
) -> None:
    monkeypatch.setattr("gateway.exchange.crew.ROOM", room)
    outcomes = list(in_order(start, "ready", count=10, workers=workers))
    ready = outcomes[0].value[1]
    assert outcomes == [expected(task, ready) for task in range(10)]


BOSS = """
import multiprocessing, time
from gateway.exchange.crew import in_order

outcomes = in_order(lambda ready: lambda task, put: task, None, count=100, workers=2)
next(outcomes)
print(*[process.pid for process in multiprocessing.active_children()], flush=True)
time.sleep(60)
"""


def is_at_work(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2]
    except FileNotFoundError:
        return False
    return not state.startswith("Z")


@pytest.mark.skipif(sys.platform != "linux", reason="processes are copied on Linux only")
def test_processes_end_when_the_one_that_gives_them_tasks_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", BOSS], stdout=subprocess.PIPE, text=True) as boss:
        assert boss.stdout is not None
        workers = [int(each) for each in boss.stdout.readline().split()]
        assert len(workers) == 2
        assert all(is_at_work(worker) for worker in workers)
        boss.kill()
    until = time.monotonic() + 30
    while any(is_at_work(worker) for worker in workers):
        assert time.monotonic() < until, "they wait for ever"
        time.sleep(0.05)


def test_new_processes_begin_with_nothing_and_share_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threading.active_count", partial(int, 2))
    outcomes = list(in_order(start, "ready", count=9, workers=2))
    assert outcomes == [expected(task, None) for task in range(9)]


def test_an_error_is_raised_when_all_before_it_were_taken() -> None:
    outcomes = in_order(start, None, count=20, workers=3)
    assert [next(outcomes).value[0] for _ in range(10)] == [*range(10)]
    with pytest.raises(GatewayError, match="the tenth"):
        next(outcomes)


def noted(folder: Path, _: Any) -> Work:
    def work(task: int, put: Callable[[bytes], None]) -> None:
        (folder / str(task)).touch()

    return work


def test_no_process_runs_far_ahead_of_what_is_taken(tmp_path: Path) -> None:
    outcomes = in_order(partial(noted, tmp_path), None, count=100, workers=2)
    next(outcomes)
    time.sleep(0.3)
    assert len(list(tmp_path.iterdir())) <= 2 * SPACES + 1
    assert len(list(outcomes)) == 99
    assert len(list(tmp_path.iterdir())) == 100
