"""The first draft of a mapping: what is guessed from a sample, how sure, and what is told to be missing."""

# ruff: noqa: E501 - exports have long lines
from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ProblemsFound
from gateway.mapping import load
from gateway.workbench.goldens import run_tests
from gateway.workbench.scaffold.guess import Guess
from gateway.workbench.scaffold.samples import Sample, read_sample
from gateway.workbench.scaffold.trying import Platform, drafted
from gateway.workbench.scaffold.writing import Header

SHARED = Path(__file__).resolve().parents[3] / "shared" / "formats" / "shops" / "samples"

FLAT = """<Orders>
  <Order>
    <OrderNumber>#892</OrderNumber><OrderDate>2026-10-20 13:19:41</OrderDate><OrderCurrency>EUR</OrderCurrency>
    <BillingFirstName>Ema</BillingFirstName><BillingLastName>Nová</BillingLastName><BillingCompany></BillingCompany>
    <BillingAddress1>Lipová 1</BillingAddress1><BillingCity>Žilina</BillingCity><BillingPostCode>01001</BillingPostCode>
    <BillingCountry>SK</BillingCountry><BillingEmail>ema@example.com</BillingEmail>
    <ShippingFirstName>Jan</ShippingFirstName><ShippingLastName>Malý</ShippingLastName><ShippingCity>Martin</ShippingCity>
    <ShippingMethod>DPD kurier</ShippingMethod><PaymentMethod>Dobierka</PaymentMethod>
    <ShippingTotal>6.00</ShippingTotal><OrderTotal>61.00</OrderTotal>
    <OrderLineItems><SKU>HR1</SKU><ItemName>Hrnček</ItemName><Quantity>2</Quantity><Price>20.00</Price><TaxRate>20</TaxRate></OrderLineItems>
    <OrderLineItems><SKU>MI1</SKU><ItemName>Miska</ItemName><Quantity>1</Quantity><Price>15.00</Price><TaxRate>20</TaxRate></OrderLineItems>
  </Order>
</Orders>
"""
GERMAN = """<Bestellliste>
  <Bestellung>
    <Bestellnummer>77</Bestellnummer><Waehrung>978</Waehrung>
    <Bestelldatum><Datum>21.02.2026</Datum></Bestelldatum>
    <Kunde><Firmenname>Muster GmbH</Firmenname><Vorname>Eva</Vorname><Name>Muster</Name><PLZ>10115</PLZ><Ort>Berlin</Ort><Land>Deutschland</Land>
      <Lieferadresse><Name>Lager</Name><Ort>Potsdam</Ort></Lieferadresse></Kunde>
    <Artikelliste>
      <Artikel><Steuersatz>0.19</Steuersatz><Artikelnummer>11</Artikelnummer><Anzahl>2</Anzahl><Produktname>Tasse</Produktname><Preis>17.00</Preis></Artikel>
      <GesamtNetto>28.57</GesamtNetto><GesamtBrutto>34.00</GesamtBrutto>
    </Artikelliste>
  </Bestellung>
</Bestellliste>
"""
TYPED = """<export><orders>
  <order><code>A1</code><created>2026-11-20T10:00:00</created><currency><code>HUF</code></currency>
    <szamlazasi><nev>Kis Réka</nev><varos>Pécs</varos></szamlazasi><total>6350</total>
    <items><item><type>product</type><name>Sál</name><quantity>2</quantity><price>2000</price><taxRate>27</taxRate></item>
    <item><type>shipping</type><name>GLS</name><quantity>1</quantity><price>1000</price><taxRate>27</taxRate></item></items></order>
  <order><code>A2</code><created>2026-11-21T10:00:00</created><currency><code>HUF</code></currency>
    <szamlazasi><nev>Nagy Ábel</nev><varos>Győr</varos></szamlazasi><total>2540</total>
    <items><item><type>product</type><name>Kulacs</name><quantity>1</quantity><price>2000</price><taxRate>27</taxRate></item></items></order>
</orders></export>
"""
JSON = """{"params": {"orderList": [{"number": "7", "created": {"date": "2026-11-20 10:00:00"},
 "selected_currency": {"code": "CZK"}, "total": {"price_with_vat": 363.00, "price": 300.00},
 "customer": {"billing_information": {"name": "Ema Nová", "city": "Brno", "ico": "12345679"}},
 "row_list": [{"product_name": "Hrnek", "count": 2, "price_per_unit": 150.00, "price_per_unit_with_vat": 181.50}]}]}}
"""
CSV = """code;date;currency;billFullName;totalPriceWithVat;orderItemName;orderItemAmount;orderItemUnitPriceWithVat;orderItemVatRate
1;2026-11-20 10:00:00;CZK;Ema Nová;542,00;Hrnek;2;181,50;21
1;2026-11-20 10:00:00;CZK;Ema Nová;542,00;Miska;1;179,00;21
2;2026-11-21 10:00:00;CZK;Jan Malý;181,50;Hrnek;1;181,50;21
"""


