"""The converter that somebody writes by hand for one shop and one POHODA: python -m benchmarks.baseline IN OUT

Plain Python and lxml, made as fast as its author could without giving up what the job needs: the same document as
`gateway convert` writes of the benchmark's input, in windows-1250, record by record. What it does not do is what a
hand-written converter leaves out: it explains nothing, it checks no schema, it knows one shop, one way to write a
number and one set of payments, and an order that it does not understand ends it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from lxml import etree

ORIGIN = "bench"
COMPANY_ID = "12345678"
ENCODING = "windows-1250"
_BLOCK = 64

_HEAD = """<?xml version="1.0" encoding="windows-1250"?>
<dat:dataPack xmlns:dat="http://www.stormware.cz/schema/version_2/data.xsd" \
xmlns:ord="http://www.stormware.cz/schema/version_2/order.xsd" \
xmlns:typ="http://www.stormware.cz/schema/version_2/type.xsd" version="2.0" id="{pack}" ico="{company_id}" \
application="Exchange gateway" note="">
"""
_TAIL = "</dat:dataPack>\n"
COUNTRIES = {"Česká republika": "CZ"}
PAYMENTS = {
    "Dobírka": "Dobírkou",
    "Bankovním převodem": "Příkazem",
    "Platba kartou online": "Plat.kartou",
    "Hotově při převzetí": "Hotově",
}
CARRIERS = {
    "Zásilkovna - výdejní místo": "Zásilkovna",
    "PPL - balík na adresu": "PPL",
    "Česká pošta - Balík Do ruky": "Česká pošta",
    "Osobní odběr na prodejně": "Osobně",
}
SLOTS = {"21": "high", "12": "low", "0": "none"}


def records(path: str) -> Iterator[etree._Element]:
    """The orders of an export, one at a time and with flat memory."""
    reading = etree.iterparse(
        path, tag="ORDER", remove_blank_text=True, remove_comments=True, remove_pis=True, huge_tree=True
    )
    for _, order in reading:
        yield order
        order.clear()
        while order.getprevious() is not None:
            del order.getparent()[0]


def convert(order: etree._Element) -> str:
    """One order as a dataPackItem."""
    top = {child.tag: child for child in order}
    customer = {child.tag: child for child in top["CUSTOMER"]}
    total = {child.tag: child.text or "" for child in top["TOTAL_PRICE"]}
    number = escaped(top["CODE"].text or "")
    day = (top["DATE"].text or "")[:10]
    billing = {child.tag: child.text or "" for child in customer["BILLING_ADDRESS"]}
    delivery = {child.tag: child.text or "" for child in customer["SHIPPING_ADDRESS"]}
    lines, payment, carrier, added = items(top["ORDER_ITEMS"])
    gross, rounding = float(total["WITH_VAT"]), float(total["ROUNDING"])
    if abs(gross - added) > 0.01 * len(top["ORDER_ITEMS"]) + abs(rounding) + 1e-6:
        raise ValueError(f"order {number}: the lines add up to {added:.2f}, the order says {gross:.2f}")
    head = (
        f'  <dat:dataPackItem version="2.0" id="{ORIGIN}:order:{number}">\n'
        '    <ord:order version="2.0">\n      <ord:orderHeader>\n'
        f"        <ord:extId><typ:ids>{number}</typ:ids>"
        f"<typ:exSystemName>{ORIGIN}</typ:exSystemName></ord:extId>\n"
        "        <ord:orderType>receivedOrder</ord:orderType>\n"
        f"        <ord:numberOrder>{number}</ord:numberOrder>\n"
        f"        <ord:date>{day}</ord:date>\n        <ord:dateFrom>{day}</ord:dateFrom>\n"
        f"        <ord:text>Objednávka {number}</ord:text>\n        <ord:partnerIdentity>\n"
    )
    pieces = [head, billing_address(billing, customer["EMAIL"].text, customer["PHONE"].text)]
    if delivery["CITY"] or delivery["STREET"] or delivery["NAME"] or delivery["COMPANY"]:
        pieces.append(f"          <typ:shipToAddress>\n{whereabouts(delivery)}          </typ:shipToAddress>\n")
    pieces.append("        </ord:partnerIdentity>\n")
    if payment:
        pieces.append(f"        <ord:paymentType><typ:ids>{PAYMENTS[payment]}</typ:ids></ord:paymentType>\n")
    pieces.append(
        "        <ord:isExecuted>false</ord:isExecuted>\n        <ord:isReserved>false</ord:isReserved>\n"
    )
    remark = top["REMARK"].text
    if remark:
        pieces.append(f"        <ord:note>{escaped(note(remark))}</ord:note>\n")
    pieces.append(
        f"        <ord:carrier><typ:ids>{CARRIERS[carrier]}</typ:ids></ord:carrier>\n"
        f"        <ord:intNote>{escaped(internal_note(top, carrier, payment, total['PAID']))}</ord:intNote>\n"
        "        <ord:markRecord>true</ord:markRecord>\n      </ord:orderHeader>\n      <ord:orderDetail>\n"
    )
    pieces += lines
    rule = "none" if not rounding else rounding_rule(gross, gross + rounding, number)
    pieces.append(
        "      </ord:orderDetail>\n      <ord:orderSummary>\n"
        f"        <ord:roundingDocument>{rule}</ord:roundingDocument>\n"
        "      </ord:orderSummary>\n    </ord:order>\n  </dat:dataPackItem>\n"
    )
    return "".join(pieces)


def billing_address(party: dict[str, str], email: str | None, phone: str | None) -> str:
    """The customer. POHODA may link only those with a company or VAT number to its address book."""
    company_id, vat_id = party["COMPANY_ID"], party["VAT_ID"]
    link = "true" if company_id or vat_id else "false"
    text = f'          <typ:address linkToAddress="{link}">\n{whereabouts(party)}'
    if email:
        text += f"            <typ:email>{escaped(email)}</typ:email>\n"
    if company_id:
        text += f"            <typ:ico>{escaped(company_id)}</typ:ico>\n"
    if vat_id:
        text += f"            <typ:dic>{escaped(vat_id)}</typ:dic>\n"
    if phone:
        text += f"            <typ:phone>{escaped(phone)}</typ:phone>\n"
    return text + "          </typ:address>\n"


def whereabouts(party: dict[str, str]) -> str:
    """Whose address it is and where it is."""
    company, name, city, postcode = party["COMPANY"], party["NAME"], party["CITY"], party["ZIP"]
    street, house, country = party["STREET"], party["HOUSENUMBER"], party["COUNTRY"]
    text = ""
    if company:
        text = f"            <typ:company>{escaped(line(company)[:255])}</typ:company>\n"
    if name:
        text += f"            <typ:name>{escaped(line(name)[:64])}</typ:name>\n"
    if city:
        text += f"            <typ:city>{escaped(line(city)[:45])}</typ:city>\n"
    if street or house:
        whole = f"{street} {house}"
        text += f"            <typ:street>{escaped(line(whole)[:64])}</typ:street>\n"
    if postcode:
        text += f"            <typ:zip>{escaped(postcode)}</typ:zip>\n"
    if country:
        text += f"            <typ:country><typ:ids>{COUNTRIES[country]}</typ:ids></typ:country>\n"
    return text


def items(rows: etree._Element) -> tuple[list[str], str, str, float]:
    """The items' XML, the names of payment and carrier, and what the items add up to."""
    pieces, payment, carrier, added = [], "", "", 0.0
    for row in rows:
        cells = {child.tag: child for child in row}
        unit_price = {child.tag: child.text or "" for child in cells["UNIT_PRICE"]}
        kind, name, variant = cells["TYPE"].text, line(cells["NAME"].text or ""), cells["VARIANT_NAME"].text
        quantity, price = plain(cells["AMOUNT"].text or ""), plain(unit_price["WITH_VAT"])
        unit, sku = cells["UNIT"].text, cells["CODE"].text
        added += float(cells["TOTAL_PRICE"][0].text or "")
        if kind == "billing":
            payment = payment or name
        elif kind == "shipping":
            carrier = carrier or name
        text = f"{name} {line(variant)}" if variant else name
        piece = (
            f"        <ord:orderItem>\n          <ord:text>{escaped(text[:90])}</ord:text>\n"
            f"          <ord:quantity>{quantity}</ord:quantity>\n"
        )
        if unit:
            piece += f"          <ord:unit>{escaped(unit)}</ord:unit>\n"
        piece += (
            "          <ord:payVAT>true</ord:payVAT>\n"
            f"          <ord:rateVAT>{SLOTS[unit_price['VAT_RATE']]}</ord:rateVAT>\n"
            "          <ord:discountPercentage>0</ord:discountPercentage>\n"
            f"          <ord:homeCurrency><typ:unitPrice>{price}</typ:unitPrice></ord:homeCurrency>\n"
        )
        if sku:
            code = escaped(sku)
            piece += f"          <ord:code>{code}</ord:code>\n"
            if kind == "product":
                piece += (
                    "          <ord:stockItem>\n"
                    f"            <typ:stockItem><typ:ids>{code}</typ:ids></typ:stockItem>\n"
                    "          </ord:stockItem>\n"
                )
        pieces.append(piece + "        </ord:orderItem>\n")
    return pieces, payment, carrier, added


