"""A record of an XML input as an input of its own."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from typing import Any

from lxml import etree

from gateway.mapping.paths import Element, local_name


def _emptied(element: Element) -> Element:
    """The element without what is in it, and without names that the parser takes and lxml does not write."""
    attributes = {str(name): str(value) for name, value in element.attrib.items()}
    namespaces: Any = element.nsmap  # the default one has the key None, which the stubs do not know
    try:
        return etree.Element(element.tag, attributes, namespaces)
    except ValueError:
        bare = etree.Element(local_name(element.tag))
    for name, value in attributes.items():
        with suppress(ValueError):
            bare.set(name, value)
    return bare


def alone(element: Element, encoding: str) -> bytes:
    """The document with that record alone, in that encoding; its ancestors keep their attributes."""
    copy = deepcopy(element)
    copy.tail = None
    for above in element.iterancestors():
        holder = _emptied(above)
        holder.append(copy)
        copy = holder
    etree.indent(copy)
    written: Any = etree.tostring(copy, encoding=encoding, xml_declaration=True)  # bytes, for this encoding
    return bytes(written) + b"\n"
