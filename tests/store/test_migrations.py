"""Migrations: from nothing, from the first schema with data in it, and never backwards."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import op
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import BigInteger, Integer, LargeBinary, MetaData, Table, inspect

from gateway.clock import ManualClock
from gateway.errors import GatewayError
from gateway.store import schema, tables
from gateway.store.ledger import Ledger, open_ledger
from gateway.store.schema import NEWEST, current_revision, newest_revision, script_of, upgrade

TABLES = [table.name for table in tables.metadata.sorted_tables]


@pytest.fixture
def migrated(tmp_path: Path, clock: ManualClock) -> Iterator[Ledger]:
    """A ledger that came to the newest schema by every migration, one after the other."""
    opened = open_ledger(tmp_path / "migrated.db", clock, migrate=False)
    upgrade(opened, newest_revision())
    yield opened
    opened.close()


def schema_of(ledger: Ledger) -> dict[str, list[Any]]:
    """All that SQLite knows of a schema, in its own order; of the statements' white space only where it is."""
    with ledger.read() as connection:

        def told(statement: str) -> list[Any]:
            return [tuple(row) for row in connection.exec_driver_sql(statement)]

        rows = told("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY rowid")
        found: dict[str, list[Any]] = {"": [(*row[:3], " ".join((row[3] or "").split())) for row in rows]}
        for kind, name, _, _ in rows:
            pragmas = {"table": ("table_xinfo", "foreign_key_list", "index_list"), "index": ("index_xinfo",)}[kind]
            found |= {f"{pragma} {name}": told(f"PRAGMA {pragma}('{name}')") for pragma in pragmas}
        return found


def differences(ledger: Ledger) -> list[Any]:
    with ledger.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, tables.metadata))


def row_for(table: Table, number: int) -> dict[str, Any]:
    """A row with something in every column; rows of one number refer to each other."""
    row: dict[str, Any] = {}
    for column in table.columns:
        if column.foreign_keys:
            (key,) = column.foreign_keys
            other = key.column
            row[column.name] = number if isinstance(other.type, BigInteger | Integer) else f"{other}-{number}"
        elif isinstance(column.type, BigInteger | Integer):
            row[column.name] = number
        elif isinstance(column.type, LargeBinary):
            row[column.name] = f"{column} ž {number}".encode()
        else:
            row[column.name] = f"{column}-{number}"
    return row


def contents(ledger: Ledger, names: list[str]) -> dict[str, list[dict[str, Any]]]:
    with ledger.read() as connection:
        return {
            name: [dict(row._mapping) for row in connection.exec_driver_sql(f"SELECT * FROM {name}")]
            for name in names
        }


def test_an_empty_file_gets_exactly_the_tables_of_the_code(ledger: Ledger) -> None:
    assert current_revision(ledger) == newest_revision()
    assert differences(ledger) == []
    with ledger.read() as connection:
        assert sorted(inspect(connection).get_table_names()) == sorted([*TABLES, "alembic_version"])


def test_the_partial_indexes_of_the_code_are_there(ledger: Ledger) -> None:
    """Alembic does not compare what stands in an index's WHERE."""
    with ledger.read() as connection:
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'index'").all()
    stored = {str(name): str(sql) for name, sql in rows}
    for table in tables.metadata.tables.values():
        for index in table.indexes:
            where = index.dialect_options["sqlite"]["where"]
            assert str(index.name) in stored
            if where is not None:
                assert str(where) in stored[str(index.name)]


def test_a_new_ledger_is_exactly_what_the_migrations_make(ledger: Ledger, migrated: Ledger) -> None:
    made = schema_of(ledger)
    assert len(made[""]) > 60
    assert made == schema_of(migrated)
    assert contents(ledger, [*TABLES, "alembic_version"]) == contents(migrated, [*TABLES, "alembic_version"])


def test_the_script_of_a_new_ledger_is_up_to_date(migrated: Ledger) -> None:
    script = NEWEST.read_text(encoding="utf-8")
    assert script == script_of(migrated), "write it anew: NEWEST.write_text(script_of(a ledger that was migrated))"


def test_a_script_that_was_forgotten_is_made_up_for_by_the_migrations(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = open_ledger(tmp_path / "old.db", clock, migrate=False)
    upgrade(old, "0002")
    (tmp_path / "forgotten.sql").write_text(script_of(old), encoding="utf-8")
    old.close()
    monkeypatch.setattr(schema, "NEWEST", tmp_path / "forgotten.sql")
    new = open_ledger(tmp_path / "new.db", clock)
    assert current_revision(new) == newest_revision()
    assert differences(new) == []
    new.close()


def test_a_database_of_something_else_gets_no_ledger(tmp_path: Path, clock: ManualClock) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as other:
        other.execute("CREATE TABLE blob (name TEXT)")
    with pytest.raises(GatewayError, match="cannot be opened: table blob already exists"):
        open_ledger(tmp_path / "ledger.db", clock)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as other:
        assert other.execute("SELECT sql FROM sqlite_master").fetchall() == [("CREATE TABLE blob (name TEXT)",)]


def test_every_revision_follows_the_one_before() -> None:
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(Path(schema.__file__).parent / "migrations"))
    revisions = [script.revision for script in scripts.walk_revisions()]
    assert sorted(revisions, reverse=True) == revisions
    assert revisions[0] == newest_revision()
    assert revisions[-1] == "0001"


