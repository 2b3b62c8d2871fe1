"""Write an invented export in Shoptet's shape: python -m benchmarks.generate COUNT OUT.xml [--seed 7]

An order has about 4 KB, 119 elements and 3 items: what a small shop's export looks like, with its CDATA
sections, comments, empty elements and Czech letters. The totals add up, so the gateway accepts every order.
The same count and seed give the same bytes.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from xml.sax.saxutils import escape

SEED = 7
FIRST_NUMBER = 2026000001

_GIVEN_NAMES = ("Alžběta", "Bořivoj", "Čeněk", "Drahomíra", "Evžen", "Havel", "Květoslava", "Oldřiška", "Řehoř")
_FAMILY_NAMES = ("Běloun", "Čmelák", "Doubrava", "Hlohová", "Jeřábek", "Křepelka", "Ořechová", "Šindelář", "Žluva")
_STREETS = ("U Mlýnské strouhy", "Pod Kaštany", "Křížová", "Na Vyhlídce", "Ševčíkova", "tř. Míru", "Dlážděná")
_CITIES = (("Třebíč", "67401"), ("Jičín", "50601"), ("Břeclav", "69002"), ("Děčín", "40502"), ("Šumperk", "78701"))
_COMPANIES = ("Truhlářství Habr s.r.o.", "Sýr & mák a.s.", "Knihařství Žemle v.o.s.", "Včelí farma Úlek s.r.o.")
_PRODUCTS = (
    ("Lněný ubrus s výšivkou „Luční kvítí“", "UBR", 21),
    ("Kočičí pelíšek – měkký, 60 × 40 cm", "PEL", 21),
    ("Sirup bezinkový & citron 0,7 l", "SIR", 12),
    ("Omalovánky pro děti <od 3 let>", "OMA", 12),
    ("Zahradní nůžky Štěpnice 22 cm", "NUZ", 21),
    ("Kniha: Ztracená hájovna", "KNI", 0),
    ("Hořčičné semínko žluté 500 g", "HOR", 12),
    ("Svíčka z včelího vosku, ručně točená", "SVI", 21),
)
_VARIANTS = ("", "", "Barva: šedá", "Velikost: XL", "Barva: růžová, velikost: 38")
_PAYMENTS = (
    ("Dobírka", "BILLING2", Decimal(39)),
    ("Bankovním převodem", "BILLING1", Decimal(0)),
    ("Platba kartou online", "BILLING5", Decimal(0)),
    ("Hotově při převzetí", "BILLING3", Decimal(0)),
)
_CARRIERS = (
    ("Zásilkovna - výdejní místo", "SHIPPING11", Decimal(69)),
    ("PPL - balík na adresu", "SHIPPING3", Decimal(119)),
    ("Česká pošta - Balík Do ruky", "SHIPPING4", Decimal(129)),
    ("Osobní odběr na prodejně", "SHIPPING1", Decimal(0)),
)
_STATUSES = ("Nevyřízená", "Vyřizuje se", "Vyřízena", "Čeká na platbu")
_REMARKS = (
    "", "", "",
    "Zvonek nejde, prosím volejte předem.",
    "Zabalit jako dárek & přiložit přání.\nDěkuji, <b>moc</b> spěchá!",
)  # fmt: skip
_SHOP_REMARKS = ("", "", "", "", "stálý zákazník")
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class _Item:
    type: str
    name: str
    code: str
    quantity: int
    price: Decimal
    rate: int
    variant: str = ""
    ean: str = ""

    @property
    def total(self) -> Decimal:
        return self.price * self.quantity


def export(count: int, seed: int = SEED) -> Iterator[str]:
    """The text of an export, piece by piece."""
    chance = random.Random(seed)
    yield '<?xml version="1.0" encoding="utf-8"?>\n<!-- all people and goods are invented -->\n<ORDERS>\n'
    for index in range(count):
        yield _order(FIRST_NUMBER + index, chance)
    yield "</ORDERS>\n"


def single_orders(count: int, seed: int = SEED) -> Iterator[tuple[str, bytes]]:
    """Exports of one order each, with the order's number."""
    chance = random.Random(seed)
    for number in range(FIRST_NUMBER, FIRST_NUMBER + count):
        text = f'<?xml version="1.0" encoding="utf-8"?>\n<ORDERS>\n{_order(number, chance)}</ORDERS>\n'
        yield str(number), text.encode()


