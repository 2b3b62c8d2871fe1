"""What an operator asks for: retry, hold, release, adopt, forget, resync, resend.

Beside a running daemon a request is a row that the daemon carries out (`ask`, `carry_out_open`); without one the
command carries it out itself. A request is first turned into steps, so that a dry run tells the very same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec
from sqlalchemy import select, update

from gateway.errors import GatewayError
from gateway.exchange.forgetting import ERASED, forget
from gateway.exchange.naming import Arguments, Step
from gateway.exchange.releasing import adopt, hold, release
from gateway.exchange.resending import resend
from gateway.exchange.resyncing import resync
from gateway.exchange.retrying import retry
from gateway.exchange.site import Site
from gateway.store import tables
from gateway.store.ledger import of_json, to_json
from gateway.telemetry import emit

Action = Literal["retry", "hold", "release", "adopt", "forget", "resync", "resend"]


def ask(site: Site, actor: str, action: Action, arguments: Arguments) -> int:
    """Leave a request for the daemon. Returns its number."""
    with site.ledger.write() as connection:
        result = connection.execute(
            tables.request.insert().values(
                at=site.ledger.now(), actor=actor, action=action, arguments=to_json(arguments)
            )
        )
        assert result.inserted_primary_key is not None
        return int(result.inserted_primary_key[0])


def answer(site: Site, number: int) -> list[str] | None:
    """What became of a request: its lines, or None while the daemon has not come to it."""
    with site.ledger.read() as connection:
        outcome = connection.execute(
            select(tables.request.c.outcome).where(
                tables.request.c.id == number, tables.request.c.done_at.is_not(None)
            )
        ).scalar()
    return None if outcome is None else [str(line) for line in of_json(outcome)]


def carry_out_open(site: Site) -> int:
    """Carry out what operators asked for. Returns how many requests that were."""
    with site.ledger.read() as connection:
        rows = connection.execute(
            select(tables.request).where(tables.request.c.done_at.is_(None)).order_by(tables.request.c.id)
        ).all()
    for row in rows:
        kept = row.arguments
        try:
            arguments = msgspec.json.decode(row.arguments, type=Arguments)
            kept = _kept(arguments)
            lines = carry_out(site, row.actor, row.action, arguments)
        except GatewayError as error:
            lines = [f"refused: {error}"]
        except Exception as error:  # noqa: BLE001 - one request that cannot be carried out must not stop the daemon
            lines = [f"refused: a bug in the gateway: {type(error).__name__}: {error}"]
            emit("bug", level="error", request=row.id, error=f"{type(error).__name__}: {error}")
        with site.ledger.write() as connection:
            connection.execute(
                update(tables.request)
                .where(tables.request.c.id == row.id)
                .values(done_at=site.ledger.now(), outcome=to_json(lines), arguments=kept)
            )
        if kept != row.arguments:
            site.ledger.truncate_log()
    return len(rows)


def _kept(arguments: Arguments) -> str:
    """The arguments as they stay: who was forgotten must not be found in the list of requests."""
    if arguments.email is not None:
        arguments = msgspec.structs.replace(arguments, email=ERASED)
    return to_json(arguments)


def carry_out(site: Site, actor: str, action: Action, arguments: Arguments, *, dry_run: bool = False) -> list[str]:
    """Do what was asked and tell it line by line. Raises UsageError for names that mean nothing."""
    site.partners.try_all_again()
    steps = _STEPS[action](site, actor, arguments)
    if dry_run:
        return [f"would {step.text}" for step in steps]
    return [step.run() or step.text for step in steps]


_STEPS: dict[Action, Callable[[Site, str, Arguments], list[Step]]] = {
    "retry": retry,
    "hold": hold,
    "release": release,
    "adopt": adopt,
    "forget": forget,
    "resync": resync,
    "resend": resend,
}
