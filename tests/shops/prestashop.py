"""A simulated PrestaShop: as much of its webservice as the gateway uses, after its documentation."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from xml.sax.saxutils import quoteattr

from lxml import etree

from tests.shops.server import Reply, Request, ShopServer

KEY = "SECRETKEYOFTHEWEBSERVICE1234567"
_START = datetime(2026, 11, 20, 8, 0, 0)  # noqa: DTZ001 - the shop writes local times without a zone


@dataclass
class Row:
    """One row of an order; prices of one piece."""

    id: int
    reference: str
    quantity: int
    net: Decimal
    rate: Decimal = Decimal(21)

    @property
    def gross(self) -> Decimal:
        return (self.net * (100 + self.rate) / 100).quantize(Decimal("0.01"))


@dataclass
class Order:
    """One order, with a customer and an address of its own number."""

    id: int
    rows: list[Row]
    changed: datetime
    state: int = 2
    tracking: str = ""
    shipping: Decimal = Decimal("99.00")
    histories: list[int] = field(default_factory=list)

    @property
    def gross(self) -> Decimal:
        return sum((row.gross * row.quantity for row in self.rows), self.shipping)

    @property
    def net(self) -> Decimal:
        rows = sum((row.net * row.quantity for row in self.rows), Decimal(0))
        return rows + (self.shipping / Decimal("1.21")).quantize(Decimal("0.01"))


@dataclass
class Product:
    """A product, or one of its variants."""

    id: int
    reference: str
    quantity: int = 0
    price: Decimal = Decimal(0)
    variant_of: int | None = None


class PrestaShop(ShopServer):
    """The webservice of one shop."""

    def __init__(self) -> None:
        super().__init__()
        self.orders: dict[int, Order] = {}
        self.products: dict[int, Product] = {}
        self.states = {1: "Čeká na platbu", 2: "Platba přijata", 4: "Odesláno", 5: "Doručeno", 6: "Zrušeno"}
        self.gone: set[str] = set()
        self.refuses: dict[str, str] = {}
        self.refuses_to_show: dict[str, int] = {}
        self.empty: set[str] = set()
        self.is_sorted = True

    def add_orders(self, count: int, *, step: timedelta = timedelta(minutes=1), start: datetime = _START) -> None:
        """Further orders, each changed so much later than the one before."""
        for _ in range(count):
            number = len(self.orders) + 1
            net = Decimal(100 + number)
            rows = [Row(number * 10, f"SKU-{number}", 1 + number % 3, net)]
            self.orders[number] = Order(number, rows, start + step * (number - 1))

    def add_product(self, reference: str, *, variant_of: int | None = None, quantity: int = 0) -> Product:
        """A further product."""
        product = Product(100 + len(self.products), reference, quantity, variant_of=variant_of)
        self.products[product.id] = product
        return product

    def answer(self, request: Request) -> Reply:
        login = base64.b64encode(f"{KEY}:".encode()).decode()
        if request.headers.get("authorization") != f"Basic {login}":
            return Reply(status=401)
        if request.path in self.gone:
            return Reply(status=404)
        if request.path in self.refuses_to_show:
            return _error(self.refuses_to_show[request.path], "not for this key")
        if request.path in self.empty:
            return _document("")
        if request.path in self.refuses and request.method != "GET":
            return _error(500, self.refuses[request.path])
        kind, _, record = request.path.removeprefix("/api/").partition("/")
        if request.method == "GET":
            return self._one(kind, int(record)) if record else self._list(kind, request)
        return self._written(request, kind, record)

    # -- reading -----------------------------------------------------------------------------------------------

    def _list(self, kind: str, request: Request) -> Reply:
        query = request.query
        found = {
            "orders": self._orders,
            "order_states": lambda _: [_state(key, name) for key, name in self.states.items()],
            "order_carriers": lambda asked: [f'<order_carrier id="{_filter(asked, "id_order")}"/>'],
            "products": lambda asked: self._cards(asked, variants=False),
            "combinations": self._variants,
            "stock_availables": self._stocks,
        }[kind](query)
        if "limit" in query:
            offset, _, size = query["limit"].rpartition(",")
            found = found[int(offset or 0) :][: int(size)]
        return _document(f"<{kind}>{''.join(found)}</{kind}>")

    def _orders(self, query: Mapping[str, str]) -> list[str]:
        orders = sorted(
            self.orders.values(), key=lambda order: (order.changed, order.id), reverse=not self.is_sorted
        )
        if "filter[date_upd]" in query:
            assert query["date"] == "1", "the webservice filters by dates only with `date=1`"
            since, _, until = query["filter[date_upd]"].strip("[]").partition(",")
            orders = [order for order in orders if since <= str(order.changed) <= until]
        if "filter[id]" in query:
            orders = [order for order in orders if str(order.id) == _filter(query, "id")]
        if query.get("display") == "full":
            return [self._order(order) for order in orders]
        return [f"<order><id>{order.id}</id><reference>R{order.id}</reference></order>" for order in orders]

    def _cards(self, query: Mapping[str, str], *, variants: bool) -> list[str]:
        name = "combination" if variants else "product"
        return [
            f"<{name}><id>{each.id}</id><reference><![CDATA[{each.reference}]]></reference></{name}>"
            for each in self.products.values()
            if (each.variant_of is not None) == variants and each.reference == _filter(query, "reference")
        ]

    def _variants(self, query: Mapping[str, str]) -> list[str]:
        if "filter[id_product]" not in query:
            return self._cards(query, variants=True)
        variants = [
            each.id for each in self.products.values() if str(each.variant_of) == _filter(query, "id_product")
        ]
        return [f"<combination><id>{number}</id></combination>" for number in variants]

    def _stocks(self, query: Mapping[str, str]) -> list[str]:
        product, variant = int(_filter(query, "id_product")), int(_filter(query, "id_product_attribute"))
        return [f"<stock_available><id>{(variant or product) + 5000}</id></stock_available>"]

    def _one(self, kind: str, number: int) -> Reply:
        if kind == "orders":
            return _document(self._order(self.orders[number]))
        if kind == "order_details":
            row = next(row for order in self.orders.values() for row in order.rows if row.id == number)
            return _document(_detail(row))
        if kind == "stock_availables":
            product = self.products.get(number - 5000)
            return _document(_stock(number, product)) if product else Reply(status=404)
        if kind == "combinations":
            variant = self.products.get(number)
            if variant is None:
                return Reply(status=404)
            return _document(
                f"<combination><id>{number}</id><id_product>{variant.variant_of}</id_product></combination>"
            )
        if kind == "order_carriers":
            return _document(_carrier(self.orders[number]))
        if kind == "products":
            card = self.products.get(number)
            return _document(_product(card)) if card else Reply(status=404)
        return _document(_LINKED[kind].format(id=number, state=self.states.get(number, "")))

    def _order(self, order: Order) -> str:
        rows = "".join(_row(row) for row in order.rows)
        changed = str(order.changed)
        taken = (order.shipping / Decimal("1.21")).quantize(Decimal("0.01"))
        goods = sum((row.gross * row.quantity for row in order.rows), Decimal(0))
        link = quoteattr(f"{self.url}/api/addresses/{order.id}")
        return f"""<order>
