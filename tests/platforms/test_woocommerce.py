"""WooCommerce: coupons are counted once, and any net amounts with their VAT arrive to the cent."""

from __future__ import annotations

import json
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.diagnostics import render_all
from gateway.documents import Order
from gateway.mapping import Overrides, load
from tests.platforms.conftest import FLAT, SAMPLES, booked_by_pohoda, booked_by_profit, mapping_of
from tests.platforms.order_amounts import CENT, cents, woocommerce

RECORDED = (
    Path(__file__).resolve().parents[3]
    / "shared/formats/shops/samples/woocommerce/skyverge-legacy-order-export-2014__file-id-33860940972.xml"
)


@st.composite
def orders(draw: st.DrawFn) -> dict[str, Any]:
    """An order as the shop makes it: rows without VAT, less their share of a coupon, with the VAT of each."""
    percents = {7: 21, 9: 12}
    tells = draw(st.booleans())
    with_vat = draw(st.booleans())
    total, total_tax = Decimal(0), Decimal(0)

    def amounts(net_before: Decimal, rate_id: int, off: int) -> dict[str, Any]:
        nonlocal total, total_tax
        rate = Decimal(percents[rate_id]) / 100
        before = cents(net_before)
        if with_vat:  # prices are entered with VAT, and the shop takes it out
            gross = cents(before * (1 + rate) * (100 - off) / 100)
            net = cents(gross / (1 + rate))
            tax = gross - net
        else:
            net = cents(before * (100 - off) / 100)
            tax = cents(net * rate)
        total += net
        total_tax += tax
        named = [{"id": each, "total": str(tax) if each == rate_id else ""} for each in percents]
        return {"total": str(net), "total_tax": str(tax), "subtotal": str(before), "taxes": named}

    off = draw(st.sampled_from((0, 0, 10, 33)))
    lines = [
        {
            "name": f"Zboží {number}",
            "sku": f"Z-{number}",
            "quantity": draw(st.integers(1, 15)),
            **amounts(draw(st.decimals("2", "5000", places=2)), draw(st.sampled_from((7, 9))), off),
        }
        for number in range(1, draw(st.integers(2, 5)))
    ]
    shipping = {"method_title": "PPL", **amounts(draw(st.decimals("1", "200", places=2)), 7, 0)}
    fee = {"name": "Dobírka", **amounts(draw(st.decimals("1", "60", places=2)), 7, 0)}
    return {
        "id": draw(st.integers(1, 99999)),
        "number": str(draw(st.integers(1, 99999))),
        "status": "processing",
        "currency": "CZK",
        "date_created_gmt": "2026-11-20T10:00:00",
        "total": str(total + total_tax),
        "total_tax": str(total_tax),
        "billing": {"first_name": "Jan", "last_name": "Novák", "country": "CZ"},
        "payment_method": "cod",
        "line_items": lines,
        "tax_lines": [
            {"rate_id": each, **({"rate_percent": percent} if tells else {})} for each, percent in percents.items()
        ],
        "shipping_lines": [shipping],
        "fee_lines": [fee],
        "coupon_lines": [{"code": "SLEVA", "discount": "1.00"}] if off else [],
    }


@given(order=orders())
@settings(deadline=None, max_examples=80)
def test_any_amounts_with_their_vat_arrive_to_the_cent(order: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "orders.json"
        path.write_text(json.dumps([order]), encoding="utf-8")
        # when the order is read and written
        (reading,) = mapping_of("woocommerce/order").read(path)
        assert isinstance(reading.document, Order), render_all(reading.problems)
        (said,) = woocommerce(path)
    document = reading.document
    booked, told = booked_by_pohoda(document), booked_by_profit(document, FLAT)
    # then both come to what the shop says, as a whole and by rate
    assert booked.gross + booked.rest == said.gross == told.gross
    assert abs(booked.rest) <= CENT * len(document.lines)
    assert told.gross_by_rate == said.gross_by_rate
    assert told.vat_by_rate == said.vat_by_rate
    for rate, vat in said.vat_by_rate.items():
        assert abs(booked.vat_by_rate[rate] - vat) <= CENT * said.rows_at(rate)


def test_the_keys_of_company_numbers_are_a_matter_of_the_route(tmp_path: Path) -> None:
    # given a plug-in with keys of its own
    order = json.loads((SAMPLES / "woocommerce/orders-page.json").read_text(encoding="utf-8"))[1]
    order["meta_data"] = [{"key": "firma_ico", "value": "12345679"}, {"key": "firma_dic", "value": "CZ12345679"}]
    (tmp_path / "order.json").write_text(json.dumps(order), encoding="utf-8")
    # when the route names them
    told = load(
        "woocommerce/order", overrides=Overrides(settings={"company_id": "firma_ico", "vat_id": "firma_dic"})
    )
    (reading,) = told.read(tmp_path / "order.json")
    # then they are read
    assert isinstance(reading.document, Order)
    assert (reading.document.billing.company_id, reading.document.billing.vat_id) == ("12345679", "CZ12345679")


@pytest.mark.parametrize(
    ("status", "cancelled"),
    [
        ("pending", False),
        ("processing", False),
        ("on-hold", False),
        ("completed", False),
        ("cancelled", True),
        ("failed", True),
        ("refunded", True),
        ("partial-payment", False),
    ],
)
def test_states_in_which_nothing_is_to_be_delivered(status: str, cancelled: bool, tmp_path: Path) -> None:
    order = json.loads((SAMPLES / "woocommerce/orders-page.json").read_text(encoding="utf-8"))[0]
    (tmp_path / "order.json").write_text(json.dumps({**order, "status": status}), encoding="utf-8")
    (reading,) = mapping_of("woocommerce/order").read(tmp_path / "order.json")
    assert isinstance(reading.document, Order)
    assert (reading.document.status, reading.document.cancelled) == (status, cancelled)


@pytest.mark.skipif(not RECORDED.is_file(), reason="an export of the plug-in is not there")
def test_an_export_of_the_plug_in_is_read() -> None:
    # given its one order, in the legacy format, whose amounts were made up and do not add up
    told = load(
        "woocommerce/order_xml",
        overrides=Overrides(totals="warn", settings={"currency": "USD", "country": "DE"}),
    )
    (reading,) = told.read(RECORDED)
    assert isinstance(reading.document, Order), render_all(reading.problems)
    document = reading.document
    # then everything that it names is read
    assert (document.number, document.status, document.currency) == ("892", "completed", "USD")
    assert (document.billing.name, document.billing.postcode, document.billing.country) == (
        "Hank Schrader",
        "87111",
        "US",
    )
    assert document.delivery is not None
    assert (document.delivery.company, document.delivery.postcode) == ("DEA", "87102")
    assert [(line.sku, line.variant, line.total.net) for line in document.lines] == [
        ("ninja-silhouette", None, Decimal(35)),
        ("ship-idea-green", "Color: Green", Decimal(20)),
        (None, None, Decimal("9.95")),
    ]
    assert document.total.gross == Decimal("105.95")
    assert [problem.code for problem in reading.problems] == ["D007"]
