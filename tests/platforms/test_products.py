"""Product lists of every platform are read to the cent, and what cannot be read is told."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from lxml import etree

from gateway.documents import Price, Product, StockLevel
from gateway.errors import SourceProblems
from gateway.mapping import Overrides, load
from tests.platforms.product_lists import OWN, SOURCES, VENDORS, Row, Source
from tests.platforms.product_reading import read, skipped_where_absent

_CENT = Decimal("0.005")
_OTHER = {
    "shoptet": ("orders", "products-supplier", "products-datatype", "SHOPITEM-demo"),
    "heureka": ("heureka-availability",),
    "zbozi": (),
    "google": (),
    "upgates": ("orders",),
    "arukereso": (),
    "shoprenter": ("address", "customer", "order", "product_special"),
}
"""What lies beside the product lists in the vendors' samples: orders, schemas, and what has a test of its own."""


def agrees(price: Price | None, gross: Decimal | None, net: Decimal | None) -> bool:
    """Whether a price is the expected one; the side that is not expected must not be there."""
    if price is None:
        return gross is None and net is None
    for found, expected in ((price.gross, gross), (price.net, net)):
        if (found is None) != (expected is None):
            return False
        if found is not None and expected is not None and abs(found - expected) >= _CENT:
            return False
    return True


def differences(product: Product, row: Row) -> list[str]:
    told = []
    if row.awaited != (product.available_from is not None):
        told.append(f"the day from which it can be had: {product.available_from}")
    if not agrees(product.price, row.gross, row.net):
        told.append(f"price: {product.price}, not {row.gross} ({row.net} net)")
    if not agrees(product.special_price, row.special_gross, row.special_net):
        told.append(f"special price: {product.special_price}, not {row.special_gross} ({row.special_net} net)")
    if row.dated != (product.special_price_until is not None):
        told.append(f"days of the special price: {product.special_price_until}")
    there = None if product.quantity is None else product.quantity - (product.reserved or 0)
    expected = {
        "quantity": (there, row.quantity),
        "name": (product.name or "", " ".join(row.name.split())),
        "url": (product.url or "", row.url),
        "images": (sorted(each.url for each in product.images), sorted(row.images)),
        "ean": (product.ean or "", row.ean),
        "currency": (product.currency, row.currency),
        "group": (product.group or "", row.group),
    }
    told += [f"{name}: {found!r}, not {wanted!r}" for name, (found, wanted) in expected.items() if found != wanted]
    return told


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_a_product_list_is_read_as_it_says(source: Source, tmp_path: Path) -> None:
    skipped_where_absent(source)
    # given
    rows = list(source.rows(source.path, source.settings))
    # when
    products, codes = read(source, tmp_path)
    # then
    assert [product.sku for product in products] == [row.sku for row in rows]
    assert tuple(codes) == source.refused
    different = {row.sku: differences(product, row) for product, row in zip(products, rows, strict=True)}
    assert {sku: told for sku, told in different.items() if told} == {}


def test_no_sample_of_products_is_forgotten() -> None:
    if not VENDORS.is_dir():
        pytest.skip("the vendors' samples are not beside the project")
    known = {source.path for source in SOURCES}
    forgotten = [
        path.name
        for folder, others in _OTHER.items()
        for path in (VENDORS / folder).glob("*.xml")
        if path not in known and not path.name.startswith(others)
    ]
    assert forgotten == []


def test_a_single_product_under_a_root_of_its_own_making_is_told() -> None:
    demo = sorted((VENDORS / "shoptet").glob("SHOPITEM-demo__*.xml"))
    if not demo:
        pytest.skip("the vendors' samples are not beside the project")
    with pytest.raises(SourceProblems) as raised:
        list(load("shoptet/product").read(demo[0]))
    [problem] = raised.value.problems
    assert (problem.code, problem.message) == (
        "S003",
        "the root is `SHOPITEMDEMO`, this mapping reads `SHOP` or `SHOPITEM`",
    )


@pytest.mark.parametrize("name", ["product_special_get_page", "product_special_get_id"])
def test_special_prices_apart_from_their_products_are_told(name: str) -> None:
    found = sorted((VENDORS / "shoprenter").glob(f"{name}__*.xml"))
    if not found:
        pytest.skip("the vendors' samples are not beside the project")
    readings = list(load("shoprenter/product").read(found[0]))
    assert {problem.code for reading in readings for problem in reading.problems} == {"D001"}
    assert all(reading.document is None for reading in readings)


def pieces(path: Path) -> list[tuple[str, Decimal]]:
    return [
        (str(item.get("id")), Decimal(str(item.findtext("stock_quantity"))))
        for item in etree.fromstring(path.read_bytes())
        if item.find("stock_quantity") is not None
    ]


@pytest.mark.parametrize("folder", [OWN, VENDORS], ids=["own", "vendors"])
def test_an_availability_feed_is_read_as_it_says(folder: Path) -> None:
    found = sorted((folder / "heureka").glob("*availability*.xml"))
    if not found:
        pytest.skip("the vendors' samples are not beside the project")
    levels = [reading.document for reading in load("heureka/stock").read(found[0])]
    told = [(level.sku, level.quantity) for level in levels if isinstance(level, StockLevel)]
    assert told == pieces(found[0])
    assert told


def test_the_pieces_of_prestashop_are_read_as_its_webservice_gives_them() -> None:
    samples = sorted((VENDORS / "prestashop").glob("export_stock_quantity_[12]*.xml"))
    if not samples:
        pytest.skip("the vendors' samples are not beside the project")
    for sample in samples:
        [reading] = load("prestashop/stock").read(sample)
        [element] = etree.fromstring(sample.read_bytes()).findall("stock_available")
        level = reading.document
        assert isinstance(level, StockLevel)
        assert (level.sku, level.quantity) == (
            element.findtext("id_product"),
            Decimal(str(element.findtext("quantity"))),
        )


def one(mapping: str, path: Path, number: int = 1, **settings: str) -> Product:
    readings = list(load(mapping, overrides=Overrides(settings=settings)).read(path))
    document = readings[number - 1].document
    assert isinstance(document, Product)
    return document


def test_the_pieces_of_one_warehouse_of_shoptet_are_those_of_a_setting() -> None:
    path = OWN / "shoptet" / "products.xml"
    blanket = one("shoptet/product", path, 4, warehouse="Brno")
    assert (blanket.warehouse, blanket.quantity) == ("Brno", Decimal(2))
    mug = one("shoptet/product", path, 1, warehouse="Brno")
    assert (mug.warehouse, mug.quantity) == ("Brno", None)


def test_prices_without_vat_are_read_as_such_where_the_shop_is_set_so() -> None:
    belt = one("upgates/product", OWN / "upgates" / "products.xml", 3, prices="net")
    assert belt.price is not None
    assert (belt.price.net, belt.price.gross) == (Decimal("499.90"), Decimal("604.8790"))
    mug = one("woocommerce/product", OWN / "woocommerce" / "products.json", 1, prices="net")
    assert mug.price is not None
    assert (mug.price.net, mug.price.gross) == (Decimal(242), Decimal("292.82"))


def test_a_rate_that_the_source_lacks_is_told_to_the_mapping() -> None:
    blanket = one("prestashop/product", OWN / "prestashop" / "product-single.xml", 1, vat_rate="21")
    assert blanket.price is not None
    assert blanket.price.gross == Decimal(1210)
    cover = one("shoprenter/product", OWN / "shoprenter" / "products-page.xml", 2, vat_rate="27")
    assert cover.price is not None
    assert cover.price.gross == Decimal("11417.30")
