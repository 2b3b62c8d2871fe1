"""A mapping file with those it extends, laid over each other; every part still knows its file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeGuard

import msgspec

from gateway import library, yamlfile
from gateway.diagnostics import Problem, Span
from gateway.errors import ProblemsFound
from gateway.mapping.lookups import lookup_key
from gateway.yamlfile import Location, YamlFile


class Layers(msgspec.Struct):
    """The merged data, the place of each part, and the texts of all files that took part."""

    path: str
    data: dict[str, Any] = msgspec.field(default_factory=dict)
    spans: dict[Location, Span] = msgspec.field(default_factory=dict)
    keys: dict[Location, Span] = msgspec.field(default_factory=dict)
    texts: list[str] = msgspec.field(default_factory=list)

    def span(self, location: Location, *, key: bool = False) -> Span | None:
        """The place of a part or of its key; of the nearest part above where it does not exist itself."""
        at = location
        if key and at in self.keys:
            return self.keys[at]
        while at and at not in self.spans:
            at = at[:-1]
        return self.spans.get(at)


def read_layers(name_or_path: str, site: Path | None) -> Layers:
    """Read a mapping by its name (`shoptet/order`) or its path. Raises ProblemsFound."""
    chain: list[YamlFile] = []
    seen: dict[Path, str] = {}
    wanted, asked_at = name_or_path, None
    while True:
        path = _find(wanted, site, asked_at)
        resolved = path.resolve()
        if resolved in seen:
            raise ProblemsFound([_circle(wanted, [*seen.values()], asked_at)])
        file = yamlfile.read(path)
        seen[resolved] = file.path
        if not isinstance(file.data, dict):
            raise ProblemsFound(
                [
                    Problem(
                        code="M002",
                        message="the mapping is empty"
                        if file.data is None
                        else "the mapping is not a table of keys",
                        span=Span(file=file.path, line=1),
                        help="start with `version: 1`, `kind: order` and `source:`",
                    )
                ]
            )
        chain.append(file)
        parent = file.data.get("extends")
        if parent is None:
            break
        asked_at = file.span(("extends",))
        if not isinstance(parent, str):
            raise ProblemsFound(
                [Problem(code="M005", message="`extends` wants the name of one mapping", span=asked_at)]
            )
        wanted = parent
    layers = Layers(chain[0].path)
    for file in reversed(chain):
        _lay_over(layers, file)
    return layers


def _find(wanted: str, site: Path | None, asked_at: Span | None) -> Path:
    if asked_at is None and (wanted.endswith((".yaml", ".yml")) or Path(wanted).is_absolute()):
        return Path(wanted)
    found = library.find("mappings", wanted, ".yaml", site)
    if found is not None:
        return found
    near = library.similar(wanted, library.names("mappings", ".yaml", site))
    hint = (
        f"there is a mapping with a similar name: `{near}`"
        if near
        else "name it like `shoptet/order`, or give a path"
    )
    raise ProblemsFound(
        [Problem(code="M001", message=f"there is no mapping `{wanted}`", span=asked_at, help=hint)]
    )


def _circle(wanted: str, files: list[str], asked_at: Span | None) -> Problem:
    return Problem(
        code="M015",
        message=f"the mapping `{wanted}` extends itself",
        span=asked_at,
        help="break the circle of `extends:`",
        context=(f"circle: {' -> '.join(files)}",),
    )


def _lay_over(layers: Layers, file: YamlFile) -> None:
    layers.texts.append(file.text)
    _drop(layers, ("tests",))
    layers.spans[()] = file.spans[()]
    for key, value in file.data.items():
        base = layers.data.get(key)
        if key == "extends":
            continue
        if key == "fields" and isinstance(value, dict) and isinstance(base, dict):
            _merge_fields(layers, file, (key,), base, value)
        elif key == "lookups" and isinstance(value, dict) and isinstance(base, dict):
            _merge_lookups(layers, file, base, value)
        elif key == "source" and _other_format(base, value):
            _take(layers, file, (key,))
        elif key in ("source", "settings") and isinstance(value, dict) and isinstance(base, dict):
            for option in value:
                _take(layers, file, (key, option))
        else:
            _take(layers, file, (key,))


def _other_format(base: Any, over: Any) -> bool:
    """Whether a source is of another format than the one that it would be laid over; then no option of it fits."""
    if not (isinstance(base, dict) and isinstance(over, dict) and "format" in over):
        return False
    return bool(base.get("format", "xml") != over["format"])


def _merge_fields(
    layers: Layers, file: YamlFile, at: Location, base: dict[str, Any], over: dict[str, Any]
) -> None:
    for name, value in over.items():
        known = base.get(name)
        if value is None:
            _drop(layers, (*at, name))
        elif _is_block(known) and isinstance(value, dict):
            for option, part in value.items():
                if option == "fields" and isinstance(part, dict):
                    _merge_fields(layers, file, (*at, name, option), known[option], part)
                else:
                    _take(layers, file, (*at, name, option))
        else:
            _take(layers, file, (*at, name))


def _is_block(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict) and isinstance(value.get("fields"), dict)


def _merge_lookups(layers: Layers, file: YamlFile, base: dict[str, Any], over: dict[str, Any]) -> None:
    for table, rows in over.items():
        at: Location = ("lookups", table)
        known = base.get(table)
        if rows is None:
            _drop(layers, at)
        elif isinstance(rows, dict) and isinstance(known, dict):
            for key, value in rows.items():
                for same in [each for each in known if lookup_key(each) == lookup_key(key)]:
                    _drop(layers, (*at, same))
                if value is not None:
                    _take(layers, file, (*at, key))
        else:
            _take(layers, file, at)


def _take(layers: Layers, file: YamlFile, at: Location) -> None:
    """Put one part of the file in the place of what stood there."""
    value: Any = file.data
    for step in at:
        value = value[step]
    holder: Any = layers.data
    for step in at[:-1]:
        holder = holder[step]
    size = len(at)
    for table in (layers.spans, layers.keys):
        for location in [each for each in table if each[:size] == at]:
            del table[location]
    layers.spans.update({each: span for each, span in file.spans.items() if each[:size] == at})
    layers.keys.update({each: span for each, span in file.keys.items() if each[:size] == at})
    holder[at[-1]] = value


def _drop(layers: Layers, at: Location) -> None:
    holder: Any = layers.data
    for step in at[:-1]:
        holder = holder[step]
    holder.pop(at[-1], None)
    size = len(at)
    for table in (layers.spans, layers.keys):
        for location in [each for each in table if each[:size] == at]:
            del table[location]
