"""The check at load: what a template may not name, call or include, and how it is told."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

import pytest
from jinja2 import compiler

from gateway.diagnostics import render, render_all
from gateway.errors import ProblemsFound
from gateway.rendering import check, load
from gateway.rendering.reachability import reviewed
from tests.rendering.orders import identity, order

Lay = Callable[..., Path]


def problems_of(site: Path, name: str = "mine/order") -> list[str]:
    with pytest.raises(ProblemsFound) as caught:
        load(name, site=site)
    return [f"{p.code} {p.message}" for p in caught.value.problems]


def test_an_unknown_field_is_shown_with_the_nearest_name(lay: Lay, monkeypatch: pytest.MonkeyPatch) -> None:
    site = lay("<a>{{ document.nmber }}</a>")
    monkeypatch.chdir(site)
    assert render_all(check("mine/order", site=site)) == (
        "error[T002]: `document.nmber` is not a field of Order\n"
        " --> templates/mine/order.xml.j2:3:7\n"
        "  |\n"
        "3 | <a>{{ document.nmber }}</a>\n"
        "  |       ^^^^^^^^^^^^^^\n"
        "  |\n"
        "  = help: there is a field with a similar name: `number`"
    )


def test_all_problems_are_told_in_one_run(lay: Lay) -> None:
    site = lay(
        "{{ document.nmber }}\n{% for line in document.lines %}{{ line.prise }}{% endfor %}\n"
        "{{ document.billing.town }}\n{{ settings.centre }}"
    )
    assert problems_of(site) == [
        "T002 `document.nmber` is not a field of Order",
        "T002 `line.prise` is not a field of OrderLine",
        "T002 `document.billing.town` is not a field of Party",
        "T009 `centre` is not a setting of this template",
    ]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        # the ways out of a template that are known
        ("{{ document.__class__ }}", "T003 `__class__` begins with an underscore"),
        ("{{ ''.__class__.__mro__ }}", "T003 `__class__` begins with an underscore"),
        ("{{ cycler.__init__.__globals__ }}", "T002 there is no `cycler`"),
        ("{{ self.__init__ }}", "T002 there is no `self`"),
        ("{{ document['__class__'] }}", "T003 `[…]` takes a literal number, on a list"),
        ("{{ document[document.number] }}", "T003 `[…]` takes a literal number, on a list"),
        ("{{ document | attr('number') }}", "T003 `attr` is not a filter"),
        ("{{ document.lines | map(attribute='sku') }}", "T003 `map` is not a filter"),
        ("{{ '%s' | format(document) }}", "T003 `format` is not a filter"),
        ("{{ document.number.format(document) }}", "T003 `document.number.format` cannot be called"),
        ("{{ range(1000000000) }}", "T003 `range` cannot be called"),
        ("{{ 'a' * 10000000000 }}", "T003 a template does no arithmetic"),
        ("{{ '%1000000000d' % 1 }}", "T003 a template does no arithmetic"),
        ("{{ document.total.gross + 1 }}", "T003 a template does no arithmetic"),
        ("{{ namespace(a=1) }}", "T003 `namespace` cannot be called"),
        ("{{ lipsum() }}", "T003 `lipsum` cannot be called"),
        ("{{ document.number() }}", "T003 `document.number` cannot be called"),
        ("{{ (1).real }}", "T002 `real`: a number has no fields"),
        ("{{ document.number | safe }}", "T003 `safe` is not a filter"),
        ("{{ document.number | safe | text }}", "T003 `safe` is not a filter"),
        (
            "{% autoescape false %}{{ document.number }}{% endautoescape %}",
            "T003 `{% autoescape %}` is not allowed",
        ),
        ("{% filter upper %}a{% endfilter %}", "T003 `{% filter %}` is not allowed"),
        ("{% include document.number %}", "T003 a file is named by a literal text only"),
        ("{% include ['a', 'b'] %}", "T003 a file is named by a literal text only"),
        ("{% import document.number as x %}", "T003 a file is named by a literal text only"),
        ("{% include '../../config.yaml' %}", "T008 there is no template `../../config.yaml`"),
        ("{% include '/etc/passwd' %}", "T008 there is no template `/etc/passwd`"),
        ("{% set document = 1 %}", "T003 `document` cannot be set"),
        ("{% set a, b = 1, 2 %}", "T003 only a plain name can be set"),
        ("{% set document.number = 1 %}", "T003 only a plain name can be set"),
        ("{% for a in document.lines recursive %}{% endfor %}", "T003 a recursive loop is not allowed"),
        ("{% macro m() %}{{ m() }}{% endmacro %}", "T003 the macro `m` calls itself"),
        ("{% macro m(a) %}{{ a }}{% endmacro %}{% call m(1) %}x{% endcall %}", "T003 `{% call %}` is not allowed"),
        ("{{ {'a': 1} }}", "T003 `Dict` is not allowed in a template"),
        ("{{ document.number[1:2] }}", "T003 `[…]` takes a literal number"),
        ("{{ document.number is sameas(1) }}", "T003 `sameas` is not a test"),
        ("{% macro m() %}{% endmacro %}{{ m.name }}", "T003 `m` is a macro, or a file of macros, and can only be"),
        ("{% macro m(a) %}{{ a.nope }}{% endmacro %}", "T002 `a.nope` is not a field of anything"),
        ("{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}", "T002 there is no `varargs`"),
        ("{% for l in document.lines %}{{ loop.cycle(1) }}{% endfor %}", "T003 `loop.cycle` cannot be called"),
        (
            "{% set y = document.lines if document.cancelled else document.number %}{{ y.format }}",
            "T002 `y.format` is not a field of anything",
        ),
        ("{% block inner %}{% endblock %}{{ self.inner() }}", "T003 `self.inner` cannot be called"),
        ("{% if 1 %}" * 3000, "T001 this is no template: it nests too deep"),
        # what Python, which a template becomes, cannot read
        ("{% if 1 %}" * 80 + "{% endif %}" * 80, "T001 this is no template: it nests deeper than 75 levels"),
        (
            "{{ document.number" + " | text(8)" * 210 + " }}",
            "T001 this is no template: an expression has more than 150 parts",
        ),
        (
            "{% if " + "not " * 300 + "1 %}{% endif %}",
            "T001 this is no template: an expression has more than 150 parts",
        ),
        (
            "{% for l in document.lines %}" * 21 + "{% endfor %}" * 21,
            "T001 this is no template: more than 15 `for` stand inside each other",
        ),
        ("{% macro m(a, a) %}{% endmacro %}", "T001 this is no template: `a` stands twice among the arguments"),
        (
            "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(a=1, a=2) }}",
            "T001 this is no template: `a` stands twice among the arguments",
        ),
        ("{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}", "T003 the macro `m` takes a"),
        ("{{ " + "9" * 5000 + " }}", "T001 this is no template: a number in it is too long"),
        # what Jinja itself refuses only when it compiles
        ("{% for loop in document.lines %}{% endfor %}", "T003 `loop` cannot be set inside a `for`"),
        (
            "{% for l in document.lines %}{% else %}{% set loop = 1 %}{% endfor %}",
            "T003 `loop` cannot be set inside a `for`",
        ),
        ("{% block a %}{% endblock %}{% block a %}{% endblock %}", "T003 there are two blocks `a`"),
        ("{% macro m(caller) %}{{ caller() }}{% endmacro %}", "T003 a macro has no argument `caller`"),
        ("{% if 1 %}{% extends 'mine/_envelope.xml.j2' %}{% endif %}", "T003 `{% extends %}` stands once"),
        # mistakes
        ("{{ order.number }}", "T002 there is no `order`: a template sees `document`, `settings` and `identity`"),
        ("{{ document.number | txt(3) }}", "T003 `txt` is not a filter"),
        ("{{ document.number | text(1, 2) }}", "T003 the filter `text` takes (longest)"),
        (
            "{{ document.number | amount }}",
            "T003 the filter `amount` works on a number, and `document.number` is a",
        ),
        ("{{ document.ordered_at }}", "T003 `document.ordered_at` is a moment and has no one text form"),
        ("{{ document.billing }}", "T003 `document.billing` is a Party and has no one text form"),
        ("{{ document.lines }}", "T003 `document.lines` is a list and has no one text form"),
        ("{{ document.cancelled }}", "T003 `document.cancelled` is a flag and has no one text form"),
        ("{{ none }}", "T003 `None` has no text form"),
        ("{{ document.number.upper }}", "T002 `document.number.upper`: a text has no fields"),
        ("{% for x in document.number %}{% endfor %}", "T003 `document.number` is a text, not a list"),
        ("{% if document.payment.method == 'kard' %}{% endif %}", "T002 `kard` is not a PaymentMethod"),
        ("{% for l in document.lines if l.kind in ['produkt'] %}{% endfor %}", "T002 `produkt` is not a LineKind"),
        ("{{ document.payment.method | lookup('payment') }}", "T009 `payment` is not a lookup of this template"),
        ("{% from 'mine/_m.xml.j2' import nothing %}", "T008 there is no template `mine/_m.xml.j2`"),
        ("{{ document.number ", "T001 this is no template: "),
        ("{% if %}", "T001 this is no template: expected an expression"),
        ("{% endfor %}", "T001 this is no template: encountered unknown tag `endfor`"),
    ],
)
def test_what_a_template_must_not_do_is_refused_at_load(lay: Lay, body: str, problem: str) -> None:
    found = problems_of(lay(body))
    assert any(one.replace("'", "`").startswith(problem) for one in found), found


def test_a_long_table_of_conditions_is_no_deep_nest(lay: Lay) -> None:
    # given a list of codes in one expression, as long as that of the countries of a continent
    chosen = " else ".join(f"'{code}' if document.number == '{code}'" for code in range(120))
    either = " or ".join(f"document.number == '{code}'" for code in range(120))
    # then it is a template that can be written
    site = lay(f"{{{{ {chosen} else '' }}}}{{% if {either} %}}wrong{{% endif %}}")
    assert "wrong" not in load("mine/order", site=site).whole(order(), identity()).text


def test_a_setting_may_be_named_like_a_word_of_python(lay: Lay) -> None:
    site = lay(
        "<a>{{ settings.class }}</a>", settings="settings: {class: {type: text, description: a class, default: x}}"
    )
    template = load("mine/order", site=site)
    assert "<a>x</a>" in template.whole(order(), identity()).text
    assert b"<a>x</a>" in template.record(order(), identity()).data


def test_the_check_tells_all_that_jinja_refuses_when_it_compiles() -> None:
    # given the refusals above and those of unknown filters and tests, nothing is left that only a compiler tells
    refusals = inspect.getsource(compiler).count("self.fail(")
    # then a Jinja that has another one is to be met by the check
    assert refusals == 5


def test_macros_that_call_each_other_too_deep_are_told_in_words(lay: Lay) -> None:
    # given macros of 60 levels, each of which calls the one before from its innermost level
    opened, closed = "{% if d.number %}" * 60, "{% endif %}" * 60
    macros = "{% macro m0(d) %}x{% endmacro %}" + "".join(
        f"{{% macro m{number}(d) %}}{opened}{{{{ m{number - 1}(d) }}}}{closed}{{% endmacro %}}"
        for number in range(1, 20)
    )
    # when one of them is used, then that is a problem of the template
    assert problems_of(lay(macros + "{{ m19(document) }}")) == [
        "T001 this is no template: its macros call each other too deep"
    ]


def test_a_macro_is_checked_with_what_it_is_called_with(lay: Lay) -> None:
    site = lay(
        '{% from "mine/_m.xml.j2" import one %}\n{{ one(document.billing) }}{{ one(document.payment) }}',
        _m="{% macro one(thing) %}{{ thing.city }}{% endmacro %}",
    )
    assert problems_of(site) == ["T002 `thing.city` is not a field of Payment"]


def test_an_included_file_is_checked_with_what_stands_around_it(lay: Lay) -> None:
    site = lay(
        "{% for line in document.lines %}{% include 'mine/_line.xml.j2' %}{% endfor %}",
        _line="{{ line.name }}{{ line.nme }}",
    )
    assert problems_of(site) == ["T002 `line.nme` is not a field of OrderLine"]


def test_a_file_that_includes_itself_is_refused(lay: Lay) -> None:
    site = lay("{% include 'mine/_a.xml.j2' %}", _a="{% include 'mine/_a.xml.j2' %}")
    assert problems_of(site) == ["T003 `mine/_a.xml.j2` includes itself"]


def test_a_template_that_extends_itself_is_refused(site: Path) -> None:
    (site / "templates" / "mine" / "order.xml.j2").write_text('{% extends "mine/order.xml.j2" %}')
    assert problems_of(site) == ["T003 `mine/order.xml.j2` extends itself"]


def test_an_envelope_has_three_blocks_and_nothing_else(site: Path) -> None:
    (site / "templates" / "mine" / "order.xml.j2").write_text("<a>{{ document.number }}</a>\n")
    assert problems_of(site) == [
        "T003 an envelope has the blocks `head`, `record` and `tail`, in this order",
        "T003 an envelope has no text outside its blocks",
    ]


def test_the_envelope_does_not_know_a_single_document(site: Path) -> None:
    (site / "templates" / "mine" / "order.xml.j2").write_text(
        "{% block head %}{{ document.number }}{{ identity.item }}{% endblock %}"
        "{% block record %}{% endblock %}{% block tail %}{% endblock %}"
    )
    assert problems_of(site) == [
        "T003 `document` is not there in `head` and `tail`: a pack may hold several",
        "T003 `identity.item` is not there in `head` and `tail`",
    ]


def test_a_syntax_error_is_shown_at_its_line(lay: Lay, monkeypatch: pytest.MonkeyPatch) -> None:
    site = lay("<a>\n{% if document.number %}\n</a>")
    monkeypatch.chdir(site)
    with pytest.raises(ProblemsFound) as caught:
        load("mine/order", site=site)
    problem = caught.value.problems[0]
    assert problem.code == "T001"
    assert str(problem.span) == "templates/mine/order.xml.j2:6"


def test_a_template_that_is_not_there_is_told_with_the_nearest_name() -> None:
    with pytest.raises(ProblemsFound) as caught:
        load("pohoda/ordr")
    problem = caught.value.problems[0]
    assert render(problem).startswith("error[T008]: there is no template `pohoda/ordr`\n")
    assert problem.help == "there is a template with a similar name: `pohoda/order`"


def test_a_name_that_tells_no_kind_is_refused(site: Path) -> None:
    (site / "templates" / "mine" / "thing.xml.j2").write_text('{% extends "mine/_envelope.xml.j2" %}')
    assert problems_of(site, "mine/thing") == ["T008 the name `mine/thing.xml.j2` tells no kind of document"]


def test_the_shipped_template_has_no_problems() -> None:
    assert check("pohoda/order") == ()


# -- what is never written -------------------------------------------------------------------------------


def test_a_block_that_the_extended_template_lacks_is_told(lay: Lay, monkeypatch: pytest.MonkeyPatch) -> None:
    site = lay("{{ super() }}{% endblock %}{% block recrod %}x")
    monkeypatch.chdir(site)
    [problem] = reviewed("mine/order", site=site)
    assert render(problem).splitlines()[0] == (
        "warning[T019]: the block `recrod` is never written: `mine/_envelope.xml.j2` has no such block"
    )
    assert problem.help == "the blocks there are `head`, `record`, `tail`"
    assert check("mine/order", site=site) == (), "it is a remark and keeps nothing from working"


@pytest.mark.parametrize(
    ("body", "remark"),
    [
        ("{% if false %}x{% endif %}", "warning T020 this condition is always false"),
        ("{% if not 0 %}x{% endif %}", "warning T020 this condition is always true"),
        (
            "{% if document.payment %}x{% endif %}",
            "note T020 this condition is always true: `document.payment` is always there",
        ),
        (
            "{% if document.number is none %}x{% endif %}",
            "note T020 this condition is always false: `document.number` is always there",
        ),
        (
            "{% for line in document.lines %}{% if line.total %}x{% endif %}{% endfor %}",
            "note T020 this condition is always true: `line.total` is always there",
        ),
        (
            "{% if document.number and document.billing is none %}x{% endif %}",
            "note T020 this condition is always false: `document.billing` is always there",
        ),
    ],
)
def test_a_decided_condition_is_told(lay: Lay, body: str, remark: str) -> None:
    found = [f"{each.level} {each.code} {each.message}" for each in reviewed("mine/order", site=lay(body))]
    assert found == [remark]


@pytest.mark.parametrize(
    "body",
    [
        "{% if document.delivery %}x{% endif %}",
        "{% if document.delivery and document.delivery != document.billing %}x{% endif %}",
        "{% if document.number %}x{% endif %}",
        "{% if document.lines %}x{% endif %}",
        "{% if document.cancelled or document.payment.paid %}x{% endif %}",
        "{% set there = document.billing if document.cancelled else none %}{% if there %}x{% endif %}",
        "{% macro m(p) %}{% if p %}x{% endif %}{% endmacro %}{{ m(document.billing) }}{{ m(document.delivery) }}",
        "{% if settings.centre_missing is defined %}x{% endif %}",
    ],
)
def test_a_condition_that_may_go_either_way_is_no_remark(lay: Lay, body: str) -> None:
    found = [each for each in reviewed("mine/order", site=lay(body)) if each.code == "T020"]
    assert found == []


def test_the_shipped_template_has_no_remarks() -> None:
    assert reviewed("pohoda/order") == ()
