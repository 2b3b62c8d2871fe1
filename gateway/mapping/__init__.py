"""The mapping language: from YAML to a compiled reader, from bytes to documents.

    mapping = load("shoptet/order")
    for reading in mapping.read(Path("orders.xml")):
        ...  # reading.document, or reading.problems

What is heavy (lxml, pydantic) is imported when a name is first used, so that `import gateway.mapping` is cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.lazily import on_first_use

if TYPE_CHECKING:
    from gateway.mapping.chunks import NotCuttable, Part
    from gateway.mapping.ending import Wholeness, wholeness
    from gateway.mapping.kept import Kept
    from gateway.mapping.language import schema
    from gateway.mapping.loading import Overrides, load
    from gateway.mapping.reader import Mapping, Reading
    from gateway.mapping.selftest import TestOutcome

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

__getattr__ = on_first_use(
    __name__,
    {
        "chunks": ("NotCuttable", "Part"),
        "ending": ("Wholeness", "wholeness"),
        "kept": ("Kept",),
        "language": ("schema",),
        "loading": ("Overrides", "load"),
        "reader": ("Mapping", "Reading"),
        "selftest": ("TestOutcome",),
    },
)