def draft(tmp_path: Path, text: str, name: str = "sample.xml") -> tuple[Sample, Platform]:
    sample = tmp_path / "samples" / "acme" / name
    sample.parent.mkdir(parents=True, exist_ok=True)
    sample.write_text(text, encoding="utf-8")
    return drafted_from(sample)


def drafted_from(sample: Path) -> tuple[Sample, Platform]:
    taken = read_sample(sample)
    header = Header("../x.json", "acme", "order", sample.name, taken.source, f"samples/acme/{sample.name}")
    return taken, drafted(taken.survey, sample, header)


def guesses(made: Platform) -> dict[str, Guess]:
    return {guess.field: guess for guess in made.draft.guesses}


def rows(made: Platform, number: int = 0) -> dict[str, object]:
    return {guess.field: guess.rule for guess in made.draft.lines[number].guesses}


def test_flat_names_with_prefixes_are_told_apart(tmp_path: Path) -> None:
    taken, made = draft(tmp_path, FLAT)
    found = guesses(made)
    assert taken.source == {"format": "xml", "record": "/Orders/Order"}
    assert found["number"].rule == {"path": "OrderNumber", "required": True}
    assert found["ordered_at"].rule == {"path": "OrderDate", "timezone": "Europe/Bratislava"}
    assert found["billing.name"].rule == {"join": ["BillingFirstName", "BillingLastName"]}
    assert found["delivery.city"].rule == "ShippingCity"
    assert (found["billing.email"].rule, found["billing.email"].sure) == ("BillingEmail", "sure")
    assert found["shipping.name"].rule == "ShippingMethod"
    assert made.draft.tables.rows["payment"] == {"Dobierka": "cash_on_delivery", "else": "error"}
    assert made.draft.tables.rows["carrier"] == {"DPD kurier": "dpd", "else": "other"}


def test_what_adds_up_decides_on_gross_and_on_charges(tmp_path: Path) -> None:
    _, made = draft(tmp_path, FLAT)
    assert rows(made)["unit_price.gross"] == "Price"
    assert made.draft.lines[1].each == "."
    assert rows(made, 1) == {
        "kind": {"value": "shipping"},
        "name": {"path": "ShippingMethod", "default": "Shipping"},
        "quantity": {"value": "1"},
        "unit_price.gross": "ShippingTotal",
        "vat_rate": "OrderLineItems/TaxRate",
    }
    assert guesses(made)["total.gross"].why == "the rows add up to it in 1 of 1"
    assert (made.good, made.records, dict(made.bad)) == (1, 1, {})


