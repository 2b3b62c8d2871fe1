"""What the accounting program answers settles what it was sent, and what it says against it is told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.clock import from_text
from gateway.diagnostics import render_all
from gateway.exchange.lateness import unanswered
from gateway.store import tables
from tests.exchange.answers import ORDER, Item, booked, busy, detail, duplicate, rejected, response
from tests.exchange.conftest import LaterClock, TestSite, contents
from tests.exchange.shop import ShopOrder, export

TARGET = "    folder: pohoda\n"
ANSWERS = f"{TARGET}    answers: {{folder: pohoda/response}}\n"


@pytest.fixture
def site(tmp_path: Path) -> TestSite:
    return answering(tmp_path)


def answering(folder: Path) -> TestSite:
    """A site whose target answers."""
    site = TestSite(folder)
    site.configure(replace=(TARGET, ANSWERS))
    (folder / "out" / "pohoda" / "response").mkdir(parents=True)
    return site


def send(site: TestSite, *numbers: str) -> None:
    site.drop("orders.xml", export(*numbers))
    site.run()
    assert site.waiting_at_the_target() == [f"shop-main_order_{number}.xml" for number in numbers]


def answer(site: TestSite, name: str, *items: Item, **attributes: str) -> None:
    """The receiver answers to one of the files that lie there."""
    (site.folder / "out" / "pohoda" / "response" / name).write_bytes(response(*items, **attributes))
    site.run()


def states(site: TestSite) -> dict[str, str]:
    return {number: state for number, state, _ in site.postings()}


# -- what is taken -----------------------------------------------------------------------------------------


def test_what_was_booked_is_confirmed_with_its_number_there(site: TestSite) -> None:
    send(site, "1001", "1002")
    answer(site, "shop-main_order_1001.xml", booked("1001"))
    assert states(site) == {"1001": "confirmed", "1002": "sent"}
    (posting,) = site.story("1001")[0].postings
    assert (posting.record_id, posting.record_number, posting.problems) == ("481", "26OP00107", ())


def test_an_answered_file_is_taken_away_and_its_answer_is_put_away(site: TestSite) -> None:
    send(site, "1001", "1002")
    answer(site, "shop-main_order_1001.xml", booked("1001"))
    assert site.waiting_at_the_target() == ["shop-main_order_1002.xml"]
    folder = site.folder / "out" / "pohoda" / "response"
    assert [path.name for path in folder.glob("*.xml")] == []
    assert [path.name for path in (folder / "done").iterdir()] == ["shop-main_order_1001.xml"]


def test_a_file_may_stay_where_the_receiver_removes_it_itself(site: TestSite) -> None:
    stays = ANSWERS.replace("response}", "response, take_away: no}")
    site.configure(replace=(TARGET, stays))
    send(site, "1001")
    answer(site, "shop-main_order_1001.xml", booked("1001"))
    assert (states(site), site.waiting_at_the_target()) == ({"1001": "confirmed"}, ["shop-main_order_1001.xml"])


def test_a_warning_is_told_with_the_value_and_the_field(site: TestSite) -> None:
    send(site, "1001")
    place = ORDER.format(1) + "/ord:orderHeader/ord:paymentType/typ:ids"
    warning = detail("warning", "603", "Hodnota byla při importu změněna.", place, "Plat.kartou", "Hotově")
    answer(site, "shop-main_order_1001.xml", booked("1001", body=warning))
    assert states(site) == {"1001": "warned"}
    (problem,) = site.story("1001")[0].postings[0].problems
    assert (problem.level, problem.field) == ("warning", "payment.method")
    (told,) = site.told()
    assert told == (
        "R004: pohoda took it with a remark: Hodnota byla při importu změněna. (603); "
        "`Plat.kartou` became `Hotově`"
    )
    assert problem.help == "look at the record there; nothing is to be done where it is right"
    assert site.status().matters == ()


def test_a_duplicate_that_names_its_record_is_there_already(site: TestSite) -> None:
    send(site, "1001")
    answer(site, "shop-main_order_1001.xml", duplicate("1001"))
    (posting,) = site.story("1001")[0].postings
    assert (posting.state, posting.record_id, posting.record_number) == ("already_there", "470", "26OP00101")
    assert site.status().matters == ()


def test_what_is_confirmed_stays_so_when_the_file_is_read_twice(site: TestSite) -> None:
    send(site, "1001")
    answer(site, "shop-main_order_1001.xml", booked("1001"))
    answer(site, "shop-main_order_1001.xml", duplicate("1001", record=None))
    (posting,) = site.story("1001")[0].postings
    assert (posting.state, posting.record_number) == ("confirmed", "26OP00107")


def test_an_answer_is_found_by_its_ids_where_its_name_tells_nothing(site: TestSite) -> None:
    send(site, "1001", "1002")
    answer(site, "vysledek.xml", booked("1001", "481", "A"), booked("1002", "482", "B"))
    assert states(site) == {"1001": "confirmed", "1002": "confirmed"}


def test_each_document_of_a_pack_has_its_own_answer(site: TestSite) -> None:
    site.configure(settings="pack: 10", replace=(TARGET, ANSWERS))
    site.drop("orders.xml", export("1001", "1002", "1003"))
    site.run()
    (name,) = site.waiting_at_the_target()
    place = ORDER.format(2) + "/ord:orderHeader/ord:number"
    answer(
        site, name, booked("1001"), rejected("1002", place, "x"), booked("1003", "483", "26OP00109"), state="error"
    )
    assert states(site) == {"1001": "confirmed", "1002": "rejected", "1003": "confirmed"}
    assert site.waiting_at_the_target() == []


# -- what is not taken -------------------------------------------------------------------------------------


def test_what_was_rejected_waits_for_a_person_with_the_programs_words(site: TestSite) -> None:
    send(site, "1001")
    place = ORDER.format(1) + "/ord:orderDetail/ord:orderItem[1]/ord:stockItem/typ:stockItem/typ:ids"
    answer(site, "shop-main_order_1001.xml", rejected("1001", place, "SKU-1"))
    assert states(site) == {"1001": "rejected"}
    assert site.told() == ["R001: pohoda rejected it: Tato hodnota není známá. (108); `SKU-1`"]
    (problem,) = site.story("1001")[0].postings[0].problems
    assert problem.field == "lines[1].sku"
    assert problem.span is not None
    assert (problem.span.file, problem.span.text is not None and "typ:ids" in problem.span.text) == (
        "shop-main_order_1001.xml",
        True,
    )
    assert problem.help == (
        "mend it in the shop, in the settings of the target or there; then `gateway retry 1001` writes it anew "
        "under the same ids, `gateway release 1001 --drop` settles it unsent"
    )
    (matter,) = site.status().matters
    assert (matter.what, matter.name, matter.reason) == ("rejected", "order 1001", problem.message)
    assert site.story("1001")[0].exchange.state == "needs you"


def test_a_rejected_order_is_written_anew_under_the_same_ids(site: TestSite) -> None:
    send(site, "1001")
    (first,) = site.shipped().values()
    answer(site, "shop-main_order_1001.xml", rejected("1001", ORDER.format(1), "x"))
    site.do("retry", "1001")
    site.run()
    assert list(site.shipped().values()) == [first]
    answer(site, "shop-main_order_1001.xml", booked("1001"))
    assert states(site) == {"1001": "confirmed"}
    assert site.status().matters == ()


def test_a_rejected_order_that_is_mended_in_the_shop_is_sent(site: TestSite) -> None:
    send(site, "1001")
    answer(site, "shop-main_order_1001.xml", rejected("1001", ORDER.format(1), "x"))
    site.drop("again.xml", ShopOrder("1001", price="200.00"))
    site.run()
    assert [(state, reason) for _, state, reason in site.postings()] == [
        ("superseded", "rejected"),
        ("sent", None),
    ]
    assert site.waiting_at_the_target() == ["shop-main_order_1001_v2.xml"]


def test_a_rejected_order_can_be_settled_by_hand_and_a_later_change_is_told(site: TestSite) -> None:
    send(site, "1001")
    answer(site, "shop-main_order_1001.xml", rejected("1001", ORDER.format(1), "x"))
    site.do("release", "1001", drop=True)
    assert [posting[1:] for posting in site.postings()] == [("already_there", "settled by hand")]
    site.drop("again.xml", ShopOrder("1001", price="200.00"))
    site.run()
    assert [state for _, state, _ in site.postings()] == ["already_there", "held"]


def test_all_rejected_orders_of_a_route_are_tried_again_at_once(site: TestSite) -> None:
    send(site, "1001", "1002")
    for number in ("1001", "1002"):
        answer(site, f"shop-main_order_{number}.xml", rejected(number, ORDER.format(1), "x"))
    site.do("retry", route="shop")
    site.run()
    assert site.waiting_at_the_target() == ["shop-main_order_1001.xml", "shop-main_order_1002.xml"]


def test_a_schema_error_without_details_is_told_by_its_note(site: TestSite) -> None:
    send(site, "1001")
    answer(site, "shop-main_order_1001.xml", Item("1001", state="error", note="Dokument neodpovídá schématu."))
    (problem,) = site.story("1001")[0].postings[0].problems
    assert problem.message == "pohoda rejected it: Dokument neodpovídá schématu."


def test_a_duplicate_without_a_record_is_held_for_a_person(site: TestSite) -> None:
    send(site, "1001")
    answer(site, "shop-main_order_1001.xml", duplicate("1001", record=None))
    (posting,) = site.story("1001")[0].postings
    assert (posting.state, posting.reason) == ("rejected", "duplicate")
    assert site.told() == [
        "R003: pohoda says that it had the record before, and names none: Záznam už v agendě je."
    ]
    assert posting.problems[0].help == (
        "look there: `gateway release 1001 --drop` where it is booked or was deleted on purpose; otherwise "
        "write it there by hand"
    )


def test_a_refused_file_holds_the_target(site: TestSite) -> None:
    send(site, "1001")
    answer(site, "shop-main_order_1001.xml", state="error", note="Uživatel nesmí importovat XML.")
    (posting,) = site.story("1001")[0].postings
    assert posting.state == "rejected"
    assert site.told() == ["R002: pohoda refused the whole file: Uživatel nesmí importovat XML."]
    assert posting.problems[0].help == (
        "mend the reason there (rights, company number, year); `gateway release pohoda` lets the target go on, "
        "`gateway retry 1001` sends this one again"
    )
    assert [matter.what for matter in site.status().matters] == ["rejected", "target held"]
    # then nothing more is sent until somebody has looked
    site.drop("more.xml", export("1002"))
    site.run()
    assert states(site)["1002"] == "planned"
    site.do("release", "pohoda")
    site.do("retry", "1001")
    site.run()
    assert states(site) == {"1001": "sent", "1002": "sent"}


def test_what_it_was_too_busy_for_is_sent_again_with_the_same_bytes(site: TestSite) -> None:
    send(site, "1001")
    (first,) = site.shipped().values()
    (site.folder / "out" / "pohoda" / "response" / "shop-main_order_1001.xml").write_bytes(response(busy("1001")))
    site.run()
    assert site.told() == [
        "R005: pohoda asks to be sent it again: Při zpracování došlo k chybě. (556)",
        "R005: pohoda asks to be sent it again, it was busy",
    ]
    # then it is taken away, and is there again some time later
    assert site.waiting_at_the_target() == []
    site.run(later=timedelta(minutes=1))
    assert list(site.shipped().values()) == [first]
    assert [happening.event for happening in site.story("1001")[0].timeline].count("delivered") == 2
    answer(site, "shop-main_order_1001.xml", booked("1001"))
    assert states(site) == {"1001": "confirmed"}


# -- what cannot be placed ---------------------------------------------------------------------------------


def test_an_answer_to_nothing_of_ours_is_set_aside(site: TestSite) -> None:
    send(site, "1001")
    answer(site, "cizi.xml", booked("7777"))
    assert states(site) == {"1001": "sent"}
    (matter,) = site.status().matters
    assert (matter.what, matter.route) == ("set aside", "answers-pohoda")
    (why,) = [text for name, text in site.failed("answers-pohoda").items() if name.endswith(".why.txt")]
    assert (
        "error[R006]: pohoda answers about `shop-main:order:7777`, and no document of this site was sent under "
        "that name\n  = help: look whose it is: another program may use the same folder, or the ledger is older "
        "than the answer; `gateway retry` of this answer reads it again, `gateway release` of it with --drop "
        "settles it\n"
    ) in why


def test_an_answer_that_is_no_xml_fails_as_a_whole(site: TestSite) -> None:
    send(site, "1001")
    (site.folder / "out" / "pohoda" / "response" / "shop-main_order_1001.xml").write_bytes(b"<html>busy</html>")
    site.run()
    assert states(site) == {"1001": "sent"}
    assert site.waiting_at_the_target() == ["shop-main_order_1001.xml"]
    assert [matter.what for matter in site.status().matters] == ["input failed"]


def test_the_same_answer_to_another_sending_counts_again(site: TestSite) -> None:
    send(site, "1001")
    for _ in range(2):
        answer(site, "shop-main_order_1001.xml", rejected("1001", ORDER.format(1), "x"))
        site.do("retry", "1001")
        site.run()
    answer(site, "shop-main_order_1001.xml", rejected("1001", ORDER.format(1), "x"))
    assert states(site) == {"1001": "rejected"}


def test_an_answer_settles_a_delivery_in_doubt(site: TestSite) -> None:
    send(site, "1001")
    site.change_deliveries(state="in_doubt")
    site.change_postings(state="planned")
    answer(site, "shop-main_order_1001.xml", booked("1001"))
    assert states(site) == {"1001": "confirmed"}
    assert site.status().matters == ()


def test_an_answer_that_does_not_come_is_late(site: TestSite) -> None:
    send(site, "1001")
    assert site.status().matters == ()
    found = site.run(later=timedelta(days=2))
    assert found.status is not None
    (matter,) = found.status.matters
    (delivery,) = site.story("1001")[0].deliveries
    assert (matter.what, matter.name, matter.do) == ("no answer", "pohoda", f"gateway show {delivery['id']}")
    with site.open() as opened, opened.ledger.read() as connection:
        opened.clock = LaterClock(timedelta(days=2))
        overdue = unanswered(opened, connection, opened.routes["shop"].targets[0].spec)
    assert overdue is not None
    since, first, problem = overdue
    moment = from_text(since).astimezone().strftime("%Y-%m-%d %H:%M")
    assert first == delivery["id"]
    assert render_all([problem]) == (
        f"error[R007]: pohoda has not answered 1 file within 1 d; the first is of {moment}\n"
        f"  = help: look whether it still imports; `gateway retry {first} --send-again` sends the first of them "
        f"once more, `gateway release {first}` settles it unanswered"
    )


def test_an_unanswered_file_can_be_settled_by_hand_and_a_late_answer_still_counts(site: TestSite) -> None:
    send(site, "1001")
    site.do("release", "1001", drop=True)
    assert [posting[1:] for posting in site.postings()] == [("already_there", "unanswered")]
    assert site.run(later=timedelta(days=2)).status.matters == ()  # type: ignore[union-attr]
    answer(site, "shop-main_order_1001.xml", rejected("1001", ORDER.format(1), "x"))
    assert states(site) == {"1001": "rejected"}


def test_an_unanswered_file_can_be_sent_once_more(site: TestSite) -> None:
    send(site, "1001")
    (first,) = site.shipped().values()
    (site.folder / "out" / "pohoda" / "shop-main_order_1001.xml").unlink()
    site.do("retry", "1001", send_again=True)
    site.run()
    assert list(site.shipped().values()) == [first]


# -- what is kept of it ------------------------------------------------------------------------------------


def test_what_an_answer_quotes_of_a_person_is_forgotten_with_the_order(site: TestSite) -> None:
    send(site, "1001")
    place = ORDER.format(1) + "/ord:orderHeader/ord:partnerIdentity/typ:address/typ:name"
    quoting = detail("warning", "603", "Hodnota byla při importu změněna.", place, "Kvido Zlatohradek")
    answer(site, "shop-main_order_1001.xml", booked("1001", body=quoting))
    assert found_below_the_spool(site, "Kvido Zlatohradek") != []
    site.do("forget", "1001")
    assert found_below_the_spool(site, "Kvido Zlatohradek") == []
    # and the order is known, with its number there
    (posting,) = site.story("1001")[0].postings
    assert (posting.state, posting.record_number) == ("warned", "26OP00107")


def found_below_the_spool(site: TestSite, text: str) -> list[str]:
    there = contents(site.folder / "spool", "**/*")
    return [
        path.name
        for path, content in there.items()
        if text.encode() in content or text.encode("cp1250") in content
    ]


def test_retention_removes_an_answer_and_keeps_what_it_settled(site: TestSite) -> None:
    send(site, "1001")
    answer(site, "shop-main_order_1001.xml", booked("1001"))
    site.run(later=timedelta(days=1000))
    (story,) = site.story("1001")
    assert story.emptied_at is not None
    assert (story.postings[0].state, story.postings[0].record_number) == ("confirmed", "26OP00107")
    with site.open() as opened, opened.ledger.read() as connection:
        assert connection.execute(select(tables.receipt.c.body)).scalars().all() == [None]


def test_retention_keeps_what_was_rejected(site: TestSite) -> None:
    send(site, "1001")
    answer(site, "shop-main_order_1001.xml", rejected("1001", ORDER.format(1), "x"))
    site.run(later=timedelta(days=1000))
    assert site.story("1001")[0].emptied_at is None
