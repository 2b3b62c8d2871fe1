"""Which template line wrote which field: marks that change nothing of the output."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.mapping import load as load_mapping
from gateway.rendering import Identity, Template, load
from gateway.rendering.printing import mentions, printed, written_by

ROOT = Path(__file__).parents[2]
IDENTITY = Identity.of("shoptet", "order", "1")
SETTINGS = {"company_id": "12345678"}
PAYMENTS = {
    "payment": dict.fromkeys(("cash_on_delivery", "bank_transfer", "card", "cash", "online"), "Platba & jiná")
}


@pytest.fixture(scope="module")
def template() -> Template:
    return load("pohoda/order", settings=SETTINGS, lookups=PAYMENTS)


def test_without_its_marks_the_text_is_the_template_s_own(template: Template) -> None:
    readings = load_mapping("shoptet/order").read(ROOT / "samples/shoptet/orders.xml")
    compared = 0
    for reading in readings:
        assert reading.document is not None
        text, _ = printed(template, reading.document, IDENTITY)
        assert text == template.whole(reading.document, IDENTITY).text
        compared += 1
    assert compared == 6


def test_loops_macros_and_set_blocks_are_followed(template: Template) -> None:
    readings = load_mapping("shoptet/order").read(ROOT / "samples/shoptet/orders.xml")
    document = next(reading.document for reading in readings if reading.position == 2)
    assert document is not None
    text, found = printed(template, document, IDENTITY)
    lines = text.splitlines()

    def texts(field: str) -> list[str]:
        return [each.text for each in written_by(found, field)]

    assert texts("billing.city") == ["<typ:city>Pardubice</typ:city>"]
    assert texts("delivery.city") == ["<typ:city>Brno</typ:city>"]
    assert texts("lines[2].quantity") == ["<ord:quantity>1</ord:quantity>"]
    assert texts("lines[2].vat_rate") == ["<ord:rateVAT>high</ord:rateVAT>"]
    assert texts("lines[2].unit_price.gross") == [
        "<ord:homeCurrency><typ:unitPrice>143</typ:unitPrice></ord:homeCurrency>"
    ]
    assert len(texts("ordered_at")) == 2
    assert texts("total.gross") == []
    assert all(lines[each.line - 1].strip() == each.text for each in found)


def test_the_lines_that_name_a_field_are_found_in_all_files(template: Template) -> None:
    places = {span.file.rpartition("/")[2] for span in mentions(template, "delivery.company")}
    assert places == {"_party.xml.j2"}


def test_an_argument_of_a_filter_is_not_what_is_written(lay: Callable[..., Path]) -> None:
    site = lay("<a>{{ [document.billing.city] | joined(document.number) }}</a>")
    template = load("mine/order", site=site)
    reading = next(iter(load_mapping("shoptet/order").read(ROOT / "samples/shoptet/orders.xml")))
    assert reading.document is not None
    _, found = printed(template, reading.document, IDENTITY)
    assert [each.text for each in written_by(found, "billing.city")] == ["<a>Kutná Hora</a>"]
    assert written_by(found, "number") == ()
