"""What PROFIT is sent in the flat shape. `tell` checks each order against the schema."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec import structs

from gateway.documents import Carrier, LineKind, Order, Payment, PaymentMethod, Price, Shipping, Totals, rounded
from gateway.errors import ProblemsFound
from gateway.rendering import Identity, RecordProblems, load
from gateway.rendering.characters import Charset
from tests.profit.conftest import FLAT, ROOT, SAMPLES, SHOPTET, loaded, orders_of, schema_of, tell
from tests.profit.orders import orders, priced
from tests.rendering.orders import PRAGUE, company, gross, identity, line, net, party, shipping_line
from tests.rendering.test_ways_of_rendering import documents, same

CENT = Decimal("0.01")
XSD = "{http://www.w3.org/2001/XMLSchema}"


def refused(document: Order, name: str = FLAT, **chosen: Any) -> list[tuple[str, str | None]]:
    with pytest.raises(RecordProblems) as caught:
        loaded(name, tuple(chosen.items())).record(document, identity(document))
    return [(problem.code, problem.field) for problem in caught.value.problems]


# -- the samples


@pytest.mark.parametrize("name", [FLAT, SHOPTET])
def test_every_order_of_the_samples_is_valid_by_the_schema(sample: list[Order], name: str) -> None:
    for document in sample:
        assert len(tell(document, name).root) == 1


@pytest.mark.parametrize("path", [path for mapping, path in SAMPLES if mapping == "shoptet/order"], ids=str)
def test_the_amounts_are_to_the_cent_those_of_the_source(path: Path) -> None:
    # given what the export says, read without the gateway
    source = {found.findtext("CODE"): found for found in etree.parse(path).getroot().iterfind("ORDER")}
    for document in orders_of("shoptet/order", path):
        said = source[document.number]
        # when it is written for PROFIT
        told = tell(document)
        # then all sums are the shop's own
        assert told.amount("TOTAL_WITH_VAT") == exact(said, "TOTAL_PRICE/WITH_VAT")
        assert told.amount("TOTAL_WITHOUT_VAT") == exact(said, "TOTAL_PRICE/WITHOUT_VAT")
        assert told.amount("TOTAL_VAT") == exact(said, "TOTAL_PRICE/VAT")
        assert told.amount("ROUNDING") == exact(said, "TOTAL_PRICE/ROUNDING")
        assert told.amount("TO_PAY") == exact(said, "TOTAL_PRICE/PRICE_TO_PAY")
        # and so are those of the items that cost something
        items = [
            item
            for item in said.iterfind("ORDER_ITEMS/ITEM")
            if item.findtext("TYPE") != "product-set" or exact(item, "UNIT_PRICE/WITH_VAT")
        ]
        assert told.amounts("ITEM_PRICE") == [exact(item, "UNIT_PRICE/WITH_VAT") for item in items]
        assert told.amounts("ITEM_TOTAL_WITH_VAT") == [exact(item, "TOTAL_PRICE/WITH_VAT") for item in items]
        assert told.amounts("ITEM_TOTAL_WITHOUT_VAT") == [exact(item, "TOTAL_PRICE/WITHOUT_VAT") for item in items]
        assert told.amounts("ITEM_TOTAL_VAT") == [exact(item, "TOTAL_PRICE/VAT") for item in items]
        assert told.amounts("ITEM_VAT_RATE") == [exact(item, "UNIT_PRICE/VAT_RATE") for item in items]
        # and they agree with each other
        assert sum(told.amounts("ITEM_TOTAL_WITH_VAT")) == told.amount("TOTAL_WITH_VAT")
        assert told.amount("TOTAL_WITH_VAT") + told.amount("ROUNDING") == told.amount("TO_PAY")
        multiplied = zip(told.amounts("ITEM_QUANTITY"), told.amounts("ITEM_PRICE"), strict=True)
        assert sum(rounded(count * price, CENT) for count, price in multiplied) == told.amount("TOTAL_WITH_VAT")
        assert told.notes == ()


def exact(element: etree._Element, path: str) -> Decimal:
    """An amount of the export, whatever its comma, its blanks and its `%`."""
    return Decimal(re.sub(r"[^0-9.-]", "", (element.findtext(path) or "0").replace(",", ".")))


def test_the_samples_are_written_without_a_second_rendering(sample: list[Order]) -> None:
    for document in sample:
        for name in (FLAT, SHOPTET):
            template = loaded(name, (("rest", "ignore"),))
            assert same(template, document)


# -- any order


@given(
    document=orders(),
    chosen=st.fixed_dictionaries(
        {},
        optional={
            "encoding": st.sampled_from(("utf-8", "windows-1250")),
            "stock_code": st.sampled_from(("sku", "ean", "ean_or_sku")),
            "codes": st.sampled_from(("goods", "all")),
            "item_text": st.sampled_from(("name", "name_and_variant")),
            "item_text_longest": st.sampled_from((5, 20)),
            "prices": st.sampled_from(("as_given", "net", "gross")),
            "rest": st.sampled_from(("note", "item", "ignore")),
            "delivery": st.sampled_from(("elsewhere", "always")),
            "flags": st.sampled_from(("digits", "english", "czech")),
        },
    ),
)
@settings(deadline=None, max_examples=150)
def test_any_order_of_a_shop_is_a_valid_file_whose_sums_agree(document: Order, chosen: dict[str, Any]) -> None:
    told = tell(document, row_totals="warn", **chosen)
    tell(document, SHOPTET, **chosen)
    lines = len(document.lines)
    assert told.amount("TOTAL_WITHOUT_VAT") + told.amount("TOTAL_VAT") == told.amount("TOTAL_WITH_VAT")
    assert told.amount("TOTAL_WITH_VAT") + told.amount("ROUNDING") == told.amount("TO_PAY")
    with_vat = told.amounts("ITEM_TOTAL_WITH_VAT")[:lines]
    assert rounded(sum(with_vat, Decimal(0)), minor(document)) == told.amount("TOTAL_WITH_VAT")
    without = told.amounts("ITEM_TOTAL_WITHOUT_VAT")[:lines]
    assert rounded(sum(without, Decimal(0)), minor(document)) == told.amount("TOTAL_WITHOUT_VAT")
    given_prices = [row.unit_price.given for row in document.lines]
    if chosen.get("prices", "as_given") == "as_given":
        assert told.amounts("ITEM_PRICE")[:lines] == given_prices


def minor(document: Order) -> Decimal:
    return Decimal(1) if document.currency == "HUF" else CENT


@given(document=documents())
@settings(deadline=None, max_examples=150)
def test_whatever_the_types_allow_is_refused_or_xml_and_rendered_alike_both_ways(document: Order) -> None:
    for name in (FLAT, SHOPTET):
        template = loaded(name, (("variable_symbol", "none"), ("row_totals", "warn")))
        same(template, document)
        try:
            rendered = template.whole(document, identity(document))
        except RecordProblems:
            continue
        assert {problem.code for problem in schema_of(name).check(rendered.data)} <= {"X001"}


# -- the shape


def test_the_file_is_flat_regular_and_plain() -> None:
    told = tell(priced(customer_note="a\nb"))
    for element in told.root.iter():
        assert isinstance(element.tag, str)
        assert not element.attrib
        assert re.fullmatch("[A-Z_]+", element.tag), "no namespace, one way of writing"
        if len(element):
            assert not (element.text or "").strip(), "no text beside elements"
        assert not (element.tail or "").strip()
    assert loaded(FLAT).whole(priced(), identity()).data.startswith(b'<?xml version="1.0" encoding="utf-8"?>\n')


def test_every_tag_is_there_whatever_is_known_of_an_order() -> None:
    # given an order of which nothing is known but what must be, and one with all there is
    least = priced(
        billing=party(street=None, city=None, postcode=None, country=None, email=None, phone=None),
        lines=(line(sku=None, variant=None, unit=None),),
        payment=Payment(),
        shipping=Shipping(),
    )
    whole = priced(
        lines=(line(ean="8590000000017", note="n", discount_percent=Decimal(5)),),
        delivery=company(city="Praha"),
        customer_note="n",
        shop_note="s",
        status="Nová",
        exchange_rate=Decimal(1),
    )
    # when both are written
    told, other = tell(least), tell(whole)
    # then their tags are the same, empty where nothing is known
    assert [e.tag for e in told.root.iter()] == [e.tag for e in other.root.iter()]
    assert {told.one(tag) for tag in ("CITY", "COMPANY_ID", "PAYMENT", "CARRIER", "NOTE", "DELIVERY_CITY")} == {""}
    assert (told.one("PAID"), told.items("ITEM_UNIT"), told.items("ITEM_CODE")) == ("0", ["ks"], [""])


def test_a_tag_means_one_thing_in_the_whole_file() -> None:
    schema = etree.parse(ROOT / "xsd/profit/order.xsd")
    names = [element.get("name") for element in schema.iter(f"{XSD}element")]
    assert len(names) == len(set(names)) > 60


# -- what is written


def test_an_order_of_a_person() -> None:
    told = tell(priced())
    expected = {
        "NUMBER": "2026000124",
        "DATE": "2026-11-21",
        "VARIABLE_SYMBOL": "2026000124",
        "TEXT": "Objednávka 2026000124",
        "SHOP": "shoptet-main",
        "CUSTOMER": "Jan Novák",
        "COMPANY": "",
        "NAME": "Jan Novák",
        "STREET": "Česká 1/2",
        "POSTCODE": "602 00",
        "COUNTRY": "CZ",
        "PAYMENT": "Úhrada cash_on_delivery",
        "PAYMENT_NAME": "Dobírka",
        "CARRIER": "Zásilkovna",
        "EXCHANGE_RATE": "1",
        "TOTAL_WITHOUT_VAT": "273.55",
        "TOTAL_WITH_VAT": "331",
        "ROUNDING": "0",
        "TO_PAY": "331",
    }
    assert {tag: told.one(tag) for tag in expected} == expected
    assert told.items("ITEM_NAME") == ["Tričko modré L", "Zásilkovna"]
    assert told.items("ITEM_KIND") == ["product", "shipping"]
    assert told.items("ITEM_CODE") == ["TRICKO-L", ""]
    assert told.items("ITEM_PRICE") == ["242", "89"]
    assert told.notes == ()


def test_an_order_of_a_company() -> None:
    told = tell(priced(billing=company(company_id="876 54 321", tax_id="2120000025"), payment=Payment(paid=True)))
    assert (told.one("CUSTOMER"), told.one("NAME")) == ("Žluťoučký kůň s.r.o.", "Jan Novák")
    assert (told.one("COMPANY_ID"), told.one("VAT_ID"), told.one("TAX_ID")) == (
        "87654321",
        "CZ87654321",
        "2120000025",
    )
    assert told.one("PAID") == "1"


def test_goods_that_go_elsewhere_and_goods_that_do_not() -> None:
    elsewhere = priced(delivery=party(name="Eva Nová", company="Výdejna", city="Praha"))
    assert tell(elsewhere).one("DELIVERY_CUSTOMER") == "Výdejna"
    assert tell(elsewhere).one("DELIVERY_CITY") == "Praha"
    assert tell(priced(delivery=party())).one("DELIVERY_CUSTOMER") == ""
    assert tell(priced(), delivery="always").one("DELIVERY_CUSTOMER") == "Jan Novák"


def test_special_characters_arrive_as_they_are() -> None:
    odd = "R & D <b> \"x\" 'y' ]]> €"
    told = tell(priced(billing=party(name=odd), customer_note=f"{odd}\nΩ", lines=(line(name=odd, variant=None),)))
    assert (told.one("NAME"), told.one("NOTE"), told.items("ITEM_NAME")) == (odd, f"{odd}\nΩ", [odd])
    assert told.notes == ()


def test_what_xml_cannot_hold_is_left_out_and_told() -> None:
    told = tell(priced(billing=party(city="Br\x01no")))
    assert told.one("CITY") == "Brno"
    assert [(note.code, note.field) for note in told.notes] == [("T007", "billing.city")]


def test_another_encoding_replaces_what_it_lacks_and_says_so() -> None:
    document = priced(billing=party(name="Ștefan"))
    told = tell(document, encoding="windows-1250")
    assert told.one("NAME") == "Ştefan"
    assert {note.code for note in told.notes} == {"T007"}
    data = loaded(FLAT, (("encoding", "windows-1250"),)).whole(document, identity()).data
    assert data.startswith(b'<?xml version="1.0" encoding="windows-1250"?>')
    assert Charset("windows-1250").line("Ștefan").text.encode("windows-1250") in data


def test_long_texts_are_kept_whole_unless_the_target_says_how_long_they_may_be() -> None:
    document = priced(lines=(line(name="N" * 300, variant="L"),), customer_note="p" * 5000)
    told = tell(document)
    assert told.items("ITEM_NAME") == ["N" * 300 + " L"]
    assert (len(told.one("NOTE")), told.notes) == (5000, ())
    told = tell(document, item_text_longest=60)
    assert told.items("ITEM_NAME") == ["N" * 60]
    assert [(note.code, note.level) for note in told.notes] == [("T006", "warning")]


def test_a_foreign_currency_has_its_rate_where_the_shop_gave_one() -> None:
    lines = (line(gross("9.90")),)
    told = tell(priced(currency="EUR", lines=lines, exchange_rate=Decimal("25.10")))
    assert (told.one("CURRENCY"), told.one("EXCHANGE_RATE"), told.one("EXCHANGE_AMOUNT")) == ("EUR", "25.1", "1")
    assert told.one("TOTAL_WITH_VAT") == "9.9"
    assert tell(priced(currency="EUR", lines=lines)).one("EXCHANGE_RATE") == ""
    assert tell(priced(currency="EUR", lines=lines), home_currency="EUR").one("EXCHANGE_RATE") == "1"


def test_the_given_price_is_written_as_given() -> None:
    told = tell(priced(lines=(line(net("199.1735")), shipping_line())))
    assert told.items("ITEM_PRICE") == ["199.1735", "89"]
    assert told.items("ITEM_PRICE_HAS_VAT") == ["0", "1"]
    assert told.items("ITEM_PRICE_WITHOUT_VAT") == ["199.1735", "73.5537"]
    assert told.items("ITEM_PRICE_WITH_VAT") == ["240.9999", "89"]


@pytest.mark.parametrize(("prices", "has_vat", "price"), [("net", "0", "200"), ("gross", "1", "242")])
def test_the_merchant_may_choose_the_price(prices: str, has_vat: str, price: str) -> None:
    told = tell(priced(lines=(line(),)), prices=prices)
    assert (told.items("ITEM_PRICE"), told.items("ITEM_PRICE_HAS_VAT")) == ([price], [has_vat])


@pytest.mark.parametrize(
    ("chosen", "codes"),
    [
        ({}, ["A-1", "B-2", "", ""]),
        ({"codes": "all"}, ["A-1", "B-2", "", "DOPR"]),
        ({"stock_code": "ean"}, ["8590000000017", "", "", ""]),
        ({"stock_code": "ean_or_sku"}, ["8590000000017", "B-2", "", ""]),
        ({"stock_code": "ean_or_sku", "codes": "all"}, ["8590000000017", "B-2", "", "DOPR"]),
    ],
)
def test_the_code_of_the_price_list_is_what_the_merchant_says(chosen: dict[str, str], codes: list[str]) -> None:
    lines = (
        line(sku="A-1", ean="8590000000017"),
        line(sku="B-2", kind=LineKind.GIFT),
        line(sku=None),
        shipping_line(sku="DOPR"),
    )
    told = tell(priced(lines=lines), **chosen)
    assert told.items("ITEM_CODE") == codes
    assert told.items("ITEM_SKU") == ["A-1", "B-2", "", "DOPR"]


def test_texts_units_and_flags_are_what_the_merchant_says() -> None:
    document = priced(lines=(line(unit=None),), payment=Payment(paid=True))
    told = tell(document, item_text="name", unit="kus", flags="czech", text="Faktura k objednávce")
    assert (told.items("ITEM_NAME"), told.items("ITEM_VARIANT")) == (["Tričko modré"], ["L"])
    assert (told.items("ITEM_UNIT"), told.one("PAID")) == (["kus"], "ano")
    assert told.one("TEXT") == "Faktura k objednávce 2026000124"
    assert tell(document, unit="").items("ITEM_UNIT") == [""]
    assert tell(document, flags="english").one("PAID") == "true"


def test_names_of_the_accounting_program_come_from_the_lookups() -> None:
    lookups = {"payment": {"card": "Kartou"}, "carrier": {"ppl": "PPL"}, "country": {"CZ": "Česko"}}
    paid = Payment(method=PaymentMethod.CARD, name="Karta online")
    told = tell(priced(payment=paid, shipping=Shipping(carrier=Carrier.DPD, name="DPD domů")), lookups=lookups)
    assert (told.one("PAYMENT"), told.one("PAYMENT_NAME")) == ("Kartou", "Karta online")
    assert (told.one("CARRIER"), told.one("CARRIER_NAME"), told.one("COUNTRY")) == ("", "DPD domů", "Česko")


def test_a_payment_without_a_name_in_the_accounting_program_sets_the_order_aside() -> None:
    template = load(FLAT, lookups={"payment": {"card": "Kartou"}})
    with pytest.raises(RecordProblems) as caught:
        template.record(priced(), identity())
    assert [problem.code for problem in caught.value.problems] == ["T005"]


# -- sums


def costs(total: str, *lines: Any, rounding: str = "0", to_pay: str | None = None) -> Order:
    paid = Decimal(to_pay) if to_pay is not None else None
    return priced(lines=lines, total=Totals(gross=Decimal(total), rounding=Decimal(rounding), to_pay=paid))


def test_the_amount_to_pay_is_the_shops_or_the_rounded_total() -> None:
    assert tell(costs("331", line(), shipping_line(), to_pay="131")).one("TO_PAY") == "131"
    assert tell(costs("331", line(), shipping_line(), to_pay="0")).one("TO_PAY") == "0"
    assert tell(costs("331", line(), shipping_line())).one("TO_PAY") == "331"
    assert tell(costs("331", line(), shipping_line(), rounding="-1")).one("TO_PAY") == "330"


def test_a_unit_price_that_does_not_lead_to_the_total_sets_the_order_aside_or_is_told() -> None:
    document = costs("123.45", line(gross("0.12345"), quantity=Decimal(1000), total=gross("123.45")))
    assert refused(document) == [("T017", "lines[1]")]
    told = tell(document, row_totals="warn")
    assert told.items("ITEM_TOTAL_WITH_VAT") == ["123.45"]
    assert {note.code for note in told.notes} == {"T014", "T017", "T018"}


def test_cents_that_are_left_are_told_or_become_an_item_with_the_rounding() -> None:
    document = costs(
        "100", line(gross("33.33"), quantity=Decimal(3), total=gross("100")), rounding="-0.40", to_pay="99.60"
    )
    told = tell(document)
    assert (told.items("ITEM_PRICE"), [note.code for note in told.notes]) == (["33.33"], ["T018"])
    told = tell(document, rest="item")
    assert told.items("ITEM_NAME")[1:] == ["Zaokrouhlení"]
    assert (told.items("ITEM_PRICE"), told.items("ITEM_VAT_RATE"), told.notes) == (
        ["33.33", "-0.39"],
        ["21", "0"],
        (),
    )
    multiplied = zip(told.amounts("ITEM_QUANTITY"), told.amounts("ITEM_PRICE"), strict=True)
    assert sum(count * price for count, price in multiplied) == told.amount("TO_PAY")
    assert tell(document, rest="ignore").notes == ()


# -- what is refused


def test_an_order_without_a_total_is_refused() -> None:
    document = priced(total=Totals(net=Decimal(1), gross=None))
    assert ("T004", "total.gross") in refused(document)


@pytest.mark.parametrize(
    ("number", "symbol"), [("XKBKNABJK", ""), ("2026/17", "202617"), ("E-0012345678", "0012345678")]
)
def test_the_variable_symbol_is_the_digits_of_the_order_number(number: str, symbol: str) -> None:
    told = tell(priced(number=number))
    assert (told.one("NUMBER"), told.one("VARIABLE_SYMBOL")) == (number, symbol)


def test_an_order_number_with_too_many_digits_is_set_aside_unless_profit_gives_the_symbol() -> None:
    document = priced(number="12345678901")
    assert refused(document) == [("T015", "number")]
    assert tell(document, variable_symbol="none").one("VARIABLE_SYMBOL") == ""


def test_wrong_settings_are_told_at_the_check() -> None:
    with pytest.raises(ProblemsFound) as caught:
        load(FLAT, settings={"stock_code": "plu", "flags": "1", "item_text_longest": "0", "stok": "x"})
    assert sorted(problem.code for problem in caught.value.problems) == ["T009", "T011", "T011", "T011"]


# -- files of several orders


def packed(*documents: tuple[Order, str]) -> bytes:
    template = loaded(FLAT)
    records = [template.record(each, Identity.of(shop, "order", each.number)).data for each, shop in documents]
    head, tail = template.envelope("pack")
    return b"".join((head, *records, tail))


def test_many_orders_travel_in_one_file_and_none_twice() -> None:
    one, two = priced(number="1"), priced(number="2")
    assert schema_of(FLAT).check(packed((one, "a"), (two, "a"), (one, "b"))) == ()
    assert schema_of(FLAT).check(packed((one, "a"), (one, "a"))) != ()


def test_a_price_that_is_not_there_is_refused() -> None:
    document = structs.replace(priced(), lines=(line(total=Price()),))
    assert {code for code, _ in refused(document)} == {"T004"}


def test_the_day_is_the_shops_own() -> None:
    assert tell(priced(ordered_at=datetime(2026, 1, 1, 0, 5, tzinfo=PRAGUE))).one("DATE") == "2026-01-01"
