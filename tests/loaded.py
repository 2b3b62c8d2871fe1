"""Templates and mappings for some settings, loaded once for all tests that want the same: as a route has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from gateway import mapping as mappings
from gateway import rendering

MOST = 32
T = TypeVar("T")
_templates: dict[str, rendering.Template] = {}
_mappings: dict[str, mappings.Mapping] = {}


def template(name: str, settings: Mapping[str, Any], lookups: Mapping[str, Any]) -> rendering.Template:
    """A shipped template for these settings and lookups."""
    key = repr((name, settings, lookups))
    return _known(_templates, key, lambda: rendering.load(name, settings=settings, lookups=lookups))


def mapping(name: str, overrides: mappings.Overrides) -> mappings.Mapping:
    """A shipped mapping with what a route changes of it."""
    return _known(_mappings, repr((name, overrides)), lambda: mappings.load(name, overrides=overrides))


def _known(known: dict[str, T], key: str, load: Callable[[], T]) -> T:
    if key not in known:
        if len(known) >= MOST:
            known.clear()
        known[key] = load()
    return known[key]
