"""The courier to a service: hands the deliveries of one target over, in order, each until it is answered.

Per delivery: commit *shipping* → call → the answer durably into the blobs → one transaction in which the delivery
is *delivered* and its answer is an input of the route that reads answers. Whatever ends in between, the same bytes
are handed over again: the service recognises what it has. So nothing is ever in doubt here, unless another service
than before answers by then.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select, update

from gateway.endpoints import Service
from gateway.errors import EndpointError, EndpointRefused, HostUnreachable
from gateway.exchange.holds import held_reason
from gateway.exchange.partners import NoConnectionFree
from gateway.exchange.prepared import PreparedRoute
from gateway.exchange.reading import recover
from gateway.exchange.sent import FIRST_DELAY, LONGEST_DELAY, mark_sent
from gateway.exchange.shipping import BATCH, OPEN, WAITS, Due, NotReached, Shipping
from gateway.store import tables
from gateway.store.blobs import BlobMissing, StoredBlob
from gateway.store.lanes import Again, Done, DrainResult, RetryAt, WaitUntil
from gateway.store.ledger import new_exchange_id, tell
from gateway.telemetry import emit

_delivery, _exchange = tables.delivery, tables.exchange


class Caller(Shipping):
    """Hands over to one target."""

    def drain(self) -> DrainResult:
        """Hand over what is due. A passing trouble delays the whole lane, a permanent one parks its delivery."""
        answers = self._target.spec.answers
        route = self._site.routes.get(answers.route) if answers is not None else None
        if route is None:  # its answers would have nobody who reads them
            why = f"the answers of {self._target.spec.id} cannot be read; `gateway check` says why"
            return RetryAt(self._site.clock.now() + LONGEST_DELAY, why)
        try:
            self._read_answers(route)
            due = [] if self._is_held() else self._due()
            if not due:
                return Done()
            with self._site.service(self._target.spec) as side:
                return self._call_all(side, route, due)
        except NoConnectionFree as busy:
            return WaitUntil(busy.again)
        except NotReached as error:
            return error.waits
        except EndpointError as error:  # the disk, or no connection for now
            pause = FIRST_DELAY if error.retryable else LONGEST_DELAY
            return RetryAt(self._site.clock.now() + pause, error.message)

    def _call_all(self, side: Service, route: PreparedRoute, due: Sequence[Due]) -> DrainResult:
        """One call after the other. Each answer is read before the next call: it may be a reason to stop."""
        for row in due:
            if self._site.stopping.is_set():
                return Again()
            if self._is_held():
                return Done()
            waits = self._hand_over(side, route, row)
            if waits is not None:
                return waits
            self._read_answers(route)
        return Again() if len(due) == BATCH else Done()

    def _is_held(self) -> bool:
        return held_reason(self._site, f"target:{self._target.spec.id}") is not None

    def _hand_over(self, side: Service, route: PreparedRoute, row: Due) -> RetryAt | None:
        """Bring one delivery to its answer; a RetryAt where the lane has to wait."""
        try:
            place = side.ready()
            if row.state == "shipping" and self._has_moved(row, place):
                return None
            content = self._site.blobs.read(row.content_sha256)
            if not self._begin(row, place):
                return None
            self._answered(route, row, side.call(row.name, content))
        except EndpointError as error:
            if row.state in WAITS and isinstance(error, HostUnreachable | EndpointRefused):
                self._note(row, "drafted", only_from=("shipping",), staged_name=None, place=None)
            waits = self._trouble(row, error)
            if isinstance(error, HostUnreachable) and waits is not None:
                raise NotReached(error, waits) from error
            return waits
        except BlobMissing as error:
            self._has_no_bytes(row, error)
        return None

    def _begin(self, row: Due, place: str) -> bool:
        """Write down that the call comes next; False where the delivery was withdrawn meanwhile.

        Where the target is a folder by the next time, its staged name tells that it may have arrived here.
        """
        return self._note(
            row,
            "shipping",
            only_from=OPEN,
            staged_name=row.name,
            place=place,
            publish_begun=1,
            answered_at=None,
            taken_away_at=None,
            take_away_due=None,
            take_away_error=None,
        )

    def _answered(self, route: PreparedRoute, row: Due, answer: bytes) -> None:
        """The answer is kept durably, then it and that the delivery arrived are known at once."""
        exchange_id, now = new_exchange_id(self._site.clock.now()), self._site.ledger.now()
        (stored,) = self._site.blobs.store([answer], f"{exchange_id}.answer")
        with self._site.ledger.write(self._lease) as connection:
            self._site.blobs.record(connection, [stored])
            _take_in(connection, exchange_id, route, row, stored, now)
            connection.execute(
                update(_delivery)
                .where(_delivery.c.id == row.id)
                .values(
                    state="delivered",
                    settled_at=now,
                    published_at=func.coalesce(_delivery.c.published_at, now),
                    problem=None,
                    due_at=None,
                    attempts=row.attempts + 1,
                )
            )
            mark_sent(connection, row.id, now)
            tell(connection, now, "delivered", exchange=row.exchange_id, delivery=row.id, name=row.name)
        emit("delivered", delivery=row.id, target=self._target.spec.id, name=row.name, answer=exchange_id)

    def _read_answers(self, route: PreparedRoute) -> None:
        """Settle what came as an answer and was not read yet, also before an interruption."""
        waiting = (
            select(_exchange.c.id)
            .where(
                _exchange.c.route == route.spec.name,
                _exchange.c.planned_at.is_(None),
                _exchange.c.failed_at.is_(None),
            )
            .limit(1)
        )
        with self._site.ledger.read() as connection:
            if connection.execute(waiting).one_or_none() is None:
                return
        with self._site.lanes.exclusively(route.spec.read_lane) as lease:
            recover(self._site, lease, routes=[route.spec.name])


def _take_in(
    connection: Connection, exchange_id: str, route: PreparedRoute, row: Due, stored: StoredBlob, now: str
) -> None:
    """The answer as an input that owes nothing to anybody; its name at its source is the delivery it answers."""
    spec = route.spec
    connection.execute(
        _exchange.insert().values(
            id=exchange_id,
            merchant=spec.merchant,
            route=spec.name,
            origin=spec.origin,
            kind=route.kind,
            mode="exchange",
            input_name=row.name,
            input_size=stored.size,
            input_sha256=stored.sha256,
            configuration=route.configuration,
            received_at=now,
            last_seen=now,
        )
    )
    connection.execute(
        tables.ack.insert().values(
            exchange_id=exchange_id, route=spec.name, name=row.id, size=stored.size, done_at=now
        )
    )
    tell(connection, now, "received", exchange=exchange_id, delivery=row.id, name=row.name, size=stored.size)
