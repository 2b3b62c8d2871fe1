"""The process ends anywhere in the pipeline: the next run has every order exactly once."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.exchange import drafts, failed, intake, pipeline
from gateway.exchange.intake import Intake
from gateway.store import tables
from gateway.store.blobs import Blobs
from gateway.store.ledger import Ledger
from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder, export


class Killed(BaseException):
    """Nothing catches this: it stands for the end of the process."""


def count(site: TestSite, table: Any) -> int:
    with site.open() as opened, opened.ledger.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def ends_at_call(number: int, original: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
    """A function that ends the process at its n-th call."""
    calls = 0

    def wrapped(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number and not after:
            raise Killed
        result = original(*args, **options)
        if calls == number:
            raise Killed
        return result

    return wrapped


SIDE_EFFECTS: list[tuple[Any, str]] = [
    (Blobs, "take_in"),
    (Blobs, "store"),
    (Intake, "_write_row"),
    (Intake, "_put_away"),
    (drafts, "draft"),
    (drafts, "drop"),
    (pipeline, "supersede"),
    (failed, "write_set_aside"),
    (failed, "write_durably"),
    (failed, "remove_mended"),
    (intake, "tell"),
    (pipeline, "tell"),
]


@pytest.mark.parametrize(("place", "name"), SIDE_EFFECTS, ids=[name for _, name in SIDE_EFFECTS])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_process_that_ends_at_a_side_effect_is_finished_by_the_next_run(
    site: TestSite, monkeypatch: pytest.MonkeyPatch, place: Any, name: str, after: bool
) -> None:
    monkeypatch.setattr(pipeline, "BLOCK", 10)
    numbers = [f"{n:04}" for n in range(25)]
    bad = ShopOrder("bad", payment="Bitcoin")
    for call in range(1, 4):
        # given files of which one has two blocks, and one a bad order
        site.drop(f"many-{call}.xml", export(*numbers, f"new-{call}"))
        site.drop(f"few-{call}.xml", export(f"few-{call}", bad))
        # when the process ends at the n-th call
        with monkeypatch.context() as patch:
            patch.setattr(place, name, ends_at_call(call, getattr(place, name), after=after))
            with contextlib.suppress(Killed):
                site.run()
        # then the next run has it all
        site.run()
        expected = sorted(numbers + [f"{kind}-{n}" for kind in ("new", "few") for n in range(1, call + 1)])
        assert site.numbers() == expected
        drop_folder = site.folder / "spool" / "shop" / "in"
        assert [path.name for path in drop_folder.iterdir() if path.is_file()] == []
    # and the bad order lies there once, with its reason
    assert len([name for name in site.failed() if name.endswith(".why.txt")]) == 1


def test_a_cut_file_of_many_blocks_leaves_no_draft_behind(site: TestSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "BLOCK", 50)
    whole = export(*[f"{n:04}" for n in range(300)])
    broken = whole.replace(b"<CODE>0290</CODE>", b"<CODE>0290</COD>")
    site.drop("orders.xml", broken)
    (line,) = site.run().exchanges
    assert line.state == "failed"
    assert site.shipped() == {}
    assert [count(site, table) for table in (tables.version, tables.posting, tables.delivery)] == [0, 0, 0]
    # and the whole file goes through afterwards
    site.drop("orders.xml", whole)
    site.run()
    assert len(site.numbers()) == 300


def test_what_a_crash_left_in_work_and_blobs_is_swept(site: TestSite) -> None:
    site.drop("orders.xml", export("1001"))
    site.run()
    (site.folder / "spool" / "work" / "123-left").write_bytes(b"half a file")
    (site.folder / "spool" / "blobs" / "left.1.deliveries").write_bytes(b"bytes without a row")
    site.run()
    assert list((site.folder / "spool" / "work").iterdir()) == []
    assert not (site.folder / "spool" / "blobs" / "left.1.deliveries").exists()


def test_every_commit_of_a_worker_carries_its_lane_epoch(site: TestSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes of intake, pipeline and courier name their lease; only bookkeeping of the route does not."""
    without: list[str] = []
    original = Ledger.write

    def watched(self: Ledger, lease: Any = None) -> Any:
        caller = sys._getframe(1)
        if lease is None:
            without.append(f"{caller.f_globals['__name__']}.{caller.f_code.co_name}")
        return original(self, lease)

    monkeypatch.setattr(Ledger, "write", watched)
    site.drop("orders.xml", export("1001", ShopOrder("1002", payment="Bitcoin")))
    site.run()
    allowed = {
        "gateway.exchange.reading.note_scan",
        "gateway.exchange.failed.write_set_aside",
        "gateway.exchange.failed.remove_mended",
        "gateway.store.schema._make",
    }
    assert {name for name in without if not name.startswith("gateway.store.lanes.")} <= allowed


