"""What a shop calls the state of an order: the first rule that holds decides."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from gateway.documents import OrderState
from gateway.mapping.expressions import BadExpression, Expression, compile_expression
from gateway.mapping.fields import level_of
from gateway.mapping.unreadable import Unreadable
from gateway.offers.compiling import BadRule, BadRules
from gateway.offers.model import StateModel
from gateway.offers.rules import CannotWorkOut


class States(msgspec.Struct, frozen=True):
    """Compiled rules, in their order."""

    rules: tuple[tuple[Expression | None, str], ...]

    def applied(self, document: OrderState) -> OrderState:
        """The document with the shop's state; None where no rule holds. Raises CannotWorkOut.

        Conditions read user fields by their names, and the first document of an agenda by the name of that agenda.
        """
        values = {name: getattr(document, name) for name in document.__struct_fields__}
        texts = {each.agenda: each.number or each.record_id or "" for each in reversed(document.documents)}
        texts |= {each.name: each.value or "" for each in document.properties}
        for index, (condition, state) in enumerate(self.rules):
            try:
                holds = condition is None or condition.evaluate(values, lambda name: texts.get(name, ""), None)
            except (BadExpression, Unreadable) as error:
                raise CannotWorkOut(error.message, ("states", str(index + 1), "when")) from error
            if holds:
                return replace(document, state=state)
        return replace(document, state=None)


def compile_states(models: Sequence[StateModel]) -> States:
    """Compile the rules. Raises BadRules."""
    rules: list[tuple[Expression | None, str]] = []
    faults: list[BadRule] = []
    fields = level_of(OrderState).fields
    for index, model in enumerate(models):
        condition = None
        if model.when is not None:
            try:
                condition = compile_expression(model.when, fields, what="condition", own_text=False)
            except BadExpression as error:
                faults.append(BadRule(("states", str(index), "when"), error.message, error.hint))
        rules.append((condition, model.state))
    if faults:
        raise BadRules(faults)
    return States(tuple(rules))
