"""`gateway try`, `trace` and `diff`: what a mapping makes of a record, and where each value comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Gateway
from tests.cli.test_testing import MAPPING, SAMPLE, text
from tests.exchange.conftest import TestSite

ROOT = Path(__file__).parents[2]


@pytest.fixture
def lay(site: TestSite) -> Path:
    """A site with a mapping of its own and a sample."""
    (site.folder / "mappings" / "acme").mkdir(parents=True)
    (site.folder / "one.xml").write_text(SAMPLE, encoding="utf-8")
    path = site.folder / "mappings" / "acme" / "order.yaml"
    path.write_text(MAPPING.lstrip().replace("\ntests:\n", "\n"))
    return path


def test_a_record_is_shown_field_by_field(gateway: Gateway, lay: Path) -> None:
    outcome = gateway("try", "acme/order", "one.xml", "--as", "table")
    said = (
        "next: `gateway convert one.xml -m acme/order -o out.xml` writes all of it; "
        "a route with `mapping: acme/order` in config.yaml ships it\n"
    )
    assert (outcome.code, outcome.err) == (0, said)
    assert outcome.out == text("""
        order 1001  one.xml:2  by mappings/acme/order.yaml
        FIELD                      VALUE                      PATH   RAW         RULE
        number                     1001                       no     1001        text
        ordered_at                 2026-11-20T00:00:00+01:00  day    2026-11-20  time
        currency                   CZK                        money  CZK         currency
        billing.name               Ema Nová                   who    Ema Nová    text
        total.gross                121.00                     sum    121.00      number
        lines[1].name              Hrnek                      name   Hrnek       text
        lines[1].unit_price.gross  121.00                     price  121.00      number
        lines[1].vat_rate          21                         rate   21          number
        lines[1].kind              product                    -      -           derived
        lines[1].quantity          1                          -      -           derived
        lines[1].unit_price.net    100.0000                   -      -           derived
        lines[1].unit_price.basis  gross                      -      -           derived
        lines[1].total.net         100.0000                   -      -           derived
        lines[1].total.gross       121.00                     -      -           derived
        lines[1].total.basis       gross                      -      -           derived
        total.net                  100.00                     -      -           derived
        total.rounding             0                          -      -           derived
        exchange_amount            1                          -      -           derived
        cancelled                  false                      -      -           derived
    """)


def test_the_xml_follows_with_the_settings_of_the_option(gateway: Gateway, lay: Path) -> None:
    words = ("try", "acme/order", "one.xml", "--template", "pohoda/order", "--set", "company_id=12345678")
    outcome = gateway(*words, "--as", "xml")
    assert outcome.code == 0
    assert outcome.out.startswith("<?xml ")
    assert "<ord:text>Hrnek</ord:text>" in outcome.out
    assert gateway(*words, "--as", "table").out.splitlines()[-1].startswith("cancelled")
    assert gateway(*words, "--as", "document").json["number"] == "1001"


def test_the_only_template_there_is_needs_not_be_named(gateway: Gateway, lay: Path) -> None:
    lines = gateway("try", "acme/order", "one.xml").out.splitlines()
    assert "as pohoda/order writes it, settings of the target pohoda, without those of its routes" in lines


def test_without_a_configuration_there_is_no_xml(gateway: Gateway, lay: Path) -> None:
    Path("config.yaml").unlink()
    table = gateway("try", "acme/order", "one.xml")
    assert (table.code, table.err) == (0, "next: `--template pohoda/order` shows the XML as well\n")
    outcome = gateway("try", "acme/order", "one.xml", "--as", "xml")
    assert outcome.code == 2
    assert outcome.err == "gateway: no route has this mapping; name the template: `--template pohoda/order`\n"


def test_a_record_that_is_not_there_is_told(gateway: Gateway, lay: Path) -> None:
    outcome = gateway("try", "acme/order", "one.xml", "--record", "7")
    assert (outcome.code, outcome.err) == (2, "gateway: one.xml has no record 7; it has 1\n")


def test_a_bad_record_shows_what_could_be_read(gateway: Gateway, lay: Path) -> None:
    Path("one.xml").write_text(SAMPLE.replace("121.00</sum>", "a lot</sum>"), encoding="utf-8")
    outcome = gateway("try", "acme/order", "one.xml")
    assert outcome.code == 3
    assert (
        "total.gross                -                          sum    a lot       cannot be read\n" in outcome.out
    )
    assert "error[D002]: order 1001: `a lot` is not a number" in outcome.err
    assert outcome.err.splitlines()[-1] == "next: mend what is said above; `gateway explain D002` tells more"


def test_a_field_is_followed_from_the_source_to_the_output(gateway: Gateway, site: TestSite) -> None:
    sample = ROOT / "samples" / "shoptet" / "orders.xml"
    outcome = gateway("trace", "shoptet/order", sample, "lines[2].unit_price.gross", "--record", 2)
    lines = outcome.out.splitlines()
    assert outcome.code == 0
    assert [line.split()[0] for line in lines] == ["source", "path", "mapping", "read", "field", "printed"]
    assert lines[0].split() == ["source", "samples/shoptet/orders.xml:259", "<WITH_VAT>143.00</WITH_VAT>"]
    assert lines[1] == "path     UNIT_PRICE/WITH_VAT"
    assert lines[3].split(maxsplit=3)[2:] == ["number", "'143.00' -> 143.00"]
    place, said = lines[5].split(maxsplit=2)[1:]
    file, _, number = place.rpartition(":")
    template = (ROOT / file).read_text(encoding="utf-8").splitlines()
    assert "homeCurrency" in template[int(number) - 1]
    assert said.startswith(
        "<ord:homeCurrency><typ:unitPrice>143</typ:unitPrice></ord:homeCurrency>  (output line "
    )


def test_a_lookup_is_a_station_with_its_row(gateway: Gateway, site: TestSite) -> None:
    sample = ROOT / "samples" / "shoptet" / "orders.xml"
    outcome = gateway("trace", "shoptet/order", sample, "payment.method", "--record", 2)
    [lookup] = [line for line in outcome.out.splitlines() if line.startswith("lookup")]
    place, said = lookup.split(maxsplit=2)[1:]
    mapping = (ROOT / "mappings/shoptet/order.yaml").read_text(encoding="utf-8").splitlines()
    assert mapping[int(place.rpartition(":")[2]) - 1].strip() == "Bankov*: bank_transfer"
    assert said == "payment: `Bankov*` for 'Bankovním převodem'"


def test_what_goes_into_a_macro_is_found(gateway: Gateway, site: TestSite) -> None:
    sample = ROOT / "samples" / "shoptet" / "orders.xml"
    outcome = gateway("trace", "shoptet/order", sample, "delivery.city", "--record", 2)
    printed = outcome.out.splitlines()[-1].split(maxsplit=2)
    assert printed[1].startswith("templates/pohoda/_party.xml.j2:")
    assert printed[2].startswith("<typ:city>Brno</typ:city>")


def test_a_field_that_no_line_writes_is_told_so(gateway: Gateway, site: TestSite) -> None:
    outcome = gateway("trace", "shoptet/order", ROOT / "samples/shoptet/orders.xml", "total.gross")
    assert outcome.out.splitlines()[-1].split(maxsplit=2)[2] == "not written: no line of pohoda/order names it"


def test_a_derived_value_names_the_field_that_it_comes_from(gateway: Gateway, lay: Path) -> None:
    Path("config.yaml").unlink()
    outcome = gateway("trace", "acme/order", "one.xml", "lines[1].unit_price.net")
    assert outcome.out == text("""
        source   one.xml:8                    <item><name>Hrnek</name><price>121.00</price><rate>21</rate></item>
        path     price
        mapping  mappings/acme/order.yaml:14  lines[1].unit_price.gross: price
        read as  number                       '121.00' -> 121.00
        field    lines[1].unit_price.net      100.0000  (derived from lines[1].unit_price.gross)
        printed  -                            no template is known; `--template pohoda/order` names one
    """)


def test_an_unknown_field_is_a_usage_error(gateway: Gateway, lay: Path) -> None:
    outcome = gateway("trace", "acme/order", "one.xml", "billing.nam")
    said = "gateway: order 1001 has no field `billing.nam`; there is a field with a similar name: `billing.name`\n"
    assert (outcome.code, outcome.err) == (2, said)


def test_a_trace_can_be_had_as_json(gateway: Gateway, lay: Path) -> None:
    found = gateway("trace", "acme/order", "one.xml", "total.gross", "--json").json
    assert found["value"] == "121.00"
    assert found["read"]["sources"] == [{"path": "sum", "raw": "121.00", "place": "one.xml:7:10"}]


def test_two_versions_of_a_mapping_are_compared_over_a_sample(gateway: Gateway, lay: Path) -> None:
    other = lay.with_name("other.yaml")
    other.write_text(lay.read_text().replace("billing.name: who", "billing.name: no"))
    outcome = gateway("diff", "acme/order", "acme/other", "one.xml")
    assert (outcome.code, outcome.err) == (3, "")
    assert outcome.out == text("""
        ! one.xml
            order 1001
                billing.name  Ema Nová → 1001
        1 record, 1 different: 1 changed
    """) + (
        "next: look at each; mappings/acme/other.yaml may take the place of mappings/acme/order.yaml "
        "when all of it is wanted\n"
    )


def test_a_record_that_breaks_and_one_that_heals(gateway: Gateway, lay: Path) -> None:
    other = lay.with_name("other.yaml")
    other.write_text(lay.read_text().replace("currency: {path: money}", "currency: {path: who}"))
    assert "    order 1001  breaks\n        D006: " in gateway("diff", "acme/order", "acme/other", "one.xml").out
    assert "    order 1001  heals\n" in gateway("diff", "acme/other", "acme/order", "one.xml").out


def test_a_record_whose_number_is_read_otherwise_is_the_same_record(gateway: Gateway, lay: Path) -> None:
    other = lay.with_name("other.yaml")
    other.write_text(lay.read_text().replace("number: {path: no,", "number: {path: day,"))
    assert gateway("diff", "acme/order", "acme/other", "one.xml").out.splitlines()[1:4] == [
        "    order 2026-11-20",
        "        number  1001 → 2026-11-20",
        "1 record, 1 different: 1 changed",
    ]
    other.write_text(lay.read_text().replace("number: {path: no,", "number: {path: nr,"))
    assert gateway("diff", "acme/order", "acme/other", "one.xml").out.splitlines()[1:3] == [
        "    order 1001  breaks",
        "        D001: `number` is missing: there is nothing in `nr`",
    ]


def test_the_same_mapping_makes_no_difference(gateway: Gateway, lay: Path) -> None:
    outcome = gateway("diff", "acme/order", "acme/order", "one.xml")
    assert outcome.code == 0
    assert outcome.out == text("""
        ✓ one.xml
        1 record, 0 different
        next: mappings/acme/order.yaml may take the place of mappings/acme/order.yaml
    """)
