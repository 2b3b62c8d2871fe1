"""Requests as the gateway writes them, answers asked by path, and an office with a hand that feeds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lxml import etree

from tests.pohoda.answering import NAMESPACES
from tests.pohoda.office import Office

_ITEM = """\
  <dat:dataPackItem version="2.0" id="{item}">
    <ord:order version="2.0">
      <ord:orderHeader>
        <ord:extId><typ:ids>{number}</typ:ids><typ:exSystemName>shop-main</typ:exSystemName></ord:extId>
        <ord:orderType>receivedOrder</ord:orderType>
        <ord:numberOrder>{number}</ord:numberOrder>
        <ord:date>2026-11-20</ord:date>
        <ord:partnerIdentity>
          <typ:address linkToAddress="false"><typ:name>Jana Vzorová</typ:name></typ:address>
        </ord:partnerIdentity>
        <ord:paymentType><typ:ids>{payment}</typ:ids></ord:paymentType>
      </ord:orderHeader>
      <ord:orderDetail>
        <ord:orderItem>
          <ord:text>Doprava</ord:text><ord:quantity>1</ord:quantity><ord:payVAT>true</ord:payVAT>
          <ord:rateVAT>high</ord:rateVAT><ord:discountPercentage>0</ord:discountPercentage>
          <ord:homeCurrency><typ:unitPrice>89.90</typ:unitPrice></ord:homeCurrency>
        </ord:orderItem>
        <ord:orderItem>
          <ord:text>Hrnek</ord:text><ord:quantity>3</ord:quantity><ord:payVAT>true</ord:payVAT>
          <ord:rateVAT>high</ord:rateVAT><ord:discountPercentage>0</ord:discountPercentage>
          <ord:homeCurrency><typ:unitPrice>{price}</typ:unitPrice></ord:homeCurrency>
          <ord:stockItem><typ:stockItem><typ:ids>{code}</typ:ids></typ:stockItem></ord:stockItem>
        </ord:orderItem>
      </ord:orderDetail>
      <ord:orderSummary><ord:roundingDocument>none</ord:roundingDocument></ord:orderSummary>
    </ord:order>
  </dat:dataPackItem>
"""
_PACK = """\
<?xml version="1.0" encoding="windows-1250"?>
<dat:dataPack xmlns:dat="{dat}" xmlns:ord="{ord}" xmlns:typ="{typ}" version="2.0" id="{pack}" ico="{ico}"
              application="shop" note="">
{items}</dat:dataPack>
"""


def item(number: str, **changed: str) -> str:
    values = {"item": f"shop:order:{number}", "payment": "Dobírkou", "price": "121.05", "code": "HRN-1"}
    return _ITEM.format(number=number, **(values | changed))


def request(*items: str, pack: str = "pack", ico: str = "12345678") -> bytes:
    """A dataPack of these items; a text without `<` is an order with that number."""
    whole = [each if "<" in each else item(each) for each in items]
    return _PACK.format(pack=pack, ico=ico, items="".join(whole), **NAMESPACES).encode("windows-1250")


class Answer:
    """An answer, asked by path."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.root: Any = etree.fromstring(content)

    def all(self, path: str) -> list[str]:
        found = self.root.xpath(path, namespaces=NAMESPACES)
        return [str(each) if isinstance(each, str) else each.text or "" for each in found]

    def one(self, path: str) -> str:
        (found,) = self.all(path)
        return found


class Desk:
    """An office with a folder, and a hand that lays requests into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "pohoda"
        self.folder.mkdir()
        self.office = Office(self.folder)

    def open(self, **options: Any) -> Office:
        """Another office process over the same folders."""
        self.office = Office(self.folder, **options)
        return self.office

    def lay(self, name: str, content: bytes) -> None:
        """Whole at once: an office that is at work reads whatever bears the name of a request."""
        (self.folder / f"{name}.part").write_bytes(content)
        (self.folder / f"{name}.part").replace(self.folder / f"{name}.xml")

    def answer(self, name: str) -> Answer:
        return Answer(self.path(name).read_bytes())

    def path(self, name: str) -> Path:
        return self.office.answers / f"{name}.xml"

    def asked(self, content: bytes) -> Answer:
        """Lay one request, work, read the answer."""
        self.lay("one", content)
        assert self.office.work() == 1
        return self.answer("one")
