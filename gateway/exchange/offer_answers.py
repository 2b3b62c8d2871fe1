"""What a receiver answers about products, stock and prices that it was told.

Offers have no history: an answer to an earlier file about a code that was told anew since says nothing of how it
stands now, and is let be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, and_, func, or_, select, update

from gateway.diagnostics import Problem
from gateway.documents import Receipt, RemarkLevel, Verdict, encode
from gateway.exchange.failed import problems_as_json
from gateway.exchange.feeds import wait_for
from gateway.exchange.sent import mark_sent
from gateway.store import tables
from gateway.store.ledger import tell

_delivery, _offer = tables.delivery, tables.offer


_may_have_arrived = or_(
    _delivery.c.published_at.is_not(None),
    _delivery.c.state == "in_doubt",
    and_(_delivery.c.state == "shipping", _delivery.c.publish_begun == 1, _delivery.c.staged_name.is_not(None)),
)
"""What is still to be shipped is never settled by the answer to an earlier file of its name."""


class Told(msgspec.Struct):
    """What the answers of one file lead to: how many say something, the codes of those about nothing of ours."""

    settled: int = 0
    refused: str | None = None
    orphans: tuple[int, ...] = ()


def settle_offers(
    connection: Connection,
    row: Row[tuple[object, ...]],
    target: str,
    receipts: Sequence[tuple[int, Receipt]],
    *,
    call: str | None,
    take_away: bool,
    now: str,
) -> Told:
    """Settle what the answers of a file say, in the caller's transaction. call: the delivery it was given to."""
    told, orphans = Told(), []
    reached: dict[str, Row[Any]] = {}
    for position, receipt in receipts:
        delivery, offers = _meant(connection, target, str(row.input_name), receipt, call)
        if delivery is None:
            orphans.append(position)
            continue
        reached[str(delivery.id)] = delivery
        _keep(connection, row, position, target, delivery, receipt, now)
        for offer in offers:
            _apply(connection, offer, receipt, now)
            told.settled += 1
        if receipt.verdict is Verdict.REFUSED:
            told.refused = receipt.text or "it refuses whole files"
        if receipt.verdict in (Verdict.BUSY, Verdict.REFUSED):
            _tell_again(connection, target, delivery, offers)
    for delivery in reached.values():
        _answered(connection, delivery, now, take_away=take_away)
    told.orphans = tuple(orphans)
    return told


def _meant(
    connection: Connection, target: str, name: str, receipt: Receipt, call: str | None
) -> tuple[Row[Any] | None, Sequence[Row[Any]]]:
    """The file that an answer is about and the offers of it that still stand as they were told there."""
    if receipt.item is not None:
        offer = connection.execute(
            select(_offer).where(_offer.c.target == target, _offer.c.item_id == receipt.item)
        ).one_or_none()
        if offer is not None and offer.delivery_id is not None:
            carried = select(_delivery).where(_delivery.c.id == offer.delivery_id, _may_have_arrived)
            found = connection.execute(carried).one_or_none()
            if found is not None:
                return found, [offer]
    meant = _delivery.c.name == name if call is None else _delivery.c.id == call
    delivery = connection.execute(
        select(_delivery)
        .where(_delivery.c.target == target, meant, _may_have_arrived)
        .order_by(_delivery.c.sequence.desc())
        .limit(1)
    ).one_or_none()
    if delivery is None or receipt.item is not None:
        return delivery, ()
    offers = connection.execute(
        select(_offer).where(_offer.c.target == target, _offer.c.delivery_id == delivery.id)
    )
    return delivery, offers.all()


def _keep(
    connection: Connection,
    row: Row[tuple[object, ...]],
    position: int,
    target: str,
    delivery: Row[Any],
    receipt: Receipt,
    now: str,
) -> None:
    connection.execute(
        tables.receipt.insert().values(
            exchange_id=row.id,
            position=position,
            target=target,
            delivery_id=delivery.id,
            verdict=receipt.verdict.value,
            body=encode(receipt),
            at=now,
        )
    )


def _apply(connection: Connection, offer: Row[Any], receipt: Receipt, now: str) -> None:
    """What is taken stays told; what is rejected is not there, and a person is told why."""
    values: dict[str, Any] = {}
    if receipt.verdict is Verdict.REJECTED:
        problem = _rejected(offer, receipt)
        values = {
            "state": "problem",
            "problems": problems_as_json([problem]),
            "delivered": None,
            "changed_at": now,
        }
    elif receipt.verdict is Verdict.ACCEPTED and receipt.warns:
        values = {"problems": problems_as_json([_remark(offer, receipt)])}
    if values:
        same = (_offer.c.target == offer.target) & (_offer.c.sku == offer.sku)
        connection.execute(update(_offer).where(same, _offer.c.item_id == offer.item_id).values(**values))


def _rejected(offer: Row[Any], receipt: Receipt) -> Problem:
    return Problem(
        code="R001",
        message=f"{offer.target} rejected it: {_words(receipt)}",
        record=f"offer {offer.sku}",
        help="mend it at the source, in the rules or there; it is told again when it changes, and by "
        f"`gateway resync {offer.target}`",
    )


def _remark(offer: Row[Any], receipt: Receipt) -> Problem:
    return Problem(
        code="R004",
        level="warning",
        message=f"{offer.target} took it with a remark: {_words(receipt)}",
        record=f"offer {offer.sku}",
        help="look at the record there; nothing is to be done where it is right",
    )


def _words(receipt: Receipt) -> str:
    said = [remark for remark in receipt.remarks if remark.level is not RemarkLevel.OK]
    texts = [f"{each.text or receipt.text or ''} ({each.code})" if each.code else each.text or "" for each in said]
    return "; ".join(text for text in texts if text) or receipt.text or "it gives no reason"


def _tell_again(connection: Connection, target: str, delivery: Row[Any], offers: Sequence[Row[Any]]) -> None:
    """Nothing of it was taken: the codes are worked out and told once more."""
    for offer in offers:
        same = (_offer.c.target == target) & (_offer.c.sku == offer.sku)
        again = {"state": "drafted", "delivered": None, "delivery_id": None}
        connection.execute(update(_offer).where(same, _offer.c.item_id == offer.item_id).values(**again))
    wait_for(connection, target, [str(offer.sku) for offer in offers], str(delivery.exchange_id))


def _answered(connection: Connection, delivery: Row[Any], now: str, *, take_away: bool) -> None:
    """The file has arrived, whatever was known of it, and need not lie there any more."""
    connection.execute(
        update(_delivery)
        .where(_delivery.c.id == delivery.id)
        .values(
            state="delivered",
            settled_at=func.coalesce(_delivery.c.settled_at, now),
            published_at=func.coalesce(_delivery.c.published_at, now),
            answered_at=now,
            taken_away_at=None if take_away else now,
            problem=None,
            due_at=None,
        )
    )
    mark_sent(connection, str(delivery.id), now)
    tell(connection, now, "answered", exchange=str(delivery.exchange_id), delivery=str(delivery.id))
