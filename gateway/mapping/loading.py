"""Loading a mapping: files, checks, compilation. Every problem is found in one run."""

from __future__ import annotations

import re
from collections.abc import Mapping as Table
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import msgspec
from pydantic import ValidationError

from gateway.documents import KINDS, Kind
from gateway.errors import ProblemsFound
from gateway.library import similar
from gateway.mapping.compile import Compiler
from gateway.mapping.complaints import Complaints
from gateway.mapping.expectations import PROBLEMS, SelfTest, golden_of
from gateway.mapping.fields import Level, level_of
from gateway.mapping.language import MappingModel, TestModel
from gateway.mapping.layers import Layers, read_layers
from gateway.mapping.lookups import INCLUDE, lookup_key
from gateway.mapping.reader import Mapping
from gateway.mapping.settings import settle
from gateway.mapping.source_spec import source_spec
from gateway.mapping.tables import read_table
from gateway.yamlfile import Location


class Overrides(msgspec.Struct, frozen=True):
    """What a route changes of a mapping: rows added to its lookups (they win), settings, how totals are taken."""

    lookups: Table[str, Table[str, str]] = {}
    settings: Table[str, str] = {}
    totals: Literal["error", "warn"] | None = None


def load(name_or_path: str, *, site: Path | None = None, overrides: Overrides = Overrides()) -> Mapping:  # noqa: B008 - frozen
    """Load a mapping by its name (`shoptet/order`) or its path, with the mappings that it extends.

    site: the folder whose own `mappings/` are looked at before the shipped ones.
    Raises ProblemsFound with every problem of the file.
    """
    layers = read_layers(name_or_path, site)
    complaints = Complaints(layers)
    data = layers.data
    settle(layers, overrides.settings, complaints)
    if complaints.problems:  # what stands where a setting is missing would be a problem of its own
        raise ProblemsFound(complaints.problems)
    model = complaints.validated(MappingModel, data, (), "the mapping")
    kind = _kind(data.get("kind"), complaints)
    lookups = _lookups(layers, site, overrides, complaints)
    spec = source_spec(model.source if model else None, complaints)
    level = None
    if kind is not None and isinstance(data.get("fields"), dict):
        canonical = level_of(kind.document)
        namespaces = spec.namespaces if spec else {}
        compiler = Compiler(layers, complaints, lookups, overrides.lookups, namespaces)
        level = compiler.level(data["fields"], canonical, ("fields",))
        compiler.sections(level, spec.sections if spec else ())
        _check_needed(data["fields"], kind, data.get("key"), complaints)
        tests = _tests(data.get("tests"), canonical, layers, complaints)
    if complaints.problems:
        raise ProblemsFound(complaints.problems)
    assert model is not None and kind is not None and level is not None and spec is not None  # noqa: PT018
    return Mapping(
        name=_name(name_or_path),
        path=layers.path,
        kind=kind,
        version=_version(layers, overrides),
        source=spec,
        level=level,
        on_totals=overrides.totals or model.totals,
        tests=tests,
    )


def _name(name_or_path: str) -> str:
    """`shoptet/order` for a name and for the path of its file."""
    path = Path(name_or_path)
    if not path.is_absolute() and path.suffix not in (".yaml", ".yml"):
        return name_or_path
    return "/".join(path.with_suffix("").parts[-2:])


def _version(layers: Layers, overrides: Overrides) -> str:
    digest = sha256()
    for part in (*layers.texts, msgspec.json.encode(overrides, order="deterministic").decode()):
        digest.update(str(len(part)).encode() + b":" + part.encode())
    return digest.hexdigest()


def _kind(name: Any, complaints: Complaints) -> Kind | None:
    if not isinstance(name, str):
        return None
    kind = KINDS.get(name)
    if kind is None or not kind.is_read:
        readable = [each for each, one in KINDS.items() if one.is_read]
        near = similar(name, readable)
        known = ", ".join(f"`{each}`" for each in readable)
        hint = f"there is a kind with a similar name: `{near}`" if near else f"the kinds are {known}"
        complaints.add("M018", f"there is no kind of document `{name}`", ("kind",), hint=hint)
        return None
    return kind


