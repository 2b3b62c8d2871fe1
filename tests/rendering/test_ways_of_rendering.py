"""A record is rendered quickly or in the ordinary way, and its bytes do not tell which."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from gateway.documents import LineKind, Order, Payment, PaymentMethod, Price, PriceBasis, Shipping, Totals
from gateway.errors import ProblemsFound
from gateway.mapping import load as load_mapping
from gateway.rendering import Identity, RecordProblems, Template, load
from gateway.rendering import quick as quickening
from gateway.rendering.quick import TROUBLE, Remembered
from tests.mapping.conftest import ROOT
from tests.rendering.orders import LOOKUPS, PRAGUE, SETTINGS, gross, identity, line, net, order, party

Lay = Callable[..., Path]
STEADY = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def quickly(template: Template, document: Order) -> bytes | None:
    """The quick rendering; None where it is in doubt."""
    quick = template._quick("record")
    if quick is None:
        return None
    try:
        return quick({"document": document, "settings": template.settings, "identity": identity(document)})
    except TROUBLE:
        return None


def ordinarily(template: Template, document: Order) -> Any:
    """The bytes; or the problems; or the bytes with what is to be told."""
    try:
        rendered = template._write(document, identity(document), ("head", "tail"))
    except RecordProblems as error:
        return error.problems
    return (rendered.data, rendered.notes) if rendered.notes else rendered.data


def same(template: Template, document: Order) -> bool:
    """Whether it was rendered quickly; and then it must be what the ordinary way gives."""
    for _ in range(2):  # the second time from what is remembered
        written = quickly(template, document)
        assert written is None or written == ordinarily(template, document)
    return written is not None


# -- POHODA's order

TEXTS = (
    None,
    "Tričko",
    "R & D <b> \"x\" 'y'",
    "a\nb",
    " a  b ",
    "\u00a0",
    "",
    "Київ",
    "\x01x",
    "\ud800",
    "€ ½ ñ",
    "x" * 300,
    "x\ty",
    "\u200b",
    "Ț",
    "e\u0301",
    "A-1",
    "]]>",
)
NUMBERS = tuple(map(Decimal, ("0", "-0", "1", "1.0", "1.00000", "121", "99.17", "0.00005", "-79.80", "1E+3")))
text = st.sampled_from(TEXTS)
number = st.sampled_from(NUMBERS)


@st.composite
def lines(draw: st.DrawFn) -> Any:
    """One line, seldom a usual one."""
    if draw(st.booleans()):
        return line()
    basis = draw(st.sampled_from((gross, net)))
    price = basis(str(draw(number)))
    rate = draw(st.sampled_from(("21", "12", "0", "15", "19", "21.0")))
    return line(
        price,
        kind=draw(st.sampled_from(LineKind)),
        name=draw(text) or "x",
        variant=draw(text),
        sku=draw(text),
        unit=draw(text),
        note=draw(text),
        quantity=draw(number),
        vat_rate=Decimal(rate),
        total=draw(st.sampled_from((price, Price(), Price(net=Decimal(5), basis=PriceBasis.NET)))),
    )


@st.composite
def documents(draw: st.DrawFn) -> Order:
    """Any order that the types allow."""
    parties = st.builds(party, name=text, company=text, city=text, vat_id=text, company_id=text, country=text)
    return structs.replace(
        order(),
        number=draw(text) or "1",
        currency=draw(st.sampled_from(("CZK", "EUR", "HUF"))),
        ordered_at=datetime(draw(st.sampled_from((2012, 2026))), 11, 21, 0, 30, tzinfo=PRAGUE),
        billing=draw(st.one_of(st.just(party()), parties)),
        delivery=draw(st.one_of(st.none(), parties)),
        lines=tuple(draw(st.lists(lines(), max_size=3))),
        total=Totals(gross=draw(number), rounding=draw(number), to_pay=draw(st.one_of(st.none(), number))),
        payment=Payment(method=draw(st.sampled_from((None, *PaymentMethod))), name=draw(text), paid=draw(flag)),
        shipping=Shipping(name=draw(text), pickup_point=draw(text)),
        exchange_rate=draw(st.one_of(st.none(), number)),
        customer_note=draw(text),
        shop_note=draw(text),
    )


flag = st.sampled_from((None, True, False))
CHOSEN: tuple[dict[str, Any], ...] = (
    {},
    {"encoding": "utf-8", "prices": "net", "rounding_document": "declared"},
    {"home_country": "SK", "foreign_vat": "history", "row_totals": "warn", "phone": "phone", "person": "name"},
    {"number_series": "26OP & spol.", "store": "A", "rest": "note", "link_to_address": "companies"},
)


@pytest.fixture(scope="module")
def pohoda() -> list[Template]:
    return [load("pohoda/order", settings=SETTINGS | chosen, lookups=LOOKUPS) for chosen in CHOSEN]


@given(document=documents(), chosen=st.integers(0, len(CHOSEN) - 1))
@settings(STEADY, max_examples=300)
def test_any_order_is_rendered_alike(pohoda: list[Template], document: Order, chosen: int) -> None:
    same(pohoda[chosen], document)


def test_the_orders_of_the_samples_are_rendered_quickly() -> None:
    lookups = LOOKUPS | {"payment": {str(method): "Kód" for method in PaymentMethod}}
    template = load("pohoda/order", settings=SETTINGS | {"foreign_vat": "history"}, lookups=lookups)
    quick = []
    for reading in load_mapping("shoptet/order").read(ROOT / "samples/shoptet/orders.xml"):
        assert reading.document is not None
        quick.append(same(template, reading.document))
    assert quick == [True] * 6


@given(pack=st.sampled_from(("a", "R & D", "x" * 64, "x" * 65, "\x01", "ž", "Київ", "a b")))
@STEADY
def test_the_envelope_is_rendered_alike(pohoda: list[Template], pack: str) -> None:
    for template in pohoda:
        assert _problems_or(template.envelope, pack) == _problems_or(_envelope, template, pack)


@pytest.mark.parametrize("site", [None, ROOT], ids=["shipped", "of the site"])
def test_a_template_is_compiled_the_ordinary_way_when_that_is_needed(site: Path | None) -> None:
    # given a template that was loaded
    template = load("pohoda/order", settings=SETTINGS, lookups=LOOKUPS, site=site)
    # then it has neither been compiled nor is it for a pack that has nothing unusual
    template.envelope("p"), template.record(order(), identity())
    assert not template._language._compiled
    # but for one that has
    assert template.record(order(customer_note="\u2192"), identity()).notes
    assert template._language._compiled


def _envelope(template: Template, pack: str) -> tuple[bytes, bytes]:
    return template.encode(template.head(pack)), template.encode(template.tail())


def _problems_or(write: Callable[..., Any], *given: Any) -> Any:
    try:
        return write(*given)
    except RecordProblems as error:
        return error.problems


# -- templates of one's own

MACROS = (
    "{% macro shown(t) %}<m>{{ t }}</m>{% endmacro %}"
    "{% macro kept(t) %}{% if t %}{% set a = t %}{% endif %}{{ a }}{% endmacro %}"
    "{% macro both(b, a) %}{% set c = a %}{{ b }}{{ c }}{% for a in [b] %}{{ a }}{% endfor %}{{ a }}{% endmacro %}"
    "{% macro named(line) %}{% with a = line.name %}{{ a | text(8) }}{% endwith %}{% endmacro %}"
)
VALUES = (
    "document.number",
    "document.customer_note",
    "document.total.gross",
    "document.exchange_amount",
    "document.payment.method",
    "document.cancelled",
    "document.payment.paid",
    "identity.item",
    "'R & D'",
    "'a\\n b\\tc'",
    "none",
    "7",
    "'x' ~ document.number",
    "(document.shop_note or 'nothing')",
    "('yes' if document.cancelled else 'no')",
    "[document.number, document.shop_note, 'z'] | joined('\\n')",
    "document.lines[0].vat_rate",
    "document.lines[0].name",
    "a",
    "b",
)
FILTERS = (
    "",
    "",
    " | text",
    " | text(6)",
    " | memo",
    " | memo(5)",
    " | code",
    " | code(12)",
    " | compact",
    " | amount",
    " | amount(1)",
    " | amount(11)",
    " | quantity",
    " | boolean",
    " | text | compact | code(30)",
    " | lookup('words')",
    " | lookup('words', none)",
    " | lookup('words', 'other') | text(3)",
)
value = st.tuples(st.sampled_from(VALUES), st.sampled_from(FILTERS)).map("".join)
bare = st.sampled_from(VALUES)
written = value.map(lambda each: "{{ " + each + " }}")
calls = st.one_of(
    bare.map(lambda each: "{{ shown(" + each + ") }}"),
    bare.map(lambda each: "{{ kept(" + each + ") }}"),
    st.tuples(bare, bare).map(lambda each: "{{ both(" + ", ".join(each) + ") }}"),
    st.just("{{ both(a='<', b='>') }}"),
    st.just("{% for line in document.lines %}{{ named(line) }}{% endfor %}"),
)
leaf = st.one_of(written, written, calls, st.sampled_from(("<x/>\n", "  ", "ž", "{# seen #}")))
CONDITIONS = ("document.cancelled", "document.shop_note", "document.number == '1'", "document.shop_note is none")


def nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    name = st.sampled_from(("a", "b", "c"))
    return st.one_of(
        st.lists(inner, max_size=3).map("".join),
        st.tuples(name, value).map(lambda each: f"{{% set {each[0]} = {each[1]} %}}"),
        st.tuples(st.sampled_from(CONDITIONS), inner, inner).map(
            lambda each: f"{{% if {each[0]} %}}{each[1]}{{% else %}}{each[2]}{{% endif %}}"
        ),
        st.tuples(name, inner).map(
            lambda each: f"{{% for {each[0]} in [document.number, 'q'] %}}{each[1]}{{% endfor %}}"
        ),
        inner.map(lambda each: f"{{% for line in document.lines if line.sku %}}{each}{{% endfor %}}"),
        st.tuples(name, bare, inner).map(
            lambda each: f"{{% with {each[0]} = {each[1]} %}}{each[2]}{{% endwith %}}"
        ),
    )


bodies = st.lists(st.recursive(leaf, nested, max_leaves=6), min_size=1, max_size=4).map("".join)
KNOWN = "{% set a = document.number %}{% set b = document.shop_note %}"
MAYBE = "{% if document.cancelled %}{% set a = 'A' %}{% endif %}{% set b = 'B' %}"
DOCUMENTS = (
    order(),
    order(number="1", cancelled=True, customer_note="a\n<b> & c", payment=Payment(paid=True), lines=()),
    order(number="Ž/1 'x'", shop_note="Київ", total=Totals(gross=Decimal("1.0"))),
    order(shop_note="x" * 20, total=Totals(gross=Decimal("1.00005"))),
)
WORDS = "lookups: {words: {type: text, description: words}}\n"


@given(body=bodies, before=st.sampled_from(("", KNOWN, MAYBE)))
@settings(STEADY, max_examples=700)
def test_a_template_of_ones_own_is_rendered_alike(lay: Lay, body: str, before: str) -> None:
    site = lay(before + body, _macros=MACROS)
    file = site / "templates" / "mine" / "order.xml.j2"
    imported = '{% from "mine/_macros.xml.j2" import shown, kept, both, named %}\n{% block'
    file.write_text(file.read_text(encoding="utf-8").replace("{% block", imported, 1), encoding="utf-8")
    try:
        template = load("mine/order", site=site)
    except ProblemsFound:
        return
    for document in DOCUMENTS:
        same(template, document)


@pytest.mark.parametrize(
    "body",
    [
        "<a>{{ 'a\\n b\\tc' }}{{ 'x' ~ '\\n' }}{{ 'a\\nb' if 1 == 1 else 'c' }}</a>",
        "{% set a = 'around' %}{{ kept('') }}",
        "{% for x in [document.cancelled, 0] %}{{ x | boolean }}{% endfor %}",
        "{% for x in [document.total.gross, 331, document.total.gross] %}{{ x | quantity }}{% endfor %}",
        "{{ document.number | text('5') }}",
        "{% set a %}<b>{{ document.number }}</b>{% endset %}{{ a }}",
        "{% for line in document.lines %}{{ loop.index }}{{ ',' if not loop.last else '' }}{% endfor %}",
        "{% include 'mine/_part.xml.j2' %}",
        "{{ document.total.gross | amount(12) }}",
    ],
)
def test_an_odd_template_is_rendered_alike(lay: Lay, body: str) -> None:
    template = load("mine/order", site=lay(MACROS + body, _part="<part>{{ document.number }}</part>"))
    for document in DOCUMENTS:
        same(template, document)


def test_a_macro_of_the_envelope_counts_more_than_one_of_the_same_name(lay: Lay) -> None:
    site = lay("{{ m('a') }}", _own="{% macro m(t) %}own {{ t }}{% endmacro %}")
    folder = site / "templates" / "mine"
    envelope, file = folder / "_envelope.xml.j2", folder / "order.xml.j2"
    envelope.write_text("{% macro m(t) %}of all {{ t }}{% endmacro %}" + envelope.read_text())
    file.write_text(file.read_text().replace("{% block", '{% from "mine/_own.xml.j2" import m %}\n{% block', 1))
    template = load("mine/order", site=site)
    assert template.record(order(), identity()).text.strip() == "of all a"
    same(template, order())


def test_macros_and_loops_are_brought_into_the_quick_form(lay: Lay) -> None:
    body = "{% for line in document.lines %}{{ shown(line.name) }}{{ both('<', line.sku or '-') }}{% endfor %}"
    assert same(load("mine/order", site=lay(MACROS + body)), order()) is False  # macros inside of the block
    site = lay(body)
    file = site / "templates" / "mine" / "order.xml.j2"
    file.write_text(file.read_text().replace("{% block", MACROS + "\n{% block", 1))
    assert same(load("mine/order", site=site), order())


def test_threads_share_a_template_from_its_first_record_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quickening, "REMEMBERED", 3)
    several = [
        order(number=str(n), lines=(line(name=f"Zboží {n % 7}"), line(gross(f"{n}.50")))) for n in range(60)
    ]
    alone = load("pohoda/order", settings=SETTINGS, lookups=LOOKUPS)
    expected = [alone.record(each, identity(each)) for each in several]
    template = load("pohoda/order", settings=SETTINGS, lookups=LOOKUPS)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(template.record, several, map(identity, several))) == expected


def test_what_is_remembered_is_bounded() -> None:
    table = Remembered(str.encode, str)
    for count in range(quickening.REMEMBERED + 10):
        assert table[f"t{count}"] == f"t{count}".encode()
    assert len(table) <= quickening.REMEMBERED
    assert table["x" * 5000] == b"x" * 5000
    assert "x" * 5000 not in table


def test_an_identity_is_part_of_what_is_written(pohoda: list[Template]) -> None:
    # given the same order of two shops
    first, second = (pohoda[0].record(order(), Identity.of(shop, "order", "1")).data for shop in ("one", "two"))
    assert first == second.replace(b"two", b"one")
