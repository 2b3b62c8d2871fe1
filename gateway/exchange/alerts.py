"""What somebody has to be told: each cause once when it begins, once when it is over, and a summary every day.

The table `alert` holds what was told, so a restart tells nothing twice; an untold alert survives one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import msgspec
from sqlalchemy import Connection, Row, delete, select, update

from gateway.clock import from_text, to_text
from gateway.config import AlertSpec
from gateway.diagnostics import plural, printable
from gateway.endpoints.notices import Notices
from gateway.errors import EndpointError
from gateway.exchange.lateness import lateness
from gateway.exchange.matters import OpenMatter, first_problem, open_matters
from gateway.exchange.reports import site_status
from gateway.exchange.room import disk_problem
from gateway.exchange.site import Site
from gateway.store import tables
from gateway.store.lanes import Done, DrainResult, RetryAt, WaitUntil
from gateway.store.ledger import LaneLease, insert_into
from gateway.store.remembered import remember
from gateway.telemetry import emit

LANE = "alerts"
_GATHER = timedelta(seconds=30)
_TRY_AGAIN = timedelta(minutes=2)
_UNREACHABLE = "unreachable"
_SHOWN = 5
_alert, _remembered = tables.alert, tables.remembered


class Cause(msgspec.Struct, frozen=True):
    """One thing that somebody must know. `newest` is the time (UTC text) of its youngest matter of `count`."""

    key: str
    kind: str
    message: str
    newest: str = ""
    count: int = 1


def causes(site: Site, connection: Connection) -> list[Cause]:
    """All that is wrong at this moment."""
    return [
        *_of_matters(open_matters(site, connection)),
        *_late(site, connection),
        *_unreachable(site, connection),
        *_full(site),
    ]


def note(site: Site) -> bool:
    """Write down what began and what is over. Returns whether something is to be told by now."""
    spec = site.config.alerts
    if spec is None:
        return False
    with site.ledger.read() as connection:
        found = {cause.key: cause for cause in causes(site, connection)}
        known = {row.cause: row for row in connection.execute(select(_alert))}
    begun = [cause for key, cause in found.items() if key not in known]
    changed = [(cause, values) for cause in found.values() if (values := _news(site, spec, known, cause))]
    passed = [row for key, row in known.items() if key not in found and row.over_at is None]
    if begun or changed or passed:
        with site.ledger.write() as connection:
            _write(connection, begun, changed, passed, site.ledger.now())
    return _is_due(site, spec)


def drain(site: Site, lease: LaneLease | None = None, *, at_once: bool = False) -> DrainResult:
    """Tell what is due in one message, and the summary of the day. `at_once` waits for nothing to be added."""
    spec = site.config.alerts
    if spec is None:
        return Done()
    notices = Notices(spec.notify)
    try:
        _tell_due(site, spec, notices, lease, at_once=at_once)
        _tell_summary(site, spec, notices, lease)
    except EndpointError as error:
        emit("alert_not_told", level="error", reason=error.message)
        return RetryAt(site.clock.now() + _TRY_AGAIN, error.message)
    upcoming = spec.daily.next_at(site.clock.now()) if spec.daily else None
    return Done() if upcoming is None else WaitUntil(upcoming)


def send_test(spec: AlertSpec) -> str:
    """Send a message that needs nobody. Raises EndpointUnreachable. Returns what was done, in words."""
    Notices(spec.notify).send(
        f"[{spec.name}] a test", "This is a test message of the gateway: alerts arrive here.\n"
    )
    return f"a test message went to {plural(len(spec.notify), 'address')}"


# -- what is wrong ---------------------------------------------------------------------------------------


def _of_matters(matters: Iterable[OpenMatter]) -> list[Cause]:
    """Matters of one sort and route are one cause: three hundred orders set aside are one message."""
    groups: dict[tuple[str, str], list[OpenMatter]] = {}
    for matter in matters:
        if matter.what not in ("late", LANE):
            groups.setdefault((matter.what, matter.route), []).append(matter)
    return [
        Cause(
            f"{what}:{route}", what, _listed(what, route, group), max(matter.since for matter in group), len(group)
        )
        for (what, route), group in groups.items()
    ]


def _listed(what: str, route: str, group: list[OpenMatter]) -> str:
    shown = [
        f"  {printable(matter.name)}: {printable(matter.reason) or what}\n    do: {matter.do}"
        for matter in group[:_SHOWN]
    ]
    more = [f"  and {len(group) - _SHOWN} more"] if len(group) > _SHOWN else []
    head = f"{what} ({route})" if len(group) == 1 else f"{what} ({route}), {len(group)} of them"
    return "\n".join([head, *shown, *more])


def _late(site: Site, connection: Connection) -> list[Cause]:
    found = []
    for name, spec in site.config.routes.items():
        problem = lateness(site, connection, spec)
        if problem is not None:
            key = f"late:{name}" if problem.level == "warning" else f"very late:{name}"
            found.append(Cause(key, "late", f"late ({name})\n  {problem.message}\n    do: {problem.help}"))
    return found


def _unreachable(site: Site, connection: Connection) -> list[Cause]:
    """Partners that do not answer: told only once that has lasted, since most of it passes by itself."""
    found = []
    for row in connection.execute(select(tables.route_state).where(tables.route_state.c.failures > 0)):
        problem = first_problem(row.problem)
        if row.route in site.routes and problem is not None and problem.code != "G013":
            found.append(_not_reached(f"source of {row.route}", problem.message))
    for row in connection.execute(select(tables.lane).where(tables.lane.c.failures > 0)):
        target = row.key.removeprefix("ship:")
        if row.key != target and target in site.targets():
            found.append(_not_reached(f"target {target}", row.error or ""))
    return found


def _not_reached(what: str, reason: str) -> Cause:
    text = f"cannot be reached ({what})\n  {printable(reason)}\n    do: look whether it runs: `gateway probe`"
    return Cause(f"{_UNREACHABLE}:{what}", _UNREACHABLE, text)


def _full(site: Site) -> list[Cause]:
    problem = disk_problem(site)
    if problem is None:
        return []
    return [Cause("disk", "disk full", f"disk full\n  {problem.message}\n    do: {problem.help}")]


# -- what was told ---------------------------------------------------------------------------------------


def _news(
    site: Site, spec: AlertSpec, known: dict[str, Row[tuple[object, ...]]], cause: Cause
) -> dict[str, str | int | None]:
    """The columns of a known alert that change: it came back, it is described anew, or more was added to it."""
    row = known.get(cause.key)
    if row is None:
        return {}
    values: dict[str, str | int | None] = {}
    if row.over_at is not None:
        values["over_at"] = None
    if row.message != cause.message:
        values["message"] = cause.message
    told = None if row.told_at is None else from_text(str(row.told_at))
    more = cause.newest > str(row.told_at) or cause.count > int(row.told_count)
    if told and more and site.clock.now() - told >= spec.again:
        values["told_at"] = None
    elif cause.count < int(row.told_count):  # some were settled: the next one is news again
        values["told_count"] = cause.count
    return values


def _write(
    connection: Connection,
    begun: Iterable[Cause],
    changed: Iterable[tuple[Cause, dict[str, str | int | None]]],
    passed: Iterable[Row[tuple[object, ...]]],
    now: str,
) -> None:
    for cause in begun:
        values = {"cause": cause.key, "kind": cause.kind, "message": cause.message, "since": now}
        connection.execute(insert_into(connection, _alert).values(**values).on_conflict_do_nothing())
    for cause, columns in changed:
        connection.execute(update(_alert).where(_alert.c.cause == cause.key).values(**columns))
    for row in passed:
        this = _alert.c.cause == row.cause
        if row.told_at is None:
            connection.execute(delete(_alert).where(this))
        else:
            connection.execute(update(_alert).where(this).values(over_at=now))


def _due(
    site: Site, spec: AlertSpec, connection: Connection, *, at_once: bool
) -> tuple[list[Row[tuple[object, ...]]], list[Row[tuple[object, ...]]]]:
    """The alerts that are to be told now, and those whose end is."""
    now = site.clock.now()
    begun, over = [], []
    for row in connection.execute(select(_alert).order_by(_alert.c.since, _alert.c.cause)):
        patience = spec.patience if row.kind == _UNREACHABLE else timedelta(0) if at_once else _GATHER
        if row.over_at is not None:
            if now - from_text(row.over_at) >= patience:
                over.append(row)
        elif row.told_at is None and now - from_text(row.since) >= patience:
            begun.append(row)
    return begun, over


def _is_due(site: Site, spec: AlertSpec) -> bool:
    with site.ledger.read() as connection:
        begun, over = _due(site, spec, connection, at_once=False)
        return bool(begun or over) or _summary_slot(site, spec, connection) is not None


def _tell_due(site: Site, spec: AlertSpec, notices: Notices, lease: LaneLease | None, *, at_once: bool) -> None:
    with site.ledger.read() as connection:
        begun, over = _due(site, spec, connection, at_once=at_once)
    if not begun and not over:
        return
    with site.ledger.read() as connection:
        counts = {cause.key: cause.count for cause in causes(site, connection)}
    notices.send(_title(spec, begun, over), _text(begun, over))
    now = site.ledger.now()
    with site.ledger.write(lease) as connection:
        for row in begun:
            connection.execute(
                update(_alert)
                .where(_alert.c.cause == row.cause)
                .values(told_at=now, told_count=counts.get(str(row.cause), 1))
            )
        for row in over:
            connection.execute(delete(_alert).where(_alert.c.cause == row.cause, _alert.c.over_at.is_not(None)))
    emit("alerts_told", begun=len(begun), over=len(over))


def _title(spec: AlertSpec, begun: list[Row[tuple[object, ...]]], over: list[Row[tuple[object, ...]]]) -> str:
    heads = [str(row.message).splitlines()[0] for row in begun or over]
    more = f" and {len(heads) - 1} more" if len(heads) > 1 else ""
    return f"[{spec.name}] {'' if begun else 'over: '}{heads[0]}{more}"


def _text(begun: list[Row[tuple[object, ...]]], over: list[Row[tuple[object, ...]]]) -> str:
    parts = [str(row.message) for row in begun]
    if over:
        parts.append("\n".join(["over:", *(f"  {str(row.message).splitlines()[0]}" for row in over)]))
    return "\n\n".join([*parts, "`gateway status` tells how everything stands."]) + "\n"


# -- the summary of the day ------------------------------------------------------------------------------


def _summary_slot(site: Site, spec: AlertSpec, connection: Connection) -> str | None:
    """The slot whose summary has not been sent; None where there is none."""
    newest = spec.daily.last_slot(site.clock.now()) if spec.daily else None
    done = connection.execute(_DAILY).scalar()
    return newest if newest is not None and (done is None or newest > done) else None


_DAILY = select(_remembered.c.value).where(_remembered.c.route == "", _remembered.c.key == "daily summary")


def _tell_summary(site: Site, spec: AlertSpec, notices: Notices, lease: LaneLease | None) -> None:
    with site.ledger.read() as connection:
        slot = _summary_slot(site, spec, connection)
        first = connection.execute(_DAILY).scalar() is None
    if slot is None:
        return
    if not first:  # a summary of the day on which the alerts were switched on would come at any hour
        notices.send(f"[{spec.name}] summary of {slot[:10]}", _summary(site))
        emit("summary_told", slot=slot)
    now = site.ledger.now()
    with site.ledger.write(lease) as connection:
        remember(connection, "daily summary", slot, now)


def _summary(site: Site) -> str:
    status = site_status(site, running=True)
    since = to_text(site.clock.now() - timedelta(days=1))
    posting = tables.posting
    with site.ledger.read() as connection:
        sent = dict[str, int]()
        for (route,) in connection.execute(
            select(posting.c.route).where(posting.c.settled_at >= since, posting.c.state.in_(_SENT))
        ):
            sent[route] = sent.get(route, 0) + 1
    lines = ["In the last 24 hours:"]
    lines += [
        f"  {route.route}: {plural(sent.get(route.route, 0), 'document')} sent, state {route.state}"
        + (f", {route.waiting} on the way" if route.waiting else "")
        for route in status.routes
    ]
    if not status.matters:
        return "\n".join([*lines, "", "Nothing waits for you."]) + "\n"
    shown = [f"  {m.what} ({m.route}) {printable(m.name)}: {printable(m.reason)}" for m in status.matters[:20]]
    more = [f"  and {len(status.matters) - 20} more"] if len(status.matters) > 20 else []
    return "\n".join([*lines, "", f"Waiting for you ({len(status.matters)}):", *shown, *more]) + "\n"


_SENT = ("sent", "confirmed", "warned", "already_there")
