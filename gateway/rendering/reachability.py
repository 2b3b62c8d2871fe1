"""What of a template is never written, whatever the document: blocks that nothing asks for, decided conditions.

These are remarks: the template is allowed, and works. A condition counts as decided only where that is certain for
every call of a macro, so what may depend on an argument is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import nodes

from gateway.diagnostics import Problem
from gateway.errors import ProblemsFound
from gateway.rendering.checking import Checker, Part
from gateway.rendering.expressions import Scope, written
from gateway.rendering.shapes import Shape
from gateway.rendering.template import Draft, Trees


def reviewed(name_or_path: str, *, site: Path | None = None, trees: Trees | None = None) -> tuple[Problem, ...]:
    """The problems of a template; where there are none, the remarks on it. trees: shared by many templates."""
    try:
        draft = Draft(name_or_path, site, trees)
    except ProblemsFound as error:
        return error.problems
    conditions = draft.checker(_Conditions)
    problems = conditions.run()
    return tuple(problems) or (*_lost_blocks(draft.chain), *conditions.remarks())


def _lost_blocks(chain: list[Part]) -> Iterator[Problem]:
    """Blocks of a template that extends another, which none of those above has: nothing ever asks for them."""
    for index, part in enumerate(chain[:-1]):
        above = {block.name for other in chain[index + 1 :] for block in other.blocks}
        parent = chain[index + 1].source.name
        for node in part.tree.body:
            if isinstance(node, nodes.Block) and node.name not in above:
                known = ", ".join(f"`{name}`" for name in sorted(above))
                yield Problem(
                    code="T019",
                    level="warning",
                    message=f"the block `{node.name}` is never written: `{parent}` has no such block",
                    span=part.source.span(node.lineno, node.name),
                    help=f"the blocks there are {known}",
                )


class _Conditions(Checker):
    """Follows a template as the check does, and notes of every condition whether it is decided."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._seen: dict[int, tuple[nodes.If, set[bool | None], str]] = {}
        self._spans: dict[int, Any] = {}

    def remarks(self) -> Iterator[Problem]:
        """The conditions that were decided whenever they were met."""
        for key, (node, verdicts, why) in self._seen.items():
            if len(verdicts) == 1 and (verdict := next(iter(verdicts))) is not None:
                said = f"this condition is always {'true' if verdict else 'false'}"
                yield Problem(
                    code="T020",
                    level="note" if why else "warning",
                    message=f"{said}: {why}" if why else said,
                    span=self._spans[key],
                    help=_consequence(node, verdict=verdict),
                )

    def _statement(self, node: nodes.Node, scope: Scope) -> None:
        if isinstance(node, nodes.If):
            verdict, why = self._verdict(node.test, scope)
            known = self._seen.setdefault(id(node), (node, set(), why))
            known[1].add(verdict)
            self._spans.setdefault(id(node), self.source.span(node.lineno, written(node.test) or None))
        super()._statement(node, scope)

    def _verdict(self, node: nodes.Node, scope: Scope) -> tuple[bool | None, str]:
        """True or false where it is always that, and why; no reason is given for a written constant."""
        match node:
            case nodes.Const():
                return bool(node.value), ""
            case nodes.Not():
                verdict, why = self._verdict(node.node, scope)
                return (None if verdict is None else not verdict), why
            case nodes.And() | nodes.Or():
                return self._joined(node, scope)
            case nodes.Test(name="none"):
                shape = self._shape(node.node, scope)
                never = shape is not None and not shape.optional and shape.base is not object
                return (False, f"`{written(node.node)}` is always there") if never else (None, "")
            case nodes.Name() | nodes.Getattr():
                shape = self._shape(node, scope)
                always = shape is not None and shape.is_record and not shape.optional
                return (True, f"`{written(node)}` is always there") if always else (None, "")
        return None, ""

    def _joined(self, node: nodes.And | nodes.Or, scope: Scope) -> tuple[bool | None, str]:
        """`and` is decided by one false side or two true ones; `or` the other way round."""
        deciding = isinstance(node, nodes.Or)
        left, right = self._verdict(node.left, scope), self._verdict(node.right, scope)
        for verdict, why in (left, right):
            if verdict is deciding:
                return verdict, why
        return (not deciding, left[1] or right[1]) if None not in (left[0], right[0]) else (None, "")

    def _shape(self, node: nodes.Node, scope: Scope) -> Shape | None:
        """The shape of a plain field; None of anything that may not be set on the way."""
        root = node
        while isinstance(root, nodes.Getattr):
            root = root.node
        if not isinstance(root, nodes.Name) or root.name not in scope:
            return None
        told = len(self.problems)
        found = self.expression(node, scope)
        del self.problems[told:]  # the check itself tells them
        return found if isinstance(found, Shape) else None


def _consequence(node: nodes.If, *, verdict: bool) -> str:
    if not verdict:
        return "what stands in it is never written"
    return "what stands in its `else` is never written" if node.else_ or node.elif_ else "the `if` may go"
