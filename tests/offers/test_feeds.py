"""Offers as the files of shops and comparison sites: valid for any offer, or refused with a problem."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from gateway.documents import CurrencyCode, Image, ItemCondition, Offer, Price, Property
from gateway.errors import ProblemsFound
from gateway.exchange.writing import assemble
from gateway.rendering import Identity, load, load_schema

D = Decimal
SHARED = Path(__file__).resolve().parents[3] / "shared" / "formats" / "shops" / "samples"
FEEDS = [
    ("heureka/offer", "heureka/products"),
    ("heureka/offer-availability", "heureka/availability"),
    ("zbozi/offer", "zbozi/products"),
    ("shoptet/offer", "shoptet/products"),
    ("shoprenter/offer", "shoprenter/products"),
    ("google/offer", "google/products"),
    ("glami/offer", "glami/products"),
    ("arukereso/offer", "arukereso/products"),
    ("upgates/offer", "upgates/products"),
]
MUG = Offer(
    sku="HRNEK-1",
    name="Hrnek <modrý> & bílý",
    ean="8590000000015",
    manufacturer="Hrnčírna Lhota",
    category="Heureka.cz | Dům a zahrada | Hrnky",
    description="Hrnek\nna čaj",
    url="https://www.example.cz/hrnek",
    images=(Image(url="https://www.example.cz/a.jpg"), Image(url="https://www.example.cz/b.jpg")),
    vat_rate=D(21),
    currency=CurrencyCode("CZK"),
    price=Price(net=D(100), gross=D(121)),
    quantity=D(5),
    properties=(Property(name="Barva", value="modrá"),),
)


SPECIAL = replace(MUG, special_price=Price(net=D(90), gross=D("108.90")))
DELIVERIES = [
    {"carrier": "PPL", "price": "89", "cash_on_delivery": "119.50"},
    {"carrier": "BALIKOVNA_DEPOTAPI", "price": "59"},
]


def rendered(template: str, offer: Offer, **told: Any) -> bytes:
    loaded = load(template, settings=told)
    record = loaded.record(offer, Identity.of("shop", "offer", offer.sku, 0))
    return assemble(loaded, "pack", [record])


def texts(content: bytes, name: str) -> list[str | None]:
    return [element.text for element in etree.fromstring(content).iter(f"{{*}}{name}")]


@pytest.mark.parametrize(("template", "schema"), FEEDS, ids=[name for name, _ in FEEDS])
def test_a_product_is_valid_in_every_feed(template: str, schema: str) -> None:
    assert load_schema(schema).check(rendered(template, MUG), record="offer HRNEK-1") == ()


def test_a_special_price_is_the_price_and_the_other_one_the_price_before() -> None:
    offer = replace(MUG, special_price=Price(net=D(90), gross=D("108.90")))
    assert texts(rendered("heureka/offer", offer), "PRICE_VAT") == ["108.9"]
    assert texts(rendered("zbozi/offer", offer), "PRICE_BEFORE_DISCOUNT") == ["121"]
    shoptet = rendered("shoptet/offer", offer)
    assert (texts(shoptet, "PRICE_VAT"), texts(shoptet, "STANDARD_PRICE")) == (["108.9"], ["121"])


def test_a_special_price_of_nothing_is_no_price_and_ends_the_one_that_shoprenter_has() -> None:
    offer = replace(MUG, special_price=Price(net=D(0), gross=D(0)))
    for feed in ("heureka/offer", "zbozi/offer", "shoptet/offer"):
        assert texts(rendered(feed, offer), "PRICE_VAT") == ["121"]
    shoprenter = rendered("shoprenter/offer", offer)
    assert texts(shoprenter, "priority") == ["10"]
    assert texts(shoprenter, "dateTo") == ["2000-01-01 00:00:00"]


def test_an_update_of_the_stock_alone_says_nothing_of_the_price() -> None:
    offer = Offer(sku="HRNEK-1", quantity=D("2.5"))
    content = rendered("shoptet/offer", offer)
    assert [element.tag for element in etree.fromstring(content)[0]] == ["CODE", "STOCK"]
    assert texts(content, "AMOUNT") == ["2.5"]


def test_days_of_delivery_follow_the_stock_where_nothing_else_is_said() -> None:
    sold_out = replace(MUG, quantity=D(0))
    assert texts(rendered("heureka/offer", MUG), "DELIVERY_DATE") == ["0"]
    assert texts(rendered("heureka/offer", sold_out), "DELIVERY_DATE") == [None]
    assert texts(rendered("heureka/offer", sold_out, sold_out_days="14"), "DELIVERY_DATE") == ["14"]
    assert texts(rendered("zbozi/offer", sold_out), "DELIVERY_DATE") == ["-1"]
    assert texts(rendered("zbozi/offer", replace(MUG, delivery_days=3)), "DELIVERY_DATE") == ["3"]


@pytest.mark.parametrize("feed", ["heureka", "zbozi", "glami"])
def test_delivery_prices_are_those_of_the_setting(feed: str) -> None:
    content = rendered(f"{feed}/offer", MUG, deliveries=DELIVERIES)
    assert load_schema(f"{feed}/products").check(content, record="offer HRNEK-1") == ()
    assert texts(content, "DELIVERY_ID") == ["PPL", "BALIKOVNA_DEPOTAPI"]
    assert texts(content, "DELIVERY_PRICE") == ["89", "59"]
    assert texts(content, "DELIVERY_PRICE_COD") == ["119.50"]


def test_variants_name_the_group_that_they_share() -> None:
    offer = replace(MUG, group="HRNEK")
    assert texts(rendered("heureka/offer", offer), "ITEMGROUP_ID") == ["HRNEK"]
    assert texts(rendered("google/offer", offer), "item_group_id") == ["HRNEK"]
    assert texts(rendered("glami/offer", offer), "ITEMGROUP_ID") == ["HRNEK"]
    assert texts(rendered("zbozi/offer", offer), "ITEMGROUP_ID") == []
    assert texts(rendered("zbozi/offer", offer, groups="true"), "ITEMGROUP_ID") == ["HRNEK"]


def test_what_was_used_is_told_as_that() -> None:
    offer = replace(MUG, condition=ItemCondition.USED)
    assert texts(rendered("heureka/offer", offer), "ITEM_TYPE") == ["bazar"]
    assert texts(rendered("zbozi/offer", offer), "CONDITION") == ["used"]
    assert texts(rendered("google/offer", offer), "condition") == ["used"]
    assert texts(rendered("shoptet/offer", offer, names="true"), "ITEM_TYPE") == ["bazaar"]
    assert texts(rendered("google/offer", MUG), "condition") == ["new"]
    assert texts(rendered("heureka/offer", replace(MUG, condition=ItemCondition.NEW)), "ITEM_TYPE") == []


def test_a_product_has_at_most_eleven_pictures() -> None:
    many = replace(MUG, images=tuple(Image(url=f"https://www.example.cz/{n}.jpg") for n in range(20)))
    for feed, name in (("heureka", "IMGURL_ALTERNATIVE"), ("zbozi", "IMGURL_ALTERNATIVE")):
        assert len(texts(rendered(f"{feed}/offer", many), name)) == 10
    assert len(texts(rendered("google/offer", many), "additional_image_link")) == 10
    assert texts(rendered("arukereso/offer", many), "image_url_3") == ["https://www.example.cz/2.jpg"]
    for template, schema in FEEDS:
        assert load_schema(schema).check(rendered(template, many), record="offer HRNEK-1") == ()


@pytest.mark.parametrize("feed", ["heureka/offer", "zbozi/offer", "shoptet/offer", "glami/offer", "upgates/offer"])
def test_a_special_price_with_days_is_not_told_where_there_is_no_place_for_them(feed: str) -> None:
    dated = replace(SPECIAL, special_price_until=datetime(2026, 12, 24, 12, tzinfo=UTC))
    content = rendered(feed, dated)
    assert b"108.9" not in content
    assert b"121" in content
    assert b"108.9" in rendered(feed, SPECIAL)


def test_a_special_price_has_its_days_where_there_is_a_place_for_them() -> None:
    begin, end = datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 12, 24, 12, tzinfo=UTC)
    dated = replace(SPECIAL, special_price_from=begin, special_price_until=end)
    google = rendered("google/offer", dated)
    assert texts(google, "sale_price") == ["108.90 CZK"]
    assert texts(google, "sale_price_effective_date") == ["2026-12-01T00:00:00+00:00/2026-12-24T12:00:00+00:00"]
    assert load_schema("google/products").check(google, record="offer HRNEK-1") == ()
    shoprenter = rendered("shoprenter/offer", dated)
    assert texts(shoprenter, "dateFrom") == ["2026-12-01 00:00:00"]
    assert texts(shoprenter, "dateTo") == ["2026-12-24 12:00:00"]
    assert texts(rendered("shoprenter/offer", SPECIAL), "dateTo") == ["0000-00-00 00:00:00"]
    assert texts(rendered("google/offer", replace(dated, special_price_from=None)), "sale_price") == []


def test_the_day_from_which_it_can_be_had_is_told_of_what_has_no_pieces() -> None:
    day = datetime(2026, 12, 1, 10, 30, tzinfo=UTC)
    awaited = replace(MUG, quantity=D(0), available_from=day)
    assert texts(rendered("heureka/offer", awaited), "DELIVERY_DATE") == ["2026-12-01"]
    assert texts(rendered("zbozi/offer", awaited), "DELIVERY_DATE") == ["2026-12-01"]
    assert texts(rendered("heureka/offer", replace(awaited, quantity=D(1))), "DELIVERY_DATE") == ["0"]
    assert texts(rendered("google/offer", awaited), "availability") == ["out_of_stock"]
    backorder = rendered("google/offer", awaited, sold_out="backorder")
    assert texts(backorder, "availability") == ["backorder"]
    assert texts(backorder, "availability_date") == ["2026-12-01T10:30:00+00:00"]
    for feed in ("heureka", "zbozi", "google"):
        assert load_schema(f"{feed}/products").check(rendered(f"{feed}/offer", awaited), record="A") == ()


def test_the_availability_feed_tells_pieces_or_the_time_or_both() -> None:
    day = datetime(2026, 12, 1, 10, 30, tzinfo=UTC)
    both = rendered("heureka/offer-availability", Offer(sku="A", quantity=D(2), available_from=day))
    time = rendered("heureka/offer-availability", Offer(sku="A", available_from=day))
    assert (texts(both, "stock_quantity"), texts(both, "delivery_time")) == (["2"], ["2026-12-01 10:30"])
    assert (texts(time, "stock_quantity"), texts(time, "delivery_time")) == ([], ["2026-12-01 10:30"])
    for content in (both, time):
        assert load_schema("heureka/availability").check(content, record="offer A") == ()


def test_an_availability_without_pieces_or_time_is_told_and_not_written() -> None:
    with pytest.raises(ProblemsFound) as raised:
        rendered("heureka/offer-availability", Offer(sku="A"))
    assert [(problem.code, problem.field) for problem in raised.value.problems] == [("T004", "quantity")]


def test_google_is_told_whether_there_are_numbers_of_the_maker() -> None:
    assert texts(rendered("google/offer", MUG), "identifier_exists") == []
    nameless = replace(MUG, ean=None)
    assert texts(rendered("google/offer", nameless), "identifier_exists") == ["no"]
    assert texts(rendered("google/offer", replace(nameless, part_number="H-1")), "identifier_exists") == []
    assert texts(rendered("google/offer", replace(nameless, part_number="H-1")), "mpn") == ["H-1"]


def test_google_prices_have_two_places_and_a_currency() -> None:
    assert texts(rendered("google/offer", MUG), "price") == ["121.00 CZK"]
    with pytest.raises(ProblemsFound) as raised:
        rendered("google/offer", replace(MUG, currency=None))
    assert {problem.code for problem in raised.value.problems} == {"T004"}
    assert texts(rendered("google/offer", replace(MUG, currency=None), currency="EUR"), "price") == ["121.00 EUR"]


def test_googles_own_category_is_a_property_of_the_product() -> None:
    offer = replace(MUG, properties=(Property(name="Google", value="2169"), *MUG.properties))
    content = rendered("google/offer", offer, category_property="Google", details="true")
    assert texts(content, "google_product_category") == ["2169"]
    assert texts(content, "attribute_name") == ["Barva"]
    assert texts(rendered("google/offer", offer), "google_product_category") == []


def test_glami_gets_each_size_with_an_address_of_its_own_and_nothing_that_is_sold_out() -> None:
    size = replace(MUG, group="HRNEK", properties=(Property(name="Velikost", value="M"), *MUG.properties))
    content = rendered("glami/offer", size, parameters="true")
    assert texts(content, "URL") == ["https://www.example.cz/hrnek"]
    assert texts(content, "URL_SIZE") == ["https://www.example.cz/hrnek#HRNEK-1"]
    assert texts(content, "PARAM_NAME") == ["velikost", "Barva"]
    assert texts(content, "VAL") == ["M", "modrá"]
    for sold_out in (replace(size, quantity=D(0)), replace(size, quantity=None)):
        assert len(etree.fromstring(rendered("glami/offer", sold_out))) == 0


def test_arukereso_gets_both_prices_and_what_delivery_takes_and_costs() -> None:
    content = rendered("arukereso/offer", SPECIAL, in_stock_time="1 munkanap", delivery_cost="990")
    found = {element.tag: element.text for element in etree.fromstring(content)[0]}
    assert (found["price"], found["net_price"]) == ("108.9", "90")
    assert (found["delivery_time"], found["delivery_cost"]) == ("1 munkanap", "990")
    sold_out = replace(MUG, quantity=D(0))
    assert texts(rendered("arukereso/offer", sold_out), "delivery_time") == []
    assert texts(rendered("arukereso/offer", sold_out, sold_out_time="NO"), "delivery_time") == ["NO"]


def test_an_update_of_upgates_has_the_elements_of_the_hourly_import_and_none_is_empty() -> None:
    content = rendered("upgates/offer", replace(SPECIAL, availability="Skladem"), availability="true")
    product = etree.fromstring(content)[0]
    assert [element.tag for element in product] == ["CODE", "AVAILABILITY", "STOCK", "PRICES"]
    assert all(len(element) or element.text for element in product.iter())
    assert (texts(content, "PRICE_ORIGINAL"), texts(content, "PRICE_SALE")) == (["121"], ["108.9"])
    assert product.xpath("string(PRICES/PRICE/@language)") == "cs"
    assert [element.tag for element in etree.fromstring(rendered("upgates/offer", Offer(sku="A")))[0]] == ["CODE"]


def test_a_variant_is_told_within_its_product() -> None:
    variant = replace(MUG, group="HRNEK")
    nested = rendered("upgates/offer", variant)
    assert texts(nested, "CODE") == ["HRNEK", "HRNEK-1"]
    assert [element.tag for element in etree.fromstring(nested)[0]] == ["CODE", "VARIANTS"]
    assert texts(rendered("upgates/offer", variant, variants="plain"), "CODE") == ["HRNEK-1"]
    assert load_schema("upgates/products").check(nested, record="offer HRNEK-1") == ()


def test_texts_go_to_upgates_in_all_languages_of_the_shop_or_not_at_all() -> None:
    assert texts(rendered("upgates/offer", MUG), "TITLE") == []
    content = rendered("upgates/offer", MUG, texts=["cs", "sk"])
    assert etree.fromstring(content).xpath("//DESCRIPTION/@language") == ["cs", "sk"]
    assert load_schema("upgates/products").check(content, record="offer HRNEK-1") == ()


def test_a_special_price_of_nothing_ends_the_sale_of_upgates() -> None:
    content = rendered("upgates/offer", replace(MUG, special_price=Price(net=D(0), gross=D(0))))
    assert (texts(content, "PRICE_ORIGINAL"), texts(content, "PRICE_SALE")) == (["121"], ["121"])


@pytest.mark.parametrize(
    "feed", ["google/offer", "glami/offer", "arukereso/offer", "heureka/offer", "zbozi/offer"]
)
def test_a_product_without_an_address_is_told_with_the_field_and_not_written(feed: str) -> None:
    with pytest.raises(ProblemsFound) as raised:
        rendered(feed, replace(MUG, url=None))
    assert {(problem.code, problem.field) for problem in raised.value.problems} == {("T004", "url")}


@pytest.mark.parametrize("feed", ["google", "glami", "heureka", "zbozi"])
def test_a_product_without_a_picture_is_refused_by_the_schema_of_the_feed(feed: str) -> None:
    [problem] = load_schema(f"{feed}/products").check(
        rendered(f"{feed}/offer", replace(MUG, images=())), record="offer HRNEK-1"
    )
    assert problem.code == "X001"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the reference schemas are not beside the project")
@pytest.mark.parametrize("names", ["true", "false"])
def test_shoptets_own_schema_takes_what_is_written_for_it(names: str) -> None:
    grammar = SHARED / "shoptet" / "products-supplier-v10__norbertfabian-MakitoShoptetParser.rng"
    source = grammar.read_text(encoding="utf-8").replace(
        "products-datatype-v10.rng", "products-datatype-v10__norbertfabian-MakitoShoptetParser.rng"
    )
    schema = etree.RelaxNG(etree.fromstring(source.encode(), base_url=grammar.as_uri()))
    content = rendered("shoptet/offer", MUG, names=names)
    assert schema.validate(etree.fromstring(content)), schema.error_log


money = st.decimals("0.01", 10**6, places=2)
offers = st.builds(
    Offer,
    sku=st.from_regex(r"[A-Za-z0-9_-]{1,36}", fullmatch=True),
    name=st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=300).filter(
        str.strip
    ),
    url=st.just("https://www.example.cz/p"),
    images=st.lists(st.just(Image(url="https://www.example.cz/a.jpg")), min_size=1, max_size=3).map(tuple),
    category=st.just("Dům"),
    manufacturer=st.none() | st.text(st.characters(codec="utf-8", categories=("L",)), min_size=1, max_size=300),
    ean=st.none() | st.from_regex(r"[0-9]{13}", fullmatch=True),
    vat_rate=st.sampled_from([D(0), D(12), D(21)]),
    currency=st.just(CurrencyCode("CZK")),
    group=st.none() | st.just("GROUP"),
    special_price=st.none() | st.builds(lambda gross: Price(gross=gross, net=gross), money),
    price=st.builds(lambda gross: Price(gross=gross, net=(gross / D("1.21")).quantize(D("0.0001"))), money),
    quantity=st.integers(0, 10**6).map(D),
)


@pytest.mark.parametrize(("template", "schema"), FEEDS, ids=[name for name, _ in FEEDS])
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(offer=offers)
def test_any_whole_offer_is_valid(template: str, schema: str, offer: Offer) -> None:
    assert load_schema(schema).check(rendered(template, offer), record=offer.sku) == ()
