"""docs/exchange-between-shops.md: two shops exchange orders and stock through POHODA by a configuration alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder
from tests.shops import prestashop
from tests.shops.conftest import ApiSite
from tests.shops.prestashop import PrestaShop
from tests.shops.server import listening
from tests.workbench.walk import blocks_of, walk

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "exchange-between-shops.md").read_text(encoding="utf-8")
ADDRESS = "https://shop-b.example.cz"
KEY = "THE-KEY-OF-THE-WEBSERVICE"


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[PrestaShop]:
    """Shop B: a simulated PrestaShop with two orders and the product that POHODA has."""
    monkeypatch.setattr(prestashop, "KEY", KEY)
    shop = PrestaShop()
    with listening(shop):
        shop.add_orders(2)
        shop.add_product("RUK-10")
        yield shop


@pytest.fixture
def api(shop: PrestaShop, tmp_path: Path) -> ApiSite:
    """A site with the configuration of the page beside the shop."""
    api = ApiSite(TestSite(tmp_path), shop)
    (config,) = (block.text for block in blocks_of(PAGE) if block.form == "yaml")
    assert config.count(ADDRESS) == 1
    api.site.config_path.write_text(config.replace(ADDRESS, shop.url), encoding="utf-8")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "shop-b").write_text(KEY, encoding="utf-8")
    return api


def told_to_a(site: TestSite) -> dict[str, str]:
    """The pieces in the file that shop A fetches."""
    root = etree.parse(site.folder / "web" / "feeds" / "shoptet.xml").getroot()
    return {str(item.findtext("CODE")): str(item.findtext("STOCK/AMOUNT")) for item in root}


def told_to_b(shop: PrestaShop) -> dict[str, int]:
    return {product.reference: product.quantity for product in shop.products.values()}


def drop_stock(api: ApiSite, count: int, name: str) -> None:
    """POHODA's stock list with so many pieces of RUK-10, of which two are reserved."""
    content = (ROOT / "samples" / "pohoda" / "stock.xml").read_bytes()
    assert content.count(b"<stk:count>12<") == 1
    changed = content.replace(b"<stk:count>12<", f"<stk:count>{count}<".encode())
    api.site.drop(name, changed, route="stock")


def test_the_page_prints_what_it_says(shop: PrestaShop, tmp_path: Path) -> None:
    for samples in ("shoptet", "pohoda"):
        shutil.copytree(ROOT / "samples" / samples, tmp_path / "samples" / samples)
    page = PAGE.replace(ADDRESS, shop.url)
    assert walk(page, tmp_path).replace(shop.url, ADDRESS) == PAGE
    assert told_to_b(shop) == {"RUK-10": 5}
    shops = {path.name.partition("_")[0] for path in (tmp_path / "out" / "pohoda").iterdir()}
    assert shops == {"shop-a", "shop-b"}


def test_orders_of_both_shops_with_the_same_number_are_two_orders(shop: PrestaShop, api: ApiSite) -> None:
    # given order 1 in shop B, and another order 1 in shop A
    api.site.drop("orders.xml", ShopOrder("1"), route="orders-of-a")
    # when
    api.run()
    # then POHODA gets both, and those of B once although they are listed again
    assert api.site.numbers() == ["1", "1", "2"]
    assert sorted(api.site.shipped()) == ["shop-a_order_1.xml", "shop-b_order_1.xml", "shop-b_order_2.xml"]
    api.site.drop("again.xml", ShopOrder("1"), route="orders-of-a")
    api.run()
    assert api.site.numbers() == ["1", "1", "2"]
    assert not api.site.status().matters


def test_what_pohoda_knows_a_duplicate_by_differs_between_the_shops(shop: PrestaShop, api: ApiSite) -> None:
    api.site.drop("orders.xml", ShopOrder("1"), route="orders-of-a")
    api.run()
    items = [etree.fromstring(content).find("{*}dataPackItem") for content in api.site.shipped().values()]
    ids = sorted(str(item.get("id")) for item in items if item is not None)
    assert ids == ["shop-a:order:1", "shop-b:order:1", "shop-b:order:2"]


def test_stock_of_pohoda_reaches_both_shops_by_the_rules_of_each(shop: PrestaShop, api: ApiSite) -> None:
    drop_stock(api, 12, "stock.xml")
    api.run()
    assert told_to_a(api.site) == {"RUK-10": "10"}
    assert told_to_b(shop) == {"RUK-10": 8}
    drop_stock(api, 9, "stock-2.xml")
    api.run()
    assert told_to_a(api.site) == {"RUK-10": "7"}
    assert told_to_b(shop) == {"RUK-10": 5}
    # and nothing is told when nothing changed
    shop.begin_anew()
    drop_stock(api, 9, "stock-3.xml")
    api.run()
    assert shop.questions("/api/products") == shop.questions("/api/stock_availables") == []


def test_one_shop_that_is_away_does_not_keep_the_other_one_waiting(shop: PrestaShop, api: ApiSite) -> None:
    drop_stock(api, 12, "stock.xml")
    shop.gone = {"/api/combinations", "/api/products", "/api/stock_availables", "/api/orders"}
    api.site.drop("orders.xml", ShopOrder("7"), route="orders-of-a")
    api.run()
    assert told_to_a(api.site) == {"RUK-10": "10"}
    assert api.site.numbers() == ["7"]
    # when it is back
    shop.gone = set()
    api.site.do("resync", "stock-of-b")
    api.run(60)
    assert told_to_b(shop) == {"RUK-10": 8}
    assert api.site.numbers() == ["1", "2", "7"]
