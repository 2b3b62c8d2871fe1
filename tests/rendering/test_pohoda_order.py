"""What POHODA is sent for an order. `write` checks each against our schema and POHODA's own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from lxml import etree

from gateway.diagnostics import render
from gateway.documents import Carrier, LineKind, Payment, PaymentMethod, Shipping, Totals
from gateway.rendering import RecordProblems, Template, load
from gateway.rendering.characters import Charset
from tests.rendering.conftest import NAMESPACES, VENDOR, Written
from tests.rendering.orders import (
    LOOKUPS,
    PRAGUE,
    SETTINGS,
    company,
    gross,
    identity,
    line,
    net,
    order,
    party,
    shipping_line,
)

Write = Callable[..., Written]


@pytest.mark.skipif(not VENDOR.is_file(), reason=f"POHODA's own schemas are not there: {VENDOR.name}")
def test_pohodas_own_schema_is_asked_too(vendor_schema: etree.XMLSchema | None) -> None:
    assert vendor_schema is not None


def test_an_order_of_a_person(write: Write) -> None:
    xml = write(order())
    assert xml.one("dat:dataPackItem/@id") == "shoptet-main:order:2026000124"
    assert xml.one("ord:extId/typ:ids") == "2026000124"
    assert xml.one("ord:extId/typ:exSystemName") == "shoptet-main"
    assert xml.one("ord:numberOrder") == "2026000124"
    assert xml.one("ord:date") == "2026-11-21"
    assert xml.one("ord:orderHeader/ord:text") == "Objednávka 2026000124"
    assert xml.one("typ:address/typ:name") == "Jan Novák"
    assert xml.one("typ:address/typ:company") is None
    assert xml.one("typ:address/@linkToAddress") == "false"
    assert xml.one("typ:address/typ:phone") == "+420777123456"
    assert xml.one("typ:shipToAddress") is None
    assert xml.one("ord:paymentType/typ:ids") == "Dobírkou"
    assert xml.one("ord:carrier/typ:ids") == "Zásilkovna"
    assert xml.one("ord:intNote") == "Doprava: Zásilkovna\nPlatba: Dobírka"
    assert xml.one("ord:isExecuted") == "false"
    assert xml.one("ord:roundingDocument") == "none"
    assert xml.notes == ()


def test_an_order_of_a_company_in_the_czech_republic(write: Write) -> None:
    xml = write(order(billing=company(tax_id="1234567890")))
    assert xml.one("typ:address/typ:company") == "Žluťoučký kůň s.r.o."
    assert xml.one("typ:address/typ:name") == "Jan Novák"
    assert xml.one("typ:ico") == "87654321"
    assert xml.one("typ:dic") == "CZ87654321"
    assert xml.one("typ:icDph") is None
    assert xml.one("typ:address/@linkToAddress") == "true"


def test_an_order_of_a_company_in_slovakia(write: Write) -> None:
    buyer = company(vat_id="SK2020317068", tax_id="2020317068", country="SK")
    lines = (line(gross("123", "23"), vat_rate=Decimal(23)),)
    xml = write(order(billing=buyer, lines=lines, currency="EUR"), home_country="SK")
    assert xml.one("typ:dic") == "2020317068"
    assert xml.one("typ:icDph") == "SK2020317068"
    assert xml.one("typ:address/typ:country/typ:ids") == "SK"
    assert xml.one("ord:rateVAT") == "high"
    assert xml.one("ord:homeCurrency/typ:unitPrice") == "123"


def test_a_person_may_stand_in_the_company_field(write: Write) -> None:
    xml = write(order(), person="company", phone="mobile", link_to_address="always")
    assert xml.one("typ:address/typ:company") == "Jan Novák"
    assert xml.one("typ:address/typ:name") is None
    assert xml.one("typ:mobilPhone") == "+420777123456"
    assert xml.one("typ:address/@linkToAddress") == "true"


def test_goods_that_go_elsewhere(write: Write) -> None:
    xml = write(order(delivery=party(name="Eva Nová", city="Praha", company="Výdejna")))
    assert xml.one("typ:shipToAddress/typ:name") == "Eva Nová"
    assert xml.one("typ:shipToAddress/typ:company") == "Výdejna"
    assert xml.one("typ:shipToAddress/typ:city") == "Praha"


def test_a_delivery_address_that_is_the_billing_address_is_not_written_twice(write: Write) -> None:
    assert write(order(delivery=party())).one("typ:shipToAddress") is None


def test_products_are_stock_items_and_the_rest_is_text(write: Write) -> None:
    lines = (
        line(),
        line(gross("0"), kind=LineKind.GIFT, name="Dárek", sku="D-1"),
        line(gross("0"), kind=LineKind.GIFT, name="Dárek bez kódu", sku=None),
        line(kind=LineKind.SERVICE, name="Montáž", sku="S-1"),
        shipping_line(),
        line(gross("-50"), kind=LineKind.DISCOUNT, name="Sleva", sku=None, variant=None, unit=None),
        line(gross("-0.40", "0"), kind=LineKind.ROUNDING, name="Zaokrouhlení", sku=None, vat_rate=Decimal(0)),
    )
    xml = write(order(lines=lines), store="HLAVNÍ")
    assert xml.all("ord:stockItem/typ:stockItem/typ:ids") == ["TRICKO-L", "D-1"]
    assert xml.all("ord:stockItem/typ:store/typ:ids") == ["HLAVNÍ", "HLAVNÍ"]
    assert xml.all("ord:orderItem/ord:code") == ["TRICKO-L", "D-1", "S-1"]
    assert xml.all("typ:unitPrice") == ["242", "0", "0", "242", "89", "-50", "-0.4"]
    assert xml.all("ord:rateVAT") == ["high"] * 6 + ["none"]
    assert set(xml.all("ord:discountPercentage")) == {"0"}
    assert xml.all("ord:text")[1] == "Tričko modré L"


def test_stock_items_can_be_switched_off(write: Write) -> None:
    xml = write(order(), stock_items=False)
    assert xml.all("ord:stockItem") == []
    assert xml.one("ord:code") == "TRICKO-L"


def test_a_shop_without_vat_in_its_prices(write: Write) -> None:
    xml = write(order(lines=(line(net("199.1735")), shipping_line())))
    assert xml.all("ord:payVAT") == ["false", "true"]
    assert xml.all("typ:unitPrice") == ["199.1735", "89"]


@pytest.mark.parametrize(("prices", "pay_vat", "price"), [("net", "false", "200"), ("gross", "true", "242")])
def test_the_merchant_may_choose_the_price(write: Write, prices: str, pay_vat: str, price: str) -> None:
    xml = write(order(lines=(line(),)), prices=prices)
    assert xml.one("ord:payVAT") == pay_vat
    assert xml.one("typ:unitPrice") == price


def test_a_foreign_currency(write: Write) -> None:
    document = order(currency="EUR", lines=(line(gross("9.90")),), exchange_rate=Decimal("25.10"))
    xml = write(document)
    assert xml.one("ord:foreignCurrency/typ:unitPrice") == "9.9"
    assert xml.one("ord:homeCurrency") is None
    assert xml.one("ord:foreignCurrency/typ:currency/typ:ids") == "EUR"
    assert xml.one("ord:foreignCurrency/typ:rate") == "25.1"
    assert xml.one("ord:foreignCurrency/typ:amount") == "1"


def test_a_foreign_currency_without_a_rate_leaves_it_to_pohoda(write: Write) -> None:
    xml = write(order(currency="HUF", lines=(line(gross("9900")),)))
    assert xml.one("ord:foreignCurrency/typ:currency/typ:ids") == "HUF"
    assert xml.one("typ:rate") is None
    assert xml.one("typ:amount") is None


def test_a_declared_rounding_becomes_pohodas_rule(write: Write) -> None:
    lines = (line(gross("242.40")), shipping_line())
    document = order(lines=lines, total=Totals(gross=Decimal("331.40"), rounding=Decimal("-0.40")))
    xml = write(document)
    assert xml.one("ord:roundingDocument") == "math2one"
    assert len(xml.all("ord:orderItem")) == 2


def test_a_rounding_that_no_rule_explains_becomes_an_item(write: Write) -> None:
    lines = (line(gross("242.40")), shipping_line())
    document = order(lines=lines, total=Totals(gross=Decimal("331.40"), rounding=Decimal("-3.20")))
    xml = write(document)
    assert xml.one("ord:roundingDocument") == "none"
    assert xml.all("ord:orderItem/ord:text")[-1] == "Zaokrouhlení"
    assert xml.all("typ:unitPrice")[-1] == "-3.2"


def test_a_rounding_in_a_foreign_currency_becomes_an_item(write: Write) -> None:
    total = Totals(gross=Decimal("10.02"), rounding=Decimal("-0.02"))
    xml = write(order(currency="EUR", lines=(line(gross("10.02")),), total=total))
    assert xml.one("ord:roundingDocument") == "none"
    assert xml.all("ord:foreignCurrency/typ:unitPrice") == ["10.02", "-0.02"]


def test_a_fixed_rounding_rule_wins(write: Write) -> None:
    assert write(order(), rounding_document="up2one").one("ord:roundingDocument") == "up2one"


def test_a_rate_of_another_year_is_historical(write: Write) -> None:
    xml = write(order(lines=(line(gross("115", "15"), vat_rate=Decimal(15)),)))
    assert xml.one("ord:rateVAT") == "historyLow"
    assert xml.one("ord:percentVAT") == "15"


def test_a_foreign_rate_is_an_error_or_historical(write: Write, template: Template) -> None:
    document = order(lines=(line(vat_rate=Decimal(27)),))
    with pytest.raises(RecordProblems) as caught:
        template.record(document, identity())
    assert render(caught.value.problems[0]) == (
        "error[T012]: order 2026000124: 27 % is no VAT rate of CZ on 2026-11-21\n"
        "  --> templates/pohoda/_document.xml.j2:49:15\n"
        "   |\n"
        "49 | {% set slot = line.vat_rate | vat_slot(day, vat_country, foreign_rates) %}\n"
        "   |               ^^^^^^^^^^^^^\n"
        "   |\n"
        "   = help: correct the rate in the mapping, or set `foreign_vat: history` "
        "where it is another country's rate"
    )
    assert caught.value.problems[0].field == "lines[1].vat_rate"
    xml = write(document, foreign_vat="history")
    assert (xml.one("ord:rateVAT"), xml.one("ord:percentVAT")) == ("historyHigh", "27")


def test_notes_reach_the_right_field(write: Write) -> None:
    document = order(
        customer_note="Zvoňte\ndvakrát <prosím>",
        shop_note="VIP",
        shipping=Shipping(name="Osobně", pickup_point="Brno, Česká", package_number="Z 123"),
        payment=Payment(name="Karta", paid=True),
    )
    xml = write(document)
    assert xml.one("ord:note") == "Zvoňte\ndvakrát <prosím>"
    assert xml.one("ord:intNote") == (
        "VIP\nDoprava: Osobně\nVýdejní místo: Brno, Česká\nZásilka: Z 123\nPlatba: Karta\nZaplaceno v e-shopu"
    )
    assert xml.one("ord:paymentType") is None
    assert xml.one("ord:carrier") is None


def test_a_carrier_that_pohoda_does_not_know_stays_in_the_internal_note(write: Write) -> None:
    xml = write(order(shipping=Shipping(carrier=Carrier.DPD, name="DPD domů")))
    assert xml.one("ord:carrier") is None
    assert "Doprava: DPD domů" in (xml.one("ord:intNote") or "")


def test_a_payment_method_without_an_entry_is_told_with_the_line_to_add(template: Template) -> None:
    with pytest.raises(RecordProblems) as caught:
        template.record(order(payment=Payment(method=PaymentMethod.ONLINE)), identity())
    problem = caught.value.problems[0]
    assert (problem.code, problem.field) == ("T005", "payment.method")
    assert problem.message == "`online` has no entry in the lookup `payment`"
    assert problem.help == "add `online: …` below `lookups: {payment: …}` in the route's `to:` block"
    assert problem.context == ("known: bank_transfer → Příkazem, cash_on_delivery → Dobírkou, card → Plat.kartou",)


def test_all_problems_of_a_record_are_found_in_one_go(template: Template) -> None:
    document = order(
        payment=Payment(method=PaymentMethod.ONLINE),
        lines=(line(sku="X" * 65), line(vat_rate=Decimal(27)), line(vat_rate=Decimal(25))),
    )
    with pytest.raises(RecordProblems) as caught:
        template.record(document, identity())
    assert [(p.code, p.field) for p in caught.value.problems] == [
        ("T005", "payment.method"),
        ("T015", "lines[1].sku"),
        ("T012", "lines[2].vat_rate"),
        ("T012", "lines[3].vat_rate"),
    ]


def test_settings_of_the_unit_are_written(write: Write) -> None:
    xml = write(
        order(),
        number_series="26OP",
        centre="ESHOP",
        activity="PRODEJ",
        contract="Z1",
        price_level="MOC",
        reserve="true",
        mark_record="false",
        text="E-shop",
        note="pack <1>",
    )
    assert xml.one("ord:number/typ:ids") == "26OP"
    assert xml.one("ord:centre/typ:ids") == "ESHOP"
    assert xml.one("ord:activity/typ:ids") == "PRODEJ"
    assert xml.one("ord:contract/typ:ids") == "Z1"
    assert xml.one("ord:priceLevel/typ:ids") == "MOC"
    assert xml.one("ord:isReserved") == "true"
    assert xml.one("ord:markRecord") == "false"
    assert xml.all("ord:orderHeader/ord:text") == ["E-shop 2026000124"]
    assert xml.root.get("note") == "pack <1>"
    assert xml.root.get("ico") == "12345678"


def test_long_texts_are_cut_and_told(write: Write) -> None:
    xml = write(order(billing=party(name="J" * 70), lines=(line(), line(name="N" * 120, variant=None))))
    assert [(n.code, n.level, n.field, n.record, n.message) for n in xml.notes] == [
        (
            "T006",
            "warning",
            "billing.name",
            "order 2026000124",
            "`billing.name` has 70 characters and was cut to 64",
        ),
        (
            "T006",
            "warning",
            "lines[2].name",
            "order 2026000124",
            "`lines[2].name` has 120 characters and was cut to 90",
        ),
    ]
    assert xml.notes[0].context == ("before: " + "J" * 70, "after: " + "J" * 64)
    assert xml.notes[0].span is not None
    assert str(xml.notes[0].span) == "templates/pohoda/_party.xml.j2:9:26"


def test_foreign_letters_are_replaced_in_windows_1250_and_kept_in_utf_8(write: Write) -> None:
    document = order(billing=party(name="Ștefan Muñoz", city="Tromsø"))
    xml = write(document)
    assert xml.one("typ:address/typ:name") == "Ştefan Munoz"
    assert [(n.code, n.field) for n in xml.notes] == [("T007", "billing.name"), ("T007", "billing.city")]
    assert xml.notes[0].message == ("`billing.name` holds characters that windows-1250 lacks: Ș → Ş, ñ → n")
    xml = write(document, encoding="utf-8")
    assert xml.one("typ:address/typ:name") == "Ștefan Muñoz"
    assert xml.notes == ()


def test_a_price_with_more_places_is_rounded_and_told(write: Write) -> None:
    xml = write(order(lines=(line(net("1.23456")),)))
    assert xml.one("typ:unitPrice") == "1.2346"
    assert [(n.code, n.field) for n in xml.notes] == [("T014", "lines[1]")]


def test_the_day_is_the_shops_own(write: Write) -> None:
    assert write(order(ordered_at=datetime(2026, 1, 1, 0, 5, tzinfo=PRAGUE))).one("ord:date") == "2026-01-01"


def test_a_pack_of_three_is_valid_and_its_ids_differ(template: Template, schema: Any) -> None:
    documents = [order(number=f"20260001{n}") for n in range(3)]
    text = (
        template.head("pack-1")
        + "".join(template.record(d, identity(d)).text for d in documents)
        + template.tail()
    )
    data = template.encode(text)
    assert schema.check(data) == ()
    root = etree.fromstring(data)
    assert root.get("id") == "pack-1"
    assert root.xpath("dat:dataPackItem/@id", namespaces=NAMESPACES) == [identity(d).item for d in documents]


def test_head_record_and_tail_are_the_whole(template: Template) -> None:
    document = order()
    ids = identity(document)
    parts = template.head(ids.pack) + template.record(document, ids).text + template.tail()
    assert parts == template.whole(document, ids).text


_texts = st.text(max_size=120)


@cache
def _loaded(encoding: str) -> Template:
    return load("pohoda/order", settings=SETTINGS | {"encoding": encoding}, lookups=LOOKUPS)


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=_texts, city=_texts, note=_texts, item=_texts)
@pytest.mark.parametrize("encoding", ["windows-1250", "utf-8"])
def test_any_text_of_a_document_arrives_as_it_is_or_is_told(
    schema: Any, encoding: str, name: str, city: str, note: str, item: str
) -> None:
    template = _loaded(encoding)
    charset = Charset(encoding)
    document = order(
        billing=party(name=name or "x", city=city),
        customer_note=note,
        lines=(line(name=item or "x", variant=None),),
    )
    rendered = template.whole(document, identity())
    data = template.encode(rendered.text)
    assert schema.check(data) == ()
    root = etree.fromstring(data)
    told = {n.field for n in rendered.notes}
    for path, given_text, longest, field in (
        ("typ:address/typ:name", name or "x", 64, "billing.name"),
        ("typ:address/typ:city", city, 45, "billing.city"),
        ("ord:orderItem/ord:text", item or "x", 90, "lines[1].name"),
    ):
        if not given_text:
            continue
        arrived = root.xpath(f"string(.//{path})", namespaces=NAMESPACES)
        fitted = charset.line(given_text)
        assert arrived == fitted.text[:longest].rstrip()
        if len(fitted.text) > longest or fitted.replaced:
            assert field in told
    assert root.xpath("string(.//ord:orderHeader/ord:note)", namespaces=NAMESPACES) == charset.lines(note).text