def test_opening_a_second_time_does_nothing(ledger: Ledger, tmp_path: Path, clock: ManualClock) -> None:
    before = (tmp_path / "ledger.db").read_bytes()
    with ledger.read() as connection:
        version = connection.exec_driver_sql("PRAGMA schema_version").scalar()
    again = open_ledger(tmp_path / "ledger.db", clock)
    with again.read() as connection:
        assert connection.exec_driver_sql("PRAGMA schema_version").scalar() == version
    again.close()
    assert (tmp_path / "ledger.db").read_bytes() == before


def test_two_processes_that_open_an_empty_ledger_at_the_same_moment_both_get_it(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from gateway.store.ledger import open_ledger; open_ledger(pathlib.Path(sys.argv[1]))"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "ledger.db")], stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [(p.communicate(timeout=60)[1], p.returncode) for p in processes] == [(b"", 0)] * 3
    opened = open_ledger(tmp_path / "ledger.db")
    assert differences(opened) == []
    opened.close()


def test_a_ledger_of_a_newer_gateway_is_refused_and_left_as_it_is(
    ledger: Ledger, tmp_path: Path, clock: ManualClock
) -> None:
    with ledger.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(GatewayError) as caught:
        open_ledger(tmp_path / "ledger.db", clock)
    assert str(caught.value) == (
        "the ledger was written by a newer gateway; "
        "install that version again, or restore a backup of the ledger from before it"
    )
    assert current_revision(ledger) == "9999"


def test_a_ledger_of_the_first_schema_survives_the_upgrade_with_all_its_data(
    tmp_path: Path, clock: ManualClock
) -> None:
    """Guards every migration to come: what was in any table at revision 0001 is there afterwards.

    A migration that changes or moves a column on purpose says so in `CHANGED`.
    """
    # given a ledger at revision 0001 with two rows in every table
    old = open_ledger(tmp_path / "ledger.db", clock, migrate=False)
    upgrade(old, "0001")
    first = MetaData()
    with old.read() as connection:
        first.reflect(connection)
    names = [table.name for table in first.sorted_tables if table.name != "alembic_version"]
    with old.write() as connection:
        for name in names:
            connection.execute(first.tables[name].insert(), [row_for(first.tables[name], n) for n in (1, 2)])
    before = contents(old, names)
    old.close()
    assert all(len(rows) == 2 for rows in before.values())
    # when
    new = open_ledger(tmp_path / "ledger.db", clock)
    # then
    assert current_revision(new) == newest_revision()
    assert differences(new) == []
    after = contents(new, names)
    for name in names:
        for was, now in zip(before[name], after[name], strict=True):
            kept = {column: now[column] for column in was if (name, column) not in CHANGED}
            assert kept == {column: value for column, value in was.items() if (name, column) not in CHANGED}
    with new.read() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    new.close()


CHANGED: set[tuple[str, str]] = set()
"""Columns of the first schema that a later migration changes on purpose: (table, column)."""


def test_a_migration_that_breaks_off_leaves_the_ledger_as_it_was(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a disk that fails in the middle of a migration
    old = open_ledger(tmp_path / "ledger.db", clock, migrate=False)
    upgrade(old, "0001")
    before = schema_of(old)
    old.close()
    create, done = op.create_table, []

    def fails(name: str, *columns: Any, **options: Any) -> Any:
        if len(done) == 3:
            raise OSError("the disk is gone")
        done.append(name)
        return create(name, *columns, **options)

    monkeypatch.setattr(op, "create_table", fails)
    with pytest.raises(OSError, match="the disk is gone"):
        open_ledger(tmp_path / "ledger.db", clock)
    monkeypatch.undo()
    # then nothing of it is there, and the next start does it all
    untouched = open_ledger(tmp_path / "ledger.db", clock, migrate=False)
    assert current_revision(untouched) == "0001"
    assert schema_of(untouched) == before
    untouched.close()
    again = open_ledger(tmp_path / "ledger.db", clock)
    assert current_revision(again) == newest_revision()
    assert differences(again) == []
    again.close()


def test_a_new_ledger_that_breaks_off_leaves_an_empty_one(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a script that fails with its last statement
    broken = NEWEST.read_text(encoding="utf-8").replace("INSERT INTO alembic_version", "INSERT INTO nowhere")
    (tmp_path / "broken.sql").write_text(broken, encoding="utf-8")
    monkeypatch.setattr(schema, "NEWEST", tmp_path / "broken.sql")
    with pytest.raises(GatewayError, match="no such table: nowhere"):
        open_ledger(tmp_path / "ledger.db", clock)
    monkeypatch.undo()
    # then nothing of it is there, and the next start does it all
    untouched = open_ledger(tmp_path / "ledger.db", clock, migrate=False)
    assert schema_of(untouched) == {"": []}
    untouched.close()
    again = open_ledger(tmp_path / "ledger.db", clock)
    assert differences(again) == []
    again.close()


def test_the_ledger_is_for_its_owner_alone(tmp_path: Path, clock: ManualClock) -> None:
    from gateway.store.spool import Spool

    spool = Spool(tmp_path / "spool")
    spool.prepare()
    open_ledger(spool.ledger, clock).close()
    assert spool.root.stat().st_mode & 0o777 == 0o700
