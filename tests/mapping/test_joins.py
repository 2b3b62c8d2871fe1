"""Sections of one file, joined to its records by key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.diagnostics import render_all
from gateway.errors import SourceProblems
from gateway.mapping import Mapping, Reading, joins
from tests.mapping.conftest import faults, loaded

XML = """\
version: 1
kind: order
key: number
source:
  format: xml
  record: /EXPORT/ORDERS/ORDER
  sections:
    customer: {record: /EXPORT/CUSTOMERS/CUSTOMER, key: ID, equals: CUSTOMER_ID}
    item: {record: /EXPORT/ITEMS/ITEM, key: ORDER_NUMBER, equals: NUMBER, missing: empty}
    product: {record: /EXPORT/PRODUCTS/PRODUCT, key: "@id", equals: PRODUCT_ID, into: item, missing: empty}
fields:
  number: NUMBER
  ordered_at: {path: DATE, timezone: Europe/Prague}
  currency: {value: CZK}
  billing.name: customer/NAME
  billing.country: customer/COUNTRY
  lines:
    each: item
    fields:
      {name: {first: [product/NAME, TITLE]}, quantity: AMOUNT, unit_price.gross: PRICE, vat_rate: {value: 21}}
"""
EXPORT = """\
<?xml version="1.0" encoding="utf-8"?>
<EXPORT shop="A">
  <ORDERS>
    <ORDER><NUMBER>1001</NUMBER><DATE>2026-11-20</DATE><CUSTOMER_ID>17</CUSTOMER_ID></ORDER>
    <ORDER><NUMBER>1002</NUMBER><DATE>2026-11-20</DATE><CUSTOMER_ID>18</CUSTOMER_ID></ORDER>
  </ORDERS>
  <ITEMS xmlns:x="http://example.com/x">
    <ITEM><ORDER_NUMBER>1001</ORDER_NUMBER><PRODUCT_ID>p1</PRODUCT_ID><AMOUNT>1</AMOUNT><PRICE>100</PRICE></ITEM>
    <ITEM><ORDER_NUMBER>1002</ORDER_NUMBER><TITLE>Služba</TITLE><AMOUNT>2</AMOUNT><PRICE>30</PRICE></ITEM>
    <ITEM><ORDER_NUMBER> 1001 </ORDER_NUMBER><PRODUCT_ID>p2</PRODUCT_ID><AMOUNT>1</AMOUNT><PRICE>50</PRICE></ITEM>
  </ITEMS>
  <CUSTOMERS>
    <CUSTOMER><ID>17</ID><NAME>Jana Malá</NAME><COUNTRY>CZ</COUNTRY></CUSTOMER>
    <CUSTOMER>
      <ID>18</ID>
      <NAME>Otakar Havránek</NAME>
      <COUNTRY>SK</COUNTRY>
    </CUSTOMER>
  </CUSTOMERS>
  <PRODUCTS><PRODUCT id="p1"><NAME>Deka</NAME></PRODUCT><PRODUCT id="p2"><NAME>Lampa</NAME></PRODUCT></PRODUCTS>
