"""The tables of the documentation that are made from the registries, so that they cannot grow old.

A page marks the place of a table with `<!-- table: filters -->` and `<!-- end of table -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from gateway.rendering.filters import FILTERS, TESTS
from gateway.rendering.settings import Declaration, declared
from gateway.rendering.shapes import Loop, fields_of
from gateway.rendering.sources import FOLDER, Sources


def filter_table() -> str:
    """All filters as a Markdown table."""
    rows = ["| filter | does | example |", "|---|---|---|"]
    for name, entry in sorted(FILTERS.items()):
        call = f"{name}({entry.arguments.replace('`', '')})" if entry.arguments else name
        rows.append(f"| `{call}` | {entry.line} | `{entry.example}` |")
    return "\n".join(_escaped(row) for row in rows)


def test_table() -> str:
    """All tests (`x is none`) as a Markdown table."""
    rows = ["| test | holds for |", "|---|---|"]
    for name, test in sorted(TESTS.items()):
        line = " ".join((test.__doc__ or "").split("\n\n")[0].split())
        rows.append(f"| `is {name}` | {line} |")
    return "\n".join(_escaped(row) for row in rows)


def loop_table() -> str:
    """What may be asked of `loop`, as a Markdown table."""
    rows = ["| name | is a |", "|---|---|"]
    rows += [f"| `loop.{name}` | {shape.noun()} |" for name, shape in fields_of(Loop).items()]
    return "\n".join(rows)


_VALUES = {
    "number": "a whole number",
    "flag": "`true`, `false`",
    "list": "a list of texts",
    "user_fields": "a table",
    "rows": "a list of rows",
}


def settings_table(target: str) -> str:
    """The settings of the shipped templates of one target as a Markdown table."""
    rows = ["| setting | value | default | what it is |", "|---|---|---|---|"]
    for name, setting in _declaration(target).settings.items():
        value = _VALUES.get(setting.type, "text")
        if setting.one_of:
            value = ", ".join(f"`{choice}`" for choice in setting.one_of)
        elif setting.longest is not None and value == "text":
            value = f"text, at most {setting.longest}"
        default = "**required**" if setting.required else f"`{setting.default}`" if setting.default else ""
        rows.append(f"| `{name}` | {value} | {default} | {setting.description} |")
    return "\n".join(rows)


def lookup_table(target: str) -> str:
    """The lookups of the shipped templates of one target as a Markdown table."""
    rows = ["| lookup | from | to, at most | what it is |", "|---|---|---|---|"]
    for name, table in _declaration(target).lookups.items():
        rows.append(f"| `{name}` | canonical {table.keys} | {table.longest} | {table.description} |")
    return "\n".join(rows)


_OF_SHOPS = ("heureka", "zbozi", "google", "glami", "arukereso", "shoptet", "shoprenter", "upgates")

TABLES: Mapping[str, Callable[[], str]] = {
    "filters": filter_table,
    "tests": test_table,
    "loop": loop_table,
    "pohoda settings": lambda: settings_table("pohoda"),
    "pohoda lookups": lambda: lookup_table("pohoda"),
    "profit settings": lambda: settings_table("profit"),
    "profit lookups": lambda: lookup_table("profit"),
    **{f"{target} settings": partial(settings_table, target) for target in _OF_SHOPS},
}
"""The tables by the name that pages call them."""

_PLACE = re.compile(r"(<!-- table: ([\w -]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def refreshed(page: str, further: Mapping[str, Callable[[], str]] | None = None) -> str:
    """A page of the documentation with its tables as they are now; `further` are tables of higher floors."""
    tables = {**TABLES, **(further or {})}
    return _PLACE.sub(lambda match: f"{match[1]}{tables[match[2]]()}\n{match[3]}", page)


def _declaration(target: str) -> Declaration:
    from gateway.library import search_path

    return declared(Sources(search_path(FOLDER)), [target])


def _escaped(row: str) -> str:
    """A pipe within code must not end a table cell."""
    parts = row.split("`")
    parts[1::2] = [part.replace("\\|", "|").replace("|", "\\|") for part in parts[1::2]]
    return "`".join(parts)
