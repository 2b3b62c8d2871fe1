"""Which line of a template wrote which field of a document, and where it stands in the output.

The template is compiled once more with a mark before and after every output, in characters of Unicode's private
use. A mark says which parts of the document its output was made of, as they are found while it runs: so loops,
macros with an address and `{% set %}` are followed. Taking the marks out gives the very text of the template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from jinja2 import nodes

from gateway.diagnostics import Span
from gateway.rendering.identity import Identity
from gateway.rendering.language import VISIBLE, TemplateLanguage
from gateway.rendering.template import Template

_BEGIN, _PART, _FROM, _END = "\ue0f0", "\ue0f1", "\ue0f2", "\ue0f3"
_PLACE = "place_in_document"
_DEEPEST = 6
_Aliases = dict[str, list[nodes.Node]]


class Printed(msgspec.Struct, frozen=True):
    """One output that was written.

    fields: the canonical fields that it was made of. template: its place there. line, text: where its value begins
    in the output, and that whole line.
    """

    fields: tuple[str, ...]
    template: Span
    line: int
    text: str
    value: str


class _Chain(msgspec.Struct, frozen=True):
    """A name with attributes, `party.name`, and the filters that it goes through."""

    root: str
    tail: tuple[str, ...]
    filters: tuple[str, ...]


class _Mark(msgspec.Struct, frozen=True):
    span: Span
    chains: tuple[_Chain, ...]


def printed(template: Template, document: msgspec.Struct, identity: Identity) -> tuple[str, tuple[Printed, ...]]:
    """The output of one document in a pack of its own, and what wrote it. Raises RecordProblems."""
    plain = template._language  # noqa: SLF001 - the same room
    language = MarkedLanguage(plain, document)
    # The marks are in no encoding but Unicode's own; what the template's lacks becomes a reference afterwards.
    marked = Template(template.name, template.version, template.kind, "utf-8", language, template.settings)
    text, found = _taken_out(marked.whole(document, identity).text, language.marks)
    stored = template.encode(text).decode(template.encoding)
    lines = stored.split("\n")
    return stored, tuple(msgspec.structs.replace(each, text=lines[each.line - 1].strip()) for each in found)


def written_by(found: tuple[Printed, ...], field: str) -> tuple[Printed, ...]:
    """The outputs that a field went into; those of a price as a whole count for its net and gross."""
    above = {field}
    group = field.rpartition(".")[0]
    if group.endswith(("unit_price", "total")):
        above.add(group)
    return tuple(each for each in found if above.intersection(each.fields))


def mentions(template: Template, field: str) -> tuple[Span, ...]:
    """The lines of a template's files that name the last part of a field."""
    name = re.compile(rf"\.{re.escape(field.rpartition('.')[2])}\b")
    sources = template._language.sources.used()  # noqa: SLF001 - the same room
    return tuple(
        source.span(number, found.group())
        for source in sources
        if source.name.endswith(".j2")
        for number, line in enumerate(source.text.splitlines(), 1)
        if (found := name.search(line)) is not None
    )


class MarkedLanguage(TemplateLanguage):
    """The language of a template for one rendering of one document, with marks around its outputs."""

    def __init__(self, plain: TemplateLanguage, document: msgspec.Struct) -> None:
        super().__init__(plain.sources, plain.desk)
        self.marks: list[_Mark] = []
        self._places = dict(_places(document, ""))
        self.filters[_PLACE] = self._place

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        known = self.sources.get(name or "")
        if known is not None:
            aliases = _aliases(tree)
            for output in list(tree.find_all(nodes.Output)):
                output.nodes = list(self._marked(output, aliases, known.span))
        return tree

    def _marked(self, output: nodes.Output, aliases: _Aliases, span: Any) -> Iterator[nodes.Expr]:
        for node in output.nodes:
            chains = tuple(dict.fromkeys(_chains(node, aliases, (), 0)))
            if isinstance(node, nodes.TemplateData | nodes.Const) or _is_call(node) or not chains:
                yield node
                continue
            line = node.lineno
            yield nodes.TemplateData(f"{_BEGIN}{len(self.marks)}", lineno=line)
            for chain in chains:
                yield nodes.TemplateData(_PART, lineno=line)
                name = nodes.Name(chain.root, "load", lineno=line)
                yield nodes.Filter(name, _PLACE, [], [], None, None, lineno=line)
            yield nodes.TemplateData(_FROM, lineno=line)
            yield node
            yield nodes.TemplateData(_END, lineno=line)
            word = ".".join((chains[0].root, *chains[0].tail))
            self.marks.append(_Mark(span(line, word), chains))

    def _place(self, value: Any, *_: Any, **__: Any) -> str:
        """Where a value stands in the document, by identity; empty where it does not."""
        return self._places.get(id(value), "?")


