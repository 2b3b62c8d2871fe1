"""A draft: all guesses about a sample, tried on the sample itself, with what is missing told plainly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.mapping.convert import read_yes_no
from gateway.mapping.unreadable import Unreadable
from gateway.workbench.scaffold.amounts import (
    Amount,
    Charge,
    Fit,
    amounts_of,
    best_fit,
    charges_of,
    typed_charges,
)
from gateway.workbench.scaffold.form import Form
from gateway.workbench.scaffold.guess import Guess, Rows, Tables, strength, sureness
from gateway.workbench.scaffold.header import header_guesses, party_guesses, used_by_parties
from gateway.workbench.scaffold.presumed import presumed_rates
from gateway.workbench.scaffold.rows import (
    charge_rows,
    kind_of,
    quantity_of,
    rate_of_first_row,
    row_guesses,
    rows_block,
)
from gateway.workbench.scaffold.survey import Block, Leaf, Survey, keys_of, words_of
from gateway.workbench.scaffold.totals import total_guesses
from gateway.workbench.scaffold.values import country, currency, number
from gateway.workbench.scaffold.vocabulary import (
    CARRIERS,
    CHARGES,
    CURRENCY_OF,
    HEADER,
    METHODS,
    NUMERIC_CURRENCIES,
    ZONES,
)

_UNKNOWN_ZONE = "Europe/Prague"
_SHOWN_WORDS = 30
_PLACES = {"number": "NUMBER", "ordered_at": "DATE", "billing.name": "NAME"}


class Draft(msgspec.Struct, frozen=True):
    """A mapping before it is written down.

    lines: its blocks of rows. missing: what the document needs and the sample does not have. unmapped: the paths
    that no guess reads, with a value of the sample. withdrawn: fields whose guess the sample refuted.
    """

    form: Form
    survey: Survey
    guesses: tuple[Guess, ...]
    lines: tuple[Rows, ...]
    tables: Tables
    missing: tuple[str, ...]
    unmapped: tuple[tuple[str, str], ...]
    withdrawn: tuple[str, ...] = ()
    fit: Fit | None = msgspec.field(default=None)

    def without(self, fields: Sequence[str]) -> Draft:
        """The draft without some guesses that the sample refuted; `lines.total.net` is one of the rows."""
        kept = tuple(guess for guess in self.guesses if guess.field not in fields)
        lines = tuple(
            replace(
                rows,
                guesses=tuple(guess for guess in rows.guesses if f"{rows.block}.{guess.field}" not in fields),
            )
            for rows in self.lines
        )
        return replace(self, guesses=kept, lines=lines, withdrawn=(*self.withdrawn, *fields))


def draft_of(survey: Survey) -> Draft:
    """Guess the mapping of a sample."""
    header = amounts_of(survey.leaves, in_row=False)
    block = rows_block(survey.blocks)
    rows = amounts_of(block.leaves, in_row=True) if block is not None else []
    others = [each for each in survey.blocks if each is not block]
    quantity = quantity_of(block) if block is not None else ()
    charges = [*charges_of(header, len(survey.records)), *typed_charges(others, dict(CHARGES))]
    priced = [each for each in rows if each.path not in quantity]
    presumed = presumed_rates(survey, [*_dates(survey), *party_guesses(survey.leaves)])
    fit = best_fit(block, quantity, priced, header, charges, presumed)
    if fit.presumed is None and presumed and not any(each.what in ("rate", "vat") for each in priced):
        fit = replace(fit, presumed=presumed[0])
    tables = Tables()
    guesses = _guesses(survey, header, fit, tables)
    names = {
        guess.field.partition(".")[0]: guess.used[0]
        for guess in guesses
        if guess.field in ("shipping.name", "payment.name") and guess.used and "[" not in guess.used[0]
    }
    lines = []
    if block is not None:
        inner = tuple(row_guesses(block, priced, fit, tables))
        lines.append(Rows(block.each, inner, used=(block.each,)))
        guesses += _paid_by_rows(block, inner, guesses, tables)
        rate = rate_of_first_row(block, inner)
        lines += [charge_rows(charge, header, rate, fit, names) for charge in (*fit.charges, *fit.outside)]
    missing = tuple(_missing(guesses, lines, fit, charges))
    left_over = tuple(unmapped(survey, guesses, lines))
    return Draft(ORDER, survey, tuple(guesses), tuple(lines), tables, missing, left_over, (), fit)


def _guesses(survey: Survey, header: Sequence[Amount], fit: Fit, tables: Tables) -> list[Guess]:
    """The fields of the order, its parties first because they claim what is theirs."""
    parties = list(party_guesses(survey.leaves))
    claimed = used_by_parties(survey.leaves)
    free = [leaf for leaf in survey.leaves if leaf.path not in claimed]
    texts = [leaf for leaf in free if leaf.path not in {each.path for each in header if each.what != "part"}]
    zone = _zone(survey.leaves)
    fields = list(header_guesses(texts, zone, NUMERIC_CURRENCIES))
    for guess in fields:
        if isinstance(guess.rule, Mapping) and guess.rule.get("lookup") == "currency":
            values = next(leaf.filled for leaf in survey.leaves if leaf.path == guess.used[0])
            tables.rows["currency"] = {text: currency(text) or text for text in dict.fromkeys(values)} | {
                "else": "keep"
            }
            tables.rows["currency"]["else"] = "error"
    taken = {path for guess in fields for path in guess.used}
    left = [leaf for leaf in texts if leaf.path not in taken]
    fields += _payment(left, tables)
    fields += _shipping(left, tables)
    return [*fields, *parties, *total_guesses(header, survey.leaves, fit)]


def _dates(survey: Survey) -> list[Guess]:
    return [guess for guess in header_guesses(survey.leaves, _UNKNOWN_ZONE, {}) if guess.field == "ordered_at"]


def _zone(leaves: Sequence[Leaf]) -> str:
    """The zone of the shop: by the country or the currency that the sample names most often."""
    countries = Counter(country(text) for leaf in leaves if _names_country(leaf) for text in leaf.filled)
    currencies = Counter(currency(text) for leaf in leaves if _names_currency(leaf) for text in leaf.filled)
    for found, _ in (*countries.most_common(), *currencies.most_common()):
        if found is not None and found in ZONES:
            return ZONES[found]
    return _UNKNOWN_ZONE


def _names_currency(leaf: Leaf) -> bool:
    return any(word in leaf.key for word in ("curr", "mena", "waehrung", "deviza", "penznem", "waluta", "moneda"))


def _names_country(leaf: Leaf) -> bool:
    return any(word in leaf.key for word in ("country", "zeme", "stat", "land", "orszag", "kraj", "tara"))


# -- payment and shipping --------------------------------------------------------------------------------


def _payment(leaves: Sequence[Leaf], tables: Tables) -> Iterator[Guess]:
    name = _worded(leaves, HEADER["payment.name"])
    code = _worded(leaves, HEADER["payment.code"])
    if name is not None:
        yield _plain("payment.name", name)
    told = code or name
    if told is not None:
        beside = name[1].values if name is not None else told[1].values
        yield method_guess(told[1].path, told[1].values, tables, beside)
    paid = _first(
        leaves, HEADER["payment.paid"], lambda leaf: bool(leaf.filled) and all(map(is_yes_no, leaf.filled))
    )
    if paid is not None:
        yield _plain("payment.paid", paid)


def method_guess(path: str, texts: Sequence[str], tables: Tables, beside: Sequence[str] = ()) -> Guess:
    """The canonical method behind the shop's words, by a lookup that knows those of the sample.

    beside: the names of the methods, where `texts` are codes; a code that says nothing is what its name is.
    """
    words = list(dict.fromkeys(text for text in texts if text))[:_SHOWN_WORDS]
    names = dict(zip(texts, beside or texts, strict=True))
    known = {word: _code(word, METHODS) or _code(names[word], METHODS) for word in words}
    tables.rows["payment"] = {word: code or "other" for word, code in known.items()} | {"else": "error"}
    tables.doubts["payment"] = [word for word, code in known.items() if code is None]
    rule = {"path": path, "lookup": "payment"}
    return Guess(
        "payment.method",
        rule,
        "each word goes through `lookups: payment`",
        "likely",
        words[0] if words else "",
        (path,),
    )


def _shipping(leaves: Sequence[Leaf], tables: Tables) -> Iterator[Guess]:
    name = _worded(leaves, HEADER["shipping.name"])
    if name is not None:
        yield _plain("shipping.name", name)
        yield carrier_guess(name[1].path, name[1].filled, tables)
    for field_name in ("shipping.pickup_point", "shipping.package_number"):
        found = _first(leaves, HEADER[field_name], lambda _: True)
        if found is not None:
            rule: Any = {"path": found[1].path, "empty": ["0"]} if "0" in found[1].filled else found[1].path
            yield Guess(
                field_name,
                rule,
                "by its name",
                sureness(found[0], confirmed=bool(found[1].filled)),
                found[1].sample,
                (found[1].path,),
            )


def carrier_guess(path: str, texts: Sequence[str], tables: Tables) -> Guess:
    """The canonical carrier behind the shop's words."""
    words = list(dict.fromkeys(text for text in texts if text))[:_SHOWN_WORDS]
    known = {word: _code(word, CARRIERS) for word in words}
    tables.rows["carrier"] = {word: code for word, code in known.items() if code is not None} | {"else": "other"}
    return Guess(
        "shipping.carrier",
        {"path": path, "lookup": "carrier"},
        "through `lookups: carrier`",
        "likely",
        words[0] if words else "",
        (path,),
    )


