"""What the tests of this room share: a small mapping, and inputs written in a line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent

import pytest

from gateway.diagnostics import render_all
from gateway.errors import ProblemsFound, SourceProblems
from gateway.mapping import Mapping, Overrides, Reading, load

ROOT = Path(__file__).resolve().parents[2]

SMALL = """\
version: 1
kind: order
key: number
source: {format: xml, record: /ORDERS/ORDER}
fields:
  number: CODE
  ordered_at: {path: DATE, timezone: Europe/Prague}
  currency: CURRENCY
  billing.name: NAME
  billing.country: COUNTRY
  payment.method: {path: PAYMENT, lookup: payment}
  payment.paid: PAID
  customer_note: NOTE
  total.gross: TOTAL
  lines:
    each: ITEM
    fields: {name: NAME, quantity: AMOUNT, unit_price.gross: PRICE, vat_rate: VAT}
lookups:
  payment: {Dobírka: cash_on_delivery, Převod*: bank_transfer, else: error}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Problems show paths below the working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def small(here: Path) -> Mapping:
    (here / "small.yaml").write_text(SMALL, encoding="utf-8")
    return load("small.yaml")


def order(number: str = "1001", **changes: str) -> str:
    """One order of the small mapping, one element a line; a value of "" leaves the element empty."""
    values = {
        "CODE": number,
        "DATE": "2026-11-20 08:05:31",
        "CURRENCY": "CZK",
        "NAME": "Otakar Havránek",
        "COUNTRY": "CZ",
        "PAYMENT": "Dobírka",
        "TOTAL": "121.00",
    }
    values.update(changes)
    items = values.pop(
        "ITEMS", "<ITEM><NAME>Deka</NAME><AMOUNT>1</AMOUNT><PRICE>121.00</PRICE><VAT>21</VAT></ITEM>"
    )
    lines = [f"<{name}>{value}</{name}>" for name, value in values.items()]
    return "<ORDER>\n" + indent("\n".join([*lines, items]), "  ") + "\n</ORDER>\n"


def orders(*records: str) -> str:
    return '<?xml version="1.0" encoding="utf-8"?>\n<ORDERS>\n' + "".join(records) + "</ORDERS>\n"


@pytest.fixture
def read(here: Path, small: Mapping) -> Callable[..., list[Reading]]:
    def read_input(content: str | bytes, mapping: Mapping = small) -> list[Reading]:
        (here / "in.xml").write_bytes(content.encode() if isinstance(content, str) else content)
        return list(mapping.read(here / "in.xml"))

    return read_input


@pytest.fixture
def refused(here: Path, small: Mapping) -> Callable[..., str]:
    """Reads an input that is refused as a whole, and gives the rendered problems."""

    def read_input(content: str | bytes, mapping: Mapping = small) -> str:
        (here / "in.xml").write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(SourceProblems) as raised:
            list(mapping.read(here / "in.xml"))
        return render_all(raised.value.problems)

    return read_input


def changed(old: str, new: str) -> str:
    """The small mapping with one part replaced."""
    assert old in SMALL
    return SMALL.replace(old, new)


def loaded(text: str, overrides: Overrides | None = None) -> Mapping:
    Path("m.yaml").write_text(dedent(text), encoding="utf-8")
    return load("m.yaml", overrides=overrides or Overrides())


def faults(text: str, overrides: Overrides | None = None) -> str:
    """The rendered problems of a mapping that does not load."""
    with pytest.raises(ProblemsFound) as raised:
        loaded(text, overrides)
    return render_all(raised.value.problems)
