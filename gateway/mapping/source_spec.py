"""From the `source:` of a mapping to the specification that inputs are read by; everything wrong is noted."""

from __future__ import annotations

import re
from typing import Literal

from gateway.mapping.complaints import Complaints
from gateway.mapping.language import SourceModel
from gateway.mapping.paths import BadPath, compile_path
from gateway.mapping.sources import Section, SourceSpec

_NAME = r"[^\W\d][\w.-]*"
_RECORD = re.compile(rf"(?:/{_NAME})+")
_FITS = {
    "delimiter": ("csv",),
    "quote": ("csv",),
    "header": ("csv",),
    "group": ("csv",),
    "record": ("xml", "json", "jsonl"),
    "namespaces": ("xml",),
    "sections": ("xml", "json"),
    "split": ("xml", "json", "jsonl"),
}
_TAB = "tab"


def source_spec(source: SourceModel | None, complaints: Complaints) -> SourceSpec | None:
    """The specification of a source; None where the file has none that is valid."""
    if source is None:
        return None
    for option, formats in _FITS.items():
        if getattr(source, option) and source.format not in formats:
            complaints.add(
                "M012",
                f"`{option}` does not fit a source of format {source.format}",
                ("source", option),
                key=True,
                hint=f"`{option}` is for {' and '.join(formats)}",
            )
    for option in ("delimiter", "quote"):
        text = getattr(source, option)
        if text is not None and len(text) != 1 and (option, text) != ("delimiter", _TAB):
            complaints.add("M005", f"`{option}` has a wrong value: it is one character", ("source", option))
    header = source.header
    return SourceSpec(
        records=_records(source, complaints),
        encoding=source.encoding,
        max_bytes=source.max_bytes,
        format=source.format,
        delimiter="\t" if source.delimiter == _TAB else source.delimiter,
        quote=source.quote or '"',
        header=tuple(header) if isinstance(header, list) else header != "no",
        group=source.group,
        namespaces=source.namespaces,
        sections=_sections(source, complaints),
        split=_split(source, complaints),
    )


def _records(source: SourceModel, complaints: Complaints) -> tuple[tuple[str, ...], ...]:
    if source.record is None:
        if source.format == "xml":
            complaints.add("M003", "`source` lacks the key `record`", ("source",), key=True, hint="add `record:`")
        return ((),)
    records = []
    for index, path in enumerate(source.record):
        several = len(source.record) > 1
        names = _names(
            path, source.format, ("source", "record", index) if several else ("source", "record"), complaints
        )
        if names is not None:
            records.append(names)
    return tuple(records)


def _names(
    path: str, form: Literal["xml", "json", "jsonl", "csv"], at: tuple[str | int, ...], complaints: Complaints
) -> tuple[str, ...] | None:
    if path == "/" and form != "xml":
        return ()
    if _RECORD.fullmatch(path):
        return tuple(path[1:].split("/"))
    complaints.add(
        "M017",
        f"the record path `{path}` is not plain names from the root",
        at,
        hint="write it like `/ORDERS/ORDER`, with the names of the elements and nothing else",
    )
    return None


def _split(source: SourceModel, complaints: Complaints) -> str | None:
    if source.split is None:
        return None
    try:
        compile_path(source.split, source.namespaces)
    except BadPath as bad:
        complaints.add("M007", bad.message, ("source", "split"), hint=bad.hint)
        return None
    return source.split


def _sections(source: SourceModel, complaints: Complaints) -> tuple[Section, ...]:
    sections = []
    for name, model in source.sections.items():
        at = ("source", "sections", name)
        if not re.fullmatch(_NAME, name):
            complaints.add(
                "M005", f"`{name}` cannot be the name of a section", at, key=True, hint="write a plain name"
            )
            continue
        for option in ("key", "equals", "into"):
            try:
                compile_path(getattr(model, option), source.namespaces)
            except BadPath as bad:
                complaints.add("M007", bad.message, (*at, option), hint=bad.hint)
        record = _names(model.record, source.format, (*at, "record"), complaints)
        if record == () or source.record in (None, ["/"]):
            complaints.add(
                "M017",
                "`/` is the whole input, so there are no sections beside it",
                (*at, "record"),
                hint="name the keys that lead to the records and to the section, such as `/orders`",
            )
        elif record is not None:
            needed = model.missing == "error"
            sections.append(Section(name, record, model.key, model.equals, model.into, needed))
    return tuple(sections)
