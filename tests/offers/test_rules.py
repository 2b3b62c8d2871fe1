"""Rules: from all that is known of one code to what a target is told of it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.documents import (
    ItemCondition,
    LevelPrice,
    Offer,
    Price,
    PriceBasis,
    Product,
    ProductPrice,
    Property,
    StockLevel,
)
from gateway.offers import (
    BadRules,
    CannotWorkOut,
    Known,
    LeftOut,
    RulesModel,
    RuleTestModel,
    compile_rules,
    rule_tests,
    run_rule_test,
)

D = Decimal
GROSS = Price(gross=D("121.00"), net=D("100.0000"))


def worked_out(known: Known, **rules: Any) -> Offer:
    offer = compile_rules(RulesModel.model_validate(rules)).work_out(known)
    assert isinstance(offer, Offer)
    return offer


def card(warehouse: str = "", **fields: Any) -> Product:
    return Product(sku="A", warehouse=warehouse, **fields)


def test_pieces_are_added_up_over_all_warehouses_without_what_is_reserved() -> None:
    known = Known("A", (card("MAIN", quantity=D(5), reserved=D(2)), card("SHOP", quantity=D(1))))
    assert worked_out(known).quantity == D(4)
    assert worked_out(known, count="all").quantity == D(6)


def test_only_chosen_warehouses_count_and_a_stock_level_counts_like_a_card() -> None:
    known = Known(
        "A",
        (card("MAIN", quantity=D(5)), card("SERVICE", quantity=D(9))),
        (StockLevel(sku="A", warehouse="SUPPLIER", quantity=D(20)),),
    )
    assert worked_out(known, warehouses=["MAIN", "SUPPLIER"]).quantity == D(25)


def test_a_warehouse_holds_what_lies_below_it() -> None:
    known = Known("A", (card("ZBOŽÍ/Hrnky", quantity=D(5)), card("ZBOŽÍ2", quantity=D(9))))
    assert worked_out(known, warehouses="ZBOŽÍ").quantity == D(5)


def test_where_no_chosen_warehouse_says_anything_nothing_is_told_of_the_pieces() -> None:
    known = Known("A", (card("MAIN", quantity=D(5)),))
    assert worked_out(known, warehouses="SHOP").quantity is None


def test_what_is_gone_counts_as_no_pieces() -> None:
    known = Known("A", (card("MAIN", quantity=D(5)),), gone_products=(card("SHOP", quantity=D(2)),))
    assert worked_out(known).quantity == D(5)
    assert not known.is_gone
    assert worked_out(Known("A", gone_products=(card(quantity=D(2)),))).quantity == D(0)


def test_what_is_oversold_is_no_pieces_unless_another_least_is_said() -> None:
    known = Known("A", (card(quantity=D(1), reserved=D(3)),))
    assert worked_out(known).quantity == D(0)
    assert worked_out(known, at_least="-10").quantity == D(-2)


def test_whole_pieces_are_rounded_down() -> None:
    known = Known("A", (card(quantity=D("2.9")),))
    assert worked_out(known, whole_pieces=True).quantity == D(2)


def test_the_price_is_that_of_the_chosen_level() -> None:
    levels = (LevelPrice(level="Internet", price=Price(gross=D(110))), LevelPrice(level="B2B", price=GROSS))
    known = Known("A", (card(vat_rate=D(21), price=GROSS, prices=levels),))
    assert worked_out(known).price == Price(net=D(100), gross=D(121))
    internet = worked_out(known, price_level="Internet").price
    assert internet is not None
    assert (internet.gross, internet.net) == (D(110), D("90.9091"))


def test_a_level_that_a_product_does_not_have_gives_no_price() -> None:
    assert worked_out(Known("A", (card(price=GROSS),)), price_level="Internet").price is None


def test_the_price_is_that_of_the_chosen_warehouse() -> None:
    known = Known("A", (card("MAIN", price=GROSS), card("SHOP", price=Price(gross=D(99), net=D("81.82")))))
    price = worked_out(known, price_warehouse="SHOP").price
    assert price is not None
    assert price.gross == D(99)


def test_prices_of_their_own_input_come_before_those_of_cards() -> None:
    apart = ProductPrice(sku="A", price=Price(gross=D(50), net=D("41.3223")))
    price = worked_out(Known("A", (card(price=GROSS),), (), (apart,))).price
    assert price is not None
    assert price.gross == D(50)


def test_prices_in_another_currency_are_left_aside() -> None:
    euro = ProductPrice(sku="A", currency="EUR", price=Price(gross=D(5)))  # type: ignore[arg-type]
    known = Known("A", (card(price=GROSS, currency="CZK"),), (), (euro,))
    offer = worked_out(known, currency="CZK")
    assert (offer.price.gross if offer.price else None, offer.currency) == (D(121), "CZK")


def test_markup_is_percent_and_may_depend_on_the_product() -> None:
    known = Known("A", (card(vat_rate=D(21), price=GROSS, manufacturer="Hrnčírna"),))
    price = worked_out(known, markup="10 if manufacturer == 'Hrnčírna' else 0").price
    assert price is not None
    assert (price.gross, price.net) == (D("133.1"), D(110))


def test_a_price_is_rounded_with_vat_and_the_net_one_follows() -> None:
    known = Known("A", (card(vat_rate=D(21), price=Price(net=D("83.47"), basis=PriceBasis.NET)),))
    price = worked_out(known, round_to="5").price
    assert price is not None
    assert (price.gross, price.net) == (D(100), D("82.6446"))


def test_a_special_price_comes_from_a_level_of_its_own() -> None:
    known = Known(
        "A", (card(vat_rate=D(21), price=GROSS, prices=(LevelPrice(level="Akce", price=Price(gross=D(99))),)),)
    )
    special = worked_out(known, special_price_level="Akce").special_price
    assert special is not None
    assert special.gross == D(99)


UNTIL = datetime(2026, 12, 24, 12, tzinfo=UTC)


def test_a_special_price_keeps_its_days_and_one_of_a_level_has_none() -> None:
    special = Price(gross=D("108.90"))
    dated = card(price=GROSS, special_price=special, special_price_until=UNTIL)
    assert worked_out(Known("A", (dated,))).special_price_until == UNTIL
    level = replace(dated, prices=(LevelPrice(level="SALE", price=Price(gross=D("99"))),))
    offer = worked_out(Known("A", (level,)), special_price_level="SALE")
    assert (offer.special_price and offer.special_price.gross, offer.special_price_until) == (D("99"), None)


def test_a_special_price_that_is_not_told_has_no_days() -> None:
    dear = card(price=GROSS, special_price=Price(gross=D("130")), special_price_until=UNTIL)
    assert worked_out(Known("A", (dear,))).special_price_until is None
    dated = card(price=GROSS, special_price=Price(gross=D("99")), special_price_until=UNTIL)
    assert worked_out(Known("A", (dated,)), without_price="true").special_price_until is None


def test_days_are_taken_off_or_set_by_a_rule() -> None:
    dated = Known("A", (card(price=GROSS, special_price=Price(gross=D("99")), special_price_until=UNTIL),))
    assert worked_out(dated, fields={"special_price_until": "none"}).special_price_until is None
    assert worked_out(dated, fields={"available_from": "special_price_until"}).available_from == UNTIL
    told = worked_out(dated, fields={"available_from": "'2026-12-24T13:00:00+01:00'"})
    assert told.available_from == UNTIL
    with pytest.raises(CannotWorkOut) as raised:
        worked_out(dated, fields={"available_from": "'2026-12-24'"})
    assert raised.value.message == "`available_from` cannot be made of it: `2026-12-24` names no zone"


def test_the_selling_price_can_be_the_special_one_of_a_dearer_level() -> None:
    standard = LevelPrice(level="STANDARD_PRICE", price=Price(gross=D("150")))
    offer = worked_out(
        Known("A", (card(price=GROSS, prices=(standard,)),)), price_level="STANDARD_PRICE", special_price_level=""
    )
    assert offer.price is not None
    assert offer.special_price is not None
    assert (offer.price.gross, offer.special_price.gross) == (D(150), D(121))


def test_what_variants_share_and_the_makers_number_come_from_the_first_card_that_has_them() -> None:
    known = Known("A", (card("MAIN"), card("SHOP", group="G", part_number="P", condition=ItemCondition.USED)))
    offer = worked_out(known, leave_out="condition == 'new'", fields={"name": "group ~ '-' ~ part_number"})
    assert (offer.name, offer.condition) == ("G-P", ItemCondition.USED)


def test_an_example_may_have_days() -> None:
    example = RuleTestModel.model_validate(
        {
            "name": "days",
            "products": [
                {
                    "sku": "A",
                    "price.gross": "121",
                    "special_price.gross": "99",
                    "special_price_until": "2026-12-24T12:00:00+00:00",
                }
            ],
            "expect": {"special_price_until": "2026-12-24T12:00:00+00:00"},
        }
    )
    [test] = rule_tests([example])
    assert run_rule_test(compile_rules(RulesModel()), test).passed


def test_fields_are_worked_out_by_expressions_in_their_order() -> None:
    known = Known("A", (card(name="Hrnek", quantity=D(0), vat_rate=D(21), price=GROSS),))
    offer = worked_out(
        known,
        fields={
            "delivery_days": "0 if quantity > 0 else 7",
            "name": "name ~ ' (na objednávku)' if delivery_days > 0 else name",
            "special_price.gross": "(price.gross * 0.9) | round(0)",
        },
    )
    assert (offer.delivery_days, offer.name) == (7, "Hrnek (na objednávku)")
    assert offer.special_price is not None
    assert offer.special_price.gross == D(109)


def test_what_one_supplier_lacks_says_nothing_of_anothers_pieces_in_a_warehouse_of_that_name() -> None:
    known = Known("A", (card(quantity=D(5)),), gone_products=(card(quantity=D(9)),))
    assert worked_out(known).quantity == D(5)


def test_prices_in_two_currencies_are_no_guess() -> None:
    euro = ProductPrice(sku="A", currency="EUR", price=Price(gross=D(4)))  # type: ignore[arg-type]
    known = Known("A", (card(price=GROSS, currency="CZK"),), (), (euro,))
    with pytest.raises(CannotWorkOut) as caught:
        worked_out(known)
    assert caught.value.message == "prices in CZK and EUR are known of it, and no `currency` says which"


def test_the_currency_is_that_of_the_price_that_is_told() -> None:
    euro = ProductPrice(sku="A", currency="EUR", price=Price(gross=D(4)))  # type: ignore[arg-type]
    offer = worked_out(Known("A", (card(name="Hrnek", currency="CZK"),), (), (euro,)))
    assert (offer.price.gross if offer.price else None, offer.currency) == (D(4), "EUR")


@pytest.mark.parametrize(
    ("price", "rules", "said"),
    [
        ("3", {"round_to": "10"}, "`round_to: 10` makes nothing of the price 3"),
        ("121", {"markup": "0 - 150"}, "`price` becomes negative"),
        ("1e29", {"markup": "10"}, "an amount is too large or too small to be computed with"),
    ],
)
def test_what_is_no_price_is_told_and_not_sent(price: str, rules: dict[str, Any], said: str) -> None:
    with pytest.raises(CannotWorkOut) as caught:
        worked_out(Known("A", (card(vat_rate=D(21), price=Price(gross=D(price))),)), **rules)
    assert caught.value.message == said


def test_a_special_price_that_is_not_lower_is_none() -> None:
    known = Known("A", (card(vat_rate=D(21), price=GROSS, special_price=Price(gross=D(150))),))
    assert worked_out(known).special_price is None


def test_another_vat_rate_derives_the_other_side_anew() -> None:
    price = worked_out(Known("A", (card(vat_rate=D(21), price=GROSS),)), fields={"vat_rate": "12"}).price
    assert price is not None
    assert (price.gross, price.net) == (D(121), D("108.0357"))


def test_a_user_field_is_read_by_its_name() -> None:
    known = Known("A", (card(quantity=D(1), properties=(Property(name="VPrInternet", value="ne"),)),))
    rules = compile_rules(RulesModel(leave_out="text('VPrInternet') == 'ne'"))
    assert rules.work_out(known) == LeftOut("`leave_out` holds")


@pytest.mark.parametrize(("rule", "left"), [("without_price", (None, D(1))), ("without_quantity", (D(121), None))])
def test_price_or_quantity_can_be_kept_back_product_by_product(rule: str, left: tuple[D | None, D | None]) -> None:
    offer = worked_out(Known("A", (card(quantity=D(1), price=GROSS),)), **{rule: "sku in ['A', 'B']"})
    assert (offer.price.gross if offer.price else None, offer.quantity) == left


def test_all_that_is_wrong_with_rules_is_said_at_once() -> None:
    rules = RulesModel(markup="'ten'", leave_out="wieght > 30", fields={"quantitty": "1", "name": "name |"})
    with pytest.raises(BadRules) as caught:
        compile_rules(rules)
    assert [(rule.place, rule.message, rule.hint) for rule in caught.value.rules] == [
        (("markup",), "the markup is a text, a number of percent is needed", None),
        (
            ("leave_out",),
            "`wieght` is not known in this condition",
            "there is a field with a similar name that stands before it: `weight`",
        ),
        (
            ("fields", "quantitty"),
            "`quantitty` is no field of an offer",
            "there is a field with a similar name: `quantity`",
        ),
        (("fields", "name"), "the rule does not compile: expected token 'name', got ')'", None),
    ]


def test_a_value_that_does_not_fit_its_field_names_rule_and_cause() -> None:
    rules = compile_rules(RulesModel(fields={"delivery_days": "name"}))
    with pytest.raises(CannotWorkOut) as caught:
        rules.work_out(Known("A", (card(name="Hrnek"),)))
    assert caught.value.rule == ("fields", "delivery_days")
    assert caught.value.message.startswith("`delivery_days` cannot be made of it: ")


def test_an_example_beside_the_rules_says_what_differs() -> None:
    rules = compile_rules(RulesModel(markup="10"))
    example = {"sku": "A", "quantity": "5", "price.gross": "100", "vat_rate": "21"}
    given = {"name": "markup", "products": [example], "expect": {"quantity": 5, "price.gross": "105"}}
    (test,) = rule_tests([RuleTestModel.model_validate(given)])
    assert run_rule_test(rules, test).differences == ("price.gross: expected `105`, it is `110`",)


def test_an_example_may_say_that_a_product_is_left_out() -> None:
    rules = compile_rules(RulesModel(leave_out="quantity < 2"))
    given = {"name": "few", "products": [{"sku": "A", "quantity": "1"}], "expect": "left out"}
    (test,) = rule_tests([RuleTestModel.model_validate(given)])
    assert run_rule_test(rules, test).passed


@given(
    pieces=st.lists(
        st.tuples(st.decimals(0, 10**6, places=3), st.decimals(0, 10**6, places=3)), min_size=1, max_size=5
    )
)
def test_pieces_never_depend_on_the_order_of_rows_and_are_never_negative(pieces: list[tuple[D, D]]) -> None:
    rows = tuple(card(f"W{at}", quantity=there, reserved=promised) for at, (there, promised) in enumerate(pieces))
    forth, back = worked_out(Known("A", rows)).quantity, worked_out(Known("A", rows[::-1])).quantity
    assert forth == back
    assert forth == max(D(0), sum((there - promised for there, promised in pieces), D(0)))


@given(
    gross=st.decimals("20", 10**7, places=2),
    percent=st.integers(-50, 300),
    step=st.sampled_from(["0.01", "0.5", "1", "10"]),
)
def test_a_marked_up_price_is_a_multiple_of_its_step_and_near_the_exact_one(
    gross: D, percent: int, step: str
) -> None:
    known = Known("A", (card(vat_rate=D(21), price=Price(gross=gross)),))
    markup = f"0 + {percent}" if percent >= 0 else f"0 - {-percent}"
    price = worked_out(known, markup=markup, round_to=step).price
    assert price is not None
    assert price.gross is not None
    assert price.gross % D(step) == 0
    assert abs(price.gross - gross * (100 + percent) / 100) <= D(step) / 2 + D("0.0001")
