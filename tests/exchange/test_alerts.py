"""Alerts by a real mail server: once per cause, once when it is over, and a summary every day."""

from __future__ import annotations

import email
import email.policy
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from gateway.clock import ManualClock
from gateway.config import load
from gateway.daemon.opening import opened
from gateway.endpoints.notices import Notices, why_no_address
from gateway.errors import EndpointUnreachable
from gateway.exchange import alerts
from gateway.exchange.holds import put_on_hold
from gateway.exchange.intake import Waiting
from gateway.exchange.reading import read_route
from gateway.exchange.site import Site
from gateway.store.lanes import RetryAt, WaitUntil
from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder, export
from tests.real_servers import free_port

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


class MailServer:
    """A mail server on loopback that keeps what it is given, or refuses all of it."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.refuses = False
        self.port = 0

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - the library's name
        if self.refuses:
            return "554 5.7.1 not today"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        return "250 ok"

    def subjects(self) -> list[str]:
        return [str(message["Subject"]) for message in self.messages]

    def text(self, number: int = -1) -> str:
        body = self.messages[number].get_body(("plain",))
        assert body is not None
        return str(body.get_content()).replace("\r\n", "\n").strip()

    @property
    def address(self) -> str:
        return f"mailto://127.0.0.1:{self.port}?from=gateway@example.com&to=office@example.com&mode=insecure"


@pytest.fixture
def mail() -> Iterator[MailServer]:
    server = MailServer()
    server.port = free_port()
    controller = Controller(server, hostname="127.0.0.1", port=server.port)
    controller.start()
    yield server
    controller.stop()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


Running = Callable[..., Any]


@pytest.fixture
def running(site: TestSite, clock: ManualClock, mail: MailServer) -> Running:
    @contextmanager
    def opening(options: str = "", route: str = "") -> Iterator[Site]:
        site.configure(
            route, replace=("endpoints:\n", f"alerts:\n  notify: {mail.address}\n{options}endpoints:\n")
        )
        with opened(load(site.config_path), clock) as found:
            yield found

    return opening


def look(site: Site) -> None:
    """What the daemon does every ten seconds."""
    if alerts.note(site):
        alerts.drain(site)


def take_in(site: Site) -> None:
    read_route(site, site.routes["shop"], Waiting())


def test_a_held_route_is_told_once_and_once_more_when_it_is_over(
    running: Running, clock: ManualClock, mail: MailServer
) -> None:
    with running() as site:
        # given a route that the gateway holds
        put_on_hold(site, "route:shop", "ftp.example.cz: the login of `shop` is refused", actor="gateway")
        for _ in range(10):
            look(site)
            clock.advance(10)
        # then one mail tells it, with what to do
        assert mail.subjects() == ["[gateway] route held (shop)"]
        assert mail.messages[0]["To"] == "office@example.com"
        assert mail.text() == (
            "route held (shop)\n"
            "  shop: ftp.example.cz: the login of `shop` is refused\n"
            "    do: gateway release shop\n"
            "\n"
            "`gateway status` tells how everything stands."
        )
        # and when it is released, one more
        with site.ledger.write() as connection:
            connection.exec_driver_sql("DELETE FROM hold")
        for _ in range(10):
            look(site)
            clock.advance(10)
        assert mail.subjects()[1:] == ["[gateway] over: route held (shop)"]
        assert mail.text() == "over:\n  route held (shop)\n\n`gateway status` tells how everything stands."


def test_many_orders_that_are_set_aside_are_one_message(
    site: TestSite, running: Running, clock: ManualClock, mail: MailServer
) -> None:
    with running() as found:
        site.drop("orders.xml", export(*[ShopOrder(f"{n}", payment="Bitcoin") for n in range(1001, 1013)]))
        take_in(found)
        look(found)
        assert mail.subjects() == [], "what comes within half a minute is gathered"
        clock.advance(30)
        look(found)
    assert mail.subjects() == ["[gateway] set aside (shop), 12 of them"]
    text = mail.text()
    assert text.count("do: gateway show") == 5
    assert "  and 7 more" in text


def test_more_of_the_same_is_told_again_after_an_hour_and_not_before(
    site: TestSite, running: Running, clock: ManualClock, mail: MailServer
) -> None:
    with running() as found:
        for number in (1, 2, 3):
            site.drop(f"orders-{number}.xml", ShopOrder(f"100{number}", payment="Bitcoin"))
            take_in(found)
            for _ in range(4):
                look(found)
                clock.advance(10)
        assert mail.subjects() == ["[gateway] set aside (shop)"]
        clock.advance(3600)
        look(found)
        look(found)
    assert mail.subjects()[1:] == ["[gateway] set aside (shop), 3 of them"]


def test_another_delivery_that_fails_later_is_told_too(
    site: TestSite, running: Running, clock: ManualClock, mail: MailServer
) -> None:
    """Both were made at the same time; what counts is that there are more than were told of."""
    with running() as found:
        site.drop("orders.xml", export("1001", "1002"))
        take_in(found)
        for number in (1, 2):
            with found.ledger.write() as connection:
                connection.exec_driver_sql(f"UPDATE delivery SET state = 'failed' WHERE sequence <= {number}")
            for _ in range(4):
                look(found)
                clock.advance(1000)
        for _ in range(10):
            look(found)
            clock.advance(1000)
    assert mail.subjects() == [
        "[gateway] delivery failed (shop)",
        "[gateway] delivery failed (shop), 2 of them",
    ]


def test_a_partner_that_does_not_answer_is_told_only_once_it_lasts(
    site: TestSite, running: Running, clock: ManualClock, mail: MailServer
) -> None:
    drop = site.folder / "out" / "export"
    drop.mkdir(parents=True)
    with running(route="from: {endpoint: out, folder: export}") as found:
        # given a source that is gone for ten minutes
        drop.rename(drop.with_name("gone"))
        for _ in range(60):
            take_in(found)
            look(found)
            clock.advance(10)
        drop.with_name("gone").rename(drop)
        take_in(found)
        look(found)
        # then nobody is told
        clock.advance(3600)
        look(found)
        assert mail.subjects() == []
        # and when it is gone for longer, it is told once
        drop.rename(drop.with_name("gone"))
        for _ in range(60):
            take_in(found)
            look(found)
            clock.advance(30)
    assert mail.subjects() == ["[gateway] cannot be reached (source of shop)"]
    assert "cannot be listed: No such file or directory" in mail.text()


def test_what_comes_and_goes_is_one_cause(running: Running, clock: ManualClock, mail: MailServer) -> None:
    with running() as site:
        for _ in range(20):
            put_on_hold(site, "route:shop", "refused", actor="gateway")
            look(site)
            clock.advance(31)
            look(site)
            with site.ledger.write() as connection:
                connection.exec_driver_sql("DELETE FROM hold")
            clock.advance(10)
            look(site)
    assert mail.subjects() == ["[gateway] route held (shop)"]


def test_a_full_disk_is_told(
    running: Running, clock: ManualClock, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running() as site:
        usage = shutil.disk_usage(site.spool.root)
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1_000_000))
        look(site)
        clock.advance(31)
        look(site)
    assert mail.subjects() == ["[gateway] disk full"]
    assert "the disk of the spool has 1 MB left, `minimum_free` wants 200 MB: nothing is taken in" in mail.text()


def test_a_late_route_is_told_as_a_warning_and_again_as_an_error(
    running: Running, clock: ManualClock, mail: MailServer
) -> None:
    with running(route="expect: {every: 1 h, error_after: 5 h}") as site:
        take_in(site)
        for _ in range(20):
            clock.advance(1800)
            look(site)
    assert mail.subjects() == ["[gateway] late (shop)", "[gateway] late (shop)"]


def test_a_tripped_brake_is_told(site: TestSite, running: Running, clock: ManualClock, mail: MailServer) -> None:
    with running(route="max_new: 1") as found:
        site.drop("orders.xml", export("1001", "1002"))
        take_in(found)
        look(found)
        clock.advance(31)
        look(found)
    assert mail.subjects() == ["[gateway] held: max_new (shop)"]


def test_an_alert_that_cannot_be_told_is_kept_and_told_later(
    running: Running, clock: ManualClock, mail: MailServer
) -> None:
    with running() as site:
        put_on_hold(site, "route:shop", "refused", actor="gateway")
        look(site)
        clock.advance(31)
        mail.refuses = True
        assert alerts.note(site)
        outcome = alerts.drain(site)
        assert isinstance(outcome, RetryAt)
        assert outcome.error.startswith("nobody could be told: address 1 (mailto): ")
        assert "office@example.com" not in outcome.error
        mail.refuses = False
        alerts.drain(site)
        alerts.drain(site)
    assert mail.subjects() == ["[gateway] route held (shop)"]


def test_a_restart_tells_nothing_twice(running: Running, clock: ManualClock, mail: MailServer) -> None:
    for _ in range(3):
        with running() as site:
            put_on_hold(site, "route:shop", "refused", actor="gateway")
            look(site)
            clock.advance(31)
            look(site)
    assert mail.subjects() == ["[gateway] route held (shop)"]


def test_the_summary_comes_every_day_also_where_nothing_waits(
    site: TestSite, running: Running, clock: ManualClock, mail: MailServer
) -> None:
    with running('  daily: "07:00"\n') as found:
        look(found)
        assert mail.subjects() == [], "none on the day on which it is switched on"
        outcome = alerts.drain(found)
        assert outcome == WaitUntil(datetime(2026, 11, 21, 6, 0, tzinfo=UTC))
        clock.advance(86400)
        for _ in range(3):
            look(found)
        assert mail.subjects() == ["[gateway] summary of 2026-11-21"]
        assert mail.text() == "In the last 24 hours:\n  shop: 0 documents sent, state up\n\nNothing waits for you."
        site.drop("orders.xml", ShopOrder("1001", payment="Bitcoin"))
        take_in(found)
        clock.advance(86400)
        alerts.drain(found)
    assert "Waiting for you (1):\n  set aside (shop) order 1001: " in mail.text()


def test_run_once_tells_at_its_end(site: TestSite, mail: MailServer) -> None:
    site.configure(replace=("endpoints:\n", f"alerts:\n  notify: {mail.address}\n  name: Novák\nendpoints:\n"))
    site.drop("orders.xml", ShopOrder("1001", payment="Bitcoin"))
    site.run()
    site.run()
    assert mail.subjects() == ["[Novák] set aside (shop)"]


def test_one_address_that_takes_it_is_enough(mail: MailServer) -> None:
    Notices(["mailto://127.0.0.1:1?from=a@example.com&to=b@example.com&mode=insecure", mail.address]).send(
        "t", "x"
    )
    assert mail.subjects() == ["t"]


def test_a_refusal_names_no_secret() -> None:
    with pytest.raises(EndpointUnreachable) as caught:
        Notices(["json://bookkeeper:Pa55word@127.0.0.1:1/hidden-path"]).send("t", "x")
    for secret in ("bookkeeper", "Pa55word", "hidden-path"):
        assert secret not in caught.value.message


def test_an_address_that_means_nothing_is_refused_without_being_repeated() -> None:
    said = why_no_address("offce@example.cz")
    assert said is not None
    assert "offce" not in said
    assert why_no_address("mailto://gateway:secret@example.cz?to=office@example.cz") is None
