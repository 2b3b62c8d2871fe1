"""Answers of APIs, XML and JSON alike, as trees in which records are found and linked documents are put."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol, cast

import msgspec
from lxml import etree

from gateway.errors import EndpointRefused, EndpointUnreachable
from gateway.mapping.json_source import built
from gateway.mapping.json_text import BadJson, Cursor

JSON_ROOT = "json"
"""The name of the root where an answer in JSON is looked at by XPath; members of a list at the top are `item`."""


class Tree(Protocol):
    """One form of answers. A node is an element, or what JSON decodes to."""

    suffix: str

    def read(self, content: bytes, shown: str) -> Any:
        """The root. Raises EndpointUnreachable where it is cut, EndpointRefused where it is another form."""
        ...

    def all(self, node: Any, way: str) -> list[Any]:
        """The nodes at a way from a node."""
        ...

    def has(self, node: Any, way: str) -> bool:
        """Whether something stands at a way, be it empty."""
        ...

    def text(self, node: Any) -> str:
        """The text of a node; nothing where it has none."""
        ...

    def put(self, node: Any, name: str, taken: Sequence[Any]) -> None:
        """Put what was taken of a linked document into a node, under a name."""
        ...

    def written(self, wrap: str, record: Any) -> bytes:
        """An input of one record, within the elements of `wrap`."""
        ...

    def joined(self, wrap: str, records: Sequence[Any]) -> bytes:
        """An input of all records, within the elements of `wrap`."""
        ...


class XmlTree:
    """Answers in XML; elements are found by XPath. `*[local-name()='x']` reaches into any namespace."""

    suffix = ".xml"

    def read(self, content: bytes, shown: str) -> Any:
        """As the protocol says."""
        return read_xml(content, shown)

    def all(self, node: Any, way: str) -> list[Any]:
        """As the protocol says."""
        return found(node, way)

    def has(self, node: Any, way: str) -> bool:
        """As the protocol says."""
        return bool(self.all(node, way))

    def text(self, node: Any) -> str:
        """As the protocol says."""
        return text_of(node)

    def put(self, node: Any, name: str, taken: Sequence[Any]) -> None:
        """As the protocol says: each one an element of that name, with the children of the document."""
        for each in taken:
            below = etree.SubElement(node, name)
            below.text = each.text
            below.extend(list(each))

    def written(self, wrap: str, record: Any) -> bytes:
        """As the protocol says."""
        return self.joined(wrap, [record])

    def joined(self, wrap: str, records: Sequence[Any]) -> bytes:
        """As the protocol says."""
        names = [name for name in wrap.split("/") if name] or ["records"]
        root = etree.Element(names[0])
        inner = root
        for name in names[1:]:
            inner = etree.SubElement(inner, name)
        for record in records:
            record.tail = None
            inner.append(record)
        return etree.tostring(root, encoding="utf-8", xml_declaration=True, pretty_print=True)


class JsonTree:
    """Answers in JSON; a way is keys with `/` between them, lists on it do not count."""

    suffix = ".json"

    def read(self, content: bytes, shown: str) -> Any:
        """As the protocol says; numbers stay as they are written."""
        try:
            return msgspec.json.Decoder(float_hook=Decimal).decode(content.removeprefix(b"\xef\xbb\xbf"))
        except (msgspec.DecodeError, ArithmeticError, UnicodeDecodeError) as error:
            raise _no_json(content, shown, error) from None
        except RecursionError:
            raise _too_deep(shown) from None

    def all(self, node: Any, way: str) -> list[Any]:
        """As the protocol says."""
        nodes = node if isinstance(node, list) else [node]
        for key in way.split("/"):
            if key in ("", "."):
                continue
            inner = [each[key] for each in nodes if isinstance(each, dict) and key in each]
            nodes = [one for each in inner for one in (each if isinstance(each, list) else [each])]
        return list(nodes)

    def has(self, node: Any, way: str) -> bool:
        """As the protocol says."""
        holder, _, key = way.rpartition("/")
        return any(isinstance(each, dict) and key in each for each in self.all(node, holder))

    def text(self, node: Any) -> str:
        """As the protocol says."""
        if isinstance(node, bool):
            return "true" if node else "false"
        return "" if node is None or isinstance(node, dict | list) else str(node).strip()

    def put(self, node: Any, name: str, taken: Sequence[Any]) -> None:
        """As the protocol says: one as it is, several as a list."""
        if isinstance(node, dict):
            node[name] = taken[0] if len(taken) == 1 else list(taken)

    def written(self, wrap: str, record: Any) -> bytes:
        """As the protocol says."""
        return _as_json(wrap, record)

    def joined(self, wrap: str, records: Sequence[Any]) -> bytes:
        """As the protocol says."""
        return _as_json(wrap, list(records))


TREES: dict[str, Tree] = {"xml": XmlTree(), "json": JsonTree()}


def as_elements(content: bytes, form: str, shown: str) -> Any:
    """An answer as elements, for XPath, whatever its form. Raises EndpointError."""
    if form == "xml":
        return read_xml(content, shown)
    try:
        value, _ = Cursor(io.StringIO(content.decode("utf-8-sig"))).value()
    except (BadJson, UnicodeDecodeError) as error:
        raise _no_json(content, shown, error) from None
    except RecursionError:
        raise _too_deep(shown) from None
    if isinstance(value, list):
        value = (("item", value),)
    root = built(JSON_ROOT, value, 1)
    if root is None:
        raise _too_deep(shown)
    return root


def read_xml(content: bytes, shown: str) -> Any:
    """The root of an answer in XML. Raises EndpointError."""
    try:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, strip_cdata=False, remove_comments=True)
        return etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        if content.lstrip()[:1] == b"<":
            raise EndpointUnreachable(
                f"{shown}: the answer is no whole XML: {(error.msg or '')[:200]}", code="E006"
            ) from None
        raise EndpointRefused(
            f"{shown}: the answer is no XML", code="E014", help="check `url:` and `platform:` of the endpoint"
        ) from None


def found(node: Any, way: str) -> list[Any]:
    """What XPath finds, as a list; texts and numbers too."""
    result = etree.XPath(way)(node)
    return cast("list[Any]", result) if isinstance(result, list) else [result]


def text_of(node: Any) -> str:
    """The text of what was found: a text, a number, or an element's own."""
    if isinstance(node, bool):
        return "true" if node else "false"
    if isinstance(node, float):
        return str(int(node)) if node.is_integer() else str(node)
    if isinstance(node, str):
        return node.strip()
    return "".join(node.itertext()).strip() if not len(node) else (node.text or "").strip()


def _as_json(wrap: str, inner: Any) -> bytes:
    for name in reversed([name for name in wrap.split("/") if name]):
        inner = {name: inner}
    return msgspec.json.format(as_json_text(inner), indent=1) + b"\n"


def _no_json(content: bytes, shown: str, error: Exception) -> EndpointUnreachable | EndpointRefused:
    """A cut answer may come whole next time; a page or a text will not."""
    if content.lstrip()[:1] in (b"{", b"["):
        said = re.sub(r"\s+", " ", str(error))[:200]
        return EndpointUnreachable(f"{shown}: the answer is no whole JSON: {said}", code="E006")
    return EndpointRefused(
        f"{shown}: the answer is no JSON", code="E014", help="check `url:` and `platform:` of the endpoint"
    )


def _too_deep(shown: str) -> EndpointRefused:
    return EndpointRefused(
        f"{shown}: the answer has too many levels",
        code="E015",
        help="check `url:` and `platform:` of the endpoint",
    )


def as_json_text(value: Any) -> bytes:
    """A JSON body of texts, numbers, lists and tables."""
    return msgspec.json.Encoder(decimal_format="number").encode(value)
