"""Hostile or careless YAML and templates: each is refused with a clear problem before any data is read."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from gateway import yamlfile
from gateway.config import load
from gateway.errors import ConfigError, ProblemsFound
from gateway.rendering import load as load_template
from tests.exchange.conftest import TestSite

BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
)
YAML = {
    "a tag that makes Python objects": ('a: !!python/object/apply:os.system ["id"]', "tag"),
    "a tag that reads files": ("a: !include /etc/passwd", "tag"),
    "aliases that multiply": (BOMB, "anchors are not allowed"),
    "a merge of aliases": ("a: &a {x: 1}\nb: {<<: *a}", "anchors are not allowed"),
    "a key that stands twice": ("a: 1\na: 2", "twice"),
    "five thousand brackets": ("a: " + "[" * 5000, "deep"),
    "two megabytes": ("a: " + "x" * 2_000_000, "large"),
    "control characters": ("a: b\x00c", "character"),
    "two documents": ("a: 1\n---\nb: 2", "document"),
}


@pytest.mark.parametrize("name", YAML)
def test_hostile_yaml_is_refused_with_its_place(tmp_path: Path, name: str) -> None:
    text, word = YAML[name]
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    began = time.monotonic()
    with pytest.raises(ProblemsFound) as caught:
        yamlfile.read(path)
    (problem,) = caught.value.problems
    assert problem.code.startswith("Y")
    assert word in f"{problem.message} {problem.help}".lower(), problem
    assert time.monotonic() - began < 30, "a bound against hanging, not a measurement"


def test_values_that_yaml_would_turn_into_something_else_stay_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("country: NO\nnumber: 012\ntime: 12:30\nprice: 1.10\nyes: on\n", encoding="utf-8")
    assert yamlfile.read(path).data == {
        "country": "NO",
        "number": "012",
        "time": "12:30",
        "price": "1.10",
        "yes": "on",
    }


@pytest.mark.parametrize(
    ("route", "said"),
    [
        ("from: {folder: /etc, endpoint: out}\nmapping: ../../../etc/passwd", "mapping"),
        ("mapping: /etc/passwd", "mapping"),
    ],
)
def test_a_name_of_a_mapping_leads_out_of_nothing(site: TestSite, route: str, said: str) -> None:
    text = site.config_path.read_text().replace("mapping: shoptet/order", route.replace("\n", "\n    "))
    site.config_path.write_text(text)
    with site.open() as opened:
        assert opened.routes == {}
        assert said in " ".join(problem.message for problem in opened.problems)


def test_an_include_leads_to_files_beside_the_configuration_only(site: TestSite) -> None:
    text = site.config_path.read_text().replace("version: 1", "version: 1\ninclude: [/etc/passwd, ../../*.yaml]")
    site.config_path.write_text(text)
    try:
        problems = load(site.config_path).problems
    except ConfigError as error:
        problems = error.problems
    assert [problem.code for problem in problems if "/etc/passwd" in problem.message] == ["C004"]


TEMPLATES = {
    "the class of a value": "{{ document.number.__class__ }}",
    "the class of a text": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "a global's module": "{{ cycler.__init__.__globals__ }}",
    "a global's module by text": "{{ lipsum['__globals__'] }}",
    "an attribute named by a filter": "{{ document | attr('__class__') }}",
    "an attribute put together": "{{ document['__cl' ~ 'ass__'] }}",
    "a loop of thousands of millions": "{% for n in range(1000000000) %}{{ n }}{% endfor %}",
    "a text of thousands of millions": "{{ 'a' * 10000000000 }}",
    "a template that is named by data": "{% include document.number %}",
    "a file of the system": "{% include '/etc/passwd' %}",
    "a file above": "{% include '../../../../etc/passwd' %}",
    "text that is not escaped": "{{ document.note | safe }}",
    "escaping switched off": "{% autoescape false %}{{ document.note }}{% endautoescape %}",
    "a value from the environment": "{{ config.endpoints }}",
    "a name of the own module": "{{ self.__init__ }}",
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_that_reaches_for_more_than_the_document_is_refused_at_load(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "templates" / "evil"
    folder.mkdir(parents=True)
    (folder / "order.xml.j2").write_text(
        "{% extends 'pohoda/_datapack.xml.j2' %}{% block record %}<a>" + TEMPLATES[name] + "</a>{% endblock %}",
        encoding="utf-8",
    )
    with pytest.raises(ProblemsFound) as caught:
        load_template("evil/order", site=tmp_path)
    told = [problem for problem in caught.value.problems if problem.code != "T010"]  # a setting that is missing
    assert told
    assert all(problem.code.startswith("T") and problem.span is not None for problem in told)
