"""docs/platforms: every platform has a page, its table is current, and its configuration loads as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway import library
from gateway.config import load
from gateway.exchange.prepared import prepare_routes
from gateway.rendering.reference import refreshed
from gateway.workbench.platforms import Platform, platform_tables, platforms

ROOT = Path(__file__).resolve().parents[2]
PLATFORMS = platforms(None)
PAGES = sorted((ROOT / "docs" / "platforms").glob("*.md"))
BLOCK = re.compile(r"^```yaml config\.yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_SHOPS = {"pohoda", "pohoda-ask", "profit", "files", "shop", "shared"}
"""Accounting programs, and what is nobody's own."""


def configured(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is wrong with a configuration whose secrets are all given."""
    for name in re.findall(r"\$\{env:(\w+)\}", text):
        monkeypatch.setenv(name, "secret")
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    config = load(path)
    _, found = prepare_routes(config)
    return [f"{problem.code}: {problem.message}" for problem in (*config.problems, *found)]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_the_configuration_of_a_page_loads(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = BLOCK.findall(path.read_text(encoding="utf-8"))
    assert blocks
    for block in blocks:
        assert configured(block, tmp_path, monkeypatch) == []


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.id)
def test_a_platform_has_a_page_and_the_page_its_table(platform: Platform) -> None:
    text = (ROOT / platform.model.page).read_text(encoding="utf-8")
    assert platform.model.page == f"docs/platforms/{platform.id}.md"
    assert text.startswith(f"# {platform.model.name}\n")
    assert text.count(f"<!-- table: platform {platform.id} -->") == 1
    assert 40 <= len(text.splitlines()) <= 120


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.id)
def test_a_page_names_every_mapping_and_template_of_its_platform(platform: Platform) -> None:
    text = (ROOT / platform.model.page).read_text(encoding="utf-8")
    for row in platform.model.travels:
        for name in (*row.mapping, row.template):
            assert name is None or f"`{name}`" in text or f": {name}" in text, name


def test_every_page_is_of_a_platform() -> None:
    assert [path.stem for path in PAGES] == [platform.id for platform in PLATFORMS]


@pytest.mark.parametrize("path", [*PAGES, ROOT / "README.md"], ids=lambda path: path.stem)
def test_the_tables_of_platforms_are_current(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "<!-- table: platform" in text
    assert refreshed(text, platform_tables()) == text, "run `gateway schema --write`"


@pytest.mark.parametrize("path", [*PAGES, ROOT / "docs" / "exchange-between-shops.md"], ids=lambda path: path.stem)
def test_what_a_page_links_to_is_there(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    gone = [link for link in links if not link.startswith("http") and not (path.parent / link).is_file()]
    assert gone == []


def test_every_mapping_and_template_of_a_shop_is_named_by_a_platform() -> None:
    rows = [row for platform in PLATFORMS for row in platform.model.travels]
    named = {name for row in rows for name in (*row.mapping, row.template) if name is not None}
    there = {
        name
        for folder, suffix in (("mappings", ".yaml"), ("templates", ".xml.j2"))
        for name in library.names(folder, suffix)
        if name.partition("/")[0] not in NOT_SHOPS
    }
    assert named == there


def test_every_api_is_that_of_a_platform_whose_lists_are_all_named() -> None:
    from gateway.endpoints import api_description

    for name in {path.parent.name for path in (ROOT / "mappings").glob("*/api.yaml")}:
        (platform,) = (each for each in PLATFORMS if each.id == name)
        named = {row.list for row in platform.model.travels if row.list is not None}
        known = set(api_description.load_description(name, None).lists)
        assert named <= known
        assert "orders" in named


def test_what_is_verified_names_tests_that_are_there() -> None:
    verified = [row for platform in PLATFORMS for row in platform.model.travels if row.verified_by]
    assert verified
    for row in verified:
        for name in row.verified_by:
            file, _, function = name.partition("::")
            assert f"\ndef {function}(" in (ROOT / file).read_text(encoding="utf-8"), name


def test_what_is_verified_by_product_lists_is_read_from_a_file_of_others() -> None:
    """The one test reads many lists; the mapping must be among those that are not the project's own samples."""
    from tests.platforms.product_lists import VENDORS_SOURCES

    read = {source.mapping for source in VENDORS_SOURCES}
    for platform in PLATFORMS:
        for row in platform.model.travels:
            if any(name.endswith("test_a_product_list_is_read_as_it_says") for name in row.verified_by):
                assert set(row.mapping) <= read
