"""One guess: a field, what stands behind its colon, why, and how sure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from gateway.workbench.scaffold.survey import Leaf
from gateway.workbench.scaffold.vocabulary import GENERIC

Sure = Literal["sure", "likely", "guess"]
_CLEAR = 0.5
_LONG = 6


class Guess(msgspec.Struct, frozen=True):
    """A field of a mapping. `rule` is a path, or the long form; `used` are the paths that it reads."""

    field: str
    rule: str | Mapping[str, Any]
    why: str
    sure: Sure
    sample: str = ""
    used: tuple[str, ...] = ()


class Rows(msgspec.Struct, frozen=True):
    """A block of rows. block: what of the document they are, such as `lines`."""

    each: str
    guesses: tuple[Guess, ...]
    when: str = ""
    why: str = ""
    used: tuple[str, ...] = ()
    block: str = "lines"


class Tables(msgspec.Struct):
    """The lookups that guesses need: name → (the shop's word → code), with `else` as its last row."""

    rows: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    doubts: dict[str, list[str]] = msgspec.field(default_factory=dict)


def strength(leaf: Leaf, names: Sequence[str]) -> float | None:
    """How well a leaf's name fits a list of names: 0 is best, above 1 is weak; None where it does not."""
    keys = leaf.keys
    for size in (3, 2, 1):
        if len(keys) >= size and "".join(keys[-size:]) in names:
            return names.index("".join(keys[-size:])) / len(names)
    said = keys[-1]
    if len(keys) > 1 and keys[-1].lstrip("@") in GENERIC:
        said = keys[-2]
        if said in names:
            return names.index(said) / len(names) + 0.1
    longer = [index for index, name in enumerate(names) if len(name) >= _LONG and said.endswith(name)]
    return longer[0] / len(names) + 0.4 if longer else None


def sureness(score: float, *, confirmed: bool) -> Sure:
    """In words: the name is one of the clearest, and the value fits it."""
    if confirmed and score < _CLEAR:
        return "sure"
    return "likely" if confirmed or score < _CLEAR else "guess"


def holds(text: str, words: Iterable[str]) -> bool:
    """Whether one of the words stands in a text; short ones only at its beginning."""
    return any(word in text if len(word) > 3 else text.startswith(word) for word in words)
