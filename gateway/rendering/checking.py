"""The check of a template at load: what it may name, call and include.

It walks the syntax tree with the types of the document, follows macros and included files, and refuses every
construct that it does not know. What it lets through can do nothing but read known fields of the document, the
settings and the identity, and write text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
from jinja2 import TemplateSyntaxError, nodes

from gateway.diagnostics import Problem, Span
from gateway.library import similar
from gateway.rendering.expressions import Expressions, Macro, Module, Scope, written
from gateway.rendering.shapes import UNKNOWN, WRITTEN, Loop, Shape
from gateway.rendering.sources import Source

ENVELOPE = ("head", "record", "tail")
"""The blocks of an envelope, in their order."""

_LOOP = Shape(Loop)
_LANDMARKS = (nodes.Block, nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)
_DEEPEST = 75
_LONGEST_CHAIN = 150
_MOST_LOOPS = 15


class Part(msgspec.Struct, frozen=True, eq=False):
    """One file of a template with its syntax tree.

    landmarks: its blocks and all that names other files, wherever they stand in it.
    """

    source: Source
    tree: nodes.Template
    landmarks: tuple[nodes.Node, ...]

    @property
    def blocks(self) -> list[nodes.Block]:
        """Its blocks, also those inside others."""
        return [node for node in self.landmarks if isinstance(node, nodes.Block)]


def landmarks(tree: nodes.Template) -> tuple[nodes.Node, ...]:
    """See Part. Raises TemplateSyntaxError for what Python, which a template becomes, cannot read."""
    found: list[nodes.Node] = []
    ahead: list[tuple[nodes.Node, int, int, int]] = [(tree, 0, 0, 0)]
    while ahead:
        node, statements, expressions, loops = ahead.pop()
        _check_arguments(node)
        if statements > _DEEPEST:
            raise TemplateSyntaxError(f"it nests deeper than {_DEEPEST} levels", node.lineno)
        if expressions > _LONGEST_CHAIN:
            raise TemplateSyntaxError(f"an expression has more than {_LONGEST_CHAIN} parts", node.lineno)
        if loops > _MOST_LOOPS:
            raise TemplateSyntaxError(f"more than {_MOST_LOOPS} `for` stand inside each other", node.lineno)
        if isinstance(node, _LANDMARKS):
            found.append(node)
        part = isinstance(node, nodes.Expr)
        inside = (statements + (not part), expressions + part, loops + isinstance(node, nodes.For))
        ahead += [(child, *inside) for child in node.iter_child_nodes()][::-1]
    return tuple(found)


def _check_arguments(node: nodes.Node) -> None:
    """A macro has one argument of a name, and a call names each once."""
    if isinstance(node, nodes.Macro):
        names = [argument.name for argument in node.args]
    elif isinstance(node, nodes.Call | nodes.Filter | nodes.Test):
        names = [str(keyword.key) for keyword in node.kwargs]
    else:
        return
    if twice := [name for name in names if names.count(name) > 1]:
        raise TemplateSyntaxError(f"`{twice[0]}` stands twice among the arguments", node.lineno)


class Checker(Expressions):
    """Checks one template.

    chain: the template itself, then what it extends, up to the envelope; parts: all files that are named, by name.
    """

    def __init__(
        self,
        chain: list[Part],
        parts: Mapping[str, Part],
        document: type[msgspec.Struct],
        settings: type[msgspec.Struct],
        tables: tuple[str, ...],
    ) -> None:
        super().__init__(chain[0].source, document, settings, tables)
        self._chain = chain
        self._parts = parts
        self._imported: dict[str, Scope] = {}
        self._called: set[tuple[int, tuple[tuple[str, Shape], ...]]] = set()
        self._open: list[object] = []

    def run(self) -> list[Problem]:
        """All problems, in the order of the files and lines."""
        try:
            self._check_envelope(self._chain[-1])
            for part in self._parts.values():
                self._check_names_of_blocks(part)
            shared: Scope = dict(self.visible)
            for part in reversed(self._chain):
                self.source = part.source
                self._top_level(part, shared)
        except RecursionError:
            message = "this is no template: its macros call each other too deep"
            return [Problem(code="T001", message=message, span=Span(file=self._chain[0].source.path))]
        return sorted(self.problems, key=lambda p: (p.span.file if p.span else "", p.span.line if p.span else 0))

    def _top_level(self, part: Part, shared: Scope) -> None:
        derived = part is not self._chain[-1]
        for node in part.tree.body:
            if isinstance(node, nodes.Extends | nodes.Block):
                continue
            if isinstance(node, nodes.Output):
                if derived and not _is_blank(node):
                    self.refuse(node, "text outside a block of a template that extends another is never written")
                continue
            self._statement(node, shared)
        for block in part.blocks:
            if block.name not in ENVELOPE and _is_nested(part, block):
                continue  # checked where it stands
            self.in_envelope = block.name in ("head", "tail")
            self._body(block.body, dict(shared))
            self.in_envelope = False

    def _check_envelope(self, part: Part) -> None:
        """The root must consist of the three blocks alone, so that a record can be written without the rest."""
        self.source = part.source
        found = [node.name for node in part.tree.body if isinstance(node, nodes.Block)]
        if tuple(found) != ENVELOPE:
            self.refuse(
                part.tree,
                "an envelope has the blocks `head`, `record` and `tail`, in this order",
                label=f"found: {', '.join(found) or 'none'}",
                line=1,
            )
        for node in part.tree.body:
            if isinstance(node, nodes.Output) and not _is_empty(node):
                self.refuse(node, "an envelope has no text outside its blocks")

    def _check_names_of_blocks(self, part: Part) -> None:
        """A file has one block of a name."""
        self.source = part.source
        names: set[str] = set()
        for block in part.blocks:
            if block.name in names:
                self.refuse(block, f"there are two blocks `{block.name}`", word=block.name)
            names.add(block.name)

    # statements

    def _body(self, body: list[nodes.Node], scope: Scope) -> None:
        for node in body:
            self._statement(node, scope)

    def _statement(self, node: nodes.Node, scope: Scope) -> None:
        match node:
            case nodes.Output():
                for child in node.nodes:
                    self._output(child, scope)
            case nodes.If():
                self.expression(node.test, scope)
                for branch in (node.body, node.else_):
                    self._body(branch, scope)
                for other in node.elif_:
                    self._statement(other, scope)
            case nodes.For():
                self._for(node, scope)
            case nodes.Assign():
                self._bind(node.target, self.expression(node.node, scope), scope)
            case nodes.AssignBlock(filter=None):
                self._body(node.body, dict(scope))
                self._bind(node.target, WRITTEN, scope)
            case nodes.With():
                inner = dict(scope)
                for target, value in zip(node.targets, node.values, strict=True):
                    self._bind(target, self.expression(value, scope), inner)
                self._body(node.body, inner)
            case nodes.Block():
                self._body(node.body, dict(scope))
            case nodes.Macro():
                if any(argument.name == "caller" for argument in node.args[: len(node.args) - len(node.defaults)]):
                    self.refuse(node, "a macro has no argument `caller`", word="caller")
                scope[node.name] = Macro(node, self.source, scope)
                # with unknown arguments: what is wrong in it whatever it is called with
                self.call_macro(node, scope[node.name], {})
            case nodes.Include():
                self._include(node, scope)
            case nodes.Import() | nodes.FromImport():
                self._import(node, scope)
            case _:
                self.refuse(node, f"`{_statement_name(node)}` is not allowed in a template")

    def _output(self, node: nodes.Node, scope: Scope) -> None:
        if isinstance(node, nodes.TemplateData):
            return
        shape = self.expression(node, scope)
        if isinstance(node, nodes.Const) and not isinstance(node.value, str | int):
            self.refuse(node, f"`{node.value}` has no text form")
        elif shape.is_record or shape.noun() in ("flag", "moment", "day", "list"):
            helps = {"flag": "add `| boolean`", "moment": "add `| date`", "day": "add `| date`"}
            name = written(node)
            self.refuse(
                node,
                f"`{name}` is a {shape.noun()} and has no one text form",
                word=name,
                help_line=helps.get(shape.noun(), "write one of its fields"),
            )

    def _for(self, node: nodes.For, scope: Scope) -> None:
        values = self.expression(node.iter, scope)
        if values.base not in (tuple, list, object):
            self.refuse(node, f"`{written(node.iter)}` is a {values.noun()}, not a list", word=written(node.iter))
        if node.recursive:
            self.refuse(node, "a recursive loop is not allowed in a template")
        for name in node.find_all(nodes.Name):
            if name.name == "loop" and name.ctx == "store":
                self.refuse(name, "`loop` cannot be set inside a `for`", word="loop")
        inner = dict(scope)
        inner["loop"] = _LOOP
        self._bind(node.target, values.item or UNKNOWN, inner)
        if node.test is not None:
            self.expression(node.test, inner)
        self._body(node.body, inner)
        self._body(node.else_, dict(scope))

    def _bind(self, target: nodes.Node, value: Any, scope: Scope) -> None:
        if not isinstance(target, nodes.Name):
            self.refuse(target, "only a plain name can be set")
        elif target.name in self.visible or target.name.startswith("_"):
            self.refuse(target, f"`{target.name}` cannot be set", word=target.name)
        else:
            scope[target.name] = value

    def _include(self, node: nodes.Include, scope: Scope) -> None:
        part = self._named(node.template)
        if part is None:
            return
        with self._inside(part.source.name, part.source, node, f"`{part.source.name}` includes itself") as entered:
            if entered:
                self._body(part.tree.body, dict(scope))

    def _import(self, node: nodes.Import | nodes.FromImport, scope: Scope) -> None:
        part = self._named(node.template)
        if part is None:
            return
        members = self._members(part, node)
        if isinstance(node, nodes.Import):
            scope[node.target] = Module(members)
            return
        for entry in node.names:
            name, alias = entry if isinstance(entry, tuple) else (entry, entry)
            if name not in members:
                near = similar(name, members)
                self.refuse(
                    node,
                    f"`{part.source.name}` has no `{name}`",
                    word=name,
                    help_line=f"there is one with a similar name: `{near}`" if near else None,
                )
            scope[alias] = members.get(name, UNKNOWN)

    def _members(self, part: Part, node: nodes.Import | nodes.FromImport) -> Scope:
        """What an imported file defines; it sees the document only `with context`."""
        key = f"{part.source.name} {node.with_context}"
        if key not in self._imported:
            members: Scope = dict(self.visible) if node.with_context else {}
            with self._inside(
                part.source.name, part.source, node, f"`{part.source.name}` imports itself"
            ) as entered:
                if entered:
                    self._body([child for child in part.tree.body if not _is_blank(child)], members)
            self._imported[key] = members
        return self._imported[key]

    @contextmanager
    def _inside(self, key: object, source: Source, node: nodes.Node, fault: str) -> Iterator[bool]:
        """Go on in another place; False, and a problem, where it is being checked already."""
        if key in self._open:
            self.refuse(node, fault)
            yield False
            return
        before, self.source = self.source, source
        self._open.append(key)
        yield True
        self._open.pop()
        self.source = before

    def _named(self, node: nodes.Node) -> Part | None:
        """The file that a literal names; the loader has told already where there is none."""
        if isinstance(node, nodes.Const) and isinstance(node.value, str):
            return self._parts.get(node.value)
        self.refuse(node, "a file is named by a literal text only")
        return None

    # macros

    def call_macro(self, node: nodes.Node, macro: Macro, given: Mapping[str, Shape]) -> None:
        """Check a macro's body with what it is called with; each combination of shapes once."""
        key = (id(macro.node), tuple(sorted(given.items(), key=lambda item: item[0])))
        name = macro.node.name
        if key in self._called and id(macro.node) not in self._open:
            return
        self._called.add(key)
        with self._inside(id(macro.node), macro.source, node, f"the macro `{name}` calls itself") as entered:
            if not entered:
                return
            inner: Scope = dict(macro.scope)
            inner |= {argument.name: given.get(argument.name, UNKNOWN) for argument in macro.node.args}
            for default in macro.node.defaults:
                self.expression(default, inner)
            self._body(macro.node.body, inner)


def _is_empty(node: nodes.Output) -> bool:
    return all(isinstance(child, nodes.TemplateData) and not child.data for child in node.nodes)


def _is_blank(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Output) and all(
        isinstance(child, nodes.TemplateData) and not child.data.strip() for child in node.nodes
    )


def _is_nested(part: Part, wanted: nodes.Block) -> bool:
    return not any(node is wanted for node in part.tree.body) and any(
        inner is wanted for outer in part.blocks if outer is not wanted for inner in outer.find_all(nodes.Block)
    )


def _statement_name(node: nodes.Node) -> str:
    names: dict[str, str] = {
        "CallBlock": "call",
        "FilterBlock": "filter",
        "AssignBlock": "set | filter",
        "ScopedEvalContextModifier": "autoescape",
        "Scope": "autoescape",
        "EvalContextModifier": "autoescape",
        "ExprStmt": "do",
    }
    kind = type(node).__name__
    return "{% " + names.get(kind, kind.lower()) + " %}"
