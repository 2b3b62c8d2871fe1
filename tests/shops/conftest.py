"""A site that takes orders from a simulated shop and writes back into it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.daemon.once import OnceResult
from tests.exchange.conftest import TestSite
from tests.shops.prestashop import KEY, PrestaShop
from tests.shops.server import ShopServer, listening

ORDERS = """\
version: 1
merchant: {{company_id: "12345678"}}
endpoints:
  out: {{type: local, path: out}}
  shop:
    type: api
    platform: prestashop
    url: {url}
    key: "${{file:key}}"
    requests_per_second: 100
    connect_timeout: 2
    data_timeout: 2
targets:
  pohoda:
    endpoint: out
    folder: pohoda
    lookups:
      payment: {{bank_transfer: Příkazem}}
      carrier: {{ppl: PPL}}
{targets}
routes:
  shop:
    origin: shop-main
    from: {{endpoint: shop, list: orders}}
    every: 1 min
    mapping: prestashop/order
{route}
    to: [{{target: pohoda, template: pohoda/order, schema: pohoda/data}}]
{routes}
"""


class ApiSite:
    """A site beside a shop; each run is some minutes later than the last."""

    def __init__(self, site: TestSite, shop: ShopServer) -> None:
        self.site, self.shop = site, shop
        self.later = timedelta()
        (site.folder / "key").write_text(KEY, encoding="utf-8")

    def configure(self, *, route: str = "", routes: str = "", targets: str = "") -> None:
        """Write config.yaml."""
        text = ORDERS.format(url=self.shop.url, route=route, routes=routes, targets=targets)
        self.site.config_path.write_text(text, encoding="utf-8")

    def run(self, minutes: float = 10) -> OnceResult:
        """`gateway run --once`, so much later than the last time."""
        self.later += timedelta(minutes=minutes)
        return self.site.run(later=self.later)


@pytest.fixture
def prestashop(tmp_path: Path) -> Iterator[tuple[PrestaShop, ApiSite]]:
    """A PrestaShop and a site that takes its orders."""
    shop = PrestaShop()
    with listening(shop):
        api = ApiSite(TestSite(tmp_path), shop)
        api.configure()
        yield shop, api
