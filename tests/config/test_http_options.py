"""HTTP endpoints in config.yaml: what may stand in `url:`, what goes together, and secrets in tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.config.masking import masked_lines
from gateway.diagnostics import render_all
from gateway.endpoints import AfterWork
from gateway.endpoints.http import HttpOptions
from tests.config.conftest import Written

SITE = """\
version: 1
endpoints:
  out: {type: local, path: out}
  shop:
    type: http
    url: https://shop.example.cz
    OPTIONS
targets: {pohoda: {endpoint: TARGET}}
routes:
  shop:
    origin: shop-main
    from: {endpoint: shop, FROM}
    mapping: shoptet/order
    to: [{target: pohoda, template: pohoda/order}]
"""


def site(options: str = "", source: str = "folder: /export/orders.xml", target: str = "out") -> str:
    return SITE.replace("OPTIONS", options).replace("FROM", source).replace("TARGET", target)


def test_secrets_of_a_table_are_looked_up_and_shown_nowhere(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_HASH", "0f9a7c31")
    text = site(
        'query: {hash: "${env:SHOP_HASH}", format: xml}\n    headers:\n      X-Api-Key: "${env:SHOP_HASH}"'
    )
    config = written.write(text).load()
    options = config.endpoints["shop"]
    assert isinstance(options, HttpOptions)
    assert {name: value.get_secret_value() for name, value in options.query.items()} == {
        "hash": "0f9a7c31",
        "format": "xml",
    }
    assert options.headers["X-Api-Key"].get_secret_value() == "0f9a7c31"
    assert "0f9a7c31" not in repr(config)
    assert config.problems == config.cautions == ()


def test_a_secret_of_a_table_that_cannot_be_found_is_a_problem_at_its_place(written: Written) -> None:
    said = written.write(site('query: {hash: "${env:NOT_SET}"}')).refused()
    assert said.startswith("error[C005]: the environment variable `NOT_SET` is not set\n --> config.yaml:7:19\n")


def test_a_secret_that_stands_in_a_table_is_a_warning_and_a_plain_value_is_none(written: Written) -> None:
    text = site("query: {hash: hunter2, format: xml, dateFrom: 2026-01-01}\n    headers: {Accept: text/xml}")
    config = written.write(text.replace("export/orders", "hunt/ers")).load()
    (caution,) = config.cautions
    told = render_all([caution])
    assert "hunter2" not in told
    assert caution.message.startswith("the secret `hash` of `shop` stands in the file")
    assert caution.help == "write `hash: ${file:secrets/shop-hash}` (or env, cred), and put it there"
    assert str(caution.span) == "config.yaml:7:13"


@pytest.mark.parametrize(
    ("options", "warned"),
    [("", False), ("query: {hash: '${env:SHOP_PASSWORD}'}", True), ("token: '${env:SHOP_PASSWORD}'", True)],
)
def test_secrets_over_plain_http_are_a_warning(written: Written, options: str, *, warned: bool) -> None:
    config = written.write(site(options).replace("https:", "http:")).load()
    assert [caution.code for caution in config.cautions] == (["C010"] if warned else [])
    assert all(
        caution.message == "`shop` is plain HTTP: its secrets and the orders travel readable"
        for caution in config.cautions
    )


WRONG = {
    "a user in the address": (
        site().replace("https://", "https://user:hunter2@"),
        "`url`: user and password have options of their own, `user:` and `password:`",
    ),
    "a query in the address": (
        site().replace("shop.example.cz", "shop.example.cz/export?hash=hunter2"),
        "`url`: what follows the `?` goes under `query:`, since it often is a secret",
    ),
    "no address": (
        site().replace("https://shop", "shop"),
        "`url`: an address such as `https://shop.example.cz/export` is expected",
    ),
    "a port that is none": (
        site().replace("example.cz", "example.cz:hunter2"),
        "`url`: an address such as `https://shop.example.cz/export` is expected",
    ),
    "a user without a password": (site("user: shop"), "`password`: `user` and `password` go together"),
    "a password without a user": (site("password: hunter2"), "`password`: `user` and `password` go together"),
    "a token and a user": (
        site("user: a\n    password: hunter2\n    token: hunter2"),
        "`token`: either a token, or `user` and `password`",
    ),
    "a token of two lines": (
        site('token: "hunter2\\nX-Other: 1"'),
        "`token`: a token has letters, digits and signs without blanks; it may be empty or cut here",
    ),
    "a header that is none": (
        site("headers: {X Key: hunter2}"),
        "`headers`: `X Key` cannot be the name of a header",
    ),
    "a header of the gateway": (site("headers: {Host: hunter2}"), "`headers`: the gateway sets `Host` itself"),
    "a header of two lines": (
        site('headers: {X-Key: "hunter2\\r\\nX-Other: 1"}'),
        "`headers`: the value of `X-Key` is empty, or has characters that no header can have",
    ),
    "a table that is none": (site("query: hunter2"), "`query`: a table of keys and values is expected"),
    "a type that is none": (
        site("content_type: xml"),
        "`content_type`: a type such as `application/xml` is expected",
    ),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_is_said_without_the_secret(written: Written, text: str, said: str) -> None:
    told = written.write(text).refused()
    assert told.startswith(f"error[C003]: {said}\n")
    if "example.cz:hunter2" not in text:  # a port is no secret
        assert "hunter2" not in told


IMPOSSIBLE = {
    "delete": (
        site(source="after: delete"),
        "`after`: a feed can be neither deleted nor moved",
        "leave `after:` out; the gateway remembers what it has taken in",
    ),
    "move": (
        site(source="after: {move: done}"),
        "`after`: a feed can be neither deleted nor moved",
        "leave `after:` out; the gateway remembers what it has taken in",
    ),
    "done-file": (
        site(source='done_file: "{name}.done"'),
        "`done_file`: a feed has no files beside it",
        "leave `done_file:` out",
    ),
    "query": (
        site(source='folder: "/export/orders.xml?hash=hunter2"'),
        "`folder`: what follows the `?` goes under `query:` of the endpoint",
        'there it may be a secret, such as `query: {hash: "${env:SHOP_HASH}"}`',
    ),
    "done-file of a post": (
        site("method: POST", target='shop, done_file: "{name}.done"'),
        "`done_file`: what is sent by POST has no files beside it",
        "leave `done_file:` out, or set `method: PUT` of the endpoint if the server takes it",
    ),
}


@pytest.mark.parametrize(("text", "said", "help_"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_what_http_cannot_do_holds_the_route_alone(written: Written, text: str, said: str, help_: str) -> None:
    config = written.write(text).load()
    (problem,) = config.problems
    assert (problem.code, problem.message, problem.help) == ("C003", said, help_)
    assert config.routes == {}
    assert "hunter2" not in render_all([problem])


def test_a_feed_is_kept_at_its_source_by_default(written: Written) -> None:
    config = written.write(site()).load()
    assert config.routes["shop"].pickup.after == AfterWork(action="keep")
    assert config.routes["shop"].every.total_seconds() == 300


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ('query: {hash: "${env:A}", b: c}', "query: ****** *********** ** **"),
        ("headers: {X-Api-Key: abc}", "headers: *********** ****"),
        ("url: https://u:pw@host/x", "url: https://****@host/x"),
        ("folder: /a?hash=abc # why?", "folder: /a?******** # why?"),
        ("folder: {a: /x?hash=abc, b: 1}", "folder: {a: /x?********, b: 1}"),
    ],
)
def test_tables_and_addresses_are_masked(line: str, masked: str) -> None:
    assert masked_lines(line) == [masked]


def test_deeper_lines_of_a_table_are_masked() -> None:
    lines = masked_lines("    query:\n      hash: hunter2\n      b: c\n    user: a\n")
    assert lines == ["    query:", "      ***** *******", "      ** *", "    user: a"]


def test_the_commented_feed_of_the_committed_configuration_loads(written: Written) -> None:
    """What stands in comments is meant to be switched on: it must be right, too."""
    text = (Path(__file__).parents[2] / "config.yaml").read_text(encoding="utf-8")
    endpoint = re.search(r"\n  # shop-feed:\n.*?max_size: \d+", text, re.DOTALL)
    route = re.search(r"\n  # shoptet-feed:\n.*?pohoda/data}\]\n", text, re.DOTALL)
    assert endpoint is not None
    assert route is not None
    for part in (endpoint.group(), route.group()):
        text = text.replace(part, part.replace("\n  # ", "\n  "))
    config = written.write(re.sub(r"\$\{env:\w+\}", "secret", text)).load()
    assert config.problems == ()
    assert (config.routes["shoptet-feed"].endpoint, type(config.endpoints["shop-feed"])) == (
        "shop-feed",
        HttpOptions,
    )
