"""The answers of the simulated unit are valid by POHODA's own schema, in every shape and of every release."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lxml import etree

from tests.pohoda.answering import Manners, Mood, Unit
from tests.pohoda.books import Books
from tests.pohoda.desk import Answer, Desk, item, request

VENDOR = Path(__file__).resolve().parents[3] / "shared" / "formats" / "pohoda" / "xsd"
needs_vendor = pytest.mark.skipif(
    not (VENDOR / "response.xsd").is_file(), reason="POHODA's own schemas are not there: response.xsd"
)
MANNERS = [Manners(), Manners(old_release=True), Manners(pack_tells=False), Manners(errors_inside=True)]


def shapes(ask: Callable[[bytes, Mood], bytes], unit: Unit) -> Iterator[tuple[str, bytes]]:
    """An answer of every shape."""
    unit.unknown_stock, unit.unknown_payments = {"NENI"}, {"Kartou"}
    broken = item("5").replace("Hrnek", "Hrnek" * 20)
    yield "ok", ask(request("1", pack="p"), Mood.FINE)
    yield "duplicate", ask(request("1", pack="p"), Mood.FINE)
    unit.books.delete("26OP00001")
    yield "duplicate of a deleted record", ask(request("1", pack="p"), Mood.FINE)
    yield "warning", ask(request(item("2", payment="Kartou"), pack="p"), Mood.FINE)
    yield "unknown value", ask(request(item("3", code="NENI"), pack="p"), Mood.FINE)
    yield "schema", ask(request(broken, pack="p"), Mood.FINE)
    mixed = [item("1"), item("6", payment="Kartou", code="NENI"), item("7", payment="Kartou"), broken, "8"]
    yield "all in one", ask(request(*mixed, pack="p"), Mood.PARTLY_BUSY)
    yield "busy", ask(request("9", pack="p"), Mood.BUSY)
    yield "denied", ask(request("9", pack="p"), Mood.DENIED)
    yield "other company", ask(request("9", pack="p", ico="1"), Mood.FINE)
    yield "no envelope", ask(b"<a/>", Mood.FINE)
    yield "no xml", ask(b"\x00\x01<a", Mood.FINE)


@pytest.fixture(scope="module")
def vendor_responses() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(VENDOR / "response.xsd")))


@needs_vendor
@pytest.mark.parametrize("manners", MANNERS, ids=["as a rule", "old", "pack ok", "errors inside"])
def test_every_answer_is_valid_by_pohodas_own_schema(
    tmp_path: Path, manners: Manners, vendor_responses: etree.XMLSchema
) -> None:
    unit = Unit(Books(tmp_path / "books.jsonl"), manners=manners)
    found = dict(shapes(lambda content, mood: unit.answer(content, mood=mood), unit))
    assert len(set(found.values())) == len(found) == 12
    for answer in found.values():
        vendor_responses.assertValid(etree.fromstring(answer))


@needs_vendor
def test_with_pohodas_own_schemas_beside_ours_the_same_orders_are_booked(desk: Desk) -> None:
    desk.open(vendor=VENDOR)
    broken = item("1002").replace("121.05", "121,05")
    desk.asked(request("1001", broken, pack="p"))
    assert list(desk.office.orders) == ["1001"]
    note = desk.answer("one").one("//rsp:responsePackItem[2]/@note")
    assert "[facet 'pattern']" in note  # by ours
    assert "currencyType" in note  # by POHODA's


def test_the_manners_of_other_releases(tmp_path: Path) -> None:
    for manners, content, path, expected in [
        (Manners(old_release=True), request("1"), "//rdc:producedDetails/*", ["1", "26OP00001"]),
        (Manners(pack_tells=False), request(item("1", code="NENI")), "/*/@state", ["ok"]),
        (Manners(errors_inside=True), request(item("1", code="NENI")), "//@state", ["error", "ok", "error"]),
    ]:
        books = Books(tmp_path / f"{expected}.jsonl")
        answer = Answer(Unit(books, manners=manners, unknown_stock=["NENI"]).answer(content))
        assert answer.all(path) == expected
