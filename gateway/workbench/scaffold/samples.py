"""A sample as it lies on the disk: what form it has, and where its records are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
from lxml import etree
from msgspec.structs import replace

from gateway import yamlfile
from gateway.diagnostics import Problem, Span
from gateway.errors import ProblemsFound
from gateway.mapping.language import LARGEST
from gateway.mapping.sources import SourceSpec, records_of
from gateway.workbench.scaffold.guess import strength
from gateway.workbench.scaffold.product_record import product_path
from gateway.workbench.scaffold.survey import MOST_RECORDS, Survey, survey, survey_records, survey_table
from gateway.workbench.scaffold.vocabulary import HEADER

_HEAD = 4096
_ROW = "row"
_RECORD_PATHS = {"product": product_path}
"""How records are found that are no orders."""


class Sample(msgspec.Struct, frozen=True):
    """A sample taken apart, and the `source:` that reads it."""

    survey: Survey
    source: dict[str, Any]

    @property
    def record(self) -> str:
        """Where a record is, for a person."""
        return str(self.source.get("record") or self._lines)

    @property
    def _lines(self) -> str:
        return f"lines with the same {self.source['group']}" if "group" in self.source else "each line"


def read_sample(path: Path, kind: str = "order") -> Sample:
    """Take a sample apart. Raises ProblemsFound where it cannot be read (W003), or holds no records (W004)."""
    shown_as = yamlfile.shorten(path)
    with path.open("rb") as file:
        head = file.read(_HEAD).lstrip(b"\xef\xbb\xbf \t\r\n").replace(b"\x00", b"")
    if head.startswith((b"{", b"[")):
        found = _json(path, shown_as, kind)
    elif head.startswith(b"<") or path.suffix == ".xml":
        found = _xml(path, shown_as, kind)
    else:
        found = _csv(path, shown_as, kind)
    if not found.survey.leaves and not found.survey.blocks:
        problem = Problem(
            code="W004",
            message=f"nothing in `{shown_as}` looks like a record",
            span=Span(file=shown_as),
            help=f"take an export with at least one {kind} in it",
        )
        raise ProblemsFound([problem])
    return found


def _xml(path: Path, shown_as: str, kind: str) -> Sample:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True, huge_tree=False
    )
    try:
        root = etree.parse(path, parser).getroot()
    except etree.XMLSyntaxError as error:
        raise ProblemsFound([_unreadable(shown_as, error)]) from error
    found = survey(root, _RECORD_PATHS.get(kind))
    return Sample(found, {"format": "xml", "record": "/" + "/".join(found.record)})


def _json(path: Path, shown_as: str, kind: str) -> Sample:
    """The whole is one element, or each member of an array is one."""
    spec = SourceSpec(records=((),), encoding=None, max_bytes=LARGEST, format="json")
    roots = _copied(path, spec, shown_as)
    if len(roots) > 1:
        return Sample(survey_records((), roots), {"format": "json", "record": "/"})
    found = survey(roots[0], _RECORD_PATHS.get(kind))
    return Sample(found, {"format": "json", "record": "/" + "/".join(found.record[1:])})


def _csv(path: Path, shown_as: str, kind: str) -> Sample:
    """Lines with the same order number are one order; of other kinds each line is a record."""
    spec = SourceSpec(records=((),), encoding=None, max_bytes=LARGEST, format="csv")
    lines = survey_records((), _copied(path, spec, shown_as))
    if kind != "order":
        return Sample(lines, {"format": "csv"})
    numbers = [
        (strength(leaf, HEADER["number"]), leaf)
        for leaf in lines.leaves
        if strength(leaf, HEADER["number"]) is not None
    ]
    repeated = [each for each in numbers if len(set(each[1].filled)) < len(each[1].filled)]
    best = min(repeated or numbers, key=lambda each: each[0] or 0, default=None)
    if best is None:
        return Sample(lines, {"format": "csv"})
    grouped = replace(spec, group=best[1].path)
    records = _copied(path, grouped, shown_as)
    return Sample(survey_table(records, _ROW), {"format": "csv", "group": best[1].path})


def _copied(path: Path, spec: SourceSpec, shown_as: str) -> list[etree._Element]:
    """The first records; each is only there until the next one is asked for."""
    found = []
    for element in records_of(path, spec, shown_as):
        found.append(etree.fromstring(etree.tostring(element, encoding="unicode", with_tail=False)))
        if len(found) == MOST_RECORDS:
            break
    return found


def _unreadable(name: str, error: etree.XMLSyntaxError) -> Problem:
    said = re.sub(r",? line \d+, column \d+.*$", "", (error.msg or "").strip())
    return Problem(
        code="W003",
        message=f"the sample cannot be read: {said[:1].lower()}{said[1:]}",
        span=Span(file=name, line=error.position[0]),
        help="take a whole export, as the shop gives it",
    )
