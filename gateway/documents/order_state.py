"""The canonical state of an order, as an accounting program tells it; rules make the shop's state of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from gateway.documents.completion import Finding, OnTotals, missing
from gateway.documents.product import Property


class OrderStateLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How much of one row was ordered and how much is delivered."""

    sku: str | None = None
    name: str | None = None
    quantity: Decimal | None = None
    delivered: Decimal | None = None


class LinkedDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A document that was made of the order: its agenda there, such as `issuedInvoice`, and its number."""

    agenda: str
    record_id: str | None = None
    number: str | None = None


class OrderState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an accounting program knows of an order of the shop.

    number: the shop's own order number. record_id, record_number: the program's.
    state: the shop's name of the state, where the source itself knows it.
    delivered_share: delivered pieces through ordered ones, 0 to 1; None where the rows do not say it.
    """

    number: str
    record_id: str | None = None
    record_number: str | None = None
    state: str | None = None
    executed: bool | None = None
    delivered: bool | None = None
    reserved: bool | None = None
    cancelled: bool = False
    cancelled_at: datetime | None = None
    payment: str | None = None
    carrier: str | None = None
    tracking_number: str | None = None
    note: str | None = None
    shop_note: str | None = None
    delivered_share: Decimal | None = None
    invoice_number: str | None = None
    lines: tuple[OrderStateLine, ...] = ()
    documents: tuple[LinkedDocument, ...] = ()
    properties: tuple[Property, ...] = ()


def complete_order_state(
    values: Mapping[str, Any], *, on_totals: OnTotals = "error"
) -> tuple[OrderState | None, tuple[Finding, ...]]:
    """Build an order's state from nested dicts of typed values; None where it names no order.

    The first issued invoice among the linked documents gives `invoice_number` where the source does not.
    """
    del on_totals  # it has no sums
    findings = missing(values, ("number",))
    if findings:
        return None, tuple(findings)
    members = {name: values[name] for name in OrderState.__struct_fields__ if values.get(name) is not None}
    lines = tuple(OrderStateLine(**row) for row in values.get("lines") or ())
    linked = (LinkedDocument(**row) for row in values.get("documents") or () if row.get("agenda"))
    documents = tuple(dict.fromkeys(linked))  # old releases of POHODA name one for each row of the order
    properties = tuple(Property(**row) for row in values.get("properties") or () if row.get("name"))
    if members.get("delivered_share") is None:
        members["delivered_share"] = _share(lines)
    if members.get("invoice_number") is None:
        members["invoice_number"] = next(
            (each.number for each in documents if each.agenda == "issuedInvoice"), None
        )
    return OrderState(**{**members, "lines": lines, "documents": documents, "properties": properties}), ()


def _share(lines: tuple[OrderStateLine, ...]) -> Decimal | None:
    counted = [line for line in lines if line.quantity is not None and line.quantity > 0]
    ordered = sum((line.quantity or Decimal(0) for line in counted), Decimal(0))
    if not ordered:
        return None
    there = sum((min(line.delivered or Decimal(0), line.quantity or Decimal(0)) for line in counted), Decimal(0))
    return (there / ordered).quantize(Decimal("0.0001"))
