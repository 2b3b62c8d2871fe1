"""Products, stock and prices when the process ends anywhere, and when an input comes in the middle of a run."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from sqlalchemy import update

from gateway.exchange import drafts, offering, pipeline, snapshots
from gateway.exchange.offering import Offering
from gateway.store import tables
from gateway.store.blobs import Blobs
from tests.exchange.conftest import TestSite
from tests.exchange.test_offers import Shop
from tests.exchange.test_recovery import Killed, ends_at_call

SIDE_EFFECTS: list[tuple[Any, str]] = [
    (Blobs, "store"),
    (snapshots, "draft_all"),
    (snapshots, "let_count"),
    (snapshots, "mark_pending"),
    (snapshots, "drop"),
    (pipeline, "tell"),
    (offering, "pending_again"),
    (offering, "write_offers"),
    (offering, "no_longer_pending"),
    (drafts, "insert_deliveries"),
]


@pytest.fixture
def shop(site: TestSite) -> Shop:
    return Shop(site)


@pytest.mark.parametrize("mode", ["changes", "full"])
@pytest.mark.parametrize(("place", "name"), SIDE_EFFECTS, ids=[name for _, name in SIDE_EFFECTS])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_process_that_ends_at_a_side_effect_is_finished_by_the_next_run(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, place: Any, name: str, mode: str, after: bool
) -> None:
    monkeypatch.setattr(pipeline, "BLOCK", 2)
    shop.configure(mode, route="complete: true")
    # given a target that knows four products
    shop.counted(A="1", B="1", C="1", D="1")
    shop.run()
    for call in range(1, 4):
        # when one is new, one is gone, one has changed, and the process ends at the n-th call
        shop.counted(A="1", B=str(call + 1), C="1", **{f"N{call}": "7"})
        with monkeypatch.context() as patch:
            patch.setattr(place, name, ends_at_call(call, getattr(place, name), after=after))
            with contextlib.suppress(Killed):
                shop.run()
        # then the next run has told it all
        shop.run()
        told: dict[str, str] = {}
        for file in shop.all_told():
            told |= file
        gone = {f"N{number}": "0" for number in range(1, call)}
        assert told == {"A": "1", "B": str(call + 1), "C": "1", "D": "0", f"N{call}": "7", **gone}


@pytest.mark.parametrize("mode", ["changes", "full"])
def test_what_an_input_changes_in_the_middle_of_a_run_is_told_by_the_next_one(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    shop.configure(mode)
    shop.counted(A="1", B="1")
    shop.run()
    # given a run over A that has read the catalogue already when another input changes A once more
    original = Offering._draft

    def late(self: Offering, run: Any) -> None:
        with self._site.ledger.write() as connection:
            body = b'{"sku":"A","quantity":"9"}'
            connection.execute(update(tables.snapshot).where(tables.snapshot.c.sku == "A").values(body=body))
            connection.execute(update(tables.pending).values(exchange_id="later"))
        original(self, run)

    monkeypatch.setattr(Offering, "_draft", late)
    shop.counted(A="2")
    shop.run()
    assert shop.told()["A"] == "2"
    monkeypatch.undo()

    # then the next run tells it
    with shop.site.open() as site, site.ledger.write() as connection:
        newest = connection.execute(tables.exchange.select().order_by(tables.exchange.c.id.desc())).first()
        assert newest is not None
        connection.execute(update(tables.pending).values(exchange_id=newest.id))
    shop.run()
    assert shop.told()["A"] == "9"
