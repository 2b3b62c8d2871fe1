"""The form of a record in which two exports of it are the same bytes: C14N, white space around texts left out."""

from __future__ import annotations

import re
from hashlib import sha256

from lxml import etree

from gateway.mapping.paths import Element
from gateway.mapping.plain_text import REFERENCE_BYTES, character_of

_AFTER_A_TAG = re.compile(rb">[ \t\n]++")
_WRITTEN = {"&": b"&amp;", "<": b"&lt;", ">": b"&gt;", "\r": b"&#xD;"}


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


def canonical_forms(plain: str | bytes, end_tag: bytes) -> list[bytes] | None:
    """The same for all records of a chunk, from plain text (or as UTF-8) that was read by a layout: so it has no
    attributes, and no blanks within tags but before a `/>`. None where that cannot be done.
    """
    data = plain.encode() if isinstance(plain, str) else plain
    if b"&" in data:
        data = REFERENCE_BYTES.sub(_as_in_c14n, data)
    *empty, rest = data.split(b"/>")
    pieces: list[bytes] = []
    for opened in map(bytes.rstrip, empty):  # each ends within an empty element, which gets both its tags
        pieces += (opened, b"></", opened[opened.rindex(b"<") + 1 :], b">")
    pieces.append(rest)
    whole = _without_blanks(b"".join(pieces))
    if whole.count(b"<") != whole.count(b">"):  # one stands in a text
        return None
    *records, left = whole.split(end_tag)
    return None if left else [record[record.index(b"<") :] + end_tag for record in records]


def _without_blanks(written: bytes) -> bytes:
    without_those_before_a_tag = b"<".join(map(bytes.rstrip, written.split(b"<")))
    return _AFTER_A_TAG.sub(b">", without_those_before_a_tag)


def _as_in_c14n(match: re.Match[bytes]) -> bytes:
    """A reference as the character, or as the reference that it has in C14N."""
    name = match[1]
    if name in (b"amp", b"lt", b"gt"):
        return match[0]
    character = character_of(match)
    return _WRITTEN.get(character) or character.encode()
