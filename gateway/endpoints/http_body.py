"""The content of an answer, unpacked in small steps: a packed megabyte may hold a gigabyte."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain

from gateway.errors import EndpointRefused, EndpointUnreachable

_STEP = 1 << 18


def unpacked(blocks: Iterable[bytes], encoding: str | None, shown: str) -> Iterator[bytes]:
    """The content block by block, none larger than a step.

    Raises EndpointRefused for an encoding nobody asked for, EndpointUnreachable where packed content is not whole.
    """
    given = (encoding or "identity").strip().lower()
    if given == "identity":
        yield from blocks
    elif given in ("gzip", "x-gzip"):
        yield from _unzipped(blocks, shown)
    elif given == "deflate":
        yield from _inflated(iter(blocks), shown)
    else:
        raise EndpointRefused(
            f"{shown}: the content is packed with `{given[:40]}`, which was not asked for", code="E004"
        )


def _inflated(blocks: Iterator[bytes], shown: str) -> Iterator[bytes]:
    """`deflate` is meant with the header of zlib, and some servers leave it out: the first two bytes tell."""
    head = b""
    while len(head) < 2 and (block := next(blocks, None)) is not None:
        head += block
    has_header = len(head) > 1 and head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0
    yield from _unzipped(chain([head], blocks), shown, zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)


def _unzipped(blocks: Iterable[bytes], shown: str, form: int = zlib.MAX_WBITS | 16) -> Iterator[bytes]:
    unpack, began = zlib.decompressobj(form), False
    try:
        for block in blocks:
            rest = block
            while rest:
                if unpack.eof:  # several packed parts may follow each other
                    unpack = zlib.decompressobj(form)
                began = True
                yield unpack.decompress(rest, _STEP)
                rest = unpack.unconsumed_tail or unpack.unused_data
        # what the last step left inside
        while began and not unpack.eof and (more := unpack.decompress(b"", _STEP)):
            yield more
    except zlib.error as error:
        raise EndpointUnreachable(f"{shown}: the packed content is damaged", code="E006") from error
    if began and not unpack.eof:
        raise EndpointUnreachable(f"{shown}: the packed content was cut before its end", code="E006")