def _places(value: Any, place: str) -> Iterator[tuple[int, str]]:
    """The parts of a document by identity; the shared small objects of Python are left out."""
    if isinstance(value, msgspec.Struct):
        yield id(value), place
        for name in value.__struct_fields__:
            member = getattr(value, name)
            below = f"{place}.{name}" if place else name
            if isinstance(member, tuple):
                for number, row in enumerate(member, 1):
                    yield from _places(row, f"{below}[{number}]")
            else:
                yield from _places(member, below)
    elif isinstance(value, Decimal | datetime) or (type(value) is str and len(value) > 1):
        yield id(value), place


def _aliases(tree: nodes.Template) -> _Aliases:
    """What names are set to, anywhere in a file."""
    found: _Aliases = {}
    for node in tree.find_all(nodes.Assign):
        if isinstance(node.target, nodes.Name):
            found.setdefault(node.target.name, []).append(node.node)
    return found


def _chains(node: nodes.Node | None, aliases: _Aliases, filters: tuple[str, ...], depth: int) -> Iterator[_Chain]:
    """The fields that a value is made of: not those that a condition or an argument looks at."""
    match node:
        case None:
            return
        case nodes.Filter():
            yield from _chains(node.node, aliases, (node.name, *filters), depth)
        case nodes.CondExpr():
            yield from _chains(node.expr1, aliases, filters, depth)
            yield from _chains(node.expr2, aliases, filters, depth)
        case nodes.Concat() | nodes.List() | nodes.Tuple() | nodes.And() | nodes.Or():
            for part in node.iter_child_nodes():
                yield from _chains(part, aliases, filters, depth)
        case nodes.Name() | nodes.Getattr():
            yield from _named(node, aliases, filters, depth)


def _named(
    node: nodes.Name | nodes.Getattr, aliases: _Aliases, filters: tuple[str, ...], depth: int
) -> Iterator[_Chain]:
    tail: list[str] = []
    inner: nodes.Node = node
    while isinstance(inner, nodes.Getattr):
        tail.insert(0, inner.attr)
        inner = inner.node
    if not isinstance(inner, nodes.Name) or inner.name in ("settings", "identity", "loop", "super"):
        return
    if inner.name in VISIBLE or inner.name not in aliases or depth >= _DEEPEST:
        yield _Chain(inner.name, tuple(tail), filters)
        return
    for value in aliases[inner.name]:
        for chain in _chains(value, aliases, filters, depth + 1):
            yield _Chain(chain.root, (*chain.tail, *tail), chain.filters)


def _is_call(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Call)


def _taken_out(text: str, marks: list[_Mark]) -> tuple[str, tuple[Printed, ...]]:
    """The text without its marks, and what stood in them."""
    pieces: list[str] = []
    length = 0
    open_: list[tuple[_Mark, tuple[str, ...], int]] = []
    closed: list[tuple[_Mark, tuple[str, ...], int, int]] = []
    for piece in _pieces(text):
        if piece.startswith(_BEGIN):
            number, *places = piece[1:-1].split(_PART)
            mark = marks[int(number)]
            open_.append((mark, _fields(mark, places), length))
        elif piece == _END:
            mark, fields, start = open_.pop()
            closed.append((mark, fields, start, length))
        else:
            pieces.append(piece)
            length += len(piece)
    whole = "".join(pieces)
    return whole, tuple(_printed(whole, *each) for each in sorted(closed, key=lambda each: each[2]))


def _pieces(text: str) -> Iterator[str]:
    """Plain text, the beginnings of marks up to `_FROM`, and their ends."""
    at = 0
    while at < len(text):
        if text[at] == _BEGIN:
            end = text.index(_FROM, at) + 1
        elif text[at] == _END:
            end = at + 1
        else:
            nexts = [found for found in (text.find(_BEGIN, at), text.find(_END, at)) if found >= 0]
            end = min(nexts, default=len(text))
        yield text[at:end]
        at = end


def _fields(mark: _Mark, places: list[str]) -> tuple[str, ...]:
    fields: list[str] = []
    for chain, place in zip(mark.chains, places, strict=True):
        if place == "?":
            continue
        path = ".".join(part for part in (place, *chain.tail) if part)
        fields.append(path)
        fields += [".".join(part for part in (path, name) if part) for name in chain.filters]
    return tuple(dict.fromkeys(fields))


def _printed(whole: str, mark: _Mark, fields: tuple[str, ...], start: int, end: int) -> Printed:
    line = whole.count("\n", 0, start) + 1
    return Printed(fields, mark.span, line, "", whole[start:end])
