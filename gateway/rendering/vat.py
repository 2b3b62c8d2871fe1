"""Which slot of the accounting program a VAT rate belongs to, by country and date; and how a total was rounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

import msgspec

from gateway.rendering.sums import RULES, Charged, has_rounding_line

_HISTORY = {"high": "historyHigh", "low": "historyLow", "third": "historyThird"}


class Period(msgspec.Struct, frozen=True):
    """The rates of one country from a day on: percentages by slot (`high`, `low`, `third`)."""

    start: date
    rates: tuple[tuple[str, Decimal], ...]


class VatRates(msgspec.Struct, frozen=True):
    """The rates of several countries; the periods of each stand with the latest first."""

    countries: Mapping[str, tuple[Period, ...]]

    @classmethod
    def from_data(cls, data: Mapping[str, Sequence[Mapping[str, str]]]) -> VatRates:
        """Read `{CZ: [{from: 2024-01-01, high: 21, low: 12}]}`. Raises ValueError for what is no date."""
        return cls({country: _periods(rows) for country, rows in data.items()})

    def slot(self, rate: Decimal, day: date | None, country: str) -> str | None:
        """The slot of a rate: `none` for 0, `high`/`low`/`third` where it was in force on that day (without a day:
        where it is the latest), `historyHigh` and so on where it was at the nearest other time, None where the
        country never had it.
        """
        if not rate:
            return "none"
        periods = self.countries.get(country, ())
        current = next((period for period in periods if day is None or period.start <= day), None)
        if current is None:
            return None
        nearest = [current, *(p for p in periods if p.start < current.start)]
        nearest += [p for p in reversed(periods) if p.start > current.start]
        for period in nearest:
            for slot, percent in period.rates:
                if percent == rate:
                    return slot if period is current else _HISTORY[slot]
        return None


_TRIED = ("math2one", "math5cent", "math2tenth", "math2half", "up2one", "down2one")


def abroad(slot: str | None) -> str | None:
    """How POHODA has a rate of another country: as a historical one, high for the standard rate, else low."""
    if slot is None or slot == "none":
        return slot
    return "historyHigh" if slot in ("high", "historyHigh") else "historyLow"


def rounding_rule(order: Charged) -> str:
    """POHODA's rounding rule that turns the total into the amount to pay (type.xsd, typeRoundingDocument).

    `none` where nothing was rounded or a line carries the rounding already; `item` where no rule leads to the
    shop's amount, so that the difference must be written as an item of its own.
    """
    if not order.total.rounding or has_rounding_line(order):
        return "none"
    gross = order.total.gross
    if gross is None:
        return "item"
    wanted = gross + order.total.rounding
    # euro prices are rounded to five cents where cash is paid, crowns to whole ones
    names = sorted(_TRIED, key=lambda name: name != "math5cent") if order.currency == "EUR" else _TRIED
    for name in names:
        if gross < 0 and not name.startswith("math"):
            continue  # nobody knows which way up is in a credit note
        step, mode = RULES[name]
        if (gross / step).quantize(Decimal(1), rounding=mode) * step == wanted:
            return name
    return "item"


def _periods(rows: Sequence[Mapping[str, str]]) -> tuple[Period, ...]:
    periods = []
    for row in rows:
        rates = tuple((slot, Decimal(percent)) for slot, percent in row.items() if slot != "from")
        unknown = [slot for slot, _ in rates if slot not in _HISTORY]
        if unknown:
            raise ValueError(f"`{unknown[0]}` is not a slot")
        periods.append(Period(date.fromisoformat(row["from"]), rates))
    return tuple(sorted(periods, key=lambda period: period.start, reverse=True))
