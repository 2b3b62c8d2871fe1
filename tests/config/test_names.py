"""A name that leads nowhere holds its route, and is shown at its place."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent

import pytest

from gateway.diagnostics import render_all
from tests.config.conftest import GOOD, Written

Change = Callable[[str, str], Written]


def text(block: str) -> str:
    return dedent(block).strip("\n")


HELD = {
    "an endpoint that there is not": (
        "endpoint: shop-ftp",
        "endpoint: shop-fpt",
        """
        error[C004]: there is no endpoint `shop-fpt`
          --> config.yaml:11:22
           |
        11 |     from: {endpoint: shop-fpt, folder: /export}
           |                      ^^^^^^^^
           |
           = help: there is one with a similar name: `shop-ftp`
        """,
    ),
    "an endpoint like no other": (
        "endpoint: shop-ftp",
        "endpoint: warehouse",
        """
        error[C004]: there is no endpoint `warehouse`
          --> config.yaml:11:22
           |
        11 |     from: {endpoint: warehouse, folder: /export}
           |                      ^^^^^^^^^
           |
           = help: known: out, shop-ftp
        """,
    ),
    "a target that there is not": (
        "target: pohoda",
        "target: pohda",
        """
        error[C004]: there is no target `pohda`
          --> config.yaml:14:19
           |
        14 |     to: [{target: pohda, template: pohoda/order, schema: pohoda/data}]
           |                   ^^^^^
           |
           = help: there is one with a similar name: `pohoda`
        """,
    ),
    "a target whose endpoint there is not": (
        "endpoint: out",
        "endpoint: outt",
        """
        error[C004]: there is no endpoint `outt`
         --> config.yaml:7:22
          |
        7 |   pohoda: {endpoint: outt, folder: pohoda}
          |                      ^^^^
          |
          = help: there is one with a similar name: `out`
        """,
    ),
    "a merchant where none has a name": (
        "origin: shop-main",
        "origin: shop-main\n    merchant: acme",
        """
        error[C004]: there is no merchant `acme`
          --> config.yaml:11:15
           |
        11 |     merchant: acme
           |               ^^^^
           |
           = help: leave `merchant:` out here: this site has a single one, without a name
        """,
    ),
    "several merchants and a route of none": (
        'merchant: {company_id: "12345678"}',
        "merchants: {acme: {}, beta: {}}",
        """
        error[C002]: `merchant` is missing
         --> config.yaml:9:3
          |
        9 |   shop:
          |   ^^^^
          |
          = help: add `merchant:`, one of acme, beta
        """,
    ),
}


def test_a_name_that_leads_nowhere_holds_its_route_alone(written: Written) -> None:
    good = "  good: {origin: g, mapping: shoptet/order, to: [{target: pohoda, template: pohoda/order}]}\n"
    config = written.write(GOOD.replace("endpoint: shop-ftp", "endpoint: nowhere") + good).load()
    assert list(config.routes) == ["good"]
    assert [problem.code for problem in config.problems] == ["C004"]


@pytest.mark.parametrize(("old", "new", "expected"), HELD.values(), ids=HELD.keys())
def test_a_name_that_leads_nowhere_is_shown_at_its_place(
    changed: Change, old: str, new: str, expected: str
) -> None:
    assert changed(old, new).problems() == text(expected)


def test_a_merchant_with_a_near_name_is_named(written: Written) -> None:
    site = GOOD.replace('merchant: {company_id: "12345678"}', "merchants: {acme: {}, beta: {}}")
    written.write(site.replace("origin: shop-main", "origin: shop-main\n    merchant: amce"))
    assert written.problems() == text("""
        error[C004]: there is no merchant `amce`
          --> config.yaml:11:15
           |
        11 |     merchant: amce
           |               ^^^^
           |
           = help: there is one with a similar name: `acme`
    """)


def test_a_single_merchant_beside_named_ones_is_told(changed: Change) -> None:
    site = changed("merchant: {", "merchants: {acme: {}}\nmerchant: {")
    assert site.problems() == text("""
        error[C003]: `merchant` and `merchants` are both there; `merchant` is left out
         --> config.yaml:3:1
          |
        3 | merchant: {company_id: "12345678"}
          | ^^^^^^^^
          |
          = help: write every merchant under `merchants:`, with its name
    """)


def test_a_route_cannot_have_a_name_that_the_spool_needs(written: Written) -> None:
    config = written.write(GOOD.replace("  shop:\n", "  Work:\n")).load()
    assert config.routes == {}
    assert render_all(config.problems) == dedent(
        """\
        error[C003]: `Work` cannot be the name of a route: it is a name that the spool or the system needs itself
         --> config.yaml:9:3
          |
        9 |   Work:
          |   ^^^^ this name
          |
          = help: choose another one: a route has a folder of its name in the spool, and on Windows capital and small letters are the same"""  # noqa: E501
    )


def test_two_routes_cannot_share_a_folder_where_capitals_do_not_count(written: Written) -> None:
    route = GOOD.partition("routes:\n")[2]
    config = written.write(GOOD + route.replace("  shop:", "  Shop:")).load()
    assert list(config.routes) == ["shop"]
    assert [problem.message for problem in config.problems] == [
        "`Shop` cannot be the name of a route: it differs from `shop` in case"
    ]
