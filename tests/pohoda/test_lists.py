"""`gateway pohoda-lists`: the codes of the unit, and what a target says that the unit does not know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from tests.cli.conftest import Gateway, gateway
from tests.exchange.conftest import TestSite
from tests.pohoda.calls import call_the_office
from tests.pohoda.listing import LISTS, ListingOffice
from tests.pohoda.mserver import Way, listening

__all__ = ["gateway"]

NEAR = "there is one with a similar name"
FOLDER = (
    "gateway: the target `pohoda` is a folder, where POHODA answers later; only an mServer can be asked for its "
    "lists (docs/pohoda-mserver.md)\n"
)
GOOD = "centre: ESHOP, number_series: 26OE, storage: ZBOŽÍ/Hrnky, price_level: Internet"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[ListingOffice]:
    with listening(ListingOffice(tmp_path / "books.json")) as running:
        assert isinstance(running, ListingOffice)
        yield running


@pytest.fixture
def site(tmp_path: Path, office: ListingOffice, monkeypatch: pytest.MonkeyPatch) -> TestSite:
    monkeypatch.chdir(tmp_path)
    return call_the_office(TestSite(tmp_path), office)


def configured(site: TestSite, office: ListingOffice, settings: str, payment: str = "Dobírkou") -> None:
    """The target with further settings and with this name for the cash on delivery."""
    call_the_office(site, office, settings=settings)
    text = site.config_path.read_text(encoding="utf-8")
    text = text.replace("cash_on_delivery: Dobírkou", f"cash_on_delivery: {payment}")
    site.config_path.write_text(text, encoding="utf-8")


def test_every_list_is_told_with_its_codes(gateway: Gateway, site: TestSite, office: ListingOffice) -> None:
    configured(site, office, GOOD)
    outcome = gateway("pohoda-lists", "pohoda")
    assert outcome.out == (
        "payment  Formy úhrad\n"
        "  Dobírkou     Platba na dobírku\n"
        "  Plat.kartou\n"
        "  Příkazem\n"
        "centre  Střediska\n"
        "  ESHOP  Prodej na síti\n"
        "activity  Činnosti\n"
        "  nothing is in it\n"
        "store  Sklady\n"
        "  ZBOŽÍ  Zboží\n"
        "storage  Členění skladu\n"
        "  ZBOŽÍ        Zboží\n"
        "  ZBOŽÍ/Hrnky\n"
        "price_level  Prodejní ceny\n"
        "  Internet\n"
        "number_series  Číselné řady\n"
        "  26OE  Objednávky z e-shopu\n"
        "accounting  Předkontace\n"
        "  3Fv  Tržba za zboží\n"
        "vat_classification  Členění DPH\n"
        "  UD  Tuzemské plnění\n"
        "next: write them into `settings:` and `lookups:` of `pohoda`; `gateway check`\n"
    )
    assert (outcome.code, outcome.err) == (0, "")


def test_what_is_in_no_list_is_told_with_its_place_and_a_similar_name(
    gateway: Gateway, site: TestSite, office: ListingOffice
) -> None:
    configured(site, office, "centre: eshop, store: Jinde", payment="Dobírka")
    outcome = gateway("pohoda-lists", "pohoda")
    said = [line.split("  ", 1)[1] for line in outcome.out.splitlines() if line.startswith("✗")]
    assert said == [
        f"lookups.payment.cash_on_delivery: `Dobírka` is not in Formy úhrad; {NEAR}: `Dobírkou`",
        f"settings.centre: `eshop` is not in Střediska; {NEAR}: `ESHOP`",
        "settings.store: `Jinde` is not in Sklady",
    ]
    assert all("✗ config.yaml:" in line for line in outcome.out.splitlines() if line.startswith("✗"))
    assert (outcome.code, outcome.last) == (3, "next: correct 3 codes of `pohoda`, then `gateway check`")


def test_a_list_that_is_refused_spoils_no_other_and_judges_nothing(
    gateway: Gateway, site: TestSite, office: ListingOffice
) -> None:
    configured(site, office, "centre: eshop")
    office.denied = {"listCentre"}
    outcome = gateway("pohoda-lists", "pohoda")
    assert "centre  Střediska\n! POHODA gives no such list: Nemáte právo na tuto agendu.\n" in outcome.out
    assert "  26OE  Objednávky z e-shopu\n" in outcome.out
    assert "✗" not in outcome.out
    assert outcome.code == 6
    assert outcome.last == "next: give the user of the endpoint the right to 1 list, or leave it"


def test_programs_get_the_same_as_json(gateway: Gateway, site: TestSite, office: ListingOffice) -> None:
    configured(site, office, "centre: eshop")
    outcome = gateway("pohoda-lists", "pohoda", "--json")
    told = outcome.json
    assert [each["list"] for each in told["lists"]] == [
        "payment", "centre", "activity", "store", "storage", "price_level", "number_series", "accounting",
        "vat_classification",
    ]  # fmt: skip
    assert told["lists"][1] == {
        "list": "centre",
        "title": "Střediska",
        "codes": [{"code": "ESHOP", "name": "Prodej na síti"}],
        "refused": None,
    }
    (wrong,) = told["wrong"]
    assert (wrong["place"], wrong["value"], wrong["similar"]) == ("settings.centre", "eshop", "ESHOP")
    assert (outcome.code, outcome.err) == (3, "")


def test_nothing_but_requests_for_lists_reaches_the_unit(
    gateway: Gateway, site: TestSite, office: ListingOffice
) -> None:
    gateway("pohoda-lists", "pohoda")
    asked = [etree.QName(etree.fromstring(each.body)[0][0]).localname for each in office.posts()]
    assert asked == [f"{name}Request" for name in LISTS]
    assert office.orders == {}
    packs = {etree.fromstring(each.body).get("id") for each in office.posts()}
    assert len(packs) == len(LISTS), "no request is taken for the one before"


def test_a_unit_that_does_not_answer_is_told_as_an_endpoint(
    gateway: Gateway, site: TestSite, office: ListingOffice
) -> None:
    office.always(Way.NO_RIGHT)
    outcome = gateway("pohoda-lists", "pohoda")
    assert (outcome.code, outcome.out) == (6, "")
    assert "403" in outcome.err


def test_targets_that_cannot_be_asked_are_a_wrong_word(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    site = TestSite(tmp_path / "other")
    said = gateway("-c", site.config_path, "pohoda-lists", "pohoda")
    assert (said.code, said.err) == (2, FOLDER)
    said = gateway("-c", site.config_path, "pohoda-lists", "elsewhere")
    assert (said.code, said.err) == (2, "gateway: no route sends to a target `elsewhere`; known: pohoda\n")


# -- the page ----------------------------------------------------------------------------------------------

PAGE = (Path(__file__).parents[2] / "docs" / "pohoda-mserver.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("payment", ["Plat.kartou", "Plat. kartou"])
def test_the_page_shows_what_is_really_said(
    gateway: Gateway, tmp_path: Path, office: ListingOffice, monkeypatch: pytest.MonkeyPatch, payment: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POHODA_PASSWORD", office.login[1])
    config = PAGE.partition("```yaml config.yaml\n")[2].partition("```")[0]
    config = config.replace("http://192.168.1.20:444", office.url).replace("card: Plat.kartou", f"card: {payment}")
    Path("config.yaml").write_text(config, encoding="utf-8")
    good, wrong = (
        part.partition("\n")[2].partition("```")[0] for part in PAGE.split("gateway pohoda-lists pohoda")[1:]
    )
    said = gateway("pohoda-lists", "pohoda").out
    if payment == "Plat.kartou":
        first, last = good.split("…\n")
        assert said.startswith(first)
        assert said.endswith(last)
    else:
        assert said.endswith(wrong)
