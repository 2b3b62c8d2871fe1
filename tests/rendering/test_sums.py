"""What POHODA will add an order up to is what the shop says, to the cent; what is not is told or refused."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gateway.documents import LineKind, Order, OrderLine, Price, PriceBasis, Totals, rounded
from gateway.rendering import RecordProblems, Template, load
from gateway.rendering.sums import RULES, remainder
from tests.rendering.conftest import Written
from tests.rendering.orders import LOOKUPS, SETTINGS, gross, identity, line, net, order, shipping_line

Write = Callable[..., Written]
CENT = Decimal("0.01")


def row(unit: str, quantity: str, total: str, **changed: Any) -> OrderLine:
    """A line at a price with VAT whose total is the shop's own."""
    return line(gross(unit), quantity=Decimal(quantity), total=gross(total), **changed)


def costs(total: str, *lines: OrderLine, rounding: str = "0", to_pay: str | None = None, **changed: Any) -> Order:
    """An order of these lines for which the shop says this total."""
    paid = Decimal(to_pay) if to_pay is not None else None
    return order(
        lines=lines, total=Totals(gross=Decimal(total), rounding=Decimal(rounding), to_pay=paid), **changed
    )


def sum_of(xml: Written) -> Decimal:
    """What POHODA makes of prices with VAT: rows rounded to cents, added up, and rounded by the rule."""
    rows = zip(xml.all("ord:orderItem/ord:quantity"), xml.all("typ:unitPrice"), strict=True)
    added = sum((rounded(Decimal(count) * Decimal(price), CENT) for count, price in rows), Decimal(0))
    rule = xml.one("ord:roundingDocument") or "none"
    if rule == "none":
        return added
    step, mode = RULES[rule]
    return (added / step).quantize(Decimal(1), rounding=mode) * step


def refused(template: Template, document: Order) -> list[tuple[str, str | None, str]]:
    with pytest.raises(RecordProblems) as caught:
        template.record(document, identity())
    return [(problem.code, problem.field, problem.message) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("unit", "quantity", "total", "leads_to"),
    [
        ("0.12345", "1000", "123.45", "123.5"),
        ("33.30", "3", "100", "99.9"),
        ("0.1235", "1000", "123.45", "123.5"),
    ],
)
def test_a_unit_price_that_does_not_lead_to_the_total_sets_the_order_aside(
    template: Template, unit: str, quantity: str, total: str, leads_to: str
) -> None:
    assert refused(template, costs(total, row(unit, quantity, total))) == [
        (
            "T017",
            "lines[1]",
            f"`lines[1]` costs {total} (gross) in the shop, but its unit price leads to {leads_to}",
        )
    ]


def test_such_an_order_is_sent_with_warnings_where_the_target_says_so(write: Write) -> None:
    xml = write(costs("123.45", row("0.12345", "1000", "123.45")), row_totals="warn")
    assert xml.one("typ:unitPrice") == "0.1235"
    assert [(n.code, n.level) for n in xml.notes] == [
        ("T018", "warning"),
        ("T014", "warning"),
        ("T017", "warning"),
    ]
    assert xml.notes[0].message == "the target will add the order up to 123.5, in the shop it costs 123.45"
    assert xml.notes[0].context == ("difference: -0.05 CZK",)


@pytest.mark.parametrize(("unit", "quantity", "total"), [("1.2345", "100", "123.45"), ("33.3333", "3", "100")])
def test_a_unit_price_with_four_places_that_leads_to_the_total_needs_nothing(
    write: Write, unit: str, quantity: str, total: str
) -> None:
    xml = write(costs(total, row(unit, quantity, total)))
    assert (len(xml.all("ord:orderItem")), xml.notes) == (1, ())
    assert sum_of(xml) == Decimal(total)


def test_a_cent_that_is_left_becomes_an_item(write: Write) -> None:
    xml = write(costs("100", row("33.33", "3", "100")))
    assert xml.all("ord:orderItem/ord:text") == ["Tričko modré L", "Zaokrouhlení"]
    assert xml.all("typ:unitPrice") == ["33.33", "0.01"]
    assert xml.all("ord:rateVAT") == ["high", "none"]
    assert xml.one("ord:roundingDocument") == "none"
    assert xml.notes == ()
    assert sum_of(xml) == 100


def test_a_cent_too_many_is_taken_off_in_slovak_words(write: Write) -> None:
    lines = (line(gross("16.67", "23"), quantity=Decimal(6), total=gross("100.01", "23"), vat_rate=Decimal(23)),)
    xml = write(costs("100.01", *lines, currency="EUR"), home_country="SK")
    assert xml.all("ord:orderItem/ord:text")[1:] == ["Zaokrúhlenie"]
    assert xml.all("ord:homeCurrency/typ:unitPrice") == ["16.67", "-0.01"]


def test_the_rest_may_be_told_only_or_be_left_out(write: Write) -> None:
    document = costs("100", row("33.33", "3", "100"))
    told = write(document, rest="note")
    assert (told.all("typ:unitPrice"), [(n.code, n.level) for n in told.notes]) == (
        ["33.33"],
        [("T018", "warning")],
    )
    ignored = write(document, rest="ignore")
    assert (ignored.all("typ:unitPrice"), ignored.notes) == (["33.33"], ())