def test_german_names_a_numeric_currency_and_a_share_as_rate(tmp_path: Path) -> None:
    taken, made = draft(tmp_path, GERMAN)
    found = guesses(made)
    assert taken.source["record"] == "/Bestellliste/Bestellung"
    assert found["ordered_at"].rule == {"path": "Bestelldatum/Datum", "timezone": "Europe/Berlin"}
    assert found["currency"].rule == {"path": "Waehrung", "lookup": "currency"}
    assert found["billing.name"].rule == {"join": ["Kunde/Vorname", "Kunde/Name"]}
    assert found["delivery.name"].rule == "Kunde/Lieferadresse/Name"
    assert rows(made)["vat_rate"] == {"compute": "number('Steuersatz') * 100"}
    assert rows(made)["unit_price.gross"] == "Preis"
    assert made.good == 1


def test_rows_of_a_type_give_their_kind_and_the_name_of_the_carrier(tmp_path: Path) -> None:
    taken, made = draft(tmp_path, TYPED)
    found = guesses(made)
    assert taken.source["record"] == "/export/orders/order"
    assert rows(made)["kind"] == {"path": "type", "lookup": "line_kind"}
    assert found["shipping.name"].rule == "items/item[type='shipping']/name"
    assert rows(made)["unit_price.net"] == "price", "net prices with their rates lead to the total"
    assert found["billing.name"].rule == "szamlazasi/nev"
    assert (made.good, made.records) == (2, 2)


def test_a_json_sample(tmp_path: Path) -> None:
    taken, made = draft(tmp_path, JSON, "sample.json")
    assert taken.source == {"format": "json", "record": "/params/orderList"}
    assert rows(made)["unit_price.net"] == "price_per_unit", "a VAT rate leads from it to the gross one"
    assert guesses(made)["billing.company_id"].rule == "customer/billing_information/ico"
    assert made.good == 1


def test_a_csv_sample_is_grouped_by_the_number(tmp_path: Path) -> None:
    taken, made = draft(tmp_path, CSV, "sample.csv")
    assert taken.source == {"format": "csv", "group": "code"}
    assert guesses(made)["billing.name"].rule == "row/billFullName"
    assert rows(made)["name"] == "orderItemName"
    assert (made.good, made.records) == (2, 2)


@pytest.mark.parametrize(
    ("text", "name"), [(FLAT, "s.xml"), (GERMAN, "s.xml"), (TYPED, "s.xml"), (JSON, "s.json"), (CSV, "s.csv")]
)
def test_a_draft_loads_without_a_problem_and_its_tests_pass(tmp_path: Path, text: str, name: str) -> None:
    _, made = draft(tmp_path, text, name)
    path = tmp_path / "mappings" / "acme" / "order.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(made.text, encoding="utf-8")
    checked = list(run_tests(load(str(path)), root=tmp_path, site=None))
    assert checked
    assert [each.outcome.problems for each in checked if not each.outcome.passed] == []


def test_a_line_says_how_sure_it_is_and_why(tmp_path: Path) -> None:
    _, made = draft(tmp_path, FLAT)
    lines = [" ".join(line.split()) for line in made.text.splitlines()]
    assert 'billing.city: BillingCity # sure · by its name and place · "Žilina"' in lines
    said = lines.index("billing.company: BillingCompany")
    assert lines[said - 1] == "# likely · by its name and place · empty in the sample"
    assert lines[0] == "# yaml-language-server: $schema=../x.json"


def test_what_was_not_mapped_stands_at_the_end_with_a_value(tmp_path: Path) -> None:
    _, made = draft(tmp_path, FLAT.replace("<ShippingTotal>", "<Colour>blue</Colour><ShippingTotal>"))
    assert made.text.endswith("\n# Not mapped: path, and a value of the sample.\n#   Colour  blue\n")


