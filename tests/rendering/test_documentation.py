"""The documentation and the explanations are what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.diagnostics.explain import explanations
from gateway.rendering.filters import FILTERS, TESTS
from gateway.rendering.reference import refreshed

ROOT = Path(__file__).resolve().parents[2]
ROOM = ROOT / "gateway" / "rendering"


def codes_in_use() -> set[str]:
    text = "".join(path.read_text(encoding="utf-8") for path in ROOM.glob("*.py"))
    return set(re.findall(r'"([TX]\d{3})"', text))


def test_every_code_is_explained() -> None:
    assert codes_in_use() <= set(explanations())


def test_every_explanation_is_of_a_code_in_use() -> None:
    assert {code for code in explanations() if code[0] in "TX"} <= codes_in_use()


@pytest.mark.parametrize(
    ("page", "tables"), [("templates.md", 3), ("pohoda.md", 2), ("profit.md", 2), ("offers.md", 8)]
)
def test_the_tables_of_the_documentation_are_current(page: str, tables: int) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert text.count("<!-- table: ") == tables
    assert refreshed(text) == text, "write the page anew with gateway.rendering.reference.refreshed"


def test_every_test_is_documented() -> None:
    page = (ROOT / "docs" / "templates.md").read_text(encoding="utf-8")
    assert all(f"is {name}" in page for name in TESTS)


def test_every_filter_has_an_example_that_uses_it() -> None:
    assert all(f"| {name}" in entry.example for name, entry in FILTERS.items())


def test_modules_stay_readable() -> None:
    assert {path.name for path in ROOM.glob("*.py") if len(path.read_text().splitlines()) > 500} == set()
