"""api.yaml: how the API of a platform is spoken; all that is wrong in it is told at once, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.diagnostics import render_all
from gateway.endpoints.api_description import load_description, platforms, read_description
from gateway.errors import ProblemsFound

ZONE = "${settings.timezone}"
GOOD = """\
version: 1
about: an invented shop
source: its documentation
format: json
probe: /ping
lists:
  orders:
    path: /orders
    records: orders
    id: id
"""


def told(tmp_path: Path, text: str) -> list[tuple[str, int, str, str | None]]:
    path = tmp_path / "api.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProblemsFound) as caught:
        read_description(path)
    assert render_all(caught.value.problems)
    return [
        (problem.code, problem.span.line if problem.span else 0, problem.message, problem.help)
        for problem in caught.value.problems
    ]


def test_the_shipped_ones_are_in_order() -> None:
    names = platforms(None)
    assert {"prestashop", "woocommerce", "shoprenter", "shoper", "webareal", "eshop-rychle"} <= set(names)
    for name in names:
        assert load_description(name, None).lists


def test_the_description_of_the_site_wins(tmp_path: Path) -> None:
    mine = tmp_path / "mappings" / "prestashop"
    mine.mkdir(parents=True)
    (mine / "api.yaml").write_text(GOOD, encoding="utf-8")
    assert load_description("prestashop", tmp_path).about == "an invented shop"


def test_every_fault_is_told_in_one_run(tmp_path: Path) -> None:
    text = GOOD.replace("format: json", "format: yaml").replace("    id: id\n", "    idd: id\n")
    assert told(tmp_path, text) == [
        ("M005", 4, "`format` has a wrong value: input should be 'xml' or 'json'", None),
        ("M003", 8, "`orders` lacks the key `id`", "add `id:`"),
        ("M004", 10, "unknown key `idd` in `orders`", "there is a key with a similar name: `id`"),
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            '    query: {since: "${sinc}"}',
            (
                "M025",
                "nothing is called `sinc` here",
                "there are key, offset, page, password, since, size, user",
            ),
        ),
        ("    paging: changes", ("M003", "`paging: changes` needs `changed`", "add `changed:`")),
        ("    detail: /order/${id}", ("M003", "`detail` needs `detail_take`", "add `detail_take:`")),
        (
            '    whole: true\n    follow: [{as: x, path: "/x", take: .}]',
            ("M005", "one input of all pages has no linked documents", "leave `whole` out"),
        ),
        (
            "    timezone: Mars/Olympus",
            (
                "M005",
                f"`timezone` has a wrong value: a time zone has a name such as `Europe/Prague`, or is `{ZONE}`",
                None,
            ),
        ),
    ],
)
def test_what_does_not_fit_together(tmp_path: Path, line: str, expected: tuple[str, str, str | None]) -> None:
    assert [(code, message, advice) for code, _, message, advice in told(tmp_path, f"{GOOD}{line}\n")] == [
        expected
    ]


@pytest.mark.parametrize("path", ["orders", "//elsewhere.example.com/orders", "/orders?limit=1"])
def test_a_path_leads_to_no_other_server_and_hides_no_query(tmp_path: Path, path: str) -> None:
    ((_, _, message, _),) = told(tmp_path, GOOD.replace("path: /orders", f'path: "{path}"'))
    assert message.endswith("a path begins with one `/`; what follows the `?` goes under `query:`")