def test_a_rest_that_pohodas_rule_swallows_needs_no_item(write: Write) -> None:
    xml = write(costs("100.40", row("33.46", "3", "100.39"), rounding="-0.40"))
    assert (xml.all("typ:unitPrice"), xml.one("ord:roundingDocument")) == (["33.46"], "math2one")
    assert sum_of(xml) == 100


def test_a_rest_that_would_turn_pohodas_rule_becomes_an_item(write: Write) -> None:
    xml = write(costs("100.50", row("33.4967", "3", "100.50"), row("0", "1", "0"), rounding="0.50"))
    assert sum_of(xml) == 101
    xml = write(costs("100.50", row("50.245", "2", "100.49"), rounding="0.50"))
    assert (xml.all("typ:unitPrice"), xml.one("ord:roundingDocument")) == (["50.245", "0.01"], "math2one")
    assert sum_of(xml) == 101


def test_a_rounding_item_holds_the_rest_too(write: Write) -> None:
    xml = write(costs("100", row("33.33", "3", "100"), rounding="-3.20"))
    assert xml.all("typ:unitPrice") == ["33.33", "-3.19"]
    assert sum_of(xml) == Decimal("96.80")


def test_the_amount_to_pay_counts_where_it_is_the_orders(write: Write) -> None:
    xml = write(costs("331", line(), shipping_line(), to_pay="331.01"))
    assert xml.all("typ:unitPrice") == ["242", "89", "0.01"]


def test_an_amount_to_pay_that_a_deposit_lowered_does_not_count(write: Write) -> None:
    xml = write(costs("331", line(), shipping_line(), to_pay="131"))
    assert (xml.all("typ:unitPrice"), xml.notes) == (["242", "89"], ())


@pytest.mark.parametrize("total", ["331", "330.60"])
def test_a_rounding_line_may_be_counted_in_the_total_or_not(write: Write, total: str) -> None:
    off = line(gross("-0.40", "0"), kind=LineKind.ROUNDING, name="Zaokrouhlení", sku=None, vat_rate=Decimal(0))
    xml = write(costs(total, line(), shipping_line(), off, rounding="-0.40"))
    assert (xml.all("typ:unitPrice"), xml.notes) == (["242", "89", "-0.4"], ())


def test_more_than_a_cent_a_line_is_told_and_not_written(write: Write) -> None:
    xml = write(costs("335", line(), shipping_line()))
    assert xml.all("typ:unitPrice") == ["242", "89"]
    assert [(n.code, n.message) for n in xml.notes] == [
        ("T018", "the target will add the order up to 331, in the shop it costs 335")
    ]


def test_in_forints_a_rest_is_whole_or_broken_and_the_sum_is_the_shops(write: Write) -> None:
    document = costs("1000", row("333.33", "3", "1000"), currency="HUF")
    xml = write(document)
    assert xml.all("ord:foreignCurrency/typ:unitPrice") == ["333.33", "0.01"]


def test_for_prices_without_vat_a_difference_is_told_and_not_written(write: Write) -> None:
    # 3 x 0.33 is 0.99 without VAT, 1.20 with it
    lines = (line(net("0.33"), quantity=Decimal(3), total=Price(net=Decimal("0.99"), gross=Decimal("1.19"))),)
    xml = write(costs("1.19", *lines))
    assert xml.all("typ:unitPrice") == ["0.33"]
    assert [(n.code, n.message) for n in xml.notes] == [
        ("T018", "the target will add the order up to 1.2, in the shop it costs 1.19")
    ]


def test_vat_is_added_per_rate_and_not_per_line() -> None:
    lines = tuple(line(net("0.12")) for _ in range(5))  # 0.1452 each: 0.75 rounded by lines, 0.73 together
    assert remainder(costs("0.73", *lines), "none", "as_given") is None
    left = remainder(costs("0.75", *lines), "none", "as_given")
    assert left is not None
    assert (left.target, left.shop, left.item) == (Decimal("0.73"), Decimal("0.75"), None)


def test_prices_without_vat_at_no_rate_are_as_good_as_with_it() -> None:
    free = Price(net=Decimal("33.33"), gross=Decimal("33.33"), basis=PriceBasis.NET)
    whole = Price(net=Decimal(100), gross=Decimal(100), basis=PriceBasis.NET)
    lines = (line(free, quantity=Decimal(3), total=whole, vat_rate=Decimal(0)),)
    left = remainder(costs("100", *lines), "none", "as_given")
    assert left is not None
    assert left.item == CENT


_lines = st.lists(
    st.tuples(
        st.decimals("0.01", 5000, places=2),
        st.integers(1, 30),
        st.sampled_from(["-0.01", "0", "0.01"]).map(Decimal),
    ),
    min_size=1,
    max_size=6,
)


@given(rows=_lines, rounds=st.booleans())
def test_whatever_the_cents_are_the_sum_is_the_shops(
    rows: list[tuple[Decimal, int, Decimal]], rounds: bool
) -> None:
    lines = [row(str(unit), str(count), str(unit * count + off)) for unit, count, off in rows]
    total = sum((item.total.gross for item in lines if item.total.gross is not None), Decimal(0))
    off = rounded(total, Decimal(1)) - total if rounds else Decimal(0)
    document = costs(str(total), *lines, rounding=str(off))
    rendered = _TEMPLATE.whole(document, identity())
    assert rendered.notes == ()
    xml = Written(etree.fromstring(_TEMPLATE.encode(rendered.text)), ())
    assert sum_of(xml) == total + off


_TEMPLATE = load("pohoda/order", settings=SETTINGS, lookups=LOOKUPS)
