"""A template with all that it extends, imports and includes as one flat piece: the record alone.

The flat piece writes what the ordinary rendering writes, with fewer steps: no context is passed from file to file,
and a macro stands where it was called. What cannot be brought into this form is rendered the ordinary way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from jinja2 import nodes

from gateway.rendering.checking import Part
from gateway.rendering.language import VISIBLE

_NAMING = (nodes.Import, nodes.FromImport, nodes.Macro)
_HARMLESS = (nodes.Extends, nodes.Block, *_NAMING)


_AS_IT_IS = re.compile(r"[A-Za-z0-9_:. -]*")
"""A constant text that needs no escaping, in any encoding."""


class _Known(NamedTuple):
    """A macro, and the macros that its file has for it."""

    macro: nodes.Macro
    others: Mapping[str, _Known]


_Macros = Mapping[str, _Known]


class NotFlat(Exception):
    """The template is to be rendered the ordinary way."""


def flat(chain: list[Part], parts: Mapping[str, Part], name: str) -> nodes.Template:
    """The block of that name of a template by itself. Raises NotFlat.

    chain: the template, then what it extends.
    """
    owner = next((part for part in chain if _block_of(part, name) is not None), None)
    block = _block_of(owner, name) if owner is not None else None
    if owner is None or block is None:
        raise NotFlat
    for part in chain:
        if not all(isinstance(node, _HARMLESS) or _is_text(node) for node in part.tree.body):
            raise NotFlat  # a `set` outside of the blocks
        names = part is not owner and any(isinstance(node, _NAMING) for node in part.tree.body)
        if names and not _stands_alone(block):
            raise NotFlat  # what is extended may name something else alike, and its name counts
    flattener = _Flattener(parts)
    body = flattener.body(copied(block.body), flattener.macros_of(owner))
    whole = nodes.Template([nodes.With([], [], body, lineno=1)], lineno=1)
    if next(whole.find_all((nodes.Block, nodes.Import, nodes.FromImport, nodes.Include, nodes.Macro)), None):
        raise NotFlat
    if _free(whole.body) - set(VISIBLE):
        raise NotFlat
    return whole


def _block_of(part: Part, name: str) -> nodes.Block | None:
    return next((block for block in part.blocks if block.name == name), None)


def _stands_alone(block: nodes.Block) -> bool:
    """Whether a block reads nothing that a file could name."""
    includes = next(block.find_all(nodes.Include), None) is not None
    return not includes and {name.name for name in names_in(block)} <= set(VISIBLE)


def _is_text(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Output) and all(isinstance(child, nodes.TemplateData) for child in node.nodes)


class _Flattener:
    """Puts macros and included files where they are called."""

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self._parts = parts
        self._depth = 0
        self._calls = 0

    def macros_of(self, part: Part) -> dict[str, _Known]:
        """The macros that a file defines, and those that it imports by name."""
        found: dict[str, _Known] = {}
        for node in part.tree.body:
            if isinstance(node, nodes.Macro):
                found[node.name] = _Known(node, found)
            elif isinstance(node, nodes.FromImport):
                found.update(self._imported(node))
            elif isinstance(node, nodes.Import):
                raise NotFlat
        return found

    def body(self, body: list[nodes.Node], macros: _Macros) -> list[nodes.Node]:
        """The statements, with every macro call replaced by the macro's own ones."""
        self._depth += 1
        if self._depth > 20:
            raise NotFlat
        written: list[nodes.Node] = []
        for node in body:
            match node:
                case nodes.Output():
                    written += self._output(node, macros)
                    continue
                case nodes.If():
                    self._plain(node.test, macros)
                    node.body, node.else_ = self.body(node.body, macros), self.body(node.else_, macros)
                    node.elif_ = [
                        each for each in self.body(list(node.elif_), macros) if isinstance(each, nodes.If)
                    ]
                case nodes.For():
                    self._plain(node.iter, macros)
                    node.body, node.else_ = self.body(node.body, macros), self.body(node.else_, macros)
                case nodes.With():
                    for value in node.values:
                        self._plain(value, macros)
                    node.body = self.body(node.body, macros)
                case nodes.Assign():
                    self._plain(node.node, macros)
                case nodes.FromImport():
                    macros = {**macros, **self._imported(node)}
                    continue
                case _:
                    raise NotFlat
            written.append(node)
        self._depth -= 1
        return written

    def _imported(self, node: nodes.FromImport) -> dict[str, _Known]:
        named = node.template
        part = self._parts.get(named.value) if isinstance(named, nodes.Const) else None
        if part is None:
            raise NotFlat
        theirs = self.macros_of(part)
        found = {}
        for entry in node.names:
            name, alias = entry if isinstance(entry, tuple) else (entry, entry)
            if name not in theirs:
                raise NotFlat
            found[alias] = theirs[name]
        return found

    def _output(self, node: nodes.Output, macros: _Macros) -> Iterator[nodes.Node]:
        plain: list[nodes.Expr] = []
        for child in merged(node.nodes):
            if isinstance(child, nodes.Call) and isinstance(child.node, nodes.Name) and child.node.name in macros:
                if plain:
                    yield nodes.Output(plain, lineno=node.lineno)
                    plain = []
                yield self._called(child, macros[child.node.name], macros)
            else:
                self._plain(child, macros)
                plain.append(child)
        if plain:
            yield nodes.Output(plain, lineno=node.lineno)

    def _called(self, call: nodes.Call, known: _Known, macros: _Macros) -> nodes.Node:
        """The macro's body with its arguments set; what cannot change is put in its places instead."""
        macro = known.macro
        if call.dyn_args is not None or call.dyn_kwargs is not None or macro.defaults:
            raise NotFlat
        names = [argument.name for argument in macro.args]
        given = dict(zip(names, call.args, strict=False))
        given |= {keyword.key: keyword.value for keyword in call.kwargs}
        if list(given) != names or len(call.args) + len(call.kwargs) != len(names):
            raise NotFlat
        for value in given.values():
            self._plain(value, macros)
        body = copied(macro.body)
        if _free(body) - set(names) - known.others.keys():
            raise NotFlat  # it sees something else than the place of its call
        changed = {name.name for node in body for name in names_in(node) if name.ctx != "load"}
        if known.others.keys() & {*changed, *names}:
            raise NotFlat
        self._calls += 1
        for name in [name for node in body for name in names_in(node)]:
            if name.name not in known.others:
                name.name = f"{name.name}__{self._calls}"  # of the macro alone, whatever is set around its call
        steady = {name for name, value in given.items() if name not in changed and _is_steady(value)}
        body = _put(body, {f"{name}__{self._calls}": given[name] for name in steady})
        varying = [name for name in names if name not in steady]
        targets: list[nodes.Node] = [
            nodes.Name(f"{name}__{self._calls}", "store", lineno=call.lineno) for name in varying
        ]
        values = [given[name] for name in varying]
        return nodes.With(targets, values, self.body(body, known.others), lineno=call.lineno)

    def _plain(self, node: nodes.Node, macros: _Macros) -> None:
        """Refuse a call anywhere but in an output of its own."""
        names = {each.name for each in names_in(node)}
        if (
            names & macros.keys()
            or isinstance(node, nodes.Call)
            or next(node.find_all(nodes.Call), None) is not None
        ):
            raise NotFlat


