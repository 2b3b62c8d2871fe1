"""The language reference is true: every example in it is run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config.model import RouteModel
from gateway.mapping import Mapping, load
from gateway.mapping.functions import as_text
from gateway.mapping.language import TableModel
from gateway.mapping.sources import records_of
from tests.mapping.conftest import ROOT

DOCUMENT = (ROOT / "docs/mapping.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```(\w+)?(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_STEP = re.compile(r"([^.\[\]]+)|\[([1-9][0-9]*)\]")

# What an example leaves out.
BASE = """\
version: 1
kind: order
key: number
source: {format: xml, record: /ORDERS/ORDER}
fields:
  number: {value: "1"}
  ordered_at: {path: DATE, timezone: Europe/Prague}
  currency: {value: CZK}
  billing.name: {value: Jana Malá}
  lines: {each: ITEM, fields: {name: NAME}}
"""


@dataclass(frozen=True)
class Example:
    """A mapping, what it is given, and what is expected of it."""

    line: int
    mapping: str
    given: str
    expect: dict[str, Any]


def blocks() -> Iterator[tuple[int, str, str, str]]:
    for found in _BLOCK.finditer(DOCUMENT):
        yield DOCUMENT.count("\n", 0, found.start()) + 1, found[1] or "", found[2] or "", found[3]


def examples() -> list[Example]:
    found, mapping, given, line = [], "", "", 0
    for at, _, role, text in blocks():
        if role == "mapping":
            line, mapping, given = at, text, ""
        elif role == "given":
            given = text
        elif role == "expect":
            found.append(Example(line, mapping, given, yaml.load(text, yaml.BaseLoader)))
    return found


def compiled(text: str) -> Mapping:
    """The mapping of an example; what it leaves out comes from a base."""
    Path("mappings").mkdir()
    Path("mappings/base.yaml").write_text(BASE, encoding="utf-8")
    whole = text if re.search(r"^(kind|extends):", text, re.MULTILINE) else f"extends: base\n{text}"
    Path("mappings/example.yaml").write_text(whole, encoding="utf-8")
    return load("example", site=Path.cwd())


def value_at(values: Any, path: str) -> Any:
    for name, number in _STEP.findall(path):
        if values is None:
            return None
        values = values.get(name) if name else (*values, None)[min(int(number) - 1, len(values))]
    return len(values) if isinstance(values, list) else values


def same(found: Any, expected: str) -> bool:
    if isinstance(found, Decimal | int) and not isinstance(found, bool):
        return found == Decimal(expected)
    if isinstance(found, datetime):
        return found.isoformat() == expected
    return as_text(found) == ("" if expected == "~" else expected)


@pytest.mark.parametrize("example", examples(), ids=lambda example: f"line-{example.line}")
def test_every_example_does_what_it_says(here: Path, example: Example) -> None:
    mapping = compiled(example.mapping)
    (here / "given").write_text(example.given, encoding="utf-8")
    records = records_of(here / "given", mapping._source, "given")
    values, trace = next(mapping._level.read_record(element) for element in records)
    expect = dict(example.expect)
    codes = expect.pop("problems", [])
    assert [trouble.unreadable.code for trouble in trace.troubles] == codes
    different = {
        name: value_at(values, name) for name, text in expect.items() if not same(value_at(values, name), text)
    }
    assert different == {}


def test_every_block_has_its_part_in_an_example() -> None:
    roles = {
        "yaml": ("mapping", "expect", "config", "table"),
        "xml": ("given",),
        "json": ("given",),
        "csv": ("given",),
    }
    for line, language, role, _ in blocks():
        assert not language or role in roles[language], f"docs/mapping.md:{line}"
    order = [role for _, language, role, _ in blocks() if language and role in ("mapping", "given", "expect")]
    assert order == ["mapping", "given", "expect"] * (len(order) // 3)
    assert len(examples()) >= 12


def test_parts_of_a_configuration_and_tables_are_valid() -> None:
    for _, _, role, text in blocks():
        target = {"target": "t", "template": "pohoda/order"}
        if role == "config":
            for route in yaml.load(text, yaml.BaseLoader)["routes"].values():
                RouteModel.model_validate({"origin": "shop", "to": [target], **route})
        if role == "table":
            TableModel.model_validate(yaml.load(text, yaml.BaseLoader))
