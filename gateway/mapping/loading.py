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
from gateway.mapping.fields import Level, level_of
from gateway.mapping.language import MappingModel, SourceModel, TestModel
from gateway.mapping.layers import Layers, read_layers
from gateway.mapping.lookups import ELSE, lookup_key
from gateway.mapping.reader import Mapping
from gateway.mapping.selftest import PROBLEMS, SelfTest
from gateway.mapping.sources import SourceSpec

_RECORD = re.compile(r"(?:/[^\W\d][\w.-]*)+")
_NEEDED = ("number", "ordered_at", "currency", "lines")
_SOMEBODY = ("billing.name", "billing.company")


class Overrides(msgspec.Struct, frozen=True):
    """What a route changes of a mapping: rows added to its lookups (they win), and how totals are taken."""

    lookups: Table[str, Table[str, str]] = {}
    totals: Literal["error", "warn"] | None = None


def load(name_or_path: str, *, site: Path | None = None, overrides: Overrides = Overrides()) -> Mapping:  # noqa: B008 - frozen
    """Load a mapping by its name (`shoptet/order`) or its path, with the mappings that it extends.

    site: the folder whose own `mappings/` are looked at before the shipped ones.
    Raises ProblemsFound with every problem of the file.
    """
    layers = read_layers(name_or_path, site)
    complaints = Complaints(layers)
    data = layers.data
    model = complaints.validated(MappingModel, data, (), "the mapping")
    kind = _kind(data.get("kind"), complaints)
    lookups = _lookups(data.get("lookups"), overrides, complaints)
    spec = _source(model.source if model else None, complaints)
    level = None
    if kind is not None and isinstance(data.get("fields"), dict):
        canonical = level_of(kind.document)
        compiler = Compiler(layers, complaints, lookups, overrides.lookups)
        level = compiler.level(data["fields"], canonical, ("fields",))
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
        key=model.key,
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
    if kind is None:
        near = similar(name, KINDS)
        known = ", ".join(f"`{each}`" for each in KINDS)
        hint = f"there is a kind with a similar name: `{near}`" if near else f"the kinds are {known}"
        complaints.add("M018", f"there is no kind of document `{name}`", ("kind",), hint=hint)
    return kind


def _lookups(data: Any, overrides: Overrides, complaints: Complaints) -> dict[str, dict[str, str]]:
    """The tables with the route's rows laid over; keys that compare alike are a problem within the file."""
    tables: dict[str, dict[str, str]] = {}
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
        tables[name] = {key: str(code) for key, code in rows.items() if code is not None}
    for name, added in overrides.lookups.items():
        if name not in tables:
            near = similar(name, tables)
            hint = f"there is a lookup with a similar name: `{near}`" if near else None
            complaints.add(
                "M022", f"the route adds to lookup `{name}`, which the mapping does not have", (), hint=hint
            )
            continue
        replaced = {lookup_key(key) for key in added}
        kept = {key: code for key, code in tables[name].items() if lookup_key(key) not in replaced}
        tables[name] = {**dict(added), **kept}
        if ELSE in added:
            tables[name][ELSE] = added[ELSE]
    return tables


def _source(source: SourceModel | None, complaints: Complaints) -> SourceSpec | None:
    if source is None:
        return None
    records = []
    for index, path in enumerate(source.record):
        if _RECORD.fullmatch(path):
            records.append(tuple(path[1:].split("/")))
        else:
            several = len(source.record) > 1
            complaints.add(
                "M017",
                f"the record path `{path}` is not plain names from the root",
                ("source", "record", index) if several else ("source", "record"),
                hint="write it like `/ORDERS/ORDER`, with the names of the elements and nothing else",
            )
    return SourceSpec(tuple(records), source.encoding, source.max_bytes)


def _check_needed(fields: dict[str, Any], kind: Kind, key: Any, complaints: Complaints) -> None:
    for name in _NEEDED:
        if fields.get(name) is None:
            complaints.add(
                "M023",
                f"no field `{name}` is mapped, which every {kind.name} needs",
                ("fields",),
                key=True,
                hint=f"add `{name}:`",
            )
    if all(fields.get(name) is None for name in _SOMEBODY):
        complaints.add(
            "M023",
            f"no customer is mapped, whom every {kind.name} needs",
            ("fields",),
            key=True,
            hint="add `billing.name:` or `billing.company:`",
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
            near = similar(plain, (*known, *(f"lines.{each}" for each in canonical.rows["lines"].fields)))
            complaints.add(
                "M006",
                f"unknown field `{path}` in a test",
                (*at, "expect", path),
                key=True,
                hint=f"there is a field with a similar name: `{near}`" if near else None,
            )
        tests.append(
            SelfTest(
                test.name, test.given, test.expect, layers.span(at), layers.span((*at, "given")), expect_spans
            )
        )
    return tuple(tests)
