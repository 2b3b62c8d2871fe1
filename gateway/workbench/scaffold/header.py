"""Fields of the order itself and of its parties: by name, by value, and by where they stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from gateway.workbench.scaffold.guess import Guess, strength, sureness
from gateway.workbench.scaffold.survey import Leaf
from gateway.workbench.scaffold.values import EMAIL, country, currency, date_patterns
from gateway.workbench.scaffold.vocabulary import BILLING, CUSTOMER, DELIVERY, HEADER, PARTY

Side = Literal["billing", "delivery"]
_NOT_THE_ORDER = (
    "invoice",
    "deliver",
    "updat",
    "upd",
    "complet",
    "paid",
    "payment",
    "birth",
    "due",
    "expir",
    "ship",
)
_ALONE = frozenset(PARTY) - {"name", "street2", "house"}
_OFTEN_OTHER = frozenset({"vat", "state", "address", "nazwa", "stat"})
"""Names that are as often something of the order."""
_LONGEST_NUMBER = 40
_CLOCK = re.compile(r"[0-2]?\d:[0-5]\d(:[0-5]\d)?")
_DEEPEST = 2
_WRAPPERS = frozenset({"header", "order", "info", "details", "general", "basic"})


class _Place(msgspec.Struct, frozen=True):
    """A leaf as a part of a party. `clear`: the name or a parent says whose it is."""

    side: Side
    part: str
    score: float
    clear: bool
    leaf: Leaf


def header_guesses(leaves: Sequence[Leaf], zone: str, numeric: Mapping[str, str]) -> Iterator[Guess]:
    """Number, date, currency, status, notes. `numeric` is filled lookups for currencies written as numbers."""
    free = [leaf for leaf in leaves if leaf.filled and _side(leaf) is None]
    for name, check in _CHECKS.items():
        found = _best(free, HEADER[name], check)
        if found is None:
            continue
        score, leaf = found
        clock = _clock_beside(leaf, free) if name == "ordered_at" else None
        yield Guess(
            name,
            _rule(name, leaf, zone, numeric) if clock is None else _day_and_time(leaf, clock, zone),
            _why(name, leaf),
            sureness(score, confirmed=True),
            f"{leaf.sample} {clock.sample}" if clock is not None else leaf.sample,
            (leaf.path, clock.path) if clock is not None else (leaf.path,),
        )


def party_guesses(leaves: Sequence[Leaf]) -> Iterator[Guess]:
    """Who buys and who receives."""
    places = [place for leaf in leaves if (place := _placed(leaf)) is not None]
    for side in ("billing", "delivery"):
        parts: dict[str, _Place] = {}
        for place in sorted((each for each in places if each.side == side), key=_order):
            if not _wrong(place):
                parts.setdefault(place.part, place)
        _slovak(parts, [each for each in places if each.side == side])
        if side == "delivery" and not {"city", "street", "name", "last"} & set(parts):
            continue
        yield from _party(side, parts)


def _slovak(parts: dict[str, _Place], places: Sequence[_Place]) -> None:
    """Where IČ DPH stands beside DIČ, that is the VAT number and DIČ the tax number."""
    special = next((each for each in places if each.part == "vat_id" and "icdph" in each.leaf.keys[-1]), None)
    plain = parts.get("vat_id")
    if special is not None and plain is not None and plain is not special and "tax_id" not in parts:
        parts["vat_id"], parts["tax_id"] = special, plain


def used_by_parties(leaves: Sequence[Leaf]) -> frozenset[str]:
    """The paths that belong to a party for certain, so that nothing else is guessed from them."""
    return frozenset(place.leaf.path for leaf in leaves if (place := _placed(leaf)) is not None and place.clear)


# -- the order -------------------------------------------------------------------------------------------


def _is_number(leaf: Leaf) -> bool:
    """There in every record, different in each, and no date; digits alone may look like one."""
    if len(set(leaf.values)) < len(leaf.values) or not all(leaf.values):
        return False
    plain = all(text.isdigit() for text in leaf.values)
    return max(map(len, leaf.values)) <= _LONGEST_NUMBER and (plain or date_patterns(leaf.values) is None)


def _is_moment(leaf: Leaf) -> bool:
    about_other = any(word in key for key in leaf.keys for word in _NOT_THE_ORDER)
    return not about_other and date_patterns(leaf.filled) is not None


def _is_currency(leaf: Leaf) -> bool:
    return all(currency(text) for text in leaf.filled)


def _is_text(leaf: Leaf) -> bool:
    return not all(text.startswith(("http:", "https:")) for text in leaf.filled)


def _is_rate(leaf: Leaf) -> bool:
    return all(text.replace(",", ".").replace(".", "", 1).isdigit() for text in leaf.filled)


_CHECKS: Mapping[str, Callable[[Leaf], bool]] = {
    "number": _is_number,
    "ordered_at": _is_moment,
    "currency": _is_currency,
    "status": _is_text,
    "exchange_rate": _is_rate,
    "customer_note": _is_text,
    "shop_note": _is_text,
}


def _best(
    leaves: Sequence[Leaf], names: Sequence[str], check: Callable[[Leaf], bool]
) -> tuple[float, Leaf] | None:
    """The leaf whose name fits best, not deep in a part of the order, and whose values fit."""
    ranked = [
        (score + 0.3 * max(0, _depth(leaf) - 1), leaf)
        for leaf in leaves
        if _depth(leaf) <= _DEEPEST and (score := strength(leaf, names)) is not None
    ]
    return next(((score, leaf) for score, leaf in sorted(ranked, key=lambda each: each[0]) if check(leaf)), None)


def _depth(leaf: Leaf) -> int:
    return len([key for key in leaf.keys if key not in _WRAPPERS])


def _rule(name: str, leaf: Leaf, zone: str, numeric: Mapping[str, str]) -> str | dict[str, Any]:
    if name == "number":
        return {"path": leaf.path, "required": True}
    if name == "ordered_at":
        patterns = date_patterns(leaf.filled)
        return {"path": leaf.path, **({"format": list(patterns)} if patterns else {}), "timezone": zone}
    if name == "currency" and any(text in numeric for text in leaf.filled):
        return {"path": leaf.path, "lookup": "currency"}
    return leaf.path


def _clock_beside(day: Leaf, leaves: Sequence[Leaf]) -> Leaf | None:
    """The time of day, where it stands in an element of its own beside the date."""
    if any(":" in text for text in day.filled) or date_patterns(day.filled) != ():
        return None
    holder = day.path.rpartition("/")[0]
    beside = (leaf for leaf in leaves if leaf is not day and leaf.path.rpartition("/")[0] == holder)
    return next((leaf for leaf in beside if all(map(_CLOCK.fullmatch, leaf.filled))), None)


def _day_and_time(day: Leaf, clock: Leaf, zone: str) -> dict[str, Any]:
    return {"compute": f"text('{day.path}') ~ ' ' ~ text('{clock.path}')", "timezone": zone}


def _why(name: str, leaf: Leaf) -> str:
    reasons = {
        "number": "its values differ" if len(leaf.values) > 1 else "a name of order numbers",
        "ordered_at": "it is a date; the zone is assumed",
        "currency": "it is a currency",
    }
    return reasons.get(name, "by its name")


# -- parties ---------------------------------------------------------------------------------------------


def _side(leaf: Leaf) -> Side | None:
    place = _placed(leaf)
    return place.side if place is not None and place.clear else None


def _placed(leaf: Leaf) -> _Place | None:
    """Which part of which party a leaf is, by its name and what it stands in."""
    parents, last = leaf.keys[:-1], leaf.keys[-1]
    side = _said_by(parents)
    own, rest = _stripped(last)
    found = _part(rest) if own is not None else None
    if own is not None and found is not None and not (last.startswith("payment") and found[0] == "name"):
        return _Place(own, *found, clear=True, leaf=leaf)
    if (of_country := _country_of(parents, last)) is not None:
        whose, part = of_country
        return _Place(whose or side or "billing", part, 0.2, clear=(whose or side) is not None, leaf=leaf)
    found = _part(last) or (_part(f"{parents[-1]}{last}") if parents else None)
    if found is None:
        return None
    part, score = found
    if side is not None:
        return _Place(side, part, score, clear=True, leaf=leaf)
    if any(key.startswith(word) for key in parents for word in CUSTOMER):
        return _Place("billing", part, score + 0.2, clear=True, leaf=leaf)
    if part in _ALONE and len(parents) <= 1 and last not in _OFTEN_OTHER:
        return _Place("billing", part, score + 0.4, clear=False, leaf=leaf)
    return None


def _country_of(parents: Sequence[str], last: str) -> tuple[Side | None, str] | None:
    """`paymentCountry/isoCode2`: whose it says it is, and which part."""
    if not parents or last not in ("name", "code", "isocode", "isocode2", "iso", "iso2"):
        return None
    side, inner = _stripped(parents[-1])
    found = _part(inner)
    if found is None or found[0] != "country":
        return None
    return side, "country" if last == "name" else "country_code"


def _said_by(parents: Sequence[str]) -> Side | None:
    for key in reversed(parents):
        if any(word in key for word in DELIVERY):
            return "delivery"
        if any(word in key for word in BILLING if word != "payment"):
            return "billing"
    return None


def _stripped(name: str) -> tuple[Side | None, str]:
    """Whose it is by the beginning or the end of the name itself, and the rest of the name."""
    words: list[tuple[Side, str]] = [
        *(("billing", word) for word in BILLING),
        *(("delivery", word) for word in DELIVERY),
    ]
    for side, word in sorted(words, key=lambda each: -len(each[1])):
        if name.startswith(word) and len(name) > len(word):
            rest = name[len(word) :]
            return side, rest.removeprefix("address") if _part(rest.removeprefix("address")) else rest
        if name.endswith(word) and len(name) > len(word) + 1:
            return side, name[: -len(word)]
    return None, name


def _part(name: str) -> tuple[str, float] | None:
    for part, names in PARTY.items():
        if name in names:
            return part, names.index(name) / len(names)
    return None


def _order(place: _Place) -> tuple[bool, bool, float, int]:
    return (not place.clear, not place.leaf.filled, place.score, len(place.leaf.keys))


def _wrong(place: _Place) -> bool:
    """Whether the values speak against it."""
    filled = place.leaf.filled
    if place.part == "email" and not place.clear:
        return any(not EMAIL.fullmatch(text) for text in filled)
    if place.part in ("country", "country_code"):
        return any(country(text) is None for text in filled)
    return any(text.startswith(("http:", "https:")) for text in filled)


def _party(side: Side, parts: Mapping[str, _Place]) -> Iterator[Guess]:
    yield from _name(side, parts)
    yield from _one(side, "company", parts, ("company",))
    yield from _one(side, "street", parts, ("street", "house", "street2"), way="join")
    yield from _one(side, "city", parts, ("city",))
    yield from _one(side, "postcode", parts, ("postcode",))
    yield from _one(side, "region", parts, ("region",))
    for guess in _one(side, "country", parts, ("country_code", "country"), way="first"):
        yield _with_an_address(guess, parts) if side == "delivery" else guess
    for part in ("company_id", "vat_id", "tax_id", "email", "phone"):
        yield from _one(side, part, parts, (part,))


def _with_an_address(guess: Guess, parts: Mapping[str, _Place]) -> Guess:
    """A country alone is no address; many shops fill it in where the rest is empty."""
    known = [parts[part].leaf.path for part in ("city", "street") if part in parts]
    if not known:
        return guess
    rule = dict(guess.rule) if isinstance(guess.rule, Mapping) else {"path": guess.rule}
    rule["when"] = " or ".join(f"text('{path}')" for path in known)
    return Guess(guess.field, rule, guess.why, guess.sure, guess.sample, guess.used)


def _name(side: Side, parts: Mapping[str, _Place]) -> Iterator[Guess]:
    """A name in one element, or in two; `Name` beside `Vorname` is the family name."""
    whole = parts.get("name")
    half = whole is not None and whole.leaf.keys[-1] in ("name", "jmeno", "nume") and "first" in parts
    if whole is not None and not half:
        yield from _one(side, "name", parts, ("name",))
    elif "last" in parts:
        yield from _one(side, "name", parts, ("first", "last"), way="join")
    elif "first" in parts:
        yield from _one(side, "name", parts, ("first", "name") if half else ("first",), way="join")


def _one(
    side: Side, field: str, parts: Mapping[str, _Place], wanted: Sequence[str], way: str = ""
) -> Iterator[Guess]:
    found = [parts[part] for part in wanted if part in parts]
    if not found:
        return
    paths = [place.leaf.path for place in found]
    rule: str | dict[str, Any] = paths[0] if len(paths) == 1 else {way: paths}
    texts = [place.leaf.sample for place in found if place.leaf.sample]
    clear = all(place.clear for place in found)
    why = "by its name and place" if clear else "by its name; nothing says whose it is"
    sample = " ".join(texts) if way == "join" else (texts[0] if texts else "")
    if field == "email" and any(not EMAIL.fullmatch(text) for text in texts):
        yield Guess(f"{side}.{field}", rule, "by its name; the value is no address", "guess", sample, tuple(paths))
        return
    sure = sureness(min(place.score for place in found), confirmed=clear and bool(texts))
    yield Guess(f"{side}.{field}", rule, why, sure, sample, tuple(paths))
