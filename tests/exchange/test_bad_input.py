"""Bad input gets a clear problem, and nothing is lost."""

from __future__ import annotations

from typing import BinaryIO

import pytest

from gateway.endpoints import Entry
from gateway.endpoints.local import LocalSource
from gateway.errors import EndpointRefused
from gateway.exchange import pipeline
from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder, export

GOOD = export("1001", "1002")
WHOLE_INPUT_FAULTS = {
    "not well-formed": (GOOD.replace(b"<CITY>", b"<CITY", 1), "S001"),
    "cut in the middle": (GOOD[:-400], "S008"),
    "cut within the root's end tag": (GOOD.rstrip()[:-1], "S008"),
    "another root": (b"<STOCK><ITEM/></STOCK>", "S003"),
    "a web page": (b"<!DOCTYPE html><html><body>Log in</body></html>", "S003"),
    "a document type": (b"<!DOCTYPE ORDERS [<!ELEMENT ORDERS ANY>]>" + GOOD.split(b"\n", 1)[1], "S004"),
    "entities": (
        b'<!DOCTYPE ORDERS [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
        + GOOD.split(b"\n", 1)[1].replace(b"Brno", b"&x;"),
        "S004",
    ),
    "bytes that are not the declared utf-8": (GOOD.decode().encode("windows-1250"), "S005"),
    "utf-8 bytes declared as windows-1250": (GOOD.replace(b"UTF-8", b"windows-1250"), "S005"),
    "a forbidden encoding": (GOOD.replace(b"UTF-8", b"utf-7"), "S005"),
    "an empty file": (b"", "S008"),
    "no XML at all": (b"order;price\n1001;121\n", "S001"),
}


@pytest.mark.parametrize(("content", "code"), WHOLE_INPUT_FAULTS.values(), ids=WHOLE_INPUT_FAULTS.keys())
def test_an_input_that_cannot_be_read_sends_nothing_and_lies_in_failed_with_its_reason(
    site: TestSite, content: bytes, code: str
) -> None:
    # given
    dropped = site.drop("orders.xml", content)
    # when
    (line,) = site.run().exchanges
    # then nothing of it was sent
    assert (line.state, site.shipped()) == ("failed", {})
    # and the very bytes lie in failed/, with the reason beside them
    folder = site.folder / "spool" / "shop" / "failed"
    assert (folder / f"orders.{line.id}.xml").read_bytes() == content
    why = site.failed()[f"orders.{line.id}.xml.why.txt"]
    assert why.startswith("This file could not be read as a whole. Nothing of it was sent.")
    assert f"error[{code}]" in why
    # and it is in nobody's way
    assert not dropped.exists()
    assert (site.status().matters[0].what, site.status().matters[0].name) == ("input failed", "orders.xml")


def test_a_failed_input_that_is_exported_anew_goes_through(site: TestSite) -> None:
    site.drop("orders.xml", GOOD[:-400])
    site.run()
    site.drop("orders.xml", GOOD)
    site.run()
    assert site.numbers() == ["1001", "1002"]
    assert site.status().matters == ()


RECORD_FAULTS = {
    "no number": (ShopOrder("").xml(), "D001"),
    "an unknown payment name": (ShopOrder("1002", payment="Bitcoin").xml(), "D004"),
    "an impossible date": (ShopOrder("1002", date="2026-02-30 10:00:00").xml(), "D003"),
    "an unreadable number": (ShopOrder("1002").xml().replace(">121.00<", ">12x.00<", 1), "D002"),
    "a negative total": (ShopOrder("1002", total="-121.00").xml(), "D008"),
    "an unknown country": (ShopOrder("1002", country="Mordor").xml(), "D005"),
    "a total that the lines do not add up to": (ShopOrder("1002", total="999.00").xml(), "D007"),
    "a code too long for the accounting program": (ShopOrder("1002").xml().replace("HRN-1", "H" * 70), "T015"),
    "an unknown currency": (ShopOrder("1002").xml().replace("<CODE>CZK<", "<CODE>XXZ<"), "D006"),
}


