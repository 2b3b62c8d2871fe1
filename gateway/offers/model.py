"""How rules are written in config.yaml."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _step(value: Decimal) -> Decimal:
    if not (value.is_finite() and value > 0):
        raise ValueError("prices are rounded to a step such as `1`, `0.50` or `10`")
    return value


Names = Annotated[list[str], BeforeValidator(_listed)]
Expression = Annotated[str, Field(min_length=1)]
Step = Annotated[
    Decimal, AfterValidator(_step), WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number"}]})
]


class _Strict(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class RulesModel(_Strict):
    """What of the catalogue a target is told, and at which price. Expressions see the fields of the offer."""

    warehouses: Names = Field(
        default=[],
        description="the warehouses whose pieces are added up, with what lies below them as in `ZBOŽÍ/Hrnky`; "
        "without it all of them",
    )
    count: Literal["available", "all"] = Field(
        default="available", description="`available` takes off what is reserved, `all` counts it as well"
    )
    at_least: Decimal | None = Field(
        default=Decimal(0), description="fewer pieces than this are told as this: what is oversold is 0"
    )
    whole_pieces: bool = Field(default=False, description="told pieces are whole ones, rounded down")
    price_level: str | None = Field(
        default=None, description="the price level whose price is told; without it the plain selling price"
    )
    price_warehouse: str | None = Field(
        default=None, description="the warehouse whose price is told; without it the first one that has a price"
    )
    special_price_level: str | None = Field(
        default=None, description="the price level that is told as the special price"
    )
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = Field(
        default=None, description="prices in another currency are left aside"
    )
    markup: Expression | None = Field(
        default=None, description="percent that are added to the price: a number or an expression"
    )
    round_to: Step | None = Field(
        default=None, description="the price with VAT is rounded to a multiple of this, halves up"
    )
    leave_out: Expression | None = Field(
        default=None, description="a condition: products for which it is true are not told at all"
    )
    without_price: Expression | None = Field(
        default=None, description="a condition: of these products the price is not told"
    )
    without_quantity: Expression | None = Field(
        default=None, description="a condition: of these products the quantity is not told"
    )
    fields: dict[str, Expression] = Field(
        default={}, description="fields of the offer worked out by expressions, in their order"
    )


class RuleTestModel(_Strict):
    """An example: what the catalogue knows, and what the target is told of it."""

    name: str = Field(description="what the example shows")
    products: list[dict[str, Any]] = Field(default=[], description="cards of one code, as fields of `product`")
    stock: list[dict[str, Any]] = Field(default=[], description="stock levels of that code")
    prices: list[dict[str, Any]] = Field(default=[], description="prices of that code")
    expect: dict[str, Any] | Literal["left out"] = Field(
        description="fields of the offer and their values, or `left out`"
    )


class StateModel(BaseModel):
    """One rule: where the condition holds, the shop's order is in this state."""

    model_config = ConfigDict(
        defer_build=True, extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True
    )

    when: str | None = Field(default=None, description="a condition over its fields; without it always")
    state: str = Field(alias="is", min_length=1, description="the shop's name of it, such as `Vyřízena`")
