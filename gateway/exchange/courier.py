"""The courier: ships the deliveries of one target, in order, each exactly once.

Per delivery: stage (whole, under a temporary name) → commit *shipping* → publish (one rename) →
commit *delivered*. After an interruption the courier looks at both names before it repeats anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Row, func, or_, select, update

from gateway.clock import to_text
from gateway.diagnostics import Problem
from gateway.endpoints import Look, Staged, Target, Written
from gateway.errors import (
    EndpointError,
    EndpointRefused,
    HostUnreachable,
    OutcomeUnknown,
    PartnerRefused,
)
from gateway.exchange.failed import problems_as_json
from gateway.exchange.holds import LOGIN_ATTEMPTS, held_reason, hold_for_refusal
from gateway.exchange.matters import first_problem
from gateway.exchange.partners import NoConnectionFree
from gateway.exchange.reading import endpoint_problem
from gateway.exchange.sent import FIRST_DELAY, LONGEST_DELAY, delay, mark_sent
from gateway.exchange.site import PreparedTarget, Site
from gateway.exchange.windows import CannotCompose, compose, replaced_size
from gateway.store import tables
from gateway.store.blobs import BlobMissing
from gateway.store.lanes import Again, Done, DrainResult, RetryAt, WaitUntil
from gateway.store.ledger import LaneLease, tell
from gateway.telemetry import emit

_delivery, _posting, _exchange = tables.delivery, tables.posting, tables.exchange
WAITS = ("drafted", "deferred")
OPEN = (*WAITS, "shipping")
LOOK_AGAIN = timedelta(seconds=20)
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
    place: str | None
    publish_begun: bool
    waits: bool  # for its fixed name
    was_there: bool = False  # it was delivered before, and its receiver wants it again
    over: int | None = None  # the size of the earlier file of ours that it replaces, in a window


class _NotReached(HostUnreachable):
    """The host did not answer, which is written down already; the lane waits."""

    def __init__(self, error: HostUnreachable, waits: RetryAt) -> None:
        self.waits = waits
        super().__init__(error.message, code=error.code, help=error.help)


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
        due, answered = self._due(), self._answered()
        if not due and not answered:
            return Done()
        try:
            with self._site.target(self._target.spec) as side:
                for row in answered:
                    self._take_away(side, row)
                outcome = self._ship_all(side, due)
        except NoConnectionFree as busy:
            return WaitUntil(busy.again)
        except _NotReached as error:
            return error.waits
        except EndpointError as error:  # nothing was tried: no connection for now, or no folder
            pause = FIRST_DELAY if error.retryable else LONGEST_DELAY
            return RetryAt(self._site.clock.now() + pause, error.message)
        return Again() if isinstance(outcome, Done) and len(answered) == _BATCH else outcome

    def _ship_all(self, side: Target, due: Sequence[_Due]) -> DrainResult:
        for row in due:
            if self._site.stopping.is_set():
                return Again()
            if held_reason(self._site, f"target:{self._target.spec.id}") is not None:
                return Done()
            try:
                shipped = self._in_window(row) if self._target.spec.window is not None else row
            except CannotCompose as error:
                return RetryAt(self._site.clock.now() + LONGEST_DELAY, str(error))
            waits = self._ship(side, shipped)
            if waits is not None:
                return waits
        return Again() if len(due) == _BATCH else Done()

    def _in_window(self, row: _Due) -> _Due:
        """The delivery with the documents of the window before its own. Raises CannotCompose."""
        over = replaced_size(self._site, self._target)
        if row.state == "shipping":
            return replace(row, over=over)
        content, size = compose(self._site, self._target, row.id, self._lease)
        return replace(row, content_sha256=content, size=size, over=over)

    def _due(self) -> list[_Due]:
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
                .limit(_BATCH)
            ).all()
        return [
            _Due(
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

    def _answered(self) -> Sequence[Row[tuple[object, ...]]]:
        """The files that are answered and still lie at the target, unless a later one has their name by now."""
        later = _delivery.alias("later")
        in_publish = (later.c.state == "shipping") & (later.c.publish_begun == 1)
        with self._site.ledger.read() as connection:
            return connection.execute(
                select(_delivery)
                .where(
                    _delivery.c.target == self._target.spec.id,
                    tables.TO_TAKE_AWAY,
                    or_(_delivery.c.take_away_due.is_(None), _delivery.c.take_away_due <= self._site.ledger.now()),
                    ~select(later.c.id)
                    .where(
                        later.c.target == _delivery.c.target,
                        later.c.name == _delivery.c.name,
                        later.c.sequence > _delivery.c.sequence,
                        (later.c.state == "delivered") | in_publish,
                    )
                    .exists(),
                )
                .limit(_BATCH)
            ).all()

    def _take_away(self, side: Target, row: Row[tuple[object, ...]]) -> None:
        """Remove a file whose answer was read: a receiver that reads its folder again must not find it.

        What may not be removed is told and tried again later; the others are shipped meanwhile.
        """
        now = self._site.ledger.now()
        values: dict[str, str | None] = {"taken_away_at": now, "take_away_error": None}
        try:
            side.take_away(Written(str(row.name), int(row.size)))
        except (HostUnreachable, PartnerRefused):
            raise
        except EndpointError as error:
            again = to_text(self._site.clock.now() + LONGEST_DELAY)
            values = {"take_away_due": again, "take_away_error": error.message}
            emit("not_taken_away", level="warning", delivery=row.id, name=row.name, reason=error.message)
        with self._site.ledger.write(self._lease) as connection:
            connection.execute(update(_delivery).where(_delivery.c.id == row.id).values(**values))
            if values.get("taken_away_at") is not None:
                tell(connection, now, "taken_away", exchange=str(row.exchange_id), delivery=str(row.id))

    def _ship(self, side: Target, row: _Due) -> RetryAt | WaitUntil | None:
        """Bring one delivery on its way; a RetryAt where the lane has to wait."""
        staged: Staged | None = None
        try:
            if row.state == "shipping" and row.staged_name is not None:
                staged = Staged(row.name, row.staged_name, row.size)
                if not row.publish_begun:
                    staged = self._staged_again(side, row, staged)
                elif self._has_moved(side, row) or self._was_published(side, row, staged):
                    return None
                self._publish(side, row, staged, sure=not row.publish_begun)
            elif row.was_there and self._lies_there(side, row):
                self._delivered(row, found="there still")
            else:
                staged = self._stage(side, row)
                if staged is None:
                    return None
                self._publish(side, row, staged, sure=True)
        except EndpointError as error:
            if error.code == "E007" and self._target.spec.has_fixed_name and not self._target.spec.window:
                return self._wait_for_the_name(row, staged)
            waits = self._trouble(row, error)
            if isinstance(error, HostUnreachable) and waits is not None:
                raise _NotReached(error, waits) from error
            refused = isinstance(error, EndpointRefused) and not isinstance(error, PartnerRefused)
            if refused and staged is not None:  # only now that the refusal is written down
                side.discard(staged)
            return waits
        except BlobMissing as error:
            problem = Problem(code="G007", message=str(error), help=f"`gateway retry {row.id}` writes it anew")
            self._note(row, "failed", only_from=OPEN, problem=problem, told="failed")
        return None

    def _lies_there(self, side: Target, row: _Due) -> bool:
        """Whether a file that is to be sent again was never taken away: then its receiver finds it anyway."""
        staged = side.named(row.name, row.size, attempt=_attempt(row, row.attempts + 1))
        return side.look(staged) is Look.PUBLISHED and self._begin(side, row, staged, only_from=WAITS)

    def _stage(self, side: Target, row: _Due) -> Staged | None:
        """Upload under a temporary name, and commit that it is there; None where it was withdrawn meanwhile."""
        if row.attempts:
            side.discard(side.named(row.name, row.size, attempt=_attempt(row, row.attempts)))
        content = self._site.blobs.read(row.content_sha256)
        staged = side.stage(row.name, content, attempt=_attempt(row, row.attempts + 1))
        if not self._begin(side, row, staged, only_from=WAITS):
            side.discard(staged)
            return None
        return staged

    def _staged_again(self, side: Target, row: _Due, staged: Staged) -> Staged:
        """What was staged and surely not published: staged anew where the server lost it, or is another place now.

        That a publish begins is written down first: from then on a missing file may be one that was taken.
        """
        if row.place != side.place or side.look(staged) is not Look.STAGED:
            content = self._site.blobs.read(row.content_sha256)
            staged = side.stage(row.name, content, attempt=_attempt(row, row.attempts + 1))
        self._begin(side, row, staged)
        return staged

    def _begin(self, side: Target, row: _Due, staged: Staged, *, only_from: tuple[str, ...] = ()) -> bool:
        """Write down that the publish comes next; False where the delivery was withdrawn meanwhile."""
        return self._note(
            row,
            "shipping",
            only_from=only_from,
            staged_name=staged.temporary,
            place=side.place,
            publish_begun=1,
            answered_at=None,
            taken_away_at=None,
            take_away_due=None,
            take_away_error=None,
        )

    def _wait_for_the_name(self, row: _Due, staged: Staged | None) -> WaitUntil:
        """The receiver has not taken the file before yet: this one lies ready beside it, where it can."""
        at = self._site.clock.now() + LOOK_AGAIN
        problem = Problem(
            code="G014",
            message=f"`{row.name}` waits: the file of that name before it has not been taken",
            help="the receiver takes it and removes it; if it never does, look why",
        )
        state = "shipping" if staged is None or staged.is_there else "drafted"
        self._note(
            row, state, problem=problem, only_from=OPEN, told=None if row.waits else "waits", publish_begun=0
        )
        return WaitUntil(at)

    def _has_moved(self, side: Target, row: _Due) -> bool:
        """Whether the target is another place now than the one where this delivery was staged."""
        if row.place is None or row.place == side.place:
            return False
        problem = Problem(
            code="G011",
            message=f"`{row.name}` was on its way to {row.place} when the target became {side.place}",
            help=f"look there; then `gateway release {row.id}` (it arrived) or "
            f"`gateway retry {row.id} --send-again` (it did not)",
        )
        self._note(row, "in_doubt", only_from=("shipping",), problem=problem, told="in_doubt")
        return True

    def _publish(self, side: Target, row: _Due, staged: Staged, *, sure: bool) -> None:
        """Give it its final name. sure: no earlier attempt may have done that, or may still do it late."""
        try:
            self._give_name(side, row, staged, sure=sure)
        except OutcomeUnknown:
            if self._was_published(side, row, staged):
                return
            self._give_name(side, row, staged, sure=False)
        self._delivered(row)

    def _give_name(self, side: Target, row: _Due, staged: Staged, *, sure: bool) -> None:
        """Publish. That it surely did not happen is written down; Raises OutcomeUnknown where nobody can be sure.

        After an attempt whose outcome is not known an error proves nothing: only what is seen does.
        """
        try:
            if row.over is None:
                side.publish(staged)
            else:
                side.publish(staged, over=row.over)
        except OutcomeUnknown:
            raise
        except EndpointError as error:
            if not sure and side.look(staged) is not Look.STAGED:
                raise OutcomeUnknown(error.message, code=error.code, help=error.help) from error
            if staged.is_there:
                self._note(row, "shipping", only_from=("shipping",), publish_begun=0)
            else:  # nothing lies there to be looked for: it is staged anew
                self._note(row, "drafted", only_from=("shipping",), staged_name=None, place=None)
            raise

    def _was_published(self, side: Target, row: _Due, staged: Staged) -> bool:
        """Look before repeating. True where the delivery is settled by what is seen."""
        try:
            found = side.look(staged)
        except EndpointError as error:
            if error.retryable or isinstance(error, PartnerRefused):
                raise
            problem = Problem(
                code="G005",
                message=f"nobody knows whether `{row.name}` arrived: {error.message}",
                help=f"look on the server and in the accounting program; then `gateway release {row.id}` (it "
                f"arrived), `gateway retry {row.id}` (it looks again) or `gateway retry {row.id} --send-again` "
                "(it did not)",
            )
            self._note(row, "in_doubt", only_from=("shipping",), problem=problem, told="in_doubt")
            return True
        if found in (Look.STAGED, Look.UNMARKED):
            return False
        if found is Look.TAKEN:
            problem = Problem(
                code="E007",
                message=f"a file named `{row.name}` of another size is there, and the staged one is gone",
                help=f"compare the two; then `gateway release {row.id}` (ours arrived) or "
                f"`gateway retry {row.id} --send-again` (it did not)",
            )
            self._note(row, "in_doubt", only_from=("shipping",), problem=problem, told="in_doubt")
            return True
        self._delivered(row, found="taken by the receiver" if found is Look.ABSENT else "there already")
        return True

    def _trouble(self, row: _Due, error: EndpointError) -> RetryAt | None:
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

    def _delivered(self, row: _Due, found: str | None = None) -> None:
        now = self._site.ledger.now()
        with self._site.ledger.write(self._lease) as connection:
            settled = connection.execute(
                update(_delivery)
                .where(_delivery.c.id == row.id, _delivery.c.state == "shipping")
                .values(
                    state="delivered",
                    settled_at=now,
                    published_at=func.coalesce(_delivery.c.published_at, now),
                    problem=None,
                    due_at=None,
                    attempts=row.attempts + 1,
                )
            ).rowcount
            if not settled:  # its answer was read before this, and said more
                return
            mark_sent(connection, row.id, now)
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


def _attempt(row: _Due, number: int) -> str:
    return f"{row.id.rsplit('.', 1)[-1]}-{number}"
