"""A mapping and a template over a whole sample: how many records come out, and what keeps the others back."""

from __future__ import annotations

from pathlib import Path

import msgspec

from gateway.diagnostics import Problem
from gateway.documents import Document, Product
from gateway.errors import ProblemsFound
from gateway.mapping import Mapping
from gateway.offers import Known, LeftOut, Rules
from gateway.rendering import Schema, Template
from gateway.workbench.goldens import write_document


class Output(msgspec.Struct, frozen=True):
    """What a sample is written as. refused: of each record that is not written its name and the first problem."""

    records: int
    written: int
    refused: tuple[tuple[str, Problem], ...]


def for_targets(document: Document) -> Document:
    """What a target without rules of its own gets of a document: of a product its offer."""
    if not isinstance(document, Product):
        return document
    offer = Rules().work_out(Known(document.sku, products=(document,)))
    return document if isinstance(offer, LeftOut) else offer


def output_of(mapping: Mapping, sample: Path, template: Template, schema: Schema | None) -> Output:
    """Write every record of a sample and check each, without keeping any. Raises ProblemsFound for the sample."""
    written, refused = 0, []
    origin = mapping.name.partition("/")[0]
    for reading in mapping.read(sample):
        problems = [problem for problem in reading.problems if problem.level == "error"]
        if reading.document is not None:
            try:
                write_document(template, schema, for_targets(reading.document), origin)
            except ProblemsFound as error:
                problems += error.problems
        if problems:
            refused.append((f"record {reading.position}", problems[0]))
        else:
            written += 1
    return Output(written + len(refused), written, tuple(refused))
