"""Prices and totals: what each amount is by its name, and which reading of them adds up in the sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import combinations
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from gateway.workbench.scaffold.guess import holds
from gateway.workbench.scaffold.survey import Block, Leaf, text_at, words_of
from gateway.workbench.scaffold.values import number
from gateway.workbench.scaffold.vocabulary import (
    CHARGES,
    GROSS,
    NET,
    PART,
    PRICE,
    RATE,
    ROUNDING,
    TO_PAY,
    TOTAL,
    VAT,
)

Basis = Literal["net", "gross"]
What = Literal["unit", "total", "rate", "vat", "rounding", "to_pay", "shipping", "payment", "discount", "part"]
_CENT = Decimal("0.01")
_RATIO = Decimal("0.2")
_OTHER = (
    "original",
    "purchase",
    "buy",
    "old",
    "common",
    "base",
    "before",
    "saving",
    "weight",
    "currency",
    "itemcount",
)
RATES = frozenset(map(Decimal, (0, 5, 6, 8, 9, 10, 11, 12, 13, 15, 17, 18, 19, 20, 21, 22, 23, 24, 25, 27)))
_MOST_CHARGES = 6
_MANY = 500
"""From here on whole amounts are taken for those of a currency without small coins."""


class Amount(msgspec.Struct, frozen=True):
    """A leaf that holds numbers. basis: as its name says; None where it says nothing."""

    leaf: Leaf
    what: What
    basis: Basis | None
    numbers: tuple[Decimal | None, ...]

    @property
    def path(self) -> str:
        """Where it stands."""
        return self.leaf.path


class Charge(msgspec.Struct, frozen=True):
    """What is paid besides the rows: shipping, a fee, a discount. amounts: one of each record, signed.

    each, when, path: the block of rows that it becomes; `negated` where the shop writes what it takes off as a
    positive number. tax: where the VAT on it stands, which `amounts` then hold too.
    """

    kind: str
    each: str
    when: str
    path: str
    basis: Basis | None
    amounts: tuple[Decimal, ...]
    negated: bool = False
    tax: str = ""


class Presumed(msgspec.Struct, frozen=True):
    """A VAT rate that the sample does not have: the expression that gives it, and what it is in each record."""

    expression: str
    rates: tuple[Decimal | None, ...]


class Fit(msgspec.Struct, frozen=True):
    """The reading of the prices that adds up best. `matched` of `records` add up to `total`.

    sums: what the rows and charges of each record add up to. outside: charges that `total` does not have in it.
    presumed: the VAT rate that was needed for it and is not in the sample.
    """

    source: Amount | None
    basis: Basis
    total: Amount | None
    total_basis: Basis
    charges: tuple[Charge, ...]
    matched: int
    records: int
    sums: tuple[Decimal, ...] = ()
    outside: tuple[Charge, ...] = ()
    presumed: Presumed | None = None


def amounts_of(leaves: Sequence[Leaf], *, in_row: bool) -> list[Amount]:
    """The leaves that hold amounts or rates."""
    found = []
    for leaf in leaves:
        numbers = tuple(number(text) if text else None for text in leaf.values)
        if leaf.filled and all(
            (value is None) == (not text) for value, text in zip(numbers, leaf.values, strict=True)
        ):
            what = _what(leaf, numbers, in_row=in_row)
            if what is not None:
                found.append(Amount(leaf, what, basis_of(leaf), numbers))
    return [_named_by_ratio(each, found) for each in found]


def _named_by_ratio(amount: Amount, others: Sequence[Amount]) -> Amount:
    """`price` beside `price_with_vat` is the net one where a VAT rate leads from it to the other."""
    if amount.basis is not None or amount.what not in ("unit", "total"):
        return amount
    for other in others:
        if other.what == amount.what and other.basis == "gross" and _are_net_and_gross(amount, other):
            return replace(amount, basis="net")
        if other.what == amount.what and other.basis == "net" and _are_net_and_gross(other, amount):
            return replace(amount, basis="gross")
    return amount


def _are_net_and_gross(net: Amount, gross: Amount) -> bool:
    pairs = [(one, other) for one, other in zip(net.numbers, gross.numbers, strict=True) if one and other]
    rates = [(other / one - 1) * 100 for one, other in pairs]
    return bool(rates) and all(rate > 1 and any(abs(rate - each) < _RATIO for each in RATES) for rate in rates)


def basis_of(leaf: Leaf) -> Basis | None:
    """Whether a name says net or gross."""
    words = {word for part in leaf.path.split("/") for word in words_of(part)}
    if any(word in leaf.key for word in NET if word != "net") or words & {"net", "excl", "netto"}:
        return "net"
    if any(word in leaf.key for word in GROSS if word != "wt") or words & {"incl", "wt", "gross", "brutto"}:
        return "gross"
    return None


def _what(leaf: Leaf, numbers: Sequence[Decimal | None], *, in_row: bool) -> What | None:
    key, last = leaf.key, leaf.keys[-1]
    if any(word in key for word in RATE):
        return "rate"
    if "paid" in last.removeprefix("totalpaid") or last.startswith("@") or last.endswith("id"):
        return None
    if _is_vat(leaf):
        plain = [value for value in numbers if value is not None]
        beside_a_charge = _charged(leaf.keys[-2:-1]) is not None
        return "rate" if (in_row or beside_a_charge) and plain and all(v in RATES for v in plain) else "vat"
    if any(word in last for word in ROUNDING):
        return None if any(word in last for word in ("before", "mode", "type", "rule")) else "rounding"
    if any(word in key for word in _OTHER):
        return None
    if any(word in last for word in TO_PAY):
        return "to_pay"
    if not in_row:
        return _what_in_header(leaf)
    if any(word in key for word in TOTAL) and "unit" not in key:
        return "total"
    return "unit" if any(word in key for word in PRICE) or basis_of(leaf) is not None else None


def _is_vat(leaf: Leaf) -> bool:
    last = leaf.keys[-1]
    parts = words_of(leaf.path.split("/")[-1])
    tax = last in VAT or last.endswith(("vat", "tax", "taxtotal", "vatamount", "taxamount", "taxprice"))
    return (tax or last.startswith(("tax", "vat", "dph", "mwst"))) and basis_of(leaf) is None and "id" not in parts


def _what_in_header(leaf: Leaf) -> What | None:
    key, last = leaf.key, leaf.keys[-1]
    charged = _charged(leaf.keys[-2:-1])
    if charged is not None and (basis_of(leaf) is not None or any(word in last for word in PRICE)):
        return charged
    summed = any(word in key for word in (*TOTAL, *PRICE, "cost", "kosten", "fee", "naklad"))
    charges: dict[str, What] = {"discount": "discount", "shipping": "shipping", "payment": "payment"}
    for name, kind in charges.items():
        if any(word in last for word in CHARGES[name]) and (summed or any(word == last for word in CHARGES[name])):
            return kind
    if any(word in last for word in PART):
        return "part"
    return "total" if any(word in key for word in TOTAL) else None


def _charged(holder: Sequence[str]) -> What | None:
    """What the element is paid for that holds an amount: SHIPMENT/PRICE."""
    charges: dict[str, What] = {"discount": "discount", "shipping": "shipping", "payment": "payment"}
    return next(
        (kind for name, kind in charges.items() for key in holder if key.startswith(CHARGES[name])),
        None,
    )


# -- what adds up ----------------------------------------------------------------------------------------


def charges_of(header: Sequence[Amount], records: int) -> list[Charge]:
    """What elements of the record itself are paid besides; of a net and a gross one the gross."""
    found: list[Charge] = []
    for what in ("shipping", "payment", "discount"):
        same = [each for each in header if each.what == what]
        for each in same:
            better = [other for other in same if other.basis == "gross" and _alike(each, other)]
            if each.basis == "gross" or not better:
                values = tuple(value or Decimal(0) for value in each.numbers)
                negated = what == "discount" and any(value > 0 for value in values)
                signed = tuple(-value for value in values) if negated else values
                when = f"text('{each.path}') and number('{each.path}') != 0"
                found.append(Charge(what, ".", when, each.path, each.basis, signed, negated))
                found += _with_tax(found[-1], each, header)
    return [each for each in found if len(each.amounts) == records]


def _with_tax(charge: Charge, amount: Amount, header: Sequence[Amount]) -> list[Charge]:
    """The same charge with its VAT, where that stands beside it: ShippingTotal and ShippingTaxTotal."""
    if amount.basis == "gross":
        return []
    words = CHARGES[charge.kind]
    beside = (each for each in header if each.what == "vat" and any(word in each.leaf.key for word in words))
    tax = next(beside, None)
    if tax is None:
        return []
    signs = -1 if charge.negated else 1
    values = tuple(
        value + signs * (extra or Decimal(0)) for value, extra in zip(charge.amounts, tax.numbers, strict=True)
    )
    return [replace(charge, basis="net", amounts=values, tax=tax.path)]


def partner_of(charge: Charge, header: Sequence[Amount]) -> Amount | None:
    """The net amount beside a gross one, such as `total_shipping_tax_excl`."""
    own = next((each for each in header if each.path == charge.path), None)
    if own is None or own.basis != "gross":
        return None
    return next(
        (each for each in header if each.what == own.what and each.basis == "net" and _alike(own, each)), None
    )


def _alike(one: Amount, other: Amount) -> bool:
    """Whether two amounts are of the same thing: the same numbers, or names that begin alike."""
    shared = 0
    for first, second in zip(one.leaf.key, other.leaf.key, strict=False):
        if first != second:
            break
        shared += 1
    return shared >= min(len(one.leaf.key), len(other.leaf.key)) // 2


def typed_charges(blocks: Sequence[Block], kinds: dict[str, tuple[str, ...]]) -> list[Charge]:
    """Sums that stand in rows with a type: `orderTotals` with SHIPPING, COUPON …"""
    found: list[Charge] = []
    for block in blocks:
        types = next((leaf for leaf in block.leaves if leaf.keys[-1] in ("type", "typ", "code", "tipus")), None)
        values = [leaf for leaf in block.leaves if leaf.filled and leaf is not types and _plain_value(leaf)]
        if types is None or not values:
            continue
        for word in dict.fromkeys(types.filled):
            low = "".join(character for character in word.casefold() if character.isalnum())
            kind = next((name for name, words in kinds.items() if holds(low, words)), None)
            if kind is None:
                continue
            amounts = tuple(
                sum((_amount(row, values[0].path) for row in rows if text_at(row, types.path) == word), Decimal(0))
                for rows in block.rows
            )
            when = f"text('{types.path}') == '{word}'"
            found.append(Charge(kind, block.each, when, values[0].path, None, amounts))
    return found


def _plain_value(leaf: Leaf) -> bool:
    return leaf.keys[-1] in ("value", "amount", "price", "total", "sum") and all(
        number(t) is not None for t in leaf.filled
    )


def _amount(row: Any, path: str) -> Decimal:
    return number(text_at(row, path)) or Decimal(0)


def best_fit(
    block: Block | None,
    quantity: tuple[str, ...],
    rows: Sequence[Amount],
    header: Sequence[Amount],
    charges: Sequence[Charge],
    presumed: Sequence[Presumed] = (),
) -> Fit:
    """Try the readings of unit prices, totals and charges; the one that most records confirm wins."""
    totals = [each for each in header if each.what == "total"]
    sources = [each for each in rows if each.what in ("unit", "total")]
    count = len(block.rows) if block is not None else 0
    paid = [each for each in charges if any(each.amounts)][:_MOST_CHARGES]
    found = [
        fit
        for source in sources
        for basis in _bases(source)
        for total in totals
        for total_basis in _bases(total)
        for rate in (None, *presumed)
        if block is not None
        and (sums := _sums(block, quantity, source, basis, total_basis, rows, rate)) is not None
        for fit in _fits(sums, source, basis, total, total_basis, paid, rate)
    ]
    best = max(found, key=_rank, default=None)
    if best is not None and best.matched:
        return replace(best, outside=_outside(best, paid))
    source = next(iter(sorted(sources, key=_preference)), None)
    total = next(iter(sorted(totals, key=_preference)), None)
    basis: Basis = (source.basis if source is not None else None) or "gross"
    return Fit(source, basis, total, (total.basis if total is not None else None) or "gross", (), 0, count)


def _outside(fit: Fit, paid: Sequence[Charge]) -> tuple[Charge, ...]:
    """What comes on top of a total of the goods alone: the rows make it without what is paid for shipping."""
    if fit.charges or fit.matched < fit.records or all(each.kind == "discount" for each in paid):
        return ()
    first = {each.kind: each for each in reversed(paid) if not each.tax}
    return tuple(each for each in paid if each is first.get(each.kind))


def _bases(amount: Amount) -> tuple[Basis, ...]:
    return (amount.basis,) if amount.basis is not None else ("gross", "net")


def _preference(amount: Amount) -> tuple[bool, bool, int]:
    return (amount.what != "unit", amount.basis != "gross", len(amount.leaf.key))


def _rank(fit: Fit) -> tuple[int, bool, bool, bool, int, bool, bool, bool]:
    """More records; rates of the sample; labelled amounts; gross totals; fewer charges; unit prices."""
    assert fit.source is not None and fit.total is not None  # noqa: PT018 - a fit that was tried has both
    return (
        fit.matched,
        fit.presumed is None,
        fit.source.basis is not None,
        fit.total.basis is not None,
        -len(fit.charges),
        fit.total_basis == "gross",
        fit.source.what == "unit",
        fit.basis == "gross",
    )


def _fits(
    sums: Sequence[Decimal],
    source: Amount,
    basis: Basis,
    total: Amount,
    total_basis: Basis,
    charges: Sequence[Charge],
    presumed: Presumed | None,
) -> Iterator[Fit]:
    for size in range(min(3, len(charges)) + 1):
        for chosen in combinations(charges, size):
            if len({(each.kind, each.each) for each in chosen}) < size:
                continue
            whole = tuple(
                base + sum((each.amounts[i] for each in chosen), Decimal(0)) for i, base in enumerate(sums)
            )
            matched = sum(
                value is not None and _near(one, value) for one, value in zip(whole, total.numbers, strict=True)
            )
            yield Fit(source, basis, total, total_basis, chosen, matched, len(sums), sums=whole, presumed=presumed)


def _pieces(row: Any, quantity: tuple[str, ...]) -> Decimal:
    """How many; 1 where a row does not say it."""
    if not quantity:
        return Decimal(1)
    return sum((number(text_at(row, path)) or Decimal(0) for path in quantity), Decimal(0))


def _near(one: Decimal, other: Decimal) -> bool:
    whole = other == other.to_integral_value()
    slack = Decimal(1) if whole and abs(other) > _MANY else Decimal("0.1") if whole else Decimal("0.05")
    return abs(one - other) <= slack and other != 0


def _sums(
    block: Block,
    quantity: tuple[str, ...],
    source: Amount,
    basis: Basis,
    wanted: Basis,
    rows: Sequence[Amount],
    presumed: Presumed | None,
) -> list[Decimal] | None:
    """What the rows of each record add up to, as net or gross; None where that cannot be told."""
    rates = next((each for each in rows if each.what == "rate"), None)
    if basis == "gross" and wanted == "net":
        return None
    if (presumed is not None) != (basis != wanted and rates is None):
        return None
    numbers = iter(range(len(source.numbers)))
    sums = []
    for record, elements in enumerate(block.rows):
        total = Decimal(0)
        for element in elements:
            index = next(numbers)
            value = source.numbers[index]
            if value is None:
                continue
            if source.what == "unit":
                value *= _pieces(element, quantity)
            if basis != wanted:
                known = rates.numbers[index] if rates is not None else presumed and presumed.rates[record]
                rate = known or Decimal(0)
                value *= 1 + (rate if 0 < rate < 1 else rate / 100)
            total += value
        sums.append(total.quantize(_CENT))
    return sums
