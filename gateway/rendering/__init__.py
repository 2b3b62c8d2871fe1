"""From a document to XML: templates, their check, and the check of what they wrote.

What is imported here is cheap; Jinja and lxml are loaded when the first template or schema is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.lazily import on_first_use
from gateway.rendering.identity import Identity

if TYPE_CHECKING:
    from gateway.rendering.desk import RecordProblems
    from gateway.rendering.schema import Schema, load_schema
    from gateway.rendering.template import Rendered, Template, Trees, check, load

__all__ = ["Identity", "RecordProblems", "Rendered", "Schema", "Template", "Trees", "check", "load", "load_schema"]

__getattr__ = on_first_use(
    __name__,
    {
        "desk": ("RecordProblems",),
        "schema": ("Schema", "load_schema"),
        "template": ("Rendered", "Template", "Trees", "check", "load"),
    },
)
