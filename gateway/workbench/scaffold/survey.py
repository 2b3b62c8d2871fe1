"""A sample taken apart: the record element, its leaves with their values, and its blocks of rows."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import msgspec

from gateway.mapping.paths import Element, local_name
from gateway.workbench.scaffold.vocabulary import LINE, LINES, ORDER_NAMES, ROW_COLUMNS

MOST_RECORDS = 50
_MOST_OF_IT = 0.8
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


class Leaf(msgspec.Struct, frozen=True):
    """An element (or attribute) with a text, by its path from the record or row.

    values: its text in each record or row, empty where it is absent or empty. keys: the names of the path, each
    without case, accents and signs.
    """

    path: str
    values: tuple[str, ...]
    keys: tuple[str, ...]

    @property
    def sample(self) -> str:
        """The first text that is there."""
        return next((value for value in self.values if value), "")

    @property
    def filled(self) -> tuple[str, ...]:
        """The texts that are there."""
        return tuple(value for value in self.values if value)

    @property
    def key(self) -> str:
        """The whole path as one word."""
        return "".join(self.keys)


class Block(msgspec.Struct, frozen=True):
    """Rows within a record: `each` is their path; `rows` holds the elements of each record."""

    each: str
    rows: tuple[tuple[Element, ...], ...]
    leaves: tuple[Leaf, ...]
    repeated: bool


class Survey(msgspec.Struct, frozen=True):
    """A sample taken apart. `record` are the names from the root to one record."""

    record: tuple[str, ...]
    records: tuple[Element, ...]
    leaves: tuple[Leaf, ...]
    blocks: tuple[Block, ...]


def survey(root: Element, record_path: Callable[[Element], tuple[str, ...]] | None = None) -> Survey:
    """Take a sample apart. record_path: finds the way to one record, where it is no order."""
    record = (record_path or _record_path)(root)
    return survey_records(record, tuple(_at(root, record[1:])))


def survey_records(record: tuple[str, ...], records: Sequence[Element]) -> Survey:
    """Take records apart that were found already."""
    records = tuple(records[:MOST_RECORDS])
    rows = _row_paths(records)
    blocks = tuple(_block(path, records, rows) for path in rows)
    return Survey(record, records, leaves_of(records, "", rows), blocks)


def survey_table(records: Sequence[Element], row: str) -> Survey:
    """Take a table apart whose lines are rows of records: what differs within a record is of the row."""
    records = tuple(records[:MOST_RECORDS])
    rows = tuple(tuple(_named([record], row)) for record in records)
    flat = leaves_of([each for lines in rows for each in lines], "", ())
    counts = [len(lines) for lines in rows]
    own = [
        leaf
        for leaf in flat
        if not _is_constant(leaf, counts) or any(word in leaf.keys[-1] for word in ROW_COLUMNS)
    ]
    inner = {leaf.path for leaf in own}
    leaves = tuple(_first_of_each(leaf, row, counts) for leaf in flat if leaf.path not in inner)
    return Survey((), records, leaves, (Block(row, rows, tuple(own), max(counts, default=0) > 1),))


def _is_constant(leaf: Leaf, counts: Sequence[int]) -> bool:
    values = iter(leaf.values)
    return all(len({next(values) for _ in range(count)}) == 1 for count in counts)


def _first_of_each(leaf: Leaf, row: str, counts: Sequence[int]) -> Leaf:
    starts = [sum(counts[:number]) for number in range(len(counts))]
    return Leaf(f"{row}/{leaf.path}", tuple(leaf.values[start] for start in starts), leaf.keys)


def keys_of(name: str) -> str:
    """A name without case, accents and signs."""
    plain = unicodedata.normalize("NFKD", name)
    return "".join(c for c in plain.casefold() if c.isalnum() and not unicodedata.combining(c))


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name in camel case, with underscores or dashes; without accents and case."""
    return tuple(word.casefold() for word in parts_of(name))


