"""The quick rendering of a record: the same Jinja, compiled to fewer steps.

The template is flat (no envelope, no imports), its outputs of one line are joined in one go, and what filters make
of a text is remembered at each place. It writes a record that has nothing unusual about it; whatever would be told
(a text that was cut, a character that was replaced, a missing value) raises, and the record is rendered again the
ordinary way, which alone words problems. So it may refuse whatever it likes, but it never writes another text.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Set
from decimal import Decimal
from types import FunctionType, MethodType, SimpleNamespace
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.compiler import DependencyFinderVisitor, Frame
from jinja2.utils import missing
from markupsafe import Markup

from gateway.rendering.characters import Charset, encoder, escape
from gateway.rendering.desk import Desk
from gateway.rendering.filters import FILTERS, TESTS
from gateway.rendering.language import PlainGenerator, is_plain
from gateway.rendering.vat import VatRates

REMEMBERED = 1024
"""Values of one kind of output whose text is remembered."""

_LONGEST_REMEMBERED = 120
"""Characters of a text that is remembered, so that what is kept is bounded."""

_OF_TEXT = frozenset({"text", "memo", "code", "compact", "digits", "lookup"})
_KEEPING = frozenset({"text", "memo", "code"})
"""Filters that give back a clean line as it is."""

_OF_VALUES = {"amount": Decimal, "quantity": Decimal, "boolean": bool}
"""Filters whose result is the same for equal values (`10.0` and `10.00`), and needs no escaping."""


_TEXT = {str}
_BREAK = escape("\n")

_FROM_VALUE = _OF_TEXT | _OF_VALUES.keys()

QuickRecord = Callable[[Mapping[str, Any]], bytes]
"""From what a template sees to the bytes of a record.

