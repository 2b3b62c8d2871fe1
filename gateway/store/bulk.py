"""Many rows at once, without SQLAlchemy's work on each of their values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table


def insert_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows as tuples of plain values (text, whole numbers, bytes, None) in the order of `columns`."""
    if not rows:
        return
    statement = table.insert().compile(dialect=connection.dialect, column_keys=list(columns))
    if statement.positiontup is None:  # values are given by name
        connection.exec_driver_sql(str(statement), [dict(zip(columns, row, strict=True)) for row in rows])
        return
    if tuple(statement.positiontup) != tuple(columns):
        raise ValueError(
            f"the columns of {table.name} are to be named in the order of the table, and all that are set"
        )
    connection.exec_driver_sql(str(statement), list(rows))
