"""Mapping files: every fault is found in one run, with its place and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway import library
from gateway.diagnostics import render_all
from gateway.errors import ProblemsFound
from gateway.mapping import Overrides, load, schema
from tests.mapping.conftest import ROOT, SMALL, changed, faults, loaded, order, orders

MAPPINGS = sorted(
    path
    for path in (ROOT / "mappings").rglob("*.yaml")
    if path.parent.name != "shared" and path.name not in library.DESCRIPTIONS
)

PLANTED = """\
# yaml-language-server: $schema=../../gateway/schemas/mapping.json
version: 1
kind: order
key: number
source: {format: xml, record: /ORDERS/ORDER, encodng: utf-8}
fields:
  number: CODE
  ordered_at: DATE
  currency: {path: CURRENCY/CODE, formt: x}
  billing.name: CUSTOMER//NAME[
  billing.company: {path: COMPANY, value: Acme}
  payment: ORDER_ITEMS
  payment.method: {path: PAY, lookup: paymnt}
  shipping.carrier: {path: SHIP, lookup: carrier}
  status: {path: STATUS, format: "%Y"}
  customer_note: {path: REMARK, when: staus == 'new'}
  exchange_rate: {value: many}
  lines:
    each: ORDER_ITEMS/ITEM
    fields:
      kind: {path: TYPE, lookup: line_kind}
      nam: NAME
lookups:
  carrier: {Zásilkovna: paketa, ppl: ppl, PPL: ppl}
  line_kind: {product: prodct, else: error}
  payment: {Dobírka: cash_on_delivery}
tests:
  - {name: a, given: "samples/shoptet/orders.xml#1", expect: {numbr: "1"}}
"""

EXPECTED = """\
error[M004]: unknown key `encodng` in `source`
 --> m.yaml:5:46
  |
5 | source: {format: xml, record: /ORDERS/ORDER, encodng: utf-8}
  |                                              ^^^^^^^ not a key of it
  |
  = help: there is a key with a similar name: `encoding`

error[M011]: field `ordered_at` has no time zone
 --> m.yaml:8:3
  |
8 |   ordered_at: DATE
  |   ^^^^^^^^^^
  |
  = help: add the shop's zone: `timezone: Europe/Prague`; times in exports rarely say it themselves

error[M004]: unknown key `formt` in field `currency`
 --> m.yaml:9:35
  |
9 |   currency: {path: CURRENCY/CODE, formt: x}
  |                                   ^^^^^ not a key of it
  |
  = help: there is a key with a similar name: `format`

error[M007]: the path `CUSTOMER//NAME[` is not XPath: invalid expression
  --> m.yaml:10:17
   |
10 |   billing.name: CUSTOMER//NAME[
   |                 ^^^^^^^^^^^^^^^
   |
   = help: write names with `/` between them, such as `CUSTOMER/EMAIL` or `ITEMS/ITEM[TYPE='billing']/NAME`

error[M008]: field `billing.company` has both `path` and `value`
  --> m.yaml:11:3
   |
11 |   billing.company: {path: COMPANY, value: Acme}
   |   ^^^^^^^^^^^^^^^
   |
   = help: give exactly one of `path`, `first`, `join`, `sum`, `value` and `compute`

error[M006]: unknown field `payment`
  --> m.yaml:12:3
   |
12 |   payment: ORDER_ITEMS
   |   ^^^^^^^ not a field of the document
   |
   = help: map its fields: `payment.method`, `payment.name`, `payment.paid`

error[M009]: there is no lookup `paymnt`
  --> m.yaml:13:39
   |
13 |   payment.method: {path: PAY, lookup: paymnt}
   |                                       ^^^^^^
   |
   = help: there is a lookup with a similar name: `payment`

error[M012]: `format` does not fit field `status`, which is of type text
  --> m.yaml:15:26
   |
