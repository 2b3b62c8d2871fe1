"""Loading and rendering: the language, its outputs, versions, threads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from lxml import etree

from gateway.diagnostics import render
from gateway.documents import Payment
from gateway.rendering import Identity, RecordProblems, Template, load
from gateway.rendering.characters import legal
from tests.rendering.orders import LOOKUPS, SETTINGS, company, identity, line, order, party

Lay = Callable[..., Path]


def text_of(site: Path, document: Any = None, **settings: Any) -> str:
    template = load("mine/order", site=site, settings=settings)
    return template.record(document or order(), identity()).text.strip()


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ("{{ document.number | text(4) }}", "2026"),
        ("{{ document.total.gross }}", "331"),
        ("{{ document.payment.method }}", "cash_on_delivery"),
        ("{{ document.exchange_amount }}", "1"),
        ("{{ 'a & b' }}", "a &amp; b"),
        ("{{ 'a & b' ~ ' < ' ~ document.number }}", "a &amp; b &lt; 2026000124"),
        ("{% set x %}<b>{{ 'R & D' }}</b>{% endset %}{{ x }}", "<b>R &amp; D</b>"),
        ("{% macro m(t) %}<b>{{ t }}</b>{% endmacro %}{{ m('R & D') }}", "<b>R &amp; D</b>"),
        ("{% macro m(t) %}<b>{{ t }}</b>{% endmacro %}{{ m('R & D') ~ '&' }}", "<b>R &amp; D</b>&amp;"),
        ("{% macro m(t='&') %}{{ t }}{% endmacro %}{{ m() }}{{ m(t='<') }}", "&amp;&lt;"),
        ("{{ 'x' if document.cancelled else 'y' }}", "y"),
        ("{{ document.cancelled | boolean }}", "false"),
        ("{{ document.ordered_at | date }}", "2026-11-21"),
        ("{% for l in document.lines %}{{ loop.index }}{{ ',' if not loop.last else '' }}{% endfor %}", "1,2"),
        ("{% for l in document.lines if l.kind == 'shipping' %}{{ l.name }}{% endfor %}", "Zásilkovna"),
        ("{{ document.lines[0].sku }}", "TRICKO-L"),
        ("{% with n = document.number %}{{ n }}{% endwith %}", "2026000124"),
        ("{{ [document.number, none, 'a'] | joined('-') }}", "2026000124-a"),
        ("{{ document.shop_note is none }}", None),
        ("{{ identity.origin }} {{ identity.item }}", "shoptet-main shoptet-main:order:2026000124"),
        ("{% include 'mine/_part.xml.j2' %}", "<part>2026000124</part>"),
        ("{% import 'mine/_part.xml.j2' as part %}{{ part.of('&') }}", "<of>&amp;</of>"),
    ],
)
def test_the_language(lay: Lay, body: str, written: str | None) -> None:
    site = (
        lay(body, _part="<part>{{ document.number }}</part>{% macro of(x) %}<of>{{ x }}</of>{% endmacro %}")
        if "import" not in body
        else lay(body, _part="{% macro of(x) %}<of>{{ x }}</of>{% endmacro %}")
    )
    if written is None:
        with pytest.raises(Exception, match="flag"):
            text_of(site)
    else:
        assert text_of(site) == written


@pytest.mark.parametrize(
    ("code", "written"),
    [
        (" A-1 ", "A-1"),
        ("A  1", "A  1"),
        ("Ž/1 & 2", "Ž/1 &amp; 2"),
        ("A\n1", None),
        ("A²", None),
        ("A" * 65, None),
    ],
)
def test_a_code_is_written_as_it_is_or_refused(lay: Lay, code: str, written: str | None) -> None:
    site = lay(
        "{{ document.number | code(64) }}",
        settings="settings: {encoding: {default: windows-1250, description: x}}",
    )
    if written is not None:
        assert text_of(site, order(number=code)) == written
        return
    with pytest.raises(RecordProblems) as caught:
        text_of(site, order(number=code))
    assert [p.code for p in caught.value.problems] == ["T015"]


@pytest.mark.parametrize(
    ("value", "filtered", "written"),
    [
        ("242.0000", "amount(4)", "242"),
        ("99.1700", "amount(4)", "99.17"),
        ("0.00005", "amount(4)", "0.0001"),
        ("-0.00", "amount", "0"),
        ("1E+3", "amount(2)", "1000"),
        ("242", "fixed", "242.00"),
        ("1E+3", "fixed(1)", "1000.0"),
        ("99.175", "fixed(2)", "99.18"),
        ("1E+3", "quantity", "1000"),
        ("0.5000", "quantity", "0.5"),
        ("1E-7", "quantity", "0.0000001"),
    ],
)
def test_numbers_are_plain(lay: Lay, value: str, filtered: str, written: str) -> None:
    site = lay("{{ document.lines[0].quantity | " + filtered + " }}")
    assert text_of(site, order(lines=(line(quantity=Decimal(value)),))) == written


@pytest.mark.parametrize(
    ("filtered", "written"),
    [
        ("moment", "2026-11-20T08:05:31+01:00"),
        ('moment("plain")', "2026-11-20 08:05:31"),
        ('moment("minutes")', "2026-11-20 08:05"),
    ],
)
def test_times_are_written_in_their_own_zone(lay: Lay, filtered: str, written: str) -> None:
    site = lay("{{ document.ordered_at | " + filtered + " }}")
    moment = datetime(2026, 11, 20, 8, 5, 31, 999, tzinfo=ZoneInfo("Europe/Prague"))
    assert text_of(site, order(ordered_at=moment)) == written


@hypothesis_settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(min_size=1))
def test_every_way_to_write_a_text_escapes_it_once(lay: Lay, value: str) -> None:
    site = lay(
        "{% macro m(t) %}<m>{{ t }}</m>{% endmacro %}{% set x %}<x>{{ document.number }}</x>{% endset %}"
        '<r a="{{ document.number }}"><o>{{ document.number }}</o>{{ m(document.number) }}{{ x }}'
        "<c>{{ '' ~ document.number }}</c>{{ m('' ~ document.number) ~ '' }}"
        "<j>{{ [document.number] | joined }}</j></r>"
    )
    root = etree.fromstring(text_of(site, order(number=value)))
    kept = legal(value).text
    assert root.get("a") == kept
    assert [e.text or "" for e in root] == [kept] * 6


def test_characters_that_xml_cannot_hold_are_left_out_and_told(lay: Lay) -> None:
    template = load("mine/order", site=lay("<a>{{ document.number }}</a>"))
    rendered = template.record(order(number="1\x01\ud8002"), identity())
    assert rendered.text.strip() == "<a>12</a>"
    assert [(n.code, n.field) for n in rendered.notes] == [("T007", "number")]
    assert "U+0001 → (nothing), U+D800 → (nothing)" in rendered.notes[0].message


def test_an_empty_field_is_refused_with_its_template_line(lay: Lay, monkeypatch: pytest.MonkeyPatch) -> None:
    site = lay("<a>\n{{ document.shop_note }}\n{{ document.billing.company ~ '!' }}\n</a>")
    monkeypatch.chdir(site)
    template = load("mine/order", site=site)
    with pytest.raises(RecordProblems) as caught:
        template.record(order(), identity())
    assert [p.field for p in caught.value.problems] == ["shop_note", "billing.company"]
    assert render(caught.value.problems[0]) == (
        "error[T004]: order 2026000124: `shop_note` is empty, and the template writes it\n"
        " --> templates/mine/order.xml.j2:4:4\n"
        "  |\n"
        "4 | {{ document.shop_note }}\n"
        "  |    ^^^^^^^^^^^^^^^^^^\n"
        "  |\n"
        "  = help: map the field, or write it only `{% if … %}` it is there"
    )


def test_a_field_of_an_empty_part_is_refused_with_its_template_line(lay: Lay) -> None:
    template = load("mine/order", site=lay("{{ document.delivery.city }}"))
    with pytest.raises(RecordProblems) as caught:
        template.record(order(), identity())
    problem = caught.value.problems[0]
    assert (problem.code, problem.message) == ("T004", "what stands before `.city` is empty")
    assert problem.span is not None
    assert problem.span.line == 3


def test_an_undefined_name_is_refused(lay: Lay) -> None:
    template = load("mine/order", site=lay("{% if document.cancelled %}{% set x = 'a' %}{% endif %}{{ x }}"))
    with pytest.raises(RecordProblems) as caught:
        template.record(order(), identity())
    assert caught.value.problems[0].message == "`x` was not set on the way to this line"


def test_a_template_of_the_site_extends_a_shipped_one(site: Path) -> None:
    (site / "templates" / "mine" / "order-retail.xml.j2").write_text(
        '{% extends "pohoda/order.xml.j2" %}\n{% block record %}\n<!-- retail -->\n{{ super() }}{% endblock %}\n'
    )
    template = load("mine/order-retail", site=site, settings=SETTINGS, lookups=LOOKUPS)
    shipped = load("pohoda/order", settings=SETTINGS, lookups=LOOKUPS)
    assert template.kind == "order"
    assert template.record(order(), identity()).text == (
        "<!-- retail -->\n" + shipped.record(order(), identity()).text
    )


def test_a_template_is_loaded_by_its_path_too(lay: Lay) -> None:
    site = lay("{{ document.number }}")
    template = load(str(site / "templates" / "mine" / "order.xml.j2"))
    assert template.name == "mine/order"
    assert template.record(order(), identity()).text.strip() == "2026000124"


def test_the_whole_is_what_jinja_itself_makes_of_the_template(template: Template) -> None:
    document = order(billing=company(name="R & D <x>"), shop_note='"quoted"')
    visible = {"document": document, "settings": template.settings, "identity": identity(document)}
    ordinary = template._language.get_template("pohoda/order.xml.j2").render(visible)
    assert template.whole(document, identity(document)).text == ordinary


def test_plain_jinja_without_our_output_step_writes_the_same_xml(template: Template) -> None:
    """The slow path: the same files in Jinja as everybody knows it."""
    ours = template._language

    class Plain(jinja2.Environment):
        pass

    def without_site(call: Any) -> Any:
        return lambda value, *arguments: call(value, *arguments, site=0)

    plain = Plain(
        loader=ours.loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    plain.filters = {name: without_site(call) for name, call in ours.filters.items()}
    plain.tests = dict(ours.tests)
    document = order(billing=company(name="R & D <x>"), delivery=party(name="A"), shop_note='"quoted"')
    visible = {"document": document, "settings": template.settings, "identity": identity(document)}
    expected = plain.get_template("pohoda/order.xml.j2").render(visible).encode("cp1250")
    found = template.encode(template.whole(document, identity(document)).text)
    assert etree.tostring(etree.fromstring(found), method="c14n") == etree.tostring(
        etree.fromstring(expected), method="c14n"
    )


def test_the_version_follows_files_settings_and_lookups(lay: Lay) -> None:
    def version(record: str, part: str = "a", setting: str = "x") -> str:
        site = lay(
            record + "{% include 'mine/_part.xml.j2' %}",
            _part=part,
            settings="settings: {word: {description: a word, default: x}}",
        )
        return load("mine/order", site=site, settings={"word": setting}).version

    first = version("{{ document.number }}")
    assert len(first) == 64
    assert version("{{ document.number }}") == first
    assert version("{{ document.number }}!") != first
    assert version("{{ document.number }}", part="b") != first
    assert version("{{ document.number }}", setting="y") != first
    with_lookup = load("pohoda/order", settings=SETTINGS, lookups=LOOKUPS).version
    assert with_lookup != load("pohoda/order", settings=SETTINGS).version


def test_what_the_encoding_lacks_becomes_a_reference(template: Template) -> None:
    assert template.encode("ř²") == b"\xf8&#178;"


def test_one_template_serves_many_threads(template: Template) -> None:
    def one(number: int) -> tuple[str, list[str]]:
        document = order(number=f"{number:05}", billing=party(name=f"{number:05}" + "ñ" * (60 + number % 40)))
        rendered = template.whole(document, identity(document))
        return rendered.text, [note.context[0] for note in rendered.notes]

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(one, range(400)))
    for number, (text, notes) in enumerate(results):
        assert f"<typ:ids>{number:05}</typ:ids>" in text
        assert all(f"{number:05}" in note for note in notes)
        assert len(notes) == (2 if 65 + number % 40 > 64 else 1)


def test_problems_of_one_thread_do_not_reach_another(template: Template) -> None:
    def one(number: int) -> bool:
        bad = number % 2 == 0
        document = order(payment=Payment(method="online" if bad else "card"))
        try:
            template.record(document, identity())
        except RecordProblems as error:
            return bad and len(error.problems) == 1
        return not bad

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(200)))


def test_importing_the_room_is_cheap() -> None:
    program = (
        "import sys, gateway.rendering; print([m for m in ('jinja2', 'lxml', 'xmlschema') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_head_writes_the_pack(template: Template) -> None:
    head = template.head("pack <1>")
    assert head.startswith('<?xml version="1.0" encoding="windows-1250"?>\n<dat:dataPack ')
    assert 'id="pack &lt;1&gt;"' in head
    assert template.tail() == "</dat:dataPack>\n"
    assert Identity("a", "b", "c").pack == "a"
