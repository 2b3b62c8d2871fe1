"""Whether all is settled that an exchange brought: what is not may neither age out nor be forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, and_, false, or_, select

from gateway.exchange.site import Site
from gateway.store import tables
from gateway.store.ledger import in_chunks

_exchange, _delivery, _posting = tables.exchange, tables.delivery, tables.posting
_quarantine, _document, _ack = tables.quarantine, tables.document, tables.ack
_ANSWERED = ("confirmed", "warned", "already_there", "superseded")
_SETTLED = ("delivered", "dropped")


class Unsettled(msgspec.Struct, frozen=True):
    """One thing of an exchange that waits for something: what it is, why it waits, the command to begin with."""

    exchange: str
    what: str
    why: str
    do: str


def answering_targets(site: Site) -> dict[str, str]:
    """The targets whose receiver answers, and since when: there a document is settled by its answer alone.

    What was sent before its answers were read at all is not expected to be answered.
    """
    specs = (spec for route in site.config.routes.values() for spec in route.to)
    routes = {spec.answers.route: spec.id for spec in specs if spec.answers is not None}
    state = tables.route_state
    with site.ledger.read() as connection:
        rows = connection.execute(
            select(state.c.route, state.c.known_since).where(state.c.route.in_(list(routes)))
        )
        return {routes[row.route]: str(row.known_since) for row in rows if row.known_since is not None}


def unsettled(connection: Connection, exchanges: Sequence[str], answering: Mapping[str, str]) -> list[Unsettled]:
    """All that is not settled of these exchanges."""
    found: list[Unsettled] = []
    for ids in in_chunks(exchanges):
        found += _inputs(connection, ids)
        found += _postings(connection, ids, answering)
        found += _deliveries(connection, ids)
        found += _set_aside(connection, ids)
    return found


def _inputs(connection: Connection, ids: list[str]) -> Iterator[Unsettled]:
    for row in connection.execute(select(_exchange).where(_exchange.c.id.in_(ids))):
        if row.planned_at is None and row.failed_at is None:
            yield Unsettled(row.id, row.input_name, "is being read", f"gateway show {row.id}")
        elif row.held is not None:
            yield Unsettled(row.id, row.input_name, f"is held ({row.held})", f"gateway release {row.id}")
    for row in connection.execute(select(_ack).where(_ack.c.exchange_id.in_(ids), _ack.c.done_at.is_(None))):
        why = "has not been put away at its source"
        yield Unsettled(row.exchange_id, row.name, why, f"gateway show {row.exchange_id}")


def _postings(connection: Connection, ids: list[str], answering: Mapping[str, str]) -> Iterator[Unsettled]:
    awaited = [and_(_posting.c.target == target, _posting.c.settled_at >= at) for target, at in answering.items()]
    sent = (_posting.c.state == "sent") & ~or_(false(), *awaited)
    rows = connection.execute(
        select(_posting, _document.c.key, _document.c.kind)
        .join(_document, _document.c.id == _posting.c.document_id)
        .where(_posting.c.exchange_id.in_(ids), _posting.c.state.not_in(_ANSWERED), ~sent)
    )
    whys = {
        "held": "is held",
        "planned": "is on its way",
        "sent": "has no answer yet",
        "rejected": "was rejected by its receiver",
    }
    for row in rows:
        why = whys.get(row.state, f"is {row.state}")
        yield Unsettled(row.exchange_id, f"{row.kind} {row.key}", why, f"gateway show {row.key}")


def _deliveries(connection: Connection, ids: list[str]) -> Iterator[Unsettled]:
    rows = connection.execute(
        select(_delivery).where(_delivery.c.exchange_id.in_(ids), _delivery.c.state.not_in(_SETTLED))
    )
    for row in rows:
        why = "is on its way" if row.state in ("drafted", "shipping", "deferred") else f"is {row.state}"
        yield Unsettled(row.exchange_id, row.name, why.replace("_", " "), f"gateway show {row.id}")


def _set_aside(connection: Connection, ids: list[str]) -> Iterator[Unsettled]:
    rows = connection.execute(
        select(_quarantine).where(
            or_(_quarantine.c.exchange_id.in_(ids), _quarantine.c.first_exchange.in_(ids)),
            _quarantine.c.resolved_by.is_(None),
        )
    ).all()
    for row in rows:
        name = f"record {row.position}" if row.identity.startswith("sha256:") else row.identity
        for exchange in sorted({row.exchange_id, row.first_exchange} & set(ids)):
            yield Unsettled(exchange, f"{row.kind} {name}", "is set aside", f"gateway retry {row.exchange_id}")
