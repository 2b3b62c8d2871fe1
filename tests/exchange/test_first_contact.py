"""First contact with an old shop: thousands of old orders must not become thousands of new ones."""

from __future__ import annotations

from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder, export


def test_since_leaves_older_orders_out(site: TestSite) -> None:
    site.configure("since: 2026-11-01")
    site.drop(
        "a.xml",
        export(ShopOrder("1001", date="2026-10-31 23:59:00"), ShopOrder("1002", date="2026-11-01 00:00:00")),
    )
    site.run()
    assert site.numbers() == ["1002"]


def test_adopt_calls_everything_known_and_sends_nothing(site: TestSite) -> None:
    # given an export with all the old orders
    site.drop("all.xml", export("1001", "1002", "1003"))
    # when
    (line,) = site.do("adopt", "shop")
    # then
    assert line == "shop: 3 orders of 1 file are known now and were not sent"
    assert site.numbers() == []
    # and only what is new goes on from here
    site.drop("next.xml", export("1003", "1004"))
    site.run()
    assert site.numbers() == ["1004"]


def test_an_adopted_order_that_changes_later_is_told_and_not_sent(site: TestSite) -> None:
    """It is in the accounting program already, so a change of it is for a person."""
    site.drop("all.xml", ShopOrder("1001"))
    site.do("adopt", "shop")
    site.drop("next.xml", ShopOrder("1001", price="242.00"))
    site.run()
    assert site.numbers() == []
    assert [matter.what for matter in site.status().matters] == ["held: changed"]


def test_an_order_that_was_dropped_at_the_brake_and_changes_later_is_told_and_not_sent(site: TestSite) -> None:
    site.configure("max_new: 1")
    site.drop("a.xml", export("1001", "1002"))
    (line,) = site.run().exchanges
    site.do("release", line.id, drop=True)
    site.drop("b.xml", ShopOrder("1001", price="242.00"))
    site.run()
    assert site.numbers() == []
    assert [matter.what for matter in site.status().matters] == ["held: changed"]


def test_max_new_holds_an_input_that_brings_too_many(site: TestSite) -> None:
    site.configure("max_new: 2")
    site.drop("a.xml", export("1001", "1002", "1003"))
    result = site.run()
    assert site.numbers() == []
    (line,) = result.exchanges
    assert line.state == "held: max_new"
    (matter,) = site.status().matters
    assert matter.reason == "the input brings 3 new orders, the route's brake `max_new` allows 2"
    assert matter.do == f"gateway show {line.id}"


def test_releasing_the_brake_sends_everything_once(site: TestSite) -> None:
    site.configure("max_new: 2")
    site.drop("a.xml", export("1001", "1002", "1003"))
    (line,) = site.run().exchanges
    assert site.do("release", line.id) == [f"a.xml ({line.id}): its documents are sent"]
    site.run()
    site.run()
    assert site.numbers() == ["1001", "1002", "1003"]


def test_dropping_at_the_brake_settles_everything_unsent(site: TestSite) -> None:
    site.configure("max_new: 2")
    site.drop("a.xml", export("1001", "1002", "1003"))
    (line,) = site.run().exchanges
    site.do("release", line.id, drop=True)
    site.run()
    assert site.numbers() == []
    assert site.status().matters == ()
    # and they stay known: the same orders do not come again
    site.drop("b.xml", export("1002", "1004"))
    site.run()
    assert site.numbers() == ["1004"]


def test_rehearsal_does_everything_but_ship(site: TestSite) -> None:
    site.configure("rehearsal: true")
    site.drop("a.xml", export("1001"))
    (line,) = site.run().exchanges
    assert (line.state, line.new) == ("held: rehearsal", 1)
    assert site.shipped() == {}
    (story,) = site.story(line.id)
    assert [d["name"] for d in story.deliveries] == ["shop-main_order_1001.xml"]


def test_the_whole_first_day_with_an_old_shop(site: TestSite) -> None:
    """since, rehearsal, then the brake, then adopt: nothing old is ever sent."""
    old = [ShopOrder(f"0{n}", date="2025-05-05 12:00:00") for n in range(50)]
    recent = [ShopOrder(f"9{n}") for n in range(5)]
    site.configure("since: 2026-11-01\nmax_new: 3\nrehearsal: true")
    site.drop("all.xml", export(*old, *recent))
    (line,) = site.run().exchanges
    assert (line.new, line.state, site.numbers()) == (5, "held: max_new", [])
    # the integrator looks at it, and finds that these five were typed in by hand already
    site.do("release", line.id, drop=True)
    site.configure("since: 2026-11-01\nmax_new: 3")
    site.drop("today.xml", export(*old, *recent, ShopOrder("95")))
    site.run()
    assert site.numbers() == ["95"]
