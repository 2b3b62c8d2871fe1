"""Shipping to one target: what is due there, and what is written down of each attempt."""

from __future__ import annotations

import msgspec
from sqlalchemy import or_, select, update

from gateway.clock import to_text
from gateway.diagnostics import Problem
from gateway.errors import EndpointError, HostUnreachable, PartnerRefused
from gateway.exchange.failed import problems_as_json
from gateway.exchange.holds import LOGIN_ATTEMPTS, hold_for_refusal
from gateway.exchange.matters import first_problem
from gateway.exchange.prepared import PreparedTarget
from gateway.exchange.reading import endpoint_problem
from gateway.exchange.sent import LONGEST_DELAY, delay
from gateway.exchange.site import Site
from gateway.store import tables
from gateway.store.blobs import BlobMissing
from gateway.store.lanes import RetryAt
from gateway.store.ledger import LaneLease, tell
from gateway.telemetry import emit

_delivery, _exchange = tables.delivery, tables.exchange
WAITS = ("drafted", "deferred")
OPEN = (*WAITS, "shipping")
BATCH = 200


class Due(msgspec.Struct, frozen=True):
    """One delivery that is due."""

    id: str
    exchange_id: str
    name: str
    content_sha256: str
    size: int
    state: str
    attempts: int
    staged_name: str | None
    place: str | None
    publish_begun: bool
    waits: bool  # for its fixed name
    was_there: bool = False  # it was delivered before, and its receiver wants it again
    over: int | None = None  # the size of the earlier file of ours that it replaces, in a window


class NotReached(HostUnreachable):
    """The host did not answer, which is written down already; the lane waits."""

    def __init__(self, error: HostUnreachable, waits: RetryAt) -> None:
        self.waits = waits
        super().__init__(error.message, code=error.code, help=error.help)


class Shipping:
    """What all ways to one target share."""

    def __init__(self, site: Site, target: PreparedTarget, lease: LaneLease | None = None) -> None:
        self._site = site
        self._target = target
        self._lease = lease

    def _due(self) -> list[Due]:
        with self._site.ledger.read() as connection:
            rows = connection.execute(
                select(_delivery)
                .join(_exchange, _exchange.c.id == _delivery.c.exchange_id)
                .where(
                    _delivery.c.target == self._target.spec.id,
                    tables.DUE,
                    _exchange.c.planned_at.is_not(None),
                    or_(_exchange.c.held.is_(None), _delivery.c.state == "shipping"),
                    or_(
                        _delivery.c.state != "deferred",
                        _delivery.c.published_at.is_(None),
                        _delivery.c.due_at.is_(None),
                        _delivery.c.due_at <= self._site.ledger.now(),
                    ),
                )
                .order_by(_delivery.c.sequence)
                .limit(BATCH)
            ).all()
        return [
            Due(
                r.id,
                r.exchange_id,
                r.name,
                r.content_sha256,
                r.size,
                r.state,
                r.attempts,
                r.staged_name,
                r.place,
                publish_begun=bool(r.publish_begun),
                waits=_waits(r.problem),
                was_there=r.published_at is not None,
            )
            for r in rows
        ]

    def _has_moved(self, row: Due, place: str) -> bool:
        """Whether the target is another place now than the one where this delivery was staged."""
        if row.place is None or row.place == place:
            return False
        problem = Problem(
            code="G011",
            message=f"`{row.name}` was on its way to {row.place} when the target became {place}",
            help=f"look there; then `gateway release {row.id}` (it arrived) or "
            f"`gateway retry {row.id} --send-again` (it did not)",
        )
        self._note(row, "in_doubt", only_from=("shipping",), problem=problem, told="in_doubt")
        return True

    def _trouble(self, row: Due, error: EndpointError) -> RetryAt | None:
        problem = endpoint_problem(error)
        with self._site.ledger.read() as connection:
            state = connection.execute(select(_delivery.c.state).where(_delivery.c.id == row.id)).scalar_one()
        if state not in OPEN:  # a person or a newer version withdrew it while it was tried
            return None
        goes_on = "shipping" if state == "shipping" else "deferred"
        if isinstance(error, PartnerRefused) and row.attempts + 1 >= LOGIN_ATTEMPTS:
            self._note(row, goes_on, only_from=OPEN, problem=problem, told="deferred")
            hold_for_refusal(self._site, f"target:{self._target.spec.id}", error)
            return RetryAt(self._site.clock.now() + LONGEST_DELAY, error.message)
        if not error.retryable and not isinstance(error, PartnerRefused):
            self._note(row, "failed", only_from=OPEN, problem=problem, told="failed")
            emit("delivery_failed", level="error", delivery=row.id, name=row.name, reason=error.message)
            return None
        attempts = row.attempts + 1
        at = self._site.clock.now() + delay(attempts)
        self._note(
            row,
            goes_on,
            only_from=OPEN,
            problem=problem,
            told="deferred",
            attempts=attempts,
            due_at=to_text(at),
        )
        emit(
            "delivery_deferred",
            level="warning",
            delivery=row.id,
            name=row.name,
            attempts=attempts,
            until=to_text(at),
            reason=error.message,
        )
        return RetryAt(at, error.message)

    def _has_no_bytes(self, row: Due, error: BlobMissing) -> None:
        problem = Problem(code="G007", message=str(error), help=f"`gateway retry {row.id}` writes it anew")
        self._note(row, "failed", only_from=OPEN, problem=problem, told="failed")

    def _note(
        self,
        row: Due,
        state: str,
        *,
        problem: Problem | None = None,
        told: str | None = None,
        only_from: tuple[str, ...] = (),
        **columns: str | int | None,
    ) -> bool:
        """Write a state down; False where the delivery is in none of the states `only_from` any more."""
        now = self._site.ledger.now()
        statement = update(_delivery).where(_delivery.c.id == row.id)
        if only_from:
            statement = statement.where(_delivery.c.state.in_(only_from))
        stored = problems_as_json([problem]) if problem else None
        with self._site.ledger.write(self._lease) as connection:
            changed = connection.execute(statement.values(state=state, problem=stored, **columns)).rowcount
            if told is not None and (changed or not only_from):
                tell(
                    connection,
                    now,
                    told,
                    exchange=row.exchange_id,
                    delivery=row.id,
                    reason=problem.message if problem else None,
                    until=columns.get("due_at"),
                )
        return changed == 1


def _waits(problem: str | None) -> bool:
    found = first_problem(problem)
    return found is not None and found.code == "G014"
