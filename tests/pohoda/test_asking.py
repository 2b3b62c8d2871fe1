"""POHODA is asked for stock, prices and the states of orders; what it answers reaches the shop."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree

from gateway.exchange.asking import AskSource
from tests.exchange.conftest import TestSite, contents
from tests.exchange.shop import export
from tests.pohoda.calls import ENDPOINT
from tests.pohoda.exporting import Card, ExportingOffice, Standing
from tests.pohoda.mserver import VENDOR, Way, listening

CONFIG = """\
version: 1
merchant: {{company_id: "12345678"}}
endpoints:
  web: {{type: local, path: web}}
{endpoint}
targets:
  pohoda:
    endpoint: office
    lookups: {{payment: {{cash_on_delivery: Dobírkou}}}}
  feed:
    endpoint: web
    folder: feeds
    file_name: stock.xml
    offers: {{mode: full, every: 1 s, rules: {{warehouses: ZBOŽÍ}}}}
  states:
    endpoint: web
    folder: states
routes:
  orders:
    origin: shop-main
    mapping: shoptet/order
    to: [{{target: pohoda, template: pohoda/order, schema: pohoda/data}}]
  stock:
    origin: pohoda
    from: {{ask: {{target: pohoda, template: pohoda-ask/request-stock, page: {page}, {ask}}}}}
    mapping: pohoda/product
    to: [{{target: feed, template: heureka/offer-availability, schema: heureka/availability}}]
  states:
    origin: shop-main
    from: {{ask: {{target: pohoda, template: pohoda-ask/request-orders}}}}
    mapping: pohoda/order_state
    states:
      - {{when: cancelled, is: Stornována}}
      - {{when: invoice_number and delivered, is: Vyřízena}}
      - {{when: executed, is: Připravena}}
    to: [{{target: states, template: shop/order_state, schema: shop/order_states}}]
