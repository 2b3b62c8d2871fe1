"""What is written of an invoice for POHODA is read again as the same invoice, as a shop's file for POHODA is."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.documents import Invoice, PaymentMethod
from gateway.mapping import Overrides
from gateway.rendering import Identity
from tests.loaded import mapping as mapping_of
from tests.loaded import template as template_of
from tests.rendering.invoices import credit_note, invoice, invoices
from tests.rendering.orders import LOOKUPS, SETTINGS, company, gross, line

METHODS = {str(method): "Hotově" for method in PaymentMethod}
PLAIN = st.text("abcčřž &<0-9", min_size=1, max_size=20).map(lambda text: f"x{' '.join(text.split())}")


def again(document: Invoice, place: Path, home: str = "CZ", **chosen: Any) -> Invoice:
    """The invoice, written and read."""
    written = SETTINGS | {"home_country": home, "invoice_numbers": "shop", "row_totals": "warn"} | chosen
    template = template_of("pohoda/invoice", written, LOOKUPS | {"payment": METHODS})
    file = place / "invoice.xml"
    file.write_bytes(template.whole(document, Identity.of("shop", "invoice", document.number)).data)
    currency = {"CZ": "CZK", "SK": "EUR"}[home]
    overrides = Overrides(settings={"country": home, "home_currency": currency})
    (reading,) = mapping_of("pohoda/invoice", overrides).read(file)
    assert isinstance(reading.document, Invoice), reading.problems
    return reading.document


@pytest.mark.parametrize("document", [invoice(billing=company()), credit_note(), credit_note(currency="EUR")])
def test_an_invoice_is_read_as_it_was_written(document: Invoice, tmp_path: Path) -> None:
    # when
    found = again(document, tmp_path)

    # then
    for name in ("number", "type", "currency", "order_number", "original_number"):
        assert getattr(found, name) == getattr(document, name), name
    assert found.issued_at.date() == document.issued_at.date()
    assert found.total.gross == document.total.gross
    assert [row.unit_price.gross for row in found.lines] == [row.unit_price.gross for row in document.lines]
    assert found.billing.company == document.billing.company


def test_a_deducted_advance_is_read_again(tmp_path: Path) -> None:
    # given a Slovak unit, whose own currency the euro is
    rate = Decimal(23)
    document = invoice(
        currency="EUR", lines=(line(gross("123", "23"), vat_rate=rate),), paid_by_advance=Decimal("61.50")
    )

    # when
    found = again(document, tmp_path, "SK", advances="taxed")

    # then
    assert found.total.gross == 123
    assert found.lines[0].vat_rate == rate
    assert found.paid_by_advance == document.paid_by_advance


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
@pytest.mark.parametrize("home", ["CZ", "SK"])
def test_any_invoice_is_read_with_the_rates_that_it_was_written_with(
    tmp_path: Path, home: str, data: st.DataObject
) -> None:
    document = data.draw(invoices(PLAIN, home))
    found = again(document, tmp_path, home, foreign_vat="oss", rest="ignore")
    assert found.type == document.type
    assert [row.vat_rate for row in found.lines] == [row.vat_rate for row in document.lines]
    assert [row.quantity for row in found.lines] == [row.quantity for row in document.lines]
