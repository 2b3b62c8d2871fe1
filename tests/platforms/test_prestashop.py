"""PrestaShop: an order put together from recorded answers, what may be missing of it, and any amounts."""

from __future__ import annotations

import copy
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.diagnostics import render_all
from gateway.documents import LineKind, Order
from gateway.mapping import Mapping, Overrides, load
from tests.platforms.conftest import FLAT, SAMPLES, booked_by_pohoda, booked_by_profit, mapping_of
from tests.platforms.order_amounts import CENT, cents, prestashop

RECORDED = Path(__file__).resolve().parents[3] / "shared/formats/shops/samples/prestashop"
NAME = "{}__OCA-connector-prestashop.xml"
SIX = Decimal("0.000001")


def recorded(name: str) -> etree._Element:
    """The one document within a recorded answer."""
    return etree.parse(RECORDED / NAME.format(name)).getroot()[0]


def put(into: etree._Element, name: str, document: etree._Element) -> None:
    """Put the children of a document into another one, under a name."""
    etree.SubElement(into, name).extend(copy.deepcopy(list(document)))


def read(mapping: Mapping, order: etree._Element, folder: Path) -> Order:
    """The order that a mapping reads of it."""
    root = etree.Element("prestashop")
    root.append(order)
    path = folder / "order.xml"
    path.write_bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True))
    (reading,) = mapping.read(path)
    assert isinstance(reading.document, Order), render_all(reading.problems)
    return reading.document


@pytest.mark.skipif(not RECORDED.is_dir(), reason="recorded answers of a PrestaShop are not there")
def test_an_order_put_together_from_recorded_answers_is_read(tmp_path: Path) -> None:
    # given a recorded order, and the documents that it links to as far as they were recorded
    order = recorded("import_sale_record_5_0_orders_5")
    put(order, "customer", recorded("import_partner_record_1_0_customers_1"))
    put(order, "invoice_address", recorded("import_sale_record_5_2_addresses_4"))
    put(order, "delivery_address", recorded("import_sale_record_5_2_addresses_4"))
    for row, name in zip(
        order.iter("order_row"), ("3_order_details_13", "4_order_details_14", "5_order_details_15"), strict=True
    ):
        put(row, "detail", recorded(f"import_sale_record_5_{name}"))
    # when the route says which currency its id is, because that was not recorded
    document = read(
        load("prestashop/order", overrides=Overrides(lookups={"currency": {"1": "EUR"}})), order, tmp_path
    )
    # then everything that is there is read
    assert (document.number, document.currency, document.total.gross) == ("5", "EUR", Decimal("71.51"))
    assert document.ordered_at.isoformat() == "2019-01-30T01:02:12+01:00"
    assert (document.billing.name, document.billing.company) == ("John DOE", "My Company")
    assert document.billing.street == "16, Main street, 2nd floor"
    assert (document.billing.email, document.billing.phone) == ("pub@prestashop.com", "0102030405")
    assert (document.billing.country, document.delivery) == (None, None)
    assert (document.payment.method, document.payment.paid) == ("bank_transfer", False)
    assert (document.status, document.cancelled, document.shop_note) == ("10", False, "Reference KHWLILZLL")
    assert [line.sku for line in document.lines] == ["demo_1", "demo_2", "demo_3", None]
    assert [line.total.gross for line in document.lines] == [Decimal(each) for each in ("16.51", "27", "26", "2")]
    assert {line.vat_rate for line in document.lines} == {Decimal(0)}


@pytest.mark.parametrize(
    "missing",
    [
        "customer",
        "delivery_address",
        "state",
        "carrier",
        "invoice_address/country",
        "associations/order_rows/order_row/detail",
        "associations/order_rows/order_row/detail/associations/taxes/tax/definition",
    ],
)
@pytest.mark.parametrize("name", ["order-person.xml", "order-abroad.xml"])
def test_an_order_is_read_without_any_one_of_the_documents_it_links_to(
    name: str, missing: str, tmp_path: Path
) -> None:
    whole = etree.parse(SAMPLES / "prestashop" / name).getroot()[0]
    before = read(mapping_of("prestashop/order"), copy.deepcopy(whole), tmp_path)
    # when one kind of them is not there
    found = whole.findall(missing)
    assert found
    for element in found:
        parent = element.getparent()
        assert parent is not None
        parent.remove(element)
    after = read(mapping_of("prestashop/order"), whole, tmp_path)
    # then the business is the same
    assert (after.number, after.currency, after.total.gross) == (
        before.number,
        before.currency,
        before.total.gross,
    )
    assert [line.kind for line in after.lines] == [line.kind for line in before.lines]
    if name == "order-person.xml":
        assert [line.vat_rate for line in after.lines] == [line.vat_rate for line in before.lines]


