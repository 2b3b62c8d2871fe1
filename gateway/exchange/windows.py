"""One fixed name for a receiver that never removes it: each file carries all documents of a window of days."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select, update

from gateway.clock import to_text
from gateway.documents import decode
from gateway.exchange.planning import Written, assemble, render
from gateway.exchange.site import PreparedTarget, Site
from gateway.rendering import Identity, Rendered
from gateway.store import tables
from gateway.store.ledger import LaneLease, tell

_delivery, _posting, _version, _exchange = tables.delivery, tables.posting, tables.version, tables.exchange
_CARRIED = ("drafted", "deferred", "shipping", "delivered")


def compose(site: Site, target: PreparedTarget, delivery_id: str, lease: LaneLease | None) -> tuple[str, int]:
    """Write the content of all documents of the window into the blobs, and make it the delivery's own.

    Returns its sha256 and size. Raises CannotCompose.
    """
    assert target.spec.window is not None
    since = to_text(site.clock.now() - target.spec.window)
    with site.ledger.read() as connection:
        rows = _documents(connection, target, delivery_id, since)
    content = assemble(target, delivery_id, [_rendered(site, target, row) for row in rows])
    stored = site.blobs.store([content], f"{delivery_id}.{site.ledger.now().replace(':', '')}.window")
    with site.ledger.write(lease) as connection:
        site.blobs.record(connection, stored)
        values = {"content_sha256": stored[0].sha256, "size": stored[0].size}
        connection.execute(update(_delivery).where(_delivery.c.id == delivery_id).values(**values))
        tell(connection, site.ledger.now(), "composed", delivery=delivery_id, documents=len(rows))
    return stored[0].sha256, stored[0].size


def replaced_size(site: Site, target: PreparedTarget) -> int | None:
    """The size of the file that was delivered last, which is the one that may be replaced."""
    with site.ledger.read() as connection:
        return connection.execute(
            select(_delivery.c.size)
            .where(_delivery.c.target == target.spec.id, _delivery.c.state == "delivered")
            .order_by(_delivery.c.sequence.desc())
            .limit(1)
        ).scalar()


def _documents(connection: Connection, target: PreparedTarget, delivery_id: str, since: str) -> Sequence[Row[Any]]:
    """The newest version that was posted of every document of the window, in the order of their deliveries."""
    last = select(_delivery.c.sequence).where(_delivery.c.id == delivery_id).scalar_subquery()
    rows = connection.execute(
        select(_posting, _version.c.body, tables.document.c.key, tables.document.c.kind, tables.document.c.origin)
        .join(_delivery, _delivery.c.id == _posting.c.delivery_id)
        .join(_exchange, _exchange.c.id == _delivery.c.exchange_id)
        .join(tables.document, tables.document.c.id == _posting.c.document_id)
        .join(
            _version,
            (_version.c.document_id == _posting.c.document_id) & (_version.c.ordinal == _posting.c.ordinal),
        )
        .where(
            _delivery.c.target == target.spec.id,
            _delivery.c.created_at >= since,
            _delivery.c.sequence <= last,
            _delivery.c.state.in_(_CARRIED),
            _exchange.c.planned_at.is_not(None),
            _exchange.c.held.is_(None),
            _version.c.body.is_not(None),
        )
        .order_by(_delivery.c.sequence, _posting.c.id)
    ).all()
    newest = {row.document_id: row.id for row in rows}
    return [row for row in rows if newest[row.document_id] == row.id]


def _rendered(site: Site, target: PreparedTarget, row: Row[Any]) -> Rendered:
    """The record by its own route's template. What was written once can be written again under the same ids."""
    route = site.routes.get(row.route)
    own = next((to for to in route.targets if to.spec.id == target.spec.id), target) if route else target
    identity = Identity(pack=str(row.pack_id), item=str(row.item_id), origin=str(row.origin))
    written = render(own, decode(row.kind, row.body), identity, row.key)
    if isinstance(written, Written):
        return written.rendered
    raise CannotCompose(f"{row.kind} {row.key}: {written[0].message}")


class CannotCompose(Exception):
    """A document of the window cannot be written any more: the settings or the template were changed."""


def carry(site: Site, target: PreparedTarget, delivery_id: str, lease: LaneLease | None) -> None:
    """The deliveries before a delivered one travelled in its file."""
    now = site.ledger.now()
    with site.ledger.write(lease) as connection:
        sequence = connection.execute(
            select(_delivery.c.sequence).where(_delivery.c.id == delivery_id, _delivery.c.state == "delivered")
        ).scalar()
        if sequence is None:
            return
        due = (_delivery.c.target == target.spec.id, _delivery.c.sequence < sequence, tables.DUE)
        planned = select(_exchange.c.id).where(_exchange.c.planned_at.is_not(None), _exchange.c.held.is_(None))
        rows = connection.execute(select(_delivery).where(*due, _delivery.c.exchange_id.in_(planned))).all()
        for row in rows:
            connection.execute(
                update(_delivery)
                .where(_delivery.c.id == row.id)
                .values(state="delivered", settled_at=now, problem=None, due_at=None)
            )
            connection.execute(
                update(_posting)
                .where(_posting.c.delivery_id == row.id, _posting.c.state == "planned")
                .values(state="sent", settled_at=now)
            )
            tell(connection, now, "delivered", exchange=row.exchange_id, delivery=row.id, within=delivery_id)
