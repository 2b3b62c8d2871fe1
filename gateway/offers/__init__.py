"""Offers: what a target is told of one code, worked out by its rules over all that the catalogue knows of it."""

from gateway.offers.compiling import BadRules, compile_rules
from gateway.offers.model import RulesModel, RuleTestModel
from gateway.offers.rules import CannotWorkOut, Known, LeftOut, Rules
from gateway.offers.selftest import RuleTest, RuleTestOutcome, rule_tests, run_rule_test
from gateway.offers.states import StateModel, States, compile_states

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
