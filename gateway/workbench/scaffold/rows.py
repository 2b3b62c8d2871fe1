"""Rows of an order: which block they are, and the fields of a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.workbench.scaffold.amounts import Amount, Basis, Charge, Fit, partner_of
from gateway.workbench.scaffold.guess import Guess, Rows, Tables, holds, strength, sureness
from gateway.workbench.scaffold.survey import Block, Leaf, keys_of
from gateway.workbench.scaffold.values import is_ean, number
from gateway.workbench.scaffold.vocabulary import KINDS, LINE, LINES, ROW_PREFIXES

_NEEDED = 5
_MOST_KINDS = 12
_BASES: tuple[Basis, ...] = ("gross", "net")


def rows_block(blocks: Sequence[Block]) -> Block | None:
    """The block that holds the rows of the order: by its name and by what a row has."""
    ranked = sorted(blocks, key=_rank, reverse=True)
    return ranked[0] if ranked and _rank(ranked[0]) >= _NEEDED else None


def _rank(block: Block) -> int:
    name = keys_of(block.each.split("/")[-1])
    points = 3 if any(word in name for word in LINES) else 0
    points += 1 if block.repeated else 0
    for field, worth in (("quantity", 3), ("name", 1), ("sku", 2)):
        points += worth if any(_strength(leaf, LINE[field]) is not None for leaf in block.leaves) else 0
    numeric = any(leaf.filled and all(number(text) is not None for text in leaf.filled) for leaf in block.leaves)
    return points + (1 if numeric else -3)


def row_guesses(block: Block, rows: Sequence[Amount], fit: Fit, tables: Tables) -> Iterator[Guess]:
    """The fields of a row."""
    free = {leaf.path: leaf for leaf in block.leaves}
    for guess in _plain(block, free, tables):
        for path in guess.used:
            free.pop(path, None)
        yield guess
    left = [each for each in rows if each.path in free]
    yield from _prices(left, fit)
    yield from _rate(left, fit)


def quantity_of(block: Block) -> tuple[str, ...]:
    """The paths whose numbers make the quantity; () where a row has none."""
    found = _best(block.leaves, LINE["quantity"], _is_numeric)
    if found is not None:
        return (found[1].path,)
    summed = _summed({leaf.path: leaf for leaf in block.leaves})
    return summed.used if summed is not None else ()


def charge_rows(
    charge: Charge, header: Sequence[Amount], of_rows: Guess | None, fit: Fit, names: Mapping[str, str]
) -> Rows:
    """A charge as a row of its own. of_rows: the rate of the first row; names: of payment and shipping."""
    basis: Basis = charge.basis or fit.total_basis
    up = "" if charge.each == "." else "../"
    name = names.get(charge.kind)
    label = {"shipping": "Shipping", "payment": "Payment", "discount": "Discount"}.get(charge.kind, charge.kind)
    title: dict[str, Any] = {"path": f"{up}{name}", "default": label} if name else {"value": label}
    guesses = [
        Guess("kind", {"value": charge.kind}, "", "likely"),
        Guess("name", title, "", "likely"),
        Guess("quantity", {"value": "-1" if charge.negated else "1"}, _sign(charge), "likely"),
        Guess(f"unit_price.{basis}", charge.path, _counted(charge, fit), "likely", _shown(charge)),
    ]
    partner = partner_of(charge, header)
    rate = next((each for each in header if each.what == "rate" and _is_of(each, charge.kind)), None)
    if charge.tax:
        whole = {"compute": f"number('{charge.path}') + number('{charge.tax}')"}
        both = (charge.path, charge.tax)
        guesses.append(Guess("unit_price.gross", whole, "with its VAT", "likely", _shown(charge), both))
    elif partner is not None and basis == "gross":
        guesses.append(
            Guess("unit_price.net", partner.path, "the same without VAT", "likely", used=(partner.path,))
        )
    elif rate is not None:
        guesses.append(_charge_rate(rate, up))
    elif of_rows is not None and charge.each == ".":
        guesses.append(of_rows)
    used = tuple(path for guess in guesses for path in guess.used)
    why = "a discount" if charge.kind == "discount" else f"what is paid for {charge.kind}"
    why += ", which stands beside the rows"
    paths = (charge.path,) if charge.each == "." else ()
    return Rows(charge.each, tuple(guesses), charge.when, why, (*paths, *used))


def _counted(charge: Charge, fit: Fit) -> str:
    if charge in fit.outside and fit.total is not None:
        return f"{fit.total.path} is without it"
    return "with it the rows add up to the total"


def _shown(charge: Charge) -> str:
    return next((str(abs(amount)) for amount in charge.amounts if amount), "")


def _sign(charge: Charge) -> str:
    return "minus: the shop writes what it takes off as a positive amount" if charge.negated else ""


def _is_of(rate: Amount, kind: str) -> bool:
    return holds(rate.leaf.key, KINDS[kind]) or any(word in rate.leaf.key for word in KINDS[kind] if len(word) > 3)


def _charge_rate(rate: Amount, up: str) -> Guess:
    """The rate beside a charge; shops write a negative one where there is none."""
    path = f"{up}{rate.path}"
    none = list(dict.fromkeys(text for text in rate.leaf.filled if text.startswith("-")))
    rule: str | dict[str, Any] = {"path": path, "empty": none} if none else path
    return Guess("vat_rate", rule, "by its name", "likely", rate.leaf.sample, (rate.path,))


def rate_of_first_row(block: Block, inner: Sequence[Guess]) -> Guess | None:
    """The rate of the order's first row, for a charge of which the sample gives none."""
    rate = next((guess for guess in inner if guess.field == "vat_rate"), None)
    if rate is None:
        return None
    why = "UNCONFIRMED: the sample gives no rate for it; this is that of the first row"
    if not rate.used:
        return Guess("vat_rate", rate.rule, "UNCONFIRMED: as that of the rows", "guess")
    path = f"{block.each}/{rate.used[0]}"
    rule: Any = {"compute": f"number('{path}') * 100"} if isinstance(rate.rule, Mapping) else path
    return Guess("vat_rate", rule, why, "guess", rate.sample)


