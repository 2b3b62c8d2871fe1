"""What was settled long ago loses its contents; what is known of it, and whatever is not settled, stays."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select, update

from gateway.clock import ManualClock, SystemClock
from gateway.config import load
from gateway.daemon.once import run_once
from gateway.daemon.opening import opened
from gateway.errors import UsageError
from gateway.exchange import requests, retention
from gateway.exchange.naming import Arguments
from gateway.exchange.reports import stories
from gateway.exchange.site import Site
from gateway.store import tables
from gateway.store.lanes import Again
from gateway.store.remembered import RouteMemory
from tests.exchange.conftest import QuickClock, TestSite
from tests.exchange.shop import ShopOrder, export
from tests.exchange.test_queries import _reads_everything

KEPT_FOR_EVER = ("exchange", "document", "version", "posting", "delivery", "ack")


class LaterClock(QuickClock):
    """The real time, some days later."""

    def __init__(self, days: float) -> None:
        self._ahead = timedelta(days=days)

    def now(self) -> datetime:
        return SystemClock().now() + self._ahead


def age(site: TestSite, days: float, *, budget: float = 60.0) -> None:
    """Retention as it runs so many days later."""
    with (
        opened(load(site.config_path), LaterClock(days)) as later,
        later.lanes.exclusively(retention.LANE) as lease,
    ):
        retention.drain(later, lease, budget=budget)


def keep(site: TestSite, retention_lines: str, route: str = "") -> None:
    site.configure(route, replace=("version: 1\n", f"version: 1\nretention: {{{retention_lines}}}\n"))


def counts(site: TestSite) -> dict[str, int]:
    with site.open() as opened_site, opened_site.ledger.read() as connection:
        return {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in tables.metadata.tables.items()
        }


def column(site: TestSite, wanted: Any) -> list[Any]:
    with site.open() as opened_site, opened_site.ledger.read() as connection:
        return list(connection.execute(select(wanted)).scalars())


def blobs(site: TestSite) -> list[str]:
    return sorted(path.name for path in (site.folder / "spool" / "blobs").iterdir())


# -- by age ----------------------------------------------------------------------------------------------


def test_what_was_settled_long_ago_loses_its_contents_and_what_is_known_of_it_stays(site: TestSite) -> None:
    # given an exchange of two orders that were sent
    site.drop("a.xml", export("1001", "1002"))
    site.run()
    before = counts(site)
    # when
    age(site, 399)
    assert counts(site) == {**before, "remembered": 1}
    age(site, 401)
    # then
    after = counts(site)
    assert {name: after[name] for name in KEPT_FOR_EVER} == {name: before[name] for name in KEPT_FOR_EVER}
    assert (after["timeline"], after["blob"], blobs(site)) == (0, 0, [])
    assert column(site, tables.version.c.body) == [None, None]
    assert len({*column(site, tables.version.c.significant_fingerprint)}) == 1


def test_an_order_whose_contents_are_gone_is_still_never_sent_twice(site: TestSite) -> None:
    site.drop("a.xml", export("1001", "1002"))
    site.run()
    age(site, 401)
    # when the same file comes, and the same order in another file
    site.drop("a.xml", export("1001", "1002"))
    site.drop("b.xml", export("1002", "1003"))
    site.run()
    # then
    assert site.numbers() == ["1001", "1002", "1003"]


def test_a_change_of_an_order_whose_contents_are_gone_is_held_without_the_old_values(site: TestSite) -> None:
    site.drop("a.xml", export("1001"))
    site.run()
    age(site, 401)
    site.drop("b.xml", export(ShopOrder("1001", price="242.00")))
    site.run()
    story = site.story("1001")[-1]
    assert (story.exchange.state, story.postings[-1].state) == ("nothing new", "held")
    (problem,) = story.postings[-1].problems
    assert (problem.code, problem.context) == ("G003", ("the content that was sent is not stored any more",))
    # and it can be sent all the same
    site.do("release", story.postings[-1].id)
    site.run()
    assert site.numbers() == ["1001", "1001"]


def test_an_order_that_was_cancelled_before_its_contents_went_is_active_again(site: TestSite) -> None:
    site.drop("a.xml", export("1001"))
    site.run()
    site.drop("b.xml", export(ShopOrder("1001", status="Stornována")))
    site.run()
    site.do("release", "1001", drop=True)
    age(site, 401)
    site.drop("c.xml", export(ShopOrder("1001", remark="please send it after all")))
    site.run()
    (problem,) = site.story("1001")[-1].postings[-1].problems
    assert problem.code == "G012"


def test_show_says_that_the_contents_were_removed_and_when(site: TestSite) -> None:
    site.drop("a.xml", export("1001"))
    site.run()
    age(site, 401)
    (story,) = site.story("1001")
    assert story.emptied_at is not None
    day = (datetime.now(UTC) + timedelta(days=401)).strftime("%Y-%m-%d")
    assert story.emptied_at.startswith(day)
    assert (story.exchange.state, story.timeline, story.postings[0].state) == ("sent", (), "sent")


def test_what_was_settled_only_lately_keeps_its_contents(site: TestSite) -> None:
    # given a delivery that somebody settled after a year
    site.drop("a.xml", export("1001"))
    site.run()
    with site.open() as opened_site, opened_site.ledger.write() as connection:
        late = (opened_site.clock.now() + timedelta(days=380)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        connection.execute(update(tables.delivery).values(settled_at=late))
    age(site, 401)
    assert column(site, tables.exchange.c.emptied_at) == [None]
    age(site, 781)
    assert column(site, tables.exchange.c.emptied_at) != [None]


def test_what_belongs_to_no_exchange_ages_out_of_the_timeline_too(site: TestSite) -> None:
    site.do("hold", "shop")
    site.do("release", "shop")
    assert counts(site)["timeline"] == 2
    age(site, 401)
    assert counts(site)["timeline"] == 0


# -- what is not settled ---------------------------------------------------------------------------------


def held_as_changed(site: TestSite) -> None:
    site.drop("a.xml", export("1001"))
    site.run()
    site.drop("b.xml", export(ShopOrder("1001", price="242.00")))
    site.run()


def held_as_a_whole(site: TestSite) -> None:
    site.configure("rehearsal: true")
    site.drop("b.xml", export("1001"))
    site.run()


def set_aside(site: TestSite) -> None:
    site.drop("b.xml", export("1001", ShopOrder("1002", payment="Bitcoin")))
    site.run()


def on_its_way(site: TestSite) -> None:
    site.drop("b.xml", export("1001"))
    with site.open() as opened_site, opened_site.ledger.write() as connection:
        connection.execute(tables.hold.insert().values(scope="target:pohoda", reason="-", actor="-", since="-"))
    site.run()


def in_state(state: str) -> Any:
    def make(site: TestSite) -> None:
        on_its_way(site)
        with site.open() as opened_site, opened_site.ledger.write() as connection:
            connection.execute(update(tables.delivery).values(state=state))

    return make


def not_put_away(site: TestSite) -> None:
    site.drop("b.xml", export("1001"))
    site.run()
    with site.open() as opened_site, opened_site.ledger.write() as connection:
        connection.execute(update(tables.ack).values(done_at=None))


def not_planned(site: TestSite) -> None:
    site.drop("b.xml", export("1001"))
    site.run()
    with site.open() as opened_site, opened_site.ledger.write() as connection:
        connection.execute(update(tables.exchange).values(planned_at=None))


UNSETTLED = {
    "held as changed": held_as_changed,
    "held as a whole": held_as_a_whole,
    "set aside": set_aside,
    "on its way": on_its_way,
    "deferred": in_state("deferred"),
    "shipping": in_state("shipping"),
    "failed": in_state("failed"),
    "in doubt": in_state("in_doubt"),
    "not put away": not_put_away,
    "not planned": not_planned,
}


@pytest.mark.parametrize("make", UNSETTLED.values(), ids=UNSETTLED.keys())
def test_nothing_that_is_not_settled_is_ever_removed(site: TestSite, make: Any) -> None:
    make(site)
    age(site, 4000)
    with site.open() as opened_site, opened_site.ledger.read() as connection:
        row = connection.execute(select(tables.exchange).where(tables.exchange.c.input_name == "b.xml")).one()
        bodies = connection.execute(
            select(tables.version.c.body).where(tables.version.c.exchange_id == row.id)
        ).scalars()
        assert (row.emptied_at, all(body is not None for body in bodies)) == (None, True)
        assert opened_site.blobs.read(row.input_sha256)


def test_where_the_receiver_answers_only_the_answer_settles(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.drop("a.xml", export("1001"))
    site.run()
    monkeypatch.setattr(retention, "answering_targets", lambda _site: {"pohoda": "2000"})
    age(site, 401)
    assert column(site, tables.exchange.c.emptied_at) == [None]
    with site.open() as opened_site, opened_site.ledger.write() as connection:
        connection.execute(update(tables.posting).values(state="confirmed"))
    age(site, 401)
    assert column(site, tables.exchange.c.emptied_at) != [None]


def test_bytes_that_another_exchange_still_needs_stay(site: TestSite) -> None:
    # given the same bytes twice, and a delivery of the second reading that waits
    site.configure("on_change: replace")
    site.drop("a.xml", export("1001"))
    site.run()
    with site.open() as opened_site, opened_site.ledger.write() as connection:
        connection.execute(tables.hold.insert().values(scope="target:pohoda", reason="-", actor="-", since="-"))
    site.drop("a.xml", export(ShopOrder("1001", price="242.00")))
    site.run()
    site.drop("b.xml", export("1001"))
    site.run()
    # when
    age(site, 401)
    # then the first exchange is emptied, and the input that the third shares with it can be read
    with site.open() as opened_site, opened_site.ledger.read() as connection:
        rows = connection.execute(select(tables.exchange).order_by(tables.exchange.c.received_at)).all()
        assert rows[0].emptied_at is not None
        assert rows[0].input_sha256 == rows[2].input_sha256
        assert opened_site.blobs.read(rows[2].input_sha256) == export("1001")


# -- by count and by bytes -------------------------------------------------------------------------------


def test_the_oldest_go_until_so_many_are_left(site: TestSite) -> None:
    keep(site, "keep_exchanges: 2")
    for number in range(1001, 1006):
        site.drop(f"{number}.xml", export(str(number)))
        site.run()
    age(site, 0.1)
    with site.open() as opened_site, opened_site.ledger.read() as connection:
        rows = connection.execute(select(tables.exchange).order_by(tables.exchange.c.received_at)).all()
    assert [row.emptied_at is not None for row in rows] == [True, True, True, False, False]


def test_the_oldest_go_until_the_bytes_fit(site: TestSite) -> None:
    keep(site, "keep_bytes: 25 kB")
    for number in range(1001, 1005):
        site.drop(f"{number}.xml", export(ShopOrder(str(number), remark="x" * 3900)))
        site.run()
    age(site, 0.1)
    taken = sum(path.stat().st_size for path in (site.folder / "spool" / "blobs").iterdir())
    kept = [at is None for at in column(site, tables.exchange.c.emptied_at)]
    assert 0 < taken <= 25_000
    assert 1 <= sum(kept) < 4


def test_what_had_to_go_early_still_tells_what_changed_until_it_is_old(site: TestSite) -> None:
    # given an order whose exchange was emptied for want of room
    keep(site, "keep_exchanges: 1")
    site.drop("a.xml", export("1001"))
    site.run()
    site.drop("other.xml", export("2001"))
    site.run()
    age(site, 0.1)
    # when it changes
    site.drop("b.xml", export(ShopOrder("1001", price="242.00")))
    site.run()
    # then the old values are told
    (problem,) = site.story("1001")[-1].postings[-1].problems
    assert "total.gross: 121.00 → 242.00" in problem.context
    # and once it is old, its contents are gone as well
    site.do("release", "1001", drop=True)
    age(site, 402)
    assert column(site, tables.version.c.body) == [None, None, None]
    assert set(column(site, tables.exchange.c.bodies_kept)) == {0}


# -- how it works ----------------------------------------------------------------------------------------


def test_a_turn_ends_with_its_time_and_goes_on_later(site: TestSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_BATCH", 2)
    for number in range(1001, 1007):
        site.drop(f"{number}.xml", export(str(number)))
        site.run()
    moments = iter([0.0, 0.0, 100.0] + [100.0] * 50)
    monkeypatch.setattr(retention, "monotonic", lambda: next(moments))
    with opened(load(site.config_path), LaterClock(401)) as later:
        with later.lanes.exclusively(retention.LANE) as lease:
            assert retention.drain(later, lease, budget=10) == Again()
        assert retention.is_due(later)
    assert sum(at is not None for at in column(site, tables.exchange.c.emptied_at)) == 2


def test_it_runs_once_an_hour_with_the_daemon_and_with_run_once(site: TestSite) -> None:
    site.drop("a.xml", export("1001"))
    site.run()
    with site.open() as opened_site:
        assert not retention.is_due(opened_site)
    run_once(load(site.config_path), clock=LaterClock(401))
    assert column(site, tables.exchange.c.emptied_at) != [None]


def test_a_crash_before_the_files_are_removed_is_made_good_at_the_next_start(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.drop("a.xml", export("1001"))
    site.run()
    monkeypatch.setattr("gateway.store.blobs.Blobs.unlink", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        age(site, 401)
    assert len(blobs(site)) == 2
    monkeypatch.undo()
    with site.open():
        assert blobs(site) == []


def test_an_input_that_is_gone_cannot_be_read_again_and_that_is_said(site: TestSite) -> None:
    site.drop("a.xml", b"<ORDERS><ORDER>")
    site.run()
    age(site, 401)
    exchange = column(site, tables.exchange.c.id)[0]
    with pytest.raises(UsageError) as caught:
        site.do("retry", exchange)
    day = (datetime.now(UTC) + timedelta(days=401)).astimezone().strftime("%Y-%m-%d")
    assert str(caught.value) == (
        f"the contents of a.xml ({exchange}) were removed by retention on {day}; drop the file again"
    )


def test_no_statement_of_a_run_scans_a_table_that_grows(site: TestSite) -> None:
    keep(site, "keep_exchanges: 1")
    for number in range(1001, 1004):
        site.drop(f"{number}.xml", export(str(number), f"{number}0"))
        site.run()
    statements: dict[str, Any] = {}

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE", "INSERT")):
            statements.setdefault(statement, parameters[0] if many else parameters)

    with opened(load(site.config_path), LaterClock(0.1)) as later:
        event.listen(Engine, "before_cursor_execute", note)
        try:
            with later.lanes.exclusively(retention.LANE) as lease:
                retention.drain(later, lease)
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        with later.ledger.read() as connection:
            scans = [
                (row[3], statement)
                for statement, parameters in statements.items()
                for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                if _reads_everything(row[3])
            ]
    assert scans == []


# -- in general ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_after_any_run_all_that_waits_can_still_be_shipped_and_tried_again(site: TestSite, seed: int) -> None:
    # given a random history of good, bad, changed and repeated orders, with the target held now and then
    chance = random.Random(seed)
    keep(site, f"keep_for: 2 d, keep_exchanges: {chance.randint(1, 4)}")
    for step in range(8):
        orders = [
            ShopOrder(
                str(chance.randint(1001, 1012)),
                price=chance.choice(["121.00", "242.00"]),
                payment=chance.choice(["Dobírka", "Dobírka", "Bitcoin"]),
            )
            for _ in range(chance.randint(1, 3))
        ]
        site.drop(f"{step}.xml", export(*{order.number: order for order in orders}.values()))
        if chance.random() < 0.3:
            site.do(chance.choice(["hold", "release"]), "pohoda")  # type: ignore[arg-type]
        site.run()
        age(site, chance.choice([0, 0.1, 3]))
    # when the mapping is mended, the target released, and everything tried again
    keep(site, "keep_for: 2 d, keep_exchanges: 1", "lookups: {payment: {Bitcoin: card}}")
    age(site, 3)
    with site.open() as opened_site, opened_site.ledger.read() as connection:
        waiting = connection.execute(
            select(tables.delivery.c.content_sha256).where(
                tables.delivery.c.state.not_in(["delivered", "dropped"])
            )
        ).scalars()
        for digest in waiting:
            opened_site.blobs.read(digest)
    site.do("release", "pohoda")
    site.do("retry", route="shop")
    site.run()
    # then all is sent and nothing is set aside any more
    status = site.status()
    (route,) = status.routes
    assert (route.waiting, route.failed, route.in_doubt, route.set_aside) == (0, 0, 0, 0)
    assert {matter.what for matter in status.matters} <= {"held: changed"}
    for matter in status.matters:
        number = matter.name.removeprefix("order ")
        assert "is on its way" in "".join(_release_newest(site, number))


def _release_newest(site: TestSite, number: str) -> list[str]:
    with site.open() as opened_site:
        held = [p for story in stories(opened_site, number) for p in story.postings if p.state == "held"]
        return requests.carry_out(opened_site, "tester", "release", Arguments((held[-1].id,)))


def test_a_site_that_is_opened_for_looking_only_is_left_alone(site: TestSite) -> None:
    site.drop("a.xml", export("1001"))
    site.run()
    with opened(load(site.config_path), ManualClock(datetime.now(UTC) + timedelta(days=900))) as later:
        assert isinstance(later, Site)
        assert retention.is_due(later)
    assert column(site, tables.exchange.c.emptied_at) == [None]


def test_what_is_remembered_of_a_shop_ages_out_and_what_a_source_remembers_does_not(site: TestSite) -> None:
    with site.open() as opened:
        for route in ("target:shop", "shop"):
            RouteMemory(opened.ledger, route, "found").put("id", "17")
    site.run(later=timedelta(days=401))
    with site.open() as opened:
        found = [RouteMemory(opened.ledger, route, "found").get("id") for route in ("target:shop", "shop")]
    assert found == [None, "17"]
