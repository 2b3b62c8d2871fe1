"""The check of expressions: every name, field, filter, test and call in a template."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

import msgspec
from jinja2 import nodes
from markupsafe import Markup

from gateway.diagnostics import Problem
from gateway.library import similar
from gateway.rendering.filters import FILTERS, TESTS
from gateway.rendering.identity import Identity
from gateway.rendering.shapes import (
    FLAG,
    NOTHING,
    TEXT,
    UNKNOWN,
    WRITTEN,
    Loop,
    Shape,
    either,
    field_names,
    fields_of,
)
from gateway.rendering.sources import Source
from gateway.rendering.user_fields import FilledField

Scope = dict[str, Any]
"""What names stand for: a Shape, a Macro or a Module."""


class Macro(msgspec.Struct, frozen=True, eq=False):
    """A macro and where it was written."""

    node: nodes.Macro
    source: Source
    scope: Mapping[str, Any]


class Module(msgspec.Struct, frozen=True, eq=False):
    """What `{% import … as name %}` binds."""

    members: Mapping[str, Any]


class Expressions(ABC):
    """Checks expressions in a file; `problems` collects what it finds.

    tables: the lookups that the template may name. in_envelope: whether `document` is out of reach.
    """

    def __init__(
        self,
        source: Source,
        document: type[msgspec.Struct],
        settings: type[msgspec.Struct],
        tables: tuple[str, ...],
    ) -> None:
        self.problems: list[Problem] = []
        self.source = source
        self.visible: Scope = {
            "document": Shape(document),
            "settings": Shape(settings),
            "identity": Shape(Identity),
        }
        self.in_envelope = False
        self._tables = tables
        self._fields = frozenset().union(
            *(field_names(each) for each in (document, settings, Identity, Loop, FilledField))
        )

    @abstractmethod
    def call_macro(self, node: nodes.Node, macro: Macro, given: Mapping[str, Shape]) -> None:
        """Check the body of a macro with the shapes of its arguments."""

    def expression(self, node: nodes.Node, scope: Scope) -> Shape:
        """The shape of an expression, after a check of all its parts."""
        match node:
            case nodes.Const():
                return NOTHING if node.value is None else Shape(type(node.value))
            case nodes.TemplateData():
                return WRITTEN
            case nodes.Name():
                return self._name(node, scope)
            case nodes.Getattr():
                return self._attribute(node, scope)
            case nodes.Getitem():
                return self._item(node, scope)
            case nodes.Filter():
                return self._filter(node, scope)
            case nodes.Test():
                return self._test(node, scope)
            case nodes.Call():
                return self._call(node, scope)
            case nodes.CondExpr():
                self.expression(node.test, scope)
                one = self.expression(node.expr1, scope)
                return either(one, self.expression(node.expr2, scope)) if node.expr2 is not None else one
            case nodes.And() | nodes.Or():
                left, right = self.expression(node.left, scope), self.expression(node.right, scope)
                joined = either(left, right)
                either_way = isinstance(node, nodes.Or)
                return Shape(joined.base, right.optional, joined.item) if either_way else joined
            case nodes.Not():
                self.expression(node.node, scope)
                return FLAG
            case nodes.Compare():
                return self._compare(node, scope)
            case nodes.Concat():
                shapes = [self.expression(part, scope) for part in node.nodes]
                return WRITTEN if any(shape == WRITTEN for shape in shapes) else TEXT
            case nodes.Tuple() | nodes.List():
                for part in node.items:
                    self.expression(part, scope)
                return Shape(list)
            case nodes.Neg(node=nodes.Const()):
                return Shape(int)
            case nodes.BinExpr() | nodes.UnaryExpr():
                self.refuse(
                    node,
                    "a template does no arithmetic",
                    help_line="the document should carry the result as a field",
                )
                return UNKNOWN
            case _:
                self.refuse(node, f"`{type(node).__name__}` is not allowed in a template")
                return UNKNOWN

    def _name(self, node: nodes.Name, scope: Scope) -> Shape:
        if node.name.startswith("_"):
            self.refuse(node, f"`{node.name}` begins with an underscore", word=node.name)
            return UNKNOWN
        if self.in_envelope and node.name == "document":
            self.refuse(
                node, "`document` is not there in `head` and `tail`: a pack may hold several", word="document"
            )
        if node.name not in scope:
            near = similar(node.name, scope)
            self.refuse(
                node,
                f"there is no `{node.name}`: a template sees `document`, `settings` and `identity`",
                code="T002",
                word=node.name,
                help_line=f"there is a similar name: `{near}`" if near else None,
            )
            return UNKNOWN
        value = scope[node.name]
        if not isinstance(value, Shape):
            self.refuse(
                node, f"`{node.name}` is a macro, or a file of macros, and can only be called", word=node.name
            )
            return UNKNOWN
        return value

    def _attribute(self, node: nodes.Getattr, scope: Scope) -> Shape:
        whole = self.expression(node.node, scope)
        name = written(node)
        if node.attr.startswith("_"):
            self.refuse(node, f"`{node.attr}` begins with an underscore", word=node.attr)
            return UNKNOWN
        if self.in_envelope and name in ("identity.item", "identity.origin"):
            self.refuse(node, f"`{name}` is not there in `head` and `tail`", word=name)
        if whole.base is object:
            if node.attr not in self._fields:
                message = f"`{name or node.attr}` is not a field of anything"
                self._unknown_field(node, name, message, _near_field(node.attr, self._fields))
            return UNKNOWN
        if not whole.is_record:
            self._unknown_field(node, name, f"`{name or node.attr}`: a {whole.noun()} has no fields", None)
            return UNKNOWN
        known = fields_of(whole.base)
        if node.attr in known:
            return known[node.attr]
        near = similar(node.attr, known)
        if whole.base is self.visible["settings"].base:
            message, noun = f"`{node.attr}` is not a setting of this template", "setting"
            code = "T009"
        else:
            message, noun, code = f"`{name or node.attr}` is not a field of {whole.noun()}", "field", "T002"
        help_line = f"there is a {noun} with a similar name: `{near}`" if near else _known(noun, known)
        self._unknown_field(node, name, message, help_line, code)
        return UNKNOWN

    def _unknown_field(
        self, node: nodes.Getattr, name: str, message: str, help_line: str | None, code: str = "T002"
    ) -> None:
        self.refuse(node, message, code=code, word=name or node.attr, help_line=help_line)

    def _item(self, node: nodes.Getitem, scope: Scope) -> Shape:
        whole = self.expression(node.node, scope)
        if isinstance(node.arg, nodes.Const) and type(node.arg.value) is int and whole.base is tuple:
            return whole.item or UNKNOWN
        help_line = "write it as a field: `document.number`" if isinstance(node.arg, nodes.Const) else None
        self.refuse(node, "`[…]` takes a literal number, on a list", word="[", help_line=help_line)
        return UNKNOWN

    def _filter(self, node: nodes.Filter, scope: Scope) -> Shape:
        value = self.expression(node.node, scope) if node.node is not None else UNKNOWN
        for argument in node.args:
            self.expression(argument, scope)
        entry = FILTERS.get(node.name)
        if entry is None:
            near = similar(node.name, FILTERS)
            known = ", ".join(f"`{name}`" for name in sorted(FILTERS))
            self.refuse(
                node,
                f"`{node.name}` is not a filter",
                word=node.name,
                help_line=f"there is a filter with a similar name: `{near}`" if near else f"known are {known}",
            )
            return UNKNOWN
        if node.kwargs or node.dyn_args is not None or node.dyn_kwargs is not None:
            self.refuse(node, f"the arguments of `{node.name}` are given without names", word=node.name)
        elif not entry.least <= len(node.args) <= entry.most:
            takes = f"takes ({entry.arguments})" if entry.arguments else "takes no argument"
            self.refuse(node, f"the filter `{node.name}` {takes}", word=node.name)
        if value.base is not object and value.base is not type(None) and not _fits(value.base, entry.takes):
            wanted = " or ".join(dict.fromkeys(Shape(taken).noun() for taken in entry.takes))
            name = written(node.node) if node.node is not None else ""
            what = f"`{name}`" if name else "this"
            self.refuse(
                node,
                f"the filter `{node.name}` works on a {wanted}, and {what} is a {value.noun()}",
                word=node.name,
            )
        if node.name == "lookup":
            self._lookup(node)
        optional = entry.optional or (node.name == "lookup" and len(node.args) > 1)
        return Shape(entry.gives, optional, Shape(entry.item) if entry.item is not None else None)

    def _lookup(self, node: nodes.Filter) -> None:
        table = node.args[0] if node.args else None
        if isinstance(table, nodes.Const) and table.value in self._tables:
            return
        name = table.value if isinstance(table, nodes.Const) else "…"
        near = similar(str(name), self._tables)
        known = ", ".join(f"`{known}`" for known in self._tables) or "none"
        self.refuse(
            node,
            f"`{name}` is not a lookup of this template",
            code="T009",
            word=f'"{name}"',
            help_line=f"there is a lookup with a similar name: `{near}`" if near else f"known are {known}",
        )

    def _test(self, node: nodes.Test, scope: Scope) -> Shape:
        self.expression(node.node, scope)
        if node.name not in TESTS or node.args or node.kwargs:
            known = ", ".join(f"`{name}`" for name in sorted(TESTS))
            self.refuse(
                node, f"`{node.name}` is not a test", word=f"is {node.name}", help_line=f"known are {known}"
            )
        return FLAG

    def _compare(self, node: nodes.Compare, scope: Scope) -> Shape:
        left = self.expression(node.expr, scope)
        for operand in node.ops:
            self.expression(operand.expr, scope)
            is_code = isinstance(left.base, type) and issubclass(left.base, Enum)
            if not is_code:
                continue
            members = operand.expr.items if isinstance(operand.expr, nodes.Tuple | nodes.List) else [operand.expr]
            for member in members:
                if isinstance(member, nodes.Const) and member.value is not None:
                    self._code(member, left)
        return FLAG

    def _code(self, node: nodes.Const, shape: Shape) -> None:
        known = [str(code.value) for code in shape.base]
        if node.value not in known:
            near = similar(str(node.value), known)
            self.refuse(
                node,
                f"`{node.value}` is not a {shape.noun()}",
                code="T002",
                word=str(node.value),
                help_line=f"there is one with a similar name: `{near}`" if near else _known("code", known),
            )

    def refuse(
        self,
        node: nodes.Node,
        message: str,
        *,
        code: str = "T003",
        word: str | None = None,
        label: str | None = None,
        help_line: str | None = None,
        line: int | None = None,
    ) -> None:
        """Note a problem at a node's line, with the word under the caret."""
        if line is None:
            numbers = (part.lineno for part in (node, *node.find_all(nodes.Node)))
            line = next((number for number in numbers if number), 0)  # Jinja gives some statements no line
        span = self.source.span(line, word)
        problem = Problem(code=code, message=message, span=span, label=label, help=help_line)
        if problem not in self.problems:
            self.problems.append(problem)

    def _call(self, node: nodes.Call, scope: Scope) -> Shape:
        values = [self.expression(argument, scope) for argument in node.args]
        named = {keyword.key: self.expression(keyword.value, scope) for keyword in node.kwargs}
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            self.refuse(node, "arguments by `*` are not allowed in a template")
        called = self._callee(node.node, scope)
        if called == "super":
            return WRITTEN
        if isinstance(called, Macro):
            names = [argument.name for argument in called.node.args]
            if len(values) > len(names) or any(name not in names[len(values) :] for name in named):
                self.refuse(node, f"the macro `{called.node.name}` takes {', '.join(names) or 'nothing'}")
            self.call_macro(node, called, dict(zip(names, values, strict=False)) | named)
            return WRITTEN
        name = written(node.node)
        self.refuse(
            node,
            f"`{name}` cannot be called" if name else "this cannot be called",
            word=f"{name}(" if name else None,
            help_line="only macros and `super()` can",
        )
        return UNKNOWN

    def _callee(self, node: nodes.Node, scope: Scope) -> Any:
        if isinstance(node, nodes.Name):
            return "super" if node.name == "super" else scope.get(node.name)
        if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
            module = scope.get(node.node.name)
            if isinstance(module, Module):
                return module.members.get(node.attr)
        return None


def _near_field(name: str, known: Iterable[str]) -> str | None:
    near = similar(name, known)
    return f"there is a field with a similar name: `{near}`" if near else None


def _fits(base: Any, takes: tuple[type, ...]) -> bool:
    if isinstance(base, type) and issubclass(base, Markup):
        return False
    return isinstance(base, type) and issubclass(base, takes)


def _known(noun: str, names: Iterable[str]) -> str:
    return f"known {noun}s are " + ", ".join(f"`{name}`" for name in names)


def written(node: nodes.Node) -> str:
    """The expression as written where it is a chain of names, else an empty text."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        inner = written(node.node)
        return f"{inner}.{node.attr}" if inner else ""
    return ""
