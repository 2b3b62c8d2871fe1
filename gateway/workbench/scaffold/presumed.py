"""VAT rates that a sample does not have: the standard one of the buyer's country, or of the shop's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from gateway.mapping.tables import vat_rate_of
from gateway.mapping.times import time_reader
from gateway.mapping.unreadable import Unreadable
from gateway.workbench.scaffold.amounts import Presumed
from gateway.workbench.scaffold.guess import Guess
from gateway.workbench.scaffold.survey import Leaf, Survey
from gateway.workbench.scaffold.values import country

_UTC = ZoneInfo("UTC")


def presumed_rates(survey: Survey, guesses: Sequence[Guess]) -> list[Presumed]:
    """What the rate may be by where the buyer is, and by where the shop is."""
    leaves = {leaf.path: leaf for leaf in survey.leaves}
    known = {guess.field: [leaves[path] for path in guess.used if path in leaves] for guess in guesses}
    days = [_day(texts) for texts in _texts(known.get("ordered_at", ()), len(survey.records))]
    countries = [_country(texts) for texts in _texts(known.get("billing.country", ()), len(survey.records))]
    return list(_presumed(countries, days)) if any(countries) and all(days) else []


def _presumed(countries: Sequence[str | None], days: Sequence[datetime | None]) -> Iterator[Presumed]:
    of_buyer = tuple(_standard(where, day) for where, day in zip(countries, days, strict=True))
    yield Presumed("vat_rate(billing.country, 'standard', ordered_at)", of_buyer)
    [(shop, _)] = Counter(each for each in countries if each is not None).most_common(1)
    if any(_standard(shop, day) is not None for day in days):
        of_shop = tuple(_standard(shop, day) for day in days)
        yield Presumed(f"vat_rate('{shop}', 'standard', ordered_at)", of_shop)


def _texts(leaves: Sequence[Leaf], records: int) -> Iterator[list[str]]:
    return ([leaf.values[number] for leaf in leaves if leaf.values[number]] for number in range(records))


def _standard(where: str | None, day: datetime | None) -> Decimal | None:
    return vat_rate_of(where, "standard", day) if where is not None and day is not None else None


def _country(texts: Sequence[str]) -> str | None:
    return next((found for text in texts if (found := country(text)) is not None), None)


def _day(texts: Sequence[str]) -> datetime | None:
    for text in texts:
        try:
            return time_reader((), _UTC)(text, lambda _: None)
        except Unreadable:
            continue
    return None
