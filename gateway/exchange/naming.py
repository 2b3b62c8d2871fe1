"""What operators name: ids, order numbers, routes and targets; and the steps that a request is made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

import msgspec
from sqlalchemy import Connection, Row, select

from gateway.errors import UsageError
from gateway.exchange.prepared import PreparedRoute
from gateway.exchange.site import Site
from gateway.store import tables

PARKED = ("failed", "in_doubt", "deferred")
_exchange, _delivery, _posting = tables.exchange, tables.delivery, tables.posting
_EXCHANGE_ID = re.compile(r"\d{6}-[0-9a-z]{7}")


class Arguments(msgspec.Struct, frozen=True):
    """What a request names: ids, order numbers, routes or targets; `drop` settles without sending.

    `send_again` sends a delivery once more that is in doubt and that nobody finds any more. `email` is the address
    of a person who is to be forgotten.
    """

    names: tuple[str, ...] = ()
    route: str | None = None
    reason: str = ""
    drop: bool = False
    send_again: bool = False
    email: str | None = None


class Step(msgspec.Struct, frozen=True):
    """One thing that a request does: told in a dry run, done otherwise."""

    text: str
    run: Callable[[], str | None]


def resolve(site: Site, name: str) -> tuple[str, list[Row[tuple[object, ...]]]]:
    """What a name stands for: ("exchange" | "delivery" | "posting", rows). Raises UsageError."""
    with site.ledger.read() as connection:
        if _EXCHANGE_ID.fullmatch(name):
            rows = connection.execute(select(_exchange).where(_exchange.c.id == name)).all()
            if rows:
                return "exchange", list(rows)
        for kind, table in (("delivery", _delivery), ("posting", _posting)):
            rows = connection.execute(select(table).where(table.c.id == name)).all()
            if rows:
                return kind, list(rows)
        rows = connection.execute(
            select(_posting)
            .join(tables.document, tables.document.c.id == _posting.c.document_id)
            .where(tables.document.c.key == name)
            .order_by(_posting.c.created_at)
        ).all()
        if rows:
            return "posting", list(rows)
        set_aside = connection.execute(
            select(_exchange)
            .join(tables.quarantine, tables.quarantine.c.exchange_id == _exchange.c.id)
            .where(tables.quarantine.c.identity == name, tables.quarantine.c.resolved_by.is_(None))
        ).all()
    if set_aside:
        return "exchange", list(set_aside)
    raise UsageError(
        f"`{name}` is no exchange, delivery or order number of this site; `gateway status` lists them"
    )


def known_route(site: Site, name: str) -> PreparedRoute:
    """The running route of that name. Raises UsageError."""
    route = site.routes.get(name)
    if route is None:
        raise UsageError(f"`{name}` is no running route; {names(site)}")
    return route


def scope_of(site: Site, name: str) -> str | None:
    """What a route's or target's name is held by; None where it is neither."""
    if name in site.config.routes:
        return f"route:{name}"
    return f"target:{name}" if name in site.targets() else None


def held_scopes(site: Site, name: str) -> list[str]:
    """What of that name is held: a route and a target may share it. Where nothing is, the one that there is."""
    there = [f"route:{name}"] if name in site.config.routes else []
    there += [f"target:{name}"] if name in site.targets() else []
    with site.ledger.read() as connection:
        held = set(connection.execute(select(tables.hold.c.scope).where(tables.hold.c.scope.in_(there))).scalars())
    return [scope for scope in there if scope in held] or there[:1]


def names(site: Site) -> str:
    """The names that there are, for an error."""
    return f"routes: {', '.join(site.config.routes) or '-'}; targets: {', '.join(site.targets()) or '-'}"


def targets_of(connection: Connection, exchange_id: str) -> Iterable[str]:
    """The targets that an exchange has deliveries for."""
    return connection.execute(
        select(_delivery.c.target).where(_delivery.c.exchange_id == exchange_id).distinct()
    ).scalars()


def once(steps: Sequence[Step]) -> list[Step]:
    """Steps without repetitions."""
    return list({step.text: step for step in steps}.values())
