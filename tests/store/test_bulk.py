"""Rows that are inserted many at once."""

from __future__ import annotations

import pytest
from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, Text, create_engine, select

from gateway.store.bulk import insert_rows

THINGS = Table(
    "thing", MetaData(), Column("id", Integer, primary_key=True), Column("name", Text), Column("body", LargeBinary)
)
ROWS = [(1, "one", b"\x00\xff"), (2, None, None)]


@pytest.mark.parametrize("style", ["qmark", "named"])
def test_rows_are_inserted_by_place_or_by_name_as_the_database_wants_them(style: str) -> None:
    engine = create_engine("sqlite://", paramstyle=style)
    with engine.begin() as connection:
        THINGS.create(connection)
        insert_rows(connection, THINGS, ("id", "name", "body"), ROWS)
        insert_rows(connection, THINGS, ("id", "name", "body"), [])
        insert_rows(connection, THINGS, ("id", "body"), [(3, b"x")])
        assert [tuple(row) for row in connection.execute(select(THINGS))] == [*ROWS, (3, None, b"x")]
    engine.dispose()


def test_columns_in_another_order_than_the_tables_are_refused() -> None:
    engine = create_engine("sqlite://")
    message = "the columns of thing are to be named in the order of the table, and all that are set"
    with engine.connect() as connection, pytest.raises(ValueError, match=message):
        insert_rows(connection, THINGS, ("name", "id"), [("one", 1)])
    engine.dispose()
