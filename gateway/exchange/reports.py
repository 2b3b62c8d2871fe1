"""What the ledger tells people: how the site stands, and the whole story of one exchange, delivery or order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Row, and_, func, select

from gateway.clock import from_text, to_text
from gateway.diagnostics import Problem, plural
from gateway.documents import KINDS
from gateway.exchange.lateness import lateness
from gateway.exchange.matters import OpenMatter, all_problems, first_problem, open_matters
from gateway.exchange.naming import resolve
from gateway.exchange.site import Site
from gateway.store import tables
from gateway.store.ledger import of_json

_exchange, _delivery, _posting = tables.exchange, tables.delivery, tables.posting
_quarantine, _document, _timeline = tables.quarantine, tables.document, tables.timeline
_crosswalk = tables.crosswalk
_SETTLED = ("confirmed", "warned", "already_there")
RouteHealth = Literal["up", "held", "down", "broken", "late"]


class RouteStatus(msgspec.Struct, frozen=True):
    """How one route stands. Times are UTC text; `next` says what happens or is to be done next."""

    route: str
    state: RouteHealth
    last_ok: str | None
    sent_today: int
    waiting: int
    in_doubt: int
    failed: int
    held: int
    set_aside: int
    next: str
    problem: Problem | None = None


class ExchangeLine(msgspec.Struct, frozen=True):
    """One line of the list of exchanges."""

    id: str
    route: str
    received_at: str
    input: str
    state: str
    records: int
    new: int
    changed: int
    same: int
    left_out: int
    set_aside: int


class SiteStatus(msgspec.Struct, frozen=True):
    """The whole site: the sentence for the bookkeeper, the routes, what waits for a person."""

    summary: str
    running: bool
    routes: tuple[RouteStatus, ...]
    matters: tuple[OpenMatter, ...]
    problems: tuple[Problem, ...] = ()


class Happening(msgspec.Struct, frozen=True):
    """One line of a timeline."""

    at: str
    event: str
    delivery: str | None
    detail: dict[str, Any]


class PostingStory(msgspec.Struct, frozen=True):
    """What became of one document at one target."""

    id: str
    key: str
    target: str
    state: str
    reason: str | None
    delivery: str | None
    item_id: str
    problems: tuple[Problem, ...]
    forgotten_at: str | None = None
    record_id: str | None = None
    record_number: str | None = None


class Story(msgspec.Struct, frozen=True):
    """All that is known of one exchange."""

    exchange: ExchangeLine
    mode: str
    size: int
    sha256: str
    duplicate_of: str | None
    problems: tuple[Problem, ...]
    timeline: tuple[Happening, ...]
    deliveries: tuple[dict[str, Any], ...]
    postings: tuple[PostingStory, ...]
    set_aside: tuple[dict[str, Any], ...]
    next: str
    emptied_at: str | None = None


def site_status(site: Site, *, running: bool) -> SiteStatus:
    """How the site stands at this moment."""
    today = to_text(site.clock.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0))
    with site.ledger.read() as connection:
        matters = open_matters(site, connection)
        failed: dict[str, int] = {}
        for matter in matters:
            failed[matter.route] = failed.get(matter.route, 0) + (matter.what == "input failed")
        routes = tuple(
            _route_status(site, connection, name, today, running=running, failed_inputs=failed.get(name, 0))
            for name in site.config.routes
        )
    return SiteStatus(_summary(routes, matters), running, routes, matters, site.problems)


def recent_exchanges(site: Site, *, limit: int = 20, route: str | None = None) -> list[ExchangeLine]:
    """The newest exchanges, newest first."""
    statement = select(_exchange).order_by(_exchange.c.received_at.desc()).limit(limit)
    if route is not None:
        statement = statement.where(_exchange.c.route == route)
    with site.ledger.read() as connection:
        return [_line(connection, row) for row in connection.execute(statement).all()]


def stories(site: Site, name: str) -> list[Story]:
    """The story of every exchange that an id or order number names, oldest first. Raises UsageError."""
    kind, rows = resolve(site, name)
    ids = [str(row.id) if kind == "exchange" else str(row.exchange_id) for row in rows]
    only = None if kind == "exchange" else {str(row.id) for row in rows}
    key = name if name not in ids and (only is None or name not in only) else None
    with site.ledger.read() as connection:
        found = connection.execute(
            select(_exchange).where(_exchange.c.id.in_(ids)).order_by(_exchange.c.received_at)
        ).all()
        return [_story(connection, row, kind, only, key, site.spool.root.name) for row in found]


def _route_status(
    site: Site, connection: Connection, name: str, today: str, *, running: bool, failed_inputs: int
) -> RouteStatus:
    state = connection.execute(select(tables.route_state).where(tables.route_state.c.route == name)).one_or_none()
    planned = _exchange.c.planned_at.is_not(None)
    deliveries: dict[str, int] = {
        str(found): int(count)
        for found, count in connection.execute(
            select(_delivery.c.state, func.count())
            .join(_exchange, and_(_exchange.c.id == _delivery.c.exchange_id, planned))
            .where(_delivery.c.route == name, _exchange.c.held.is_(None))
            .group_by(_delivery.c.state)
        )
    }
    sent_today = _count(
        connection,
        select(func.count())
        .select_from(_posting)
        .where(_posting.c.route == name, _posting.c.settled_at >= today)
        .where(_posting.c.state.in_(("sent", "confirmed", "warned"))),
    )
    if name in site.routes and site.routes[name].is_snapshot:
        offer, told = tables.offer, [target.spec.id for target in site.routes[name].targets]
        sent_today = _count(
            connection,
            select(func.count()).select_from(offer).where(offer.c.target.in_(told), offer.c.delivered_at >= today),
        )
    held_postings = _count(
        connection,
        select(func.count())
        .select_from(_posting)
        .join(_exchange, and_(_exchange.c.id == _posting.c.exchange_id, planned))
        .where(_posting.c.route == name, tables.HELD, _posting.c.reason != "problem"),
    )
    held_inputs = _count(
        connection,
        select(func.count())
        .select_from(_exchange)
        .where(_exchange.c.route == name, _exchange.c.held.is_not(None)),
    )
    problem = first_problem(state.problem) if state is not None else None
    hold = connection.execute(select(tables.hold.c.reason).where(tables.hold.c.scope == f"route:{name}")).scalar()
    health: RouteHealth = "up"
    if name not in site.routes:
        health, problem = "broken", next(iter(site.problems), None)
    elif hold is not None:
        health = "held"
    elif problem is not None:
        health = "down"
    elif (late := lateness(site, connection, site.config.routes[name])) is not None:
        health, problem = "late", late
    waiting = sum(deliveries.get(found, 0) for found in ("drafted", "deferred", "shipping"))
    return RouteStatus(
        route=name,
        state=health,
        last_ok=state.succeeded_at if state is not None else None,
        sent_today=sent_today,
        waiting=waiting,
        in_doubt=deliveries.get("in_doubt", 0),
        failed=deliveries.get("failed", 0) + failed_inputs,
        held=held_postings + held_inputs,
        set_aside=_count(connection, _open_set_aside(name)),
        next=_next(site, name, health, connection, waiting, running=running),
        problem=problem,
    )


def _open_set_aside(route: str) -> Any:
    return (
        select(func.count())
        .select_from(_quarantine)
        .join(_exchange, and_(_exchange.c.id == _quarantine.c.exchange_id, _exchange.c.planned_at.is_not(None)))
        .where(_quarantine.c.route == route, _quarantine.c.resolved_by.is_(None))
    )


def _next(
    site: Site, name: str, health: RouteHealth, connection: Connection, waiting: int, *, running: bool
) -> str:
    if health == "broken":
        return "mend the configuration: `gateway check`"
    if health == "held":
        return f"`gateway release {name}`"
    if not running:
        return "-"
    if waiting:
        for target in site.routes[name].targets:
            row = connection.execute(
                select(tables.lane).where(tables.lane.c.key == target.lane, tables.lane.c.failures > 0)
            ).one_or_none()
            if row is not None and row.ready_at is not None:
                return f"tries {target.spec.id} again {_in(site, row.ready_at)} ({row.error})"
    spec = site.routes[name].spec
    if spec.endpoint is None and spec.schedule is None:
        return "watches its drop folder"
    if spec.schedule is not None:
        at = spec.schedule.next_at(site.clock.now())
        return "-" if at is None else f"at {at.astimezone(ZoneInfo(spec.schedule.timezone)):%Y-%m-%d %H:%M}"
    return f"every {_span(spec.every)}"


def _in(site: Site, at: str) -> str:
    left = from_text(at) - site.clock.now()
    return "now" if left <= timedelta(0) else f"in {_span(left)}"


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"


def _summary(routes: Sequence[RouteStatus], matters: Sequence[OpenMatter]) -> str:
    """The one line for the bookkeeper. Without answers from the accounting program nothing is called confirmed."""
    sent = sum(route.sent_today for route in routes)
    waiting = sum(route.waiting for route in routes)
    line = f"{plural(sent, 'document')} {'was' if sent == 1 else 'were'} sent today"
    if waiting:
        line += f", {waiting} {'is' if waiting == 1 else 'are'} on the way"
    if not matters:
        return f"{line}; nothing waits for you"
    shown = ", ".join(f"{matter.name} ({matter.reason})" for matter in matters[:3])
    more = f" and {len(matters) - 3} more" if len(matters) > 3 else ""
    return f"{line}; {len(matters)} {'waits' if len(matters) == 1 else 'wait'} for you: {shown}{more}"


def _line(connection: Connection, row: Row[Any]) -> ExchangeLine:
    return ExchangeLine(
        row.id,
        row.route,
        row.received_at,
        row.input_name,
        _state(connection, row),
        row.records,
        row.new,
        row.changed,
        row.same,
        row.left_out,
        row.set_aside,
    )


def _state(connection: Connection, row: Row[Any]) -> str:
    """An exchange's state is never stored: it follows from its row and its deliveries."""
    if row.failed_at is not None:
        return "failed"
    if row.planned_at is None:
        return "in work"
    if row.duplicate_of is not None:
        return "duplicate"
    if row.mode == "adopt":
        return "adopted"
    if row.kind == "receipt" and not row.set_aside:
        return "answer read"
    if row.held is not None:
        return f"held: {row.held}"
    states = set(
        connection.execute(select(_delivery.c.state).where(_delivery.c.exchange_id == row.id).distinct()).scalars()
    )
    rejected = select(func.count()).select_from(_posting).where(_posting.c.exchange_id == row.id, tables.REJECTED)
    if states & {"failed", "in_doubt"} or _count(connection, rejected):
        return "needs you"
    if states - {"delivered", "dropped"}:
        return "on its way"
    still = _count(
        connection,
        select(func.count())
        .select_from(_quarantine)
        .where(_quarantine.c.exchange_id == row.id, _quarantine.c.resolved_by.is_(None)),
    )
    if not states and not still and KINDS[row.kind].nature == "snapshot" and row.new + row.changed:
        return "taken in"
    if not states:
        return "set aside" if still else "nothing new"
    return "sent, some set aside" if still else "sent"


