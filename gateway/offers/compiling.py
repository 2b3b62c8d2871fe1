"""From the YAML of rules to compiled rules; all that is wrong is said at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from gateway.documents import Offer
from gateway.library import similar
from gateway.mapping.convert import reader_of
from gateway.mapping.expressions import BadExpression, Expression, compile_expression
from gateway.mapping.fields import Field, level_of
from gateway.mapping.functions import as_text
from gateway.offers.model import RulesModel
from gateway.offers.rules import Rules

_CONDITIONS = ("leave_out", "without_price", "without_quantity")
_SEEN: Mapping[str, Field] = {
    **level_of(Offer).fields,
    "reserved": Field("reserved", "number"),
}
_SETTABLE = {name: each for name, each in level_of(Offer).fields.items() if name != "sku"}


class BadRule(msgspec.Struct, frozen=True):
    """One rule that does not compile: its place below `rules:`, and what to do."""

    place: tuple[str, ...]
    message: str
    hint: str | None = None


class BadRules(Exception):
    """Rules that do not compile, each with its place."""

    def __init__(self, rules: list[BadRule]) -> None:
        self.rules = tuple(rules)
        super().__init__("; ".join(rule.message for rule in rules))


def compile_rules(model: RulesModel) -> Rules:
    """Compile a target's rules. Raises BadRules."""
    faults: list[BadRule] = []
    markup = _compiled(model.markup, ("markup",), "markup", faults)
    if markup is not None and markup.gives not in ("number", "anything"):
        faults.append(BadRule(("markup",), f"the markup is a {markup.gives}, a number of percent is needed"))
    conditions = {}
    for name in _CONDITIONS:
        compiled = _compiled(getattr(model, name), (name,), "condition", faults)
        if compiled is not None:
            conditions[name] = compiled
    fields, readers = _fields(model, faults)
    if faults:
        raise BadRules(faults)
    return Rules(
        warehouses=tuple(model.warehouses),
        count=model.count,
        at_least=model.at_least,
        whole_pieces=model.whole_pieces,
        price_level=model.price_level,
        price_warehouse=model.price_warehouse,
        special_price_level=model.special_price_level,
        currency=model.currency,
        round_to=model.round_to,
        markup=markup,
        conditions=conditions,
        fields=fields,
        readers=readers,
    )


def _fields(
    model: RulesModel, faults: list[BadRule]
) -> tuple[dict[str, Expression], dict[str, Callable[[Any], Any]]]:
    fields, readers = {}, {}
    for name, source in model.fields.items():
        settable = _SETTABLE.get(name)
        if settable is None:
            near = similar(name, _SETTABLE)
            hint = f"there is a field with a similar name: `{near}`" if near else None
            faults.append(BadRule(("fields", name), f"`{name}` is no field of an offer", hint))
            continue
        compiled = _compiled(source, ("fields", name), "rule", faults)
        if compiled is not None:
            fields[name], readers[name] = compiled, _reader(settable)
    return fields, readers


def _compiled(source: str | None, place: tuple[str, ...], what: str, faults: list[BadRule]) -> Expression | None:
    if source is None:
        return None
    try:
        return compile_expression(source, _SEEN, what=what, own_text=False)
    except BadExpression as error:
        faults.append(BadRule(place, error.message, error.hint))
        return None


def _reader(settable: Field) -> Callable[[Any], Any]:
    """What an expression gives becomes the type of the field: a text is read, what fits already is kept."""
    read = reader_of(settable)

    def typed(value: Any) -> Any:
        if settable.type == "number" and isinstance(value, Decimal | int) and not isinstance(value, bool):
            return Decimal(value)
        if settable.type == "yes/no" and isinstance(value, bool):
            return value
        if settable.type == "time" and isinstance(value, datetime):
            return value
        return read(as_text(value))

    return typed
