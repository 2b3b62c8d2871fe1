"""The totals of an order: which amount they are, with the rounding and with what comes on top."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from gateway.workbench.scaffold.amounts import Amount, Fit
from gateway.workbench.scaffold.guess import Guess, Sure
from gateway.workbench.scaffold.survey import Leaf
from gateway.workbench.scaffold.values import number

_CENTS = Decimal("0.05")


def total_guesses(header: Sequence[Amount], leaves: Sequence[Leaf], fit: Fit) -> Iterator[Guess]:
    """`total.gross`, `total.net`, `total.rounding` and `total.to_pay`."""
    rounding = next((each for each in header if each.what == "rounding"), None)
    rounded = rounding is not None and _is_rounded(fit, rounding)
    if fit.total is not None and fit.outside:
        yield _with_the_rest(fit, fit.total)
    elif fit.total is not None and rounded and rounding is not None:
        yield _before_rounding(fit, fit.total, rounding, leaves)
        yield _total("to_pay", fit.total, "the rows and the rounding add up to it", "sure")
    elif fit.total is not None:
        yield from _plain(header, fit, fit.total)
    if rounding is not None:
        yield _total("rounding", rounding, "by its name", "sure" if rounded else "likely")
    to_pay = next((each for each in header if each.what == "to_pay"), None)
    if to_pay is not None and not rounded:
        yield _total("to_pay", to_pay, "by its name", "likely")


def _plain(header: Sequence[Amount], fit: Fit, total: Amount) -> Iterator[Guess]:
    told = f"the rows add up to it in {fit.matched} of {fit.records}"
    why = told if fit.matched else "by its name; the rows do not add up to it"
    yield _total(fit.total_basis, total, why, _sure(fit))
    other = "net" if fit.total_basis == "gross" else "gross"
    beside = (each for each in header if each.what == "total" and each.basis == other and each is not total)
    found = next(beside, None)
    if found is not None and total.basis is not None:
        yield _total(other, found, "by its name", "likely")


def _is_rounded(fit: Fit, rounding: Amount) -> bool:
    """Whether the total has the rounding in it, which the rows do not have."""
    if fit.total is None or not fit.sums or not any(rounding.numbers):
        return False
    return all(
        total is not None and abs(total - (extra or Decimal(0)) - rows) <= _CENTS
        for total, extra, rows in zip(fit.total.numbers, rounding.numbers, fit.sums, strict=True)
    )


def _before_rounding(fit: Fit, total: Amount, rounding: Amount, leaves: Sequence[Leaf]) -> Guess:
    """The element that holds the total without the rounding, or the difference."""
    wanted = [
        (one or Decimal(0)) - (extra or Decimal(0))
        for one, extra in zip(total.numbers, rounding.numbers, strict=True)
    ]
    found = next((leaf for leaf in leaves if [number(text) for text in leaf.values] == wanted), None)
    name = f"total.{fit.total_basis}"
    if found is not None:
        why = f"without the rounding; the rows add up to it in {fit.matched} of {fit.records}"
        return Guess(name, found.path, why, _sure(fit), found.sample, (found.path,))
    rule = {"compute": f"number('{total.path}') - sum(number('{rounding.path}'), 0)"}
    return Guess(name, rule, "the total without the rounding", _sure(fit), total.leaf.sample, (total.path,))


def _with_the_rest(fit: Fit, total: Amount) -> Guess:
    """A total of the goods with what is paid besides."""
    paths = (total.path, *(each.path for each in fit.outside if not each.negated))
    added = ", ".join(f"number('{path}')" for path in paths)
    taken = "".join(f" - sum(number('{each.path}'), 0)" for each in fit.outside if each.negated)
    rule: Any = {"compute": f"sum({added}){taken}"}
    why = f"{total.path} is the goods alone: the rows add up to it in {fit.matched} of {fit.records}"
    used = (total.path, *(each.path for each in fit.outside))
    return Guess(f"total.{fit.total_basis}", rule, why, "likely", total.leaf.sample, used)


def _sure(fit: Fit) -> Sure:
    return "guess" if not fit.matched else "sure" if fit.matched == fit.records else "likely"


def _total(name: str, found: Amount, why: str, sure: Sure) -> Guess:
    return Guess(f"total.{name}", found.path, why, sure, found.leaf.sample, (found.path,))
