"""A problem as text: the place, the line, carets below it, and what to do."""

from __future__ import annotations

from textwrap import dedent

import pytest

from gateway.diagnostics import (
    Level,
    Problem,
    Span,
    count_line,
    from_json,
    github_line,
    has_errors,
    one_line,
    plural,
    printable,
    render,
    render_all,
)

SPAN = Span(file="orders.xml", line=7, column=9, length=5, text="  <TYPE>chair</TYPE>")
FULL = Problem(
    code="D004",
    message="the lookup `line_kind` has no entry for `chair`",
    span=SPAN,
    label="this one",
    help="add a line for it",
    record="order 1001",
    field="lines[0].kind",
    context=("field: lines[0].kind", "mapped by mappings/shoptet/order.yaml:57"),
)


def text(block: str) -> str:
    return dedent(block).strip("\n")


def test_a_whole_problem() -> None:
    assert render(FULL) == text("""
        error[D004]: order 1001: the lookup `line_kind` has no entry for `chair`
         --> orders.xml:7:9
          |
        7 |   <TYPE>chair</TYPE>
          |         ^^^^^ this one
          |
          = field: lines[0].kind
          = mapped by mappings/shoptet/order.yaml:57
          = help: add a line for it
    """)


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (Problem(code="G007", message="it is gone"), "error[G007]: it is gone"),
        (
            Problem(code="G002", message="many", level="warning", help="look"),
            "warning[G002]: many\n  = help: look",
        ),
        (
            Problem(code="C003", message="empty", span=Span(file="config.yaml"), help="begin"),
            "error[C003]: empty\n --> config.yaml\n  = help: begin",
        ),
        (
            Problem(code="X001", message="m", span=Span(file="a.xml", line=12, text="<a/>"), label="here"),
            "error[X001]: m\n  --> a.xml:12\n   |\n12 | <a/>\n   | here",
        ),
    ],
)
def test_what_is_not_known_is_left_out(problem: Problem, expected: str) -> None:
    assert render(problem) == expected


def test_carets_stand_below_the_text_also_where_letters_are_wide_or_made_of_two() -> None:
    line = "価格 e\u0301 = chyba"
    span = Span(file="a", line=1, column=line.index("chyba") + 1, length=5, text=line)
    caret_line = render(Problem(code="D001", message="m", span=span)).splitlines()[-1]
    assert caret_line == "  | " + " " * len("KKKK e = ") + "^^^^^"


def test_carets_never_go_beyond_the_line() -> None:
    span = Span(file="a", line=1, column=3, length=50, text="abcd")
    assert render(Problem(code="D001", message="m", span=span)).splitlines()[-1] == "  |   ^^"


def test_of_a_very_long_line_the_place_that_matters_is_shown() -> None:
    line = "<ORDER>" + "x" * 5000 + "WRONG" + "y" * 5000
    span = Span(file="a", line=1, column=line.index("WRONG") + 1, length=5, text=line)
    *_, shown, carets = render(Problem(code="D001", message="m", span=span)).splitlines()
    assert len(shown) == len("1 | ") + 160
    assert (shown[4], shown[-1]) == ("…", "…")
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "WRONG"


def test_tabs_take_one_place_so_that_carets_fit() -> None:
    span = Span(file="a", line=1, column=3, length=1, text="\t\tx")
    assert render(Problem(code="D001", message="m", span=span)).splitlines()[-2:] == ["1 |   x", "  |   ^"]


def test_control_characters_from_outside_can_neither_colour_nor_break_a_line() -> None:
    evil = "\x1b[31mred\n\x07\u202e"
    shown = render(Problem(code="D001", message=evil, span=Span(file=evil, line=1, text=evil), help=evil))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert len(shown.splitlines()) == 6
    assert printable(evil) == r"\x1b[31mred\n\x07\u202e"


def test_colour_is_only_added_where_it_is_asked_for() -> None:
    import re

    for level in ("error", "warning", "note"):
        problem = Problem(code="D001", message="m", level=_level(level), span=SPAN)
        assert "\x1b" not in render(problem)
        assert "\x1b" in render(problem, colour=True)
        assert re.sub(r"\x1b\[[0-9;]*m", "", render(problem, colour=True)) == render(problem)


def _level(name: str) -> Level:
    assert name in ("error", "warning", "note")
    return name  # type: ignore[return-value]


def test_several_problems_have_a_blank_line_between_them() -> None:
    one = Problem(code="D001", message="m")
    assert render_all([one, one]) == "error[D001]: m\n\nerror[D001]: m"
    assert render_all([]) == ""


def test_the_short_form_is_one_line() -> None:
    assert one_line(FULL) == (
        "orders.xml:7:9: error[D004]: order 1001: the lookup `line_kind` has no entry for `chair`"
    )
    assert one_line(Problem(code="D001", message="a\nb")) == r"error[D001]: a\nb"


def test_counting() -> None:
    error, warning = Problem(code="D001", message="m"), Problem(code="D001", message="m", level="warning")
    assert count_line([error, error, warning], 5) == "2 errors, 1 warning in 5 files"
    assert count_line([error], 1) == "1 error in 1 file"
    assert count_line([], 2) == "0 errors in 2 files"
    assert (plural(1, "order"), plural(0, "order")) == ("1 order", "0 orders")
    assert has_errors([warning, error])
    assert not has_errors((warning,))


def test_a_problem_survives_being_stored() -> None:
    assert from_json(FULL.as_json()) == FULL
    assert from_json(Problem(code="D001", message="m").as_json()) == Problem(code="D001", message="m")
    assert Problem(code="D001", message="m").as_json() == {"code": "D001", "message": "m", "level": "error"}


def test_a_problem_learns_its_place_only_where_it_has_none() -> None:
    bare = Problem(code="D001", message="m")
    other = Span(file="other")
    assert bare.at(SPAN, record="order 1").span == SPAN
    assert FULL.at(other, record="order 2") == FULL


def test_an_annotation_for_a_workflow_is_one_line_with_its_place() -> None:
    assert github_line(FULL) == (
        "::error file=orders.xml,line=7,col=9,title=D004::"
        + (f"{FULL.record}: " if FULL.record else "")
        + "the lookup `line_kind` has no entry for `chair`%0Ahelp: add a line for it"
    )


def test_an_annotation_of_a_note_without_a_place_escapes_what_would_end_it() -> None:
    problem = Problem(
        code="S007", level="note", message="100 % of a,b: nothing\nhere", span=Span(file="a,b:c.xml")
    )
    assert github_line(problem) == "::notice file=a%2Cb%3Ac.xml,title=S007::100 %25 of a,b: nothing%0Ahere"
