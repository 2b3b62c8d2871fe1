"""The slots of a schedule that were run: a missed one is made up for once, the same one is never run twice."""

from __future__ import annotations

from sqlalchemy import select

from gateway.config import RouteSpec
from gateway.exchange.site import Site
from gateway.store import tables
from gateway.store.ledger import insert_into
from gateway.telemetry import emit

_state = tables.route_state


def open_slot(site: Site, spec: RouteSpec) -> str | None:
    """The slot that is to be run now; None where the newest one has been run, or there is no schedule.

    Several that were missed while nobody ran are one. A route that is new waits for its first one.
    """
    if spec.schedule is None:
        return None
    newest = spec.schedule.last_slot(site.clock.now())
    if newest is None:
        return None
    with site.ledger.read() as connection:
        done = connection.execute(select(_state.c.slot_at).where(_state.c.route == spec.name)).scalar()
    if done is None:
        close_slot(site, spec, newest)
        emit("schedule_begins", route=spec.name, next=str(spec.schedule.next_at(site.clock.now())))
        return None
    return newest if newest > done else None


def close_slot(site: Site, spec: RouteSpec, slot: str) -> None:
    """Remember that a slot was run."""
    with site.ledger.write() as connection:
        statement = insert_into(connection, _state).values(
            route=spec.name, known_since=site.ledger.now(), slot_at=slot
        )
        connection.execute(statement.on_conflict_do_update(index_elements=["route"], set_={"slot_at": slot}))