def _paid_by_rows(block: Block, inner: Sequence[Guess], guesses: Sequence[Guess], tables: Tables) -> list[Guess]:
    """Payment and shipping that stand only among the rows: their names are those of the rows of that kind."""
    kind = next((each for each in inner if each.field == "kind"), None)
    name = next((each for each in inner if each.field == "name"), None)
    if kind is None or name is None:
        return []
    names = next(leaf for leaf in block.leaves if leaf.path == name.used[0])
    types = next(leaf for leaf in block.leaves if leaf.path == kind.used[0])
    found: list[Guess] = []
    for wanted, group in (("payment", "payment"), ("shipping", "shipping")):
        word = next((text for text in types.filled if kind_of(text) == wanted), None)
        if word is None or any(each.field == f"{group}.name" for each in guesses):
            continue
        path = f"{block.each}[{types.path}='{word}']/{names.path}"
        texts = [text for text, of in zip(names.values, types.values, strict=True) if of == word and text]
        found.append(
            Guess(
                f"{group}.name",
                path,
                f"only the rows of type {word} name it",
                "likely",
                texts[0] if texts else "",
                (path,),
            )
        )
        found.append(
            method_guess(path, texts, tables) if wanted == "payment" else carrier_guess(path, texts, tables)
        )
    return found


