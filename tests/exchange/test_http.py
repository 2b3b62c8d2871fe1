"""The whole way over HTTP: a feed that is polled, and orders that are uploaded exactly once."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.diagnostics import render_all
from gateway.endpoints.http_upload import HttpTarget
from gateway.exchange.intake import Intake, Waiting
from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder, export
from tests.http_server import Handler, RunningHttp, hang_up, http_server, only, status, takes_and_hangs_up

HASH = "0f9a7c31-secret"
FEED = """\
  feed:
    type: http
    url: {url}
    query: {{hash: "${{file:hash}}"}}
    connect_timeout: 2
    data_timeout: 2
"""
ROUTE = "from: {endpoint: feed, folder: /export/orders.xml}"
OFFICE = """\
  office:
    type: http
    url: {url}
    query: {{hash: "${{file:hash}}"}}
    method: {method}
    connect_timeout: 2
    data_timeout: 2
"""


@pytest.fixture
def shop(site: TestSite) -> Iterator[RunningHttp]:
    """A shop with a feed, and a site whose route polls it."""
    root = site.folder / "shop"
    (root / "export").mkdir(parents=True)
    (site.folder / "hash").write_text(HASH)
    with http_server(root) as server:
        server.required_query = ("hash", HASH)
        site.configure(ROUTE, endpoints=FEED.format(url=server.url))
        yield server


def offer(server: RunningHttp, *orders: str | ShopOrder) -> None:
    """Write the feed, with a time that is old enough to be told from the next one."""
    path = server.root / "export" / "orders.xml"
    before = path.stat().st_mtime if path.exists() else 1_700_000_000
    path.write_bytes(export(*orders))
    os.utime(path, (before + 60, before + 60))


def seen(site: TestSite) -> list[tuple[str, str]]:
    """The exchanges with the moment they were last seen."""
    with sqlite3.connect(site.folder / "spool" / "ledger.db") as ledger:
        return ledger.execute("SELECT id, last_seen FROM exchange ORDER BY received_at, id").fetchall()


def test_a_feed_is_imported_once_and_then_only_what_is_new(site: TestSite, shop: RunningHttp) -> None:
    # when it is polled the first time
    offer(shop, "1001", "1002")
    assert [line.state for line in site.run().exchanges] == ["sent"]
    assert site.numbers() == ["1001", "1002"]
    (first,) = seen(site)
    # and again, unchanged
    shop.asked.clear()
    assert site.run().exchanges == []
    (again,) = seen(site)
    assert (again[0], again[1] > first[1]) == (first[0], True)
    assert [(asked.method, "If-None-Match" in asked.headers) for asked in shop.asked] == [("GET", True)]
    # and once it has a new order
    offer(shop, "1001", "1002", "1003")
    site.run()
    assert site.numbers() == ["1001", "1002", "1003"]
    assert len(seen(site)) == 2
    # and never again
    site.run()
    assert site.numbers() == ["1001", "1002", "1003"]
    assert len(seen(site)) == 2


def test_a_feed_without_any_validator_makes_no_exchange_of_each_poll(site: TestSite, shop: RunningHttp) -> None:
    shop.etags = shop.times = False
    offer(shop, "1001")
    for _ in range(3):
        site.run()
    assert len(seen(site)) == 1
    assert site.numbers() == ["1001"]


def test_a_changed_configuration_reads_the_whole_feed_again(site: TestSite, shop: RunningHttp) -> None:
    # given an order that is left out by its date
    offer(shop, ShopOrder("1001", date="2026-10-01 10:00:00"), "1002")
    endpoints = FEED.format(url=shop.url)
    site.configure(f"{ROUTE}\nsince: 2026-11-01", endpoints=endpoints)
    site.run()
    site.run()
    assert site.numbers() == ["1002"]
    # when the route is changed and the feed is not
    site.configure(ROUTE, endpoints=endpoints)
    shop.asked.clear()
    site.run()
    # then it is read again as a whole, and what was sent is not sent again
    assert "If-None-Match" not in shop.asked[0].headers
    assert site.numbers() == ["1001", "1002"]
    # and only what the present configuration remembers is kept
    with sqlite3.connect(site.folder / "spool" / "ledger.db") as ledger:
        keys = [key for (key,) in ledger.execute("SELECT key FROM remembered WHERE route = 'shop' ORDER BY key")]
    assert [key.partition("@")[0] for key in keys] == ["seen", "taken"]


@pytest.mark.parametrize("step", ["read", "ack"])
def test_an_interruption_loses_no_feed_and_doubles_none(
    site: TestSite, shop: RunningHttp, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    class Killed(BaseException):
        """Nothing catches this: it stands for the end of the process."""

    def ends(*_: object) -> None:
        raise Killed

    offer(shop, "1001")
    with monkeypatch.context() as patch:
        patch.setattr(f"gateway.endpoints.http_feed.HttpSource.{step}", ends)
        with pytest.raises(Killed):
            site.run()
    site.run()
    assert site.numbers() == ["1001"]
    # and it is remembered by then
    shop.asked.clear()
    site.run()
    assert "If-None-Match" in shop.asked[0].headers
    assert len(seen(site)) == 1


def test_a_feed_that_is_cut_brings_nothing_and_is_fetched_again(site: TestSite, shop: RunningHttp) -> None:
    offer(shop, "1001", "1002")
    whole = (shop.root / "export" / "orders.xml").read_bytes()

    def cut(handler: object) -> bool:
        handler.send_response(200)  # type: ignore[attr-defined]
        handler.send_header("Content-Length", str(len(whole)))  # type: ignore[attr-defined]
        handler.end_headers()  # type: ignore[attr-defined]
        handler.wfile.write(whole[:1000])  # type: ignore[attr-defined]
        handler.close_connection = True  # type: ignore[attr-defined]
        return True

    shop.instead = cut
    result = site.run()
    assert result.unreachable == {
        "shop": f"{shop.url}/export/orders.xml?hash=***: the content was cut: 1000 of {len(whole)} bytes came"
    }
    shop.instead = None
    site.run()
    assert site.numbers() == ["1001", "1002"]


def test_a_feed_that_ends_in_the_middle_is_not_fetched_every_other_second(
    site: TestSite, shop: RunningHttp
) -> None:
    """The server gave it whole: it will not grow, and the next regular poll is early enough."""
    (shop.root / "export" / "orders.xml").write_bytes(export("1001")[:-20])
    with site.open() as opened, opened.source(opened.routes["shop"].spec) as source:
        taken = Intake(opened, opened.routes["shop"], Waiting()).poll(source, lambda _: None)
    assert (taken.exchanges, taken.look_again) == ((), None)
    offer(shop, "1001")
    site.run()
    assert site.numbers() == ["1001"]


def test_a_wrong_hash_holds_the_route_after_three_polls_and_stands_nowhere(
    site: TestSite, shop: RunningHttp, capfd: pytest.CaptureFixture[str]
) -> None:
    (site.folder / "hash").write_text("an-old-hash-4711")
    for _ in range(4):
        site.run()
    (matter,) = site.status().matters
    assert (matter.what, matter.name) == ("route held", "shop")
    assert matter.reason == f"{shop.url}/export/orders.xml?hash=***: the login is refused: 401 Unauthorized"
    # and no log, ledger or file of the spool has the hash
    told = "".join(capfd.readouterr())
    files = [path for path in (site.folder / "spool").rglob("*") if path.is_file()]
    assert "an-old-hash-4711" not in told
    assert not [path for path in files if b"an-old-hash-4711" in path.read_bytes()]


# -- uploads -----------------------------------------------------------------------------------------


@pytest.fixture
def office(site: TestSite) -> Iterator[RunningHttp]:
    root = site.folder / "office"
    (root / "pohoda").mkdir(parents=True)
    (site.folder / "hash").write_text(HASH)
    with http_server(root) as server:
        yield server


def ship_to(site: TestSite, office: RunningHttp, method: str) -> None:
    site.configure(
        endpoints=OFFICE.format(url=office.url, method=method), replace=("endpoint: out", "endpoint: office")
    )


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_orders_are_uploaded_once_each(site: TestSite, office: RunningHttp, method: str) -> None:
    ship_to(site, office, method)
    site.drop("orders.xml", export("1001", "1002"))
    site.run()
    site.run()
    assert site.numbers("office/pohoda") == ["1001", "1002"]
    assert office.methods().count(method) == 2


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_receiver_that_is_down_or_busy_loses_nothing_and_doubles_nothing(
    site: TestSite, tmp_path: Path, method: str
) -> None:
    # given a server that is down
    root = tmp_path / "office"
    (root / "pohoda").mkdir(parents=True)
    (site.folder / "hash").write_text(HASH)
    with http_server(root) as gone:
        port = gone.port
    ship_to(site, RunningHttp(root, port=port), method)
    site.drop("orders.xml", export("1001", "1002"))
    assert "connection refused" in site.run().unreachable["pohoda"]
    # and then busy
    with http_server(root, port=port) as office:
        office.instead = only(method, status(503, Retry_After="5"))
        site.run()
        assert site.status().matters == ()
        # when it is itself again
        office.instead = None
        site.run()
    # then everything arrives once, and nobody was asked about it
    assert site.numbers("office/pohoda") == ["1001", "1002"]
    assert site.status().matters == ()


def test_a_put_whose_answer_is_lost_is_settled_by_looking(site: TestSite, office: RunningHttp) -> None:
    ship_to(site, office, "PUT")
    office.instead = takes_and_hangs_up
    site.drop("orders.xml", export("1001"))
    site.run()
    assert office.methods().count("PUT") == 1
    assert site.numbers("office/pohoda") == ["1001"]
    assert site.status().matters == ()
    assert site.story("1001")[0].deliveries[0]["state"] == "delivered"


def test_a_put_whose_answer_is_lost_and_that_left_another_file_is_in_doubt(
    site: TestSite, office: RunningHttp
) -> None:
    # given a server where somebody else's file comes while the answer is lost
    def somebody_else_is_faster(handler: Handler) -> bool:
        handler.file.write_bytes(b"somebody else's")
        return hang_up(handler)

    ship_to(site, office, "PUT")
    office.instead = only("PUT", somebody_else_is_faster)
    site.drop("orders.xml", export("1001"))
    # when
    site.run()
    # then a person is asked to compare the two
    (matter,) = site.status().matters
    assert matter.what == "delivery in_doubt"
    delivery = site.story("1001")[0].deliveries[0]["id"]
    assert render_all(site.problems()) == (
        "error[E007]: a file named `shop-main_order_1001.xml` of another size is there, and the staged one is "
        "gone\n"
        f"  = help: compare the two; then `gateway release {delivery}` (ours arrived) or "
        f"`gateway retry {delivery} --send-again` (it did not)"
    )


def test_a_put_that_broke_down_over_it_is_in_doubt_and_sent_again_only_on_an_explicit_word(
    site: TestSite, office: RunningHttp
) -> None:
    # given a server that answers 500 and shows nothing afterwards
    ship_to(site, office, "PUT")
    office.instead = only("PUT", status(500))
    site.drop("orders.xml", export("1001"))
    site.run()
    office.instead = None
    site.run()
    assert office.methods().count("PUT") == 1
    (matter,) = site.status().matters
    assert matter.what == "delivery in_doubt"
    # when it is looked for again
    (told,) = site.do("retry", "1001")
    delivery = site.story("1001")[0].deliveries[0]["id"]
    assert told == (
        f"shop-main_order_1001.xml: {office.url}/pohoda: it is not there, so it was taken or never came; "
        f"`gateway release {delivery}` calls it delivered, "
        f"`gateway retry {delivery} --send-again` sends it once more"
    )
    # then nothing is sent but by the explicit word
    site.run()
    assert office.methods().count("PUT") == 1
    site.do("retry", "1001", send_again=True)
    site.run()
    assert site.numbers("office/pohoda") == ["1001"]
    assert site.status().matters == ()


def test_a_post_whose_answer_is_lost_is_in_doubt_and_a_person_decides(site: TestSite, office: RunningHttp) -> None:
    ship_to(site, office, "POST")
    office.instead = takes_and_hangs_up
    site.drop("orders.xml", export("1001"))
    site.run()
    office.instead = None
    site.run()
    site.run()
    # then it was sent once, and the person is told what to look for
    assert office.methods() == ["POST"]
    (matter,) = site.status().matters
    delivery = site.story("1001")[0].deliveries[0]["id"]
    reason = (
        "nobody knows whether `shop-main_order_1001.xml` arrived: "
        f"{office.url}/pohoda: what was sent by POST cannot be looked for "
        f"({office.url}/pohoda?hash=***: the server closed the connection)"
    )
    assert matter.reason == reason
    assert render_all(site.problems()) == (
        f"error[G005]: {reason}\n"
        "  = help: look on the server and in the accounting program; then "
        f"`gateway release {delivery}` (it arrived), `gateway retry {delivery}` (it looks again) or "
        f"`gateway retry {delivery} --send-again` (it did not)"
    )
    # and once it was found there, it counts as sent
    assert site.do("release", "1001") == ["shop-main_order_1001.xml counts as delivered"]
    site.run()
    assert office.methods() == ["POST"]
    assert site.story("1001")[0].postings[0].state == "sent"


@pytest.mark.parametrize(("method", "after", "doubted"), [
    ("PUT", False, True), ("PUT", True, False), ("POST", False, True), ("POST", True, True),
])  # fmt: skip
def test_a_process_that_ends_at_an_upload_never_sends_it_twice(
    site: TestSite,
    office: RunningHttp,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    *,
    after: bool,
    doubted: bool,
) -> None:
    class Killed(BaseException):
        """Nothing catches this: it stands for the end of the process."""

    original = HttpTarget.publish

    def ends(self: HttpTarget, staged: object) -> None:
        if after:
            original(self, staged)  # type: ignore[arg-type]
        raise Killed

    ship_to(site, office, method)
    site.drop("orders.xml", export("1001"))
    with monkeypatch.context() as patch:
        patch.setattr(HttpTarget, "publish", ends)
        with pytest.raises(Killed):
            site.run()
    sent = office.methods().count(method)
    site.run()
    assert office.methods().count(method) == sent
    assert [matter.what for matter in site.status().matters] == (["delivery in_doubt"] if doubted else [])


def test_a_refused_login_at_the_upload_is_no_doubt(site: TestSite, office: RunningHttp) -> None:
    ship_to(site, office, "POST")
    office.instead = status(401)
    site.drop("orders.xml", export("1001"))
    for _ in range(4):
        site.run()
    assert office.methods() == ["POST", "POST", "POST"]
    assert [matter.what for matter in site.status().matters] == ["target held"]
    office.instead = None
    site.do("release", "pohoda")
    site.run()
    assert site.numbers("office/pohoda") == ["1001"]


def test_a_fixed_name_waits_until_the_receiver_has_taken_the_file_before(
    site: TestSite, office: RunningHttp
) -> None:
    site.configure(
        endpoints=OFFICE.format(url=office.url, method="PUT"),
        replace=("endpoint: out\n", "endpoint: office\n    file_name: orders.xml\n"),
    )
    site.drop("orders.xml", export("1001", "1002"))
    site.run()
    site.run()
    assert site.numbers("office/pohoda") == ["1001"]
    (office.root / "pohoda" / "orders.xml").unlink()
    site.run()
    assert site.numbers("office/pohoda") == ["1002"]
    assert site.status().matters == ()