def parts_of(name: str) -> tuple[str, ...]:
    """The same words as they are written, without accents."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return tuple(_WORD.findall(plain))


def text_at(element: Element, path: str) -> str:
    """The text at a path of names, of `.` and of `@attribute`; empty where there is none."""
    for name in path.split("/"):
        if name.startswith("@"):
            return (element.get(name[1:]) or "").strip()
        if name == ".":
            continue
        found = next((child for child in children_of(element) if local_name(child.tag) == name), None)
        if found is None:
            return ""
        element = found
    return " ".join("".join(str(part) for part in element.itertext()).split())


def children_of(element: Element) -> Iterator[Element]:
    """The elements below one, without comments and the like."""
    return (child for child in element if isinstance(child.tag, str))


def _at(root: Element, names: Sequence[str]) -> Iterator[Element]:
    if not names:
        yield root
        return
    for child in children_of(root):
        if local_name(child.tag) == names[0]:
            yield from _at(child, names[1:])


# -- the record ------------------------------------------------------------------------------------------


def _record_path(root: Element) -> tuple[str, ...]:
    """From the root down as long as one child holds nearly all there is; a repeated element is a record."""
    path: tuple[str, ...] = (local_name(root.tag),)
    level = [root]
    while True:
        if len(level) > 1 or (_is_order(path[-1]) and _own_leaves(level[0]) > 1):
            return path
        below = Counter(local_name(child.tag) for element in level for child in children_of(element))
        whole = _leaf_paths(level)
        best = max(below, key=lambda name: len(_leaf_paths(_named(level, name))), default=None)
        if best is None or len(_leaf_paths(_named(level, best))) < _MOST_OF_IT * len(whole):
            return path
        inner = _named(level, best)
        if not any(len(element) for element in inner):
            return path
        path, level = (*path, best), inner


def _is_order(name: str) -> bool:
    return keys_of(name) in ORDER_NAMES


def _own_leaves(element: Element) -> int:
    return sum(1 for child in children_of(element) if not len(child))


def _named(level: Sequence[Element], name: str) -> list[Element]:
    return [child for element in level for child in children_of(element) if local_name(child.tag) == name]


def _leaf_paths(elements: Sequence[Element]) -> set[str]:
    return {path for element in elements[:MOST_RECORDS] for path, _ in _texts(element, "")}


def _texts(element: Element, prefix: str, skip: frozenset[str] = frozenset()) -> Iterator[tuple[str, str]]:
    """The leaves below an element: path and text; attributes too, but those of the machinery around links."""
    for name, value in element.attrib.items():
        plain = str(name)
        if not plain.startswith("{") and plain not in _MACHINERY:
            yield f"{prefix}@{plain}", str(value).strip()
    for child in children_of(element):
        path = f"{prefix}{local_name(child.tag)}"
        if path in skip:
            continue
        if len(child):
            yield from _texts(child, f"{path}/", skip)
        else:
            yield path, " ".join((child.text or "").split())
            yield from ((f"{path}/{name}", text) for name, text in _texts(child, "") if name.startswith("@"))


_MACHINERY = frozenset({"nodeType", "virtualEntity", "notFilterable", "href", "version", "type"})


# -- leaves and rows -------------------------------------------------------------------------------------


def leaves_of(elements: Sequence[Element], prefix: str, skip: Sequence[str]) -> tuple[Leaf, ...]:
    """What has a text below the elements; skip: paths that are left out with all below them."""
    found: dict[str, dict[int, str]] = {}
    for number, element in enumerate(elements):
        for path, text in _texts(element, prefix, frozenset(skip)):
            found.setdefault(path, {}).setdefault(number, text)
    return tuple(
        Leaf(
            path, tuple(texts.get(n, "") for n in range(len(elements))), tuple(keys_of(x) for x in path.split("/"))
        )
        for path, texts in found.items()
    )


def _row_paths(records: Sequence[Element]) -> tuple[str, ...]:
    """The outermost paths whose elements repeat, or which a container of rows holds alone."""
    repeated: dict[str, None] = {}
    for record in records:
        _find_repeated(record, "", repeated)
    return tuple(path for path in repeated if not any(path.startswith(f"{other}/") for other in repeated))


def _find_repeated(element: Element, prefix: str, found: dict[str, None]) -> None:
    counted = Counter(local_name(child.tag) for child in children_of(element))
    for child in children_of(element):
        name = local_name(child.tag)
        path = f"{prefix}{name}"
        if not len(child):
            continue
        if counted[name] > 1 or _is_member(element, name) or _looks_like_row(child):
            found.setdefault(path)
        else:
            _find_repeated(child, f"{path}/", found)


def _looks_like_row(element: Element) -> bool:
    """Whether an element that stands alone is a row: by its name, and because it says how many."""
    if not any(word in keys_of(local_name(element.tag)) for word in LINES):
        return False
    return any(
        not len(child) and keys_of(local_name(child.tag)) in LINE["quantity"] for child in children_of(element)
    )


def _is_member(holder: Element, name: str) -> bool:
    """Whether a name is the singular of its holder's: ITEM in ORDER_ITEMS, Artikel in Artikelliste."""
    one, many = keys_of(name), keys_of(local_name(holder.tag))
    if one == many or len(one) < 3:
        return False
    plural = (
        f"{one}s",
        f"{one}es",
        f"{one[:-1]}ies",
        f"{one}y",
        f"{one}i",
        f"{one}k",
        f"{one[:-1]}y",
        f"{one[:-1]}i",
    )
    return many.endswith(plural) or many.startswith(f"{one}list")


def _block(path: str, records: Sequence[Element], rows: Sequence[str]) -> Block:
    names = path.split("/")
    found = tuple(tuple(_at(record, names)) for record in records)
    inner = tuple(each[len(path) + 1 :] for each in rows if each.startswith(f"{path}/"))
    leaves = leaves_of([row for each in found for row in each], "", inner)
    return Block(path, found, leaves, any(len(each) > 1 for each in found))
