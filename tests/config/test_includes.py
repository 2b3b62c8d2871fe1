"""Included files: one shop or merchant each, and a bad one holds only its own routes."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.config.conftest import GOOD, Written

ROOT = GOOD.replace("merchant:", "include: [routes/*.yaml]\nmerchant:")
OTHER = """\
version: 1
routes:
  other:
    origin: other-main
    mapping: shoptet/order
    to: [{target: pohoda, template: pohoda/order}]
"""


def text(block: str) -> str:
    return dedent(block).strip("\n")


def test_routes_of_included_files_run_beside_those_of_the_root(written: Written) -> None:
    config = written.write(ROOT, other=OTHER).load()
    assert list(config.routes) == ["shop", "other"]
    assert config.problems == ()
    assert config.routes["other"].span is not None
    assert str(config.routes["other"].span) == "routes/other.yaml:3:3"


def test_an_included_file_may_bring_a_merchant_with_its_endpoints_and_targets(written: Written) -> None:
    beta = """\
        merchants: {beta: {company_id: "12345679", targets: {money: {endpoint: beta-out}}}}
        endpoints: {beta-out: {type: local, path: beta}}
        routes:
          beta-shop:
            {merchant: beta, origin: beta, mapping: shoptet/order, to: [{target: money, template: pohoda/order}]}
    """
    root = ROOT.replace('merchant: {company_id: "12345678"}', "merchants: {acme: {}}")
    config = written.write(root.replace("origin:", "merchant: acme\n    origin:"), beta=dedent(beta)).load()
    assert config.problems == ()
    assert {r.name: (r.merchant, r.to[0].id) for r in config.routes.values()} == {
        "shop": ("acme", "acme/pohoda"),
        "beta-shop": ("beta", "beta/money"),
    }


def test_an_include_that_matches_nothing_is_a_warning(written: Written) -> None:
    assert written.write(ROOT).problems() == text("""
        warning[C004]: `routes/*.yaml` names no file
         --> config.yaml:2:11
          |
        2 | include: [routes/*.yaml]
          |           ^^^^^^^^^^^^^
          |
          = help: masks count from the folder of config.yaml
    """)


@pytest.mark.parametrize("mask", ["''", "/etc/*.yaml", "..", "nowhere/"])
def test_a_mask_that_can_match_nothing_is_no_crash(written: Written, mask: str) -> None:
    config = written.write(ROOT.replace("[routes/*.yaml]", f"\n  - {mask}")).load()
    assert [problem.code for problem in config.problems] == ["C004"]


def test_a_file_that_two_masks_name_and_the_root_itself_are_read_once(written: Written) -> None:
    config = written.write(ROOT.replace("routes/*", '"*.yaml", routes/*.yaml, routes/o*'), other=OTHER).load()
    assert (list(config.routes), config.problems) == (["shop", "other"], ())


BROKEN = {
    "it is no YAML": (
        OTHER.replace("to: [", "to: "),
        """
        error[Y001]: this is not YAML: expected <block end>, but found ']'
         --> routes/bad.yaml:6:49
          |
        6 |     to: {target: pohoda, template: pohoda/order}]
          |                                                 ^
          |
          = help: values with `: `, `#`, `{` or `[` in them must stand in quotes
        """,
    ),
    "a key of a route is misspelt": (
        OTHER.replace("mapping:", "maping:"),
        """
        error[C001]: unknown key `maping`
         --> routes/bad.yaml:5:5
          |
        5 |     maping: shoptet/order
          |     ^^^^^^ not an option here
          |
          = help: there is an option with a similar name: `mapping`
        """,
    ),
    "a section is misspelt": (
        OTHER.replace("routes:", "rotues:"),
        """
        error[C001]: unknown key `rotues`
         --> routes/bad.yaml:2:1
          |
        2 | rotues:
          | ^^^^^^ not an option here
          |
          = help: there is an option with a similar name: `routes`
        """,
    ),
    "it wants to change what belongs to the root": (
        OTHER + "spool: /elsewhere\n",
        """
        error[C001]: `spool` belongs into the configuration itself, not into an included file
         --> routes/bad.yaml:7:1
          |
        7 | spool: /elsewhere
          | ^^^^^
          |
          = help: move it there; here may stand `version`, `merchants`, `endpoints`, `targets`, `routes`
        """,
    ),
    "a section is no table": (
        "routes: [other]\n",
        """
        error[C003]: `routes`: a table of keys and values is expected
         --> routes/bad.yaml:1:9
          |
        1 | routes: [other]
          |         ^^^^^^^ this value
        """,
    ),
    "another version": (
        OTHER.replace("version: 1", "version: 7"),
        """
        error[C003]: `version`: `1` is expected
         --> routes/bad.yaml:1:10
          |
        1 | version: 7
          |          ^ this value
        """,
    ),
    "a variable is not set": (
        OTHER.replace("other-main", "${env:NOT_SET}"),
        """
        error[C005]: the environment variable `NOT_SET` is not set
         --> routes/bad.yaml:4:13
          |
        4 |     origin: ${env:NOT_SET}
          |             ^^^^^^^^^^^^^^
          |
          = help: set it for the gateway's service
        """,
    ),
}


@pytest.mark.parametrize(("content", "expected"), BROKEN.values(), ids=BROKEN.keys())
def test_a_bad_included_file_holds_only_its_own_routes(written: Written, content: str, expected: str) -> None:
    # given a good included file beside the bad one
    written.write(ROOT, bad=content, good=OTHER.replace("other", "third"))
    # when
    config = written.load()
    # then
    assert list(config.routes) == ["shop", "third"]
    assert (config.spool.name, config.workers) == ("spool", 4)
    from gateway.diagnostics import render_all

    assert render_all(config.problems) == text(expected)


def test_two_files_that_define_the_same_route_are_told_and_the_first_counts(written: Written) -> None:
    written.write(ROOT, twin=OTHER.replace("other:", "shop:"))
    assert written.load().routes["shop"].origin == "shop-main"
    assert written.problems() == text("""
        error[C006]: `shop` stands in two files under `routes`
         --> routes/twin.yaml:3:3
          |
        3 |   shop:
          |   ^^^^ first in config.yaml:10
          |
          = help: rename one of the two; this one is left out
    """)


def test_what_stands_in_two_files_is_told_once_also_beside_a_broken_file(written: Written) -> None:
    written.write(ROOT, bad=OTHER.replace("mapping:", "maping:"), twin=OTHER.replace("other:", "shop:"))
    assert sorted(problem.code for problem in written.load().problems) == ["C001", "C006"]
