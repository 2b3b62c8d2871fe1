"""What targets were told of the catalogue, and what waits to be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)

from gateway.diagnostics import Problem
from gateway.documents import Product, ProductPrice, StockLevel, decode
from gateway.exchange.failed import problems_as_json
from gateway.exchange.prepared import PreparedTarget
from gateway.exchange.site import Site
from gateway.offers import Known
from gateway.store import tables
from gateway.store.ledger import in_chunks, insert_into

_snapshot, _pending, _offer, _feed = tables.snapshot, tables.pending, tables.offer, tables.feed

_ROWS = 1000
"""Rows that are written at a time, so that a catalogue of any size takes little memory."""

Sources = Sequence[tuple[str, str]]
"""Whose catalogue it is: (merchant, origin)."""


class Worked(msgspec.Struct, frozen=True):
    """One code as it was worked out: its record, or why there is none.

    content: the record as files with everything carry it. told: the record under the ids of this very change.
    """

    sku: str
    mark: str | None = None
    content: bytes | None = None
    told: bytes | None = None
    quantity: str | None = None
    serial: int = 0
    item_id: str | None = None
    reason: str | None = None
    problems: tuple[Problem, ...] = ()


class Run(msgspec.Struct):
    """What a run over the pending codes found. pending: the exchange that each of them waits for."""

    exchange_id: str
    pending: dict[str, str] = msgspec.field(default_factory=dict)
    taken_back: list[str] = msgspec.field(default_factory=list)
    to_tell: list[Worked] = msgspec.field(default_factory=list)
    others: list[Worked] = msgspec.field(default_factory=list)
    vanished: int = 0
    changed: int = 0
    zeroed: int = 0


def sources_of(site: Site, target: PreparedTarget) -> Sources:
    """Whose catalogue a target is told of: that of all routes that lead to it.

    Nobody's while one of them is in rehearsal or broken: without it the target would be told less than there is.
    """
    specs = [spec for spec in site.config.routes.values() if any(to.id == target.spec.id for to in spec.to)]
    if any(spec.rehearsal or spec.name not in site.routes for spec in specs):
        return ()
    return tuple(sorted({(spec.merchant, spec.origin) for spec in specs}))


def route_of(site: Site, target: PreparedTarget) -> str:
    """The first of the routes that lead to a target: its files are told under that name."""
    return min(
        name for name, route in site.routes.items() if route.is_snapshot and _leads_to(route.targets, target)
    )


def _leads_to(targets: Sequence[PreparedTarget], target: PreparedTarget) -> bool:
    return any(each.spec.id == target.spec.id for each in targets)


def known_of(connection: Connection, sources: Sources, codes: Sequence[str]) -> dict[str, Known]:
    """All that the catalogue knows of some codes."""
    rows: dict[str, list[Row[Any]]] = {}
    for chunk in in_chunks(codes):
        found = connection.execute(
            select(_snapshot).where(_ours(sources), _snapshot.c.sku.in_(chunk)).order_by(_snapshot.c.id)
        )
        for row in found:
            rows.setdefault(str(row.sku), []).append(row)
    return {sku: _together(sku, each) for sku, each in rows.items()}


def _together(sku: str, rows: Sequence[Row[Any]]) -> Known:
    """The rows of one code. Where an origin counts a warehouse apart, its card there says nothing of pieces."""
    documents = [(row, decode(row.kind, row.body)) for row in rows]
    counted = {
        (row.merchant, row.origin, each.warehouse) for row, each in documents if isinstance(each, StockLevel)
    }
    products: dict[bool, list[Product]] = {True: [], False: []}
    stock: dict[bool, list[StockLevel]] = {True: [], False: []}
    prices = []
    for row, document in documents:
        is_gone = row.gone_at is not None
        if isinstance(document, Product):
            if (row.merchant, row.origin, document.warehouse) in counted:
                document = replace(document, quantity=None, reserved=None)
            products[is_gone].append(document)
        elif isinstance(document, StockLevel):
            stock[is_gone].append(document)
        elif isinstance(document, ProductPrice) and not is_gone:
            prices.append(document)
    return Known(
        sku,
        tuple(products[False]),
        tuple(stock[False]),
        tuple(prices),
        gone_products=tuple(products[True]),
        gone_stock=tuple(stock[True]),
    )


def _ours(sources: Sources) -> Any:
    merchant, origin = _snapshot.c.merchant, _snapshot.c.origin
    return or_(*[(merchant == whose) & (origin == where) for whose, where in sources])


def offers_of(connection: Connection, target: str, codes: Sequence[str]) -> dict[str, Row[Any]]:
    """What the target was told of some codes."""
    found: dict[str, Row[Any]] = {}
    for chunk in in_chunks(codes):
        rows = connection.execute(select(_offer).where(_offer.c.target == target, _offer.c.sku.in_(chunk)))
        found.update({str(row.sku): row for row in rows})
    return found


def told_count(connection: Connection, target: str) -> int:
    """How many products the target knows."""
    return int(
        connection.execute(
            select(func.count())
            .select_from(_offer)
            .where(_offer.c.target == target, _offer.c.delivered.is_not(None), _offer.c.state != "left_out")
        ).scalar_one()
    )


def all_contents(connection: Connection, target: str) -> dict[str, bytes]:
    """The records of all products that a file with everything carries, by code."""
    rows = connection.execute(
        select(_offer.c.sku, _offer.c.content).where(
            _offer.c.target == target, _offer.c.content.is_not(None), _offer.c.state != "left_out"
        )
    )
    return {str(row.sku): bytes(row.content) for row in rows}


def pending_block(connection: Connection, target: str, after: str, most: int) -> dict[str, str]:
    """The next codes that wait, in their order, each with the exchange that it waits for."""
    rows = connection.execute(
        select(_pending.c.sku, _pending.c.exchange_id)
        .where(_pending.c.target == target, _pending.c.sku > after)
        .order_by(_pending.c.sku)
        .limit(most)
    )
    return {str(row.sku): str(row.exchange_id) for row in rows}


def has_pending(connection: Connection, target: str) -> bool:
    """Whether anything waits to be worked out."""
    row = connection.execute(select(_pending.c.sku).where(_pending.c.target == target).limit(1)).one_or_none()
    return row is not None


def no_longer_pending(connection: Connection, target: str, codes: Mapping[str, str]) -> None:
    """These codes are done, unless a later exchange has changed them meanwhile."""
    done = delete(_pending).where(
        _pending.c.target == target, _pending.c.sku == bindparam("code"), _pending.c.exchange_id == bindparam("of")
    )
    if codes:
        connection.execute(done, [{"code": sku, "of": exchange} for sku, exchange in codes.items()])


def pending_again(connection: Connection, target: str, deliveries: Sequence[str]) -> None:
    """The codes that these files carry are worked out once more."""
    for chunk in in_chunks(deliveries):
        _carried_pending(connection, target, _offer.c.state == "drafted", _offer.c.delivery_id.in_(chunk))


def wait_for(connection: Connection, target: str, codes: Sequence[str], exchange_id: str) -> None:
    """These codes are worked out once more; one that waits already goes on waiting for what it waits for."""
    rows = [{"target": target, "sku": sku, "exchange_id": exchange_id} for sku in codes]
    if rows:
        connection.execute(insert_into(connection, _pending).on_conflict_do_nothing(), rows)


def tell_carried_again(connection: Connection, target: str, delivery_id: str) -> None:
    """What a file carries counts as not told, and is worked out at once."""
    carried = _offer.c.delivery_id == delivery_id
    _carried_pending(connection, target, carried)
    connection.execute(update(_offer).where(_offer.c.target == target, carried).values(delivered=None))
    connection.execute(update(_feed).where(_feed.c.target == target).values(built_at=None))


def all_pending(connection: Connection, target: str, sources: Sources) -> None:
    """Every code of the catalogue is worked out anew for a target, and so is every code that it was told of."""
    _carried_pending(connection, target)
    _select_pending(
        connection,
        select(literal(target), _snapshot.c.sku, func.max(_snapshot.c.exchange_id))
        .where(_ours(sources))
        .group_by(_snapshot.c.sku),
    )


def _carried_pending(connection: Connection, target: str, *conditions: ColumnElement[bool]) -> None:
    """The codes that files have carried to the target and that fit."""
    delivery = tables.delivery
    _select_pending(
        connection,
        select(_offer.c.target, _offer.c.sku, delivery.c.exchange_id)
        .join(delivery, delivery.c.id == _offer.c.delivery_id)
        .where(_offer.c.target == target, *conditions),
    )


def _select_pending(connection: Connection, codes: Select[Any]) -> None:
    """(target, code, exchange); one that waits already goes on waiting for what it waits for."""
    statement = insert_into(connection, _pending).from_select(["target", "sku", "exchange_id"], codes)
    connection.execute(statement.on_conflict_do_nothing())


def forget_told(connection: Connection, target: str) -> None:
    """Whatever the target was told counts as not told: everything is worked out and shipped anew, and at once."""
    connection.execute(update(_offer).where(_offer.c.target == target).values(delivered=None))
    connection.execute(update(_feed).where(_feed.c.target == target).values(built_at=None))


def all_anew(connection: Connection, now: str) -> None:
    """The ledger is older than what targets were told: everything is worked out and shipped once more."""
    told = select(_feed.c.target)
    connection.execute(update(_offer).values(delivered=None))
    connection.execute(update(_feed).values(configuration="", built_at=None))
    connection.execute(
        update(tables.delivery)
        .where(tables.delivery.c.target.in_(told), tables.delivery.c.state.not_in(("delivered", "dropped")))
        .values(state="dropped", settled_at=now)
    )


def write_offers(
    connection: Connection,
    target: str,
    worked: Sequence[Worked],
    carried: Mapping[str, str],
    now: str,
    *,
    full: bool,
) -> None:
    """The rows of offers; `carried` says in which delivery a code is told.

    One that cannot be worked out keeps what the target was told last. One that is left out keeps it at a target of
    changes; a file with everything has it no more.
    """
    for start in range(0, len(worked), _ROWS):
        rows: dict[str, list[dict[str, Any]]] = {"told": [], "left out": [], "troubled": []}
        same: list[str] = []
        for each in worked[start : start + _ROWS]:
            row = {"target": target, "sku": each.sku, "changed_at": now, "problems": None, "reason": None}
            if each.sku in carried:
                rows["told"].append({**row, **_drafted(each, carried[each.sku])})
            elif each.reason is not None:
                gone = {"content": None, "delivery_id": None} | ({"delivered": None} if full else {})
                rows["left out"].append({**row, "state": "left_out", "reason": each.reason, **gone})
            elif each.mark is None:
                rows["troubled"].append({**row, "state": "problem", "problems": problems_as_json(each.problems)})
            else:
                same.append(each.sku)
        for group in rows.values():
            _upsert(connection, group)
        for chunk in in_chunks(same):
            stands = (_offer.c.target == target) & _offer.c.sku.in_(chunk)
            connection.execute(update(_offer).where(stands).values(state="delivered", problems=None, reason=None))


def _drafted(worked: Worked, delivery_id: str) -> dict[str, Any]:
    return {
        "state": "drafted",
        "drafted": worked.mark,
        "content": worked.content,
        "delivery_id": delivery_id,
        "quantity": worked.quantity,
        "serial": worked.serial,
        "item_id": worked.item_id,
        "problems": problems_as_json(worked.problems) if worked.problems else None,
    }


def _upsert(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        statement = insert_into(connection, _offer)
        renewed = {name: statement.excluded[name] for name in rows[0] if name not in ("target", "sku")}
        statement = statement.on_conflict_do_update(index_elements=["target", "sku"], set_=renewed)
        connection.execute(statement, [dict(row) for row in rows])
