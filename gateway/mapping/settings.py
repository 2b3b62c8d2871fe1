"""Settings of a mapping: `${name}` in its fields and source stands for a text that a route may change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gateway.library import similar
from gateway.mapping.complaints import Complaints
from gateway.mapping.layers import Layers
from gateway.yamlfile import Location

_REFERENCE = re.compile(r"\$\{([^{}]*)\}")
_PARTS = ("source", "fields")


def settle(layers: Layers, added: Mapping[str, str], complaints: Complaints) -> None:
    """Put the settings' values in their places; `added` are the route's, which win."""
    own = layers.data.get("settings")
    settings = {
        name: str(value) for name, value in (own if isinstance(own, dict) else {}).items() if value is not None
    }
    for name in added:
        if name not in settings:
            near = similar(name, settings)
            complaints.add(
                "M025",
                f"the route sets `{name}`, which the mapping does not have under `settings:`",
                (),
                hint=f"there is a setting with a similar name: `{near}`" if near else _known(settings),
            )
    settings.update({name: value for name, value in added.items() if name in settings})
    for part in _PARTS:
        if part in layers.data:
            layers.data[part] = _settled(layers.data[part], (part,), settings, complaints)


def _settled(value: Any, at: Location, settings: Mapping[str, str], complaints: Complaints) -> Any:
    if isinstance(value, dict):
        return {key: _settled(each, (*at, key), settings, complaints) for key, each in value.items()}
    if isinstance(value, list):
        return [_settled(each, (*at, index), settings, complaints) for index, each in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value

    def replaced(match: re.Match[str]) -> str:
        name = match[1].strip()
        if name not in settings:
            near = similar(name, settings)
            complaints.add(
                "M025",
                f"there is no setting `{name}`",
                at,
                hint=f"there is a setting with a similar name: `{near}`" if near else _known(settings),
            )
        return settings.get(name, "")

    return _REFERENCE.sub(replaced, value)


def _known(settings: Mapping[str, str]) -> str:
    if not settings:
        return "give it a value under `settings:` of the mapping"
    return f"there are {', '.join(f'`{name}`' for name in settings)}"
