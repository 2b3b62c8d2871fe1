"""The examples beside a target's rules: what the catalogue knows, and what the target is told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from gateway.documents import KINDS, Product, ProductPrice, StockLevel
from gateway.mapping.convert import reader_of
from gateway.mapping.fields import Level, level_of
from gateway.mapping.selftest import same_value, shown, value_at
from gateway.mapping.unreadable import Unreadable
from gateway.offers.model import RuleTestModel
from gateway.offers.rules import CannotWorkOut, Known, LeftOut, Rules


class RuleTest(msgspec.Struct, frozen=True):
    """One example, read."""

    name: str
    known: Known
    expect: Mapping[str, Any] | None  # None: it is left out


class RuleTestOutcome(msgspec.Struct, frozen=True):
    """How an example ended: `differences` are sentences, none where it passed."""

    name: str
    differences: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the target is told what the example says."""
        return not self.differences


def rule_tests(models: list[RuleTestModel]) -> list[RuleTest]:
    """Read the examples. Raises ValueError with a sentence where one cannot be read."""
    return [_read(model) for model in models]


def run_rule_test(rules: Rules, test: RuleTest) -> RuleTestOutcome:
    """Work the example out and compare."""
    try:
        offer = rules.work_out(test.known)
    except CannotWorkOut as error:
        return RuleTestOutcome(test.name, (f"`rules: {': '.join(error.rule)}`: {error.message}",))
    if isinstance(offer, LeftOut):
        found = () if test.expect is None else (f"it is left out ({offer.reason})",)
        return RuleTestOutcome(test.name, found)
    if test.expect is None:
        return RuleTestOutcome(test.name, ("it is not left out",))
    differences = []
    for path, expected in test.expect.items():
        value = value_at(offer, path)
        if not same_value(value, expected):
            differences.append(f"{path}: expected `{expected}`, it is `{shown(value)}`")
    return RuleTestOutcome(test.name, tuple(differences))


def _read(model: RuleTestModel) -> RuleTest:
    products: list[Product] = _documents("product", model.products, model.name)
    stock: list[StockLevel] = _documents("stock", model.stock, model.name)
    prices: list[ProductPrice] = _documents("price", model.prices, model.name)
    codes = {each.sku for each in products} | {each.sku for each in stock} | {each.sku for each in prices}
    if len(codes) != 1:
        raise ValueError(f"`{model.name}`: an example is about one code; this one names {len(codes)}")
    known = Known(codes.pop(), tuple(products), tuple(stock), tuple(prices))
    return RuleTest(model.name, known, None if model.expect == "left out" else dict(model.expect))


def _documents(kind: str, rows: list[dict[str, Any]], name: str) -> list[Any]:
    level = level_of(KINDS[kind].document)
    documents = []
    for row in rows:
        document, findings = KINDS[kind].complete(_typed(row, level, name))
        if document is None:
            raise ValueError(f"`{name}`: {findings[0].message}")
        documents.append(document)
    return documents


def _typed(row: Mapping[str, Any], level: Level, name: str) -> dict[str, Any]:
    """Nested values as a mapping would have read them."""
    values: dict[str, Any] = {}
    for path, value in row.items():
        if path in level.rows and isinstance(value, list):
            values[path] = [_typed(each, level.rows[path], name) for each in value]
            continue
        field = level.fields.get(path)
        if field is None:
            raise ValueError(f"`{name}`: there is no field `{path}`")
        if value is None:
            continue
        read: Callable[[str], Any] = reader_of(field)
        try:
            typed = read(str(value))
        except Unreadable as error:
            raise ValueError(f"`{name}`: {path}: {error.message}") from error
        group, _, member = path.partition(".")
        if member:
            values.setdefault(group, {})[member] = typed
        else:
            values[path] = typed
    return values
