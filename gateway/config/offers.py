"""What a target is told of the catalogue: its mode, its rules, its brake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from gateway.config.durations import Duration
from gateway.diagnostics import Problem, Span
from gateway.offers import RulesModel, RuleTestModel

if TYPE_CHECKING:
    from gateway.offers import Rules, RuleTest

Mode = Literal["changes", "full"]
Gone = Literal["zero", "leave_out"]


def _none(value: Any) -> Any:
    return None if value == "none" else value


Percent = Annotated[int, Field(ge=1, le=100)]
_PERCENT_OR_NONE = WithJsonSchema(
    {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 100}, {"type": "null"}, {"const": "none"}]}
)


class OffersModel(BaseModel):
    """What a target is told of products, stock and prices, and when."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    mode: Mode = Field(
        default="changes", description="`changes` ships what changed, `full` a file with everything each time"
    )
    every: Duration = Field(
        default=timedelta(minutes=5), description="changes are gathered for at least this long and shipped as one"
    )
    brake: Annotated[Percent | None, BeforeValidator(_none), _PERCENT_OR_NONE] = Field(
        default=50,
        description="hold the target where more than this percentage of its products would change at once; "
        "none = never",
    )
    gone: Gone = Field(
        default="zero",
        description="products that a complete input lacks: `zero` tells no pieces, `leave_out` tells nothing more",
    )
    most: int | None = Field(
        default=None, ge=1, description="how many products a file of `changes` holds at most; default all"
    )
    rules: RulesModel = Field(default=RulesModel(), description="what is told, and at which price")
    tests: list[RuleTestModel] = Field(default=[], description="examples of the rules; `gateway check` runs them")


class OffersSpec(msgspec.Struct, frozen=True):
    """The offers of a target, resolved. `version` changes with everything that could change what it is told."""

    mode: Mode
    every: timedelta
    brake: int | None
    gone: Gone
    most: int | None
    rules: Rules
    version: str


def offers_spec(
    model: OffersModel, span: Callable[[Sequence[str | int]], Span | None], problems: list[Problem]
) -> OffersSpec | None:
    """Compile the rules and try their examples; None where a rule is wrong. span: of a place below `offers:`."""
    from gateway.offers import BadRules, compile_rules

    try:
        rules = compile_rules(model.rules)
    except BadRules as error:
        for bad in error.rules:
            place = ("rules", *bad.place)
            message = f"`{'.'.join(place)}`: {bad.message}"
            problems.append(Problem(code="C003", message=message, span=span(place), help=bad.hint))
        return None
    for index in range(len(model.tests)):
        problems.extend(_failed(model, index, rules, span(("tests", index))))
    text = f"{model.rules.model_dump_json()} {model.gone} {model.mode}"
    return OffersSpec(
        mode=model.mode,
        every=model.every,
        brake=model.brake,
        gone=model.gone,
        most=model.most,
        rules=rules,
        version=sha256(text.encode()).hexdigest(),
    )


def _failed(model: OffersModel, index: int, rules: Rules, span: Span | None) -> list[Problem]:
    """An example that the rules do not fulfil is a problem, but the target works on."""
    from gateway.offers import rule_tests, run_rule_test

    try:
        tests: list[RuleTest] = rule_tests([model.tests[index]])
    except ValueError as error:
        return [Problem(code="C003", message=f"the example {error}", span=span)]
    outcome = run_rule_test(rules, tests[0])
    return [
        Problem(
            code="C013",
            level="warning",
            message=f"the rules do not give what `{outcome.name}` says: {difference}",
            span=span,
            help="mend the rule or the example",
        )
        for difference in outcome.differences
    ]
