"""PDFs of invoices: printed by POHODA or found in a folder, shipped byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.exchange.conftest import TestSite, contents
from tests.pohoda.calls import ENDPOINT
from tests.pohoda.exporting import Bill, ExportingOffice
from tests.pohoda.mserver import VENDOR, Way, listening

PDF = b"%PDF-1.7 an invoice\n%%EOF\n"
CONFIG = """\
version: 1
merchant: {{company_id: "12345678"}}
endpoints:
  web: {{type: local, path: web}}
{endpoint}
targets:
  pohoda: {{endpoint: office}}
  invoices: {{endpoint: web, folder: invoices, file_name: "{{key}}.xml", settings: {{company_id: "12345678"}}}}
  shop: {{endpoint: web, folder: pdf, file_name: "{{key}}.pdf"}}
routes:
  invoices:
    origin: pohoda
    from: {{ask: {{target: pohoda, template: pohoda-ask/request-invoices}}}}
    mapping: pohoda/invoice
    to: [{{target: invoices, template: profit/invoice}}]
  printed:
    origin: pohoda
    from: {{print: {{target: pohoda, settings: {{report: "{report}"}}}}}}
    mapping: files/attachment
{since}
    to: [{{target: shop, template: files/attachment}}]
"""
FOLDER = """\
version: 1
endpoints:
  web: {type: local, path: web}
targets:
  shop: {endpoint: web, folder: pdf, file_name: "{key}.pdf"}
routes:
  pdf:
    origin: pohoda
    from: {files: "FV_*.pdf"}
    mapping: mine/attachment
    to: [{target: shop, template: files/attachment}]
"""
OWN_NAMES = """\
version: 1
kind: attachment
key: number
extends: files/attachment
fields:
  number: {compute: "text('stem') | without_prefix('FV_')"}
