"""Whether inputs and answers come as they are expected to: nothing coming is a fault too, and the quietest one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from gateway.clock import from_text, to_text
from gateway.config import RouteSpec, TargetSpec
from gateway.diagnostics import Problem, plural
from gateway.exchange.site import Site
from gateway.store import tables

_exchange, _state, _delivery, _posting = tables.exchange, tables.route_state, tables.delivery, tables.posting


def lateness(site: Site, connection: Connection, spec: RouteSpec) -> Problem | None:
    """Why a route is late, first as a warning, later as an error; None where it is not or nothing is expected."""
    expected = spec.expect
    if expected is None:
        return None
    last = connection.execute(
        select(func.max(_exchange.c.received_at)).where(
            _exchange.c.route == spec.name, _exchange.c.duplicate_of.is_(None)
        )
    ).scalar()
    began = connection.execute(select(_state.c.known_since).where(_state.c.route == spec.name)).scalar()
    since = last or began
    if since is None:
        return None
    overdue = site.clock.now() - from_text(since) - expected.every
    if overdue <= expected.warn_after:
        return None
    what = f"{'the last input came' if last else 'nothing has come since'} {_when(from_text(since))}"
    every = _span(expected.every.total_seconds())
    return Problem(
        code="G015",
        level="error" if overdue > expected.error_after else "warning",
        message=f"`{spec.name}` is late: {what}, and one is expected every {every}",
        help="look whether the shop still exports; `expect:` of the route says how often",
    )


def unanswered(site: Site, connection: Connection, spec: TargetSpec) -> tuple[str, str, Problem] | None:
    """Since when a target owes answers beyond their time, the first such delivery, and what to do; or None.

    What was sent before its answers were read at all is not expected to be answered.
    """
    answers = spec.answers
    if answers is None:
        return None
    began = connection.execute(select(_state.c.known_since).where(_state.c.route == answers.route)).scalar()
    if began is None:
        return None
    overdue = (
        _delivery.c.target == spec.id,
        tables.UNANSWERED,
        _delivery.c.settled_at >= began,
        _delivery.c.settled_at < to_text(site.clock.now() - answers.within),
        select(_posting.c.id).where(_posting.c.delivery_id == _delivery.c.id, _posting.c.state == "sent").exists(),
    )
    first = connection.execute(select(_delivery).where(*overdue).order_by(_delivery.c.settled_at).limit(1)).first()
    if first is None:
        return None
    count = connection.execute(select(func.count()).select_from(_delivery).where(*overdue)).scalar_one()
    oldest = str(first.settled_at)
    within = _span(answers.within.total_seconds())
    return (
        oldest,
        str(first.id),
        Problem(
            code="R007",
            message=f"{spec.id} has not answered {plural(count, 'file')} within {within}; the first is of "
            f"{_when(from_text(oldest))}",
            help=f"look whether it still imports; `gateway retry {first.id} --send-again` sends the first of them "
            f"once more, `gateway release {first.id}` settles it unanswered",
        ),
    )


def _when(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def _span(seconds: float) -> str:
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit and seconds % unit == 0:
            return f"{seconds / unit:g} {name}"
    return f"{seconds:g} s"
