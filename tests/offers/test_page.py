"""docs/offers.md typed from its first command to its last one, and its tables beside the models."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from textwrap import dedent

import yaml

from gateway import library
from gateway.config.offers import OffersModel
from gateway.documents import Offer, Product, Property
from gateway.offers import Known, RulesModel, compile_rules
from gateway.rendering import load
from tests.workbench.walk import walk

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "offers.md").read_text(encoding="utf-8")
_TARGET, _RULES = PAGE.split("## The rules", 1)


def first_column(text: str) -> list[str]:
    rows = re.findall(r"^\| (`[^|]+`) \|", text, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def test_the_page_prints_what_it_says(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "samples" / "pohoda", tmp_path / "samples" / "pohoda")
    assert walk(PAGE, tmp_path) == PAGE


def test_the_page_names_every_option_and_every_rule() -> None:
    assert first_column(_TARGET.split("## The target", 1)[1]) == list(OffersModel.model_fields)
    assert sorted(first_column(_RULES.split("## What targets", 1)[0])) == sorted(RulesModel.model_fields)


def test_the_rules_that_complete_a_product_are_rules() -> None:
    shown = PAGE.split("supply what the source does not know:\n", 1)[1].split("\nA special price", 1)[0]
    rules = yaml.load(dedent(shown), yaml.BaseLoader)["rules"]
    known = Known("A-1", (Product(sku="A-1", name="Tričko", properties=(Property(name="Velikost", value="M"),)),))
    offer = compile_rules(RulesModel.model_validate(rules)).work_out(known)
    assert isinstance(offer, Offer)
    assert (offer.url, offer.category, offer.name, offer.ean) == (
        "https://www.example.cz/p/A-1",
        "Dům a zahrada",
        "Tričko M",
        None,
    )


def test_the_delivery_prices_are_those_of_a_feed() -> None:
    shown = PAGE.split("### Delivery prices\n", 1)[1].split("\nThey are written", 1)[0]
    settings = yaml.load(dedent(shown), yaml.BaseLoader)["settings"]
    for feed in ("heureka", "zbozi", "glami"):
        assert load(f"{feed}/offer", settings=settings).kind == "offer"


def test_the_page_names_every_product_list_that_is_read() -> None:
    named = set(first_column(PAGE.split("## Product lists", 1)[1]))
    kinds = {name: name.partition("/")[2] for name in library.names("mappings", ".yaml")}
    assert {name for name in named if "/" in name} == {
        name for name, kind in kinds.items() if kind in ("product", "stock", "price")
    }


def test_the_page_names_every_template_of_offers() -> None:
    named = {name for name in first_column(PAGE.split("## What targets there are", 1)[1]) if "/offer" in name}
    there = {name for name in library.names("templates", ".xml.j2") if "/offer" in name}
    assert named == there