"""


_MOSTLY = (
    "mostly the number of the report is another one in that unit: look it up there and correct `report` under "
    "`settings:`"
)


class Printing:
    def __init__(self, site: TestSite, office: ExportingOffice) -> None:
        self.site, self.office = site, office
        self.later = timedelta()
        (site.folder / "password").write_text(office.login[1], encoding="utf-8")
        self.configure()

    def configure(self, *, report: str = "1055", since: str = "") -> None:
        endpoint = ENDPOINT.format(url=self.office.url)
        lines = f'    since: "{since}"' if since else ""
        text = CONFIG.format(endpoint=endpoint, report=report, since=lines)
        self.site.config_path.write_text(text, encoding="utf-8")

    def run(self) -> None:
        self.later += timedelta(minutes=10)
        self.site.run(later=self.later)

    def shipped(self) -> dict[str, bytes]:
        return shipped(self.site)


def shipped(site: TestSite) -> dict[str, bytes]:
    return {path.name: content for path, content in contents(site.folder / "web" / "pdf").items()}


@pytest.fixture
def printing(tmp_path: Path) -> Iterator[Printing]:
    with listening(ExportingOffice(tmp_path / "books.jsonl", vendor=VENDOR)) as office:
        assert isinstance(office, ExportingOffice)
        folder = tmp_path / "site"
        folder.mkdir()
        yield Printing(TestSite(folder), office)


@pytest.fixture
def folder(tmp_path: Path) -> TestSite:
    site = TestSite(tmp_path)
    mine = site.folder / "mappings" / "mine"
    mine.mkdir(parents=True)
    (mine / "attachment.yaml").write_text(OWN_NAMES, encoding="utf-8")
    site.config_path.write_text(FOLDER, encoding="utf-8")
    return site


def test_every_invoice_is_printed_once_and_its_pdf_shipped_as_it_is(printing: Printing) -> None:
    printing.office.export.bills = [Bill(95, "2601000005"), Bill(96, "2601000006")]
    printing.run()
    printing.run()
    assert printing.shipped() == {
        "2601000005.pdf": b"%PDF-1.7 invoice 95\n%%EOF\n",
        "2601000006.pdf": b"%PDF-1.7 invoice 96\n%%EOF\n",
    }
    assert printing.office.export.printed == [95, 96]


def test_a_report_that_prints_nothing_is_told_and_not_taken_for_a_pdf(printing: Printing) -> None:
    printing.configure(report="7")
    printing.office.export.bills = [Bill(95, "2601000005")]
    printing.run()
    printing.run()
    state = next(route for route in printing.site.status().routes if route.route == "printed")
    assert state.problem is not None
    assert (state.problem.code, state.problem.message, state.problem.help) == (
        "E018",
        "pohoda says that it printed 2601000005.pdf, and hands over no file",
        _MOSTLY,
    )
    assert printing.shipped() == {}


def test_one_invoice_that_cannot_be_printed_keeps_no_other_one_waiting(printing: Printing) -> None:
    export = printing.office.export
    export.bills = [Bill(95, "2601000005"), Bill(96, "2026/0006")]
    export.unprintable = {95}
    printing.run()
    printing.run()
    assert list(printing.shipped().values()) == [b"%PDF-1.7 invoice 96\n%%EOF\n"]
    (story,) = [each for each in printing.site.story("2026/0006") if each.exchange.route == "printed"]
    assert [posting.state for posting in story.postings] == ["sent"]

    export.unprintable = set()
    printing.run()
    assert len(printing.shipped()) == 2


def test_invoices_of_before_are_not_printed(printing: Printing) -> None:
    printing.configure(since="2026-11-20")
    printing.office.export.bills = [Bill(95, "2601000005", day="2026-11-19"), Bill(96, "2601000006")]
    printing.run()
    printing.run()
    assert sorted(printing.shipped()) == ["2601000006.pdf"]


@pytest.mark.parametrize("way", [Way.CUT, Way.HALF, Way.UNTOLD])
def test_an_answer_that_is_cut_is_printed_again(printing: Printing, way: Way) -> None:
    printing.office.export.bills = [Bill(95, "2601000005")]
    printing.run()
    printing.office.in_turn(Way.FINE, way)
    printing.run()
    printing.run()
    assert printing.shipped() == {"2601000005.pdf": b"%PDF-1.7 invoice 95\n%%EOF\n"}


def test_a_pdf_in_a_folder_belongs_to_the_invoice_in_its_name(folder: TestSite) -> None:
    folder.drop("FV_2601000005.pdf", PDF, route="pdf")
    folder.run()
    assert shipped(folder) == {"2601000005.pdf": PDF}
    (story,) = folder.story("2601000005")
    assert [(posting.key, posting.state) for posting in story.postings] == [("2601000005", "sent")]


def test_a_pdf_that_is_sent_as_new_is_the_pdf(folder: TestSite) -> None:
    folder.drop("FV_2026001.pdf", PDF, route="pdf")
    folder.run()
    folder.do("resend", "2026001")
    folder.run()
    assert list(shipped(folder).values()) == [PDF, PDF]


def test_a_pdf_that_is_cut_is_not_shipped(folder: TestSite) -> None:
    folder.drop("FV_2601000005.pdf", PDF[:-6], route="pdf")
    folder.run()
    assert shipped(folder) == {}
    (matter,) = folder.status().matters
    assert matter.reason == "the file is not complete: the mark at its end is missing"


def test_the_same_pdf_again_is_shipped_once_and_another_one_of_that_number_as_well(folder: TestSite) -> None:
    folder.drop("FV_2601000005.pdf", PDF, route="pdf")
    folder.run()
    folder.drop("FV_2601000005.pdf", PDF, route="pdf")
    folder.run()
    assert len(shipped(folder)) == 1
    corrected = PDF.replace(b"an invoice", b"a corrected invoice")
    folder.drop("FV_2601000005.pdf", corrected, route="pdf")
    folder.run()
    assert sorted(shipped(folder).values()) == sorted([PDF, corrected])
