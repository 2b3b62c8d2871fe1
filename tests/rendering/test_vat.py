"""VAT slots by country and date, and the rule behind a rounded total."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from gateway.documents import LineKind, Totals
from gateway.library import find
from gateway.rendering.vat import VatRates, rounding_rule
from gateway.yamlfile import read
from tests.rendering.orders import line, order


@pytest.fixture(scope="module")
def rates() -> VatRates:
    path = find("templates", "pohoda/vat_rates", ".yaml")
    assert path is not None
    return VatRates.from_data(read(path).data)


@pytest.mark.parametrize(
    ("country", "day", "rate", "slot"),
    [
        ("CZ", "2026-11-21", "21", "high"),
        ("CZ", "2026-11-21", "12", "low"),
        ("CZ", "2026-11-21", "12.00", "low"),
        ("CZ", "2026-11-21", "0", "none"),
        ("CZ", "2026-11-21", "15", "historyLow"),
        ("CZ", "2026-11-21", "10", "historyThird"),
        ("CZ", "2023-12-31", "10", "third"),
        ("CZ", "2023-12-31", "12", "historyLow"),
        ("CZ", "2011-06-01", "10", "low"),
        ("CZ", "2026-11-21", "23", None),
        ("SK", "2026-11-21", "23", "high"),
        ("SK", "2026-11-21", "19", "low"),
        ("SK", "2026-11-21", "5", "third"),
        ("SK", "2026-11-21", "20", "historyHigh"),
        ("SK", "2024-12-31", "20", "high"),
        ("SK", "2024-12-31", "23", "historyHigh"),
        ("SK", "2005-01-01", "19", None),
        ("DE", "2026-11-21", "19", "high"),
        ("FR", "2026-11-21", "20", None),
    ],
)
def test_a_rate_has_the_slot_of_its_country_and_day(
    rates: VatRates, country: str, day: str, rate: str, slot: str | None
) -> None:
    assert rates.slot(Decimal(rate), date.fromisoformat(day), country) == slot


@pytest.mark.parametrize(
    ("currency", "gross", "rounding", "rule"),
    [
        ("CZK", "100.40", "0", "none"),
        ("CZK", "100.40", "-0.40", "math2one"),
        ("CZK", "100.50", "0.50", "math2one"),
        ("CZK", "100.60", "-0.60", "down2one"),
        ("CZK", "100.40", "0.60", "up2one"),
        ("EUR", "10.02", "-0.02", "math5cent"),
        ("EUR", "10.03", "0.02", "math5cent"),
        ("CZK", "100.44", "-0.04", "math2tenth"),
        ("CZK", "100.40", "5", "item"),
    ],
)
def test_the_rule_leads_from_the_total_to_the_amount_to_pay(
    currency: str, gross: str, rounding: str, rule: str
) -> None:
    total = Totals(gross=Decimal(gross), rounding=Decimal(rounding))
    assert rounding_rule(order(currency=currency, total=total)) == rule


def test_a_line_that_carries_the_rounding_needs_no_rule() -> None:
    total = Totals(gross=Decimal("100.40"), rounding=Decimal("-0.40"))
    lines = (line(), line(kind=LineKind.ROUNDING, name="Zaokrouhlení", vat_rate=Decimal(0)))
    assert rounding_rule(order(lines=lines, total=total)) == "none"
