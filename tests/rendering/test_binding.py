"""A template is rendered for one target: what its settings decide is decided once, and writes the same."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import nodes

from gateway.rendering.binding import bind

LANGUAGE = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined)
SEEN = {"document": {"a": "A", "b": "", "rows": ["1", "2"]}, "identity": {"item": "I"}}


def bound(text: str, /, **settings: Any) -> tuple[nodes.Template, set[int]]:
    tree = LANGUAGE.parse(text)
    assured = bind(tree, SimpleNamespace(**settings))
    return tree, assured


def rendered(text: str, /, **settings: Any) -> tuple[str, str]:
    """What a template writes as it is, and what it writes once it is bound."""
    seen = {**SEEN, "settings": settings}
    tree, _ = bound(text, **settings)
    return LANGUAGE.from_string(text).render(seen), LANGUAGE.from_string(tree).render(seen)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("{% if settings.yes %}x{% else %}{{ document.a }}{% endif %}", "x"),
        ("{% if settings.no %}x{% elif settings.yes %}y{% else %}z{% endif %}", "y"),
        ("{% if settings.no %}x{% elif not settings.yes %}y{% endif %}", ""),
        ("{% if settings.text == 'shop' %}x{% endif %}{% if settings.text != 'shop' %}y{% endif %}", "x"),
        ("{% if settings.no or settings.none %}x{% else %}y{% endif %}", "y"),
        ("{% if document.a and settings.no %}x{% else %}y{% endif %}", "y"),
        ("{% if document.b or settings.yes %}x{% else %}y{% endif %}", "x"),
        ("{% set chosen = settings.text == 'shop' %}{% if chosen %}x{% endif %}", "x"),
    ],
)
def test_what_the_settings_decide_is_left_out(text: str, left: str) -> None:
    tree, _ = bound(text, yes=True, no=False, none=None, text="shop")
    assert not list(tree.find_all(nodes.If))
    assert "".join(data.data for data in tree.find_all(nodes.TemplateData)) == left


@pytest.mark.parametrize(
    "text",
    [
        "{% if document.a ~ document.b or settings.yes %}x{% else %}y{% endif %}",
        "{% if document.rows.first and settings.no %}x{% else %}y{% endif %}",
        "{% if chosen or settings.yes %}x{% else %}y{% endif %}",
        "{{ 'x' if document.a | upper or settings.yes else 'y' }}",
    ],
)
def test_what_may_tell_something_is_looked_at_though_the_settings_decide(text: str) -> None:
    tree, _ = bound(text, yes=True, no=False)
    assert [*tree.find_all((nodes.If, nodes.CondExpr))]


def test_what_the_document_decides_is_left_to_it() -> None:
    tree, _ = bound("{% if document.a and settings.yes %}x{% elif document.b %}y{% else %}z{% endif %}", yes=True)
    condition = next(tree.find_all(nodes.If))
    assert isinstance(condition.test, nodes.Getattr)
    assert len(condition.elif_) == 1


def test_a_name_that_is_set_twice_is_no_constant() -> None:
    text = (
        "{% set a = settings.no %}{% if document.a %}{% set a = settings.yes %}{% endif %}{% if a %}x{% endif %}"
    )
    assert rendered(text, yes=True, no=False) == ("x", "x")


def test_a_name_that_is_set_on_one_way_only_is_not_sure() -> None:
    text = "{% if document.b %}{% set a = 1 %}{% endif %}{{ a }}"
    tree, assured = bound(text)
    assert not [name for name in tree.find_all(nodes.Name) if name.name == "a" and id(name) in assured]


def test_names_that_are_set_on_every_way_are_sure() -> None:
    text = (
        "{% if document.b %}{% set a = 1 %}{% else %}{% set a = 2 %}{% endif %}{{ a }}"
        "{% for row in document.rows %}{{ row }}{% endfor %}{% with c = a %}{{ c }}{% endwith %}"
    )
    tree, assured = bound(text)
    sure = [name.name for name in tree.find_all(nodes.Name) if id(name) in assured]
    assert sorted(sure) == ["a", "a", "c", "row"]


values = st.sampled_from((True, False, None, "x", "", 0, 1))
tests = st.recursive(
    st.sampled_from(
        (
            "settings.p",
            "settings.q",
            "document.a",
            "document.b",
            "settings.p == settings.q",
            "settings.p != 'shop'",
        )
    ),
    lambda inner: st.one_of(
        inner.map(lambda each: f"not ({each})"),
        st.tuples(inner, st.sampled_from(("and", "or")), inner).map(
            lambda each: f"({each[0]}) {each[1]} ({each[2]})"
        ),
        st.tuples(inner, inner, inner).map(lambda each: f"(({each[0]}) if ({each[1]}) else ({each[2]}))"),
    ),
    max_leaves=6,
)


@given(test=tests, other=tests, shown=tests, p=values, q=values)
def test_any_condition_is_decided_as_it_would_be(test: str, other: str, shown: str, p: Any, q: Any) -> None:
    text = (
        f"{{% set chosen = {other} %}}{{% if {test} %}}1{{% elif chosen %}}2{{% else %}}3{{% endif %}}"
        f"[{{{{ {shown} }}}}]"
        f"{{% for row in document.rows %}}{{% if {other} %}}{{{{ row }}}}{{% endif %}}{{% endfor %}}"
    )
    before, after = rendered(text, p=p, q=q)
    assert before == after
