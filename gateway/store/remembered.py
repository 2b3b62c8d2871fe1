"""What a route's source remembers from poll to poll, such as the ETag of a feed."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from gateway.store import tables
from gateway.store.ledger import Ledger, begins_with, insert_into

_remembered = tables.remembered


class RouteMemory:
    """The memory of one route under one configuration: another mapping or template begins with an empty one."""

    def __init__(self, ledger: Ledger, route: str, configuration: str) -> None:
        self._ledger = ledger
        self._route = route
        self._configuration = configuration

    def get(self, key: str) -> str | None:
        """The value that was put last; None where there is none."""
        statement = select(_remembered.c.value).where(
            _remembered.c.route == self._route, _remembered.c.key == self._stored(key)
        )
        with self._ledger.read() as connection:
            return connection.execute(statement).scalar_one_or_none()

    def put(self, key: str, value: str) -> None:
        """Remember a value durably; what earlier configurations remembered under this key is forgotten."""
        stored = self._stored(key)
        with self._ledger.write() as connection:
            connection.execute(
                delete(_remembered).where(
                    _remembered.c.route == self._route,
                    begins_with(_remembered.c.key, f"{key}@"),
                    _remembered.c.key != stored,
                )
            )
            remember(connection, stored, value, self._ledger.now(), route=self._route)

    def _stored(self, key: str) -> str:
        return f"{key}@{self._configuration}"


def remember(connection: Connection, key: str, value: str, at: str, *, route: str = "") -> None:
    """Put a value under a key, in the place of what stood there; without a route it is the whole site's."""
    values = {"value": value, "at": at}
    statement = insert_into(connection, _remembered).values(route=route, key=key, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["route", "key"], set_=values))
