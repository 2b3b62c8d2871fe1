"""Expressions: Jinja's grammar over canonical fields, `value`, `text('PATH')` and `number('PATH')`.

Jinja parses; what is not on the closed list of nodes is refused; the rest is translated to one Python expression
and compiled once. Nothing of Jinja takes part in an evaluation.

The Python source uses nothing but local variables and its constants:

    value       the field's own text, or None
    f_<name>    the canonical field, `.` written as `__`: payment.method is f_payment__method; None where absent
    t_<n>       the text at paths[n], white space folded, or ""; number('PATH') is number_of(t_<n>)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec
from jinja2 import Environment, TemplateSyntaxError, nodes

from gateway.library import similar
from gateway.mapping.fields import Field, FieldType
from gateway.mapping.functions import (
    FILTERS,
    FUNCTIONS,
    TESTS,
    Function,
    Kind,
    as_number,
    as_text,
    divide,
    joined,
    number_of,
)

_LONGEST = 2000
_KIND_OF: dict[FieldType, Kind] = {"number": "number", "whole": "number", "yes/no": "yes/no", "time": "time"}
_COMPARED = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "lteq": "<=",
    "gt": ">",
    "gteq": ">=",
    "in": "in",
    "notin": "not in",
}
_ARITHMETIC = {nodes.Add: "+", nodes.Sub: "-", nodes.Mul: "*", nodes.FloorDiv: "//", nodes.Mod: "%"}
_PLAIN_TESTS = {"none": "is None", "defined": "is not None"}


class BadExpression(Exception):
    """An expression that does not compile, uses what it may not, or cannot be evaluated.

    `hint` says what to do.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


class Expression(msgspec.Struct, frozen=True):
    """A compiled expression.

    names: the canonical fields that it uses; paths: the paths inside `text('…')` and `number('…')`.
    python: its source over the variables that this module names; constants: what that source needs besides.
    gives: the kind of its value, as far as it can be told.
    """

    source: str
    names: tuple[str, ...]
    paths: tuple[str, ...]
    python: str
    constants: Mapping[str, Any]
    gives: Kind
    what: str
    call: Callable[..., Any]

    def evaluate(self, fields: Mapping[str, Any], text: Callable[[str], str], value: str | None) -> Any:
        """Its value over nested canonical fields, a reader of paths, and the field's own text.

        Raises BadExpression where the values do not fit it, Unreadable where a text is not what it is read as.
        """
        given = [_member(fields, name) for name in self.names]
        texts = [text(path) for path in self.paths]
        try:
            return self.call(value, *given, *texts)
        except (TypeError, ValueError, ArithmeticError) as error:
            why = _why(error, given)
            raise BadExpression(f"the {self.what} `{self.source}` cannot be evaluated: {why}") from error


def compile_expression(
    source: str, known: Mapping[str, Field], *, what: str = "condition", own_text: bool = True
) -> Expression:
    """Compile an expression over the fields `known`. Raises BadExpression.

    what: how problems call it. own_text: whether there is a `value`.
    """
    tree = _parsed(source, what)
    translator = _Translator(known, what, own_text=own_text)
    try:
        part = translator.part(tree)
        names, paths = tuple(translator.names), tuple(translator.paths)
        variables = ["value", *map(variable, names), *(f"t_{number}" for number in range(len(paths)))]
        code = compile(f"lambda {', '.join(variables)}: {part.code}", f"<{what}>", "eval")
    except (RecursionError, MemoryError, SyntaxError) as error:
        raise BadExpression(f"the {what} is nested too deep") from error
    # Every piece of the source was written by the translator; texts of the file stand in it as literals only.
    call = eval(code, {**translator.constants, "__builtins__": {}})  # noqa: S307
    return Expression(source, names, paths, part.code, translator.constants, part.kind, what, call)


def variable(name: str) -> str:
    """The variable that a canonical field has in the Python source."""
    return "f_" + name.replace(".", "__")


@lru_cache(maxsize=1024)
def _parsed(source: str, what: str) -> nodes.Node:
    """The tree of an expression. Mappings have many in common, and routes their mapping."""
    if len(source) > _LONGEST:
        raise BadExpression(f"the {what} has {len(source)} characters, at most {_LONGEST} are taken")
    try:
        parsed = Environment(autoescape=False).parse("{{ (" + source + ") }}")  # noqa: S701 - only its parser
    except TemplateSyntaxError as error:
        raise BadExpression(f"the {what} does not compile: {(error.message or '').lower()}") from error
    except RecursionError as error:
        raise BadExpression(f"the {what} is nested too deep") from error
    output = parsed.body[0] if len(parsed.body) == 1 else None
    single = isinstance(output, nodes.Output) and len(output.nodes) == 1
    if not isinstance(output, nodes.Output) or not single or isinstance(output.nodes[0], nodes.Tuple):
        raise BadExpression(f"the {what} is not one expression")
    return output.nodes[0]


