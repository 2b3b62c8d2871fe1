"""The simulated office when it is asked: lists of stock cards and orders, page by page, as mServer answers."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lxml import etree

from tests.pohoda.answering import PROGRAM
from tests.pohoda.mserver import MServerOffice, Way

_VERSION = "http://www.stormware.cz/schema/version_2/"
NAMES = {
    "dat": f"{_VERSION}data.xsd",
    "rsp": f"{_VERSION}response.xsd",
    "lst": f"{_VERSION}list.xsd",
    "lStk": f"{_VERSION}list_stock.xsd",
    "stk": f"{_VERSION}stock.xsd",
    "ord": f"{_VERSION}order.xsd",
    "inv": f"{_VERSION}invoice.xsd",
    "prn": f"{_VERSION}print.xsd",
    "typ": f"{_VERSION}type.xsd",
    "ftr": f"{_VERSION}filter.xsd",
}


@dataclass
class Card:
    """One stock card."""

    id: int
    code: str
    count: str
    reserved: str = "0"
    storage: str = "ZBOŽÍ"
    price: str = "121"
    name: str = "Hrnek"
    changed: str = "2026-11-20T08:00:00"


@dataclass
class Standing:
    """How an order stands in POHODA."""

    executed: bool = False
    delivered: bool = False
    cancelled: bool = False
    invoice: str = ""
    changed: str = "2026-11-20T08:00:00"


@dataclass
class Bill:
    """One issued invoice."""

    id: int
    number: str
    order: str = ""
    day: str = "2026-11-20"


@dataclass
class Export:
    """What the unit has, what time it is there, and which requests came."""

    cards: list[Card] = field(default_factory=list)
    bills: list[Bill] = field(default_factory=list)
    report: str = "1055"
    printed: list[int] = field(default_factory=list)
    unprintable: set[int] = field(default_factory=set)
    standing: dict[str, Standing] = field(default_factory=dict)
    now: str = "2026-11-20T09:00:00"
    requests: list[dict[str, Any]] = field(default_factory=list)
    refuses: str = ""


class ExportingOffice(MServerOffice):
    """An office that may be asked as well."""

    def __init__(self, books: Path, *, vendor: Path | None = None) -> None:
        super().__init__(books, vendor=vendor)
        self.export = Export()
        self._schema = None
        if vendor is not None and (vendor / "data.xsd").is_file():
            self._schema = etree.XMLSchema(etree.parse(vendor / "data.xsd"))

    def answered(self, request: bytes, way: Way, *, check_duplicity: bool) -> bytes:
        root = etree.fromstring(request)
        asked = root.xpath("dat:dataPackItem/*[contains(local-name(), 'list')]", namespaces=NAMES)
        printing = root.xpath("dat:dataPackItem/prn:print", namespaces=NAMES)
        if printing:
            assert self._schema is None or self._schema.validate(root), self._schema.error_log
            return self._printed(root, printing[0])
        if not asked:
            return super().answered(request, way, check_duplicity=check_duplicity)
        if self._schema is not None:
            assert self._schema.validate(root), self._schema.error_log
        return self._listed(root, asked[0])

    def _listed(self, root: etree._Element, asked: etree._Element) -> bytes:
        def said(path: str, default: str) -> str:
            found = asked.xpath(f".//{path}", namespaces=NAMES)
            return str(found[0].text) if found else default

        kind = etree.QName(asked).localname.removesuffix("Request")
        first, most = int(said("ftr:idFrom", "1")), int(said("ftr:count", "10000"))
        since = said("ftr:lastChanges", "")
        self.export.requests.append(
            {"kind": kind, "id_from": first, "since": since or None, "pack": root.get("id")}
        )
        if self.export.refuses:
            return self._pack(root, "error", self.export.refuses, "").encode("windows-1250")
        lists = {"listStock": self._cards, "listInvoice": self._bills, "listOrder": self._orders}
        records = lists[kind](first, since)
        prefix = "lStk" if kind == "listStock" else "lst"
        page = "".join(records[:most])
        listed = (
            f'<{prefix}:{kind} version="2.0" dateTimeStamp="{self.export.now}" dateValidFrom="2026-01-01" '
            'state="ok">'
            f"{page}</{prefix}:{kind}>"
        )
        item = root.xpath("string(dat:dataPackItem/@id)", namespaces=NAMES)
        inner = f'<rsp:responsePackItem version="2.0" id="{item}" state="ok">{listed}</rsp:responsePackItem>'
        return self._pack(root, "ok", "", inner).encode("windows-1250")

    def _printed(self, root: etree._Element, printing: etree._Element) -> bytes:
        """The PDF of an invoice; with the number of another report the answer is ok and holds none."""
        record = int(printing.xpath("string(.//ftr:id)", namespaces=NAMES))
        report = printing.xpath("string(.//prn:report/prn:id)", namespaces=NAMES)
        item = root.xpath("string(dat:dataPackItem/@id)", namespaces=NAMES)
        details = ""
        if report == self.export.report and record not in self.export.unprintable:
            self.export.printed.append(record)
            data = b64encode(f"%PDF-1.7 invoice {record}\n%%EOF\n".encode()).decode()
            details = (
                "<prn:printDetails><prn:attachments>"
                f'<prn:attachment idReport="{report}"><prn:data fileName="{record}.pdf">{data}</prn:data>'
                "</prn:attachment></prn:attachments></prn:printDetails>"
            )
        inner = (
            f'<rsp:responsePackItem version="2.0" id="{item}" state="ok">'
            '<prn:printResponse version="1.0" state="ok">'
            f"{details}</prn:printResponse></rsp:responsePackItem>"
        )
        return self._pack(root, "ok", "", inner).encode("windows-1250")

    def _bills(self, first: int, since: str) -> list[str]:
        del since
        return [
            '<lst:invoice version="2.0"><inv:invoiceHeader>'
            f"<inv:id>{bill.id}</inv:id><inv:invoiceType>issuedInvoice</inv:invoiceType>"
            f"<inv:number><typ:numberRequested>{bill.number}</typ:numberRequested></inv:number>"
            f"<inv:symVar>{bill.number}</inv:symVar><inv:date>{bill.day}</inv:date>"
            f"<inv:numberOrder>{bill.order}</inv:numberOrder>"
            "<inv:partnerIdentity><typ:address><typ:name>Jana Vzorová</typ:name></typ:address>"
            "</inv:partnerIdentity>"
            "</inv:invoiceHeader><inv:invoiceDetail><inv:invoiceItem><inv:text>Hrnek</inv:text>"
            "<inv:quantity>1.0</inv:quantity><inv:payVAT>true</inv:payVAT>"
            '<inv:rateVAT value="21">high</inv:rateVAT>'
            "<inv:homeCurrency><typ:unitPrice>121</typ:unitPrice><typ:price>100</typ:price>"
            "<typ:priceVAT>21</typ:priceVAT><typ:priceSum>121</typ:priceSum></inv:homeCurrency>"
            "</inv:invoiceItem></inv:invoiceDetail></lst:invoice>"
            for bill in sorted(self.export.bills, key=lambda bill: bill.id)
            if bill.id >= first
        ]

    def _pack(self, root: etree._Element, state: str, note: str, inner: str) -> str:
        names = " ".join(
            f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMES.items() if prefix not in ("dat", "ftr")
        )
        return (
            '<?xml version="1.0" encoding="windows-1250"?>\n'
            f'<rsp:responsePack {names} version="2.0" id="{root.get("id")}" state="{state}" note="{note}" '
            f'programVersion="{PROGRAM}" ico="{self.unit.company_id}">{inner}</rsp:responsePack>\n'
        )

    def _cards(self, first: int, since: str) -> list[str]:
        return [
            '<lStk:stock version="2.0"><stk:stockHeader>'
            f"<stk:id>{card.id}</stk:id><stk:stockType>card</stk:stockType><stk:code>{card.code}</stk:code>"
            f'<stk:sellingRateVAT value="21">high</stk:sellingRateVAT><stk:name>{card.name}</stk:name>'
            f"<stk:unit>ks</stk:unit><stk:storage><typ:id>1</typ:id><typ:ids>{card.storage}</typ:ids></stk:storage>"
            f'<stk:sellingPrice payVAT="true">{card.price}</stk:sellingPrice><stk:count>{card.count}</stk:count>'
            f"<stk:reservation>{card.reserved}</stk:reservation></stk:stockHeader></lStk:stock>"
            for card in sorted(self.export.cards, key=lambda card: card.id)
            if card.id >= first and card.changed >= since
        ]

    def _orders(self, first: int, since: str) -> list[str]:
        found = []
        for number, booked in sorted(self.orders.items(), key=lambda item: item[1][0].id):
            standing = self.export.standing.get(number, Standing())
            if booked[0].id < first or standing.changed < since:
                continue
            linked = (
                "<lst:linkedDocuments/>"
                if not standing.invoice
                else "<ord:linkedDocuments><typ:link><typ:sourceAgenda>issuedInvoice</typ:sourceAgenda>"
                f"<typ:sourceDocument><typ:id>95</typ:id><typ:number>{standing.invoice}</typ:number>"
                "</typ:sourceDocument></typ:link></ord:linkedDocuments>"
            )
            storno = "<ord:storno>cancelledDocument</ord:storno>" if standing.cancelled else ""
            found.append(
                '<lst:order version="2.0"><ord:orderHeader>'
                f"<ord:id>{booked[0].id}</ord:id><ord:orderType>receivedOrder</ord:orderType>{storno}"
                f"<ord:number><typ:numberRequested>{booked[0].number}</typ:numberRequested></ord:number>"
                f"<ord:numberOrder>{number}</ord:numberOrder><ord:date>2026-11-20</ord:date>"
                f"<ord:isExecuted>{str(standing.executed).lower()}</ord:isExecuted>"
                f"<ord:isDelivered>{str(standing.delivered).lower()}</ord:isDelivered></ord:orderHeader>"
                f"{linked if standing.invoice else ''}</lst:order>"
            )
        return found
