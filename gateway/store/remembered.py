"""What a route's source remembers from poll to poll, such as the ETag of a feed."""

from __future__ import annotations

from sqlalchemy import delete, select

from gateway.store import tables
from gateway.store.ledger import Ledger, insert_into

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
        values = {"value": value, "at": self._ledger.now()}
        with self._ledger.write() as connection:
            connection.execute(
                delete(_remembered).where(
                    _remembered.c.route == self._route,
                    _remembered.c.key.startswith(f"{key}@", autoescape=True),
                    _remembered.c.key != stored,
                )
            )
            statement = insert_into(connection, _remembered).values(route=self._route, key=stored, **values)
            connection.execute(statement.on_conflict_do_update(index_elements=["route", "key"], set_=values))

    def _stored(self, key: str) -> str:
        return f"{key}@{self._configuration}"
