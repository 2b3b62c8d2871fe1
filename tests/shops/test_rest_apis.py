"""APIs in JSON: lists page by page, logins that give a token, stock and states written as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exchange.conftest import TestSite
from tests.shops.conftest import ApiSite
from tests.shops.server import Fault, Reply, Request, ShopServer, listening
from tests.shops.test_writing_back import PRODUCT, STATE, offer_problems
from tests.shops.woocommerce import PASSWORD, USER, WooCommerce

CONFIG = """\
version: 1
merchant: {{company_id: "12345678"}}
endpoints:
  out: {{type: local, path: out}}
  shop:
    type: api
    platform: {platform}
    url: {url}
    user: {user}
    password: "${{file:password}}"
    requests_per_second: 100
    data_timeout: 2
targets:
  pohoda: {{endpoint: out, folder: pohoda, lookups: {{payment: {{bank_transfer: Příkazem}}}}}}
{targets}
routes:
  shop:
    origin: shop-main
    from: {{endpoint: shop, list: orders}}
    mapping: {mapping}
    to: [{{target: pohoda, template: pohoda/order}}]
{routes}
"""
TARGETS = """\
  stock: {endpoint: shop, offers: {every: 1 min, brake: none}}
  states: {endpoint: shop}
"""
ROUTES = """\
  stock:
    origin: pohoda
    from: {files: "*.csv"}
    mapping: mine/product
    to: [{target: stock, template: woocommerce/offer, schema: shop/calls}]
  states:
    origin: shop-main
    from: {files: "*.csv"}
    mapping: mine/state
    states: [{when: delivered, is: completed}, {when: executed, is: sent-away}]
    to: [{target: states, template: woocommerce/order_state, schema: shop/calls}]