<id><![CDATA[{order.id}]]></id>
<id_address_delivery xlink:href={link}>{order.id}</id_address_delivery>
<id_address_invoice>{order.id}</id_address_invoice>
<id_currency>1</id_currency><id_lang>1</id_lang><id_customer>{order.id}</id_customer><id_carrier>3</id_carrier>
<current_state>{order.state}</current_state><module><![CDATA[ps_wirepayment]]></module>
<invoice_date>0000-00-00 00:00:00</invoice_date>
<date_add>{_START}</date_add><date_upd>{changed}</date_upd>
<payment><![CDATA[Platba předem bankovním převodem]]></payment><conversion_rate>1.000000</conversion_rate>
<reference><![CDATA[R{order.id}]]></reference><shipping_number/>
<total_discounts_tax_incl>0.000000</total_discounts_tax_incl>
<total_discounts_tax_excl>0.000000</total_discounts_tax_excl>
<total_paid_tax_incl>{order.gross}0000</total_paid_tax_incl><total_paid_tax_excl>{order.net}0000</total_paid_tax_excl>
<total_products>{order.net - taken}</total_products><total_products_wt>{goods}</total_products_wt>
<total_shipping_tax_incl>{order.shipping}</total_shipping_tax_incl>
<total_shipping_tax_excl>{taken}</total_shipping_tax_excl><carrier_tax_rate>21.000</carrier_tax_rate>
<total_wrapping_tax_incl>0.000000</total_wrapping_tax_incl><total_wrapping_tax_excl>0.000000</total_wrapping_tax_excl>
<associations><order_rows nodeType="order_row" virtualEntity="true">{rows}</order_rows></associations>
</order>"""

    # -- writing -----------------------------------------------------------------------------------------------

    def _written(self, request: Request, kind: str, record: str) -> Reply:
        root = etree.fromstring(request.body)
        if kind == "products" and int(record) not in self.products:
            return _error(404, "Invalid ID")
        if kind == "stock_availables" and request.method == "PUT":
            given = {each.tag: each.text for each in root[0]}
            lacking = {"id", "id_product", "id_product_attribute", "depends_on_stock", "out_of_stock"} - set(given)
            if lacking:
                return _error(400, f"parameter {min(lacking)} is required")
            self.products[int(record) - 5000].quantity = int(given["quantity"] or 0)
        elif kind == "products" and request.method == "PATCH":
            self.products[int(record)].price = Decimal(root.findtext("product/price") or "0")
        elif kind == "products" and request.method == "PUT":
            if root.find("product/quantity") is not None or root.find("product/manufacturer_name") is not None:
                return _error(400, "parameter not writable")
            assert root.findtext("product/reference") == self.products[int(record)].reference
            self.products[int(record)].price = Decimal(root.findtext("product/price") or "0")
        elif kind == "order_carriers" and request.method == "PUT":
            assert root.findtext("order_carrier/weight") is not None, "all other fields are needed as well"
            self.orders[int(record)].tracking = root.findtext("order_carrier/tracking_number") or ""
        elif kind == "order_histories" and request.method == "POST":
            order = self.orders[int(root.findtext("order_history/id_order") or 0)]
            order.state = int(root.findtext("order_history/id_order_state") or 0)
            order.histories.append(order.state)
        else:
            return _error(405, "method not allowed")
        return Reply(b"<prestashop/>", status=201 if request.method == "POST" else 200)


def _filter(query: Mapping[str, str], name: str) -> str:
    match = re.fullmatch(r"\[(.*)\]", query[f"filter[{name}]"])
    assert match is not None
    return match.group(1)


def _document(inner: str) -> Reply:
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<prestashop xmlns:xlink="http://www.w3.org/1999/xlink">
{inner}
</prestashop>"""
    return Reply(text.encode())


