"""`gateway run --once`: look at every source once, ship what there is, and end."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from gateway.clock import Clock
from gateway.config import Config
from gateway.daemon.opening import opened
from gateway.exchange import alerts, retention
from gateway.exchange.dispatch import ship
from gateway.exchange.intake import Waiting
from gateway.exchange.reading import ReadResult, read_route
from gateway.exchange.reports import ExchangeLine, SiteStatus, recent_exchanges, site_status
from gateway.exchange.requests import carry_out_open
from gateway.exchange.site import Site
from gateway.store.lanes import Again, RetryAt


class OnceResult(msgspec.Struct):
    """What one run did."""

    reads: list[ReadResult] = msgspec.field(default_factory=list)
    unreachable: dict[str, str] = msgspec.field(default_factory=dict)
    exchanges: list[ExchangeLine] = msgspec.field(default_factory=list)
    status: SiteStatus | None = None


def run_once(
    config: Config, *, clock: Clock | None = None, told: Callable[[str], None] = lambda _: None
) -> OnceResult:
    """One whole turn. Raises SpoolInUse where a daemon holds the spool."""
    result = OnceResult()
    with opened(config, clock) as site:
        carry_out_open(site)
        for name, route in site.routes.items():
            told(f"reading {name}")
            with site.lanes.exclusively(route.spec.read_lane) as lease:
                read = read_route(site, route, Waiting(), lease=lease, patient=False)
            result.reads.append(read)
            if read.problem is not None and read.problem.code.startswith("E"):
                result.unreachable[name] = read.problem.message
        _ship_all(site, result, told)
        alerts.note(site)
        with site.lanes.exclusively(alerts.LANE) as lease:
            untold = alerts.drain(site, lease, at_once=True)
        if isinstance(untold, RetryAt):
            result.unreachable["alerts"] = untold.error
        if retention.is_due(site):
            with site.lanes.exclusively(retention.LANE) as lease:
                retention.drain(site, lease)
        new = {exchange for read in result.reads for exchange in read.exchanges}
        result.exchanges = [line for line in recent_exchanges(site, limit=len(new) + 50) if line.id in new]
        result.status = site_status(site, running=False)
    return result


def _ship_all(site: Site, result: OnceResult, told: Callable[[str], None]) -> None:
    for name, target in site.targets().items():
        told(f"shipping to {name}")
        with site.lanes.exclusively(target.lane) as lease:
            outcome = ship(site, target, lease)
            while isinstance(outcome, Again):
                outcome = ship(site, target, lease)
        if isinstance(outcome, RetryAt):
            result.unreachable[name] = outcome.error
