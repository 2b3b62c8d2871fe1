"""The template language: Jinja with our own output step, filters and attribute access.

Every output goes through `Desk.write`, which escapes, refuses None and knows the template line. Attributes are
plain Python attributes: the check at load has proved that the field exists, so the guarded look-up of Jinja
(and its run-time sandbox) would only cost time. autoescape is on, so that Jinja itself marks what macros,
`{% set %}` blocks and `super()` return as rendered already.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from functools import partial
from keyword import iskeyword
from threading import RLock
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


class PlainGenerator(CodeGenerator):
    """Writes the Python of a template that was checked: names and attributes need no guarded look-up."""

    def visit_Name(self, node: nodes.Name, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """The three names that are always there need no test for being undefined."""
        if node.ctx == "load" and node.name in VISIBLE:
            self.write(frame.symbols.ref(node.name))
        else:
            super().visit_Name(node, frame)

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """A plain attribute."""
        self.write("getattr(" if iskeyword(node.attr) else "(")
        self.visit(node.node, frame)
        self.write(f", {node.attr!r})" if iskeyword(node.attr) else f").{node.attr}")


class OutputGenerator(PlainGenerator):
    """Writes the number of its site beside each output and filter."""

    environment: TemplateLanguage

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

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> str:
        """Jinja would escape a literal by itself, and leave line breaks as they are."""
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible
        return super()._output_child_to_const(node, frame, finalize)

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        del frame, finalize
        if not is_plain(node):
            self.write("environment.write_text(")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        del frame, finalize
        if not is_plain(node):
            self.write(f", {self._site(node)})")

    def _site(self, node: nodes.Expr) -> int:
        expression, root, tail = _subject(node)
        source = self.environment.sources.get(self.name or "")
        assert source is not None, "what is compiled was read"
        sites = self.environment.desk.sites
        sites.append(Site(source.span(node.lineno, expression or None), expression, root, tail))
        return len(sites) - 1


class TemplateLanguage(jinja2.Environment):
    """Jinja for one template: its files, its desk.

    parsed: gives a tree of its own for a path and a text, where there is one already.
    """

    code_generator_class = OutputGenerator

    def __init__(
        self,
        sources: Sources,
        desk: Desk,
        parsed: Callable[[str, str], nodes.Template | None] = lambda _path, _text: None,
    ) -> None:
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
        self._parsed = parsed
        self.write_text = desk.write
        self.join_text = desk.join
        self._compiled: dict[str, jinja2.Template] = {}
        self._compiling = RLock()
        self.globals.clear()
        self.filters: dict[str, Callable[..., Any]] = {
            name: partial(entry.call, desk) for name, entry in FILTERS.items()
        }
        self.tests: dict[str, Any] = dict(TESTS)

    def get_template(
        self,
        name: str | jinja2.Template,
        parent: str | None = None,
        globals: MutableMapping[str, Any] | None = None,  # noqa: A002 - Jinja's name
    ) -> jinja2.Template:
        """A compiled file; every rendering asks for the envelope and the imports, so this must be quick."""
        found = self._compiled.get(name)  # type: ignore[arg-type]  # a template is never a key
        if found is None:
            with self._compiling:  # sites are numbered one after the other
                found = super().get_template(name, parent, globals)
            self._compiled[str(found.name)] = found
        return found

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = self._parsed(filename or "", source)
        if tree is None:
            return super()._parse(source, name, filename)
        tree.set_environment(self)
        return tree

    def _load(self, name: str) -> tuple[str, str, Callable[[], bool]] | None:
        source = self.sources.get(name)
        return None if source is None else (source.text, source.path, lambda: True)


def field_of(node: nodes.Node) -> tuple[str, str, tuple[str, ...]]:
    """The field that an expression is about: as written, its first name, and the attributes after it.

    That is its first field of the document; else its first field of anything, else its first name.
    """
    best: tuple[int, str, str, tuple[str, ...]] = (0, "", "", ())
    for part in _with_self(node):
        tail: list[str] = []
        inner: nodes.Node = part
        while isinstance(inner, nodes.Getattr):
            tail.append(inner.attr)
            inner = inner.node
        if isinstance(inner, nodes.Name):
            rank = 1 if not tail else 2 if inner.name in ("settings", "identity") else 3
            if rank > best[0]:
                names = (inner.name, *reversed(tail))
                best = (rank, ".".join(names), inner.name, names[1:])
    return best[1:]


def _subject(node: nodes.Node) -> tuple[str, str, tuple[str, ...]]:
    """The field that a filter works on, whatever its arguments are; else that of the whole expression."""
    inner: nodes.Node | None = node
    while isinstance(inner, nodes.Filter):
        inner = inner.node
    found = field_of(inner) if inner is not None else ("", "", ())
    return found if found[0] else field_of(node)


def _with_self(node: nodes.Node) -> Iterable[nodes.Node]:
    if isinstance(node, nodes.Getattr | nodes.Name):
        yield node
    for child in node.iter_child_nodes():
        yield from _with_self(child)


def is_plain(node: nodes.Node | None) -> bool:
    """Whether the output is a number, a date or a flag: digits and letters only."""
    if isinstance(node, nodes.CondExpr):
        return is_plain(node.expr1) and is_plain(node.expr2)
    return isinstance(node, nodes.Filter) and node.name in FILTERS and FILTERS[node.name].plain
