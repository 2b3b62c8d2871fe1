"""What waits for a person, each in one line with the command that settles it."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, and_, select

from gateway.diagnostics import Problem, from_json
from gateway.exchange.lateness import lateness, unanswered
from gateway.exchange.site import Site
from gateway.store import tables
from gateway.store.ledger import of_json

_exchange, _delivery, _posting = tables.exchange, tables.delivery, tables.posting
_quarantine, _document = tables.quarantine, tables.document


_OFTEN = 5
"""How often a receiver may be busy before somebody is told."""


class OpenMatter(msgspec.Struct, frozen=True):
    """Something that waits for a person, in one line, with the command that settles it."""

    what: str
    name: str
    route: str
    since: str
    reason: str
    do: str


def open_matters(site: Site, connection: Connection) -> tuple[OpenMatter, ...]:
    """All that waits for a person: set aside, held, failed, in doubt, or without its route or target."""
    return (
        *_set_aside_and_held(connection),
        *_rejected(connection),
        *_failed_inputs(connection),
        *_not_offered(site, connection),
        *_holds(connection),
        *_late(site, connection),
        *_unanswered(site, connection),
        *_untold(connection),
        *_unknown(site),
        *_orphans(site, connection),
    )


def _set_aside_and_held(connection: Connection) -> list[OpenMatter]:
    found: list[OpenMatter] = []
    planned = _exchange.c.planned_at.is_not(None)
    for row in connection.execute(
        select(_quarantine)
        .join(_exchange, and_(_exchange.c.id == _quarantine.c.exchange_id, planned))
        .where(_quarantine.c.resolved_by.is_(None))
        .order_by(_quarantine.c.first_seen)
    ):
        name = row.identity if not row.identity.startswith("sha256:") else f"record {row.position}"
        reason = first_problem(row.problems)
        found.append(
            OpenMatter(
                "set aside",
                f"{row.kind} {name}",
                row.route,
                row.first_seen,
                reason.message if reason else "",
                f"gateway show {name}"
                if not row.identity.startswith("sha256:") and row.kind != "receipt"
                else f"gateway show {row.exchange_id}",
            )
        )
    for row in connection.execute(
        select(_posting, _document.c.key, _document.c.kind)
        .join(_document, _document.c.id == _posting.c.document_id)
        .join(_exchange, and_(_exchange.c.id == _posting.c.exchange_id, planned))
        .where(tables.HELD, _posting.c.reason != "problem")
    ):
        reason = first_problem(row.problems)
        found.append(
            OpenMatter(
                f"held: {row.reason}",
                f"{row.kind} {row.key}",
                row.route,
                row.created_at,
                reason.message if reason else "",
                f"gateway show {row.id}",
            )
        )
    for row in connection.execute(select(_exchange).where(_exchange.c.held.is_not(None))):
        reason = first_problem(row.problems)
        said = reason.message if reason else "the route is in rehearsal: nothing is shipped"
        found.append(
            OpenMatter(
                f"held: {row.held}", row.input_name, row.route, row.received_at, said, f"gateway show {row.id}"
            )
        )
    for row in connection.execute(select(_delivery).where(tables.PARKED)):
        reason = first_problem(row.problem)
        said = reason.message if reason else ""
        found.append(
            OpenMatter(
                f"delivery {row.state}",
                row.name,
                row.route,
                row.created_at,
                said,
                f"gateway {'show' if row.state == 'in_doubt' else 'retry'} {row.id}",
            )
        )
    for row in connection.execute(
        select(_delivery).where(tables.TO_TAKE_AWAY, _delivery.c.take_away_error.is_not(None))
    ):
        said, do = f"{row.take_away_error}", f"gateway show {row.id}"
        found.append(OpenMatter("not taken away", row.name, row.route, row.answered_at, said, do))
    busy = select(_delivery).where(
        tables.DUE,
        _delivery.c.state == "deferred",
        _delivery.c.published_at.is_not(None),
        _delivery.c.attempts >= _OFTEN,
    )
    for row in connection.execute(busy):
        reason = first_problem(row.problem)
        said = reason.message if reason else ""
        found.append(OpenMatter("busy", row.name, row.route, row.published_at, said, f"gateway show {row.id}"))
    owed = select(tables.ack).where(tables.ack.c.done_at.is_(None), tables.ack.c.error.is_not(None))
    found += [
        OpenMatter("not put away", row.name, row.route, "", f"{row.error}", f"gateway show {row.exchange_id}")
        for row in connection.execute(owed)
    ]
    return found


def _rejected(connection: Connection) -> list[OpenMatter]:
    """What the receiver did not take, in its own words."""
    found = []
    for row in connection.execute(
        select(_posting, _document.c.key, _document.c.kind)
        .join(_document, _document.c.id == _posting.c.document_id)
        .where(tables.REJECTED)
    ):
        reason = first_problem(row.problems)
        name = f"{row.kind} {row.key}"
        said = reason.message if reason else ""
        found.append(OpenMatter("rejected", name, row.route, row.created_at, said, f"gateway show {row.id}"))
    return found


def _not_offered(site: Site, connection: Connection) -> list[OpenMatter]:
    """Products that a target cannot be told of, one line a target: one bad rule meets many."""
    offer, found = tables.offer, []
    for target in site.targets():
        rows = connection.execute(
            select(offer.c.sku, offer.c.problems, offer.c.changed_at)
            .where(offer.c.target == target, tables.NOT_OFFERED)
            .order_by(offer.c.sku)
        ).all()
        if rows:
            reason = first_problem(rows[0].problems)
            more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
            since = min(str(row.changed_at) for row in rows)
            said = reason.message if reason else ""
            name = f"product {rows[0].sku}{more}"
            found.append(OpenMatter("not told", name, target, since, said, f"gateway show {rows[0].sku}"))
    return found


def _unanswered(site: Site, connection: Connection) -> list[OpenMatter]:
    """Targets whose receiver does not answer what it was sent."""
    found = []
    for target in site.targets().values():
        overdue = unanswered(site, connection, target.spec)
        if overdue is not None and target.spec.answers is not None:
            since, delivery, problem = overdue
            do = f"gateway show {delivery}"
            found.append(
                OpenMatter("no answer", target.spec.id, target.spec.answers.route, since, problem.message, do)
            )
    return found


def _late(site: Site, connection: Connection) -> list[OpenMatter]:
    """Routes that bring less often than they are expected to."""
    found = []
    for name, spec in site.config.routes.items():
        problem = lateness(site, connection, spec)
        if problem is not None:
            found.append(OpenMatter("late", name, name, "", problem.message, "gateway status"))
    return found


def _untold(connection: Connection) -> list[OpenMatter]:
    """That nobody can be told must stand somewhere: here."""
    lane = tables.lane
    rows = connection.execute(select(lane).where(lane.c.key == "alerts", lane.c.failures > 0))
    return [OpenMatter("alerts", "alerts", "-", "", row.error or "", "gateway probe alerts") for row in rows]


def _unknown(site: Site) -> list[OpenMatter]:
    """Inputs that this ledger never heard of: it was restored from a copy that is older than they are."""
    folder = site.blobs.unknown
    names = sorted(path.name for path in folder.glob("*.xml")) if folder.is_dir() else []
    why = "was taken in by a newer ledger than this one, which was restored from an older copy"
    do = f"look into {folder}; drop what is missing into its route's folder, then remove it there"
    return [OpenMatter("unknown input", name, "-", "", why, do) for name in names]


def _orphans(site: Site, connection: Connection) -> list[OpenMatter]:
    """What waits for a route or target that the configuration does not have any more."""
    found = []
    for row in connection.execute(
        select(_exchange).where(_exchange.c.planned_at.is_(None), _exchange.c.failed_at.is_(None))
    ):
        if row.route not in site.routes:
            why = f"the route {row.route} is not running"
            found.append(
                OpenMatter("input waits", row.input_name, row.route, row.received_at, why, "gateway check")
            )
    targets = site.targets()
    due = select(_delivery).where(tables.DUE, _delivery.c.target.not_in(list(targets)))
    for row in connection.execute(due):
        why = f"there is no target {row.target} any more"
        found.append(OpenMatter("delivery waits", row.name, row.route, row.created_at, why, "gateway check"))
    return found


def _holds(connection: Connection) -> list[OpenMatter]:
    found = []
    for row in connection.execute(select(tables.hold)):
        what, name = row.scope.split(":", 1)
        found.append(OpenMatter(f"{what} held", name, name, row.since, row.reason, f"gateway release {name}"))
    return found


def _failed_inputs(connection: Connection) -> list[OpenMatter]:
    """Inputs that could not be read, as long as no later input of that name went through."""
    by_name, by_bytes = _exchange.alias("by_name"), _exchange.alias("by_bytes")
    rows = connection.execute(
        select(_exchange).where(
            _exchange.c.failed_at.is_not(None),
            # Two questions, each with an index of its own: one with an OR would walk all later inputs.
            ~select(by_name.c.id)
            .where(
                by_name.c.route == _exchange.c.route,
                by_name.c.input_name == _exchange.c.input_name,
                by_name.c.received_at > _exchange.c.received_at,
            )
            .exists(),
            ~select(by_bytes.c.id)
            .where(
                by_bytes.c.input_sha256 == _exchange.c.input_sha256,
                by_bytes.c.route == _exchange.c.route,
                by_bytes.c.received_at > _exchange.c.received_at,
            )
            .exists(),
        )
    )
    found = []
    for row in rows:
        reason = first_problem(row.problems)
        found.append(
            OpenMatter(
                "input failed",
                row.input_name,
                row.route,
                row.received_at,
                reason.message if reason else "",
                f"gateway show {row.id}",
            )
        )
    return found


def all_problems(text: str | None) -> tuple[Problem, ...]:
    """The problems of a stored text; none where there is no text."""
    return tuple(from_json(item) for item in of_json(text) or [])


def first_problem(text: str | None) -> Problem | None:
    """The first problem of a stored text."""
    found = all_problems(text)
    return found[0] if found else None
