"""The courier: ships the deliveries of one target, in order, each exactly once.

Per delivery: stage (whole, under a temporary name) → commit *shipping* → publish (one rename) →
commit *delivered*. After an interruption the courier looks at both names before it repeats anything.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import or_, select, update

from gateway.clock import to_text
from gateway.diagnostics import Problem
from gateway.endpoints import Look, Staged, Target
from gateway.errors import EndpointError, EndpointRefused, OutcomeUnknown, PartnerRefused
from gateway.exchange.failed import problems_as_json
from gateway.exchange.reading import LOGIN_ATTEMPTS, endpoint_problem, held_reason, hold_for_refusal
from gateway.exchange.site import PreparedTarget, Site
from gateway.store import tables
from gateway.store.blobs import BlobMissing
from gateway.store.lanes import Again, Done, DrainResult, RetryAt
from gateway.store.ledger import LaneLease, tell
from gateway.telemetry import emit

_delivery, _posting, _exchange = tables.delivery, tables.posting, tables.exchange
DUE = ("drafted", "deferred", "shipping")
FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(minutes=15)
_BATCH = 200


@dataclass(frozen=True)
class _Due:
    id: str
    exchange_id: str
    name: str
    content_sha256: str
    size: int
    state: str
    attempts: int
    staged_name: str | None


class Courier:
    """Ships to one target."""

    def __init__(self, site: Site, target: PreparedTarget, lease: LaneLease | None = None) -> None:
        self._site = site
        self._target = target
        self._lease = lease

    def drain(self) -> DrainResult:
        """Ship what is due. A passing trouble delays the whole lane, a permanent one parks its delivery."""
        if held_reason(self._site, f"target:{self._target.spec.id}") is not None:
            return Done()
        due = self._due()
        if not due:
            return Done()
        with self._site.target(self._target.spec) as side:
            for row in due:
                if self._site.stopping.is_set():
                    return Again()
                waits = self._ship(side, row)
                if waits is not None:
                    return waits
        return Again() if len(due) == _BATCH else Done()

    def _due(self) -> list[_Due]:
        with self._site.ledger.read() as connection:
            rows = connection.execute(
                select(_delivery)
                .join(_exchange, _exchange.c.id == _delivery.c.exchange_id)
                .where(
                    _delivery.c.target == self._target.spec.id,
                    _delivery.c.state.in_(DUE),
                    _exchange.c.planned_at.is_not(None),
                    or_(_exchange.c.held.is_(None), _delivery.c.state == "shipping"),
                )
                .order_by(_delivery.c.sequence)
                .limit(_BATCH)
            ).all()
        return [
            _Due(r.id, r.exchange_id, r.name, r.content_sha256, r.size, r.state, r.attempts, r.staged_name)
            for r in rows
        ]

    def _ship(self, side: Target, row: _Due) -> RetryAt | None:
        """Bring one delivery on its way; a RetryAt where the lane has to wait."""
        try:
            if row.state == "shipping" and row.staged_name is not None:
                staged = Staged(row.name, row.staged_name, row.size)
                if self._was_published(side, row, staged):
                    return None
            else:
                staged = side.stage(row.name, self._site.blobs.read(row.content_sha256), attempt=_attempt(row))
                self._note(row, "shipping", staged_name=staged.temporary)
            self._publish(side, row, staged)
        except EndpointError as error:
            return self._trouble(row, error)
        except BlobMissing as error:
            problem = Problem(code="G007", message=str(error), help="`gateway retry` the posting renders it anew")
            self._note(row, "failed", problem=problem, told="failed")
        return None

    def _publish(self, side: Target, row: _Due, staged: Staged) -> None:
        try:
            side.publish(staged)
        except OutcomeUnknown:
            if self._was_published(side, row, staged):
                return
            side.publish(staged)
        except EndpointRefused:
            side.discard(staged)
            raise
        self._delivered(row)

    def _was_published(self, side: Target, row: _Due, staged: Staged) -> bool:
        """Look before repeating. True where the delivery is settled by what is seen."""
        try:
            found = side.look(staged)
        except EndpointError as error:
            if error.retryable:
                raise
            problem = Problem(
                code="G005",
                message=f"nobody knows whether `{row.name}` arrived: {error.message}",
                help=f"look on the server; then `gateway release {row.id}` (it is there) "
                f"or `gateway retry {row.id}` (it is not)",
            )
            self._note(row, "in_doubt", problem=problem, told="in_doubt")
            return True
        if found is Look.STAGED:
            return False
        if found is Look.TAKEN:
            problem = Problem(
                code="E007",
                message=f"a file named `{row.name}` of another size is there, and the staged one is gone",
                help=f"compare it with `gateway show {row.id}`; then release or retry the delivery",
            )
            self._note(row, "in_doubt", problem=problem, told="in_doubt")
            return True
        self._delivered(row, found="taken by the receiver" if found is Look.ABSENT else "there already")
        return True

    def _trouble(self, row: _Due, error: EndpointError) -> RetryAt | None:
        problem = endpoint_problem(error)
        if isinstance(error, PartnerRefused) and row.attempts + 1 >= LOGIN_ATTEMPTS:
            self._note(row, "deferred", problem=problem, told="deferred")
            hold_for_refusal(self._site, f"target:{self._target.spec.id}", error)
            return RetryAt(self._site.clock.now() + LONGEST_DELAY, error.message)
        if not error.retryable and not isinstance(error, PartnerRefused):
            self._note(row, "failed", problem=problem, told="failed")
            emit("delivery_failed", level="error", delivery=row.id, name=row.name, reason=error.message)
            return None
        attempts = row.attempts + 1
        at = self._site.clock.now() + delay(attempts)
        with self._site.ledger.read() as connection:
            state = connection.execute(select(_delivery.c.state).where(_delivery.c.id == row.id)).scalar_one()
        self._note(
            row,
            "shipping" if state == "shipping" else "deferred",
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

    def _delivered(self, row: _Due, found: str | None = None) -> None:
        now = self._site.ledger.now()
        with self._site.ledger.write(self._lease) as connection:
            connection.execute(
                update(_delivery)
                .where(_delivery.c.id == row.id)
                .values(state="delivered", settled_at=now, problem=None, due_at=None, attempts=row.attempts + 1)
            )
            connection.execute(
                update(_posting)
                .where(_posting.c.delivery_id == row.id, _posting.c.state == "planned")
                .values(state="sent", settled_at=now)
            )
            tell(
                connection, now, "delivered", exchange=row.exchange_id, delivery=row.id, name=row.name, found=found
            )
        emit("delivered", delivery=row.id, target=self._target.spec.id, name=row.name, found=found)

    def _note(
        self,
        row: _Due,
        state: str,
        *,
        problem: Problem | None = None,
        told: str | None = None,
        **columns: str | int | None,
    ) -> None:
        now = self._site.ledger.now()
        with self._site.ledger.write(self._lease) as connection:
            connection.execute(
                update(_delivery)
                .where(_delivery.c.id == row.id)
                .values(state=state, problem=problems_as_json([problem]) if problem else None, **columns)
            )
            if told is not None:
                tell(
                    connection,
                    now,
                    told,
                    exchange=row.exchange_id,
                    delivery=row.id,
                    reason=problem.message if problem else None,
                    until=columns.get("due_at"),
                )


def delay(attempts: int) -> timedelta:
    """How long to wait after the n-th failure: doubling, to a cap, +-20 % so that lanes do not march in step."""
    seconds = min(LONGEST_DELAY.total_seconds(), FIRST_DELAY.total_seconds() * 2 ** min(attempts - 1, 12))
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret


def _attempt(row: _Due) -> str:
    return f"{row.id.rsplit('.', 1)[-1]}-{row.attempts + 1}"
