"""The mapping language as pydantic models: they validate a file and give the editor its JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from gateway.documents import KINDS
from gateway.mapping.fields import Level, level_of

VERSION = "1"
LARGEST = 1 << 30
"""Bytes that an input may have where the mapping says nothing: 1 GiB; it is read as a stream."""

Scalar = Annotated[str, WithJsonSchema({"type": ["string", "number", "boolean"]})]
"""A plain value; the editor sees numbers and yes/no where this language sees text."""

Encoding = Literal[
    "utf-8",
    "utf-16",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-15",
]
ENCODINGS: tuple[str, ...] = get_args(Encoding)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Texts = Annotated[
    list[str],
    BeforeValidator(_listed),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
"""One text, or a list of them."""

Flag = Annotated[bool, WithJsonSchema({"type": "boolean"})]
Rows = dict[str, Scalar | None]


class _Strict(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)


class SectionModel(_Strict):
    """Another part of the same input, joined to the records by a key."""

    record: str = Field(description="The path from the root to one element of the section.")
    key: str = Field(description="The path from such an element to its key.")
    equals: str = Field(description="The path from the record to the text that the key must be.")
    into: str = Field(".", description="The path to the elements of the record that it is joined to.")
    missing: Literal["error", "empty"] = Field("error", description="What it is when there is none of that key.")


class SourceModel(_Strict):
    """Where the records are in the input."""

    format: Literal["xml", "json", "jsonl", "csv"] = Field("xml", description="The form of the input.")
    record: Texts | None = Field(
        None, description="The path from the root to one record, or several: the first one that occurs is taken."
    )
    encoding: Encoding | None = Field(None, description="The true encoding, where the input declares a wrong one.")
    max_bytes: Annotated[int, Field(gt=0)] = Field(LARGEST, description="A larger input is refused.")
    namespaces: dict[str, str] = Field(default_factory=dict, description="Prefixes that paths may use (XML).")
    delimiter: str | None = Field(None, description="What stands between cells (CSV): one character, or `tab`.")
    quote: str | None = Field(None, description='What stands around texts (CSV); `"` by default.')
    header: Literal["yes", "no"] | list[str] | None = Field(
        None, description="Whether the first line names the columns (CSV), or their names."
    )
    group: str | None = Field(None, description="The column whose equal texts make one record (CSV).")
    split: str | None = Field(
        None,
        description="The path from the record to parts that are documents of their own, such as variants.",
    )
    sections: dict[str, SectionModel] = Field(
        default_factory=dict, description="Other parts of the same input, joined to the records by a key."
    )


class FieldModel(_Strict):
    """The long form of a field."""

    path: str | None = Field(None, description="The path from the record (or the row) to the value.")
    first: list[str] | None = Field(None, description="Several paths; the first one that has a text is taken.")
    join: list[str] | None = Field(None, description="Several paths, joined; empty parts are left out.")
    separator: str | None = Field(
        None, description="What stands between the parts of `join`; one blank by default."
    )
    sum: list[str] | None = Field(
        None, description="Several paths to numbers, added up; absent ones are left out."
    )
    value: Scalar | None = Field(None, description="A constant.")
    compute: str | None = Field(None, description="An expression; its value is read as the field's type.")
    lookup: str | None = Field(
        None, description="The name of the table under `lookups:` that the text goes through."
    )
    default: Scalar | None = Field(None, description="The canonical value where the source has none.")
    required: Flag = Field(default=False, description="A record without this value is a problem.")
    format: Texts | None = Field(None, description="One or several strptime patterns of a date.")
    timezone: str | None = Field(None, description="The zone of times that name none, such as `Europe/Prague`.")
    when: str | None = Field(None, description="A condition; where it is false the field has no value.")
    empty: list[Scalar] | None = Field(None, description="Texts that mean that there is no value.")


class RowsModel(_Strict):
    """A block of rows, such as `lines`."""

    each: str = Field(description="The path to one row.")
    when: str | None = Field(None, description="A condition; rows for which it is false are left out.")
    fields: dict[str, Any] = Field(description="The fields of a row; paths start at the row.")


class GoldenModel(_Strict):
    """The file that a record must be written as."""

    file: str = Field(description="The written file, such as `samples/shoptet/golden/order-1.xml`.")
    template: str = Field(description="The template that writes it, such as `pohoda/order`.")
    settings: dict[str, Scalar] = Field(default_factory=dict, description="The template's settings.")
    lookups: dict[str, Rows] = Field(default_factory=dict, description="The target's own codes.")


class TestModel(_Strict):
    """A test that stands in the mapping itself."""

    __test__ = False

    name: str = Field(description="What is tested, as a sentence.")
    given: str = Field(description="A sample and the number of the record in it: `samples/shoptet/orders.xml#2`.")
    expect: dict[str, Any] = Field(
        default_factory=dict, description="Canonical fields and their values; fields not named are not compared."
    )
    golden: GoldenModel | None = Field(None, description="The whole output of the record, compared line by line.")


class TableModel(_Strict):
    """A lookup table that mappings include."""

    version: Annotated[Literal["1"], WithJsonSchema({"enum": [1, "1"]})] = Field(
        description="The version of this language."
    )
    about: str = Field(description="What the table leads to what.")
    source: str = Field(description="Where its rows come from.")
    rows: Rows = Field(description="From the shops' words to codes.")


class RatesModel(_Strict):
    """Rates of value added tax by country and day."""

    version: Annotated[Literal["1"], WithJsonSchema({"enum": [1, "1"]})] = Field(
        description="The version of this language."
    )
    about: str = Field(description="What the rates are.")
    source: str = Field(description="Where they come from.")
    rates: dict[str, list[dict[str, Scalar]]] = Field(
        description="By ISO code of a country: lines with `from`, the first day, and rates by name."
    )


_READ = sorted(name for name, kind in KINDS.items() if kind.is_read)


class MappingModel(_Strict):
    """A mapping: from one platform's records to canonical documents."""

    version: Annotated[Literal["1"], WithJsonSchema({"enum": [1, "1"]})] = Field(
        description="The version of this language."
    )
    kind: Annotated[
        str, WithJsonSchema({"enum": sorted(name for name, kind in KINDS.items() if kind.is_read)})
    ] = Field(description="The kind of document.")
    key: str = Field(description="The field that identifies a document.")
    source: SourceModel = Field(description="Where the records are.")
    fields: dict[str, Any] = Field(description="The canonical fields and where their values come from.")
    lookups: dict[str, Rows] = Field(
        default_factory=dict,
        description="Tables from the shop's words to codes; `include:` takes over a shared table.",
    )
    settings: dict[str, Scalar] = Field(
        default_factory=dict,
        description="Texts that stand for `${name}` in source and fields; a route may change them.",
    )
    extends: str | None = Field(
        None, description="Another mapping, whose parts are taken over where not given here."
    )
    totals: Literal["error", "warn"] = Field(
        "error", description="What it is when lines do not add up to the total."
    )
    tests: list[TestModel] = Field(default_factory=list, description="Tests that `gateway test` runs.")


