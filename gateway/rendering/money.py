"""The filters of money, quantities and VAT."""

from __future__ import annotations

from datetime import date as day_type
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from gateway.documents import Invoice, OrderLine, Price, minor_unit
from gateway.rendering.desk import Desk
from gateway.rendering.sums import Charged
from gateway.rendering.sums import remainder as remainder_of
from gateway.rendering.vat import abroad
from gateway.rendering.vat import rounding_rule as rule_of

_PRICE_PLACES = 4
_QUANTA = tuple(Decimal(1).scaleb(-places) for places in range(10))


def amount(desk: Desk, value: Decimal | None, places: int = 4, *, site: int) -> str:
    """A plain decimal number: `242`, `99.17`, `-10.5`."""
    if not isinstance(value, Decimal):
        return absent(desk, value, site)
    return plain_number(_rounded(desk, value, places, site))


def fixed(desk: Desk, value: Decimal | None, places: int = 2, *, site: int) -> str:
    """A plain decimal number with exactly that many places: `242.00`."""
    if not isinstance(value, Decimal):
        return absent(desk, value, site)
    return f"{_rounded(desk, value, places, site):.{places}f}"


def unit_price(
    desk: Desk, line: OrderLine, basis: str, currency: str, row_totals: str = "error", *, site: int
) -> str:
    """The price of one unit; refused, or told, where it does not lead to the line's total."""
    price, total = (
        (line.unit_price.gross, line.total.gross) if basis == "gross" else (line.unit_price.net, line.total.net)
    )
    if price is None:
        return desk.refuse(site, "T004", f"{{field}} has no {basis} price", "map it, or set `prices: as_given`")
    unit = _rounded(desk, price, _PRICE_PLACES, site)
    written = plain_number(unit)
    computed = unit * line.quantity
    if total is not None and computed != total and abs(computed - total) > minor_unit(currency):
        tell = desk.note if row_totals == "warn" else desk.refuse
        tell(
            site,
            "T017",
            f"{{field}} costs {plain_number(total)} ({basis}) in the shop, "
            f"but its unit price leads to {plain_number(computed)}",
            "the target multiplies them itself: check `unit_price` and `quantity` in the mapping; "
            "`row_totals: warn` in the target's settings sends such orders with a warning",
            f"name: {line.name}",
            f"unit price x quantity: {written} x {plain_number(line.quantity)}",
        )
    return written


def remainder(desk: Desk, order: Charged, rule: str, prices: str, rest: str = "item", *, site: int) -> Decimal:
    """What the rounding item holds: the declared rounding where the rule is `item`, and the rest of cents."""
    declared = order.total.rounding if rule == "item" else Decimal(0)
    left = None if rest == "ignore" else remainder_of(order, rule, prices)
    if left is None:
        return declared
    if left.item is not None and rest == "item":
        return declared + left.item
    desk.note(
        site,
        "T018",
        f"the target will add the {_whole(order)} up to {plain_number(left.target)}, "
        f"in the shop it costs {plain_number(left.shop)}",
        f"compare the {_whole(order)} with the shop after the import and correct the difference there",
        f"difference: {plain_number(left.shop - left.target)} {order.currency}",
    )
    return declared


def quantity(desk: Desk, value: Decimal | None, *, site: int) -> str:
    """A plain decimal number with all the places that it has."""
    return plain_number(value) if isinstance(value, Decimal) else absent(desk, value, site)


def vat_slot(
    desk: Desk, rate: Decimal | None, day: day_type | None, country: str, foreign: str = "error", *, site: int
) -> str:
    """The VAT slot of a rate on a day."""
    if not isinstance(rate, Decimal):
        return absent(desk, rate, site)
    on = day.date() if isinstance(day, datetime) else day
    found = desk.slot(rate, on, country)
    if foreign == "abroad":
        if found is not None or not desk.knows_rates_of(country):
            return abroad(found) or "historyHigh"
        return _no_slot(desk, rate, on, country, "VAT of that country is due: correct the rate in the shop", site)
    if on is None and found is not None and historical(found):
        found = None
    if found is not None:
        return found
    if foreign == "history":
        return "historyHigh"
    advice = "correct the rate in the mapping"
    if on is not None:
        advice += ", or set `foreign_vat: history` where it is another country's rate"
    return _no_slot(desk, rate, on, country, advice, site)


def rounding_rule(desk: Desk, order: Charged, *, site: int) -> str:
    """The rule by which the order's total was rounded."""
    del desk, site
    return rule_of(order)


def deduction(desk: Desk, invoice: Invoice, advances: str, *, site: int) -> Price | None:
    """What earlier advance invoices have covered, as the negative price of one item."""
    paid = invoice.paid_by_advance
    if not paid:
        return None
    if advances == "untaxed":
        return Price(net=-paid, gross=-paid)
    if advances == "taxed":
        rates = {line.vat_rate for line in invoice.lines}
        rate = rates.pop() if len(rates) == 1 else None
        if rate is not None:
            net = (paid / (1 + rate / 100)).quantize(Decimal("0.01"), ROUND_HALF_UP)
            return Price(net=-net, gross=-paid)
        desk.refuse(
            site,
            "T021",
            f"an advance has paid {plain_number(paid)} of it, and its lines have several VAT rates",
            "book it by hand, or set `advances: note` in the target's settings; nobody says how much of the "
            "advance belongs to which rate",
        )
        return None
    tell = desk.note if advances == "note" else desk.refuse
    tell(
        site,
        "T021",
        f"an advance has paid {plain_number(paid)} of it, and the target is not told which",
        "deduct it there by hand"
        if advances == "note"
        else "set `advances` in the target's settings: `note` sends it without the deduction, `taxed` and "
        "`untaxed` write one",
    )
    return None


def historical(slot: str) -> bool:
    """Whether a VAT slot needs its percentage beside it."""
    return slot.startswith("history")


def _rounded(desk: Desk, value: Decimal, places: int, site: int) -> Decimal:
    """Rounded half up, and told where that changes it."""
    quantum = _QUANTA[places] if 0 <= places < len(_QUANTA) else Decimal(1).scaleb(-places)
    rounded = value.quantize(quantum, ROUND_HALF_UP)
    if rounded != value:
        desk.note(
            site,
            "T014",
            f"{{field}} was rounded to {places} places",
            None,
            f"before: {value:f}",
            f"after: {plain_number(rounded)}",
        )
    return rounded


def _whole(document: Charged) -> str:
    return "invoice" if isinstance(document, Invoice) else "order"


def plain_number(value: Decimal) -> str:
    """A number without exponent and trailing zeros."""
    written = str(value)
    if "E" in written:
        written = format(value, "f")
    if "." in written:
        written = written.rstrip("0").rstrip(".")
    return "0" if written in ("-0", "") else written


def _no_slot(desk: Desk, rate: Decimal, on: day_type | None, country: str, advice: str, site: int) -> str:
    when = f" on {on.isoformat()}" if on is not None else ""
    return desk.refuse(site, "T012", f"{plain_number(rate)} % is no VAT rate of {country}{when}", advice)


def absent(desk: Desk, value: object, site: int) -> str:
    """Refuse a value that a filter cannot work on, such as none."""
    return (
        desk.write(value, site)
        if value is None
        else desk.refuse(
            site, "T004", f"{{field}} is a {type(value).__name__}, and the filter cannot work on it", None
        )
    )
