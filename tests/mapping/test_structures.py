"""Shapes of exports: namespaces, attributes, rows without a wrapper, rows within rows."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from gateway.diagnostics import render_all
from gateway.documents import Order
from gateway.mapping.paths import BadPath, compile_path
from tests.mapping.conftest import faults, loaded

GOOGLE = "http://base.example.com/ns/1.0"
MAPPING = """\
version: 1
kind: order
key: number
source: {format: xml, record: /orders/order, namespaces: {g: "http://base.example.com/ns/1.0"}}
fields:
  number: "@id"
  ordered_at: {path: "date/@value", timezone: Europe/Prague}
  currency: {value: CZK}
  billing.name: NAME
  lines:
    each: EACH
    fields: FIELDS
"""


def one(rows: str, each: str, fields: str, name: str = "name") -> Order:
    text = MAPPING.replace("EACH", each).replace("FIELDS", fields).replace("NAME", name)
    Path("in.xml").write_text(
        f'<orders xmlns:g="{GOOGLE}" xmlns:o="http://other.example.com"><order id="7"><name>Jana Malá</name>'
        f'<o:title>other</o:title><g:title>google</g:title><date value="2026-11-20"/>{rows}</order></orders>',
        encoding="utf-8",
    )
    [reading] = loaded(text).read(Path("in.xml"))
    assert reading.document is not None, render_all(reading.problems)
    return reading.document


def test_a_prefix_tells_two_namespaces_apart(here: Path) -> None:
    row = '<item g:id="9" id="8"><g:price>1</g:price><price>100</price><g:name>A</g:name></item>'
    fields = '{name: name, sku: "@g:id", unit_price.gross: "*[local-name()=\'price\'][2]", vat_rate: {value: 21}}'
    document = one(row, "item", fields, "g:title")
    assert (document.billing.name, document.lines[0].sku, document.lines[0].unit_price.gross) == (
        "google",
        "9",
        100,
    )
    assert one(row, "g:item | item", fields, "title").billing.name == "other"
    with_prefix = one(row, "item", fields.replace("\"*[local-name()='price'][2]\"", "g:price"))
    assert with_prefix.lines[0].unit_price.gross == 1


def test_a_prefix_goes_anywhere_in_a_path() -> None:
    for path in ("g:a/b", "a/g:b[g:c='x']/d", "a[@x='1']/@g:id", "g:a[2]", "count(g:a)"):
        compile_path(path, {"g": GOOGLE})
    with pytest.raises(BadPath) as raised:
        compile_path("h:a/b", {"g": GOOGLE})
    assert (raised.value.message, raised.value.hint) == (
        "the prefix of `h:a` is not known",
        "name it: `source: {namespaces: {h: http://…}}`; `a` alone matches in any namespace",
    )


def test_a_prefix_that_nobody_named_is_a_problem_of_the_mapping(here: Path) -> None:
    text = MAPPING.replace("EACH", "item").replace("FIELDS", "{name: name}").replace("NAME", "x:name")
    assert "error[M007]: the prefix of `x:name` is not known\n --> m.yaml:9:17\n" in faults(text)


def test_rows_are_attributes_of_repeated_siblings_without_a_wrapper(here: Path) -> None:
    rows = '<row n="A" q="1" p="100" v="21"/><remark/><row n="B" q="2" p="50" v="12"/>'
    document = one(rows, "row", '{name: "@n", quantity: "@q", unit_price.gross: "@p", vat_rate: "@v"}')
    assert [(line.name, line.quantity) for line in document.lines] == [("A", Decimal(1)), ("B", Decimal(2))]


def test_rows_within_rows_are_flat_and_see_what_is_around_them(here: Path) -> None:
    rows = (
        "<packages><package><code>P1</code><items><item><n>A</n><p>10</p></item><item><n>B</n><p>20</p></item></items>"
        "</package><package><code>P2</code><items><item><n>C</n><p>30</p></item></items></package></packages>"
    )
    fields = "{name: n, sku: ../../code, note: ../../../../name, unit_price.gross: p, vat_rate: {value: 21}}"
    document = one(rows, "packages/package/items/item", fields)
    assert [(line.name, line.sku, line.note) for line in document.lines] == [
        ("A", "P1", "Jana Malá"),
        ("B", "P1", "Jana Malá"),
        ("C", "P2", "Jana Malá"),
    ]


def test_a_row_can_be_computed_from_what_is_around_it(here: Path) -> None:
    rows = "<package rate='12'><item><n>A</n><p>10</p></item></package>"
    fields = (
        "{name: {compute: \"text('n') ~ ' pro ' ~ (billing.name | before(' '))\"}, unit_price.gross: p, "
        "vat_rate: {compute: \"number('../@rate')\", when: currency == 'CZK'}}"
    )
    [line] = one(rows, "package/item", fields).lines
    assert (line.name, line.vat_rate) == ("A pro Jana", Decimal(12))


def test_a_predicate_may_follow_a_reference_of_its_own_row(here: Path) -> None:
    # given rows that name a tax by its number, some of which are not there
    rows = "".join(
        f'<row n="{name}"><tax>{tax}</tax></row>' for name, tax in (("A", 7), ("B", 9), ("C", 7), ("D", 1))
    )
    taxes = '<tax id="9"><rate>12</rate></tax><tax id="7"><rate>21</rate></tax>'
    fields = (
        '{name: "@n", unit_price.gross: {value: "1"}, '
        "vat_rate: {path: '../tax[@id=$here/tax]/rate', default: 0}}"
    )
    # then each has the rate of its own tax
    document = one(rows + taxes, "row", fields)
    assert [line.vat_rate for line in document.lines] == [21, 12, 21, 0]


def test_rows_may_be_chosen_by_what_stands_before_them(here: Path) -> None:
    rows = "".join(
        f"<row><kind>{kind}</kind><p>{price}</p></row>" for kind, price in (("a", 1), ("b", 2), ("a", 4))
    )
    fields = (
        "{name: kind, vat_rate: {value: '21'}, "
        "unit_price.gross: {compute: \"number('sum(../row[kind=$here/kind]/p)')\"}}"
    )
    document = one(rows, "row[not(kind=preceding-sibling::row/kind)]", fields)
    assert [(line.name, line.unit_price.gross) for line in document.lines] == [("a", 5), ("b", 2)]