def test_without_a_currency_the_order_is_refused_until_the_route_says_what_its_id_is(tmp_path: Path) -> None:
    order = etree.parse(SAMPLES / "prestashop/order-person.xml").getroot()[0]
    order.remove(order.find("currency"))  # type: ignore[arg-type]
    root = etree.Element("prestashop")
    root.append(order)
    (tmp_path / "in.xml").write_bytes(etree.tostring(root))
    (reading,) = mapping_of("prestashop/order").read(tmp_path / "in.xml")
    assert [problem.code for problem in reading.problems] == ["D006"]
    told = load("prestashop/order", overrides=Overrides(lookups={"currency": {"1": "CZK"}}))
    (reading,) = told.read(tmp_path / "in.xml")
    assert reading.document is not None


def test_the_number_may_be_the_reference() -> None:
    told = load("prestashop/order", overrides=Overrides(settings={"number": "reference"}))
    (reading,) = told.read(SAMPLES / "prestashop/order-person.xml")
    assert isinstance(reading.document, Order)
    assert reading.document.number == "XKBKNABJK"


# -- any amounts


@st.composite
def compositions(draw: st.DrawFn) -> etree._Element:
    """An order with six places in its prices, made as the shop makes it: from the prices without VAT."""
    rates = draw(st.lists(st.sampled_from(("21.000", "12.000", "0.000")), min_size=1, max_size=4))
    linked = draw(st.booleans())
    order = etree.Element("order")

    def add(into: etree._Element, name: str, value: object) -> None:
        etree.SubElement(into, name).text = str(value)

    rows = etree.SubElement(etree.SubElement(order, "associations"), "order_rows")
    whole = {"incl": Decimal(0), "excl": Decimal(0)}
    for number, rate in enumerate(rates, start=1):
        row = etree.SubElement(rows, "order_row")
        count = draw(st.integers(1, 12))
        net = draw(st.decimals("1", "4000", places=6))
        gross = (net * (1 + Decimal(rate) / 100)).quantize(SIX)
        add(row, "id", number)
        add(row, "product_name", f"Zboží {number}")
        add(row, "product_reference", f"Z-{number}")
        add(row, "product_quantity", count)
        add(row, "unit_price_tax_incl", gross)
        add(row, "unit_price_tax_excl", net)
        totals = {"incl": cents(gross * count), "excl": cents(net * count)}
        detail = etree.SubElement(row, "detail")
        for side, amount in totals.items():
            add(detail, f"total_price_tax_{side}", f"{amount:.6f}")
            whole[side] += amount
        if linked:
            taxes = etree.SubElement(etree.SubElement(detail, "associations"), "taxes")
            tax = etree.SubElement(taxes, "tax")
            add(etree.SubElement(tax, "definition"), "rate", rate)
    shipping = draw(st.decimals("0", "200", places=2))
    sums = {"shipping": (shipping, cents(shipping / Decimal("1.21")))}
    discount = (
        draw(st.decimals("0.50", "1", places=2))
        if draw(st.booleans()) and (linked or len(set(rates)) == 1)
        else None
    )
    if discount is not None:
        sums["discounts"] = (discount, cents(discount / (1 + Decimal(rates[0]) / 100)))
    for name, (incl, excl) in sums.items():
        add(order, f"total_{name}_tax_incl", f"{incl:.6f}")
        add(order, f"total_{name}_tax_excl", f"{excl:.6f}")
        sign = -1 if name == "discounts" else 1
        whole["incl"] += sign * incl
        whole["excl"] += sign * excl
    add(order, "id", draw(st.integers(1, 99999)))
    add(order, "date_add", "2026-11-20 10:00:00")
    add(etree.SubElement(order, "currency"), "iso_code", "CZK")
    add(etree.SubElement(order, "customer"), "lastname", "Novák")
    add(order, "module", "ps_wirepayment")
    add(order, "carrier_tax_rate", "21.000")
    add(order, "total_paid_tax_incl", f"{whole['incl']:.6f}")
    add(order, "total_paid_tax_excl", f"{whole['excl']:.6f}")
    return order


@given(order=compositions())
@settings(deadline=None, max_examples=80)
def test_any_amounts_of_six_places_arrive_to_the_cent(order: etree._Element) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # when the order is read and written
        document = read(mapping_of("prestashop/order"), order, folder)
        (said,) = prestashop(folder / "order.xml")
        booked, told = booked_by_pohoda(document), booked_by_profit(document, FLAT)
    # then both come to what the shop says, as a whole and by rate
    assert booked.gross + booked.rest == said.gross == told.gross
    assert abs(booked.rest) <= CENT * len(document.lines)
    for rate, gross in said.gross_by_rate.items():
        assert abs(told.gross_by_rate.get(rate, Decimal(0)) - gross) <= CENT * said.rows_at(rate)
        assert abs(booked.gross_by_rate.get(rate, Decimal(0)) - gross) <= CENT * said.rows_at(rate)
    assert [line.kind for line in document.lines].count(LineKind.PRODUCT) == len(order.findall(".//order_row"))