def test_what_is_missing_is_told_and_the_draft_loads_all_the_same(tmp_path: Path) -> None:
    _, made = draft(tmp_path, "<ORDERS><ORDER><ORDER_ID>58656</ORDER_ID><CODE>20260897</CODE></ORDER></ORDERS>")
    assert made.draft.missing == (
        "MISSING nearly all: this does not look like an export of orders; take one with orders in it",
        "MISSING the day of the order: no element holds a date of its own; fill in `ordered_at:`",
        "MISSING the currency: nothing names it; `currency:` is a constant now, right only if it always is",
        "MISSING the customer: neither a name nor a company was found; fill in `billing.name:`",
        "MISSING the rows of the order: no element looks like them; fill in `lines:`",
    )
    assert (made.good, dict(made.bad)) == (0, {"D001": 3})
    assert "  ordered_at: {path: FILL_IN_DATE, timezone: Europe/Prague}" in made.text


def test_rows_without_a_rate_are_told(tmp_path: Path) -> None:
    _, made = draft(tmp_path, FLAT.replace("<TaxRate>20</TaxRate>", ""))
    said = (
        "MISSING the VAT rate, which the sample does not have: "
        "`vat_rate(billing.country, 'standard', ordered_at)` is assumed, nothing confirms it"
    )
    assert made.draft.missing == (said,)
    assert rows(made)["vat_rate"] == {"compute": "vat_rate(billing.country, 'standard', ordered_at)"}
    assert (made.good, made.records) == (1, 1)


def test_rows_without_a_rate_and_without_a_country_are_told(tmp_path: Path) -> None:
    text = FLAT.replace("<TaxRate>20</TaxRate>", "").replace("<BillingCountry>SK</BillingCountry>", "")
    _, made = draft(tmp_path, text)
    assert made.draft.missing == (
        "MISSING the VAT rate of `OrderLineItems`, and no net price beside a gross one (D011); add `vat_rate:`",
        (
            "MISSING the VAT rate of the rows for which text('ShippingTotal') and number('ShippingTotal') != 0, and "
            "no net price beside a gross one (D011); add `vat_rate:`"
        ),
    )
    assert set(made.bad) == {"D011"}


def test_a_charge_that_is_always_zero_is_for_a_person_to_decide(tmp_path: Path) -> None:
    _, made = draft(tmp_path, FLAT.replace("<OrderTotal>", "<DiscountTotal>0</DiscountTotal><OrderTotal>"))
    said = "DECIDE on discount: `DiscountTotal` is 0 in the sample, so how it counts cannot be told"
    assert made.draft.missing == (said,)


def test_a_sample_that_is_cut_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.xml").write_text("<orders><order>")
    with pytest.raises(ProblemsFound) as caught:
        read_sample(tmp_path / "cut.xml")
    [problem] = caught.value.problems
    assert problem.code == "W003"
    assert problem.message.startswith("the sample cannot be read: premature end of data in tag order")


def test_a_sample_without_anything_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.xml").write_text("<orders/>")
    with pytest.raises(ProblemsFound) as caught:
        read_sample(tmp_path / "empty.xml")
    [problem] = caught.value.problems
    assert (problem.code, problem.message) == ("W004", f"nothing in `{tmp_path}/empty.xml` looks like a record")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the samples of real shape are not on this machine")
@pytest.mark.parametrize(
    ("pattern", "record", "expected"),
    [
        (
            "oxid/*.xml",
            "/Bestellliste/Bestellung",
            {"number", "ordered_at", "currency", "billing.city", "total.gross"},
        ),
        (
            "woocommerce/*.xml",
            "/Orders/Order",
            {"number", "ordered_at", "billing.name", "delivery.city", "total.gross"},
        ),
        ("prestashop/import_sale_record_5_0*", "/prestashop/order", {"number", "ordered_at", "payment.method"}),
        (
            "shoprenter/order_extend_get_page*",
            "/response/items/item",
            {"number", "billing.country", "shipping.name"},
        ),
        ("shoptet/orders-export-template*", "/ORDERS/ORDER", {"number", "billing.vat_id", "delivery.street"}),
    ],
)
def test_samples_of_real_shape(pattern: str, record: str, expected: set[str]) -> None:
    [sample] = SHARED.glob(pattern)
    taken, made = drafted_from(sample)
    assert taken.source["record"] == record
    assert expected <= set(guesses(made))
