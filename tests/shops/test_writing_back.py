"""Stock, prices and states into the API of a shop: each value arrives, and nothing is done twice."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gateway.diagnostics import Problem
from tests.shops.conftest import ApiSite
from tests.shops.prestashop import KEY, PrestaShop
from tests.shops.server import Fault, Reply, Request, listening

Shop = tuple[PrestaShop, ApiSite]

TARGETS = """\
  stock:
    endpoint: shop
    settings: {prices: patch}
    offers: {every: 1 min, brake: none}
  states: {endpoint: shop}
"""
ROUTES = """\
  stock:
    origin: pohoda
    from: {files: "*.csv"}
    mapping: mine/product
    to: [{target: stock, template: prestashop/offer, schema: shop/calls}]
  states:
    origin: shop-main
    from: {files: "*.csv"}
    mapping: mine/state
    states: [{when: cancelled, is: Zrušeno}, {when: delivered, is: Doručeno}, {when: executed, is: "4"}]
    to: [{target: states, template: prestashop/order_state, schema: shop/calls}]
"""
PRODUCT = """\
version: 1
kind: product
key: sku
source: {format: csv}
fields: {sku: sku, quantity: pieces, price.net: net, vat_rate: {value: 21}, name: sku}
"""
STATE = """\
version: 1
kind: order_state
key: number
source: {format: csv}
fields: {number: number, executed: executed, delivered: delivered, tracking_number: tracking}
"""


@pytest.fixture
def shop(prestashop: Shop) -> Shop:
    """A shop with two products, a variant and two orders; a site that tells it of stock and states."""
    server, api = prestashop
    mine = api.site.folder / "mappings" / "mine"
    mine.mkdir(parents=True)
    (mine / "product.yaml").write_text(PRODUCT, encoding="utf-8")
    (mine / "state.yaml").write_text(STATE, encoding="utf-8")
    api.configure(route="    enabled: false", routes=ROUTES, targets=TARGETS)
    server.add_orders(2)
    server.add_product("MUG")
    server.add_product("LAMP")
    lamps = server.add_product("LAMPS")
    server.add_product("LAMP-RED", variant_of=lamps.id)
    return server, api


def tell_stock(api: ApiSite, name: str = "stock.csv", **pieces: int) -> None:
    """A list of stock, each piece at a net price of ten times its number."""
    rows = "".join(f"{sku.replace('_', '-')};{count};{count * 10}\n" for sku, count in pieces.items())
    api.site.drop(name, f"sku;pieces;net\n{rows}".encode(), route="stock")
    api.run()


def tell_states(api: ApiSite, *rows: str, name: str = "states.csv") -> None:
    text = "number;executed;delivered;tracking\n" + "".join(f"{row}\n" for row in rows)
    api.site.drop(name, text.encode(), route="states")
    api.run()


def pieces(server: PrestaShop) -> dict[str, int]:
    """The pieces by code, without those of the product that has variants."""
    return {product.reference: product.quantity for product in server.products.values() if product.id != 102}


def reasons(api: ApiSite) -> list[str]:
    return [matter.reason for matter in api.site.status().matters]


def test_pieces_and_prices_of_products_and_pieces_of_variants(shop: Shop) -> None:
    server, api = shop
    tell_stock(api, MUG=5, LAMP_RED=2)
    assert pieces(server) == {"MUG": 5, "LAMP": 0, "LAMP-RED": 2}
    assert [product.price for product in server.products.values()] == [Decimal(50), 0, 0, 0]
    assert not reasons(api)


def test_a_price_by_sending_the_whole_product_back(shop: Shop) -> None:
    server, api = shop
    text = api.site.config_path.read_text(encoding="utf-8")
    api.site.config_path.write_text(text.replace("prices: patch", "prices: put"), encoding="utf-8")
    tell_stock(api, MUG=5, LAMP_RED=2)
    assert [product.price for product in server.products.values()] == [Decimal(50), 0, 0, 0]
    assert not offer_problems(api)


def test_what_was_found_once_is_not_looked_for_again(shop: Shop) -> None:
    server, api = shop
    tell_stock(api, MUG=5)
    server.begin_anew()
    tell_stock(api, "again.csv", MUG=6)
    assert pieces(server)["MUG"] == 6
    assert server.questions("/api/products") == ["PATCH /api/products/100"]


def test_what_did_not_change_is_not_told(shop: Shop) -> None:
    server, api = shop
    tell_stock(api, MUG=5)
    server.begin_anew()
    tell_stock(api, "again.csv", MUG=5)
    assert server.questions() == []


def test_a_code_that_the_shop_does_not_have_is_told_and_keeps_nobody_waiting(shop: Shop) -> None:
    server, api = shop
    tell_stock(api, MUG=5, CHAIR=3, LAMP=1)
    assert pieces(server) == {"MUG": 5, "LAMP": 1, "LAMP-RED": 0}
    assert [problem.message for problem in offer_problems(api)] == [
        "stock rejected it: the product CHAIR is not there"
    ]


def test_a_code_that_is_there_twice_is_not_guessed_at(shop: Shop) -> None:
    server, api = shop
    server.add_product("MUG")
    tell_stock(api, MUG=5)
    assert pieces(server)["MUG"] == 0
    (problem,) = offer_problems(api)
    assert problem.message == (
        "stock rejected it: the product MUG is there more than once (100, 104); none was changed"
    )


def test_a_product_that_was_made_anew_over_there_is_found_again(shop: Shop) -> None:
    server, api = shop
    tell_stock(api, MUG=5)
    server.products[200] = server.products.pop(100)
    server.products[200].id = 200
    tell_stock(api, "again.csv", MUG=6)
    assert pieces(server)["MUG"] == 6
    assert not offer_problems(api)


def test_a_code_that_is_there_as_a_product_and_as_a_variant_is_not_guessed_at(shop: Shop) -> None:
    server, api = shop
    server.add_product("MUG", variant_of=102)
    tell_stock(api, MUG=5)
    assert [product.quantity for product in server.products.values()] == [0] * 5
    assert [problem.message for problem in offer_problems(api)] == [
        "stock rejected it: the code MUG is there as a product and as a variant; none was changed"
    ]


def test_pieces_of_a_product_that_has_variants_are_refused_and_its_price_is_set(shop: Shop) -> None:
    server, api = shop
    tell_stock(api, LAMPS=9)
    assert (server.products[102].quantity, server.products[102].price) == (0, Decimal(90))
    assert [problem.message for problem in offer_problems(api)] == [
        "stock rejected it: the product LAMPS has variants: pieces are set by the codes of these"
    ]


def test_another_address_is_another_shop_and_is_looked_at_anew(shop: Shop) -> None:
    server, api = shop
    tell_stock(api, MUG=5)
    live = PrestaShop()
    live.add_product("CHAIR")
    live.add_product("MUG")
    with listening(live):
        text = api.site.config_path.read_text(encoding="utf-8")
        api.site.config_path.write_text(text.replace(server.url, live.url), encoding="utf-8")
        tell_stock(api, "live.csv", MUG=6)
    assert pieces(live) == {"CHAIR": 0, "MUG": 6}


def test_a_code_that_moved_to_another_product_is_looked_for_anew(shop: Shop) -> None:
    server, api = shop
    tell_stock(api, MUG=5)
    server.products[100].reference = "MUG-OLD"
    server.add_product("MUG")
    tell_stock(api, "old.csv", MUG_OLD=1)
    tell_stock(api, "again.csv", MUG=6, MUG_OLD=1)
    assert (pieces(server)["MUG"], pieces(server)["MUG-OLD"]) == (6, 1)


def test_a_state_that_the_shop_changed_stands_where_only_the_tracking_number_changes(shop: Shop) -> None:
    server, api = shop
    tell_states(api, "1;true;false;")
    server.orders[1].state = 5
    tell_states(api, "1;true;false;T1", name="tracking.csv")
    assert (server.orders[1].tracking, server.orders[1].state, server.orders[1].histories) == ("T1", 5, [4])


def test_a_state_that_was_there_before_it_was_told_counts_as_told(shop: Shop) -> None:
    server, api = shop
    server.orders[1].state = 4
    tell_states(api, "1;true;false;")
    server.orders[1].state = 6
    tell_states(api, "1;true;false;T1", name="tracking.csv")
    assert (server.orders[1].tracking, server.orders[1].state, server.orders[1].histories) == ("T1", 6, [])


def test_a_parked_state_is_not_sent_over_a_newer_one_that_arrived(shop: Shop) -> None:
    server, api = shop
    answer, api_answers = server.answer, True

    def refusing(request: Request) -> Reply:
        return answer(request) if api_answers else Reply(status=302)

    server.answer = refusing  # type: ignore[method-assign]
    api_answers = False
    tell_states(api, "1;true;false;")
    (parked,) = deliveries(api, "failed")
    api_answers = True
    tell_states(api, "1;true;true;", name="newer.csv")
    assert server.orders[1].histories == [5]
    (said,) = api.site.do("retry", parked)
    assert said.endswith(".xml is not sent: a newer version of 1 was delivered to states since")
    api.run()
    assert server.orders[1].histories == [5]
    assert not api.site.status().matters
    assert deliveries(api, "failed") == []


@pytest.mark.parametrize("status", [302, 400, 403, 409])
def test_a_record_that_the_shop_will_not_take_keeps_no_other_one_waiting(shop: Shop, status: int) -> None:
    server, api = shop
    answer = server.answer

    def refusing(request: Request) -> Reply:
        refused = request.path == "/api/stock_availables/5101" and request.method == "PUT"
        return Reply(b"blo\x1bcked", status) if refused else answer(request)

    server.answer = refusing  # type: ignore[method-assign]
    tell_stock(api, LAMP=3, MUG=5)
    assert pieces(server) == {"MUG": 5, "LAMP": 0, "LAMP-RED": 0}
    assert [problem.message for problem in offer_problems(api)] == [
        f"stock rejected it: PUT /api/stock_availables/5101 is answered by {status}: blo\ufffdcked"
    ]


def test_a_refusal_of_one_record_is_told_in_the_shops_words(shop: Shop) -> None:
    server, api = shop
    server.refuses = {"/api/stock_availables/5100": "Validation error: quantity is too large"}
    tell_stock(api, MUG=5, LAMP=1)
    assert pieces(server) == {"MUG": 0, "LAMP": 1, "LAMP-RED": 0}
    (problem,) = offer_problems(api)
    assert problem.message == (
        "stock rejected it: PUT /api/stock_availables/5100 is answered by 500: "
        "Validation error: quantity is too large"
    )


def test_a_state_and_a_tracking_number_once(shop: Shop) -> None:
    server, api = shop
    tell_states(api, "1;true;false;", "2;true;true;DR123")
    assert (server.orders[1].state, server.orders[2].state) == (4, 5)
    assert server.orders[2].tracking == "DR123"
    tell_states(api, "1;true;false;", "2;true;true;DR123", name="again.csv")
    assert [order.histories for order in server.orders.values()] == [[4], [5]]


def test_a_state_that_the_shop_does_not_know_is_told(shop: Shop) -> None:
    server, api = shop
    del server.states[5]
    tell_states(api, "2;true;true;")
    assert server.orders[2].histories == []
    assert any("the shop has no state of orders `Doručeno`" in told for told in api.site.told())


@pytest.mark.parametrize("fault", list(Fault))
def test_whatever_call_fails_each_value_arrives_and_no_state_twice(shop: Shop, fault: Fault) -> None:
    server, api = shop
    tell_stock(api, MUG=1)
    tell_states(api, "1;true;false;")
    states = [order.histories for order in server.orders.values()]
    assert states == [[4], []]
    for at in range(1, 9):
        server.begin_anew()
        server.faults = {at: fault}
        delivered = "true" if at % 2 else "false"
        tell_stock(api, f"{at}.csv", MUG=10 + at, LAMP_RED=20 + at)
        tell_states(api, f"1;true;{delivered};T{at}", name=f"{at}.csv")
        for _ in range(3):
            api.run(60)
        if fault is Fault.FORBIDDEN:
            api.site.do("release", "stock")
            api.run(60)
        assert pieces(server) == {"MUG": 10 + at, "LAMP": 0, "LAMP-RED": 20 + at}, at
        assert server.orders[1].tracking == f"T{at}"
        assert server.orders[1].histories == [4, *([5, 4] * 5)][: at + 1], at
    assert not offer_problems(api)


def test_the_key_stands_in_no_message_and_no_stored_call(shop: Shop) -> None:
    _, api = shop
    tell_stock(api, MUG=5, CHAIR=1)
    for path in (api.site.folder / "spool").rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


def deliveries(api: ApiSite, state: str) -> list[str]:
    from gateway.store import tables

    with api.site.open() as site, site.ledger.read() as connection:
        rows = connection.execute(tables.delivery.select().where(tables.delivery.c.state == state)).all()
        return [str(row.id) for row in rows]


def offer_problems(api: ApiSite) -> list[Problem]:
    from gateway.exchange.matters import all_problems
    from gateway.store import tables

    with api.site.open() as site, site.ledger.read() as connection:
        texts = connection.execute(tables.offer.select()).all()
        return [problem for row in texts if row.problems for problem in all_problems(row.problems)]
