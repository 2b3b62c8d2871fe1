"""docs/profit.md typed from its first command to its last one, and its tables beside schema and settings."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from lxml import etree

from tests.profit.conftest import ROOT
from tests.workbench.walk import walk

PAGE = (ROOT / "docs" / "profit.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([A-Z_]+)` \| (.+) \| (.+) \|(?: `(.*)`)? *\|$", PAGE, re.MULTILINE)
XSD = "{http://www.w3.org/2001/XMLSchema}"


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder in which the page was typed, and the page with what its commands print."""
    place = tmp_path_factory.mktemp("profit")
    shutil.copytree(ROOT / "samples" / "shoptet", place / "samples" / "shoptet")
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