"""

SUCH_NUMBERS = "it is not digits alone; `order_number: search` looks for such numbers"
OTHER_NUMBERS = "where a plug-in gives numbers of its own, `order_number: search` looks for these"


@pytest.fixture
def woocommerce(tmp_path: Path) -> Iterator[tuple[WooCommerce, ApiSite]]:
    shop = WooCommerce()
    with listening(shop):
        api = ApiSite(TestSite(tmp_path), shop)
        mine = tmp_path / "mappings" / "mine"
        mine.mkdir(parents=True)
        (mine / "product.yaml").write_text(PRODUCT, encoding="utf-8")
        (mine / "state.yaml").write_text(STATE, encoding="utf-8")
        (tmp_path / "password").write_text(PASSWORD, encoding="utf-8")
        text = CONFIG.format(
            platform="woocommerce",
            url=shop.url,
            user=USER,
            mapping="woocommerce/order",
            targets=TARGETS,
            routes=ROUTES,
        )
        api.site.config_path.write_text(text, encoding="utf-8")
        yield shop, api


def drop(api: ApiSite, route: str, name: str, text: str) -> None:
    api.site.drop(name, text.encode(), route=route)
    api.run()


def test_all_pages_of_orders_and_then_only_what_is_new(woocommerce: tuple[WooCommerce, ApiSite]) -> None:
    shop, api = woocommerce
    shop.add_orders(120)
    api.run()
    assert len(api.site.numbers()) == 120
    assert [each.query["page"] for each in shop.asked if each.path.endswith("/orders")][:3] == ["1", "2", "3"]
    shop.begin_anew()
    shop.add_orders(1)
    assert len(api.run().exchanges) == 1
    assert shop.asked[0].query["modified_after"] == "2026-11-20T07:52:00"


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("fault", [Fault.CUT_WITHIN, Fault.PAGE])
def test_a_page_that_does_not_come_whole_is_asked_for_again(
    woocommerce: tuple[WooCommerce, ApiSite], at: int, fault: Fault
) -> None:
    shop, api = woocommerce
    shop.add_orders(120)
    shop.faults = {at: fault}
    assert api.run().unreachable
    api.run()
    assert len(api.site.numbers()) == 120


def test_pieces_of_products_and_variations(woocommerce: tuple[WooCommerce, ApiSite]) -> None:
    shop, api = woocommerce
    mug = shop.add_card("MUG")
    red = shop.add_card("MUG-RED", parent=mug.id)
    drop(api, "stock", "stock.csv", "sku;pieces;net\nMUG;5;100\nMUG-RED;0;100.50\nCHAIR;1;1\n")
    ended = {"sale_price": "", "date_on_sale_from": "", "date_on_sale_to": ""}
    assert mug.values == {"manage_stock": True, "stock_quantity": 5, "regular_price": "121", **ended}
    assert red.values == {"manage_stock": True, "stock_quantity": 0, "regular_price": "121.605", **ended}
    assert [str(getattr(problem, "message", "")) for problem in offer_problems(api)] == [
        "stock rejected it: the product CHAIR is not there"
    ]


def test_the_state_of_an_order(woocommerce: tuple[WooCommerce, ApiSite]) -> None:
    shop, api = woocommerce
    shop.add_orders(2)
    rows = "number;executed;delivered;tracking\n1;true;true;DR1\n2;true;false;\n9;true;true;\n"
    drop(api, "states", "states.csv", rows)
    assert shop.orders[1]["status"] == "completed"
    assert shop.orders[1]["meta_data"] == [{"key": "_tracking_number", "value": "DR1"}]
    assert shop.orders[2]["status"] == "processing"
    assert [told for told in api.site.told() if told.startswith("R001")] == [
        "R001: states rejected it: PUT /wp-json/wc/v3/orders/2 is answered by 400: Invalid parameter(s): status",
        f"R001: states rejected it: the order 9 is not there; {OTHER_NUMBERS}",
    ]


def test_an_order_under_that_id_that_bears_another_number_is_left_alone(
    woocommerce: tuple[WooCommerce, ApiSite],
) -> None:
    shop, api = woocommerce
    shop.add_orders(2)
    shop.orders[1]["number"], shop.orders[2]["number"] = "77", "1"
    drop(api, "states", "states.csv", "number;executed;delivered;tracking\n1;true;true;\nA-2;true;true;\n")
    assert [order["status"] for order in shop.orders.values()] == ["processing", "processing"]
    assert [told for told in api.site.told() if told.startswith("R001")] == [
        f"R001: states rejected it: the order 1 is not there; {OTHER_NUMBERS}",
        f"R001: states rejected it: A-2 is no id of an order: {SUCH_NUMBERS}",
    ]


def test_a_state_that_woocommerce_changed_stands_where_only_the_tracking_number_changes(
    woocommerce: tuple[WooCommerce, ApiSite],
) -> None:
    shop, api = woocommerce
    shop.add_orders(1)
    drop(api, "states", "states.csv", "number;executed;delivered;tracking\n1;true;true;\n")
    assert shop.orders[1]["status"] == "completed"
    shop.orders[1]["status"] = "refunded"
    drop(api, "states", "tracking.csv", "number;executed;delivered;tracking\n1;true;true;T1\n")
    assert shop.orders[1]["status"] == "refunded"
    assert shop.orders[1]["meta_data"] == [{"key": "_tracking_number", "value": "T1"}]


@pytest.mark.parametrize(("setting", "left"), [("end", ""), ("keep", "96.8")])
def test_a_special_price_that_ended_is_taken_back(
    woocommerce: tuple[WooCommerce, ApiSite], setting: str, left: str
) -> None:
    shop, api = woocommerce
    special = PRODUCT.replace("price.net: net,", "price.net: net, special_price.net: special,")
    (api.site.folder / "mappings" / "mine" / "product.yaml").write_text(special, encoding="utf-8")
    text = api.site.config_path.read_text(encoding="utf-8")
    offered = f"settings: {{without_special_price: {setting}}}, offers: "
    api.site.config_path.write_text(text.replace("offers: ", offered), encoding="utf-8")
    mug = shop.add_card("MUG")
    for name, price, written in (("1", "80", "96.8"), ("2", "0", ""), ("3", "80", "96.8"), ("4", "", left)):
        drop(api, "stock", f"{name}.csv", f"sku;pieces;net;special\nMUG;5;100;{price}\n")
        assert (mug.values["sale_price"], mug.values["date_on_sale_to"]) == (written, "")


class TokenShop(ShopServer):
    """A Shoper: every question bears the token of the last login."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = 0
        self.good = ""
        self.seconds = 3600
        self.echoes = False

    def answer(self, request: Request) -> Reply:
        if request.path == "/webapi/rest/auth":
            assert request.headers["authorization"].startswith("Basic ")
            self.tokens += 1
            self.good = f"token-{self.tokens}"
            return Reply(json.dumps({"access_token": self.good, "expires_in": self.seconds}).encode())
        if request.headers.get("authorization") != f"Bearer {self.good}":
            return Reply(b'{"error": "unauthorized_client"}', status=401)
        if self.echoes:
            return Reply(json.dumps({"error": f"invalid {request.headers['authorization']}"}).encode())
        return Reply(b'{"count": "0", "pages": 0, "page": 1, "list": []}')


