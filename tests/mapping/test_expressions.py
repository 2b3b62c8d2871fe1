"""Expressions: Jinja's grammar, a closed list of names, decimals and never floats."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.documents import PaymentMethod
from gateway.mapping import Reading
from gateway.mapping.expressions import BadExpression, Expression, compile_expression
from gateway.mapping.fields import Field
from gateway.mapping.functions import FILTERS, FUNCTIONS, TESTS, Function, as_text
from tests.mapping.conftest import ROOT, changed, faults, loaded, order, orders

Read = Callable[..., list[Reading]]

KNOWN = {
    "status": Field("status", "text"),
    "exchange_rate": Field("exchange_rate", "number"),
    "payment.method": Field("payment.method", "code", PaymentMethod),
    "payment.paid": Field("payment.paid", "yes/no"),
    "ordered_at": Field("ordered_at", "time"),
}
FIELDS: dict[str, Any] = {
    "status": "Nová",
    "exchange_rate": Decimal("25.15"),
    "payment": {"method": PaymentMethod.CARD, "paid": True},
}
TEXTS = {"PRICE": "1 210,50 Kč", "TYPE": "Billing", "COUNT": "3"}
NOTHING_ELSE = (
    "nothing can be called but `text('PATH')` and `number('PATH')`, with a literal path, and "
    "`min(…)`, `max(…)`, `sum(…)`, `vat_rate(…)`, `vat_rate_between(…)`"
)
REGISTRY = [*FILTERS.values(), *TESTS.values(), *FUNCTIONS.values()]


def value_of(source: str, value: str | None = None) -> Any:
    return compile_expression(source, KNOWN).evaluate(FIELDS, lambda path: TEXTS.get(path, ""), value)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1.10", Decimal("1.1")),
        ("0.1 + 0.2 == 0.3", True),
        ("1 / 2", Decimal("0.5")),
        ("7 // 2", 3),
        ("-7 + 2 * 3 % 4", -5),
        ("number('PRICE') * 2", Decimal("2421.00")),
        ("number('MISSING')", None),
        ("text('MISSING')", ""),
        ("text('MISSING') or text('TYPE')", "Billing"),
        ("text('TYPE') | lower == 'billing'", True),
        ("'x' if number('COUNT') > 5 else 'y'", "y"),
        ("'x' if payment.paid", "x"),
        ("payment.method == 'card'", True),
        ("payment.method in ('cash', 'card')", True),
        ("payment.method not in ['cash']", True),
        ("status is not none and status[:1] == 'N'", True),
        ("ordered_at is defined", False),
        ("'a' ~ 1.50 ~ none ~ true", "a1.5true"),
        ("'a' + 'b'", "ab"),
        ("value[0] ~ value[-1] ~ value[9]", "Ak"),
        ("value[1:-1]", "nová"),
        ("1 < number('COUNT') <= 3", True),
        ("2.345 | round(2)", Decimal("2.35")),
        ("(0 - 2.345) | round(2)", Decimal("-2.35")),
        ("1250 | round(-2)", Decimal(1300)),
        ("not value", False),
        ("'b' in text('TYPE')", False),
        ("'%s' ~ value", "%sAnovák"),
    ],
)
def test_an_expression_has_a_value(source: str, expected: Any) -> None:
    found = value_of(source, "Anovák")
    assert found == expected
    assert type(found) is type(expected) or isinstance(found, str)


@pytest.mark.parametrize("function", REGISTRY, ids=lambda each: f"{each.role}-{each.name}")
def test_every_function_does_what_its_example_says(function: Function) -> None:
    assert as_text(value_of(function.example)) == function.result


@pytest.mark.parametrize("function", REGISTRY, ids=lambda each: f"{each.role}-{each.name}")
def test_the_language_reference_lists_every_function(function: Function) -> None:
    assert function.reference() in (ROOT / "docs/mapping.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("street", "name", "number"),
    [
        ("Dlouhá 12", "Dlouhá", "12"),
        ("17. listopadu 1234/5a", "17. listopadu", "1234/5a"),
        ("náměstí 28. října 104/17", "náměstí 28. října", "104/17"),
        ("ul. Długa 5 m. 3", "ul. Długa", "5 m. 3"),
        ("Fő utca 12.", "Fő utca", "12."),
        ("Hauptstraße, 7", "Hauptstraße", "7"),
        ("Lhota 45", "Lhota", "45"),
        ("Bez čísla", "Bez čísla", ""),
        ("123", "123", ""),
        ("", "", ""),
    ],
)
def test_a_house_number_is_told_from_its_street(street: str, name: str, number: str) -> None:
    assert (value_of("value | street", street), value_of("value | house_number", street)) == (name, number)


@pytest.mark.parametrize(
    ("text", "code"), [("1 210,50 Kč", "CZK"), ("€ 5", "EUR"), ("6400 Ft", "HUF"), ("12,- zł", "PLN"), ("12", "")]
)
def test_a_currency_is_told_from_its_amount(text: str, code: str) -> None:
    assert value_of("value | currency", text) == code


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("staus == 'x'", "`staus` is not known in this condition", "there is a field with a similar name"),
        ("value | uper", "there is no filter `uper`", "there is a filter with a similar name: `upper`"),
        ("value | float", "there is no filter `float`", "there "),
        ("value is digit", "there is no test `digit`", "there is a test with a similar name: `digits`"),
        ("text('PRICE') > 5", "a text is compared with a number", "write `number('PATH')`, or `… | number`"),
        ("payment.paid == 'ano'", "a yes/no is compared with a text", ""),
        ("text('PRICE') * 2", "arithmetic goes with numbers, not with a text", "write `number('PATH')`"),
        ("payment.method == 'crd'", "`crd` is not a code of PaymentMethod", "there is a code with a similar name"),
        ("payment.method in ('card', 'x')", "`x` is not a code of PaymentMethod", "the codes are "),
        ("value | before", "`before` is written otherwise", "write it like `'Jan Novák' | before(' ')`"),
        ("value | before(1)", "`before` takes a text there, not a number", "write it like"),
        ("value | before(separator=' ')", "arguments have no names here", "write them in their order"),
        ("text('A') | round", "`round` takes a number there, not a text", "write it like `2.345 | round(2)`"),
        ("value[::2]", "brackets take a number or a slice, such as `value[:2]`", ""),
        ("value['x']", "brackets take a number or a slice, such as `value[:2]`", ""),
        ("number('A')[0]", "brackets go with texts, not with a number", ""),
        ("{'a': 1}", "a condition cannot hold `dict`", ""),
        ("text(value)", "`text(…)` takes one literal path, such as `text('TOTAL/WITH_VAT')`", ""),
        ("range(9)", NOTHING_ELSE, ""),
        ("1e999", "the number is too large", ""),
        ("value ==", "the condition does not compile: unexpected ')'", ""),
        ("value) }}{{ (1", "the condition is not one expression", ""),
        ("'a', 'b'", "the condition is not one expression", ""),
        ("-" * 1500 + "1", "the condition is nested too deep", ""),
        ("1" * 2001, "the condition has 2001 characters, at most 2000 are taken", ""),
    ],
)  # fmt: skip
def test_a_fault_is_found_when_the_mapping_is_loaded(source: str, message: str, hint: str) -> None:
    with pytest.raises(BadExpression) as raised:
        compile_expression(source, KNOWN)
    assert raised.value.message == message
    assert (raised.value.hint or "").startswith(hint)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("number('MISSING') > 5", "a value that it needs is not there"),
        ("exchange_rate / (exchange_rate - exchange_rate) > 1", "it divides by zero"),
        ("1 / 0 > 1", "it divides by zero"),
        ("(value or 5) * 2 > 1", "a text stands where a number is needed"),
        ("value | pad(999)", "`pad` fills with one character, to at most 100"),
    ],
)
def test_values_that_do_not_fit_are_told(source: str, why: str) -> None:
    with pytest.raises(BadExpression) as raised:
        value_of(source, "text")
    assert raised.value.message == f"the condition `{source}` cannot be evaluated: {why}"


def test_the_python_source_stands_alone() -> None:
    expression = compile_expression(
        "payment.method == 'card' and number('PRICE') > 1.5 and value | upper == text('TYPE')", KNOWN
    )
    assert expression.names == ("payment.method",)
    assert expression.paths == ("PRICE", "TYPE")
    assert expression.python == (
        "(((f_payment__method == 'card') and (number_of(t_0) > d_1)) and (filter_upper(value) == t_1))"
    )
    assert sorted(expression.constants) == ["d_1", "filter_upper", "number_of"]
    variables = {"value": "kč", "f_payment__method": "card", "t_0": "2", "t_1": "KČ"}
    assert eval(expression.python, {**expression.constants, **variables}) is True


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_stays_a_text(text: str, other: str) -> None:
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    expression: Expression = (
        compile_expression(f"value ~ '{quoted}'", {})
        if "\\" not in text
        else (compile_expression("value ~ ''", {}))
    )
    found = expression.evaluate({}, lambda _path: "", other)
    assert found.startswith(other)
    if "\\" not in text and not {"\r", "\n"} & set(text):
        assert found == other + text


# -- compute -------------------------------------------------------------------------------------------------


def test_computed_fields_are_read_as_their_type(read: Read) -> None:
    text = changed(
        "currency: CURRENCY",
        "currency: {compute: \"text('TOTAL') | currency\", default: EUR}\n"
        "  exchange_rate: {compute: \"number('RATE') / 100\", when: \"text('RATE') is number\"}\n"
        "  cancelled: {compute: \"text('CODE') is starting_with 'X'\"}\n"
        "  status: {compute: \"'paid' if currency == 'CZK' else 'open'\"}\n"
        "  payment.name: {compute: \"text('PAYMENT') | word(1) | upper\"}",
    )
    [reading] = read(orders(order(TOTAL="121,00 Kč", RATE="2515")), loaded(text))
    assert reading.document is not None, reading.problems
    found = reading.document
    assert (found.currency, found.exchange_rate, found.cancelled) == ("CZK", Decimal("25.15"), False)
    assert (found.status, found.payment.name) == ("paid", "DOBÍRKA")
    [other] = read(orders(order("X1", TOTAL="121,00")), loaded(text))
    assert other.document is not None
    assert (other.document.currency, other.document.exchange_rate, other.document.cancelled) == ("EUR", None, True)


def test_a_computed_text_goes_through_a_lookup_and_can_be_required(read: Read) -> None:
    text = changed(
        "{path: PAYMENT, lookup: payment}", "{compute: \"text('PAYMENT') | before(' -')\", lookup: payment}"
    )
    [reading] = read(orders(order(PAYMENT="Dobírka - PPL")), loaded(text))
    assert reading.document is not None
    assert reading.document.payment.method == "cash_on_delivery"
    required = changed(
        "billing.name: NAME", "billing.name: {compute: \"text('NAME') | after('/')\", required: true}"
    )
    [missing] = read(orders(order()), loaded(required))
    assert next(problem.message for problem in missing.problems) == (
        "`billing.name` is missing: there is nothing in `NAME`"
    )


def test_rows_can_use_fields_of_the_record(read: Read) -> None:
    text = changed(
        "name: NAME, quantity",
        "kind: {value: shipping, when: \"currency == 'CZK' and name == 'Doprava'\"}, "
        "name: {compute: \"text('NAME') ~ ' ' ~ currency ~ ' ' ~ payment.method\"}, quantity",
    ).replace("kind: {value: shipping, when: \"currency == 'CZK' and name == 'Doprava'\"}, ", "")
    [reading] = read(orders(order()), loaded(text))
    assert reading.document is not None, reading.problems
    assert reading.document.lines[0].name == "Deka CZK cash_on_delivery"


def test_a_name_of_the_row_hides_that_of_the_record(read: Read) -> None:
    said = faults(changed("vat_rate: VAT", "vat_rate: {compute: 'total.gross', when: 'status is none'}"))
    assert "error[M013]: `total.gross` is not known in this expression" in said


def test_an_expression_that_meets_nothing_points_at_its_path(read: Read) -> None:
    mapping = loaded(changed("customer_note: NOTE", "exchange_rate: {compute: \"number('RATE') / 100\"}"))
    [reading] = read(orders(order(RATE="much")), mapping)
    [problem] = reading.problems
    assert (problem.code, problem.message) == ("D002", "`much` is not a number")
    assert problem.span is not None
    assert problem.span.text == "  <RATE>much</RATE>"
    [none] = read(orders(order()), mapping)
    assert [(each.code, each.message) for each in none.problems] == [
        ("D017", "the expression `number('RATE') / 100` cannot be evaluated: a value that it needs is not there")
    ]


def test_compute_has_no_value_of_its_own() -> None:
    said = faults(changed("customer_note: NOTE", "customer_note: {compute: value | upper}"))
    assert "error[M013]: `value` is not known in this expression" in said
    assert "use `text('PATH')`, or a canonical field that stands before it at the same level" in said