# -- what a row has --------------------------------------------------------------------------------------


def _best(leaves: Sequence[Leaf], names: Sequence[str], check: Any) -> tuple[float, Leaf] | None:
    ranked = [
        (score + 0.2 * (len(leaf.keys) - 1), leaf)
        for leaf in leaves
        if (score := _strength(leaf, names)) is not None and check(leaf)
    ]
    return min(ranked, key=lambda each: (not each[1].filled, each[0]), default=None)


def _strength(leaf: Leaf, names: Sequence[str]) -> float | None:
    """How well a name fits, without what says only that it is of a row: `orderItemName` is a name."""
    found = strength(leaf, names)
    last = leaf.keys[-1]
    bare = next(
        (last[len(word) :] for word in ROW_PREFIXES if last.startswith(word) and len(last) > len(word)), None
    )
    if bare is None or (found is not None and found < 1):
        return found
    return strength(Leaf(leaf.path, leaf.values, (*leaf.keys[:-1], bare)), names)


def _is_numeric(leaf: Leaf) -> bool:
    return bool(leaf.filled) and all(number(text) is not None for text in leaf.filled)


def _is_words(leaf: Leaf) -> bool:
    return not leaf.filled or not all(number(text) is not None for text in leaf.filled)


def _is_short(leaf: Leaf) -> bool:
    return all(len(text) <= 64 for text in leaf.filled)


def _is_ean(leaf: Leaf) -> bool:
    return all(is_ean(text) for text in leaf.filled)


def _is_percent(leaf: Leaf) -> bool:
    numbers = [number(text) for text in leaf.filled]
    return bool(numbers) and all(value is not None and 0 <= value <= 100 for value in numbers)


def _plain(block: Block, free: Mapping[str, Leaf], tables: Tables) -> Iterator[Guess]:
    kind = _kind(block, tables)
    if kind is not None:
        yield kind
    taken = set(kind.used) if kind is not None else set()
    checks = {
        "ean": _is_ean,
        "sku": _is_short,
        "name": _is_words,
        "variant": _is_words,
        "quantity": _is_numeric,
        "unit": lambda leaf: _is_words(leaf) and all(len(text) <= 10 for text in leaf.filled),
        "discount_percent": _is_percent,
    }
    for field, check in checks.items():
        found = _best([leaf for path, leaf in free.items() if path not in taken], LINE[field], check)
        if found is None:
            found = _by_value(field, free, taken)
        if found is None:
            if field == "quantity" and (summed := _summed(free)) is not None:
                yield summed
                taken.update(summed.used)
            continue
        score, leaf = found
        taken.add(leaf.path)
        why = _why_plain(field, leaf)
        yield Guess(
            field,
            leaf.path,
            why,
            sureness(score, confirmed=bool(leaf.filled)),
            leaf.sample,
            (leaf.path,),
        )


def _why_plain(field: str, leaf: Leaf) -> str:
    if field == "ean" and leaf.filled:
        return "its check digits are right" if _is_ean(leaf) else "by its name; a check digit is wrong"
    return "a number" if field == "quantity" else "by its name"


def _by_value(field: str, free: Mapping[str, Leaf], taken: set[str]) -> tuple[float, Leaf] | None:
    """An EAN that is none by its name, but by its check digits; or by its name alone."""
    if field != "ean":
        return None
    left = [leaf for path, leaf in free.items() if path not in taken]
    found = next(((0.6, leaf) for leaf in left if leaf.filled and _is_ean(leaf)), None)
    return found or _best(left, LINE["ean"], lambda _: True)


