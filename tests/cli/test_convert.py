"""`gateway convert`: one file in, one file out, whole or not at all."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

from tests.cli.conftest import Gateway
from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder, export

BY_NAME = ("--mapping", "shoptet/order", "--template", "pohoda/order")
GOOD = export("1001", "1002", "1003")
ONE_BAD = export("1001", ShopOrder("1002", payment="Bitcoin"), "1003")
NUMBER = "{http://www.stormware.cz/schema/version_2/order.xsd}numberOrder"


@pytest.fixture(autouse=True)
def _site(site: TestSite) -> None:
    (site.folder / "orders.xml").write_bytes(GOOD)
    (site.folder / "bad.xml").write_bytes(ONE_BAD)
    (site.folder / "cut.xml").write_bytes(GOOD[:-400])


def numbers(content: bytes | str) -> list[str]:
    root = etree.fromstring(content if isinstance(content, bytes) else content.encode("windows-1250"))
    return [str(element.text) for element in root.iter(NUMBER)]


def test_a_file_is_converted_to_a_file(gateway: Gateway) -> None:
    outcome = gateway("convert", *BY_NAME, "orders.xml", "-o", "out.xml")
    assert (outcome.code, outcome.out) == (0, "")
    assert "3 records written to out.xml, 0 with problems (" in outcome.err
    assert numbers(Path("out.xml").read_bytes()) == ["1001", "1002", "1003"]


def test_without_an_output_the_xml_and_nothing_else_is_on_standard_output(gateway: Gateway) -> None:
    outcome = gateway("convert", "--route", "shop", "orders.xml")
    assert outcome.code == 0
    assert outcome.out.startswith('<?xml version="1.0"')
    assert outcome.out.rstrip().endswith("</dat:dataPack>")
    assert "3 records written, 0 with problems (" in outcome.err


def test_a_bad_record_is_left_out_and_explained_on_standard_error(gateway: Gateway) -> None:
    outcome = gateway("convert", *BY_NAME, "bad.xml", "-o", "out.xml")
    assert (outcome.code, outcome.out) == (3, "")
    assert numbers(Path("out.xml").read_bytes()) == ["1001", "1003"]
    assert "error[D004]: order 1002: the lookup `payment` has no entry for `Bitcoin`\n" in outcome.err
    assert re.search(r"^ *--> bad\.xml:\d+:\d+$", outcome.err, re.MULTILINE)
    assert "2 records written to out.xml, 1 with problems (" in outcome.err
    assert outcome.err.endswith("next: mend what is said above; `gateway explain D004` tells more\n")


@pytest.mark.parametrize("workers", [1, 2])
def test_of_a_cut_file_no_output_is_left(gateway: Gateway, workers: int) -> None:
    before = sorted(path.name for path in Path.cwd().iterdir())
    outcome = gateway("convert", *BY_NAME, "cut.xml", "-o", "out.xml", "--workers", workers)
    assert outcome.code == 3
    assert sorted(path.name for path in Path.cwd().iterdir()) == before
    assert outcome.err.endswith("1 problem; `gateway explain S002` tells more\n")


def test_a_cut_file_leaves_an_older_output_as_it_was(gateway: Gateway) -> None:
    Path("out.xml").write_bytes(b"of yesterday")
    assert gateway("convert", *BY_NAME, "cut.xml", "-o", "out.xml").code == 3
    assert Path("out.xml").read_bytes() == b"of yesterday"


def test_two_workers_write_the_same_bytes_as_one(gateway: Gateway) -> None:
    # given more than one block of records, and bad ones in different blocks
    orders = [ShopOrder(f"{n:05}", payment="Bitcoin" if n % 90 == 7 else "Dobírka") for n in range(300)]
    Path("many.xml").write_bytes(export(*orders))
    # when
    one = gateway("convert", *BY_NAME, "many.xml", "-o", "one.xml")
    two = gateway("convert", *BY_NAME, "many.xml", "-o", "two.xml", "--workers", "2")
    # then
    assert (one.code, two.code) == (3, 3)
    assert Path("one.xml").read_bytes() == Path("two.xml").read_bytes()
    assert len(numbers(Path("one.xml").read_bytes())) == 296
    assert one.err.split("296 records")[0] == two.err.split("296 records")[0]


def test_a_setting_can_be_given(gateway: Gateway) -> None:
    gateway("convert", *BY_NAME, "orders.xml", "-o", "out.xml", "--set", "number_series=26OP", "--set", "store=A")
    assert b"26OP" in Path("out.xml").read_bytes()


def test_a_setting_that_there_is_not_is_told(gateway: Gateway) -> None:
    outcome = gateway("convert", *BY_NAME, "orders.xml", "-o", "out.xml", "--set", "number_serie=26OP")
    assert outcome.code == 3
    assert outcome.err.count("error[") == 1
    assert "there is a setting with a similar name: `number_series`" in outcome.err


def test_the_summary_can_be_had_as_json(gateway: Gateway) -> None:
    outcome = gateway("convert", *BY_NAME, "bad.xml", "-o", "out.xml", "--json")
    assert outcome.code == 3
    assert {key: outcome.json[key] for key in ("written", "set_aside", "output")} == {
        "written": 2,
        "set_aside": 1,
        "output": "out.xml",
    }
    assert [problem["code"] for problem in outcome.json["problems"]] == ["D004"]


def test_a_route_says_mapping_template_and_lookups(site: TestSite, gateway: Gateway) -> None:
    site.configure("lookups: {payment: {Bitcoin: card}}")
    outcome = gateway("convert", "--route", "shop", "bad.xml", "-o", "out.xml")
    assert outcome.code == 0
    assert b'id="shop-main:order:1001"' in Path("out.xml").read_bytes()


def test_validation_can_be_left_out(gateway: Gateway, site: TestSite) -> None:
    # given a template of the site that writes an invalid record
    template = Path(__file__).parents[2] / "templates" / "pohoda"
    own = site.folder / "templates" / "pohoda"
    own.mkdir(parents=True)
    for file in template.iterdir():
        (own / file.name).write_bytes(file.read_bytes())
    order = own / "order.xml.j2"
    order.write_text(order.read_text().replace("ord:numberOrder", "ord:numberOrdr"))
    # then
    checked = gateway("convert", *BY_NAME, "orders.xml", "-o", "out.xml")
    assert (checked.code, Path("out.xml").exists()) == (3, False)
    assert "error[X001]: order 1001: " in checked.err
    assert " = the order stands on line 3 of orders.xml\n" in checked.err
    unchecked = gateway("convert", *BY_NAME, "orders.xml", "-o", "out.xml", "--no-validate")
    assert (unchecked.code, Path("out.xml").read_bytes().count(b"<ord:numberOrdr>")) == (0, 3)


CANCELLED = export(ShopOrder("1001", status="Stornována"))
WITHOUT_ANY = {
    "only bad records": (
        export(ShopOrder("1002", payment="Bitcoin")),
        3,
        "no record could be converted, so out.xml was not written",
    ),
    "only cancelled ones": (
        CANCELLED,
        0,
        "all records of the input are cancelled, so out.xml was not written",
    ),
    "no records": (export(), 0, "there is no record in the input, so out.xml was not written"),
}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("content", "code", "said"), WITHOUT_ANY.values(), ids=WITHOUT_ANY.keys())
def test_without_a_good_record_no_file_is_written(
    gateway: Gateway, content: bytes, code: int, said: str, workers: int
) -> None:
    Path("in.xml").write_bytes(content)
    outcome = gateway("convert", *BY_NAME, "in.xml", "-o", "out.xml", "--workers", workers)
    assert (outcome.code, outcome.out, Path("out.xml").exists()) == (code, "", False)
    assert said in outcome.err.splitlines()
    assert gateway("convert", *BY_NAME, "in.xml").out == ""
    as_json = gateway("convert", *BY_NAME, "in.xml", "-o", "out.xml", "--json")
    assert (as_json.code, as_json.json["written"], as_json.json["output"]) == (code, 0, None)


def test_without_a_good_record_an_older_output_stays_and_that_is_said(gateway: Gateway) -> None:
    Path("out.xml").write_bytes(b"of yesterday")
    Path("in.xml").write_bytes(export(ShopOrder("1002", payment="Bitcoin")))
    outcome = gateway("convert", *BY_NAME, "in.xml", "-o", "out.xml")
    assert (outcome.code, Path("out.xml").read_bytes()) == (3, b"of yesterday")
    assert "so out.xml was not written; what stood there before is as it was\n" in outcome.err


def test_settings_are_borrowed_from_the_route_with_the_same_mapping(gateway: Gateway) -> None:
    outcome = gateway("convert", *BY_NAME, "orders.xml", "-o", "out.xml")
    assert outcome.err.startswith("settings and lookups of the route shop (config.yaml)\n")


def test_another_mapping_borrows_from_the_only_target_and_not_from_the_route(
    site: TestSite, gateway: Gateway
) -> None:
    site.configure(replace=("schema: pohoda/data}", "schema: pohoda/data, settings: {text: Shoptet}}"))
    sample = Path(__file__).parents[2] / "samples" / "shoprenter" / "order-extend-single.xml"
    words = ("convert", "-m", "shoprenter/order", "-t", "pohoda/order", "--set", "foreign_vat=history")
    outcome = gateway(*words, sample, "-o", "out.xml")
    assert "settings and lookups of the target pohoda, without those of its routes (config.yaml)" in outcome.err
    assert "settings and lookups of the route" not in outcome.err


def test_where_two_targets_could_lend_settings_none_does_and_the_missing_one_is_told(
    site: TestSite, gateway: Gateway
) -> None:
    other = "  other: {endpoint: out, folder: other}\nroutes:\n"
    more = """  more:
    origin: more
    mapping: shoptet/order
    to: [{target: other, template: pohoda/order}]
