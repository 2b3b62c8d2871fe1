"""Inputs of other formats than XML go the whole way: read, set aside in their own format, mended, sent."""

from __future__ import annotations

import json

import pytest

from tests.exchange.conftest import TestSite

JSON = """\
version: 1
kind: order
key: number
source: {format: json, record: /orders}
settings: {timezone: Europe/Prague, currency: EUR}
fields:
  number: {path: code, required: true}
  ordered_at: {path: date, timezone: "${timezone}"}
  currency: {value: "${currency}"}
  billing.name: name
  billing.country: {value: CZ}
  payment.method: {path: payment, lookup: payment}
  lines:
    each: items
    fields: {name: title, quantity: {value: 1}, unit_price.gross: price, vat_rate: {value: 21}}
lookups:
  payment: {cod: cash_on_delivery, else: error}
"""
CSV = (
    JSON.replace("{format: json, record: /orders}", "{format: csv, group: code}")
    .replace("path: code", "path: row/code")
    .replace("path: date", "path: row/date")
    .replace("name: name", "name: row/name")
    .replace("path: payment", "path: row/payment")
    .replace("each: items", "each: row")
)


def order(number: str, payment: str = "cod") -> dict[str, object]:
    items = [{"title": "Deka", "price": 121}, {"title": "Lampa", "price": 60.5}]
    return {"code": number, "date": "2026-11-20", "name": "Jana Malá", "payment": payment, "items": items}


def as_json(*orders: dict[str, object]) -> bytes:
    return json.dumps({"orders": orders}, ensure_ascii=False).encode()


def as_csv(*orders: dict[str, object]) -> bytes:
    lines = ["code;date;name;payment;title;price"]
    for each in orders:
        start = ";".join(str(each[name]) for name in ("code", "date", "name", "payment"))
        lines += [f"{start};Deka;121,00", f"{start};Lampa;60,50"]
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize(("name", "mapping", "export"), [("in.json", JSON, as_json), ("in.csv", CSV, as_csv)])
def test_a_bad_order_lies_in_failed_in_its_own_format_and_comes_back_mended(
    site: TestSite, name: str, mapping: str, export: object
) -> None:
    assert callable(export)
    # given a route of that format
    (site.folder / "mappings").mkdir(exist_ok=True)
    (site.folder / "mappings" / "own.yaml").write_text(mapping, encoding="utf-8")
    suffix = name.partition(".")[2]
    site.configure(f'from: {{files: "*.{suffix}"}}\nsettings: {{currency: CZK}}', replace=("shoptet/order", "own"))
    # when one of three orders is bad
    site.drop(name, export(order("1001"), order("1002", "barter"), order("1003")))
    (line,) = site.run().exchanges
    # then it is set aside in a file that the same route takes
    assert (site.numbers(), line.set_aside) == (["1001", "1003"], 1)
    fragment = site.failed()[f"1002.{line.id}.{suffix}"]
    assert "error[D004]: order 1002" in site.failed()[f"1002.{line.id}.{suffix}.why.txt"]
    # and mended it goes through, in the currency that the route says
    site.drop(f"mended.{suffix}", fragment.replace("barter", "cod").encode())
    site.run()
    assert site.numbers() == ["1001", "1002", "1003"]
    assert not any(b"EUR" in content for content in site.shipped().values())
    assert site.status().matters == ()


def test_a_cut_json_input_sends_nothing(site: TestSite) -> None:
    (site.folder / "mappings").mkdir(exist_ok=True)
    (site.folder / "mappings" / "own.yaml").write_text(JSON, encoding="utf-8")
    site.configure('from: {files: "*.json"}', replace=("shoptet/order", "own"))
    site.drop("in.json", as_json(order("1001"), order("1002"))[:-3])
    (line,) = site.run().exchanges
    assert (line.state, site.shipped()) == ("failed", {})
    why = site.failed()[f"in.{line.id}.json.why.txt"]
    assert "error[S008]: the file is not complete: its closing bracket is missing" in why