def _story(
    connection: Connection, row: Row[Any], kind: str, only: set[str] | None, key: str | None, spool: str
) -> Story:
    """The story of an exchange; of one delivery, posting or record (`key`) in it where that was asked for."""
    deliveries = connection.execute(
        select(_delivery).where(_delivery.c.exchange_id == row.id).order_by(_delivery.c.sequence)
    ).all()
    postings = connection.execute(
        select(
            _posting,
            _document.c.key,
            _document.c.forgotten_at,
            _crosswalk.c.record_id,
            _crosswalk.c.record_number,
        )
        .join(_document, _document.c.id == _posting.c.document_id)
        .join(
            _crosswalk,
            and_(_crosswalk.c.document_id == _posting.c.document_id, _crosswalk.c.target == _posting.c.target),
            isouter=True,
        )
        .where(_posting.c.exchange_id == row.id)
    ).all()
    if kind == "posting" and only is not None:
        postings = [posting for posting in postings if posting.id in only]
    elif key is not None:
        postings = []
    one = kind == "posting" or key is not None
    wanted = {str(posting.delivery_id) for posting in postings} if one else None
    if kind == "delivery":
        wanted = only
    if wanted is not None:
        deliveries = [delivery for delivery in deliveries if delivery.id in wanted]
    happenings = connection.execute(
        select(_timeline).where(_timeline.c.exchange_id == row.id).order_by(_timeline.c.id)
    ).all()
    line = _line(connection, row)
    aside = [
        found
        for found in connection.execute(select(_quarantine).where(_quarantine.c.exchange_id == row.id))
        if key is None or found.identity == key
    ]
    return Story(
        exchange=line,
        mode=row.mode,
        size=row.input_size,
        sha256=row.input_sha256,
        duplicate_of=row.duplicate_of,
        problems=all_problems(row.problems),
        timeline=tuple(
            Happening(h.at, h.event, h.delivery_id, of_json(h.detail))
            for h in happenings
            if wanted is None or h.delivery_id is None or h.delivery_id in wanted
        ),
        deliveries=tuple(
            {
                "id": d.id,
                "target": d.target,
                "name": d.name,
                "state": d.state,
                "attempts": d.attempts,
                "due_at": d.due_at,
                "problems": [p.as_json() for p in all_problems(d.problem)],
            }
            for d in deliveries
        ),
        postings=tuple(
            PostingStory(
                p.id,
                p.key,
                p.target,
                p.state,
                p.reason,
                p.delivery_id,
                p.item_id,
                all_problems(p.problems),
                p.forgotten_at,
                p.record_id if p.state in _SETTLED else None,
                p.record_number if p.state in _SETTLED else None,
            )
            for p in postings
        ),
        set_aside=tuple(
            {
                "name": q.identity,
                "position": q.position,
                "count": q.count,
                "file": f"{spool}/{q.route}/failed/{q.file}" if q.file else None,
                "resolved_by": q.resolved_by,
                "problems": [p.as_json() for p in all_problems(q.problems)],
            }
            for q in aside
        ),
        next="nothing" if _is_settled(postings, alone=one) else _story_next(line, row, spool),
        emptied_at=row.emptied_at,
    )


