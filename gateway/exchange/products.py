"""The story of one product: what the catalogue knows of its code, and what each target was told."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import select

from gateway.diagnostics import Problem
from gateway.documents import decode
from gateway.exchange.matters import all_problems
from gateway.exchange.site import Site
from gateway.store import tables

_snapshot, _offer, _pending = tables.snapshot, tables.offer, tables.pending


class CatalogueRow(msgspec.Struct, frozen=True):
    """One row of the catalogue: what a route said of the code last."""

    kind: str
    key: str
    route: str
    exchange: str
    changed_at: str
    gone_at: str | None
    values: dict[str, str]


class ToldRow(msgspec.Struct, frozen=True):
    """What one target was told of the code."""

    target: str
    state: str
    reason: str | None
    quantity: str | None
    delivery: str | None
    delivered_at: str | None
    waits: bool
    problems: tuple[Problem, ...]


class ProductStory(msgspec.Struct, frozen=True):
    """All that is known of one code."""

    sku: str
    known: tuple[CatalogueRow, ...]
    told: tuple[ToldRow, ...]


def product_story(site: Site, sku: str) -> ProductStory | None:
    """The story of a code; None where nothing is known of it."""
    with site.ledger.read() as connection:
        known = connection.execute(select(_snapshot).where(_snapshot.c.sku == sku).order_by(_snapshot.c.id)).all()
        told = connection.execute(select(_offer).where(_offer.c.sku == sku).order_by(_offer.c.target)).all()
        waits = set(connection.execute(select(_pending.c.target).where(_pending.c.sku == sku)).scalars())
    if not known and not told:
        return None
    rows = [
        ToldRow(
            row.target,
            row.state,
            row.reason,
            row.quantity,
            row.delivery_id,
            row.delivered_at,
            row.target in waits,
            all_problems(row.problems),
        )
        for row in told
    ]
    untold = waits - {row.target for row in rows}
    rows += [ToldRow(name, "waits", None, None, None, None, waits=True, problems=()) for name in sorted(untold)]
    return ProductStory(
        sku,
        tuple(
            CatalogueRow(
                row.kind,
                row.key,
                row.route,
                row.exchange_id,
                row.changed_at,
                row.gone_at,
                _values(decode(row.kind, row.body)),
            )
            for row in known
        ),
        tuple(rows),
    )


def _values(document: Any) -> dict[str, str]:
    """The fields that say something, for people."""
    shown: dict[str, str] = {}
    for name in document.__struct_fields__:
        value = getattr(document, name)
        if value in (None, "", ()) or name == "sku":
            continue
        if isinstance(value, msgspec.Struct):
            for side in ("net", "gross"):
                amount = getattr(value, side, None)
                if amount is not None:
                    shown[f"{name}.{side}"] = str(amount)
        elif isinstance(value, tuple):
            shown[name] = str(len(value))
        else:
            shown[name] = str(value)
    return shown
