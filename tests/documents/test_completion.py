"""Orders are completed: missing prices are derived, sums are checked."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.documents import KINDS, PriceBasis, decode, differences, encode, fingerprint, rounded
from gateway.documents.completion import complete_order, complete_price, rate_between

D = Decimal
CENT = D("0.01")
RATES = st.sampled_from([D(rate) for rate in (0, 5, 9, 10, 12, 15, 19, 21, 23, 27)])
PRICES = st.decimals(min_value=-100_000, max_value=100_000, places=2)


def values(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "number": "1001",
        "ordered_at": datetime(2026, 11, 20, 8, 5, tzinfo=UTC),
        "currency": "CZK",
        "billing": {"name": "Otakar Havránek", "country": "CZ"},
        "lines": [line()],
    }
    whole.update(changes)
    return whole


def line(**changes: Any) -> dict[str, Any]:
    whole = {"name": "Deka", "quantity": D(2), "unit_price": {"gross": D("121.00")}, "vat_rate": D(21)}
    whole.update(changes)
    return {name: value for name, value in whole.items() if value is not None}


def codes(**changes: Any) -> list[tuple[str, str]]:
    document, findings = complete_order(values(**changes))
    assert (document is None) == any(finding.level == "error" for finding in findings)
    return [(finding.code, finding.field) for finding in findings]


@given(PRICES, RATES)
def test_a_net_price_from_gross_leads_back_to_gross(gross: Decimal, rate: Decimal) -> None:
    price, found, lack = complete_price(None, gross, rate)
    assert price is not None
    assert lack is None
    assert found == rate
    assert price.net is not None
    assert price.basis is PriceBasis.GROSS
    assert price.given == gross
    assert rounded(price.net * (1 + rate / 100), CENT) == gross


@given(PRICES, RATES)
def test_a_gross_price_from_net_is_within_its_rounding(net: Decimal, rate: Decimal) -> None:
    price, _, _ = complete_price(net, None, rate)
    assert price is not None
    assert price.gross is not None
    assert price.given == net
    assert abs(price.gross - net * (1 + rate / 100)) <= D("0.00005")


@given(st.decimals(min_value=10, max_value=100_000, places=2), RATES)
def test_the_rate_is_found_between_net_and_gross(net: Decimal, rate: Decimal) -> None:
    gross = rounded(net * (1 + rate / 100), CENT)
    assume(net != gross or rate == 0)
    assert rate_between(net, gross) == rate


def test_both_prices_given_are_kept_and_gross_counts() -> None:
    price, _, _ = complete_price(D("100.01"), D("121.00"), D(21))
    assert price is not None
    assert (price.net, price.gross, price.basis) == (D("100.01"), D("121.00"), PriceBasis.GROSS)


@pytest.mark.parametrize(
    ("net", "gross", "rate", "lack"),
    [
        (None, None, D(21), "there is neither a net nor a gross price"),
        (None, D(121), None, "there is no VAT rate, and only one of net and gross to tell it from"),
        (D("100.00"), D("121.40"), None, "no whole VAT rate leads from net 100.00 to gross 121.40"),
    ],
)
def test_a_price_that_cannot_be_told(net: Decimal, gross: Decimal, rate: Decimal, lack: str) -> None:
    assert complete_price(net, gross, rate) == (None, rate, lack)


def test_a_whole_order_has_lines_and_totals_with_net_and_gross() -> None:
    document, findings = complete_order(values())
    assert document is not None
    assert findings == ()
    assert document.lines[0].total.gross == D("242.00")
    assert (document.total.net, document.total.gross) == (D("200.00"), D("242.00"))
    assert document.delivery is None
    assert document.exchange_amount == 1


def test_what_an_order_cannot_be_without() -> None:
    assert codes(number=None, currency=None, ordered_at=None, billing={"city": "Brno"}, lines=[]) == [
        ("D001", "number"),
        ("D001", "ordered_at"),
        ("D001", "currency"),
        ("D001", "billing.name"),
        ("D001", "lines"),
    ]


def test_every_bad_line_is_found() -> None:
    bad = [line(name=None), line(vat_rate=D(210)), line(unit_price={}), line(vat_rate=None)]
    assert codes(lines=bad) == [
        ("D001", "lines[1].name"),
        ("D012", "lines[2].vat_rate"),
        ("D011", "lines[3].unit_price"),
        ("D011", "lines[4].unit_price"),
    ]


def test_the_unit_price_comes_from_the_total_of_the_line_where_it_is_missing() -> None:
    document, _ = complete_order(values(lines=[line(unit_price=None, total={"gross": D("242.00")})]))
    assert document is not None
    assert document.lines[0].unit_price.gross == D("121.0000")


@pytest.mark.parametrize(
    ("total", "fits"), [("242.00", True), ("242.01", True), ("242.02", False), ("241.99", True)]
)
def test_totals_may_differ_by_one_minor_unit_a_line(total: str, fits: bool) -> None:
    assert codes(total={"gross": D(total)}) == ([] if fits else [("D007", "total.gross")])


def test_forints_may_differ_by_one_forint_a_line() -> None:
    assert codes(currency="HUF", total={"gross": D(243)}) == []
    assert codes(currency="HUF", total={"gross": D(244)}) == [("D007", "total.gross")]


def test_the_declared_rounding_widens_what_may_differ() -> None:
    assert codes(total={"gross": D("242.40"), "rounding": D("0.40")}) == []


def test_a_mismatch_can_be_a_warning() -> None:
    document, findings = complete_order(values(total={"gross": D(999)}), on_totals="warn")
    assert document is not None
    assert [finding.level for finding in findings] == ["warning"]


def test_a_negative_total_is_no_order() -> None:
    assert codes(total={"gross": D(-1)}) == [("D008", "total.gross")]


def test_documents_survive_storage_and_fingerprints_see_what_counts() -> None:
    document, _ = complete_order(values(total={"gross": D("242.00")}))
    again, _ = complete_order(values(total={"gross": D("242.0")}, status="Vyřízena", customer_note="x"))
    other, _ = complete_order(values(lines=[line(quantity=D(3))]))
    assert document is not None
    assert again is not None
    assert other is not None
    assert decode("order", encode(document)) == document
    assert fingerprint("order", decode("order", encode(again))) == fingerprint("order", document)
    assert fingerprint("order", again) == fingerprint("order", document)
    assert fingerprint("order", other) != fingerprint("order", document)
    assert ("lines[1].quantity", "2", "3") in differences("order", document, other)
    assert KINDS["order"].key_of(document) == "1001"


@pytest.mark.parametrize(
    ("quantity", "unit", "total", "fits"),
    [
        ("3", "230.00", "690.00", True),
        ("3", "230.00", "230.00", False),
        ("3", "33.33", "100.00", True),  # the shop rounded the unit price
        ("1", "99.90", "99.90", True),
        ("7", "14.2857", "100.00", True),
        ("2", "100.00", "180.00", False),  # the unit price is the one before a discount
    ],
)
def test_a_row_whose_total_is_not_quantity_times_unit_price_is_told(
    quantity: str, unit: str, total: str, fits: bool
) -> None:
    row = line(quantity=D(quantity), unit_price={"gross": D(unit)}, total={"gross": D(total)})
    assert codes(lines=[row]) == ([] if fits else [("D018", "lines[1].total")])


def test_a_row_that_does_not_fit_its_total_may_be_a_warning() -> None:
    row = line(quantity=D(3), unit_price={"gross": D("230.00")}, total={"gross": D("230.00")})
    order, findings = complete_order(values(lines=[row]), on_totals="warn")
    assert order is not None
    assert [(finding.code, finding.level) for finding in findings] == [("D018", "warning")]
    assert findings[0].message == "`Deka`: 3 x 230.00 is 690.00, the row's total says 230.00"


def test_a_unit_price_that_is_told_from_the_rows_total_fits_it() -> None:
    row = line(quantity=D(3), unit_price=None, total={"gross": D("100.00")})
    assert codes(lines=[row]) == []


def test_amounts_that_cannot_be_computed_with_are_a_finding() -> None:
    huge = D(10) ** 17
    document, findings = complete_order(
        values(lines=[line(quantity=huge, unit_price={"gross": huge}, total=None)])
    )
    assert document is None
    assert [(each.code, each.message) for each in findings] == [
        ("D020", "the amounts are too large or too small to be computed with exactly")
    ]
