"""User fields and lists: settings with several values, checked where they stand in the configuration."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.diagnostics import render
from gateway.documents import Payment, PaymentMethod, Shipping
from gateway.errors import ProblemsFound
from gateway.rendering import load
from gateway.yamlfile import parse
from tests.rendering.conftest import Written
from tests.rendering.orders import identity, order

Write = Callable[..., Written]
Lay = Callable[..., Path]

CONFIG = """\
settings:
  company_id: "12345678"
  labels: [E-shop, "", x]
  oss_proofs: [A, G, A, G, A, G]
  parameters:
    VPrZasilka: shipping.package_numbr
    VPrRadky: lines
    VPrCastka: {field: total.gross, type: date}
    VPrMnohoZnakuVNazvu: {value: x}
    VPrKolik: {value: mnoho, type: integer}
    VPrBarva: {value: x, type: colour}
    VPrOboje: {value: x, field: number}
    VPrJiny: {field: number, kind: text}
    VPrSeznam: {value: x, type: text, list: Stavy}
    VPrPole: [number]
    VPr Mezera: number
"""


def problems_of(text: str, template: str = "pohoda/order") -> list[tuple[int, str]]:
    file = parse(text, "config.yaml")
    with pytest.raises(ProblemsFound) as caught:
        load(template, settings=file.data["settings"], where=lambda location: file.span(location, key=True))
    assert {problem.code for problem in caught.value.problems} == {"T011"}
    return [(problem.span.line if problem.span else 0, problem.message) for problem in caught.value.problems]


def test_every_mistake_in_a_table_is_told_at_its_line() -> None:
    assert sorted(problems_of(CONFIG)) == [
        (3, "the setting `labels` is `['E-shop', '', 'x']`, but its entry `` may not be empty"),
        (4, "the setting `oss_proofs` is `['A', 'G', 'A', 'G', 'A', 'G']`, but may have 5 entries, not 6"),
        (
            6,
            (
                "`VPrZasilka` in the setting `parameters` names `shipping.package_numbr`, "
                "which is not a field of Order; there is `package_number`"
            ),
        ),
        (7, "`VPrRadky` in the setting `parameters` names `lines`, which is a list and has no one value"),
        (
            8,
            (
                "`VPrCastka` in the setting `parameters` names `total.gross`, which can be written as `number`, "
                "`currency`, `text`, but not as `date`"
            ),
        ),
        (9, "`VPrMnohoZnakuVNazvu` in the setting `parameters` may have 16 characters, not 19"),
        (
            10,
            (
                "`VPrKolik` in the setting `parameters` has the value `mnoho`, but a field of the type `integer` "
                "takes a whole number"
            ),
        ),
        (
            11,
            (
                "`VPrBarva` in the setting `parameters` must have a `type` of `text`, `memo`, `number`, "
                "`currency`, `integer`, `boolean`, `date`, `list`"
            ),
        ),
        (12, "`VPrOboje` in the setting `parameters` must have either `field` or `value`"),
        (
            13,
            (
                "`VPrJiny` in the setting `parameters` does not know `kind`; "
                "known are `field`, `value`, `type`, `list`"
            ),
        ),
        (14, "`VPrSeznam` in the setting `parameters` has a `list`, but its type is not `list`"),
        (
            15,
            (
                "`VPrPole` in the setting `parameters` must be a field such as `shipping.package_number`, "
                "or `{value: …}`"
            ),
        ),
        (16, "`VPr Mezera` in the setting `parameters` must be of the form `[A-Za-z][A-Za-z0-9_]*`"),
    ]


def test_a_mistake_in_a_table_is_shown_with_carets() -> None:
    text = 'settings:\n  company_id: "1"\n  parameters: {VPrA: original_number}\n'
    file = parse(text, "config.yaml")
    with pytest.raises(ProblemsFound) as caught:
        load("pohoda/order", settings=file.data["settings"], where=lambda at: file.span(at, key=True))
    assert render(caught.value.problems[0]) == (
        "error[T011]: `VPrA` in the setting `parameters` names `original_number`, which is not a field of Order\n"
        " --> config.yaml:3:16\n"
        "  |\n"
        "3 |   parameters: {VPrA: original_number}\n"
        "  |                ^^^^\n"
        "  |\n"
        "  = help: `parameters` is user fields (volitelné parametry); their names in the database, such as "
        "`VPrZasilka`, and the field of the document or the constant that each holds"
    )
    assert load("pohoda/invoice", settings=file.data["settings"]).settings.parameters[0].path == (
        "original_number",
    )


def test_a_table_is_no_text_and_has_a_limit() -> None:
    assert problems_of('settings: {company_id: "1", parameters: VPrA}') == [
        (1, "the setting `parameters` is `VPrA`, but must be a table of names")
    ]
    many = ", ".join(f"VPr{number}: number" for number in range(129))
    assert problems_of(f'settings: {{company_id: "1", parameters: {{{many}}}}}') == [
        (1, "the setting `parameters` may have 128 entries, not 129")
    ]


def test_each_type_is_written_in_its_own_element(write: Write) -> None:
    # given
    document = order(
        payment=Payment(method=PaymentMethod.CARD, paid=True),
        shipping=Shipping(package_number="Z 12", pickup_point=None),
        exchange_rate=Decimal("25.10"),
        customer_note="první\ndruhá",
    )
    fields = {
        "VPrZasilka": "shipping.package_number",
        "VPrMisto": "shipping.pickup_point",
        "VPrPozn": {"field": "customer_note"},
        "VPrKurz": "exchange_rate",
        "VPrCelkem": {"field": "total.gross", "type": "currency"},
        "VPrKusu": "exchange_amount",
        "VPrPlaceno": "payment.paid",
        "VPrDne": "ordered_at",
        "RefVPrStav": {"value": "Nová", "list": "Stavy"},
        "VPrKanal": {"value": "e-shop & spol."},
        "VPrAno": {"value": True, "type": "boolean"},
        "VPrPlatba": {"field": "payment.method", "type": "text"},
    }

    # when
    xml = write(document, parameters=fields)

    # then
    at = "ord:parameters/typ:parameter"
    assert "VPrMisto" not in xml.all(f"{at}/typ:name")
    assert len(xml.all(f"{at}/typ:name")) == 11
    assert xml.all(f"{at}/typ:textValue") == ["Z 12", "e-shop & spol.", "card"]
    assert xml.all(f"{at}/typ:memoValue") == ["první\ndruhá"]
    assert xml.all(f"{at}/typ:numberValue") == ["25.1"]
    assert xml.all(f"{at}/typ:currencyValue") == ["331"]
    assert xml.all(f"{at}/typ:integerValue") == ["1"]
    assert xml.all(f"{at}/typ:booleanValue") == ["true", "true"]
    assert xml.all(f"{at}/typ:datetimeValue") == ["2026-11-21"]
    assert xml.all(f"{at}/typ:listValueRef/typ:ids") == ["Nová"]
    assert xml.all(f"{at}/typ:list/typ:ids") == ["Stavy"]


def test_labels_are_written_and_one_text_is_a_list_of_one(write: Write) -> None:
    assert write(order(), labels=["E-shop", "VIP & co."]).all("ord:labels/typ:label/typ:ids") == [
        "E-shop",
        "VIP & co.",
    ]
    assert write(order(), labels="E-shop").all("ord:labels/typ:label/typ:ids") == ["E-shop"]
    assert write(order()).all("ord:labels") == []


def test_a_template_of_ones_own_may_have_user_fields(lay: Lay) -> None:
    # given
    loop = "{% for field in document | user_fields(settings.own) %}"
    body = loop + "{{ field.name }}={{ field.text | text }};{% endfor %}"
    site = lay(body, settings="settings: {own: {type: user_fields, description: our own fields}}")

    # when
    template = load("mine/order", site=site, settings={"own": {"A": "number", "B": {"value": "1"}}})

    # then
    assert "A=2026000124;B=1;" in template.whole(order(), identity()).text


def test_a_misspelt_part_of_a_user_field_is_told(lay: Lay) -> None:
    body = "{% for field in document | user_fields(settings.own) %}{{ field.nme }}{% endfor %}"
    site = lay(body, settings="settings: {own: {type: user_fields, description: our own fields}}")
    with pytest.raises(ProblemsFound) as caught:
        load("mine/order", site=site)
    assert [(p.code, p.message, p.help) for p in caught.value.problems] == [
        ("T002", "`field.nme` is not a field of FilledField", "there is a field with a similar name: `name`")
    ]
