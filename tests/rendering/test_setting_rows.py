"""Settings that are lists of rows: checked where they stand in the configuration, read by column in a loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import ProblemsFound
from gateway.rendering import load
from gateway.rendering.reference import settings_table
from gateway.yamlfile import parse
from tests.rendering.orders import identity, order

Lay = Callable[..., Path]

SETTINGS = """\
settings:
  deliveries:
    type: rows
    most: 2
    columns:
      carrier: {required: true, pattern: "[A-Z]+", description: The carrier as the feed names it}
      price: {description: its price}
    description: What delivery costs.
"""


def told(deliveries: str) -> str:
    """What is said against a table of deliveries."""
    file = parse(f"settings:\n  deliveries: {deliveries}\n", "config.yaml")
    with pytest.raises(ProblemsFound) as caught:
        load("heureka/offer", settings=file.data["settings"], where=lambda at: file.span(at, key=True))
    [problem] = caught.value.problems
    assert (problem.code, problem.span and problem.span.line) == ("T011", 2)
    return problem.message.partition(", but ")[2]


def test_a_template_reads_the_columns_of_each_row(lay: Lay) -> None:
    site = lay(
        "{% for each in settings.deliveries %}"
        "<d><c>{{ each.carrier }}</c>{% if each.price %}<p>{{ each.price }}</p>{% endif %}</d>"
        "{% endfor %}",
        settings=SETTINGS,
    )
    rows = [{"carrier": "PPL", "price": 89}, {"carrier": "GLS"}]
    content = load("mine/order", settings={"deliveries": rows}, site=site).record(order(), identity()).data
    assert b"<d><c>PPL</c><p>89</p></d><d><c>GLS</c></d>" in content


def test_without_rows_the_loop_is_empty(lay: Lay) -> None:
    site = lay("<x>{% for each in settings.deliveries %}<d/>{% endfor %}</x>", settings=SETTINGS)
    assert b"<x></x>" in load("mine/order", site=site).record(order(), identity()).data


def test_a_column_that_is_not_declared_is_told_when_the_template_is_loaded(lay: Lay) -> None:
    site = lay("{% for each in settings.deliveries %}{{ each.cost }}{% endfor %}", settings=SETTINGS)
    with pytest.raises(ProblemsFound) as caught:
        load("mine/order", site=site)
    assert [problem.code for problem in caught.value.problems] == ["T002"]


@pytest.mark.parametrize(
    ("deliveries", "said"),
    [
        ("PPL", "must be a list of rows such as `{carrier: …, price: …, cash_on_delivery: …}`"),
        ("[PPL]", "must be a list of rows such as `{carrier: …, price: …, cash_on_delivery: …}`"),
        ("[{price: 89}]", "`carrier` of its row 1 is missing: the carrier as Heureka names it, such as `PPL`"),
        (
            "[{carrier: ppl, price: 89}]",
            "`carrier` of its row 1 is `ppl`, but must be of the form `[A-Z0-9_]{1,50}`",
        ),
        (
            "[{carrier: PPL, price: 89}, {carrier: GLS, price: 89 Kč}]",
            "`price` of its row 2 is `89 Kč`, but must be of the form `[0-9]+(\\.[0-9]{1,2})?`",
        ),
        ("[{carrier: PPL, price: [89]}]", "`price` of its row 1 must be a text"),
        (
            "[{carrier: PPL, price: 89, cod: 99}]",
            "its row 1 has `cod`; known are `carrier`, `price`, `cash_on_delivery`",
        ),
    ],
)
def test_a_mistake_in_a_row_is_told_with_its_number(deliveries: str, said: str) -> None:
    assert told(deliveries) == said


def test_more_rows_than_the_target_takes_are_refused() -> None:
    rows = ", ".join("{carrier: PPL, price: 89}" for _ in range(101))
    assert told(f"[{rows}]") == "may have 100 rows, not 101"


def test_the_reference_says_that_it_is_a_list_of_rows() -> None:
    assert (
        "| `deliveries` | a list of rows |  | what delivery costs, as DELIVERY of every product |"
        in settings_table("heureka")
    )