@pytest.mark.parametrize(("record", "code"), RECORD_FAULTS.values(), ids=RECORD_FAULTS.keys())
def test_a_bad_order_is_set_aside_alone_and_explained(site: TestSite, record: str, code: str) -> None:
    # given three orders, the middle one is bad
    good = export("1001", "1003").decode()
    site.drop(
        "orders.xml",
        good.replace("  <ORDER>\n    <ORDER_ID>1003", record + "  <ORDER>\n    <ORDER_ID>1003").encode(),
    )
    # when
    (line,) = site.run().exchanges
    # then the others went on
    assert site.numbers() == ["1001", "1003"]
    assert (line.state, line.set_aside) == ("sent, some set aside", 1)
    # and the bad one is told with its place and code
    (why,) = [text for name, text in site.failed().items() if name.endswith(".why.txt")]
    assert why.startswith("This record of orders.xml was set aside; the other records of the file went on.")
    assert f"error[{code}]" in why
    assert len(site.status().matters) == 1


def test_the_text_beside_a_bad_order_says_what_where_why_and_what_to_do(site: TestSite) -> None:
    site.drop("orders.xml", export("1001", ShopOrder("1002", payment="Bitcoin")))
    (line,) = site.run().exchanges
    why = site.failed()[f"1002.{line.id}.xml.why.txt"]
    assert why.splitlines()[:9] == [
        "This record of orders.xml was set aside; the other records of the file went on.",
        "",
        "error[D004]: order 1002: the lookup `payment` has no entry for `Bitcoin`",
        "  --> orders.xml:51:35",
        "   |",
        "51 |         <TYPE>billing</TYPE><NAME>Bitcoin</NAME><AMOUNT>1</AMOUNT>",
        "   |                                   ^^^^^^^",
        "   |",
        "   = field: payment.method",
    ]
    assert why.splitlines()[-6:] == [
        "   = help: add a line for it under `lookups: {payment: …}` of the route or of the mapping",
        "",
        "What to do:",
        (
            f"  - the data are wrong: mend 1002.{line.id}.xml (or the record in the shop) "
            "and drop it into spool/shop/in again;"
        ),
        f"  - the mapping or config.yaml is wrong: mend it, then `gateway retry {line.id}`.",
        f"The whole story: `gateway show {line.id}`",
    ]


def test_a_bad_order_that_comes_with_every_poll_is_counted_and_told_once(site: TestSite) -> None:
    bad = ShopOrder("1002", payment="Bitcoin")
    for day in range(5):
        site.drop(f"day-{day}.xml", export(f"20{day}", bad))
        site.run()
    assert len([name for name in site.failed() if name.endswith(".why.txt")]) == 1
    (matter,) = site.status().matters
    assert matter.name == "order 1002"
    (aside,) = site.story("1002")[-1].set_aside
    assert aside["count"] == 5


def test_a_bad_order_that_is_mended_and_dropped_back_goes_through(site: TestSite) -> None:
    # given
    site.drop("orders.xml", export("1001", ShopOrder("1002", payment="Bitcoin")))
    (line,) = site.run().exchanges
    # when a person mends the one-record file and drops it back
    folder = site.folder / "spool" / "shop" / "failed"
    mended = (folder / f"1002.{line.id}.xml").read_bytes().replace(b"Bitcoin", "Dobírka".encode())
    site.drop(f"1002.{line.id}.xml", mended)
    site.run()
    # then
    assert site.numbers() == ["1001", "1002"]
    assert site.status().matters == ()
    assert site.failed() == {}


def test_a_bad_order_that_the_shop_mends_goes_through_with_the_next_export(site: TestSite) -> None:
    site.drop("a.xml", export("1001", ShopOrder("1002", payment="Bitcoin")))
    site.run()
    site.drop("b.xml", export("1001", "1002"))
    site.run()
    assert site.numbers() == ["1001", "1002"]
    assert site.status().matters == ()
    assert site.failed() == {}


def test_a_missing_lookup_is_mended_in_the_configuration_and_retried(site: TestSite) -> None:
    # given
    site.drop("orders.xml", export("1001", ShopOrder("1002", payment="Bitcoin")))
    (line,) = site.run().exchanges
    # when the integrator adds the name to the route
    site.configure("lookups: {payment: {Bitcoin: card}}")
    (told,) = site.do("retry", line.id)
    site.run()
    # then
    assert told.endswith("1 sent on, 0 still set aside")
    assert site.numbers() == ["1001", "1002"]
    assert site.status().matters == ()


