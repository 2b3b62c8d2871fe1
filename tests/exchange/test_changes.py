"""An order that is known comes again: same, changed, cancelled."""

from __future__ import annotations

import pytest

from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder, export

CHANGED = ShopOrder("1001", price="242.00")


def test_a_changed_order_is_held_with_what_changed(site: TestSite) -> None:
    # given
    site.drop("a.xml", ShopOrder("1001"))
    site.run()
    # when
    site.drop("b.xml", CHANGED)
    site.run()
    # then
    assert site.numbers() == ["1001"]
    (matter,) = site.status().matters
    assert (matter.what, matter.name, matter.do) == ("held: changed", "order 1001", "gateway release 1001")
    posting = site.story("1001")[-1].postings[0]
    assert posting.state == "held"
    (problem,) = posting.problems
    assert problem.code == "G003"
    assert problem.message == "it came again with another content after it had been sent"
    assert "total.gross: 121.00 → 242.00" in problem.context
    assert "lines[1].unit_price.gross: 121.00 → 242.00" in problem.context


def test_a_held_change_is_sent_under_the_same_ids_when_released(site: TestSite) -> None:
    site.drop("a.xml", ShopOrder("1001"))
    site.run()
    site.drop("b.xml", CHANGED)
    site.run()
    (line,) = site.do("release", "1001")
    site.run()
    assert line == "1001 is on its way to pohoda as shop-main_order_1001_v2.xml"
    assert site.numbers() == ["1001", "1001"]
    assert all(b'id="shop-main:order:1001"' in content for content in site.shipped().values())
    assert site.status().matters == ()


def test_a_held_change_that_is_dropped_is_settled_without_sending(site: TestSite) -> None:
    site.drop("a.xml", ShopOrder("1001"))
    site.run()
    site.drop("b.xml", CHANGED)
    site.run()
    site.do("release", "1001", drop=True)
    site.run()
    assert site.numbers() == ["1001"]
    assert site.status().matters == ()


def test_the_same_change_coming_again_is_not_told_twice(site: TestSite) -> None:
    site.drop("a.xml", ShopOrder("1001"))
    site.run()
    for name in ("b", "c", "d"):
        site.drop(f"{name}.xml", export(CHANGED, f"20{name}"))
        site.run()
    assert len([m for m in site.status().matters if m.name == "order 1001"]) == 1


def test_a_second_change_supersedes_the_held_first_one(site: TestSite) -> None:
    for name, price in (("a", "121.00"), ("b", "242.00"), ("c", "363.00")):
        site.drop(f"{name}.xml", ShopOrder("1001", price=price))
        site.run()
    states = [posting.state for story in site.story("1001") for posting in story.postings]
    assert states == ["sent", "superseded", "held"]


@pytest.mark.parametrize(("policy", "files"), [("ignore", 1), ("replace", 2)])
def test_on_change_decides_what_happens(site: TestSite, policy: str, files: int) -> None:
    site.configure(f"on_change: {policy}")
    site.drop("a.xml", ShopOrder("1001"))
    site.run()
    site.drop("b.xml", CHANGED)
    site.run()
    assert len(site.shipped()) == files
    assert site.status().matters == ()


def test_an_order_that_arrives_cancelled_is_left_out(site: TestSite) -> None:
    site.drop("a.xml", export(ShopOrder("1001", status="Stornována"), "1002"))
    result = site.run()
    assert site.numbers() == ["1002"]
    assert [line.set_aside for line in result.exchanges] == [0]


def test_an_order_cancelled_after_it_was_sent_is_told(site: TestSite) -> None:
    site.drop("a.xml", ShopOrder("1001"))
    site.run()
    site.drop("b.xml", ShopOrder("1001", status="Stornována"))
    site.run()
    assert site.numbers() == ["1001"]
    (matter,) = site.status().matters
    assert (matter.what, matter.reason) == (
        "held: cancelled",
        "it was cancelled in the shop after it had been sent",
    )


def test_a_cancellation_may_be_ignored(site: TestSite) -> None:
    site.configure("on_cancel: ignore")
    site.drop("a.xml", ShopOrder("1001"))
    site.run()
    site.drop("b.xml", ShopOrder("1001", status="Stornována"))
    site.run()
    assert site.status().matters == ()


def test_an_order_that_stands_twice_in_one_file_is_sent_once(site: TestSite) -> None:
    site.drop("a.xml", export("1001", "1002", "1001"))
    result = site.run()
    assert site.numbers() == ["1001", "1002"]
    assert [(line.new, line.same) for line in result.exchanges] == [(2, 1)]


def test_an_order_that_stands_twice_with_different_contents_is_sent_once_and_told(site: TestSite) -> None:
    site.drop("a.xml", export(ShopOrder("1001"), ShopOrder("1001", price="242.00")))
    site.run()
    assert site.numbers() == ["1001"]
    (matter,) = site.status().matters
    assert matter.reason == "it stands twice in this input with different contents"


def test_an_order_twice_far_apart_in_one_file_is_sent_once_and_told(site: TestSite) -> None:
    many = [f"2{n:04}" for n in range(600)]
    site.drop("a.xml", export(ShopOrder("1001"), *many, ShopOrder("1001", price="242.00")))
    site.run()
    assert site.numbers().count("1001") == 1
    assert [m.name for m in site.status().matters] == ["order 1001"]
