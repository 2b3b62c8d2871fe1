"""The prices of a product: which have VAT in them, and which are those of price levels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from gateway.workbench.scaffold.amounts import RATES as USUAL_RATES
from gateway.workbench.scaffold.amounts import Basis, basis_of
from gateway.workbench.scaffold.guess import Guess, Rows, Sure, strength
from gateway.workbench.scaffold.product_record import is_price
from gateway.workbench.scaffold.product_words import LEVELS, OTHER, PLAIN, PRICES, RATES, SPECIAL, TAX_WORDS
from gateway.workbench.scaffold.survey import Block, Leaf, keys_of, parts_of
from gateway.workbench.scaffold.values import number

_CENTS = Decimal("0.02")
_HUNDRED = Decimal(100)


class Priced(msgspec.Struct, frozen=True):
    """A leaf that holds prices. level: empty for the plain selling price; basis: None where nothing says it."""

    leaf: Leaf
    level: str
    special: bool
    basis: Basis | None
    numbers: tuple[Decimal | None, ...]


class Sides(msgspec.Struct, frozen=True):
    """One price without and with VAT; matched: in how many records the rate leads from one to the other."""

    net: Leaf | None
    gross: Leaf | None
    matched: int = 0
    compared: int = 0
    assumed: bool = False


def rate_leaf(leaves: Sequence[Leaf]) -> Leaf | None:
    """The one that holds VAT rates as numbers."""
    ranked = [
        (score, leaf)
        for leaf in leaves
        if (score := strength(leaf, RATES)) is not None
        and leaf.filled
        and basis_of(leaf) is None
        and not is_price(leaf.path.rpartition("/")[2])
        and not _is_other(leaf)
        and all(_percent(number(text)) in USUAL_RATES for text in leaf.filled)
    ]
    return min(ranked, key=lambda each: each[0], default=(0, None))[1]


def worded_rate(leaves: Sequence[Leaf]) -> Leaf | None:
    """The one that names VAT rates by words, where there is one."""
    named = (leaf for leaf in leaves if leaf.filled and keys_of(leaf.path.rpartition("/")[2]) in RATES)
    return next((leaf for leaf in named if all(number(text) is None for text in leaf.filled)), None)


def priced(leaves: Sequence[Leaf]) -> list[Priced]:
    """The leaves that hold prices that a shop may be told."""
    found = []
    for leaf in leaves:
        name = leaf.path.rpartition("/")[2]
        numbers = tuple(number(text) for text in leaf.values)
        parts = [keys_of(part) for part in parts_of(leaf.path.replace("/", "_"))]
        if not leaf.filled or not is_price(name) or name.startswith("@") or _is_other(leaf):
            continue
        if any(text and value is None for text, value in zip(leaf.values, numbers, strict=True)):
            continue
        special = any(
            part.startswith(word) if len(word) > 4 else part == word for part in parts for word in SPECIAL
        )
        found.append(Priced(leaf, "" if special else _level(name), special, basis_of(leaf), numbers))
    return found


def _is_other(leaf: Leaf) -> bool:
    """Whether it is about what a product cost, or once cost."""
    parts = [keys_of(part) for part in parts_of(leaf.path.replace("/", "_"))]
    return any(part.startswith(word) if len(word) > 3 else part == word for part in parts for word in OTHER)


def _level(name: str) -> str:
    """What stands in a name beside the word for a price and for VAT: `VO` in `CenaVOBezDPH`."""
    rest = [part for part in parts_of(name) if keys_of(part) not in {*PRICES, *TAX_WORDS, *PLAIN}]
    return "" if any(keys_of(part) in {"dph", "vat"} for part in rest) else " ".join(rest)


def sides_of(same: Sequence[Priced], rates: Leaf | None, usual: Basis | None) -> Sides:
    """Which of the leaves of one price is without VAT and which with it. usual: assumed where nothing tells."""
    net = next((each for each in same if each.basis == "net"), None)
    gross = next((each for each in same if each.basis == "gross"), None)
    rest = [each for each in same if each.basis is None]
    if net is None and gross is None and len(rest) > 1:
        pairs = [(one, two) for one in rest for two in rest if one is not two]
        net, gross = max(pairs, key=lambda pair: _matched(pair[0], pair[1], rates)[0])
        if not _matched(net, gross, rates)[0]:
            net = gross = None
    elif rest and (net is None) != (gross is None):
        if net is None and gross is not None and _matched(rest[0], gross, rates)[0]:
            net = rest[0]
        elif net is not None and gross is None and _matched(net, rest[0], rates)[0]:
            gross = rest[0]
    if net is None and gross is None:
        first = rest[0].leaf if rest else None
        return Sides(None, first, assumed=True) if usual == "gross" else Sides(first, None, assumed=True)
    matched, compared = _matched(net, gross, rates) if net is not None and gross is not None else (0, 0)
    return Sides(net.leaf if net else None, gross.leaf if gross else None, matched, compared)


def _matched(net: Priced, gross: Priced, rates: Leaf | None) -> tuple[int, int]:
    """In how many records the VAT rate leads from one to the other, and in how many both are there."""
    matched = compared = 0
    for index, (one, two) in enumerate(zip(net.numbers, gross.numbers, strict=True)):
        if not one or not two:
            continue
        compared += 1
        rate = _percent(number(rates.values[index])) if rates is not None else None
        if rate is None:
            matched += two > one and any(_near(one, two, each) for each in USUAL_RATES if each)
        else:
            matched += _near(one, two, rate)
    return matched, compared


def _near(net: Decimal, gross: Decimal, rate: Decimal) -> bool:
    whole = gross == gross.to_integral_value() and gross > _HUNDRED
    return abs(net * (1 + rate / _HUNDRED) - gross) <= (Decimal("0.5") if whole else _CENTS)


def _percent(value: Decimal | None) -> Decimal | None:
    return value * _HUNDRED if value is not None and 0 < value < 1 else value


def price_guesses(field: str, sides: Sides) -> Iterator[Guess]:
    """`price.net` and `price.gross`, with what confirms them."""
    both = sides.net is not None and sides.gross is not None
    for side, leaf in (("net", sides.net), ("gross", sides.gross)):
        if leaf is None:
            continue
        sure: Sure = "likely"
        why = "by its name"
        if sides.assumed:
            sure, why = (
                "guess",
                f"nothing says whether it has VAT; {'with' if side == 'gross' else 'without'} is assumed",
            )
        elif both and sides.matched:
            sure = "sure" if sides.matched == sides.compared else "likely"
            why = f"net and VAT make gross in {sides.matched} of {sides.compared}"
        elif both:
            sure, why = "guess", "by its name; net and VAT do not make gross"
        yield Guess(f"{field}.{side}", leaf.path, why, sure, leaf.sample, (leaf.path,))


def level_rows(levels: Mapping[str, Sequence[Priced]], rates: Leaf | None, usual: Basis | None) -> Iterator[Rows]:
    """One block for each price level that has a column of its own."""
    for level, same in levels.items():
        sides = tuple(price_guesses("price", sides_of(same, rates, usual)))
        name = Guess("level", {"value": level}, "what its name says beside the price", "likely")
        yield Rows(".", (name, *sides), used=tuple(path for each in sides for path in each.used), block="prices")


def row_levels(block: Block, usual: Basis | None) -> Rows | None:
    """Rows of prices, each with the name of its level; None where the block is something else."""
    holder = block.each.rpartition("/")[2]
    amounts = [
        leaf
        for leaf in block.leaves
        if leaf.filled
        and all(number(text) is not None for text in leaf.filled)
        and is_price(holder if leaf.path == "." else leaf.path.rpartition("/")[2])
    ]
    names = [
        (score, leaf)
        for leaf in block.leaves
        if leaf not in amounts and leaf.filled and (score := strength(_bare(leaf), LEVELS)) is not None
    ]
    if not amounts or not names:
        return None
    level = min(names, key=lambda each: each[0])[1]
    same = [
        Priced(leaf, "", special=False, basis=basis_of(leaf), numbers=tuple(map(number, leaf.values)))
        for leaf in amounts
    ]
    sides = tuple(price_guesses("price", sides_of(same, None, usual)))
    named = Guess("level", level.path, "it names the price beside it", "likely", level.sample, (level.path,))
    return Rows(block.each, (named, *sides), used=(block.each,), block="prices")


def _bare(leaf: Leaf) -> Leaf:
    return Leaf(leaf.path, leaf.values, (leaf.keys[-1],))
