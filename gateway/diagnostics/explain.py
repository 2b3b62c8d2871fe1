"""What each problem code means, from the YAML files beside this module (one per room)."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec


class Explanation(msgspec.Struct, frozen=True):
    """The text behind one code: a title, why it matters, a bad and a good example, and what to do."""

    code: str
    title: str
    why: str
    bad: str
    good: str
    do: str


@cache
def explanations() -> dict[str, Explanation]:
    """All codes with their texts, sorted."""
    import yaml

    found: dict[str, Explanation] = {}
    folder = resources.files("gateway.diagnostics.explanations")
    for entry in folder.iterdir():
        if entry.name.endswith(".yaml"):
            for code, texts in (yaml.safe_load(entry.read_text(encoding="utf-8")) or {}).items():
                if code in found:
                    raise ValueError(f"problem code {code} is explained twice")
                found[code] = msgspec.convert({"code": code, **texts}, Explanation)
    return dict(sorted(found.items()))
