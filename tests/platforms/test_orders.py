"""Every sample of every shop platform, from its file to what accounting programs book of it.

Samples are found by walking `samples/`; what they must come to is worked out by the readers of `order_amounts.py`,
which know nothing of the gateway.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from gateway.documents import Order, minor_unit
from tests.platforms.conftest import (
    FLAT,
    MAPPINGS,
    POHODA,
    SAMPLES,
    SHOPTET,
    Booked,
    booked_by_pohoda,
    booked_by_profit,
    order_mappings,
    orders_of,
    readings_of,
    samples,
    written,
)
from tests.platforms.order_amounts import CENT, READERS, Said

PLATFORMS = sorted(path.name for path in MAPPINGS.iterdir() if path.is_dir() and order_mappings(path.name))
TOLD_APART = "broken"
"""In the name of a sample some of whose orders are refused on purpose."""


def called(path: object) -> str:
    """The id of a sample."""
    return f"{path.parent.name}/{path.name}" if isinstance(path, Path) else str(path)


def said_of(path: Path) -> dict[str, Said]:
    """What a sample says of its orders, by their numbers."""
    reader = READERS.get(path.parent.name)
    if reader is None:
        pytest.fail(unread(path.parent.name))
    return {said.number: said for said in reader(path)}


def unread(platform: str) -> str:
    """What is said where nobody checks a platform."""
    return (
        f"nobody checks the amounts of {platform}: write a reader for it in tests/platforms/order_amounts.py "
        "that works them out from the file without the gateway, and enter it in READERS"
    )


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_has_samples_and_a_reader_of_its_own(platform: str) -> None:
    assert [path for path in samples() if path.parent.name == platform], f"samples/{platform} has no orders"
    assert platform in READERS, unread(platform)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_mapping_of_orders_reads_a_sample_and_has_tests(platform: str) -> None:
    for name in order_mappings(platform):
        text = (MAPPINGS / f"{name}.yaml").read_text(encoding="utf-8")
        assert f"given: samples/{platform}/" in text, f"{name} has no test of its own"


def test_every_sample_belongs_to_a_mapping() -> None:
    assert len(samples()) >= 25
    assert {path.parent.name for path in samples()} == set(PLATFORMS)
    assert SAMPLES.is_dir()


@pytest.mark.parametrize("path", samples(), ids=called)
def test_every_order_of_a_sample_is_read_or_refused_on_purpose(path: Path) -> None:
    readings = readings_of(path)
    assert readings
    told = [problem.code for reading in readings if reading.document is None for problem in reading.problems]
    assert bool(told) == (TOLD_APART in path.name), told
    # and what is read is what is there
    numbers = [document.number for document in orders_of(path)]
    assert len(numbers) == len(set(numbers))
    assert set(numbers) <= set(said_of(path))


@pytest.mark.parametrize("template", [POHODA, FLAT, SHOPTET])
@pytest.mark.parametrize("path", samples(), ids=called)
def test_every_order_of_a_sample_is_valid_where_it_goes(path: Path, template: str) -> None:
    for document in orders_of(path):
        written(template, document)


@pytest.mark.parametrize("path", samples(), ids=called)
def test_the_rows_of_a_sample_add_up_to_its_total_by_the_independent_reading(path: Path) -> None:
    read = {document.number: document for document in orders_of(path)}
    for number, said in said_of(path).items():
        if number in read:
            unit = minor_unit(read[number].currency)
            added = sum((row.gross for row in said.rows), Decimal(0))
            assert abs(added - said.gross) <= unit * len(said.rows), (number, added, said.gross)


@pytest.mark.parametrize("path", samples(), ids=called)
def test_pohoda_books_what_the_sample_says(path: Path) -> None:
    expected = said_of(path)
    for document in orders_of(path):
        said, unit = expected[document.number], minor_unit(document.currency)
        booked = booked_by_pohoda(document)
        # then the whole is the shop's to the cent, with its rounding where POHODA does not round by its own rule
        rounding = Decimal(0) if booked.rounds_itself else said.rounding
        assert booked.gross + booked.rest == said.gross + rounding, document.number
        # and the item that holds cents holds nothing but cents
        assert abs(booked.rest - rounding) <= unit * len(document.lines)
        agree(document, said, booked, unit)


@pytest.mark.parametrize("template", [FLAT, SHOPTET])
@pytest.mark.parametrize("path", samples(), ids=called)
def test_profit_is_told_what_the_sample_says(path: Path, template: str) -> None:
    expected = said_of(path)
    for document in orders_of(path):
        said, unit = expected[document.number], minor_unit(document.currency)
        booked = booked_by_profit(document, template)
        assert (booked.gross, booked.rest) == (said.gross, said.rounding), document.number
        agree(document, said, booked, unit)


def agree(document: Order, said: Said, booked: Booked, unit: Decimal) -> None:
    """By rate: the same rates, amounts and VAT, but for what the rounding of each row can make of them."""
    assert set(booked.gross_by_rate) == set(said.gross_by_rate), document.number
    for rate, gross in said.gross_by_rate.items():
        rows = said.rows_at(rate)
        assert abs(booked.gross_by_rate[rate] - gross) <= unit * rows / 2 + CENT / 2, (document.number, rate)
        if rate:
            vat = abs(booked.vat_by_rate[rate] - said.vat_by_rate[rate])
            assert vat <= unit * rows, (document.number, rate, vat)
