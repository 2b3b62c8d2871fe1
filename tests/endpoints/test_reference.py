"""The page of endpoints cannot drift from the models."""

from __future__ import annotations

from pathlib import Path

from gateway.endpoints.reference import refreshed

PAGE = Path(__file__).parents[2] / "docs" / "endpoints.md"


def test_the_tables_of_options_are_current() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert refreshed(page) == page, "write it anew with gateway.endpoints.reference.refreshed"
