"""By what an order is known again: its canonical form, whatever the mapping is; else what is significant in it."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from gateway.documents import decode, fingerprint
from gateway.store import tables
from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder, export

ORDER = ShopOrder("1001", name="Jana Nováková", remark="a & b")
SEEN = "<VIEWS>7</VIEWS><STATUS>"
"""Something that no mapping reads."""


def written_otherwise(content: bytes) -> bytes:
    """The same records with other white space, empty elements, references and comments, and without CDATA."""
    text = content.decode().replace("    <", "\t<").replace("<COMPANY></COMPANY>", "<COMPANY/><!-- none -->")
    return text.replace("<![CDATA[a & b]]>", "a &#38; b").replace("á", "&#225;").encode()


def read_otherwise(site: TestSite, field: str = "CUSTOMER/EMAIL", route: str = "") -> None:
    """From now on the mapping gives other documents of the same records."""
    (site.folder / "mappings").mkdir(exist_ok=True)
    text = f"version: 1\nextends: shoptet/order\nfields: {{billing.name: {field}}}\n"
    (site.folder / "mappings" / "own.yaml").write_text(text, encoding="utf-8")
    site.configure(route, replace=("mapping: shoptet/order", "mapping: own"))


def versions(site: TestSite) -> list[Any]:
    with site.open() as opened, opened.ledger.read() as connection:
        return list(connection.execute(select(tables.version).order_by(tables.version.c.ordinal)))


def sent(site: TestSite, content: bytes) -> None:
    site.drop("first.xml", content)
    site.run()


def came_again(site: TestSite, content: bytes) -> str:
    """What a further export led to."""
    site.drop("again.xml", content)
    (line,) = site.run().exchanges
    return "held" if [m for m in site.status().matters if m.what == "held: changed"] else line.state


def test_an_order_that_is_written_otherwise_is_the_same_whatever_the_mapping_is_now(site: TestSite) -> None:
    sent(site, export(ORDER))
    assert came_again(site, written_otherwise(export(ORDER))) == "nothing new"
    read_otherwise(site)
    assert came_again(site, written_otherwise(export(ORDER, "1002"))) == "sent"
    assert site.numbers() == ["1001", "1002"]
    assert [version.document_id for version in versions(site)] == [1, 2]


@pytest.mark.parametrize("policy", ["hold", "replace"])
def test_a_change_that_nothing_reads_is_known_before_the_mapping_is_edited(site: TestSite, policy: str) -> None:
    site.configure(f"on_change: {policy}")
    sent(site, export(ORDER))
    seen = export(ORDER).replace(b"<STATUS>", SEEN.encode())
    assert came_again(site, seen) == "nothing new"
    # when
    read_otherwise(site, route=f"on_change: {policy}")
    # then
    assert came_again(site, written_otherwise(seen)) == "nothing new"
    assert site.numbers() == ["1001"]


def test_an_order_is_known_when_its_contents_are_gone_and_the_mapping_reads_beside_it(site: TestSite) -> None:
    def with_buyer(content: bytes) -> bytes:
        return content.replace(b"<ORDERS>", b"<ORDERS><BUYER>Jan</BUYER>")

    sent(site, with_buyer(export(ORDER)))
    site.run(later=timedelta(days=4000))
    read_otherwise(site, "../BUYER")
    assert came_again(site, with_buyer(export(ORDER, "1002"))) == "sent"


def test_an_order_that_is_read_otherwise_and_was_changed_is_held(site: TestSite) -> None:
    sent(site, export(ORDER))
    read_otherwise(site)
    assert came_again(site, export(ORDER).replace(b"Hrnek", b"Hrnecek")) == "held"


def test_a_retry_with_a_mended_mapping_leaves_the_other_orders_alone(site: TestSite) -> None:
    sent(site, export(ORDER))
    seen = export(ORDER, ShopOrder("1002", date="not a date")).replace(b"<STATUS>", SEEN.encode())
    site.drop("again.xml", seen)
    (line,) = site.run().exchanges
    read_otherwise(site)
    site.do("retry", line.id)
    assert "held: changed" not in [matter.what for matter in site.status().matters]


def test_what_is_significant_is_written_down_before_a_document_is_forgotten(site: TestSite) -> None:
    sent(site, export(ORDER))
    (version,) = versions(site)
    assert version.significant_fingerprint == ""
    expected = fingerprint("order", decode("order", version.body))
    site.do("forget", "1001")
    (version,) = versions(site)
    assert (version.body, version.significant_fingerprint) == (None, expected)
    # and so an order with another status is still the same business
    assert came_again(site, export(ORDER).replace("Vyřizuje se".encode(), b"Odeslana")) == "nothing new"


def test_what_is_significant_is_written_down_before_retention_removes_early_what_is_old(site: TestSite) -> None:
    site.configure("on_change: replace", replace=("merchant:", "retention: {keep_exchanges: 1}\nmerchant:"))
    sent(site, export(ORDER))
    for price in ("242.00", "363.00"):
        came_again(site, export(ShopOrder("1001", price=price)))
        site.run(later=timedelta(hours=2))
    noted = [(version.body is None, bool(version.significant_fingerprint)) for version in versions(site)]
    assert any(is_gone for is_gone, _ in noted)
    assert all(is_noted for is_gone, is_noted in noted if is_gone), noted


def test_what_an_older_gateway_wrote_down_as_significant_counts(site: TestSite) -> None:
    sent(site, export(ORDER))
    with sqlite3.connect(site.folder / "spool" / "ledger.db") as ledger:
        changed = ledger.execute("UPDATE version SET significant_fingerprint = ?", ("0" * 64,)).rowcount
    ledger.close()
    assert changed == 1
    assert came_again(site, export(ORDER).replace("Vyřizuje se".encode(), b"Odeslana")) == "held"
