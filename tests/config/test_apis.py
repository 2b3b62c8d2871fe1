"""APIs of shops in config.yaml: what a route or target asks of them in vain is told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import load

CONFIG = """\
version: 1
endpoints:
  out: {{type: local, path: out}}
  shop: {{type: api, platform: prestashop, url: "https://shop.example.cz", key: "${{file:key}}"{endpoint}}}
targets:
  pohoda: {{endpoint: out, folder: pohoda}}
  states: {{endpoint: shop{target}}}
routes:
  orders:
    origin: shop
    from: {{endpoint: shop{source}}}
    mapping: prestashop/order{route}
    to: [{{target: pohoda, template: pohoda/order}}]
  states:
    origin: shop
    from: {{files: "*.xml"{folder}}}
    mapping: pohoda/order_state
    states: [{{when: delivered, is: "5"}}]
    to: [{{target: states, template: prestashop/order_state}}]
"""


def problems(tmp_path: Path, **parts: str) -> list[tuple[str, str | None]]:
    (tmp_path / "key").write_text("KEYOFTHESHOP", encoding="utf-8")
    text = CONFIG.format(
        **{"endpoint": "", "target": "", "source": ", list: orders", "folder": "", "route": "", **parts}
    )
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    return [(problem.message, problem.help) for problem in load(tmp_path / "config.yaml").problems]


def test_lists_and_calls_of_one_endpoint(tmp_path: Path) -> None:
    assert problems(tmp_path) == []
    config = load(tmp_path / "config.yaml")
    assert config.routes["orders"].pickup.listing == "orders"
    assert config.routes["answers-states"].mapping == "shop/answer"


@pytest.mark.parametrize(
    ("parts", "message", "advice"),
    [
        ({"source": ""}, "`list` is missing: an API has several", "add `list:`, one of orders, products"),
        (
            {"source": ", list: order"},
            "`prestashop` has no list `order`",
            "there is one with a similar name: `orders`",
        ),
        (
            {"source": ", list: orders, folder: /in"},
            "`folder`: an API has lists and no folders",
            "leave `folder:` out",
        ),
        (
            {"source": ", list: orders, after: delete"},
            "`after`: what is taken from an API stays there; the gateway remembers how far it has read",
            "leave `after:` out",
        ),
        (
            {"folder": ", endpoint: out, list: orders"},
            "`list` is for the API of a shop, and `out` is none",
            "leave `list:` out, or take an endpoint of `type: api`",
        ),
        (
            {"folder": ", list: orders"},
            "`list` is for the API of a shop, and the drop folder is none",
            "leave `list:` out, or take an endpoint of `type: api`",
        ),
        (
            {"target": ", file_name: x.xml"},
            "`file_name`: an API gets no files, so that they need no names",
            "leave `file_name:` out",
        ),
        (
            {"route": "\n    max_new: 5"},
            "`max_new` counts the new documents of one input, and from an API every record is one",
            "leave it out; `since:` and `rehearsal:` keep the first run small",
        ),
        ({"target": ", answers: none"}, "`answers`: an API always answers", "leave `answers:` out"),
        (
            {"target": ", answers: {every: 5 min}"},
            "`every` of `answers`: an API answers in the call, and there is no file of it",
            "leave `every:` out there",
        ),
        (
            {"endpoint": ", settings: {zone: x}"},
            "the API of `prestashop` has no setting `zone`",
            "there are timezone; correct it at the endpoint",
        ),
    ],
)
def test_what_is_asked_in_vain_is_told(tmp_path: Path, parts: dict[str, str], message: str, advice: str) -> None:
    assert (message, advice) in problems(tmp_path, **parts)


def test_a_platform_without_an_api(tmp_path: Path) -> None:
    text = CONFIG.format(endpoint="", target="", source=", list: orders", folder="", route="").replace(
        "platform: prestashop", "platform: prestashup"
    )
    (tmp_path / "key").write_text("KEYOFTHESHOP", encoding="utf-8")
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    found = load(tmp_path / "config.yaml").problems
    assert {(problem.message, problem.help) for problem in found} == {
        ("there is no API of a platform `prestashup`", "there is one with a similar name: `prestashop`")
    }


def test_a_setting_that_must_be_said(tmp_path: Path) -> None:
    mine = tmp_path / "mappings" / "prestashop"
    mine.mkdir(parents=True)
    text = """\
version: 1
about: mine
source: me
format: xml
probe: /
settings: {timezone: }
lists: {orders: {path: /orders, records: //order, id: id}}
"""
    (mine / "api.yaml").write_text(text, encoding="utf-8")
    told = problems(tmp_path)
    assert (
        "the API of `prestashop` must be told `timezone`",
        "add `settings: {timezone: …}` to the endpoint",
    ) in told


@pytest.mark.parametrize(
    "source", ["ask: {target: states, template: pohoda-ask/request-stock}", "print: {target: states}"]
)
def test_an_api_is_asked_by_its_lists_alone(tmp_path: Path, source: str) -> None:
    (tmp_path / "key").write_text("KEYOFTHESHOP", encoding="utf-8")
    text = CONFIG.format(endpoint="", target="", source=", list: orders", folder="", route="")
    asking = text.replace("from: {endpoint: shop, list: orders}", f"from: {{{source}}}")
    (tmp_path / "config.yaml").write_text(asking, encoding="utf-8")
    [problem] = load(tmp_path / "config.yaml").problems
    assert (problem.message, problem.help) == (
        "`states` is the API of a shop, which has lists and answers no request of this kind",
        "take `from:` its endpoint with `list:` instead",
    )