def test_a_payment_that_the_target_does_not_know_is_held_and_goes_on_once_it_does(site: TestSite) -> None:
    # given a target without an entry for cards
    site.configure(replace=(", card: Plat.kartou", ""))
    site.drop("orders.xml", export("1001", ShopOrder("1002", payment="Kartou online")))
    site.configure("lookups: {payment: {Kartou online: card}}", replace=(", card: Plat.kartou", ""))
    (line,) = site.run().exchanges
    if site.numbers() == ["1001", "1002"]:
        pytest.skip("the template writes this payment without a lookup")
    assert (line.new, line.set_aside) == (2, 1)
    # when it stays unknown, the same file is only counted
    site.drop("orders.xml", export("1001", ShopOrder("1002", payment="Kartou online")))
    site.run()
    assert site.numbers() == ["1001"]
    # and when the entry is there, a retry sends it under the same ids
    site.configure("lookups: {payment: {Kartou online: card}}")
    site.do("retry", "1002")
    site.run()
    assert site.numbers() == ["1001", "1002"]
    assert site.status().matters == ()
    assert site.failed() == {}


def test_several_faults_of_one_order_are_told_in_one_run(site: TestSite) -> None:
    record = ShopOrder("1002", payment="Bitcoin", country="Mordor", date="2026-02-30 10:00:00")
    site.drop("orders.xml", export(record))
    site.run()
    (why,) = [text for name, text in site.failed().items() if name.endswith(".why.txt")]
    assert [code for code in ("D003", "D004", "D005") if f"error[{code}]" in why] == ["D003", "D004", "D005"]


def test_hidden_and_temporary_names_are_left_alone(site: TestSite) -> None:
    folder = site.folder / "spool" / "shop" / "in"
    folder.mkdir(parents=True)
    for name in (".orders.xml", "orders.xml.part", "orders.xml.tmp", "orders.xml.filepart"):
        (folder / name).write_bytes(GOOD)
    assert site.run().exchanges == []
    assert len(list(folder.iterdir())) == 4


@pytest.mark.parametrize("name", ["con.xml", "objednávky č. 1.xml", "a;b&c.xml", "%2e%2e%2fpasswd.xml", "-rf.xml"])
def test_the_name_of_an_input_is_data_and_never_a_path(site: TestSite, name: str) -> None:
    site.drop(name, GOOD + b"<cut")
    (line,) = site.run().exchanges
    assert line.input == name
    names = set(site.failed())
    assert len(names) == 2
    assert all(f".{line.id}." in failed for failed in names)


def test_an_unreadable_file_does_not_stop_the_others(site: TestSite, monkeypatch: pytest.MonkeyPatch) -> None:
    original = LocalSource.read

    def read(self: LocalSource, entry: Entry, into: BinaryIO) -> None:
        if entry.name == "a-locked.xml":
            raise EndpointRefused("another program has it open", code="E004")
        original(self, entry, into)

    site.drop("a-locked.xml", export("1001"))
    site.drop("b.xml", export("1002"))
    with monkeypatch.context() as patch:
        patch.setattr(LocalSource, "read", read)
        site.run()
    assert site.numbers() == ["1002"]
    problem = site.status().routes[0].problem
    assert problem is not None
    assert problem.message == "another program has it open"
    site.run()
    assert site.numbers() == ["1001", "1002"]


def test_two_bad_orders_whose_names_look_alike_have_two_files(site: TestSite) -> None:
    site.drop("a.xml", export(ShopOrder("A/1", payment="Bitcoin"), ShopOrder("A?1", payment="Bitcoin")))
    site.run()
    assert len(site.failed()) == 4


def test_a_bad_order_that_comes_again_in_a_file_that_fails_stays_told(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "BLOCK", 10)
    site.drop("a.xml", ShopOrder("K", payment="Bitcoin"))
    site.run()
    many = export(ShopOrder("K", payment="Litecoin"), *[f"N{n}" for n in range(30)])
    site.drop("b.xml", many.replace(b"<CODE>N25</CODE>", b"<CODE>N25</CODEX>"))
    site.run()
    assert "order K" in [matter.name for matter in site.status().matters]
    assert any(name.startswith("K.") for name in site.failed())


def test_what_a_template_refuses_is_told_with_its_line_in_the_shops_own_file(site: TestSite) -> None:
    content = export("1001", "1002").replace(b"HRN-1", b"H" * 70)
    site.drop("orders.xml", content)
    site.run()
    line = content[: content.index(b"<ORDER>", content.index(b"<ORDER>") + 1)].count(b"\n") + 1
    why = next(text for name, text in site.failed().items() if name.startswith("1002.") and "why" in name)
    assert "error[T015]" in why
    assert f"= it stands on line {line} of the input" in why
