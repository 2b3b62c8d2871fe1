"""The gateway and a simulated office together: every order is there exactly once, and what is not is told."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from datetime import timedelta
from pathlib import Path

import pytest

from tests.daemon.running import start, wait_until
from tests.exchange.conftest import TestSite
from tests.exchange.shop import export
from tests.pohoda.office import BAD_MOODS, Mood, Office, working

UNATTENDED = tuple(mood for mood in BAD_MOODS if mood is not Mood.DENIED)
"""What passes by itself; after a refusal a person has to look."""

_SETTLED = {"confirmed", "warned", "already_there", "rejected"}


@pytest.fixture
def site(tmp_path: Path) -> TestSite:
    made = TestSite(tmp_path / "site") if (tmp_path / "site").mkdir() is None else None
    assert made is not None
    folder = "    folder: pohoda\n"
    answers = f"{folder}    answers: {{folder: pohoda/response, every: 1 s}}\n"
    made.configure(replace=(folder, answers))
    (made.folder / "out" / "pohoda" / "response").mkdir(parents=True)
    return made


@pytest.fixture
def office(site: TestSite) -> Office:
    return Office(site.folder / "out" / "pohoda")


def states(site: TestSite) -> dict[str, str]:
    return {number: state for number, state, _ in site.postings()}


def states_beside_a_daemon(site: TestSite) -> dict[str, str]:
    """The ledger as it stands; the spool is in use by the gateway that runs."""
    with sqlite3.connect(site.folder / "spool" / "ledger.db") as connection:
        query = (
            "SELECT document.key, posting.state FROM posting JOIN document ON document.id = posting.document_id"
        )
        return dict(connection.execute(query).fetchall())


def test_an_order_goes_there_and_its_number_comes_back(site: TestSite, office: Office) -> None:
    # given
    site.drop("orders.xml", export("1001", "1002"))
    site.run()
    # when
    assert office.work() == 2
    site.run()
    # then
    assert states(site) == {"1001": "confirmed", "1002": "confirmed"}
    (posting,) = site.story("1001")[0].postings
    assert [posting.record_number] == [booked.number for booked in office.orders["1001"]]
    # and nothing lies there that the next pass would read again
    assert (site.waiting_at_the_target(), office.work()) == ([], 0)


def test_a_refusal_is_mended_by_a_person_and_nothing_is_lost(site: TestSite, office: Office) -> None:
    office.always(Mood.DENIED)
    site.drop("orders.xml", export("1001", "1002", "1003"))
    site.run()
    office.work()
    site.run()
    assert set(states(site).values()) == {"rejected"}
    # when the rights are given
    office.always(Mood.FINE)
    site.do("release", "pohoda")
    site.do("retry", route="shop")
    site.run()
    office.work()
    site.run()
    # then
    assert set(states(site).values()) == {"confirmed"}
    assert (sorted(office.orders), office.doubled()) == (["1001", "1002", "1003"], [])


def test_an_unknown_stock_code_is_told_and_goes_through_once_it_is_there(site: TestSite, office: Office) -> None:
    site.drop("orders.xml", export("1001"))
    site.run()
    (content,) = site.shipped().values()
    sku = content.split(b"<typ:stockItem><typ:ids>")[1].split(b"<")[0].decode()
    office.unit.unknown_stock = {sku}
    office.work()
    site.run()
    (problem,) = site.story("1001")[0].postings[0].problems
    assert (problem.code, problem.field) == ("R001", "lines[1].sku")
    assert problem.message.endswith(f"(108); `{sku}`")
    # when the card is made there
    office.unit.unknown_stock = set()
    site.do("retry", "1001")
    site.run()
    office.work()
    site.run()
    assert (states(site), office.doubled()) == ({"1001": "confirmed"}, [])


@pytest.mark.parametrize("pack", [1, 7])
@pytest.mark.parametrize("mood", UNATTENDED)
def test_every_bad_mood_passes_without_anybody(site: TestSite, office: Office, mood: Mood, pack: int) -> None:
    folder = "    folder: pohoda\n"
    site.configure(
        settings=f"pack: {pack}", replace=(folder, f"{folder}    answers: {{folder: pohoda/response}}\n")
    )
    numbers = [f"{number}" for number in range(1001, 1021)]
    office.in_turn(*[mood] * 6)
    site.drop("orders.xml", export(*numbers))
    for turn in range(12):
        site.run(later=turn * timedelta(hours=1))
        office.work()
    site.run(later=timedelta(hours=12))
    assert set(states(site).values()) <= {"confirmed", "already_there"}
    assert (sorted(office.orders), office.doubled()) == (numbers, [])
    assert [matter for matter in site.status().matters if matter.what != "input failed"] == []


def exchange_under_kills(site: TestSite, office: Office, *, files: int, orders: int, kills: int, seed: int) -> int:
    """Drop files while the gateway is killed and the office has its moods; returns how many orders there are."""
    chance = random.Random(seed)
    office.by_chance(seed, percent=30, among=UNATTENDED)
    number = 0
    with working(office, every=1_500), (site.folder / "gateway.log").open("ab") as log:
        for _ in range(kills):
            process = start(site.config_path, log)
            for _file in range(files // kills):
                wanted = [f"{number + n:05}" for n in range(orders)]
                number += orders
                site.drop(f"{wanted[0]}.xml", export(*wanted))
            time.sleep(chance.uniform(0.8, 2.5))
            process.kill()
            process.wait()
        office.always(Mood.FINE)
        process = start(site.config_path, log)
        try:
            wait_until(lambda: is_through(site, number), seconds=200 + number // 8)
        finally:
            process.terminate()
            process.wait(timeout=60)
    return number


def is_through(site: TestSite, orders: int) -> bool:
    found = states_beside_a_daemon(site)
    return len(found) == orders and set(found.values()) <= _SETTLED and not site.waiting_at_the_target()


def each_is_there_once(site: TestSite, office: Office, orders: int) -> None:
    expected = [f"{number:05}" for number in range(orders)]
    found = states(site)
    assert [number for number in expected if number not in office.orders] == []
    assert office.doubled() == []
    assert {number: state for number, state in found.items() if state == "rejected"} == {}


def test_orders_under_kills_and_moods_are_there_exactly_once(site: TestSite, office: Office) -> None:
    orders = exchange_under_kills(site, office, files=8, orders=10, kills=4, seed=11)
    each_is_there_once(site, office, orders)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_five_thousand_orders_under_kills_and_moods_are_there_exactly_once(site: TestSite, office: Office) -> None:
    seed = int(os.environ.get("GATEWAY_SEED", "1"))
    orders = exchange_under_kills(site, office, files=100, orders=50, kills=20, seed=seed)
    print(f"\n{orders} orders, 20 kills, seed {seed}: {len(office.doubled())} doubled")
    each_is_there_once(site, office, orders)
