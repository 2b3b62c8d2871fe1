"""Paths: a subset of XPath compiled to direct walks over children; anything beyond goes to real XPath.

The subset: `A/B`, `@attribute` (at the end), `.`, `..`, `A[2]`, `A[B='text']`, `A[B/C='text']`, `A[@x='text']`.
A name matches an element in any namespace, `g:A` only in the one that the mapping calls `g`; a name in quotes
stands for the JSON key or CSV header of that text. Texts are compared with the white space around them trimmed.
In XPath `$here` is the element that the path starts at, so that a predicate can compare with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

import msgspec
from lxml import etree

from gateway.mapping.names import element_name

Element = etree._Element  # noqa: SLF001 - lxml has no public name for the type
Found = Element | tuple[Element, str]
"""An element, or the element with a text of it (an attribute, or what XPath computed)."""

Step = Callable[[Element], Iterator[Element]]

_MOST_LINES = 65535
_NAME = r"[^\W\d][\w.-]*"
_STEP_NAME = rf"(?:{_NAME}(?::{_NAME})?|'[^']*'|\"[^\"]*\")"
_STEP = re.compile(rf"({_STEP_NAME})((?:\[[^\[\]]*\])*)")
_PREDICATE = re.compile(
    rf"\[\s*(?:(?P<position>[1-9][0-9]{{0,5}})|(?:(?P<path>{_STEP_NAME}(?:/{_STEP_NAME})*)|@(?P<attribute>{_NAME}))"
    r"""\s*=\s*(?:'(?P<single>[^']*)'|"(?P<double>[^"]*)"))\s*\]"""
)


class BadPath(Exception):
    """A path that does not compile; `hint` says what to write instead."""

    def __init__(self, message: str, hint: str) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


class Path(msgspec.Struct, frozen=True):
    """A compiled path, relative to an element.

    simple: the child names where the path is nothing but these (then a plan finds it in its one scan).
    find: the first hit, as XPath would give it; find_all: every hit that is an element.
    """

    text: str
    simple: tuple[str, ...] | None
    find: Callable[[Element], Found | None]
    find_all: Callable[[Element], Iterator[Element]]


def compile_path(text: str, namespaces: Mapping[str, str] | None = None) -> Path:
    """Compile a path; `namespaces` are the prefixes that it may use. Raises BadPath."""
    text = text.strip()
    if not text:
        raise BadPath("the path is empty", "write the way to the element, such as `CUSTOMER/EMAIL`")
    if text.startswith("/"):
        raise BadPath(
            f"the path `{text}` is absolute",
            "a path starts at the record (or at the row); `..` leads up from there",
        )
    steps = _split(text)
    known = namespaces or {}
    compiled = _subset(text, steps, known) if steps is not None else None
    return compiled if compiled is not None else _xpath(text, known)


def text_of(found: Found) -> str:
    """The text behind a hit, as it stands."""
    if isinstance(found, tuple):
        return found[1]
    if len(found):
        return "".join(str(part) for part in found.itertext())
    return found.text or ""


def element_of(found: Found) -> Element:
    """The element behind a hit."""
    return found[0] if isinstance(found, tuple) else found


def set_line(element: Element, line: int) -> None:
    """Give an element its line in the source, as far as an element can hold it."""
    element.sourceline = min(line, _MOST_LINES)  # type: ignore[assignment]  # the stubs know no setter


def local_name(tag: object) -> str:
    """A tag without its namespace."""
    return str(tag).rpartition("}")[2]


def children(element: Element, name: str) -> Iterator[Element]:
    """The children of that name, in any namespace."""
    for child in element:
        if child.tag == name or (child.tag[0] == "{" and local_name(child.tag) == name):
            yield child


def _split(text: str) -> list[str] | None:
    """The steps of a path; a slash inside brackets or quotes does not part them."""
    steps, depth, quote, start = [], 0, "", 0
    for index, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "[]":
            depth += 1 if character == "[" else -1
        elif character == "/" and depth == 0:
            steps.append(text[start:index])
            start = index + 1
    steps.append(text[start:])
    return None if quote or depth or "" in steps else [step.strip() for step in steps]


def _subset(text: str, steps: list[str], namespaces: Mapping[str, str]) -> Path | None:
    attribute: str | None = None
    if steps[-1].startswith("@"):
        attribute = steps.pop()[1:]
        if not re.fullmatch(rf"{_NAME}(?::{_NAME})?", attribute):
            return None
        attribute = _resolved(attribute, namespaces)
    walks: list[Step] = []
    for step in steps:
        walk = _walk(step, namespaces)
        if walk is None:
            return None
        walks.append(walk)
    plain = attribute is None and all(re.fullmatch(_STEP_NAME, step) for step in steps)

    def find_all(element: Element) -> Iterator[Element]:
        return _follow(element, walks, 0)

    def find(element: Element) -> Found | None:
        return next(_follow(element, walks, 0), None)

    def find_attribute(element: Element) -> Found | None:
        for owner in _follow(element, walks, 0):
            value = owner.get(attribute or "")
            if value is not None:
                return owner, str(value)
        return None

    names = tuple(_resolved(step, namespaces) for step in steps) if plain else None
    # The scan looks a name up once, in any namespace; a name in one namespace alone is walked to.
    simple = names if names is not None and not any(name.startswith("{") for name in names) else None
    return Path(text, simple, find_attribute if attribute else find, find_all)


