"""CSV inputs: lines as records, or grouped by a column; the same problems as everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.diagnostics import render_all
from gateway.errors import SourceProblems
from gateway.mapping import Mapping, Reading, wholeness
from gateway.mapping.csv_source import CsvRecords
from gateway.mapping.paths import Element, compile_path, text_of
from gateway.mapping.sources import SourceSpec
from tests.mapping.conftest import SMALL, faults, loaded

FLAT = (
    SMALL.replace("{format: xml, record: /ORDERS/ORDER}", "{format: csv, group: Číslo objednávky}")
    .replace("number: CODE", "number: \"row/'Číslo objednávky'\"")
    .replace("path: DATE", "path: row/Datum")
    .replace("currency: CURRENCY", "currency: {value: CZK}")
    .replace("billing.name: NAME", "billing.name: row/Jméno")
    .replace("  billing.country: COUNTRY\n", "")
    .replace("path: PAYMENT", "path: row/Platba")
    .replace("  payment.paid: PAID\n  customer_note: NOTE\n", "  customer_note: row/Poznámka\n")
    .replace("total.gross: TOTAL", "total.gross: row/Celkem")
    .replace("each: ITEM", "each: row")
    .replace(
        "{name: NAME, quantity: AMOUNT, unit_price.gross: PRICE, vat_rate: VAT}",
        "{name: \"'Název zboží'\", quantity: ks, unit_price.gross: Cena_za_ks, vat_rate: DPH}",
    )
)
HEADER = "Číslo objednávky;Datum;Jméno;Platba;Poznámka;Celkem;Název zboží;ks;Cena za ks;DPH\n"
ONE = "1001;20.11.2026;Otakar Havránek;Dobírka;;242,00;Deka;1;121,00;21\n"
TWO = '1001;20.11.2026;Otakar Havránek;Dobírka;;242,00;"Lampa; stolní";1;121,00;21\n'
OTHER = "1002;20.11.2026;Jana Malá;Dobírka;;121,00;Deka;1;121,00;21\n"

Read = Callable[..., list[Reading]]
Refused = Callable[..., str]


@pytest.fixture
def read(here: Path) -> Read:
    def read_input(content: str | bytes, mapping: Mapping | None = None) -> list[Reading]:
        (here / "in.csv").write_bytes(content.encode() if isinstance(content, str) else content)
        return list((mapping or loaded(FLAT)).read(here / "in.csv"))

    return read_input


@pytest.fixture
def refused(here: Path) -> Refused:
    def read_input(content: str | bytes, mapping: Mapping | None = None) -> str:
        (here / "in.csv").write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(SourceProblems) as raised:
            list((mapping or loaded(FLAT)).read(here / "in.csv"))
        return render_all(raised.value.problems)

    return read_input


def records(content: str, **options: object) -> list[Element]:
    Path("in.csv").write_bytes(content.encode())
    spec = SourceSpec(((),), None, 1 << 30, "csv", **options)  # type: ignore[arg-type]
    return list(CsvRecords(Path("in.csv"), spec, "in.csv"))


def cell(element: Element, path: str) -> str | None:
    found = compile_path(path).find(element)
    return None if found is None else text_of(found)


def test_lines_of_one_order_are_one_record_with_rows(read: Read) -> None:
    [first, second] = read(HEADER + ONE + TWO + OTHER)
    assert first.document is not None, render_all(first.problems)
    assert [line.name for line in first.document.lines] == ["Deka", "Lampa; stolní"]
    assert first.document.total.gross is not None
    assert (str(first.document.total.gross), second.key) == ("242.00", "1002")


def test_an_empty_cell_in_the_group_goes_on_with_the_record_above(read: Read) -> None:
    [first] = read(HEADER + ONE + ";;;;;;Lampa;1;121,00;21\n")
    assert first.document is not None, render_all(first.problems)
    assert len(first.document.lines) == 2


def test_without_a_group_each_line_is_a_record(here: Path) -> None:
    found = records("a,b\n1,2\n\n3,4\n")
    assert [(cell(each, "a"), cell(each, "b")) for each in found] == [("1", "2"), ("3", "4")]


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("a;b\n1;2\n", {}),
        ("a,b\n1,2\n", {}),
        ("a\tb\n1\t2\n", {}),
        ("a|b\n1|2\n", {}),
        ("a b\n1 2\n", {"delimiter": " "}),
        ('"a";"b"\r\n"1";"2"\r\n', {}),
        ("'a;x';b\n1;2\n", {"quote": "'", "header": ("a", "b")}),
        ("sep=;\na;b\n1;2\n", {}),
        ("a;b;\n1;2;\n", {}),
        ("\n\na;b\n1;2\n", {}),
        ("\ufeffa;b\n1;2", {}),
        (" a ;b\r1;2\r", {}),
    ],
)
def test_the_form_of_a_table_is_told(here: Path, content: str, options: dict[str, object]) -> None:
    record = records(content, **options)[-1]
    assert (cell(record, "a"), cell(record, "b")) == ("1", "2")


def test_a_table_without_a_header_has_columns_by_number_or_by_the_mapping(here: Path) -> None:
    assert [cell(each, "c2") for each in records("1;2\n3;4\n", header=False)] == ["2", "4"]
    assert [cell(each, "x_y") for each in records("1;2\n", header=("n", "x y"))] == ["2"]


def test_a_bad_cell_is_shown_where_it_stands(read: Read) -> None:
    [_, bad] = read(HEADER + OTHER + ONE.replace("Dobírka", "Mincemi") + TWO)
    assert render_all(bad.problems) == (
        "error[D004]: order 1001: the lookup `payment` has no entry for `Mincemi`\n"
        " --> in.csv:3:33\n"
        "  |\n"
        "3 | 1001;20.11.2026;Otakar Havránek;Mincemi;;242,00;Deka;1;121,00;21\n"
        "  |                                 ^^^^^^^\n"
        "  |\n"
        "  = field: payment.method\n"
        "  = mapped by m.yaml:10\n"
        "  = it knows: Dobírka, Převod*\n"
        "  = help: add a line for it under `lookups: {payment: …}` of the route or of the mapping"
    )


def test_a_cell_is_not_taken_for_an_equal_one_before_it(read: Read) -> None:
    [bad] = read(HEADER + ONE.replace(";1;121,00;21", ";1;121,00;1001x"))
    [problem] = [each for each in bad.problems if each.code == "D002"]
    assert problem.span is not None
    assert problem.span.text is not None
    assert problem.span.column == problem.span.text.index("1001x") + 1


def test_a_text_with_line_breaks_keeps_the_lines_true(read: Read) -> None:
    note = ONE.replace("Dobírka;;", 'Dobírka;"volat\npřed ""doručením""";').replace("242,00", "121,00")
    [good, bad] = read(HEADER + note + OTHER.replace("Dobírka", "Mincemi"))
    assert good.document is not None, render_all(good.problems)
    assert good.document.customer_note == 'volat\npřed "doručením"'
    assert bad.problems[0].span is not None
    assert bad.problems[0].span.line == 4
    assert bad.line == 4


