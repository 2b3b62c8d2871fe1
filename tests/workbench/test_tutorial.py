"""docs/mapping-tutorial.md typed from its first command to its last one, and the drafts that it begins with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.workbench.test_scaffold import drafted_from, guesses, rows
from tests.workbench.walk import blocks_of, walk

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "mapping-tutorial.md"
SAMPLES = ROOT / "samples" / "tutorial"


def test_the_tutorial_prints_what_it_says(tmp_path: Path) -> None:
    shutil.copytree(SAMPLES, tmp_path / "samples" / "tutorial")
    page = PAGE.read_text(encoding="utf-8")
    assert walk(page, tmp_path) == page
    written = {path.name for path in (tmp_path / "my-site").glob("*.xml")}
    assert written == {"upgates.xml", "woodshop.xml", "pottery.xml", "monday.xml", "monday-out.xml"}


def test_the_walk_sees_output_that_is_other(tmp_path: Path) -> None:
    page = "```console\n$ echo one; echo two\none\n…\n$ cd sub\n$ pwd\nelsewhere\n```\n"
    (tmp_path / "sub").mkdir()
    assert walk(page, tmp_path) == page.replace("elsewhere", str(tmp_path / "sub"))


def test_the_walk_edits_files_and_tells_lines_that_are_not_there(tmp_path: Path) -> None:
    page = "```yaml a.yaml\nx: 1\n```\n```diff a.yaml\n-x: 1\n+x: 2\n```\n```diff a.yaml\n-x: 1\n+x: 3\n```\n"
    assert [block.form for block in blocks_of(page)] == ["yaml", "diff", "diff"]
    assert walk(page, tmp_path) == page.replace("-x: 1\n+x: 3\n", "these lines stand 0 times in a.yaml:\nx: 1\n")
    assert (tmp_path / "a.yaml").read_text() == "x: 2\n"


@pytest.mark.parametrize(("name", "records"), [("upgates", 3), ("woocommerce", 4), ("oxid", 3)])
def test_an_export_that_was_never_seen_is_read_whole_by_its_draft(name: str, records: int) -> None:
    _, made = drafted_from(SAMPLES / f"{name}.xml")
    assert (made.good, made.records, dict(made.bad)) == (records, records, {})


def test_a_charge_is_known_by_the_element_that_holds_it_and_the_rounding_by_the_sums() -> None:
    _, made = drafted_from(SAMPLES / "upgates.xml")
    found = guesses(made)
    assert found["total.gross"].rule == "HEADER/TOTAL_PRICE_BEFORE_ROUND"
    assert found["total.to_pay"].rule == "HEADER/TOTAL_PRICE_WITH_VAT"
    assert found["delivery.city"].rule == "CUSTOMER/POSTAL/CITY"
    assert made.draft.tables.rows["payment"]["gw"] == "online", "its name says what the code does not"
    assert rows(made, 3) == {
        "kind": {"value": "discount"},
        "name": {"value": "Discount"},
        "quantity": {"value": "-1"},
        "unit_price.gross": "DISCOUNT/PRICE_WITH_VAT",
        "vat_rate": "DISCOUNT/VAT",
    }
    assert made.draft.missing == ()


def test_a_rounded_total_without_another_one_beside_it_is_computed_back(tmp_path: Path) -> None:
    text = (SAMPLES / "upgates.xml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "BEFORE_ROUND" not in line]
    (tmp_path / "upgates.xml").write_text("\n".join(lines), encoding="utf-8")
    _, made = drafted_from(tmp_path / "upgates.xml")
    assert guesses(made)["total.gross"].rule == {
        "compute": "number('HEADER/TOTAL_PRICE_WITH_VAT') - sum(number('HEADER/TOTAL_PRICE_REST'), 0)"
    }
    assert made.good == 3


def test_rates_that_the_export_lacks_are_those_of_the_buyers_country() -> None:
    _, made = drafted_from(SAMPLES / "woocommerce.xml")
    assert rows(made)["vat_rate"] == {"compute": "vat_rate(billing.country, 'standard', ordered_at)"}
    assert rows(made, 1)["unit_price.gross"] == {"compute": "number('ShippingTotal') + number('ShippingTaxTotal')"}
    found = guesses(made)
    assert (found["billing.vat_id"].rule, found["billing.tax_id"].rule) == ("BillingIcDph", "BillingDic")
    assert found["ordered_at"].rule == {"path": "OrderDate", "timezone": "Europe/Bratislava"}
    assert made.draft.tables.rows["carrier"]["Kuriér GLS"] == "gls"


def test_a_total_of_the_goods_alone_is_added_up_with_what_is_paid_besides() -> None:
    _, made = drafted_from(SAMPLES / "oxid.xml")
    found = guesses(made)
    assert found["total.gross"].rule == {
        "compute": "sum(number('Artikelliste/GesamtBrutto'), number('Artikelliste/Lieferkosten'), "
        "number('Artikelliste/Zahlungsartkosten')) - sum(number('Artikelliste/GesamtRabatt'), 0)"
    }
    assert "total.net" not in found
    assert found["ordered_at"].rule == {
        "compute": "text('Bestelldatum/Datum') ~ ' ' ~ text('Bestelldatum/Zeit')",
        "timezone": "Europe/Berlin",
    }
    assert [each.guesses[0].rule for each in made.draft.lines[1:]] == [
        {"value": "shipping"},
        {"value": "payment"},
        {"value": "discount"},
    ]
