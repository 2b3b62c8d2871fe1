"""Whole inputs: what is refused, with the exact words, and when an input is complete."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.diagnostics import render_all
from gateway.errors import SourceProblems
from gateway.mapping import Mapping, Reading, load, wholeness
from tests.mapping.conftest import ROOT, changed, loaded, order, orders

Refused = Callable[..., str]
Read = Callable[..., list[Reading]]


def test_markup_that_is_not_well_formed(refused: Refused) -> None:
    assert refused(orders(order(NAME="Novák & syn"))) == (
        "error[S001]: the input is not well-formed XML: xmlParseEntityRef: no name\n"
        " --> in.xml:7:16\n"
        "  |\n"
        "7 |   <NAME>Novák & syn</NAME>\n"
        "  |                ^\n"
        "  |\n"
        "  = help: mend that line, or export again; in texts `&` is written `&amp;` and `<` is written `&lt;`"
    )


def test_a_cut_input_is_refused_after_its_whole_records(here: Path, small: Mapping) -> None:
    (here / "in.xml").write_text(orders(order("1"), order("2"))[:-60], encoding="utf-8")
    readings = small.read(here / "in.xml")
    assert next(readings).key == "1"
    with pytest.raises(SourceProblems) as raised:
        next(readings)
    assert render_all(raised.value.problems) == (
        "error[S002]: the input is cut: its end `</ORDERS>` is missing\n"
        "  --> in.xml:21:44\n"
        "   |\n"
        "21 |   <ITEM><NAME>Deka</NAME><AMOUNT>1</AMOUNT><\n"
        "   |                                            ^\n"
        "   |\n"
        "   = help: export or upload it again; nothing of a cut input is used"
    )


def test_another_root(refused: Refused) -> None:
    assert refused("<SHOP>\n<SHOPITEM/></SHOP>") == (
        "error[S003]: the root is `SHOP`, this mapping reads `ORDERS`\n"
        " --> in.xml:1:2\n"
        "  |\n"
        "1 | <SHOP>\n"
        "  |  ^^^^\n"
        "  |\n"
        "  = help: check that the route has the mapping of this platform and that the export is of orders"
    )


def test_a_web_page_instead_of_an_export(refused: Refused) -> None:
    said = refused("<!DOCTYPE html>\n<html><body>Login</body></html>")
    assert said.startswith("error[S003]: the input is a web page (HTML), not an export\n")
    assert "check the address and the login of the export" in said


def test_a_doctype(refused: Refused) -> None:
    assert refused('<?xml version="1.0"?>\n<!DOCTYPE ORDERS [<!ENTITY x "y">]>\n<ORDERS><ORDER/></ORDERS>') == (
        "error[S004]: the input has a DOCTYPE, which is not taken\n"
        " --> in.xml:2:1\n"
        "  |\n"
        '2 | <!DOCTYPE ORDERS [<!ENTITY x "y">]>\n'
        "  | ^^^^^^^^^\n"
        "  |\n"
        "  = help: export without a DOCTYPE; it can hide entities that read files or fill the memory"
    )


def test_a_doctype_behind_a_long_comment(refused: Refused) -> None:
    comment = "<!-- " + "x" * 100_000 + " -->"
    said = refused(f"{comment}<!DOCTYPE ORDERS [<!ENTITY x 'y'>]><ORDERS><ORDER/></ORDERS>")
    assert said.startswith("error[S004]: the input has a DOCTYPE")


def test_an_entity_of_html(refused: Refused) -> None:
    lines = refused(orders(order(NAME="Novák&nbsp;Jan"))).splitlines()
    assert lines[0] == "error[S004]: the input uses an entity that XML does not know: entity 'nbsp' not defined"
    assert lines[1].startswith(" --> in.xml:7:")


def test_an_encoding_that_is_not_taken(refused: Refused) -> None:
    assert refused('<?xml version="1.0" encoding="utf-7"?>\n<ORDERS/>') == (
        "error[S005]: the declared encoding `utf-7` is not taken\n"
        " --> in.xml:1:31\n"
        "  |\n"
        '1 | <?xml version="1.0" encoding="utf-7"?>\n'
        "  |                               ^^^^^\n"
        "  |\n"
        "  = help: export as one of utf-8, utf-16, windows-1250, windows-1251, windows-1252, iso-8859-1, "
        "iso-8859-2, iso-8859-15; if it is one of these, say so: `source: {encoding: …}`"
    )


def test_utf8_that_is_windows_1250(refused: Refused) -> None:
    assert refused(orders(order(NAME="Žofie")).encode("windows-1250")) == (
        "error[S005]: `utf-8` is declared, but byte 0x8e on line 7 is not utf-8\n"
        " --> in.xml:7:9\n"
        "  |\n"
        "7 |   <NAME>\ufffdofie</NAME>\n"
        "  |         ^\n"
        "  |\n"
        "  = help: name the true encoding in the mapping, such as `source: {encoding: windows-1250}`"
    )


@pytest.mark.parametrize("before", range((64 << 10) - 12, (64 << 10) + 3, 3))
def test_the_line_of_a_wrong_byte_is_shown_wherever_the_input_is_read_in_pieces(
    refused: Refused, before: int
) -> None:
    content = orders(order(NAME="Žofie")).encode("windows-1250")
    head, wrong, tail = content.partition(b"\x8e")
    mark = b"<ORDERS>\n"
    longer = head.replace(mark, mark + b"\n" * (before - len(head)))
    said = refused(longer + wrong + tail).splitlines()
    line = 7 + before - len(head)
    assert said[0] == f"error[S005]: `utf-8` is declared, but byte 0x8e on line {line} is not utf-8"
    assert f"{line} |   <NAME>\ufffdofie</NAME>" in said


def test_windows_1250_that_is_utf8(refused: Refused) -> None:
    said = refused(orders(order(NAME="Žofie")).replace("utf-8", "windows-1250"))
    assert said.splitlines()[:2] == [
        "error[S005]: the declared encoding `windows-1250` is not the true one: the bytes are utf-8",
        " --> in.xml:1:31",
    ]


def test_utf16_that_is_not(refused: Refused) -> None:
    said = refused(orders(order()).replace("utf-8", "utf-16"))
    assert said.startswith("error[S005]: the declared encoding `utf-16` is not the true one")


def test_nothing_declared_must_be_utf8(refused: Refused) -> None:
    content = orders(order(NAME="Žofie")).partition("\n")[2].encode("windows-1250")
    assert "no encoding is declared, so it must be UTF-8" in refused(content)


def test_the_true_encoding_can_be_said_in_the_mapping(read: Read) -> None:
    mapping = loaded(changed("record: /ORDERS/ORDER", "record: /ORDERS/ORDER, encoding: windows-1250"))
    [reading] = read(orders(order(NAME="Žofie Nová")).encode("windows-1250"), mapping)
    assert reading.document is not None
    assert reading.document.billing.name == "Žofie Nová"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1250", "iso-8859-2", "iso-8859-15"])
def test_encodings_that_are_declared_truly_are_read(read: Read, encoding: str) -> None:
    declared = {"utf-8-sig": "utf-8"}.get(encoding, encoding)
    [reading] = read(orders(order(NAME="Žofie Nová")).replace("utf-8", declared).encode(encoding))
    assert reading.document is not None
    assert reading.document.billing.name == "Žofie Nová"


@pytest.mark.parametrize(
    ("content", "words"), [("", "the input is empty"), (" \n\n", "the input holds nothing but white space")]
)
def test_an_empty_input(refused: Refused, content: str, words: str) -> None:
    assert refused(content) == (
        f"error[S006]: {words}\n --> in.xml\n  = help: export it again; an upload may have been broken off"
    )


def test_an_input_that_is_no_xml(refused: Refused) -> None:
    assert refused("number;date\n1;2\n").startswith(
        "error[S001]: the input does not begin as XML\n --> in.xml:1\n"
    )


@pytest.mark.parametrize("content", ["<ORDERS/>", "<ORDERS>\n</ORDERS>", "<ORDERS><OTHER/></ORDERS>"])
def test_an_export_without_records(refused: Refused, content: str) -> None:
    assert refused(content) == (
        "error[S007]: the input has no records: nothing stands at `/ORDERS/ORDER`\n"
        " --> in.xml\n"
        "  = help: nothing is to be done if the shop had no orders in that time"
    )


def test_an_empty_page_is_no_single_order(here: Path) -> None:
    (here / "in.xml").write_text("<response><page>0</page><items/></response>", encoding="utf-8")
    with pytest.raises(SourceProblems) as raised:
        list(load("shoprenter/order").read(here / "in.xml"))
    assert raised.value.problems[0].code == "S007"


def test_a_path_that_does_not_occur(here: Path) -> None:
    mapping = loaded(changed("record: /ORDERS/ORDER", "record: /ORDERS/LIST/ORDER"))
    (here / "in.xml").write_text(orders(order()), encoding="utf-8")
    with pytest.raises(SourceProblems) as raised:
        list(mapping.read(here / "in.xml"))
    assert raised.value.problems[0].code == "S003"


def test_an_input_that_is_too_large_or_too_deep(here: Path, refused: Refused) -> None:
    mapping = loaded(changed("record: /ORDERS/ORDER", "record: /ORDERS/ORDER, max_bytes: 100"))
    (here / "in.xml").write_text(orders(order()), encoding="utf-8")
    with pytest.raises(SourceProblems) as raised:
        list(mapping.read(here / "in.xml"))
    assert raised.value.problems[0].code == "S009"
    assert refused("<ORDERS>" + "<A>" * 300 + "</A>" * 300 + "</ORDERS>").startswith("error[S009]: ")


def test_records_in_a_namespace_are_read(read: Read) -> None:
    [reading] = read(orders(order()).replace("<ORDERS>", '<ORDERS xmlns="http://example.com/orders">'))
    assert reading.document is not None
    assert reading.document.number == "1001"


def test_a_name_deeper_down_is_no_record(read: Read) -> None:
    content = orders(order("1", NOTE="<ORDER><CODE>9</CODE></ORDER>"), order("2"))
    assert [reading.key for reading in read(content)] == ["1", "2"]


def test_lines_are_right_far_down_in_the_file(read: Read) -> None:
    count = 6000
    readings = read(
        orders(*(order(str(n), PAYMENT="Dobírka" if n < count else "Mincemi") for n in range(1, count + 1)))
    )
    [problem] = readings[-1].problems
    assert problem.span is not None
    assert problem.span.line == 2 + (count - 1) * 10 + 7
    assert problem.span.text == "  <PAYMENT>Mincemi</PAYMENT>"


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        ("", "unfinished"),
        ("\ufeff", "unfinished"),
        ("<?xml version='1.0'?>", "unfinished"),
        ("<ORDERS>", "unfinished"),
        ("<ORDERS><ORDER></ORDER></ORDERS", "unfinished"),
        ("<ORDERS><ORDER></ORDER></ORDERS>", "whole"),
        ("<ORDERS><ORDER></ORDER></ORDERS >\n\n<!-- made by </x> -->\n<?done?>\n", "whole"),
        ("<ORDERS><ORDER></ORDER></ORDERS><!-- cut ", "unfinished"),
        ("<ORDERS/>", "whole"),
        ("<ORDERS date='1' />", "whole"),
        ("<ORDERS date='1'", "unfinished"),
        ("<!-- a > b --><n:ORDERS xmlns:n='x'></n:ORDERS>", "whole"),
        ("<ORDERS><!-- </ORDERS> --><ORDER>", "unfinished"),
        ("number;date", "unreadable"),
        ('{"orders": []}', "unreadable"),
        ("<!DOCTYPE html><html></html>", "whole"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_wholeness(here: Path, content: str, answer: str, encoding: str) -> None:
    (here / "in.xml").write_bytes(content.encode(encoding))
    assert wholeness(here / "in.xml") == answer


def test_wholeness_of_every_cut_of_a_sample(here: Path) -> None:
    whole = (ROOT / "samples/shoptet/orders-one-broken.xml").read_bytes()
    for cut in range(0, len(whole) - 1, 97):
        (here / "in.xml").write_bytes(whole[:cut])
        assert wholeness(here / "in.xml") == "unfinished", cut
    (here / "in.xml").write_bytes(whole)
    assert wholeness(here / "in.xml") == "whole"
