"""An input is read quickly or surely, and nobody can tell which from what comes of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.mapping import Mapping, laid_out, load
from gateway.mapping import remembered as remembering
from gateway.mapping.lines import SourceLines
from gateway.mapping.remembered import Remembered
from tests.mapping.conftest import ROOT, SMALL, changed, loaded, order, orders
from tests.mapping.ways import quick_share, quickly, surely

SAMPLES = sorted(ROOT.glob("samples/**/*.xml"))
VENDORS = sorted((ROOT.parent / "shared" / "formats" / "shops" / "samples").glob("**/*.xml"))
SHIPPED = ("shoptet/order", "shoprenter/order", "shoprenter/order_push")
SIZES = (1, 97, 64 << 10)
STEADY = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

NESTED = changed("/ORDERS/ORDER}", "/SHOP/ORDERS/ORDER, namespaces: {p: 'http://shop.example/p'}}").replace(
    "customer_note: NOTE", "customer_note: NOTE\n  shop_note: p:NOTE\n  status: '@id'"
)
FLAT = NESTED.replace("/SHOP/ORDERS/ORDER", "/ORDERS/ORDER")
FORCED = FLAT.replace("format: xml", "format: xml, encoding: windows-1250")


def same(mapping: Mapping, path: Path, sizes: tuple[int, ...] = SIZES) -> None:
    sure = surely(mapping, path)
    for size in sizes:
        assert quickly(mapping, path, size) == sure
    with patch.object(laid_out, "_FIRST", 1):
        assert quickly(mapping, path, 1, worth=0) == sure, "by the layout"
        assert quickly(mapping, path, 97, worth=0) == sure, "by the layout that is known already"


# -- samples


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_samples_are_read_alike(path: Path, name: str) -> None:
    same(load(name), path)


@pytest.mark.skipif(not VENDORS, reason="the vendors' samples lie beside the repository, and are not there")
def test_vendors_samples_are_read_alike() -> None:
    feed = loaded(changed("record: /ORDERS/ORDER", "record: [/SHOP/SHOPITEM]").replace("CODE", "ITEM_ID"))
    for path in VENDORS:
        for mapping in (*map(load, SHIPPED), feed):
            same(mapping, path, (97,))


@pytest.mark.parametrize(
    ("name", "path", "quick", "all_of"),
    [
        ("shoptet/order", "shoptet/orders.xml", 6, 6),
        ("shoptet/order", "shoptet/orders-comma-decimals.xml", 2, 2),
        ("shoptet/order", "shoptet/orders-windows-1250.xml", 1, 1),
        ("shoptet/order", "shoptet/orders-one-broken.xml", 2, 3),
    ],
)
def test_good_records_of_the_samples_are_read_quickly(name: str, path: str, quick: int, all_of: int) -> None:
    assert quick_share(load(name), ROOT / "samples" / path) == (quick, all_of)


# -- inputs


TEXTS = (
    "A-1",
    "",
    " ",
    "\u00a0",
    " \n\t ",
    "x \r\n  y",
    "\rz",
    "žluť",
    "CZ",
    "CZK",
    "1",
    "121.00",
    "1\u00a0210,50 Kč",
    "2026-11-20 08:05:31",
    "2026-03-29 02:30:00",
    "Dobírka",
    "no",
    "&amp;",
    "&#65;",
    "&#160;",
    "&#xD;b",
    "&lt;ORDER&gt;",
    "a > b",
    "<![CDATA[</ORDER>]]>",
    "<![CDATA[<ORDER>]]>",
    "<![CDATA[ x ]]> y",
    "<![CDATA[]]>",
    "<!-- </ORDER> -->",
    "a<!-- <ORDER> -->b",
    "<?seen </ORDER> ?>",
    "<B>x</B>",
    "a<B> x </B>c",
    "<CODE>inner</CODE>",
    "x" * 70,
)
BROKEN = ("]]>", "&nbsp;", "R & D", "\x01", "<B>", "</B>", "<!-- a -- b -->", "<?xml version='1.0'?>", "<u:B/>")
NAMES = ("CODE", "DATE", "CURRENCY", "NAME", "COUNTRY", "PAYMENT", "PAID", "NOTE", "TOTAL", "p:NOTE", "OTHER")
DECLARED = ' xmlns:p="http://shop.example/p"'
STARTS = (
    "<ORDER>",
    "<ORDER>",
    "<ORDER>",
    "<ORDER id='1'>",
    "<ORDER\n  id='2 > 1'\n>",
    "<ORDER xmlns='http://shop.example/own'>",
    "<ORDER xmlns:p='http://shop.example/other'>",
)
ENDS = ("</ORDER>", "</ORDER>", "</ORDER>", "</ORDER>", "</ORDER >", "</ORDER\n>")
ITEM = "<ITEM><NAME>Deka</NAME><AMOUNT>1</AMOUNT><PRICE>121.00</PRICE><VAT>21</VAT></ITEM>"
BESIDE = (
    "",
    "\n",
    "  ",
    "\r\n",
    "text",
    "<!-- <ORDER></ORDER> -->",
    "<?seen?>",
    "<OTHER/>",
    "<OTHER><ORDER><CODE>9</CODE></ORDER></OTHER>",
    "<OTHER><ORDER/></OTHER>",
    "<![CDATA[</ORDER>]]>",
)

texts = st.sampled_from(TEXTS)
member = st.tuples(st.sampled_from(NAMES), texts).map(lambda each: f"<{each[0]}>{each[1]}</{each[0]}>")
good = st.dictionaries(st.sampled_from(NAMES[:-2]), texts, max_size=2).map(lambda each: order(**each))
odd = st.tuples(st.sampled_from(STARTS), st.lists(member, max_size=6), st.sampled_from(ENDS)).map(
    lambda each: each[0] + "".join(each[1]) + ITEM + each[2]
)
special = st.sampled_from(
    (
        "<ORDER/>",
        "<ORDER />",
        "<ORDER></ORDER>",
        "<p:ORDER><CODE>5</CODE></p:ORDER>",
        "<ORDER><ORDER><CODE>6</CODE></ORDER></ORDER>",
        "<ORDER><CODE>7</CODE><ORDER/></ORDER>",
        "<ORDERS><ORDER><CODE>8</CODE></ORDER></ORDERS>",
        "<ORDER>" + "<NAME>x</NAME>" * 40 + "</ORDER>",
        *(f"<ORDER><NAME>{text}</NAME></ORDER>" for text in BROKEN),
    )
)
record = st.one_of(good, good, odd, odd, special)
container = st.tuples(
    st.sampled_from(("<ORDERS>", "<ORDERS>", "<ORDERS shop='a&#10;b &amp; c'>", "<ORDERS xmlns=''>")),
    st.lists(st.tuples(st.sampled_from(BESIDE), record).map("".join), max_size=5),
    st.sampled_from(BESIDE),
).map(lambda each: each[0] + "".join(each[1]) + each[2] + "</ORDERS>")
PROLOGS = ("", "", "\n", "<!-- <ORDER> -->\n", "<?style a?>", "<!DOCTYPE SHOP [<!ENTITY nbsp 'x'>]>")
SHOPS = (
    "<SHOP{}>",
    "<SHOP{}>",
    "<SHOP{} xmlns='http://shop.example/'>",
    "<SHOP{} xml:space='preserve'>",
    "<SHOP>",
)


@st.composite
def inputs(draw: st.DrawFn) -> bytes:
    """The bytes of an input, seldom a sound one."""
    nested = draw(st.booleans())
    inner = draw(st.lists(container, min_size=1, max_size=2 if nested else 1))
    shop = draw(st.sampled_from(SHOPS)).format(DECLARED)
    body = "\n".join([shop, *inner, "</SHOP>"]) if nested else inner[0].replace("<ORDERS", f"<ORDERS{DECLARED}", 1)
    encoding = draw(st.sampled_from(("utf-8", "utf-8", "utf-8-sig", "windows-1250", "iso-8859-2", "utf-16")))
    named = encoding.removesuffix("-sig")
    declaration = f'<?xml version="1.0" encoding="{named}"?>' if named != "utf-8" or draw(st.booleans()) else ""
    text = declaration + draw(st.sampled_from(PROLOGS)) + body + draw(st.sampled_from(("", "\n", "<!-- end -->")))
    if draw(st.integers(0, 3)) == 0:
        text = text.replace("\n", "\r\n")
    data = text.encode(encoding, "xmlcharrefreplace")
    spoil = draw(st.integers(0, 9))
    at = draw(st.integers(0, len(data)))
    if spoil == 0:
        return data[:at]
    if spoil == 1:
        return (
            data[:at]
            + draw(st.sampled_from((b"\xc0\xaf", b"\xe0\x80\xaf", b"\x81", b"\xff", b"\x00")))
            + data[at:]
        )
    return data


@pytest.fixture
def three(here: Path) -> tuple[Mapping, ...]:
    return loaded(NESTED), loaded(FLAT), loaded(FORCED)


@given(data=inputs(), size=st.sampled_from((1, 50, 500)))
@settings(STEADY, max_examples=400)
def test_inputs_of_all_kinds_are_read_alike(three: tuple[Mapping, ...], data: bytes, size: int) -> None:
    Path("in.xml").write_bytes(data)
    for mapping in three:
        same(mapping, Path("in.xml"), (size,))


ODD = {
    "two containers, and a record without an end tag": (
        NESTED,
        f"<SHOP><ORDERS>{order()}<ORDER/></ORDERS><ORDERS>{order('3')}</ORDERS></SHOP>",
    ),
    "a document type behind a long comment": (
        SMALL,
        f"<!--{'x' * 70_000}--><!DOCTYPE ORDERS [<!ENTITY a 'b'>]><ORDERS>{order()}</ORDERS>",
    ),
    "a prefix beyond ASCII on the first record": (
        SMALL,
        f'<ORDERS xmlns:č="http://shop.example/"><č:ORDER><CODE>1</CODE></č:ORDER>{order("2")}</ORDERS>',
    ),
    "the record is the root": (changed("/ORDERS/ORDER", "/ORDER"), order()),
    "no namespace inside of one": (
        NESTED,
        f'<SHOP xmlns="http://shop.example/p"><ORDERS xmlns="">{order()}</ORDERS></SHOP>',
    ),
    "an attribute with a prefix that nobody declared": (
        SMALL,
        f'<ORDERS xsi:schemaLocation="orders.xsd" of="all">{order(TOTAL="1")}</ORDERS>',
    ),
    "a namespace that is no absolute address": (SMALL, f'<ORDERS xmlns="shop">{order()}</ORDERS>'),
}


@pytest.mark.parametrize(("mapping", "text"), ODD.values(), ids=ODD.keys())
def test_an_odd_input_is_read_alike(here: Path, mapping: str, text: str) -> None:
    Path("in.xml").write_text(text, encoding="utf-8")
    same(loaded(mapping), Path("in.xml"))


@pytest.mark.parametrize(
    "declared", ["utf8", "utf_8", "windows_1250", "iso8859_2", "L2", "ascii", "hex", "idna", "rot13", "undefined"]
)
def test_an_encoding_under_any_name_is_read_alike(here: Path, small: Mapping, declared: str) -> None:
    content = orders(order()).replace('encoding="utf-8"', f'encoding="{declared}"')
    Path("in.xml").write_bytes(content.encode("ascii", "replace"))
    same(small, Path("in.xml"))


def test_utf8_in_more_bytes_than_needed_is_refused_both_ways(here: Path, small: Mapping) -> None:
    Path("in.xml").write_bytes(orders(order(NAME="a@b")).encode().replace(b"@", b"\xc0\xaf"))
    assert [problem.code for problem in surely(small, Path("in.xml"))[-1]] == ["S005"]
    same(small, Path("in.xml"))


def test_records_of_very_different_size_are_read_alike(here: Path, small: Mapping) -> None:
    many = [order(str(n), NOTE="x" * (7000 * (n % 3)) + "</ORDER>".replace("<", "&lt;")) for n in range(60)]
    Path("in.xml").write_text(orders(*many, order("large", OTHER="y" * 3_000_000), *many), encoding="utf-8")
    same(small, Path("in.xml"))


def test_records_that_are_passed_over_keep_their_positions(here: Path, small: Mapping) -> None:
    # given a comment that spoils the cutting in the middle
    many = [order(str(n)) for n in range(30)]
    Path("in.xml").write_text(orders(*many[:15], "<!-- </ORDER> -->", *many[15:]), encoding="utf-8")
    for wanted in (lambda position: position % 3 == 0, lambda position: position > 14):
        sure = surely(small, Path("in.xml"), wanted=wanted)
        assert [int(each["key"]) + 1 for each in sure] == [each["position"] for each in sure]
        assert quickly(small, Path("in.xml"), 300, wanted=wanted) == sure


# -- mappings


PATHS = (
    "A",
    "B",
    "A/B",
    "A/C",
    "A/B/C",
    "R/A",
    "R/B/C",
    "R[A='x']/B",
    "R[A='x']/B/C",
    "R[A='y']/C",
    "R[B='x']/A",
    "R[A='x']",
    "A[B='x']/C",
    "A[B/C='x']/A",
    "A[B='x']/R[C='y']/B",
    "R[2]/A",
    "A/@k",
    "@k",
    "A[@k='x']/B",
    "../@k",
    ".//C",
    "count(R)",
    "p:A/B",
    "A/p:B",
    "'A'/B",
    "R/R/A",
    "A/R/B",
    ".",
)
EACH = ("R", "R/R", "A/R", "A", "R[A='x']", "A[B='x']/R", ".//R", "p:R")
path = st.sampled_from(PATHS)
quoted = path.map(lambda each: '"' + each + '"')
several = st.lists(path, min_size=1, max_size=3).map(
    lambda each: "[" + ", ".join(f'"{one}"' for one in each) + "]"
)
WHEN = ("value == 'x'", "text('A/B') == 'x'", "number('B') > 1", "status == 'x'", "text('R/A') or value", "value")


def options(draw: st.DrawFn, kind: str) -> str:
    """One field of a random mapping."""
    ways = {
        "text": ("path", "first", "join", "compute"),
        "number": ("path", "first", "sum", "compute"),
    }[kind]
    way = draw(st.sampled_from(ways))
    parts = []
    if way == "compute":
        if kind == "text":
            parts.append(
                f"compute: \"text('{draw(st.sampled_from(PATHS[:12])).replace(chr(39), '')}') or 'none'\""
            )
        else:
            parts.append("compute: \"number('B') or 2\"")
    else:
        parts.append(f"{way}: {draw(quoted if way == 'path' else several)}")
    if draw(st.booleans()):
        when = draw(st.sampled_from(WHEN))
        if way in ("sum", "compute"):
            when = (
                when.replace("value == 'x'", "text('A') == 'x'")
                .replace(" or value", "")
                .replace("value", "text('A')")
            )
        parts.append(f'when: "{when}"')
    if way != "sum" and draw(st.integers(0, 3)) == 0:
        parts.append('empty: ["x"]' if draw(st.booleans()) else 'empty: ["-", "0"]')
    if draw(st.integers(0, 3)) == 0:
        parts.append("default: " + ('"d"' if kind == "text" else '"7"'))
    if draw(st.integers(0, 5)) == 0:
        parts.append("required: yes")
    if kind == "text" and way != "sum" and draw(st.integers(0, 3)) == 0:
        parts.append("lookup: words")
    return "{" + ", ".join(parts) + "}"


@st.composite
def mappings(draw: st.DrawFn) -> str:
    """A mapping over a few names."""
    lines = [
        "version: 1",
        "kind: order",
        "key: number",
        "source: {format: xml, record: /L/O, namespaces: {p: 'http://shop.example/p'}}",
        "fields:",
        "  number: {value: '1'}",
        "  ordered_at: {path: D, timezone: Europe/Prague}",
        "  currency: {value: CZK}",
        "  billing.name: {value: x}",
        f"  status: {draw(quoted)}",
    ]
    chosen = ("billing.city", "delivery.city", "delivery.name", "delivery.country", "shop_note", "customer_note")
    for name in draw(st.lists(st.sampled_from(chosen), unique=True, max_size=4)):
        option = options(draw, "text")
        if name == "delivery.country":
            option = "{path: C, default: CZ}"
        lines.append(f"  {name}: {option}")
    if draw(st.booleans()):
        lines.append(f"  exchange_rate: {options(draw, 'number')}")
    lines.append("  lines:")
    for each in ["S", *draw(st.lists(st.sampled_from(EACH), max_size=3))]:
        lines.append(f'    - each: "{each}"')
        if draw(st.integers(0, 2)) == 0:
            when = draw(st.sampled_from(("text('A') == 'x'", "status == 'x'", "number('B') > 1", "text('R/A')")))
            lines.append(f'      when: "{when}"')
        lines.append("      fields:")
        lines.append("        unit_price.gross: {value: '0'}")
        lines.append("        vat_rate: {value: '0'}")
        lines.append(f"        name: {{path: {draw(quoted)}, default: n}}")
        if draw(st.booleans()):
            when = draw(st.sampled_from(("value != status", "status is not none", "value == 'x'")))
            lines.append(f'        note: {{path: {draw(quoted)}, when: "{when}"}}')
        names = draw(st.lists(st.sampled_from(("sku", "variant", "unit")), unique=True, max_size=2))
        lines += [f"        {name}: {options(draw, 'text').replace('status', 'name')}" for name in names]
    lines += ["totals: warn", "lookups:", "  words: {x: X, y*: Y, else: keep}"]
    return "\n".join(lines) + "\n"


LEAVES = ("x", "y", "1", "2,50", "", " x ", "-")


def tree(name: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """An element with elements in it, down to the third level."""
    leaf = st.tuples(name, st.sampled_from(LEAVES)).map(
        lambda each: f"<{each[0]}>{each[1]}</{each[0].split()[0]}>"
    )
    level = leaf
    for _ in range(2):
        below = st.tuples(name, st.lists(level, max_size=4)).map(
            lambda each: f"<{each[0]}>{''.join(each[1])}</{each[0].split()[0]}>"
        )
        level = st.one_of(leaf, below)
    return level


trees = tree(st.sampled_from(("A", "A", "B", "B", "C", "R", "R", "A k='x'", "p:A", "p:B")))
feeds = st.tuples(st.booleans(), st.lists(st.lists(trees, max_size=7), min_size=1, max_size=8)).map(
    lambda each: (
        f"<L k='l'{DECLARED if each[0] else ' xmlns:p=' + repr('http://shop.example/p')}>"
        + "".join(f"<O k='o'><D>2026-11-20</D><S/>{''.join(one)}</O>" for one in each[1])
        + "</L>"
    )
)


@given(text=mappings(), feed=feeds)
@settings(STEADY, max_examples=250)
def test_any_mapping_reads_any_tree_alike(here: Path, text: str, feed: str) -> None:
    mapping = loaded(text)
    Path("in.xml").write_text(feed, encoding="utf-8")
    same(mapping, Path("in.xml"), (60,))


FIRST_OF_SEVERAL = """\
version: 1
kind: order
key: number
source: {format: xml, record: /L/O}
fields:
  number: {value: "1"}
  ordered_at: {path: D, timezone: Europe/Prague}
  currency: {value: CZK}
  billing.name: {value: x}
  shop_note: "PATH"
  lines: {each: R, fields: {name: {value: n}, unit_price.gross: {value: "0"}, vat_rate: {value: "0"}}}
