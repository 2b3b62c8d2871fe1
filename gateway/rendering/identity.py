"""The pair of ids under which a target knows a record, the same at every attempt."""

from __future__ import annotations

import json
import re
from hashlib import sha256

import msgspec

LONGEST = 64
"""Characters that POHODA keeps of a dataPack@id and a dataPackItem@id (data.xsd)."""

_HASH = 32
_READABLE = re.compile(r"[A-Za-z0-9_-]+:[A-Za-z0-9_-]+:[A-Za-z0-9_./-]+")
_UNSAFE = re.compile(r"[^A-Za-z0-9_./:-]")


class Identity(msgspec.Struct, frozen=True):
    """Under which ids a record is written.

    pack: the id of the envelope; item: the id of the record in it. POHODA's duplicate check looks at this pair,
    so it depends on nothing but the document: not on the exchange, the time or the attempt.
    origin: the name of the shop or account that numbers the documents.
    """

    pack: str
    item: str
    origin: str

    @classmethod
    def of(cls, origin: str, kind: str, key: str, generation: int = 0) -> Identity:
        """The ids of a document that travels alone: `origin:kind:key`, and `:2` for the second generation.

        At most 64 characters. What is longer or holds other characters than letters, digits and `_-./` ends in a
        hash (`~` and 32 hex digits) over all four parts; no two different inputs share an id, because `:` and `~`
        stand in no readable part.
        """
        readable = f"{origin}:{kind}:{key}"
        whole = f"{readable}:{generation}" if generation else readable
        if not _READABLE.fullmatch(readable) or len(whole) > LONGEST:
            parts = json.dumps([origin, kind, key, generation], ensure_ascii=True)
            digest = sha256(parts.encode("ascii")).hexdigest()[:_HASH]
            whole = f"{_UNSAFE.sub('_', readable)[: LONGEST - _HASH - 1]}~{digest}"
        return cls(pack=whole, item=whole, origin=origin)


class Implied(str):
    """A setting that nobody wrote for this template, such as the merchant's company number.

    A template that has such a setting gets it; for any other it is no mistake.
    """

    __slots__ = ()
