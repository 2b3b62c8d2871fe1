"""What POHODA will make of an order's prices, beside what the shop says that the order costs.

POHODA is sent no total. It multiplies each unit price by its quantity, rounds each row to cents, adds the rows up
(VAT is added per rate where prices are without it) and rounds the sum by the rule that the order names.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

import msgspec

from gateway.documents import Invoice, LineKind, Order, OrderLine, minor_unit, rounded

PRICE_PLACES = Decimal("0.0001")
_CENT = Decimal("0.01")
_HUNDRED = Decimal(100)
_NOTHING = Decimal(0)

Charged = Order | Invoice
"""What has lines and a total."""

_STEPS = {"one": Decimal(1), "half": Decimal("0.5"), "tenth": Decimal("0.1")}
_MODES = {"math": ROUND_HALF_UP, "up": ROUND_CEILING, "down": ROUND_FLOOR}
RULES: Mapping[str, tuple[Decimal, str]] = {
    **{f"{mode}2{step}": (_STEPS[step], _MODES[mode]) for mode in _MODES for step in _STEPS},
    "math5cent": (Decimal("0.05"), ROUND_HALF_UP),
}
"""POHODA's rounding rules (type.xsd, typeRoundingDocument): the step and the way."""


class Remainder(msgspec.Struct, frozen=True):
    """How the target's sum and the shop's amount compare.

    target: what the target will compute, with the declared rounding; shop: what the order costs in the shop;
    item: what one more item without VAT must hold so that both are the same, None where that cannot be told
    soundly or the difference is larger than cents.
    """

    target: Decimal
    shop: Decimal
    item: Decimal | None


def is_gross(line: OrderLine, prices: str) -> bool:
    """Whether the price of a line is written with VAT."""
    return prices == "gross" or (prices == "as_given" and line.unit_price.basis == "gross")


def remainder(order: Charged, rule: str, prices: str) -> Remainder | None:
    """What is left between the target's sum and the shop's amount; None where nothing is, or nothing is known.

    rule: one of POHODA's, `none`, or `item` where the declared rounding is written as an item of its own.
    """
    written = _sum(order, prices)
    if written is None:
        return None
    tolerance = minor_unit(order.currency) * max(1, len(order.lines))
    shop = _amount(order, written, tolerance)
    if shop is None:
        return None
    base = written + (order.total.rounding if rule == "item" else _NOTHING)
    target = _by_rule(base, rule)
    if target == shop:
        return None
    wanted = order.total.gross if rule in RULES and order.total.gross is not None else shop
    item = wanted - base
    sound = all(is_gross(line, prices) or not line.vat_rate for line in order.lines)
    fits = sound and abs(item) <= tolerance and _by_rule(base + item, rule) == shop
    return Remainder(target, shop, item if fits else None)


def _sum(order: Charged, prices: str) -> Decimal | None:
    """The items with VAT, before any rounding of the whole; None where a price that is written is not there."""
    with_vat = _NOTHING
    without: dict[Decimal, Decimal] = {}
    for line in order.lines:
        gross = is_gross(line, prices)
        price = line.unit_price.gross if gross else line.unit_price.net
        if price is None:
            return None
        row = (price.quantize(PRICE_PLACES, ROUND_HALF_UP) * line.quantity).quantize(_CENT, ROUND_HALF_UP)
        if gross or not line.vat_rate:
            with_vat += row
        else:
            without[line.vat_rate] = without.get(line.vat_rate, _NOTHING) + row
    for rate, net in without.items():
        with_vat += net + rounded(net * rate / _HUNDRED, _CENT)
    return with_vat


def _amount(order: Charged, written: Decimal, tolerance: Decimal) -> Decimal | None:
    """What the order costs in the shop; an amount to pay that a deposit or a voucher lowered does not count."""
    total = order.total
    if total.gross is None:
        return None
    whole = total.gross + total.rounding
    if total.to_pay is not None and abs(total.to_pay - whole) <= tolerance + abs(total.rounding):
        return total.to_pay
    if has_rounding_line(order):  # the shop may count it in already
        return min((whole, total.gross), key=lambda amount: abs(amount - written))
    return whole


def has_rounding_line(order: Charged) -> bool:
    """Whether a line of the order carries its rounding."""
    rounding = LineKind.ROUNDING
    for line in order.lines:  # noqa: SIM110 - `any` over a generator costs three times as much
        if line.kind is rounding:
            return True
    return False


def _by_rule(amount: Decimal, rule: str) -> Decimal:
    if rule not in RULES:
        return amount
    step, mode = RULES[rule]
    return (amount / step).quantize(Decimal(1), rounding=mode) * step