"""


class Connected:
    """A site between a shop and an office that may be asked."""

    def __init__(self, site: TestSite, office: ExportingOffice) -> None:
        self.site, self.office = site, office
        self.later = timedelta()
        (site.folder / "password").write_text(office.login[1], encoding="utf-8")
        self.configure()

    def configure(self, *, page: int = 500, ask: str = "cursor: changes") -> None:
        text = CONFIG.format(endpoint=ENDPOINT.format(url=self.office.url), page=page, ask=ask)
        self.site.config_path.write_text(text, encoding="utf-8")

    def run(self) -> None:
        self.later += timedelta(minutes=10)
        self.site.run(later=self.later)

    def feed(self) -> dict[str, str]:
        files = contents(self.site.folder / "web" / "feeds")
        if not files:
            return {}
        root = etree.fromstring(next(iter(files.values())))
        return {str(item.get("id")): str(item.findtext("stock_quantity")) for item in root}

    def states(self) -> list[tuple[str, str]]:
        """All states that the shop was told, in order."""
        told = []
        for content in contents(self.site.folder / "web" / "states").values():
            (order,) = etree.fromstring(content)
            told.append((str(order.findtext("number")), str(order.findtext("state"))))
        return told

    def asked(self, kind: str = "listStock") -> list[tuple[int, str | None]]:
        return [(each["id_from"], each["since"]) for each in self.office.export.requests if each["kind"] == kind]


@pytest.fixture
def connected(tmp_path: Path) -> Iterator[Connected]:
    with listening(ExportingOffice(tmp_path / "books.jsonl", vendor=VENDOR)) as office:
        assert isinstance(office, ExportingOffice)
        folder = tmp_path / "site"
        folder.mkdir()
        yield Connected(TestSite(folder), office)


def test_the_stock_of_pohoda_becomes_the_availability_of_the_shop(connected: Connected) -> None:
    connected.office.export.cards = [
        Card(1, "A", "12", "2"),
        Card(2, "B", "0"),
        Card(3, "C", "5", storage="SERVIS"),
    ]
    connected.run()
    assert connected.feed() == {"A": "10", "B": "0"}


def test_a_page_is_asked_for_after_the_other_and_each_begins_behind_the_last_record(connected: Connected) -> None:
    connected.configure(page=2)
    connected.office.export.cards = [Card(number * 10, f"P{number}", "1") for number in range(1, 6)]
    connected.run()
    assert connected.asked() == [(1, None), (21, None), (41, None)]
    assert len(connected.feed()) == 5


def test_the_next_round_asks_for_what_changed_since_pohodas_own_time_less_the_overlap(
    connected: Connected,
) -> None:
    office = connected.office.export
    office.cards = [Card(1, "A", "12"), Card(2, "B", "1")]
    connected.run()

    office.now = "2026-11-20T10:00:00"
    office.cards[0] = Card(1, "A", "11", changed="2026-11-20T09:30:00")
    connected.run()

    assert connected.asked() == [(1, None), (1, "2026-11-20T08:55:00")]
    assert connected.feed() == {"A": "11", "B": "1"}
    connected.run()
    assert connected.asked()[-1] == (1, "2026-11-20T09:55:00")


def test_without_a_cursor_everything_is_asked_for_each_time(connected: Connected) -> None:
    connected.configure(ask="cursor: none")
    connected.office.export.cards = [Card(1, "A", "12")]
    connected.run()
    connected.run()
    assert connected.asked() == [(1, None), (1, None)]


def test_what_is_asked_for_can_be_chosen(connected: Connected) -> None:
    connected.configure(
        ask='cursor: none, settings: {code: A, storage: ZBOŽÍ, internet: "true", query: "Sel = 1"}'
    )
    connected.run()
    assert connected.site.status().matters == ()
    assert connected.asked() == [(1, None)]


def test_every_request_has_ids_of_its_own(connected: Connected) -> None:
    connected.run()
    connected.run()
    packs = [each["pack"] for each in connected.office.export.requests]
    assert len(packs) == len(set(packs)) == 4


def test_a_refused_request_is_told_in_pohodas_words_and_moves_nothing(connected: Connected) -> None:
    office = connected.office.export
    office.cards = [Card(1, "A", "12")]
    office.refuses = "Uživatel nesmí exportovat XML."
    connected.run()
    state = next(route for route in connected.site.status().routes if route.route == "stock")
    assert state.problem is not None
    assert state.problem.code == "E018"
    assert state.problem.message == (
        "pohoda was asked for `pohoda-ask/request-stock` and refuses: Uživatel nesmí exportovat XML."
    )
    assert connected.feed() == {}

    office.refuses = ""
    connected.run()
    assert connected.feed() == {"A": "12"}


@pytest.mark.parametrize("way", [Way.CUT, Way.HALF, Way.PAGE, Way.UNTOLD, Way.BUSY])
def test_an_answer_that_does_not_come_whole_is_asked_for_again(connected: Connected, way: Way) -> None:
    connected.office.export.cards = [Card(1, "A", "12")]
    connected.office.in_turn(way, way)
    connected.run()
    connected.run()
    assert connected.feed() == {"A": "12"}
    assert all(since is None for _, since in connected.asked()[:1])


def test_after_pohodas_clock_was_put_back_everything_is_asked_for_once(connected: Connected) -> None:
    office = connected.office.export
    office.cards, office.now = [Card(1, "A", "5")], "2026-11-20T12:00:00"
    connected.run()
    # Given a clock that ran two hours ahead, and a change right after it was put right
    office.cards[0], office.now = Card(1, "A", "0", changed="2026-11-20T10:01:00"), "2026-11-20T10:02:00"
    connected.run()
    connected.run()
    assert connected.asked()[-1] == (1, None)
    assert connected.feed() == {"A": "0"}


def test_a_process_that_ends_before_the_cursor_moved_asks_for_the_page_again(
    connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected.configure(page=1)
    connected.office.export.cards = [Card(1, "A", "12"), Card(2, "B", "1")]

    class Killed(BaseException):
        pass

    def dies(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(AskSource, "ack", dies)
        with pytest.raises(Killed):
            connected.run()
    connected.run()

    assert connected.feed() == {"A": "12", "B": "1"}


def test_the_state_of_an_order_in_pohoda_becomes_the_shops_own_name_of_it(connected: Connected) -> None:
    connected.site.drop("orders.xml", export("1001", "1002", "1003"), route="orders")
    connected.run()
    connected.run()
    assert connected.states() == []

    office = connected.office.export
    office.now = "2026-11-20T12:00:00"
    office.standing["1001"] = Standing(executed=True, changed="2026-11-20T11:00:00")
    office.standing["1002"] = Standing(cancelled=True, changed="2026-11-20T11:00:00")
    connected.run()
    assert sorted(connected.states()) == [("1001", "Připravena"), ("1002", "Stornována")]

    office.standing["1001"] = Standing(
        executed=True, delivered=True, invoice="2601000005", changed="2026-11-20T12:30:00"
    )
    connected.run()
    connected.run()
    assert sorted(connected.states()) == [("1001", "Připravena"), ("1001", "Vyřízena"), ("1002", "Stornována")]