def _member(fields: Mapping[str, Any], name: str) -> Any:
    group, _, member = name.partition(".")
    return (fields.get(group) or {}).get(member) if member else fields.get(group)


def _why(error: Exception, given: list[Any]) -> str:
    if isinstance(error, ZeroDivisionError) or "DivisionByZero" in str(error) or "DivisionUndefined" in str(error):
        return "it divides by zero"
    if isinstance(error, ArithmeticError):
        return "a number is too large"
    if isinstance(error, ValueError):
        return str(error)
    if None in given or "None" in str(error):
        return "a value that it needs is not there"
    return "a text stands where a number is needed"


class _Part(msgspec.Struct, frozen=True):
    """A piece of Python. solid: it is never None. codes: the closed list behind the field that it is."""

    code: str
    kind: Kind
    solid: bool = False
    codes: type[StrEnum] | None = None
    literals: tuple[str, ...] = ()


class _Translator:
    """Walks the syntax tree; whatever is not on the list is refused."""

    def __init__(self, known: Mapping[str, Field], what: str, *, own_text: bool) -> None:
        self._known = known
        self._what = what
        self._own_text = own_text
        self.names: dict[str, None] = {}
        self.paths: dict[str, int] = {}
        self.constants: dict[str, Any] = {}

    def part(self, node: nodes.Node | None) -> _Part:
        """The Python of a node. Raises BadExpression."""
        translate = _TRANSLATIONS.get(type(node))
        if translate is None:
            raise BadExpression(f"a {self._what} cannot hold `{type(node).__name__.lower()}`")
        return translate(self, node)

    # -- leaves ----------------------------------------------------------------------------------------------

    def const(self, node: nodes.Const) -> _Part:
        value = node.value
        if isinstance(value, bool) or value is None:
            return _Part(repr(value), "yes/no" if value is not None else "anything", solid=value is not None)
        if isinstance(value, str):
            return _Part(repr(value), "text", solid=True, literals=(value,))
        if isinstance(value, int):
            return _Part(f"({value})", "number", solid=True)
        exact = Decimal(repr(value))
        if not exact.is_finite():
            raise BadExpression("the number is too large")
        return _Part(self._constant(f"d_{len(self.constants)}", exact), "number", solid=True)

    def name(self, node: nodes.Name) -> _Part:
        return self._named(node.name)

    def attribute(self, node: nodes.Getattr) -> _Part:
        if not isinstance(node.node, nodes.Name):
            raise BadExpression("only canonical fields have parts, such as `payment.method`")
        return self._named(f"{node.node.name}.{node.attr}")

    def sequence(self, node: nodes.Tuple | nodes.List) -> _Part:
        parts = [self.part(item) for item in node.items]
        kinds = {part.kind for part in parts}
        literals = tuple(text for part in parts for text in part.literals)
        listed = ", ".join([part.code for part in parts]) + ("," if parts else "")
        return _Part(f"({listed})", kinds.pop() if len(kinds) == 1 else "anything", literals=literals)

    def item(self, node: nodes.Getitem) -> _Part:
        subject = self._text(self.part(node.node), "brackets")
        if isinstance(node.arg, nodes.Slice) and node.arg.step is None:
            start, stop = self._bound(node.arg.start), self._bound(node.arg.stop)
        else:
            position = _whole(node.arg)
            if position is None:
                raise BadExpression("brackets take a number or a slice, such as `value[:2]`")
            start, stop = str(position), str(position + 1) if position != -1 else ""
        return _Part(f"{subject}[{start}:{stop}]", "text", solid=True)

    def _bound(self, node: nodes.Node | None) -> str:
        number = _whole(node)
        if node is not None and number is None:
            raise BadExpression("brackets take a number or a slice, such as `value[:2]`")
        return "" if number is None else str(number)

    def _named(self, name: str) -> _Part:
        if name == "value" and self._own_text:
            return _Part("value", "text")
        found = self._known.get(name)
        if found is None:
            near = similar(name, (*self._known, "value", "text", "number"))
            own = "`value`, " if self._own_text else ""
            raise BadExpression(
                f"`{name}` is not known in this {self._what}",
                f"there is a field with a similar name that stands before it: `{near}`"
                if near in self._known
                else f"use {own}`text('PATH')`, or a canonical field that stands before it at the same level",
            )
        self.names[name] = None
        return _Part(variable(name), _KIND_OF.get(found.type, "text"), codes=found.codes)

    # -- operators -------------------------------------------------------------------------------------------

    def choice(self, node: nodes.And | nodes.Or) -> _Part:
        left, right = self.part(node.left), self.part(node.right)
        word = "and" if isinstance(node, nodes.And) else "or"
        kind = left.kind if left.kind == right.kind else "anything"
        return _Part(f"({left.code} {word} {right.code})", kind, solid=left.solid and right.solid)

    def negation(self, node: nodes.Not) -> _Part:
        return _Part(f"(not {self.part(node.node).code})", "yes/no", solid=True)

    def either(self, node: nodes.CondExpr) -> _Part:
        test, yes = self.part(node.test), self.part(node.expr1)
        no = self.part(node.expr2) if node.expr2 is not None else _Part("None", yes.kind)
        kind = yes.kind if yes.kind == no.kind else "anything"
        return _Part(f"({yes.code} if {test.code} else {no.code})", kind, solid=yes.solid and no.solid)

    def comparison(self, node: nodes.Compare) -> _Part:
        left = self.part(node.expr)
        code = left.code
        for operand in node.ops:
            right = self.part(operand.expr)
            self._comparable(left, right, operand.op)
            code += f" {_COMPARED[operand.op]} {right.code}"
            left = right
        return _Part(f"({code})", "yes/no", solid=True)

    def _comparable(self, left: _Part, right: _Part, operation: str) -> None:
        """A text is never equal to a number, nor a code to what is not on its list: that is a slip."""
        for one, other in ((left, right), (right, left)):
            if one.kind == "text" and other.kind == "number":
                raise BadExpression("a text is compared with a number", "write `number('PATH')`, or `… | number`")
            if one.kind != other.kind and "anything" not in (one.kind, other.kind):
                raise BadExpression(f"a {one.kind} is compared with a {other.kind}")
            codes = [str(code) for code in one.codes] if one.codes is not None else []
            wrong = next((text for text in other.literals if text not in codes), None) if codes else None
            if wrong is not None and one.codes is not None and operation in ("eq", "ne", "in", "notin"):
                near = similar(wrong, codes)
                raise BadExpression(
                    f"`{wrong}` is not a code of {one.codes.__name__}",
                    f"there is a code with a similar name: `{near}`"
                    if near
                    else f"the codes are {', '.join(codes)}",
                )

    def arithmetic(self, node: nodes.BinExpr) -> _Part:
        left, right = self.part(node.left), self.part(node.right)
        if isinstance(node, nodes.Add) and left.kind == right.kind == "text":
            return _Part(f"({left.code} + {right.code})", "text", solid=True)
        one, other = self._number(left), self._number(right)
        if isinstance(node, nodes.Div):
            return _Part(f"{self._constant('divide', divide)}({one}, {other})", "number", solid=True)
        return _Part(f"({one} {_ARITHMETIC[type(node)]} {other})", "number", solid=True)

    def sign(self, node: nodes.UnaryExpr) -> _Part:
        return _Part(f"({node.operator}{self._number(self.part(node.node))})", "number", solid=True)

    def concatenation(self, node: nodes.Concat) -> _Part:
        parts = ", ".join([self.part(each).code for each in node.nodes])
        return _Part(f"{self._constant('joined', joined)}({parts})", "text", solid=True)

    # -- calls -----------------------------------------------------------------------------------------------

    def filter(self, node: nodes.Filter) -> _Part:
        function = self._registered(node.name, "filter", FILTERS)
        return self._called(function, [*_subject(node), *self._arguments(node)])

    def test(self, node: nodes.Test) -> _Part:
        if node.name == "in" and len(node.args) == 1:
            return self.comparison(nodes.Compare(node.node, [nodes.Operand("in", node.args[0])]))
        function = self._registered(node.name, "test", TESTS)
        if node.name in _PLAIN_TESTS and not self._arguments(node):
            return _Part(f"({self.part(node.node).code} {_PLAIN_TESTS[node.name]})", "yes/no", solid=True)
        return self._called(function, [node.node, *self._arguments(node)])

    def called(self, node: nodes.Call) -> _Part:
        name = node.node.name if isinstance(node.node, nodes.Name) else ""
        if name not in ("text", "number") and name not in FUNCTIONS:
            known = ", ".join(f"`{each}(…)`" for each in FUNCTIONS)
            raise BadExpression(
                f"nothing can be called but `text('PATH')` and `number('PATH')`, with a literal path, and {known}"
            )
        arguments = self._arguments(node)
        if name in FUNCTIONS:
            return self._called(FUNCTIONS[name], arguments)
        path = arguments[0].value if len(arguments) == 1 and isinstance(arguments[0], nodes.Const) else None
        if not isinstance(path, str):
            raise BadExpression(f"`{name}(…)` takes one literal path, such as `{name}('TOTAL/WITH_VAT')`")
        code = f"t_{self.paths.setdefault(path, len(self.paths))}"
        if name == "text":
            return _Part(code, "text", solid=True)
        return _Part(f"{self._constant('number_of', number_of)}({code})", "number")

    def _registered(self, name: str, what: str, known: Mapping[str, Function]) -> Function:
        function = known.get(name)
        if function is None:
            near = similar(name, known)
            hint = f"there is a {what} with a similar name: `{near}`" if near else f"there are {', '.join(known)}"
            raise BadExpression(f"there is no {what} `{name}`", hint)
        return function

    def _arguments(self, node: nodes.Call | nodes.Filter | nodes.Test) -> list[nodes.Expr]:
        if node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise BadExpression("arguments have no names here", "write them in their order, such as `round(2)`")
        return list(node.args)

    def _called(self, function: Function, given: list[nodes.Expr]) -> _Part:
        most = len(function.takes)
        if len(given) < function.needed or (len(given) > most and not function.many):
            raise BadExpression(f"`{function.name}` is written otherwise", f"write it like `{function.example}`")
        codes = []
        for index, each in enumerate(given):
            part = self.part(each)
            wanted = function.takes[min(index, most - 1)]
            if {wanted, part.kind} == {"text", "number"} and (index > 0 or wanted == "number"):
                raise BadExpression(
                    f"`{function.name}` takes a {wanted} there, not a {part.kind}",
                    f"write it like `{function.example}`",
                )
            codes.append(part.code)
        name = self._constant(f"{function.role}_{function.name}", function.call)
        return _Part(f"{name}({', '.join(codes)})", function.gives, solid=function.gives == "text")

    def _text(self, part: _Part, what: str) -> str:
        if part.kind not in ("text", "anything"):
            raise BadExpression(f"{what} go with texts, not with a {part.kind}")
        return (
            part.code
            if part.solid and part.kind == "text"
            else f"{self._constant('as_text', as_text)}({part.code})"
        )

    def _number(self, part: _Part) -> str:
        if part.kind == "number":
            return part.code
        if part.kind == "anything":
            return f"{self._constant('as_number', as_number)}({part.code})"
        raise BadExpression(
            f"arithmetic goes with numbers, not with a {part.kind}", "write `number('PATH')`, or `… | number`"
        )

    def _constant(self, name: str, value: Any) -> str:
        self.constants[name] = value
        return name


