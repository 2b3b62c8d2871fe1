"""Documents as a target's XML: rendered, checked against its schema, put together as files, and named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from gateway.diagnostics import Problem
from gateway.documents import Document
from gateway.errors import ProblemsFound
from gateway.rendering import Identity, Rendered, Schema, Template

if TYPE_CHECKING:  # a conversion starts without the ledger, and without threads
    from concurrent.futures import Future, ThreadPoolExecutor

    from gateway.exchange.prepared import PreparedTarget

CHECKED_AT_ONCE = 64
"""Records that are checked against a schema in one go."""

_LONGEST_NAME = 100

_Named = tuple[Identity, Rendered, str]
"""A document as XML, with its key."""


class Written(msgspec.Struct, frozen=True):
    """A document as a target's XML: its part of a pack, what had to be cut, and the whole file of it alone."""

    rendered: Rendered
    alone: bytes


def render(
    target: PreparedTarget, document: Document, identity: Identity, key: str
) -> Written | tuple[Problem, ...]:
    """The document as the target's XML, checked against its schema; or the problems that it has."""
    rendered = written_of(target.template, document, identity, key)
    if not isinstance(rendered, Rendered):
        return rendered
    (faults,) = faults_of(target.template, target.schema, [(identity, rendered, key)])
    return faults or Written(rendered, assemble(target.template, identity.pack, [rendered]))


def written_of(
    template: Template, document: Document, identity: Identity, key: str
) -> Rendered | tuple[Problem, ...]:
    """The document as the target's XML, not checked yet; or what keeps it from being written."""
    try:
        return template.record(document, identity)
    except ProblemsFound as error:
        return tuple(problem.at(record=f"{template.kind} {key}") for problem in error.problems)


def faults_of(
    template: Template, schema: Schema | None, written: Sequence[_Named]
) -> Iterator[tuple[Problem, ...]]:
    """What the schema says against each of some documents with their keys; () for a valid one.

    Some are checked at once; where that fails, each of them alone, to find whose fault it is.
    """
    for start in range(0, len(written), CHECKED_AT_ONCE):
        yield from _faults_of_some(template, schema, written[start : start + CHECKED_AT_ONCE])


class Checks:
    """Says what `faults_of` says of documents that are added one by one. Most of the check is the C library's, so
    it is made in another thread while the next documents are written.
    """

    def __init__(self, template: Template, schema: Schema | None) -> None:
        self._template = template
        self._schema = schema
        self._waiting: list[_Named] = []
        self._found: list[Future[list[tuple[Problem, ...]]]] = []
        self._beside: ThreadPoolExecutor | None = None

    def __enter__(self) -> Checks:
        return self

    def __exit__(self, *_: object) -> None:
        if self._beside is not None:
            self._beside.shutdown(cancel_futures=True)

    def add(self, identity: Identity, rendered: Rendered, key: str) -> None:
        """Check another document when there are some."""
        self._waiting.append((identity, rendered, key))
        if self._schema is None or len(self._waiting) < CHECKED_AT_ONCE:
            return
        if self._beside is None:
            from concurrent.futures import ThreadPoolExecutor

            self._beside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="xsd")
        some, self._waiting = self._waiting, []
        self._found.append(self._beside.submit(_faults_of_some, self._template, self._schema, some))

    def faults(self) -> Iterator[tuple[Problem, ...]]:
        """The problems of each document, in the order in which they were added."""
        for found in self._found:
            yield from found.result()
        yield from _faults_of_some(self._template, self._schema, self._waiting)


def _faults_of_some(
    template: Template, schema: Schema | None, some: Sequence[_Named]
) -> list[tuple[Problem, ...]]:
    together = [rendered for _, rendered, _ in some]
    if schema is None or (len(some) > 1 and schema.takes(assemble(template, "pack", together))):
        return [()] * len(some)
    return [
        schema.check(assemble(template, identity.pack, [rendered]), record=f"{template.kind} {key}")
        for identity, rendered, key in some
    ]


def assemble(template: Template, pack_id: str, members: Sequence[Rendered]) -> bytes:
    """The whole file that carries the rendered documents."""
    head, tail = template.envelope(pack_id)
    return b"".join((head, *(rendered.data for rendered in members), tail))


def file_name(pattern: str, origin: str, kind: str, key: str, version: int = 1) -> str:
    """A name that every server takes, unique for what it is made of, also where case does not count.

    A pattern without `{key}` is one fixed name: the courier ships such files one after the other.
    """
    named = pattern.replace("{origin}", origin).replace("{kind}", kind)
    if "{key}" not in pattern:
        return named
    stem, dot, suffix = named.rpartition(".")
    if "{key}" not in stem:
        stem, dot, suffix = named, "", ""
    whole = stem.replace("{key}", key) + (f"_v{version}" if version > 1 else "")
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", whole)[:_LONGEST_NAME]
    ambiguous = "_" in origin or "_" in key or key != key.upper()
    if name != whole or ambiguous:
        name = f"{name}-{sha256(whole.encode()).hexdigest()[:10]}"
    return f"{name}{dot}{suffix}"
