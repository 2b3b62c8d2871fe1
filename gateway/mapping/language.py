"""The mapping language as pydantic models: they validate a file and give the editor its JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from gateway.documents import KINDS
from gateway.mapping.fields import Level, level_of

VERSION = "1"
LARGEST = 1 << 30
"""Bytes that an input may have where the mapping says nothing: 1 GiB; it is read as a stream."""

Scalar = Annotated[str, WithJsonSchema({"type": ["string", "number", "boolean"]})]
"""A plain value; the editor sees numbers and yes/no where this language sees text."""

ENCODINGS = (
    "utf-8",
    "utf-16",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "iso-8859-1",
    "iso-8859-2",
)
Encoding = Literal["utf-8", "utf-16", "windows-1250", "windows-1251", "windows-1252", "iso-8859-1", "iso-8859-2"]


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
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceModel(_Strict):
    """Where the records are in the input."""

    format: Literal["xml"] = Field("xml", description="The form of the input.")
    record: Texts = Field(
        description="The path from the root to one record, or several: the first one that occurs is taken."
    )
    encoding: Encoding | None = Field(None, description="The true encoding, where the input declares a wrong one.")
    max_bytes: Annotated[int, Field(gt=0)] = Field(LARGEST, description="A larger input is refused.")


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


class TestModel(_Strict):
    """A test that stands in the mapping itself."""

    __test__ = False

    name: str = Field(description="What is tested, as a sentence.")
    given: str = Field(description="A sample and the number of the record in it: `samples/shoptet/orders.xml#2`.")
    expect: dict[str, Any] = Field(
        description="Canonical fields and their values; fields not named are not compared."
    )


class MappingModel(_Strict):
    """A mapping: from one platform's records to canonical documents."""

    version: Annotated[Literal["1"], WithJsonSchema({"enum": [1, "1"]})] = Field(
        description="The version of this language."
    )
    kind: Annotated[str, WithJsonSchema({"enum": sorted(KINDS)})] = Field(description="The kind of document.")
    key: str = Field(description="The field that identifies a document.")
    source: SourceModel = Field(description="Where the records are.")
    fields: dict[str, Any] = Field(description="The canonical fields and where their values come from.")
    lookups: dict[str, Rows] = Field(default_factory=dict, description="Tables from the shop's words to codes.")
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
    level = level_of(KINDS["order"].document)
    whole["properties"]["fields"] = _level_schema(level, whole["properties"]["fields"]["description"])
    # `extends` fills what is not given, so only a file without it must be complete.
    whole["anyOf"] = [{"required": ["extends"]}, {"required": whole.pop("required")}]
    whole["$schema"] = "http://json-schema.org/draft-07/schema#"
    whole["title"] = "mapping of the exchange gateway"
    return whole


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
