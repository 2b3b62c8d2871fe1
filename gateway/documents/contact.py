"""The canonical contact: one entry of an address book."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.documents.completion import Finding, OnTotals, customer, delivery_other_than, missing
from gateway.documents.party import Party


class Contact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A customer as a shop keeps it. `number` is the shop's own id of it: a number, a login or an address."""

    number: str
    billing: Party
    delivery: Party | None = None
    group: str | None = None
    price_level: str | None = None
    maturity_days: int | None = None
    customer_note: str | None = None
    shop_note: str | None = None


def complete_contact(
    values: Mapping[str, Any], *, on_totals: OnTotals = "error"
) -> tuple[Contact | None, tuple[Finding, ...]]:
    """Build a contact from nested dicts of typed values; None where an error stands among the findings."""
    del on_totals  # it has no sums
    findings = missing(values, ("number",))
    billing = customer(values.get("billing"), findings, whole="contact")
    if findings or billing is None:
        return None, tuple(findings)
    plain = ("number", "group", "price_level", "maturity_days", "customer_note", "shop_note")
    members = {name: values[name] for name in plain if values.get(name) is not None}
    return Contact(**members, billing=billing, delivery=delivery_other_than(billing, values.get("delivery"))), ()
