"""What PROFIT is sent in the shape of Shoptet's export: the gateway's own mapping reads the same order from it."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from lxml import etree
from msgspec import structs

from gateway.documents import LineKind, Order, differences, fingerprint
from tests.profit.conftest import LOOKUPS, SAMPLES, SHOPTET, loaded, orders_of, tell
from tests.profit.orders import PLAIN, orders, priced
from tests.rendering.orders import company, gross, identity, line, party

EXPORTS = [path for mapping, path in SAMPLES if mapping == "shoptet/order"]


def read_again(document: Order, folder: Path, **chosen: str) -> Order:
    """The order that the mapping reads from what is written for PROFIT."""
    path = folder / "again.xml"
    path.write_bytes(loaded(SHOPTET, tuple(chosen.items())).whole(document, identity(document)).data)
    (again,) = orders_of("shoptet/order", path)
    return again


@pytest.mark.parametrize("path", EXPORTS, ids=lambda path: str(path.name))
def test_an_export_that_was_written_again_is_read_as_the_same_orders(path: Path, tmp_path: Path) -> None:
    for document in orders_of("shoptet/order", path):
        # when it is written in the shape that it came in, and read again
        again = read_again(document, tmp_path, unit="")
        # then it is the same business, and the rest is the same too
        assert differences("order", document, again) == []
        assert fingerprint("order", document) == fingerprint("order", again)
        for field in ("number", "status", "cancelled", "payment", "shipping", "customer_note", "shop_note"):
            assert getattr(again, field) == getattr(document, field)
        assert again.ordered_at.date() == document.ordered_at.date()


@given(document=orders(PLAIN, ("gross",)))
@settings(deadline=None, max_examples=60)
def test_any_order_with_prices_with_vat_is_read_as_the_same_business(document: Order) -> None:
    # given an order of which the export has a place for everything
    if document.delivery is not None:
        elsewhere = party(name=document.delivery.name, company=document.delivery.company, email=None, phone=None)
        document = structs.replace(document, delivery=elsewhere)
    if document.total.to_pay is None:
        document = structs.replace(document, total=structs.replace(document.total, to_pay=document.total.gross))
    # when it is written and read again
    with tempfile.TemporaryDirectory() as folder:
        again = read_again(document, Path(folder), unit="")
    # then it is the same business
    assert differences("order", document, again) == []
    assert fingerprint("order", document) == fingerprint("order", again)


def test_the_elements_stand_in_the_order_of_the_export() -> None:
    export = etree.parse(EXPORTS[0])
    # given the places of every element in the export
    known: dict[str, list[str]] = {}
    for element in export.iter(etree.Element):
        known.setdefault(element.tag, [child.tag for child in element if isinstance(child.tag, str)])
    # when an order is written
    template = loaded(SHOPTET)
    root = etree.fromstring(template.whole(priced(), identity()).data)
    # then those that the export has stand in its order, and hardly any other is there
    for tag in ("ORDER", "CURRENCY", "CUSTOMER", "BILLING_ADDRESS", "SHIPPING_ADDRESS", "ITEM", "UNIT_PRICE"):
        ours = [child.tag for child in next(root.iter(tag))]
        common = [child for child in ours if child in known[tag]]
        assert common == [child for child in known[tag] if child in ours]
        assert set(ours) - set(known[tag]) <= {"COUNTRY_CODE", "PACKAGE_NUMBER", "PICKUP_PLACE"}


def test_kinds_of_lines_have_the_names_of_the_export() -> None:
    kinds = [line(gross("10"), kind=kind) for kind in LineKind]
    assert tell(priced(lines=tuple(kinds)), SHOPTET).items("TYPE") == [
        "product",
        "service",
        "shipping",
        "billing",
        "discount-coupon",
        "service",
        "gift",
    ]


def test_addresses_countries_and_numbers_stand_where_the_export_has_them() -> None:
    lookups = LOOKUPS | {"country": {"SK": "Slovensko"}}
    buyer = company(vat_id=None, tax_id="2120000025", country="SK")
    told = tell(priced(billing=buyer, delivery=party(city="Žilina", country="SK")), SHOPTET, lookups=lookups)
    address = "CUSTOMER/BILLING_ADDRESS"
    assert (told.one(f"{address}/COUNTRY"), told.one(f"{address}/COUNTRY_CODE")) == ("Slovensko", "SK")
    assert (told.one(f"{address}/VAT_ID"), told.one(f"{address}/STREET")) == ("2120000025", "Česká 1/2")
    assert told.one("CUSTOMER/SHIPPING_ADDRESS/CITY") == "Žilina"
    assert told.one("CODE") == told.one("ORDER_ID") == "2026000124"


@pytest.mark.parametrize(("stock_code", "code"), [("sku", "A-1"), ("ean", "859"), ("ean_or_sku", "859")])
def test_the_code_is_the_one_of_the_price_list(stock_code: str, code: str) -> None:
    told = tell(priced(lines=(line(sku="A-1", ean="859"),)), SHOPTET, stock_code=stock_code)
    assert (told.items("CODE"), told.items("EAN")) == ([code], ["859"])


def test_the_totals_are_the_shops() -> None:
    told = tell(priced(), SHOPTET)
    assert Decimal(told.one("TOTAL_PRICE/WITH_VAT")) == 331
    assert Decimal(told.one("TOTAL_PRICE/PRICE_TO_PAY")) == 331
