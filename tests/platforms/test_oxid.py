"""OXID eShop: the module's own example, where it is there, and what of a name is the variant."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from gateway.diagnostics import render_all
from gateway.documents import Order
from tests.platforms.conftest import SAMPLES, mapping_of, orders_of

RECORDED = (
    Path(__file__).resolve().parents[3]
    / "shared/formats/shops/samples/oxid/lexware-order-export-expected__OXIDprojects-lexware-export-module.xml"
)


@pytest.mark.skipif(not RECORDED.is_file(), reason="the module's own example is not there")
def test_the_modules_own_example_is_read() -> None:
    (reading,) = mapping_of("oxid/order").read(RECORDED)
    assert isinstance(reading.document, Order), render_all(reading.problems)
    document = reading.document
    assert (document.number, document.currency, document.billing.country) == ("9991", "EUR", "DE")
    assert document.ordered_at.isoformat() == "2007-02-21T00:00:00+01:00"
    assert document.delivery is not None
    assert (document.delivery.company, document.delivery.country) == ("delcomp", "DE")
    (article, shipping, payment) = document.lines
    assert (article.name, article.variant, article.vat_rate) == ("Bar-Set ABSINTH", "oxselvariant", Decimal(19))
    charged = [shipping.total.gross, payment.total.gross, document.total.gross]
    assert charged == [Decimal(1), Decimal(3), Decimal(38)]


def test_attributes_with_letters_outside_ascii_are_read_from_a_file_in_latin_9() -> None:
    head = (SAMPLES / "oxid/intern.xml").read_bytes()[:60]
    assert b"ISO-8859-15" in head
    states = [document.status for document in orders_of(SAMPLES / "oxid/intern.xml")]
    assert states == ["neu", "bearbeitet", "zurückgestellt"]
