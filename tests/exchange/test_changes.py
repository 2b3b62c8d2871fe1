"""An order that is known comes again: same, changed, cancelled."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from gateway.errors import UsageError
from gateway.exchange import anew
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
    assert (matter.what, matter.name) == ("held: changed", "order 1001")
    posting = site.story("1001")[-1].postings[0]
    assert matter.do == f"gateway show {posting.id}"
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
    assert site.told() == ["G004: it was cancelled in the shop after it had been sent"]


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
    assert site.told() == ["G009: it stands twice in this input with different contents"]


def test_an_order_twice_far_apart_in_one_file_is_sent_once_and_told(site: TestSite) -> None:
    many = [f"2{n:04}" for n in range(600)]
    site.drop("a.xml", export(ShopOrder("1001"), *many, ShopOrder("1001", price="242.00")))
    site.run()
    assert site.numbers().count("1001") == 1
    assert [m.name for m in site.status().matters] == ["order 1001"]


def test_two_changes_in_a_row_are_told_against_what_was_sent(site: TestSite) -> None:
    site.drop("a.xml", ShopOrder("1001", name="Jana Vzorová"))
    site.run()
    site.drop("b.xml", ShopOrder("1001", name="Petra Vzorová"))
    site.run()
    site.drop("c.xml", ShopOrder("1001", name="Petra Vzorová", quantity=2))
    site.run()
    (problem,) = site.story("1001")[-1].postings[0].problems
    assert "billing.name: Jana Vzorová → Petra Vzorová" in problem.context
    assert "lines[1].quantity: 1 → 2" in problem.context


def test_a_change_that_is_undone_waits_for_nobody(site: TestSite) -> None:
    site.drop("a.xml", ShopOrder("1001"))
    site.run()
    site.drop("b.xml", ShopOrder("1001", price="242.00"))
    site.run()
    site.drop("c.xml", ShopOrder("1001", remark="zpět"))
    site.run()
    assert site.numbers() == ["1001"]
    assert site.status().matters == ()


def test_an_order_that_is_active_again_after_its_cancellation_was_settled_is_told(site: TestSite) -> None:
    site.drop("a.xml", ShopOrder("1001"))
    site.run()
    site.drop("b.xml", ShopOrder("1001", status="Stornována"))
    site.run()
    site.do("release", "1001", drop=True)
    site.drop("c.xml", ShopOrder("1001", remark="zpět"))
    site.run()
    (matter,) = site.status().matters
    assert matter.reason == "it is active again in the shop, after a cancellation or a change by hand"
    assert "G012: it is active again in the shop, after a cancellation or a change by hand" in site.told()
    assert site.numbers() == ["1001"]


def test_a_cancelled_order_that_has_not_left_yet_never_leaves(site: TestSite) -> None:
    site.configure("rehearsal: true")
    site.drop("a.xml", export("1001", "1002"))
    (line,) = site.run().exchanges
    site.drop("b.xml", ShopOrder("1001", status="Stornována"))
    site.run()
    site.configure()
    site.do("release", line.id)
    site.run()
    assert site.numbers() == ["1002"]
    assert site.status().matters == ()


def test_a_cancelled_order_in_a_pack_with_others_is_told(site: TestSite) -> None:
    site.configure("rehearsal: true", settings="pack: 2")
    site.drop("a.xml", export("1001", "1002"))
    site.run()
    site.drop("b.xml", ShopOrder("1001", status="Stornována"))
    site.run()
    assert "held: cancelled" in [matter.what for matter in site.status().matters]


def test_replace_sends_only_the_newest_of_what_has_not_left_yet(site: TestSite) -> None:
    site.configure("on_change: replace")
    site.do("hold", "pohoda")
    for name, price in (("a", "121.00"), ("b", "242.00")):
        site.drop(f"{name}.xml", ShopOrder("1001", price=price))
        site.run()
    site.do("release", "pohoda")
    site.run()
    assert list(site.shipped()) == ["shop-main_order_1001_v2.xml"]


def test_one_number_of_two_shops_is_not_released_as_one(site: TestSite) -> None:
    other = """\
  other:
    origin: other-shop
    mapping: shoptet/order
    to: [{target: pohoda, template: pohoda/order, schema: pohoda/data}]
"""
    site.configure(routes=other)
    for price in ("121.00", "242.00"):
        for route in ("shop", "other"):
            site.drop(f"{price}.xml", ShopOrder("1001", price=price), route=route)
        site.run()
    with pytest.raises(UsageError) as caught:
        site.do("release", "1001")
    assert str(caught.value).startswith("`1001` is held more than once; name one of ")
    posting = site.status().matters[0].do.split()[-1]
    site.do("release", posting)
    site.run()
    assert len(site.status().matters) == 1


def test_a_held_version_that_gave_way_is_not_sent(site: TestSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator releases the second version in the moment in which a worker plans the third."""
    site.drop("a.xml", ShopOrder("1001"))
    site.run()
    site.drop("b.xml", CHANGED)
    site.run()
    posting = site.status().matters[0].do.split()[-1]
    original = anew.render

    def meanwhile(*arguments: Any) -> Any:
        written = original(*arguments)
        with sqlite3.connect(site.folder / "spool" / "ledger.db") as other:
            other.execute("UPDATE posting SET state = 'superseded' WHERE id = ?", (posting,))
        return written

    with monkeypatch.context() as patch:
        patch.setattr(anew, "render", meanwhile)
        (told,) = site.do("release", posting)
    site.run()
    assert told == "1001 is not held any more: a newer version came; `gateway show 1001`"
    assert len(site.shipped()) == 1


def test_all_that_a_route_holds_in_rehearsal_is_released_by_its_name(site: TestSite) -> None:
    site.configure("rehearsal: true")
    for number in ("1001", "1002"):
        site.drop(f"{number}.xml", ShopOrder(number))
    site.run()
    site.configure()
    assert [text.rpartition(": ")[2] for text in site.do("release", "shop")] == ["its documents are sent"] * 2
    site.run()
    assert site.numbers() == ["1001", "1002"]


def test_a_held_route_is_let_go_on_before_anything_that_it_holds_is_sent(site: TestSite) -> None:
    site.configure("rehearsal: true")
    site.drop("1001.xml", ShopOrder("1001"))
    site.run()
    site.do("hold", "shop")
    assert site.do("release", "shop") == ["route shop goes on"]
    site.configure()
    site.run()
    assert site.numbers() == []
