"""A simulated WooCommerce: as much of its REST API as the gateway uses, after its documentation."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Any

from tests.shops.server import Reply, Request, ShopServer

USER, PASSWORD = "ck_1234567890abcdef", "cs_fedcba0987654321"
_BASE = "/wp-json/wc/v3/"


@dataclass
class Card:
    """A product, or a variation of one."""

    id: int
    sku: str
    parent: int = 0
    values: dict[str, Any] = field(default_factory=dict)


class WooCommerce(ShopServer):
    """The REST API of one shop."""

    def __init__(self) -> None:
        super().__init__()
        self.orders: dict[int, dict[str, Any]] = {}
        self.cards: dict[int, Card] = {}
        self.redirect: str | None = None
        self.hidden: set[int] = set()
        self.instead: bytes | None = None

    def add_orders(self, count: int) -> None:
        """Further orders of one row each, at 100 without VAT."""
        for _ in range(count):
            number = len(self.orders) + 1
            self.orders[number] = _order(number)

    def add_card(self, sku: str, *, parent: int = 0) -> Card:
        """A further product or variation."""
        card = Card(700 + len(self.cards), sku, parent)
        self.cards[card.id] = card
        return card

    def answer(self, request: Request) -> Reply:
        if self.redirect is not None:
            return Reply(status=302, headers={"Location": self.redirect})
        if self.instead is not None:
            return Reply(self.instead, kind="application/json")
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {login}":
            return _json({"code": "woocommerce_rest_cannot_view", "message": "Sorry"}, 401)
        path = request.path.removeprefix(_BASE)
        if request.method == "GET":
            return self._read(path, request)
        if match := re.fullmatch(r"products/(\d+)", path):
            card = self.cards.get(int(match.group(1)))
            if card is None or card.parent:
                return _json({"code": "invalid", "message": "Invalid ID."}, 404)
            return self._changed(card.values, request)
        if match := re.fullmatch(r"products/(\d+)/variations/(\d+)", path):
            card = self.cards[int(match.group(2))]
            assert card.parent == int(match.group(1))
            return self._changed(card.values, request)
        order = self.orders[int(path.rpartition("/")[2])]
        given = json.loads(request.body)
        states = ("pending", "processing", "on-hold", "completed", "cancelled")
        if given.get("status", "pending") not in states:
            return _json({"code": "rest_invalid_param", "message": "Invalid parameter(s): status"}, 400)
        return self._changed(order, request)

    def _changed(self, values: dict[str, Any], request: Request) -> Reply:
        assert request.headers["content-type"] == "application/json"
        values.update(json.loads(request.body))
        return _json({})

    def _read(self, path: str, request: Request) -> Reply:
        query = request.query
        if path == "orders":
            since = query.get("modified_after", "")
            found = [order for order in self.orders.values() if order["date_modified_gmt"] > since]
            size, page = int(query.get("per_page", "10")), int(query.get("page", "1"))
            shown = [order for order in found[size * (page - 1) : size * page] if order["id"] not in self.hidden]
            return _json(shown)
        if path.startswith("orders/"):
            order = self.orders.get(int(path.rpartition("/")[2]))
            return _json(order) if order else _json({"message": "Invalid ID."}, 404)
        if path == "products":
            return _json([_card(card) for card in self.cards.values() if card.sku == query["sku"]])
        card = self.cards.get(int(path.rpartition("/")[2]))
        return _json(_card(card)) if card else _json({"message": "Invalid ID."}, 404)


def _card(card: Card) -> dict[str, Any]:
    return {"id": card.id, "sku": card.sku, "parent_id": card.parent}


def _json(value: Any, status: int = 200) -> Reply:
    return Reply(json.dumps(value).encode(), status=status, kind="application/json; charset=UTF-8")


def _order(number: int) -> dict[str, Any]:
    address = {"first_name": "Jana", "last_name": f"Malá {number}", "company": "", "address_1": "Dlouhá 1"}
    address |= {"address_2": "", "city": "Praha", "state": "", "postcode": "11000", "country": "CZ"}
    line = {
        "id": number,
        "name": "Hrnek",
        "product_id": 1,
        "variation_id": 0,
        "quantity": 2,
        "sku": f"SKU-{number}",
    }
    line |= {"subtotal": "200.00", "subtotal_tax": "42.00", "total": "200.00", "total_tax": "42.00", "price": 100}
    return {
        "id": number,
        "number": str(number),
        "status": "processing",
        "currency": "CZK",
        "prices_include_tax": False,
        "date_created": "2026-11-20T09:00:00",
        "date_created_gmt": "2026-11-20T08:00:00",
        "date_modified_gmt": f"2026-11-20T08:{number // 60:02}:{number % 60:02}",
        "discount_total": "0.00",
        "discount_tax": "0.00",
        "shipping_total": "0.00",
        "shipping_tax": "0.00",
        "total": "242.00",
        "total_tax": "42.00",
        "customer_note": "",
        "billing": {**address, "email": f"jana{number}@example.cz", "phone": "602100200"},
        "shipping": dict.fromkeys(address, ""),
        "payment_method": "bacs",
        "payment_method_title": "Bankovní převod",
        "date_paid_gmt": None,
        "transaction_id": "",
        "meta_data": [],
        "line_items": [{**line, "tax_class": "", "taxes": [], "meta_data": []}],
        "tax_lines": [{"id": 1, "rate_percent": 21, "label": "DPH", "tax_total": "42.00"}],
        "shipping_lines": [],
        "fee_lines": [],
        "coupon_lines": [],
        "refunds": [],
    }
