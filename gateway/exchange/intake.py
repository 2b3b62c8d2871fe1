"""Intake: list a route's source, wait until a file is whole, take it in durably, put it away afterwards.

The same protocol serves every source (architecture.md, "One input's way"): a durable copy in the blobs and a row
in the ledger first, the after-work action only once the exchange is settled. A crash in between leaves the file
where it was, and the ledger knows that only the after-work action is owed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, or_, select, update
from sqlalchemy.exc import IntegrityError

from gateway.clock import from_text, to_text
from gateway.diagnostics import Problem, Span, printable
from gateway.endpoints import Entry, Outcome, Source, cannot_be_asked_for
from gateway.errors import EndpointError, GatewayError, PartnerRefused
from gateway.exchange import failed
from gateway.exchange.files import is_unfinished
from gateway.exchange.prepared import PreparedRoute
from gateway.exchange.room import Room
from gateway.exchange.site import Site
from gateway.mapping import wholeness
from gateway.store import tables
from gateway.store.blobs import StoredBlob
from gateway.store.ledger import LaneLease, begins_with, in_chunks, new_exchange_id, tell
from gateway.telemetry import emit

_exchange, _ack = tables.exchange, tables.ack
_SECOND_LOOK_LOCAL = timedelta(seconds=0.2)
_SECOND_LOOK_REMOTE = timedelta(seconds=2)
_LOOK_AGAIN = timedelta(seconds=2)
_OF_ONE_FILE = ("E003", "E004", "E006", "E009", "E018", "G013")


class Waiting(msgspec.Struct):
    """Files that are not whole yet or were seen once, and since when; forgotten when the daemon ends."""

    since: dict[tuple[str, str], datetime] = msgspec.field(default_factory=dict)
    seen: dict[str, dict[str, tuple[Entry, datetime]]] = msgspec.field(default_factory=dict)


class Taken(msgspec.Struct, frozen=True):
    """What one poll brought: the exchanges to process, and when an unfinished file is to be looked at again."""

    exchanges: tuple[str, ...] = ()
    look_again: datetime | None = None
    refused: Problem | None = None


class Intake:
    """The intake of one route. `patient` is false for `run --once`: an unfinished file is given up at once."""

    def __init__(
        self,
        site: Site,
        route: PreparedRoute,
        waiting: Waiting,
        *,
        patient: bool = True,
        lease: LaneLease | None = None,
    ) -> None:
        self._site = site
        self._route = route
        self._waiting = waiting
        self._patient = patient
        self._lease = lease
        self._pause = site.clock.wait

    def open_exchanges(self) -> list[str]:
        """The exchanges of this route that an interruption left without a plan, oldest first."""
        with self._site.ledger.read() as connection:
            rows = connection.execute(
                select(_exchange.c.id)
                .where(
                    _exchange.c.route == self._route.spec.name,
                    _exchange.c.planned_at.is_(None),
                    _exchange.c.failed_at.is_(None),
                )
                .order_by(_exchange.c.received_at, _exchange.c.id)
            )
            return list(rows.scalars())

    def poll(
        self, source: Source, take: Callable[[str], None], *, mode: Literal["exchange", "adopt"] = "exchange"
    ) -> Taken:
        """Take in what is there. `take` processes an exchange before the next file is looked at.

        Raises EndpointError where the source cannot be listed.
        """
        self._pay_owed(source)
        taken, refused = [], None
        candidates, unfinished = self._candidates(source)
        for entry in candidates:
            if self._site.stopping.is_set():
                break
            if cannot_be_asked_for(entry.name):
                refused = self._refused(entry)
                continue
            try:
                exchange_id = self._take(source, entry, mode)
            except EndpointError as error:
                if not _is_about_one_file(error):
                    raise
                refused = Problem(code=error.code, message=error.message, help=error.help)
                emit("input_unreadable", level="warning", route=self._route.spec.name, reason=error.message)
                continue
            if exchange_id is None:
                unfinished = unfinished or not entry.whole  # what came whole will not grow
                continue
            take(exchange_id)
            self._settle(source, exchange_id)
            taken.append(exchange_id)
        again = self._site.clock.now() + _LOOK_AGAIN if unfinished and self._patient else None
        return Taken(tuple(taken), again, refused)

    def _refused(self, entry: Entry) -> Problem:
        emit("input_refused", level="error", route=self._route.spec.name, input=entry.name)
        return Problem(
            code="S010",
            message=f"the listed name `{printable(entry.name)}` leads out of its folder or has control characters",
            help="rename the file at its source; it is left where it is",
        )

    # -- which files ---------------------------------------------------------------------------------

    def _candidates(self, source: Source) -> tuple[list[Entry], bool]:
        """The entries that are new and stand still, and whether there are others that have yet to prove it."""
        entries, seen_again = [], []
        with self._site.ledger.read() as connection:
            for entry in source.list():
                known = self._known_as(connection, entry)
                if known is None:
                    entries.append(entry)
                else:
                    seen_again.append(known)
        self._note_seen(seen_again)
        if self._patient and self._site.is_remote(self._route.spec):
            return self._seen_before(entries)
        if all(entry.whole for entry in entries):
            return entries, False
        self._wait_for_second_look()
        again = {entry.name: entry for entry in source.list()}
        standing = [entry for entry in entries if again.get(entry.name) == entry]
        return standing, len(standing) < len(entries)

    def _wait_for_second_look(self) -> None:
        remote = self._site.is_remote(self._route.spec)
        self._pause(threading.Event(), (_SECOND_LOOK_REMOTE if remote else _SECOND_LOOK_LOCAL).total_seconds())

    def _seen_before(self, entries: Sequence[Entry]) -> tuple[list[Entry], bool]:
        """Those that were the same some seconds ago. No worker and no connection waits for the second look."""
        now = self._site.clock.now()
        before = self._waiting.seen.get(self._route.spec.name, {})
        known = {e.name: _first_seen(before.get(e.name), e, now) for e in entries}
        standing = [e for e in entries if e.whole or now - known[e.name][1] >= _SECOND_LOOK_REMOTE]
        taken = {entry.name for entry in standing}
        self._waiting.seen[self._route.spec.name] = {n: seen for n, seen in known.items() if n not in taken}
        return standing, len(standing) < len(entries)

    def _known_as(self, connection: Connection, entry: Entry) -> str | None:
        """The exchange that took this very file in: its after-work action is owed, or it is kept there."""
        row = connection.execute(
            select(_exchange, _ack.c.done_at)
            .join(_ack, _ack.c.exchange_id == _exchange.c.id)
            .where(_exchange.c.route == self._route.spec.name, _of_that_name(entry))
            .order_by(_exchange.c.received_at.desc(), _exchange.c.id.desc())
            .limit(1)
        ).one_or_none()
        if row is None or not _is_the_same(entry, row):
            return None
        if row.done_at is not None and not (entry.family or self._kept_under(row.configuration)):
            return None
        return str(row.id)

    def _note_seen(self, exchanges: Sequence[str]) -> None:
        if exchanges:
            with self._site.ledger.write(self._lease) as connection:
                for chunk in in_chunks(exchanges):
                    connection.execute(
                        update(_exchange)
                        .where(_exchange.c.id.in_(chunk))
                        .values(last_seen=self._site.ledger.now())
                    )

    def _kept_under(self, configuration: str) -> bool:
        """Whether inputs stay at their source, and this one was read by today's configuration."""
        return self._route.spec.pickup.after.action == "keep" and configuration == self._route.configuration

    # -- taking in -----------------------------------------------------------------------------------

    def _take(self, source: Source, entry: Entry, mode: str) -> str | None:
        """Copy the file durably and write its row; None where it is not whole yet."""
        now = self._site.clock.now()
        work = self._site.spool.work / f"{os.getpid()}-{new_exchange_id(now)}"
        try:
            with work.open("wb") as file:
                counting = _Hashing(file, Room(self._site, entry.name, entry.size))
                source.read(entry, counting)  # type: ignore[arg-type]  # it is written to and nothing else
                file.flush()
                os.fsync(file.fileno())
            problem = self._unfinished(entry, work)
            if problem == "wait":
                return None
            stored = self._site.blobs.take_in(work, counting.digest.hexdigest())
            return self._write_row(entry, stored, mode, problem)
        finally:
            work.unlink(missing_ok=True)

    def _unfinished(self, entry: Entry, copy: Path) -> Problem | Literal["wait"] | None:
        key = (self._route.spec.name, entry.name)
        form = self._route.mapping.format
        is_cut = is_unfinished(copy) if self._route.ships_files else wholeness(copy, form) == "unfinished"
        if not is_cut:
            self._waiting.since.pop(key, None)
            return None
        now = self._site.clock.now()
        since = self._waiting.since.setdefault(key, now)
        if self._patient and now - since < self._route.spec.give_up:
            return "wait"
        self._waiting.since.pop(key, None)
        end = "its closing bracket" if form == "json" else "the end tag of its root element"
        if self._route.ships_files:
            end = "the mark at its end"
        what = "it is empty" if copy.stat().st_size == 0 else f"{end} is missing"
        minutes = self._route.spec.give_up.total_seconds() / 60
        waited = f"was not complete within {minutes:g} minutes" if self._patient else "is not complete"
        return Problem(
            code="S008",
            message=f"the file {waited}: {what}",
            span=Span(file=entry.name),
            help="let the sender write under a temporary name and rename at the end; `give_up:` sets the patience",
        )

    def _write_row(self, entry: Entry, stored: StoredBlob, mode: str, problem: Problem | None) -> str:
        spec, ledger = self._route.spec, self._site.ledger
        while True:
            exchange_id, now = new_exchange_id(self._site.clock.now()), ledger.now()
            try:
                with ledger.write(self._lease) as connection:
                    seen = self._seen_again(connection, entry, stored, now)
                    if seen is not None:
                        return seen
                    twin = None if problem or mode == "adopt" else self._twin(connection, stored.sha256)
                    connection.execute(
                        _exchange.insert().values(
                            id=exchange_id,
                            merchant=spec.merchant,
                            route=spec.name,
                            origin=spec.origin,
                            kind=self._route.kind,
                            mode=mode,
                            input_name=entry.name,
                            input_size=stored.size,
                            input_sha256=stored.sha256,
                            input_modified=to_text(entry.modified) if entry.modified else None,
                            configuration=self._route.configuration,
                            received_at=now,
                            last_seen=now,
                            planned_at=now if twin else None,
                            failed_at=now if problem else None,
                            duplicate_of=twin,
                            problems=failed.problems_as_json([problem]) if problem else None,
                        )
                    )
                    connection.execute(
                        _ack.insert().values(
                            exchange_id=exchange_id,
                            route=spec.name,
                            name=entry.name,
                            size=entry.size,
                            modified=to_text(entry.modified) if entry.modified else None,
                        )
                    )
                    self._site.blobs.record(connection, [stored])
                    tell(connection, now, "received", exchange=exchange_id, name=entry.name, size=stored.size)
                    if twin:
                        tell(connection, now, "duplicate", exchange=exchange_id, of=twin)
                    if problem:
                        tell(connection, now, "failed", exchange=exchange_id, problem=problem.message)
            except IntegrityError:
                continue
            emit(
                "input_received",
                exchange=exchange_id,
                route=spec.name,
                input=entry.name,
                bytes=stored.size,
                duplicate_of=twin,
            )
            return exchange_id

    def _seen_again(self, connection: Connection, entry: Entry, stored: StoredBlob, now: str) -> str | None:
        """An identical poll of a file that stays at its source only moves `last_seen`; an answer always counts."""
        if self._route.spec.answers_of is not None:
            return None
        row = connection.execute(
            select(_exchange)
            .where(_exchange.c.route == self._route.spec.name, _of_that_name(entry))
            .order_by(_exchange.c.received_at.desc(), _exchange.c.id.desc())
            .limit(1)
        ).one_or_none()
        if row is None or row.input_sha256 != stored.sha256 or not self._kept_under(row.configuration):
            return None
        connection.execute(update(_exchange).where(_exchange.c.id == row.id).values(last_seen=now))
        return str(row.id)

    def _twin(self, connection: Connection, digest: str) -> str | None:
        """An earlier exchange of the same bytes that is settled under the configuration of today.

        With `on_change: replace` the same bytes may be news: an order that went from A to B and back to A; and so
        may the same answer to another question, or the stock of the day before.
        """
        spec = self._route.spec
        if self._route.on_change == "replace" or spec.answers_of is not None or self._route.is_snapshot:
            return None
        return connection.execute(
            select(_exchange.c.id)
            .where(
                _exchange.c.origin == self._route.spec.origin,
                _exchange.c.merchant == self._route.spec.merchant,
                _exchange.c.input_sha256 == digest,
                _exchange.c.configuration == self._route.configuration,
                _exchange.c.planned_at.is_not(None),
                _exchange.c.duplicate_of.is_(None),
                or_(_exchange.c.mode == "exchange", _exchange.c.mode == "adopt"),
            )
            .order_by(_exchange.c.received_at.desc())
            .limit(1)
        ).scalar()

    # -- afterwards ----------------------------------------------------------------------------------

    def _settle(self, source: Source, exchange_id: str) -> None:
        """Write what a person has to look at, then put the input away. Each step may be repeated."""
        with self._site.ledger.read() as connection:
            row = connection.execute(select(_exchange).where(_exchange.c.id == exchange_id)).one()
            owed = connection.execute(
                select(_ack).where(_ack.c.exchange_id == exchange_id, _ack.c.done_at.is_(None))
            ).one_or_none()
        if owed is None or (row.failed_at is None and row.planned_at is None):
            return
        tried_before = owed.error is not None
        if row.failed_at is not None and not tried_before:
            failed.write_failed_input(self._site, row.route, row.id, row.input_name, row.input_sha256)
        elif row.planned_at is not None:
            failed.write_set_aside(self._site, row.id)
            failed.remove_mended(self._site, row.id)
        self._put_away(source, row, owed)

    def _put_away(self, source: Source, row: Row[tuple[object, ...]], owed: Row[tuple[object, ...]]) -> None:
        entry = Entry(str(owed.name), owed.size, from_text(owed.modified) if owed.modified else None)
        error: EndpointError | None = None
        try:
            source.ack(entry, Outcome.FAILED if row.failed_at else Outcome.DONE)
        except EndpointError as failure:
            error = failure
            emit("input_not_put_away", level="warning", exchange=row.id, route=row.route, reason=str(failure))
        now = self._site.ledger.now()
        with self._site.ledger.write(self._lease) as connection:
            connection.execute(
                update(_ack)
                .where(_ack.c.exchange_id == row.id)
                .values(done_at=None if error else now, error=error.message if error else None)
            )

    def _pay_owed(self, source: Source) -> None:
        with self._site.ledger.read() as connection:
            rows: Iterable[Row[tuple[object, ...]]] = connection.execute(
                select(_exchange)
                .join(_ack, _ack.c.exchange_id == _exchange.c.id)
                .where(
                    _ack.c.route == self._route.spec.name,
                    _ack.c.done_at.is_(None),
                    or_(_exchange.c.planned_at.is_not(None), _exchange.c.failed_at.is_not(None)),
                )
            ).all()
        for row in rows:
            self._settle(source, str(row.id))


