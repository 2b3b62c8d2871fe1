"""`gateway resend --as-new`: a document once more, under ids that its receiver does not know."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import Row, func, select

from gateway.errors import UsageError
from gateway.exchange.anew import anew
from gateway.exchange.naming import Arguments, Step, resolve
from gateway.exchange.site import Site
from gateway.rendering import Identity
from gateway.store import tables
from gateway.store.ledger import new_exchange_id, tell

_posting = tables.posting
_MAY = ("sent", "confirmed", "warned", "already_there", "rejected")


def resend(site: Site, actor: str, arguments: Arguments) -> list[Step]:
    """The newest version of documents that were sent, under new ids. Raises UsageError for other names."""
    steps = []
    for name in arguments.names:
        kind, rows = resolve(site, name)
        if kind != "posting":
            raise UsageError(f"`{name}` is no document; name an order number, or a posting of `gateway show`")
        newest: dict[str, Row[Any]] = {}
        for row in rows:
            newest[f"{row.document_id} {row.target}"] = row
        found = [row for row in newest.values() if row.state in _MAY]
        if not found:
            states = ", ".join(sorted({str(row.state) for row in newest.values()}))
            raise UsageError(f"`{name}` is {states}: only what was sent can be sent as new; `gateway show {name}`")
        if len(found) > 1:
            lines = ", ".join(f"{row.id} (route {row.route}, target {row.target})" for row in found)
            raise UsageError(f"`{name}` was sent more than once; name one of {lines}")
        text = (
            f"send {name} to {found[0].target} under new ids; it will be there twice unless it was deleted there"
        )
        steps.append(Step(text, partial(_do_resend, site, actor, found[0])))
    return steps


def _do_resend(site: Site, actor: str, row: Row[Any]) -> str:
    source = anew(site, row)
    key, now = source.key, site.ledger.now()
    if source.body is None:
        return f"the contents of {key} are not stored any more"
    with site.ledger.read() as connection:
        generation = (
            1
            + connection.execute(
                select(func.max(_posting.c.generation)).where(
                    _posting.c.document_id == row.document_id, _posting.c.target == row.target
                )
            ).scalar_one()
        )
    identity = Identity.of(source.route.spec.origin, source.route.kind, key, generation)
    content = source.content(site, identity)
    if not isinstance(content, bytes):
        return f"{key} cannot be written: {content[0].message}"
    name = source.name(f"{key}-AGAIN{generation}")
    stored = site.blobs.store([content], f"{row.id}.{new_exchange_id(site.clock.now())}.resent")
    with site.ledger.write() as connection:
        exchange = str(row.exchange_id)
        delivery = source.plan(connection, site, name, content, stored, now)
        postings = select(func.count()).where(_posting.c.exchange_id == exchange)
        connection.execute(
            _posting.insert().values(
                id=f"{exchange}.p{connection.execute(postings).scalar_one() + 1}",
                document_id=row.document_id,
                ordinal=row.ordinal,
                exchange_id=exchange,
                route=source.route.spec.name,
                target=row.target,
                generation=generation,
                pack_id=identity.pack,
                item_id=identity.item,
                state="planned",
                delivery_id=delivery,
                created_at=now,
            )
        )
        tell(connection, now, "resent", exchange=exchange, delivery=delivery, actor=actor, generation=generation)
        site.lanes.urge(connection, source.target.lane)
    return f"{key} is on its way to {row.target} as {name}, under new ids"
