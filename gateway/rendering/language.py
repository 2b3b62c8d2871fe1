"""The template language: Jinja with our own output step, filters and attribute access.

Every output goes through `Desk.write`, which escapes, refuses None and knows the template line. Attributes are
plain Python attributes: the check at load has proved that the field exists, so the guarded look-up of Jinja
(and its run-time sandbox) would only cost time. autoescape is on, so that Jinja itself marks what macros,
`{% set %}` blocks and `super()` return as rendered already.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import jinja2
from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame

from gateway.rendering.desk import Desk, Site
from gateway.rendering.filters import FILTERS, TESTS
from gateway.rendering.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Iterable

VISIBLE = ("document", "settings", "identity")
"""All that a template sees."""


class OutputGenerator(CodeGenerator):
    """Writes the Python of a template, with the number of its site beside each output and filter."""

    environment: TemplateLanguage

    def visit_Name(self, node: nodes.Name, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """The three names that are always there need no test for being undefined."""
        if node.ctx == "load" and node.name in VISIBLE:
            self.write(frame.symbols.ref(node.name))
        else:
            super().visit_Name(node, frame)

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """A plain attribute."""
        self.write("(")
        self.visit(node.node, frame)
        self.write(f").{node.attr}")

    def visit_Filter(self, node: nodes.Filter, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """A call that knows where it stands."""
        if not any(keyword.key == "site" for keyword in node.kwargs):
            site = nodes.Keyword("site", nodes.Const(self._site(node)), lineno=node.lineno)
            node.kwargs.append(site)  # type: ignore[arg-type]  # Jinja's stub says Pair, its parser makes Keyword
        super().visit_Filter(node, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """`a ~ b`: None is refused here too."""
        self.write("environment.join_text((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write(f"), {self._site(node)})")

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        del frame, finalize
        if not _is_plain(node):
            self.write("environment.write_text(")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        del frame, finalize
        if not _is_plain(node):
            self.write(f", {self._site(node)})")

    def _site(self, node: nodes.Expr) -> int:
        expression, root, tail = field_of(node)
        source = self.environment.sources.get(self.name or "")
        assert source is not None, "what is compiled was read"
        sites = self.environment.desk.sites
        sites.append(Site(source.span(node.lineno, expression or None), expression, root, tail))
        return len(sites) - 1


class TemplateLanguage(jinja2.Environment):
    """Jinja for one template: its files, its desk."""

    code_generator_class = OutputGenerator

    def __init__(self, sources: Sources, desk: Desk) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            undefined=jinja2.StrictUndefined,
            autoescape=True,
            auto_reload=False,
            cache_size=-1,
            optimized=False,
            loader=jinja2.FunctionLoader(self._load),
        )
        self.sources = sources
        self.desk = desk
        self.write_text = desk.write
        self.join_text = desk.join
        self.globals.clear()
        self.filters: dict[str, Callable[..., Any]] = {
            name: partial(entry.call, desk) for name, entry in FILTERS.items()
        }
        self.tests: dict[str, Any] = dict(TESTS)

    def _load(self, name: str) -> tuple[str, str, Callable[[], bool]] | None:
        source = self.sources.get(name)
        return None if source is None else (source.text, source.path, lambda: True)


def field_of(node: nodes.Node) -> tuple[str, str, tuple[str, ...]]:
    """The first field in an expression (else its first name): as written, its first name, the attributes after it."""
    best: tuple[str, str, tuple[str, ...]] = ("", "", ())
    for part in _with_self(node):
        tail: list[str] = []
        inner: nodes.Node = part
        while isinstance(inner, nodes.Getattr):
            tail.append(inner.attr)
            inner = inner.node
        if isinstance(inner, nodes.Name) and (tail or not best[1]):
            names = (inner.name, *reversed(tail))
            best = (".".join(names), inner.name, names[1:])
            if tail:
                break
    return best


def _with_self(node: nodes.Node) -> Iterable[nodes.Node]:
    if isinstance(node, nodes.Getattr | nodes.Name):
        yield node
    for child in node.iter_child_nodes():
        yield from _with_self(child)


def _is_plain(node: nodes.Node | None) -> bool:
    """Whether the output is a number, a date or a flag: digits and letters only."""
    if isinstance(node, nodes.CondExpr):
        return _is_plain(node.expr1) and _is_plain(node.expr2)
    return isinstance(node, nodes.Filter) and node.name in FILTERS and FILTERS[node.name].plain
