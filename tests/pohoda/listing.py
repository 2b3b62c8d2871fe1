"""The simulated office when it is asked for its lists of codes."""

from __future__ import annotations

from pathlib import Path

from lxml import etree

from tests.pohoda.exporting import ExportingOffice
from tests.pohoda.mserver import VENDOR

_VERSION = "http://www.stormware.cz/schema/version_2/"
NAMES = {
    "lst": f"{_VERSION}list.xsd",
    "lCen": f"{_VERSION}list_centre.xsd",
    "lAcv": f"{_VERSION}list_activity.xsd",
    "cen": f"{_VERSION}centre.xsd",
    "acv": f"{_VERSION}activity.xsd",
    "pay": f"{_VERSION}payment.xsd",
    "sto": f"{_VERSION}store.xsd",
    "nms": f"{_VERSION}numericalSeries.xsd",
    "vat": f"{_VERSION}classificationVAT.xsd",
    "typ": f"{_VERSION}type.xsd",
}
LISTS = {
    "listPayment": '<lst:payment version="2.0"><pay:paymentHeader><pay:id>1</pay:id><pay:name>Dobírkou</pay:name>'
    "<pay:text>Platba na dobírku</pay:text><pay:paymentType>cheque</pay:paymentType></pay:paymentHeader>"
    '</lst:payment><lst:payment version="2.0"><pay:paymentHeader><pay:id>2</pay:id><pay:name>Plat.kartou'
    "</pay:name><pay:paymentType>creditcard</pay:paymentType></pay:paymentHeader></lst:payment>"
    '<lst:payment version="2.0"><pay:paymentHeader><pay:id>3</pay:id><pay:name>Příkazem</pay:name>'
    "<pay:paymentType>draft</pay:paymentType></pay:paymentHeader></lst:payment>",
    "listCentre": '<lCen:centre version="2.0"><cen:centreHeader><cen:id>4</cen:id><cen:code>ESHOP</cen:code>'
    "<cen:name>Prodej na síti</cen:name></cen:centreHeader></lCen:centre>",
    "listActivity": "",
    "listStore": '<lst:store version="2.0"><sto:id>1</sto:id><sto:name>ZBOŽÍ</sto:name><sto:text>Zboží</sto:text>'
    "</lst:store>",
    "listStorage": '<lst:itemStorage id="1" code="ZBOŽÍ" name="Zboží"><lst:subStorages>'
    '<lst:itemStorage id="2" code="Hrnky"/></lst:subStorages></lst:itemStorage>',
    "listSellingPrice": "<lst:itemSellingPrice><lst:id>1</lst:id><lst:code>Internet</lst:code>"
    "<lst:discountValidity>pernament</lst:discountValidity><lst:priceType>percentageDiscount</lst:priceType>"
    "<lst:calculation>excludedVAT</lst:calculation><lst:rounding>none</lst:rounding></lst:itemSellingPrice>",
    "listNumericalSeries": '<lst:numericalSeries version="2.0"><nms:numericalSeriesHeader><nms:id>9</nms:id>'
    "<nms:prefix>26OE</nms:prefix><nms:number>00001</nms:number><nms:name>Objednávky z e-shopu</nms:name>"
    "</nms:numericalSeriesHeader></lst:numericalSeries>",
    "listAccountingDoubleEntry": '<lst:itemAccounting code="3Fv" accounting="Tržba za zboží" '
    'agenda="issuedInvoice" debit="311000" credit="604000" id="3"/>',
    "listClassificationVAT": '<lst:classificationVAT version="2.0"><vat:classificationVATHeader><vat:id>1</vat:id>'
    "<vat:code>UD</vat:code><vat:name>Tuzemské plnění</vat:name></vat:classificationVATHeader>"
    "</lst:classificationVAT>",
}


class ListingOffice(ExportingOffice):
    """An office that has lists of codes. denied: which of them the user may not see."""

    def __init__(self, books: Path) -> None:
        super().__init__(books, vendor=VENDOR)
        self.denied: set[str] = set()

    def _listed(self, root: etree._Element, asked: etree._Element) -> bytes:
        name = etree.QName(asked)
        kind = name.localname.removesuffix("Request")
        if kind not in LISTS:
            return super()._listed(root, asked)
        prefix = next(prefix for prefix, uri in NAMES.items() if uri == name.namespace)
        item = root.xpath("string(dat:dataPackItem/@id)", namespaces={"dat": f"{_VERSION}data.xsd"})
        state, note, inner = "ok", "", LISTS[kind]
        if kind in self.denied:
            state, note, inner = "error", ' note="Nemáte právo na tuto agendu."', ""
        names = " ".join(f'xmlns:{each}="{uri}"' for each, uri in NAMES.items())
        listed = f'<{prefix}:{kind} {names} version="2.0" state="{state}"{note}>{inner}</{prefix}:{kind}>'
        head = f'<rsp:responsePackItem version="2.0" id="{item}" state="{state}"{note}>'
        return self._pack(root, "ok", "", f"{head}{listed}</rsp:responsePackItem>").encode("windows-1250")
