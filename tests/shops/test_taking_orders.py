"""Orders out of the API of a shop: each is one input with all that belongs to it, and comes once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from lxml import etree

from gateway.store.ledger import Ledger
from tests.shops.conftest import ApiSite
from tests.shops.prestashop import KEY, PrestaShop
from tests.shops.server import Fault, Request

Shop = tuple[PrestaShop, ApiSite]


def numbers(count: int) -> list[str]:
    return sorted(str(number) for number in range(1, count + 1))


def exchanges(api: ApiSite) -> int:
    with api.site.open() as site, site.ledger.read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM exchange").scalar_one())


def blobs(api: ApiSite) -> list[bytes]:
    """The stored inputs."""
    with api.site.open() as site, site.ledger.read() as connection:
        digests = connection.exec_driver_sql("SELECT input_sha256 FROM exchange ORDER BY id").scalars().all()
        return [site.blobs.read(digest) for digest in digests]


def test_an_order_is_one_stored_input_with_all_that_it_links_to(prestashop: Shop) -> None:
    shop, api = prestashop
    shop.add_orders(1)
    api.run()
    (stored,) = blobs(api)
    root = etree.fromstring(stored)
    assert root.findtext("order/customer/email") == "jana1@example.cz"
    assert root.findtext("order/invoice_address/country/iso_code") == "CZ"
    assert root.findtext("order/currency/iso_code") == "CZK"
    tax = "order/associations/order_rows/order_row/detail/associations/taxes/tax/definition/rate"
    assert root.findtext(tax) == "21.000"
    assert api.site.numbers() == ["1"]


def test_what_was_taken_is_not_taken_again(prestashop: Shop) -> None:
    shop, api = prestashop
    shop.add_orders(3)
    assert len(api.run().exchanges) == 3
    shop.begin_anew()
    assert list(api.run().exchanges) == []
    assert set(shop.questions()) == {"GET /api/orders"}
    assert exchanges(api) == 3


def test_pages_end_nowhere_although_many_orders_have_one_time(prestashop: Shop) -> None:
    shop, api = prestashop
    shop.add_orders(70, step=timedelta(0))
    shop.add_orders(60, step=timedelta(seconds=1))
    api.run()
    assert api.site.numbers() == numbers(130)
    assert len(shop.questions("/api/orders")) < 10


def test_an_order_that_changes_while_others_are_read_is_read_and_none_is_left_out(prestashop: Shop) -> None:
    shop, api = prestashop
    shop.add_orders(120)
    changed: list[Request] = []

    def change(request: Request) -> None:
        if request.path == "/api/orders" and not changed:
            changed.append(request)
            shop.orders[1].changed = datetime(2026, 11, 21, 9, 0)  # noqa: DTZ001 - as the shop writes times
            shop.orders[1].state = 4

    shop.meanwhile = change
    api.run()
    assert api.site.numbers() == numbers(120)


def test_a_change_is_a_further_version_of_the_order(prestashop: Shop) -> None:
    shop, api = prestashop
    shop.add_orders(1)
    api.run()
    shop.orders[1].changed += timedelta(hours=1)
    shop.orders[1].rows[0].quantity += 1
    api.run()
    assert api.site.numbers() == ["1"]
    (matter,) = api.site.status().matters
    assert (matter.what, matter.name) == ("held: changed", "order 1")


@pytest.mark.parametrize("fault", [Fault.CUT_BEFORE, Fault.CUT_WITHIN, Fault.DOWN, Fault.BUSY_FOR_LONG])
def test_whatever_request_fails_every_order_comes_once(prestashop: Shop, fault: Fault) -> None:
    shop, api = prestashop
    shop.add_orders(2)
    api.run()
    every = len(shop.asked)
    for at in range(1, every + 1, 1 if fault is Fault.CUT_BEFORE else 4):
        count = len(shop.orders)
        shop.add_orders(2, start=datetime(2026, 11, 21, 8, 0))  # noqa: DTZ001 - as the shop writes times
        shop.begin_anew()
        shop.faults = {at: fault}
        first = api.run()
        assert first.unreachable or at > len(shop.asked)
        api.run()
        assert api.site.numbers() == numbers(count + 2)
    assert not api.site.status().matters


def test_a_shop_that_asks_to_wait_a_second_is_waited_for(prestashop: Shop) -> None:
    shop, api = prestashop
    shop.add_orders(1)
    shop.faults = {2: Fault.BUSY}
    assert not api.run().unreachable
    assert api.site.numbers() == ["1"]


def test_a_key_that_is_refused_is_told_without_the_key(prestashop: Shop) -> None:
    shop, api = prestashop
    shop.add_orders(1)
    shop.faults = {1: Fault.FORBIDDEN}
    told = api.run().unreachable["shop"]
    assert told == (
        f"{shop.url}/api/orders?display=***&date=***&filter%5Bdate_upd%5D=***&sort=***&limit=***: "
        "the login is refused: 401 Unauthorized"
    )
    assert KEY not in told


def test_a_web_page_is_no_list_of_orders(prestashop: Shop) -> None:
    shop, api = prestashop
    shop.faults = {1: Fault.PAGE}
    assert api.run().unreachable["shop"].endswith(": the server answered with a web page instead of data")
    shop.add_orders(1)
    api.run()
    assert api.site.numbers() == ["1"]


def test_code_lists_are_asked_for_once_a_day(prestashop: Shop) -> None:
    shop, api = prestashop
    shop.add_orders(5)
    api.run()
    for path in ("/api/countries/16", "/api/currencies/1", "/api/carriers/3", "/api/taxes/1"):
        assert shop.questions(path) == [f"GET {path}"]
    assert len(shop.questions("/api/customers")) == 5


def test_a_linked_document_that_is_gone_sets_only_its_order_aside(prestashop: Shop) -> None:
    shop, api = prestashop
    shop.add_orders(3)
    shop.gone = {"/api/customers/2", "/api/addresses/2"}
    api.run()
    assert api.site.numbers() == ["1", "3"]
    assert any(matter.name == "order 2" for matter in api.site.status().matters)


def test_orders_from_before_a_day_are_not_asked_for(prestashop: Shop) -> None:
    shop, api = prestashop
    api.configure(route="    since: 2026-11-21")
    shop.add_orders(1)
    shop.add_orders(1, start=datetime(2026, 11, 21, 9, 0))  # noqa: DTZ001 - as the shop writes times
    api.run()
    assert shop.asked[0].query["filter[date_upd]"] == "[2026-11-20 01:00:00,2999-12-31 23:59:59]"


def test_a_changed_mapping_or_template_does_not_begin_anew(prestashop: Shop) -> None:
    shop, api = prestashop
    shop.add_orders(2)
    api.run()
    api.configure(route="    settings: {country: SK}")
    shop.begin_anew()
    shop.add_orders(1, start=datetime(2026, 11, 21, 9, 0))  # noqa: DTZ001 - as the shop writes times
    api.run()
    assert len(shop.questions("/api/customers")) <= 3
    assert api.site.numbers() == numbers(3)


class Ended(BaseException):
    """The process ends here."""


def test_wherever_the_process_ends_every_order_comes_once(
    prestashop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each write into the ledger is once the last thing that is done."""
    shop, api = prestashop
    original = Ledger.write
    at, written = 1, 0

    @contextmanager
    def ending(ledger: Ledger, *arguments: Any) -> Iterator[Any]:
        nonlocal written
        written += 1
        with original(ledger, *arguments) as connection:
            yield connection
        if written == at:
            raise Ended

    ended = True
    while ended:
        count = len(shop.orders)
        shop.add_orders(2, start=datetime(2026, 11, 20, 8, 0))  # noqa: DTZ001 - as the shop writes times
        written, ended = 0, False
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "write", ending)
            try:
                api.run()
            except Ended:
                ended = True
        api.run()
        assert api.site.numbers() == numbers(count + 2), at
        at += 1
    assert at > 20
    assert not api.site.status().matters


