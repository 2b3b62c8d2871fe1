"""The canonical invoice: invoices, credit notes, advance and proforma invoices that a shop has issued."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from gateway.documents.completion import (
    Finding,
    OnTotals,
    complete_lines,
    complete_totals,
    customer,
    delivery_other_than,
    has_errors,
    missing,
    too_large,
)
from gateway.documents.order import OrderLine, Payment, Shipping, Totals
from gateway.documents.party import Party
from gateway.documents.values import CountryCode, CurrencyCode, minor_unit


class InvoiceType(StrEnum):
    """What kind of an invoice it is."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    DEBIT_NOTE = "debit_note"
    ADVANCE = "advance"
    PROFORMA = "proforma"


class Invoice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An issued invoice.

    Times are aware. A credit note has negative amounts: its lines and totals are what is given back. What comes
    back of a row is its quantity, so a negative quantity is turned into a negative unit price.
    order_number: the order behind it. original_number: the invoice that a credit or debit note corrects.
    variable_symbol: the payment reference where the shop prints another one than the digits of the number.
    paid_by_advance: what earlier advance invoices have covered; `total.to_pay` is without it.
    record_id: the id of the invoice in the program that it comes from.
    vat_country: the country whose VAT it carries where the shop says that it is another one than its own.
    """

    number: str
    issued_at: datetime
    currency: CurrencyCode
    billing: Party
    lines: tuple[OrderLine, ...]
    total: Totals
    type: InvoiceType = InvoiceType.INVOICE
    delivery: Party | None = None
    taxed_at: datetime | None = None
    due_at: datetime | None = None
    order_number: str | None = None
    ordered_at: datetime | None = None
    original_number: str | None = None
    variable_symbol: str | None = None
    exchange_rate: Decimal | None = None
    exchange_amount: int = 1
    vat_country: CountryCode | None = None
    record_id: str | None = None
    payment: Payment = Payment()
    shipping: Shipping = Shipping()
    paid_by_advance: Decimal | None = None
    status: str | None = None
    cancelled: bool = False
    customer_note: str | None = None
    shop_note: str | None = None

    @property
    def payable(self) -> Decimal | None:
        """What is still to be paid; where nobody says it, the total without what advances have covered."""
        if self.total.to_pay is not None or self.paid_by_advance is None:
            return self.total.payable
        whole = self.total.payable
        return None if whole is None else whole - self.paid_by_advance


def complete_invoice(
    values: Mapping[str, Any], *, on_totals: OnTotals = "error"
) -> tuple[Invoice | None, tuple[Finding, ...]]:
    """Build an invoice from nested dicts of typed values, by the rules of orders (gateway.documents.completion).

    Returns the invoice, or None where an error stands among the findings. Never raises for what a shop sent.
    Only a credit note may have a negative total, and it must not have a positive one.
    """
    try:
        return _completed(values, on_totals)
    except ArithmeticError:
        return None, (too_large(),)


def _completed(values: Mapping[str, Any], on_totals: OnTotals) -> tuple[Invoice | None, tuple[Finding, ...]]:
    findings = missing(values, ("number", "issued_at", "currency"))
    billing = customer(values.get("billing"), findings, whole="invoice")
    unit = minor_unit(values.get("currency") or "")
    kind = values.get("type") or InvoiceType.INVOICE
    lines = complete_lines(values.get("lines") or (), unit, findings, on_totals, whole="invoice")
    total = complete_totals(
        values.get("total") or {}, lines, unit, findings, on_totals, whole="invoice", may_be_negative=True
    )
    if kind is InvoiceType.CREDIT_NOTE:
        lines = tuple(_given_back(line) for line in lines)
    if total is not None:
        wrong = _wrong_sign(kind, total)
        findings += [wrong] if wrong is not None else []
    if has_errors(findings) or total is None or billing is None:
        return None, tuple(findings)
    members = {name: value for name, value in values.items() if name in _TAKEN_OVER and value is not None}
    invoice = Invoice(
        **members,
        type=kind,
        billing=billing,
        delivery=delivery_other_than(billing, values.get("delivery")),
        lines=lines,
        total=total,
        payment=Payment(**(values.get("payment") or {})),
        shipping=Shipping(**(values.get("shipping") or {})),
    )
    return invoice, tuple(findings)


_TAKEN_OVER = frozenset(Invoice.__struct_fields__) - {
    "type", "billing", "delivery", "lines", "total", "payment", "shipping",
}  # fmt: skip


def _given_back(line: OrderLine) -> OrderLine:
    """A row of a credit note: minus two pieces at 121 are two pieces at minus 121."""
    if line.quantity >= 0:
        return line
    price = line.unit_price
    turned = msgspec.structs.replace(
        price,
        net=0 - price.net if price.net is not None else None,
        gross=0 - price.gross if price.gross is not None else None,
    )
    return msgspec.structs.replace(line, quantity=-line.quantity, unit_price=turned)


def _wrong_sign(kind: InvoiceType, total: Totals) -> Finding | None:
    """A credit note that asks for money, and an invoice that gives money back, would be booked the wrong way."""
    gross = total.gross if total.gross is not None else total.net
    if gross is None:
        return None
    if kind is InvoiceType.CREDIT_NOTE and gross > 0:
        return Finding(
            code="D008",
            field="total.gross",
            message=f"a credit note gives money back, but its total is not negative: {gross}",
            help="where the shop writes credit notes with positive amounts, turn them round in the mapping, "
            "such as `{compute: 0 - number('TOTAL')}`, in lines and totals alike",
        )
    if kind is not InvoiceType.CREDIT_NOTE and gross < 0:
        return Finding(
            code="D008",
            field="total.gross",
            message=f"the total is negative: {gross}",
            help="where it is a credit note, map `type` to `credit_note`",
        )
    return None
