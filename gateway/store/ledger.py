"""The ledger: opening the database, transactions, migrations, ids.

SQLite runs in WAL with synchronous=FULL; every write transaction begins IMMEDIATE and one at a time in this
process, so a write never waits inside a transaction for another writer of ours.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Table, and_, bindparam, create_engine, event, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import QueuePool

from gateway.clock import Clock, SystemClock, to_text
from gateway.errors import GatewayError
from gateway.store import tables

_IN_ONE_STATEMENT = 400
_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"
# secure_delete: what was erased must not stay readable in free pages of the file.
_PRAGMAS = ("busy_timeout=60000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")

Value = TypeVar("Value")


class LaneLost(GatewayError):
    """Another worker has the lane meanwhile: nothing of this worker may be committed any more."""


class LaneLease(msgspec.Struct, frozen=True):
    """The right to work on one lane; every commit of its holder carries the epoch."""

    lane: str
    epoch: int
    owner: str


class Ledger:
    """One database with all that is known of exchanges, documents, postings and deliveries."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.engine = engine
        self.clock = clock
        self._writer = threading.RLock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view; nothing may be written through it."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, lease: LaneLease | None = None) -> Iterator[Connection]:
        """One transaction, committed at the end of the block.

        With a lease it commits only while the lease is the lane's newest; raises LaneLost otherwise.
        """
        with self._writer, self.engine.connect() as connection:
            connection = connection.execution_options(gateway_immediate=True)
            with connection.begin():
                if lease is not None:
                    check_lease(connection, lease)
                yield connection

    def truncate_log(self) -> bool:
        """Bring everything into the database file and empty the write-ahead log, so that nothing old stays in it.

        False where a reader is at work that cannot be waited for.
        """
        with self._writer, self.engine.connect() as connection:
            raw = connection.connection.dbapi_connection
            if not isinstance(raw, sqlite3.Connection):
                return True
            return int(raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]) == 0

    def now(self) -> str:
        """The present moment as stored text."""
        return to_text(self.clock.now())

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


# Built once: they run with every write, and building one costs more than running it.
_OF_LANE = select(tables.lane.c.epoch, tables.lane.c.owner).where(tables.lane.c.key == bindparam("lane"))
_HAPPENING = tables.timeline.insert()


def check_lease(connection: Connection, lease: LaneLease) -> None:
    """Raise LaneLost unless the lease still is the lane's newest."""
    row = connection.execute(_OF_LANE, {"lane": lease.lane}).one_or_none()
    if row is None or row.epoch != lease.epoch or row.owner != lease.owner:
        raise LaneLost(f"lane {lease.lane} has another worker now")


def open_ledger(path: Path, clock: Clock | None = None, *, migrate: bool = True) -> Ledger:
    """Open (and where needed create or migrate) the SQLite ledger at `path`.

    Raises GatewayError where the folder is no place for SQLite or the ledger is of a newer gateway.
    """
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=8,
        max_overflow=16,
        connect_args={"timeout": 60, "check_same_thread": False, "isolation_level": None},
    )
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    ledger = Ledger(engine, clock or SystemClock())
    try:
        with ledger.read() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
        if migrate:
            from gateway.store.schema import upgrade

            upgrade(ledger)
    except DatabaseError as error:
        ledger.close()
        raise GatewayError(
            f"the ledger {path} cannot be opened: {error.orig}; check the disk and the rights of the file, "
            "or restore it and the folder `blobs` beside it from one backup"
        ) from error
    return ledger


def new_exchange_id(moment: datetime) -> str:
    """A short id that a person can read out: the day, then seven random characters."""
    return moment.strftime("%y%m%d-") + "".join(secrets.choice(_ALPHABET) for _ in range(7))


def to_json(value: Any) -> str:
    """A value as it is stored in a text column."""
    return msgspec.json.encode(value).decode()


def of_json(text: str | None) -> Any:
    """What `to_json` wrote; None stays None."""
    return None if text is None else msgspec.json.decode(text)


def begins_with(column: ColumnElement[str], beginning: str) -> ColumnElement[bool]:
    """Whether a text begins so, as a range: an index serves it, and no sign in it means something else."""
    behind = beginning[:-1] + chr(ord(beginning[-1]) + 1)
    return and_(column >= beginning, column < behind)


def in_chunks(values: Collection[Value]) -> Iterator[list[Value]]:
    """The values in lists of which each fits into one statement: databases limit its variables."""
    listed = list(values)
    return (listed[start : start + _IN_ONE_STATEMENT] for start in range(0, len(listed), _IN_ONE_STATEMENT))


def insert_into(connection: Connection, table: Table) -> Any:
    """An INSERT that knows what to do on a conflict, in the words of the database at hand."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # each dialect takes a while to load

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def tell(
    connection: Connection,
    at: str,
    event_name: str,
    *,
    exchange: str | None = None,
    delivery: str | None = None,
    **detail: Any,
) -> None:
    """Write one line of a timeline, in the transaction of what it tells."""
    row = {"at": at, "exchange_id": exchange, "delivery_id": delivery, "event": event_name}
    connection.execute(_HAPPENING, {**row, "detail": to_json(detail)})


def _on_connect(connection: Any, _record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("gateway_immediate")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
