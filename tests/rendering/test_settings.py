"""What a template is told: settings and lookups, and how a mistake in them is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.diagnostics import render, render_all
from gateway.errors import ProblemsFound
from gateway.rendering import load
from gateway.yamlfile import parse

Lay = Callable[..., Path]

CONFIG = """\
settings:
  compny_id: "12345678"
  home_country: DE
  reserve: sometimes
  pack: 0
  number_series: "12345678901234567890"
lookups:
  payment: {card: Plat.kartou, cash_on_delivry: Dobírkou, online: ""}
  carriers: {packeta: Zásilkovna}
  carrier: {packeta: Zásilkovna na adresu domů}
  country: {SK: SVK, Slovensko: SK}
"""


def problems_of(text: str) -> tuple[Any, ...]:
    file = parse(text, "config.yaml")
    with pytest.raises(ProblemsFound) as caught:
        load(
            "pohoda/order",
            settings=file.data.get("settings"),
            lookups=file.data.get("lookups"),
            where=lambda location: file.span(location, key=True),
        )
    return caught.value.problems


def test_every_mistake_is_told_at_its_place() -> None:
    found = problems_of(CONFIG)
    assert [(p.code, p.span.line, p.message) for p in found] == [
        ("T009", 2, "`compny_id` is not a setting of this template"),
        ("T010", 1, "the setting `company_id` is missing"),
        ("T011", 3, "the setting `home_country` is `DE`, but must be one of `CZ`, `SK`"),
        (
            "T011",
            6,
            "the setting `number_series` is `12345678901234567890`, but may have 19 characters, not 20",
        ),
        ("T011", 4, "the setting `reserve` is `sometimes`, but must be `true` or `false`"),
        ("T011", 5, "the setting `pack` is `0`, but must be at least 1"),
        ("T013", 8, "`cash_on_delivry` is not the code of a payment method"),
        ("T011", 8, "the value of `online` in the lookup `payment` is empty"),
        ("T009", 9, "`carriers` is not a lookup of this template"),
        (
            "T011",
            10,
            "the value of `packeta` in the lookup `carrier` is not one line of at most 20 characters",
        ),
        ("T013", 11, "`Slovensko` is not the code of a country"),
    ]


def test_a_misspelt_setting_is_shown_with_carets() -> None:
    assert render(problems_of(CONFIG)[0]) == (
        "error[T009]: `compny_id` is not a setting of this template\n"
        " --> config.yaml:2:3\n"
        "  |\n"
        '2 |   compny_id: "12345678"\n'
        "  |   ^^^^^^^^^\n"
        "  |\n"
        "  = help: there is a setting with a similar name: `company_id`"
    )


def test_a_missing_setting_says_what_it_is() -> None:
    with pytest.raises(ProblemsFound) as caught:
        load("pohoda/order")
    assert render_all(caught.value.problems) == (
        "error[T010]: the setting `company_id` is missing\n"
        "  = help: add `company_id`: the company number (IČO) of the accounting unit, spaced as the unit itself "
        "spells it; POHODA imports nothing where it differs"
    )


def test_a_misspelt_payment_method_is_shown_with_the_nearest() -> None:
    assert problems_of(CONFIG)[6].help == "there is one with a similar name: `cash_on_delivery`"


def test_settings_may_be_typed_or_text() -> None:
    for reserve in (True, "true"):
        template = load("pohoda/order", settings={"company_id": 12345678, "reserve": reserve, "pack": 5})
        assert template.settings.reserve is True
        assert template.settings.pack == 5
        assert template.settings.company_id == "12345678"


def test_a_list_is_no_text() -> None:
    with pytest.raises(ProblemsFound) as caught:
        load("pohoda/order", settings={"company_id": ["1"]})
    assert caught.value.problems[0].message == "the setting `company_id` is `['1']`, but must be text"


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ("settings: {word: {type: colour, description: x}}", "this declares no settings: invalid enum value"),
        ("settings: {word: {descr: x}}", "this declares no settings: object "),
        (
            "lookups: {payment: {keys: nothing, longest: 3, description: x}}",
            "this declares no settings: invalid enum",
        ),
    ],
)
def test_a_wrong_settings_file_is_told(lay: Lay, declaration: str, message: str) -> None:
    site = lay("{{ document.number }}", settings=declaration)
    with pytest.raises(ProblemsFound) as caught:
        load("mine/order", site=site)
    assert caught.value.problems[0].code == "T016"
    assert caught.value.problems[0].message.startswith(message)


@pytest.mark.parametrize(
    "rates", ["CZ: [{from: yesterday, high: 21}]", "CZ: [{from: 2024-01-01, top: 21}]", "CZ: 3"]
)
def test_wrong_vat_rates_are_told(lay: Lay, rates: str) -> None:
    site = lay("{{ document.number }}", vat_rates=rates)
    with pytest.raises(ProblemsFound) as caught:
        load("mine/order", site=site)
    assert caught.value.problems[0].code == "T016"


def test_a_folder_inherits_the_settings_of_what_it_extends(site: Path) -> None:
    folder = site / "templates" / "mine"
    (folder / "order.xml.j2").write_text(
        '{% extends "pohoda/order.xml.j2" %}{% block record %}{{ super() }}{{ settings.word }}{% endblock %}'
    )
    (folder / "settings.yaml").write_text("settings: {word: {description: a word, default: x}}")
    template = load("mine/order", site=site, settings={"company_id": "1", "word": "y"})
    assert template.settings.word == "y"
    assert template.settings.home_country == "CZ"
