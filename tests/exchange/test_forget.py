"""A person is forgotten: nothing below the spool names them any more, and their order is not sent again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from gateway.errors import GatewayError, UsageError
from gateway.exchange import requests, retention
from gateway.exchange.naming import Arguments
from gateway.store import tables
from tests.exchange.conftest import TestSite, contents
from tests.exchange.shop import ShopOrder, export

NAME, EMAIL, STREET = "Kvido Zlatohrádek", "kvido.zlatohradek@priklad.cz", "Křišťálová"
TRACES = ("Zlatohrádek", "zlatohradek", STREET)


def orders(*wanted: ShopOrder | str) -> bytes:
    """An export in which order 1001 is that of the invented person."""
    made = [order if isinstance(order, ShopOrder) else ShopOrder(order) for order in wanted]
    text = export(*(replace(order, name=NAME) if order.number == "1001" else order for order in made)).decode()
    whose = text.split("<ORDER>")
    for index, part in enumerate(whose):
        if NAME in part:
            whose[index] = part.replace("jana@example.cz", "Kvido.Zlatohradek@priklad.cz").replace(
                "Dlouhá", STREET
            )
    return "<ORDER>".join(whose).encode()


def traces(site: TestSite) -> list[str]:
    """The files below the spool in which the person can be found."""
    found = []
    for path, content in contents(site.folder / "spool", "**/*").items():
        found += [path.name for trace in TRACES if trace.lower().encode() in content.lower()][:1]
    return found


def forget(site: TestSite, *names: str, email: str | None = None, route: str | None = None) -> list[str]:
    with site.open() as opened:
        return requests.carry_out(opened, "tester", "forget", Arguments(names, route, email=email))


def refusal(site: TestSite, *names: str, email: str | None = None) -> str:
    before = traces(site)
    with pytest.raises(UsageError) as caught:
        forget(site, *names, email=email)
    assert traces(site) == before
    return str(caught.value)


def ids(site: TestSite) -> list[str]:
    with site.open() as opened, opened.ledger.read() as connection:
        return list(
            connection.execute(select(tables.exchange.c.id).order_by(tables.exchange.c.received_at)).scalars()
        )


# -- what is erased --------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [{"names": ("1001",)}, {"email": EMAIL}, {"email": EMAIL.upper()}])
def test_nothing_below_the_spool_names_the_person_any_more(site: TestSite, by: dict[str, object]) -> None:
    # given an order that was set aside, mended, sent, repeated, changed, held and settled
    site.drop("a.xml", orders("1000", ShopOrder("1001", payment="Bitcoin")))
    site.run()
    site.drop("b.xml", orders("1001", "1002"))
    site.run()
    site.drop("c.xml", orders("1001", "1003"))
    site.run()
    site.drop("d.xml", orders(ShopOrder("1001", price="242.00")))
    site.run()
    site.do("release", "1001", drop=True)
    site.drop("e.xml", orders("1004"))
    site.run()
    assert {"a.xml", "b.xml", "c.xml", "d.xml", "ledger.db"} <= {*traces(site)}
    # when
    lines = forget(site, *by.get("names", ()), email=by.get("email"))  # type: ignore[misc, arg-type]
    # then
    assert traces(site) == []
    assert lines[0] == "erased the stored contents of 1 order (shop-main: 1001); the numbers stay known"
    assert [line for line in lines if "input" in line] == [
        f"erased the stored input {name}.xml as a whole, other orders in it included" for name in "abcd"
    ]
    # and what is of others is there
    assert (site.folder / "spool" / "shop" / "in" / "done" / "e.xml").read_bytes() == orders("1004")
    (story,) = site.story("1004")
    with site.open() as opened:
        assert opened.blobs.read(story.sha256) == orders("1004")


def test_the_order_stays_known_and_is_not_sent_again(site: TestSite) -> None:
    site.drop("a.xml", orders("1001"))
    site.run()
    forget(site, "1001")
    (story,) = site.story("1001")
    assert story.postings[0].forgotten_at is not None
    assert story.postings[0].forgotten_at[:10] == datetime.now(UTC).strftime("%Y-%m-%d")
    assert [happening.event for happening in story.timeline] == ["received", "planned", "delivered", "forgotten"]
    # when the same file comes again, and the same order in another file
    site.drop("a.xml", orders("1001"))
    site.drop("b.xml", orders("1001", "1002"))
    site.run()
    assert site.numbers() == ["1001", "1002"]


def test_a_change_of_a_forgotten_order_is_held_without_the_old_values(site: TestSite) -> None:
    site.drop("a.xml", orders("1001"))
    site.run()
    forget(site, "1001")
    site.drop("b.xml", orders(ShopOrder("1001", price="242.00")))
    site.run()
    held = site.story("1001")[-1].postings[-1]
    assert (held.state, held.reason) == ("held", "changed")
    assert held.problems[0].context == ("the content that was sent is not stored any more",)


def test_all_orders_of_an_address_are_forgotten_and_those_of_a_similar_one_are_not(site: TestSite) -> None:
    site.drop("a.xml", orders("1001"))
    site.run()
    similar = orders(ShopOrder("2001")).replace(b"jana@example.cz", b"x.kvido.zlatohradek@priklad.cz")
    site.drop("b.xml", similar)
    site.run()
    lines = forget(site, email=EMAIL)
    assert lines[0].startswith("erased the stored contents of 1 order (shop-main: 1001)")
    with site.open() as opened, opened.ledger.read() as connection:
        bodies = connection.execute(select(tables.version.c.body)).scalars().all()
    assert [body is None for body in bodies] == [True, False]


def test_an_order_that_was_left_out_is_found_by_its_address(site: TestSite) -> None:
    site.configure("since: 2027-01-01")
    site.drop("a.xml", orders("1001"))
    site.run()
    lines = forget(site, email=EMAIL)
    assert lines[:2] == [
        "erased what is stored with that address; no order of it was ever sent; the numbers stay known",
        "erased the stored input a.xml as a whole, other orders in it included",
    ]
    assert traces(site) == []


def test_a_pack_and_files_set_aside_go_as_a_whole(site: TestSite) -> None:
    site.configure(settings="pack: 10")
    site.drop("a.xml", orders("1000", "1001", "1002"))
    site.run()
    site.drop("cut.xml", orders("1001", "1002")[:-30])
    site.run()
    assert any(name.startswith("cut.") for name in site.failed())
    lines = forget(site, "1001")
    assert traces(site) == []
    assert site.failed() == {}
    assert sum(line.startswith("erased the stored delivery") for line in lines) == 1
    assert sum(line.startswith("removed spool/shop/failed/cut.") for line in lines) == 2


def test_what_shared_a_file_with_the_delivery_can_still_be_read(site: TestSite) -> None:
    """One block writes the deliveries of all its orders into one segment."""
    site.drop("a.xml", orders("1000", "1001", "1002"))
    site.run()
    forget(site, "1001")
    with site.open() as opened, opened.ledger.read() as connection:
        rows = connection.execute(select(tables.delivery.c.content_sha256, tables.delivery.c.name)).all()
        read = {row.name: b"1" for row in rows if not row.name.endswith("1001.xml") and opened.blobs.read(row[0])}
    assert len(read) == 2


def test_what_the_gateway_cannot_erase_is_listed(site: TestSite) -> None:
    site.configure(
        routes="  far: {origin: shop-main, from: {endpoint: shopside}, mapping: shoptet/order, "
        "to: [{target: pohoda, template: pohoda/order}]}",
        endpoints="  shopside: {type: local, path: shopside}",
    )
    (site.folder / "shopside").mkdir()
    site.drop("a.xml", orders("1001"))
    site.run()
    assert forget(site, "1001")[-5:] == [
        "not within the gateway's reach: files at the source shopside (route far)",
        "not within the gateway's reach: shop-main_order_1001.xml at pohoda, and what the receiver made of it",
        "not within the gateway's reach: backups that were made before",
        "not within the gateway's reach: log files",
        "not within the gateway's reach: mails and chats that told of it",
    ]


def test_a_file_that_its_route_keeps_is_left_and_named(site: TestSite) -> None:
    site.configure("from: {after: keep}")
    site.drop("a.xml", orders("1001"))
    site.run()
    lines = forget(site, "1001")
    assert "not within the gateway's reach: spool/shop/in/a.xml, which its route keeps" in lines
    assert traces(site) == ["a.xml"]


def test_a_dry_run_tells_the_same_and_erases_nothing(site: TestSite) -> None:
    site.drop("a.xml", orders("1001"))
    site.run()
    before = traces(site)
    with site.open() as opened:
        lines = requests.carry_out(opened, "tester", "forget", Arguments(("1001",)), dry_run=True)
    assert lines[:4] == [
        "would erase the stored contents of 1 order (shop-main: 1001)",
        "would erase the stored input a.xml as a whole, other orders in it included",
        "would erase the stored delivery shop-main_order_1001.xml as a whole, other orders in it included",
        "would remove spool/shop/in/done/a.xml",
    ]
    assert traces(site) == before


def test_the_address_does_not_stay_in_the_list_of_requests(site: TestSite) -> None:
    # given a request that was left for the daemon
    site.drop("a.xml", orders("1001"))
    site.run()
    with site.open() as opened:
        number = requests.ask(opened, "tester", "forget", Arguments(email=EMAIL))
        # when it is carried out
        requests.carry_out_open(opened)
        answer = requests.answer(opened, number)
        with opened.ledger.read() as connection:
            row = connection.execute(select(tables.request)).one()
        # then who asked stays known, and whom it was about does not
        assert answer is not None
        assert answer[0].startswith("erased the stored contents of 1 order")
        assert (row.actor, row.action, json.loads(row.arguments)["email"]) == ("tester", "forget", "(erased)")
        assert traces(site) == []


# -- what is refused -------------------------------------------------------------------------------------


def test_an_order_that_is_held_is_refused(site: TestSite) -> None:
    site.drop("a.xml", orders("1001"))
    site.run()
    site.drop("b.xml", orders(ShopOrder("1001", price="242.00")))
    site.run()
    assert refusal(site, "1001") == (
        "nothing was erased: contents that would go with it are still needed. "
        f"Settle first: order 1001 (in b.xml, {ids(site)[1]}) is held: `gateway show 1001`"
    )


def test_an_order_is_refused_as_long_as_another_one_of_its_file_is_not_settled(site: TestSite) -> None:
    site.drop("a.xml", orders("1001", ShopOrder("1002", payment="Bitcoin")))
    site.run()
    (exchange,) = ids(site)
    assert refusal(site, email=EMAIL) == (
        "nothing was erased: contents that would go with it are still needed. "
        f"Settle first: order 1002 (in a.xml, {exchange}) is set aside: `gateway retry {exchange}`"
    )


@pytest.mark.parametrize("state", ["drafted", "shipping", "deferred", "failed", "in_doubt"])
def test_an_order_whose_delivery_is_not_settled_is_refused(site: TestSite, state: str) -> None:
    site.drop("a.xml", orders("1001"))
    site.run()
    with site.open() as opened, opened.ledger.write() as connection:
        connection.execute(update(tables.delivery).values(state=state))
    assert "Settle first: shop-main_order_1001.xml (in a.xml" in refusal(site, "1001")


def test_an_order_whose_file_waits_to_be_read_is_refused(site: TestSite) -> None:
    site.drop("a.xml", orders("1001"))
    site.run()
    site.drop("b.xml", orders("1001", "1002"))
    assert refusal(site, "1001").endswith("spool/shop/in/b.xml has not been read yet: let it be read")


def test_an_input_that_the_ledger_never_heard_of_is_looked_at_first(site: TestSite) -> None:
    site.drop("a.xml", orders("1001"))
    site.run()
    (site.folder / "spool" / "unknown").mkdir()
    (site.folder / "spool" / "unknown" / "b.xml").write_bytes(orders("1001", "1002"))
    assert refusal(site, "1001").endswith("spool/unknown/b.xml is not known to the ledger: `gateway status`")


def test_a_number_that_is_not_known_is_told(site: TestSite) -> None:
    assert refusal(site, "1001") == "`1001` is no order number of this site"
    site.drop("a.xml", orders(ShopOrder("1001", payment="Bitcoin")))
    site.run()
    assert refusal(site, "1001") == (
        f"`1001` is set aside and was never sent: settle that first, `gateway show {ids(site)[0]}`"
    )


def test_an_address_that_is_not_known_is_told_and_not_repeated(site: TestSite) -> None:
    assert refusal(site, email=EMAIL) == (
        "nothing that is stored has that e-mail address; orders whose contents retention has removed cannot be "
        "found by it any more, and need no erasing"
    )


def test_a_number_of_two_shops_has_to_be_named_with_its_route(site: TestSite) -> None:
    site.configure(
        routes="  other: {origin: shop-two, mapping: shoptet/order, "
        "to: [{target: pohoda, template: pohoda/order}]}"
    )
    site.drop("a.xml", orders("1001"))
    site.drop("b.xml", export("1001"), route="other")
    site.run()
    assert refusal(site, "1001") == (
        "`1001` is known of several shops (main/shop-main, main/shop-two); name one with --route"
    )
    lines = forget(site, "1001", route="shop")
    assert lines[0].startswith("erased the stored contents of 1 order (shop-main: 1001)")
    assert traces(site) == []
    with site.open() as opened, opened.ledger.read() as connection:
        rows = connection.execute(select(tables.document.c.origin, tables.document.c.forgotten_at)).all()
    assert {row.origin: row.forgotten_at is None for row in rows} == {"shop-main": False, "shop-two": True}


def test_while_a_backup_is_made_nothing_is_erased(site: TestSite) -> None:
    site.drop("a.xml", orders("1001"))
    site.run()
    with (
        site.open() as opened,
        opened.lanes.exclusively(retention.LANE),
        pytest.raises(GatewayError) as caught,
    ):
        requests.carry_out(opened, "tester", "forget", Arguments(("1001",)))
    assert str(caught.value) == (
        "a backup is being made, or old contents are being removed: ask again when that is done"
    )


def test_what_was_forgotten_ages_out_as_everything_else(site: TestSite) -> None:
    from tests.exchange.test_retention import age

    site.drop("a.xml", orders("1001", "1002"))
    site.run()
    forget(site, "1001")
    age(site, 401)
    with site.open() as opened, opened.ledger.read() as connection:
        assert connection.execute(select(tables.exchange.c.emptied_at)).scalar_one() is not None
