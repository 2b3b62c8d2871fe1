"""The form of a record in which two exports of it are the same bytes: C14N, white space around texts left out."""

from __future__ import annotations

import re
from hashlib import sha256

from lxml import etree

from gateway.mapping.paths import Element

_BEFORE_A_TEXT = re.compile(rb">[ \t\n]++(?!<)")


def canonical(element: Element) -> bytes:
    """The canonical form of an element, without comments.

    In C14N `<` stands only where a tag begins; a `>` inside an attribute loses the blanks after it: no harm.
    """
    try:
        written: bytes = etree.tostring(element, method="c14n", with_comments=False, with_tail=False)
    except etree.C14NError:  # a namespace that is no absolute URI, such as `xmlns="shop"`
        whole = etree.tostring(element, encoding="unicode", with_tail=False)
        written = etree.canonicalize(whole, with_comments=False).encode()
    return _without_blanks(written)


def canonical_fingerprint(element: Element) -> str:
    """sha256 of the canonical form."""
    return sha256(canonical(element)).hexdigest()


def _without_blanks(written: bytes) -> bytes:
    return b"<".join(map(bytes.rstrip, _BEFORE_A_TEXT.sub(b">", written).split(b"<")))