def _resolved(name: str, namespaces: Mapping[str, str]) -> str:
    """A name of a step as lxml writes it. Raises BadPath for a prefix that nobody has named."""
    if name[0] in "'\"":
        return element_name(name[1:-1])
    prefix, colon, local = name.partition(":")
    if not colon:
        return name
    if prefix not in namespaces:
        raise BadPath(
            f"the prefix of `{name}` is not known",
            f"name it: `source: {{namespaces: {{{prefix}: http://…}}}}`; `{local}` alone matches in any namespace",
        )
    return f"{{{namespaces[prefix]}}}{local}"


def _follow(element: Element, walks: list[Step], index: int) -> Iterator[Element]:
    if index == len(walks):
        yield element
        return
    for child in walks[index](element):
        yield from _follow(child, walks, index + 1)


def _walk(step: str, namespaces: Mapping[str, str]) -> Step | None:
    if step == ".":
        return lambda element: iter((element,))
    if step == "..":
        return _parent
    match = _STEP.fullmatch(step)
    if match is None:
        return None
    name, brackets = _resolved(match[1], namespaces), match[2]
    tests = [_predicate(bracket, namespaces) for bracket in re.findall(r"\[[^\[\]]*\]", brackets)]
    if any(test is None for test in tests):
        return None
    filters = [test for test in tests if test is not None]
    if not filters:
        return lambda element: children(element, name)

    def walk(element: Element) -> Iterator[Element]:
        hits = children(element, name)
        for keep in filters:
            hits = keep(hits)
        return hits

    return walk


def _parent(element: Element) -> Iterator[Element]:
    parent = element.getparent()
    if parent is not None:
        yield parent


def _predicate(
    bracket: str, namespaces: Mapping[str, str]
) -> Callable[[Iterator[Element]], Iterator[Element]] | None:
    match = _PREDICATE.fullmatch(bracket)
    if match is None:
        return None
    if match["position"]:
        wanted = int(match["position"])
        return lambda hits: (hit for number, hit in enumerate(hits, start=1) if number == wanted)
    text = (match["single"] if match["single"] is not None else match["double"]).strip()
    if match["attribute"]:
        attribute = match["attribute"]
        return lambda hits: (hit for hit in hits if (hit.get(attribute) or "").strip() == text)
    names = [_resolved(step, namespaces) for step in _split(match["path"]) or ()]
    return lambda hits: (hit for hit in hits if _has(hit, names, text))


def _has(element: Element, names: list[str], text: str) -> bool:
    if not names:
        return text_of(element).strip() == text
    return any(_has(child, names[1:], text) for child in children(element, names[0]))


def _xpath(text: str, namespaces: Mapping[str, str]) -> Path:
    try:
        compiled = etree.XPath(text, namespaces=dict(namespaces) or None)
    except etree.XPathSyntaxError as error:
        raise BadPath(
            f"the path `{text}` is not XPath: {str(error).lower()}",
            "write names with `/` between them, such as `CUSTOMER/EMAIL` or `ITEMS/ITEM[TYPE='billing']/NAME`",
        ) from error
    probe = etree.Element("probe")
    try:
        compiled(probe, here=[probe])
    except etree.XPathError as error:
        raise BadPath(
            f"the path `{text}` cannot be evaluated: {str(error).lower()}",
            "use the functions of XPath 1.0, and prefixes of `source: {namespaces: …}`; `*[local-name()='x']` "
            "reaches into any namespace",
        ) from error

    def find(element: Element) -> Found | None:
        return _first(compiled(element, here=[element]), element)

    def find_all(element: Element) -> Iterator[Element]:
        hits = compiled(element, here=[element])
        for hit in hits if isinstance(hits, list) else ():
            if isinstance(hit, Element):
                yield hit

    return Path(text, None, find, find_all)


def _first(result: object, element: Element) -> Found | None:
    if isinstance(result, list):
        if not result:
            return None
        result = result[0]
    if isinstance(result, Element):
        return result
    if isinstance(result, bool):
        return element, "true" if result else "false"
    if isinstance(result, float):
        return element, str(int(result)) if result.is_integer() else repr(result)
    owner = getattr(result, "getparent", lambda: None)()
    return (owner if owner is not None else element), str(result)
