"""One input to one output without a ledger: what `gateway convert` does, in one process or in several."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import msgspec

from gateway.diagnostics import Problem
from gateway.documents import is_cancelled
from gateway.errors import GatewayError
from gateway.exchange.writing import faults_of, written_of
from gateway.mapping import Mapping, NotCuttable, Part, Reading
from gateway.rendering import Identity, Rendered, Schema, Template

BLOCK = 64
"""Records that are written, and checked against the schema, at once."""

PART = 2 << 20
"""Bytes of an input that a worker process converts in one go."""

WORTH_A_WORKER = 12 << 20
"""Bytes of an input for each process: fewer are converted before another one has started."""

MOST_WORKERS = 4

AHEAD = 24
"""Blocks of a process that wait for their turn, before it waits itself."""

_ENDED = "a worker process ended before its work was done; try `--workers 1`"

Prepared = tuple[Mapping, Template, Schema | None]


@dataclass(frozen=True)
class Conversion:
    """What is to be converted by what. `prepare` compiles it; each process does so for itself."""

    source: Path
    shown_as: str
    origin: str
    prepare: Callable[[], Prepared]


@dataclass(frozen=True)
class Block:
    """The records of one block: their XML, and what was wrong with which."""

    xml: bytes = b""
    written: int = 0
    set_aside: int = 0
    left_out: int = 0
    problems: tuple[Problem, ...] = ()

    @property
    def read(self) -> int:
        """How many records it stands for."""
        return self.written + self.set_aside + self.left_out


@dataclass
class Tally:
    """What came of a conversion."""

    written: int = 0
    set_aside: int = 0
    left_out: int = 0
    problems: list[Problem] = field(default_factory=list)

    def add(self, block: Block) -> None:
        """Count a block."""
        self.written += block.written
        self.set_aside += block.set_aside
        self.left_out += block.left_out
        self.problems.extend(block.problems)


def workers_for(size: int) -> int:
    """How many processes are worth their start for an input of that many bytes."""
    return max(1, min(os.cpu_count() or 1, MOST_WORKERS, size // WORTH_A_WORKER))


def convert(conversion: Conversion, *, workers: int) -> Iterator[bytes | Block]:
    """The output piece by piece: blocks in the input's order, the head before the first that holds a record, and
    the tail. Without any record there is neither: an envelope with nothing in it is no valid file.

    Raises SourceProblems where the input is not whole; what was yielded before must then be thrown away.
    """
    _, template, _ = prepared = conversion.prepare()
    before = _state(conversion.source)
    pack = Identity.of(conversion.origin, "file", conversion.source.name).pack
    closing: bytes | None = None
    for block in _all_blocks(conversion, prepared, workers):
        if block.written and closing is None:
            opening, closing = template.envelope(pack)
            yield opening
        yield block
    if _state(conversion.source) != before:
        raise GatewayError(f"{conversion.shown_as} was changed while it was read; convert it again")
    if closing is not None:
        yield closing


def _state(source: Path) -> tuple[int, int, int]:
    """What another state of a file would differ in; its parts are opened one after the other."""
    state = source.stat()
    return state.st_ino, state.st_size, state.st_mtime_ns


def _all_blocks(conversion: Conversion, prepared: Prepared, workers: int) -> Iterator[Block]:
    """The blocks in the input's order: from several processes, and from this one where there is a doubt."""
    mapping, done = prepared[0], 0
    parts = mapping.parts(conversion.source, shown_as=conversion.shown_as, size=PART) if workers > 1 else []
    if len(parts) > 1:
        try:
            for block in _in_processes(conversion, prepared, parts, min(workers, len(parts))):
                done += block.read
                yield block
        except NotCuttable:
            pass  # the cuts were no true ones; what was yielded before is sound
        else:
            return
    readings = mapping.read(
        conversion.source,
        shown_as=conversion.shown_as,
        wanted=(lambda position: position > done) if done else None,
    )
    yield from _blocks(readings, conversion, prepared)


def _blocks(readings: Iterator[Reading], conversion: Conversion, prepared: Prepared) -> Iterator[Block]:
    while chunk := list(islice(readings, BLOCK)):
        yield _block(chunk, conversion, prepared)