def _summed(free: Mapping[str, Leaf]) -> Guess | None:
    """`stock1` to `stock4`: what is ordered from each of several warehouses."""
    stems: dict[str, list[Leaf]] = {}
    for leaf in free.values():
        stem = leaf.keys[-1].rstrip("0123456789")
        if stem != leaf.keys[-1] and stem in ("stock", "quantity", "qty", "amount", "count") and _is_numeric(leaf):
            stems.setdefault(stem, []).append(leaf)
    for stem, leaves in stems.items():
        if len(leaves) > 1:
            paths = [leaf.path for leaf in leaves]
            return Guess("quantity", {"sum": paths}, f"pieces in {stem}…, added", "likely", "", tuple(paths))
    return None


def _kind(block: Block, tables: Tables) -> Guess | None:
    found = _best(block.leaves, LINE["kind"], lambda leaf: bool(leaf.filled) and _is_words(leaf))
    if found is None:
        return None
    leaf = found[1]
    words = list(dict.fromkeys(leaf.filled))
    kinds = {word: kind_of(word) for word in words}
    if len(words) > _MOST_KINDS or not any(kinds.values()):
        return None
    tables.rows["line_kind"] = {word: kind or "product" for word, kind in kinds.items()} | {"else": "error"}
    tables.doubts["line_kind"] = [word for word, kind in kinds.items() if kind is None]
    return Guess(
        "kind",
        {"path": leaf.path, "lookup": "line_kind"},
        "tells the rows apart",
        "likely",
        leaf.sample,
        (leaf.path,),
    )


def kind_of(word: str) -> str | None:
    """The kind of row that a shop's word means."""
    low = keys_of(word)
    return next((kind for kind, words in KINDS.items() if any(each in low for each in words)), None)


# -- prices ----------------------------------------------------------------------------------------------


def _prices(rows: Sequence[Amount], fit: Fit) -> Iterator[Guess]:
    confirmed = fit.matched > 0
    for what, field in (("unit", "unit_price"), ("total", "total")):
        named = [each for each in rows if each.what == what]
        given: dict[Basis, Amount] = {}
        for each in sorted(named, key=lambda each: (each is not fit.source, len(each.leaf.key))):
            basis = each.basis or _basis_of_unnamed(each, fit, named)
            if basis is not None:
                given.setdefault(basis, each)
        for wanted in _BASES:
            found = given.get(wanted)
            if found is not None:
                yield Guess(
                    f"{field}.{wanted}",
                    found.path,
                    _why(found, fit),
                    _sure(found, fit, confirmed=confirmed),
                    found.leaf.sample,
                    (found.path,),
                )


def _basis_of_unnamed(amount: Amount, fit: Fit, beside: Sequence[Amount]) -> Basis | None:
    """Net or gross of an amount whose name does not say: as what adds up, and only where no other one says it."""
    if amount is fit.source:
        return fit.basis
    if any(each.basis is not None for each in beside):
        return None
    return fit.basis if fit.source is not None and fit.source.basis is None else None


def _why(found: Amount, fit: Fit) -> str:
    if found is fit.source and fit.matched:
        total = fit.total.path if fit.total is not None else ""
        return f"adds up to {total} in {fit.matched} of {fit.records}"
    return "by its name" if found.basis is not None else f"{fit.basis} is assumed, nothing says it"


def _sure(found: Amount, fit: Fit, *, confirmed: bool) -> Any:
    if found is fit.source and confirmed:
        return "sure" if fit.matched == fit.records else "likely"
    return "likely" if found.basis is not None else "guess"


def _rate(rows: Sequence[Amount], fit: Fit) -> Iterator[Guess]:
    rates = sorted(
        (each for each in rows if each.what == "rate"),
        key=lambda each: ("total" in each.leaf.key, len(each.leaf.key)),
    )
    if rates:
        leaf = rates[0].leaf
        if any(value is not None and 0 < value < 1 for value in rates[0].numbers):
            rule: Any = {"compute": f"number('{leaf.path}') * 100"}
            if not all(leaf.values):
                rule["when"] = f"text('{leaf.path}') is number"
            yield Guess("vat_rate", rule, "a share, not a percentage", "likely", leaf.sample, (leaf.path,))
            return
        yield Guess("vat_rate", leaf.path, "a percentage", "sure", leaf.sample, (leaf.path,))
    elif fit.presumed is not None:
        told = (
            f"with it the rows add up in {fit.matched} of {fit.records}" if fit.matched else "nothing confirms it"
        )
        yield Guess("vat_rate", {"compute": fit.presumed.expression}, told, "likely" if fit.matched else "guess")
