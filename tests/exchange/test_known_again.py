"""By what an order is known again: its text, else its canonical form, else its document."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from sqlalchemy import select

from gateway.documents import decode, fingerprint
from gateway.mapping import load
from gateway.store import tables
from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder, export

ORDER = ShopOrder("1001", name="Jana Nováková", remark="a & b")
OTHER_MAPPING = "version: 1\nextends: shoptet/order\nfields: {billing.name: CUSTOMER/EMAIL}\n"


def written_otherwise(content: bytes) -> bytes:
    """The same records with other white space, empty elements and references."""
    text = content.decode().replace("    <", "\t<").replace("<COMPANY></COMPANY>", "<COMPANY/>")
    return text.replace("<![CDATA[a & b]]>", "a &#38; b").replace("á", "&#225;").encode()


def read_otherwise(site: TestSite) -> None:
    """From now on the mapping gives other documents of the same records."""
    (site.folder / "mappings").mkdir(exist_ok=True)
    (site.folder / "mappings" / "own.yaml").write_text(OTHER_MAPPING, encoding="utf-8")
    site.configure(replace=("mapping: shoptet/order", "mapping: own"))


def versions(site: TestSite) -> list[Any]:
    with site.open() as opened, opened.ledger.read() as connection:
        return list(connection.execute(select(tables.version).order_by(tables.version.c.ordinal)))


def change(site: TestSite, statement: str, *values: Any) -> None:
    with sqlite3.connect(site.folder / "spool" / "ledger.db") as ledger:
        assert ledger.execute(statement, values).rowcount == 1
    ledger.close()


def came_again(site: TestSite, content: bytes) -> str:
    """What a second export led to."""
    site.drop("again.xml", content)
    (line,) = site.run().exchanges
    return "held" if [m for m in site.status().matters if m.what == "held: changed"] else line.state


def test_an_order_is_known_by_its_text_whatever_the_mapping_is_now(site: TestSite) -> None:
    site.drop("a.xml", export(ORDER))
    site.run()
    read_otherwise(site)
    # when the export brings it once more, with a comment and without a CDATA section
    again = export(ORDER, "1002").decode().replace("<![CDATA[a & b]]>", "<!-- seen -->a &amp; b")
    # then
    assert came_again(site, again.encode()) == "sent"
    assert site.numbers() == ["1001", "1002"]
    assert [version.source_fingerprint.split(":")[0] for version in versions(site)] == ["plain", "plain"]


def test_an_order_that_is_written_otherwise_is_the_same_document(site: TestSite) -> None:
    site.drop("a.xml", export(ORDER))
    site.run()
    assert came_again(site, written_otherwise(export(ORDER))) == "nothing new"
    assert len(versions(site)) == 1


def test_an_order_that_is_written_and_read_otherwise_is_known_by_its_canonical_form(site: TestSite) -> None:
    site.drop("a.xml", export(ORDER, "1002"))
    site.run()
    read_otherwise(site)
    assert came_again(site, written_otherwise(export(ORDER, "1002"))) == "nothing new"
    assert len(versions(site)) == 2


def test_an_order_that_is_read_otherwise_and_was_changed_is_held(site: TestSite) -> None:
    site.drop("a.xml", export(ORDER))
    site.run()
    read_otherwise(site)
    assert came_again(site, export(ORDER).replace(b"Hrnek", b"Hrnecek")) == "held"


def test_without_the_stored_input_an_order_that_is_written_and_read_otherwise_is_held(site: TestSite) -> None:
    site.drop("a.xml", export(ORDER))
    site.run()
    for blob in (site.folder / "spool" / "blobs").iterdir():
        blob.unlink()
    read_otherwise(site)
    assert came_again(site, written_otherwise(export(ORDER))) == "held"
    assert site.numbers() == ["1001"]


@pytest.mark.parametrize("known", [True, False])
def test_an_order_that_is_stored_with_its_canonical_form_is_known_by_that(site: TestSite, known: bool) -> None:
    # given a ledger of an older gateway
    site.drop("a.xml", export(ORDER))
    site.run()
    (site.folder / "one.xml").write_bytes(export(ORDER))
    (canonical,) = [reading.fingerprint() for reading in load("shoptet/order").read(site.folder / "one.xml")]
    change(site, "UPDATE version SET source_fingerprint = ?", canonical if known else "0" * 64)
    read_otherwise(site)
    # when / then
    assert came_again(site, written_otherwise(export(ORDER))) == ("nothing new" if known else "held")


def test_what_is_significant_is_written_down_before_a_document_is_forgotten(site: TestSite) -> None:
    site.drop("a.xml", export(ORDER))
    site.run()
    (version,) = versions(site)
    assert version.significant_fingerprint == ""
    expected = fingerprint("order", decode("order", version.body))
    site.do("forget", "1001")
    (version,) = versions(site)
    assert (version.body, version.significant_fingerprint) == (None, expected)
    # and so an order with another status is still the same business
    assert came_again(site, export(ShopOrder("1001", name="Jana Nováková", status="Odeslána"))) == "nothing new"


def test_what_an_older_gateway_wrote_down_as_significant_counts(site: TestSite) -> None:
    site.drop("a.xml", export(ORDER))
    site.run()
    change(site, "UPDATE version SET significant_fingerprint = ?", "0" * 64)
    assert came_again(site, export(ORDER).replace("Vyřizuje se".encode(), b"Jiny")) == "held"
