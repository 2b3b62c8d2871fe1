"""Files of calls against a shop that answers as a test says: what is remembered, refused and tried again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event

import pytest
from lxml import etree
from pydantic import SecretStr

from gateway.clock import ManualClock
from gateway.endpoints.api import ApiEndpoint, ApiOptions
from gateway.endpoints.api_calls import ApiService
from gateway.endpoints.base import Runtime
from gateway.errors import EndpointError, EndpointRefused, EndpointUnreachable
from tests.shops.server import Reply, Request, ShopServer, listening

API = """\
version: "1"
about: a shop
source: none
format: json
probe: /probe
probe_query: {login: "${user}"}
errors: /json/message
lists:
  orders: {path: /orders, records: orders, id: id, paging: none, whole: true, wrap: /orders}
"""
OPTIONAL = 'optional="yes"'
DAY = 24 * 60 * 60
CALL = """\
<call item="{0}" about="the product {0}" record="product">
<find name="product" get="/products" take="/json/item" with="sku" is="{0}" value="id" keep="yes">
<query name="sku">{0}</query></find>
<send method="PUT" to="/products/{{product}}"><json><member name="stock" type="number">5</member></json></send>
</call>"""
SEVERAL = CALL.format("A"), CALL.format("B"), CALL.format("C")


class Shop(ShopServer):
    """Has the products A, B and C under the ids 1, 2 and 3; `said` stands for an answer by its request."""

    def __init__(self) -> None:
        super().__init__()
        self.products = {"A": "1", "B": "2", "C": "3"}
        self.said: dict[str, Reply | Callable[[], Reply]] = {}
        self.service: Callable[[], ApiService]
        self.clock = ManualClock(datetime(2026, 11, 20, tzinfo=UTC))
        self.stopping = Event()

    def answer(self, request: Request) -> Reply:
        said = self.said.get(str(request))
        if said is not None:
            return said if isinstance(said, Reply) else said()
        if str(request) == "GET /products":
            ids = [
                f'{{"sku": "{sku}", "id": {key}}}'
                for sku, key in self.products.items()
                if sku in request.query["sku"]
            ]
            return Reply(f"[{', '.join(ids)}]".encode())
        return Reply(b"{}")

    def told(self, *calls: str, name: str = "file") -> list[tuple[str | None, str | None]]:
        """What became of each call of a file."""
        content = f"<calls>{''.join(calls)}</calls>".encode()
        root = etree.fromstring(self.service().call(name, content))
        return [(answer.get("state"), answer.text) for answer in root]

    def count(self, request: str) -> int:
        return self.questions().count(request)


class Remembered(dict[str, str]):
    """A memory that lasts as long as the test."""

    def put(self, key: str, value: str) -> None:
        self[key] = value


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    (tmp_path / "mappings" / "mine").mkdir(parents=True)
    (tmp_path / "mappings" / "mine" / "api.yaml").write_text(API, encoding="utf-8")
    server, memory = Shop(), Remembered()
    with listening(server):
        options = ApiOptions(
            platform="mine", url=server.url, user="me", password=SecretStr("PASSWORD"), data_timeout=2
        )
        endpoint = ApiEndpoint("shop", options, root=tmp_path, runtime=Runtime(server.clock, server.stopping))

        server.service = partial(endpoint.service, memory)
        yield server


def test_the_probe_has_its_placeholders_filled_in(shop: Shop) -> None:
    shop.told()
    assert shop.asked[0].query == {"login": "me"}


def test_an_id_is_remembered_for_a_day(shop: Shop) -> None:
    for seconds in (0, DAY - 1, 1):
        shop.clock.advance(seconds)
        assert shop.told(SEVERAL[0]) == [("accepted", None)]
    assert shop.count("GET /products") == 2


def test_an_id_that_another_code_has_now_is_forgotten_for_the_code_before(shop: Shop) -> None:
    shop.told(SEVERAL[0])
    shop.products = {"A": "9", "B": "1"}
    shop.told(SEVERAL[1])
    shop.told(SEVERAL[0])
    assert [each for each in shop.questions() if each.startswith("PUT")] == [
        "PUT /products/1",
        "PUT /products/1",
        "PUT /products/9",
    ]


def test_that_nothing_was_found_is_remembered_for_a_day_where_that_is_no_trouble(shop: Shop) -> None:
    optional = (
        '<find name="{0}" get="/products" take="/json/item" keep="yes" {1}><query name="sku">Z</query></find>'
    )
    call = f'<call item="Z" about="Z">{optional.format("variant", OPTIONAL)}</call>'
    for seconds in (0, DAY - 1, 1):
        shop.clock.advance(seconds)
        assert shop.told(call) == [("accepted", "there was nothing to send")]
    assert shop.count("GET /products") == 2
    shop.begin_anew()
    needed = f'<call item="Z" about="Z">{optional.format("product", "")}</call>'
    assert [shop.told(needed), shop.told(needed)] == [[("rejected", "Z is not there")]] * 2
    assert shop.count("GET /products") == 2


def test_a_call_is_refused_where_all_of_the_ids_are_found_or_none(shop: Shop) -> None:
    find = (
        '<find name="{0}" get="/products" take="/json/item/id" optional="yes"><query name="sku">{0}</query></find>'
    )
    for names, refusal, answer in (
        ("A B", 'if_found="A B"', ("rejected", "so it is")),
        ("A Z", 'if_found="A Z"', ("accepted", "there was nothing to send")),
        ("A Z", 'if_missing="A Z"', ("accepted", "there was nothing to send")),
        ("Y Z", 'if_missing="Y Z"', ("rejected", "so it is")),
    ):
        finds = "".join(find.format(name) for name in names.split())
        call = f'<call item="1" about="A">{finds}<refuse {refusal} because="so it is"/></call>'
        assert shop.told(call) == [answer]


@pytest.mark.parametrize("way", ["//item[", "//p:item", "count(//item)"])
def test_a_path_that_cannot_be_evaluated_rejects_its_record_alone(shop: Shop, way: str) -> None:
    bad = f'<call item="1" about="A"><find name="p" get="/probe" take="{way}" value="id"/></call>'
    (state, words), rest = shop.told(bad, SEVERAL[0])
    assert (state, rest) == ("rejected", ("accepted", None))
    assert words is not None
    assert words.startswith("the call cannot be carried out: ")


def test_words_that_xml_cannot_hold_are_made_safe(shop: Shop) -> None:
    shop.said = {"PUT /products/1": Reply(b"bad \x1b[31m value \x00", 400)}
    assert shop.told(*SEVERAL[:2]) == [
        ("rejected", "PUT /products/1 is answered by 400: bad \ufffd[31m value \ufffd"),
        ("accepted", None),
    ]


@pytest.mark.parametrize("status", [302, 403, 404, 409, 501])
def test_a_refusal_of_one_call_is_about_its_record_alone(shop: Shop, status: int) -> None:
    shop.said = {"PUT /products/2": Reply(b'{"message": "no"}', status)}
    rejected = ("rejected", f"PUT /products/2 is answered by {status}: no")
    assert shop.told(*SEVERAL) == [("accepted", None), rejected, ("accepted", None)]


@pytest.mark.parametrize("status", [401, 429])
def test_a_refusal_that_is_about_all_leaves_the_file_for_later(shop: Shop, status: int) -> None:
    shop.said = {"PUT /products/2": Reply(b"", status, headers={"Retry-After": "600"})}
    for _ in range(5):
        with pytest.raises(EndpointError):
            shop.told(*SEVERAL)
    shop.said = {}
    assert shop.told(*SEVERAL) == [("accepted", None)] * 3


def test_what_was_done_before_the_line_broke_is_not_done_again(shop: Shop) -> None:
    shop.said = {"PUT /products/3": Reply(b"", 521)}
    with pytest.raises(EndpointUnreachable) as caught:
        shop.told(*SEVERAL)
    assert caught.value.message == "PUT /products/3 is answered by 521"
    shop.said = {}
    assert shop.told(*SEVERAL) == [("accepted", None)] * 3
    assert [shop.count(f"PUT /products/{number}") for number in (1, 2, 3)] == [1, 1, 2]
    assert shop.told(*SEVERAL) == [("accepted", None)] * 3
    assert shop.count("PUT /products/1") == 2


def test_what_was_done_of_a_file_is_of_no_use_once_another_one_came(shop: Shop) -> None:
    shop.said = {"PUT /products/2": Reply(b"", 500)}
    with pytest.raises(EndpointUnreachable):
        shop.told(*SEVERAL)
    shop.said = {}
    shop.told(SEVERAL[0])
    shop.told(*SEVERAL)
    assert shop.count("PUT /products/1") == 3


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(b"", 500), "PUT /products/2 is answered by 500"),
        (Reply(b"<html>Oops</html>", 500), "PUT /products/2 is answered by 500"),
        (Reply(b'{"message": "later"}', 503), "PUT /products/2 is answered by 503: later"),
    ],
)
def test_a_call_that_breaks_the_shop_three_times_is_given_up_and_the_rest_goes_on(
    shop: Shop, reply: Reply, words: str
) -> None:
    shop.said = {"PUT /products/2": reply}
    for _ in range(2):
        with pytest.raises(EndpointUnreachable):
            shop.told(*SEVERAL)
    given_up = ("rejected", f"{words}; so it was 3 times, and it is not tried again")
    assert shop.told(*SEVERAL) == [("accepted", None), given_up, ("accepted", None)]


def test_a_shop_that_is_down_does_not_count_against_the_record(shop: Shop) -> None:
    shop.said = {"PUT /products/2": Reply(b"", 503), "GET /probe": Reply(b"{}")}
    with pytest.raises(EndpointUnreachable):
        shop.told(*SEVERAL)
    shop.said["GET /probe"] = Reply(b"", 503)
    for _ in range(5):
        with pytest.raises(EndpointUnreachable):
            shop.told(*SEVERAL)
    shop.said = {}
    assert shop.told(*SEVERAL) == [("accepted", None)] * 3


def test_a_breakdown_with_the_shops_own_words_is_the_records_refusal(shop: Shop) -> None:
    shop.said = {"PUT /products/2": Reply(b'{"message": "stock is too large"}', 500)}
    rejected = ("rejected", "PUT /products/2 is answered by 500: stock is too large")
    assert shop.told(*SEVERAL) == [("accepted", None), rejected, ("accepted", None)]


def test_a_value_that_was_told_last_is_not_told_again(shop: Shop) -> None:
    call = """<call item="1" about="the order {0}"><send method="PUT" to="/orders/{0}" told="{1}">
    <json><member name="state">{1}</member></json></send></call>"""
    for number, state in ((1, "sent"), (1, "sent"), (2, "sent"), (1, "paid"), (1, "sent")):
        shop.told(call.format(number, state))
    assert (shop.count("PUT /orders/1"), shop.count("PUT /orders/2")) == (3, 1)
    assert shop.told(call.format(1, "sent")) == [("accepted", "it was told already")]


def test_a_value_that_was_refused_is_told_again(shop: Shop) -> None:
    call = """<call item="1" about="the order"><send method="PUT" to="/orders/1" told="sent">
    <json><member name="state">sent</member></json></send></call>"""
    shop.said = {"PUT /orders/1": Reply(b"", 400)}
    assert shop.told(call) == [("rejected", "PUT /orders/1 is answered by 400")]
    shop.said = {}
    assert shop.told(call) == [("accepted", None)]


@pytest.mark.parametrize(("content", "said"), [(b"sku;1\n", "no XML"), (b"<orders/>", "`orders`")])
def test_a_file_that_is_none_of_calls_is_refused(shop: Shop, content: bytes, said: str) -> None:
    with pytest.raises(EndpointRefused) as caught:
        shop.service().call("stock.csv", content)
    assert caught.value.message == f"stock.csv is no file of calls but {said}"


def test_a_shop_without_the_interface_is_told_before_anything_is_looked_for(shop: Shop) -> None:
    shop.said = {"GET /probe": Reply(b"", 404)}
    with pytest.raises(EndpointUnreachable) as caught:
        shop.told(*SEVERAL)
    assert caught.value.message.endswith(" is not there: the server says 404")
    assert len(shop.asked) == 1


def test_a_stop_of_the_gateway_does_not_wait_for_the_rest_of_a_file(shop: Shop) -> None:
    shop.meanwhile = lambda request: shop.stopping.set() if request.method == "PUT" else None
    with pytest.raises(EndpointUnreachable) as caught:
        shop.told(*SEVERAL)
    assert str(caught.value) == "the gateway stops; the rest follows when it runs again"
    assert shop.count("PUT /products/1") == 1
    shop.stopping.clear()
    shop.meanwhile = None
    assert shop.told(*SEVERAL) == [("accepted", None)] * 3
    assert [shop.count(f"PUT /products/{key}") for key in (1, 2, 3)] == [1, 1, 1]
