"""Invoices are completed by the rules of orders; credit notes give back, and advances lower what is to be paid."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.documents import KINDS, Invoice, InvoiceType, decode, encode

D = Decimal


def values(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "number": "260100005",
        "issued_at": datetime(2026, 11, 20, 8, 5, tzinfo=UTC),
        "currency": "CZK",
        "billing": {"name": "Otakar Havránek", "country": "CZ"},
        "lines": [line()],
    }
    return whole | changes


def line(**changes: Any) -> dict[str, Any]:
    return {"name": "Deka", "quantity": D(2), "unit_price": {"gross": D("121.00")}, "vat_rate": D(21)} | changes


def completed(**changes: Any) -> Invoice:
    document, findings = KINDS["invoice"].complete(values(**changes))
    assert isinstance(document, Invoice), findings
    return document


def refused(**changes: Any) -> list[tuple[str, str, str | None]]:
    document, findings = KINDS["invoice"].complete(values(**changes))
    assert document is None
    return [(finding.code, finding.message, finding.help) for finding in findings]


def test_an_invoice_is_an_invoice_where_nothing_says_otherwise() -> None:
    invoice = completed()
    assert invoice.type is InvoiceType.INVOICE
    assert invoice.total.gross == D(242)
    assert decode("invoice", encode(invoice)) == invoice


@given(pieces=st.integers(1, 50), price=st.decimals(1, 5000, places=2), turned=st.booleans())
def test_a_credit_note_gives_back_pieces_at_a_negative_price(pieces: int, price: Decimal, *, turned: bool) -> None:
    # given the same credit note with a negative quantity, or with a negative price
    quantity, unit = (D(-pieces), price) if turned else (D(pieces), -price)

    # when
    note = completed(type=InvoiceType.CREDIT_NOTE, lines=[line(quantity=quantity, unit_price={"gross": unit})])

    # then
    (row,) = note.lines
    assert row.quantity == pieces
    assert row.unit_price.gross == -price
    assert row.total.gross == note.total.gross == -price * pieces


def test_a_row_of_a_credit_note_that_costs_something_stays() -> None:
    # given a fee that is kept back
    rows = [line(quantity=D(-2)), line(name="Poplatek", quantity=D(1), unit_price={"net": D(10)})]

    # when
    note = completed(type=InvoiceType.CREDIT_NOTE, lines=rows)

    # then
    assert [(row.quantity, row.unit_price.given) for row in note.lines] == [(2, D(-121)), (1, D(10))]
    assert note.total.gross == D("-229.90")


def test_signs_that_do_not_fit_the_type_are_told() -> None:
    assert refused(type=InvoiceType.CREDIT_NOTE) == [
        (
            "D008",
            "a credit note gives money back, but its total is not negative: 242.00",
            (
                "where the shop writes credit notes with positive amounts, turn them round in the mapping, "
                "such as `{compute: 0 - number('TOTAL')}`, in lines and totals alike"
            ),
        )
    ]
    assert refused(lines=[line(quantity=D(-2))]) == [
        ("D008", "the total is negative: -242.00", "where it is a credit note, map `type` to `credit_note`")
    ]


@pytest.mark.parametrize(
    ("advance", "to_pay", "payable"),
    [(None, None, D(242)), (D(100), None, D(142)), (D(100), D(140), D(140)), (None, D(241), D(241))],
)
def test_what_is_still_to_be_paid(advance: Decimal | None, to_pay: Decimal | None, payable: Decimal) -> None:
    invoice = completed(paid_by_advance=advance, total={"gross": D(242), "to_pay": to_pay})
    assert invoice.payable == payable
