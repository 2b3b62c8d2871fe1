"""From the values that a mapping read to a whole order: missing prices are derived, sums are checked.

The rules (docs/documents.md explains them with examples):
 1. A price may be given net, gross or both. Both given: the gross one counts, the net one is kept as it is.
 2. With one of the two and the VAT rate, the other is derived: net = gross / (1 + rate/100), to four places.
 3. With both and no rate, the rate is the whole percentage that explains them within their rounding.
 4. A line's total is the given one, else unit price x quantity rounded to the currency's minor unit.
 5. A delivery address that only repeats the billing address is none.
 6. Where a row has its own total, quantity x unit price must lead to it: targets compute it so.
 7. The lines must add up to the order's total within one minor unit per line plus the declared rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec

from gateway.documents.order import Order, OrderLine, Payment, Price, Shipping, Totals
from gateway.documents.party import Party
from gateway.documents.values import LineKind, PriceBasis, minor_unit, rounded

_FOUR_PLACES = Decimal("0.0001")
_HUNDRED = Decimal(100)
_NOTHING = Decimal(0)
_ONE = Decimal(1)
_NET, _GROSS = PriceBasis.NET, PriceBasis.GROSS

OnTotals = Literal["error", "warn"]


class Row(dict[str, Any]):
    """The values of a row that may stand in several documents: what it was completed to is kept with it."""

    __slots__ = ("lines",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.lines: dict[Decimal, OrderLine] = {}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something wrong with a value; `field` is its canonical path such as `lines[2].unit_price`."""

    code: str
    field: str
    message: str
    level: Literal["error", "warning"] = "error"
    help: str | None = None


def complete_order(
    values: Mapping[str, Any], *, on_totals: OnTotals = "error"
) -> tuple[Order | None, tuple[Finding, ...]]:
    """Build an order from nested dicts of typed values.

    Returns the order, or None where an error stands among the findings. Never raises for what a shop sent.
    """
    try:
        return _completed(values, on_totals)
    except ArithmeticError:
        return None, (too_large(),)


def too_large() -> Finding:
    """For amounts that decimal arithmetic refuses."""
    return Finding(
        code="D020",
        field="lines",
        message="the amounts are too large or too small to be computed with exactly",
        help="correct the amounts in the shop; prices, quantities and totals are computed with 28 digits",
    )


def _completed(values: Mapping[str, Any], on_totals: OnTotals) -> tuple[Order | None, tuple[Finding, ...]]:
    findings = missing(values, ("number", "ordered_at", "currency"))
    billing = customer(values.get("billing"), findings, whole="order")
    unit = minor_unit(values.get("currency") or "")
    lines = complete_lines(values.get("lines") or (), unit, findings, on_totals, whole="order")
    total = complete_totals(values.get("total") or {}, lines, unit, findings, on_totals)
    if has_errors(findings) or total is None or billing is None:
        return None, tuple(findings)
    order = Order(
        number=values["number"],
        ordered_at=values["ordered_at"],
        currency=values["currency"],
        billing=billing,
        delivery=delivery_other_than(billing, values.get("delivery")),
        lines=lines,
        total=total,
        exchange_rate=values.get("exchange_rate"),
        exchange_amount=values.get("exchange_amount") or 1,
        payment=Payment(**(values.get("payment") or {})),
        shipping=Shipping(**(values.get("shipping") or {})),
        status=values.get("status"),
        cancelled=bool(values.get("cancelled")),
        customer_note=values.get("customer_note"),
        shop_note=values.get("shop_note"),
    )
    return order, tuple(findings)


def complete_price(
    net: Decimal | None, gross: Decimal | None, rate: Decimal | None
) -> tuple[Price | None, Decimal | None, str | None]:
    """The price with both amounts, its VAT rate, and a sentence on what is missing (None where nothing is)."""
    if net is None and gross is None:
        return None, rate, "there is neither a net nor a gross price"
    if rate is None:
        if net is None or gross is None:
            return None, None, "there is no VAT rate, and only one of net and gross to tell it from"
        rate = rate_between(net, gross)
        if rate is None:
            return None, None, f"no whole VAT rate leads from net {net} to gross {gross}"
    if gross is not None:
        derived = net if net is not None else rounded(gross / (1 + rate / _HUNDRED), _FOUR_PLACES)
        return Price(net=derived, gross=gross, basis=_GROSS), rate, None
    assert net is not None
    return Price(net=net, gross=rounded(net * (1 + rate / _HUNDRED), _FOUR_PLACES), basis=_NET), rate, None


