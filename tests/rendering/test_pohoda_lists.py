"""What POHODA is sent for its address book, its stock list and its price levels."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gateway.documents import Offer, Price
from gateway.rendering import Identity, RecordProblems, load
from tests.rendering.conftest import Written
from tests.rendering.invoices import contact, contacts, offer, offers
from tests.rendering.orders import LOOKUPS, SETTINGS, company, gross, net, party

Write = Callable[..., Written]
TEXTS = st.one_of(st.text(max_size=60), st.just("Žluťoučký kůň & spol. <b>"))
STEADY = partial(
    hypothesis_settings,
    max_examples=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
)


@pytest.fixture
def write_contact(write_with: Write) -> Write:
    return partial(write_with, "pohoda/contact")


@pytest.fixture
def write_offer(write_with: Write) -> Write:
    return partial(write_with, "pohoda/offer")


@pytest.fixture
def write_level(write_with: Write) -> Write:
    return partial(write_with, "pohoda/offer-price_levels")


def refused(name: str, document: Offer, **settings: str) -> list[tuple[str, str]]:
    template = load(name, settings=SETTINGS | settings, lookups=LOOKUPS)
    with pytest.raises(RecordProblems) as caught:
        template.record(document, Identity.of("shop", "offer", document.sku))
    return [(problem.code, problem.message) for problem in caught.value.problems]


# -- the address book


def test_a_contact_is_added_or_changed_where_it_came_from_the_same_shop(write_contact: Write) -> None:
    # given
    document = contact(billing=company(), group="VIP", price_level="VOC", maturity_days=14, shop_note="platí")

    # when
    xml = write_contact(document)

    # then
    assert xml.one("adb:add/@update") == "true"
    assert xml.one("ftr:filter/ftr:extId/typ:ids") == "cust-9"
    assert xml.one("ftr:filter/ftr:extId/typ:exSystemName") == "shoptet-main"
    assert xml.one("adb:identity/typ:extId/typ:ids") == "cust-9"
    assert xml.one("typ:address/typ:company") == "Žluťoučký kůň s.r.o."
    assert xml.one("typ:address/@linkToAddress") is None
    assert (xml.one("typ:address/typ:ico"), xml.one("typ:address/typ:dic")) == ("87654321", "CZ87654321")
    assert (xml.one("adb:phone"), xml.one("adb:mobil")) == ("+420777123456", None)
    assert xml.one("adb:email") == "jan@example.cz"
    assert (xml.one("adb:adGroup"), xml.one("adb:priceIDS"), xml.one("adb:maturity")) == ("VIP", "VOC", "14")
    assert xml.one("adb:p2") == "true"
    assert xml.one("adb:intNote") == "platí"


def test_a_contact_may_be_found_by_its_company_number(write_contact: Write) -> None:
    by_number = write_contact(contact(billing=company()), contact_match="company_id", contact_action="update")
    assert by_number.one("adb:update/ftr:filter/ftr:ico") == "87654321"
    assert by_number.one("ftr:extId") is None
    a_person = write_contact(contact(), contact_match="company_id", contact_action="update", phone="mobile")
    assert a_person.one("adb:update/ftr:filter/ftr:extId/typ:ids") == "cust-9"
    assert (a_person.one("adb:phone"), a_person.one("adb:mobil")) == (None, "+420777123456")


def test_a_contact_that_is_only_added_is_not_looked_for(write_contact: Write) -> None:
    xml = write_contact(contact(delivery=party(name="Eva Nová", city="Praha")), contact_action="add")
    assert xml.all("ftr:filter") == []
    assert xml.one("adb:add/@update") is None
    assert xml.one("typ:shipToAddress/typ:name") == "Eva Nová"


@STEADY()
@given(
    data=st.data(), action=st.sampled_from(("add", "update", "add_or_update")), home=st.sampled_from(("CZ", "SK"))
)
def test_any_contact_is_written_as_a_valid_file(
    write_contact: Write, data: st.DataObject, action: str, home: str
) -> None:
    xml = write_contact(data.draw(contacts(TEXTS)), contact_action=action, home_country=home)
    assert xml.one("adb:p2") == "true"


# -- the stock list


def test_an_offer_changes_only_what_it_has(write_offer: Write) -> None:
    # given an offer of a price alone
    document = offer(name=None, quantity=None, vat_rate=None)

    # when
    xml = write_offer(document)

    # then
    assert xml.one("stk:update/ftr:filter/ftr:code") == "TRICKO-L"
    assert xml.one("stk:sellingPrice") == "242"
    assert xml.one("stk:sellingPrice/@payVAT") == "true"
    assert xml.all("stk:stockHeader/*") == ["242", "true"]


def test_an_offer_changes_all_that_it_has_but_the_quantity(write_offer: Write) -> None:
    # given
    document = offer(
        ean="8590000000017", supplement="bavlna", unit="ks", manufacturer="Tkalcovna", description="Krátký\npopis",
        for_sale=True, on_internet=False, price=net("200"),
    )  # fmt: skip

    # when
    xml = write_offer(document)

    # then
    assert xml.one("stk:EAN") == "8590000000017"
    assert (xml.one("stk:isSales"), xml.one("stk:isInternet")) == ("true", "false")
    assert (xml.one("stk:sellingRateVAT"), xml.one("stk:purchasingRateVAT")) == ("high", None)
    assert (xml.one("stk:name"), xml.one("stk:nameComplement")) == ("Tričko modré L", "bavlna")
    assert (xml.one("stk:unit"), xml.one("stk:producer")) == ("ks", "Tkalcovna")
    assert xml.one("stk:description") == "Krátký\npopis"
    assert (xml.one("stk:sellingPrice"), xml.one("stk:sellingPrice/@payVAT")) == ("200", "false")
    assert xml.all("stk:count") == []
    assert xml.one("stk:code") is None
    assert xml.one("stk:stockType") is None


def test_a_new_card_needs_its_place_and_its_price_group(write_offer: Write) -> None:
    xml = write_offer(
        offer(),
        stock_action="add_or_update",
        storage="ZBOŽÍ/Trička",
        price_group="SK",
        stock_filter="code_and_storage",
    )
    assert xml.one("stk:add/@update") == "true"
    assert xml.one("ftr:filter/ftr:storage/typ:ids") == "ZBOŽÍ/Trička"
    assert (xml.one("stk:stockType"), xml.one("stk:code")) == ("card", "TRICKO-L")
    assert (xml.one("stk:purchasingRateVAT"), xml.one("stk:sellingRateVAT")) == ("high", "high")
    assert xml.one("stk:storage/typ:ids") == "ZBOŽÍ/Trička"
    assert xml.one("stk:typePrice/typ:ids") == "SK"
    assert refused("pohoda/offer", offer(name=None), stock_action="add") == [
        ("T004", "`name` is empty, and the template writes it"),
        ("T004", "`settings.storage` is empty, and the template writes it"),
        ("T004", "`settings.price_group` is empty, and the template writes it"),
    ]


def test_a_card_may_be_looked_for_in_one_store(write_offer: Write) -> None:
    xml = write_offer(offer(), stock_filter="code_and_store", store="HLAVNÍ")
    assert xml.one("ftr:filter/ftr:store/typ:ids") == "HLAVNÍ"
    assert refused("pohoda/offer", offer(), stock_filter="code_and_store") == [
        ("T004", "`settings.store` is empty, and the template writes it")
    ]


def test_a_rate_that_is_not_in_force_any_more_is_refused() -> None:
    assert refused("pohoda/offer", offer(vat_rate=Decimal(15))) == [("T012", "15 % is no VAT rate of CZ")]
    assert refused("pohoda/offer", offer(vat_rate=Decimal(27))) == [("T012", "27 % is no VAT rate of CZ")]


@STEADY()
@given(data=st.data(), action=st.sampled_from(("add", "update", "add_or_update")))
@pytest.mark.parametrize("home", ["CZ", "SK"])
def test_any_offer_is_written_as_a_valid_file(
    write_offer: Write, data: st.DataObject, action: str, home: str
) -> None:
    document = data.draw(offers(TEXTS, home))
    xml = write_offer(document, stock_action=action, home_country=home, storage="Z", price_group="SK")
    assert len(xml.all("stk:stockHeader")) == 1


# -- price levels


def test_a_price_level_gets_the_price_of_the_offer(write_level: Write) -> None:
    xml = write_level(offer(), level="VOC", store="HLAVNÍ")
    assert xml.one("dis:stockItem/typ:store/typ:ids") == "HLAVNÍ"
    assert xml.one("dis:stockItem/typ:stockItem/typ:ids") == "TRICKO-L"
    assert xml.one("dis:filter/dis:priceLevel/typ:ids") == "VOC"
    assert xml.one("dis:price") == "242"


def test_a_price_level_may_get_the_special_price_without_vat(write_level: Write) -> None:
    document = offer(special_price=gross("121"))
    xml = write_level(document, level="AKCE", level_price="special_price", level_vat="net")
    assert xml.one("dis:price") == "100"


def test_a_price_level_of_a_set_is_written_into_its_card(write_level: Write) -> None:
    xml = write_level(offer(), level="VOC", level_by="stock", stock_filter="code_and_store", store="HLAVNÍ")
    assert xml.one("stk:update/ftr:filter/ftr:store/typ:ids") == "HLAVNÍ"
    assert xml.one("stk:stockPrice/typ:ids") == "VOC"
    assert xml.one("stk:stockPrice/typ:price") == "242"


def test_a_price_level_without_its_name_or_price_is_refused() -> None:
    name = "pohoda/offer-price_levels"
    assert refused(name, offer()) == [("T004", "`settings.level` is empty, and the template writes it")]
    assert refused(name, offer(), level="VOC", level_price="special_price") == [
        ("T004", "what stands before `.gross` is empty")
    ]
    assert refused(name, offer(price=Price(net=Decimal(1))), level="VOC") == [
        ("T004", "`amount_of_level` is empty, and the template writes it")
    ]


@STEADY()
@given(data=st.data(), way=st.sampled_from(("discount", "stock")))
def test_any_price_level_is_written_as_a_valid_file(write_level: Write, data: st.DataObject, way: str) -> None:
    xml = write_level(data.draw(offers(TEXTS)), level="VOC", level_by=way, level_price="special_price")
    assert xml.all("dis:price") + xml.all("stk:stockPrice/typ:price") == ["1.21"]


def test_all_shipped_templates_are_rendered_quickly() -> None:
    for name in ("order", "invoice", "contact", "offer", "offer-price_levels"):
        template = load(f"pohoda/{name}", settings=SETTINGS, lookups=LOOKUPS)
        assert template._quick("record") is not None, name