Raises Doubt, and what a broken expression raises in Python, where the ordinary rendering is to look.
"""


class Doubt(Exception):
    """The record is to be rendered the ordinary way."""


TROUBLE = (Doubt, jinja2.UndefinedError, AttributeError, TypeError, ValueError, ArithmeticError)
"""What a quick rendering raises."""


class QuickDesk(Desk):
    """A desk that tells nothing: it raises Doubt instead."""

    def refuse(self, site: int, code: str, message: str, help_line: str | None, *context: str) -> NoReturn:
        """Raise Doubt."""
        raise Doubt

    def note(self, site: int, code: str, message: str, help_line: str | None, *context: str) -> NoReturn:
        """Raise Doubt."""
        raise Doubt

    def escaped(self, value: Any) -> str:
        """A text as XML. Raises Doubt for what is no text, and for characters that XML cannot hold."""
        if isinstance(value, Markup):
            raise Doubt
        return self.write(value, 0)

    def joined(self, parts: tuple[Any, ...]) -> str:
        """What `~` does."""
        kinds = {*map(type, parts)}
        if kinds == _TEXT:
            return "".join(parts)
        if Markup in kinds:
            raise Doubt
        return self.join(parts, 0)


class Remembered(dict[Any, Any]):
    """From the value of one output to its text (or to its bytes), for the values that were met lately."""

    def __init__(self, make: Callable[[Any], Any], kind: type) -> None:
        self._make = make
        self._kind = kind
        super().__init__()

    def __missing__(self, value: Any) -> Any:
        text = self._make(value)
        too_long = isinstance(value, str) and len(value) > _LONGEST_REMEMBERED
        if isinstance(value, self._kind) and not too_long:
            if len(self) >= REMEMBERED:
                self.clear()
            self[value] = text
        return text


class RememberedLines(Remembered):
    """The same where a clean text that is short enough is written as it is.

    clean: whether a text needs no fitting and no escaping. encoded: its bytes then.
    """

    def __init__(
        self,
        make: Callable[[Any], Any],
        longest: int,
        clean: Callable[[str], object],
        encoded: Callable[[str], bytes],
    ) -> None:
        super().__init__(make, str)
        self._longest = longest
        self._clean = clean
        self._encoded = encoded

    def __missing__(self, value: Any) -> Any:
        if type(value) is not str or len(value) > self._longest or not self._clean(value):
            return super().__missing__(value)
        text = self._encoded(value)
        if len(value) <= _LONGEST_REMEMBERED:
            if len(self) >= REMEMBERED:
                self.clear()
            self[value] = text
        return text


class QuickGenerator(PlainGenerator):
    """Writes the Python of a flat template."""

    environment: QuickLanguage
    _called: dict[str, str]

    def pull_dependencies(self, nodes: Iterable[nodes.Node]) -> None:
        """Filters and tests are names of the namespace, and not looked up for each record."""
        found = DependencyFinderVisitor()
        for node in nodes:
            found.visit(node)
        for known, names, called in (
            (self.filters, found.filters, self.environment.filters),
            (self.tests, found.tests, self.environment.tests),
        ):
            for name in sorted(names - known.keys()):
                known[name] = self.temporary_identifier()
                self.environment.called[known[name]] = called[name]
        self.writeline("put = context.put")

    def visit_Name(self, node: nodes.Name, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """A name that is surely set needs no test."""
        if id(node) in self.environment.assured:
            self.write(frame.symbols.ref(node.name))
        else:
            super().visit_Name(node, frame)

    def visit_Filter(self, node: nodes.Filter, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """Filters with constant arguments are a table of what was met lately."""
        inner, steps = _constant_steps(node)
        if steps:
            self._filtered(inner, steps, frame, written=False)
        else:
            super().visit_Filter(node, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """`a ~ b`; a single text among constant ones is put between them in place."""
        at = [index for index, part in enumerate(node.nodes) if not _is_text(part)]
        if len(at) != 1:
            self.write("environment.joined((")
            for part in node.nodes:
                self.visit(part, frame)
                self.write(", ")
            self.write("))")
            return
        value, constants = node.nodes[at[0]], (node.nodes[: at[0]], node.nodes[at[0] + 1 :])
        before, after = ("".join(part.as_const() for part in some) for some in constants)
        self.write(f"({before!r} + part + {after!r} if type(part := (")
        self.visit(value, frame)
        self.write(f")) is str else environment.joined(({before!r}, part, {after!r})))")

    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """Its pieces are put to those before; nothing is yielded."""
        self._called = {}
        self.writeline("put((", node)
        for child in node.nodes:
            self._piece(child, frame)
            self.write(", ")
        self.write("))")

    def _piece(self, child: nodes.Expr, frame: Frame) -> None:
        """One output as text."""
        if isinstance(child, nodes.TemplateData):
            self.write(repr(self.environment.encoded(child.data)))
            return
        inner, steps = _constant_steps(child)
        constant = self.environment.constant(inner, steps)
        if constant is not None:
            self.write(repr(constant))
        elif [step.name for step in steps] == ["boolean"]:
            self._flag(inner, steps, frame)
        elif steps or not is_plain(child):
            self._filtered(inner, steps, frame, written=True)
        elif (name := self._called.get(repr(child))) is not None:
            self.write(name)
        else:
            name = self._called[repr(child)] = f"called{len(self._called)}"
            self.write(f"({name} := (")
            self.visit(child, frame)
            self.write(").encode('ascii'))")

    def _flag(self, inner: nodes.Expr, steps: tuple[nodes.Filter, ...], frame: Frame) -> None:
        """`true` or `false` in place; the filter sees what is neither."""
        yes, no = (self.environment.constant(nodes.Const(value), steps) for value in (True, False))
        other = self.environment.filtering(steps, written=True, remembered=False)
        self.write(f"({yes!r} if (flag := ")
        self.visit(inner, frame)
        self.write(f") is True else {no!r} if flag is False else {other}(flag))")

    def _filtered(
        self, inner: nodes.Expr, steps: tuple[nodes.Filter, ...], frame: Frame, *, written: bool
    ) -> None:
        """What filters make of a value. For numbers and flags it is remembered of a field only, which is always of
        one type: in a table `1`, `1.00` and `true` are the same.
        """
        of_values = bool(steps) and steps[0].name in _OF_VALUES
        remembered = not of_values or isinstance(inner, nodes.Getattr)
        opening, closing = "[]" if remembered else "()"
        name = self.environment.filtering(steps, written=written, remembered=remembered)
        self.write(name + opening)
        self.visit(inner, frame)
        self.write(closing)


class QuickLanguage(jinja2.Environment):
    """Jinja for one flat template."""

    code_generator_class = QuickGenerator

    def __init__(
        self,
        charset: Charset,
        lookups: Mapping[str, Mapping[str, str]],
        vat_rates: VatRates | None,
    ) -> None:
        super().__init__(undefined=jinja2.StrictUndefined, autoescape=False, optimized=False, cache_size=0)
        self._encoding = charset.encoding
        self._charset = charset
        self.desk = QuickDesk(charset, lookups, vat_rates)
        self.joined = self.desk.joined
        self.assured: Set[int] = frozenset()
        self._names: dict[object, str] = {}
        self._made: dict[str, Remembered | Callable[[Any], Any]] = {}
        self.globals.clear()
        self.filters: dict[str, Callable[..., Any]] = {
            name: _at(self.desk, entry.call) for name, entry in FILTERS.items()
        }
        self.tests: dict[str, Any] = dict(TESTS)
        self.called: dict[str, Callable[..., Any]] = {}

    def filtering(self, steps: tuple[nodes.Filter, ...], *, written: bool, remembered: bool) -> str:
        """The name of the table (or else function) for some filters with constant arguments.

        written: with the escaping at the end.
        """
        same = (tuple(map(_signature, steps)), written, remembered)
        name = self._names.get(same)
        if name is None:
            name = self._names[same] = f"filters{len(self._made)}"
            self._made[name] = self._made_by(steps, written=written, remembered=remembered)
        return name

    def _made_by(
        self, steps: tuple[nodes.Filter, ...], *, written: bool, remembered: bool
    ) -> Remembered | Callable[[Any], Any]:
        make = self._making(steps, written=written)
        if not remembered:
            return make
        longest = _longest_kept(steps) if written else None
        if longest is None:
            return Remembered(make, _OF_VALUES.get(steps[0].name, str) if steps else str)
        encoded = encoder(self._encoding)
        if all(step.name == "memo" for step in steps):
            clean = self._charset.are_clean
            return RememberedLines(make, longest, clean, lambda text: encoded(text.replace("\n", _BREAK)))
        return RememberedLines(make, longest, self._charset.is_clean, encoded)

    def constant(self, inner: nodes.Expr, steps: tuple[nodes.Filter, ...]) -> bytes | None:
        """What is written of a constant; None where that is not constant, or where something is to be told."""
        if not isinstance(inner, nodes.Const):
            return None
        try:
            written: bytes = self._making(steps, written=True)(inner.value)
        except TROUBLE:
            return None
        return written

    def _making(self, steps: tuple[nodes.Filter, ...], *, written: bool) -> Callable[[Any], Any]:
        """What the filters (and the escaping) make of a value."""
        calls = [self._call(step) for step in steps]
        if written and not (steps and FILTERS[steps[-1].name].plain):
            calls.append(self.desk.escaped)
        if written:
            calls.append(self.encoded)

        def make(value: Any) -> Any:
            for call in calls:
                value = call(value)
            return value

        return make

    def function(self, tree: nodes.Template, *, assured: Set[int]) -> QuickRecord:
        """The function of a flat tree. assured: the ids of the names in it that are surely set."""
        self.assured = assured
        tree.set_environment(self)
        code = self.compile(tree, name="record", filename="<quick record>")
        namespace: dict[str, Any] = {
            "environment": self,
            "__file__": "<quick record>",
            **self._made,
            **self.called,
        }
        exec(code, namespace)  # noqa: S102 - what Jinja compiled of a template that was checked
        root = namespace["root"]

        def record(visible: Mapping[str, Any]) -> bytes:
            pieces: list[bytes] = []
            seen = SimpleNamespace(resolve_or_missing=lambda name: visible.get(name, missing), put=pieces.extend)
            next(root(seen), None)
            return b"".join(pieces)

        return record

    def encoded(self, text: str) -> bytes:
        """The bytes of a text; a character that the encoding lacks becomes a reference."""
        return text.encode(self._encoding, "xmlcharrefreplace")

    def _call(self, step: nodes.Filter) -> Callable[[Any], Any]:
        arguments = [argument.as_const() for argument in step.args]
        named: dict[str, Any] = {str(keyword.key): keyword.value.as_const() for keyword in step.kwargs}
        call = self.filters[step.name]
        return lambda value: call(value, *arguments, **named)


def _at(desk: QuickDesk, call: Callable[..., Any]) -> Callable[..., Any]:
    """A filter of which the site is no argument: a quick desk tells nothing, and a shorter call is quicker."""
    function: Any = call
    own = FunctionType(function.__code__, function.__globals__, closure=function.__closure__)
    own.__defaults__ = function.__defaults__
    own.__kwdefaults__ = {**(function.__kwdefaults__ or {}), "site": 0}
    return MethodType(own, desk)


def _is_text(node: nodes.Expr) -> bool:
    """Whether it is a text that stands in the template."""
    return isinstance(node, nodes.TemplateData) or (isinstance(node, nodes.Const) and isinstance(node.value, str))


def _constant_steps(node: nodes.Expr) -> tuple[nodes.Expr, tuple[nodes.Filter, ...]]:
    """The filters at the end of an expression whose result depends on the value alone, and what they work on."""
    steps: list[nodes.Filter] = []
    inner: Any = node
    while isinstance(inner, nodes.Filter) and inner.name in _FROM_VALUE and _has_constants(inner):
        steps.append(inner)
        inner = inner.node
    return (inner, tuple(reversed(steps))) if steps else (node, ())


def _signature(step: nodes.Filter) -> tuple[object, ...]:
    """What two filters with constant arguments differ in; `1` and `true` are not the same."""
    given = [*((None, each) for each in step.args), *((keyword.key, keyword.value) for keyword in step.kwargs)]
    return (step.name, *((name, repr(value.as_const())) for name, value in given))


def _longest_kept(steps: tuple[nodes.Filter, ...]) -> int | None:
    """How long a clean line may be that all of the filters give back as it is; None where one does more."""
    longest = sys.maxsize
    for step in steps:
        if step.name not in _KEEPING:
            return None
        given = [each.as_const() for each in (*step.args, *(keyword.value for keyword in step.kwargs))]
        if not all(each is None or isinstance(each, int) for each in given):
            return None
        longest = min([longest, *(each for each in given if each is not None)])
    return longest


def _has_constants(node: nodes.Filter) -> bool:
    given = [*node.args, *(keyword.value for keyword in node.kwargs)]
    return (
        node.dyn_args is None and node.dyn_kwargs is None and all(isinstance(each, nodes.Const) for each in given)
    )