def write(count: int, path: Path, seed: int = SEED) -> None:
    """Write an export of `count` orders."""
    with path.open("w", encoding="utf-8", newline="\n", buffering=1 << 20) as file:
        file.writelines(export(count, seed))


def _order(number: int, chance: random.Random) -> str:
    payment, carrier = chance.choice(_PAYMENTS), chance.choice(_CARRIERS)
    items = [_product(chance) for _ in range(chance.choice((1, 1, 1, 2)))]
    items.append(_Item("shipping", carrier[0], carrier[1], 1, carrier[2], 21))
    if chance.random() < 0.75:
        items.append(_Item("billing", payment[0], payment[1], 1, payment[2], 21))
    total = sum((item.total for item in items), Decimal(0))
    whole = total.quantize(Decimal(1), rounding=ROUND_HALF_UP)
    rounding = whole - total if payment[0].startswith(("Dob", "Hot")) else Decimal(0)
    net = sum((_net(item.total, item.rate) for item in items), Decimal(0))
    name = f"{chance.choice(_GIVEN_NAMES)} {chance.choice(_FAMILY_NAMES)}"
    company = chance.choice(_COMPANIES) if chance.random() < 0.3 else ""
    elsewhere = chance.random() < 0.4
    paid = int(payment[0].startswith("Platba") and chance.random() < 0.9)
    comment = "    <!-- element PLU added by the merchant -->\n" if chance.random() < 0.2 else ""
    place = f"{chance.randrange(1000, 30000)}" if carrier[1] == "SHIPPING11" else ""
    package = f"{chance.randrange(10**10, 10**11)}" if chance.random() < 0.5 else ""
    day = f"2026-{chance.randrange(1, 12):02d}-{chance.randrange(1, 29):02d}"
    clock = f"{chance.randrange(24):02d}:{chance.randrange(60):02d}:{chance.randrange(60):02d}"
    return (
        f"  <ORDER>\n{comment}"
        f"    <ORDER_ID>{number - 2025900000}</ORDER_ID>\n"
        f"    <CODE>{number}</CODE>\n"
        f"    <DATE>{day} {clock}</DATE>\n"
        f"    <STATUS>{chance.choice(_STATUSES)}</STATUS>\n"
        "    <CURRENCY>\n      <CODE>CZK</CODE>\n"
        "      <EXCHANGE_RATE>1.00000000</EXCHANGE_RATE>\n    </CURRENCY>\n"
        "    <CUSTOMER>\n"
        f"      <EMAIL>zakaznik{number}@example.cz</EMAIL>\n"
        f"      <PHONE>+420 601 000 {chance.randrange(1000):03d}</PHONE>\n"
        f"{_address('BILLING_ADDRESS', chance, name, company)}"
        f"{_address('SHIPPING_ADDRESS', chance, name if elsewhere else '', '')}"
        f"      <IP_ADDRESS>192.0.2.{chance.randrange(1, 255)}</IP_ADDRESS>\n"
        "    </CUSTOMER>\n"
        f"    <REMARK>{_cdata(chance.choice(_REMARKS))}</REMARK>\n"
        f"    <SHOP_REMARK>{_cdata(chance.choice(_SHOP_REMARKS))}</SHOP_REMARK>\n"
        f"    <REFERER>\n      <![CDATA[https://example.com/hledani?q=darek&strana={chance.randrange(9)}]]>\n"
        "    </REFERER>\n"
        f"{_optional('PACKETA_BRANCH_ID', place)}"
        f"{_optional('PACKAGE_NUMBER', package)}"
        "    <SOURCE>e-shop</SOURCE>\n    <LANGUAGE>cs</LANGUAGE>\n"
        f"    <WEIGHT>{chance.random() * 4:.3f}</WEIGHT>\n"
        "    <TOTAL_PRICE>\n"
        f"      <WITH_VAT>{total:.2f}</WITH_VAT>\n"
        f"      <WITHOUT_VAT>{net:.2f}</WITHOUT_VAT>\n"
        f"      <VAT>{total - net:.2f}</VAT>\n"
        f"      <ROUNDING>{rounding:.2f}</ROUNDING>\n"
        f"      <PRICE_TO_PAY>{total + rounding:.2f}</PRICE_TO_PAY>\n"
        f"      <PAID>{paid}</PAID>\n"
        "    </TOTAL_PRICE>\n"
        "    <ORDER_ITEMS>\n"
        f"{''.join(_item(item, chance) for item in items)}"
        "    </ORDER_ITEMS>\n"
        "  </ORDER>\n"
    )