def _error(status: int, message: str) -> Reply:
    text = (
        f"<prestashop><errors><error><code><![CDATA[85]]></code><message><![CDATA[{message}]]></message></error>"
    )
    return Reply(f"{text}</errors></prestashop>".encode(), status=status)


def _row(row: Row) -> str:
    return f"""<order_row><id>{row.id}</id><product_id>{row.id}</product_id>
<product_attribute_id>0</product_attribute_id><product_quantity>{row.quantity}</product_quantity>
<product_name><![CDATA[Zboží {row.reference}]]></product_name>
<product_reference><![CDATA[{row.reference}]]></product_reference>
<product_price>{row.net}0000</product_price><unit_price_tax_incl>{row.gross}0000</unit_price_tax_incl>
<unit_price_tax_excl>{row.net}0000</unit_price_tax_excl></order_row>"""


def _detail(row: Row) -> str:
    return f"""<order_detail><id>{row.id}</id>
<total_price_tax_incl>{row.gross * row.quantity}</total_price_tax_incl>
<total_price_tax_excl>{row.net * row.quantity}</total_price_tax_excl>
<unit_price_tax_incl>{row.gross}</unit_price_tax_incl><unit_price_tax_excl>{row.net}</unit_price_tax_excl>
<associations><taxes nodeType="tax"><tax><id>1</id></tax></taxes></associations></order_detail>"""


def _product(product: Product) -> str:
    return f"""<product><id>{product.id}</id><manufacturer_name>Hrnčírna</manufacturer_name><quantity>3</quantity>
<reference><![CDATA[{product.reference}]]></reference><price>{product.price}</price></product>"""


def _stock(number: int, product: Product) -> str:
    variant = product.id if product.variant_of is not None else 0
    return f"""<stock_available><id><![CDATA[{number}]]></id>
<id_product>{product.variant_of or product.id}</id_product><id_product_attribute>{variant}</id_product_attribute>
<id_shop>1</id_shop><id_shop_group>0</id_shop_group><quantity><![CDATA[{product.quantity}]]></quantity>
<depends_on_stock>0</depends_on_stock><out_of_stock>2</out_of_stock></stock_available>"""


def _carrier(order: Order) -> str:
    return f"""<order_carrier><id>{order.id}</id><id_order>{order.id}</id_order><id_carrier>3</id_carrier>
<weight>0.000000</weight><tracking_number><![CDATA[{order.tracking}]]></tracking_number></order_carrier>"""


def _state(number: int, name: str) -> str:
    return (
        f"<order_state><id>{number}</id><name><language id='1'><![CDATA[{name}]]></language></name></order_state>"
    )


_LINKED = {
    "customers": "<customer><id>{id}</id><firstname>Jana</firstname><lastname>Malá {id}</lastname>"
    "<email>jana{id}@example.cz</email><company/><siret/></customer>",
    "addresses": "<address><id>{id}</id><id_country>16</id_country><company/><firstname>Jana</firstname>"
    "<lastname>Malá {id}</lastname><vat_number/><dni/><address1>Dlouhá {id}</address1><address2/>"
    "<postcode>11000</postcode><city>Praha</city><phone/><phone_mobile>602100200</phone_mobile></address>",
    "countries": "<country><id>{id}</id><iso_code>CZ</iso_code></country>",
    "currencies": "<currency><id>{id}</id><iso_code>CZK</iso_code></currency>",
    "order_states": "<order_state><id>{id}</id><name><language id='1'><![CDATA[{state}]]></language></name>"
    "</order_state>",
    "carriers": "<carrier><id>{id}</id><name><![CDATA[PPL]]></name></carrier>",
    "taxes": "<tax><id>{id}</id><rate>21.000</rate></tax>",
}
