"""The ledger: durable transactions, one writer at a time, and nothing of a transaction that failed."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from gateway.errors import GatewayError
from gateway.store import tables
from gateway.store.ledger import LaneLease, LaneLost, Ledger, new_exchange_id, open_ledger, tell

WRITER = """
import sys
from pathlib import Path
from gateway.store.ledger import open_ledger, tell
ledger = open_ledger(Path(sys.argv[1]))
for n in range(int(sys.argv[2])):
    with ledger.write() as connection:
        before = connection.exec_driver_sql("SELECT count(*) FROM timeline").scalar()
        tell(connection, ledger.now(), f"{before}")
"""


def events(ledger: Ledger) -> list[str]:
    with ledger.read() as connection:
        return list(connection.execute(select(tables.timeline.c.event).order_by(tables.timeline.c.id)).scalars())


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 60000)],
)
def test_every_connection_is_durable_and_checks_references(ledger: Ledger, pragma: str, value: object) -> None:
    with ledger.read() as one, ledger.read() as two, ledger.write() as three:
        found = [c.exec_driver_sql(f"PRAGMA {pragma}").scalar() for c in (one, two, three)]
    assert found == [value] * 3


def test_a_reference_to_nothing_is_refused(ledger: Ledger) -> None:
    row = {"exchange_id": "nowhere", "route": "r", "name": "n"}
    with pytest.raises(IntegrityError, match="FOREIGN KEY"), ledger.write() as connection:
        connection.execute(tables.ack.insert().values(row))


def test_a_transaction_that_fails_leaves_nothing(ledger: Ledger) -> None:
    def fail() -> None:
        with ledger.write() as connection:
            tell(connection, ledger.now(), "never was")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert events(ledger) == []
    # and the next one is not disturbed
    with ledger.write() as connection:
        tell(connection, ledger.now(), "was")
    assert events(ledger) == ["was"]


def test_a_reader_sees_one_state_however_much_is_written_meanwhile(ledger: Ledger) -> None:
    count = select(func.count()).select_from(tables.timeline)
    with ledger.read() as reading:
        before = reading.execute(count).scalar()
        with ledger.write() as connection:
            tell(connection, ledger.now(), "meanwhile")
        assert reading.execute(count).scalar() == before == 0
    assert events(ledger) == ["meanwhile"]


def test_a_write_takes_its_lock_at_the_beginning_so_that_read_and_write_are_one_step(
    ledger: Ledger, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "ledger.db", timeout=0, isolation_level=None)
    with ledger.write(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.execute("ROLLBACK")
    other.close()


def test_writers_of_two_processes_and_two_threads_wait_for_each_other_and_lose_nothing(
    ledger: Ledger, tmp_path: Path
) -> None:
    # given two processes and two threads that each read and then write, in one transaction
    each = 40
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "ledger.db"), str(each)]) for _ in range(2)
    ]

    def write() -> None:
        for _ in range(each):
            with ledger.write() as connection:
                before = connection.execute(select(func.count()).select_from(tables.timeline)).scalar()
                tell(connection, ledger.now(), f"{before}")

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait(60) for process in processes] == [0, 0]
    # then every one saw what the one before had written
    assert events(ledger) == [str(n) for n in range(4 * each)]


def test_a_lease_that_never_was_cannot_commit(ledger: Ledger) -> None:
    with pytest.raises(LaneLost), ledger.write(LaneLease("read:main/shop", 1, "nobody")):
        pass


def test_a_stored_moment_is_utc_with_microseconds(ledger: Ledger) -> None:
    assert ledger.now() == "2026-11-20T10:00:00.000000Z"


def test_an_exchange_id_is_the_day_and_seven_characters_that_nobody_misreads() -> None:
    ids = {new_exchange_id(datetime(2026, 11, 20, tzinfo=UTC)) for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"261120-[2-9a-hjkmnp-z]{7}", found) for found in ids)


def test_a_file_that_is_no_ledger_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(GatewayError) as caught:
        open_ledger(path)
    assert str(caught.value) == (
        f"the ledger {path} cannot be opened: file is not a database; check the disk and the rights of the file, "
        "or restore it and the folder `blobs` beside it from one backup"
    )


def test_a_ledger_that_cannot_be_opened_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(GatewayError, match="cannot be opened: unable to open database file; check the disk"):
        open_ledger(tmp_path / "no-such-folder" / "ledger.db")
