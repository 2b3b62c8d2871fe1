"""A flat template for one target: its settings are put in, and what is decided by them is decided.

What is left writes the same as before, with fewer questions. Names that are set on every way to where they are
read are told as well: they need no guard.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from jinja2 import nodes

from gateway.rendering.flattening import merged, names_in

_SIMPLE = (str, bool, int, type(None))
_SETTINGS = "settings"


def bind(tree: nodes.Template, settings: object) -> set[int]:
    """Put the settings into a flat tree, in place; gives the ids of the names in it that are surely set."""
    if not any(name.name == _SETTINGS and name.ctx != "load" for name in names_in(tree)):
        _Binder(tree, settings).run()
    assured: set[int] = set()
    _assure(tree.body, set(), assured)
    return assured


class _Binder:
    """Decides what can be decided. known: names that stand for a constant wherever they are read."""

    def __init__(self, tree: nodes.Template, settings: object) -> None:
        self._tree = tree
        self._settings = settings
        self._times = Counter(name.name for name in names_in(tree) if name.ctx != "load")
        self._known: dict[str, nodes.Const] = {}

    def run(self) -> None:
        self._tree.body = self._body(self._tree.body, always=True)

    def _body(self, body: list[nodes.Node], *, always: bool) -> list[nodes.Node]:
        """always: these statements run, whatever the document is."""
        written: list[nodes.Node] = []
        for node in body:
            match node:
                case nodes.If():
                    written += self._decided(node, always=always)
                    continue
                case nodes.With():
                    node.values = [self._value(each) for each in node.values]
                    node.body = self._body(node.body, always=always)
                case nodes.For():
                    node.iter = self._value(node.iter)
                    node.body = self._body(node.body, always=False)
                    node.else_ = self._body(node.else_, always=False)
                case nodes.Assign():
                    node.node = self._value(node.node)
                    self._learn(node, always=always)
                case nodes.Output():
                    node.nodes = [self._value(each) for each in node.nodes]
                case _:
                    pass
            written.append(node)
        return list(_joined(written))

    def _decided(self, node: nodes.If, *, always: bool) -> list[nodes.Node]:
        """A condition without the branches that are never taken; the statements alone where one always is."""
        left: list[tuple[nodes.If, nodes.Expr]] = []
        otherwise = node.else_
        for branch in (node, *node.elif_):
            test = _truth(self._value(branch.test))
            if not isinstance(test, nodes.Const):
                left.append((branch, test))
            elif test.value:
                otherwise = branch.body
                break
        if not left:
            return self._body(otherwise, always=always)
        first, *others = [
            nodes.If(test, self._body(branch.body, always=False), [], [], lineno=branch.lineno)
            for branch, test in left
        ]
        first.elif_ = others
        first.else_ = self._body(otherwise, always=False)
        return [first]

    def _learn(self, node: nodes.Assign, *, always: bool) -> None:
        target, value = node.target, node.node
        if not always or not isinstance(target, nodes.Name) or not isinstance(value, nodes.Const):
            return
        if self._times[target.name] == 1:
            self._known[target.name] = value

    def _value(self, node: Any) -> Any:
        """An expression with what is known put in, and as a constant where that decides it."""
        if isinstance(node, nodes.Name):
            return self._known.get(node.name, node) if node.ctx == "load" else node
        if isinstance(node, nodes.Getattr):
            return self._setting(node)
        if isinstance(node, nodes.Expr | nodes.Helper):
            for name in node.fields:
                part = getattr(node, name)
                if isinstance(part, list):
                    setattr(node, name, [self._value(each) for each in part])
                elif isinstance(part, nodes.Node):
                    setattr(node, name, self._value(part))
        return _folded(node)

    def _setting(self, node: nodes.Getattr) -> nodes.Expr:
        if isinstance(node.node, nodes.Name) and node.node.name == _SETTINGS:
            value = getattr(self._settings, node.attr, self)
            if type(value) in _SIMPLE or value == ():
                return _constant(node, value=value)
            return node
        node.node = self._value(node.node)
        return node


def _constant(node: nodes.Node, *, value: object) -> nodes.Const:
    """A constant in the place of a node."""
    return nodes.Const(value, lineno=node.lineno)


def _folded(node: Any) -> Any:
    """A constant, or the one side that is left, where constants decide."""
    match node:
        case nodes.Not(node=nodes.Const(value=value)):
            return _constant(node, value=not value)
        case nodes.And(left=nodes.Const(value=value) as left, right=right):
            return right if value else left
        case nodes.Or(left=nodes.Const(value=value) as left, right=right):
            return left if value else right
        case nodes.CondExpr(expr1=first, expr2=second) if second is not None:
            node.test = test = _truth(node.test)
            return (first if test.value else second) if isinstance(test, nodes.Const) else node
        case nodes.Compare(expr=nodes.Const(value=value), ops=[nodes.Operand(op="eq" | "ne" as op, expr=other)]):
            if isinstance(other, nodes.Const) and type(value) is type(other.value):
                return _constant(node, value=(value == other.value) == (op == "eq"))
    return node


def _truth(node: nodes.Expr) -> nodes.Expr:
    """The same for a test, of which nothing counts but whether it holds."""
    match node:
        case nodes.And(left=left, right=nodes.Const(value=value)) if value or _tells_nothing(left):
            return left if value else _constant(node, value=False)
        case nodes.Or(left=left, right=nodes.Const(value=value)) if not value or _tells_nothing(left):
            return _constant(node, value=True) if value else left
        case nodes.And() | nodes.Or():
            left, right = _truth(node.left), _truth(node.right)
            if left is node.left and right is node.right:
                return node
            return _truth(_folded(type(node)(left, right, lineno=node.lineno)))
    return node


def _tells_nothing(node: nodes.Expr) -> bool:
    """Whether nobody can miss it: it is sure to have a value, and nothing is told of that."""
    match node:
        case nodes.Const() | nodes.Getattr(node=nodes.Name(name="document" | "identity")):
            return True
        case nodes.Not(node=inner):
            return _tells_nothing(inner)
        case nodes.And(left=left, right=right) | nodes.Or(left=left, right=right):
            return _tells_nothing(left) and _tells_nothing(right)
    return False


def _joined(body: list[nodes.Node]) -> Iterator[nodes.Node]:
    """Outputs that follow each other as one."""
    before: nodes.Output | None = None
    for node in body:
        if isinstance(node, nodes.Output) and before is not None:
            before.nodes = [*merged([*before.nodes, *node.nodes])]
            continue
        before = node if isinstance(node, nodes.Output) else None
        yield node


def _assure(body: list[nodes.Node], known: set[str], assured: set[int]) -> None:
    """Note the names that are read where they were surely set before; what a body sets is added to the known."""
    for node in body:
        match node:
            case nodes.If():
                ways = []
                for branch in (node, *node.elif_):
                    _note([branch.test], known, assured)
                for inside in (node.body, *(each.body for each in node.elif_), node.else_):
                    ways.append(set(known))
                    _assure(inside, ways[-1], assured)
                known |= set.intersection(*ways)
            case nodes.With():
                _note(node.values, known, assured)
                inner = known | {target.name for target in node.targets if isinstance(target, nodes.Name)}
                _assure(node.body, inner, assured)
            case nodes.For():
                _note([node.iter], known, assured)
                inner = known | {name.name for name in names_in(node.target)}
                _assure(node.body, inner, assured)
                _assure(node.else_, set(known), assured)
            case nodes.Assign():
                _note([node.node], known, assured)
                known |= {name.name for name in names_in(node.target)}
            case nodes.Output():
                _note(node.nodes, known, assured)


def _note(expressions: list[Any], known: set[str], assured: set[int]) -> None:
    for each in expressions:
        assured |= {id(name) for name in names_in(each) if name.ctx == "load" and name.name in known}


__all__ = ["bind"]
