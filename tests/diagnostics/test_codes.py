"""Every problem code has a test with its exact text: a scan, and texts that no other test has."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.diagnostics import render_all
from gateway.diagnostics.explain import explanations
from gateway.errors import ProblemsFound
from gateway.mapping import load as load_mapping
from gateway.rendering import load, load_schema
from gateway.workbench.scaffold.samples import read_sample
from gateway.yamlfile import parse

TESTS = Path(__file__).parents[1]


def has_its_text(code: str, tests: str) -> bool:
    """Whether a test holds the code together with words of its message."""
    return (
        re.search(rf"{code}\]: \S|\"{code}\",\s*\(?f?['\"]|\b{code}:? [^\W\d_]{{2,}}|\b{code}:? `", tests)
        is not None
    )


def test_every_code_has_a_test_with_its_exact_text() -> None:
    tests = "\n".join(path.read_text(encoding="utf-8") for path in sorted(TESTS.rglob("*.py")))
    unproven = {code for code in explanations() if not has_its_text(code, tests)}
    assert unproven == set(), "write a test that holds the whole message"


def test_the_scan_sees_a_code_only_with_its_words() -> None:
    assert has_its_text("M001", 'assert said == "error[M001]: there is no mapping"')
    assert has_its_text("M001", '("M001", "there is no mapping")')
    assert not has_its_text("M001", 'assert problem.code == "M001"')


def said(act: Callable[[], object]) -> str:
    with pytest.raises(ProblemsFound) as caught:
        act()
    return render_all(caught.value.problems)


def test_a_sample_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = (TESTS.parent / "mappings" / "shoptet" / "order.yaml").read_text(encoding="utf-8")
    mapping = shipped[: shipped.index("\ntests:")] + '\ntests:\n  - {name: one, given: "samples/no.xml#1"}\n'
    (tmp_path / "m.yaml").write_text(mapping, encoding="utf-8")
    [outcome] = load_mapping("m.yaml").run_tests(root=tmp_path)
    line = mapping.count("\n")
    assert render_all(outcome.problems) == (
        "error[M021]: there is no sample `samples/no.xml`\n"
        f"   --> m.yaml:{line}:24\n"
        "    |\n"
        f'{line} |   - {{name: one, given: "samples/no.xml#1"}}\n'
        "    |                        ^^^^^^^^^^^^^^^^^^\n"
        "    |\n"
        "    = help: write it like `samples/shoptet/orders.xml#2`: a path and the number of a record"
    )


def test_a_sample_that_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cut.xml").write_text("<orders><order>")
    assert said(lambda: read_sample(Path("cut.xml"))) == (
        "error[W003]: the sample cannot be read: premature end of data in tag order line 1\n"
        " --> cut.xml:1\n"
        "  = help: take a whole export, as the shop gives it"
    )


def test_an_anchor() -> None:
    assert said(lambda: parse("a: &x 1\nb: *x\n", "m.yaml")) == (
        "error[Y003]: anchors are not allowed\n"
        " --> m.yaml:1:4\n"
        "  |\n"
        "1 | a: &x 1\n"
        "  |    ^\n"
        "  |\n"
        "  = help: write the part out where it is needed"
    )


def test_a_tag() -> None:
    assert said(lambda: parse("a: !!int x\n", "m.yaml")) == (
        "error[Y004]: the tag `tag:yaml.org,2002:int` is not allowed\n"
        " --> m.yaml:1:4\n"
        "  |\n"
        "1 | a: !!int x\n"
        "  |    ^\n"
        "  |\n"
        "  = help: write the plain value; the field's type reads it"
    )


def test_a_nest_that_is_too_deep() -> None:
    first = said(lambda: parse("a: " + "[" * 41 + "]" * 41 + "\n", "m.yaml")).splitlines()
    assert first[:2] == ["error[Y005]: the file nests deeper than 40 levels", " --> m.yaml:1:43"]


def test_bytes_that_are_no_text() -> None:
    assert said(lambda: parse(b"a: \xff\xfe\n", "m.yaml")) == (
        "error[Y006]: the file is not UTF-8\n --> m.yaml:1\n  = help: save it as UTF-8 in the editor"
    )


def test_a_setting_and_a_lookup_of_a_template_that_cannot_be() -> None:
    settings = {"company_id": "12345678", "home_country": "XX"}
    assert said(lambda: load("pohoda/order", settings=settings, lookups={"payment": {"cards": "x"}})) == (
        "error[T011]: the setting `home_country` is `XX`, but must be one of `CZ`, `SK`\n"
        "  = help: `home_country` is the country of the accounting unit; it decides VAT slots, the place of tax "
        "numbers and the language of fixed words\n"
        "\n"
        "error[T013]: `cards` is not the code of a payment method\n"
        "  = help: there is one with a similar name: `card`"
    )


def test_vat_rates_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "templates" / "mine"
    folder.mkdir(parents=True)
    extended = '{% extends "pohoda/order.xml.j2" %}{% block record %}{{ super() }}{% endblock %}'
    (folder / "order.xml.j2").write_text(extended)
    (folder / "vat_rates.yaml").write_text("CZ: yes\n")
    assert said(lambda: load("mine/order", site=tmp_path)) == (
        "error[T016]: these are no VAT rates: 'str' object has no attribute 'items'\n"
        " --> templates/mine/vat_rates.yaml\n"
        "  = help: the form is `CZ: [{from: 2024-01-01, high: 21, low: 12}]`"
    )


def test_a_text_that_is_no_xml() -> None:
    problems = load_schema("pohoda/data").check(b"<a>", record="order 1")
    assert render_all(problems) == (
        "error[X003]: order 1: the template wrote no well-formed XML: premature end of data in tag a line 1\n"
        " --> rendered.xml:1:4\n"
        "  |\n"
        "1 | <a>\n"
        "  |    ^\n"
        "  |\n"
        "  = help: look for an element that the template does not close"
    )
