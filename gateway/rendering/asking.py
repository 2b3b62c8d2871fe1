"""How the answers to a folder's requests are paged: `asking.yaml` beside the request templates."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from lxml import etree

from gateway import library
from gateway.diagnostics import Problem, Span
from gateway.errors import ProblemsFound
from gateway.yamlfile import parse

FILE = "asking.yaml"


class _Paths(msgspec.Struct, forbid_unknown_fields=True):
    """XPath expressions over an answer.

    failed: elements by which the program refuses the request; note: its words; busy: that it is to be asked later.
    file: the Base64 text of files that it hands over.
    records: the records of the page; id: the id within a record; stamp: the program's own time of the answer.
    """

    failed: str
    note: str
    busy: str
    records: str
    id: str
    stamp: str
    file: str = "/.."


class Page(msgspec.Struct, frozen=True):
    """What an answer says of itself. count: of its records. stamp: the program's time of it, as it writes it."""

    count: int
    ids: tuple[int, ...]
    stamp: str | None


class NotAPage(Exception):
    """The answer is none: the program refused or could not do it. `busy` says that it may do it later."""

    def __init__(self, message: str, *, busy: bool) -> None:
        self.message = message
        self.busy = busy
        super().__init__(message)


class Asking:
    """Reads pages by the paths of one folder."""

    def __init__(self, paths: dict[str, Callable[..., object]]) -> None:
        self._paths = paths

    def page(self, answer: bytes) -> Page:
        """What the answer says of itself. Raises NotAPage, also for what is no XML."""
        root = self._accepted(answer)
        records = self._found("records", root)
        ids = [
            int(text)
            for record in records
            for element in self._found("id", record)
            if (text := _text(element)).isdigit()
        ]
        stamps = [_text(each) for each in self._found("stamp", root)]
        return Page(len(records), tuple(ids), stamps[0] if stamps else None)

    def files(self, answer: bytes) -> list[bytes]:
        """The files that the answer hands over. Raises NotAPage."""
        try:
            return [b64decode(_text(each)) for each in self._found("file", self._accepted(answer)) if _text(each)]
        except ValueError:
            raise NotAPage("the file in the answer is no Base64 text", busy=False) from None

    def _accepted(self, answer: bytes) -> etree._Element:
        """The answer as a tree. Raises NotAPage where the program refused, and for what is no XML."""
        try:
            parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
            root = etree.fromstring(answer, parser)
        except etree.XMLSyntaxError as error:
            raise NotAPage(f"the answer is no XML: {error.msg}", busy=True) from None
        if self._found("failed", root):
            note = " ".join(str(each) for each in self._found("note", root)) or "it gives no reason"
            raise NotAPage(note, busy=bool(self._found("busy", root)))
        return root

    def _found(self, name: str, node: object) -> Sequence[object]:
        found = self._paths[name](node)
        return found if isinstance(found, list) else [found] if found else []


def _text(found: object) -> str:
    return str(found).strip() if isinstance(found, str) else str(getattr(found, "text", "") or "").strip()


def load_asking(template: str, *, site: Path | None, where: Span | None = None) -> Asking:
    """The paging of the template's folder. Raises ProblemsFound."""
    folder = template.rpartition("/")[0]
    path = library.find("templates", f"{folder}/{FILE}", FILE, site)
    if path is None:
        problem = Problem(
            code="T016",
            message=f"there is no `{FILE}` beside `{template}`: nobody knows how its answers are paged",
            span=where,
            help="docs/templates.md shows the form of that file",
        )
        raise ProblemsFound([problem])
    try:
        given = msgspec.convert(parse(path.read_text(encoding="utf-8"), str(path)).data or {}, _Paths)
        paths = {name: etree.XPath(getattr(given, name)) for name in _Paths.__struct_fields__}
    except (msgspec.ValidationError, etree.XPathSyntaxError) as error:
        problem = Problem(
            code="T016",
            message=f"this does not say how answers are paged: {error}",
            span=Span(file=str(path)),
            help="docs/templates.md shows the form of that file",
        )
        raise ProblemsFound([problem]) from error
    return Asking(dict(paths))
