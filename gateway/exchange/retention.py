"""Retention: the contents of what was settled long ago are removed; identities and what became of them never.

The unit is one exchange. First go those that are older than `keep_for`, then the oldest until `keep_exchanges`
and `keep_bytes` are met. What goes: timelines, stored documents, blobs, fragments and problems. What stays for
ever: the rows of exchanges, documents, versions, postings and deliveries.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, update

from gateway.clock import from_text, monotonic, to_text
from gateway.exchange.catalogue import SENT, note_fingerprints, note_some
from gateway.exchange.settlement import answering_targets, unsettled
from gateway.exchange.site import Site
from gateway.store import tables
from gateway.store.lanes import Again, Done, DrainResult
from gateway.store.ledger import LaneLease, begins_with, in_chunks
from gateway.store.remembered import remember
from gateway.telemetry import emit

LANE = "retention"
_EVERY = timedelta(hours=1)
_BATCH = 200
_BUDGET = 20.0  # seconds of one turn
_exchange, _delivery, _posting, _version = tables.exchange, tables.delivery, tables.posting, tables.version
_quarantine, _timeline, _remembered = tables.quarantine, tables.timeline, tables.remembered
_LAST_RUN = and_(_remembered.c.route == "", _remembered.c.key == "retention")


def is_due(site: Site) -> bool:
    """Whether the last whole run is an hour ago."""
    with site.ledger.read() as connection:
        last = connection.execute(select(_remembered.c.at).where(_LAST_RUN)).scalar()
    return last is None or site.clock.now() - from_text(last) >= _EVERY


def drain(site: Site, lease: LaneLease, *, budget: float = _BUDGET) -> DrainResult:
    """One turn: remove what may go, in transactions of 200 exchanges, for as long as the time allows."""
    turn = _Turn(site, lease, budget)
    turn.run()
    if turn.exchanges:
        emit("contents_removed", exchanges=turn.exchanges, bytes=turn.freed)
    if turn.is_over and turn.progressed:
        return Again()
    now = site.ledger.now()
    with site.ledger.write(lease) as connection:
        remember(connection, "retention", "run", now)
    return Done()


class _Full(msgspec.Struct, frozen=True):
    """An exchange that has its contents."""

    id: str
    received_at: str
    input_size: int


class _Excess(msgspec.Struct):
    """How much there is more than `keep_exchanges` and `keep_bytes` allow."""

    exchanges: int
    size: int

    def take(self, rows: Sequence[_Full], deliveries: dict[str, int]) -> list[str]:
        """The first of these exchanges, as many as bring it down to what is allowed."""
        taken: list[str] = []
        for row in rows:
            if self.exchanges <= 0 and self.size <= 0:
                break
            taken.append(row.id)
            self.exchanges -= 1
            self.size -= row.input_size + deliveries.get(row.id, 0)
        return taken


class _Turn:
    def __init__(self, site: Site, lease: LaneLease, budget: float) -> None:
        self._site = site
        self._lease = lease
        self._until = monotonic() + budget
        self._answering = answering_targets(site)
        self._now = site.ledger.now()
        self.exchanges = 0
        self.freed = 0
        self.progressed = False

    @property
    def is_over(self) -> bool:
        return monotonic() >= self._until or self._site.stopping.is_set()

    def run(self) -> None:
        cutoff = to_text(self._site.clock.now() - self._site.config.retention.keep_for)
        self._pass(cutoff, excess=None)
        self._remove_bodies(cutoff)
        self._remove_timeline_of_no_exchange(cutoff)
        self._remove_what_is_remembered_of_shops(cutoff)
        excess = self._excess()
        if excess.exchanges > 0 or excess.size > 0:
            self._pass(self._now, excess=excess)

    def _excess(self) -> _Excess:
        spec = self._site.config.retention
        with self._site.ledger.read() as connection:
            full = connection.execute(
                select(func.count()).select_from(_exchange).where(_exchange.c.emptied_at.is_(None))
            ).scalar_one()
        return _Excess(full - spec.keep_exchanges, _size_of(self._site.spool.blobs) - spec.keep_bytes)

    def _pass(self, before: str, *, excess: _Excess | None) -> None:
        """Empty what was settled, oldest first: all that is older than `before`, or until no excess is left."""
        at, last = "", ""
        while not self.is_over:
            rows = self._full(before, at, last)
            if not rows or (excess is not None and excess.exchanges <= 0 and excess.size <= 0):
                return
            at, last = rows[-1].received_at, rows[-1].id
            if not self._note_fingerprints([row.id for row in rows]):
                return
            with self._site.ledger.write(self._lease) as connection:
                ids = self._settled(connection, [row.id for row in rows], None if excess else before)
                settled = [row for row in rows if row.id in ids]
                if excess is None:
                    taken = [row.id for row in settled]
                else:
                    taken = excess.take(settled, _sizes(connection, ids))
                segments = self._empty(connection, taken, aged=excess is None)
            self.freed += self._site.blobs.unlink(segments)
            self.exchanges += len(taken)
            self.progressed = self.progressed or bool(taken)

    def _note_fingerprints(self, ids: list[str]) -> bool:
        """Note what is told by documents that may go; False where the time is over. Each transaction is short."""
        while True:
            with self._site.ledger.write(self._lease) as connection:
                if note_some(connection, _version.c.exchange_id.in_(ids)):
                    return True
            self.progressed = True
            if self.is_over:
                return False

    def _full(self, before: str, at: str, last: str) -> list[_Full]:
        """The next exchanges that have their contents, oldest first."""
        with self._site.ledger.read() as connection:
            rows = connection.execute(
                select(_exchange.c.id, _exchange.c.received_at, _exchange.c.input_size)
                .where(
                    _exchange.c.emptied_at.is_(None),
                    _exchange.c.received_at < before,
                    _exchange.c.received_at >= at,
                    (_exchange.c.received_at > at) | (_exchange.c.id > last),
                )
                .order_by(_exchange.c.received_at, _exchange.c.id)
                .limit(_BATCH)
            )
            return [_Full(row.id, row.received_at, row.input_size) for row in rows]

    def _settled(self, connection: Connection, ids: list[str], before: str | None) -> set[str]:
        """Those of which nothing waits any more; with `before`, for so long already."""
        waits = {found.exchange for found in unsettled(connection, ids, self._answering)}
        late = _settled_since(connection, ids, before) if before is not None else set()
        return set(ids) - waits - late

    def _empty(self, connection: Connection, ids: list[str], *, aged: bool) -> list[str]:
        """Remove the contents of these exchanges. Returns the segments to unlink after the commit."""
        if not ids:
            return []
        connection.execute(delete(_timeline).where(_timeline.c.exchange_id.in_(ids)))
        bodies = update(_version).where(_version.c.exchange_id.in_(ids), _version.c.body.is_not(None))
        note_fingerprints(connection, _version.c.exchange_id.in_(ids))  # if one came meanwhile
        connection.execute((bodies if aged else bodies.where(~_is_needed())).values(body=None))
        connection.execute(update(_posting).where(_posting.c.exchange_id.in_(ids)).values(problems=None))
        answers = update(tables.receipt).where(tables.receipt.c.exchange_id.in_(ids))
        connection.execute(answers.values(body=None))
        connection.execute(
            update(_quarantine).where(_quarantine.c.exchange_id.in_(ids)).values(fragment=None, problems="[]")
        )
        connection.execute(
            update(_exchange)
            .where(_exchange.c.id.in_(ids))
            .values(emptied_at=self._now, bodies_kept=int(not aged))
        )
        return self._site.blobs.drop(connection, _unreferred(connection, ids))

    def _remove_bodies(self, cutoff: str) -> None:
        """What was emptied early kept the newest documents; they go when they are old."""
        while not self.is_over:
            with self._site.ledger.write(self._lease) as connection:
                ids = list(
                    connection.execute(
                        select(_exchange.c.id)
                        .where(tables.BODIES_KEPT, _exchange.c.received_at < cutoff)
                        .order_by(_exchange.c.received_at)
                        .limit(_BATCH)
                    ).scalars()
                )
                note_fingerprints(connection, _version.c.exchange_id.in_(ids))
                connection.execute(update(_version).where(_version.c.exchange_id.in_(ids)).values(body=None))
                connection.execute(update(_exchange).where(_exchange.c.id.in_(ids)).values(bodies_kept=0))
            if len(ids) < _BATCH:
                return
            self.progressed = True

    def _remove_what_is_remembered_of_shops(self, cutoff: str) -> None:
        """Ids that were found there and values that were told: what is needed is found and told anew."""
        of_targets = begins_with(_remembered.c.route, "target:")
        with self._site.ledger.write(self._lease) as connection:
            connection.execute(delete(_remembered).where(of_targets, _remembered.c.at < cutoff))

    def _remove_timeline_of_no_exchange(self, cutoff: str) -> None:
        """Holds, releases and the like, which belong to no exchange."""
        old = (
            select(_timeline.c.id)
            .where(_timeline.c.exchange_id.is_(None), _timeline.c.at < cutoff)
            .limit(_BATCH)
            .scalar_subquery()
        )
        removed = _BATCH
        while removed == _BATCH and not self.is_over:
            with self._site.ledger.write(self._lease) as connection:
                removed = connection.execute(delete(_timeline).where(_timeline.c.id.in_(old))).rowcount
            self.progressed = self.progressed or removed > 0


def _is_needed() -> ColumnElement[bool]:
    """Whether a stored document tells the old values when its order changes: it is the newest, or at a target."""
    newer, this, later = _version.alias("newer"), _posting.alias("this"), _posting.alias("later")
    is_newest = ~(
        select(newer.c.ordinal)
        .where(newer.c.document_id == _version.c.document_id, newer.c.ordinal > _version.c.ordinal)
        .exists()
    )
    out_later = (
        select(later.c.id)
        .where(
            later.c.document_id == this.c.document_id,
            later.c.target == this.c.target,
            later.c.ordinal > this.c.ordinal,
            later.c.state.in_(SENT),
        )
        .exists()
    )
    is_there = (
        select(this.c.id)
        .where(
            this.c.document_id == _version.c.document_id,
            this.c.ordinal == _version.c.ordinal,
            this.c.state.in_(SENT),
            ~out_later,
        )
        .exists()
    )
    return is_newest | is_there


def _settled_since(connection: Connection, ids: list[str], before: str) -> set[str]:
    """Those of which something was settled only after `before`."""
    found: set[str] = set()
    for exchange, settled_at in (
        (_exchange.c.id, func.coalesce(_exchange.c.planned_at, _exchange.c.failed_at)),
        (_posting.c.exchange_id, _posting.c.settled_at),
        (_delivery.c.exchange_id, _delivery.c.settled_at),
        (_quarantine.c.exchange_id, _quarantine.c.resolved_at),
        (tables.ack.c.exchange_id, tables.ack.c.done_at),
    ):
        rows = connection.execute(select(exchange).where(exchange.in_(ids), settled_at >= before).distinct())
        found |= set(rows.scalars())
    return found


def _sizes(connection: Connection, ids: Collection[str]) -> dict[str, int]:
    """The bytes of the deliveries of each of these exchanges."""
    rows = connection.execute(
        select(_delivery.c.exchange_id, func.sum(_delivery.c.size))
        .where(_delivery.c.exchange_id.in_(list(ids)))
        .group_by(_delivery.c.exchange_id)
    )
    return {exchange: int(size) for exchange, size in rows}


def _unreferred(connection: Connection, ids: list[str]) -> set[str]:
    """The blobs of these emptied exchanges that no exchange which still has its contents refers to."""
    rows = connection.execute(select(_exchange.c.input_sha256).where(_exchange.c.id.in_(ids)))
    digests = set(rows.scalars())
    rows = connection.execute(select(_delivery.c.content_sha256).where(_delivery.c.exchange_id.in_(ids)))
    digests |= set(rows.scalars())
    wanted = set[str]()
    for chunk in in_chunks(sorted(digests)):
        inputs = select(_exchange.c.input_sha256).where(
            _exchange.c.input_sha256.in_(chunk), _exchange.c.emptied_at.is_(None)
        )
        deliveries = (
            select(_delivery.c.content_sha256)
            .join(_exchange, and_(_exchange.c.id == _delivery.c.exchange_id, _exchange.c.emptied_at.is_(None)))
            .where(_delivery.c.content_sha256.in_(chunk))
        )
        wanted |= set(connection.execute(inputs).scalars()) | set(connection.execute(deliveries).scalars())
    return digests - wanted


def _size_of(folder: Path) -> int:
    """The bytes that the files of a folder have."""
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                total += entry.stat(follow_symlinks=False).st_size
            except FileNotFoundError:
                continue
    return total
