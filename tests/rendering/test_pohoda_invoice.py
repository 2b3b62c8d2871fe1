"""What POHODA is sent for an invoice. `write_with` checks each against our schema and POHODA's own."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gateway.documents import (
    Carrier,
    Invoice,
    InvoiceType,
    Payment,
    PaymentMethod,
    Shipping,
    Totals,
)
from gateway.rendering import Identity, RecordProblems, load
from tests.rendering.conftest import Written
from tests.rendering.invoices import credit_note, invoice, invoices
from tests.rendering.orders import LOOKUPS, SETTINGS, company, gross, line, net, party, shipping_line

Write = Callable[..., Written]


@pytest.fixture
def write(write_with: Write) -> Write:
    return partial(write_with, "pohoda/invoice")


def refused(document: Invoice, **settings: Any) -> list[tuple[str, str, str | None]]:
    template = load("pohoda/invoice", settings=SETTINGS | settings, lookups=LOOKUPS)
    with pytest.raises(RecordProblems) as caught:
        template.record(document, Identity.of("shop", "invoice", document.number))
    return [(problem.code, problem.message, problem.help) for problem in caught.value.problems]


def test_an_invoice_of_a_person(write: Write) -> None:
    # given an invoice with all days, for an order
    document = invoice(payment=Payment(method=PaymentMethod.CARD), shipping=Shipping(carrier=Carrier.PACKETA))

    # when
    xml = write(document)

    # then
    assert xml.one("dat:dataPackItem/@id") == "shoptet-main:invoice:2026000777"
    assert xml.one("inv:invoiceType") == "issuedInvoice"
    assert xml.one("inv:number") is None
    assert xml.one("inv:symVar") == "2026000777"
    assert (xml.one("inv:date"), xml.one("inv:dateTax")) == ("2026-11-21", "2026-11-20")
    assert xml.one("inv:dateDue") == "2026-12-05"
    assert xml.one("inv:invoiceHeader/inv:text") == "Faktura 2026000777"
    assert xml.one("inv:extId/typ:ids") == "2026000777"
    assert xml.one("typ:address/typ:name") == "Jan Novák"
    assert (xml.one("inv:numberOrder"), xml.one("inv:dateOrder")) == ("2026000124", "2026-11-18")
    assert xml.one("inv:paymentType/typ:ids") == "Plat.kartou"
    assert xml.one("inv:carrier/typ:ids") == "Zásilkovna"
    assert xml.one("inv:validate/typ:inStock") == "true"
    assert xml.one("inv:postponedIssue") is None
    assert xml.all("typ:unitPrice") == ["242", "89"]
    assert xml.all("inv:rateVAT") == ["high", "high"]
    assert xml.all("inv:stockItem/typ:stockItem/typ:ids") == ["TRICKO-L"]
    assert xml.one("inv:roundingDocument") == "none"
    assert xml.one("inv:links") is None
    assert xml.notes == ()


@pytest.mark.parametrize(
    ("kind", "written", "czech", "slovak"),
    [
        (InvoiceType.INVOICE, "issuedInvoice", "Faktura", "Faktúra"),
        (InvoiceType.DEBIT_NOTE, "issuedDebitNote", "Vrubopis", "Ťarchopis"),
        (InvoiceType.ADVANCE, "issuedAdvanceInvoice", "Zálohová faktura", "Zálohová faktúra"),
        (InvoiceType.PROFORMA, "issuedProformaInvoice", "Proforma faktura", "Proforma faktúra"),
    ],
)
def test_each_type_has_its_words(write: Write, kind: InvoiceType, written: str, czech: str, slovak: str) -> None:
    # given
    lines = (line(gross("123", "23"), vat_rate=Decimal(23)),)

    # when
    at_home, there = write(invoice(type=kind)), write(invoice(type=kind, lines=lines), home_country="SK")

    # then
    assert at_home.one("inv:invoiceType") == written
    assert at_home.one("inv:invoiceHeader/inv:text") == f"{czech} 2026000777"
    assert there.one("inv:invoiceHeader/inv:text") == f"{slovak} 2026000777"


def test_what_demands_money_in_advance_has_no_tax_and_moves_no_stock(write: Write) -> None:
    # given
    tables = {"vat_classification": {"advance": "UD", "invoice": "UD"}, "accounting": {"advance": "1Zv"}}

    # when
    xml = write(invoice(type=InvoiceType.ADVANCE), tables)

    # then
    assert xml.one("inv:dateTax") is None
    assert xml.one("inv:classificationVAT") is None
    assert xml.one("inv:validate") is None
    assert xml.one("inv:accounting/typ:ids") == "1Zv"
    assert write(invoice(), tables).one("inv:classificationVAT/typ:ids") == "UD"


def test_series_accounting_and_the_rest_of_the_unit(write: Write) -> None:
    # given
    tables = {"series": {"invoice": "26FV", "credit_note": "26DB"}, "accounting": {"invoice": "1Fv"}}

    # when
    xml = write(
        invoice(), tables, account="FIO", constant_symbol="0308", centre="ESHOP", price_level="MOC",
        invoice_text="E-shop", postponed_issue=True, check_stock=False, labels=["E-shop", "Nové"],
    )  # fmt: skip

    # then
    assert xml.one("inv:number/typ:ids") == "26FV"
    assert xml.one("inv:accounting/typ:ids") == "1Fv"
    assert xml.one("inv:account/typ:ids") == "FIO"
    assert xml.one("inv:symConst") == "0308"
    assert xml.one("inv:centre/typ:ids") == "ESHOP"
    assert xml.one("inv:priceLevel/typ:ids") == "MOC"
    assert xml.one("inv:invoiceHeader/inv:text") == "E-shop 2026000777"
    assert xml.one("inv:postponedIssue") == "true"
    assert xml.one("inv:validate/typ:inStock") == "false"
    assert xml.all("inv:labels/typ:label/typ:ids") == ["E-shop", "Nové"]
    assert write(credit_note(), tables).one("inv:number/typ:ids") == "26DB"


def test_the_shops_own_number_is_asked_for_with_the_check_for_duplicates(write: Write) -> None:
    xml = write(invoice(number="FV-2026/17"), {"series": {"invoice": "26FV"}}, invoice_numbers="shop")
    assert xml.one("inv:number/typ:numberRequested") == "FV-2026/17"
    assert xml.one("inv:number/typ:numberRequested/@checkDuplicity") == "true"
    assert xml.one("inv:number/typ:ids") is None
    assert xml.one("inv:symVar") == "202617"


@pytest.mark.parametrize(
    ("number", "symbol", "written"), [("A-B", None, None), ("A-B", "77", "77"), ("1/2", "33 44", "3344")]
)
def test_the_variable_symbol_is_digits(write: Write, number: str, symbol: str | None, written: str | None) -> None:
    assert write(invoice(number=number, variable_symbol=symbol)).one("inv:symVar") == written


def test_a_credit_note_has_negative_prices_and_names_what_it_corrects(write: Write) -> None:
    xml = write(credit_note(), price_level="MOC")
    assert xml.one("inv:invoiceType") == "issuedCreditNotice"
    assert xml.one("inv:invoiceHeader/inv:text") == "Dobropis 2026000777"
    assert xml.one("inv:originalDocument") == "2026000700"
    assert xml.one("inv:originalDocumentNumber") is None
    assert xml.one("inv:priceLevel") is None
    assert xml.one("inv:validate") is None
    assert xml.all("inv:homeCurrency/typ:unitPrice") == ["-242", "-89"]
    assert xml.all("typ:priceVAT") == []


def test_a_credit_note_in_a_foreign_currency_has_the_negative_vat_too(write: Write) -> None:
    xml = write(credit_note(currency="EUR", exchange_rate=Decimal("24.5")))
    assert xml.all("inv:foreignCurrency/typ:unitPrice") == ["-242", "-89"]
    assert xml.all("inv:foreignCurrency/typ:priceVAT") == ["-42", "-15.4463"]
    assert xml.one("inv:invoiceSummary/inv:foreignCurrency/typ:rate") == "24.5"


def test_a_slovak_credit_note_names_the_original_twice_and_has_its_control_statement(write: Write) -> None:
    rate = Decimal(23)
    document = credit_note(currency="EUR", billing=company(vat_id="SK2020317068", tax_id="2020317068"))
    lines = (line(gross("-123", "23"), vat_rate=rate),)
    document = invoice(
        type=InvoiceType.CREDIT_NOTE, lines=lines, currency="EUR", original_number="F1", billing=document.billing
    )
    xml = write(document, {"kv_classification": {"credit_note": "C1"}}, home_country="SK")
    assert (xml.one("inv:originalDocument"), xml.one("inv:originalDocumentNumber")) == ("F1", "F1")
    assert xml.one("inv:classificationKVDPH/typ:ids") == "C1"
    assert xml.one("typ:icDph") == "SK2020317068"
    assert xml.one("inv:homeCurrency/typ:unitPrice") == "-123"
    assert xml.one("inv:rateVAT") == "high"


def test_an_order_may_be_left_out_named_or_linked(write: Write) -> None:
    assert write(invoice(), order_link="none").one("inv:numberOrder") is None
    xml = write(invoice(), order_link="link")
    assert xml.one("inv:links/typ:link/typ:sourceAgenda") == "receivedOrder"
    assert xml.one("inv:links/typ:link/typ:sourceDocument/typ:number") == "2026000124"
    assert xml.one("inv:numberOrder") == "2026000124"
    assert write(credit_note(), order_link="link").one("inv:links") is None
    assert write(invoice(order_number=None), order_link="link").one("inv:links") is None


def test_a_declared_rounding_becomes_pohodas_rule_also_in_a_credit_note(write: Write) -> None:
    lines = (line(gross("-242.40")), shipping_line(total=gross("-89"), unit_price=gross("-89")))
    total = Totals(gross=Decimal("-331.40"), rounding=Decimal("0.40"))
    assert write(credit_note(lines=lines, total=total)).one("inv:roundingDocument") == "math2one"
    total = Totals(gross=Decimal("-331.40"), rounding=Decimal("-0.60"))
    xml = write(credit_note(lines=lines, total=total))
    assert xml.one("inv:roundingDocument") == "none"
    assert xml.all("typ:unitPrice")[-1] == "-0.6"


# -- what an advance has paid


def test_an_advance_that_has_paid_a_part_sets_the_invoice_aside(write: Write) -> None:
    assert refused(invoice(paid_by_advance=Decimal(100))) == [
        (
            "T021",
            "an advance has paid 100 of it, and the target is not told which",
            (
                "set `advances` in the target's settings: `note` sends it without the deduction, `taxed` and "
                "`untaxed` write one"
            ),
        )
    ]
    assert write(invoice(paid_by_advance=Decimal(0))).one("inv:invoiceAdvancePaymentItem") is None


def test_an_advance_may_be_left_to_the_accountant_who_is_told(write: Write) -> None:
    xml = write(invoice(paid_by_advance=Decimal("100.50")), advances="note")
    assert xml.one("inv:invoiceAdvancePaymentItem") is None
    assert xml.one("inv:intNote") == "Odečíst zálohu: 100.5"
    assert [(note.code, note.message, note.help) for note in xml.notes] == [
        (
            "T021",
            "an advance has paid 100.5 of it, and the target is not told which",
            "deduct it there by hand",
        )
    ]


def test_an_advance_is_deducted_with_the_vat_of_the_lines_or_without_any(write: Write) -> None:
    document = invoice(paid_by_advance=Decimal(121))
    taxed, untaxed = write(document, advances="taxed"), write(document, advances="untaxed")
    at = "inv:invoiceAdvancePaymentItem"
    assert (taxed.one(f"{at}/inv:rateVAT"), untaxed.one(f"{at}/inv:rateVAT")) == ("high", "none")
    assert taxed.all(f"{at}/inv:homeCurrency/*") == ["-121", "-100", "-21"]
    assert untaxed.all(f"{at}/inv:homeCurrency/*") == ["-121", "-121", "0"]
    abroad = write(invoice(paid_by_advance=Decimal(121), currency="EUR"), advances="untaxed")
    assert abroad.all(f"{at}/inv:foreignCurrency/typ:unitPrice") == ["-121"]


def test_an_advance_over_several_rates_cannot_be_deducted() -> None:
    lines = (line(), line(gross("112", "12"), vat_rate=Decimal(12)))
    assert refused(invoice(lines=lines, paid_by_advance=Decimal(100)), advances="taxed") == [
        (
            "T021",
            "an advance has paid 100 of it, and its lines have several VAT rates",
            (
                "book it by hand, or set `advances: note` in the target's settings; nobody says how much of the "
                "advance belongs to which rate"
            ),
        )
    ]


# -- sales that are taxed in another state


def test_a_sale_to_a_person_in_another_state_is_under_one_stop_shop(write: Write) -> None:
    # given a French customer of a Hungarian delivery, with a reduced rate
    lines = (line(gross("127", "27"), vat_rate=Decimal(27)), line(gross("105", "5"), vat_rate=Decimal(5)))
    document = invoice(billing=party(country="FR"), delivery=party(country="HU"), lines=lines)

    # when
    xml = write(document, foreign_vat="oss", oss_classification="UNoss", oss_proofs=["A", "G"])

    # then
    assert xml.one("inv:MOSS/typ:ids") == "HU"
    assert xml.all("inv:evidentiaryResourcesMOSS/typ:ids") == ["A", "G"]
    assert xml.all("inv:rateVAT") == ["historyHigh", "historyLow"]
    assert xml.all("inv:percentVAT") == ["27", "5"]
    assert xml.all("inv:typeServiceMOSS/typ:ids") == ["GD", "GD"]
    assert xml.one("inv:classificationVAT/typ:ids") == "UNoss"


def test_the_shop_may_name_the_country_whose_vat_an_invoice_carries(write: Write) -> None:
    lines = (line(gross("123", "23"), vat_rate=Decimal(23)),)
    xml = write(invoice(lines=lines, vat_country="SK"), foreign_vat="oss")
    assert xml.one("inv:MOSS/typ:ids") == "SK"


def test_a_vat_registration_in_another_state_goes_before_one_stop_shop(write: Write) -> None:
    lines = (line(gross("119", "19"), vat_rate=Decimal(19)),)
    document = invoice(billing=party(country="DE"), lines=lines)
    xml = write(document, {"vat_registration": {"DE": "DE"}}, foreign_vat="oss")
    assert xml.one("inv:regVATinEU/typ:ids") == "DE"
    assert xml.one("inv:MOSS") is None
    assert (xml.one("inv:rateVAT"), xml.one("inv:percentVAT")) == ("historyHigh", "19")
    assert xml.one("inv:typeServiceMOSS") is None


# -- any invoice

TEXTS = st.one_of(st.text(max_size=40), st.just("Žluťoučký kůň & spol. <b>"))
ALL_METHODS = {"payment": {str(method): f"P {method}"[:32] for method in PaymentMethod}}
CHOSEN: tuple[dict[str, Any], ...] = (
    {"foreign_vat": "oss"},
    {"foreign_vat": "oss", "prices": "net", "invoice_numbers": "shop", "order_link": "link", "row_totals": "warn"},
    {"foreign_vat": "history", "encoding": "utf-8", "prices": "gross", "rest": "note", "row_totals": "warn"},
    {"foreign_vat": "oss", "stock_items": "false", "oss_proofs": [], "parameters": {"VPrA": "customer_note"}},
)


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)
@given(data=st.data(), chosen=st.integers(0, len(CHOSEN) - 1))
@pytest.mark.parametrize("home", ["CZ", "SK"])
def test_any_invoice_is_written_as_a_valid_file(write: Write, home: str, data: st.DataObject, chosen: int) -> None:
    # given
    document = data.draw(invoices(TEXTS, home))

    # when
    xml = write(document, ALL_METHODS, home_country=home, **CHOSEN[chosen])

    # then
    assert len(xml.all("inv:invoiceItem")) >= len(document.lines)
    assert {note.code for note in xml.notes} <= {"T006", "T007", "T014", "T017", "T018"}


def test_a_net_invoice_is_written_without_vat(write: Write) -> None:
    xml = write(invoice(lines=(line(net("200")),), total=Totals(gross=Decimal(242), net=Decimal(200))))
    assert (xml.one("inv:payVAT"), xml.one("typ:unitPrice")) == ("false", "200")
