"""The gateway as a process and mServer together: killed in the middle of calls, every order is there once."""

from __future__ import annotations

import contextlib
import os
import random
import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.running import gateway, gateway_running, start, wait_until
from tests.exchange.conftest import TestSite
from tests.exchange.shop import export
from tests.pohoda.calls import called_site, states
from tests.pohoda.mserver import PASSING, MServerOffice, Way, listening

_ORDERS_IN_A_FILE = 20
_SETTLED = {"confirmed", "warned", "already_there", "rejected"}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[MServerOffice]:
    with listening(MServerOffice(tmp_path / "books.jsonl")) as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, office: MServerOffice) -> TestSite:
    return called_site(tmp_path / "site", office)


def states_beside_a_daemon(site: TestSite) -> dict[str, str]:
    """The ledger as it stands; the spool is in use by the gateway that runs."""
    query = "SELECT document.key, posting.state FROM posting JOIN document ON document.id = posting.document_id"
    ledger = f"file:{site.folder / 'spool' / 'ledger.db'}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(ledger, uri=True)) as connection:
            return dict(connection.execute(query).fetchall())
    except sqlite3.OperationalError:  # it is being made
        return {}


def is_through(site: TestSite, orders: int) -> bool:
    found = states_beside_a_daemon(site)
    return len(found) == orders and set(found.values()) <= _SETTLED


def each_is_there_once(site: TestSite, office: MServerOffice, orders: int) -> None:
    expected = [f"{number:05}" for number in range(orders)]
    found = states(site)
    assert [number for number in expected if number not in office.orders] == []
    assert office.doubled() == []
    assert {number: state for number, state in found.items() if state == "rejected"} == {}


def test_a_daemon_hands_over_what_is_dropped_and_knows_its_number_at_once(
    site: TestSite, office: MServerOffice
) -> None:
    with gateway_running(site.config_path):
        site.drop("orders.xml", export("00000", "00001"))
        wait_until(lambda: is_through(site, 2))
    each_is_there_once(site, office, 2)
    assert [request.method for request in office.asked] == ["GET", "POST", "POST"]
    assert office.most_at_once == 1


@pytest.mark.parametrize("way", [Way.FINE, Way.SLOW])
def test_a_gateway_that_is_killed_in_the_middle_of_a_call_books_the_order_once(
    site: TestSite, office: MServerOffice, way: Way
) -> None:
    office.pause = 1.0
    office.in_turn(way)
    with (site.folder / "gateway.log").open("ab") as log:
        process = start(site.config_path, log)
        site.drop("orders.xml", export("00000"))
        wait_until(office.posts)  # the request is there, and its answer has yet to be settled
        process.kill()
        process.wait()
    wait_until(lambda: office.at_once == 0)
    with gateway_running(site.config_path):
        wait_until(lambda: is_through(site, 1))
    each_is_there_once(site, office, 1)
    assert len({request.body for request in office.posts()}) == 1


def test_probe_tells_who_answers(site: TestSite, office: MServerOffice) -> None:
    told = gateway(site.config_path, "probe", "office")
    assert told.stdout.startswith(
        "✓ office  POHODA 14302.10 SQL (1.9.2026), company 12345678 (Vzorová s.r.o.), year 2026, idle  ("
    )
    office.year = 2027
    told = gateway(site.config_path, "probe", "office")
    assert told.returncode == 6
    assert (
        f"✗ office  {office.url}/xml: mServer works on the year 2027, and `year:` of the endpoint" in told.stdout
    )


def test_an_mserver_needs_no_ini(site: TestSite) -> None:
    told = gateway(site.config_path, "pohoda-ini", "pohoda", "--database", "StwPh_12345678_2026")
    assert "the target `pohoda` is an mServer, which needs no ini; see docs/pohoda-mserver.md" in told.stderr


def exchange_under_kills(
    site: TestSite, office: MServerOffice, *, files: int, kills: int, bad: int, seconds: float, seed: int
) -> int:
    """Drop files while the gateway is killed and calls go wrong; returns how many orders there are.

    `bad` of a hundred calls do. Each costs a pause of seconds: the more of them, the fewer calls meet a kill.
    """
    chance = random.Random(seed)
    office.pause = 0.05
    office.by_chance(seed, percent=bad, among=PASSING)
    number = 0
    with (site.folder / "gateway.log").open("ab") as log:
        for _ in range(kills):
            process = start(site.config_path, log)
            for _file in range(files // kills):
                wanted = [f"{number + n:05}" for n in range(_ORDERS_IN_A_FILE)]
                number += len(wanted)
                site.drop(f"{wanted[0]}.xml", export(*wanted))
            time.sleep(chance.uniform(1.5, seconds))
            process.kill()
            process.wait()
        office.always(Way.FINE)
        process = start(site.config_path, log)
        try:
            wait_until(lambda: is_through(site, number), seconds=200 + number // 4)
        finally:
            process.terminate()
            process.wait(timeout=60)
    return number


def test_orders_under_kills_and_cut_calls_are_there_exactly_once(site: TestSite, office: MServerOffice) -> None:
    orders = exchange_under_kills(site, office, files=8, kills=4, bad=5, seconds=4, seed=11)
    each_is_there_once(site, office, orders)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_five_thousand_orders_under_kills_and_cut_calls_are_there_exactly_once(
    site: TestSite, office: MServerOffice
) -> None:
    seed = int(os.environ.get("GATEWAY_SEED", "1"))
    orders = exchange_under_kills(site, office, files=250, kills=25, bad=1, seconds=12, seed=seed)
    calls = len(office.posts())
    print(f"\n{orders} orders in {calls} calls, 25 kills, seed {seed}: {len(office.doubled())} doubled")
    each_is_there_once(site, office, orders)


# -- the page ----------------------------------------------------------------------------------------------

PAGE = Path(__file__).parents[2] / "docs" / "pohoda-mserver.md"


@pytest.mark.parametrize("year", [2026, 2027])
def test_the_page_shows_what_probe_really_says(
    tmp_path: Path, office: MServerOffice, monkeypatch: pytest.MonkeyPatch, year: int
) -> None:
    page = PAGE.read_text(encoding="utf-8")
    config = page.partition("```yaml config.yaml\n")[2].partition("```")[0]
    shown = page.split("$ gateway probe pohoda-server\n")[1 if year == 2026 else 2].partition("```")[0]
    (tmp_path / "config.yaml").write_text(config.replace("http://192.168.1.20:444", office.url), encoding="utf-8")
    monkeypatch.setenv("POHODA_PASSWORD", office.login[1])
    office.year = year
    said = gateway(tmp_path / "config.yaml", "probe", "pohoda-server").stdout
    without_seconds = [re.sub(r"\(\d+\.\d+ s\)", "( s)", text) for text in (said, shown)]
    assert without_seconds[0].replace(office.url, "http://192.168.1.20:444") == without_seconds[1]