def _first_seen(before: tuple[Entry, datetime] | None, entry: Entry, now: datetime) -> tuple[Entry, datetime]:
    """Since when an entry is as it is; a clock that was set back begins anew."""
    return before if before is not None and before[0] == entry and before[1] <= now else (entry, now)


def _of_that_name(entry: Entry) -> ColumnElement[bool]:
    """The inputs that were taken under that name; where it tells the content, those of all contents.

    The newest of them counts: what went from A to B and back to A is news.
    """
    if not entry.family:
        return _exchange.c.input_name == entry.name
    return begins_with(_exchange.c.input_name, entry.family)


def _is_the_same(entry: Entry, row: Row[tuple[object, ...]]) -> bool:
    """Whether what is listed is the very input of that row."""
    if entry.family:
        return bool(row.input_name == entry.name)
    if entry.modified is None:
        return False
    return (row.input_size, row.input_modified) == (entry.size, to_text(entry.modified))


def _is_about_one_file(error: EndpointError) -> bool:
    """Whether the other files of the folder may still be read: no connection and no account is a matter of all."""
    return not isinstance(error, PartnerRefused) and error.code in _OF_ONE_FILE


class _Hashing:
    """Writes through to a file and hashes on the way."""

    def __init__(self, file: BinaryIO, room: Room) -> None:
        self._file = file
        self._room = room
        self.digest = sha256()

    def write(self, block: bytes) -> int:
        self.digest.update(block)
        written = self._file.write(block)
        if written != len(block):
            raise GatewayError("the disk took fewer bytes than it was given")
        self._room.went(written)
        return written
