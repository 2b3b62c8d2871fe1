"""docs/offers.md typed from its first command to its last one, and its tables beside the models."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from gateway import library
from gateway.config.offers import OffersModel
from gateway.offers import RulesModel
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


def test_the_page_names_every_template_of_offers() -> None:
    named = {name for name in first_column(PAGE.split("## What targets there are", 1)[1]) if "/offer" in name}
    there = {name for name in library.names("templates", ".xml.j2") if "/offer" in name}
    assert named == there
