"""`gateway platforms`, and what `gateway check` says of a platform.yaml."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.conftest import Gateway
from tests.exchange.conftest import TestSite

ROOT = Path(__file__).resolve().parents[2]
GOOD = """\
# yaml-language-server: $schema=platform.json
version: 1
name: Mine
countries: [CZ, SK]
about: A shop of our own.
source: its own makers
page: docs/platforms/mine.md
travels:
  - what: orders out
    way: [feed, file]
    mapping: shoptet/order
    status: written from documentation
    missing: a file of it
limits:
  - "nothing goes back"
"""
NEXT = "`gateway add route --platform mine` writes a route into config.yaml; docs/platforms/mine.md"
DRAFT = "`gateway new platform qqq --from FILE` drafts a mapping for it"


def described(site: TestSite, *replacements: tuple[str, str], name: str = "mine") -> Path:
    """A platform of the site, with some lines otherwise."""
    text = GOOD
    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = site.folder / "mappings" / name / "platform.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return path


def text(indented: str) -> str:
    return dedent(indented).strip("\n")


# -- the table -------------------------------------------------------------------------------------------


def test_the_table_has_a_line_for_everything_that_travels(gateway: Gateway, site: TestSite) -> None:
    described(site)
    outcome = gateway("platforms")
    assert (outcome.code, outcome.err) == (0, "")
    lines = [line.split("  ") for line in outcome.out.splitlines()]
    told = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert told[0] == ["PLATFORM", "COUNTRIES", "WHAT TRAVELS", "HOW", "STATUS"]
    assert ["mine", "CZ SK", "orders out", "feed, file", "written from documentation"] in told
    assert ["shoptet", "CZ SK HU", "stock in, prices in", "feed", "written from documentation"] in told
    assert [
        "mimishop", "CZ", "orders out", "no format is known", "a template waiting for a merchant's file"
    ] in told  # fmt: skip
    assert outcome.last == "next: `gateway platforms NAME` tells what is missing, and how to begin"


def test_what_is_verified_says_on_what(gateway: Gateway) -> None:
    verified = [line for line in gateway("platforms").out.splitlines() if "verified" in line]
    assert verified
    assert all("verified on real files: " in line for line in verified)


def test_the_table_as_json_is_all_that_is_known(gateway: Gateway, site: TestSite) -> None:
    described(site)
    told = {each["platform"]: each for each in gateway("platforms", "--json").json}
    assert list(told) == sorted(told)
    assert told["mine"] == gateway("platforms", "mine", "--json").json


# -- one platform ----------------------------------------------------------------------------------------


def test_a_platform_with_a_format_is_told_with_the_way_to_a_route(gateway: Gateway, site: TestSite) -> None:
    described(site)
    outcome = gateway("platforms", "mine")
    assert (outcome.code, outcome.err) == (0, "")
    assert (
        outcome.out.rstrip("\n")
        == text("""
        Mine  CZ SK
        A shop of our own.

        WHAT TRAVELS  HOW         BY             STATUS
        orders out    feed, file  shoptet/order  written from documentation
        ! orders out: a file of it
        - nothing goes back
        known from: its own makers
    """)
        + f"\nnext: {NEXT}"
    )


def test_a_platform_without_a_format_is_told_with_the_way_to_a_mapping(gateway: Gateway, site: TestSite) -> None:
    outcome = gateway("platforms", "mimishop")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.rstrip("\n") == text("""
        Mimishop  CZ
        A rented e-shop that PROFIT has a ready configuration for.

        WHAT TRAVELS  HOW                 BY  STATUS
        orders out    no format is known  -   a template waiting for a merchant's file
        ! orders out: no help page, connector or example was found
        - stock, prices and order states in: nothing is known
        known from: nothing is published
        next: `gateway new platform mimishop --kind order --from FILE` drafts the mapping from the merchant's file; docs/platforms/mimishop.md
    """)  # noqa: E501 - as it is printed


@pytest.mark.parametrize("name", ["bohemiasoft", "fastcentrik", "mimishop", "oxyshop", "webnode"])
def test_the_way_to_a_mapping_leads_there(gateway: Gateway, site: TestSite, name: str) -> None:
    # given a platform without a format, and a file of a merchant
    said = gateway("platforms", name).last
    assert said.startswith(f"next: `gateway new platform {name} --kind order --from FILE` drafts the mapping")
    sample = ROOT / "samples" / "tutorial" / "upgates.xml"
    # when
    drafted = gateway("new", "platform", name, "--kind", "order", "--from", sample)
    # then its mapping reads the file, and the way goes on from there
    assert drafted.code == 0
    assert gateway("test", f"{name}/order").code == 0
    assert gateway("platforms", name).last == (
        f"next: `gateway test {name}/order`, then a route with that mapping as docs/platforms/{name}.md has it"
    )


def test_a_platform_as_json(gateway: Gateway, site: TestSite) -> None:
    described(site)
    assert gateway("platforms", "mine", "--json").json == {
        "platform": "mine",
        "name": "Mine",
        "countries": ["CZ", "SK"],
        "about": "A shop of our own.",
        "source": "its own makers",
        "page": "docs/platforms/mine.md",
        "travels": [
            {
                "what": ["orders out"],
                "way": ["feed", "file"],
                "mapping": ["shoptet/order"],
                "list": None,
                "template": None,
                "schema": None,
                "status": "written from documentation",
                "verified_on": None,
                "verified_by": [],
                "missing": "a file of it",
            }
        ],
        "limits": ["nothing goes back"],
        "next": NEXT,
    }


def test_the_sites_own_description_stands_before_the_shipped_one(gateway: Gateway, site: TestSite) -> None:
    described(site, name="shoptet")
    assert gateway("platforms", "shoptet").out.startswith("Mine  CZ SK\n")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("shoptett", "there is no platform `shoptett`; there is one with a similar name: `shoptet`"),
        ("PrestaShop", "there is no platform `PrestaShop`; there is one with a similar name: `prestashop`"),
        ("../shared", "there is no platform `../shared`; `gateway platforms` lists all"),
        ("qqq", f"there is no platform `qqq`; {DRAFT}; `gateway platforms` lists all"),
    ],
)
def test_a_name_that_is_no_platform(gateway: Gateway, site: TestSite, name: str, said: str) -> None:
    outcome = gateway("platforms", name)
    assert (outcome.code, outcome.out, outcome.err) == (2, "", f"gateway: {said}\n")


def test_a_description_that_is_wrong_is_told_with_its_place(gateway: Gateway, site: TestSite) -> None:
    described(site, ("name: Mine", "nam: Mine"))
    outcome = gateway("platforms")
    assert outcome.code == 3
    assert outcome.err.endswith("2 problems; `gateway explain M003` tells more\n")


# -- check -----------------------------------------------------------------------------------------------


def test_a_good_description_is_checked(gateway: Gateway, site: TestSite) -> None:
    outcome = gateway("check", described(site))
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines()[0] == "✓ mappings/mine/platform.yaml  platform, 1 row"


def test_an_unknown_key_of_a_description(gateway: Gateway, site: TestSite) -> None:
    outcome = gateway("check", described(site, ("source:", "sourc:")))
    assert outcome.code == 3
    assert outcome.err.rstrip("\n") == text("""
        error[M003]: the description lacks the key `source`
         --> mappings/mine/platform.yaml:2:1
          |
        2 | version: 1
          | ^^^^^^^^^^
          |
          = help: add `source:`

        error[M004]: unknown key `sourc` in the description
         --> mappings/mine/platform.yaml:6:1
          |
        6 | sourc: its own makers
          | ^^^^^ not a key of it
          |
          = help: there is a key with a similar name: `source`
    """)


WHATS = (
    "'orders out', 'products out', 'stock out', 'feed', 'products in', 'stock in', 'prices in' "
    "or 'order states in'"
)
STATUSES = "'verified on real files', 'written from documentation' or \"a template waiting for a merchant's file\""
TEST_NAMES = "a test is named as in `tests/platforms/test_products.py::test_a_list_is_read`"


@pytest.mark.parametrize(
    ("old", "new", "said", "helped"),
    [
        ("what: orders out", "what: order out", f"M005: `0` has a wrong value: input should be {WHATS}", None),
        (
            "status: written from documentation",
            "status: verified",
            f"M005: `status` has a wrong value: input should be {STATUSES}",
            None,
        ),
        (
            "status: written from documentation",
            "status: verified on real files",
            "M003: a row that is verified lacks the key `verified_on`",
            "add `verified_on:`, or another status",
        ),
        (
            "status: written from documentation",
            "status: verified on real files\n    verified_on: an export",
            "M003: a row that is verified lacks the key `verified_by`",
            "add `verified_by:`, or another status",
        ),
        (
            "status: written from documentation",
            "status: written from documentation\n    verified_on: an export",
            "M005: `verified_on` and `verified_by` are of rows that are verified",
            "remove them, or say `status: verified on real files`",
        ),
        (
            "status: written from documentation",
            "status: verified on real files\n    verified_on: an export\n    verified_by: test_it",
            f"M005: `verified_by` has a wrong value: {TEST_NAMES}",
            None,
        ),
        ("    mapping: shoptet/order\n", "", "M003: `orders out` lacks the key `mapping`", "add `mapping:`"),
        ("what: orders out", "what: stock in", "M003: `stock in` lacks the key `template`", "add `template:`"),
        (
            "way: [feed, file]",
            "way: no format is known",
            "M005: what has a mapping or a template has a known format",
            "say which way it goes",
        ),
        (
            "mapping: shoptet/order",
            "mapping: shoptet/oder",
            "M001: there is no mapping `shoptet/oder`",
            "there is a mapping with a similar name: `shoptet/order`",
        ),
        (
            "mapping: shoptet/order",
            "mapping: shoptet/order\n    template: qqq/qqq",
            "T008: there is no template `qqq/qqq`",
            "check the name",
        ),
        (
            "mapping: shoptet/order",
            "mapping: shoptet/order\n    schema: shop/cals",
            "X002: there is no schema `shop/cals`",
            "there is a schema with a similar name: `shop/calls`",
        ),
        (
            "mapping: shoptet/order",
            "mapping: shoptet/order\n    list: orders",
            "C004: there is no list `orders` of this platform",
            "it has no api.yaml",
        ),
        (
            "countries: [CZ, SK]",
            "countries: [Czechia]",
            "M005: `0` has a wrong value: string should match pattern '^[A-Z]{2}$'",
            None,
        ),
        (
            "page: docs/platforms/mine.md",
            "page: mine.md",
            "M005: `page` has a wrong value: string should match pattern '^docs/.+\\.md$'",
            None,
        ),
    ],
)
def test_what_is_wrong_in_a_description_is_told(
    gateway: Gateway, site: TestSite, old: str, new: str, said: str, helped: str | None
) -> None:
    outcome = gateway("check", described(site, (old, new)), "--json")
    (file,) = outcome.json
    told = [(f"{each['code']}: {each['message']}", each.get("help")) for each in file["problems"]]
    assert outcome.code == 3
    assert (said, helped) in told
    assert all(each["span"]["line"] > 1 for each in file["problems"])


def test_a_list_that_the_api_does_not_have(gateway: Gateway, site: TestSite) -> None:
    path = described(site, ("mapping: shoptet/order", "mapping: shoptet/order\n    list: order"))
    path.with_name("api.yaml").write_bytes((ROOT / "mappings" / "shoper" / "api.yaml").read_bytes())
    outcome = gateway("check", path)
    assert outcome.err.rstrip("\n") == text("""
        error[C004]: there is no list `order` of this platform
          --> mappings/mine/platform.yaml:12:11
           |
        12 |     list: order
           |           ^^^^^
           |
           = help: its api.yaml has orders
    """)


def test_an_empty_description(gateway: Gateway, site: TestSite) -> None:
    path = described(site)
    path.write_text("# nothing\n", encoding="utf-8")
    outcome = gateway("check", path)
    assert outcome.code == 3
    assert outcome.err.rstrip("\n") == text("""
        error[M002]: the description of the platform is empty
         --> mappings/mine/platform.yaml:1
          = help: start with `version: 1`, `name:` and `travels:`
    """)


def test_the_schema_of_descriptions_is_current_and_explains_every_key(gateway: Gateway) -> None:
    committed = (ROOT / "gateway" / "schemas" / "platform.json").read_text(encoding="utf-8")
    assert gateway("schema", "platform").out == committed, "run `gateway schema --write`"
    schema = json.loads(committed)
    parts = [schema, *schema["$defs"].values()]
    assert all(each["description"] for part in parts for each in part["properties"].values())
    assert all(part["additionalProperties"] is False for part in parts)