def rate_between(net: Decimal, gross: Decimal) -> Decimal | None:
    """The whole percentage that leads from net to gross within the rounding of both; None where there is none."""
    if net == gross:
        return Decimal(0)
    if net == 0:
        return None
    rate = rounded((gross / net - 1) * _HUNDRED, Decimal(1))
    slack = _half_place(gross) + _half_place(net) * (1 + abs(rate) / _HUNDRED)
    return rate if rate >= 0 and abs(net * (1 + rate / _HUNDRED) - gross) <= slack else None


def _half_place(amount: Decimal) -> Decimal:
    exponent = amount.as_tuple().exponent
    places = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    return Decimal(5).scaleb(-places - 1)


def complete_lines(
    rows: Sequence[Mapping[str, Any]], unit: Decimal, findings: list[Finding], on_totals: OnTotals, *, whole: str
) -> tuple[OrderLine, ...]:
    """The rows of an order or an invoice (`whole` names it); what is wrong is added to the findings."""
    if not rows:
        findings.append(
            Finding(
                code="D001",
                field="lines",
                message=f"the {whole} has no lines",
                help=f"check the path in `lines: {{each: …}}`; an {whole} without lines cannot be booked",
            )
        )
    lines = []
    for index, row in enumerate(rows, start=1):
        line = row.lines.get(unit) if isinstance(row, Row) else None
        if line is None:
            before = len(findings)
            line = _line(row, index, unit, findings, on_totals)
            if isinstance(row, Row) and line is not None and len(findings) == before:
                row.lines[unit] = line
        if line is not None:
            lines.append(line)
    return tuple(lines)


def _line(
    row: Mapping[str, Any], index: int, unit: Decimal, findings: list[Finding], on_totals: OnTotals
) -> OrderLine | None:
    at = f"lines[{index}]"
    kind = row.get("kind") or LineKind.PRODUCT
    name = row.get("name") or row.get("sku")
    if not name:
        findings.append(_missing(f"{at}.name"))
        return None
    quantity = row.get("quantity")
    if quantity is None:
        quantity = _ONE
    given, total = row.get("unit_price") or {}, row.get("total") or {}
    rate = row.get("vat_rate")
    if rate is not None and not _NOTHING <= rate <= _HUNDRED:
        findings.append(
            Finding(
                code="D012",
                field=f"{at}.vat_rate",
                message=f"the VAT rate {rate} is not a percentage between 0 and 100",
            )
        )
        return None
    net, gross = given.get("net"), given.get("gross")
    is_given = net is not None or gross is not None
    if not is_given and quantity:
        net, gross = _unit_of(total.get("net"), quantity), _unit_of(total.get("gross"), quantity)
    unit_price, rate, lack = complete_price(net, gross, rate)
    if unit_price is None or rate is None:
        findings.append(
            Finding(
                code="D011",
                field=f"{at}.unit_price",
                message=f"the price of `{name}` cannot be told: {lack}",
                help="map `unit_price.net` or `unit_price.gross`, and `vat_rate`",
            )
        )
        return None
    line_total = _line_total(total, unit_price, quantity, rate, unit)
    off = _off(unit_price, quantity, line_total, unit) if is_given else None
    if off is not None:
        findings.append(
            Finding(
                code="D018",
                field=f"{at}.total",
                level="error" if on_totals == "error" else "warning",
                message=f"`{name}`: {off}",
                help="the target computes quantity x unit price; check which of the three is mapped wrongly, "
                "and whether `unit_price` is the price after the discount",
            )
        )
    return OrderLine(
        kind=kind,
        name=name,
        quantity=quantity,
        unit_price=unit_price,
        total=line_total,
        vat_rate=rate,
        sku=row.get("sku"),
        ean=row.get("ean"),
        variant=row.get("variant"),
        unit=row.get("unit"),
        discount_percent=row.get("discount_percent"),
        note=row.get("note"),
    )


def _off(unit_price: Price, quantity: Decimal, total: Price, unit: Decimal) -> str | None:
    """In what way unit price x quantity is not the row's total; None where it is, within the rounding of both."""
    is_gross = unit_price.basis is _GROSS
    given = total.gross if is_gross else total.net
    price = unit_price.gross if is_gross else unit_price.net
    if given is None or price is None:
        return None
    product = price * quantity
    if product == given or abs(product - given) <= unit + abs(quantity) * _half_place(price):
        return None
    return f"{quantity} x {unit_price.given} is {rounded(product, unit)}, the row's total says {given}"


