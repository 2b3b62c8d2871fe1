"""ShopRenter and Webareal: stock, prices, special prices and states, written into a simulated shop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exchange.conftest import TestSite
from tests.shops.conftest import ApiSite
from tests.shops.server import ShopServer, listening
from tests.shops.shoprenter import PASSWORD, USER, ShopRenter, Webareal
from tests.shops.test_writing_back import STATE

CONFIG = """\
version: 1
endpoints:
  shop:
    type: api
    platform: {platform}
    url: {url}
    user: {user}
    password: "${{file:password}}"
    {key}
    requests_per_second: 100
    data_timeout: 2
targets:
  stock: {{endpoint: shop, settings: {{{settings}}}, offers: {{every: 1 min, brake: none}}}}
  states: {{endpoint: shop}}
routes:
  stock:
    origin: pohoda
    from: {{files: "*.csv"}}
    mapping: mine/product
    to: [{{target: stock, template: {platform}/{offer}, schema: shop/calls}}]
  states:
    origin: shop-main
    from: {{files: "*.csv"}}
    mapping: mine/state
    states: [{{when: delivered, is: "{state}"}}]
    to: [{{target: states, template: {platform}/order_state, schema: shop/calls}}]
"""
PRODUCT = """\
version: 1
kind: product
key: sku
source: {format: csv}
fields:
  sku: sku
  quantity: pieces
  price.net: net
  special_price.net: special
  vat_rate: {value: 27}
  special_price_until: {path: until, timezone: Europe/Budapest}
"""


def site_of(folder: Path, shop: ShopServer, **parts: str) -> ApiSite:
    api = ApiSite(TestSite(folder), shop)
    mine = folder / "mappings" / "mine"
    mine.mkdir(parents=True)
    (mine / "product.yaml").write_text(PRODUCT, encoding="utf-8")
    (mine / "state.yaml").write_text(STATE, encoding="utf-8")
    (folder / "password").write_text(PASSWORD, encoding="utf-8")
    values = {"key": "", "settings": "", "offer": "offer", **parts}
    api.site.config_path.write_text(CONFIG.format(url=shop.url, user=USER, **values), encoding="utf-8")
    return api


def tell(api: ApiSite, route: str, name: str, text: str) -> None:
    api.site.drop(name, text.encode(), route=route)
    api.run()


@pytest.fixture
def shoprenter(tmp_path: Path) -> Iterator[tuple[ShopRenter, ApiSite]]:
    shop = ShopRenter()
    with listening(shop):
        yield shop, site_of(tmp_path, shop, platform="shoprenter", offer="offer-calls", state="Teljesítve")


@pytest.fixture
def webareal(tmp_path: Path) -> Iterator[tuple[Webareal, ApiSite]]:
    shop = Webareal()
    with listening(shop):
        settings = "price_field: price"
        key = 'key: "${file:key}"'
        api = site_of(tmp_path, shop, platform="webareal", settings=settings, key=key, state="Vyřízeno")
        (tmp_path / "key").write_text("KEY-OF-THE-API", encoding="utf-8")
        yield shop, api


def test_stock_price_and_special_price_of_shoprenter(shoprenter: tuple[ShopRenter, ApiSite]) -> None:
    shop, api = shoprenter
    mug, lamp = shop.add_item("MUG"), shop.add_item("LAMP")
    tell(api, "stock", "1.csv", "sku;pieces;net;special;until\nMUG;5;1000;900;2026-12-24\nLAMP;0;20,5;;\n")
    assert mug.values == {"stock1": "5", "price": "1000"}
    assert lamp.values == {"stock1": "0", "price": "20.5"}
    assert mug.special is not None
    assert (mug.special["price"], mug.special["dateTo"]) == ("900", "2026-12-24 00:00:00")
    assert lamp.special is None
    tell(api, "stock", "2.csv", "sku;pieces;net;special;until\nMUG;5;1000;0;\n")
    assert mug.special["dateTo"] == "2000-01-01 00:00:00"


def test_a_state_of_shoprenter_by_its_name(shoprenter: tuple[ShopRenter, ApiSite]) -> None:
    shop, api = shoprenter
    tell(api, "states", "1.csv", "number;executed;delivered;tracking\n42;true;true;\n43;true;true;\n")
    assert shop.orders == {"41": "state-0", "42": "state-1"}
    assert [told for told in api.site.told() if told.startswith("R001")] == [
        "R001: states rejected it: the order 43 is not there"
    ]


def test_a_state_that_shoprenter_changed_stands_where_only_the_tracking_number_changes(
    shoprenter: tuple[ShopRenter, ApiSite],
) -> None:
    shop, api = shoprenter
    tell(api, "states", "1.csv", "number;executed;delivered;tracking\n42;true;true;\n")
    shop.orders["42"] = "state-0"
    tell(api, "states", "2.csv", "number;executed;delivered;tracking\n42;true;true;T1\n")
    assert shop.orders["42"] == "state-0"


def test_a_state_that_webareal_changed_stands_where_only_the_tracking_number_changes(
    webareal: tuple[Webareal, ApiSite],
) -> None:
    shop, api = webareal
    tell(api, "states", "1.csv", "number;executed;delivered;tracking\n2026007;true;true;\n")
    shop.orders[7]["state"] = "Reklamace"
    tell(api, "states", "2.csv", "number;executed;delivered;tracking\n2026007;true;true;T1\n")
    assert shop.orders[7]["state"] == "Reklamace"


def test_stock_and_states_of_webareal(webareal: tuple[Webareal, ApiSite]) -> None:
    shop, api = webareal
    shop.products[3] = {"id": 3, "productNumber": "MUG", "stock": 0}
    tell(api, "stock", "1.csv", "sku;pieces;net;special;until\nMUG;5;1000;;\n")
    assert shop.products[3] == {"id": 3, "productNumber": "MUG", "stock": 5, "price": 1270}
    tell(api, "states", "1.csv", "number;executed;delivered;tracking\n2026007;true;true;\n")
    assert shop.orders[7]["state"] == "Vyřízeno"
    assert not api.site.status().matters
