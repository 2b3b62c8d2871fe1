"""Snapshots on their way into the catalogue: products, stock levels and prices, one row per key.

Blocks of records are drafted; one last transaction lets them count and marks what targets have to be told anew. An
input that is not whole to its end changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import msgspec
from msgspec import structs
from sqlalchemy import ColumnElement, Connection, Row, delete, insert, literal, null, select, update

from gateway.diagnostics import Problem
from gateway.documents import Document, encode, fingerprint
from gateway.exchange import drafts
from gateway.exchange.feeds import sources_of
from gateway.exchange.planning import Record
from gateway.exchange.prepared import PreparedRoute
from gateway.exchange.site import Site
from gateway.store import tables
from gateway.store.ledger import LaneLease, in_chunks, insert_into

_snapshot, _draft, _pending = tables.snapshot, tables.snapshot_draft, tables.pending
_COUNTED = ("new", "changed", "same", "set_aside")


class Taken(msgspec.Struct):
    """What became of the records of one input."""

    records: int = 0
    new: int = 0
    changed: int = 0
    same: int = 0
    set_aside: int = 0

    def as_columns(self) -> dict[str, int]:
        """The counts as the ledger keeps them."""
        return {"records": self.records, "left_out": 0, **{name: getattr(self, name) for name in _COUNTED}}


class _Block(msgspec.Struct):
    """What a block of records leads to."""

    rows: list[dict[str, Any]] = msgspec.field(default_factory=list)
    bad: list[Record] = msgspec.field(default_factory=list)
    healed: list[str] = msgspec.field(default_factory=list)


def draft_all(
    site: Site,
    route: PreparedRoute,
    exchange_id: str,
    records: Iterable[Record],
    block: int,
    lease: LaneLease | None,
) -> Taken:
    """Draft the whole input, block by block. Raises ProblemsFound where it is not whole."""
    taken, stream = Taken(), iter(records)
    while chunk := list(islice(stream, block)):
        with site.ledger.read() as connection:
            judged = _judge(connection, route, exchange_id, chunk, taken)
        with site.ledger.write(lease) as connection:
            if judged.rows:
                connection.execute(insert(_draft), judged.rows)
            drafts.set_aside(connection, route, exchange_id, judged.bad, site.ledger.now())
            drafts.heal(connection, route, exchange_id, judged.healed, site.ledger.now())
        taken.records += len(chunk)
    return taken


def _judge(
    connection: Connection, route: PreparedRoute, exchange_id: str, chunk: Sequence[Record], taken: Taken
) -> _Block:
    """Compare with the catalogue and with the earlier blocks of the same input."""
    keys = list(dict.fromkeys(record.key for record in chunk if record.document is not None and record.key))
    known = _known(connection, route, keys)
    here = _drafted(connection, exchange_id, keys)
    block = _Block()
    for record in chunk:
        if record.document is None or record.key is None:
            block.bad.append(record)
            continue
        mark = fingerprint(route.kind, record.document)
        if record.key in here:
            if here[record.key] != mark:
                block.bad.append(_twice(record, route.kind))
            continue
        here[record.key] = mark
        block.rows.append(_row(exchange_id, record.key, record.document, mark, known, taken))
        block.healed.append(record.key)
    troubled = {record.key for record in block.bad}
    block.healed = [key for key in block.healed if key not in troubled]
    taken.set_aside += len(block.bad)
    return block


def _row(
    exchange_id: str, key: str, document: Document, mark: str, known: dict[str, Row[Any]], taken: Taken
) -> dict[str, Any]:
    before = known.get(key)
    same = before is not None and before.fingerprint == mark and before.gone_at is None
    if same:
        taken.same += 1
    elif before is None:
        taken.new += 1
    else:
        taken.changed += 1
    return {
        "exchange_id": exchange_id,
        "key": key,
        "sku": str(getattr(document, "sku", key)),
        "fingerprint": mark,
        "body": None if same else encode(document),
    }


def _twice(record: Record, kind: str) -> Record:
    problem = Problem(
        code="G009",
        record=f"{kind} {record.key}",
        message="it stands twice in this input with different contents",
        context=(f"it stands on line {record.kept.line()} of the input; the first one counts",),
        help="remove one of the two at the source, or let the mapping tell them apart (`warehouse`, `level`)",
    )
    return structs.replace(record, document=None, problems=(problem,))


def _known(connection: Connection, route: PreparedRoute, keys: Sequence[str]) -> dict[str, Row[Any]]:
    found: dict[str, Row[Any]] = {}
    for chunk in in_chunks(keys):
        rows = connection.execute(
            select(_snapshot.c.key, _snapshot.c.fingerprint, _snapshot.c.gone_at).where(
                _of_route(route), _snapshot.c.key.in_(chunk)
            )
        )
        found.update({row.key: row for row in rows})
    return found


def _drafted(connection: Connection, exchange_id: str, keys: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for chunk in in_chunks(keys):
        rows = connection.execute(
            select(_draft.c.key, _draft.c.fingerprint).where(
                _draft.c.exchange_id == exchange_id, _draft.c.key.in_(chunk)
            )
        )
        found.update({row.key: row.fingerprint for row in rows})
    return found


def let_count(
    connection: Connection,
    site: Site,
    route: PreparedRoute,
    exchange_id: str,
    now: str,
    *,
    told: Sequence[str],
    whole: bool,
) -> int:
    """The drafts become the catalogue, and what changed waits for the targets. Returns how many keys are gone.

    told: the targets (`targets_of`). whole: whether the input is all that there is, and not a page of it.
    """
    spec = route.spec
    changed = (_draft.c.exchange_id == exchange_id) & _draft.c.body.is_not(None)
    mark_pending(connection, told, select(_draft.c.sku).where(changed).distinct(), exchange_id)
    gone = _mark_gone(connection, site, route, exchange_id, now, told) if spec.complete and whole else 0
    seen = select(_draft.c.key).where(_draft.c.exchange_id == exchange_id, _draft.c.body.is_(None))
    connection.execute(
        update(_snapshot).where(_of_route(route), _snapshot.c.key.in_(seen)).values(route=spec.name)
    )
    statement = insert_into(connection, _snapshot).from_select(
        ["merchant", "origin", "kind", "key", "sku", "route", "fingerprint", "body", "exchange_id", "changed_at",
         "gone_at"],
        select(
            literal(spec.merchant), literal(spec.origin), literal(route.kind), _draft.c.key, _draft.c.sku,
            literal(spec.name), _draft.c.fingerprint, _draft.c.body, _draft.c.exchange_id, literal(now), null(),
        ).where(changed),
    )  # fmt: skip
    renewed = ("sku", "route", "fingerprint", "body", "exchange_id", "changed_at", "gone_at")
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["merchant", "origin", "kind", "key"],
            set_={name: statement.excluded[name] for name in renewed},
        )
    )
    drop(connection, exchange_id)
    return gone


def targets_of(site: Site, route: PreparedRoute) -> list[str]:
    """The targets that are told of the route's origin, also those that other routes of it lead to."""
    mine = (route.spec.merchant, route.spec.origin)
    return [
        target.spec.id
        for target in site.targets().values()
        if target.spec.offers is not None and (mine in sources_of(site, target) or target in route.targets)
    ]