def _product(chance: random.Random) -> _Item:
    name, code, rate = chance.choice(_PRODUCTS)
    price = Decimal(chance.randrange(1990, 399900)).scaleb(-2)
    ean = f"859{chance.randrange(10**9, 10**10)}"
    suffix = f"{code}-{chance.randrange(1000):03d}/{chance.choice('ABC')}"
    return _Item("product", name, suffix, chance.randrange(1, 5), price, rate, chance.choice(_VARIANTS), ean)


def _address(tag: str, chance: random.Random, name: str, company: str) -> str:
    """An address; one without a name is what shops write for "the same": empty but for the country."""
    billing = tag == "BILLING_ADDRESS"
    number = f"999{chance.randrange(10**5):05d}" if company else ""
    city, postcode = chance.choice(_CITIES) if name else ("", "")
    return (
        f"      <{tag}>\n"
        f"{_optional('NAME', name, 8)}"
        f"{_optional('COMPANY', escape(company), 8)}"
        f"{_optional('STREET', chance.choice(_STREETS) if name else '', 8)}"
        f"{_optional('HOUSENUMBER', str(chance.randrange(1, 1900)) if name else '', 8)}"
        f"{_optional('CITY', city, 8)}"
        f"{_optional('ZIP', postcode, 8)}"
        "        <COUNTRY>Česká republika</COUNTRY>\n"
        f"{_optional('COMPANY_ID', number, 8) if billing else ''}"
        f"{_optional('VAT_ID', number and 'CZ' + number, 8) if billing else ''}"
        f"      </{tag}>\n"
    )


def _item(item: _Item, chance: random.Random) -> str:
    name = f"<![CDATA[{item.name}]]>" if item.type == "product" else escape(item.name)
    return (
        "      <ITEM>\n"
        f"        <TYPE>{item.type}</TYPE>\n"
        f"        <NAME>{name}</NAME>\n"
        f"        <AMOUNT>{item.quantity}</AMOUNT>\n"
        f"        <CODE>{item.code}</CODE>\n"
        f"{_optional('VARIANT_NAME', item.variant, 8)}"
        f"{_optional('EAN', item.ean, 8)}"
        "        <PLU/>\n        <MANUFACTURER/>\n        <SUPPLIER></SUPPLIER>\n"
        "        <UNIT>ks</UNIT>\n"
        f"        <WEIGHT>{chance.random():.3f}</WEIGHT>\n"
        "        <STATUS/>\n"
        "        <DISCOUNT>0</DISCOUNT>\n"
        f"{_price('UNIT_PRICE', item.price, item.rate)}"
        f"{_price('TOTAL_PRICE', item.total, item.rate)}"
        "      </ITEM>\n"
    )


def _price(tag: str, gross: Decimal, rate: int) -> str:
    net = _net(gross, rate)
    return (
        f"        <{tag}>\n          <WITH_VAT>{gross:.2f}</WITH_VAT>\n"
        f"          <WITHOUT_VAT>{net:.2f}</WITHOUT_VAT>\n"
        f"          <VAT>{gross - net:.2f}</VAT>\n          <VAT_RATE>{rate}</VAT_RATE>\n        </{tag}>\n"
    )


def _net(gross: Decimal, rate: int) -> Decimal:
    return (gross * 100 / (100 + rate)).quantize(_CENT, rounding=ROUND_HALF_UP)


def _optional(tag: str, text: str, indent: int = 4) -> str:
    return f"{' ' * indent}<{tag}>{text}</{tag}>\n" if text else f"{' ' * indent}<{tag}/>\n"


def _cdata(text: str) -> str:
    return f"<![CDATA[\n      {text}\n    ]]>" if text else ""


def main() -> None:
    parser = argparse.ArgumentParser(description="Write an invented export of orders in Shoptet's shape.")
    parser.add_argument("count", type=int, help="how many orders")
    parser.add_argument("output", type=Path, help="the file to write")
    parser.add_argument("--seed", type=int, default=SEED, help=f"another seed, other orders (default {SEED})")
    arguments = parser.parse_args()
    write(arguments.count, arguments.output, arguments.seed)


if __name__ == "__main__":
    main()
