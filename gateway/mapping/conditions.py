"""Conditions: Jinja expressions over canonical fields, `value`, `text('PATH')` and `number('PATH')`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, StrictUndefined, TemplateError, TemplateSyntaxError, nodes

from gateway.library import similar
from gateway.mapping.numbers import read_number

FILTERS = (
    "abs",
    "default",
    "first",
    "float",
    "int",
    "last",
    "length",
    "lower",
    "replace",
    "round",
    "trim",
    "upper",
)
TESTS = (
    "defined",
    "divisibleby",
    "even",
    "false",
    "in",
    "lower",
    "none",
    "number",
    "odd",
    "string",
    "true",
    "upper",
)
OWN_TESTS: Mapping[str, Callable[..., bool]] = {
    "digits": lambda text: bool(text) and str(text).isascii() and str(text).isdigit(),
    "starting_with": lambda text, start: str(text or "").casefold().startswith(str(start).casefold()),
    "containing": lambda text, part: str(part).casefold() in str(text or "").casefold(),
}

_ALLOWED = (
    *(nodes.Const, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.CondExpr),
    *(nodes.Neg, nodes.Pos, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Concat),
    *(nodes.Tuple, nodes.List, nodes.Slice, nodes.Keyword),
)


class BadCondition(Exception):
    """A condition that does not compile or uses what it may not; `hint` says what is possible."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


@dataclass(frozen=True)
class Condition:
    """A compiled condition.

    names: the canonical fields that it uses; paths: the paths inside `text('…')` and `number('…')`;
    `test` evaluates it over the fields, a reader of paths and the field's own text, and raises BadCondition
    where the values do not fit, Unreadable where `number` meets something else.
    """

    source: str
    names: tuple[str, ...]
    paths: tuple[str, ...]
    test: Callable[[Mapping[str, Any], Callable[[str], str], str | None], bool]


def compile_condition(source: str, known: Iterable[str]) -> Condition:
    """Compile a condition over the fields `known`. Raises BadCondition."""
    environment = _environment()
    try:
        parsed = environment.parse("{{ (" + source + ") }}")
    except TemplateSyntaxError as error:
        raise BadCondition(f"the condition does not compile: {(error.message or '').lower()}") from error
    output = parsed.body[0] if len(parsed.body) == 1 else None
    if not isinstance(output, nodes.Output) or len(output.nodes) != 1:
        raise BadCondition("the condition is not one expression")
    checker = _Checker(tuple(known))
    checker.check(output.nodes[0])
    try:
        compiled = environment.compile_expression(source, undefined_to_none=False)
    except TemplateError as error:
        raise BadCondition(f"the condition does not compile: {str(error.message).lower()}") from error

    def test(fields: Mapping[str, Any], text: Callable[[str], str], value: str | None) -> bool:
        def number(path: str) -> Any:
            return read_number(text(path)) if text(path) else None

        context: dict[str, Any] = {"text": text, "number": number, "value": value}
        for name in checker.names:
            group, _, member = name.partition(".")
            if member:
                context.setdefault(group, {})[member] = (fields.get(group) or {}).get(member)
            else:
                context[name] = fields.get(name)
        try:
            return bool(compiled(**context))
        except (TypeError, ValueError, ArithmeticError, TemplateError) as error:
            raise BadCondition(f"the condition `{source}` cannot be evaluated: {str(error).lower()}") from error

    return Condition(source, tuple(checker.names), tuple(checker.paths), test)


def _environment() -> Environment:
    environment = Environment(undefined=StrictUndefined, autoescape=False)  # noqa: S701 - gives true or false, no text
    environment.filters = {name: environment.filters[name] for name in FILTERS}
    environment.tests = {**{name: environment.tests[name] for name in TESTS}, **OWN_TESTS}
    environment.globals = {}
    return environment


class _Checker:
    """Walks the syntax tree; whatever is not on the list is refused."""

    def __init__(self, known: tuple[str, ...]) -> None:
        self._known = known
        self.names: dict[str, None] = {}
        self.paths: dict[str, None] = {}

    def check(self, node: nodes.Node) -> None:
        if isinstance(node, nodes.Name):
            self._name(node.name)
        elif isinstance(node, nodes.Getattr):
            if not isinstance(node.node, nodes.Name):
                raise BadCondition("only canonical fields have parts, such as `payment.method`")
            self._name(f"{node.node.name}.{node.attr}")
        elif isinstance(node, nodes.Call):
            self._call(node)
        elif isinstance(node, nodes.Getitem):
            if not isinstance(node.arg, nodes.Slice | nodes.Const) or isinstance(
                getattr(node.arg, "value", 0), str
            ):
                raise BadCondition("brackets take a number or a slice, such as `value[:2]`")
            self._below(node)
        elif isinstance(node, nodes.Filter):
            self._one_of(node.name, "filter", FILTERS)
            self._below(node)
        elif isinstance(node, nodes.Test):
            self._one_of(node.name, "test", (*TESTS, *OWN_TESTS))
            self._below(node)
        elif isinstance(node, _ALLOWED):
            self._below(node)
        else:
            raise BadCondition(f"a condition cannot hold `{type(node).__name__.lower()}`")

    def _one_of(self, name: str, what: str, known: tuple[str, ...]) -> None:
        if name not in known:
            near = similar(name, known)
            hint = f"there is a {what} with a similar name: `{near}`" if near else f"there are {', '.join(known)}"
            raise BadCondition(f"there is no {what} `{name}`", hint)

    def _below(self, node: nodes.Node) -> None:
        for child in node.iter_child_nodes():
            self.check(child)

    def _name(self, name: str) -> None:
        if name == "value":
            return
        if name not in self._known:
            near = similar(name, (*self._known, "value", "text", "number"))
            hint = f"there is a field with a similar name that stands before it: `{near}`" if near else None
            raise BadCondition(
                f"`{name}` is not known in this condition",
                hint
                or "use `value`, `text('PATH')`, or a canonical field that stands before it at the same level",
            )
        self.names[name] = None

    def _call(self, node: nodes.Call) -> None:
        plain = not (node.kwargs or node.dyn_args or node.dyn_kwargs) and len(node.args) == 1
        argument = node.args[0] if plain else None
        is_text = isinstance(node.node, nodes.Name) and node.node.name in ("text", "number")
        if not (is_text and isinstance(argument, nodes.Const) and isinstance(argument.value, str)):
            raise BadCondition(
                "nothing can be called but `text('PATH')` and `number('PATH')`, with a literal path"
            )
        self.paths[argument.value] = None
