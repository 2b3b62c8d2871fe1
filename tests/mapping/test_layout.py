"""The records of a program's export are laid out alike: those that are can be read without being parsed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.documents import Order
from gateway.mapping import Mapping
from gateway.mapping.blanks import BLANK, with_any, with_those_of
from gateway.mapping.canonical import canonical, canonical_forms
from gateway.mapping.layout import Layout, NoLayout
from gateway.mapping.plain_text import NotPlain, plain_text, resolved
from gateway.mapping.remembered import MOST_ROWS, RememberedRows
from tests.mapping.conftest import changed, loaded, order, orders
from tests.mapping.test_ways_of_reading import STEADY
from tests.mapping.ways import by_layout, laid_out_share, quickly, surely

INPUT = Path("in.xml")
ROW = "<ITEM><NAME>{}</NAME><AMOUNT>{}</AMOUNT><PRICE>121.00</PRICE><VAT>21</VAT></ITEM>"
MANY = [order(str(n), NAME=f"Jana {n}") for n in range(12)]


def read_alike(mapping: Mapping, content: str | bytes) -> tuple[int, int]:
    """Read an input by its layout, which must give the same as the ordinary way; tells how much was read so."""
    INPUT.write_bytes(content.encode() if isinstance(content, str) else content)
    with by_layout():
        assert quickly(mapping, INPUT, 200, worth=0) == surely(mapping, INPUT)
        return laid_out_share(mapping, INPUT)


# -- what is read by its layout


def test_all_records_are_read_by_the_layout_of_the_input_before(small: Mapping) -> None:
    assert read_alike(small, orders(*MANY)) == (12, 12)


def test_an_input_that_is_laid_out_otherwise_has_its_own_layout(small: Mapping) -> None:
    read_alike(small, orders(*MANY))
    name, country = "<NAME>Jana {}</NAME>", "<COUNTRY>CZ</COUNTRY>"
    other = [
        each.replace(country, "").replace(name.format(n), country + name.format(n)) for n, each in enumerate(MANY)
    ]
    assert read_alike(small, orders(*other)) == (12, 12)


def test_a_small_input_is_not_worth_a_layout(small: Mapping) -> None:
    INPUT.write_text(orders(*MANY), encoding="utf-8")
    assert laid_out_share(small, INPUT) == (0, 12)


@pytest.mark.parametrize(
    "text",
    [
        "<![CDATA[R & D <b>]]>",
        "a <!-- seen --> b",
        "R &amp; D &#38; &#x17E; &quot;&apos;",
        "",
        "  spaces\n and lines\t",
        "]] > ]",
        "!",
        "a > b",
        "Nová Říše",
    ],
)
def test_a_text_of_any_kind_is_read_by_the_layout(small: Mapping, text: str) -> None:
    taken, of = read_alike(small, orders(*MANY, order("last", NAME=text or "Jan", NOTE=text), *MANY))
    assert (taken, of) == (25, 25), "the note is in the layout from the second time on"


def test_an_element_in_one_tag_is_read_by_the_layout(small: Mapping) -> None:
    bare = [each.replace("<PAYMENT>Dobírka</PAYMENT>", "<PAYMENT />") for each in MANY]
    assert read_alike(small, orders(*MANY, *bare)) == (24, 24)


def test_records_may_be_indented_in_any_way(small: Mapping) -> None:
    # given records on one line, indented ones, and ones with a blank where the others have none
    indented = [each.replace("><", ">\n\t<") for each in MANY]
    odd = [each.replace("<NAME>", " <NAME>", 1) for each in indented]
    # then what is expected of the first ones keeps no other from being read
    assert read_alike(small, orders(*MANY, *indented, *odd, *MANY)) == (48, 48)
    assert read_alike(small, orders(*odd, *indented)) == (24, 24)


@pytest.mark.parametrize("size", [1, 200, 700])
def test_namespaces_anywhere_are_for_elements_alone(small: Mapping, size: int) -> None:
    # given a record with a namespace among others: its chunk is parsed, and nothing that was kept counts for it
    odd = order("odd").replace("<NAME>", '<NAME xmlns:p="urn:p">', 1)
    INPUT.write_text(orders(*MANY[:5], odd, *MANY[5:]), encoding="utf-8")
    with by_layout(size):
        assert quickly(small, INPUT, size, worth=0) == surely(small, INPUT)


def test_the_white_space_that_is_always_the_same_is_expected() -> None:
    # given a head, any number of rows with an element that may be missing, and an end
    patterns = [(f"{BLANK}<A>{BLANK}<B>([^<]*)</B>", False), (f"{BLANK}<R>(?:{BLANK}<N/>)?{BLANK}</R>", True)]
    patterns.append((f"{BLANK}</A>", False))
    record = "<A>\n <B>{}</B>\n <R>\n  <N/>\n </R>{}<R>\n </R>\n</A>"
    # when their white space is learned of three records, the last of which has another form
    text = record.format("1", "\n ") + "\n" + record.format("2", "") + "\n<A><C/></A>"
    # then it is expected wherever it was always the same
    any_blank = with_any(BLANK)
    assert with_those_of(text, patterns) == [
        "<A>\\\n\\ <B>([^<]*)</B>",
        f"{any_blank}<R>(?:\\\n\\ \\ <N/>)?\\\n\\ </R>",
        "\\\n</A>",
    ]
    # and nothing is known of what no record had
    assert with_those_of("<X/>", patterns) == [with_any(pattern) for pattern, _ in patterns]


@pytest.mark.parametrize("encoding", ["windows-1250", "iso-8859-2", "utf-8"])
def test_the_declared_encoding_counts(small: Mapping, encoding: str) -> None:
    content = orders(*(order(str(n), NAME="Šťastný Žižka") for n in range(9)))
    assert read_alike(small, content.replace("utf-8", encoding).encode(encoding)) == (9, 9)


def test_line_breaks_of_windows_are_line_breaks(small: Mapping) -> None:
    content = orders(*MANY, order("12", NOTE="one\ntwo"), *MANY).replace("\n", "\r\n")
    assert read_alike(small, content) == (25, 25)


def test_more_or_fewer_rows_are_the_same_layout(small: Mapping) -> None:
    rows = [order(str(n), ITEMS=ROW.format("Deka", 1) * n, TOTAL=f"{121 * n}.00") for n in range(1, 6)]
    assert read_alike(small, orders(*rows)) == (5, 5)


FEED = """\
version: 1
kind: product
key: sku
source: {format: xml, record: /SHOP/ITEM}
fields:
  sku: CODE
  name: NAME
  images: {each: IMG, fields: {url: .}}
