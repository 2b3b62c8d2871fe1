"""Texts become values by documented rules; what could be two things is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mapping import places
from gateway.mapping.convert import folded, folded_lines, read_yes_no
from gateway.mapping.numbers import read_number, read_whole
from gateway.mapping.places import read_country, read_currency
from gateway.mapping.times import time_reader
from gateway.mapping.unreadable import Unreadable

PRAGUE = ZoneInfo("Europe/Prague")
AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=2)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1210", "1210"),
        ("1210.50", "1210.50"),
        ("27.0000", "27.0000"),
        ("1.234", "1.234"),
        ("0,500", "0.500"),
        ("1 210,50 Kč", "1210.50"),
        ("1\u00a0210,50\u00a0Kč", "1210.50"),
        ("1\u2009210,50", "1210.50"),
        ("1\u202f234\u202f567,8", "1234567.8"),
        ("21 %", "21"),
        ("21%", "21"),
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("1.234.567", "1234567"),
        ("12,5", "12.5"),
        ("-79.80", "-79.80"),
        ("\u221279,80 Kč", "-79.80"),
        ("- 5", "-5"),
        ("+5", "5"),
        ("€ -5.00", "-5.00"),
        ("100,- Kč", "100"),
        ("100,-", "100"),
        ("6 400 Ft", "6400"),
        ("6.400,00 Ft", "6400.00"),
        ("0.500 Kč", "0.500"),
        ("12345.500 Kč", "12345.500"),
        ("1'234.50", "1234.50"),
        (".5000", "0.5000"),
        ("12,50 zł", "12.50"),
        ("10 lei", "10"),
    ],
)
def test_a_number_is_read(text: str, number: str) -> None:
    assert read_number(text) == Decimal(number)
    assert str(read_number(text)) == number


@pytest.mark.parametrize(
    "text",
    ["", "-", "abc", "12 34", "1.23.4", "1,23.4,5", "1.2345,6", "5.", "1E5", "0x10", "NaN", "Infinity", "--5",
     "5-",
     "-€-5", "१२", "1 210 50", "1__0", "6.400 Huf", "6,400 Ft", "€1.234", "12,345,67", "9" * 41],
)  # fmt: skip
def test_what_is_no_number_or_could_be_two_is_refused(text: str) -> None:
    with pytest.raises(Unreadable) as raised:
        read_number(text)
    assert raised.value.code == "D002"


def grouped(amount: Decimal, group: str, point: str) -> str:
    return f"{amount:,.2f}".replace(",", "\0").replace(".", point).replace("\0", group)


@given(
    AMOUNTS,
    st.sampled_from(["", " Kč", "\u00a0Kč", " CZK"]),
    st.sampled_from([" ", "\u00a0", "\u2009", "\u202f", ""]),
)
def test_czech_numbers_come_back(amount: Decimal, currency: str, group: str) -> None:
    assert read_number(grouped(amount, group, ",") + currency) == amount


@given(AMOUNTS, st.sampled_from(["", " Ft", " HUF"]))
def test_hungarian_numbers_come_back(amount: Decimal, currency: str) -> None:
    assert read_number(grouped(amount, ".", ",") + currency) == amount


@given(AMOUNTS, st.sampled_from(["", "$", "€", "£"]))
def test_english_numbers_come_back(amount: Decimal, currency: str) -> None:
    assert read_number(currency + grouped(amount, ",", ".")) == amount


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=4))
def test_bare_numbers_come_back(amount: Decimal) -> None:
    assert read_number(f"{amount:f}") == amount


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_numbers(text: str) -> None:
    try:
        assert read_number(folded(text)).is_finite()
    except Unreadable as unreadable:
        assert unreadable.code == "D002"  # noqa: PT017 - either way is right


def test_whole_numbers() -> None:
    assert read_whole("100.00") == 100
    with pytest.raises(Unreadable):
        read_whole("1.5")


def moment(text: str, *formats: str, zone: ZoneInfo | None = PRAGUE) -> str | None:
    warnings: list[Unreadable] = []
    found = time_reader(formats, zone)(text, warnings.append)
    return None if found is None else found.isoformat() + "".join(each.code for each in warnings)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20 08:05:31", "2026-11-20T08:05:31+01:00"),
        ("2026-07-20T08:05:31", "2026-07-20T08:05:31+02:00"),
        ("2026-7-2", "2026-07-02T00:00:00+02:00"),
        ("2026-11-20T08:05:31Z", "2026-11-20T09:05:31+01:00"),
        ("2026-11-20T08:05:31+0300", "2026-11-20T06:05:31+01:00"),
        ("2026-11-20T08:05:31.123456", "2026-11-20T08:05:31+01:00"),
        ("20.11.2026", "2026-11-20T00:00:00+01:00"),
        ("1. 2. 2026 9:05", "2026-02-01T09:05:00+01:00"),
        ("20.11.2026 22:47:01", "2026-11-20T22:47:01+01:00"),
        ("0000-00-00 00:00:00", None),
        ("-0001-11-30T00:00:00", None),
        ("2026-03-29 02:30:00", "2026-03-29T03:30:00+02:00D015"),
        ("2026-10-25 02:30:00", "2026-10-25T02:30:00+02:00"),
    ],
)
def test_a_date_is_read(text: str, expected: str | None) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize("text", ["2026-02-30", "31.4.2026", "2026-11-20 25:00:00"])
def test_a_date_that_is_not_in_the_calendar(text: str) -> None:
    with pytest.raises(Unreadable, match="is not in the calendar"):
        moment(text)


@pytest.mark.parametrize("text", ["20/11/2026", "Nov 20 2026", "20261120", "1.2.26"])
def test_a_date_in_another_form_is_refused_and_read_with_a_format(text: str) -> None:
    with pytest.raises(Unreadable, match="is not a date"):
        moment(text)
    assert moment("11/20/2026", "%Y", "%m/%d/%Y") == "2026-11-20T00:00:00+01:00"
    with pytest.raises(Unreadable, match="is not a date in the form `%m/%d/%Y`"):
        moment(text if text != "20/11/2026" else "31/12/2026", "%m/%d/%Y")


def test_a_time_with_its_own_zone_needs_none() -> None:
    found = time_reader(("%Y-%m-%dT%H:%M:%S%z",), None)("2026-11-20T08:00:00+01:00", lambda _: None)
    assert found == datetime(2026, 11, 20, 7, tzinfo=UTC)


@pytest.mark.parametrize("text", ["1", "true", "Yes", "ANO", "áno", "igen", "tak", "da", "1.00"])
def test_yes(text: str) -> None:
    assert read_yes_no(text) is True


@pytest.mark.parametrize("text", ["0", "false", "No", "NE", "nie", "nem", "nu", "0.00", "0,00"])
def test_no(text: str) -> None:
    assert read_yes_no(text) is False


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("CZ", "CZ"), ("cz", "CZ"), ("CZE", "CZ"), ("Česká republika", "CZ"), ("ceska republika", "CZ"),
        ("Česko", "CZ"), ("Czechia", "CZ"), ("Czech Republic", "CZ"), ("Slovenská republika", "SK"),
        ("Slovensko", "SK"), ("Maďarsko", "HU"), ("Magyarország", "HU"), ("Hungary", "HU"), ("Polsko", "PL"),
        ("Polska", "PL"), ("Deutschland", "DE"), ("Německo", "DE"), ("Románia", "RO"), ("România", "RO"),
        ("Rakúsko", "AT"), ("UK", "GB"), ("EL", "GR"), ("Chorvatsko", "HR"), ("Słowacja", "SK"),
    ],
)  # fmt: skip
def test_a_country_is_read_from_codes_and_names(text: str, code: str) -> None:
    assert read_country(text) == code


def test_the_names_that_are_known_at_once_are_those_that_are_looked_up_otherwise() -> None:
    known = {name: code for name, code in places._names().items() if name in places._COMMON}
    assert known == {name: code for name, code in places._COMMON.items() if name in known}
    # and only names that people use besides are not among those
    assert len(places._COMMON) - len(known) <= 15


@pytest.mark.parametrize("text", ["Čechy", "XX", "EU", "Evropa", "ZZZ", "1"])
def test_an_unknown_country_is_refused(text: str) -> None:
    with pytest.raises(Unreadable) as raised:
        read_country(text)
    assert raised.value.code == "D005"


@pytest.mark.parametrize(
    ("text", "code"),
    [("CZK", "CZK"), ("eur", "EUR"), ("Kč", "CZK"), ("€", "EUR"), ("Ft", "HUF"), ("zł", "PLN"), ("lei", "RON")],
)
def test_a_currency_is_read_from_codes_and_symbols(text: str, code: str) -> None:
    assert read_currency(text) == code


@pytest.mark.parametrize("text", ["$", "koruny", "XXX", "203"])
def test_an_unknown_currency_is_refused(text: str) -> None:
    with pytest.raises(Unreadable) as raised:
        read_currency(text)
    assert raised.value.code == "D006"


def test_texts_are_folded_and_notes_keep_their_lines() -> None:
    assert folded("  Na\u00a0Příkopě \n\t 12 ") == "Na Příkopě 12"
    assert folded_lines("\n  first  line \r\n\n second\u00a0line\n ") == "first line\n\nsecond line"
