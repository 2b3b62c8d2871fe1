"""What the gateway makes of a source: the products of its records, and the problems of those that are none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from gateway.documents import Product
from gateway.mapping import Overrides, load
from gateway.offers import Known
from tests.platforms.product_lists import ACCOUNTING, PRICE_LIST, Source


def skipped_where_absent(source: Source) -> None:
    """The vendors' samples lie beside the repository, where they are there at all."""
    if not source.path.exists():
        pytest.skip(f"{source.name} is not beside the project")


def read(source: Source, site: Path) -> tuple[list[Product], list[str]]:
    """The products, and the codes of the problems of all other records."""
    folder = site / "mappings" / "mine"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pricelist.yaml").write_text(PRICE_LIST, encoding="utf-8")
    (folder / "accounting.yaml").write_text(ACCOUNTING, encoding="utf-8")
    mapping = load(source.mapping, site=site, overrides=Overrides(settings=dict(source.settings)))
    products, codes = [], []
    for reading in mapping.read(source.path):
        if isinstance(reading.document, Product):
            products.append(reading.document)
        codes += [problem.code for problem in reading.problems]
    return products, codes


def catalogue(products: Iterable[Product]) -> list[Known]:
    """What is known of each code."""
    known: dict[str, list[Product]] = {}
    for product in products:
        known.setdefault(product.sku, []).append(product)
    return [Known(sku, tuple(cards)) for sku, cards in known.items()]
