"""`gateway resend --as-new`: a document that was deleted at its receiver goes there once more, under new ids."""

from __future__ import annotations

import pytest

from gateway.errors import UsageError
from tests.exchange.conftest import TestSite, contents
from tests.exchange.shop import ShopOrder


def items(site: TestSite) -> list[str]:
    import re

    found = []
    for content in contents(site.folder / "out" / "pohoda", "*.xml").values():
        found += re.findall(r'dataPackItem version="2.0" id="([^"]+)"', content.decode("windows-1250"))
    return found


def test_it_goes_under_ids_that_its_receiver_does_not_know(site: TestSite) -> None:
    site.drop("orders.xml", ShopOrder("1001"))
    site.run()

    (said,) = site.do("resend", "1001")
    site.run()

    assert said.startswith("1001 is on its way to pohoda as shop-main_order_1001-AGAIN1")
    assert said.endswith(", under new ids")
    first, second = sorted(items(site), key=len)
    assert first == "shop-main:order:1001"
    assert second != first
    assert [state for _, state, _ in site.postings()] == ["sent", "sent"]


def test_each_time_under_others(site: TestSite) -> None:
    site.drop("orders.xml", ShopOrder("1001"))
    site.run()
    site.do("resend", "1001")
    site.run()
    (_, newest) = [posting for story in site.story("1001") for posting in story.postings]
    site.do("resend", newest.id)
    site.run()
    assert len(set(items(site))) == 3


def test_what_was_not_sent_is_not_sent_as_new(site: TestSite) -> None:
    site.configure("rehearsal: true")
    site.drop("orders.xml", ShopOrder("1001"))
    site.run()
    with pytest.raises(UsageError) as caught:
        site.do("resend", "1001")
    assert str(caught.value) == "`1001` is planned: only what was sent can be sent as new; `gateway show 1001`"


def test_the_same_order_that_comes_again_is_not_sent_once_more_after_it(site: TestSite) -> None:
    site.drop("orders.xml", ShopOrder("1001"))
    site.run()
    site.do("resend", "1001")
    site.run()
    site.drop("again.xml", ShopOrder("1001", remark="a note that changes nothing"))
    site.run()
    assert len(items(site)) == 2
