"""Bringing a ledger to this gateway's schema, by Alembic's migrations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from gateway.errors import GatewayError
from gateway.store.ledger import Ledger

if TYPE_CHECKING:
    from alembic.config import Config


def upgrade(ledger: Ledger, revision: str = "head") -> None:
    """Run the migrations that are missing. Raises GatewayError where the ledger is newer than this gateway."""
    wanted = newest_revision()
    if revision == "head" and current_revision(ledger) == wanted:
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
    folder = Path(__file__).parent / "migrations" / "versions"
    return max(path.stem.split("_", 1)[0] for path in folder.glob("[0-9]*.py"))


def _configuration(connection: Connection) -> Config:
    from alembic.config import Config as AlembicConfig

    configuration = AlembicConfig()
    configuration.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    configuration.attributes["connection"] = connection
    return configuration
