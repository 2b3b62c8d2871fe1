"""A ledger in a file of its own, and its parts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.store.blobs import Blobs
from gateway.store.ledger import Ledger, open_ledger

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def ledger(tmp_path: Path, clock: ManualClock) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path / "ledger.db", clock)
    yield opened
    opened.close()


@pytest.fixture
def blobs(tmp_path: Path, ledger: Ledger) -> Blobs:
    folder = tmp_path / "blobs"
    folder.mkdir()
    return Blobs(folder, ledger)
