"""The check of what was written: what our schema refuses, and how it is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from lxml import etree

from gateway.diagnostics import render, render_all
from gateway.errors import ProblemsFound
from gateway.rendering import Schema, Template, load_schema
from tests.rendering.orders import company, identity, line, order


@pytest.fixture(scope="session")
def good(template: Template) -> str:
    document = order(billing=company(), lines=(line(),))
    return template.whole(document, identity(document)).text


@pytest.fixture
def check(template: Template, schema: Schema, good: str) -> Callable[[str, str], list[str]]:
    def check_one(old: str, new: str) -> list[str]:
        assert old in good
        problems = schema.check(template.encode(good.replace(old, new, 1)), record="order 2026000124")
        return [f"{p.code} {p.message}" for p in problems]

    return check_one


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("<ord:payVAT>true</ord:payVAT>", "", "`ord:orderItem` lacks `ord:payVAT`"),
        ("<ord:rateVAT>high</ord:rateVAT>", "", "`ord:orderItem` lacks `ord:rateVAT`"),
        (">true</ord:payVAT>", ">1</ord:payVAT>", "`ord:payVAT` holds `1`, allowed is `true`, `false`"),
        (">receivedOrder<", ">issuedOrder<", "`ord:orderType` holds `issuedOrder`, allowed is `receivedOrder`"),
        ("<ord:orderType>receivedOrder</ord:orderType>", "", "`ord:orderHeader` lacks `ord:orderType`"),
        (">2026-11-21</ord:date>", "></ord:date>", "`ord:date` is empty"),
        (
            ">2026-11-21</ord:date>",
            ">21.11.2026</ord:date>",
            "`ord:date` holds `21.11.2026`, which is not of the form `[0-9]{4}-[0-9]{2}-[0-9]{2}`",
        ),
        (
            ">602 00<",
            ">602 00 602 00 602 00<",
            "`typ:zip` holds 20 characters, at most 15 are allowed",
        ),
        (">87654321<", "><", "`typ:ico` is empty"),
        (
            ">242<",
            ">2.42E2<",
            "`typ:unitPrice` holds `2.42E2`, which is not of the form `-?[0-9]{1,15}(\\.[0-9]{1,4})?`",
        ),
        (">242<", ">242,00<", "`typ:unitPrice` holds `242,00`, which is not of the form"),
        (">242<", ">1.23456<", "`typ:unitPrice` holds `1.23456`, which is not of the form"),
        ('ico="12345678" ', "", "`dat:dataPack` lacks the attribute `ico`"),
        ('ico="12345678"', 'ico="1234567890123456"', "the attribute `ico` of `dat:dataPack` holds 16 characters"),
        ("<ord:isExecuted>", "<ord:lock1>true</ord:lock1><ord:isExecuted>", "`ord:lock1` is not expected in"),
        ("<ord:roundingDocument>none", "<ord:roundingDocument>often", "`ord:roundingDocument` holds `often`"),
        ("<ord:text>Tri", f"<ord:text>{'N' * 90}Tri", "`ord:text` holds 104 characters, at most 90 are allowed"),
        ("</typ:ico>", "</typ:ic>", "the template wrote no well-formed XML"),
    ],
)
def test_what_pohoda_would_refuse_is_refused_here(
    check: Callable[[str, str], list[str]], old: str, new: str, problem: str
) -> None:
    found = check(old, new)
    code = "X003" if "well-formed" in problem else "X001"
    assert found
    assert found[0].startswith(f"{code} {problem}")


def test_an_order_without_items_or_address_is_refused(check: Callable[[str, str], list[str]], good: str) -> None:
    detail = good[good.index("<ord:orderItem>") : good.index("</ord:orderItem>") + len("</ord:orderItem>")]
    assert check(detail, "") == ["X001 `ord:orderDetail` lacks `ord:orderItem`"]
    address = good[good.index("<typ:address ") : good.index("</typ:address>") + len("</typ:address>")]
    assert check(address, "") == ["X001 `ord:partnerIdentity` lacks `typ:address`"]


def test_a_problem_shows_the_line_that_was_written(schema: Schema, template: Template, good: str) -> None:
    data = template.encode(good.replace(">602 00<", ">602 00 602 00 602 00<"))
    assert render_all(schema.check(data, record="order 2026000124")) == (
        "error[X001]: order 2026000124: `typ:zip` holds 20 characters, at most 15 are allowed\n"
        "  --> rendered.xml:18:13\n"
        "   |\n"
        "18 |             <typ:zip>602 00 602 00 602 00</typ:zip>\n"
        "   |             ^^^^^^^^\n"
        "   |\n"
        "   = element: dat:dataPack/dat:dataPackItem/ord:order/ord:orderHeader/ord:partnerIdentity/"
        "typ:address/typ:zip\n"
        "   = help: correct the value in the shop or in the mapping; see `gateway explain X001`"
    )


def test_two_records_of_one_id_are_refused(schema: Schema, template: Template) -> None:
    ids = identity()
    record = template.record(order(), ids).text
    problems = schema.check(template.encode(template.head("p") + record + record + template.tail()))
    assert [p.code for p in problems] == ["X001"]


def test_a_valid_record_has_no_problems_in_any_thread(schema: Schema, template: Template, good: str) -> None:
    data = template.encode(good)
    bad = data.replace(b">242<", b">x<")
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(schema.check, [data, bad] * 60))
    assert all(result == () for result in results[::2])
    assert all(len(result) == 1 for result in results[1::2])


def test_threads_that_come_one_after_the_other_share_a_compiled_copy(
    good: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema, copies = load_schema("pohoda/data"), 0
    compiled = schema._compile

    def counted() -> etree.XMLSchema:
        nonlocal copies
        copies += 1
        return compiled()

    monkeypatch.setattr(schema, "_compile", counted)
    for _ in range(3):
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(schema.takes, good.encode("cp1250")).result()
    assert copies == 0
    # and those at the same time have one each
    with schema._lent() as one, schema._lent() as two:
        assert one is not two
    assert copies == 1


def test_a_document_type_is_no_way_in(schema: Schema) -> None:
    data = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
    assert [p.code for p in schema.check(data)] != []
    assert "root:" not in render_all(schema.check(data))


def test_a_schema_that_is_not_there_is_told() -> None:
    with pytest.raises(ProblemsFound) as caught:
        load_schema("pohoda/dat")
    assert caught.value.problems[0].code == "X002"
    assert caught.value.problems[0].help == "there is a schema with a similar name: `pohoda/data`"


def test_a_broken_schema_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "broken.xsd"
    broken.write_text('<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema"><xsd:element/></xsd:schema>')
    with pytest.raises(ProblemsFound) as caught:
        load_schema(str(broken))
    assert render(caught.value.problems[0]).startswith("error[X002]: this schema cannot be used: ")


def test_a_schema_of_the_site_wins(tmp_path: Path) -> None:
    folder = tmp_path / "xsd" / "pohoda"
    folder.mkdir(parents=True)
    (folder / "data.xsd").write_text(
        '<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema"><xsd:element name="a"/></xsd:schema>'
    )
    assert load_schema("pohoda/data", site=tmp_path).check(b"<a/>") == ()


def test_xmlschema_is_not_imported_for_good_records(good: str) -> None:
    program = (
        "import sys; from gateway.rendering import load_schema\n"
        f"assert load_schema('pohoda/data').check({good.encode('cp1250')!r}) == ()\n"
        "print('xmlschema' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        (">242<", ">x<"),
        (">242<", "> 242 <"),
        (">242<", "> <!-- none --> <"),
        ("<ord:isExecuted>", "<!-- seen --> <ord:isExecuted>"),
        ("<ord:isExecuted>", "text <ord:isExecuted>"),
        ("<ord:isExecuted>", "&#160;<ord:isExecuted>"),
        ("</typ:ico>", "</typ:ic>"),
        ('ico="12345678" ', ""),
        ("windows-1250", "windows-1252"),
        ("windows-1250", "iso-8859-2"),
        ("windows-1250", "utf-8"),
        ("windows-1250", "us-ascii"),
        ("windows-1250", "nonsense"),
        (' encoding="windows-1250"', ""),
    ],
)
@pytest.mark.parametrize("spoiled", [b"", b"\x81", b"\xf8\x00"])
def test_the_quick_answer_is_that_of_the_check(
    schema: Schema, template: Template, good: str, old: str, new: str, spoiled: bytes
) -> None:
    data = template.encode(good.replace(old, new, 1)).replace(b">242<", b">242" + spoiled + b"<")
    assert schema.takes(data) == (schema.check(data) == ())