def schema() -> dict[str, Any]:
    """The JSON Schema of mapping files, for the editor."""
    whole = MappingModel.model_json_schema()
    models = whole["$defs"]
    for model in (FieldModel, RowsModel):
        part = model.model_json_schema()
        models.update(part.pop("$defs", {}))
        models[model.__name__] = part
    for definition in (whole, *models.values()):
        _tidy(definition)
    description = whole["properties"]["fields"]["description"]
    whole["properties"]["fields"] = {"type": "object", "description": description}
    whole["allOf"] = [_fields_by_kind(description)]
    # `extends` fills what is not given, so only a file without it must be complete.
    whole["anyOf"] = [{"required": ["extends"]}, {"required": whole.pop("required")}]
    whole["$schema"] = "http://json-schema.org/draft-07/schema#"
    whole["title"] = "mapping of the exchange gateway"
    return whole


def described_schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    """The JSON Schema of a file of data beside the mappings, such as a shared table."""
    whole = model.model_json_schema()
    _tidy(whole)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"{title} of the exchange gateway",
        **whole,
    }


def _fields_by_kind(description: str) -> dict[str, Any]:
    """The fields of the kind that the file names; of an order where it leaves that to the file that it extends."""
    chosen: dict[str, Any] = {}
    for name, kind in KINDS.items():
        if not kind.is_read:
            continue
        fields = {"properties": {"fields": _level_schema(level_of(kind.document), description)}}
        named = {"properties": {"kind": {"const": name}}, "required": ["kind"]}
        chosen = {"if": named, "then": fields, "else": chosen} if chosen else fields
    return chosen


def _level_schema(level: Level, description: str) -> dict[str, Any]:
    """Every canonical field by name, so that the editor can offer them."""
    field = {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/FieldModel"}, {"type": "null"}]}
    properties: dict[str, Any] = {
        name: {**field, "description": f"{each.type}{': ' + ', '.join(each.codes) if each.codes else ''}"}
        for name, each in level.fields.items()
    }
    for name, below in level.rows.items():
        rows = {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "each": {"type": "string", "description": "The path to one row."},
                "when": {"type": "string", "description": "A condition; rows for which it is false are left out."},
                "fields": _level_schema(below, "The fields of a row; paths start at the row."),
            },
        }
        properties[name] = {"anyOf": [rows, {"type": "array", "items": rows, "minItems": 1}, {"type": "null"}]}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "description": description,
    }


def _tidy(definition: dict[str, Any]) -> None:
    """Drop what pydantic adds and an editor does not show."""
    definition.pop("title", None)
    for each in definition.get("properties", {}).values():
        each.pop("title", None)
        if each.get("default", 0) is None:
            del each["default"]
