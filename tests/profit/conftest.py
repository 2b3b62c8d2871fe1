"""What the tests of this room share: both shapes for PROFIT, their schemas, and orders of the samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from gateway.diagnostics import Problem
from gateway.documents import Order, PaymentMethod
from gateway.mapping import load as load_mapping
from gateway.rendering import Schema, Template, load, load_schema
from tests.rendering.orders import identity

ROOT = Path(__file__).resolve().parents[2]
FLAT, SHOPTET = "profit/order", "profit/order-shoptet"
SCHEMAS = {FLAT: "profit/order", SHOPTET: "profit/order-shoptet"}
LOOKUPS = {
    "payment": {str(method): f"Úhrada {method}" for method in PaymentMethod},
    "carrier": {"packeta": "Zásilkovna", "ppl": "PPL"},
}
SAMPLES = [
    *(("shoptet/order", path) for path in sorted((ROOT / "samples/shoptet").glob("orders*.xml"))),
    *(("shoprenter/order", path) for path in sorted((ROOT / "samples/shoprenter").glob("order-extend*.xml"))),
    ("shoprenter/order_push", ROOT / "samples/shoprenter/order-push.xml"),
]


class Told:
    """A rendered order, asked by tags."""

    def __init__(self, root: etree._Element, notes: tuple[Problem, ...]) -> None:
        self.root = root
        self.notes = notes

    def all(self, tag: str) -> list[str]:
        """The texts of all elements of that path."""
        return [element.text or "" for element in self.root.iterfind(f"ORDER/{tag}")]

    def items(self, tag: str) -> list[str]:
        """The texts of a tag of the items."""
        return [element.text or "" for element in self.root.iterfind(f".//ITEM/{tag}")]

    def one(self, tag: str) -> str:
        """The text of a tag that is there once, which every tag is."""
        (text,) = self.all(tag)
        return text

    def amount(self, tag: str) -> Decimal:
        """An amount."""
        return Decimal(self.one(tag))

    def amounts(self, tag: str) -> list[Decimal]:
        """The amounts of the items."""
        return [Decimal(text) for text in self.items(tag)]


Tell = Callable[..., Told]


@cache
def schema_of(name: str) -> Schema:
    """The schema of a template."""
    return load_schema(SCHEMAS[name])


@cache
def loaded(name: str, settings: tuple[tuple[str, Any], ...] = ()) -> Template:
    """A template with these settings."""
    return load(name, settings=dict(settings), lookups=LOOKUPS)


def tell(document: Order, name: str = FLAT, lookups: Any = None, **settings: Any) -> Told:
    """Render an order and check it with the schema."""
    if lookups is None:
        template = loaded(name, tuple(settings.items()))
    else:
        template = load(name, settings=settings, lookups=lookups)
    rendered = template.whole(document, identity(document))
    assert [str(problem.message) for problem in schema_of(name).check(rendered.data)] == []
    return Told(etree.fromstring(rendered.data), rendered.notes)


def orders_of(mapping: str, sample: Path) -> Iterator[Order]:
    """The orders of a sample that can be read."""
    for reading in load_mapping(mapping).read(sample):
        if isinstance(reading.document, Order):
            yield reading.document


@pytest.fixture(params=SAMPLES, ids=lambda each: each[1].name)
def sample(request: pytest.FixtureRequest) -> list[Order]:
    """The orders of each sample."""
    found = list(orders_of(*request.param))
    assert found
    return found
