"""Rows 20 and 21 of the fault catalogue: SIGKILL at named points of a pull, a plan and a push."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product

import pytest

from tests.exchange.shop import ShopOrder
from tests.faults.conftest import Between, on
from tests.faults.dying import POINTS, Runner, runner
from tests.faults.figures import Figures

MOMENTS = [(point, after) for point in POINTS for after in (False, True)]


@pytest.fixture(scope="module")
def dying() -> Iterator[Runner]:
    with runner() as running:
        yield running


def killed_at(
    between: Between, dying: Runner, counted: Figures, name: str, moments: list[tuple[str, bool, int]]
) -> None:
    """A new export, a run for each moment that is killed there, then clean runs: the invariants must hold."""
    bad = ShopOrder(f"bad-{name}", payment="Bitcoin")
    between.put(f"orders-{name}.xml", f"{name}-a", f"{name}-b", bad)
    between.expected.remove(bad.number)
    for point, after, number in moments:
        counted["kills"] += dying.run(between.site.config_path, point, number, after=after)
    for _ in range(4):
        dying.run(between.site.config_path)
        if not between.left_at_the_shop():
            break
    dying.run(between.site.config_path)
    between.consumer.look()
    assert sorted(between.consumer.numbers) == sorted(between.expected), f"after kills at {moments}"
    assert between.consumer.halves == []
    assert between.consumer.leftovers() == []
    assert between.left_at_the_shop() == []
    # and the bad order waits for a person, once
    matters = [matter for matter in between.site.status().matters if matter.name == f"order {bad.number}"]
    assert len(matters) == 1
    assert len([name for name in between.site.failed() if bad.number in name and name.endswith(".xml")]) <= 1


@pytest.mark.parametrize("point", list(POINTS))
@on("pyftpdlib")
def test_a_kill_before_and_after_each_side_effect(
    between: Between, dying: Runner, counted: Figures, point: str
) -> None:
    killed_at(between, dying, counted, "before", [(point, False, 1)])
    killed_at(between, dying, counted, "after", [(point, True, 1)])
    assert counted["kills"] == 2, "this point is never reached"


@on("pyftpdlib")
def test_two_kills_one_after_the_other_sampled(between: Between, dying: Runner, counted: Figures) -> None:
    pairs = random.Random(7).sample(list(product(MOMENTS, MOMENTS)), k=12)
    for number, (first, second) in enumerate(pairs):
        killed_at(between, dying, counted, f"{number}", [(*first, 1), (*second, 1)])
    assert counted["kills"] > 12


@pytest.mark.soak
@pytest.mark.parametrize("first", MOMENTS, ids=lambda moment: f"{moment[0]} {'after' if moment[1] else 'before'}")
@on("pyftpdlib")
def test_two_kills_one_after_the_other_all_pairs(
    between: Between, dying: Runner, counted: Figures, first: tuple[str, bool]
) -> None:
    for number, second in enumerate(MOMENTS):
        killed_at(between, dying, counted, f"{number}", [(*first, 1), (*second, 1)])
