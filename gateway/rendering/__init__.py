"""From a document to XML: templates, their check, and the check of what they wrote.

What is imported here is cheap; Jinja and lxml are loaded when the first template or schema is.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gateway.rendering.identity import Identity

if TYPE_CHECKING:
    from gateway.rendering.desk import RecordProblems
    from gateway.rendering.schema import Schema, load_schema
    from gateway.rendering.template import Rendered, Template, check, load

_HOMES = {
    "RecordProblems": "desk",
    "Rendered": "template",
    "Schema": "schema",
    "Template": "template",
    "check": "template",
    "load": "template",
    "load_schema": "schema",
}

__all__ = ["Identity", "RecordProblems", "Rendered", "Schema", "Template", "check", "load", "load_schema"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
