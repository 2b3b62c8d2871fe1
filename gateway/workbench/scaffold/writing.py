"""The text of a drafted mapping: every line with its reason, what is missing, and what was left over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

import msgspec

from gateway.diagnostics import plural
from gateway.workbench.scaffold.draft import Draft
from gateway.workbench.scaffold.guess import Guess, Rows

_WIDTH = 115
_SHOWN = 40
_BARE = re.compile(r"[A-Za-z_./][\w@./-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "~"})


class Expectation(msgspec.Struct, frozen=True):
    """What a record of the sample is read as today, as a test of the mapping."""

    name: str
    given: str
    expect: Mapping[str, str]


class Header(msgspec.Struct, frozen=True):
    """What stands above a draft. `source` are the lines of `source:` as a flow table."""

    modeline: str
    name: str
    kind: str
    sample: str
    source: Mapping[str, Any]
    given: str


def written(draft: Draft, header: Header, tests: Sequence[Expectation]) -> str:
    """The whole file."""
    told = (
        f"{header.name}: a draft from {header.sample} ({plural(len(draft.survey.records), 'record')}). Behind "
        "every line stands how sure it is, why, and a value of the sample. Read each one, mend it, and take the "
        "remark away."
    )
    lines = [f"# yaml-language-server: $schema={header.modeline}", "#", *_comment(told)]
    for text in draft.missing:
        lines += _comment(text)
    for text in draft.withdrawn:
        lines += _comment(f"WITHDRAWN {text}: a value of the sample could not be read by the guess")
    lines += ["version: 1", f"kind: {header.kind}", f"key: {draft.form.key}"]
    lines += [f"source: {flow(header.source)}", "", "fields:"]
    lines += _fields(_needed(draft), "  ", draft.form.apart)
    lines += _rows(draft)
    lines += _lookups(draft)
    lines += _tests(tests)
    lines += _unmapped(draft)
    return "\n".join(lines) + "\n"


def flow(value: Any) -> str:
    """A value as YAML on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(each) for each in value) + "]"
    return scalar(str(value))


def scalar(text: str) -> str:
    """A text as a YAML scalar, quoted where it must be."""
    if _BARE.fullmatch(text) and text.casefold() not in _WORDS:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _needed(draft: Draft) -> list[Guess]:
    """The guesses, with a place held for each field that the document cannot be without."""
    guesses = [*draft.guesses, *draft.form.held(draft.guesses, draft.survey)]
    return sorted(guesses, key=lambda guess: draft.form.fields.index(guess.field.partition(".")[0]))


def _fields(guesses: Sequence[Guess], indent: str, apart: frozenset[str] = frozenset()) -> Iterator[str]:
    width = min(max((len(f"{guess.field}: {flow(guess.rule)}") for guess in guesses), default=0), 60)
    group = ""
    for guess in guesses:
        now = guess.field.partition(".")[0]
        if group not in ("", now) and now in apart:
            yield ""
        group = now
        yield from _remarked(
            f"{indent}{guess.field}: {flow(guess.rule)}", _remark(guess), width + len(indent), indent
        )


def _remark(guess: Guess) -> str:
    sample = f' · "{_short(guess.sample)}"' if guess.sample else " · empty in the sample" if guess.used else ""
    return f"{guess.sure} · {guess.why}{sample}" if guess.why else ""


def _remarked(line: str, remark: str, width: int, indent: str) -> Iterator[str]:
    """A line with its remark behind it, or above it where both do not fit."""
    if not remark:
        yield line
    elif len(line.ljust(width)) + 4 + len(remark) <= _WIDTH:
        yield f"{line.ljust(width)}  # {remark}"
    else:
        yield from (f"{indent}# {part}" for part in wrap(remark, _WIDTH - len(indent) - 2))
        yield line


def _rows(draft: Draft) -> Iterator[str]:
    blocks = draft.lines or tuple(each for each in (draft.form.rows,) if each is not None)
    for name in dict.fromkeys(rows.block for rows in blocks):
        yield ""
        yield f"  {name}:"
        yield from _blocks([rows for rows in blocks if rows.block == name])


def _blocks(blocks: Sequence[Rows]) -> Iterator[str]:
    for rows in blocks:
        several = len(blocks) > 1
        indent = "      " if several else "    "
        if rows.why:
            yield f"{indent[:-2]}# {rows.why}"
        yield f"{indent[:-2] + '- ' if several else indent}each: {scalar(rows.each)}"
        if rows.when:
            yield f"{indent}when: {scalar(rows.when)}"
        yield f"{indent}fields:"
        yield from _fields(rows.guesses, indent + "  ")


def _lookups(draft: Draft) -> Iterator[str]:
    if not draft.tables.rows:
        return
    yield ""
    yield "# Only the words of the sample are known; `else` says what any other one is."
    yield "lookups:"
    for name, rows in draft.tables.rows.items():
        doubts = draft.tables.doubts.get(name, [])
        yield f"  {name}:"
        for word, code in rows.items():
            doubt = "    # guess: the word says nothing known" if word in doubts else ""
            yield f"    {scalar(word)}: {scalar(code)}{doubt}"


def _tests(tests: Sequence[Expectation]) -> Iterator[str]:
    if not tests:
        return
    yield ""
    yield "# As the sample is read by this draft, not as somebody found right: compare each value with the shop."
    yield "tests:"
    for test in tests:
        yield f"  - name: {scalar(test.name)}"
        yield f"    given: {scalar(test.given)}"
        yield "    expect:"
        for path, value in test.expect.items():
            yield f"      {path}: {value}"


def _unmapped(draft: Draft) -> Iterator[str]:
    if not draft.unmapped:
        return
    yield ""
    yield "# Not mapped: path, and a value of the sample."
    width = min(max(len(path) for path, _ in draft.unmapped), 60)
    for path, sample in draft.unmapped:
        yield f"#   {path.ljust(width)}  {_short(sample) if sample else '-'}"


def _comment(text: str) -> Iterator[str]:
    first, *rest = wrap(text, _WIDTH - 4)
    yield f"# {first}"
    yield from (f"#   {line}" for line in rest)


def _short(text: str) -> str:
    text = " ".join(text.split()).replace('"', "'")
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
