"""Offers as the files of shops and comparison sites: valid for any offer, or refused with a problem."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from gateway.documents import Image, Offer, Price, Property
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
    price=Price(net=D(100), gross=D(121)),
    quantity=D(5),
    properties=(Property(name="Barva", value="modrá"),),
)


def rendered(template: str, offer: Offer, **told: str) -> bytes:
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
    price=st.builds(lambda gross: Price(gross=gross, net=(gross / D("1.21")).quantize(D("0.0001"))), money),
    quantity=st.integers(0, 10**6).map(D),
)


@pytest.mark.parametrize(("template", "schema"), FEEDS, ids=[name for name, _ in FEEDS])
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(offer=offers)
def test_any_whole_offer_is_valid(template: str, schema: str, offer: Offer) -> None:
    assert load_schema(schema).check(rendered(template, offer), record=offer.sku) == ()