"""


def test_rows_of_texts_alone_are_read_by_the_layout(here: Path) -> None:
    images = (
        "",
        "<IMG>https://shop.example.cz/1.jpg</IMG>",
        "<IMG> https://shop.example.cz/2.jpg?a=1&amp;b=2 </IMG>",
    )
    items = [
        f"<ITEM><CODE>{n}</CODE><NAME>Deka</NAME>{images[n % 3] * (1 + n % 2)}<IMG/></ITEM>\n" for n in range(12)
    ]
    assert read_alike(loaded(FEED), "<SHOP>\n" + "".join(items) + "</SHOP>") == (12, 12)


def test_rows_with_children_are_read_as_elements_for_their_whole_text(here: Path) -> None:
    items = [f"<ITEM><CODE>{n}</CODE><NAME>Deka</NAME><IMG><A>x</A></IMG></ITEM>\n" for n in range(12)]
    assert read_alike(loaded(FEED), "<SHOP>\n" + "".join(items) + "</SHOP>") == (0, 12)


# -- what is not


@pytest.mark.parametrize(
    "odd",
    [
        order("odd").replace("<NAME>", "<NAME lang='cs'>", 1),
        order("odd").replace("</ORDER>", "</ORDER >"),
        order("odd").replace("<NAME>", "<NAME >", 1),
        order("odd").replace("<CODE>", "<NEW/><CODE>"),
        order("odd").replace("<CODE>", "text<CODE>"),
        order("odd").replace("<CURRENCY>CZK</CURRENCY>", ""),
        order("odd", NAME="<B>Jan</B>"),
        order("odd", NAME="<?seen x?>Jan"),
        order("odd", NAME="<!-- <NAME>Jan</NAME> -->Jan"),
        order("odd", NAME="<!-- one\ntwo -->Jan"),
        order("odd", NAME="<![CDATA[</ORDER>]]>"),
        order("odd", DATE="yesterday"),
        order("odd", TOTAL="999.00"),
        "<OTHER/>" + order("odd"),
        "<!-- </ORDER> -->" + order("odd"),
    ],
)
def test_one_odd_record_keeps_none_of_the_others_from_being_read_so(small: Mapping, odd: str) -> None:
    taken, of = read_alike(small, orders(*MANY, odd, *MANY))
    assert of == 25
    assert taken >= 8, "those before it, at least"


@pytest.mark.parametrize(
    "spoiled",
    [
        "a ]]> b",
        "&nbsp;",
        "R & D",
        "&#0;",
        "&#xFFFE;",
        "\x01",
        "\ufffe",
        "<NA<!-- x -->ME/>",
        "<!-- a -- b -->",
        "<B>",
    ],
)
@pytest.mark.parametrize("size", [200, 2500])
def test_what_is_not_well_formed_is_told_as_ever(small: Mapping, spoiled: str, size: int) -> None:
    INPUT.write_text(orders(*MANY, order("x", OTHER=spoiled), *MANY), encoding="utf-8")
    with by_layout():
        told = quickly(small, INPUT, size, worth=0)
    assert told == surely(small, INPUT)
    assert told[-1][0].code in ("S001", "S002", "S004", "S005")


def test_an_export_of_which_every_record_is_odd_is_read_as_elements(small: Mapping) -> None:
    odd = [order(str(n), NAME=f"<I{n}/>Jan") for n in range(90)]
    taken, of = read_alike(small, orders(*odd))
    assert (taken, of) == (0, 90)


@pytest.mark.parametrize("path", ["'@id'", "'NAME/@lang'", "../@of", "ITEM[2]/NAME", "count(ITEM)"])
def test_a_mapping_that_needs_elements_gets_them(here: Path, path: str) -> None:
    mapping = loaded(changed("customer_note: NOTE", f"customer_note: {path}"))
    assert read_alike(mapping, orders(*MANY)) == (0, 12)


# -- any


texts = st.sampled_from(("Jan", "", " ", "1", "121.00", "CZK", "Dobírka", "R &amp; D", "<![CDATA[x <y>]]>", "ž"))
shape = st.fixed_dictionaries({"NAME": texts, "COUNTRY": st.sampled_from(("CZ", "", "SK")), "PAYMENT": texts})
optional = st.dictionaries(st.sampled_from(("NOTE", "PAID", "OTHER")), texts, max_size=2)
rows = st.lists(st.tuples(texts, st.sampled_from(("1", "2", "x"))), min_size=0, max_size=3)


@st.composite
def exports(draw: st.DrawFn) -> str:
    """Records that are laid out alike more or less."""
    made = []
    for number in range(draw(st.integers(2, 12))):
        items = "".join(ROW.format(*row) for row in draw(rows))
        record = order(str(number), ITEMS=items, **draw(shape), **draw(optional))
        made.append(draw(st.sampled_from(("", "", "<!-- -->", "\n"))) + record)
    return orders(*made)


@given(content=exports(), size=st.sampled_from((1, 300, 2000)))
@STEADY
def test_any_export_is_read_alike(here: Path, small: Mapping, content: str, size: int) -> None:
    INPUT.write_text(content, encoding="utf-8")
    sure = surely(small, INPUT)
    with by_layout(size):
        assert quickly(small, INPUT, size, worth=0) == sure


BITS = (
    *(b"<", b">", b"/", b"&", b";", b"!", b"--", b"]]>", b"<![CDATA[", b"<!--", b"-->", b"</ORDER>", b"<ORDER>"),
    *(b" ", b"\n", b"\r", b"\t", b"\x00", b"\xff", b"\xc3", b"\xc2\xa0", b"&amp;", b"&#38;", b"&#0;", b"&nbsp;"),
    *(b"<?x?>", b"<X/>", b" a='1'", b"</ITEM>", b"<ITEM>", b"<NAME/>", b"<CODE>", b"</CODE>", b"", b"", b""),
)
change = st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 3), st.sampled_from(BITS))


@given(changes=st.lists(change, min_size=1, max_size=3), size=st.sampled_from((300, 2500)))
@settings(STEADY, max_examples=300)
def test_any_spoiled_export_is_read_alike(
    here: Path, small: Mapping, changes: list[tuple[float, int, bytes]], size: int
) -> None:
    data = orders(*MANY).encode()
    for place, taken, put in changes:
        at = int(place * len(data))
        data = data[:at] + put + data[at + taken :]
    INPUT.write_bytes(data)
    sure = surely(small, INPUT)
    with by_layout(size):
        assert quickly(small, INPUT, size, worth=0) == sure


# -- its parts


def records(*texts: str) -> list[etree._Element]:
    return [etree.fromstring(text, etree.XMLParser(remove_blank_text=True)) for text in texts]


def test_a_layout_is_widened_by_what_it_has_not_met() -> None:
    layout = Layout("A")
    assert layout.learn(records("<A><B>1</B></A>"))
    assert not layout.learn(records("<A><B>2</B></A>"))
    assert layout.learn(records("<A><B/><C><D/><D/></C></A>"))
    assert list(layout.shape.below) == ["B", "C"]
    assert layout.shape.is_optional("C")
    assert not layout.shape.is_optional("B")
    assert layout.shape.below["C"].below["D"].repeated
    assert layout.learn(records("<A><B/><C/></A>"))
    assert layout.shape.below["C"].bare


@pytest.mark.parametrize(
    "texts",
    [
        ("<A b='1'/>",),
        ("<A><B c='1'/></A>",),
        ("<A xmlns='http://shop.example/'><B/></A>",),
        ("<A><B/><C/></A>", "<A><C/><B/></A>"),
        ("<A><B/><C/><B/></A>",),
        ("<A>text<B/></A>",),
        ("<A><B>1</B></A>", "<A><B><C/></B></A>"),
        ("<A><B><A/></B></A>",),
        ("<A>" + "".join(f"<N{n}/>" for n in range(401)) + "</A>",),
        ("<A>" + "<B>" * 13 + "</B>" * 13 + "</A>",),
    ],
)
def test_records_without_a_common_layout(texts: tuple[str, ...]) -> None:
    with pytest.raises(NoLayout):
        Layout("A").learn(records(*texts))


def test_a_chunk_as_text_has_nothing_but_tags_and_texts() -> None:
    data = b"<A><!-- x --><B><![CDATA[1 < 2 & 3]]></B>\r\n<C>&#65;</C></A>"
    text = "<A><B>1 &lt; 2 &amp; 3</B>\n<C>&#65;</C></A>"
    assert plain_text(data, "utf-8", b"</A>") == (text, text.encode())
    assert plain_text(data, "cp1250", b"</A>") == (text, text)
    assert resolved(("1 &lt; 2 &amp; 3", None, "&#65;&#x17e;")) == ("1 < 2 & 3", None, "A\u017e")


@pytest.mark.parametrize(
    "data",
    [
        b"<A><!-- x",
        b"<A><!-- x -- y --></A>",
        b"<A><!-- </A> --></A>",
        b"<A><!DOCTYPE a></A>",
        b"<A><![CDATA[ </A>",
        b"<A><![CDATA[ </A> ]]></A>",
        b"<A>]]></A>",
        b"<A<!-- x -->></A>",
        b"<A><B<![CDATA[x]]>/></A>",
        b"<A>\r</A>",
        b"<A>\x02</A>",
        b"<A>\xff</A>",
        b"<A>\xef\xbf\xbf</A>",
        b"<A>&what;</A>",
        b"<A>&#xD800;</A>",
        b"<A>&</A>",
    ],
)
def test_what_only_a_parser_understands_is_left_to_it(data: bytes) -> None:
    with pytest.raises(NotPlain):
        plain_text(data, "utf-8", b"</A>")


def test_canonical_forms_are_written_without_parsing() -> None:
    # given records as plain text
    text = "\n<A>\n <B> x\n y &quot;&#xE9;&#38;&#13; </B><C />\n<D/></A> <A><B>\u017e &gt;</B><C></C><D>&#10;"
    text += "</D></A>\n"
    # then their canonical forms are those of the elements
    parsed = etree.fromstring(f"<R>{text}</R>", etree.XMLParser(remove_blank_text=True))
    forms = canonical_forms(text, b"</A>")
    assert forms == [canonical(element) for element in parsed]
    assert forms == canonical_forms(text.encode(), b"</A>")
    assert forms[0] == '<A><B>x\n y "\u00e9&amp;&#xD;</B><C></C><D></D></A>'.encode()
    # what stands between records is of none of them
    assert canonical_forms("a<A><B/></A>\n; <A></A>", b"</A>") == [
        b"<A><B></B></A>",
        b"<A></A>",
    ]
    # and what stands in a text and could be of a tag is left to the parser
    assert canonical_forms("<A><B>1 > 0</B></A>", b"</A>") is None
    assert canonical_forms("<A><B>1</B></A> rest", b"</A>") is None


def test_a_row_that_comes_again_is_completed_for_each_currency(here: Path) -> None:
    mapping = loaded(changed("quantity: AMOUNT", "quantity: AMOUNT, total.gross: SUM"))
    row = ROW.format("Deka", "3").replace("121.00", "33.40").replace("</ITEM>", "<SUM>100</SUM></ITEM>")
    made = [
        order(str(n), CURRENCY=currency, TOTAL="100", ITEMS=row) for n, currency in enumerate(("HUF", "CZK") * 4)
    ]
    read_alike(mapping, orders(*made))
    with by_layout():
        codes = [tuple(problem.code for problem in reading.problems) for reading in mapping.read(INPUT)]
    assert codes == [(), ("D018",)] * 4, "100.20 is 100 where nobody trades in fractions"


def test_rows_that_come_again_are_the_same_lines(small: Mapping) -> None:
    read_alike(small, orders(*MANY))
    with by_layout():
        documents = [reading.document for reading in small.read(INPUT)]
    first, second = documents[:2]
    assert isinstance(first, Order)
    assert isinstance(second, Order)
    assert first.lines[0] is second.lines[0]


def test_what_is_remembered_of_rows_is_bounded() -> None:
    known = RememberedRows()
    for number in range(MOST_ROWS * 2 + 1):
        known.keep((str(number),), {})
    assert len(known) <= MOST_ROWS
    known.keep(("x" * 400, None, "y" * 201), {})
    assert ("x" * 400, None, "y" * 201) not in known
