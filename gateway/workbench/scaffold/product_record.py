"""Where one product is in a price list: the element with a code, a name and a price of its own."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.mapping.paths import Element, local_name
from gateway.workbench.scaffold.guess import strength
from gateway.workbench.scaffold.product_words import FIELDS
from gateway.workbench.scaffold.survey import Leaf, children_of, keys_of, leaves_of, words_of
from gateway.workbench.scaffold.vocabulary import PRICE

_SIGNS = ("sku", "ean", "name", "unit", "quantity")
_NO_PRICES = ("amount", "value")
_LOOKED_AT = 20
_NEAR = 3
"""How far below a product its code and name may stand, the product's own name counted."""


def product_path(root: Element) -> tuple[str, ...]:
    """The names from the root to one product; the outermost element that says the most about one."""
    ranked = [(_signs(elements), -len(path), path) for path, elements in _levels(root).items()]
    best = max(ranked, key=lambda each: each[:2])
    return best[2] if best[0] else (local_name(root.tag),)


def is_price(name: str) -> bool:
    """Whether a name is that of a price; short words count only where they stand alone."""
    words, key = words_of(name), keys_of(name)
    return any(word in words or (len(word) > 3 and word in key) for word in PRICE if word not in _NO_PRICES)


def _levels(root: Element) -> dict[tuple[str, ...], list[Element]]:
    """Every way down the tree to elements that have something below them, with the first of these."""
    found: dict[tuple[str, ...], list[Element]] = {}
    for path, element in _walk(root, (local_name(root.tag),)):
        elements = found.setdefault(path, [])
        if len(elements) < _LOOKED_AT:
            elements.append(element)
    return found


def _walk(element: Element, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Element]]:
    yield path, element
    for child in children_of(element):
        if len(child) or child.attrib:
            yield from _walk(child, (*path, local_name(child.tag)))


def _signs(elements: list[Element]) -> int:
    """How many of the things that every product has are there; none where it has neither a code nor a name.

    What repeats within one element is no property of it.
    """
    leaves = [
        leaf
        for leaf in leaves_of(elements, "", ())
        if len(leaf.keys) < _NEAR and leaf.filled and not _repeats(elements, leaf)
    ]
    signs = {sign for sign in _SIGNS for leaf in leaves if strength(leaf, FIELDS[sign]) is not None}
    if not signs & {"sku", "ean"} or len(leaves) < 2:
        return 0
    return len(signs) + any(is_price(leaf.path.rpartition("/")[2]) for leaf in leaves)


def _repeats(elements: list[Element], leaf: Leaf) -> bool:
    first = leaf.path.partition("/")[0]
    return any(sum(local_name(child.tag) == first for child in children_of(element)) > 1 for element in elements)
