"""What mappings share: tables, settings, and each other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.diagnostics import render_all
from gateway.documents import rounded
from gateway.errors import ProblemsFound
from gateway.mapping import Overrides, Reading, load
from gateway.mapping.places import CURRENCIES, read_country
from gateway.mapping.tables import read_table, vat_rate_leading, vat_rate_of
from tests.mapping.conftest import ROOT, changed, faults, loaded, order, orders

Read = Callable[..., list[Reading]]
UNITS = changed("quantity: AMOUNT", "quantity: AMOUNT, unit: {path: UNIT, lookup: unit}").replace(
    "lookups:\n", "lookups:\n  unit: {include: shared/units, krabice: bal, KS: kus, else: keep}\n"
)
ITEM = "<ITEM><NAME>Deka</NAME><AMOUNT>1</AMOUNT><UNIT>{}</UNIT><PRICE>121.00</PRICE><VAT>21</VAT></ITEM>"


def unit_of(read: Read, text: str, overrides: Overrides | None = None) -> str | None:
    [reading] = read(orders(order(ITEMS=ITEM.format(text))), loaded(UNITS, overrides))
    assert reading.document is not None, render_all(reading.problems)
    return reading.document.lines[0].unit


def test_a_shared_table_is_included_and_own_rows_win(read: Read) -> None:
    assert unit_of(read, "darab") == "ks"
    assert unit_of(read, "Krabice") == "bal"
    assert unit_of(read, "ks") == "kus"
    assert unit_of(read, "kopa") == "kopa"


def test_a_route_reaches_an_included_table(read: Read) -> None:
    overrides = Overrides(lookups={"unit": {"DARAB": "pcs", "kopa": "ks"}})
    assert (unit_of(read, "darab", overrides), unit_of(read, "kopa", overrides)) == ("pcs", "ks")


def test_a_shared_table_of_the_site_wins(here: Path) -> None:
    (here / "mappings/shared").mkdir(parents=True)
    table = "version: 1\nabout: units\nsource: invented\nrows: {db: piece}\n"
    (here / "mappings/shared/units.yaml").write_text(table, encoding="utf-8")
    (here / "mappings/own.yaml").write_text(UNITS, encoding="utf-8")
    (here / "in.xml").write_text(orders(order(ITEMS=ITEM.format("db"))), encoding="utf-8")
    mapping = load("own", site=here)
    [reading] = mapping.read(here / "in.xml")
    assert reading.document is not None
    assert reading.document.lines[0].unit == "piece"
    (here / "mappings/shared/units.yaml").write_text(table.replace("piece", "pcs"), encoding="utf-8")
    assert load("own", site=here).version != mapping.version


def test_a_shared_table_that_is_not_there(here: Path) -> None:
    assert faults(UNITS.replace("shared/units", "shared/unit")) == (
        "error[M024]: there is no shared table `shared/unit`\n"
        "  --> m.yaml:19:19\n"
        "   |\n"
        "19 |   unit: {include: shared/unit, krabice: bal, KS: kus, else: keep}\n"
        "   |                   ^^^^^^^^^^^\n"
        "   |\n"
        "   = help: there is one with a similar name: `shared/units`"
    )


def test_a_shared_table_that_is_wrong_is_shown_in_its_own_file(here: Path) -> None:
    (here / "mappings/shared").mkdir(parents=True)
    (here / "mappings/shared/mine.yaml").write_text("version: 1\nabout: x\nrows: {a: b}\n", encoding="utf-8")
    (here / "mappings/own.yaml").write_text(UNITS.replace("shared/units", "shared/mine"), encoding="utf-8")
    with pytest.raises(ProblemsFound) as raised:
        load("own", site=here)
    assert render_all(raised.value.problems).startswith(
        "error[M003]: the table lacks the key `source`\n --> mappings/shared/mine.yaml:1:1\n"
    )


def test_an_included_row_must_fit_the_field_like_an_own_one() -> None:
    said = faults(UNITS.replace("unit: {path: UNIT, lookup: unit}", "kind: {path: UNIT, lookup: unit}"))
    assert "error[M010]: `ks` is not a code of LineKind (field `kind`)" in said


def test_countries_and_currencies_are_kept_for_the_field_to_read(read: Read) -> None:
    text = changed("billing.country: COUNTRY", "billing.country: {path: COUNTRY, lookup: country}").replace(
        "lookups:\n", "lookups:\n  country: {include: shared/countries, else: keep}\n"
    )
    mapping = loaded(text)
    for written, code in (("Čechy", "CZ"), ("Slovensko", "SK"), ("DE", "DE"), ("Ungarn", "HU")):
        [reading] = read(orders(order(COUNTRY=written)), mapping)
        assert reading.document is not None, render_all(reading.problems)
        assert reading.document.billing.country == code
    [bad] = read(orders(order(COUNTRY="Narnie")), mapping)
    assert [problem.code for problem in bad.problems] == ["D005"]


def test_the_number_of_a_currency_is_read_like_its_code(read: Read) -> None:
    text = changed("currency: CURRENCY", "currency: {path: CURRENCY, lookup: currency}").replace(
        "lookups:\n", "lookups:\n  currency: {include: shared/currencies, else: keep}\n"
    )
    [reading] = read(orders(order(CURRENCY="978")), loaded(text))
    assert reading.document is not None, render_all(reading.problems)
    assert reading.document.currency == "EUR"


@pytest.mark.parametrize(
    "name",
    ["units", "currencies", "countries", "payments", "woocommerce_payments", "carriers", "cancelled"],
)
def test_every_shipped_table_is_well_formed_and_names_its_source(name: str) -> None:
    table = read_table(f"shared/{name}", ROOT, None)
    if name == "currencies":
        assert set(table.rows.values()) <= CURRENCIES
    if name == "countries":
        assert {read_country(code) for code in table.rows.values()} == set(table.rows.values())
    folded = [key.casefold() for key in table.rows]
    assert len(folded) == len(set(folded))


@pytest.mark.parametrize(
    ("country", "name", "day", "rate"),
    [
        ("CZ", "reduced", date(2023, 12, 31), "15"),
        ("CZ", "reduced", date(2024, 1, 1), "12"),
        ("CZ", "second_reduced", date(2024, 1, 1), None),
        ("SK", "standard", date(2024, 12, 31), "20"),
        ("SK", "standard", date(2026, 11, 20), "23"),
        ("HU", "standard", date(2026, 11, 20), "27"),
        ("RO", "standard", date(2025, 7, 31), "19"),
        ("RO", "standard", date(2025, 8, 1), "21"),
        ("DE", "standard", date(2020, 8, 1), "16"),
        ("PL", "reduced", date(2026, 1, 1), "8"),
        ("AT", "second_reduced", date(2026, 1, 1), "10"),
        ("XX", "standard", date(2026, 1, 1), None),
        ("CZ", "standard", date(1999, 1, 1), None),
    ],
)
def test_vat_rates_depend_on_country_and_day(country: str, name: str, day: date, rate: str | None) -> None:
    assert vat_rate_of(country, name, day) == (None if rate is None else Decimal(rate))


def test_a_vat_rate_can_be_computed(read: Read) -> None:
    text = changed("vat_rate: VAT", "vat_rate: {compute: \"vat_rate(billing.country, text('VAT'), ordered_at)\"}")
    [reading] = read(orders(order()).replace("<VAT>21</VAT>", "<VAT>reduced</VAT>"), loaded(text))
    assert reading.document is not None, render_all(reading.problems)
    assert reading.document.lines[0].vat_rate == 12


@pytest.mark.parametrize(
    ("country", "net", "gross", "unit", "rate"),
    [
        ("CZ", "100", "121", "0.01", "21"),
        ("CZ", "82.64", "99.99", "0.01", "21"),
        ("CZ", "82.640000", "99.990000", "0.01", "21"),  # zeros at the end are no exactness
        ("CZ", "82.636364", "99.99", "0.01", "21"),
        ("CZ", "0.41", "0.50", "0.01", "21"),  # the nearest whole percentage would be 22
        ("CZ", "0.45", "0.50", "0.01", "12"),
        ("CZ", "-41.32", "-50", "0.01", "21"),
        ("CZ", "50", "50", "0.01", "0"),
        ("CZ", "100", "120", "0.01", None),  # another country's
        ("CZ", "0", "0", "0.01", None),
        ("CZ", "0", "5", "0.01", None),
        ("HU", "787", "1000", "1", "27"),
        ("HU", "787", "1000", "0.01", None),
        ("XX", "100", "121", "0.01", None),
    ],
)
def test_a_rate_is_found_between_net_and_gross(
    country: str, net: str, gross: str, unit: str, rate: str | None
) -> None:
    found = vat_rate_leading(country, Decimal(net), Decimal(gross), date(2026, 11, 20), Decimal(unit))
    assert found == (None if rate is None else Decimal(rate))


@given(
    gross=st.decimals("0.10", "99999", places=2),
    rate=st.sampled_from([("CZ", 21), ("CZ", 12), ("SK", 23), ("SK", 19), ("SK", 5), ("PL", 23), ("PL", 8)]),
    places=st.sampled_from([2, 6]),
)
def test_any_rounded_amounts_lead_back_to_their_rate(gross: Decimal, rate: tuple[str, int], places: int) -> None:
    country, percent = rate
    net = rounded(gross / (1 + Decimal(percent) / 100), Decimal(1).scaleb(-places))
    found = vat_rate_leading(country, net, gross, date(2026, 11, 20), Decimal("0.01"))
    # a few hellers can be explained by several rates; then it is one of those
    assert found == percent or (found is not None and abs(net * (1 + found / 100) - gross) <= Decimal("0.02"))


def test_a_mapping_that_counts_with_rates_changes_with_the_table() -> None:
    computed = "vat_rate: {compute: \"vat_rate_between('CZ', 1, 1.21, ordered_at)\"}"
    plain, between = (
        loaded(changed("vat_rate: VAT", "vat_rate: {compute: '21'}")),
        loaded(changed("vat_rate: VAT", computed)),
    )
    assert plain.version != between.version


# -- settings ------------------------------------------------------------------------------------------------

SET = (
    changed("timezone: Europe/Prague", 'timezone: "${timezone}"')
    .replace("currency: CURRENCY", 'currency: {path: CURRENCY, default: "${currency}"}')
    .replace("billing.country: COUNTRY", "billing.country: {compute: \"text('COUNTRY') or '${country}'\"}")
    + "settings: {timezone: Europe/Prague, currency: CZK, country: CZ}\n"
)


def test_settings_stand_in_fields_and_a_route_changes_them(read: Read) -> None:
    content = orders(order(CURRENCY="", COUNTRY=""))
    [plain] = read(content, loaded(SET))
    assert plain.document is not None
    assert (plain.document.currency, plain.document.billing.country) == ("CZK", "CZ")
    route = Overrides(settings={"currency": "EUR", "country": "SK", "timezone": "Europe/London"})
    [other] = read(content, loaded(SET, route))
    assert other.document is not None
    assert (other.document.currency, other.document.billing.country) == ("EUR", "SK")
    assert other.document.ordered_at.isoformat() == "2026-11-20T08:05:31+00:00"
    assert loaded(SET).version != loaded(SET, route).version


def test_a_setting_that_is_not_there_is_told() -> None:
    assert faults(SET.replace("${timezone}", "${timezon}")).startswith(
        "error[M025]: there is no setting `timezon`\n"
        " --> m.yaml:7:38\n"
        "  |\n"
        '7 |   ordered_at: {path: DATE, timezone: "${timezon}"}\n'
    )
    said = faults(SET, Overrides(settings={"curency": "EUR"}))
    assert said.startswith(
        "error[M025]: the route sets `curency`, which the mapping does not have under `settings:`"
    )
    assert "there is a setting with a similar name: `currency`" in said
    assert "give it a value under `settings:` of the mapping" in faults(changed("CURRENCY", '"${x}"'))


def test_a_setting_is_checked_where_it_stands() -> None:
    said = faults(SET, Overrides(settings={"timezone": "Europe/Prage"}))
    assert "error[M011]: there is no time zone `Europe/Prage`" in said


# -- extends -------------------------------------------------------------------------------------------------


def test_mappings_extend_each_other_over_three_levels(here: Path) -> None:
    folder = here / "mappings"
    folder.mkdir()
    (folder / "base.yaml").write_text(SET, encoding="utf-8")
    (folder / "middle.yaml").write_text(
        "extends: base\nfields: {status: STATUS, customer_note: ~}\nsettings: {currency: EUR}\n"
        "lookups: {payment: {Mincemi: cash}}\n",
        encoding="utf-8",
    )
    (folder / "top.yaml").write_text(
        "extends: middle\nfields: {status: STAV, lines: {fields: {sku: PLU}}}\nsettings: {country: SK}\n"
        "lookups: {payment: {Převod*: card}}\n",
        encoding="utf-8",
    )
    item = ITEM.replace("<NAME>", "<PLU>9</PLU><NAME>").format("ks")
    content = orders(order(CURRENCY="", COUNTRY="", PAYMENT="Převodem", STAV="new", NOTE="x", ITEMS=item))
    (here / "in.xml").write_text(content, encoding="utf-8")
    [reading] = load("top", site=here).read(here / "in.xml")
    found = reading.document
    assert found is not None, render_all(reading.problems)
    assert (found.status, found.customer_note, found.lines[0].sku) == ("new", None, "9")
    assert (found.currency, found.billing.country, found.payment.method) == ("EUR", "SK", "card")


def test_a_circle_over_three_levels_is_told_with_its_way(here: Path) -> None:
    folder = here / "mappings"
    folder.mkdir()
    for name, parent in (("a", "b"), ("b", "c"), ("c", "a")):
        (folder / f"{name}.yaml").write_text(f"extends: {parent}\n", encoding="utf-8")
    with pytest.raises(ProblemsFound) as raised:
        load("a", site=here)
    assert render_all(raised.value.problems) == (
        "error[M015]: the mapping `a` extends itself\n"
        " --> mappings/c.yaml:1:10\n"
        "  |\n"
        "1 | extends: a\n"
        "  |          ^\n"
        "  |\n"
        "  = circle: mappings/a.yaml -> mappings/b.yaml -> mappings/c.yaml\n"
        "  = help: break the circle of `extends:`"
    )