def test_a_fragment_is_read_again_by_the_same_mapping(read: Read, here: Path) -> None:
    mapping = loaded(FLAT)
    (here / "in.csv").write_text(HEADER + OTHER + ONE.replace("Dobírka", "Mincemi") + TWO, encoding="utf-8")
    found = [(each.fragment(), each.fingerprint()) for each in mapping.read(here / "in.csv")]
    fragment, fingerprint = found[1]
    assert fragment.decode("utf-8-sig").splitlines()[2] == TWO.strip()
    (here / "again.csv").write_bytes(fragment)
    assert [each.fingerprint() for each in mapping.read(here / "again.csv")] == [fingerprint]
    [again] = read(fragment.replace(b"Mincemi", "Dobírka".encode()))
    assert again.document is not None


UNENDED = "error[S002]: the input is cut: a text that begins with a quote in this line does not end"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "error[S006]: the input is empty"),
        ("<html></html>", "error[S003]: the input is a web page (HTML), not an export"),
        ("<ORDERS/>", "error[S001]: the input does not begin as CSV"),
        ('{"orders": []}', "error[S001]: the input does not begin as CSV"),
        (HEADER, "error[S007]: the input has no records: no line stands below the header\n --> in.csv\n"),
        ("a;b\n1;2\n", "error[S003]: there is no column `Číslo objednávky`, by which this mapping groups the"),
        (HEADER + ONE + OTHER + TWO, "error[S011]: the lines of `1001` do not stand together\n --> in.csv:4\n"),
        (HEADER + ONE.replace(";21", ""), "error[S001]: line 2 has 9 columns, the header has 10\n --> in.csv:2\n"),
        (HEADER + ONE.replace("Deka", "De;ka"), "error[S001]: line 2 has 11 columns, the header has 10\n"),
        (HEADER + ONE.replace("Deka", '"De"ka'), "error[S001]: the input is not well-formed CSV: ';' expected"),
        (HEADER + ONE.replace("Deka", '"Deka'), f"{UNENDED}\n --> in.csv:2\n"),
        (HEADER + ONE.replace("Deka", '"' + "x" * 140_000), "error[S009]: a cell is too large\n"),
        ("a;b,c\n1;2,3\n", "error[S001]: the delimiter cannot be told: `;` and `,` stand equally often"),
        ((HEADER + ONE).encode("windows-1250"), "error[S005]: nothing declares an encoding, so it must be UTF-8"),
    ],
)  # fmt: skip
def test_what_spoils_the_whole_input(refused: Refused, content: str | bytes, said: str) -> None:
    assert refused(content).startswith(said)