def internal_note(top: dict[str, etree._Element], carrier: str, payment: str, paid: str) -> str:
    """What POHODA has no field for."""
    parts = []
    if shop_remark := top["SHOP_REMARK"].text:
        parts.append(note(shop_remark))
    parts.append("Doprava: " + carrier)
    if place := top["PACKETA_BRANCH_ID"].text:
        parts.append("Výdejní místo: " + place)
    if package := top["PACKAGE_NUMBER"].text:
        parts.append("Zásilka: " + package)
    if payment:
        parts.append("Platba: " + payment)
    if paid == "1":
        parts.append("Zaplaceno v e-shopu")
    return "\n".join(parts)


def rounding_rule(gross: float, to_pay: float, number: str) -> str:
    """POHODA's name of the rounding to whole crowns, the only one that this shop does."""
    if abs(int(gross + 0.5 + 1e-9) - to_pay) > 0.001:
        raise ValueError(f"order {number}: {gross:.2f} is not rounded to whole crowns")
    return "math2one"


def plain(text: str) -> str:
    """`399.00` as `399`, `79.80` as `79.8`; ValueError for what is no number."""
    float(text)
    return text.rstrip("0").rstrip(".") if "." in text else text


def line(text: str) -> str:
    """White space collapsed."""
    return " ".join(text.split())


def note(text: str) -> str:
    """White space collapsed within the lines, empty lines at both ends dropped."""
    return "\n".join(map(line, text.splitlines())).strip("\n")


def escaped(text: str) -> str:
    """Text for an element."""
    if "&" in text or "<" in text or ">" in text:
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text


@contextmanager
def opened(output: str, source: str) -> Iterator[BinaryIO]:
    """The output file, with the envelope around what is written."""
    with open(output, "wb", buffering=1 << 20) as file:  # noqa: PTH123 - the quickest way in and out
        file.write(_HEAD.format(pack=f"{ORIGIN}:file:{source}", company_id=COMPANY_ID).encode(ENCODING))
        yield file
        file.write(_TAIL.encode(ENCODING))


def main(source: str, output: str) -> None:
    with opened(output, source) as file:
        block: list[str] = []
        for order in records(source):
            block.append(convert(order))
            if len(block) == _BLOCK:
                file.write("".join(block).encode(ENCODING, "xmlcharrefreplace"))
                block.clear()
        file.write("".join(block).encode(ENCODING, "xmlcharrefreplace"))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
