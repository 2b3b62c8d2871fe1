"""Orders that are taxed in another state: One Stop Shop, a registration there, and neither."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from gateway.documents import LineKind, Order
from gateway.rendering import RecordProblems, load
from tests.rendering.conftest import Written
from tests.rendering.orders import LOOKUPS, SETTINGS, company, gross, identity, line, order, party, shipping_line

Write = Callable[..., Written]


def to(country: str, rate: str, **changed: object) -> Order:
    """An order of a person in another state, at that state's rate."""
    lines = (line(gross("123", rate), vat_rate=Decimal(rate)),)
    return order(**{"billing": party(country=country), "lines": lines, "currency": "EUR"} | changed)


def refused(document: Order, **settings: str) -> list[tuple[str, str, str | None]]:
    template = load("pohoda/order", settings=SETTINGS | settings, lookups=LOOKUPS)
    with pytest.raises(RecordProblems) as caught:
        template.record(document, identity(document))
    return [(problem.code, problem.message, problem.help) for problem in caught.value.problems]


def test_an_order_under_one_stop_shop(write: Write) -> None:
    # given an order of a person in Slovakia, with goods, shipping and something free
    lines = (
        line(gross("123", "23"), vat_rate=Decimal(23)),
        line(gross("105", "5"), vat_rate=Decimal(5)),
        shipping_line(vat_rate=Decimal(23)),
        line(gross("0", "0"), vat_rate=Decimal(0), kind=LineKind.GIFT),
    )

    # when
    document = to("SK", "23", lines=lines)
    xml = write(document, {**LOOKUPS, "oss_service": {"shipping": "SL"}}, foreign_vat="oss")

    # then
    assert xml.one("ord:MOSS/typ:ids") == "SK"
    assert xml.all("ord:evidentiaryResourcesMOSS/typ:ids") == ["A"]
    assert xml.all("ord:rateVAT") == ["historyHigh", "historyLow", "historyHigh", "none"]
    assert xml.all("ord:percentVAT") == ["23", "5", "23"]
    assert xml.all("ord:typeServiceMOSS/typ:ids") == ["GD", "GD", "SL"]
    assert xml.one("ord:regVATinEU") is None


def test_without_the_setting_nothing_is_taxed_abroad(write: Write) -> None:
    assert refused(to("SK", "23")) == [
        (
            "T012",
            "23 % is no VAT rate of CZ on 2026-11-21",
            "correct the rate in the mapping, or set `foreign_vat: history` where it is another country's rate",
        )
    ]
    xml = write(to("SK", "23"), foreign_vat="history")
    assert (xml.one("ord:rateVAT"), xml.one("ord:MOSS")) == ("historyHigh", None)


def test_a_rate_that_the_other_state_does_not_have_is_refused() -> None:
    assert refused(to("SK", "21"), foreign_vat="oss") == [
        (
            "T012",
            "21 % is no VAT rate of SK on 2026-11-21",
            "VAT of that country is due: correct the rate in the shop",
        )
    ]


@pytest.mark.parametrize("country", ["FR", "GR"])
def test_rates_of_a_state_that_nobody_listed_are_taken_as_they_are(write: Write, country: str) -> None:
    xml = write(to(country, "24"), {**LOOKUPS, "oss_country": {"GR": "EL"}}, foreign_vat="oss")
    assert xml.one("ord:MOSS/typ:ids") == {"FR": "FR", "GR": "EL"}[country]
    assert (xml.one("ord:rateVAT"), xml.one("ord:percentVAT")) == ("historyHigh", "24")


def test_companies_and_other_parts_of_the_world_are_not_under_one_stop_shop(write: Write) -> None:
    with_number = company(country="SK", vat_id="SK2020317068")
    with_company = company(country="SK", vat_id=None)
    assert write(to("SK", "0", billing=with_number), foreign_vat="oss").one("ord:MOSS") is None
    assert write(to("SK", "23", billing=with_company), foreign_vat="oss").one("ord:MOSS/typ:ids") == "SK"
    xml = write(to("SK", "0", billing=with_company), foreign_vat="oss", abroad_customers="persons")
    assert xml.one("ord:MOSS") is None
    assert write(to("CH", "0"), foreign_vat="oss").one("ord:MOSS") is None
    assert write(order(), foreign_vat="oss").one("ord:MOSS") is None
    assert refused(to("CH", "8.1"), foreign_vat="oss")[0][1] == "8.1 % is no VAT rate of CZ on 2026-11-21"


def test_where_the_goods_go_counts_and_not_who_pays(write: Write) -> None:
    at_home = to("CZ", "23", delivery=party(country="SK", city="Žilina"))
    assert write(at_home, foreign_vat="oss").one("ord:MOSS/typ:ids") == "SK"
    fetched = to("SK", "21", delivery=party(country="CZ", city="Brno"))
    assert write(fetched, foreign_vat="oss").one("ord:MOSS") is None
    nowhere = to("SK", "23", delivery=party(country=None, city="Žilina"))
    assert write(nowhere, foreign_vat="oss").one("ord:MOSS/typ:ids") == "SK"


def test_a_registration_in_another_state_goes_before_one_stop_shop(write: Write) -> None:
    xml = write(to("DE", "7"), {**LOOKUPS, "vat_registration": {"DE": "DE reg"}}, foreign_vat="oss")
    assert xml.one("ord:regVATinEU/typ:ids") == "DE reg"
    assert xml.one("ord:MOSS") is None
    assert (xml.one("ord:rateVAT"), xml.one("ord:percentVAT")) == ("historyLow", "7")
    assert xml.one("ord:typeServiceMOSS") is None


def test_the_shops_number_may_be_the_orders_own(write: Write) -> None:
    xml = write(order(), order_numbers="shop", number_series="26OP")
    assert xml.one("ord:number/typ:numberRequested") == "2026000124"
    assert xml.one("ord:number/typ:ids") is None
