"""POHODA /XML is asked by its folders: a request is put there, and its answer found later under the same name."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree

from tests.exchange.conftest import TestSite, contents
from tests.pohoda.exporting import Card, ExportingOffice
from tests.pohoda.mserver import VENDOR, Way

CONFIG = """\
version: 1
merchant: {company_id: "12345678"}
endpoints:
  web: {type: local, path: web}
  office: {type: local, path: office}
targets:
  pohoda:
    endpoint: office
    folder: in
    answers: {folder: in/response, within: 2 h}
    lookups: {payment: {cash_on_delivery: Dobírkou}}
  feed:
    endpoint: web
    file_name: stock.xml
    offers: {mode: full, every: 1 s}
routes:
  orders:
    origin: shop-main
    mapping: shoptet/order
    to: [{target: pohoda, template: pohoda/order, schema: pohoda/data}]
  stock:
    origin: pohoda
    from: {ask: {target: pohoda, template: pohoda-ask/request-stock, page: 2}}
    mapping: pohoda/product
    to: [{target: feed, template: heureka/offer-availability, schema: heureka/availability}]
"""


class Scheduled:
    """A site and an office whose scheduled task runs when the test says so."""

    def __init__(self, folder: Path) -> None:
        self.site = TestSite(folder)
        self.site.config_path.write_text(CONFIG, encoding="utf-8")
        self.requests, self.answers = folder / "office" / "in", folder / "office" / "in" / "response"
        self.answers.mkdir(parents=True)
        self.office = ExportingOffice(folder / "books.jsonl", vendor=VENDOR)
        self.later = timedelta()

    def run(self, *, minutes: int = 10) -> None:
        self.later += timedelta(minutes=minutes)
        self.site.run(later=self.later)

    def waiting(self) -> list[str]:
        return [path.name for path in contents(self.requests, "*.xml")]

    def task_runs(self, *, cut: int | None = None) -> None:
        """POHODA reads whatever lies there, and writes an answer for each."""
        for path, content in contents(self.requests, "*.xml").items():
            answer = self.office.answered(content, Way.FINE, check_duplicity=True)
            (self.answers / path.name).write_bytes(answer[:cut])

    def feed(self) -> dict[str, str]:
        files = contents(self.site.folder / "web", "stock.xml")
        return {
            str(item.get("id")): str(item.findtext("stock_quantity"))
            for content in files.values()
            for item in etree.fromstring(content)
        }


@pytest.fixture
def scheduled(tmp_path: Path) -> Scheduled:
    return Scheduled(tmp_path)


def test_a_request_lies_in_the_folder_until_its_answer_is_used(scheduled: Scheduled) -> None:
    scheduled.office.export.cards = [Card(1, "A", "12")]
    scheduled.run()
    (name,) = scheduled.waiting()
    assert name.startswith("ask-stock-")
    scheduled.run()
    assert scheduled.waiting() == [name]

    scheduled.task_runs()
    scheduled.run()

    assert scheduled.feed() == {"A": "12"}
    assert name not in scheduled.waiting()
    assert contents(scheduled.answers, "*.xml") == {}


def test_pages_are_asked_for_one_after_the_other(scheduled: Scheduled) -> None:
    scheduled.office.export.cards = [Card(number, f"P{number}", "1") for number in range(1, 6)]
    for _ in range(4):
        scheduled.run()
        scheduled.task_runs()
    scheduled.run()
    scheduled.task_runs()
    asked = [(each["id_from"], each["since"]) for each in scheduled.office.export.requests]
    assert asked[:3] == [(1, None), (3, None), (5, None)]
    assert asked[3] == (1, "2026-11-20T08:55:00")
    assert len(scheduled.feed()) == 5


def test_an_answer_that_is_being_written_is_waited_for(scheduled: Scheduled) -> None:
    scheduled.office.export.cards = [Card(1, "A", "12")]
    scheduled.run()
    scheduled.task_runs(cut=300)
    scheduled.run()
    assert scheduled.feed() == {}
    scheduled.task_runs()
    scheduled.run()
    assert scheduled.feed() == {"A": "12"}


def test_a_refused_request_is_asked_anew(scheduled: Scheduled) -> None:
    scheduled.office.export.cards = [Card(1, "A", "12")]
    scheduled.office.export.refuses = "Uživatel nesmí exportovat XML."
    scheduled.run()
    (first,) = scheduled.waiting()
    scheduled.task_runs()
    scheduled.run()
    assert scheduled.waiting() == []

    scheduled.office.export.refuses = ""
    scheduled.run()
    (second,) = scheduled.waiting()
    scheduled.task_runs()
    scheduled.run()
    assert second != first
    assert scheduled.feed() == {"A": "12"}


def test_a_request_that_would_be_written_otherwise_today_is_taken_back(scheduled: Scheduled) -> None:
    scheduled.office.export.cards = [Card(number, f"P{number}", "1") for number in range(1, 6)]
    scheduled.run()
    (first,) = scheduled.waiting()
    scheduled.task_runs()
    path = scheduled.site.config_path
    path.write_text(path.read_text(encoding="utf-8").replace("page: 2", "page: 3"), encoding="utf-8")
    for _ in range(4):
        scheduled.run()
        scheduled.task_runs()
    scheduled.run()
    assert first not in scheduled.waiting()
    assert len(scheduled.feed()) == 5


def test_answers_to_requests_are_no_receipts(scheduled: Scheduled) -> None:
    scheduled.run()
    scheduled.task_runs()
    scheduled.run()
    assert scheduled.site.status().matters == ()


def test_a_task_that_does_not_run_is_told(scheduled: Scheduled) -> None:
    scheduled.run()
    (name,) = scheduled.waiting()
    scheduled.run(minutes=130)
    state = next(route for route in scheduled.site.status().routes if route.route == "stock")
    assert state.problem is not None
    assert state.problem.code == "E018"
    assert state.problem.message.startswith(f"pohoda has not answered `{name}` yet, which lies there since ")
    assert (
        state.problem.help == "look whether its scheduled task runs, and whether the file is still in its folder"
    )