def test_another_encoding_is_said_in_the_mapping_and_kept_in_fragments(read: Read, here: Path) -> None:
    mapping = loaded(FLAT.replace("format: csv", "format: csv, encoding: windows-1250"))
    content = (HEADER + OTHER).encode("windows-1250")
    [reading] = read(content, mapping)
    assert reading.document is not None
    assert reading.document.billing.name == "Jana Malá"
    (here / "in.csv").write_bytes(content)
    [fragment] = [each.fragment() for each in mapping.read(here / "in.csv")]
    assert "Jana Malá" in fragment.decode("windows-1250")


def test_time_tells_whether_a_table_is_whole(here: Path) -> None:
    (here / "in.csv").write_text(HEADER, encoding="utf-8")
    assert wholeness(here / "in.csv", "csv") == "untold"
    (here / "in.csv").write_text("", encoding="utf-8")
    assert wholeness(here / "in.csv", "csv") == "unfinished"


def test_memory_stays_flat(here: Path) -> None:
    import tracemalloc

    bad, good = ONE, ONE.replace("242,00", "121,00")
    rows = ((good if n % 20 else bad).replace("1001", str(n)) for n in range(8000))
    (here / "in.csv").write_text(HEADER + "".join(rows), encoding="utf-8")
    tracemalloc.start()
    highest = early = 0
    for reading in loaded(FLAT).read(here / "in.csv"):
        if reading.position % 500 == 0:
            highest = max(highest, tracemalloc.get_traced_memory()[0])
            early = early or highest
    tracemalloc.stop()
    assert highest < early + 1_500_000


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{format: xml}", "error[M003]: `source` lacks the key `record`"),
        ("{format: csv, record: /a}", "error[M012]: `record` does not fit a source of format csv"),
        (
            "{format: xml, record: /a, delimiter: ','}",
            "error[M012]: `delimiter` does not fit a source of format xml",
        ),
        ("{format: csv, delimiter: ';;'}", "error[M005]: `delimiter` has a wrong value: it is one character"),
        ("{format: json, record: //a}", "error[M017]: the record path `//a` is not plain names from the root"),
        ("{format: xml, record: /}", "error[M017]: the record path `/` is not plain names from the root"),
    ],
)
def test_options_of_another_format_are_refused(here: Path, source: str, said: str) -> None:
    assert said in faults(SMALL.replace("{format: xml, record: /ORDERS/ORDER}", source))


CELLS = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029\x85"), max_size=6)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=5))
def test_any_table_is_read_as_it_was_written(rows: list[list[str]]) -> None:
    import csv
    import io

    buffer = io.StringIO()
    csv.writer(buffer, delimiter=";").writerows([["k", "v"], *[[f"x{row[0]}", row[1]] for row in rows]])
    found = records(buffer.getvalue())
    assert [(cell(each, "k"), cell(each, "v")) for each in found] == [(f"x{row[0]}", row[1]) for row in rows]
