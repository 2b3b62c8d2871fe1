"""The courier: ships the deliveries of one target, in order, each exactly once.

Per delivery: stage (whole, under a temporary name) → commit *shipping* → publish (one rename) →
commit *delivered*. After an interruption the courier looks at both names before it repeats anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace
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
from gateway.exchange.holds import held_reason
from gateway.exchange.partners import NoConnectionFree
from gateway.exchange.sent import FIRST_DELAY, LONGEST_DELAY, mark_sent
from gateway.exchange.shipping import BATCH, OPEN, WAITS, Due, NotReached, Shipping
from gateway.exchange.windows import CannotCompose, compose, replaced_size
from gateway.store import tables
from gateway.store.blobs import BlobMissing
from gateway.store.lanes import Again, Done, DrainResult, RetryAt, WaitUntil
from gateway.store.ledger import tell
from gateway.telemetry import emit

_delivery, _posting, _exchange = tables.delivery, tables.posting, tables.exchange
LOOK_AGAIN = timedelta(seconds=20)


class Courier(Shipping):
    """Ships to one target."""

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
        except NotReached as error:
            return error.waits
        except EndpointError as error:  # nothing was tried: no connection for now, or no folder
            pause = FIRST_DELAY if error.retryable else LONGEST_DELAY
            return RetryAt(self._site.clock.now() + pause, error.message)
        return Again() if isinstance(outcome, Done) and len(answered) == BATCH else outcome

    def _ship_all(self, side: Target, due: Sequence[Due]) -> DrainResult:
        for row in due:
            if self._site.stopping.is_set():
                return Again()
            if held_reason(self._site, f"target:{self._target.spec.id}") is not None:
                return Done()
            try:
                shipped = self._in_place_of_the_last(row) if self._target.spec.replaces else row
            except CannotCompose as error:
                return RetryAt(self._site.clock.now() + LONGEST_DELAY, str(error))
            waits = self._ship(side, shipped)
            if waits is not None:
                return waits
        return Again() if len(due) == BATCH else Done()

    def _in_place_of_the_last(self, row: Due) -> Due:
        """The delivery, in a window with the documents before its own, over our last one. Raises CannotCompose."""
        over = replaced_size(self._site, self._target)
        if row.state == "shipping" or self._target.spec.window is None:
            return replace(row, over=over)
        content, size = compose(self._site, self._target, row.id, self._lease)
        return replace(row, content_sha256=content, size=size, over=over)

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
                .limit(BATCH)
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

    def _ship(self, side: Target, row: Due) -> RetryAt | WaitUntil | None:
        """Bring one delivery on its way; a RetryAt where the lane has to wait."""
        staged: Staged | None = None
        try:
            if row.state == "shipping" and row.staged_name is not None:
                staged = Staged(row.name, row.staged_name, row.size)
                if not row.publish_begun:
                    staged = self._staged_again(side, row, staged)
                elif self._has_moved(row, side.place) or self._was_published(side, row, staged):
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
            if error.code == "E007" and self._target.spec.has_fixed_name and not self._target.spec.replaces:
                return self._wait_for_the_name(row, staged)
            waits = self._trouble(row, error)
            if isinstance(error, HostUnreachable) and waits is not None:
                raise NotReached(error, waits) from error
            refused = isinstance(error, EndpointRefused) and not isinstance(error, PartnerRefused)
            if refused and staged is not None:  # only now that the refusal is written down
                side.discard(staged)
            return waits
        except BlobMissing as error:
            self._has_no_bytes(row, error)
        return None

    def _lies_there(self, side: Target, row: Due) -> bool:
        """Whether a file that is to be sent again was never taken away: then its receiver finds it anyway."""
        staged = side.named(row.name, row.size, attempt=_attempt(row, row.attempts + 1))
        return side.look(staged) is Look.PUBLISHED and self._begin(side, row, staged, only_from=WAITS)

    def _stage(self, side: Target, row: Due) -> Staged | None:
        """Upload under a temporary name, and commit that it is there; None where it was withdrawn meanwhile."""
        if row.attempts:
            side.discard(side.named(row.name, row.size, attempt=_attempt(row, row.attempts)))
        content = self._site.blobs.read(row.content_sha256)
        staged = side.stage(row.name, content, attempt=_attempt(row, row.attempts + 1))
        if not self._begin(side, row, staged, only_from=WAITS):
            side.discard(staged)
            return None
        return staged

    def _staged_again(self, side: Target, row: Due, staged: Staged) -> Staged:
        """What was staged and surely not published: staged anew where the server lost it, or is another place now.

        That a publish begins is written down first: from then on a missing file may be one that was taken.
        """
        if row.place != side.place or side.look(staged) is not Look.STAGED:
            content = self._site.blobs.read(row.content_sha256)
            staged = side.stage(row.name, content, attempt=_attempt(row, row.attempts + 1))
        self._begin(side, row, staged)
        return staged

    def _begin(self, side: Target, row: Due, staged: Staged, *, only_from: tuple[str, ...] = ()) -> bool:
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

    def _wait_for_the_name(self, row: Due, staged: Staged | None) -> WaitUntil:
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

    def _publish(self, side: Target, row: Due, staged: Staged, *, sure: bool) -> None:
        """Give it its final name. sure: no earlier attempt may have done that, or may still do it late."""
        try:
            self._give_name(side, row, staged, sure=sure)
        except OutcomeUnknown:
            if self._was_published(side, row, staged):
                return
            self._give_name(side, row, staged, sure=False)
        self._delivered(row)

    def _give_name(self, side: Target, row: Due, staged: Staged, *, sure: bool) -> None:
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

    def _was_published(self, side: Target, row: Due, staged: Staged) -> bool:
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

    def _delivered(self, row: Due, found: str | None = None) -> None:
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


def _attempt(row: Due, number: int) -> str:
    return f"{row.id.rsplit('.', 1)[-1]}-{number}"
