"""What the options of a field do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lxml import etree

from gateway.documents import LineKind, Order
from gateway.mapping import Reading
from gateway.mapping.expressions import BadExpression, compile_expression
from gateway.mapping.fields import Field
from gateway.mapping.lookups import Lookup
from gateway.mapping.paths import BadPath, compile_path, text_of
from gateway.mapping.unreadable import Unreadable
from tests.mapping.conftest import SMALL, changed, loaded, order, orders

Read = Callable[..., list[Reading]]

TREE = etree.fromstring(
    """<ORDER id="7"><CODE>1</CODE><CUSTOMER><NAME lang="cs">Jan <b>Novák</b></NAME></CUSTOMER>
    <ITEMS><ITEM kind="a"><TYPE> product </TYPE><NAME>A</NAME></ITEM>
    <ITEM kind="b"><TYPE>billing</TYPE><NAME>Dobírka</NAME><P><Q>1</Q></P></ITEM>
    <ITEM kind="b"><TYPE>billing</TYPE><NAME>C</NAME></ITEM></ITEMS></ORDER>"""
)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("CODE", "1"),
        ("CUSTOMER/NAME", "Jan Novák"),
        ("@id", "7"),
        ("CUSTOMER/NAME/@lang", "cs"),
        (".", None),
        ("ITEMS/ITEM[TYPE='billing']/NAME", "Dobírka"),
        ('ITEMS/ITEM[TYPE="product"]/NAME', "A"),
        ("ITEMS/ITEM[2]/NAME", "Dobírka"),
        ("ITEMS/ITEM[@kind='b'][2]/NAME", "C"),
        ("ITEMS/ITEM[P/Q='1']/NAME", "Dobírka"),
        ("ITEMS/../CODE", "1"),
        ("NOTHING/AT/ALL", None),
        ("@nothing", None),
        ("count(ITEMS/ITEM)", "3"),
        ("ITEMS/ITEM[last()]/NAME", "C"),
        ("ITEMS/ITEM[contains(NAME, 'bír')]/NAME", "Dobírka"),
        ("concat(CODE, '-', @id)", "1-7"),
        ("ITEMS/*[2]/NAME", "Dobírka"),
        ("boolean(CODE)", "true"),
    ],
)
def test_a_path_leads_to_the_first_hit(path: str, text: str | None) -> None:
    found = compile_path(path).find(TREE)
    if path == ".":
        assert found is TREE
    else:
        assert (None if found is None else text_of(found)) == text


@pytest.mark.parametrize("path", ["", "/ORDERS", "A[", "A//[", "A[B='x]", "document('x')", "unknown(A)", "x:A"])
def test_a_bad_path_is_refused(path: str) -> None:
    with pytest.raises(BadPath):
        compile_path(path)


def one(read: Read, mapping_text: str, record: str) -> Order:
    [reading] = read(orders(record), loaded(mapping_text))
    assert reading.document is not None, reading.problems
    return reading.document


def test_first_takes_the_first_text_and_skips_empty_ones(read: Read) -> None:
    text = changed("billing.name: NAME", "billing.name: {first: [NICK, NAME, CODE], empty: [none, '-']}")
    assert one(read, text, order(NICK=" NONE ")).billing.name == "Otakar Havránek"


def test_join_leaves_empty_parts_out(read: Read) -> None:
    text = changed("billing.name: NAME", "billing.name: {join: [A, B, NAME], separator: ', '}")
    assert one(read, text, order(A="Ing.", B=" ")).billing.name == "Ing., Otakar Havránek"


def test_sum_adds_what_is_there(read: Read) -> None:
    text = changed("quantity: AMOUNT", "quantity: {sum: [S1, S2, S3]}")
    items = "<ITEM><NAME>Deka</NAME><S1>1</S1><S3>0,5</S3><PRICE>100</PRICE><VAT>21</VAT></ITEM>"
    assert str(one(read, text, order(TOTAL="150", ITEMS=items)).lines[0].quantity) == "1.5"


def test_an_unreadable_summand_is_shown_where_it_stands(read: Read) -> None:
    mapping = loaded(changed("quantity: AMOUNT", "quantity: {sum: [S1, S2]}"))
    items = "<ITEM><NAME>Deka</NAME><S1>1</S1><S2>x</S2><PRICE>100</PRICE><VAT>21</VAT></ITEM>"
    [reading] = read(orders(order(ITEMS=items)), mapping)
    [problem] = reading.problems
    assert problem.span is not None
    assert problem.span.text is not None
    assert problem.span.text[problem.span.column - 5 :].startswith("<S2>x")


def test_a_constant_and_a_default(read: Read) -> None:
    text = changed("currency: CURRENCY", "currency: {value: CZK}\n  status: {path: S, default: new}")
    document = one(read, text, order(CURRENCY="nonsense"))
    assert (document.currency, document.status) == ("CZK", "new")


def test_a_default_does_not_make_a_delivery_address(read: Read) -> None:
    text = changed(
        "billing.country: COUNTRY",
        "billing.country: COUNTRY\n  delivery.city: D\n  delivery.country: {path: DC, default: CZ}",
    )
    assert one(read, text, order()).delivery is None
    delivery = one(read, text, order(D="Brno")).delivery
    assert delivery is not None
    assert (delivery.city, delivery.country) == ("Brno", "CZ")


def test_when_decides_by_earlier_fields_the_text_itself_and_other_paths(read: Read) -> None:
    text = changed(
        "customer_note: NOTE",
        "status: {path: S, when: currency == 'EUR'}\n"
        "  shop_note: {path: NOTE, when: \"value is starting_with 'vip' and number('TOTAL') > 100\"}\n"
        "  customer_note: {path: NOTE, when: \"text('CODE') in ('1001', '1002') and payment.method is not none\"}",
    )
    document = one(read, text, order(S="new", NOTE="VIP customer"))
    assert (document.status, document.shop_note, document.customer_note) == (None, "VIP customer", "VIP customer")


def test_a_condition_that_meets_nothing_is_a_problem_of_the_record(read: Read) -> None:
    mapping = loaded(changed("customer_note: NOTE", "customer_note: {path: NOTE, when: number('WEIGHT') > 5}"))
    [reading] = read(orders(order(NOTE="x")), mapping)
    assert [problem.code for problem in reading.problems] == ["D017"]


def test_rows_of_several_blocks_with_conditions(read: Read) -> None:
    text = changed(
        SMALL[SMALL.index("  lines:") : SMALL.index("lookups:")],
        "  lines:\n"
        "    - each: ITEM\n"
        "      when: text('PRICE') != '0'\n"
        "      fields: {name: NAME, quantity: AMOUNT, unit_price.gross: PRICE, vat_rate: VAT}\n"
        "    - each: .\n"
        "      when: number('SHIP') > 0 and currency == 'CZK'\n"
        "      fields: {kind: {value: shipping}, name: {value: Doprava}, unit_price.gross: SHIP,"
        " vat_rate: {value: 21}}\n",
    )
    items = (
        "<ITEM><NAME>Set</NAME><AMOUNT>1</AMOUNT><PRICE>0</PRICE><VAT>21</VAT></ITEM>"
        "<ITEM><NAME>Deka</NAME><AMOUNT>1</AMOUNT><PRICE>121</PRICE><VAT>21</VAT></ITEM>"
    )
    document = one(read, text, order(TOTAL="200", SHIP="79", ITEMS=items))
    assert [(line.kind, line.name) for line in document.lines] == [
        (LineKind.PRODUCT, "Deka"),
        (LineKind.SHIPPING, "Doprava"),
    ]


def test_lookups_compare_folded_and_the_longest_prefix_wins() -> None:
    lookup = Lookup("payment", {"Kart*": 1, "Kartou při  převzetí*": 2, "Karta": 3, "Ne": 4}, None)
    assert [lookup.find(text) for text in ("KARTOU online", "kartou  při převzetí GLS", "karta", "NE")] == [
        1,
        2,
        3,
        4,
    ]
    with pytest.raises(Unreadable) as raised:
        lookup.find("Nevím")
    assert raised.value.notes == ("it knows: Kart*, Kartou při  převzetí*, Karta, Ne",)
    assert Lookup("carrier", {}, None, "other").find("x") == "other"
    assert Lookup("status", {"a": "b"}, "keep").find("x") == "x"


def test_codes_without_a_lookup_must_be_exact(read: Read) -> None:
    mapping = loaded(changed(", lookup: payment}", "}"))
    [good] = read(orders(order(PAYMENT="card")), mapping)
    assert good.document is not None
    [bad] = read(orders(order(PAYMENT="Card")), mapping)
    assert [problem.code for problem in bad.problems] == ["D016"]


@pytest.mark.parametrize(
    "source",
    ["x.__class__", "[].append(1)", "value.upper()", "text(value)", "text('a', 'b')", "self", "value['x']",
     "{'a': 1}",
     "value | map('upper')", "cycler", "text.__globals__", "value is sameas value", "1 }}{{ 2", ""],
)  # fmt: skip
def test_a_condition_reaches_nothing_but_its_names(source: str) -> None:
    with pytest.raises(BadExpression):
        compile_expression(source, {"status": Field("status", "text")})