def _lookups(
    layers: Layers, site: Path | None, overrides: Overrides, complaints: Complaints
) -> dict[str, dict[str, str]]:
    """The tables, what they include below and the route's rows above; keys that compare alike are a problem."""
    tables: dict[str, dict[str, str]] = {}
    data = layers.data.get("lookups")
    for name, rows in (data if isinstance(data, dict) else {}).items():
        if not isinstance(rows, dict):
            continue
        seen: dict[str, str] = {}
        for key in rows:
            folded = lookup_key(key)
            if folded in seen:
                complaints.add(
                    "M016",
                    f"the keys `{seen[folded]}` and `{key}` of lookup `{name}` are the same",
                    ("lookups", name, key),
                    key=True,
                    hint="remove one of them; keys are compared without case and with white space folded",
                )
            seen[folded] = key
        own = {key: str(code) for key, code in rows.items() if code is not None}
        included = own.pop(INCLUDE, None)
        below = _included(included, ("lookups", name, INCLUDE), layers, site, complaints) if included else {}
        tables[name] = _laid_over(below, own)
    for name, added in overrides.lookups.items():
        if name not in tables:
            near = similar(name, tables)
            hint = f"there is a lookup with a similar name: `{near}`" if near else None
            complaints.add(
                "M022", f"the route adds to lookup `{name}`, which the mapping does not have", (), hint=hint
            )
            continue
        tables[name] = _laid_over(tables[name], added)
    return tables


def _laid_over(below: Table[str, str], above: Table[str, str]) -> dict[str, str]:
    """Rows of two tables; an equal key of the one above wins."""
    replaced = {lookup_key(key) for key in above}
    return {**above, **{key: code for key, code in below.items() if lookup_key(key) not in replaced}}


def _included(
    name: str, at: Location, layers: Layers, site: Path | None, complaints: Complaints
) -> Table[str, str]:
    try:
        table = read_table(name, site, layers.span(at))
    except ProblemsFound as error:
        complaints.extend(error.problems)
        return {}
    layers.texts.append(table.text)
    return table.rows


def _check_needed(fields: dict[str, Any], kind: Kind, key: Any, complaints: Complaints) -> None:
    for names in kind.needed:
        if all(fields.get(name) is None for name in names):
            which = " or ".join(f"`{name}`" for name in names)
            complaints.add(
                "M023",
                f"no field {which} is mapped, which every {kind.name} needs",
                ("fields",),
                key=True,
                hint="add " + " or ".join(f"`{name}:`" for name in names),
            )
    if isinstance(key, str) and key not in kind.key:
        complaints.add(
            "M019", f"`{key}` is not the key of kind `{kind.name}`", ("key",), hint=f"write `key: {kind.key[0]}`"
        )


def _tests(data: Any, canonical: Level, layers: Layers, complaints: Complaints) -> tuple[SelfTest, ...]:
    tests = []
    for index, each in enumerate(data if isinstance(data, list) else []):
        try:
            test = TestModel.model_validate(each)
        except ValidationError:
            continue  # the whole mapping's validation has said what is wrong
        at = ("tests", index)
        expect_spans = {path: layers.span((*at, "expect", path)) for path in test.expect}
        for path in test.expect:
            plain = re.sub(r"\[[0-9]+\]", "", path)
            rows, _, member = plain.partition(".")
            known = (*canonical.fields, *canonical.groups, *canonical.rows, PROBLEMS)
            if plain in known or (rows in canonical.rows and member in canonical.rows[rows].fields):
                continue
            if plain.endswith("basis"):
                continue
            members = (f"{name}.{each}" for name, level in canonical.rows.items() for each in level.fields)
            near = similar(plain, (*known, *members))
            complaints.add(
                "M006",
                f"unknown field `{path}` in a test",
                (*at, "expect", path),
                key=True,
                hint=f"there is a field with a similar name: `{near}`" if near else None,
            )
        tests.append(
            SelfTest(
                test.name,
                test.given,
                test.expect,
                layers.span(at),
                layers.span((*at, "given")),
                expect_spans,
                golden_of(test, layers.span((*at, "golden", "file"))),
            )
        )
    return tuple(tests)
