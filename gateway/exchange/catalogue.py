"""The catalogue: which documents are known, in which version, and what became of them.

A version counts once its exchange is planned; the versions of the exchange in hand count for itself, so that an
order that stands twice in one input is seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, or_, select, update

from gateway.documents import decode, fingerprint
from gateway.store import tables
from gateway.store.ledger import in_chunks, insert_into

_document, _version, _exchange = tables.document, tables.version, tables.exchange
_posting, _delivery = tables.posting, tables.delivery
_NOTED_AT_ONCE = 500
SENT = ("sent", "confirmed", "warned", "already_there")
"""A rejected one is not among them: the target does not have it, so a corrected one is sent."""


class Known(msgspec.Struct, frozen=True):
    """The newest counting version of a document.

    noted: its significant fingerprint, if that is written down; see `significant_fingerprint`.
    """

    document_id: int
    key: str
    ordinal: int
    exchange_id: str
    source_fingerprint: str
    noted: str
    cancelled: bool
    body: bytes | None

    def significant_fingerprint(self, kind: str) -> str:
        """What tells whether another version is other business."""
        return significant_fingerprint(kind, self.noted, self.body)


class PostingFact(msgspec.Struct, frozen=True):
    """What became of an earlier version of a document at one target."""

    id: str
    document_id: int
    target: str
    ordinal: int
    state: str
    reason: str | None
    generation: int
    delivery_id: str | None = None
    delivery_state: str | None = None
    was_there: bool = False
    alone: bool = True

    @property
    def went_out(self) -> bool:
        """Whether the target has it, or will have it."""
        return self.state in SENT or self.state == "planned"

    @property
    def can_be_withdrawn(self) -> bool:
        """Whether it has never left, and no other document travels with it."""
        waits = self.delivery_state in ("drafted", "deferred") and not self.was_there
        return self.state == "planned" and self.alone and waits


def known(
    connection: Connection, *, merchant: str, origin: str, kind: str, keys: Sequence[str], exchange_id: str
) -> dict[str, Known]:
    """The newest version of each of the keys that is known."""
    found: dict[str, Known] = {}
    for chunk in in_chunks(keys):
        newest = (
            select(_version.c.document_id, func.max(_version.c.ordinal).label("ordinal"))
            .join(_exchange, _exchange.c.id == _version.c.exchange_id)
            .join(_document, _document.c.id == _version.c.document_id)
            .where(
                _document.c.merchant == merchant,
                _document.c.origin == origin,
                _document.c.kind == kind,
                _document.c.key.in_(chunk),
                or_(_exchange.c.planned_at.is_not(None), _exchange.c.id == exchange_id),
            )
            .group_by(_version.c.document_id)
            .subquery()
        )
        rows = connection.execute(
            select(_document.c.key, _version)
            .join(newest, newest.c.document_id == _document.c.id)
            .join(
                _version,
                and_(_version.c.document_id == newest.c.document_id, _version.c.ordinal == newest.c.ordinal),
            )
        )
        for row in rows:
            found[row.key] = Known(
                row.document_id,
                row.key,
                row.ordinal,
                row.exchange_id,
                row.source_fingerprint,
                row.significant_fingerprint,
                bool(row.cancelled),
                row.body,
            )
    return found


def document_ids(
    connection: Connection, *, merchant: str, origin: str, kind: str, keys: Sequence[str]
) -> dict[str, int]:
    """The ids of the keys' documents, created where they are new."""
    if not keys:
        return {}
    connection.execute(
        insert_into(connection, _document).on_conflict_do_nothing(),
        [{"merchant": merchant, "origin": origin, "kind": kind, "key": key} for key in keys],
    )
    ids: dict[str, int] = {}
    for chunk in in_chunks(keys):
        rows = connection.execute(
            select(_document.c.key, _document.c.id).where(
                _document.c.merchant == merchant,
                _document.c.origin == origin,
                _document.c.kind == kind,
                _document.c.key.in_(chunk),
            )
        )
        ids.update({row.key: row.id for row in rows})
    return ids


def postings_of(
    connection: Connection, documents: Iterable[int], exchange_id: str, *, only_held: bool = False
) -> list[PostingFact]:
    """All counting postings of the documents (or only the held ones)."""
    found = []
    for chunk in in_chunks(list(documents)):
        others = _posting.alias("others")
        together = (
            select(func.count()).select_from(others).where(others.c.delivery_id == _posting.c.delivery_id)
        ).scalar_subquery()
        statement = (
            select(
                _posting,
                _delivery.c.state.label("delivery_state"),
                _delivery.c.published_at,
                together.label("together"),
            )
            .join(_exchange, _exchange.c.id == _posting.c.exchange_id)
            .join(_delivery, _delivery.c.id == _posting.c.delivery_id, isouter=True)
            .where(
                _posting.c.document_id.in_(chunk),
                or_(_exchange.c.planned_at.is_not(None), _exchange.c.id == exchange_id),
            )
            .order_by(_posting.c.document_id, _posting.c.ordinal, _posting.c.generation)
        )
        if only_held:
            statement = statement.where(_posting.c.state == "held")
        found += [
            PostingFact(
                row.id,
                row.document_id,
                row.target,
                row.ordinal,
                row.state,
                row.reason,
                row.generation,
                row.delivery_id,
                row.delivery_state,
                row.published_at is not None,
                row.together <= 1,
            )
            for row in connection.execute(statement)
        ]
    return found


def version_of(
    connection: Connection, kind: str, document_id: int, ordinal: int
) -> tuple[str, bool, bytes | None]:
    """Significant fingerprint, whether it was cancelled, and the stored body (None once removed) of a version."""
    row = connection.execute(
        select(_version.c.significant_fingerprint, _version.c.cancelled, _version.c.body).where(
            _version.c.document_id == document_id, _version.c.ordinal == ordinal
        )
    ).one()
    return significant_fingerprint(kind, row.significant_fingerprint, row.body), bool(row.cancelled), row.body


def significant_fingerprint(kind: str, noted: str, body: bytes | None) -> str:
    """The fingerprint of what is significant in a version: as it is written down, or of its stored document.

    It is worked out when another version comes, which of most documents none does; and written down before the
    document is removed.
    """
    if noted or body is None:
        return noted
    try:
        return fingerprint(kind, decode(kind, body))
    except msgspec.DecodeError:  # of another gateway: like no document of this one, so a change of it is told
        return sha256(body).hexdigest()


def note_fingerprints(connection: Connection, which: ColumnElement[bool]) -> None:
    """Write down what can be told only from the stored documents of these versions."""
    while not note_some(connection, which):
        pass


def note_some(connection: Connection, which: ColumnElement[bool]) -> bool:
    """Write it down of some hundred versions; True where there are no more."""
    rows = connection.execute(
        select(_version.c.document_id, _version.c.ordinal, _version.c.body, _document.c.kind)
        .join(_document, _document.c.id == _version.c.document_id)
        .where(which, _version.c.significant_fingerprint == "", _version.c.body.is_not(None))
        .limit(_NOTED_AT_ONCE)
    ).all()
    if rows:
        connection.execute(
            update(_version)
            .where(_version.c.document_id == bindparam("of"), _version.c.ordinal == bindparam("at"))
            .values(significant_fingerprint=bindparam("noted")),
            [
                {
                    "of": row.document_id,
                    "at": row.ordinal,
                    "noted": significant_fingerprint(row.kind, "", row.body),
                }
                for row in rows
            ],
        )
    return len(rows) < _NOTED_AT_ONCE
