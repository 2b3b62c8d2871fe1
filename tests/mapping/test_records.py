"""Records: a bad one is set aside with all its problems, the others go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.diagnostics import render, render_all
from gateway.mapping import Mapping, Overrides, Reading, load
from tests.mapping.conftest import ROOT, SMALL, changed, loaded, order, orders

Read = Callable[..., list[Reading]]


def said(reading: Reading) -> str:
    return render_all(reading.problems)


def test_one_broken_order_among_three_leaves_the_other_two() -> None:
    mapping = load("shoptet/order")
    readings = list(mapping.read(ROOT / "samples/shoptet/orders-one-broken.xml", shown_as="orders.xml"))
    assert [(r.position, r.key, r.document is not None) for r in readings] == [
        (1, "2026000401", True),
        (2, "2026000402", False),
        (3, "2026000403", True),
    ]
    [problem] = readings[1].problems
    assert problem.record == "order 2026000402"
    assert problem.field == "payment.method"


def test_an_unknown_payment_name(read: Read) -> None:
    [reading] = read(orders(order(PAYMENT="Mincemi")))
    assert said(reading) == (
        "error[D004]: order 1001: the lookup `payment` has no entry for `Mincemi`\n"
        " --> in.xml:9:12\n"
        "  |\n"
        "9 |   <PAYMENT>Mincemi</PAYMENT>\n"
        "  |            ^^^^^^^\n"
        "  |\n"
        "  = field: payment.method\n"
        "  = mapped by small.yaml:11\n"
        "  = it knows: Dobírka, Převod*\n"
        "  = help: add a line for it under `lookups: {payment: …}` of the route or of the mapping"
    )


def test_an_order_without_a_number(read: Read) -> None:
    [reading] = read(orders(order("")))
    assert reading.key is None
    assert said(reading) == (
        "error[D001]: order #1: `number` is missing\n"
        " --> in.xml:4:3\n"
        "  |\n"
        "4 |   <CODE></CODE>\n"
        "  |   ^^^^^\n"
        "  |\n"
        "  = field: number\n"
        "  = mapped by small.yaml:6"
    )


@pytest.mark.parametrize(
    ("element", "value", "code", "message"),
    [
        ("DATE", "2026-02-30 10:00:00", "D003", "`2026-02-30 10:00:00` is not in the calendar"),
        ("DATE", "yesterday", "D003", "`yesterday` is not a date"),
        ("TOTAL", "121,-- or so", "D002", "`121,-- or so` is not a number"),
        ("TOTAL", "6.400 Ft", "D002", "`6.400 Ft` is ambiguous: 6400 or 6.400"),
        ("TOTAL", "-121.00", "D008", "the total is negative: -121.00"),
        ("COUNTRY", "Čechy", "D005", "`Čechy` is not a country that is known here"),
        ("CURRENCY", "koruny", "D006", "`koruny` is not a currency that is known here"),
        ("PAID", "partly", "D013", "`partly` is neither yes nor no"),
        ("NOTE", "x" * 4001, "D014", "the text has 4001 characters, at most 4000 are taken"),
        (
            "TOTAL",
            "125.00",
            "D007",
            "the lines add up to 121.00, the order says 125.00 (gross); 0.01 may differ",
        ),
    ],
)
def test_a_value_that_cannot_be_read(read: Read, element: str, value: str, code: str, message: str) -> None:
    [reading] = read(orders(order(**{element: value})))
    assert reading.document is None
    [problem] = reading.problems
    assert (problem.code, problem.message, problem.record) == (code, message, "order 1001")
    assert problem.span is not None
    if len(value) < 100:
        assert problem.span.text is not None
        column = problem.span.column - 1
        assert problem.span.text[column : column + problem.span.length] == value


def test_all_problems_of_one_order_come_in_one_run(read: Read) -> None:
    items = "<ITEM><AMOUNT>two</AMOUNT><PRICE>1</PRICE><VAT>21</VAT></ITEM>"
    bad = order("", DATE="2026-02-30", PAYMENT="Mincemi", COUNTRY="Čechy", TOTAL="-1", ITEMS=items)
    [reading] = read(orders(bad))
    assert [(problem.code, problem.field) for problem in reading.problems] == [
        ("D003", "ordered_at"),
        ("D005", "billing.country"),
        ("D004", "payment.method"),
        ("D002", "lines[1].quantity"),
        ("D001", "number"),
        ("D001", "lines[1].name"),
        ("D008", "total.gross"),
    ]


def test_a_required_field_says_where_it_was_looked_for(read: Read) -> None:
    mapping = loaded(changed("billing.name: NAME", "billing.name: {first: [FULL, NAME], required: true}"))
    [reading] = read(orders(order(NAME=" ")), mapping)
    assert reading.problems[0].message == "`billing.name` is missing: there is nothing in `FULL` or `NAME`"


def test_a_row_that_cannot_be_priced_points_at_the_row(read: Read) -> None:
    good = "<ITEM><NAME>Deka</NAME><AMOUNT>1</AMOUNT><PRICE>121</PRICE><VAT>21</VAT></ITEM>"
    [reading] = read(orders(order(ITEMS=f"{good}\n<ITEM><NAME>Bez</NAME></ITEM>")))
    [problem] = reading.problems
    assert (problem.code, problem.field) == ("D011", "lines[2].unit_price")
    assert problem.span is not None
    assert problem.span.line == 12


def test_an_unreadable_price_is_one_problem_and_not_three(read: Read) -> None:
    items = "<ITEM><NAME>Deka</NAME><AMOUNT>1</AMOUNT><PRICE>much</PRICE><VAT>21</VAT></ITEM>"
    [reading] = read(orders(order(ITEMS=items)))
    assert [(problem.code, problem.field) for problem in reading.problems] == [
        ("D002", "lines[1].unit_price.gross")
    ]


def test_the_value_is_found_in_cdata_on_its_own_line(read: Read) -> None:
    [reading] = read(orders(order(PAYMENT="\n    <![CDATA[Mincemi & směnkou]]>\n  ")))
    [problem] = reading.problems
    assert problem.span is not None
    assert (problem.span.line, problem.span.text) == (10, "      <![CDATA[Mincemi & směnkou]]>")
    assert problem.message.endswith("`Mincemi & směnkou`")


def test_an_escaped_value_is_found_as_it_is_written(read: Read) -> None:
    [reading] = read(orders(order(PAYMENT="Mincemi &amp; směnkou")))
    assert " | " in said(reading)
    [problem] = reading.problems
    assert problem.span is not None
    assert problem.span.length == len("Mincemi &amp; směnkou")


def test_a_file_in_one_line_shows_no_endless_excerpt(read: Read) -> None:
    content = orders(order(PAYMENT="Mincemi"), *(order(str(n)) for n in range(50))).replace("\n", "")
    [bad, *others] = read(content)
    assert len(others) == 50
    [problem] = bad.problems
    assert problem.span is not None
    assert problem.span.text is None
    assert "Mincemi" in render(problem)


def test_a_time_that_no_clock_showed_is_a_warning_beside_the_document(read: Read) -> None:
    [reading] = read(orders(order(DATE="2026-03-29 02:30:00")))
    assert reading.document is not None
    assert reading.document.ordered_at.isoformat() == "2026-03-29T03:30:00+02:00"
    [problem] = reading.problems
    assert (problem.code, problem.level) == ("D015", "warning")


def test_totals_can_be_a_warning(read: Read) -> None:
    mapping = loaded(SMALL, Overrides(totals="warn"))
    [reading] = read(orders(order(TOTAL="130.00")), mapping)
    assert reading.document is not None
    assert [(problem.code, problem.level) for problem in reading.problems] == [("D007", "warning")]


def test_a_route_adds_a_payment_name(read: Read) -> None:
    mapping = loaded(SMALL, Overrides(lookups={"payment": {"mincemi": "cash"}}))
    [reading] = read(orders(order(PAYMENT=" MINCEMI ")), mapping)
    assert reading.document is not None
    assert reading.document.payment.method == "cash"


def test_the_fragment_of_a_bad_record_can_be_mended_and_read_again(here: Path) -> None:
    mapping = load("shoptet/order")
    fragment, fingerprint = b"", ""
    for reading in mapping.read(ROOT / "samples/shoptet/orders-one-broken.xml"):
        if reading.document is None:
            fragment, fingerprint = reading.fragment(), reading.fingerprint()
    text = fragment.decode("utf-8")
    assert text.startswith("<?xml version='1.0' encoding='UTF-8'?>\n<ORDERS>\n  <ORDER>\n")
    (here / "same.xml").write_bytes(fragment)
    [same] = [reading.fingerprint() for reading in mapping.read(here / "same.xml")]
    assert same == fingerprint
    (here / "mended.xml").write_text(text.replace("Bitcoinem", "Dobírka"), encoding="utf-8")
    [mended] = mapping.read(here / "mended.xml")
    assert mended.document is not None
    assert mended.key == "2026000402"


def test_a_fragment_keeps_the_ancestors_with_attributes_and_namespaces(
    read: Read, here: Path, small: Mapping
) -> None:
    content = orders(order(), order("2")).replace(
        "<ORDERS>", '<ORDERS xmlns="http://example.com/o" shop="a &amp; b">'
    )
    (here / "in.xml").write_text(content, encoding="utf-8")
    [first, _] = [reading.fragment() for reading in small.read(here / "in.xml")]
    assert b'<ORDERS xmlns="http://example.com/o" shop="a &amp; b">' in first
    assert first.count(b"<ORDER>") == 1
    [again] = read(first)
    assert again.key == "1001"


def test_fingerprints_ignore_layout_and_comments_but_see_values(here: Path, small: Mapping) -> None:
    def fingerprint(content: str) -> str:
        (here / "f.xml").write_text(content, encoding="utf-8")
        [found] = [reading.fingerprint() for reading in small.read(here / "f.xml")]
        return found

    plain = fingerprint(orders(order()))
    assert fingerprint(orders(order()).replace("\n", "\r\n    ")) == plain
    assert fingerprint(orders(order()).replace("\n  ", "")) == plain
    assert fingerprint(orders(order(NOTE="")).replace("<NOTE></NOTE>", "<!-- seen -->")) == plain
    assert fingerprint(orders(order()).replace("121.00</TOTAL>", " <![CDATA[121.00]]>\n</TOTAL>")) == plain
    assert fingerprint(orders(order()).replace("121.00</TOTAL>", "121.01</TOTAL>")) != plain
    assert fingerprint(orders(order()).replace("Otakar Havránek", "Otakar  Havránek")) != plain
    assert fingerprint(orders(order()).replace("<ORDER>", "<ORDER id='1'>")) != plain


def test_a_reading_says_clearly_that_its_source_is_gone(here: Path, small: Mapping) -> None:
    (here / "in.xml").write_text(orders(order("1"), order("2")), encoding="utf-8")
    first, last = small.read(here / "in.xml")
    for reading in (first, last):
        with pytest.raises(RuntimeError, match="once the next record is read"):
            reading.fragment()


def test_memory_stays_flat(here: Path, small: Mapping) -> None:
    import tracemalloc

    (here / "in.xml").write_text(orders(*(order(str(n)) for n in range(4000))), encoding="utf-8")
    tracemalloc.start()
    highest = 0
    for reading in small.read(here / "in.xml"):
        if reading.position % 500 == 0:
            highest = max(highest, tracemalloc.get_traced_memory()[0])
            if reading.position == 500:
                early = highest
    tracemalloc.stop()
    assert highest < early + 500_000


def test_a_fragment_is_written_in_the_encoding_that_the_mapping_names(read: Read) -> None:
    mapping = loaded(changed("record: /ORDERS/ORDER", "record: /ORDERS/ORDER, encoding: windows-1250"))
    Path("in.xml").write_bytes(orders(order(NAME="Žofie", PAYMENT="Mincí")).encode("windows-1250"))
    [fragment] = [reading.fragment() for reading in mapping.read(Path("in.xml"))]
    [again] = read(fragment.replace("Mincí".encode("windows-1250"), "Dobírka".encode("windows-1250")), mapping)
    assert again.document is not None
    assert again.document.billing.name == "Žofie"
