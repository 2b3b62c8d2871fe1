"""Answers that come late, twice, in part, or to another sending: nothing is lost, and nothing called booked."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.config import load
from gateway.endpoints.local import LocalTarget
from gateway.errors import EndpointRefused, UsageError
from gateway.exchange.courier import Courier
from gateway.exchange.intake import Waiting
from gateway.exchange.reading import read_route
from tests.exchange.answers import ORDER, Item, booked, busy, duplicate, rejected, response
from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder, export
from tests.exchange.test_answers import ANSWERS, TARGET, answer, answering, send, states

FILE = "shop-main_order_1001.xml"


@pytest.fixture
def site(tmp_path: Path) -> TestSite:
    return answering(tmp_path)


def put(site: TestSite, name: str, content: bytes) -> None:
    """An answer that lies there; nobody has read it yet."""
    (site.folder / "out" / "pohoda" / "response" / name).write_bytes(content)


# -- in part -----------------------------------------------------------------------------------------------


def test_an_answer_about_some_of_a_file_leaves_it_there_until_the_rest_is_answered(site: TestSite) -> None:
    site.configure(settings="pack: 10", replace=(TARGET, ANSWERS))
    site.drop("orders.xml", export("1001", "1002"))
    site.run()
    (name,) = site.waiting_at_the_target()
    answer(site, name, booked("1001"))
    assert (states(site), site.waiting_at_the_target()) == ({"1001": "confirmed", "1002": "sent"}, [name])
    # and what is missing is late
    found = site.run(later=timedelta(days=2)).status
    assert found is not None
    assert [matter.what for matter in found.matters] == ["no answer"]
    answer(site, name, booked("1002", "482", "26OP00108"))
    assert (states(site), site.waiting_at_the_target()) == ({"1001": "confirmed", "1002": "confirmed"}, [])


def test_a_whole_file_that_is_ok_confirms_no_document(site: TestSite) -> None:
    send(site, "1001")
    answer(site, FILE)
    assert (states(site), site.waiting_at_the_target()) == ({"1001": "sent"}, [FILE])
    (why,) = [text for name, text in site.failed("answers-pohoda").items() if name.endswith(".why.txt")]
    assert "error[R006]: pohoda answers about a whole file and names no document in it\n" in why


def test_an_item_without_an_id_is_set_aside(site: TestSite) -> None:
    send(site, "1001")
    put(site, FILE, response(booked("1001")).replace(b' id="shop-main:order:1001"', b""))
    site.run()
    assert states(site) == {"1001": "sent"}
    (matter,) = site.status().matters
    assert (matter.what, matter.reason) == ("set aside", "`verdict` is missing")


def test_a_set_aside_answer_can_be_settled(site: TestSite) -> None:
    send(site, "1001")
    answer(site, "cizi.xml", booked("7777"))
    exchange = site.status().matters[0].do.split()[-1]
    site.do("release", exchange, drop=True)
    assert site.status().matters == ()


# -- to another sending ------------------------------------------------------------------------------------


def test_an_answer_to_the_earlier_file_settles_no_version_that_was_not_shipped(site: TestSite) -> None:
    # given a refused order that was changed in the shop meanwhile, while the target is held
    send(site, "1001")
    answer(site, FILE, state="error", note="Uživatel nesmí importovat XML.")
    site.drop("again.xml", ShopOrder("1001", price="200.00"))
    site.run()
    assert [state for _, state, _ in site.postings()] == ["superseded", "planned"]
    # when the first file is booked after all, and its answer has a name of its own
    put(site, "vysledek.xml", response(booked("1001")))
    site.run()
    # then the second version is still to be sent
    assert [state for _, state, _ in site.postings()] == ["superseded", "planned"]
    site.do("release", "pohoda")
    site.run()
    assert "shop-main_order_1001_v2.xml" in site.waiting_at_the_target()
    # and that the program has the first content is a person's matter
    answer(site, "shop-main_order_1001_v2.xml", duplicate("1001", "481", "26OP00107"))
    assert [state for _, state, _ in site.postings()] == ["superseded", "rejected"]
    assert site.told()[-1] == (
        "R008: pohoda had it before as 26OP00107, with the content that was sent first: Záznam už v agendě je."
    )


def test_a_second_answer_to_the_old_file_does_not_settle_the_new_one(site: TestSite) -> None:
    send(site, "1001")
    site.do("hold", "pohoda")
    answer(site, FILE, rejected("1001", ORDER.format(1), "x"))
    site.do("retry", "1001")
    put(site, FILE, response(rejected("1001", ORDER.format(1), "x")))
    site.run()
    assert states(site) == {"1001": "planned"}
    site.do("release", "pohoda")
    site.run()
    assert (states(site), site.waiting_at_the_target()) == ({"1001": "sent"}, [FILE])


def test_a_rejected_version_is_not_sent_once_the_order_was_changed_or_cancelled(site: TestSite) -> None:
    send(site, "1001")
    site.drop("again.xml", ShopOrder("1001", price="200.00"))
    site.run()
    answer(site, FILE, rejected("1001", ORDER.format(1), "x"))
    assert [state for _, state, _ in site.postings()] == ["rejected", "held"]
    (told,) = site.do("retry", "1001")
    assert told.startswith("1001 was changed in the shop since it was rejected: this version is not sent; ")
    site.run()
    assert site.waiting_at_the_target() == []


def test_a_cancelled_order_that_had_been_rejected_is_not_sent(site: TestSite) -> None:
    send(site, "1001")
    answer(site, FILE, rejected("1001", ORDER.format(1), "x"))
    site.drop("again.xml", ShopOrder("1001", status="Stornována"))
    site.run()
    (told,) = site.do("retry", route="shop")
    assert told.startswith("1001 was cancelled in the shop since it was rejected: this version is not sent; ")
    site.run()
    assert site.waiting_at_the_target() == []


def test_an_answer_that_is_read_again_settles_nothing_twice(site: TestSite) -> None:
    send(site, "1001")
    answer(site, FILE, rejected("1001", ORDER.format(1), "x"), booked("7777"))
    exchange = site.status().matters[0].do.split()[-1]
    site.do("retry", "1001")
    site.run()
    site.do("retry", exchange.partition(".")[0])
    assert states(site)["1001"] == "sent"


# -- busy --------------------------------------------------------------------------------------------------


def test_a_busy_answer_before_the_gateway_has_written_delivered_is_not_lost(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """POHODA answers between the rename and the commit that follows it."""
    give_name = Courier._give_name

    def answered_at_once(courier: Courier, *arguments: Any, **options: Any) -> None:
        give_name(courier, *arguments, **options)
        put(site, FILE, response(busy("1001")))
        read_route(courier._site, courier._site.routes["answers-pohoda"], Waiting(), patient=False)

    site.drop("orders.xml", export("1001"))
    with monkeypatch.context() as patch:
        patch.setattr(Courier, "_give_name", answered_at_once)
        site.run()
    assert states(site) == {"1001": "planned"}
    site.run(later=timedelta(hours=1))
    assert (states(site), site.waiting_at_the_target()) == ({"1001": "sent"}, [FILE])


def test_busy_is_tried_later_each_time_and_told_when_it_lasts(site: TestSite) -> None:
    send(site, "1001")
    for turn in range(1, 6):
        put(site, FILE, response(busy("1001")))
        site.run(later=turn * timedelta(hours=1))
        assert site.waiting_at_the_target() == []
        site.run(later=turn * timedelta(hours=1, minutes=1) + timedelta(minutes=20))
        assert site.waiting_at_the_target() == [FILE]
    put(site, FILE, response(busy("1001")))
    site.run(later=timedelta(hours=9))
    (matter,) = site.status().matters
    assert (matter.what, matter.reason) == ("busy", "pohoda asks to be sent it again, it was busy")


def test_a_busy_receiver_that_keeps_its_files_is_not_sent_them_twice(site: TestSite) -> None:
    site.configure(replace=(TARGET, ANSWERS.replace("response}", "response, take_away: no}")))
    send(site, "1001")
    put(site, FILE, response(busy("1001")))
    site.run()
    site.run(later=timedelta(hours=1))
    assert (states(site), site.waiting_at_the_target()) == ({"1001": "sent"}, [FILE])
    answer(site, FILE, booked("1001"))
    assert states(site) == {"1001": "confirmed"}


# -- one fixed name, windows -------------------------------------------------------------------------------


def test_under_one_fixed_name_an_answer_frees_the_name_for_the_next_file(site: TestSite) -> None:
    fixed = ANSWERS + "    file_name: orders.xml\n"
    site.configure(replace=(TARGET, fixed))
    site.drop("a.xml", export("1001"))
    site.run()
    site.drop("b.xml", export("1002"))
    site.run()
    assert site.numbers() == ["1001"] or site.waiting_at_the_target() == ["orders.xml"]
    answer(site, "orders.xml", booked("1001"))
    site.run()
    assert states(site) == {"1001": "confirmed", "1002": "sent"}
    answer(site, "orders.xml", booked("1002", "482", "26OP00108"))
    assert (states(site), site.waiting_at_the_target()) == ({"1001": "confirmed", "1002": "confirmed"}, [])


def test_a_refusal_of_the_file_that_lies_there_is_not_about_the_next_one(site: TestSite) -> None:
    site.configure(replace=(TARGET, ANSWERS + "    file_name: orders.xml\n"))
    site.drop("a.xml", export("1001"))
    site.run()
    site.drop("b.xml", export("1002"))
    site.run()
    answer(site, "orders.xml", state="error", note="Uživatel nesmí importovat XML.")
    assert states(site) == {"1001": "rejected", "1002": "planned"}


def test_a_window_leaves_out_what_was_rejected_or_settled_by_hand(site: TestSite) -> None:
    site.configure(replace=(TARGET, ANSWERS + "    file_name: orders.xml\n    window: 7 d\n"))
    site.drop("a.xml", export("1001"))
    site.run()
    answer(site, "orders.xml", rejected("1001", ORDER.format(1), "x"))
    site.do("release", "1001", drop=True)
    site.drop("b.xml", export("1002"))
    site.run()
    assert site.numbers() == ["1002"]


# -- what cannot be done, and what is refused --------------------------------------------------------------


def test_a_file_that_may_not_be_removed_stops_no_other(site: TestSite, monkeypatch: pytest.MonkeyPatch) -> None:
    send(site, "1001")

    def refuse(target: LocalTarget, written: object) -> None:
        raise EndpointRefused("Permission denied", code="E004")

    with monkeypatch.context() as patch:
        patch.setattr(LocalTarget, "take_away", refuse)
        answer(site, FILE, booked("1001"))
        site.drop("more.xml", export("1002"))
        site.run()
        assert states(site) == {"1001": "confirmed", "1002": "sent"}
        (matter,) = site.status().matters
        assert (matter.what, matter.name, matter.reason) == ("not taken away", FILE, "Permission denied")
    site.run(later=timedelta(hours=1))
    assert (site.waiting_at_the_target(), site.status().matters) == (["shop-main_order_1002.xml"], ())


def test_a_duplicate_without_a_record_is_told_also_where_an_earlier_version_was_booked(site: TestSite) -> None:
    send(site, "1001")
    answer(site, FILE, booked("1001"))
    site.drop("again.xml", ShopOrder("1001", price="200.00"))
    site.run()
    site.do("release", "1001")
    site.run()
    answer(site, "shop-main_order_1001_v2.xml", duplicate("1001", record=None))
    assert [state for _, state, _ in site.postings()] == ["confirmed", "rejected"]


def test_what_was_sent_before_its_answers_were_read_waits_for_none(tmp_path: Path) -> None:
    site = TestSite(tmp_path)
    site.drop("orders.xml", export("1001"))
    site.run()
    # when the office begins to answer
    site.configure(replace=(TARGET, ANSWERS))
    (tmp_path / "out" / "pohoda" / "response").mkdir()
    site.run()
    # then the old order is not late, and can be forgotten
    assert site.run(later=timedelta(days=3)).status.matters == ()  # type: ignore[union-attr]
    site.do("forget", "1001")


def test_answers_cannot_be_adopted(site: TestSite) -> None:
    with pytest.raises(
        UsageError, match="`answers-pohoda` reads the answers of pohoda: nothing of it can be adopted"
    ):
        site.do("adopt", "answers-pohoda")


def test_answers_in_the_folder_of_the_files_are_refused(tmp_path: Path) -> None:
    site = TestSite(tmp_path)
    site.configure(replace=(TARGET, f"{TARGET}    answers: {{folder: ./Pohoda/}}\n"))
    (problem,) = load(site.config_path).problems
    assert (problem.code, problem.message) == (
        "C003",
        "the answers of `pohoda` are in the folder where its own files are",
    )


def test_an_answer_that_stays_where_it_is_counts_each_time_it_is_written(site: TestSite) -> None:
    site.configure(replace=(TARGET, ANSWERS.replace("response}", "response, after: keep}")))
    send(site, "1001")
    answer(site, FILE, rejected("1001", ORDER.format(1), "x"))
    site.do("retry", "1001")
    site.run()
    assert states(site) == {"1001": "sent"}
    put(site, FILE, response(rejected("1001", ORDER.format(1), "x")))
    site.run()
    assert states(site) == {"1001": "rejected"}


def test_items_of_another_sort_change_nothing(site: TestSite) -> None:
    send(site, "1001")
    answer(site, FILE, Item("1001", state="error", note="Dokument neodpovídá schématu."), booked("7777"))
    assert states(site) == {"1001": "rejected"}
    assert sorted(matter.what for matter in site.status().matters) == ["rejected", "set aside"]
