"""Schedules and lateness: missed slots, the same slot twice, and routes that have gone quiet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from gateway.clock import ManualClock
from gateway.config import load
from gateway.exchange.intake import Waiting
from gateway.exchange.reading import read_route
from gateway.exchange.reports import RouteStatus, site_status
from gateway.exchange.site import Site
from gateway.exchange.slots import close_slot, open_slot
from tests.exchange.conftest import TestSite
from tests.exchange.shop import export

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


Opened = Callable[[str], AbstractContextManager[Site]]


@pytest.fixture
def opened(site: TestSite, clock: ManualClock) -> Opened:
    @contextmanager
    def opening(route: str) -> Iterator[Site]:
        site.configure(route)
        running = Site(load(site.config_path), clock=clock)
        try:
            yield running
        finally:
            running.close()

    return opening


def status_of(site: Site, *, running: bool = True) -> RouteStatus:
    (route,) = site_status(site, running=running).routes
    return route


def test_a_new_schedule_waits_for_its_first_slot(opened: Opened, clock: ManualClock) -> None:
    with opened('schedule: "06:00"') as site:
        spec = site.config.routes["shop"]
        assert open_slot(site, spec) is None
        clock.advance(21 * 3600)
        assert open_slot(site, spec) == "2026-11-21 06:00"


def test_a_slot_is_open_until_it_was_run_and_then_closed_for_good(opened: Opened, clock: ManualClock) -> None:
    with opened('schedule: "06:00"') as site:
        spec = site.config.routes["shop"]
        open_slot(site, spec)
        clock.advance(24 * 3600)
        slot = open_slot(site, spec)
        assert slot is not None
        assert open_slot(site, spec) == slot
        close_slot(site, spec, slot)
        assert open_slot(site, spec) is None


def test_slots_that_were_missed_are_made_up_for_once(opened: Opened, clock: ManualClock) -> None:
    with opened('schedule: ["06:00", "18:00"]') as site:
        spec = site.config.routes["shop"]
        open_slot(site, spec)
        clock.advance(3 * 24 * 3600)
        slot = open_slot(site, spec)
        assert slot == "2026-11-23 06:00"
        close_slot(site, spec, slot)
        assert open_slot(site, spec) is None


def test_the_status_tells_when_a_schedule_runs_next(opened: Opened) -> None:
    with opened('schedule: "14:30 mon-fri"') as site:
        assert status_of(site).next == "at 2026-11-20 14:30"


def test_a_route_that_brings_as_often_as_expected_is_not_late(
    site: TestSite, opened: Opened, clock: ManualClock
) -> None:
    with opened("expect: {every: 1 d, warn_after: 2 h, error_after: 12 h}") as running:
        site.drop("orders.xml", export("1001"))
        read_route(running, running.routes["shop"], Waiting())
        clock.advance(timedelta(hours=25, minutes=59).total_seconds())
        assert status_of(running).state == "up"


def test_a_route_that_has_gone_quiet_is_late_first_as_a_warning_then_as_an_error(
    site: TestSite, opened: Opened, clock: ManualClock
) -> None:
    with opened("expect: {every: 1 d, warn_after: 2 h, error_after: 12 h}") as running:
        # given an input, and none for more than a day
        site.drop("orders.xml", export("1001"))
        read_route(running, running.routes["shop"], Waiting())
        clock.advance(timedelta(hours=26, minutes=1).total_seconds())
        # then
        late = status_of(running)
        assert late.state == "late"
        assert late.problem is not None
        assert (late.problem.code, late.problem.level) == ("G015", "warning")
        assert late.problem.message.startswith("`shop` is late: the last input came 2026-11-20 ")
        assert late.problem.message.endswith(", and one is expected every 1 d")
        # and ten hours later
        clock.advance(timedelta(hours=10).total_seconds())
        late = status_of(running)
        assert late.problem is not None
        assert late.problem.level == "error"
        assert [matter.what for matter in site_status(running, running=True).matters] == ["late"]
        # and when an input comes, it is over
        site.drop("more.xml", export("1002"))
        read_route(running, running.routes["shop"], Waiting())
        assert status_of(running).state == "up"


def test_a_route_that_never_brought_anything_is_late_from_when_it_was_first_looked_at(
    opened: Opened, clock: ManualClock
) -> None:
    with opened("expect: {every: 1 h}") as site:
        assert status_of(site).state == "up"
        read_route(site, site.routes["shop"], Waiting())
        clock.advance(3600)
        read_route(site, site.routes["shop"], Waiting())
        assert status_of(site).state == "up"
        clock.advance(1)
        late = status_of(site)
        assert late.state == "late"
        assert late.problem is not None
        assert late.problem.message.startswith("`shop` is late: nothing has come since 2026-11-20 ")


def test_a_poll_that_finds_the_same_file_again_is_no_sign_of_life(
    site: TestSite, opened: Opened, clock: ManualClock
) -> None:
    """A feed that nobody writes any more stays where it is; only something new counts."""
    with opened("from: {after: keep}\nexpect: {every: 1 h}") as running:
        site.drop("orders.xml", export("1001"))
        read_route(running, running.routes["shop"], Waiting())
        clock.advance(3700)
        read_route(running, running.routes["shop"], Waiting())
        assert status_of(running).state == "late"
