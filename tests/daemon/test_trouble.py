"""A database that fails for a while, and a request that makes no sense, cost time and nothing else."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from gateway import telemetry
from gateway.config import load
from gateway.daemon.service import Service
from gateway.store.ledger import Ledger
from tests.daemon.running import wait_until
from tests.exchange.conftest import TestSite
from tests.exchange.shop import export


@contextmanager
def running(site: TestSite) -> Iterator[Service]:
    """The daemon in a thread of the test."""
    telemetry.configure(json=True, level="error")
    service = Service(load(site.config_path))
    started = threading.Event()
    thread = threading.Thread(target=service.run, kwargs={"ready": lambda _site: started.set()})
    thread.start()
    try:
        assert started.wait(20)
        yield service
        assert thread.is_alive(), "the daemon must have stayed"
    finally:
        service.stop.set()
        thread.join(timeout=30)


def test_a_disk_that_is_full_for_a_while_ends_no_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = TestSite(tmp_path)
    with running(site):
        site.drop("first.xml", export("1001"))
        wait_until(lambda: site.numbers() == ["1001"])
        # given a ledger that takes nothing any more
        refused: list[int] = []

        def full(self: Ledger, lease: Any = None) -> Any:
            refused.append(1)
            raise OperationalError("BEGIN IMMEDIATE", {}, Exception("database or disk is full"))

        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "write", full)
            site.drop("second.xml", export("1002"))
            wait_until(lambda: len(refused) > 3, seconds=20)
        # when there is room again, the file goes through by itself
        wait_until(lambda: site.numbers() == ["1001", "1002"], seconds=60)


def test_a_request_that_cannot_be_read_is_answered_and_done_with(tmp_path: Path) -> None:
    site = TestSite(tmp_path)
    with running(site):
        with sqlite3.connect(tmp_path / "spool" / "ledger.db") as other:
            values = ("2026", "tester", "retry", '{"names": 5}')
            other.execute("INSERT INTO request (at, actor, action, arguments) VALUES (?, ?, ?, ?)", values)

        def outcome() -> Any:
            with sqlite3.connect(tmp_path / "spool" / "ledger.db") as other:
                return other.execute("SELECT outcome FROM request").fetchone()[0]

        assert "a bug in the gateway" in wait_until(outcome)
        site.drop("orders.xml", export("1001"))
        wait_until(lambda: site.numbers() == ["1001"])
