"""Processes that work at numbered tasks at the same time; what comes of these comes back in their order."""

from __future__ import annotations

import mmap
import multiprocessing
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from multiprocessing.connection import wait
from typing import Any

import msgspec

from gateway.errors import GatewayError
from gateway.mapping import NotCuttable

Work = Callable[[int, Callable[[bytes], None]], Any]
"""Does the task of a number: hands its bytes over piece by piece, and returns what else came of it."""

SPACES = 4
"""Tasks of a process that are under way, or done and not taken yet."""

UNDER_WAY = 2
"""Tasks that a process is given: when it has done one, it need not wait for the next."""

ROOM = 4 << 20
"""Bytes of a task that go from one process to another without a pipe; only what is used of them costs memory."""

_ENDED = "a worker process ended before its work was done; try `--workers 1`"


class Outcome(msgspec.Struct, frozen=True):
    """What came of a task: what its work returned, and the bytes that it handed over."""

    value: Any
    data: bytes


class Space:
    """Holds the bytes of one task: in memory that two processes share where they do, else beside it."""

    def __init__(self, shared: mmap.mmap | None) -> None:
        self._shared = shared
        self._used = 0
        self._beside: list[bytes] = []

    def clear(self) -> None:
        """Make room for the next task."""
        self._used, self._beside = 0, []

    def put(self, data: bytes) -> None:
        """Add some bytes."""
        end = self._used + len(data)
        if self._shared is None or self._beside or end > len(self._shared):
            self._beside.append(data)
        else:
            self._shared[self._used : end] = data
            self._used = end

    def message(self) -> tuple[int, bytes]:
        """What the other process needs to be told to find them."""
        return self._used, b"".join(self._beside)

    def data(self, used: int, beside: bytes) -> bytes:
        """The bytes that another process has put here, by its message."""
        return beside if self._shared is None else self._shared[:used] + beside


def is_safe_to_copy() -> bool:
    """Whether this process may be copied: where it can, and has no other threads."""
    return sys.platform == "linux" and threading.active_count() == 1


def in_order(start: Callable[[Any], Work], ready: Any, *, count: int, workers: int) -> Generator[Outcome]:
    """The outcomes of the tasks 0 to count - 1.

    start: gives a process its work, from `ready` where the process is a copy of this one, else from None.
    Raises the GatewayError, NotCuttable or OSError of a task when all before it were taken, GatewayError where a
    process has ended.
    """
    # a copy of this process is ready at once; where that is not safe, a new one compiles everything for itself
    can_copy = is_safe_to_copy()
    context = multiprocessing.get_context("fork" if can_copy else "spawn")
    crew: list[_Worker] = []
    try:
        for _ in range(workers):
            spaces = [Space(mmap.mmap(-1, ROOM) if can_copy else None) for _ in range(SPACES)]
            ours = [worker.pipe for worker in crew] if can_copy else None
            crew.append(_Worker(context, start, ready if can_copy else None, spaces, ours))
        yield from _outcomes(crew, count)
    finally:
        for worker in crew:
            worker.end()


def _outcomes(crew: list[_Worker], count: int) -> Iterator[Outcome]:
    arrived: dict[int, tuple[_Worker, int, Any]] = {}
    given = 0
    for task in range(count):
        while task not in arrived:
            while given < count and (idle := [worker for worker in crew if worker.takes_more]):
                min(idle, key=lambda worker: worker.under_way).give(given)
                given += 1
            busy = {worker.pipe: worker for worker in crew if worker.under_way}
            for pipe in wait(list(busy)):
                for done, space, answer in busy[pipe].answers():
                    arrived[done] = busy[pipe], space, answer
        worker, space, answer = arrived.pop(task)
        yield worker.outcome(space, answer)


class _Worker:
    """A process as this one sees it."""

    def __init__(
        self, context: Any, start: Callable[[Any], Work], ready: Any, spaces: list[Space], ours: list[Any] | None
    ) -> None:
        """ours: the pipes that a copy of this process would have besides its own; None where it is a new one."""
        self.pipe, there = context.Pipe()
        inherited = [] if ours is None else [*ours, self.pipe]
        self._free = deque(range(len(spaces)))
        self._spaces = spaces
        self._given: deque[tuple[int, int]] = deque()
        self._process = context.Process(target=_life, args=(there, start, ready, spaces, inherited), daemon=True)
        self._process.start()
        there.close()

    @property
    def under_way(self) -> int:
        """How many tasks it was given that it has not answered."""
        return len(self._given)

    @property
    def takes_more(self) -> bool:
        """Whether it is to be given another task."""
        return bool(self._free) and self.under_way < UNDER_WAY

    def give(self, task: int) -> None:
        """Have a task done. That the process has ended is told when it is asked for the answer."""
        space = self._free.popleft()
        self._given.append((task, space))
        with suppress(OSError):
            self.pipe.send((task, space))

    def answers(self) -> Iterator[tuple[int, int, Any]]:
        """The answer to the eldest task, with its space; to all of them where the process has ended."""
        try:
            answer = self.pipe.recv()
        except (EOFError, OSError):  # the latter in the middle of an answer
            yield from ((*each, GatewayError(_ENDED)) for each in self._given)
            self._given.clear()
        else:
            yield (*self._given.popleft(), answer)

    def outcome(self, space: int, answer: Any) -> Outcome:
        """What an answer says; its space is free again. Raises the answer where that is an error."""
        if isinstance(answer, BaseException):
            raise answer
        value, used, beside = answer
        self._free.append(space)
        return Outcome(value, self._spaces[space].data(used, beside))

    def end(self) -> None:
        """Let the process go: it is at its end, or nobody asks for the rest."""
        self.pipe.close()
        self._process.terminate()
        self._process.join(timeout=10)
        if self._process.is_alive():
            self._process.kill()


def _life(pipe: Any, start: Callable[[Any], Work], ready: Any, spaces: list[Space], inherited: list[Any]) -> None:
    """The life of a process: it answers each task with what came of it, or with the error."""
    for other in inherited:  # while one is open here, nobody sees that the process that gives tasks has ended
        other.close()
    work: Work | None = None
    with suppress(EOFError, OSError, KeyboardInterrupt):  # nobody asks any more
        while True:
            task, number = pipe.recv()
            space = spaces[number]
            space.clear()
            answer: Any
            try:
                work = work or start(ready)
                answer = (work(task, space.put), *space.message())
            except (GatewayError, NotCuttable, OSError) as error:
                answer = error
            pipe.send(answer)
