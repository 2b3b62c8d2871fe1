"""One input to one output without a ledger: what `gateway convert` does, in one process or in several."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec

from gateway.diagnostics import Problem
from gateway.errors import GatewayError, ProblemsFound
from gateway.mapping import Mapping, Reading
from gateway.rendering import Identity, Schema, Template

BLOCK = 64


@dataclass(frozen=True)
class Conversion:
    """What is to be converted by what. `prepare` compiles it; each process does so for itself."""

    source: Path
    shown_as: str
    origin: str
    prepare: Callable[[], tuple[Mapping, Template, Schema | None]]


@dataclass(frozen=True)
class Block:
    """The records of one block: their XML, and what was wrong with which."""

    number: int
    xml: bytes = b""
    written: int = 0
    set_aside: int = 0
    left_out: int = 0
    problems: tuple[Problem, ...] = ()


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


def convert(conversion: Conversion, *, workers: int) -> Iterator[bytes | Block]:
    """The output piece by piece: blocks in the input's order, the head before the first that holds a record, and
    the tail. Without any record there is neither: an envelope with nothing in it is no valid file.

    Raises SourceProblems where the input is not whole; what was yielded before must then be thrown away.
    """
    _, template, _ = prepared = conversion.prepare()
    pack = Identity.of(conversion.origin, "file", conversion.source.name).pack
    blocks = _blocks(conversion, prepared, 0, 1) if workers <= 1 else _in_processes(conversion, workers)
    begun = False
    for block in blocks:
        if block.written and not begun:
            yield template.encode(template.head(pack))
            begun = True
        yield block
    if begun:
        yield template.encode(template.tail())


def _blocks(
    conversion: Conversion, prepared: tuple[Mapping, Template, Schema | None], part: int, parts: int
) -> Iterator[Block]:
    """The blocks whose number falls to this part."""
    mapping, template, schema = prepared

    def is_ours(position: int) -> bool:
        return (position - 1) // BLOCK % parts == part

    readings = mapping.read(conversion.source, shown_as=conversion.shown_as, wanted=is_ours if parts > 1 else None)
    number = part
    while chunk := list(islice(readings, BLOCK)):
        yield _block(number, chunk, conversion, template, schema)
        number += parts


def _block(
    number: int,
    readings: list[Reading],
    conversion: Conversion,
    template: Template,
    schema: Schema | None,
) -> Block:
    pieces: list[str] = []
    problems: list[Problem] = []
    set_aside = left_out = 0
    for reading in readings:
        problems.extend(reading.problems)
        if reading.document is not None and reading.document.cancelled:
            left_out += 1
            problems.append(_cancelled(f"{template.kind} {reading.key}"))
            continue
        text = None if reading.document is None else _record(reading, conversion, template, schema, problems)
        if text is None:
            set_aside += 1
        else:
            pieces.append(text)
    return Block(number, template.encode("".join(pieces)), len(pieces), set_aside, left_out, tuple(problems))


def _cancelled(record: str) -> Problem:
    return Problem(
        code="G010", level="note", record=record, message="it is cancelled in the shop and was left out"
    )


def _record(
    reading: Reading, conversion: Conversion, template: Template, schema: Schema | None, problems: list[Problem]
) -> str | None:
    assert reading.document is not None
    name = f"{template.kind} {reading.key}"
    identity = Identity.of(conversion.origin, template.kind, reading.key or "")
    try:
        rendered = template.record(reading.document, identity)
    except ProblemsFound as error:
        problems.extend(_placed(problem.at(record=name), reading, conversion) for problem in error.problems)
        return None
    problems.extend(note.at(record=name) for note in rendered.notes)
    if schema is not None:
        alone = template.encode(template.head(identity.pack) + rendered.text + template.tail())
        found = schema.check(alone, record=name)
        if found:
            problems.extend(_placed(problem, reading, conversion) for problem in found)
            return None
    return rendered.text


def _placed(problem: Problem, reading: Reading, conversion: Conversion) -> Problem:
    """A problem of the template or the schema, with the place of the order in the shop's file."""
    if not reading.line:
        return problem
    place = f"the order stands on line {reading.line} of {conversion.shown_as}"
    return msgspec.structs.replace(problem, context=(*problem.context, place))


def _in_processes(conversion: Conversion, workers: int) -> Iterator[Block]:
    """Every process reads the input and converts each n-th block; the blocks come back in order."""
    context = multiprocessing.get_context("spawn")
    pipes: list[Any] = []  # connections, of another class on Windows
    processes = []
    try:
        for part in range(workers):
            here, there = context.Pipe(duplex=False)
            process = context.Process(target=_work, args=(there, conversion, part, workers), daemon=True)
            process.start()
            there.close()
            pipes.append(here)
            processes.append(process)
        number, ended = 0, 0
        while ended < workers:
            message = _receive(pipes[number % workers])
            if message is None:
                ended += 1
            else:
                yield message
            number += 1
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.join(timeout=10)
            if process.is_alive():
                process.kill()


def _receive(pipe: Connection) -> Block | None:
    try:
        message = pipe.recv()
    except EOFError:
        raise GatewayError("a worker process ended before its work was done; try `--workers 1`") from None
    if isinstance(message, BaseException):
        raise message
    assert message is None or isinstance(message, Block)
    return message


def _work(pipe: Connection, conversion: Conversion, part: int, parts: int) -> None:
    """The life of one process: send blocks, then None; or the error that ended it."""
    try:
        for block in _blocks(conversion, conversion.prepare(), part, parts):
            pipe.send(block)
        pipe.send(None)
    except GatewayError as error:
        with suppress(BrokenPipeError):  # another process was faster with its error
            pipe.send(error)
    except (BrokenPipeError, KeyboardInterrupt):
        return
    finally:
        pipe.close()
