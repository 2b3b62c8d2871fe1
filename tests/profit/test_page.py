"""docs/profit.md typed from its first command to its last one, and its tables beside schema and settings."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from lxml import etree

from gateway.mapping import load as load_mapping
from gateway.rendering import Identity, load
from tests.profit.conftest import LOOKUPS, ROOT
from tests.workbench.walk import walk

PAGE = (ROOT / "docs" / "profit.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| `([A-Z_]+)` \| (.+) \| (.+) \|(?: `(.*)`)? *\|$", re.MULTILINE)
_ORDERS, _INVOICES = PAGE.split("## The shop's own invoices", 1)
ROWS = _ROW.findall(_ORDERS)
OF_INVOICES = _ROW.findall(_INVOICES)
XSD = "{http://www.w3.org/2001/XMLSchema}"


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder in which the page was typed, and the page with what its commands print."""
    place = tmp_path_factory.mktemp("profit")
    for samples in ("shoptet", "pricelist"):
        shutil.copytree(ROOT / "samples" / samples, place / "samples" / samples)
    return place, walk(PAGE, place)


def test_the_page_prints_what_it_says(walked: tuple[Path, str]) -> None:
    assert walked[1] == PAGE


def test_the_examples_of_the_tags_are_those_of_the_order_that_the_page_shows(walked: tuple[Path, str]) -> None:
    root = etree.parse(walked[0] / "profit" / "objednavky" / "orders.xml").getroot()
    (shown,) = (each for each in root if each.findtext("NUMBER") == "2026000124")
    for tag, _, _, example in ROWS:
        found = shown.find(tag) if not tag.startswith("ITEM_") else shown.find(f"ITEMS/ITEM/{tag}")
        if found is not None and not len(found):
            assert (found.text or "").replace("&", "&amp;") == example.replace("&", "&amp;"), tag


def test_the_table_has_every_tag_in_the_order_of_the_file() -> None:
    schema = etree.parse(ROOT / "xsd" / "profit" / "order.xsd")
    names = [element.get("name") for element in schema.iter(f"{XSD}element")]
    assert [tag for tag, *_ in ROWS] == [name for name in names if name not in ("ORDERS", "ORDER")]


def test_the_table_of_invoices_has_the_tags_that_orders_lack_and_those_that_mean_something_else() -> None:
    def tags(name: str) -> list[str]:
        schema = etree.parse(ROOT / "xsd" / "profit" / f"{name}.xsd")
        return [element.get("name") or "" for element in schema.iter(f"{XSD}element")]

    documented = [tag for tag, *_ in OF_INVOICES]
    of_orders = tags("order")
    assert [tag for tag in tags("invoice") if tag in documented] == documented
    assert set(tags("invoice")) - set(of_orders) - {"INVOICES", "INVOICE"} <= set(documented)
    assert set(of_orders) - set(tags("invoice")) == {"ORDERS", "ORDER"}


def test_the_examples_of_invoices_are_those_of_the_sample() -> None:
    template = load("profit/invoice", settings={"company_id": "12345678"}, lookups=LOOKUPS)
    first = next(iter(load_mapping("pohoda/invoice").read(ROOT / "samples" / "pohoda" / "invoices.xml")))
    assert first.document is not None
    data = template.whole(first.document, Identity.of("shop-main", "invoice", "260100005")).data
    (shown,) = etree.fromstring(data)
    assert {tag: example for tag, _, _, example in OF_INVOICES} == {
        tag: shown.findtext(tag) or "" for tag, *_ in OF_INVOICES
    }