def names_in(node: nodes.Node) -> list[nodes.Name]:
    """All names in a part of a tree, in no order."""
    found, left = [], [node]
    while left:
        part = left.pop()
        if isinstance(part, nodes.Name):
            found.append(part)
            continue
        for field in part.fields:
            value = getattr(part, field, None)
            if isinstance(value, nodes.Node):
                left.append(value)
            elif type(value) is list:
                left += [each for each in value if isinstance(each, nodes.Node)]
    return found


def _free(body: list[nodes.Node]) -> set[str]:
    """The names that are read and never set."""
    names = [name for node in body for name in names_in(node)]
    return {name.name for name in names if name.ctx == "load"} - {
        name.name for name in names if name.ctx != "load"
    }


def _is_steady(value: nodes.Expr) -> bool:
    """Whether it may be asked for again instead of being kept: it cannot change, and asking never fails."""
    if isinstance(value, nodes.Getattr):
        return isinstance(value.node, nodes.Name) and value.node.name in VISIBLE
    return isinstance(value, nodes.Const | nodes.Name)


def _put(part: Any, values: Mapping[str, nodes.Expr]) -> Any:
    """A tree with names replaced by what they stand for."""
    if isinstance(part, list):
        return [_put(each, values) for each in part]
    if isinstance(part, nodes.Name) and part.name in values:
        return copied(values[part.name])
    if isinstance(part, nodes.Node):
        for field in part.fields:
            setattr(part, field, _put(getattr(part, field), values))
    return part


def merged(written: list[nodes.Expr]) -> Iterator[nodes.Expr]:
    """Outputs, with constants and the text around them in one piece."""
    text: nodes.TemplateData | None = None
    for child in written:
        data = child.data if isinstance(child, nodes.TemplateData) else None
        if isinstance(child, nodes.Const) and isinstance(child.value, str) and _AS_IT_IS.fullmatch(child.value):
            data = child.value
        if data is None:
            if text is not None:
                yield text
            text = None
            yield child
        else:
            text = nodes.TemplateData((text.data if text is not None else "") + data, lineno=child.lineno)
    if text is not None:
        yield text


def copied(part: Any) -> Any:
    """A part of a syntax tree that may be changed; names, texts and the environment stay the same objects."""
    if isinstance(part, list):
        return [copied(each) for each in part]
    if not isinstance(part, nodes.Node):
        return part
    twin = object.__new__(type(part))
    twin.__dict__.update(part.__dict__)
    for field in part.fields:
        setattr(twin, field, copied(getattr(part, field)))
    return twin
