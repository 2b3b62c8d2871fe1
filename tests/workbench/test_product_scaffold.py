"""The first draft of a price list's mapping: what is guessed, what confirms it, and the way of it to a shop."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree

from gateway.mapping import load
from gateway.rendering import load_schema
from gateway.workbench.goldens import run_tests
from gateway.workbench.scaffold.guess import Guess
from gateway.workbench.scaffold.samples import read_sample
from gateway.workbench.scaffold.trying import Platform, drafted
from gateway.workbench.scaffold.writing import Header
from tests.cli.conftest import Gateway, gateway
from tests.exchange.conftest import TestSite, contents

__all__ = ["gateway"]

SAMPLES = Path(__file__).parents[2] / "samples" / "pricelist"
COLUMNS = SAMPLES / "cenik-1250.xml"
NESTED = SAMPLES / "cenik-utf8.xml"
POLISH = """<lista><towary>
  <towar><symbol>X-1</symbol><nazwa>Kubek</nazwa><jm>szt</jm><cena>10,00</cena><cena_sprzedazy>12,30</cena_sprzedazy>
    <stawka_vat>23</stawka_vat><stan>4</stan></towar>
  <towar><symbol>X-2</symbol><nazwa>Talerz</nazwa><jm>szt</jm><cena>20,00</cena><cena_sprzedazy>24,60</cena_sprzedazy>
    <stawka_vat>23</stawka_vat><stan>1</stan></towar>
</towary></lista>
"""
HUNGARIAN = """{"exported": "2026-11-20", "products": [
 {"cikkszam": "A1", "megnevezes": "Takaró", "netto_ar": 1000, "brutto_ar": 1270, "afa_kulcs": 27, "keszlet": 5,
  "kepek": ["https://www.example.com/1.jpg", "https://www.example.com/2.jpg"]},
 {"cikkszam": "A2", "megnevezes": "Kulacs", "netto_ar": 2000, "brutto_ar": 2540, "afa_kulcs": 27, "keszlet": 0,
  "kepek": []}]}
"""
TABLE = """Kód;Název;MJ;Cena bez DPH;Cena s DPH;Cena VIP s DPH;DPH %;Stav skladu;Rezervováno;Obrázek 1;Obrázek 2
RUK-10;Rukavice;ks;200,00;242,00;230,00;21 %;12;2;https://www.example.com/a.jpg;https://www.example.com/b.jpg
HRN-3;Hrnek;ks;149,00;180,29;170;21 %;40;5;https://www.example.com/h.jpg;
"""
SLOVAK = """<cennik><skupina><nazov>Náradie</nazov>
  <tovar><kod>K1</kod><nazov>Kladivo</nazov><akcna_cena>9.90</akcna_cena><cena>12.00</cena>
    <sadzba_dph>základná</sadzba_dph></tovar>
  <tovar><kod>K1</kod><nazov>Kliešte</nazov><akcna_cena></akcna_cena><cena>8.00</cena>
    <sadzba_dph>základná</sadzba_dph></tovar>
</skupina></cennik>
"""
CONFIG = """\
version: 1
endpoints:
  office: {type: local, path: office}
  shop-ftp: {type: local, path: shop}
targets:
  shop:
    endpoint: shop-ftp
    folder: import
    file_name: products.xml
    offers:
      mode: full
      rules: {warehouses: Hlavní, count: available}
routes:
  price-list:
    origin: program
    from: {endpoint: office, folder: export, after: keep}
    schedule: "06:00"
    mapping: cenik/product
    to: [{target: shop, template: TEMPLATE, schema: SCHEMA}]
