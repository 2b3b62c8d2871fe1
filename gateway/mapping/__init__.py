"""The mapping language: from YAML to a compiled reader, from bytes to documents.

    mapping = load("shoptet/order")
    for reading in mapping.read(Path("orders.xml")):
        ...  # reading.document, or reading.problems

What is heavy (lxml, pydantic) is imported when a name is first used, so that `import gateway.mapping` is cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.mapping.chunks import NotCuttable, Part
    from gateway.mapping.ending import Wholeness, wholeness
    from gateway.mapping.kept import Kept
    from gateway.mapping.language import schema
    from gateway.mapping.loading import Overrides, load
    from gateway.mapping.reader import Mapping, Reading
    from gateway.mapping.selftest import TestOutcome

_HOMES = {
    "NotCuttable": "chunks",
    "Part": "chunks",
    "Kept": "kept",
    "Mapping": "reader",
    "Overrides": "loading",
    "Reading": "reader",
    "TestOutcome": "selftest",
    "Wholeness": "ending",
    "load": "loading",
    "schema": "language",
    "wholeness": "ending",
}

__all__ = [
    "Kept",
    "Mapping",
    "NotCuttable",
    "Overrides",
    "Part",
    "Reading",
    "TestOutcome",
    "Wholeness",
    "load",
    "schema",
    "wholeness",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
