"""Stock cards and prices on their way into POHODA: told again when they change, and answered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree

from tests.exchange.conftest import TestSite
from tests.pohoda.calls import ENDPOINT
from tests.pohoda.mserver import MServerOffice, Way, listening

_VERSION = "http://www.stormware.cz/schema/version_2/"
MAPPING = """\
version: 1
kind: product
key: sku
source: {format: xml, record: /list/card}
fields: {sku: code, name: name, vat_rate: vat, price.gross: price}
"""
CONFIG = """\
version: 1
merchant: {{company_id: "12345678"}}
endpoints:
{endpoint}
targets:
  cards:
    endpoint: office
    settings: {{storage: ZBOŽÍ, price_group: SK}}
    offers: {{every: 1 s}}
routes:
  cards:
    origin: supplier
    mapping: mine/product
    to: [{{target: cards, template: pohoda/offer, schema: pohoda/data}}]
"""


class CardsOffice(MServerOffice):
    """An office that keeps the prices of stock cards."""

    def __init__(self, books: Path) -> None:
        super().__init__(books)
        self.prices: dict[str, str] = {}
        self.items: list[str] = []
        self.unknown: set[str] = set()
        self.seen: set[str] = set()
        self.busy = self.denies = False

    def answered(self, request: bytes, way: Way, *, check_duplicity: bool) -> bytes:
        assert check_duplicity
        root = etree.fromstring(request)
        pack = str(root.get("id"))
        if self.denies:
            return self._pack("", "error", "Uživatel nesmí importovat XML.", "")
        return self._pack(pack, "ok", "", "".join(self._item(pack, item) for item in root))

    def _item(self, pack: str, item: etree._Element) -> str:
        name = f"{{{_VERSION}stock.xsd}}"
        code, price = item.findtext(f".//{{{_VERSION}filter.xsd}}code"), item.findtext(f".//{name}sellingPrice")
        identity = str(item.get("id"))
        said = f'<rsp:responsePackItem version="2.0" id="{identity}" state='
        if f"{pack} {identity}" in self.seen:
            duplicate = "<rsp:agendaType>zasoby</rsp:agendaType><rsp:id>5</rsp:id>"
            return (
                f'{said}"error"><rsp:errorDetail><rsp:recordDuplicity>{duplicate}</rsp:recordDuplicity>'
                "</rsp:errorDetail></rsp:responsePackItem>"
            )
        trouble = "556 Při zpracování došlo k chybě." if self.busy else "108 Karta nebyla nalezena."
        if self.busy or code in self.unknown:
            number, _, note = trouble.partition(" ")
            detail = f"<rdc:state>error</rdc:state><rdc:errno>{number}</rdc:errno><rdc:note>{note}</rdc:note>"
            return (
                f'{said}"error"><stk:stockItemResponse version="2.0" state="error"><rdc:importDetails><rdc:detail>'
                f"{detail}</rdc:detail></rdc:importDetails></stk:stockItemResponse></rsp:responsePackItem>"
            )
        self.seen.add(f"{pack} {identity}")
        self.items.append(identity)
        self.prices[str(code)] = str(price)
        return (
            f'{said}"ok"><stk:stockItemResponse version="2.0" state="ok"><rdc:producedDetails><rdc:id>5</rdc:id>'
            f"<rdc:code>{code}</rdc:code></rdc:producedDetails></stk:stockItemResponse></rsp:responsePackItem>"
        )

    def _pack(self, pack: str, state: str, note: str, inner: str) -> bytes:
        names = {"rsp": "response", "rdc": "documentresponse", "stk": "stock"}
        declared = " ".join(f'xmlns:{prefix}="{_VERSION}{file}.xsd"' for prefix, file in names.items())
        return (
            f'<?xml version="1.0" encoding="windows-1250"?>\n<rsp:responsePack {declared} version="2.0" '
            f'id="{pack}" state="{state}" note="{note}">{inner}</rsp:responsePack>'
        ).encode("windows-1250")


class Supplier:
    """A site that writes the cards of a supplier into POHODA."""

    def __init__(self, site: TestSite, office: CardsOffice) -> None:
        self.site, self.office = site, office
        folder = site.folder / "mappings" / "mine"
        folder.mkdir(parents=True)
        (folder / "product.yaml").write_text(MAPPING, encoding="utf-8")
        (site.folder / "password").write_text(office.login[1], encoding="utf-8")
        text = CONFIG.format(endpoint=ENDPOINT.format(url=office.url))
        site.config_path.write_text(text, encoding="utf-8")
        self.later = timedelta()
        self.number = 0

    def lists(self, **prices: str) -> None:
        cards = "".join(
            f"<card><code>{code}</code><name>Hrnek</name><vat>21</vat><price>{price}</price></card>"
            for code, price in prices.items()
        )
        self.number += 1
        self.site.drop(f"list-{self.number}.xml", f"<list>{cards}</list>".encode(), route="cards")

    def run(self) -> None:
        self.later += timedelta(minutes=10)
        self.site.run(later=self.later)


@pytest.fixture
def supplier(tmp_path: Path) -> Iterator[Supplier]:
    with listening(CardsOffice(tmp_path / "books.jsonl")) as office:
        assert isinstance(office, CardsOffice)
        folder = tmp_path / "site"
        folder.mkdir()
        yield Supplier(TestSite(folder), office)


def test_a_price_that_changes_is_told_under_ids_of_its_own(supplier: Supplier) -> None:
    supplier.lists(A="121", B="242")
    supplier.run()
    supplier.lists(A="133.10", B="242")
    supplier.run()
    assert supplier.office.prices == {"A": "133.1", "B": "242"}
    assert supplier.office.items == ["supplier:offer:A:1", "supplier:offer:B:1", "supplier:offer:A:2"]
    assert supplier.site.status().matters == ()


def test_a_card_that_is_rejected_is_told_with_pohodas_words_and_told_again_by_resync(supplier: Supplier) -> None:
    supplier.office.unknown = {"B"}
    supplier.lists(A="121", B="242")
    supplier.run()
    (matter,) = supplier.site.status().matters
    assert (matter.what, matter.name, matter.do) == ("not told", "product B", "gateway show B")
    assert matter.reason == "cards rejected it: Karta nebyla nalezena. (108)"

    supplier.office.unknown = set()
    assert supplier.site.do("resync", "cards") == ["cards is told of everything anew"]
    supplier.run()
    assert supplier.office.prices == {"A": "121", "B": "242"}
    assert supplier.site.status().matters == ()


@pytest.mark.parametrize("way", [Way.UNTOLD, Way.CUT, Way.BROKEN])
def test_an_answer_that_is_lost_is_asked_for_with_the_same_bytes(supplier: Supplier, way: Way) -> None:
    supplier.office.in_turn(way)
    supplier.lists(A="121")
    supplier.run()
    supplier.run()
    assert supplier.office.items == ["supplier:offer:A:1"]
    assert len({post.body for post in supplier.office.posts()}) == 1
    assert supplier.site.status().matters == ()


def test_a_busy_pohoda_is_told_later(supplier: Supplier) -> None:
    supplier.office.busy = True
    supplier.lists(A="121")
    supplier.run()
    assert supplier.office.prices == {}
    supplier.office.busy = False
    supplier.run()
    assert supplier.office.prices == {"A": "121"}


def test_a_refused_file_holds_the_target_and_is_told_once_it_is_released(supplier: Supplier) -> None:
    supplier.office.denies = True
    supplier.lists(A="121")
    supplier.run()
    (matter,) = supplier.site.status().matters
    assert (matter.what, matter.reason) == ("target held", "Uživatel nesmí importovat XML.")
    supplier.office.denies = False
    supplier.site.do("release", "cards")
    supplier.run()
    assert supplier.office.prices == {"A": "121"}


def test_the_answer_to_a_file_says_nothing_of_the_next_one_that_waits_for_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    office = CardsOffice(tmp_path / "books.jsonl")
    supplier = Supplier(TestSite(folder), office)
    text = supplier.site.config_path.read_text(encoding="utf-8")
    text = text.replace("endpoints:\n", "endpoints:\n  share: {type: local, path: share}\n", 1)
    text = text.replace(
        "    endpoint: office\n",
        "    endpoint: share\n    folder: in\n    file_name: cards.xml\n    answers: {folder: out}\n",
    )
    supplier.site.config_path.write_text(text, encoding="utf-8")
    requests, answers = folder / "share" / "in", folder / "share" / "out"
    answers.mkdir(parents=True)

    # given a file that POHODA has read, and a newer one that waits for its name
    supplier.lists(A="100")
    supplier.run()
    first = (requests / "cards.xml").read_bytes()
    supplier.lists(A="200")
    supplier.run()
    assert (requests / "cards.xml").read_bytes() == first

    # when the answer to the first one comes
    (answers / "cards.xml").write_bytes(office.answered(first, Way.FINE, check_duplicity=True))
    supplier.run()
    supplier.run()

    # then the newer one gets the name
    newer = (requests / "cards.xml").read_bytes()
    assert b">200<" in newer
    office.answered(newer, Way.FINE, check_duplicity=True)
    assert office.prices == {"A": "200"}
