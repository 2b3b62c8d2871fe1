"""No query of the daily work reads a whole table: a site with a million documents must stay as quick."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder, export

GROWING = ("delivery", "posting", "exchange", "document", "version", "timeline", "blob", "ack")
# These read all blobs' segments once at a start, to sweep what a crash left behind.
ONCE_A_START = ("SELECT DISTINCT blob.segment",)


def test_no_statement_of_a_run_scans_a_table_that_grows(site: TestSite, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a run with new, same, changed and bad orders, and a delivery
    statements: dict[str, Any] = {}

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE", "INSERT")):
            statements.setdefault(statement, parameters[0] if many else parameters)

    site.drop("a.xml", export("1001", "1002"))
    site.run()
    event.listen(Engine, "before_cursor_execute", note)
    try:
        site.drop(
            "b.xml",
            export("1001", ShopOrder("1002", price="242.00"), ShopOrder("1003", payment="Bitcoin"), "1004"),
        )
        site.run()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    # when the database tells how it would carry each statement out
    scans = []
    with site.open() as opened, opened.ledger.read() as connection:
        for statement, parameters in statements.items():
            if statement.startswith(ONCE_A_START):
                continue
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            scans += [(row[3], statement) for row in plan if _reads_everything(row[3])]
    # then none reads a growing table from end to end
    reports = [scan for scan in scans if not _is_of_a_report(scan[1])]
    assert reports == []


def _reads_everything(step: str) -> bool:
    found = re.match(r"SCAN (\w+)(.*)", step)
    return found is not None and found.group(1) in GROWING and "INDEX" not in found.group(2)


def _is_of_a_report(statement: str) -> bool:
    """`run --once` ends with the status of the site, which counts."""
    return "count(*)" in statement or "GROUP BY" in statement
