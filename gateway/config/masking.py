"""No secret stands in an excerpt: the lines of a configuration file with the values of secret keys masked."""

from __future__ import annotations

import re

import msgspec
from msgspec.structs import replace

from gateway.diagnostics import Problem, Span
from gateway.yamlfile import YamlFile

# Possessive, and from the beginning of a word only: a long line is read once, not once from each of its letters.
_KEY = re.compile(r"""(?<!\w)["']?(\w++)["']?+[ \t]*+:(?=\s|["']|$)""")
_SECRET = re.compile(r"pa?s+w|passp|pwd|secret|token|\Aquery\Z|\Aheaders\Z|\Anotify\Z", re.IGNORECASE)
_IN_AN_ADDRESS = re.compile(r"(?<=://)[^\s/@]++(?=@)|(?<=[\w/]\?)[^\s'\",}\]#]++")
_BLANKS = re.compile(r"[ \t]*")
_REFERENCE = re.compile(r"""(["']?)(?:\$\{[^}\n]*\})+\1""")
_QUOTED = re.compile(r"""[ \t]*(?:"(?:\\.|[^"\\])*"|'(?:''|[^'])*')""", re.DOTALL)
_IN_FLOW = re.compile(r"[^,}\]\n]*")


def masked_lines(text: str) -> list[str]:
    """The lines of a file, every value of a secret key as stars. In doubt more is masked, never less."""
    shown: list[str] = []
    kept, at = 0, 0  # what stands before `kept` is in `shown`
    while (match := _KEY.search(text, at)) is not None:
        at = match.end()
        if _SECRET.search(match[1]) is None:
            continue
        start = _BLANKS.match(text, at)
        value = start.end() if start else at
        at = _end_of_value(text, match.start(), value)
        shown.append(text[kept:value])
        given = text[value:at]
        shown.append(given if _is_reference(given) else re.sub(r"\S", "*", given))
        kept = at
    masked = "".join(shown) + text[kept:]
    return _IN_AN_ADDRESS.sub(lambda match: "*" * len(match.group()), masked).splitlines()


def mask(span: Span | None, lines: list[str]) -> Span | None:
    """The place with its line as `lines` have it."""
    if span is None or span.text is None or not 0 < span.line <= len(lines):
        return span
    return msgspec.structs.replace(span, text=lines[span.line - 1])


def masked_file(file: YamlFile) -> YamlFile:
    """The places of a file for problems, without its text and its values: those hold the secrets."""
    lines = masked_lines(file.text)
    return replace(
        file,
        data=None,
        text="",
        spans={at: mask(span, lines) or span for at, span in file.spans.items()},
        keys={at: mask(span, lines) or span for at, span in file.keys.items()},
    )


def masked_problem(problem: Problem, text: str) -> Problem:
    """A problem that was found before the file could be read as a whole."""
    return msgspec.structs.replace(problem, span=mask(problem.span, masked_lines(text)))


def without_value(span: Span | None, value: Span | None) -> Span | None:
    """The place of an unknown key without its value: it may be a misspelt `password`."""
    if span is None or span.text is None or value is None or value.line != span.line:
        return span
    start = value.column - 1
    hidden = re.sub(r"\S", "*", span.text[start : start + value.length])
    return msgspec.structs.replace(span, text=span.text[:start] + hidden + span.text[start + value.length :])


def _is_reference(value: str) -> bool:
    return _REFERENCE.fullmatch(value.split(" #", 1)[0].strip()) is not None


def _end_of_value(text: str, key: int, value: int) -> int:
    """Where a value ends: with its quotes, its place in `{…}`, or its line and all deeper lines after it."""
    quoted = _QUOTED.match(text, value)
    if quoted is not None:
        return quoted.end()
    line_start = text.rfind("\n", 0, key) + 1
    before = text[line_start:key]
    if ("{" in before or "[" in before) and text[value : value + 1] not in ("{", "["):
        reference = _REFERENCE.match(text, value)
        flow = _IN_FLOW.match(text, reference.end() if reference else value)
        return flow.end() if flow else value
    indent = len(before) - len(before.lstrip(" "))
    end = _line_end(text, value)
    while end < len(text):
        following = _line_end(text, end + 1)
        line = text[end + 1 : following]
        if line.strip() and len(line) - len(line.lstrip(" ")) <= indent:
            break
        end = following
    return end


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found
