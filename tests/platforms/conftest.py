"""What the tests of this room share: every sample of orders, its mapping, and what is written of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from gateway.documents import Carrier, Order, PaymentMethod
from gateway.errors import SourceProblems
from gateway.mapping import Mapping, Reading, load
from gateway.rendering import Schema, Template, load_schema
from gateway.rendering import load as load_template
from tests.platforms.order_amounts import HUNDRED, by_rate, cents
from tests.rendering.conftest import NAMESPACES, VENDOR
from tests.rendering.orders import identity

ROOT = Path(__file__).resolve().parents[2]
SAMPLES, MAPPINGS = ROOT / "samples", ROOT / "mappings"

POHODA, FLAT, SHOPTET = "pohoda/order", "profit/order", "profit/order-shoptet"
SCHEMAS = {POHODA: "pohoda/data", FLAT: "profit/order", SHOPTET: "profit/order-shoptet"}
LOOKUPS = {
    "payment": {str(method): str(method)[:20] for method in PaymentMethod},
    "carrier": {str(carrier): str(carrier)[:20] for carrier in Carrier if carrier is not Carrier.OTHER},
}
# Shops of all countries in one unit: a rate that is not Czech is written with its percentage.
SETTINGS = {"company_id": "12345678", "foreign_vat": "history"}
SLOTS = {"none": Decimal(0), "high": Decimal(21), "low": Decimal(12)}


@cache
def samples() -> tuple[Path, ...]:
    """Every file of orders below `samples/`, of every platform whose orders are read.

    A file of which no mapping of orders makes anything but one of another kind does, is left to that kind's tests.
    """
    found: list[Path] = []
    for folder in sorted(path for path in SAMPLES.iterdir() if path.is_dir()):
        own = order_mappings(folder.name)
        others = [name for name in mappings_of(folder.name) if name not in own]
        files = sorted(path for path in folder.iterdir() if path.is_file()) if own else []
        found += [path for path in files if reads_any(own, path) or not reads_any(others, path)]
    return tuple(found)


def mappings_of(platform: str) -> list[str]:
    """All mappings of a platform; other files there are none of ours."""
    kinds = re.compile(r"^(?:kind|extends):", re.MULTILINE)
    paths = sorted((MAPPINGS / platform).glob("*.yaml"))
    return [f"{platform}/{path.stem}" for path in paths if kinds.search(path.read_text(encoding="utf-8"))]


def order_mappings(platform: str) -> list[str]:
    """The mappings of a platform that read orders."""
    return [name for name in mappings_of(platform) if mapping_of(name).kind.name == "order"]


def reads_any(names: list[str], path: Path) -> bool:
    """Whether one of these mappings makes a document of a record of the file."""
    for name in names:
        try:
            if any(reading.document is not None for reading in mapping_of(name).read(path)):
                return True
        except SourceProblems:
            continue
    return False


@cache
def mapping_of(name: str) -> Mapping:
    """A mapping, loaded once."""
    return load(name)


@cache
def readings_of(path: Path) -> tuple[Reading, ...]:
    """The records of a sample, read by that mapping of its platform which has least to complain of."""
    best: tuple[Reading, ...] | None = None
    for name in order_mappings(path.parent.name):
        try:
            found = tuple(mapping_of(name).read(path))
        except SourceProblems:
            continue
        if best is None or refused(found) < refused(best):
            best = found
    if best is None:
        pytest.fail(
            f"no mapping of orders in mappings/{path.parent.name} reads samples/{path.parent.name}/{path.name}"
        )
    return best


def refused(readings: tuple[Reading, ...]) -> int:
    """How many of the records are none that can be sent."""
    return sum(reading.document is None for reading in readings)


def orders_of(path: Path) -> Iterator[Order]:
    """The orders of a sample that can be read."""
    for reading in readings_of(path):
        if isinstance(reading.document, Order):
            yield reading.document


@cache
def schema_of(template: str) -> Schema:
    """The gateway's schema of what a template writes."""
    return load_schema(SCHEMAS[template])


