"""`gateway hold`, `gateway release` and `gateway adopt`: what waits for a person."""

from __future__ import annotations

from functools import partial

from sqlalchemy import Row, delete, select, update

from gateway.diagnostics import plural
from gateway.errors import UsageError
from gateway.exchange.holds import held_reason, put_on_hold
from gateway.exchange.intake import Waiting
from gateway.exchange.naming import (
    Arguments,
    Step,
    held_scopes,
    known_route,
    names,
    once,
    resolve,
    scope_of,
    targets_of,
)
from gateway.exchange.prepared import PreparedRoute
from gateway.exchange.reading import read_route
from gateway.exchange.receipts import UNANSWERED
from gateway.exchange.retrying import WAITING, retry_posting, send_anew
from gateway.exchange.sent import mark_sent
from gateway.exchange.settlement import answering_targets
from gateway.exchange.site import Site
from gateway.store import tables
from gateway.store.ledger import tell

_exchange, _delivery, _posting = tables.exchange, tables.delivery, tables.posting


def hold(site: Site, actor: str, arguments: Arguments) -> list[Step]:
    """Routes and targets stop until they are released. Raises UsageError for other names."""
    steps = []
    for name in arguments.names:
        scope = scope_of(site, name)
        if scope is None:
            raise UsageError(f"`{name}` is no route or target; {names(site)}")
        steps.append(
            Step(
                f"hold {scope.replace(':', ' ')}",
                partial(_do_hold, site, actor, scope, arguments.reason),
            )
        )
    return steps


def _do_hold(site: Site, actor: str, scope: str, reason: str) -> str:
    put_on_hold(site, scope, reason or "held by hand", actor=actor)
    return f"{scope.replace(':', ' ')} is held; `gateway release {scope.split(':', 1)[1]}` lets it go on"


def release(site: Site, actor: str, arguments: Arguments) -> list[Step]:
    """What is held goes on, or is settled without being sent where `drop` says so."""
    steps: list[Step] = []
    for name in arguments.names:
        scopes = held_scopes(site, name)
        inputs = _held_inputs(site, actor, name, drop=arguments.drop)
        if inputs and held_reason(site, f"route:{name}") is None:
            steps += inputs
            continue
        if scopes:
            steps += [
                Step(f"release {scope.replace(':', ' ')}", partial(_do_release, site, actor, scope))
                for scope in scopes
            ]
            continue
        kind, rows = resolve(site, name)
        if kind == "posting":
            _refuse_ambiguous(name, rows)
        for row in rows:
            if kind == "exchange":
                steps += _release_exchange(site, actor, row, drop=arguments.drop)
            elif kind == "delivery":
                steps += _release_delivery(site, actor, row)
            else:
                steps += _release_posting(site, actor, row, drop=arguments.drop)
    return once(steps) or [Step("do nothing: nothing of it is held", lambda: "nothing of it is held")]


def _held_inputs(site: Site, actor: str, route: str, *, drop: bool) -> list[Step]:
    """What a route took in and holds, by `rehearsal:` or `max_new:`, oldest first."""
    held = (
        select(_exchange)
        .where(_exchange.c.route == route, _exchange.c.held.is_not(None))
        .order_by(_exchange.c.received_at, _exchange.c.id)
    )
    with site.ledger.read() as connection:
        rows = connection.execute(held).all()
    return [step for row in rows for step in _release_exchange(site, actor, row, drop=drop)]


def _refuse_ambiguous(name: str, rows: list[Row[tuple[object, ...]]]) -> None:
    """One number of two shops, or at two targets, is not released as one."""
    held = [row for row in rows if row.state in WAITING]
    if len({(row.document_id, row.target) for row in held}) > 1:
        lines = ", ".join(f"{row.id} (route {row.route}, target {row.target})" for row in held)
        raise UsageError(f"`{name}` is held more than once; name one of {lines}")


