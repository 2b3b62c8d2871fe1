"""What is held: a route or target that waits until a person lets it go on."""

from __future__ import annotations

from sqlalchemy import Connection, select

from gateway.errors import PartnerRefused
from gateway.exchange.site import Site
from gateway.store import tables
from gateway.store.ledger import insert_into, tell
from gateway.telemetry import emit

LOGIN_ATTEMPTS = 3


def hold_for_refusal(site: Site, scope: str, error: PartnerRefused) -> None:
    """Stop a route or target whose account is refused; a person mends it and releases it."""
    put_on_hold(site, scope, error.message, actor="gateway")
    emit("held", level="error", scope=scope, reason=error.message)


def put_on_hold(site: Site, scope: str, reason: str, *, actor: str) -> None:
    """Hold a route or target; one that is held already keeps its reason."""
    with site.ledger.write() as connection:
        write_hold(connection, site.ledger.now(), scope, reason, actor=actor)


def write_hold(connection: Connection, now: str, scope: str, reason: str, *, actor: str) -> None:
    """Hold a route or target in the caller's transaction."""
    statement = insert_into(connection, tables.hold)
    values = {"scope": scope, "reason": reason, "actor": actor, "since": now}
    connection.execute(statement.values(**values).on_conflict_do_nothing())
    tell(connection, now, "held", scope=scope, actor=actor, reason=reason)


def held_reason(site: Site, scope: str) -> str | None:
    """Why a route or target is held by a person; None where it is not."""
    with site.ledger.read() as connection:
        reason = connection.execute(select(tables.hold.c.reason).where(tables.hold.c.scope == scope)).scalar()
    return None if reason is None else str(reason)
