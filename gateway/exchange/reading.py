"""One turn on a read lane: the inputs of one origin's routes, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec
from msgspec.structs import replace
from sqlalchemy import func, select

from gateway.clock import monotonic
from gateway.diagnostics import Problem
from gateway.endpoints import PagedSource
from gateway.errors import EndpointError, PartnerRefused
from gateway.exchange.asking import MOST_PAGES
from gateway.exchange.failed import problems_as_json, remove_mended, write_set_aside
from gateway.exchange.holds import LOGIN_ATTEMPTS, held_reason, hold_for_refusal
from gateway.exchange.intake import Intake, Waiting
from gateway.exchange.partners import NoConnectionFree
from gateway.exchange.pipeline import process
from gateway.exchange.prepared import PreparedRoute
from gateway.exchange.room import disk_problem
from gateway.exchange.site import Site
from gateway.store import tables
from gateway.store.ledger import LaneLease, insert_into
from gateway.telemetry import emit

_TURN = 60.0
"""Seconds after which a source that has more pages waits for another turn."""


class ReadResult(msgspec.Struct, frozen=True):
    """What came of looking at one route's source."""

    route: str
    exchanges: tuple[str, ...] = ()
    problem: Problem | None = None
    look_again: datetime | None = None
    failures: int = 0


def recover(site: Site, lease: LaneLease | None = None, *, routes: Sequence[str] | None = None) -> int:
    """Process again what an interruption left open. Returns how many exchanges that were."""
    count = 0
    for name, route in site.routes.items():
        if routes is not None and name not in routes:
            continue
        for exchange_id in Intake(site, route, Waiting(), lease=lease).open_exchanges():
            process(site, route, exchange_id, lease)
            write_set_aside(site, exchange_id)
            remove_mended(site, exchange_id)
            count += 1
    return count


def read_route(
    site: Site,
    route: PreparedRoute,
    waiting: Waiting,
    *,
    lease: LaneLease | None = None,
    patient: bool = True,
    mode: Literal["exchange", "adopt"] = "exchange",
) -> ReadResult:
    """Take in and process what lies at one route's source; that it cannot be reached is a result, not an error."""
    if mode != "adopt" and held_reason(site, f"route:{route.spec.name}") is not None:
        return ReadResult(route.spec.name)  # to adopt is to send nothing, so a hold is no reason against it
    full = disk_problem(site)
    if full is not None:
        failures = note_scan(site, route.spec.name, full)
        emit("disk_full", level="error", route=route.spec.name, reason=full.message)
        return ReadResult(route.spec.name, problem=full, failures=failures)
    if route.spec.by_call:
        recover(site, lease, routes=[route.spec.name])
        note_scan(site, route.spec.name, None)
        return ReadResult(route.spec.name)
    intake = Intake(site, route, waiting, patient=patient, lease=lease)
    try:
        recover(site, lease, routes=[route.spec.name])
        with site.source(route.spec, wait=not patient) as source:
            taken = intake.poll(source, lambda exchange: process(site, route, exchange, lease), mode=mode)
            began, again = monotonic(), None
            for _ in range(MOST_PAGES):
                # Whoever is patient lets others have this worker; the pages go on next time.
                if patient and monotonic() - began > _TURN:
                    again = site.clock.now()
                    break
                if site.stopping.is_set() or not (isinstance(source, PagedSource) and source.next_page()):
                    break
                page = intake.poll(source, lambda exchange: process(site, route, exchange, lease), mode=mode)
                exchanges = taken.exchanges + page.exchanges
                taken = replace(taken, exchanges=exchanges, refused=taken.refused or page.refused)
    except NoConnectionFree as busy:
        return ReadResult(route.spec.name, look_again=busy.again)
    except EndpointError as error:
        problem = endpoint_problem(error)
        failures = note_scan(site, route.spec.name, problem)
        if isinstance(error, PartnerRefused) and failures >= LOGIN_ATTEMPTS:
            hold_for_refusal(site, f"route:{route.spec.name}", error)
        emit("source_unreachable", level="warning", route=route.spec.name, reason=error.message)
        return ReadResult(route.spec.name, problem=problem, failures=failures)
    note_scan(site, route.spec.name, taken.refused)
    return ReadResult(route.spec.name, taken.exchanges, taken.refused, again or taken.look_again)


def endpoint_problem(error: EndpointError) -> Problem:
    """What a partner's side refused, as a problem."""
    return Problem(code=error.code, message=error.message, help=error.help)


def note_scan(site: Site, route: str, problem: Problem | None) -> int:
    """Remember when a route's source was looked at, and what was wrong with it. Returns the failures in a row."""
    failures = 0
    now, table = site.ledger.now(), tables.route_state
    values = {
        "scanned_at": now,
        "failures": 0,
        "succeeded_at": now,
        "problem": None,
    }
    with site.ledger.write() as connection:
        if problem is not None:
            before = connection.execute(select(table.c.failures).where(table.c.route == route)).scalar() or 0
            failures = before + 1
            values = {"scanned_at": now, "failures": failures, "problem": problems_as_json([problem])}
        known_since = func.coalesce(table.c.known_since, now)
        statement = insert_into(connection, table).values(route=route, known_since=now, **values)
        connection.execute(
            statement.on_conflict_do_update(index_elements=["route"], set_={**values, "known_since": known_since})
        )
    return failures
