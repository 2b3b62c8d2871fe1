"""A simulated ShopRenter and a simulated Webareal: as much of their APIs as the gateway uses."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from tests.shops.server import Reply, Request, ShopServer

USER, PASSWORD = "gateway", "secret-of-the-shop"


@dataclass
class Item:
    """A product with its special price of priority 10."""

    id: str
    sku: str
    values: dict[str, str] = field(default_factory=dict)
    special: dict[str, str] | None = None


class ShopRenter(ShopServer):
    """Answers without a declaration, values in CDATA on lines of their own, ids of links."""

    states = ("Függőben", "Teljesítve")

    def __init__(self) -> None:
        super().__init__()
        self.items: dict[str, Item] = {}
        self.orders: dict[str, str] = {"41": "state-0", "42": "state-0"}

    def add_item(self, sku: str) -> Item:
        """A further product."""
        item = Item(f"cHJvZHVjdC1{len(self.items)}==", sku)
        self.items[item.id] = item
        return item

    def answer(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Basic {_basic()}":
            return Reply(status=401)
        kind, _, record = request.path.strip("/").partition("/")
        if request.method == "GET":
            return _response(self._single(kind, record) if record else self._listed(kind, request.query))
        values = {str(each.tag): each.text or "" for each in etree.fromstring(request.body)}
        if kind == "products":
            self.items[record].values.update(values)
        elif kind == "productSpecials" and request.method == "POST":
            product = etree.fromstring(request.body).findtext("product/id") or ""
            assert self.items[product].special is None, "the special price is there already"
            self.items[product].special = values
        elif kind == "productSpecials":
            special = self.items[record.removeprefix("special-")].special
            assert special is not None
            special.update(values)
        elif kind == "orders":
            self.orders[record.removeprefix("order-")] = (
                etree.fromstring(request.body).findtext("orderStatus/id") or ""
            )
        return _response("")

    def _single(self, kind: str, record: str) -> str:
        assert kind == "orders"
        return f"<orderStatus><href>{self.url}/orderStatuses/{self.orders[record[6:]]}</href></orderStatus>"

    def _listed(self, kind: str, query: Any) -> str:
        found: list[str] = []
        if kind == "products" and "sku" in query:
            found = [_text(id=item.id, sku=item.sku) for item in self.items.values() if item.sku == query["sku"]]
        elif kind == "productSpecials":
            special = self.items[query["productId"]].special
            found = [_text(id=f"special-{query['productId']}", priority="10")] if special is not None else []
        elif kind == "orderExtend":
            found = [_text(id=f"order-{key}", innerId=key) for key in self.orders if key == query.get("innerId")]
        elif kind == "orderStatusDescriptions":
            links = [
                f"<orderStatus><href>{self.url}/orderStatuses/state-{n}</href></orderStatus>" for n in range(2)
            ]
            found = [_text(name=name) + link for name, link in zip(self.states, links, strict=True)]
        return f"<page>0</page><items>{''.join(f'<item>{each}</item>' for each in found)}</items>"


class Webareal(ShopServer):
    """A login that gives a token, then JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.products: dict[int, dict[str, Any]] = {}
        self.orders: dict[int, dict[str, Any]] = {7: {"id": 7, "orderNumber": "2026007", "state": "Nová"}}

    def answer(self, request: Request) -> Reply:
        if request.path == "/login":
            given = json.loads(request.body)
            good = given == {"username": USER, "password": PASSWORD, "apiKey": "KEY-OF-THE-API"}
            return _as_json({"access_token": "token-1"}) if good else Reply(status=401)
        if request.headers.get("authorization") != "Bearer token-1":
            return Reply(status=401)
        kind, _, record = request.path.strip("/").partition("/")
        table = self.products if kind.startswith("product") else self.orders
        if request.method == "PUT":
            table[int(record)].update(json.loads(request.body))
            return _as_json({})
        name, wanted = next(
            ((key[7:-1], text) for key, text in request.query.items() if key.startswith("findBy")), ("", "")
        )
        return _as_json([each for each in table.values() if not name or each[name] == wanted])


def _basic() -> str:
    return base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def _text(**values: str) -> str:
    return "".join(f"<{name}>\n   <![CDATA[{text}]]>\n</{name}>" for name, text in values.items())


def _response(inner: str) -> Reply:
    return Reply(f"<response>{inner}</response>".encode())


def _as_json(value: Any) -> Reply:
    return Reply(json.dumps(value).encode(), kind="application/json")
