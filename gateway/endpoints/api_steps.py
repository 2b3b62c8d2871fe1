"""The steps of a call without the line: what they look for, what they send, and whether they are to be done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

import msgspec
from lxml import etree

from gateway.endpoints.api_tree import as_json_text, found, text_of
from gateway.mapping.json_source import UNFIT_FOR_XML

_NAMED = re.compile(r"\{([A-Za-z_]\w*)\}")
_TYPES = {"xml": "application/xml; charset=utf-8", "json": "application/json"}


class Rejected(Exception):
    """This record cannot be written, for a reason that is its own."""


class Known(msgspec.Struct):
    """What was found for one record: ids by name, documents by name, and which ids are only remembered."""

    ids: dict[str, str] = msgspec.field(default_factory=dict)
    documents: dict[str, Any] = msgspec.field(default_factory=dict)
    remembered: list[str] = msgspec.field(default_factory=list)


def fit_for_xml(text: str) -> str:
    """A text without the characters that XML cannot hold."""
    return UNFIT_FOR_XML.sub("\ufffd", text)


def holds(step: etree._Element, known: Known) -> bool:
    """Whether a step is to be done, by what was found: all of `if_found`, and none of `if_missing`."""
    wanted, unwanted = step.get("if_found", "").split(), step.get("if_missing", "").split()
    return all(name in known.ids for name in wanted) and not any(name in known.ids for name in unwanted)


def hits(tree: Any, step: etree._Element) -> Iterator[str]:
    """The texts that a step looks for: those at `value` of the parts at `take`, where one at `with` is `is`."""
    beside, wanted = step.get("with"), " ".join(step.get("is", "").split())
    cut = step.get("after_last")
    for part in found(tree, step.get("take", ".")):
        if beside is not None and wanted not in [" ".join(text_of(each).split()) for each in found(part, beside)]:
            continue
        value = step.get("value")
        for each in [part] if value is None else found(part, value):
            text = text_of(each)
            yield text.rpartition(cut)[2] if cut else text


def filled(step: etree._Element, attribute: str, known: Known) -> str:
    """A path with the ids that were found; it never leads to another server."""
    path = _NAMED.sub(lambda match: quote(_value(match.group(1), known), safe=""), step.get(attribute, ""))
    if not path.startswith("/") or path.startswith("//") or "/../" in f"{path}/":
        raise Rejected(f"`{path}` is no path of this API")
    return path


def query_of(step: etree._Element, known: Known) -> dict[str, str]:
    """The query of a step."""
    return {each.get("name", ""): _text(each, known) for each in step.iterchildren("query")}


def body_of(step: etree._Element, known: Known) -> tuple[bytes, str]:
    """The body and its type: what the template wrote, or a document that was got, with some values changed."""
    body = next((each for each in step.iterchildren("xml", "json")), None)
    if body is not None and body.tag == "json":
        return as_json_text(_json(body, known)), _TYPES["json"]
    if body is not None:
        tree = deepcopy(next(body.iterchildren(etree.Element)))
    else:
        document = known.documents.get(step.get("of", ""))
        if document is None:
            raise Rejected(f"there is no document `{step.get('of', '')}` to send")
        tree = deepcopy(document)
        _change(tree, step, known)
    for each in list(tree.iter("found")):
        _replace_by_text(each, _id_of(each, known))
    return etree.tostring(tree, encoding="utf-8", xml_declaration=True), _TYPES["xml"]


def _change(tree: etree._Element, step: etree._Element, known: Known) -> None:
    for change in step.iterchildren("set", "drop"):
        places = [each for each in found(tree, change.get("path", ".")) if etree.iselement(each)]
        if change.tag == "drop":
            for place in places:
                parent = place.getparent()
                if parent is not None:
                    parent.remove(place)
            continue
        if not places:
            raise Rejected(f"what is there has no `{change.get('path', '.')}`")
        for place in places:
            for below in list(place):
                place.remove(below)
            place.text = _text(change, known)


def _value(name: str, known: Known) -> str:
    value = known.ids.get(name)
    if value is None:
        raise Rejected(f"nothing was found under the name `{name}`")
    return value


def _id_of(element: etree._Element, known: Known) -> str:
    return _value(element.get("name", ""), known)


def _text(element: etree._Element, known: Known) -> str:
    """The text of an element in which ids may stand."""
    parts = [element.text or ""]
    for each in element.iterchildren("found"):
        parts += [_id_of(each, known), each.tail or ""]
    return "".join(parts)


def _replace_by_text(element: etree._Element, text: str) -> None:
    parent = element.getparent()
    if parent is None:
        return
    text += element.tail or ""
    before = element.getprevious()
    if before is None:
        parent.text = (parent.text or "") + text
    else:
        before.tail = (before.tail or "") + text
    element.tail = None
    parent.remove(element)


def _json(element: etree._Element, known: Known) -> Any:
    """The value that elements stand for: `member` of a table, `item` of a list, else a text, number or yes/no."""
    kind = element.get("type", "object" if element.tag == "json" else "text")
    if kind == "object":
        return {each.get("name", ""): _json(each, known) for each in element.iterchildren("member")}
    if kind == "list":
        return [_json(each, known) for each in element.iterchildren("item")]
    text = _text(element, known)
    if kind == "flag":
        return text.strip() == "true"
    if kind == "null":
        return None
    if kind == "number":
        try:
            return Decimal(text.strip())
        except InvalidOperation:
            raise Rejected(f"`{text}` is no number") from None
    return text
