"""An invented shop: exports in Shoptet's shape, written by the tests themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True)
class ShopOrder:
    """One order of the invented shop."""

    number: str
    price: str = "121.00"
    payment: str = "Dobírka"
    date: str = "2026-11-20 10:00:00"
    status: str = "Vyřizuje se"
    country: str = "Česká republika"
    name: str = "Jana Vzorová"
    remark: str = ""
    quantity: int = 1
    total: str | None = None
    extra: dict[str, str] = field(default_factory=dict)

    def xml(self) -> str:
        total = self.total or str(Decimal(self.price) * self.quantity)
        return f"""  <ORDER>
    <ORDER_ID>{self.number}</ORDER_ID>
    <CODE>{self.number}</CODE>
    <DATE>{self.date}</DATE>
    <STATUS>{self.status}</STATUS>
    <CURRENCY><CODE>CZK</CODE><EXCHANGE_RATE>1</EXCHANGE_RATE></CURRENCY>
    <CUSTOMER>
      <EMAIL>jana@example.cz</EMAIL>
      <PHONE>+420600000001</PHONE>
      <BILLING_ADDRESS>
        <NAME>{self.name}</NAME><COMPANY></COMPANY><STREET>Dlouhá</STREET><HOUSENUMBER>5</HOUSENUMBER>
        <CITY>Brno</CITY><ZIP>60200</ZIP><COUNTRY>{self.country}</COUNTRY>
      </BILLING_ADDRESS>
    </CUSTOMER>
    <REMARK><![CDATA[{self.remark}]]></REMARK>
    <ORDER_ITEMS>
      <ITEM>
        <TYPE>product</TYPE><NAME>Hrnek</NAME><CODE>HRN-1</CODE><AMOUNT>{self.quantity}</AMOUNT><UNIT>ks</UNIT>
        <UNIT_PRICE><WITH_VAT>{self.price}</WITH_VAT><VAT_RATE>21</VAT_RATE></UNIT_PRICE>
      </ITEM>
      <ITEM>
        <TYPE>billing</TYPE><NAME>{self.payment}</NAME><AMOUNT>1</AMOUNT>
        <UNIT_PRICE><WITH_VAT>0.00</WITH_VAT><VAT_RATE>21</VAT_RATE></UNIT_PRICE>
      </ITEM>
    </ORDER_ITEMS>
    <TOTAL_PRICE><WITH_VAT>{total}</WITH_VAT></TOTAL_PRICE>
  </ORDER>
"""


def export(*orders: ShopOrder | str) -> bytes:
    """A whole export of these orders (a text is an order with that number)."""
    body = "".join((order if isinstance(order, ShopOrder) else ShopOrder(order)).xml() for order in orders)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<ORDERS>\n{body}</ORDERS>\n'.encode()
