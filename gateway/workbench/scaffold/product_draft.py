"""The draft of a price list: the fields of a product by name and value, its prices, levels and pictures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gateway.mapping.paths import Element, local_name
from gateway.workbench.scaffold.amounts import Basis
from gateway.workbench.scaffold.draft import Draft, is_yes_no, unmapped
from gateway.workbench.scaffold.form import Form
from gateway.workbench.scaffold.guess import Guess, Rows, Tables, strength, sureness
from gateway.workbench.scaffold.product_prices import (
    Priced,
    level_rows,
    price_guesses,
    priced,
    rate_leaf,
    row_levels,
    sides_of,
    worded_rate,
)
from gateway.workbench.scaffold.product_words import FIELDS, IMAGES
from gateway.workbench.scaffold.survey import Block, Leaf, Survey, children_of, keys_of, leaves_of, text_at
from gateway.workbench.scaffold.values import currency, is_ean, number

_PICTURE = re.compile(r"\S+\.(?:jpe?g|png|gif|webp|bmp)(?:\?\S*)?", re.IGNORECASE)
_DEEPEST = 3
_DEEPER = 0.15
_LONGEST_CODE = 64


def product_draft_of(survey: Survey) -> Draft:
    """Guess the mapping of a price list."""
    blocks = [*survey.blocks, *_repeated_leaves(survey)]
    repeated = {block.each for block in blocks}
    leaves = [leaf for leaf in survey.leaves if not any(_is_below(leaf.path, each) for each in repeated)]
    images, levels = _images(leaves, blocks), []
    free = [leaf for leaf in leaves if not any(leaf.path in rows.used for rows in images)]
    rates = rate_leaf(free)
    prices = [each for each in priced(free) if each.leaf is not rates]
    guesses = list(_price_fields(prices, rates))
    usual = _usual(guesses)
    named = {each.level: [other for other in prices if other.level == each.level] for each in prices if each.level}
    levels = [*level_rows(named, rates, usual), *_row_levels(blocks, images, usual)]
    taken = {each.leaf.path for each in prices} | ({rates.path} if rates is not None else set())
    if rates is not None:
        guesses.append(_by_name("vat_rate", 0.0, rates, "its values are VAT rates"))
    fields = list(_fields([leaf for leaf in free if leaf.path not in taken]))
    rows = (*levels, *images)
    found = [*guesses, *fields]
    missing = tuple(_missing(survey, found, rows, free, prices))
    outside = tuple(leaf for leaf in leaves if not any(_is_below(each, leaf.path) for each in repeated))
    left_over = tuple(unmapped(Survey(survey.record, survey.records, outside, tuple(blocks)), found, rows))
    return Draft(PRODUCT, survey, tuple(found), rows, Tables(), missing, left_over)


def _is_below(path: str, each: str) -> bool:
    return path == each or path.startswith(f"{each}/")


# -- plain fields ----------------------------------------------------------------------------------------


def _fields(leaves: Sequence[Leaf]) -> Iterator[Guess]:
    """The fields of a card, each from the leaf whose name says it best and whose values fit."""
    taken: set[str] = set()
    for name, check in _CHECKS.items():
        if name == "available" and "quantity" in taken:
            continue
        free = [leaf for leaf in leaves if leaf.path not in taken and leaf.filled and check(leaf)]
        ranked = [
            (score + _DEEPER * max(0, len(leaf.keys) - 1), leaf)
            for leaf in free
            if len(leaf.keys) <= _DEEPEST and (score := strength(leaf, FIELDS[name])) is not None
        ]
        if not ranked:
            continue
        score, leaf = min(ranked, key=lambda each: (each[0], len(each[1].path)))
        taken |= {leaf.path, "quantity" if name == "available" else name}
        why = _WHY.get(name, "by its name")
        if name == "ean" and not all(map(is_ean, leaf.filled)):
            score, why = 1.0, "by its name; the check digits are not those of an EAN"
        yield _by_name(_FIELD_OF.get(name, name), score, leaf, why)


def _by_name(field: str, score: float, leaf: Leaf, why: str) -> Guess:
    rule: Any = {"path": leaf.path, "required": True} if field == "sku" else leaf.path
    return Guess(field, rule, why, sureness(score, confirmed=True), leaf.sample, (leaf.path,))


def _is_code(leaf: Leaf) -> bool:
    return all(leaf.values) and max(map(len, leaf.filled)) <= _LONGEST_CODE


def _are_eans(leaf: Leaf) -> bool:
    return all(text.isdigit() and len(text) in (8, 12, 13, 14) for text in leaf.filled)


def _is_text(leaf: Leaf) -> bool:
    return not all(number(text) is not None for text in leaf.filled)


def _is_number(leaf: Leaf) -> bool:
    return all(number(text) is not None for text in leaf.filled)


def _is_whole(leaf: Leaf) -> bool:
    return all(text.isdigit() for text in leaf.filled)


def _is_address(leaf: Leaf) -> bool:
    return all(text.startswith(("http:", "https:", "www.")) for text in leaf.filled)


def _is_flag(leaf: Leaf) -> bool:
    return all(is_yes_no(text) for text in leaf.filled)


def _is_currency(leaf: Leaf) -> bool:
    return all(currency(text) for text in leaf.filled)


def _is_short(leaf: Leaf) -> bool:
    return not _is_address(leaf)


_CHECKS: Mapping[str, Callable[[Leaf], bool]] = {
    "ean": _are_eans,
    "warehouse": _is_short,
    "quantity": _is_number,
    "reserved": _is_number,
    "available": _is_number,
    "manufacturer": _is_text,
    "category": _is_short,
    "unit": _is_text,
    "currency": _is_currency,
    "url": _is_address,
    "for_sale": _is_flag,
    "on_internet": _is_flag,
    "delivery_days": _is_whole,
    "weight": _is_number,
    "guarantee": _is_short,
    "description": _is_text,
    "supplement": _is_text,
    "sku": _is_code,
    "name": _is_text,
}
"""What the values of a field must be like; fields with the clearest values choose first."""
_FIELD_OF = {"available": "quantity"}
_WHY = {
    "ean": "its values have the check digit of an EAN",
    "available": "what is there without what is promised, by its name",
    "url": "its values are addresses",
    "currency": "it is a currency",
}


# -- prices and pictures ---------------------------------------------------------------------------------


def _price_fields(prices: Sequence[Priced], rates: Leaf | None) -> Iterator[Guess]:
    plain = [each for each in prices if not each.level and not each.special]
    if plain:
        yield from price_guesses("price", sides_of(plain, rates, None))
    special = [each for each in prices if each.special]
    if special:
        yield from price_guesses("special_price", sides_of(special, rates, None))


def _usual(guesses: Sequence[Guess]) -> Basis | None:
    """How prices are given here: as the plain price where that has one side only."""
    sides = {guess.field for guess in guesses if guess.field.startswith("price.")}
    return "gross" if sides == {"price.gross"} else "net" if sides == {"price.net"} else None


def _row_levels(blocks: Sequence[Block], images: Sequence[Rows], usual: Basis | None) -> Iterator[Rows]:
    pictures = {rows.each for rows in images}
    for block in blocks:
        found = row_levels(block, usual) if block.each not in pictures else None
        if found is not None:
            yield found


def _images(leaves: Sequence[Leaf], blocks: Sequence[Block]) -> list[Rows]:
    """Pictures: rows of them, or elements of the product that hold one each."""
    found = []
    for block in blocks:
        shown = next((leaf for leaf in block.leaves if _is_picture(leaf, block.each)), None)
        if shown is not None:
            guess = Guess("url", shown.path, "its values name pictures", "sure", shown.sample, (shown.path,))
            found.append(Rows(block.each, (guess,), used=(block.each,), block="images"))
    for leaf in leaves:
        if _is_picture(leaf, ""):
            guess = Guess("url", leaf.path, "its values name pictures", "sure", leaf.sample, (leaf.path,))
            found.append(Rows(".", (guess,), when=f"text('{leaf.path}')", used=(leaf.path,), block="images"))
    return found


def _is_picture(leaf: Leaf, holder: str) -> bool:
    if not leaf.filled or not all(_PICTURE.fullmatch(text) for text in leaf.filled):
        return False
    return any(word in keys_of(f"{holder}/{leaf.path}") for word in IMAGES) or _is_address(leaf)


def _repeated_leaves(survey: Survey) -> list[Block]:
    """Elements without any below them that stand several times in a product, such as pictures."""
    paths: dict[str, None] = {}
    for record in survey.records:
        _find(record, "", paths, [block.each for block in survey.blocks])
    return [_block(path, survey.records) for path in paths]


def _find(element: Element, prefix: str, found: dict[str, None], skip: Sequence[str]) -> None:
    counted = Counter(local_name(child.tag) for child in children_of(element))
    for child in children_of(element):
        path = f"{prefix}{local_name(child.tag)}"
        if path in skip:
            continue
        if len(child):
            _find(child, f"{path}/", found, skip)
        elif counted[local_name(child.tag)] > 1:
            found.setdefault(path)


def _block(path: str, records: Sequence[Element]) -> Block:
    holder, _, name = path.rpartition("/")
    rows = tuple(tuple(_named(record, holder, name)) for record in records)
    every = [row for each in rows for row in each]
    own = Leaf(".", tuple(text_at(row, ".") for row in every), (keys_of(name),))
    return Block(path, rows, (own, *leaves_of(every, "", ())), repeated=True)


def _named(record: Element, holder: str, name: str) -> Iterator[Element]:
    level = [record]
    for step in holder.split("/") if holder else ():
        level = [child for each in level for child in children_of(each) if local_name(child.tag) == step]
    return (child for each in level for child in children_of(each) if local_name(child.tag) == name)


# -- what is missing -------------------------------------------------------------------------------------


def _missing(
    survey: Survey,
    guesses: Sequence[Guess],
    rows: Sequence[Rows],
    leaves: Sequence[Leaf],
    prices: Sequence[Priced],
) -> Iterator[str]:
    have = {guess.field: guess for guess in guesses}
    if "sku" not in have:
        yield "MISSING the code: no element is in every record and looks like one; fill in `sku:`"
    else:
        yield from _about_codes(survey, have)
    if not {"price.net", "price.gross"} & set(have):
        levels = any(each.block == "prices" for each in rows)
        yield (
            "DECIDE on the price: there are prices of levels alone; name one in the rules, as `price_level:`"
            if levels
            else "MISSING the price: no element holds one; a shop that is told stock alone needs none"
        )
    elif any(have[side].sure == "guess" for side in ("price.net", "price.gross") if side in have):
        side = next(each for each in ("price.net", "price.gross") if each in have)
        yield f"DECIDE whether `{have[side].rule}` has VAT in it: compare one with the program it comes from"
    if "quantity" not in have:
        yield "MISSING the quantity: no element says how many there are; without it the shop's stock stays"
    elif have["quantity"].why == _WHY["available"]:
        yield f"NOTE on the quantity: `{have['quantity'].rule}` is without what is reserved already"
    if "vat_rate" not in have and len({"price.net", "price.gross"} & set(have)) == 1:
        worded = worded_rate(leaves)
        told = (
            f"`{worded.path}` names it by words ({worded.sample}); give `vat_rate:` a lookup"
            if worded is not None
            else "no element holds it; fill in `vat_rate:`"
        )
        yield f"MISSING the VAT rate: {told}"
    if any(each.block == "images" for each in rows):
        yield from _about_pictures(rows)


def _about_codes(survey: Survey, have: Mapping[str, Guess]) -> Iterator[str]:
    def texts(field: str) -> tuple[str, ...]:
        return next(leaf.values for leaf in survey.leaves if leaf.path == have[field].used[0])

    codes = texts("sku")
    keys = list(zip(codes, texts("warehouse"), strict=True)) if "warehouse" in have else list(codes)
    if len(set(keys)) < len(keys):
        where = " in one warehouse" if "warehouse" in have else ""
        yield f"LOOK AT the code: `{have['sku'].used[0]}` stands several times{where}, and the last record counts"
    if "ean" not in have and all(is_ean(code) for code in codes):
        yield "NOTE on the code: its values are EANs, so the shop's codes must be the EANs too"


def _about_pictures(rows: Sequence[Rows]) -> Iterator[str]:
    pictures = [each for each in rows if each.block == "images"]
    samples = [guess.sample for each in pictures for guess in each.guesses]
    if any(not sample.startswith(("http:", "https:")) for sample in samples):
        yield "NOTE on the pictures: they are names of files; shops take addresses, or take `images:` out"


def _held(guesses: Sequence[Guess], survey: Survey) -> list[Guess]:
    del survey
    if any(guess.field == "sku" for guess in guesses):
        return []
    return [Guess("sku", {"path": "FILL_IN_CODE", "required": True}, "MISSING in the sample", "guess")]


PRODUCT = Form(
    key="sku",
    fields=(
        "sku", "warehouse", "name", "supplement", "ean", "unit", "manufacturer", "category", "description", "url",
        "guarantee", "weight", "vat_rate", "currency", "price", "special_price", "quantity", "reserved",
        "delivery_days", "for_sale", "on_internet",
    ),
    apart=frozenset({"vat_rate", "quantity"}),
    held=_held,
    rows=None,
    kept=frozenset({"sku"}),
    tested=(
        "sku", "warehouse", "name", "ean", "unit", "manufacturer", "category", "vat_rate", "currency", "price.net",
        "price.gross", "special_price", "quantity", "reserved", "for_sale", "on_internet",
    ),
    tested_rows=(("prices", ("level", "price")), ("images", ("url",))),
)  # fmt: skip