def _of_route(route: PreparedRoute) -> ColumnElement[bool]:
    """The rows of the catalogue that the route speaks of: those of its merchant, origin and kind."""
    spec = route.spec
    return (
        (_snapshot.c.merchant == spec.merchant)
        & (_snapshot.c.origin == spec.origin)
        & (_snapshot.c.kind == route.kind)
    )


def _mark_gone(
    connection: Connection, site: Site, route: PreparedRoute, exchange_id: str, now: str, told: Sequence[str]
) -> int:
    """The keys that its complete input lacks: all of the merchant, origin and kind but what another complete route
    brought last.

    A record that could not be read and has no key may be any of them: then none is called gone.
    """
    bad = select(tables.quarantine.c.id).where(
        tables.quarantine.c.exchange_id == exchange_id, tables.quarantine.c.identity.startswith("sha256:")
    )
    if connection.execute(bad.limit(1)).one_or_none() is not None:
        return 0
    there = select(_draft.c.key).where(_draft.c.exchange_id == exchange_id, _draft.c.key == _snapshot.c.key)
    set_aside = select(tables.quarantine.c.identity).where(
        tables.quarantine.c.exchange_id == exchange_id, tables.quarantine.c.identity == _snapshot.c.key
    )
    others = [name for name, spec in site.config.routes.items() if spec.complete and name != route.spec.name]
    lacking = (
        _of_route(route)
        & _snapshot.c.route.not_in(others)
        & _snapshot.c.gone_at.is_(None)
        & ~there.exists()
        & ~set_aside.exists()
    )
    codes = select(_snapshot.c.sku).where(lacking).distinct()
    mark_pending(connection, told, codes, exchange_id)
    return connection.execute(update(_snapshot).where(lacking).values(gone_at=now)).rowcount


def mark_pending(connection: Connection, targets: Sequence[str], codes: Any, exchange_id: str) -> None:
    """The offers of these codes are worked out anew for these targets."""
    sub = codes.subquery()
    for target in targets:
        statement = insert_into(connection, _pending).from_select(
            ["target", "sku", "exchange_id"],
            select(literal(target), sub.c.sku, literal(exchange_id)).where(sub.c.sku.is_not(None)),
        )
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["target", "sku"], set_={"exchange_id": statement.excluded.exchange_id}
            )
        )


def drop(connection: Connection, exchange_id: str) -> None:
    """Take the drafts of an exchange back."""
    connection.execute(delete(_draft).where(_draft.c.exchange_id == exchange_id))
