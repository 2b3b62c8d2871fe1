"""Connections to a host are limited, and a host that does not answer is left in peace for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from pyftpdlib.handlers import FTPHandler

from gateway.clock import ManualClock
from gateway.config import load
from gateway.daemon.opening import opened
from gateway.daemon.service import Service
from gateway.errors import EndpointUnreachable, HostUnreachable, LoginRefused
from gateway.exchange.courier import Courier
from gateway.exchange.intake import Waiting
from gateway.exchange.partners import NoConnectionFree, Partners
from gateway.exchange.reading import read_route
from gateway.exchange.reports import site_status
from gateway.exchange.site import Site
from tests.daemon.running import wait_until
from tests.exchange.conftest import TestSite
from tests.exchange.shop import export
from tests.servers import PASSWORD, USER, RunningFtp, ftp_server

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
HOST = "ftp.example.cz:21"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def partners(clock: ManualClock) -> Partners:
    return Partners(clock)


def fail(partners: Partners) -> None:
    with pytest.raises(HostUnreachable), partners.connection(HOST, 2, "ship:a"):
        raise HostUnreachable("ftp://ftp.example.cz:21/: cannot connect: no answer in time", code="E001")


def test_no_more_connections_are_open_than_the_host_may_have(partners: Partners) -> None:
    with partners.connection(HOST, 2, "a"), partners.connection(HOST, 2, "b"):
        with pytest.raises(NoConnectionFree) as caught, partners.connection(HOST, 2, "c"):
            pass
        assert START < caught.value.again < START + timedelta(seconds=1)
        with partners.connection("other.example.cz:21", 1, "c"):
            pass
    with partners.connection(HOST, 2, "c"):
        pass


def test_the_more_lanes_wait_the_less_often_each_of_them_asks(partners: Partners) -> None:
    with partners.connection(HOST, 1, "a"):
        pauses = []
        for number in range(100):
            with pytest.raises(NoConnectionFree) as caught, partners.connection(HOST, 1, f"lane {number}"):
                pass
            pauses.append(caught.value.again - START)
    assert pauses == sorted(pauses)
    assert pauses[-1] > timedelta(seconds=3)


def test_who_may_wait_gets_a_connection_when_one_is_free(partners: Partners, clock: ManualClock) -> None:
    first = partners.connection(HOST, 1, "a")
    first.__enter__()
    real = clock.wait

    def wait(event: threading.Event, seconds: float) -> bool:
        first.__exit__(None, None, None)
        return real(event, seconds)

    clock.wait = wait  # type: ignore[method-assign]
    with partners.connection(HOST, 1, "b", wait=True):
        pass


def test_who_may_wait_gives_up_after_a_minute(partners: Partners, clock: ManualClock) -> None:
    with partners.connection(HOST, 1, "a"):
        with (
            pytest.raises(EndpointUnreachable, match="all connections to ftp"),
            partners.connection(HOST, 1, "b", wait=True),
        ):
            pass
        assert timedelta(seconds=59) < clock.now() - START < timedelta(seconds=61)


def test_a_host_that_did_not_answer_is_not_asked_again_at_once_by_anybody(partners: Partners) -> None:
    fail(partners)
    with pytest.raises(EndpointUnreachable) as caught, partners.connection(HOST, 2, "ship:b"):
        raise AssertionError("nobody may come this far")
    assert not isinstance(caught.value, HostUnreachable)
    assert caught.value.message.startswith(
        "ftp://ftp.example.cz:21/: cannot connect: no answer in time (not tried"
    )


def test_after_a_pause_one_goes_ahead_and_the_others_follow_when_it_was_answered(
    partners: Partners, clock: ManualClock
) -> None:
    fail(partners)
    clock.advance(5)
    with (
        partners.connection(HOST, 2, "ship:a"),
        pytest.raises(EndpointUnreachable),
        partners.connection(HOST, 2, "ship:b"),
    ):
        pass
    with partners.connection(HOST, 2, "ship:b"):
        pass


def test_the_pauses_grow_to_a_minute(partners: Partners, clock: ManualClock) -> None:
    pauses = []
    for _ in range(7):
        fail(partners)
        seconds = 0
        while True:
            try:
                with partners.connection(HOST, 2, "ship:b"):
                    break
            except EndpointUnreachable:
                clock.advance(1)
                seconds += 1
        pauses.append(seconds)
        if len(pauses) < 7:  # it broke down again before anything else was asked
            partners._hosts[HOST].failures = len(pauses)
    assert pauses == [5, 10, 20, 40, 60, 60, 60]


def test_a_refused_login_is_an_answer(partners: Partners) -> None:
    with pytest.raises(LoginRefused), partners.connection(HOST, 2, "ship:a"):
        raise LoginRefused("no", code="E002")
    with partners.connection(HOST, 2, "ship:b"):
        pass


def test_what_a_person_asks_for_is_tried_at_once(partners: Partners) -> None:
    fail(partners)
    partners.try_all_again()
    with partners.connection(HOST, 2, "ship:b"):
        pass


ENDPOINT = f"""\
  shop:
    type: ftp
    host: 127.0.0.1
    port: {{port}}
    user: {USER}
    password: "${{{{file:password}}}}"
    max_connections: 1
