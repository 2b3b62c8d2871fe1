"""Bringing a ledger to this gateway's schema: a new one by one script, an older one by Alembic's migrations."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from gateway.errors import GatewayError
from gateway.store.ledger import Ledger

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parent / "migrations"
NEWEST = _MIGRATIONS / "newest.sql"
"""What the migrations make of an empty database, as `script_of` tells it: Alembic takes ten times as long."""


def upgrade(ledger: Ledger, revision: str = "head") -> None:
    """Run the migrations that are missing. Raises GatewayError where the ledger is newer than this gateway."""
    if revision == "head":
        if current_revision(ledger) is None:
            _make(ledger, NEWEST.read_text(encoding="utf-8"))
        if current_revision(ledger) == newest_revision():
            return
    from alembic import command
    from alembic.util import CommandError

    with ledger.write() as connection:
        configuration = _configuration(connection)
        try:
            command.upgrade(configuration, revision)
        except CommandError as error:
            raise GatewayError(
                "the ledger was written by a newer gateway; "
                "install that version again, or restore a backup of the ledger from before it"
            ) from error


def current_revision(ledger: Ledger) -> str | None:
    """The revision that the ledger is at; None for an empty one."""
    with ledger.read() as connection:
        tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE name = 'alembic_version'").all()
        if not tables:
            return None
        row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").one_or_none()
        return None if row is None else str(row[0])


def newest_revision() -> str:
    """The revision of this gateway: the migrations' file names begin with it."""
    return max(path.stem.split("_", 1)[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def script_of(ledger: Ledger) -> str:
    """The statements that give an empty database the schema of this ledger, and its revision."""
    with ledger.read() as connection:
        rows = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
        statements = [re.sub(r"[ \t]+\n", "\n", sql.strip()) for sql in rows.scalars()]
    revision = current_revision(ledger)
    statements.append(f"INSERT INTO alembic_version (version_num) VALUES ('{revision}')")  # noqa: S608 - our own
    return "".join(f"{statement};\n" for statement in statements)


def _make(ledger: Ledger, script: str) -> None:
    """Run the script of a schema, where the database is still empty: another process may have been quicker."""
    with ledger.write() as connection:
        if connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar() == 0:
            for statement in script.removesuffix(";\n").split(";\n"):
                connection.exec_driver_sql(statement)


def _configuration(connection: Connection) -> Config:
    from alembic.config import Config as AlembicConfig

    configuration = AlembicConfig()
    configuration.set_main_option("script_location", str(_MIGRATIONS))
    configuration.attributes["connection"] = connection
    return configuration