@cache
def vendor_schema() -> etree.XMLSchema | None:
    """POHODA's own schema, where it is there."""
    return etree.XMLSchema(etree.parse(VENDOR)) if VENDOR.is_file() else None


@cache
def template_of(name: str) -> Template:
    """A template with settings that take every country and every way of payment."""
    return load_template(name, settings=SETTINGS if name == POHODA else {}, lookups=LOOKUPS)


def written(name: str, document: Order) -> etree._Element:
    """A document as a template writes it, valid by every schema that there is of it."""
    rendered = template_of(name).whole(document, identity(document))
    assert [problem.message for problem in schema_of(name).check(rendered.data)] == []
    root = etree.fromstring(rendered.data)
    vendor = vendor_schema()
    if name == POHODA and vendor is not None:
        vendor.assertValid(root)
    return root


@dataclass(frozen=True)
class Booked:
    """What a program works out from a file that it is sent."""

    gross: Decimal
    gross_by_rate: dict[Decimal, Decimal]
    vat_by_rate: dict[Decimal, Decimal]
    rest: Decimal
    rounds_itself: bool = False


def booked_by_pohoda(document: Order) -> Booked:
    """The items as POHODA multiplies them, with the VAT of net ones by rate; the item of the cents is apart."""
    root = written(POHODA, document)
    with_vat: list[tuple[Decimal, Decimal]] = []
    without: list[tuple[Decimal, Decimal]] = []
    rest = Decimal(0)
    for item in root.iterfind(".//ord:orderItem", NAMESPACES):
        price = Decimal(item.findtext(".//typ:unitPrice", "", NAMESPACES))
        whole = cents(Decimal(item.findtext("ord:quantity", "", NAMESPACES)) * price)
        slot = item.findtext("ord:rateVAT", "", NAMESPACES)
        rate = SLOTS[slot] if slot in SLOTS else Decimal(item.findtext("ord:percentVAT", "", NAMESPACES))
        if item.findtext("ord:text", "", NAMESPACES) == "Zaokrouhlení":
            rest += whole
        elif item.findtext("ord:payVAT", "", NAMESPACES) == "true":
            with_vat.append((rate, whole))
        else:
            without.append((rate, whole))
    added = by_rate((rate, cents(net * rate / HUNDRED)) for rate, net in by_rate(without).items())
    gross_by_rate = by_rate([*with_vat, *without, *added.items()])
    return Booked(
        gross=sum(gross_by_rate.values(), Decimal(0)),
        gross_by_rate=gross_by_rate,
        vat_by_rate=by_rate(
            [*((rate, gross * rate / (HUNDRED + rate)) for rate, gross in with_vat), *added.items()]
        ),
        rest=rest,
        rounds_itself=root.findtext(".//ord:roundingDocument", "", NAMESPACES) != "none",
    )


def booked_by_profit(document: Order, name: str) -> Booked:
    """The amounts that a file for PROFIT names."""
    (order,) = written(name, document).iterfind("ORDER")
    flat = name == FLAT
    tags = {
        "item": "ITEMS/ITEM" if flat else "ORDER_ITEMS/ITEM",
        "rate": "ITEM_VAT_RATE" if flat else "UNIT_PRICE/VAT_RATE",
        "gross": "ITEM_TOTAL_WITH_VAT" if flat else "TOTAL_PRICE/WITH_VAT",
        "vat": "ITEM_TOTAL_VAT" if flat else "TOTAL_PRICE/VAT",
        "whole": "TOTAL_WITH_VAT" if flat else "TOTAL_PRICE/WITH_VAT",
        "rounding": "ROUNDING" if flat else "TOTAL_PRICE/ROUNDING",
    }

    def amount(element: etree._Element, what: str) -> Decimal:
        return Decimal(element.findtext(tags[what], ""))

    items = order.findall(tags["item"])
    return Booked(
        gross=amount(order, "whole"),
        gross_by_rate=by_rate((amount(item, "rate"), amount(item, "gross")) for item in items),
        vat_by_rate=by_rate((amount(item, "rate"), amount(item, "vat")) for item in items if amount(item, "rate")),
        rest=amount(order, "rounding"),
    )