15 |   status: {path: STATUS, format: "%Y"}
   |                          ^^^^^^
   |
   = help: `format` is for fields of type time

error[M013]: `staus` is not known in this condition
  --> m.yaml:16:39
   |
16 |   customer_note: {path: REMARK, when: staus == 'new'}
   |                                       ^^^^^^^^^^^^^^
   |
   = help: there is a field with a similar name that stands before it: `status`

error[M014]: `many` is not a number
  --> m.yaml:17:26
   |
17 |   exchange_rate: {value: many}
   |                          ^^^^ field `exchange_rate` wants a number

error[M006]: unknown field `nam`
  --> m.yaml:22:7
   |
22 |       nam: NAME
   |       ^^^ not a field of the document
   |
   = help: there is a field with a similar name: `name`

error[M010]: `paketa` is not a code of Carrier (field `shipping.carrier`)
  --> m.yaml:24:25
   |
24 |   carrier: {Zásilkovna: paketa, ppl: ppl, PPL: ppl}
   |                         ^^^^^^
   |
   = help: there is a code with a similar name: `packeta`

error[M016]: the keys `ppl` and `PPL` of lookup `carrier` are the same
  --> m.yaml:24:43
   |
24 |   carrier: {Zásilkovna: paketa, ppl: ppl, PPL: ppl}
   |                                           ^^^
   |
   = help: remove one of them; keys are compared without case and with white space folded

error[M010]: `prodct` is not a code of LineKind (field `kind`)
  --> m.yaml:25:24
   |
25 |   line_kind: {product: prodct, else: error}
   |                        ^^^^^^
   |
   = help: there is a code with a similar name: `product`

error[M006]: unknown field `numbr` in a test
  --> m.yaml:28:63
   |
