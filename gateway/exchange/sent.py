"""What follows when a delivery arrived, and how long one waits that did not."""

from __future__ import annotations

import random
from datetime import timedelta

from sqlalchemy import Connection, update

from gateway.store import tables

FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(minutes=15)
_posting, _offer = tables.posting, tables.offer


def mark_sent(connection: Connection, delivery_id: str, now: str) -> None:
    """The postings of a delivery that has arrived are sent, and its offers are what the target was told last."""
    connection.execute(
        update(_posting)
        .where(_posting.c.delivery_id == delivery_id, _posting.c.state == "planned")
        .values(state="sent", settled_at=now)
    )
    connection.execute(
        update(_offer)
        .where(_offer.c.delivery_id == delivery_id, _offer.c.state == "drafted")
        .values(state="delivered", delivered=_offer.c.drafted, delivered_at=now)
    )


def delay(attempts: int) -> timedelta:
    """How long to wait after the n-th failure: doubling, to a cap, +-20 % so that lanes do not march in step."""
    seconds = min(LONGEST_DELAY.total_seconds(), FIRST_DELAY.total_seconds() * 2 ** min(attempts - 1, 12))
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