</EXPORT>
"""
AS_JSON = XML.replace("format: xml", "format: json").replace('"@id"', "id")


JSON_EXPORT = {
    "EXPORT": {
        "ORDERS": {
            "ORDER": [
                {"NUMBER": 1001, "DATE": "2026-11-20", "CUSTOMER_ID": 17},
                {"NUMBER": 1002, "DATE": "2026-11-20", "CUSTOMER_ID": 18},
            ]
        },
        "ITEMS": {
            "ITEM": [
                {"ORDER_NUMBER": 1001, "PRODUCT_ID": "p1", "AMOUNT": 1, "PRICE": 100},
                {"ORDER_NUMBER": 1002, "TITLE": "Služba", "AMOUNT": 2, "PRICE": 30},
                {"ORDER_NUMBER": 1001, "PRODUCT_ID": "p2", "AMOUNT": 1, "PRICE": 50},
            ]
        },
        "CUSTOMERS": {
            "CUSTOMER": [
                {"ID": 17, "NAME": "Jana Malá", "COUNTRY": "CZ"},
                {"ID": 18, "NAME": "Otakar Havránek", "COUNTRY": "SK"},
            ]
        },
        "PRODUCTS": {"PRODUCT": [{"id": "p1", "NAME": "Deka"}, {"id": "p2", "NAME": "Lampa"}]},
    }
}


def given(content: str, name: str = "in.xml") -> Path:
    path = Path(name)
    path.write_text(content, encoding="utf-8")
    return path


def read(content: str, mapping: Mapping) -> list[Reading]:
    return list(mapping.read(given(content)))


@pytest.mark.parametrize(
    ("mapping", "content"), [(XML, EXPORT), (AS_JSON, json.dumps(JSON_EXPORT, ensure_ascii=False, indent=1))]
)
def test_customers_and_items_are_joined_by_key(here: Path, mapping: str, content: str) -> None:
    [first, second] = read(content, loaded(mapping))
    assert first.document is not None, render_all(first.problems)
    assert second.document is not None, render_all(second.problems)
    assert first.document.billing.name == "Jana Malá"
    assert [line.name for line in first.document.lines] == ["Deka", "Lampa"]
    assert (second.document.billing.country, [line.name for line in second.document.lines]) == ("SK", ["Služba"])


def test_a_missing_partner_is_a_problem(here: Path) -> None:
    [_, bad] = read(EXPORT.replace("<ID>18</ID>", "<ID>19</ID>"), loaded(XML))
    assert render_all(bad.problems[:1]) == (
        "error[D019]: order 1002: the section `customer` has nothing with `ID` = `18`\n"
        " --> in.xml:5:69\n"
        "  |\n"
        "5 |     <ORDER><NUMBER>1002</NUMBER><DATE>2026-11-20</DATE><CUSTOMER_ID>18</CUSTOMER_ID></ORDER>\n"
        "  |                                                                     ^^\n"
        "  |\n"
        "  = field: customer\n"
        "  = mapped by m.yaml:8\n"
        "  = help: export both parts together, or say `missing: empty` in the mapping's section"
    )


def test_a_missing_partner_can_be_empty(here: Path) -> None:
    mapping = XML.replace("equals: CUSTOMER_ID}", "equals: CUSTOMER_ID, missing: empty}").replace(
        "billing.name: customer/NAME", "billing.name: {first: [customer/NAME, NUMBER]}"
    )
    [_, second] = read(EXPORT.replace("<ID>18</ID>", "<ID>19</ID>"), loaded(mapping))
    assert second.document is not None, render_all(second.problems)
    assert second.document.billing.name == "1002"


def test_a_record_without_a_key_has_no_partner(here: Path) -> None:
    [_, second] = read(EXPORT.replace(">18</CUSTOMER_ID>", "></CUSTOMER_ID>"), loaded(XML))
    assert [problem.code for problem in second.problems] == ["D001"]


@pytest.mark.parametrize(
    ("mapping", "content", "line"),
    [
        (XML, EXPORT.replace("SK", "Utopie"), "      <COUNTRY>Utopie</COUNTRY>"),
        (AS_JSON, json.dumps(JSON_EXPORT, indent=1).replace('"SK"', '"Utopie"'), '     "COUNTRY": "Utopie"'),
    ],
)
def test_a_bad_value_is_shown_in_its_section(here: Path, mapping: str, content: str, line: str) -> None:
    [_, bad] = read(content, loaded(mapping))
    [problem] = bad.problems
    assert problem.span is not None
    assert problem.span.text == line
    assert problem.span.line == content.split("\n").index(line) + 1
    assert line[problem.span.column - 1 :].startswith("Utopie")


@pytest.mark.parametrize(
    ("mapping", "content"), [(XML, EXPORT), (AS_JSON, json.dumps(JSON_EXPORT, ensure_ascii=False))]
)
def test_a_fragment_holds_what_was_joined(here: Path, mapping: str, content: str) -> None:
    compiled = loaded(mapping)
    found = [(each.fragment(), each.fingerprint()) for each in compiled.read(given(content))]
    for fragment, fingerprint in found:
        again = [(each.document, each.fingerprint()) for each in compiled.read(given(fragment.decode(), "again"))]
        assert [each[1] for each in again] == [fingerprint]
        assert again[0][0] is not None
    assert found[0][0].decode().count("Malá") == 1
    assert "Havránek" not in found[0][0].decode()
    if mapping is XML:
        assert b'<EXPORT shop="A">' in found[0][0]


def test_a_change_in_a_section_is_a_change_of_the_record(here: Path) -> None:
    mapping = loaded(XML)
    before = [each.fingerprint() for each in mapping.read(given(EXPORT))]
    after = [each.fingerprint() for each in mapping.read(given(EXPORT.replace("Malá", "Velká")))]
    assert (before[0] == after[0], before[1] == after[1]) == (False, True)


def test_sections_that_would_fill_the_memory_are_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joins, "LARGEST_INDEX", 900)
    with pytest.raises(SourceProblems) as raised:
        read(EXPORT, loaded(XML))
    assert render_all(raised.value.problems) == (
        "error[S009]: the sections take more than 0 MiB of memory, at `item`\n"
        " --> in.xml\n"
        "  = help: export fewer records at once, or have the shop put what belongs together into one record"
    )


def test_an_export_whose_section_is_absent_is_read(here: Path) -> None:
    start, end = EXPORT.index("  <PRODUCTS>"), EXPORT.index("</EXPORT>")
    [first, _] = read(EXPORT[:start] + EXPORT[end:], loaded(XML))
    assert [problem.code for problem in first.problems] == ["D001", "D001"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("key: ID", "kay: ID", "error[M004]: unknown key `kay` in `customer`"),
        ("key: ID", 'key: "A["', "error[M007]: "),
        ("record: /EXPORT/CUSTOMERS/CUSTOMER", "record: CUSTOMERS", "error[M017]: the record path"),
        ("    customer:", "    cust omer:", "error[M005]: `cust omer` cannot be the name of a section"),
        ("format: xml\n  record: /EXPORT/ORDERS/ORDER", "format: csv", "error[M012]: `sections` does not fit"),
        ("format: xml\n  record: /EXPORT/ORDERS/ORDER", "format: json\n  record: /",
         "error[M017]: `/` is the whole input, so there are no sections beside it"),
    ],
)  # fmt: skip
def test_a_wrong_section_is_told(here: Path, old: str, new: str, said: str) -> None:
    assert old in XML
    assert said in faults(XML.replace(old, new, 1))
