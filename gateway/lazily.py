"""Packages whose names are imported when they are first used, so that a command loads what it needs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any


def on_first_use(package: str, homes: Mapping[str, Iterable[str]]) -> Callable[[str], Any]:
    """The `__getattr__` of a package.

    homes: its modules, and the names that are taken from each; the first one counts that has a name.
    """
    home_of: dict[str, str] = {}
    for home, names in homes.items():
        for name in names:
            home_of.setdefault(name, home)

    def get(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{home_of[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return get
