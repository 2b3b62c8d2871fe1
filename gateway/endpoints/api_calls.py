"""Calls that write records back into a shop: a file of calls is carried out, and answered call by call.

A template writes the file (`shop/_calls.xml.j2` is its envelope): for each record what is to be found there, what
is looked at first, and what is sent. Every call sets a value or looks before it adds one, so the same file may be
carried out again after an interruption.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from lxml import etree

from gateway.endpoints.api_connection import ApiConnection, Said
from gateway.endpoints.api_tree import as_elements, as_json_text, found, text_of
from gateway.endpoints.base import Memory
from gateway.errors import EndpointRefused

_NAMED = re.compile(r"\{([A-Za-z_]\w*)\}")
_TYPES = {"xml": "application/xml; charset=utf-8", "json": "application/json"}
_MOST_WORDS = 800
_LOOKS = ("take", "with", "is", "value", "after_last")


class _Rejected(Exception):
    """This record cannot be written, for a reason that is its own."""


@dataclass
class _Known:
    """What was found for one record: ids by name, documents by name, and which ids are only remembered."""

    ids: dict[str, str] = field(default_factory=dict)
    documents: dict[str, Any] = field(default_factory=dict)
    remembered: list[str] = field(default_factory=list)


class ApiService:
    """The calls of one target."""

    def __init__(self, connection: ApiConnection, memory: Memory | None, place: str) -> None:
        """memory: the ids that were found before, by what was asked for."""
        self._api = connection
        self._memory = memory
        self._place = place
        self._is_ready = False

    def ready(self) -> str:
        """Make sure that the API answers whoever asks with these secrets."""
        if not self._is_ready:
            description = self._api.description
            self._api.call("GET", description.probe, description.probe_query)
            self._is_ready = True
        return self._place

    def call(self, name: str, content: bytes) -> bytes:
        """Carry the calls of a file out, one after the other, and say of each what became of it.

        Raises EndpointError where the API cannot be reached or refuses everybody; then all calls of the file are
        carried out once more.
        """
        self.ready()
        root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
        if root.tag != "calls":
            raise EndpointRefused(
                f"{name} is no file of calls but `{root.tag}`",
                code="E009",
                help="choose a template that writes calls, such as `prestashop/offer`",
            )
        answers = etree.Element("answers")
        for call in root.iterchildren("call"):
            answers.append(self._answer(call))
        return etree.tostring(answers, encoding="utf-8", xml_declaration=True, pretty_print=True)

    def refresh(self) -> None:
        """The connection lay idle: the next call asks again whether somebody is there."""
        self._is_ready = False

    def close(self) -> None:
        """Give the connection back."""
        self._api.close()

    def _answer(self, call: etree._Element) -> etree._Element:
        answer = etree.Element("answer", item=call.get("item", ""), state="accepted")
        known = _Known()
        try:
            try:
                words = self._carried_out(call, known)
            except _Rejected:
                if not known.remembered:
                    raise
                self._forget(known)  # the record may have been made anew there under another id
                known = _Known()
                words = self._carried_out(call, known)
        except _Rejected as rejected:
            answer.set("state", "rejected")
            words = str(rejected)
        record = known.ids.get(call.get("record", ""))
        if record is not None:
            answer.set("record", record)
        answer.text = words[:_MOST_WORDS]
        return answer

    def _carried_out(self, call: etree._Element, known: _Known) -> str:
        """What was done, in words. Raises _Rejected."""
        sent = 0
        for step in call.iterchildren(etree.Element):
            if not _holds(step, known):
                continue
            if step.tag == "find":
                self._find(step, call, known)
            elif step.tag == "get":
                known.documents[step.get("name", "")] = self._tree(self._good("GET", step, "path", known))
            elif step.tag == "unless":
                said = self._good("GET", step, "get", known)
                wanted = known.ids.get(step.get("found", ""), step.get("is", ""))
                if wanted in list(_hits(self._tree(said), step)):
                    return "it is so already"
            elif step.tag == "send":
                self._send(step, known)
                sent += 1
        return "" if sent else "there was nothing to send"

    # -- looking -----------------------------------------------------------------------------------------------

    def _find(self, step: etree._Element, call: etree._Element, known: _Known) -> None:
        """An id over there, remembered from the last time or asked for."""
        name, keeps = step.get("name", ""), step.get("keep") == "yes"
        path, query = self._filled(step, "get", known), _query(step, known)
        looked_for = (name, path, sorted(query.items()), *(step.get(each) for each in _LOOKS))
        key = f"found-{sha256(repr(looked_for).encode()).hexdigest()[:20]}"
        if keeps and self._memory is not None and (remembered := self._memory.get(key)):
            known.ids[name] = remembered
            known.remembered.append(key)
            return
        said = self._api.call("GET", path, query, judged=False)
        if not said.is_good and said.status not in (404, 410):
            raise _Rejected(f"GET {path} is answered by {self._api.said_words(said)}")
        hits = list(_hits(self._tree(said), step)) if said.is_good else []
        ids = list(dict.fromkeys(hit for hit in hits if hit))
        if not ids:
            if step.get("optional") == "yes":
                return
            raise _Rejected(step.get("missing") or f"{call.get('about', 'the record')} is not there")
        if len(ids) > 1:
            several = ", ".join(ids[:5])
            raise _Rejected(
                f"{call.get('about', 'the record')} is there more than once ({several}); none was changed"
            )
        known.ids[name] = ids[0]
        if keeps and self._memory is not None:
            self._memory.put(key, ids[0])

    def _forget(self, known: _Known) -> None:
        if self._memory is not None:
            for key in known.remembered:
                self._memory.put(key, "")

    def _good(self, method: str, step: etree._Element, attribute: str, known: _Known) -> Said:
        path = self._filled(step, attribute, known)
        said = self._api.call(method, path, _query(step, known), judged=False)
        if not said.is_good:
            raise _Rejected(f"{method} {path} is answered by {self._api.said_words(said)}")
        return said

    def _tree(self, said: Said) -> Any:
        return as_elements(said.content, self._api.description.format, said.shown)

    # -- sending -----------------------------------------------------------------------------------------------

    def _send(self, step: etree._Element, known: _Known) -> None:
        method, path = step.get("method", "PUT"), self._filled(step, "to", known)
        content, kind = self._body(step, known)
        said = self._api.call(method, path, _query(step, known), content=content, kind=kind, judged=False)
        if not said.is_good:
            raise _Rejected(f"{method} {path} is answered by {self._api.said_words(said)}")

    def _body(self, step: etree._Element, known: _Known) -> tuple[bytes, str]:
        """The body and its type: what the template wrote, or a document that was got, with some values changed."""
        body = next((each for each in step.iterchildren("xml", "json")), None)
        if body is not None and body.tag == "json":
            return as_json_text(_json(body, known)), _TYPES["json"]
        if body is not None:
            tree = deepcopy(next(body.iterchildren(etree.Element)))
        else:
            document = known.documents.get(step.get("of", ""))
            if document is None:
                raise _Rejected(f"there is no document `{step.get('of', '')}` to send")
            tree = deepcopy(document)
            self._change(tree, step, known)
        for each in list(tree.iter("found")):
            _replace_by_text(each, _id_of(each, known))
        return etree.tostring(tree, encoding="utf-8", xml_declaration=True), _TYPES["xml"]

    def _change(self, tree: etree._Element, step: etree._Element, known: _Known) -> None:
        for change in step.iterchildren("set", "drop"):
            places = [each for each in found(tree, change.get("path", ".")) if etree.iselement(each)]
            if change.tag == "drop":
                for place in places:
                    parent = place.getparent()
                    if parent is not None:
                        parent.remove(place)
                continue
            if not places:
                raise _Rejected(f"what is there has no `{change.get('path', '.')}`")
            for place in places:
                for below in list(place):
                    place.remove(below)
                place.text = _text(change, known)

    def _filled(self, step: etree._Element, attribute: str, known: _Known) -> str:
        """A path with the ids that were found; it never leads to another server."""
        path = _NAMED.sub(lambda match: quote(_value(match.group(1), known), safe=""), step.get(attribute, ""))
        if not path.startswith("/") or path.startswith("//") or "/../" in f"{path}/":
            raise _Rejected(f"`{path}` is no path of this API")
        return path


def _holds(step: etree._Element, known: _Known) -> bool:
    """Whether a step is to be done, by what was found."""
    wanted, unwanted = step.get("if_found"), step.get("if_missing")
    return (wanted is None or wanted in known.ids) and (unwanted is None or unwanted not in known.ids)


def _hits(tree: Any, step: etree._Element) -> Iterator[str]:
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


def _query(step: etree._Element, known: _Known) -> dict[str, str]:
    return {each.get("name", ""): _text(each, known) for each in step.iterchildren("query")}


def _value(name: str, known: _Known) -> str:
    value = known.ids.get(name)
    if value is None:
        raise _Rejected(f"nothing was found under the name `{name}`")
    return value


def _id_of(element: etree._Element, known: _Known) -> str:
    return _value(element.get("name", ""), known)


def _text(element: etree._Element, known: _Known) -> str:
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


def _json(element: etree._Element, known: _Known) -> Any:
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
            raise _Rejected(f"`{text}` is no number") from None
    return text