@pytest.fixture
def shoper(tmp_path: Path) -> Iterator[tuple[TokenShop, ApiSite]]:
    shop = TokenShop()
    with listening(shop):
        api = ApiSite(TestSite(tmp_path), shop)
        (tmp_path / "password").write_text(PASSWORD, encoding="utf-8")
        text = CONFIG.format(
            platform="shoper", url=shop.url, user="api", mapping="shoper/order", targets="", routes=""
        )
        api.site.config_path.write_text(text, encoding="utf-8")
        yield shop, api


def test_a_login_gives_the_token_for_the_calls_after_it(shoper: tuple[TokenShop, ApiSite]) -> None:
    shop, api = shoper
    assert not api.run().unreachable
    assert shop.questions() == ["POST /webapi/rest/auth", "GET /webapi/rest/orders"]


def test_a_token_that_ran_out_is_renewed_once(shoper: tuple[TokenShop, ApiSite]) -> None:
    shop, api = shoper

    def run_out(request: Request) -> None:
        if request.path.endswith("auth") and shop.tokens == 1:
            shop.good = "another"

    shop.meanwhile = run_out
    assert not api.run().unreachable
    assert shop.tokens == 2


def test_a_login_that_is_refused_is_told_without_the_password(shoper: tuple[TokenShop, ApiSite]) -> None:
    shop, api = shoper
    shop.faults = {1: Fault.FORBIDDEN}
    told = api.run().unreachable["shop"]
    assert told == f"{shop.url}/webapi/rest/auth: the login is refused: 401 Unauthorized"


def test_no_secret_follows_a_redirect(woocommerce: tuple[WooCommerce, ApiSite]) -> None:
    shop, api = woocommerce
    elsewhere = WooCommerce()
    with listening(elsewhere):
        shop.redirect = f"{elsewhere.url}/wp-json/wc/v3/orders"
        told = api.run().unreachable["shop"]
    assert elsewhere.asked == []
    assert told.endswith(f"the server says 302 Found: it is at {elsewhere.url}/wp-json/wc/v3/orders")


def test_a_page_that_is_not_full_is_not_the_last_one(woocommerce: tuple[WooCommerce, ApiSite]) -> None:
    """The shop leaves out what the key may not see."""
    shop, api = woocommerce
    shop.add_orders(120)
    shop.hidden = {7}
    api.run()
    assert len(api.site.numbers()) == 119


def test_an_order_that_is_thrown_away_between_two_pages_takes_no_other_one_with_it(
    woocommerce: tuple[WooCommerce, ApiSite],
) -> None:
    shop, api = woocommerce
    shop.add_orders(120)

    def throw_away(request: Request) -> None:
        if request.path.endswith("/orders"):
            del shop.orders[1]
            shop.meanwhile = None

    shop.meanwhile = throw_away
    api.run()
    assert sorted(api.site.numbers(), key=int)[1:] == [str(number) for number in range(2, 121)]


def test_what_changes_on_a_page_that_was_read_is_seen_after_an_interruption(
    woocommerce: tuple[WooCommerce, ApiSite],
) -> None:
    shop, api = woocommerce
    shop.add_orders(120)
    shop.faults = {2: Fault.DOWN}
    assert api.run().unreachable
    shop.orders[1]["status"] = "cancelled"
    shop.orders[1]["date_modified_gmt"] = "2026-11-20T09:00:00"
    shop.orders[119]["date_modified_gmt"] = "2026-11-20T10:00:00"
    for _ in range(3):
        api.run()
    assert [(matter.what, matter.name) for matter in api.site.status().matters] == [("held: cancelled", "order 1")]


def test_the_day_of_since_is_the_merchants_whatever_the_zone_of_the_list(
    woocommerce: tuple[WooCommerce, ApiSite],
) -> None:
    shop, api = woocommerce
    text = api.site.config_path.read_text(encoding="utf-8")
    said = text.replace("    mapping: woocommerce/order", "    since: 2026-11-20\n    mapping: woocommerce/order")
    api.site.config_path.write_text(said, encoding="utf-8")
    api.run()
    assert shop.asked[0].query["modified_after"] == "2026-11-19T00:00:00"


def test_an_answer_of_many_levels_is_told_and_no_traceback(woocommerce: tuple[WooCommerce, ApiSite]) -> None:
    shop, api = woocommerce
    shop.instead = b"[" * 100_000 + b"]" * 100_000
    assert api.run().unreachable["shop"].endswith(": the answer has too many levels")


def test_a_token_stands_in_no_message(shoper: tuple[TokenShop, ApiSite]) -> None:
    shop, api = shoper
    shop.echoes = True
    told = api.run().unreachable["shop"]
    assert "token-1" not in told
    assert "***" in told
