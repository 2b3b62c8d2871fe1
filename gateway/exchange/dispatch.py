"""How one target gets what is due: as files in its folder, or in calls."""

from __future__ import annotations

from gateway.exchange.calling import Caller
from gateway.exchange.courier import Courier
from gateway.exchange.feeds import sources_of
from gateway.exchange.offering import work_out
from gateway.exchange.prepared import PreparedTarget
from gateway.exchange.site import Site
from gateway.store.lanes import Done, DrainResult, WaitUntil
from gateway.store.ledger import LaneLease


def ship(site: Site, target: PreparedTarget, lease: LaneLease | None = None) -> DrainResult:
    """One turn on the lane of a target."""
    again = None
    if target.spec.offers is not None:
        sources = sources_of(site, target)
        if not sources:  # a route of it is in rehearsal or broken: also what was drafted before stays
            return Done()
        again = work_out(site, target, sources, lease)
    way = Caller if target.spec.is_service else Courier
    outcome = way(site, target, lease).drain()
    return WaitUntil(again) if again is not None and isinstance(outcome, Done) else outcome
