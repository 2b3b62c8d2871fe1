"""How one target gets what is due: as files in its folder, or in calls."""

from __future__ import annotations

from gateway.exchange.calling import Caller
from gateway.exchange.courier import Courier
from gateway.exchange.offering import work_out
from gateway.exchange.site import PreparedTarget, Site
from gateway.store.lanes import Done, DrainResult, WaitUntil
from gateway.store.ledger import LaneLease


def ship(site: Site, target: PreparedTarget, lease: LaneLease | None = None) -> DrainResult:
    """One turn on the lane of a target."""
    again = work_out(site, target, lease)
    way = Caller if target.spec.is_service else Courier
    outcome = way(site, target, lease).drain()
    return WaitUntil(again) if again is not None and isinstance(outcome, Done) else outcome