"""


def drafted_from(sample: Path) -> Platform:
    taken = read_sample(sample, "product")
    header = Header("../x.json", "cenik", "product", sample.name, taken.source, f"samples/cenik/{sample.name}")
    return drafted(taken.survey, sample, header)


def draft(tmp_path: Path, text: str, name: str = "list.xml") -> Platform:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return drafted_from(tmp_path / name)


def guesses(made: Platform) -> dict[str, Guess]:
    return {guess.field: guess for guess in made.draft.guesses}


def rules(made: Platform) -> dict[str, object]:
    return {guess.field: guess.rule for guess in made.draft.guesses}


def blocks(made: Platform, name: str) -> list[tuple[str, dict[str, object]]]:
    return [
        (rows.each, {guess.field: guess.rule for guess in rows.guesses})
        for rows in made.draft.lines
        if rows.block == name
    ]


def test_columns_of_a_czech_list_are_told_apart_by_name_and_value() -> None:
    made = drafted_from(COLUMNS)
    assert rules(made) == {
        "sku": {"path": "KOD", "required": True},
        "warehouse": "SKLAD",
        "name": "NAZEV",
        "ean": "EAN",
        "unit": "MJ",
        "manufacturer": "VYROBCE",
        "category": "SKUPINA",
        "vat_rate": "SAZBA_DPH",
        "price.net": "CENA_BEZ_DPH",
        "price.gross": "CENA_S_DPH",
        "quantity": "MNOZSTVI",
        "reserved": "REZERVOVANO",
    }
    assert guesses(made)["price.gross"].why == "net and VAT make gross in 5 of 5"
    assert blocks(made, "prices") == [(".", {"level": {"value": "VO"}, "price.net": "CENA_VO_BEZ_DPH"})]
    assert blocks(made, "images") == [(".", {"url": "OBRAZEK"})]
    assert made.draft.unmapped == (("NAKUPNI_CENA", "131,50"),), "what it cost is told to nobody"
    assert (made.good, made.records) == (5, 5)


def test_nested_cards_have_rows_of_prices_and_pictures() -> None:
    made = drafted_from(NESTED)
    assert rules(made)["sku"] == {"path": "Karta/Kod", "required": True}
    assert rules(made)["currency"] == "ProdejniCena/@mena"
    assert rules(made)["on_internet"] == "NaEshop"
    assert blocks(made, "prices") == [("Hladiny/Cena", {"level": "@hladina", "price.net": "."})]
    assert blocks(made, "images") == [("Obrazky/Obrazek", {"url": "."})]
    assert guesses(made)["price.net"].sure == "guess"
    assert made.draft.missing == (
        "NOTE on the code: its values are EANs, so the shop's codes must be the EANs too",
        "DECIDE whether `ProdejniCena` has VAT in it: compare one with the program it comes from",
    )
    assert made.draft.unmapped == (("Stav/KDispozici", "10"),)


@pytest.mark.parametrize("sample", [COLUMNS, NESTED], ids=["windows-1250", "utf-8"])
def test_a_draft_loads_and_its_tests_pass(tmp_path: Path, sample: Path) -> None:
    made = drafted_from(sample)
    (tmp_path / "samples" / "cenik").mkdir(parents=True)
    (tmp_path / "samples" / "cenik" / sample.name).write_bytes(sample.read_bytes())
    (tmp_path / "product.yaml").write_text(made.text, encoding="utf-8")
    outcomes = list(run_tests(load(str(tmp_path / "product.yaml")), root=tmp_path, site=None))
    assert [each.outcome.passed for each in outcomes] == [True, True, True]


def test_values_decide_which_price_has_vat_where_names_do_not(tmp_path: Path) -> None:
    made = draft(tmp_path, POLISH)
    assert (rules(made)["price.net"], rules(made)["price.gross"]) == ("cena", "cena_sprzedazy")
    assert rules(made)["sku"] == {"path": "symbol", "required": True}
    assert (rules(made)["quantity"], rules(made)["unit"]) == ("stan", "jm")
    assert made.draft.missing == ()


def test_a_list_in_json_is_read_like_one_in_xml(tmp_path: Path) -> None:
    made = draft(tmp_path, HUNGARIAN, "list.json")
    assert rules(made) == {
        "sku": {"path": "cikkszam", "required": True},
        "name": "megnevezes",
        "vat_rate": "afa_kulcs",
        "price.net": "netto_ar",
        "price.gross": "brutto_ar",
        "quantity": "keszlet",
    }
    assert blocks(made, "images") == [("kepek", {"url": "."})]
    assert (made.good, made.records) == (2, 2)


def test_a_table_has_one_product_in_each_line(tmp_path: Path) -> None:
    made = draft(tmp_path, TABLE, "list.csv")
    assert "source: {format: csv}\n" in made.text
    assert rules(made)["price.gross"] == "Cena_s_DPH"
    assert blocks(made, "prices") == [(".", {"level": {"value": "VIP"}, "price.gross": "Cena_VIP_s_DPH"})]
    assert blocks(made, "images") == [(".", {"url": "Obrázek_1"}), (".", {"url": "Obrázek_2"})]
    assert (made.good, made.records) == (2, 2)


def test_what_a_list_lacks_is_told(tmp_path: Path) -> None:
    made = draft(tmp_path, SLOVAK)
    assert rules(made)["special_price.net"] == "akcna_cena"
    assert made.draft.missing == (
        "LOOK AT the code: `kod` stands several times, and the last record counts",
        "DECIDE whether `cena` has VAT in it: compare one with the program it comes from",
        "MISSING the quantity: no element says how many there are; without it the shop's stock stays",
        "MISSING the VAT rate: `sadzba_dph` names it by words (základná); give `vat_rate:` a lookup",
    )


def test_products_are_found_within_their_groups(tmp_path: Path) -> None:
    (tmp_path / "list.xml").write_text(SLOVAK, encoding="utf-8")
    assert read_sample(tmp_path / "list.xml", "product").source["record"] == "/cennik/skupina/tovar"


# -- to the shop -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "schema", "code", "pieces"),
    [
        ("shoptet/offer", "shoptet/products", "CODE", "STOCK/AMOUNT"),
        ("heureka/offer-availability", "heureka/availability", "@id", "stock_quantity"),
    ],
)
def test_a_drafted_list_reaches_the_shop_at_its_time_under_its_name(
    tmp_path: Path,
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
    template: str,
    schema: str,
    code: str,
    pieces: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    site = TestSite(tmp_path)
    (tmp_path / "office" / "export").mkdir(parents=True)
    (tmp_path / "office" / "export" / "cenik.xml").write_bytes(COLUMNS.read_bytes())
    site.config_path.write_text(CONFIG.replace("TEMPLATE", template).replace("SCHEMA", schema), encoding="utf-8")
    made = gateway("new", "platform", "cenik", "--kind", "product", "--from", COLUMNS, "--template", template)
    assert made.code == 0, made.err
    assert f"  as XML      {template} writes 5 of 5 records, valid by {schema}\n" in made.out

    site.run(later=timedelta(days=1))

    ((path, told),) = contents(tmp_path / "shop" / "import").items()
    assert path.name == "products.xml"
    assert load_schema(schema).check(told, record="the list") == ()
    found = {
        str(item.get("id") if code == "@id" else item.findtext(code)): str(item.findtext(pieces))
        for item in etree.fromstring(told)
    }
    assert found == {"RUK-10": "10", "HRN-3": "35", "KNI-7": "0", "MED-1": "0"}