"""


@pytest.mark.parametrize("path", ["R[A='x']/B/C", "R/B/C", "R[A='x']/B[C='y']/D", "R[A='x']/D"])
def test_what_the_first_of_several_rows_lacks_is_found_in_the_next(here: Path, path: str) -> None:
    mapping = loaded(FIRST_OF_SEVERAL.replace("PATH", path))
    rows = "<R><A>x</A><B/></R><R><A>x</A><B><C>y</C><D>found</D></B><D>found</D></R>"
    Path("in.xml").write_text(f"<L><O><D>2026-11-20</D>{rows}</O></L>")
    same(mapping, Path("in.xml"))
    [reading] = mapping.read(Path("in.xml"))
    assert reading.document is not None
    assert reading.document.shop_note in ("y", "found")


# -- many threads, much input


def test_threads_share_a_mapping_while_what_it_remembers_is_dropped(
    here: Path, small: Mapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembering, "MOST", 3)
    content = orders(*(order(str(n), TOTAL="121.00", COUNTRY=("CZ", "", "SK")[n % 3]) for n in range(200)))
    Path("in.xml").write_text(content.replace("<COUNTRY></COUNTRY>", ""), encoding="utf-8")

    def read(_: int) -> list[str]:
        return [repr(reading.document) for reading in small.read(Path("in.xml"))]

    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(read, range(8))
    assert all(other == first for other in others)


def test_what_is_remembered_is_bounded() -> None:
    # given texts that never come again, and long ones
    table = Remembered(lambda raw: raw.upper())
    for number in range(remembering.MOST + 10):
        assert table[f"t{number}"] == f"T{number}"
    assert len(table) <= remembering.MOST
    assert table["x" * 5000] == "X" * 5000
    assert "x" * 5000 not in table
    # and nothing is still nothing
    table.clear()
    assert table[None] is None


# -- in parts


@pytest.mark.parametrize("size", [1, 300, 1000, 5000, 100_000])
def test_the_parts_of_an_input_hold_its_records_and_know_their_lines(small: Mapping, size: int) -> None:
    # given an input with its end on lines of its own
    path = Path("in.xml")
    path.write_text(orders(*(order(str(number)) + "\n\n" for number in range(40))) + "\n\n", encoding="utf-8")
    # when it is cut, and each part is read alone
    parts = small.parts(path, shown_as="in.xml", size=size)
    read = [reading for part in parts for reading in small.read_part(path, part, shown_as="in.xml")]
    # then they follow each other, end behind a record, are as long as was asked for, and hold what the input holds
    assert [part.end for part in parts[:-1]] == [part.start for part in parts[1:]]
    assert all(path.read_bytes()[: part.end].endswith(b"</ORDER>") for part in parts)
    assert all(part.end - part.start >= size for part in parts[:-1])
    whole = [(reading.key, reading.line) for reading in small.read(path, shown_as="in.xml")]
    assert [(reading.key, reading.line) for reading in read] == whole
    assert (len(parts) == 1) is (size > 10_000)


def test_an_input_whose_end_does_not_fit_has_no_parts(small: Mapping) -> None:
    path = Path("in.xml")
    for end in ("", "<!-- no end", "</ORDER>", "x" * 100_000):
        path.write_text(orders(*map(order, "123")).replace("</ORDERS>", end), encoding="utf-8")
        assert small.parts(path, shown_as="in.xml", size=1) == []


def test_lines_are_counted_forth_and_back(here: Path) -> None:
    path = here / "in.xml"
    path.write_bytes(b"a\nb\r\nc\n\n" + b"x" * 3_000_000 + b"\nd")
    lines = SourceLines(path, "utf-8")
    assert [lines.before(place) for place in (3, 0, 8, 3_000_009, 2, 5, 99_000_000)] == [1, 0, 4, 5, 1, 2, 5]
