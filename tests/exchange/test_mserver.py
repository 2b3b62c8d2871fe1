"""Orders into POHODA's mServer: each is there exactly once, whatever goes wrong, and its answer settles it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.diagnostics import render_all
from gateway.endpoints.mserver_service import MServer
from gateway.exchange import calling
from gateway.exchange.calling import Caller
from gateway.store import tables
from gateway.store.blobs import Blobs
from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder, export
from tests.pohoda.calls import call_the_office, called_site, states
from tests.pohoda.mserver import PASSING, MServerOffice, Way, listening

HOUR = timedelta(hours=1)


class Killed(BaseException):
    """Nothing catches this: it stands for the end of the process."""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[MServerOffice]:
    with listening(MServerOffice(tmp_path / "books.jsonl")) as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, office: MServerOffice) -> TestSite:
    return called_site(tmp_path / "site", office)


def rows(site: TestSite, table: str) -> list[dict[str, object]]:
    """All rows of a table of the ledger."""
    with site.open() as opened, opened.ledger.read() as connection:
        return [dict(row) for row in connection.execute(select(tables.metadata.tables[table])).mappings()]


# -- the whole way -----------------------------------------------------------------------------------------


def test_one_run_books_the_orders_and_brings_their_numbers_back(site: TestSite, office: MServerOffice) -> None:
    site.drop("orders.xml", export("1001", "1002"))
    result = site.run()
    assert (states(site), result.unreachable) == ({"1001": "confirmed", "1002": "confirmed"}, {})
    (posting,) = site.story("1001")[0].postings
    assert [posting.record_number] == [booked.number for booked in office.orders["1001"]]
    assert site.status().matters == ()
    # and the next run has nothing to send
    site.run()
    assert len(office.posts()) == 2


def test_each_answer_is_an_input_of_the_route_that_reads_answers(site: TestSite, office: MServerOffice) -> None:
    site.drop("orders.xml", export("1001"))
    site.run()
    (answer,) = [row for row in rows(site, "exchange") if row["route"] == "answers-pohoda"]
    (delivery,) = rows(site, "delivery")
    assert (answer["kind"], answer["input_name"], answer["records"]) == ("receipt", "shop-main_order_1001.xml", 1)
    assert answer["planned_at"] is not None
    (ack,) = [row for row in rows(site, "ack") if row["exchange_id"] == answer["id"]]
    assert (ack["name"], ack["done_at"] is not None) == (delivery["id"], True)
    with site.open() as opened:
        assert opened.blobs.read(str(answer["input_sha256"])).startswith(b'<?xml version="1.0"')


def test_a_pack_of_orders_is_one_call_and_each_has_its_own_answer(site: TestSite, office: MServerOffice) -> None:
    call_the_office(site, office, settings="pack: 10")
    office.unit.unknown_stock = {"NENI"}
    content = export("1001", "1002", "1003").replace(b"HRN-1", b"NENI", 1)
    site.drop("orders.xml", content)
    site.run()
    assert states(site) == {"1001": "rejected", "1002": "confirmed", "1003": "confirmed"}
    assert len(office.posts()) == 1


def test_what_pohoda_rejects_is_told_and_goes_through_once_it_is_mended(
    site: TestSite, office: MServerOffice
) -> None:
    office.unit.unknown_stock = {"HRN-1"}
    site.drop("orders.xml", export("1001"))
    site.run()
    (problem,) = site.story("1001")[0].postings[0].problems
    assert (problem.code, problem.field) == ("R001", "lines[1].sku")
    assert problem.message == "pohoda rejected it: Tato hodnota není známá. (108); `HRN-1`"
    office.unit.unknown_stock = set()
    site.do("retry", "1001")
    site.run()
    assert (states(site), office.doubled()) == ({"1001": "confirmed"}, [])


def test_two_targets_of_one_server_never_call_at_once(site: TestSite, office: MServerOffice) -> None:
    text = site.config_path.read_text(encoding="utf-8")
    target = text[text.index("  pohoda:\n") : text.index("routes:\n")]
    both = text.replace(target, target + target.replace("  pohoda:", "  second:"))
    to = "[{target: second, template: pohoda/order, schema: pohoda/data}]"
    other = f"  other:\n    origin: other-shop\n    mapping: shoptet/order\n    to: {to}\n"
    site.config_path.write_text(both + other, encoding="utf-8")
    site.drop("orders.xml", export("1001", "1002"))
    site.drop("orders.xml", export("2001", "2002"), route="other")
    site.run()
    assert set(states(site).values()) == {"confirmed"}
    assert (sorted(office.orders), office.most_at_once) == (["1001", "1002", "2001", "2002"], 1)


def test_nothing_is_handed_over_that_was_cancelled_before_it_left(site: TestSite, office: MServerOffice) -> None:
    office.always(Way.NO_RIGHT)
    site.drop("orders.xml", export("1001"))
    site.run()
    site.drop("later.xml", export(ShopOrder("1001", status="Stornována")))
    office.always(Way.FINE)
    site.run(later=HOUR)
    assert (office.orders, states(site)) == ({}, {"1001": "superseded"})


def test_what_may_have_arrived_is_not_withdrawn_when_it_is_cancelled(
    site: TestSite, office: MServerOffice
) -> None:
    office.in_turn(Way.UNTOLD)
    site.drop("orders.xml", export("1001"))
    site.run()
    site.drop("later.xml", export(ShopOrder("1001", status="Stornována")))
    site.run(later=HOUR)
    assert list(office.orders) == ["1001"]
    assert sorted(state for _, state, _ in site.postings()) == ["already_there", "held"]


# -- what passes by itself ---------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [1, 7])
@pytest.mark.parametrize("way", PASSING)
def test_whatever_passes_by_itself_needs_nobody(
    site: TestSite, office: MServerOffice, way: Way, pack: int
) -> None:
    call_the_office(site, office, settings=f"pack: {pack}")
    numbers = [f"{number}" for number in range(1001, 1015)]
    office.pause = 0.01
    office.in_turn(*[way] * 3, Way.FINE, way)
    site.drop("orders.xml", export(*numbers))
    for turn in range(6):
        site.run(later=turn * HOUR)
    assert (sorted(office.orders), office.doubled()) == (numbers, [])
    assert set(states(site).values()) <= {"confirmed", "already_there"}
    assert site.status().matters == ()


def test_the_very_same_bytes_are_sent_again(site: TestSite, office: MServerOffice) -> None:
    office.in_turn(Way.UNTOLD, Way.PAGE)
    site.drop("orders.xml", export("1001"))
    for turn in range(3):
        site.run(later=turn * HOUR)
    assert len(office.posts()) == 3
    assert len({request.body for request in office.posts()}) == 1
    (posting,) = site.story("1001")[0].postings
    assert (posting.state, posting.record_number) == ("already_there", "26OP00001")


def test_a_server_that_was_down_gets_everything_once_it_is_back(tmp_path: Path) -> None:
    office = MServerOffice(tmp_path / "books.jsonl")
    with listening(office):
        site = called_site(tmp_path / "site", office)
    site.drop("orders.xml", export("1001", "1002"))
    assert site.run().unreachable == {"pohoda": f"{office.url}/status?companyDetail: connection refused"}
    assert {row["state"] for row in rows(site, "delivery")} == {"deferred", "drafted"}
    with listening(office, port=office.port):
        site.run(later=HOUR)
    assert (states(site), office.doubled()) == ({"1001": "confirmed", "1002": "confirmed"}, [])


def test_the_same_answer_that_comes_again_counts_each_time(site: TestSite, office: MServerOffice) -> None:
    office.in_turn(*[Way.LATER] * 3)
    site.drop("orders.xml", export("1001"))
    for turn in range(5):
        site.run(later=turn * HOUR)
    assert (len(office.posts()), states(site)) == (4, {"1001": "confirmed"})
    answers = [row["input_sha256"] for row in rows(site, "exchange") if row["route"] == "answers-pohoda"]
    assert (len(answers), len(set(answers))) == (4, 2)


# -- what a person has to look at --------------------------------------------------------------------------

REFUSED = {
    Way.UNKNOWN_USER: "mServer refuses the login: 401 Unauthorized",
    Way.NO_RIGHT: "the user may not use mServer or this accounting unit: 403 Forbidden",
    Way.ELSEWHERE: "mServer takes no dataPacks there: 404 Not Found",
}


@pytest.mark.parametrize("way", REFUSED)
def test_a_refusal_of_everybody_holds_the_target_and_loses_nothing(
    site: TestSite, office: MServerOffice, way: Way
) -> None:
    office.always(way)
    site.drop("orders.xml", export("1001", "1002"))
    for turn in range(5):
        site.run(later=turn * HOUR)
    (matter,) = site.status().matters
    assert (matter.what, matter.name) == ("target held", "pohoda")
    assert matter.reason == f"{office.url}/xml: {REFUSED[way]}"
    assert len(office.posts()) == 3
    # when it is mended
    office.always(Way.FINE)
    site.do("release", "pohoda")
    site.run()
    assert (states(site), office.doubled()) == ({"1001": "confirmed", "1002": "confirmed"}, [])


def test_another_year_gets_nothing_and_holds_the_target(site: TestSite, office: MServerOffice) -> None:
    office.year = 2027
    site.drop("orders.xml", export("1001"))
    for turn in range(4):
        site.run(later=turn * HOUR)
    (matter,) = site.status().matters
    reason = f"{office.url}/xml: mServer works on the year 2027, and `year:` of the endpoint is 2026"
    assert (matter.what, matter.reason, office.posts()) == ("target held", reason, [])
    assert render_all(site.problems()) == (
        f"error[E017]: {reason}\n"
        "  = help: nothing was sent; start mServer on the right year, or correct `year:`, then `gateway release` "
        "the target if it is held"
    )
    office.year = 2026
    site.do("release", "pohoda")
    site.run()
    assert states(site) == {"1001": "confirmed"}


def test_another_company_gets_nothing(site: TestSite, tmp_path: Path) -> None:
    other = MServerOffice(tmp_path / "other.jsonl", company_id="87654321")
    with listening(other):
        call_the_office(site, other)
        site.drop("orders.xml", export("1001"))
        assert site.run().unreachable == {
            "pohoda": f"{other.url}/xml: mServer works on the company 87654321 (Vzorová s.r.o.), and "
            "`company_id:` of the endpoint is 12345678"
        }
    assert (other.posts(), other.orders) == ([], {})


def test_one_order_that_cannot_be_read_stops_no_other(site: TestSite, office: MServerOffice) -> None:
    office.in_turn(Way.UNREADABLE)
    site.drop("orders.xml", export("1001", "1002"))
    site.run()
    assert states(site) == {"1001": "planned", "1002": "confirmed"}
    (matter,) = site.status().matters
    delivery = rows(site, "delivery")[0]["id"]
    assert (matter.what, matter.do) == ("delivery failed", f"gateway retry {delivery}")
    assert matter.reason == f"{office.url}/xml: mServer cannot read `shop-main_order_1001.xml`: 400 Bad Request"
    site.do("retry", "1001")
    site.run()
    assert (states(site), office.doubled()) == ({"1001": "confirmed", "1002": "confirmed"}, [])


def test_a_pack_that_is_refused_as_a_whole_stops_the_others_before_they_are_sent(
    site: TestSite, office: MServerOffice
) -> None:
    office.always(Way.DENIED)
    site.drop("orders.xml", export("1001", "1002", "1003"))
    site.run()
    assert (states(site), len(office.posts())) == (
        {"1001": "rejected", "1002": "planned", "1003": "planned"},
        1,
    )
    held = next(matter for matter in site.status().matters if matter.what == "target held")
    assert held.reason == "Uživatel nesmí importovat XML."
    office.always(Way.FINE)
    site.do("release", "pohoda")
    site.do("retry", route="shop")
    site.run()
    assert set(states(site).values()) == {"confirmed"}
    assert office.doubled() == []


def test_another_database_than_the_one_that_may_have_it_is_asked_of_a_person(
    site: TestSite, office: MServerOffice
) -> None:
    # given an order that may have been booked
    office.in_turn(Way.UNTOLD)
    site.drop("orders.xml", export("1001"))
    site.run()
    # when mServer works on the database of the next year
    office.year = 2027
    site.config_path.write_text(site.config_path.read_text().replace("year: 2026", "year: 2027"), encoding="utf-8")
    site.run(later=HOUR)
    # then it is not sent there on a guess
    assert len(office.posts()) == 1
    (matter,) = site.status().matters
    assert (matter.what, matter.reason) == (
        "delivery in_doubt",
        (
            f"`shop-main_order_1001.xml` was on its way to {office.url}/xml (StwPh_12345678_2026) when the target "
            f"became {office.url}/xml (StwPh_12345678_2027)"
        ),
    )
    # and looking for it is nothing that can be done there
    delivery = rows(site, "delivery")[0]["id"]
    assert site.do("retry", "1001") == [
        (
            f"shop-main_order_1001.xml: nobody can look there; `gateway release {delivery}` calls it delivered, "
            f"`gateway retry {delivery} --send-again` sends it once more"
        )
    ]
    assert site.do("release", "1001") == ["shop-main_order_1001.xml counts as delivered"]


def test_what_may_have_arrived_is_not_laid_into_a_folder_on_a_guess(site: TestSite, office: MServerOffice) -> None:
    office.in_turn(Way.UNTOLD)
    site.drop("orders.xml", export("1001"))
    site.run()
    # when the target becomes a folder
    site.configure()
    site.run(later=HOUR)
    assert site.shipped() == {}
    (matter,) = site.status().matters
    assert matter.what == "delivery in_doubt"
    begins = (
        f"`shop-main_order_1001.xml` was on its way to {office.url}/xml (StwPh_12345678_2026) when the target "
    )
    assert matter.reason.startswith(f"{begins}became ")


def test_what_surely_never_left_goes_into_the_folder_that_the_target_became(
    site: TestSite, office: MServerOffice
) -> None:
    office.always(Way.NO_RIGHT)
    site.drop("orders.xml", export("1001"))
    site.run()
    site.configure()
    site.run(later=HOUR)
    assert (site.numbers(), office.orders) == (["1001"], {})


def test_an_answer_that_forgets_an_order_is_asked_for_again_by_hand(
    site: TestSite, office: MServerOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = MServerOffice.answered

    def forgetful(self: MServerOffice, *given: object, **named: object) -> bytes:
        answer = original(self, *given, **named)  # type: ignore[arg-type]
        return answer.replace(b"shop-main:order:1001", b"somebody-elses")

    with monkeypatch.context() as patch:
        patch.setattr(MServerOffice, "answered", forgetful)
        site.drop("orders.xml", export("1001"))
        site.run()
    assert states(site) == {"1001": "sent"}
    assert [matter.what for matter in site.status().matters] == ["set aside"]
    delivery = rows(site, "delivery")[0]["id"]
    site.do("retry", str(delivery), send_again=True)
    site.run()
    assert (states(site), office.doubled()) == ({"1001": "already_there"}, [])


# -- interruptions -----------------------------------------------------------------------------------------

STEPS = {
    "before the call": (MServer, "call", False),
    "after the call": (MServer, "call", True),
    "after the bytes of the answer": (Blobs, "store", True),
    "in the transaction": (calling, "_take_in", True),
    "after the transaction": (Caller, "_answered", True),
    "before the answer is read": (calling, "recover", False),
}


@pytest.mark.parametrize(("owner", "name", "after"), STEPS.values(), ids=STEPS.keys())
def test_a_process_that_ends_anywhere_books_each_order_once(
    site: TestSite,
    office: MServerOffice,
    monkeypatch: pytest.MonkeyPatch,
    owner: object,
    name: str,
    *,
    after: bool,
) -> None:
    original = getattr(owner, name)

    def ends(*given: object, **named: object) -> object:
        is_drafting = name == "store" and not str(given[2]).endswith(".answer")
        if after or is_drafting:
            found = original(*given, **named)
            if is_drafting:
                return found
        raise Killed

    site.drop("orders.xml", export("1001", "1002"))
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, ends)
        with pytest.raises(Killed):
            site.run()
    site.run(later=HOUR)
    assert (sorted(office.orders), office.doubled()) == (["1001", "1002"], [])
    assert set(states(site).values()) <= {"confirmed", "already_there"}
    assert site.status().matters == ()
    # and nothing is sent that was sent before
    posts = len(office.posts())
    site.run(later=2 * HOUR)
    assert len(office.posts()) == posts


def test_without_a_reader_of_the_answers_nothing_is_handed_over(site: TestSite, office: MServerOffice) -> None:
    text = site.config_path.read_text(encoding="utf-8")
    broken = text.replace(
        "    endpoint: office\n", "    endpoint: office\n    answers: {mapping: shoptet/order}\n"
    )
    site.config_path.write_text(broken, encoding="utf-8")
    site.drop("orders.xml", export("1001"))
    assert site.run().unreachable == {
        "pohoda": "the answers of pohoda cannot be read; `gateway check` says why",
    }
    assert office.asked == []
    site.config_path.write_text(text, encoding="utf-8")
    site.run()
    assert states(site) == {"1001": "confirmed"}


def test_the_password_stands_nowhere(
    site: TestSite, office: MServerOffice, capfd: pytest.CaptureFixture[str]
) -> None:
    office.in_turn(*PASSING, Way.UNKNOWN_USER)
    site.drop("orders.xml", export("1001", "1002"))
    for turn in range(8):
        site.run(later=turn * HOUR)
    files = [path for path in (site.folder / "spool").rglob("*") if path.is_file()]
    login = office.posts()[0].headers["STW-Authorization"].removeprefix("Basic ")
    for secret in (office.login[1], login):
        assert secret not in "".join(capfd.readouterr())
        assert not [path for path in files if secret.encode() in path.read_bytes()]