def _do_release(site: Site, actor: str, scope: str) -> str:
    now = site.ledger.now()
    with site.ledger.write() as connection:
        connection.execute(delete(tables.hold).where(tables.hold.c.scope == scope))
        tell(connection, now, "released", scope=scope, actor=actor)
        if scope.startswith("target:"):
            connection.execute(
                update(_delivery)
                .where(_delivery.c.target == scope.split(":", 1)[1], _delivery.c.state == "deferred")
                .values(attempts=0)
            )
            site.lanes.urge(connection, f"ship:{scope.split(':', 1)[1]}")
    return f"{scope.replace(':', ' ')} goes on"


def _release_exchange(site: Site, actor: str, row: Row[tuple[object, ...]], *, drop: bool) -> list[Step]:
    if row.kind == "receipt" and drop:
        return [Step(f"settle what {row.input_name} ({row.id}) says", lambda: _drop_answer(site, actor, row))]
    if row.held is None:
        return []
    verb = "drop" if drop else "send"

    def run() -> str:
        now = site.ledger.now()
        with site.ledger.write() as connection:
            if drop:
                connection.execute(
                    update(_delivery)
                    .where(_delivery.c.exchange_id == row.id, _delivery.c.state == "drafted")
                    .values(state="dropped", settled_at=now)
                )
                connection.execute(
                    update(_posting)
                    .where(_posting.c.exchange_id == row.id, _posting.c.state == "planned")
                    .values(state="already_there", settled_at=now, reason="dropped")
                )
            connection.execute(update(_exchange).where(_exchange.c.id == row.id).values(held=None))
            tell(connection, now, "dropped" if drop else "released", exchange=str(row.id), actor=actor)
            for target in targets_of(connection, str(row.id)):
                site.lanes.urge(connection, f"ship:{target}")
        return f"{row.input_name} ({row.id}): {'nothing of it will be sent' if drop else 'its documents are sent'}"

    return [Step(f"{verb} the {plural(int(row.new), 'new document')} of {row.input_name} ({row.id})", run)]


def _drop_answer(site: Site, actor: str, row: Row[tuple[object, ...]]) -> str:
    """An answer that fits nothing is looked at by a person, and that is all."""
    now, table = site.ledger.now(), tables.quarantine
    with site.ledger.write() as connection:
        count = connection.execute(
            update(table)
            .where(table.c.exchange_id == row.id, table.c.resolved_by.is_(None))
            .values(resolved_by=row.id, resolved_at=now)
        ).rowcount
        tell(connection, now, "settled_by_hand", exchange=str(row.id), actor=actor)
    return f"{row.input_name}: {plural(count, 'answer')} settled; nothing else was changed"


def _release_delivery(site: Site, actor: str, row: Row[tuple[object, ...]]) -> list[Step]:
    if row.state == "delivered" and row.answered_at is None and row.target in answering_targets(site):
        return [Step(f"wait no longer for an answer to {row.name} ({row.id})", lambda: _unasked(site, actor, row))]
    if row.state != "in_doubt":
        return []

    def run() -> str:
        now = site.ledger.now()
        with site.ledger.write() as connection:
            settled = connection.execute(
                update(_delivery)
                .where(_delivery.c.id == row.id, _delivery.c.state == "in_doubt")
                .values(state="delivered", settled_at=now, problem=None)
            ).rowcount
            if not settled:
                return f"{row.name} is not in doubt any more; `gateway show {row.id}`"
            mark_sent(connection, str(row.id), now)
            tell(connection, now, "released", exchange=str(row.exchange_id), delivery=str(row.id), actor=actor)
        return f"{row.name} counts as delivered"

    return [Step(f"call {row.name} ({row.id}) delivered", run)]


