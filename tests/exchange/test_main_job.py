"""The main job: a dropped export becomes POHODA orders at the target, each exactly once."""

from __future__ import annotations

from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder, export


def test_every_order_of_a_dropped_file_becomes_a_file_of_its_own(site: TestSite) -> None:
    # given
    site.drop("orders.xml", export("1001", "1002", "1003"))
    # when
    result = site.run()
    # then
    assert list(site.shipped()) == [f"shop-main_order_{n}.xml" for n in ("1001", "1002", "1003")]
    assert site.numbers() == ["1001", "1002", "1003"]
    assert [(line.state, line.new) for line in result.exchanges] == [("sent", 3)]
    assert result.status is not None
    assert result.status.summary == "3 documents were sent today; nothing waits for you"


def test_the_input_is_put_away_beside_the_drop_folder(site: TestSite) -> None:
    dropped = site.drop("orders.xml", export("1001"))
    site.run()
    assert not dropped.exists()
    assert (dropped.parent / "done" / "orders.xml").read_bytes() == export("1001")


def test_the_ids_of_a_pack_depend_on_the_order_alone(site: TestSite) -> None:
    site.drop("orders.xml", export("1001"))
    site.run()
    (content,) = site.shipped().values()
    assert b'id="shop-main:order:1001"' in content
    assert content.count(b'id="shop-main:order:1001"') == 2


def test_with_pack_several_orders_share_a_file(site: TestSite) -> None:
    site.configure(settings="pack: 2")
    site.drop("orders.xml", export("1001", "1002", "1003"))
    site.run()
    assert site.numbers() == ["1001", "1002", "1003"]
    assert sorted(content.count(b"<dat:dataPackItem ") for content in site.shipped().values()) == [1, 2]


def test_the_same_file_dropped_twice_is_a_duplicate_and_sends_nothing(site: TestSite) -> None:
    site.drop("orders.xml", export("1001"))
    site.run()
    site.drop("orders-again.xml", export("1001"))
    result = site.run()
    assert site.numbers() == ["1001"]
    assert [line.state for line in result.exchanges] == ["duplicate"]


def test_an_order_in_two_files_is_sent_once(site: TestSite) -> None:
    site.drop("morning.xml", export("1001", "1002"))
    site.run()
    site.drop("evening.xml", export("1002", "1003"))
    result = site.run()
    assert site.numbers() == ["1001", "1002", "1003"]
    (line,) = result.exchanges
    assert (line.new, line.same, line.changed) == (1, 1, 0)


def test_another_status_or_note_is_no_change(site: TestSite) -> None:
    site.drop("a.xml", ShopOrder("1001"))
    site.run()
    site.drop("b.xml", ShopOrder("1001", status="Vyřízena", remark="Zavolejte prosím"))
    result = site.run()
    assert site.numbers() == ["1001"]
    assert [(line.same, line.changed) for line in result.exchanges] == [(1, 0)]
    assert site.status().matters == ()


def test_two_shops_with_the_same_order_number_never_collide(site: TestSite) -> None:
    other = """\
  other:
    origin: other-shop
    mapping: shoptet/order
    to: [{target: pohoda, template: pohoda/order, schema: pohoda/data}]
"""
    site.configure(routes=other)
    site.drop("orders.xml", export("1001"))
    site.drop("orders.xml", export("1001"), route="other")
    site.run()
    assert list(site.shipped()) == ["other-shop_order_1001.xml", "shop-main_order_1001.xml"]


def test_two_routes_of_one_shop_share_its_orders(site: TestSite) -> None:
    second = """\
  second:
    origin: shop-main
    mapping: shoptet/order
    to: [{target: pohoda, template: pohoda/order, schema: pohoda/data}]
"""
    site.configure(routes=second)
    site.drop("by-hand.xml", export("1001"))
    site.drop("by-export.xml", export("1001", "1002"), route="second")
    site.run()
    assert site.numbers() == ["1001", "1002"]


def test_an_order_number_with_unsafe_characters_gets_a_safe_file_name(site: TestSite) -> None:
    site.drop("orders.xml", export("2026/00:1"))
    site.run()
    (name,) = site.shipped()
    assert name.startswith("shop-main_order_2026-00-1-")
    assert name.endswith(".xml")
    assert site.numbers() == ["2026/00:1"]


def test_an_export_without_orders_is_no_failure(site: TestSite) -> None:
    site.drop("orders.xml", b"<ORDERS></ORDERS>")
    result = site.run()
    assert [(line.state, line.records) for line in result.exchanges] == [("nothing new", 0)]
    assert site.failed() == {}


def test_a_thousand_orders_of_one_file_arrive_in_order(site: TestSite) -> None:
    numbers = [f"{n:05}" for n in range(1200)]
    site.drop("orders.xml", export(*numbers))
    site.run()
    assert site.numbers() == numbers
    (story,) = site.story("01100")
    assert story.exchange.records == 1200
