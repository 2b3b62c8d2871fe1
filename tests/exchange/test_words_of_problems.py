"""What an operator reads of a problem: its code with its words, as the ledger keeps them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from sqlalchemy import select

from gateway.exchange.matters import all_problems
from gateway.exchange.room import disk_problem
from gateway.store import tables
from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder, export


def told(site: TestSite) -> list[str]:
    """The problems of all postings and deliveries."""
    with site.open() as running, running.ledger.read() as connection:
        columns = (tables.posting.c.problems, tables.delivery.c.problem)
        texts: Iterator[str | None] = (
            text for each in columns for text in connection.execute(select(each)).scalars()
        )
        return [f"{problem.code}: {problem.message}" for text in texts for problem in all_problems(text)]


def test_an_order_that_was_cancelled_after_it_had_been_sent(site: TestSite) -> None:
    site.drop("a.xml", ShopOrder("1001"))
    site.run()
    site.drop("b.xml", ShopOrder("1001", status="Stornována"))
    site.run()
    assert told(site) == ["G004: it was cancelled in the shop after it had been sent"]


def test_an_order_twice_in_one_input(site: TestSite) -> None:
    site.drop("a.xml", export(ShopOrder("1001"), ShopOrder("1001", price="242.00")))
    site.run()
    assert told(site) == ["G009: it stands twice in this input with different contents"]


def test_an_order_that_is_active_again(site: TestSite) -> None:
    site.drop("a.xml", ShopOrder("1001"))
    site.run()
    site.drop("b.xml", ShopOrder("1001", status="Stornována"))
    site.run()
    site.do("release", "1001", drop=True)
    site.drop("c.xml", ShopOrder("1001", remark="zpět"))
    site.run()
    assert "G012: it is active again in the shop, after a cancellation or a change by hand" in told(site)


def test_a_file_that_waits_for_its_name(site: TestSite) -> None:
    site.configure(replace=("    folder: pohoda\n", "    folder: pohoda\n    file_name: orders.xml\n"))
    site.drop("in.xml", export("1001", "1002"))
    site.run()
    assert told(site) == ["G014: `orders.xml` waits: the file of that name before it has not been taken"]


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