class TestUnfinishedFiles:
    """A file that is still being written is not taken; one that is never finished is told."""

    @pytest.fixture
    def half(self) -> bytes:
        return export("1001", "1002")[:-300]

    @pytest.fixture
    def polls(self, site: TestSite) -> Iterator[Callable[[], list[str]]]:
        """Polls with patience, as the daemon does; the clock can be moved."""
        from gateway.clock import ManualClock
        from gateway.config import load
        from gateway.daemon.opening import opened
        from gateway.exchange.courier import Courier
        from gateway.exchange.intake import Waiting
        from gateway.exchange.reading import read_route

        clock, waiting = ManualClock(datetime(2026, 11, 21, 12, tzinfo=UTC)), Waiting()
        with opened(load(site.config_path), clock) as running:

            def poll(minutes: float = 0) -> list[str]:
                clock.advance(minutes * 60)
                result = read_route(running, running.routes["shop"], waiting)
                Courier(running, running.targets()["pohoda"]).drain()
                return list(result.exchanges)

            yield poll

    def test_a_file_that_is_still_being_written_is_left_alone(
        self, site: TestSite, half: bytes, polls: Callable[..., list[str]]
    ) -> None:
        dropped = site.drop("orders.xml", half)
        assert polls() == []
        assert polls(5) == []
        assert dropped.exists()

    def test_it_is_taken_once_it_is_whole(
        self, site: TestSite, half: bytes, polls: Callable[..., list[str]]
    ) -> None:
        dropped = site.drop("orders.xml", half)
        polls()
        dropped.write_bytes(export("1001", "1002"))
        assert len(polls(1)) == 1
        assert site.numbers() == ["1001", "1002"]

    def test_one_that_is_never_finished_is_set_aside_with_its_reason(
        self, site: TestSite, half: bytes, polls: Callable[..., list[str]]
    ) -> None:
        site.drop("orders.xml", half)
        polls()
        (exchange,) = polls(11)
        assert site.shipped() == {}
        why = site.failed()[f"orders.{exchange}.xml.why.txt"]
        assert (
            "error[S008]: the file was not complete within 10 minutes: the end tag of its root element is missing"
            in why
        )

    def test_a_file_that_grows_between_two_looks_is_left_alone(
        self, site: TestSite, polls: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dropped = site.drop("orders.xml", export("1001"))

        def somebody_writes(self: Intake) -> None:
            dropped.write_bytes(export("1001", "1002", "1003"))

        with monkeypatch.context() as patch:
            patch.setattr(Intake, "_wait_for_second_look", somebody_writes)
            assert polls() == []
        assert len(polls()) == 1
        assert site.numbers() == ["1001", "1002", "1003"]


def test_nothing_is_taken_in_while_the_disk_is_nearly_full_and_all_of_it_afterwards(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a disk with 50 MB of room
    dropped = site.drop("orders.xml", export("1001"))
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 50_000_000})())
        site.run()
        (route,) = site.status().routes
    # then the file stays where it is, and the route says why
    assert dropped.exists()
    assert site.shipped() == {}
    assert route.state == "down"
    assert route.problem is not None
    assert route.problem.message == (
        "the disk of the spool has 50 MB left, `minimum_free` wants 200 MB: nothing is taken in"
    )
    # and once there is room, it goes on by itself
    site.run()
    assert site.numbers() == ["1001"]
    assert site.status().routes[0].state == "up"
