"""One input to one output without a ledger: what `gateway convert` does, in one process or in several."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path

import msgspec
from msgspec.structs import replace

from gateway.diagnostics import Problem
from gateway.documents import is_cancelled
from gateway.errors import GatewayError
from gateway.exchange.crew import Work, in_order
from gateway.exchange.writing import faults_of, written_of
from gateway.mapping import Mapping, NotCuttable, Part, Reading
from gateway.rendering import Identity, Rendered, Schema, Template

BLOCK = 64
"""Records that are written, and checked against the schema, at once."""

PART = 1 << 20
"""Bytes of an input that a worker process converts in one go."""

WORTH_A_WORKER = 12 << 20
"""Bytes of an input for each process: fewer are converted before another one has started."""

MOST_WORKERS = 4

Prepared = tuple[Mapping, Template, Schema | None]


class Conversion(msgspec.Struct, frozen=True):
    """What is to be converted by what. `prepare` compiles it; each process does so for itself."""

    source: Path
    shown_as: str
    origin: str
    prepare: Callable[[], Prepared]


class Block(msgspec.Struct, frozen=True):
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


class Tally(msgspec.Struct):
    """What came of a conversion."""

    written: int = 0
    set_aside: int = 0
    left_out: int = 0
    problems: list[Problem] = msgspec.field(default_factory=list)

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
    """A block of each part, in order; several processes convert them.

    That a part begins between two records is known when the one before it was read to its end without a doubt:
    so nothing is taken of a part before that. Raises NotCuttable where there is a doubt, SourceProblems as reading
    does.
    """
    start = partial(_work, conversion, parts)
    outcomes = in_order(start, prepared, count=1 + len(parts), workers=workers)
    with closing(outcomes):
        for outcome in outcomes:
            yield replace(outcome.value, xml=outcome.data)


def _work(conversion: Conversion, parts: list[Part], given: Prepared | None) -> Work:
    """The work of a process. The first task is to look whether the input is of its encoding."""
    prepared = given or conversion.prepare()

    def work(task: int, put: Callable[[bytes], None]) -> Block:
        if not task:
            prepared[0].examine(conversion.source, shown_as=conversion.shown_as)
            return Block()
        readings = prepared[0].read_part(conversion.source, parts[task - 1], shown_as=conversion.shown_as)
        tally = Tally()
        for block in _blocks(readings, conversion, prepared):
            put(block.xml)
            tally.add(block)
        return Block(b"", tally.written, tally.set_aside, tally.left_out, tuple(tally.problems))

    return work
