"""`gateway test`: what stands in mappings, golden files, and how a failure is shown."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.conftest import Gateway
from tests.exchange.conftest import TestSite

MAPPING = """
# yaml-language-server: $schema=../../gateway/schemas/mapping.json
version: 1
kind: order
key: number
source: {format: xml, record: /orders/order}
fields:
  number: {path: no, required: true}
  ordered_at: {path: day, timezone: Europe/Prague}
  currency: {path: money}
  billing.name: who
  total.gross: sum
  lines:
    each: item
    fields: {name: name, unit_price.gross: price, vat_rate: rate}
tests:
"""
SAMPLE = """<orders>
  <order>
    <no>1001</no>
    <day>2026-11-20</day>
    <money>CZK</money>
    <who>Ema Nová</who>
    <sum>121.00</sum>
    <item><name>Hrnek</name><price>121.00</price><rate>21</rate></item>
  </order>
</orders>
"""
GOLDEN = """  - name: as POHODA is sent it
    given: samples/acme/one.xml#1
    golden: {file: samples/acme/golden/1001.xml, template: pohoda/order, settings: {company_id: "12345678"}}
"""


def text(block: str) -> str:
    return dedent(block).strip("\n") + "\n"


@pytest.fixture
def lay(site: TestSite) -> Path:
    """A site with a mapping of its own and a sample."""
    (site.folder / "mappings" / "acme").mkdir(parents=True)
    (site.folder / "samples" / "acme").mkdir(parents=True)
    (site.folder / "samples" / "acme" / "one.xml").write_text(SAMPLE, encoding="utf-8")
    return site.folder / "mappings" / "acme" / "order.yaml"


def test_a_passing_mapping_is_counted(gateway: Gateway, lay: Path) -> None:
    lay.write_text(
        MAPPING.lstrip() + '  - {name: total, given: "samples/acme/one.xml#1", expect: {total.gross: 121}}\n'
    )
    outcome = gateway("test", "acme/order")
    assert (outcome.code, outcome.err) == (0, "")
    assert re.sub(r"\d\.\d\d s", "0.01 s", outcome.out) == text("""
        ✓ acme/order  1 passed
        1 passed (0.01 s)
        next: `gateway check`
    """)


def test_a_failed_expectation_names_the_line_of_the_mapping_and_of_the_sample(gateway: Gateway, lay: Path) -> None:
    lay.write_text(
        MAPPING.lstrip()
        + '  - {name: buyer pays in EUR, given: "samples/acme/one.xml#1", expect: {currency: EUR, lines: 1}}\n'
        + '  - {name: total, given: "samples/acme/one.xml#1", expect: {total.gross: 121}}\n'
    )
    outcome = gateway("test", "acme")
    assert outcome.code == 3
    assert re.sub(r"\d\.\d\d s", "0.01 s", outcome.out) == text("""
        ✗ acme/order  1 passed, 1 failed
          ✗ buyer pays in EUR                                 mappings/acme/order.yaml:16
              currency   expected EUR   got CZK   <- mapped by line 9 from money (samples/acme/one.xml:5)
        1 passed, 1 failed (0.01 s)
        next: `gateway trace acme/order samples/acme/one.xml currency` shows where a value comes from
    """)


def test_a_record_with_problems_is_to_be_tried(gateway: Gateway, lay: Path) -> None:
    lay.write_text(
        MAPPING.lstrip() + '  - {name: one, given: "samples/acme/one.xml#1", expect: {number: "1001"}}\n'
    )
    sample = Path("samples/acme/one.xml")
    sample.write_text(SAMPLE.replace(">121.00</sum>", ">9</sum>"), encoding="utf-8")
    assert gateway("test", "acme/order").out.splitlines()[-1] == (
        "next: `gateway try acme/order samples/acme/one.xml` shows the whole record"
    )


def test_check_tells_the_line_of_the_mapping_and_of_the_sample_too(gateway: Gateway, lay: Path) -> None:
    lay.write_text(
        MAPPING.lstrip() + '  - {name: one, given: "samples/acme/one.xml#1", expect: {currency: EUR}}\n'
    )
    assert (
        gateway("check", "mappings").err
        == text("""
        error[M020]: the test `one` expects `currency` to be EUR, it is CZK
          --> mappings/acme/order.yaml:16:69
           |
        16 |   - {name: one, given: "samples/acme/one.xml#1", expect: {currency: EUR}}
           |                                                                     ^^^ is CZK
           |
           = mapped by mappings/acme/order.yaml:9 from money
           = sample: samples/acme/one.xml#1 (line 5)
    """).rstrip("\n")
        + "\n\n"
    )


def test_only_tests_of_a_name_are_run(gateway: Gateway, lay: Path) -> None:
    tests = "".join(
        f'  - {{name: {name}, given: "samples/acme/one.xml#1", expect: {{number: "{number}"}}}}\n'
        for name, number in (("solitary one", 1001), ("second one", 9))
    )
    lay.write_text(MAPPING.lstrip() + tests)
    assert gateway("test", "-k", "SOLITARY").out.splitlines()[0] == "✓ acme/order  1 passed"
    assert gateway("test", "-k", "second").code == 3


def test_a_mapping_that_does_not_load_is_told_with_its_place(gateway: Gateway, lay: Path) -> None:
    lay.write_text(MAPPING.lstrip().replace("who", "{pth: who}"))
    outcome = gateway("test", lay)
    assert outcome.code == 3
    assert "error[M004]: unknown key `pth` in field `billing.name`" in outcome.err
    assert outcome.out.splitlines()[0] == "✗ acme/order  cannot be loaded"


def test_an_unknown_name_is_a_usage_error(gateway: Gateway, lay: Path) -> None:
    outcome = gateway("test", "shoptet/ordr")
    assert (outcome.code, outcome.out) == (2, "")
    said = "gateway: there is no mapping `shoptet/ordr`; there is one with a similar name: `shoptet/order`\n"
    assert outcome.err == said


def test_a_missing_golden_file_is_a_failure(gateway: Gateway, lay: Path) -> None:
    lay.write_text(MAPPING.lstrip() + GOLDEN)
    outcome = gateway("test", "acme/order")
    assert outcome.code == 3
    assert outcome.out.splitlines()[1:3] == [
        "  ✗ as POHODA is sent it                              mappings/acme/order.yaml:16",
        "      W002: there is no golden file `samples/acme/golden/1001.xml`",
    ]


def test_without_a_terminal_and_without_yes_nothing_is_written(gateway: Gateway, lay: Path) -> None:
    lay.write_text(MAPPING.lstrip() + GOLDEN)
    for words in (("--update",), ("--update", "--dry-run"), ("--update", "--yes", "--dry-run")):
        outcome = gateway("test", "acme/order", *words)
        assert outcome.code == 3
        assert outcome.err.splitlines()[0].startswith("samples/acme/golden/1001.xml: new, ")
        assert outcome.err.splitlines()[1].startswith("nothing was written")
    assert not (lay.parents[2] / "samples/acme/golden").exists()


def test_a_golden_file_is_written_with_yes_and_a_change_is_shown_line_by_line(gateway: Gateway, lay: Path) -> None:
    lay.write_text(MAPPING.lstrip() + GOLDEN)
    assert gateway("test", "acme/order", "--update", "--yes").code == 0
    golden = lay.parents[2] / "samples/acme/golden/1001.xml"
    before = golden.read_bytes()
    assert gateway("test", "acme/order").code == 0
    golden.write_bytes(before.replace(b"Hrnek", b"Miska"))
    outcome = gateway("test", "acme/order")
    assert outcome.code == 3
    said = "W001: the test `as POHODA is sent it` is written otherwise than `samples/acme/golden/1001.xml` says"
    assert f"      {said}\n" in outcome.out
    assert (
        "        -          <ord:text>Miska</ord:text>\n        +          <ord:text>Hrnek</ord:text>"
        in outcome.out
    )
    assert gateway("test", "acme/order", "--update", "--yes").code == 0
    assert golden.read_bytes() == before


def test_the_outcome_can_be_had_as_json(gateway: Gateway, lay: Path) -> None:
    lay.write_text(
        MAPPING.lstrip() + '  - {name: total, given: "samples/acme/one.xml#1", expect: {total.gross: 1}}\n'
    )
    [file] = gateway("test", "acme/order", "--json").json
    assert (file["mapping"], file["problems"]) == ("acme/order", [])
    [test] = file["tests"]
    assert (test["name"], test["passed"], test["problems"][0]["code"]) == ("total", False, "M020")


def test_all_shipped_mappings_pass(gateway: Gateway, site: TestSite) -> None:
    outcome = gateway("test")
    assert outcome.code == 0, outcome.out
