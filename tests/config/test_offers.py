"""`offers:`, `states:` and `from: {ask: …}` in config.yaml: what is wrong is said with its place."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from textwrap import dedent

import pytest

from gateway.config import Config, load
from gateway.diagnostics import render_all
from gateway.errors import ProblemsFound
from gateway.exchange.prepared import prepare_route
from gateway.exchange.site import Site
from tests.config.conftest import Written

SITE = """\
version: 1
merchant: {company_id: "12345678"}
endpoints:
  out: {type: local, path: out}
targets:
  feed:
    endpoint: out
    file_name: stock.xml
    offers: {mode: full}
  pohoda: {endpoint: out, folder: pohoda}
routes:
  stock:
    origin: pohoda
    mapping: pohoda/product
    to: [{target: feed, template: heureka/offer-availability}]
"""


def text(block: str) -> str:
    return dedent(block).strip("\n")


@pytest.fixture
def site(written: Written) -> Written:
    return written.write(SITE)


def changed(site: Written, old: str, new: str) -> Written:
    assert old in SITE
    return site.write(SITE.replace(old, new))


def of_route(config: Config, name: str = "stock") -> str:
    """What is wrong with a route once its mapping and templates are looked at."""
    with pytest.raises(ProblemsFound) as caught:
        prepare_route(config, config.routes[name])
    return render_all(caught.value.problems)


def test_the_whole_thing_is_in_order(site: Written) -> None:
    config = site.load()
    assert config.problems == ()
    assert prepare_route(config, config.routes["stock"]).is_snapshot


def test_an_example_that_does_not_come_out_is_told_and_the_target_works_on(site: Written) -> None:
    offers = """\
    offers:
      mode: full
      rules: {markup: "10"}
      tests:
        - name: ten percent more
          products: [{sku: A, price.gross: "100", vat_rate: "21"}]
          expect: {price.gross: "105"}"""
    changed(site, "    offers: {mode: full}", offers)
    assert site.problems() == text(
        """
        warning[C013]: the rules do not give what `ten percent more` says: price.gross: expected `105`, it is `110`
          --> config.yaml:13:11
           |
        13 |         - name: ten percent more
           |           ^^^^^^^^^^^^^^^^^^^^^^
           |
           = help: mend the rule or the example
        """
    )
    assert "stock" in site.load().routes


def test_a_rule_that_does_not_compile_is_told_with_its_place(site: Written) -> None:
    changed(site, "{mode: full}", "{mode: full, rules: {leave_out: quantitty < 2}}")
    assert site.problems() == text(
        """
        error[C003]: `rules.leave_out`: `quantitty` is not known in this condition
         --> config.yaml:9:46
          |
        9 |     offers: {mode: full, rules: {leave_out: quantitty < 2}}
          |                                             ^^^^^^^^^^^^^
          |
          = help: there is a field with a similar name that stands before it: `quantity`
        """
    ).replace("9:46", "9:45")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "    offers: {mode: full}\n",
            "",
            "error[C007]: `feed` is told of products and has no `offers:`",
        ),
        (
            "    mapping: pohoda/product\n",
            "    mapping: pohoda/product\n    max_new: 100\n",
            "error[C007]: `max_new` is for what is sent once; of products only the newest counts",
        ),
        (
            "    mapping: pohoda/product\n",
            "    mapping: pohoda/product\n    states: [{is: Nová}]\n",
            "error[C007]: `states` are for states of orders; `pohoda/product` reads products",
        ),
        (
            "    mapping: pohoda/product\n    to: [{target: feed, template: heureka/offer-availability}]",
            "    mapping: pohoda/order_state\n    to: [{target: pohoda, template: shop/order_state}]",
            "error[C007]: `stock` is told states of orders, and nothing says what the shop calls them",
        ),
        (
            "    mapping: pohoda/product\n    to: [{target: feed, template: heureka/offer-availability}]",
            "    mapping: shoptet/order\n    complete: true\n    to: [{target: pohoda, template: pohoda/order}]",
            "error[C007]: `complete` is for products, stock and prices; `shoptet/order` reads orders",
        ),
        (
            "    mapping: pohoda/product\n    to: [{target: feed, template: heureka/offer-availability}]",
            "    mapping: shoptet/order\n    to: [{target: feed, template: pohoda/order}]",
            "error[C007]: `feed` is told of orders, which are no `offers:`",
        ),
    ],
)
def test_what_does_not_go_together_is_told(site: Written, old: str, new: str, said: str) -> None:
    changed(site, old, new)
    assert of_route(site.load()).splitlines()[0] == said


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "ask: {target: pohada, template: pohoda-ask/request-stock}",
            "error[C003]: there is no target `pohada`",
        ),
        (
            "ask: {target: pohoda, template: pohoda-ask/request-stock}",
            "error[C003]: `pohoda` says nowhere where its answers are found, so nothing can be asked there",
        ),
        (
            "print: {target: pohoda}",
            "error[C003]: `pohoda` says nowhere where its answers are found, so nothing can be asked there",
        ),
    ],
)
def test_who_cannot_be_asked_is_told(site: Written, source: str, said: str) -> None:
    changed(site, "    mapping: pohoda/product\n", f"    from: {{{source}}}\n    mapping: pohoda/product\n")
    assert site.problems().splitlines()[0] == said


def test_changes_alone_are_never_all_that_there_is(site: Written) -> None:
    asks = "    from: {ask: {target: pohoda, template: pohoda-ask/request-stock}}\n    complete: true\n"
    both = SITE.replace("{endpoint: out, folder: pohoda}", "{endpoint: out, folder: in, answers: {folder: a}}")
    site.write(both.replace("    mapping: pohoda/product\n", asks + "    mapping: pohoda/product\n"))
    assert of_route(site.load()).splitlines()[0] == (
        "error[C007]: `complete` calls gone what is not named, and `cursor: changes` asks for changes alone"
    )


def test_the_offers_of_a_target_are_written_by_one_template(site: Written) -> None:
    second = """\
  prices:
    origin: pohoda
    mapping: pohoda/product
    to: [{target: feed, template: heureka/offer}]
"""
    site.write(SITE + second)
    with closing(Site(site.load())) as running:
        assert list(running.routes) == ["stock"]
        assert render_all(running.problems).splitlines()[0] == (
            "error[C007]: `feed` is told of products by `stock` already, and with another template, schema, "
            "settings or lookups"
        )


def test_a_request_is_written_by_a_template_of_requests(site: Written) -> None:
    changed(site, "  pohoda: {endpoint: out, folder: pohoda}", "  pohoda: {endpoint: out, answers: {folder: a}}")
    asks = "    from: {ask: {target: pohoda, template: heureka/offer}}\n    mapping: pohoda/product\n"
    both = SITE.replace("{endpoint: out, folder: pohoda}", "{endpoint: out, folder: in, answers: {folder: a}}")
    site.write(both.replace("    mapping: pohoda/product\n", asks))
    assert of_route(load(Path("config.yaml"))).splitlines()[0] == (
        "error[C007]: `heureka/offer` writes offers and no requests"
    )