def _unasked(site: Site, actor: str, row: Row[tuple[object, ...]]) -> str:
    """Nobody answers any more: a person has looked, and what was sent counts as being there."""
    now = site.ledger.now()
    with site.ledger.write() as connection:
        connection.execute(
            update(_delivery)
            .where(_delivery.c.id == row.id, _delivery.c.answered_at.is_(None))
            .values(answered_at=now, taken_away_at=now)
        )
        connection.execute(
            update(_posting)
            .where(_posting.c.delivery_id == row.id, _posting.c.state == "sent")
            .values(state="already_there", reason=UNANSWERED)
        )
        tell(connection, now, "settled_by_hand", exchange=str(row.exchange_id), delivery=str(row.id), actor=actor)
    return f"{row.name} is settled without an answer"


def _release_posting(site: Site, actor: str, row: Row[tuple[object, ...]], *, drop: bool) -> list[Step]:
    if row.state == "planned" and row.delivery_id is not None:
        with site.ledger.read() as connection:
            delivery = connection.execute(select(_delivery).where(_delivery.c.id == row.delivery_id)).one()
            held = connection.execute(select(_exchange.c.held).where(_exchange.c.id == row.exchange_id)).scalar()
        if held is not None:
            raise UsageError(f"its whole input is held ({held}): name it, `gateway release {row.exchange_id}`")
        return _release_delivery(site, actor, delivery)
    if row.state == "sent" and drop and row.delivery_id is not None:
        with site.ledger.read() as connection:
            delivery = connection.execute(select(_delivery).where(_delivery.c.id == row.delivery_id)).one()
        return _release_delivery(site, actor, delivery)
    if row.state not in WAITING:
        return []
    if drop:
        return [Step(f"settle posting {row.id} without sending it", lambda: _drop_posting(site, actor, row))]
    if row.reason == "problem" or row.state == "rejected":
        return retry_posting(site, actor, row)
    return [Step(f"send posting {row.id} to {row.target} under the same ids", lambda: send_anew(site, actor, row))]


def _drop_posting(site: Site, actor: str, row: Row[tuple[object, ...]]) -> str:
    """What was rejected counts as being there from now on: a later change of it is told, and not sent."""
    now = site.ledger.now()
    state = "already_there" if row.state == "rejected" else "superseded"
    with site.ledger.write() as connection:
        connection.execute(
            update(_posting)
            .where(_posting.c.id == row.id, _posting.c.state == row.state)
            .values(state=state, settled_at=now, reason="settled by hand")
        )
        tell(connection, now, "settled_by_hand", exchange=str(row.exchange_id), posting=row.id, actor=actor)
    return f"posting {row.id} is settled; nothing was sent"


def adopt(site: Site, actor: str, arguments: Arguments) -> list[Step]:
    """What lies at the routes' sources becomes known without being sent."""
    steps = []
    for name in arguments.names:
        route = known_route(site, name)
        if route.spec.answers_of is not None:
            raise UsageError(
                f"`{name}` reads the answers of {route.spec.answers_of}: nothing of it can be adopted"
            )
        if route.is_snapshot:
            raise UsageError(
                f"`{name}` brings {route.kind}s, of which only the newest counts: there is nothing to adopt. With "
                "`rehearsal: true` on the route they are taken in and nothing is shipped"
            )
        steps.append(
            Step(
                f"call everything known that lies at the source of {name} now, and send none of it",
                partial(_do_adopt, site, route),
            )
        )
    return steps


def _do_adopt(site: Site, route: PreparedRoute) -> str:
    with site.lanes.exclusively(route.spec.read_lane) as lease:
        result = read_route(site, route, Waiting(), lease=lease, patient=False, mode="adopt")
    if result.problem is not None:
        return f"{route.spec.name}: {result.problem.message}"
    with site.ledger.read() as connection:
        new = connection.execute(select(_exchange.c.new).where(_exchange.c.id.in_(result.exchanges))).scalars()
        known = sum(new)
    return (
        f"{route.spec.name}: {plural(known, route.kind)} of {plural(len(result.exchanges), 'file')} "
        "are known now and were not sent"
    )
