"""What a route's source remembers is bound to the route and to its configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.store import tables
from gateway.store.ledger import Ledger, open_ledger
from gateway.store.remembered import RouteMemory


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path / "ledger.db")
    yield opened
    opened.close()


def test_a_value_is_remembered_and_replaced(ledger: Ledger) -> None:
    memory = RouteMemory(ledger, "feed", "one")
    assert memory.get("taken") is None
    memory.put("taken", "a")
    memory.put("taken", "b")
    assert RouteMemory(ledger, "feed", "one").get("taken") == "b"


def test_another_route_and_another_configuration_begin_with_nothing(ledger: Ledger) -> None:
    RouteMemory(ledger, "feed", "one").put("taken", "a")
    assert RouteMemory(ledger, "other", "one").get("taken") is None
    assert RouteMemory(ledger, "feed", "two").get("taken") is None


def test_what_an_earlier_configuration_remembered_is_forgotten_key_by_key(ledger: Ledger) -> None:
    old, new = RouteMemory(ledger, "feed", "one"), RouteMemory(ledger, "feed", "two")
    other = RouteMemory(ledger, "other", "one")
    for memory in (old, other):
        memory.put("taken", "a")
        memory.put("seen", "a")
    new.put("taken", "b")
    assert (old.get("taken"), old.get("seen"), new.get("taken")) == (None, "a", "b")
    assert other.get("taken") == "a"
    with ledger.read() as connection:
        assert len(connection.execute(select(tables.remembered)).all()) == 4
