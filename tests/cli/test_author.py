"""`gateway init`, `check` and `explain`: setting a site up, and finding what is wrong in it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from textwrap import dedent
from typing import cast

import pytest
from msgspec.structs import replace

from gateway import library
from gateway.diagnostics.explain import explanations
from gateway.documents import KINDS, Kind
from tests.cli.conftest import Gateway
from tests.exchange.conftest import TestSite

ROOT = Path(__file__).parents[2]


def text(block: str) -> str:
    return dedent(block).strip("\n")


def own_copy(site: TestSite, folder: str, name: str) -> Path:
    """The site's own copy of the shipped files of a folder such as templates/pohoda."""
    place = site.folder / folder
    place.mkdir(parents=True)
    for file in (ROOT / folder).iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    return place / name


# -- init ------------------------------------------------------------------------------------------------


def test_a_new_site_is_laid_out_and_checks_out_good(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = gateway("init", "site")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == text("""
        ✓ site/config.yaml
        ✓ site/mappings/README.md
        ✓ site/templates/README.md
        ✓ site/spool/shoptet-orders/in/
        next: read site/config.yaml, then `cd site`, `gateway check` and `gateway run`
    """) + "\n"  # fmt: skip
    drop = tmp_path / "site" / "spool" / "shoptet-orders" / "in"
    assert [path.stat().st_mode & 0o777 for path in (drop, drop.parent, drop.parent.parent)] == [0o700] * 3
    monkeypatch.chdir(tmp_path / "site")
    assert gateway("check").code == 0


def test_a_site_that_is_there_is_never_overwritten(gateway: Gateway, site: TestSite) -> None:
    before = site.config_path.read_bytes()
    outcome = gateway("init", site.folder)
    assert outcome.code == 2
    assert outcome.err == f"gateway: {site.config_path} is there already; choose another folder\n"
    assert site.config_path.read_bytes() == before


def test_a_file_is_no_place_for_a_site(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outcome = gateway("init", tmp_path / "file")
    assert (outcome.code, outcome.err) == (2, f"gateway: {tmp_path}/file is a file; choose another folder\n")


# -- check -----------------------------------------------------------------------------------------------


def test_a_good_site_is_told_file_by_file(gateway: Gateway, site: TestSite) -> None:
    outcome = gateway("check")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[0].split() == ["✓", "config.yaml", "1", "route,", "1", "endpoint"]
    assert any(re.fullmatch(r"✓ mappings/shoptet/order\.yaml +order, \d+ tests", line) for line in lines)
    assert any("✓ templates/pohoda/order.xml.j2" in line for line in lines)
    assert any("✓ xsd/pohoda/data.xsd" in line for line in lines)
    assert all(line.startswith("✓") for line in lines[:-2])
    assert re.fullmatch(rf"0 errors in {len(lines) - 2} files \(\d+\.\d\d s\)", lines[-2])
    assert lines[-1] == "next: `gateway run`, or `gateway run --once` to try it"


def test_a_typo_in_the_configuration(gateway: Gateway, site: TestSite) -> None:
    site.configure(replace=("origin:", "orign:"))
    outcome = gateway("check", "config.yaml")
    assert outcome.code == 4
    assert outcome.err.rstrip("\n") == text("""
        error[C001]: unknown key `orign`
          --> config.yaml:15:5
           |
        15 |     orign: shop-main
           |     ^^^^^ not an option here
           |
           = help: there is an option with a similar name: `origin`
    """)
    assert re.sub(r"\d\.\d\d", "0.01", outcome.out) == text("""
        ✗ config.yaml  error[C001]: unknown key `orign`
        1 error in 1 file (0.01 s)
        next: mend the lines above; `gateway explain C001` tells more
    """) + "\n"  # fmt: skip


def test_a_configuration_that_does_not_load_does_not_hide_the_rest(gateway: Gateway, site: TestSite) -> None:
    site.configure(replace=("origin:", "orign:"))
    mapping = own_copy(site, "mappings/shoptet", "order.yaml")
    mapping.write_text(mapping.read_text().replace("  customer_note:", "  custmer_note:"))
    outcome = gateway("check")
    assert outcome.code == 4
    bad = [line.split()[1] for line in outcome.out.splitlines() if line.startswith("✗")]
    assert list(dict.fromkeys(bad)) == [
        "config.yaml",
        "mappings/shoptet/order.yaml",
        "mappings/shoptet/order_set_headings.yaml",  # extends it
    ]


def test_a_template_that_is_not_there(gateway: Gateway, site: TestSite) -> None:
    site.configure(replace=("pohoda/order,", "pohoda/ordr,"))
    outcome = gateway("check", "config.yaml")
    assert outcome.code == 3
    first, place, *_, help_line = outcome.err.rstrip("\n").splitlines()
    assert first == "error[T008]: there is no template `pohoda/ordr`"
    assert place == "  --> config.yaml:17:10"
    assert "pohoda/order" in help_line


def test_a_template_of_another_kind_than_the_mapping(
    gateway: Gateway, site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a second kind of document, and a template of the site that writes it
    monkeypatch.setitem(cast("dict[str, Kind]", KINDS), "quote", replace(KINDS["order"], name="quote"))
    own = site.folder / "templates" / "mine"
    own.mkdir(parents=True)
    extended = '{% extends "pohoda/order.xml.j2" %}{% block record %}{{ super() }}{% endblock %}'
    (own / "quote.xml.j2").write_text(extended)
    site.configure(replace=("template: pohoda/order,", "template: mine/quote,"))
    # when
    outcome = gateway("check", "config.yaml")
    # then
    assert outcome.code == 3
    assert outcome.err.rstrip("\n") == text("""
        error[C007]: `mine/quote` writes another kind (quote) than `shoptet/order` reads (order)
          --> config.yaml:17:10
           |
        17 |     to: [{target: pohoda, template: mine/quote, schema: pohoda/data}]
           |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
           |
           = help: choose a mapping and a template of the same kind
    """)


def test_an_unknown_field_in_a_mapping_of_the_site_is_told_once(gateway: Gateway, site: TestSite) -> None:
    mapping = own_copy(site, "mappings/shoptet", "order.yaml")
    lines = mapping.read_text().splitlines()
    number = next(i for i, line in enumerate(lines, 1) if line.startswith("  shop_note:"))
    mapping.write_text("\n".join(lines).replace("  shop_note:", "  shp_note:") + "\n")
    outcome = gateway("check")
    assert outcome.code == 3
    shown = outcome.err.splitlines()
    assert shown[0] == "error[M006]: unknown field `shp_note`"
    assert shown[1] == f"  --> mappings/shoptet/order.yaml:{number}:3"
    assert shown[3].startswith(f"{number} |   shp_note:")
    assert shown[4].startswith("   |   ^^^^^^^^ ")
    assert shown[6] == "   = help: there is a field with a similar name: `shop_note`"
    assert "✓ config.yaml " in outcome.out
    assert re.search(r"^1 error in \d+ files", outcome.out, re.MULTILINE)


def test_a_template_with_an_unknown_attribute(gateway: Gateway, site: TestSite) -> None:
    template = own_copy(site, "templates/pohoda", "order.xml.j2")
    template.write_text(template.read_text().replace("{{ document.number | text(32) }}", "{{ document.nmber }}"))
    number = next(i for i, line in enumerate(template.read_text().splitlines(), 1) if "nmber" in line)
    column = template.read_text().splitlines()[number - 1].index("document.nmber") + 1
    outcome = gateway("check")
    assert outcome.code == 3
    shown = outcome.err.splitlines()
    assert shown[0] == "error[T002]: `document.nmber` is not a field of Order"
    assert shown[1] == f"  --> templates/pohoda/order.xml.j2:{number}:{column}"
    assert shown[4].index("^^^^^^^^^^^^^^") == len(f"{number} | ") + column - 1
    assert shown[6] == "   = help: there is a field with a similar name: `number`"


def test_a_mapping_of_the_site_may_extend_another_one_of_the_site(gateway: Gateway, site: TestSite) -> None:
    own = site.folder / "mappings" / "mine"
    own.mkdir(parents=True)
    (own / "base.yaml").write_text("version: 1\nextends: shoptet/order\n")
    (own / "order.yaml").write_text("version: 1\nextends: mine/base\nfields: {shop_note: SHOP_REMARK}\n")
    assert gateway("check", own / "order.yaml").err == ""


def test_a_folder_can_be_checked(gateway: Gateway) -> None:
    outcome = gateway("check", ROOT / "templates")
    assert outcome.code == 0
    shipped = sorted(path for path in (ROOT / "templates").rglob("*.j2") if not path.name.startswith("_"))
    told = [line.split()[1] for line in outcome.out.splitlines()[:-2]]
    assert sorted(told) == sorted(path.relative_to(ROOT).as_posix() for path in shipped)
    assert "templates/pohoda/order.xml.j2" in told


def test_the_result_can_be_had_as_json(gateway: Gateway, site: TestSite) -> None:
    site.configure(replace=("pohoda/order,", "pohoda/ordr,"))
    outcome = gateway("check", "--json", "config.yaml", ROOT / "xsd" / "pohoda" / "data.xsd")
    assert outcome.code == 3
    config, schema = outcome.json
    assert (config["file"], [p["code"] for p in config["problems"]]) == ("config.yaml", ["T008"])
    assert (schema["about"], schema["problems"]) == ("resolves, no network", [])


def test_a_warning_fails_only_a_strict_check(gateway: Gateway, site: TestSite) -> None:
    site.configure(replace=("version: 1\n", "version: 1\ninclude: [routes/*.yaml]\n"))
    outcome = gateway("check", "config.yaml")
    assert outcome.code == 0
    assert outcome.out.startswith(
        "! config.yaml  warning[C004]: `routes/*.yaml` names no file\n0 errors, 1 warning"
    )
    assert gateway("check", "--strict", "config.yaml").code == 3


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nowhere.yaml", "nowhere.yaml does not exist"),
        ("orders.csv", "orders.csv: only .yaml, .j2 and .xsd files can be checked"),
    ],
)
def test_what_cannot_be_checked_is_told(gateway: Gateway, site: TestSite, path: str, said: str) -> None:
    (site.folder / "orders.csv").write_text("")
    outcome = gateway("check", path)
    assert (outcome.code, outcome.err) == (2, f"gateway: {said}\n")


# -- explain ---------------------------------------------------------------------------------------------


def test_a_code_is_explained_with_a_bad_and_a_good_example(gateway: Gateway) -> None:
    outcome = gateway("explain", "c005")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == text("""
        C005: a value from outside the file is missing

        why:
            Passwords stand in the environment or in files of their own, and one of these cannot be read.

        bad:
            password: "${env:OFFICE_FTP_PASSWORD}", and the variable is not set

        good:
            password: "${file:secrets/office-ftp}", and the file is there

        what to do:
            Set the variable for the service, or create the file and let only the gateway's user read it.
    """) + "\n"  # fmt: skip


def test_without_a_code_all_are_listed(gateway: Gateway) -> None:
    outcome = gateway("explain")
    assert outcome.code == 0
    assert [line.split()[0] for line in outcome.out.splitlines()[1:-1]] == list(explanations())
    assert outcome.last == "next: `gateway explain CODE`"
    assert len(gateway("explain", "--json").json) == len(explanations())


def test_an_unknown_code_is_told(gateway: Gateway) -> None:
    outcome = gateway("explain", "Z999")
    assert outcome.code == 2
    assert outcome.err == "gateway: there is no problem code `Z999`; `gateway explain` lists them all\n"


def test_an_explanation_can_be_had_as_json(gateway: Gateway) -> None:
    assert set(gateway("explain", "D004", "--json").json) == {"code", "title", "why", "bad", "good", "do"}


# -- check --format, schema ------------------------------------------------------------------------------


def test_problems_as_annotations_of_a_workflow(gateway: Gateway, site: TestSite) -> None:
    site.configure(replace=("origin:", "orign:"))
    outcome = gateway("check", "config.yaml", "--format", "github")
    assert (outcome.code, outcome.err) == (4, "")
    assert outcome.out == (
        "::error file=config.yaml,line=15,col=5,title=C001::unknown key `orign`"
        "%0Ahelp: there is an option with a similar name: `origin`\n"
    )


def test_json_has_a_short_form(gateway: Gateway, site: TestSite) -> None:
    assert (
        gateway("check", "config.yaml", "--json").json == gateway("check", "config.yaml", "--format", "json").json
    )


def test_a_template_with_a_remark_is_doubtful_and_fails_only_when_strict(gateway: Gateway, site: TestSite) -> None:
    folder = site.folder / "templates" / "mine"
    folder.mkdir(parents=True)
    lost = '{% extends "pohoda/order.xml.j2" %}\n{% block recrod %}{% endblock %}\n'
    (folder / "order.xml.j2").write_text(lost)
    outcome = gateway("check", "templates")
    assert (outcome.code, outcome.out[0]) == (0, "!")
    assert "warning[T019]: the block `recrod` is never written" in outcome.err
    assert gateway("check", "templates", "--strict").code == 3


@pytest.mark.parametrize("name", ["mapping", "config", "table", "vat_rates", "api", "platform"])
def test_the_committed_schemas_are_current(gateway: Gateway, name: str) -> None:
    committed = (ROOT / "gateway" / "schemas" / f"{name}.json").read_text(encoding="utf-8")
    assert gateway("schema", name).out == committed, "run `gateway schema --write`"


def test_nothing_that_is_written_from_the_code_is_old(gateway: Gateway) -> None:
    outcome = gateway("schema", "--write", "--dry-run")
    assert outcome.out == "next: the same without --dry-run\n"


def test_an_unknown_schema(gateway: Gateway) -> None:
    outcome = gateway("schema", "nope")
    assert (outcome.code, outcome.err) == (
        2,
        "gateway: there is no schema `nope`; there are mapping, config, table, vat_rates, api, platform\n",
    )


@pytest.mark.parametrize(
    "path",
    [
        *sorted((ROOT / "mappings").rglob("*.yaml")),
        ROOT / "config.yaml",
        ROOT / "gateway/library/site/config.yaml",
    ],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_every_file_names_its_schema_in_the_first_line(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    place = path.parent if "site" not in path.parts else ROOT
    name = "mapping" if "mappings" in path.parts else "config"
    if path.name in library.DESCRIPTIONS:
        name = path.stem
    if "shared" in path.parts:
        name = "vat_rates" if path.stem == "vat_rates" else "table"
    assert (place / first.rpartition("=")[2]).resolve() == ROOT / "gateway" / "schemas" / f"{name}.json"


def test_a_new_site_names_the_schema_of_this_installation(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    gateway("init", "site")
    first = (tmp_path / "site" / "config.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema={ROOT.as_posix()}/gateway/schemas/config.json"


def test_the_schemas_of_shared_tables_name_every_key_of_theirs() -> None:
    for name in ("table", "vat_rates"):
        schema = json.loads((ROOT / "gateway/schemas" / f"{name}.json").read_text(encoding="utf-8"))
        rows = "rows" if name == "table" else "rates"
        assert schema["required"] == ["version", "about", "source", rows]
        assert schema["additionalProperties"] is False
        assert all(part["description"] for part in schema["properties"].values())


def test_the_schema_of_the_configuration_takes_what_people_write() -> None:
    schema = json.loads((ROOT / "gateway/schemas/config.json").read_text(encoding="utf-8"))
    route = schema["$defs"]["RouteModel"]["properties"]
    assert {"from", "mapping", "to", "every"} <= set(route)
    assert route["schedule"]["anyOf"][0]["anyOf"][0] == {"type": ["string", "number"]}
    assert "required" not in schema
