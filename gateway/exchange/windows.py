"""One fixed name for a receiver that never removes it: each file carries all documents of a window of days."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select, update

from gateway.clock import to_text
from gateway.documents import decode
from gateway.exchange.prepared import PreparedTarget
from gateway.exchange.site import Site
from gateway.exchange.writing import Written, assemble, render
from gateway.rendering import Identity, Rendered
from gateway.store import tables
from gateway.store.ledger import LaneLease, tell

_delivery, _posting, _version = tables.delivery, tables.posting, tables.version

_SETTLED_OTHERWISE = ("rejected", "superseded")
"""What the receiver did not take is a person's matter: it does not travel along with what comes later."""


def compose(site: Site, target: PreparedTarget, delivery_id: str, lease: LaneLease | None) -> tuple[str, int]:
    """The documents that were delivered in the window and the delivery's own: stored, and made its content.

    Returns its sha256 and size. Raises CannotCompose.
    """
    assert target.spec.window is not None
    since = to_text(site.clock.now() - target.spec.window)
    with site.ledger.read() as connection:
        rows = _documents(connection, target, delivery_id, since)
    content = assemble(target.template, delivery_id, [_rendered(site, target, row) for row in rows])
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
            .order_by(_delivery.c.settled_at.desc(), _delivery.c.sequence.desc())
            .limit(1)
        ).scalar()


def _documents(connection: Connection, target: PreparedTarget, delivery_id: str, since: str) -> Sequence[Row[Any]]:
    """The newest version of every document, in the order of their deliveries."""
    rows = connection.execute(
        select(_posting, _version.c.body, tables.document.c.key, tables.document.c.kind, tables.document.c.origin)
        .join(_delivery, _delivery.c.id == _posting.c.delivery_id)
        .join(tables.document, tables.document.c.id == _posting.c.document_id)
        .join(
            _version,
            (_version.c.document_id == _posting.c.document_id) & (_version.c.ordinal == _posting.c.ordinal),
        )
        .where(
            _delivery.c.target == target.spec.id,
            or_(
                _delivery.c.id == delivery_id,
                and_(
                    _delivery.c.state == "delivered",
                    _delivery.c.created_at >= since,
                    _posting.c.state.not_in(_SETTLED_OTHERWISE),
                    or_(_posting.c.reason.is_(None), _posting.c.reason != "settled by hand"),
                ),
            ),
            _version.c.body.is_not(None),
        )
        .order_by(_delivery.c.sequence, _posting.c.id)
    ).all()
    newest: dict[int, Row[Any]] = {}
    for row in rows:
        known = newest.get(row.document_id)
        if known is None or (row.ordinal, row.generation) >= (known.ordinal, known.generation):
            newest[row.document_id] = row
    return [row for row in rows if newest[row.document_id] is row]


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