28 |   - {name: a, given: "samples/shoptet/orders.xml#1", expect: {numbr: "1"}}
   |                                                               ^^^^^
   |
   = help: there is a field with a similar name: `number`"""


def test_all_planted_faults_are_found_in_one_run_with_their_places() -> None:
    assert faults(PLANTED) == EXPECTED


def test_a_duplicate_key_is_refused_with_both_lines() -> None:
    text = changed("  currency: CURRENCY\n", "  currency: CURRENCY\n  number: OTHER\n")
    assert faults(text) == (
        "error[Y002]: the key `number` stands twice\n"
        " --> m.yaml:9:3\n"
        "  |\n"
        "9 |   number: OTHER\n"
        "  |   ^^^^^^ first on line 6\n"
        "  |\n"
        "  = help: remove one of the two; the last one does not win here"
    )


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("kind: order", "kind: ordr", "M018", "there is a kind with a similar name: `order`"),
        ("key: number", "key: status", "M019", "write `key: number`"),
        ("record: /ORDERS/ORDER", "record: //ORDER", "M017", "is not plain names from the root"),
        ("record: /ORDERS/ORDER", "record: []", "M005", "`record` has a wrong value"),
        ("version: 1", "version: 2", "M005", "`version` has a wrong value"),
        ("kind: order\n", "", "M003", "the mapping lacks the key `kind`"),
        ("  number: CODE\n", "", "M023", "no field `number` is mapped, which every order needs"),
        (
            "  billing.name: NAME\n",
            "",
            "M023",
            "no field `billing.name` or `billing.company` is mapped, which every order needs",
        ),
        ("number: CODE", "number: /ORDERS/ORDER/CODE", "M007", "is absolute"),
        ("number: CODE", "number: re:test(CODE)", "M007", "`re:test(CODE)`"),
        ("number: CODE", "number: {}", "M008", "has no way to a value"),
        ("Europe/Prague", "Europe/Prage", "M011", "there is a zone with a similar name: `Europe/Prague`"),
        ("path: DATE, ", "path: DATE, format: '%Q', ", "M012", "`%Q` is not a date pattern"),
        ("total.gross: TOTAL", "total.gross: {join: [A, B]}", "M012", "`join` does not fit field `total.gross`"),
        ("number: CODE", "number: {sum: [A, B]}", "M012", "`sum` does not fit field `number`"),
        ("else: error", "else: keep", "M010", "is for texts"),
        ("currency: CURRENCY", "currency: {path: C, default: korun}", "M014", "`korun` is not a currency"),
        (
            "number: CODE",
            "number: {path: CODE, when: \"''.__class__\"}",
            "M013",
            "only canonical fields have parts",
        ),
        ("number: CODE", "number: {path: CODE, when: range(9)}", "M013", "nothing can be called but"),
        ("number: CODE", "number: {path: CODE, when: value | attr('x')}", "M013", "there is no filter `attr`"),
        ("number: CODE", "number: {path: CODE, when: 'value =='}", "M013", "does not compile"),
        ("number: CODE", "number: {path: CODE, when: \"text('A[')\"}", "M007", "`A[`"),
        ("unit_price.gross: PRICE", "unit_price.basis: PRICE", "M006", "unknown field `unit_price.basis`"),
    ],
)
def test_a_fault_is_named(old: str, new: str, code: str, words: str) -> None:
    said = faults(changed(old, new))
    assert f"error[{code}]" in said
    assert words in said


def test_a_name_that_is_not_there_suggests_the_nearest() -> None:
    with pytest.raises(ProblemsFound) as raised:
        load("shoptet/oder")
    assert render_all(raised.value.problems) == (
        "error[M001]: there is no mapping `shoptet/oder`\n"
        "  = help: there is a mapping with a similar name: `shoptet/order`"
    )


def test_an_empty_file_says_how_to_start() -> None:
    assert faults("# nothing yet\n") == (
        "error[M002]: the mapping is empty\n"
        " --> m.yaml:1\n"
        "  = help: start with `version: 1`, `kind: order` and `source:`"
    )


def test_a_mapping_extends_another_and_keeps_the_places_of_both(here: Path) -> None:
    folder = here / "mappings" / "own"
    folder.mkdir(parents=True)
    (folder / "order.yaml").write_text(
        "extends: shoptet/order\n"
        "fields:\n"
        "  customer_note: ~\n"
        "  shop_note: VARCHAR1\n"
        "  lines: {fields: {sku: PLU}}\n"
        "lookups:\n"
        "  payment: {Bitcoinem: online, dobírk*: cash}\n",
        encoding="utf-8",
    )
    mapping = load("own/order", site=here)
    readings = list(mapping.read(ROOT / "samples/shoptet/orders-one-broken.xml"))
    assert [reading.document is not None for reading in readings] == [True, True, True]
    assert readings[1].document is not None
    assert readings[1].document.payment.method == "online"
    assert readings[2].document is not None
    assert readings[2].document.payment.method == "cash"
    assert readings[0].document is not None
    assert readings[0].document.lines[0].sku is None
    assert mapping.name == "own/order"
    assert mapping.version != load("shoptet/order").version


def test_a_mapping_may_replace_the_condition_of_the_rows_alone(here: Path) -> None:
    (here / "mappings" / "own").mkdir(parents=True)
    (here / "mappings" / "own" / "order.yaml").write_text(
        "extends: shoptet/order\nfields: {lines: {when: text('TYPE') == 'shipping'}}\ntotals: warn\n",
        encoding="utf-8",
    )
    [first, *_] = load("own/order", site=here).read(ROOT / "samples/shoptet/orders.xml")
    assert first.document is not None
    assert [line.kind for line in first.document.lines] == ["shipping"]


def test_a_fault_in_an_extended_file_shows_that_file(here: Path) -> None:
    (here / "mappings").mkdir()
    (here / "mappings" / "base.yaml").write_text(changed("else: error", "else: bitcoin"), encoding="utf-8")
    (here / "mappings" / "child.yaml").write_text("extends: base\nfields: {status: STATUS}\n", encoding="utf-8")
    with pytest.raises(ProblemsFound) as raised:
        load("child", site=here)
    [problem] = raised.value.problems
    assert problem.span is not None
    assert problem.span.file == "mappings/base.yaml"


def test_a_circle_of_extends_is_refused(here: Path) -> None:
    (here / "mappings").mkdir()
    (here / "mappings" / "a.yaml").write_text("extends: b\n", encoding="utf-8")
    (here / "mappings" / "b.yaml").write_text("extends: a\n", encoding="utf-8")
    with pytest.raises(ProblemsFound) as raised:
        load("a", site=here)
    assert raised.value.problems[0].code == "M015"


def test_overrides_add_to_lookups_win_and_change_the_version() -> None:
    plain = loaded(SMALL)
    added = loaded(SMALL, Overrides(lookups={"payment": {"dobírka": "cash", "Mincemi": "cash"}}, totals="warn"))
    assert plain.version != added.version
    assert loaded(SMALL).version == plain.version


def test_overrides_are_checked_like_the_file() -> None:
    said = faults(SMALL, Overrides(lookups={"paymnt": {"a": "cash"}, "payment": {"Mincemi": "coins"}}))
    assert "error[M022]: the route adds to lookup `paymnt`, which the mapping does not have" in said
    assert "the route adds it to lookup `payment` for `Mincemi`" in said


def test_the_committed_schema_is_current() -> None:
    committed = json.loads((ROOT / "gateway/schemas/mapping.json").read_text(encoding="utf-8"))
    assert committed == schema(), "run `gateway schema mapping > gateway/schemas/mapping.json`"


def test_the_schema_offers_every_canonical_field_of_the_kind() -> None:
    (by_kind,) = schema()["allOf"]
    found = {}
    while "if" in by_kind:
        found[by_kind["if"]["properties"]["kind"]["const"]] = by_kind["then"]["properties"]["fields"]
        by_kind = by_kind["else"]
    assert "verdict" in found["receipt"]["properties"]
    assert "original_number" in found["invoice"]["properties"]
    fields = by_kind["properties"]["fields"]  # of an order, where a file leaves the kind to what it extends
    assert "billing.vat_id" in fields["properties"]
    assert fields["additionalProperties"] is False
    assert "unit_price.net" in fields["properties"]["lines"]["anyOf"][0]["properties"]["fields"]["properties"]


@pytest.mark.parametrize("path", MAPPINGS, ids=lambda path: path.parent.name)
def test_every_shipped_mapping_loads_passes_its_tests_and_names_the_schema(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=../../gateway/schemas/mapping.json\n")
    mapping = load(path.relative_to(ROOT / "mappings").as_posix().removesuffix(".yaml"))
    outcomes = mapping.run_tests(root=ROOT)
    assert len(outcomes) >= 2
    assert [render_all(outcome.problems) for outcome in outcomes if not outcome.passed] == []


def test_a_failed_test_shows_what_was_expected_and_what_is() -> None:
    mapping = loaded(
        SMALL + 'tests:\n  - {name: total, given: "samples/one.xml#1", expect: {total.gross: "99.00", lines: 1}}\n'
    )
    Path("samples").mkdir()
    Path("samples/one.xml").write_text(orders(order()), encoding="utf-8")
    [outcome] = mapping.run_tests(root=Path.cwd())
    assert not outcome.passed
    assert render_all(outcome.problems) == (
        "error[M020]: the test `total` expects `total.gross` to be 99.00, it is 121.00\n"
        "  --> m.yaml:21:69\n"
        "   |\n"
        '21 |   - {name: total, given: "samples/one.xml#1", expect: {total.gross: "99.00", lines: 1}}\n'
        "   |                                                                     ^^^^^^^ is 121.00\n"
        "   |\n"
        "   = mapped by m.yaml:14 from TOTAL\n"
        "   = sample: samples/one.xml#1 (line 10)"
    )
