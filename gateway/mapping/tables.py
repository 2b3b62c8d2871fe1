"""Shared data beside the mappings: lookup tables that mappings include, and VAT rates by country and day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import msgspec

from gateway import library, yamlfile
from gateway.diagnostics import Problem, Span
from gateway.errors import ProblemsFound
from gateway.mapping.complaints import Complaints
from gateway.mapping.language import RatesModel, TableModel

VAT_RATES = "shared/vat_rates"


class Table(msgspec.Struct, frozen=True):
    """A shared lookup table: its rows, and the text of its file."""

    rows: Mapping[str, str]
    text: str


def read_table(name: str, site: Path | None, asked_at: Span | None) -> Table:
    """Read a table by its name, such as `shared/units`. Raises ProblemsFound."""
    path = _found(name, site, asked_at)
    shown_as = yamlfile.shorten(path)
    return _table(yamlfile.read_text(path, shown_as=shown_as), shown_as)


@lru_cache(maxsize=64)
def _table(text: str, shown_as: str) -> Table:
    """The table of a text. Most mappings of a site include the same few."""
    file = yamlfile.parse(text, shown_as)
    complaints = Complaints.about(file)
    model = complaints.validated(TableModel, file.data, (), "the table")
    if model is None:
        raise ProblemsFound(complaints.problems)
    return Table({key: str(code) for key, code in model.rows.items() if code is not None}, file.text)


def _found(name: str, site: Path | None, asked_at: Span | None) -> Path:
    found = library.find("mappings", name, ".yaml", site)
    if found is not None:
        return found
    known = [each for each in library.names("mappings", ".yaml", site) if each.startswith("shared/")]
    near = library.similar(name, known)
    raise ProblemsFound(
        [
            Problem(
                code="M024",
                message=f"there is no shared table `{name}`",
                span=asked_at,
                help=f"there is one with a similar name: `{near}`"
                if near
                else f"there are {', '.join(f'`{each}`' for each in known)}; own ones stand in `mappings/shared/`",
            )
        ]
    )


@cache
def _rates() -> tuple[Mapping[str, tuple[tuple[date, Mapping[str, Decimal]], ...]], str]:
    path = library.find("mappings", VAT_RATES, ".yaml")
    assert path is not None  # it is shipped
    file = yamlfile.read(path)
    model = RatesModel.model_validate(file.data)
    rates: dict[str, tuple[tuple[date, Mapping[str, Decimal]], ...]] = {}
    for country, lines in model.rates.items():
        read = [(date.fromisoformat(line.pop("from")), line) for line in map(dict[str, Any], lines)]
        rates[country] = tuple(
            (first, {name: Decimal(rate) for name, rate in line.items()})
            for first, line in sorted(read, key=_first)
        )
    return rates, file.text


def _first(line: tuple[date, Any]) -> date:
    return line[0]


def vat_rate_of(country: str, name: str, day: datetime | date) -> Decimal | None:
    """The rate of a country on a day; None where the table has none."""
    return _rates_on(country, day).get(name)


def vat_rate_leading(
    country: str, net: Decimal, gross: Decimal, day: datetime | date, unit: Decimal
) -> Decimal | None:
    """The rate of a country on a day that leads nearest from net to gross, amounts rounded to `unit` or finer.

    None where no rate leads there within that rounding, and where both are 0: there every rate does.
    """
    if net == gross == 0:
        return None
    best: tuple[Decimal, Decimal] | None = None
    for rate in _rates_on(country, day).values():
        factor = 1 + rate / 100
        miss = abs(net * factor - gross)
        if miss <= _half(gross, unit) + _half(net, unit) * factor and (best is None or miss < best[0]):
            best = miss, rate
    return best[1] if best is not None else None


def _half(amount: Decimal, unit: Decimal) -> Decimal:
    """How far an amount may be from what it was rounded from; zeros at its end say nothing of that."""
    exponent = amount.normalize().as_tuple().exponent
    return min(unit, Decimal(1).scaleb(exponent) if isinstance(exponent, int) else unit) / 2


def _rates_on(country: str, day: datetime | date) -> Mapping[str, Decimal]:
    on = day.date() if isinstance(day, datetime) else day
    found: Mapping[str, Decimal] = {}
    for first, line in _rates()[0].get(country, ()):
        if first <= on:
            found = line
    return found


def vat_rates_text() -> str:
    """The text of the file with the rates: a mapping that uses them changes with it."""
    return _rates()[1]
