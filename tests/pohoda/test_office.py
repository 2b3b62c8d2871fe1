"""The simulated accounting unit: what it books, what it answers, and in which moods."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest
from lxml import etree

from gateway.rendering import load
from tests.pohoda.answering import UNIT_KEY
from tests.pohoda.desk import Answer, Desk, item, request
from tests.pohoda.office import BAD_MOODS, Mood, Office, working
from tests.rendering.orders import LOOKUPS, SETTINGS, identity, line, order

ROOT = Path(__file__).resolve().parents[2]


# -- what is booked ----------------------------------------------------------------------------------------


def test_an_order_is_booked_with_its_total_and_answered_with_its_number(desk: Desk) -> None:
    answer = desk.asked(request("1001"))
    (booked,) = desk.office.orders["1001"]
    assert (booked.id, booked.number, booked.item) == (1, "26OP00001", "shop:order:1001")
    assert booked.total == Decimal("453.05")
    assert answer.one("/rsp:responsePack/@state") == "ok"
    assert answer.one("//rsp:responsePackItem[@state='ok']/@id") == "shop:order:1001"
    assert answer.one("//ord:orderResponse[@state='ok']/rdc:producedDetails/rdc:id") == "1"
    assert answer.one("//rdc:producedDetails/rdc:number") == "26OP00001"
    assert answer.one("//rdc:actionType") == "add"
    assert answer.all("//rdc:extId/*") == ["1001", "shop-main"]


def test_an_answer_declares_windows_1250_and_bears_the_name_of_its_request(desk: Desk) -> None:
    desk.office.always(Mood.DENIED)
    answer = desk.asked(request("1001"))
    assert answer.content.startswith(b'<?xml version="1.0" encoding="Windows-1250"?>')
    assert "Uživatel nesmí".encode("windows-1250") in answer.content
    assert [path.name for path in desk.office.answers.iterdir()] == ["one.xml"]


def test_given_an_order_of_the_gateways_own_template_then_it_is_booked(desk: Desk) -> None:
    document = order(lines=(line(),))
    template = load("pohoda/order", settings=SETTINGS, lookups=LOOKUPS)
    answer = desk.asked(template.encode(template.whole(document, identity(document)).text))
    (booked,) = desk.office.orders[document.number]
    assert (booked.total, booked.pack) == (Decimal(242), answer.one("/rsp:responsePack/@id"))


def test_files_are_worked_in_the_order_of_their_names_and_temporary_ones_left_alone(desk: Desk) -> None:
    for name in ("b", "a", ".c", "d.xml.tmp"):
        path = desk.folder / (f"{name}.xml" if not name.endswith("tmp") else name)
        path.write_bytes(request(name))
    assert desk.office.work() == 2
    assert {number: booked[0].id for number, booked in desk.office.orders.items()} == {"a": 1, "b": 2}


def test_requests_stay_where_they_are(desk: Desk) -> None:
    content = request("1001")
    desk.asked(content)
    assert (desk.folder / "one.xml").read_bytes() == content


# -- read again --------------------------------------------------------------------------------------------


def test_when_a_file_is_read_again_then_its_items_are_answered_as_duplicates(desk: Desk) -> None:
    desk.asked(request("1001"))
    desk.office.work()
    answer = desk.answer("one")
    assert answer.one("//rsp:responsePackItem[@state='error']/@note") == "Záznam už v agendě je."
    assert answer.all("//rsp:recordDuplicity/*") == ["prijate_objednavky", "2026-11-20", "1", "26OP00001"]
    assert answer.all("//ord:orderResponse") == []
    assert len(desk.office.orders["1001"]) == 1


def test_given_no_check_when_a_file_is_read_again_then_it_is_booked_twice(desk: Desk) -> None:
    desk.open(check_duplicity=False)
    desk.asked(request("1001"))
    assert desk.asked(request("1001")).one("//rdc:number") == "26OP00002"
    assert desk.office.doubled() == ["1001"]
    desk.office.check_duplicity = True
    desk.office.work()
    assert desk.answer("one").all("//rsp:recordDuplicity/rsp:number") == ["26OP00001", "26OP00002"]


@pytest.mark.parametrize(("pack", "item_id"), [("another", "shop:order:1001"), ("pack", "another")])
def test_only_the_pair_of_both_ids_is_a_duplicate(desk: Desk, pack: str, item_id: str) -> None:
    desk.asked(request("1001", pack="pack"))
    desk.asked(request(item("1001", item=item_id), pack=pack))
    assert desk.office.doubled() == ["1001"]


def test_when_the_record_was_deleted_then_the_duplicate_has_no_id(desk: Desk) -> None:
    desk.asked(request("1001"))
    desk.office.delete("26OP00001")
    assert desk.office.orders == {}
    desk.office.work()
    assert desk.answer("one").all("//rsp:recordDuplicity/rsp:id") == []
    assert desk.open().orders == {}
    with pytest.raises(LookupError):
        desk.office.delete("26OP00001")


def test_what_was_refused_is_no_duplicate_later(desk: Desk) -> None:
    desk.open(unknown_stock=["HRN-1"])
    desk.asked(request("1001"))
    desk.office.unit.unknown_stock.clear()
    assert desk.asked(request("1001")).one("//rdc:number") == "26OP00001"


# -- what is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "pack", "note"),
    [
        (b"<dat:dataPack", "", "Soubor nelze načíst"),
        (request("1001")[:400], "", "Soubor nelze načíst"),
        (b"", "", "Soubor nelze načíst"),
        (b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "", "Soubor nelze načíst"),
        (b"<html/>", "", "Dávka neodpovídá schématu. 1: Element 'html'"),
        (request(" <dat:other/>", pack="p"), "p", "Dávka neodpovídá schématu. 4: Element"),
        (request("1001", pack="p").replace(b' note=""', b""), "p", "Dávka neodpovídá schématu."),
        (request("1001", pack="p", ico="87654321"), "p", "Dávka je určena jiné účetní jednotce."),
        (request("1001", pack="p", ico="12345678 "), "p", "Dávka je určena jiné účetní jednotce."),
        (request("1001", pack="p", ico=""), "p", "Dávka je určena jiné účetní jednotce."),
    ],
)
def test_a_pack_that_is_none_of_this_units_is_refused_whole(
    desk: Desk, content: bytes, pack: str, note: str
) -> None:
    answer = desk.asked(content)
    assert (answer.one("/rsp:responsePack/@id"), answer.one("/*/@state"), len(answer.root)) == (pack, "error", 0)
    assert answer.one("/*/@note").startswith(note)
    assert desk.office.orders == {}


def test_the_key_of_the_unit_counts_where_there_is_no_company_number(desk: Desk) -> None:
    desk.asked(request("1001").replace(b'ico="12345678"', f'key="{UNIT_KEY}"'.encode()))
    assert list(desk.office.orders) == ["1001"]


def test_an_item_that_breaks_the_schema_is_refused_alone_with_a_long_note(desk: Desk) -> None:
    broken = item("1001").replace("<ord:rateVAT>high</ord:rateVAT>", "<ord:rateVAT>often</ord:rateVAT>")
    answer = desk.asked(request(broken, "1002", pack="p"))
    assert answer.all("//rsp:responsePackItem/@state") == ["error", "ok"]
    assert len(answer.root[0]) == 0
    note = answer.one("//rsp:responsePackItem[1]/@note")
    assert note.startswith("Nepodařila se validace dokumentu podle schématu.")
    assert len(note) > 300
    assert list(desk.office.orders) == ["1002"]


def test_an_unknown_stock_code_refuses_the_order_and_points_at_it(desk: Desk) -> None:
    desk.open(unknown_stock=["NENI"])
    answer = desk.asked(request("1001", item("1002", code="NENI"), pack="p"))
    path = (
        "dat:dataPack/dat:dataPackItem[2]/ord:order/ord:orderDetail/ord:orderItem[2]/ord:stockItem"
        "/typ:stockItem/typ:ids"
    )
    assert answer.all("//rsp:responsePackItem[2]/ord:orderResponse[@state='error']//rdc:detail/*") == [
        "error", "108", "Tato hodnota není známá.", path, "NENI",
    ]  # fmt: skip
    assert Answer((desk.folder / "one.xml").read_bytes()).all(f"/{path}") == ["NENI"]
    assert list(desk.office.orders) == ["1001"]


@pytest.mark.parametrize("instead", ["", "Hotově"])
def test_an_unknown_payment_is_a_warning_and_the_order_is_booked(desk: Desk, instead: str) -> None:
    desk.open(unknown_payments=["Dobírkou"], payment_instead=instead)
    answer = desk.asked(request("1001"))
    assert answer.all("//rsp:responsePackItem[@state='ok']//rdc:detail/*") == [
        "warning", "603", "Hodnota byla při importu změněna.",
        "dat:dataPack/dat:dataPackItem[1]/ord:order/ord:orderHeader/ord:paymentType/typ:ids", "Dobírkou", instead,
    ]  # fmt: skip
    assert desk.office.orders["1001"][0].payment == instead


# -- moods -------------------------------------------------------------------------------------------------


def test_when_it_is_busy_then_nothing_is_booked_and_the_next_pass_books_it(desk: Desk) -> None:
    desk.office.in_turn(Mood.BUSY)
    answer = desk.asked(request("1001", "1002"))
    assert answer.all("//rdc:errno") == ["556", "556"]
    assert desk.office.orders == {}
    desk.office.work()
    assert list(desk.office.orders) == ["1001", "1002"]


def test_when_it_is_partly_busy_then_the_next_pass_books_the_rest(desk: Desk) -> None:
    desk.office.in_turn(Mood.PARTLY_BUSY)
    answer = desk.asked(request("1001", "1002", "1003"))
    assert answer.all("//rsp:responsePackItem/@state") == ["ok", "error", "ok"]
    desk.office.work()
    assert desk.answer("one").all("//rdc:number | //rsp:number") == ["26OP00001", "26OP00003", "26OP00002"]
    assert desk.office.doubled() == []


def test_a_denied_pack_is_answered_without_its_id_and_without_items(desk: Desk) -> None:
    desk.office.always(Mood.DENIED)
    answer = desk.asked(request("1001"))
    assert (answer.one("/*/@id"), answer.one("/*/@state"), len(answer.root)) == ("", "error", 0)
    assert desk.office.orders == {}


def test_a_cut_answer_is_whole_after_the_next_pass_and_tells_the_same(desk: Desk) -> None:
    desk.office.in_turn(Mood.CUT)
    desk.lay("one", request("1001"))
    assert desk.office.work() == 0
    half = desk.path("one").read_bytes()
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(half)
    assert desk.office.work() == 1
    assert desk.path("one").read_bytes().startswith(half)
    assert desk.answer("one").one("//rdc:number") == "26OP00001"


def test_a_cut_answer_is_made_whole_though_its_request_was_taken_away(desk: Desk) -> None:
    desk.office.in_turn(Mood.CUT)
    desk.lay("one", request("1001"))
    desk.office.work()
    (desk.folder / "one.xml").unlink()
    assert desk.office.work() == 1
    assert desk.answer("one").one("//rdc:number") == "26OP00001"


def test_a_page_instead_of_an_answer_hides_that_it_was_booked(desk: Desk) -> None:
    desk.office.in_turn(Mood.HTML)
    desk.lay("one", request("1001"))
    assert desk.office.work() == 1
    assert desk.path("one").read_bytes().startswith(b"<!DOCTYPE html>")
    desk.office.work()
    assert desk.answer("one").one("//rsp:number") == "26OP00001"


def test_when_it_is_silent_then_it_has_booked_and_the_next_answer_is_a_duplicate(desk: Desk) -> None:
    desk.office.in_turn(Mood.SILENT)
    desk.lay("one", request("1001"))
    assert desk.office.work() == 0
    assert not desk.path("one").exists()
    assert list(desk.office.orders) == ["1001"]
    assert desk.office.work() == 1
    assert desk.answer("one").one("//rsp:number") == "26OP00001"


def test_a_slow_answer_comes_some_passes_later_and_is_no_duplicate(desk: Desk) -> None:
    desk.open(slow_passes=3).in_turn(Mood.SLOW)
    desk.lay("one", request("1001"))
    assert [desk.office.work() for _ in range(4)] == [0, 0, 0, 1]
    assert desk.answer("one").one("//rdc:number") == "26OP00001"


def test_after_a_crash_the_next_pass_answers_with_duplicates_and_takes_the_other_files(desk: Desk) -> None:
    desk.office.in_turn(Mood.FINE, Mood.CRASH)
    for name in ("1", "2", "3"):
        desk.lay(name, request(f"100{name}"))
    assert desk.office.work() == 1
    assert list(desk.office.orders) == ["1001", "1002"]
    assert desk.office.work() == 3
    assert desk.answer("2").one("//rsp:number") == "26OP00002"
    assert desk.answer("3").one("//rdc:number") == "26OP00003"


def test_a_crash_loses_the_answers_that_were_owed(desk: Desk) -> None:
    desk.office.in_turn(Mood.CUT, Mood.CRASH)
    desk.lay("1", request("1001"))
    desk.lay("2", request("1002"))
    desk.office.work()
    assert desk.office.work() == 2
    assert desk.answer("1").one("//rsp:number") == "26OP00001"


def test_the_name_of_a_file_can_decide_how_it_goes(desk: Desk) -> None:
    desk.office.for_file(lambda name: Mood.BUSY if name == "2.xml" else Mood.FINE)
    desk.lay("1", request("1001"))
    desk.lay("2", request("1002"))
    desk.office.work()
    assert list(desk.office.orders) == ["1001"]


def test_moods_by_chance_are_the_same_for_the_same_seed_and_double_nothing(tmp_path: Path) -> None:
    logs = []
    for run in ("first", "second"):
        (tmp_path / run).mkdir()
        desk = Desk(tmp_path / run)
        desk.office.by_chance(11, percent=60)
        for number in range(30):
            desk.lay(f"{number:02}", request(f"{number:02}a", f"{number:02}b"))
        for _ in range(6):
            desk.office.work()
        desk.office.always(Mood.FINE)
        for _ in range(3):
            desk.office.work()
        assert (len(desk.office.orders), desk.office.doubled()) == (60, [])
        logs.append(desk.office.log)
    assert logs[0] == logs[1]
    assert {mood for _, mood in logs[0]} == {Mood.FINE, *BAD_MOODS}


# -- its memory --------------------------------------------------------------------------------------------


def test_a_new_process_goes_on_where_the_old_one_ended(desk: Desk) -> None:
    desk.asked(request("1001"))
    old = desk.office
    desk.open()
    desk.lay("two", request("1002"))
    desk.office.work()
    assert desk.answer("one").one("//rsp:number") == "26OP00001"
    assert desk.answer("two").one("//rdc:number") == "26OP00002"
    assert old.orders == desk.office.orders


def test_a_line_of_the_journal_that_was_torn_by_a_kill_was_never_booked(desk: Desk) -> None:
    desk.asked(request("1001", "1002"))
    journal = desk.office.unit.books.path
    journal.write_bytes(journal.read_bytes()[:-20])
    desk.open()
    assert list(desk.office.orders) == ["1001"]
    desk.office.work()
    assert desk.answer("one").all("//rsp:number | //rdc:number") == ["26OP00001", "26OP00002"]
    assert list(desk.open().orders) == ["1001", "1002"]


def test_kill_9_of_the_office_doubles_nothing(desk: Desk) -> None:
    chance = random.Random(3)
    numbers = [f"{number:03}" for number in range(60)]
    for number in numbers:
        desk.lay(number, request(f"{number}a", f"{number}b"))
    for _ in range(3):
        command = [sys.executable, "-m", "tests.pohoda", str(desk.folder), "--every", "1", "--seed", "5"]
        seen = len(desk.office.orders)
        with subprocess.Popen(command, cwd=ROOT) as process:
            until = time.monotonic() + 20
            while len(desk.office.orders) == seen < 120 and time.monotonic() < until:
                time.sleep(0.002)
            time.sleep(chance.randrange(30) / 1000)
            process.kill()
    desk.open().work()
    assert len(desk.office.orders) == 120
    assert desk.office.doubled() == []
    assert all(desk.answer(number).one("/*/@id") for number in numbers)


def test_a_working_office_takes_what_is_laid_into_its_folder(desk: Desk) -> None:
    with working(desk.office, every=1):
        desk.lay("one", request("1001"))
        until = time.monotonic() + 20
        while not desk.path("one").exists() and time.monotonic() < until:
            time.sleep(0.005)
    assert list(desk.office.orders) == ["1001"]


def test_answers_among_the_requests_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="folder of their own"):
        Office(tmp_path, answers=tmp_path)
