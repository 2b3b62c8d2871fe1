"""Issued invoices in the flat shape: every tag, always there, and what stands in it."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.documents import Invoice, InvoiceType, Totals
from gateway.rendering import Identity, RecordProblems, Schema, load, load_schema
from tests.loaded import template as template_of
from tests.profit.conftest import LOOKUPS
from tests.rendering.invoices import credit_note, invoice, invoices
from tests.rendering.orders import gross, line

TEXTS = st.one_of(st.text(max_size=40), st.just("Žluťoučký kůň & spol. <b>"))


def net_too(document: Invoice) -> Totals:
    """The total with the one without VAT, which every invoice has that leaves a mapping."""
    net = sum((row.total.net or Decimal(0) for row in document.lines), Decimal(0))
    return Totals(gross=document.total.gross, net=net.quantize(Decimal("0.01")))


@cache
def schema() -> Schema:
    return load_schema("profit/invoice")


def written(document: Invoice, **chosen: Any) -> etree._Element:
    """The one invoice of the file, which is valid."""
    template = template_of("profit/invoice", chosen, LOOKUPS)
    ids = Identity.of("shop-main", "invoice", document.number)
    rendered = template.whole(document, ids)
    assert [problem.message for problem in schema().check(rendered.data)] == []
    quick = template.encode(template.head(ids.pack)) + template.record(document, ids).data
    assert quick + template.encode(template.tail()) == rendered.data
    (one,) = etree.fromstring(rendered.data)
    return one


def whole(**changed: Any) -> Invoice:
    document = invoice(**changed)
    return invoice(**{"total": net_too(document)} | changed)


def test_an_invoice_has_its_days_and_its_order() -> None:
    # when
    one = written(whole(), company_id="12345678")

    # then
    assert [(child.tag, child.text) for child in one][:13] == [
        ("TYPE", "invoice"),
        ("NUMBER", "2026000777"),
        ("ORDER_NUMBER", "2026000124"),
        ("ORDER_DATE", "2026-11-18"),
        ("ORIGINAL_NUMBER", None),
        ("DATE", "2026-11-21"),
        ("DATE_TAX", "2026-11-20"),
        ("DATE_DUE", "2026-12-05"),
        ("VARIABLE_SYMBOL", "2026000777"),
        ("TEXT", "Faktura 2026000777"),
        ("SHOP", "shop-main"),
        ("UNIT_ID", "12345678"),
        ("STATUS", None),
    ]
    assert one.findtext("TO_PAY") == one.findtext("TOTAL_WITH_VAT") == "331"
    assert one.findtext("PAID_BY_ADVANCE") == "0"
    assert [item.findtext("ITEM_PRICE") for item in one.iterfind("ITEMS/ITEM")] == ["242", "89"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (InvoiceType.INVOICE, "Faktura"),
        (InvoiceType.DEBIT_NOTE, "Vrubopis"),
        (InvoiceType.ADVANCE, "Zálohová faktura"),
        (InvoiceType.PROFORMA, "Proforma faktura"),
    ],
)
def test_each_type_has_its_words(kind: InvoiceType, words: str) -> None:
    one = written(whole(type=kind))
    assert (one.findtext("TYPE"), one.findtext("TEXT")) == (kind.value, f"{words} 2026000777")
    assert written(whole(type=kind), invoice_text="E-shop").findtext("TEXT") == "E-shop 2026000777"


def test_a_credit_note_has_negative_amounts_and_the_number_of_the_invoice() -> None:
    note = credit_note()
    one = written(credit_note(total=net_too(note)))
    assert (one.findtext("TYPE"), one.findtext("TEXT")) == ("credit_note", "Dobropis 2026000777")
    assert one.findtext("ORIGINAL_NUMBER") == "2026000700"
    assert [one.findtext(tag) for tag in ("TOTAL_WITHOUT_VAT", "TOTAL_VAT", "TOTAL_WITH_VAT", "TO_PAY")] == [
        "-273.55",
        "-57.45",
        "-331",
        "-331",
    ]


def test_what_an_advance_has_paid_is_not_to_be_paid_again() -> None:
    one = written(whole(paid_by_advance=Decimal("100.5")))
    assert (one.findtext("PAID_BY_ADVANCE"), one.findtext("TO_PAY")) == ("100.5", "230.5")
    said = net_too(invoice())
    total = Totals(gross=said.gross, net=said.net, to_pay=Decimal(200))
    assert written(invoice(total=total, paid_by_advance=Decimal(131))).findtext("TO_PAY") == "200"


@pytest.mark.parametrize(
    ("number", "symbol", "chosen", "expected"),
    [("FV-17/26", None, "number", "1726"), ("1", "22 33", "number", "2233"), ("1", "22", "none", None)],
)
def test_the_variable_symbol_is_that_which_the_shop_prints(
    number: str, symbol: str | None, chosen: str, expected: str | None
) -> None:
    document = whole(number=number, variable_symbol=symbol)
    assert written(document, variable_symbol=chosen).find("VARIABLE_SYMBOL").text == expected  # type: ignore[union-attr]


def test_a_variable_symbol_of_more_than_ten_digits_is_refused() -> None:
    with pytest.raises(RecordProblems) as caught:
        written(whole(variable_symbol="12345678901"))
    assert [(problem.code, problem.message) for problem in caught.value.problems] == [
        ("T015", "`variable_symbol` has 11 characters, the target keeps 10")
    ]


def test_the_schema_refuses_an_invoice_without_its_day_of_tax() -> None:
    template = load("profit/invoice", lookups=LOOKUPS)
    data = template.whole(whole(), Identity.of("shop-main", "invoice", "1")).data
    broken = data.replace(b"<DATE_TAX>2026-11-20</DATE_TAX>", b"<DATE_TAX></DATE_TAX>")
    assert [problem.code for problem in load_schema("profit/invoice").check(broken)] == ["X001"]


@given(
    document=invoices(TEXTS),
    chosen=st.sampled_from(("gross", "net", "as_given")),
    rest=st.sampled_from(("note", "item")),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
def test_any_invoice_is_written_as_a_valid_file(document: Invoice, chosen: str, rest: str) -> None:
    one = written(document, prices=chosen, rest=rest, row_totals="warn")
    assert len(one.findall("ITEMS/ITEM")) >= len(document.lines)
    assert Decimal(one.findtext("TOTAL_WITH_VAT") or "") == document.total.gross


def test_a_row_that_does_not_add_up_is_refused() -> None:
    lines = (line(gross("242"), total=gross("300")),)
    with pytest.raises(RecordProblems) as caught:
        written(whole(lines=lines))
    assert caught.value.problems[0].code == "T017"
