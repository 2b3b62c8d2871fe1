"""While the documents of a block are checked the next one is read; what is wrong there is of the whole input."""

from __future__ import annotations

import threading

import pytest

from gateway.exchange import pipeline
from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder, export

MANY = [str(number) for number in range(1001, 1151)]


def test_blocks_of_one_input_are_planned_in_their_order(site: TestSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "BLOCK", 70)
    site.configure(settings="pack: 40")
    twice = ShopOrder("1001", price="242.00")
    site.drop("a.xml", export(*MANY, twice))
    (line,) = site.run().exchanges
    assert (line.records, line.new) == (151, 150)
    assert sorted(site.numbers()) == MANY
    # an order that stands twice is seen, though the second one was read before the first was drafted
    assert site.told() == ["G009: it stands twice in this input with different contents"]


def test_an_input_that_is_cut_in_a_later_block_plans_nothing(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "BLOCK", 70)
    before = threading.active_count()
    site.drop("a.xml", export(*MANY)[:-200])
    (line,) = site.run().exchanges
    assert (line.state, site.shipped()) == ("failed", {})
    assert threading.active_count() == before, "what checks documents has ended"
