"""What exports say of money, worked out from their files by hand: lxml, json, decimals, nothing of the gateway.

One reader a platform. Each gives the orders of a file in their order, with what the whole costs and what each row
costs at which VAT rate. A row of which an export tells only one side has the other one worked out here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from lxml import etree

CENT = Decimal("0.01")
ZERO = Decimal(0)
HUNDRED = Decimal(100)
CZ, SK = (0, 12, 21), (0, 5, 19, 23)


@dataclass(frozen=True)
class Row:
    """What one row costs, all its pieces together, and its VAT rate in percent."""

    gross: Decimal
    rate: Decimal
    vat: Decimal


@dataclass(frozen=True)
class Said:
    """What an export says of one order."""

    number: str
    gross: Decimal
    rows: tuple[Row, ...]
    rounding: Decimal = ZERO

    @property
    def gross_by_rate(self) -> dict[Decimal, Decimal]:
        """What the rows of each rate cost; rates at which nothing costs anything are left out."""
        return by_rate((row.rate, row.gross) for row in self.rows)

    @property
    def vat_by_rate(self) -> dict[Decimal, Decimal]:
        """The VAT of the rows of each rate."""
        return by_rate((row.rate, row.vat) for row in self.rows if row.rate)

    def rows_at(self, rate: Decimal) -> int:
        """How many rows have the rate."""
        return sum(row.rate == rate for row in self.rows)


def by_rate(amounts: Iterable[tuple[Decimal, Decimal]]) -> dict[Decimal, Decimal]:
    """Amounts added up by rate."""
    found: dict[Decimal, Decimal] = {}
    for rate, amount in amounts:
        found[rate] = found.get(rate, ZERO) + amount
    return {rate: amount for rate, amount in found.items() if amount}


def cents(amount: Decimal, unit: Decimal = CENT) -> Decimal:
    """Rounded half up."""
    return amount.quantize(unit, ROUND_HALF_UP)


def exact(text: object) -> Decimal:
    """A number, whatever its comma, its blanks, its currency and its `%`."""
    plain = re.sub(r"[^0-9.,-]", "", str(text if text is not None else "")).replace(",", ".")
    return Decimal(plain) if plain else ZERO


def with_vat(gross: Decimal, rate: Decimal) -> Row:
    """A row whose price has the VAT in it."""
    return Row(gross, rate, gross * rate / (HUNDRED + rate))


def without_vat(net: Decimal, rate: Decimal, unit: Decimal | None = None) -> Row:
    """A row whose price has no VAT in it."""
    gross = net * (1 + rate / HUNDRED)
    return Row(cents(gross, unit) if unit is not None else gross, rate, gross - net)


def both(net: Decimal, gross: Decimal, rates: tuple[int, ...]) -> Row:
    """A row of which both sides are told, and the rate is the one of some that fits them best."""
    rate = min(map(Decimal, rates), key=lambda each: abs(net * (1 + each / HUNDRED) - gross))
    return Row(gross, rate if gross else ZERO, gross - net)


# -- XML


def root_of(path: Path) -> etree._Element:
    """The root of an XML file."""
    return etree.parse(path).getroot()


def at(element: etree._Element, path: str) -> str:
    """The text at a path, `""` where there is none."""
    return " ".join((element.findtext(path) or "").split())


def shoptet(path: Path) -> Iterator[Said]:
    """Rows have both totals; the heading of a set is left out where it is free or its parts have prices."""
    for order in root_of(path).iterfind("ORDER"):
        items = order.findall("ORDER_ITEMS/ITEM")
        parts = sum(exact(at(each, "UNIT_PRICE/WITH_VAT")) for each in items if at(each, "TYPE") == "set")
        rows = []
        for item in items:
            gross, net = exact(at(item, "TOTAL_PRICE/WITH_VAT")), exact(at(item, "TOTAL_PRICE/WITHOUT_VAT"))
            if not (at(item, "TYPE") == "product-set" and (not gross or parts)):
                rows.append(Row(gross, exact(at(item, "UNIT_PRICE/VAT_RATE")), gross - net))
        rounding = exact(at(order, "TOTAL_PRICE/ROUNDING"))
        yield Said(at(order, "CODE"), exact(at(order, "TOTAL_PRICE/WITH_VAT")), tuple(rows), rounding)


def shoprenter(path: Path) -> Iterator[Said]:
    """Goods are net, the other sums gross; whole forints. A push has other names and a net total."""
    root = root_of(path)
    if root.tag == "orders":
        yield from map(_shoprenter_push, root.iterfind("order"))
        return
    rates = {
        "SHIPPING": "shippingMethodTaxRate",
        "PAYMENT": "paymentMethodTaxRate",
        "COUPON": "couponTaxRate",
        "DISCOUNT": "couponTaxRate",
    }
    for order in root.findall("items/item") or [root]:
        goods = (*order.iterfind("orderProducts"), *order.iterfind("orderProductAddons"))
        charges = [total for total in order.iterfind("orderTotals") if at(total, "type") in rates]
        rows = [
            *(without_vat(exact(at(each, "total")), exact(at(each, "taxRate")), Decimal(1)) for each in goods),
            *(with_vat(exact(at(each, "value")), exact(at(order, rates[at(each, "type")]))) for each in charges),
        ]
        yield Said(at(order, "innerId"), exact(at(order, "total")), tuple(rows))


def _shoprenter_push(order: etree._Element) -> Said:
    rows = [
        without_vat(exact(at(each, "price")) * exact(at(each, "quantity")), exact(at(each, "taxRate")), Decimal(1))
        for each in order.iterfind("orderProducts/orderProduct")
    ]
    for name in ("shipping", "payment"):
        net, gross = exact(at(order, f"{name}NetPrice")), exact(at(order, f"{name}GrossPrice"))
        rows.append(both(net, gross, (0, 5, 18, 27)))
    rows.append(with_vat(exact(at(order, "couponGrossPrice")), Decimal(27)))
    return Said(at(order, "innerId"), exact(at(order, "totalGross")), tuple(rows))


def prestashop(path: Path) -> Iterator[Said]:
    """Rows and sums of the order have both sides; the discount is divided by what the goods of each rate cost."""
    for order in root_of(path).iter("order"):
        rows: list[Row] = []
        goods: dict[Decimal, Decimal] = {}
        rates = SK if at(order, "invoice_address/country/iso_code") == "SK" else CZ
        for each in order.iterfind("associations/order_rows/order_row"):
            count = exact(at(each, "product_quantity"))
            net = exact(at(each, "detail/total_price_tax_excl")) or count * exact(at(each, "unit_price_tax_excl"))
            gross = exact(at(each, "detail/total_price_tax_incl")) or count * exact(
                at(each, "unit_price_tax_incl")
            )
            told = at(each, "detail/associations/taxes/tax/definition/rate")
            row = Row(gross, exact(told), gross - net) if told else both(net, gross, rates)
            rows.append(row)
            if told:
                goods[row.rate] = goods.get(row.rate, ZERO) + gross
        for name, sign in (("shipping", 1), ("wrapping", 1), ("discounts", -1)):
            net, gross = (sign * exact(at(order, f"total_{name}_tax_{side}")) for side in ("excl", "incl"))
            if name == "discounts" and goods:
                whole = sum(goods.values())
                rows += [with_vat(gross * share / whole, rate) for rate, share in goods.items()]
            elif name == "shipping" and exact(at(order, "carrier_tax_rate")):
                rows.append(Row(gross, exact(at(order, "carrier_tax_rate")), gross - net))
            else:
                rows.append(both(net, gross, rates))
        yield Said(at(order, "id"), exact(at(order, "total_paid_tax_incl")), tuple(rows))


def upgates(path: Path) -> Iterator[Said]:
    """Everything has the VAT in it, and the total the rounding."""
    signs = {"PRODUCTS/PRODUCT": 1, "SHIPMENT": 1, "PAYMENT": 1, "DISCOUNT": -1}
    for order in root_of(path).iterfind("ORDER"):
        rows = [
            with_vat(sign * exact(at(each, "PRICE_WITH_VAT")), exact(at(each, "VAT")))
            for where, sign in signs.items()
            for each in order.iterfind(where)
        ]
        rounding = exact(at(order, "HEADER/TOTAL_PRICE_REST"))
        gross = exact(at(order, "HEADER/TOTAL_PRICE_WITH_VAT")) - rounding
        yield Said(at(order, "HEADER/CODE"), gross, tuple(rows), rounding)


def oxid(path: Path) -> Iterator[Said]:
    """Articles have a price with VAT and a share of one as rate; the costs have 19 %, or nothing."""
    for order in root_of(path).iterfind("Bestellung"):
        rows = [
            with_vat(exact(at(each, "Preis")) * exact(at(each, "Anzahl")), exact(at(each, "Steuersatz")) * 100)
            for each in order.iterfind("Artikelliste/Artikel")
        ]
        usual = ZERO if at(order, "Kunde/fSteuerbar") == "nein" else Decimal(19)
        costs = [exact(at(order, f"Artikelliste/{name}")) for name in ("Lieferkosten", "Zahlungsartkosten")]
        discount = exact(at(order, "Artikelliste/GesamtRabatt"))
        gross = exact(at(order, "Artikelliste/GesamtBrutto")) + sum(costs) - discount
        rows = [*rows, *(with_vat(cost, usual) for cost in costs), with_vat(-discount, rows[0].rate)]
        yield Said(at(order, "Bestellnummer"), gross, tuple(rows))


def opencart(path: Path) -> Iterator[Said]:
    """Goods have both sides, the charges and discounts only one, at 21 %."""
    for order in root_of(path).iterfind("SHOP_ORDER"):
        rows = []
        for each in order.iterfind("ORDER_PRODUCTS/PRODUCT"):
            count = exact(at(each, "PRODUCT_COUNT"))
            sides = [count * exact(at(each, name)) for name in ("PRODUCT_PRICE_WITHOUT_VAT", "PRODUCT_PRICE")]
            rows.append(both(sides[0], sides[1], CZ))
        for name in ("SHIPPING", "PAYMENT"):
            net, gross = exact(at(order, f"{name}_PRICE_WITHOUT_VAT")), exact(at(order, f"{name}_PRICE"))
            rows.append(without_vat(net, Decimal(21)) if net == gross else both(net, gross, CZ))
        discounts = order.iterfind("ORDER_DISCOUNTS/DISCOUNT")
        rows += [without_vat(-exact(at(each, "DISCOUNT_VALUE")), Decimal(21)) for each in discounts]
        yield Said(at(order, "ID_ORDER"), exact(at(order, "PRICE")), tuple(rows))


def woocommerce_xml(path: Path) -> Iterator[Said]:
    """Everything is net. Legacy rows tell no VAT: it is the one rate that leads from them to the total."""
    for order in root_of(path).iterfind("Order"):
        rates = SK if at(order, "BillingCountry") == "SK" else CZ
        total, shipping = exact(at(order, "OrderTotal")), exact(at(order, "ShippingTotal"))
        legacy = [
            exact(at(each, "LineTotal")) for each in order.iterfind("OrderLineItems") if at(each, "ItemName")
        ]
        rows = []
        if legacy:
            rate = both(sum(legacy) + shipping, total, rates).rate
            rows += [without_vat(net, rate) for net in legacy]
        for each in (*order.iterfind("OrderLineItems/OrderLineItem"), *order.iterfind("FeeItems/FeeItem")):
            net = exact(at(each, "Total"))
            rows.append(both(net, net + exact(at(each, "TotalTax")), rates))
        rows.append(both(shipping, shipping + exact(at(order, "ShippingTaxTotal")), rates))
        number = at(order, "OrderNumberFormatted") or at(order, "OrderNumber").lstrip("#")
        yield Said(number, total, tuple(rows))


# -- JSON


def json_of(path: Path) -> Any:
    """The value of a JSON file, its numbers as decimals."""
    return json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal, parse_int=Decimal)


def woocommerce(path: Path) -> Iterator[Said]:
    """Rows are net with their VAT beside them, after all coupons; the rate is told by `tax_lines`, or found."""
    if path.suffix == ".xml":
        yield from woocommerce_xml(path)
        return
    whole = json_of(path)
    for order in whole if isinstance(whole, list) else [whole]:
        percents = {each["rate_id"]: each.get("rate_percent") for each in order["tax_lines"]}
        rates = SK if order["billing"]["country"] == "SK" else CZ
        rows = []
        for each in (*order["line_items"], *order["shipping_lines"], *order["fee_lines"]):
            net, tax = exact(each["total"]), exact(each["total_tax"])
            told = [percents[named["id"]] for named in each["taxes"] if named["total"]]
            if told and told[0] is not None:
                rows.append(Row(net + tax, exact(told[0]), tax))
            else:
                rows.append(both(net, net + tax, rates))
        yield Said(str(order["number"]), exact(order["total"]), tuple(rows))


def shoper(path: Path) -> Iterator[Said]:
    """Everything has the VAT in it; `zw` is exempt."""
    whole = json_of(path)
    for order in whole["list"] if "list" in whole else [whole["order"]]:
        costs = (order.get("shipping_cost"), order.get("payment_cost"))
        rows = [
            *(
                with_vat(exact(row["price"]) * exact(row["quantity"]), exact(row["tax"]))
                for row in order["products"]
            ),
            *(with_vat(exact(cost), exact(order["shipping_vat"])) for cost in costs),
            with_vat(-exact(order.get("discount_amount")), Decimal(23)),
        ]
        yield Said(order["order_id"], exact(order["sum"]), tuple(rows))


def eshop_rychle(path: Path) -> Iterator[Said]:
    """The total is that of the goods; charges have both sides, or only the gross one at 21 %."""
    for order in json_of(path)["params"]["orderList"]:
        rates = SK if order["customer"]["billing_information"]["country"] == "SR" else CZ
        rows = []
        for each in order["row_list"]:
            rate = both(exact(each["price_per_unit"]), exact(each["price_per_unit_with_vat"]), rates).rate
            rows.append(with_vat(exact(each["price_total_with_vat"]), rate))
        charges = ZERO
        for part, name in (("delivery", "postovne"), ("payment", "castka_platba")):
            gross, net = exact(order[part][name]), exact(order[part][f"{name}_bez_dph"])
            rows.append(both(net, gross, rates) if net else with_vat(gross, Decimal(21)))
            charges += gross
        gross = exact(order["total"]["price_with_vat"]) + charges
        rounding = cents(gross, Decimal(1)) - gross if order["is_total_rounded"] else ZERO
        yield Said(order["number"], gross, tuple(rows), rounding)


def webareal(path: Path) -> Iterator[Said]:
    """Everything has the VAT in it; a row without a rate tells both sides."""
    whole = json_of(path)
    bare = whole if isinstance(whole, list) else [whole]
    for order in whole["orders"] if "orders" in whole else [whole["order"]] if "order" in whole else bare:
        rows = []
        for each in order["products"]:
            count, net, gross = (exact(each[name]) for name in ("count", "pricePerUnit", "pricePerUnitWithVat"))
            told = each.get("vat")
            rows.append(with_vat(count * gross, exact(told)) if told else both(count * net, count * gross, CZ))
        for name, sign in (("delivery", 1), ("payment", 1), ("discount", -1)):
            charge = order[name] or {}
            rows.append(with_vat(sign * exact(charge.get("priceWithVat")), exact(charge.get("vat", 21))))
        yield Said(order["orderNumber"], exact(order["priceTotalWithVat"]), tuple(rows))


READERS: dict[str, Callable[[Path], Iterator[Said]]] = {
    "eshop-rychle": eshop_rychle,
    "opencart": opencart,
    "oxid": oxid,
    "prestashop": prestashop,
    "shoper": shoper,
    "shoprenter": shoprenter,
    "shoptet": shoptet,
    "upgates": upgates,
    "webareal": webareal,
    "woocommerce": woocommerce,
}
"""By the name of the platform, as its folders are called."""