def _block(readings: list[Reading], conversion: Conversion, prepared: Prepared) -> Block:
    _, template, schema = prepared
    written: list[tuple[Reading, Identity, Rendered]] = []
    problems: list[Problem] = []
    good: list[bytes] = []
    set_aside = left_out = 0
    for reading in readings:
        problems.extend(reading.problems)
        if reading.document is None:
            set_aside += 1
        elif is_cancelled(reading.document):
            left_out += 1
            problems.append(_cancelled(f"{template.kind} {reading.key}"))
        else:
            identity = Identity.of(conversion.origin, template.kind, reading.key or "")
            found = written_of(template, reading.document, identity, reading.key or "")
            if isinstance(found, Rendered):
                problems.extend(note.at(record=f"{template.kind} {reading.key}") for note in found.notes)
                written.append((reading, identity, found))
            else:
                set_aside += 1
                problems.extend(_placed(problem, reading, conversion) for problem in found)
    checked = [(identity, found, reading.key or "") for reading, identity, found in written]
    for (reading, _, found), faults in zip(written, faults_of(template, schema, checked), strict=True):
        if faults:
            set_aside += 1
            problems.extend(_placed(problem, reading, conversion) for problem in faults)
        else:
            good.append(found.data)
    return Block(b"".join(good), len(good), set_aside, left_out, tuple(problems))


def _cancelled(record: str) -> Problem:
    return Problem(
        code="G010", level="note", record=record, message="it is cancelled in the shop and was left out"
    )


def _placed(problem: Problem, reading: Reading, conversion: Conversion) -> Problem:
    """A problem of the template or the schema, with the place of the order in the shop's file."""
    if not reading.line:
        return problem
    place = f"the order stands on line {reading.line} of {conversion.shown_as}"
    return msgspec.structs.replace(problem, context=(*problem.context, place))


def _in_processes(conversion: Conversion, prepared: Prepared, parts: list[Part], workers: int) -> Iterator[Block]:
    """Every process converts each n-th part; the blocks come back in order.

    That a part begins between two records is known when the one before it was read to its end without a doubt:
    so nothing is taken of a part before that. Raises NotCuttable where there is a doubt, SourceProblems as reading
    does.
    """
    # a copy of this process is ready at once; where that is not safe, a new one compiles everything for itself
    can_copy = sys.platform == "linux" and threading.active_count() == 1
    context: Any = multiprocessing.get_context("fork" if can_copy else "spawn")
    pipes: list[Any] = []  # connections, of another class on Windows
    processes = []
    try:
        for worker in range(workers):
            here, there = context.Pipe(duplex=False)
            share = (there, conversion, prepared if can_copy else None, parts[worker::workers])
            process = context.Process(target=_work, args=share, daemon=True)
            process.start()
            there.close()
            pipes.append(here)
            processes.append(process)
        prepared[0].examine(conversion.source, shown_as=conversion.shown_as)  # while they work
        arrived = _Arrived(pipes)
        for number in range(len(parts)):
            while (block := arrived.next(number % workers)) is not None:
                yield block
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.terminate()  # it is at its end, or nobody asks for the rest
            process.join(timeout=10)
            if process.is_alive():
                process.kill()


class _Arrived:
    """What the processes have sent. Some of it waits here, so that none of them waits for its turn."""

    def __init__(self, pipes: list[Any]) -> None:
        self._pipes = pipes
        self._waiting: list[deque[Any]] = [deque() for _ in pipes]

    def next(self, worker: int) -> Block | None:
        """The next block of a process's part, None at its end. Raises what ended the process."""
        while not self._waiting[worker]:
            open_pipes = [
                pipe
                for number, pipe in enumerate(self._pipes)
                if number == worker or len(self._waiting[number]) < AHEAD
            ]
            for pipe in list[Any](wait(open_pipes)):
                number = self._pipes.index(pipe)
                try:
                    self._waiting[number].append(pipe.recv())
                except (EOFError, OSError):  # the latter in the middle of a block
                    # after its last part nobody asks for this any more
                    self._waiting[number].append(GatewayError(_ENDED))
        message = self._waiting[worker].popleft()
        if isinstance(message, BaseException):
            raise message
        assert message is None or isinstance(message, Block)
        return message


def _work(pipe: Connection, conversion: Conversion, given: Prepared | None, parts: list[Part]) -> None:
    """The life of one process: the blocks of each part and then None; or the error that ended it."""
    try:
        prepared = given or conversion.prepare()
        for part in parts:
            readings = prepared[0].read_part(conversion.source, part, shown_as=conversion.shown_as)
            for block in _blocks(readings, conversion, prepared):
                pipe.send(block)
            pipe.send(None)
    except (BrokenPipeError, KeyboardInterrupt):
        return
    except (GatewayError, NotCuttable, OSError) as error:
        with suppress(BrokenPipeError):  # another process was faster with its error
            pipe.send(error)
    finally:
        pipe.close()