def _subject(node: nodes.Filter) -> list[nodes.Expr]:
    """What stands before the bar; a filter block of a template has nothing there."""
    return [node.node] if node.node is not None else []


def _whole(node: nodes.Node | None) -> int | None:
    """The whole number that a node is, with its sign."""
    if isinstance(node, nodes.Neg):
        below = _whole(node.node)
        return None if below is None else -below
    value = node.value if isinstance(node, nodes.Const) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


_TRANSLATIONS: dict[type[nodes.Node] | type[None], Callable[[_Translator, Any], _Part]] = {
    nodes.Const: _Translator.const,
    nodes.Name: _Translator.name,
    nodes.Getattr: _Translator.attribute,
    nodes.Tuple: _Translator.sequence,
    nodes.List: _Translator.sequence,
    nodes.Getitem: _Translator.item,
    nodes.And: _Translator.choice,
    nodes.Or: _Translator.choice,
    nodes.Not: _Translator.negation,
    nodes.CondExpr: _Translator.either,
    nodes.Compare: _Translator.comparison,
    nodes.Add: _Translator.arithmetic,
    nodes.Sub: _Translator.arithmetic,
    nodes.Mul: _Translator.arithmetic,
    nodes.Div: _Translator.arithmetic,
    nodes.FloorDiv: _Translator.arithmetic,
    nodes.Mod: _Translator.arithmetic,
    nodes.Neg: _Translator.sign,
    nodes.Pos: _Translator.sign,
    nodes.Concat: _Translator.concatenation,
    nodes.Filter: _Translator.filter,
    nodes.Test: _Translator.test,
    nodes.Call: _Translator.called,
}