"""
    site.configure(routes=more, replace=("routes:\n", other))
    outcome = gateway("convert", "-m", "shoprenter/order", "-t", "pohoda/order", "orders.xml", "-o", "out.xml")
    assert outcome.code == 3
    assert "settings and lookups of" not in outcome.err
    assert "error[T010]: the setting `company_id` is missing" in outcome.err
    assert (
        "= help: add `--set company_id=…`, or take all of a route: `--route NAME`; add `company_id`" in outcome.err
    )


MISUSES = {
    "an input that is not there": (("nowhere.xml", *BY_NAME), "nowhere.xml is no file"),
    "a folder as input": (("spool", *BY_NAME), "spool is no file"),
    "no mapping": (("orders.xml",), "convert needs --mapping and --template, or --route"),
    "json without an output": (
        ("orders.xml", *BY_NAME, "--json"),
        "--json needs --output: standard output has the XML",
    ),
    "a setting without a value": (("orders.xml", *BY_NAME, "--set", "pack"), "--set pack: write NAME=VALUE"),
    "a route that there is not": (
        ("orders.xml", "--route", "shp"),
        "there is no running route `shp`; `gateway check` tells why",
    ),
    "a folder as output": (("orders.xml", *BY_NAME, "-o", "spool"), "spool is a folder; --output names a file"),
    "an output in a folder that is not there": (
        ("orders.xml", *BY_NAME, "-o", "nowhere/out.xml"),
        "the folder nowhere does not exist; create it first",
    ),
    "the input as output": (
        ("orders.xml", *BY_NAME, "-o", "orders.xml"),
        "orders.xml is the input itself; choose another name",
    ),
}


@pytest.mark.parametrize(("words", "said"), MISUSES.values(), ids=MISUSES.keys())
def test_a_misuse_is_told_in_one_line(gateway: Gateway, words: tuple[str, ...], said: str) -> None:
    Path("spool").mkdir(exist_ok=True)
    outcome = gateway("convert", *words)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.splitlines()[-1] == f"gateway: {said}"
    assert Path("orders.xml").read_bytes() == GOOD


def test_a_disk_that_is_full_is_told_and_leaves_nothing(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import os

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    before = sorted(path.name for path in Path.cwd().iterdir())
    outcome = gateway("convert", *BY_NAME, "orders.xml", "-o", "out.xml")
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1] == "gateway: out.xml cannot be written: No space left on device"
    assert sorted(path.name for path in Path.cwd().iterdir()) == before


def test_a_route_gives_its_settings_to_the_mapping_too(gateway: Gateway, site: TestSite) -> None:
    # given a mapping with a setting, and a route that changes it
    folder = site.folder / "mappings" / "mine"
    folder.mkdir(parents=True)
    (folder / "order.yaml").write_text(
        "version: 1\nextends: shoptet/order\nsettings: {note: of the file}\n"
        'fields: {customer_note: {value: "${note}"}}\n',
        encoding="utf-8",
    )
    site.configure("settings: {note: of the route}", replace=("mapping: shoptet/order", "mapping: mine/order"))
    # when, then
    assert "of the route" in gateway("convert", "--route", "shop", "orders.xml").out
    assert "of the route" in gateway("try", "mine/order", "orders.xml", "--as", "xml").out


def test_the_only_template_there_is_needs_not_be_named(gateway: Gateway) -> None:
    outcome = gateway("convert", "orders.xml", "-m", "shoptet/order", "-o", "out.xml")
    assert outcome.code == 0
    assert numbers(Path("out.xml").read_bytes()) == ["1001", "1002", "1003"]


def test_a_conversion_starts_without_the_ledger_and_the_transports() -> None:
    heavy = ("sqlalchemy", "paramiko", "httpx", "xmlschema", "apscheduler", "apprise")
    program = f"import sys, gateway.exchange.conversion; print([each for each in {heavy} if each in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