def test_of_many_orders_of_one_second_none_is_left_out_where_one_moves_away(prestashop: Shop) -> None:
    shop, api = prestashop
    shop.add_orders(120, step=timedelta(0))
    shop.add_orders(1, start=shop.orders[1].changed + timedelta(hours=2), step=timedelta(0))

    def move_away(request: Request) -> None:
        if request.path == "/api/orders":
            shop.orders[1].changed += timedelta(hours=1)
            shop.meanwhile = None

    shop.meanwhile = move_away
    api.run()
    assert api.site.numbers() == numbers(121)


def test_a_list_that_is_not_sorted_is_refused_instead_of_followed(prestashop: Shop) -> None:
    shop, api = prestashop
    shop.add_orders(60)
    shop.is_sorted = False
    told = api.run().unreachable["shop"]
    assert told.endswith(": the list is not sorted by the time of change, oldest first")
    assert api.site.numbers() == []


def test_the_hour_that_comes_twice_in_autumn_leaves_no_order_out(prestashop: Shop) -> None:
    shop, api = prestashop
    shop.add_orders(1, start=datetime(2025, 10, 26, 2, 50))  # noqa: DTZ001 - as the shop writes times
    api.run()
    shop.add_orders(1)
    shop.orders[2].changed = datetime(2025, 10, 26, 2, 10)  # noqa: DTZ001 - twenty minutes later
    api.run()
    assert api.site.numbers() == ["1", "2"]


@pytest.mark.parametrize("status", [400, 403, 500])
def test_an_order_whose_linked_document_is_refused_keeps_no_other_one_waiting(
    prestashop: Shop, status: int
) -> None:
    shop, api = prestashop
    shop.add_orders(60)
    shop.refuses_to_show = {"/api/customers/2": status}
    for _ in range(4):
        told = api.run().status
    assert api.site.numbers() == [number for number in numbers(60) if number != "2"]
    assert told is not None
    (problem,) = [route.problem for route in told.routes if route.problem]
    assert problem is not None
    assert "orders-2-" in str(problem)
    shop.refuses_to_show = {}
    api.run()
    assert api.site.numbers() == numbers(60)


def test_after_a_day_such_an_order_is_set_aside_for_a_person(prestashop: Shop) -> None:
    shop, api = prestashop
    shop.add_orders(2)
    shop.refuses_to_show = {"/api/customers/2": 403, "/api/addresses/2": 403}
    api.run()
    api.run(60 * 25)
    assert [matter.name for matter in api.site.status().matters] == ["order 2"]


def test_an_empty_answer_of_a_code_list_is_not_kept(prestashop: Shop) -> None:
    shop, api = prestashop
    shop.add_orders(1)
    shop.empty = {"/api/currencies/1"}
    api.run()
    assert api.site.numbers() == []
    shop.empty = set()
    shop.add_orders(1)
    api.run()
    assert api.site.numbers() == ["2"]
    assert shop.questions("/api/currencies/1") == ["GET /api/currencies/1"] * 2