def _is_settled(postings: Sequence[Row[Any]], *, alone: bool) -> bool:
    """Whether nothing is left to do for the one document that was asked for."""
    return alone and bool(postings) and all(posting.state in _SETTLED for posting in postings)


def _story_next(line: ExchangeLine, row: Row[Any], spool: str) -> str:
    nexts = {
        "failed": f"mend the file in {spool}/{row.route}/failed and drop it again, or `gateway retry {row.id}`",
        "needs you": "what stands behind `help:` above, of each delivery",
        "on its way": "nothing: it goes on by itself",
        "duplicate": f"nothing: the same bytes came as {row.duplicate_of}",
        "sent, some set aside": f"mend the files in {spool}/{row.route}/failed and drop them again",
        "set aside": f"mend the files in {spool}/{row.route}/failed and drop them again",
    }
    if row.emptied_at is not None and line.state == "failed":
        return "nothing: its contents were removed; drop the file again if it is still wanted"
    if line.state.startswith("held"):
        return f"`gateway release {row.id}` sends it, `gateway release {row.id} --drop` settles it unsent"
    return nexts.get(line.state, "nothing")


def _count(connection: Connection, statement: Any) -> int:
    return int(connection.execute(statement).scalar_one())


def local_day(text: str) -> str:
    """The day of a stored time, as a person reads it."""
    return from_text(text).astimezone().strftime("%Y-%m-%d")


def local_time(text: str | None) -> str:
    """A stored time as a person reads it: local, today without the day."""
    if not text:
        return "never" if text is None else "-"
    moment = from_text(text).astimezone()
    today = datetime.now(UTC).astimezone().date()
    return moment.strftime("%H:%M:%S" if moment.date() == today else "%Y-%m-%d %H:%M")
