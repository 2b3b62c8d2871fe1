"""Offers: what a target is told of one code, worked out by its rules over all that the catalogue knows of it.

A name is imported when it is first used: a site without rules needs their models only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.lazily import on_first_use

if TYPE_CHECKING:
    from gateway.offers.compiling import BadRules, compile_rules
    from gateway.offers.model import RulesModel, RuleTestModel, StateModel
    from gateway.offers.rules import CannotWorkOut, Known, LeftOut, Rules
    from gateway.offers.selftest import RuleTest, RuleTestOutcome, rule_tests, run_rule_test
    from gateway.offers.states import States, compile_states

__all__ = [
    "BadRules",
    "CannotWorkOut",
    "Known",
    "LeftOut",
    "RuleTest",
    "RuleTestModel",
    "RuleTestOutcome",
    "Rules",
    "RulesModel",
    "StateModel",
    "States",
    "compile_rules",
    "compile_states",
    "rule_tests",
    "run_rule_test",
]

__getattr__ = on_first_use(
    __name__,
    {
        "compiling": ("BadRules", "compile_rules"),
        "model": ("RuleTestModel", "RulesModel", "StateModel"),
        "rules": ("CannotWorkOut", "Known", "LeftOut", "Rules"),
        "selftest": ("RuleTest", "RuleTestOutcome", "rule_tests", "run_rule_test"),
        "states": ("States", "compile_states"),
    },
)
