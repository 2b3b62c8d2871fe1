"""What a block of records leaves in the ledger, in one transaction; and how drafts are dropped again."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import msgspec
from sqlalchemy import Connection, case, delete, func, select, update

from gateway.exchange.catalogue import document_ids
from gateway.exchange.failed import problems_as_json
from gateway.exchange.planning import Plan, PlannedDelivery, Record
from gateway.exchange.prepared import PreparedRoute
from gateway.store import tables
from gateway.store.blobs import Blobs, StoredBlob
from gateway.store.bulk import insert_rows
from gateway.store.ledger import in_chunks, insert_into, tell

_OF_VERSIONS = (
    "document_id",
    "ordinal",
    "exchange_id",
    "position",
    "source_fingerprint",
    "significant_fingerprint",
    "cancelled",
    "body",
    "created_at",
)
_OF_POSTINGS = (
    "id",
    "document_id",
    "ordinal",
    "exchange_id",
    "route",
    "target",
    "generation",
    "pack_id",
    "item_id",
    "state",
    "reason",
    "problems",
    "delivery_id",
    "created_at",
)


class Numbers(msgspec.Struct):
    """How many postings and deliveries of an exchange are drafted already: their ids go on from there."""

    postings: int = 0
    deliveries: int = 0


def draft(
    connection: Connection,
    route: PreparedRoute,
    exchange_id: str,
    plan: Plan,
    stored: Sequence[StoredBlob],
    blobs: Blobs,
    numbers: Numbers,
    now: str,
) -> None:
    """Write the plan of one block. Its rows count once the exchange is planned."""
    spec = route.spec
    ids = document_ids(
        connection,
        merchant=spec.merchant,
        origin=spec.origin,
        kind=route.kind,
        keys=list(dict.fromkeys([v.key for v in plan.versions] + [p.key for p in plan.postings])),
    )
    blobs.record(connection, stored)
    insert_rows(
        connection,
        tables.version,
        _OF_VERSIONS,
        [
            (
                ids[version.key],
                version.ordinal,
                exchange_id,
                version.position,
                version.source_fingerprint,
                "",  # see catalogue.significant_fingerprint
                int(version.cancelled),
                version.body,
                now,
            )
            for version in plan.versions
        ],
    )
    deliveries = insert_deliveries(
        connection, spec.name, exchange_id, plan.deliveries, stored, numbers.deliveries, now
    )
    numbers.deliveries += len(deliveries)
    insert_rows(
        connection,
        tables.posting,
        _OF_POSTINGS,
        [
            (
                f"{exchange_id}.p{numbers.postings + index}",
                ids[posting.key],
                posting.ordinal,
                exchange_id,
                spec.name,
                posting.target,
                posting.generation,
                posting.pack_id,
                posting.item_id,
                posting.state,
                posting.reason,
                problems_as_json(posting.problems) if posting.problems else None,
                None if posting.delivery is None else deliveries[posting.delivery],
                now,
            )
            for index, posting in enumerate(plan.postings, start=1)
        ],
    )
    numbers.postings += len(plan.postings)
    set_aside(connection, route, exchange_id, plan.set_aside, now)
    heal(connection, route, exchange_id, plan.healed, now)


def insert_deliveries(
    connection: Connection,
    route: str,
    exchange_id: str,
    deliveries: Sequence[PlannedDelivery],
    stored: Sequence[StoredBlob],
    already: int,
    now: str,
) -> list[str]:
    """Write deliveries as drafted, in order; returns their ids."""
    if not deliveries:
        return []
    last = connection.execute(select(func.coalesce(func.max(tables.delivery.c.sequence), 0))).scalar_one()
    rows = [
        {
            "id": f"{exchange_id}.d{already + index}",
            "sequence": last + index,
            "exchange_id": exchange_id,
            "route": route,
            "target": delivery.target,
            "name": delivery.name,
            "content_sha256": blob.sha256,
            "size": blob.size,
            "state": "drafted",
            "created_at": now,
        }
        for index, (delivery, blob) in enumerate(zip(deliveries, stored, strict=True), start=1)
    ]
    connection.execute(tables.delivery.insert(), rows)
    return [str(row["id"]) for row in rows]


def add_deliveries(
    connection: Connection,
    route: str,
    exchange_id: str,
    deliveries: Sequence[PlannedDelivery],
    stored: Sequence[StoredBlob],
    now: str,
) -> list[str]:
    """Write deliveries beside those that an exchange has already; returns their ids."""
    mine = select(func.count()).select_from(tables.delivery).where(tables.delivery.c.exchange_id == exchange_id)
    already = connection.execute(mine).scalar_one()
    return insert_deliveries(connection, route, exchange_id, deliveries, stored, already, now)


def set_aside(
    connection: Connection, route: PreparedRoute, exchange_id: str, records: Sequence[Record], now: str
) -> None:
    """One row per bad record, counted up when it comes again; it is told anew once it had been mended."""
    if not records:
        return
    spec, table = route.spec, tables.quarantine
    for record in records:
        fragment = record.kept.fragment()
        digest = sha256(fragment).hexdigest()
        statement = insert_into(connection, table).values(
            merchant=spec.merchant,
            origin=spec.origin,
            kind=route.kind,
            identity=record.identity,
            route=spec.name,
            first_exchange=exchange_id,
            exchange_id=exchange_id,
            position=record.position,
            fragment_sha256=digest,
            fragment=fragment,
            problems=problems_as_json(record.problems),
            count=1,
            first_seen=now,
            last_seen=now,
        )
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["merchant", "origin", "kind", "identity"],
                set_={
                    "exchange_id": exchange_id,
                    "position": record.position,
                    "count": case((table.c.exchange_id == exchange_id, table.c.count), else_=table.c.count + 1),
                    "fragment_sha256": digest,
                    "fragment": fragment,
                    "problems": statement.excluded.problems,
                    "last_seen": now,
                    "resolved_by": None,
                    "resolved_at": None,
                },
            )
        )


def heal(connection: Connection, route: PreparedRoute, exchange_id: str, keys: Sequence[str], now: str) -> None:
    """Records that were set aside and are in order now."""
    spec, table = route.spec, tables.quarantine
    for chunk in in_chunks(keys):
        connection.execute(
            update(table)
            .where(
                table.c.merchant == spec.merchant,
                table.c.origin == spec.origin,
                table.c.kind == route.kind,
                table.c.identity.in_(chunk),
                table.c.resolved_by.is_(None),
                table.c.exchange_id != exchange_id,
            )
            .values(resolved_by=exchange_id, resolved_at=now)
        )


def drop(connection: Connection, exchange_id: str, now: str, *, why: str) -> None:
    """Take back whatever an exchange that was not planned has drafted."""
    quarantine = tables.quarantine
    found = connection.execute(
        select(func.count()).select_from(tables.version).where(tables.version.c.exchange_id == exchange_id)
    ).scalar_one()
    for table in (tables.posting, tables.delivery, tables.version, tables.snapshot_draft):
        connection.execute(delete(table).where(table.c.exchange_id == exchange_id))
    connection.execute(
        delete(quarantine).where(quarantine.c.first_exchange == exchange_id, quarantine.c.file.is_(None))
    )
    connection.execute(
        update(quarantine)
        .where(quarantine.c.exchange_id == exchange_id, quarantine.c.first_exchange != exchange_id)
        .values(exchange_id=quarantine.c.first_exchange)
    )
    connection.execute(
        update(quarantine)
        .where(quarantine.c.resolved_by == exchange_id)
        .values(resolved_by=None, resolved_at=None)
    )
    if found:
        tell(connection, now, "drafts_dropped", exchange=exchange_id, documents=found, why=why)
