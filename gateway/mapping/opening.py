"""What can be told of an input before it is read: its size, whether there is anything in it, its encoding."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from gateway.diagnostics import Problem, Span
from gateway.errors import SourceProblems
from gateway.mapping.encoding import HEAD, invalid_bytes, marked_codec

if TYPE_CHECKING:
    from gateway.mapping.sources import SourceSpec

LARGEST_RECORD = 64 << 20
"""Bytes that may pass without a record ending: a tree of more would fill the memory."""

WRONG_PLACE = "check that the route has the mapping of this platform and that the export is of orders"


def refuse(code: str, message: str, span: Span, hint: str) -> NoReturn:
    """Refuse the whole input."""
    raise SourceProblems([Problem(code=code, message=message, span=span, help=hint)])


def check_size(path: Path, spec: SourceSpec, shown_as: str) -> int:
    """The size of the input. Raises SourceProblems (S009) where it is too large."""
    size = path.stat().st_size
    if size > spec.max_bytes:
        refuse(
            "S009",
            f"the input has {size} bytes, at most {spec.max_bytes} are taken",
            Span(file=shown_as),
            "export fewer records at once, or raise `source: {max_bytes: …}`",
        )
    return size


def refuse_blank(size: int, shown_as: str) -> NoReturn:
    """Refuse an input without anything in it."""
    what = "is empty" if size == 0 else "holds nothing but white space"
    refuse("S006", f"the input {what}", Span(file=shown_as), "export it again; an upload may have been broken off")


def open_text(path: Path, spec: SourceSpec, shown_as: str) -> tuple[str, str]:
    """The codec of an input that declares none (JSON, CSV) and the beginning of its text.

    It is what the mapping says, else what the byte order mark says, else UTF-8; UTF-16 is told by its zeros.
    Raises SourceProblems: too large, empty, a web page, or bytes of another encoding.
    """
    size = check_size(path, spec, shown_as)
    with path.open("rb") as file:
        head = file.read(HEAD)
    codec = marked_codec(head)
    said = "nothing declares an encoding, so it must be UTF-8"
    if spec.encoding is not None:
        said = f"the mapping says `{spec.encoding}`"
        codec = "utf-8-sig" if spec.encoding == "utf-8" else spec.encoding
    text = head.decode(codec, "replace")
    if not text.strip("\ufeff\x00 \t\r\n"):
        refuse_blank(size, shown_as)
    _refuse_page(text, shown_as)
    problem = invalid_bytes(path, codec.removesuffix("-sig"), said, shown_as)
    if problem is not None:
        raise SourceProblems([problem])
    return codec, text


def _refuse_page(text: str, shown_as: str) -> None:
    start = text.lstrip("\ufeff \t\r\n")[:200].lower()
    if start.startswith(("<!doctype html", "<html")):
        line = text.lstrip("\ufeff \t\r\n").split("\n", 1)[0].rstrip("\r")[:2000]
        refuse(
            "S003",
            "the input is a web page (HTML), not an export",
            Span(file=shown_as, line=1, column=1, length=1, text=line),
            "check the address and the login of the export; shops refuse with a page",
        )


def refuse_beginning(text: str, form: str, shown_as: str) -> NoReturn:
    """Refuse an input that begins as something else than its mapping reads. Raises SourceProblems."""
    first = text.lstrip("\ufeff").split("\n", 1)[0].rstrip("\r")[:2000]
    refuse(
        "S001",
        f"the input does not begin as {form}",
        Span(file=shown_as, line=1, text=first),
        f"check what was dropped here: this mapping reads {form}",
    )
