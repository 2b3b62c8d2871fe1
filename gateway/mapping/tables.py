"""Shared data beside the mappings: lookup tables that mappings include, and VAT rates by country and day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from gateway import library, yamlfile
from gateway.diagnostics import Problem, Span
from gateway.errors import ProblemsFound
from gateway.mapping.complaints import Complaints
from gateway.mapping.language import RatesModel, TableModel
from gateway.mapping.layers import Layers

VAT_RATES = "shared/vat_rates"


@dataclass(frozen=True)
class Table:
    """A shared lookup table: its rows, and the text of its file."""

    rows: Mapping[str, str]
    text: str


def read_table(name: str, site: Path | None, asked_at: Span | None) -> Table:
    """Read a table by its name, such as `shared/units`. Raises ProblemsFound."""
    file = yamlfile.read(_found(name, site, asked_at))
    layers = Layers(file.path, file.data if isinstance(file.data, dict) else {}, file.spans, file.keys)
    complaints = Complaints(layers)
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
    on = day.date() if isinstance(day, datetime) else day
    found: Decimal | None = None
    for first, line in _rates()[0].get(country, ()):
        if first <= on:
            found = line.get(name)
    return found


def vat_rates_text() -> str:
    """The text of the file with the rates: a mapping that uses them changes with it."""
    return _rates()[1]