def _unit_of(total: Decimal | None, quantity: Decimal) -> Decimal | None:
    return None if total is None else rounded(total / quantity, _FOUR_PLACES)


def _line_total(
    given: Mapping[str, Any], unit_price: Price, quantity: Decimal, rate: Decimal, unit: Decimal
) -> Price:
    net, gross = given.get("net"), given.get("gross")
    if net is None and gross is None:
        product = rounded(unit_price.given * quantity, unit)
        if unit_price.basis is _GROSS:
            gross = product
        else:
            net = product
    price, _, _ = complete_price(net, gross, rate)
    assert price is not None
    return price


def complete_totals(
    given: Mapping[str, Any],
    lines: Sequence[OrderLine],
    unit: Decimal,
    findings: list[Finding],
    on_totals: OnTotals,
    *,
    whole: str = "order",
    may_be_negative: bool = False,
) -> Totals | None:
    """What the whole costs, compared with its lines; None with a finding where that cannot be told."""
    rounding = given.get("rounding") or _NOTHING
    net, gross, to_pay = given.get("net"), given.get("gross"), given.get("to_pay")
    for field, amount in (("gross", gross), ("net", net), ("to_pay", to_pay)):
        if amount is not None and amount < _NOTHING and not may_be_negative:
            findings.append(
                Finding(
                    code="D008",
                    field=f"total.{field}",
                    message=f"the total is negative: {amount}",
                    help="a credit note is not an order: it must be booked by hand",
                )
            )
            return None
    tolerance = unit * max(1, len(lines)) + abs(rounding)
    if has_errors(findings):
        return None
    if gross is not None:
        _compare("gross", gross, _added(lines, _GROSS), tolerance, findings, on_totals, whole)
    elif net is not None:
        _compare("net", net, _added(lines, _NET), tolerance, findings, on_totals, whole)
    return Totals(
        net=net if net is not None else rounded(_added(lines, _NET), unit),
        gross=gross if gross is not None else rounded(_added(lines, _GROSS), unit),
        rounding=rounding,
        to_pay=to_pay,
    )


def _added(lines: Sequence[OrderLine], basis: PriceBasis) -> Decimal:
    """The totals of all lines, added up."""
    added = _NOTHING
    for line in lines:
        amount = line.total.gross if basis is _GROSS else line.total.net
        if amount is not None:
            added += amount
    return added


def _compare(
    field: str,
    amount: Decimal,
    added: Decimal,
    tolerance: Decimal,
    findings: list[Finding],
    on_totals: OnTotals,
    whole: str,
) -> None:
    if amount != added and abs(amount - added) > tolerance:
        findings.append(_mismatch(field, amount, added, tolerance, on_totals, whole))


def _mismatch(
    field: str, amount: Decimal, added: Decimal, tolerance: Decimal, on_totals: OnTotals, whole: str
) -> Finding:
    return Finding(
        code="D007",
        field=f"total.{field}",
        level="error" if on_totals == "error" else "warning",
        message=f"the lines add up to {added}, the {whole} says {amount} ({field}); {tolerance} may differ",
        help="check which rows `lines` leaves out or counts twice, and `total.rounding`",
    )


def _missing(field: str) -> Finding:
    return Finding(code="D001", field=field, message=f"`{field}` is missing")


def has_errors(findings: Sequence[Finding]) -> bool:
    """Whether one of the findings keeps the document from being built."""
    return bool(findings) and any(finding.level == "error" for finding in findings)


def missing(values: Mapping[str, Any], needed: Sequence[str]) -> list[Finding]:
    """A finding for each of the needed top-level fields that has no value."""
    return [_missing(name) for name in needed if values.get(name) is None]


def customer(values: Mapping[str, Any] | None, findings: list[Finding], *, whole: str) -> Party | None:
    """Who buys; None with a finding where the order or invoice (`whole`) names nobody."""
    party = Party(**values) if values else None
    if party is None or not party.names_somebody():
        findings.append(
            Finding(
                code="D001",
                field="billing.name",
                message=f"the {whole} names no customer: neither a name nor a company",
                help="map `billing.name` or `billing.company`",
            )
        )
    return party


def delivery_other_than(billing: Party, values: Mapping[str, Any] | None) -> Party | None:
    """The delivery address; None where it repeats the billing address and adds nothing to it."""
    if values is not None:
        for name, value in values.items():
            if value is not None and getattr(billing, name) != value:
                return Party(**values)
    return None
