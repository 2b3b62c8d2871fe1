"""JSON inputs: the same tree as XML, the same problems, the true places."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.diagnostics import render_all
from gateway.errors import SourceProblems
from gateway.mapping import Mapping, Reading, json_text, wholeness
from gateway.mapping.json_source import JsonRecords
from gateway.mapping.names import element_name
from gateway.mapping.paths import Element, compile_path, text_of
from gateway.mapping.sources import SourceSpec
from tests.mapping.conftest import SMALL, loaded

JSON = (
    SMALL.replace("format: xml, record: /ORDERS/ORDER", "format: json, record: /data/orders")
    .replace("number: CODE", "number: order number")
    .replace("number: order number", "number: \"'order number'\"")
    .replace("each: ITEM", "each: ITEMS")
)
ORDER = {
    "order number": 1001,
    "DATE": "2026-11-20 08:05:31",
    "CURRENCY": "CZK",
    "NAME": "Otakar Havránek",
    "COUNTRY": "CZ",
    "PAYMENT": "Dobírka",
    "PAID": True,
    "NOTE": None,
    "TOTAL": "121.00",
    "ITEMS": [{"NAME": "Deka", "AMOUNT": 1, "PRICE": 121.10, "VAT": 21}],
}


def written(*orders: dict[str, object], indent: int | None = 2) -> str:
    return json.dumps(
        {"shop": "A", "data": {"page": 1, "orders": list(orders)}}, ensure_ascii=False, indent=indent
    )


@pytest.fixture
def read(here: Path) -> Callable[..., list[Reading]]:
    def read_input(content: str | bytes, mapping: Mapping | None = None) -> list[Reading]:
        (here / "in.json").write_bytes(content.encode() if isinstance(content, str) else content)
        return list((mapping or loaded(JSON)).read(here / "in.json"))

    return read_input


@pytest.fixture
def refused(here: Path) -> Callable[..., str]:
    def read_input(content: str | bytes, mapping: Mapping | None = None) -> str:
        (here / "in.json").write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(SourceProblems) as raised:
            list((mapping or loaded(JSON)).read(here / "in.json"))
        return render_all(raised.value.problems)

    return read_input


Read = Callable[..., list[Reading]]
Refused = Callable[..., str]


def records(content: str, *paths: str, form: str = "json") -> list[Element]:
    Path("in.json").write_text(content, encoding="utf-8")
    names = tuple(tuple(path.strip("/").split("/")) if path != "/" else () for path in paths)
    spec = SourceSpec(names, None, 1 << 30, form)  # type: ignore[arg-type]
    return list(JsonRecords(Path("in.json"), spec, "in.json"))


def texts(element: Element, path: str) -> list[str]:
    return [text_of(hit) for hit in compile_path(path).find_all(element)]


def test_an_order_is_read_as_from_xml(read: Read) -> None:
    order = {**ORDER, "TOTAL": 121.1}
    [first, second] = read(written(order, {**order, "order number": "1002"}))
    assert first.document is not None, render_all(first.problems)
    assert (first.key, second.key) == ("1001", "1002")
    assert first.document.payment.paid is True
    assert first.document.customer_note is None
    assert str(first.document.lines[0].unit_price.gross) == "121.1"


def test_values_stay_as_they_are_written(here: Path) -> None:
    [record] = records(
        '{"a": 1.10, "b": 1e2, "c": [true, false, null, "x", -0], "d": 12345678901234567890.10}', "/"
    )
    assert [texts(record, name) for name in "abcd"] == [
        ["1.10"],
        ["1e2"],
        ["true", "false", "", "x", "-0"],
        ["12345678901234567890.10"],
    ]


def test_arrays_become_repeated_siblings(here: Path) -> None:
    [record] = records('{"a": [{"b": 1}, {"b": [2, 3]}], "n": [[1, 2], [3, [4]]], "e": [], "o": {}}', "/")
    assert texts(record, "a/b") == ["1", "2", "3"]
    assert texts(record, "n[1]/item") == ["1", "2"]
    assert texts(record, "n[2]/item[2]/item") == ["4"]
    assert texts(record, "e") == []
    assert texts(record, "o") == [""]


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("order-id", "order-id"),
        ("Číslo objednávky", "Číslo_objednávky"),
        (" two  blanks ", "two_blanks"),
        ("1st", "_1st"),
        ("@id", "_id"),
        ("a:b/c", "a_b_c"),
        ("", "_"),
        ("-", "_-"),
        ("²", "__"),
    ],
)
def test_any_key_has_a_name(here: Path, key: str, name: str) -> None:
    assert element_name(key) == name
    [record] = records(json.dumps({key: "x"}), "/")
    assert texts(record, name) == ["x"]
    if "'" not in key and key.strip():
        assert texts(record, f"'{key}'") == ["x"]


def test_a_key_that_stands_twice_is_kept_twice(here: Path) -> None:
    [record] = records('{"a": 1, "a": 2}', "/")
    assert texts(record, "a") == ["1", "2"]


@pytest.mark.parametrize(
    ("content", "paths", "found"),
    [
        ('[{"n": 1}, {"n": 2}]', ["/"], ["1", "2"]),
        ('{"n": 1}', ["/"], ["1"]),
        ('{"orders": [{"n": 1}, {"n": 2}]}', ["/orders"], ["1", "2"]),
        ('{"orders": {"order": [{"n": 1}], "x": {"order": {"n": 9}}}}', ["/orders/order"], ["1"]),
        ('[{"orders": [{"n": 1}]}, {"orders": {"n": 2}}]', ["/orders"], ["1", "2"]),
        ('{"orders": [[{"n": 1}], [{"n": 2}]]}', ["/orders"], ["1", "2"]),
        ('{"data": [{"n": 1}]}', ["/data", "/"], ["1"]),
        ('{"n": 7}', ["/data", "/"], ["7"]),
    ],
)
def test_the_record_path_leads_through_arrays(
    here: Path, content: str, paths: list[str], found: list[str]
) -> None:
    assert [texts(record, "n")[0] for record in records(content, *paths)] == found


def test_json_lines_are_records_one_after_the_other(here: Path) -> None:
    assert [texts(each, "n") for each in records('{"n": 1}\n\n{"n": 2}\n', "/", form="jsonl")] == [["1"], ["2"]]
    assert wholeness(Path("in.json"), "jsonl") == "untold"


def test_plain_values_before_the_records_are_above_them(here: Path) -> None:
    Path("in.json").write_text('{"shop": "A", "list": {"page": 3, "big": [1], "o": [{"n": 1}]}}', encoding="utf-8")
    spec = SourceSpec((("list", "o"),), None, 1 << 30, "json")
    for record in JsonRecords(Path("in.json"), spec, "in.json"):
        assert [texts(record, path) for path in ("../page", "../../shop", "../big")] == [["3"], ["A"], []]


def test_a_bad_value_is_shown_where_it_stands(read: Read) -> None:
    content = written({**ORDER, "order number": "0"}, {**ORDER, "PAYMENT": "Mincemi", "TOTAL": 121.10})
    [_, reading] = read(content)
    assert render_all(reading.problems) == (
        "error[D004]: order 1001: the lookup `payment` has no entry for `Mincemi`\n"
        "  --> in.json:31:21\n"
        "   |\n"
        '31 |         "PAYMENT": "Mincemi",\n'
        "   |                     ^^^^^^^\n"
        "   |\n"
        "   = field: payment.method\n"
        "   = mapped by m.yaml:11\n"
        "   = it knows: Dobírka, Převod*\n"
        "   = help: add a line for it under `lookups: {payment: …}` of the route or of the mapping"
    )


def test_a_missing_value_is_shown_at_its_key(read: Read) -> None:
    [reading] = read(written({**ORDER, "ITEMS": [{"NAME": "A", "AMOUNT": "x", "PRICE": [1, [2]], "VAT": 21}]}))
    [problem] = [each for each in reading.problems if each.code == "D002"]
    assert problem.span is not None
    assert problem.span.text == '            "AMOUNT": "x",'
    [reading] = read(written({**ORDER, "order number": None}))
    [problem] = [each for each in reading.problems if each.field == "number"]
    assert problem.span is not None
    assert problem.span.text is not None
    assert problem.span.text[problem.span.column - 1 :].startswith("order number")


def test_a_fragment_is_read_again_by_the_same_mapping(read: Read, here: Path) -> None:
    bad = {**ORDER, "PAYMENT": "Mincemi", "TOTAL": 121.10}
    (here / "in.json").write_text(written(ORDER, bad, indent=None), encoding="utf-8")
    mapping = loaded(JSON)
    found = [(each.fragment(), each.fingerprint()) for each in mapping.read(here / "in.json")]
    fragment, fingerprint = found[1]
    assert fragment.decode().startswith('{\n  "data": {\n    "orders": {\n      "order number": 1001,\n')
    assert b'"PRICE": 121.1,' in fragment
    (here / "again.json").write_bytes(fragment)
    assert [each.fingerprint() for each in mapping.read(here / "again.json")] == [fingerprint]
    [again] = read(fragment.replace(b"Mincemi", "Dobírka".encode()))
    assert again.document is not None


AGAIN = "export it again; an upload may have been broken off"
NOT_JSON = "error[S001]: the input is not well-formed JSON: "


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", f"error[S006]: the input is empty\n --> in.json\n  = help: {AGAIN}"),
        ("  \n", f"error[S006]: the input holds nothing but white space\n --> in.json\n  = help: {AGAIN}"),
        ("<html><body>Login</body></html>", "error[S003]: the input is a web page (HTML), not an export"),
        ("<?xml version='1.0'?><ORDERS/>", "error[S001]: the input does not begin as JSON\n --> in.json:1"),
        ("number;date\n", "error[S001]: the input does not begin as JSON\n --> in.json:1"),
        ('{"error": "no"}', "error[S003]: nothing stands at `/data/orders`\n --> in.json\n  = help: check that"),
        ('{"data": {"orders": []}}', "error[S007]: the input has no records: nothing stands at `/data/orders`"),
        ('{"data": []}', "error[S007]: the input has no records: nothing stands at `/data/orders`"),
        ('{"data": {"orders": null}}', "error[S007]: the input has no records"),
        ('{"data": {"orders": [{"a": 2', "error[S002]: the input is cut: its closing bracket is missing"),
        ('{"data": {"orders": [{"a": "b', "error[S002]: the input is cut"),
        ('{"data": {"orders": [{"a": tr', "error[S002]: the input is cut"),
        ('{"data": {"orders": [{"a": 1}', "error[S002]: the input is cut"),
        ('{"data": {"orders": [{"a": 1}]},}', f"{NOT_JSON}a comma stands before the closing bracket"),
        ('{"data": {"orders": [{}]}} x', f"{NOT_JSON}something follows the end of the value\n --> in.json:1:28"),
        ('{"data": {"orders": [{"a": NaN}]}}', f"{NOT_JSON}`NaN` is no value of JSON"),
        ('{"data": {"orders": [{"a": 1 "b": 2}]}}', f"{NOT_JSON}expecting ',' delimiter\n --> in.json:1:30"),
        ('{"data": {"orders": ["x"}}', f"{NOT_JSON}expecting ',' delimiter"),
        ('{"data": {"orders": [' + '{"a":' * 300 + "1" + "}" * 300 + "]}}", "error[S009]: a record has more"),
        ('{"x": ' + "[" * 99999 + "]" * 99999 + "}", "error[S009]: the input is nested too deep"),
    ],
)  # fmt: skip
def test_what_spoils_the_whole_input(refused: Refused, content: str, said: str) -> None:
    assert refused(content).startswith(said)


def test_the_records_before_a_cut_are_read(here: Path) -> None:
    (here / "in.json").write_text(written({**ORDER, "TOTAL": 121.1}, ORDER)[:-40], encoding="utf-8")
    readings = loaded(JSON).read(here / "in.json")
    assert next(readings).key == "1001"
    with pytest.raises(SourceProblems) as raised:
        next(readings)
    assert raised.value.problems[0].code == "S002"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings_are_told_by_the_bytes(read: Read, encoding: str) -> None:
    [reading] = read(written({**ORDER, "TOTAL": 121.1}).encode(encoding))
    assert reading.document is not None
    assert reading.document.billing.name == "Otakar Havránek"


def test_another_encoding_must_be_said(read: Read, refused: Refused) -> None:
    content = written({**ORDER, "TOTAL": 121.1}).encode("windows-1250")
    assert refused(content).startswith(
        "error[S005]: nothing declares an encoding, so it must be UTF-8, but byte 0xe1 on line 10 is not utf-8"
    )
    [reading] = read(content, loaded(JSON.replace("format: json", "format: json, encoding: windows-1250")))
    assert reading.document is not None
    assert reading.document.billing.name == "Otakar Havránek"


def test_a_record_may_cross_any_border_of_what_is_read_at_once(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = written({**ORDER, "ITEMS": [ORDER["ITEMS"], {"t": 'a\\"}]{['}]}, {**ORDER, "n": -12.5}, indent=1)
    whole = [sorted(text_of(each) for each in record.iter()) for record in records(content, "/data/orders")]
    for size in range(1, 40):
        monkeypatch.setattr(json_text, "_CHUNK", size)
        assert [
            sorted(text_of(each) for each in record.iter()) for record in records(content, "/data/orders")
        ] == whole


def test_memory_stays_flat(here: Path) -> None:
    import tracemalloc

    content = written(*({**ORDER, "order number": number} for number in range(6000)), indent=None)
    (here / "in.json").write_text(content, encoding="utf-8")
    tracemalloc.start()
    highest = early = 0
    for reading in loaded(JSON).read(here / "in.json"):
        if reading.position % 500 == 0:
            highest = max(highest, tracemalloc.get_traced_memory()[0])
            early = early or highest
    tracemalloc.stop()
    assert highest < early + 1_500_000


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        ("", "unfinished"),
        (" ", "unfinished"),
        ("{", "unfinished"),
        ('{"a": "}"', "unfinished"),
        ('{"a": "\\"}', "unfinished"),
        ('{"a": {"b": 1}', "unfinished"),
        ('{"a": {"b": "[{"}}', "whole"),
        ('[{"a": "\\\\"}] \n', "whole"),
        ("<ORDERS/>", "unreadable"),
        ("a;b", "unreadable"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_wholeness(here: Path, content: str, answer: str, encoding: str) -> None:
    (here / "in.json").write_bytes(content.encode(encoding))
    assert wholeness(here / "in.json", "json") == answer


def test_wholeness_of_every_cut(here: Path) -> None:
    content = written(ORDER)
    for cut in range(len(content)):
        (here / "in.json").write_text(content[:cut], encoding="utf-8")
        assert wholeness(here / "in.json", "json") == "unfinished", cut


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), st.sampled_from([None, 1]))
def test_every_element_of_any_object_has_its_place(value: dict[str, object], indent: int | None) -> None:
    content = json.dumps({"o": [value]}, ensure_ascii=False, indent=indent)
    Path("in.json").write_text(content, encoding="utf-8")
    found = JsonRecords(Path("in.json"), SourceSpec((("o",),), None, 1 << 30, "json"), "in.json")
    count = 0
    for record in found:
        count += 1
        for element in record.iter():
            assert found.place(element, text_of(element)).line >= 1
        fragment = found.fragment(record)
        assert json.loads(fragment)["o"] == value
    assert count == 1


@given(VALUES)
def test_a_spread_text_is_the_same_json(value: object) -> None:
    raw = json.dumps(value, ensure_ascii=False)
    assert json.loads(json_text.spread(raw)) == value
