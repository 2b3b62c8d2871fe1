"""One more entry in a file: what is there keeps every byte, and the file says what it said and the entry."""

from __future__ import annotations

import re
from textwrap import dedent

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from gateway import yamlfile
from gateway.workbench.site_setup.insertion import CannotInsert, Entry, inserted
from gateway.workbench.site_setup.yaml_text import scalar

LINES = ("# a new one", "new:", "  origin: shop", "  from:", "    files: a")
ROUTE = Entry(("routes",), "new", LINES, {"origin": "shop", "from": {"files": "a"}})


def text(block: str) -> str:
    return dedent(block).lstrip("\n")


def put(before: str, *entries: Entry) -> str:
    return inserted(before.encode(), entries or [ROUTE], "config.yaml").decode()


def test_an_entry_goes_behind_the_comments_of_its_block_and_before_those_of_the_next() -> None:
    # given a block whose last entry is followed by examples in comments, and a heading of what follows
    before = text("""
        routes:
          shop:
            origin: main     # the shop
            # every: 5 min

          # another:
          #   origin: x

        # Several merchants:
        # merchants:
        targets: {}
    """)
    # then
    assert put(before) == text("""
        routes:
          shop:
            origin: main     # the shop
            # every: 5 min

          # another:
          #   origin: x

          # a new one
          new:
            origin: shop
            from:
              files: a

        # Several merchants:
        # merchants:
        targets: {}
    """)


def test_a_block_that_is_missing_is_made_at_the_end() -> None:
    assert put("version: 1") == text("""
        version: 1

        routes:
          # a new one
          new:
            origin: shop
            from:
              files: a
    """)


def test_an_empty_block_with_nothing_but_comments_takes_the_entry() -> None:
    assert put("routes:\n  # none yet\nversion: 1\n").startswith(
        "routes:\n  # none yet\n\n  # a new one\n  new:\n"
    )


def test_the_indentation_of_the_file_is_taken_over() -> None:
    assert "\n    new:\n        origin: shop\n        from:\n            files: a\n" in put(
        "routes:\n    old:\n        origin: x\n"
    )


def test_a_nested_block_takes_an_entry_too() -> None:
    before = "merchants:\n  acme:\n    targets:\n      a: {endpoint: x}\n  other:\n    company_id: 1\n"
    entry = Entry(("merchants", "acme", "targets"), "b", ("b: {endpoint: y}",), {"endpoint": "y"})
    assert put(before, entry) == before.replace("x}\n", "x}\n\n      b: {endpoint: y}\n\n", 1)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_the_byte_order_mark_are_kept(end: str, mark: str) -> None:
    before = (
        mark
        + text("""
        version: 1
        routes:
          old: {origin: x}
    """).replace("\n", end)
    ).encode()
    after = inserted(before, [ROUTE], "config.yaml")
    assert after.startswith(before)
    ends = set(re.findall("\r\n|\r|\n", after.decode()))
    assert ends == {end}


@pytest.mark.parametrize(
    ("before", "why", "line"),
    [
        ("version: 1\nroutes: {}\n", "`routes` is written in braces, `{…}`", 2),
        ("version: 1\nroutes: {a: {origin: x}}\n", "`routes` is written in braces, `{…}`", 2),
        ("{version: 1}\n", "the file is written in braces, `{…}`", 1),
        ("routes: ~\n", "`routes` has a value of its own (nothing)", 1),
        ("version: 1\nroutes: []\n", "`routes` is not a table of keys and values", 2),
        ("- a\n", "the file is not a table of keys and values", 1),
    ],
)
def test_what_leaves_no_safe_place_is_refused(before: str, why: str, line: int) -> None:
    with pytest.raises(CannotInsert) as refused:
        put(before)
    assert (refused.value.why, refused.value.line) == (why, line)


def test_blank_lines_that_belong_to_a_value_are_not_taken_from_it() -> None:
    # given a text whose empty lines at the end count
    with pytest.raises(CannotInsert, match="its layout leaves no place"):
        put("routes:\n  old:\n    note: |+\n      text\n\n\nversion: 1\n")


NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,6}", fullmatch=True)
VALUES = st.one_of(
    NAMES.map(lambda name: f" {name}"),
    st.just(' "quoted: # no comment"'),
    st.just(" {type: local, path: out}"),
    st.just(" [a, b]"),
    st.just(" |\n{deep}text # of it\n{deep}# and this\n"),
    st.just(" >-\n{deep}folded\n\n{deep}more"),
)
COMMENTS = st.sampled_from(["", "", "# a comment", "  # deep", "    # deeper", "# key: value", " # é ✓"])


@st.composite
def members(draw: st.DrawFn, column: int, step: int) -> list[str]:
    """The lines of a block with some members, comments and empty lines between them."""
    lines = []
    for name in draw(st.lists(NAMES, min_size=1, max_size=4, unique=True)):
        lines += [draw(COMMENTS) for _ in range(draw(st.integers(0, 2)))]
        pad = " " * column
        if draw(st.booleans()) and column < 3 * step:
            lines += [f"{pad}{name}:", *draw(members(column + step, step))]
        else:
            value = draw(VALUES).replace("{deep}", " " * (column + step)).rstrip("\n")
            lines += f"{pad}{name}:{value}".split("\n")
    return [*lines, *(draw(COMMENTS) for _ in range(draw(st.integers(0, 2))))]


@st.composite
def configurations(draw: st.DrawFn) -> bytes:
    """A file with some of the blocks, in any order, layout and line ends."""
    step = draw(st.sampled_from([1, 2, 3, 4]))
    blocks = draw(st.permutations(["version", "endpoints", "targets", "routes"]))
    lines = []
    for block in blocks[: draw(st.integers(1, 4))]:
        lines += [draw(COMMENTS) for _ in range(draw(st.integers(0, 2)))]
        if block == "version":
            lines.append("version: 1   # the format")
        else:
            lines += [f"{block}:", *(draw(members(step, step)) if draw(st.booleans()) else [])]
    end = draw(st.sampled_from(["\n", "\r\n"]))
    tail = draw(st.sampled_from(["", end, end + end]))
    mark = draw(st.sampled_from(["", "\ufeff"]))
    return (mark + end.join(lines) + tail).encode()


@settings(max_examples=300, deadline=None)
@given(configurations(), st.lists(st.sampled_from(["endpoints", "targets", "routes"]), min_size=1, unique=True))
def test_whatever_the_file_its_lines_stay_and_it_says_the_old_and_the_new(raw: bytes, blocks: list[str]) -> None:
    # given
    try:
        before = yamlfile.parse(raw, "config.yaml").data or {}
    except Exception:  # noqa: BLE001 - a text that is no YAML is nobody's configuration
        return
    if not isinstance(before, dict):
        return
    entries = [Entry((block,), "brand-new", ("# it", "brand-new:", "  a: b"), {"a": "b"}) for block in blocks]
    # when
    try:
        after = inserted(raw, entries, "config.yaml")
    except CannotInsert:
        event("refused")
        return
    event("inserted")
    # then every line that was there is there, in its order
    old, new = raw.splitlines(keepends=True), iter(after.splitlines(keepends=True))
    assert all(line in new for line in old[:-1])
    assert not old or any(line.rstrip(b"\r\n") == old[-1].rstrip(b"\r\n") for line in new)
    # and the file says what it said and the new
    said = yamlfile.parse(after, "config.yaml").data
    wanted = {**before, **{block: {**(before.get(block) or {}), "brand-new": {"a": "b"}} for block in blocks}}
    assert said == wanted


@given(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")) | st.just(" "), min_size=1))
def test_a_value_is_read_as_the_text_that_was_written(value: str) -> None:
    data = yamlfile.parse(f"a: {scalar(value)}\nb: [{scalar(value)}]\n", "x").data
    assert data == {"a": value, "b": [value]}
