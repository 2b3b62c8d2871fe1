"""Records that hold several documents, such as a product with its variants."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.diagnostics import render_all
from gateway.documents import Product
from gateway.mapping import Mapping, Reading
from tests.mapping.conftest import faults, loaded
from tests.mapping.ways import quickly, surely

XML = """\
version: 1
kind: product
key: sku
source: {format: xml, record: /SHOP/SHOPITEM, split: VARIANTS/VARIANT}
fields:
  sku: {first: [VARIANTS/VARIANT/CODE, CODE], required: true}
  name: NAME
  quantity: {first: [VARIANTS/VARIANT/STOCK, STOCK]}
  properties: {each: VARIANTS/VARIANT/PARAMETER, fields: {name: NAME, value: VALUE}}
"""
SHOP = """\
<?xml version="1.0" encoding="utf-8"?>
<SHOP version="2">
  <SHOPITEM>
    <NAME>Tričko</NAME>
    <VARIANTS>
      <VARIANT><CODE>T-M</CODE><STOCK>3</STOCK><PARAMETER><NAME>Velikost</NAME><VALUE>M</VALUE></PARAMETER></VARIANT>
      <!-- the last one of its size -->
      <VARIANT><CODE>T-L</CODE><STOCK>1</STOCK><PARAMETER><NAME>Velikost</NAME><VALUE>L</VALUE></PARAMETER></VARIANT>
      <VARIANT>
        <CODE>T-XL</CODE>
        <STOCK>some</STOCK>
      </VARIANT>
    </VARIANTS>
    <UNIT>ks</UNIT>
  </SHOPITEM>
  <SHOPITEM><NAME>Hrnek</NAME><CODE>H-1</CODE><STOCK>5</STOCK></SHOPITEM>
  <SHOPITEM><NAME>Deka</NAME><VARIANTS><VARIANT><CODE>D-1</CODE></VARIANT></VARIANTS></SHOPITEM>
</SHOP>
"""
JSON = json.dumps(
    {
        "items": [
            {
                "NAME": "Tričko",
                "VARIANTS": {"VARIANT": [{"CODE": "T-M", "STOCK": 3}, {"CODE": "T-L", "STOCK": "x"}]},
            },
            {"NAME": "Hrnek", "CODE": "H-1", "STOCK": 5},
        ]
    },
    ensure_ascii=False,
    indent=1,
)


@pytest.fixture
def variants(here: Path) -> Mapping:
    return loaded(XML)


def given(content: str, name: str = "in.xml") -> Path:
    path = Path(name)
    path.write_text(content, encoding="utf-8")
    return path


def product_of(reading: Reading) -> Product:
    assert isinstance(reading.document, Product)
    return reading.document


def test_every_variant_is_a_document_with_what_is_written_of_all_of_them(variants: Mapping) -> None:
    readings = list(variants.read(given(SHOP)))
    assert [(each.position, each.key) for each in readings] == [
        (1, "T-M"),
        (2, "T-L"),
        (3, "T-XL"),
        (4, "H-1"),
        (5, "D-1"),
    ]
    good = [product_of(reading) for reading in readings if reading.key != "T-XL"]
    assert [each.name for each in good] == ["Tričko", "Tričko", "Hrnek", "Deka"]
    assert [[size.value for size in each.properties] for each in good] == [["M"], ["L"], [], []]


def test_a_bad_variant_is_told_with_its_own_place_and_the_others_are_read(variants: Mapping) -> None:
    bad = list(variants.read(given(SHOP)))[2]
    assert render_all(bad.problems) == (
        "error[D002]: product T-XL: `some` is not a number\n"
        "  --> in.xml:11:16\n"
        "   |\n"
        "11 |         <STOCK>some</STOCK>\n"
        "   |                ^^^^\n"
        "   |\n"
        "   = field: quantity\n"
        "   = mapped by m.yaml:8"
    )


def test_the_fragment_for_mending_has_that_variant_alone_and_is_read_alike(variants: Mapping) -> None:
    fragments = [reading.fragment() for reading in variants.read(given(SHOP))]
    assert fragments[1].count(b"<VARIANT>") == 1
    [again] = variants.read(given(fragments[1].decode(), "again.xml"))
    assert (product_of(again).sku, product_of(again).quantity) == ("T-L", Decimal(1))


def test_a_change_of_what_all_variants_share_changes_the_mark_of_each(variants: Mapping) -> None:
    before = [reading.fingerprint() for reading in variants.read(given(SHOP))]
    after = [reading.fingerprint() for reading in variants.read(given(SHOP.replace("Tričko", "Triko")))]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, False, False, True, True]
    assert len(set(before)) == len(before)


def test_both_readers_read_variants_alike(variants: Mapping) -> None:
    assert quickly(variants, given(SHOP)) == surely(variants, given(SHOP))
    assert variants.parts(given(SHOP), shown_as="in.xml", size=1) == []


def test_variants_in_json_are_read_alike(here: Path) -> None:
    mapping = loaded(XML.replace("format: xml, record: /SHOP/SHOPITEM", "format: json, record: /items"))
    [medium, large, mug] = mapping.read(given(JSON, "in.json"))
    assert (medium.key, mug.key) == ("T-M", "H-1")
    [problem] = large.problems
    assert problem.span is not None
    assert problem.span.text is not None
    assert '"STOCK": "x"' in problem.span.text


def test_a_path_that_is_none_is_told_when_the_mapping_is_loaded(here: Path) -> None:
    assert faults(XML.replace("VARIANTS/VARIANT}\n", "/VARIANTS}\n")).startswith(
        "error[M007]: the path `/VARIANTS` is absolute\n --> m.yaml:4:54\n"
    )


@pytest.mark.parametrize(("length", "codes"), [(64_000, []), (64_001, ["D014"])])
def test_the_description_of_a_product_may_be_a_page(here: Path, length: int, codes: list[str]) -> None:
    mapping = loaded(XML.replace("  name: NAME", "  description: NAME"))
    text = f"<SHOP><SHOPITEM><CODE>A</CODE><NAME>{'x' * length}</NAME></SHOPITEM></SHOP>"
    [reading] = mapping.read(given(text))
    assert [problem.code for problem in reading.problems] == codes


def test_a_source_without_a_tree_cannot_be_split(here: Path) -> None:
    assert faults(XML.replace("format: xml, record: /SHOP/SHOPITEM", "format: csv")).startswith(
        "error[M012]: `split` does not fit a source of format csv\n"
    )
