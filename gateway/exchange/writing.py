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

if TYPE_CHECKING:  # a conversion starts without the ledger
    from gateway.exchange.prepared import PreparedTarget

CHECKED_AT_ONCE = 64
"""Records that are checked against a schema in one go."""

_LONGEST_NAME = 100


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
    template: Template, schema: Schema | None, written: Sequence[tuple[Identity, Rendered, str]]
) -> Iterator[tuple[Problem, ...]]:
    """What the schema says against each of some documents with their keys; () for a valid one.

    Some are checked at once; where that fails, each of them alone, to find whose fault it is.
    """
    for start in range(0, len(written), CHECKED_AT_ONCE):
        some = written[start : start + CHECKED_AT_ONCE]
        together = [rendered for _, rendered, _ in some]
        if schema is None or (len(some) > 1 and schema.takes(assemble(template, "pack", together))):
            yield from [()] * len(some)
            continue
        for identity, rendered, key in some:
            alone = assemble(template, identity.pack, [rendered])
            yield schema.check(alone, record=f"{template.kind} {key}")


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
