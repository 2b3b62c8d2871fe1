"""JSON Schemas for the editor, and the tables of the documentation: what is written from the code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import gateway.schemas
from gateway import library

MODELINE = "# yaml-language-server: $schema="
"""What the first line of a mapping, of a shared table and of config.yaml begins with."""


def config_schema() -> dict[str, Any]:
    """The JSON Schema of config.yaml and of the files that it includes."""
    from gateway.config.model import ConfigModel

    whole = ConfigModel.model_json_schema(by_alias=True)
    whole = _as_written(whole)
    whole.pop("required", None)  # an included file has some of the keys only
    whole["properties"]["version"] = {"enum": [1, "1"], "description": "the version of this format: 1"}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "configuration of the exchange gateway",
        **{key: value for key, value in whole.items() if key != "title"},
    }


def mapping_schema() -> dict[str, Any]:
    """The JSON Schema of mapping files."""
    from gateway.mapping import schema

    return schema()


def _table_schema() -> dict[str, Any]:
    from gateway.mapping.language import TableModel, described_schema

    return described_schema(TableModel, "shared table")


def _rates_schema() -> dict[str, Any]:
    from gateway.mapping.language import RatesModel, described_schema

    return described_schema(RatesModel, "VAT rates")


def _api_schema() -> dict[str, Any]:
    from gateway.endpoints.api_description import ApiModel
    from gateway.mapping.language import described_schema

    return described_schema(ApiModel, "API of a platform")


def _platform_schema() -> dict[str, Any]:
    from gateway.mapping.language import described_schema
    from gateway.workbench.platforms import PlatformModel

    return described_schema(PlatformModel, "platform")


SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "mapping": mapping_schema,
    "config": config_schema,
    "table": _table_schema,
    "vat_rates": _rates_schema,
    "api": _api_schema,
    "platform": _platform_schema,
}
"""The schemas by the name of their file."""


def place_of(name: str) -> Path:
    """Where a schema lies in the package."""
    return Path(gateway.schemas.__file__).parent / f"{name}.json"


def text_of(name: str) -> str:
    """A schema as its file has it."""
    return json.dumps(SCHEMAS[name](), indent=2, ensure_ascii=False) + "\n"


def stale() -> Iterator[tuple[Path, str]]:
    """The files that are not what the code says, with what they should be."""
    for name in SCHEMAS:
        path, text = place_of(name), text_of(name)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            yield path, text
    yield from _stale_pages(library.shipped())


def _stale_pages(clone: Path) -> Iterator[tuple[Path, str]]:
    """The pages of the documentation, where there are any (in a clone), whose tables are old."""
    from gateway.rendering.reference import refreshed
    from gateway.workbench.platforms import platform_tables

    further = platform_tables()
    for path in sorted([*clone.glob("README.md"), *clone.glob("docs/**/*.md")]):
        text = path.read_text(encoding="utf-8")
        if "<!-- table: " in text and (now := refreshed(text, further)) != text:
            yield path, now


def _as_written(part: Any) -> Any:
    """The schema as people write values: every plain one is text to the gateway, so a number is one too."""
    if isinstance(part, list):
        return [_as_written(each) for each in part]
    if not isinstance(part, dict):
        return part
    found = {key: _as_written(value) for key, value in part.items() if not _is_noise(key, value)}
    if found.get("type") == "string" and not found.keys() & {"enum", "const", "pattern", "format"}:
        found["type"] = ["string", "number"]
    if found.get("type") == "array" and _is_plain(found.get("items")):
        told = {key: found.pop(key) for key in ("description",) if key in found}
        return {**told, "anyOf": [{"type": ["string", "number"]}, found]}
    return found


def _is_noise(key: str, value: Any) -> bool:
    """Titles, defaults as Python writes them, and the marks of secrets say nothing to an editor."""
    return (key in ("title", "format") and isinstance(value, str)) or key in (
        "default",
        "writeOnly",
        "discriminator",
    )


def _is_plain(items: Any) -> bool:
    return isinstance(items, dict) and items.get("type") in ("string", ["string", "number"])
