"""From a place in a file that was sent back to the line of that file and to the document's field."""

from __future__ import annotations

import re
from typing import Any

from lxml import etree
from msgspec import structs
from sqlalchemy import Connection, Row, select

from gateway.diagnostics import Problem, Span
from gateway.documents import decode
from gateway.errors import GatewayError
from gateway.exchange.prepared import PreparedTarget
from gateway.exchange.site import Site
from gateway.rendering import Identity
from gateway.store import tables
from gateway.store.blobs import BlobMissing

MOST = 20
"""Places of one answer that are looked up: a thousand rejected orders are not written anew for it."""

_STEP = re.compile(r"(?:[\w.-]+:)?([\w.-]+)(?:\[(\d+)\])?")


class Pointer:
    """Finds places for the problems of one answer."""

    def __init__(self, site: Site, connection: Connection, target: PreparedTarget | None) -> None:
        self._site = site
        self._connection = connection
        self._target = target
        self._left = MOST

    def placed(
        self,
        problem: Problem,
        posting: Row[tuple[object, ...]],
        delivery: Row[tuple[object, ...]] | None,
        place: str | None,
    ) -> Problem:
        """The problem with the line that was sent and the field behind it, as far as they can be told."""
        if place is None or delivery is None or self._left <= 0:
            return problem
        self._left -= 1
        steps = _steps(place)
        content = self._content(delivery)
        found = _element(content, steps, str(posting.item_id)) if content and steps else None
        if content is None or found is None:
            return structs.replace(problem, context=(*problem.context, f"at: {place}"))
        field = self._field(posting, steps)
        return structs.replace(
            problem,
            span=_span(str(delivery.name), content, found),
            field=field,
            context=(*problem.context, f"field: {field}") if field is not None else problem.context,
        )

    def _content(self, delivery: Row[tuple[object, ...]]) -> bytes | None:
        try:
            return self._site.blobs.read(str(delivery.content_sha256))
        except BlobMissing:
            return None

    def _field(self, posting: Row[tuple[object, ...]], steps: list[tuple[str, int]]) -> str | None:
        """The field whose value stands there: the document is written once more, with marks."""
        from gateway.rendering.printing import printed

        version = tables.version
        row = self._connection.execute(
            select(version.c.body).where(
                version.c.document_id == posting.document_id, version.c.ordinal == posting.ordinal
            )
        ).one_or_none()
        if row is None or row.body is None or self._target is None:
            return None
        identity = Identity(pack=str(posting.pack_id), item=str(posting.item_id), origin="")
        try:
            text, outputs = printed(self._target.template, decode(str(posting.kind), row.body), identity)
        except GatewayError:  # the template was changed meanwhile
            return None
        element = _element(text.encode(self._target.template.encoding), steps, str(posting.item_id))
        if element is None:
            return None
        first, last = element.sourceline, max(each.sourceline for each in element.iter())
        there = [output for output in outputs if first <= output.line <= last and output.fields]
        return there[0].fields[0] if there else None


def _steps(place: str) -> list[tuple[str, int]]:
    """`dat:dataPack/dat:dataPackItem[2]/…` as local names and numbers from 1; none for another kind of path."""
    found = []
    for step in place.strip("/").split("/"):
        match = _STEP.fullmatch(step)
        if match is None:
            return []
        found.append((match[1], int(match[2] or 1)))
    return found


def _element(content: bytes, steps: list[tuple[str, int]], item: str) -> Any:
    """The element at the end of the path; the record of that id counts for more than its number."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        element: Any = etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        return None
    if etree.QName(element).localname != steps[0][0]:
        return None
    for name, number in steps[1:]:
        named = [
            child for child in element.iterchildren(tag=etree.Element) if etree.QName(child).localname == name
        ]
        by_id = [child for child in named if child.get("id") == item]
        if by_id:
            element = by_id[0]
        elif 1 <= number <= len(named):
            element = named[number - 1]
        else:
            return None
    return element


def _span(name: str, content: bytes, element: Any) -> Span:
    encoding = element.getroottree().docinfo.encoding or "utf-8"
    line = content.split(b"\n")[element.sourceline - 1].decode(encoding, "replace").rstrip("\r")
    value = (element.text or "").strip()
    column = line.find(value) + 1 if value else 0
    return Span(file=name, line=element.sourceline, column=column, length=len(value) if column else 0, text=line)