"""


def from_ftp(site: TestSite, port: int, routes: str = "") -> None:
    (site.folder / "password").write_text(PASSWORD)
    site.configure("from: {endpoint: shop, after: delete}", endpoints=ENDPOINT.format(port=port), routes=routes)


def test_the_second_look_at_a_remote_folder_holds_neither_worker_nor_connection(
    site: TestSite, tmp_path: Path, clock: ManualClock
) -> None:
    # given a file on a server
    (tmp_path / "shop").mkdir()
    with ftp_server(tmp_path / "shop") as server:
        from_ftp(site, server.port)
        (tmp_path / "shop" / "orders.xml").write_bytes(export("1001"))
        running = Site(load(site.config_path), clock=clock)
        waiting, route = Waiting(), running.routes["shop"]
        # when it is seen for the first time
        first = read_route(running, route, waiting)
        # then it is only noted, without waiting
        assert (first.exchanges, first.look_again, clock.now()) == ((), START + timedelta(seconds=2), START)
        # and once it stood still for two seconds, it is taken
        clock.advance(1)
        assert read_route(running, route, waiting).exchanges == ()
        clock.advance(1)
        assert len(read_route(running, route, waiting).exchanges) == 1
        assert waiting.seen["shop"] == {}
        running.close()


def test_a_remote_file_that_grows_is_waited_for(site: TestSite, tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "shop").mkdir()
    with ftp_server(tmp_path / "shop") as server:
        from_ftp(site, server.port)
        place = tmp_path / "shop" / "orders.xml"
        running = Site(load(site.config_path), clock=clock)
        waiting, route = Waiting(), running.routes["shop"]
        for count in (1, 2, 3):
            place.write_bytes(export(*[f"{1000 + n}" for n in range(count)]))
            assert read_route(running, route, waiting).exchanges == ()
            clock.advance(5)
        assert len(read_route(running, route, waiting).exchanges) == 1
        running.close()


@pytest.fixture
def office(site: TestSite, tmp_path: Path) -> Iterator[tuple[RunningFtp, list[int]]]:
    """A target on an FTP server, and a list that gets longer with each connection."""
    connected: list[int] = []
    (tmp_path / "office" / "pohoda").mkdir(parents=True)
    with ftp_server(tmp_path / "office", on_connect=lambda _handler: connected.append(1)) as server:
        (site.folder / "password").write_text(PASSWORD)
        endpoints = ENDPOINT.format(port=server.port)
        site.configure(endpoints=endpoints, replace=("endpoint: out", "endpoint: shop"))
        yield server, connected


def ship(found: Site, name: str, content: bytes, site: TestSite) -> None:
    site.drop(name, content)
    read_route(found, found.routes["shop"], Waiting())
    Courier(found, found.targets()["pohoda"]).drain()


def test_one_connection_serves_what_comes_within_seconds(
    site: TestSite, office: tuple[RunningFtp, list[int]]
) -> None:
    clock = ManualClock(START)
    with opened(load(site.config_path), clock) as found:
        for number in range(5):
            ship(found, f"orders-{number}.xml", export(f"{1000 + number}"), site)
            found.idle.close_old()
        assert len(office[1]) == 1
        # and after a while of nothing it is given back
        clock.advance(21)
        found.idle.close_old()
        ship(found, "later.xml", export("1005"), site)
        assert len(office[1]) == 2
    assert site.numbers("office/pohoda") == [f"{1000 + n}" for n in range(6)]


def test_a_connection_that_the_server_closed_meanwhile_is_replaced_without_a_word(
    site: TestSite, office: tuple[RunningFtp, list[int]]
) -> None:
    with opened(load(site.config_path), ManualClock(START)) as found:
        office[0].handler.timeout = 1
        ship(found, "orders.xml", export("1001"), site)
        time.sleep(1.5)
        ship(found, "more.xml", export("1002"), site)
        assert site_status(found, running=False).routes[0].waiting == 0
    assert site.numbers("office/pohoda") == ["1001", "1002"]


def test_an_idle_connection_gives_way_to_somebody_who_needs_one(
    site: TestSite, office: tuple[RunningFtp, list[int]]
) -> None:
    with opened(load(site.config_path), ManualClock(START)) as found:
        ship(found, "orders.xml", export("1001"), site)
        with found.partners.connection("127.0.0.1:1", 1, "other"):
            pass
        other = replace(found.targets()["pohoda"].spec, id="other")
        with found.target(other) as side:
            side.refresh()


def test_a_changed_configuration_is_not_served_by_an_old_connection(
    site: TestSite, office: tuple[RunningFtp, list[int]]
) -> None:
    with opened(load(site.config_path), ManualClock(START)) as found:
        ship(found, "orders.xml", export("1001"), site)
        (site.folder / "office" / "elsewhere").mkdir()
        text = site.config_path.read_text().replace("folder: pohoda", "folder: elsewhere")
        site.config_path.write_text(text)
        found.apply(load(site.config_path))
        ship(found, "more.xml", export("1002"), site)
    assert site.numbers("office/elsewhere") == ["1002"]


def test_many_routes_of_one_server_share_its_one_connection_and_all_get_their_turn(
    site: TestSite, tmp_path: Path
) -> None:
    # given thirty routes, each with a folder of its own, of a server that may be asked over one connection
    routes = "".join(
        f"  shop{n}:\n    origin: shop-{n}\n    mapping: shoptet/order\n    every: 1 s\n"
        f"    from: {{endpoint: shop, folder: /f{n}, after: delete}}\n"
        "    to: [{target: pohoda, template: pohoda/order, schema: pohoda/data}]\n"
        for n in range(30)
    )
    for n in range(30):
        (tmp_path / "shop" / f"f{n}").mkdir(parents=True)
    open_now, most = list[int](), list[int]()

    def connected(handler: FTPHandler) -> None:
        open_now.append(id(handler))
        most.append(len(open_now))

    def disconnected(handler: FTPHandler) -> None:
        open_now.remove(id(handler))

    with ftp_server(tmp_path / "shop", on_connect=connected, on_disconnect=disconnected) as server:
        from_ftp(site, server.port, routes)
        for n in range(30):
            (tmp_path / "shop" / f"f{n}" / "orders.xml").write_bytes(export(f"{1000 + n}"))
        service = Service(load(site.config_path))
        daemon = threading.Thread(target=service.run)
        daemon.start()
        # then every order arrives once, and nobody was sent away
        try:
            wait_until(lambda: len(site.numbers()) >= 30, seconds=60)
        finally:
            service.stop.set()
            daemon.join(timeout=30)
    assert site.numbers() == [f"{1000 + n}" for n in range(30)]
    assert max(most) <= 2, "the server notices the end of a connection a moment after the gateway closed it"
