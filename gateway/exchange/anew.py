"""A posting written once more: its stored document, its bytes by today's template, a delivery of its own."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from gateway.diagnostics import Problem
from gateway.documents import decode
from gateway.errors import UsageError
from gateway.exchange import drafts
from gateway.exchange.naming import known_route
from gateway.exchange.planning import PlannedDelivery
from gateway.exchange.prepared import PreparedRoute, PreparedTarget
from gateway.exchange.site import Site
from gateway.exchange.writing import Written, file_name, render
from gateway.rendering import Identity
from gateway.store import tables
from gateway.store.blobs import StoredBlob

_version, _document, _exchange = tables.version, tables.document, tables.exchange


class Anew(msgspec.Struct, frozen=True):
    """A posting with its route and target as they are today; `body` is None where it is not stored any more."""

    row: Row[Any]
    route: PreparedRoute
    target: PreparedTarget
    key: str
    body: bytes | None

    def content(self, site: Site, identity: Identity) -> bytes | tuple[Problem, ...]:
        """The bytes under these ids, or what keeps them from being written. What is shipped as it is stays so."""
        assert self.body is not None
        if self.route.ships_files:
            with site.ledger.read() as connection:
                digest = select(_exchange.c.input_sha256).where(_exchange.c.id == self.row.exchange_id)
                return site.blobs.read(str(connection.execute(digest).scalar_one()))
        written = render(self.target, decode(self.route.kind, self.body), identity, self.key)
        return written.alone if isinstance(written, Written) else written

    def name(self, key: str) -> str:
        """The name of the file for this key."""
        spec = self.route.spec
        return file_name(self.target.spec.file_name, spec.origin, self.route.kind, key, int(self.row.ordinal))

    def plan(
        self, connection: Connection, site: Site, name: str, content: bytes, stored: list[StoredBlob], now: str
    ) -> str:
        """A delivery of its own, in the caller's transaction; returns its id."""
        site.blobs.record(connection, stored)
        planned = [PlannedDelivery(self.target.spec.id, name, content)]
        route, exchange = self.route.spec.name, str(self.row.exchange_id)
        (delivery,) = drafts.add_deliveries(connection, route, exchange, planned, stored, now)
        return delivery


def anew(site: Site, row: Row[Any]) -> Anew:
    """What a posting was made of. Raises UsageError where its route or target is not there any more."""
    route = known_route(site, str(row.route))
    target = next((each for each in route.targets if each.spec.id == row.target), None)
    if target is None:
        raise UsageError(f"the route {row.route} has no target {row.target} any more")
    with site.ledger.read() as connection:
        body, key = connection.execute(
            select(_version.c.body, _document.c.key)
            .join(_document, _document.c.id == _version.c.document_id)
            .where(_version.c.document_id == row.document_id, _version.c.ordinal == row.ordinal)
        ).one()
    return Anew(row, route, target, str(key), body)