def _code(word: str, table: Mapping[str, tuple[str, ...]]) -> str | None:
    low, parts = keys_of(word), words_of(word)
    return next(
        (
            code
            for code, words in table.items()
            for each in words
            if (each in low if len(each) > 3 else each in parts or low.startswith(each))
        ),
        None,
    )


def is_yes_no(text: str) -> bool:
    """Whether a text says yes or no."""
    try:
        read_yes_no(text)
    except Unreadable:
        return False
    return True


def _worded(leaves: Sequence[Leaf], names: Sequence[str]) -> tuple[float, Leaf] | None:
    return _first(
        leaves, names, lambda leaf: bool(leaf.filled) and not all(number(text) is not None for text in leaf.filled)
    )


def _first(
    leaves: Sequence[Leaf], names: Sequence[str], check: Callable[[Leaf], bool]
) -> tuple[float, Leaf] | None:
    ranked = [(score, leaf) for leaf in leaves if (score := strength(leaf, names)) is not None and check(leaf)]
    return min(ranked, key=lambda each: (each[0], len(each[1].keys)), default=None)


def _plain(name: str, found: tuple[float, Leaf]) -> Guess:
    score, leaf = found
    return Guess(
        name, leaf.path, "by its name", sureness(score, confirmed=bool(leaf.filled)), leaf.sample, (leaf.path,)
    )


# -- what is missing -------------------------------------------------------------------------------------


def _missing(
    guesses: Sequence[Guess], lines: Sequence[Rows], fit: Fit, charges: Sequence[Charge]
) -> Iterator[str]:
    """What a person must fill in, look at or decide, each beginning with that word."""
    have = {guess.field for guess in guesses}
    if not have & {"ordered_at", "currency", "billing.name", "billing.company", "billing.email"}:
        yield "MISSING nearly all: this does not look like an export of orders; take one with orders in it"
    if "number" not in have:
        yield "MISSING the order's number: no element is there in every record and different; fill in `number:`"
    if "ordered_at" not in have:
        yield "MISSING the day of the order: no element holds a date of its own; fill in `ordered_at:`"
    if "currency" not in have:
        yield "MISSING the currency: nothing names it; `currency:` is a constant now, right only if it always is"
    if not have & {"billing.name", "billing.company"}:
        yield "MISSING the customer: neither a name nor a company was found; fill in `billing.name:`"
    yield from _missing_in_rows(lines)
    if fit.presumed is not None:
        told = f"with it the rows add up in {fit.matched} of {fit.records}"
        net = fit.source is not None and fit.basis == "net"
        yield (
            f"{'LOOK AT' if net else 'MISSING'} the VAT rate, which the sample does not have: "
            f"`{fit.presumed.expression}` is assumed, {told if net else 'nothing confirms it'}"
        )
    if lines and fit.matched < fit.records:
        many = f"in {fit.records - fit.matched} of {fit.records} records" if fit.matched else "in any record"
        what = f"`{fit.total.path}`" if fit.total is not None else "a total"
        yield f"LOOK AT the sums: the rows do not add up to {what} {many}; prices and charges are guesses"
    yield from _undecided(fit, charges)


