"""Room on the spool's disk, as an operator reads of it."""

from __future__ import annotations

import shutil
from typing import NamedTuple

import pytest

from gateway.exchange.room import disk_problem
from tests.exchange.conftest import TestSite


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_disk_without_room(site: TestSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**9, 10**9 - 7_000_000, 7_000_000))
    with site.open() as running:
        problem = disk_problem(running)
    assert problem is not None
    wanted = running.config.minimum_free // 10**6
    assert f"{problem.code}: {problem.message}" == (
        f"G013: the disk of the spool has 7 MB left, `minimum_free` wants {wanted} MB: nothing is taken in"
    )
