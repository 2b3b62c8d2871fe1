"""Rules that give the shop's name of an order's state."""

from __future__ import annotations

import pytest

from gateway.documents import LinkedDocument, OrderState, Property
from gateway.offers import BadRules, CannotWorkOut, StateModel, compile_states


def state_of(document: OrderState, *rules: dict[str, str]) -> str | None:
    return compile_states([StateModel.model_validate(rule) for rule in rules]).applied(document).state


def test_the_first_rule_that_holds_decides_and_none_leaves_it_out() -> None:
    rules = ({"when": "cancelled", "is": "Stornována"}, {"when": "executed", "is": "Připravena"})
    assert state_of(OrderState(number="1", executed=True), *rules) == "Připravena"
    assert state_of(OrderState(number="1", executed=True, cancelled=True), *rules) == "Stornována"
    assert state_of(OrderState(number="1"), *rules) is None
    assert state_of(OrderState(number="1"), *rules, {"is": "Přijata"}) == "Přijata"


def test_linked_documents_and_user_fields_decide_by_their_names() -> None:
    order = OrderState(
        number="1",
        documents=(LinkedDocument(agenda="deliveryNote", number="26V1"),),
        properties=(Property(name="VPrKuryr", value="ano"),),
    )
    assert state_of(order, {"when": "text('deliveryNote') != ''", "is": "Odeslána"}) == "Odeslána"
    assert state_of(order, {"when": "text('issuedInvoice') != ''", "is": "Vyřízena"}) is None
    assert state_of(order, {"when": "text('VPrKuryr') == 'ano'", "is": "U dopravce"}) == "U dopravce"


def test_what_is_wrong_with_a_rule_is_said_with_its_number() -> None:
    with pytest.raises(BadRules) as caught:
        compile_states([StateModel.model_validate({"when": "exekuted", "is": "A"})])
    (bad,) = caught.value.rules
    assert (bad.place, bad.message) == (("states", "0", "when"), "`exekuted` is not known in this condition")
    rules = compile_states([StateModel.model_validate({"when": "delivered_share > 0.5", "is": "A"})])
    with pytest.raises(CannotWorkOut) as late:
        rules.applied(OrderState(number="1"))
    assert late.value.rule == ("states", "1", "when")