def _undecided(fit: Fit, charges: Sequence[Charge]) -> Iterator[str]:
    """Charges of which the sample does not tell how they count."""
    if fit.outside and fit.total is not None:
        paths = ", ".join(f"`{each.path}`" for each in fit.outside)
        yield (
            f"DECIDE on {paths}: the rows add up to `{fit.total.path}` without, so each is taken to come on top "
            "(a discount off it); compare an order that has them with the shop"
        )
    read = {each.kind for each in (*fit.charges, *fit.outside)}
    for kind in dict.fromkeys(each.kind for each in charges if each.kind not in read):
        same = [each for each in charges if each.kind == kind]
        some = next((each for each in same if any(each.amounts)), None)
        path = _path_of(some or same[0])
        if some is None:
            zeroes = list(dict.fromkeys(f"`{_path_of(each)}`" for each in same))
            are = f"{', '.join(zeroes)} {'is' if len(zeroes) == 1 else 'are'} 0"
            yield f"DECIDE on {kind}: {are} in the sample, so how it counts cannot be told"
        elif fit.charges and fit.matched == fit.records:
            yield f"NOTE on {kind}: the rows add up without `{path}`, so their prices have it in them already"
        elif fit.matched:
            yield f"DECIDE on {kind}: `{path}` is not part of the total as it is read here"


def _path_of(charge: Charge) -> str:
    return charge.path if charge.each == "." else f"{charge.each}/{charge.path}"


def _missing_in_rows(lines: Sequence[Rows]) -> Iterator[str]:
    if not lines:
        yield "MISSING the rows of the order: no element looks like them; fill in `lines:`"
        return
    both = ({"unit_price.net", "unit_price.gross"}, {"total.net", "total.gross"})
    for rows in lines:
        row = {guess.field for guess in rows.guesses}
        if not any(name.startswith(("unit_price", "total")) for name in row):
            yield f"MISSING prices: no element of `{rows.each}` holds an amount that is one"
        elif "vat_rate" not in row and not any(pair <= row for pair in both):
            name = f"`{rows.each}`" if not rows.when else f"the rows for which {rows.when}"
            yield f"MISSING the VAT rate of {name}, and no net price beside a gross one (D011); add `vat_rate:`"


def unmapped(survey: Survey, guesses: Sequence[Guess], lines: Sequence[Rows]) -> Iterator[tuple[str, str]]:
    """The paths that nothing reads, each with a value of the sample."""
    used = {path for guess in guesses for path in guess.used} | {path for rows in lines for path in rows.used}
    yield from ((leaf.path, leaf.sample) for leaf in survey.leaves if leaf.path not in used)
    for block in survey.blocks:
        of_rows = {
            path for rows in lines if rows.each == block.each for guess in rows.guesses for path in guess.used
        }
        typed = any(rows.each == block.each and rows.when for rows in lines)
        if not typed:
            yield from (
                (f"{block.each}/{leaf.path}", leaf.sample) for leaf in block.leaves if leaf.path not in of_rows
            )


def _constant_currency(survey: Survey) -> str:
    """The currency that an export without one is likely to be in, by the first country that it names."""
    for leaf in survey.leaves:
        if _names_country(leaf):
            for text in leaf.filled:
                found = country(text)
                if found is not None:
                    return CURRENCY_OF.get(found, "EUR")
    return "EUR"


def _held(guesses: Sequence[Guess], survey: Survey) -> list[Guess]:
    """A place for each field that an order cannot be without."""
    have = {guess.field for guess in guesses}
    held = []
    for name, place in _PLACES.items():
        if name in have or (name == "billing.name" and "billing.company" in have):
            continue
        path = f"FILL_IN_{place}"
        rule: Any = {"path": path, "timezone": _UNKNOWN_ZONE} if name == "ordered_at" else path
        held.append(Guess(name, rule, "MISSING in the sample", "guess"))
    if "currency" not in have:
        held.append(Guess("currency", {"value": _constant_currency(survey)}, "MISSING in the sample", "guess"))
    return held


ORDER = Form(
    key="number",
    fields=(
        "number", "ordered_at", "currency", "exchange_rate", "status", "payment", "shipping", "billing",
        "delivery", "customer_note", "shop_note", "total",
    ),
    apart=frozenset({"payment", "billing", "delivery", "customer_note", "total"}),
    held=_held,
    rows=Rows("FILL_IN_ROWS", (Guess("name", "NAME", "MISSING in the sample", "guess"),)),
    kept=frozenset({"number", "ordered_at", "currency", "billing.name", "lines"}),
    tested=(
        "number", "ordered_at", "currency", "billing.name", "billing.company", "billing.city", "billing.country",
        "payment.method", "shipping.carrier", "total.gross", "total.net", "total.to_pay",
    ),
    tested_rows=(("lines", ("name", "quantity", "vat_rate", "unit_price")),),
)  # fmt: skip
