"""The same job by an XPath for each field and an ordinary Jinja template: python -m benchmarks.xpath_jinja IN OUT

The way that most tools of this kind go: fields are looked up by compiled XPath expressions, values are strings,
the template is rendered with autoescape. Nothing is checked.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import jinja2
from lxml import etree

from benchmarks import baseline

FIELDS = {
    "number": "CODE",
    "date": "DATE",
    "email": "CUSTOMER/EMAIL",
    "phone": "CUSTOMER/PHONE",
    "payment": "ORDER_ITEMS/ITEM[TYPE='billing']/NAME",
    "carrier": "ORDER_ITEMS/ITEM[TYPE='shipping']/NAME",
    "remark": "REMARK",
    "shop_remark": "SHOP_REMARK",
    "place": "PACKETA_BRANCH_ID",
    "package": "PACKAGE_NUMBER",
    "paid": "TOTAL_PRICE/PAID",
    "rounding": "TOTAL_PRICE/ROUNDING",
}
PARTY = {
    name.lower(): name
    for name in ("NAME", "COMPANY", "STREET", "HOUSENUMBER", "CITY", "ZIP", "COUNTRY", "COMPANY_ID", "VAT_ID")
}
ITEM = {
    "type": "TYPE",
    "name": "NAME",
    "variant": "VARIANT_NAME",
    "amount": "AMOUNT",
    "unit": "UNIT",
    "code": "CODE",
    "price": "UNIT_PRICE/WITH_VAT",
    "rate": "UNIT_PRICE/VAT_RATE",
}

Getters = dict[str, etree.XPath]


def compiled(fields: dict[str, str], below: str = "") -> Getters:
    """The XPath expressions of some fields, as strings."""
    return {name: etree.XPath(f"string({below}{path})") for name, path in fields.items()}


def read(element: etree._Element, getters: Getters) -> dict[str, Any]:
    return {name: get(element) for name, get in getters.items()}


def main(source: str, output: str) -> None:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(line=baseline.line, note=baseline.note, plain=baseline.plain)
    template = environment.get_template("orders.xml.j2")
    order_fields, item_fields = compiled(FIELDS), compiled(ITEM)
    billing_fields = compiled(PARTY, "CUSTOMER/BILLING_ADDRESS/")
    delivery_fields = compiled(PARTY, "CUSTOMER/SHIPPING_ADDRESS/")
    with baseline.opened(output, source) as file:
        for order in baseline.records(source):
            text = template.render(
                **read(order, order_fields),
                billing=read(order, billing_fields),
                delivery=read(order, delivery_fields),
                items=[read(item, item_fields) for item in order.iterfind("ORDER_ITEMS/ITEM")],
                payments=baseline.PAYMENTS,
                carriers=baseline.CARRIERS,
                countries=baseline.COUNTRIES,
                slots=baseline.SLOTS,
            )
            file.write(text.encode(baseline.ENCODING, "xmlcharrefreplace"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
