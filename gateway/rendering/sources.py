"""Where the text of a template and its data files come from: the site's folder first, then the shipped one."""

from __future__ import annotations

from pathlib import Path

import msgspec

from gateway.diagnostics import Problem, Span
from gateway.errors import ProblemsFound
from gateway.library import find, names, search_path, similar
from gateway.yamlfile import shorten

FOLDER = "templates"
SUFFIX = ".xml.j2"


class Source(msgspec.Struct, frozen=True):
    """One file: `name` as templates write it (`pohoda/order.xml.j2`), `path` as people are shown it."""

    name: str
    path: str
    text: str

    def span(self, line: int, word: str | None = None) -> Span:
        """A line of the file, with the first occurrence of the word under the caret."""
        rows = self.text.split("\n")
        row = rows[line - 1] if 0 < line <= len(rows) else ""
        column = row.find(word) + 1 if word else 0
        length = len(word) if word and column else 0
        return Span(file=self.path, line=line, column=column, length=length, text=row)


class Sources:
    """The files that one template is made of; each is read once, so that one load sees one state of the disk."""

    def __init__(self, places: tuple[Path, ...]) -> None:
        self._places = places
        self._read: dict[str, Source | None] = {}

    def get(self, name: str) -> Source | None:
        """The file of that name below one of the folders, or None. Raises ProblemsFound where it is not UTF-8."""
        if name not in self._read:
            self._read[name] = self._load(name)
        return self._read[name]

    def used(self) -> list[Source]:
        """All files that were read so far, by name."""
        return sorted((source for source in self._read.values() if source is not None), key=lambda s: s.name)

    def folder_of(self, name: str) -> str:
        """The folder part of a name: `pohoda` of `pohoda/order.xml.j2`."""
        return name.rpartition("/")[0]

    def _load(self, name: str) -> Source | None:
        parts = Path(name).parts
        if Path(name).is_absolute() or ".." in parts or "\\" in name:
            return None
        for place in self._places:
            path = place / name
            if path.is_file():
                return Source(name, shorten(path), _text(path))
        return None


def locate(name_or_path: str, site: Path | None) -> tuple[str, Sources]:
    """The name of a template and the files around it. Raises ProblemsFound (T008) where there is none.

    A name such as `pohoda/order` is looked for in the site's folder and in the shipped one; a path (it ends in
    `.j2`) is taken as it is, and what it extends is looked for beside its own folder first.
    """
    places = search_path(FOLDER, site)
    if find(FOLDER, name_or_path, SUFFIX, site) is not None:
        return _with_suffix(name_or_path), Sources(places)
    path = Path(name_or_path)
    if name_or_path.endswith(".j2") and path.is_file():
        path = path.resolve()
        return f"{path.parent.name}/{path.name}", Sources((path.parent.parent, *places))
    raise ProblemsFound([not_found(name_or_path, site)])


def not_found(name: str, site: Path | None, span: Span | None = None) -> Problem:
    """The problem of a template that does not exist."""
    near = similar(name.removesuffix(SUFFIX), names(FOLDER, SUFFIX, site))
    searched = ", ".join(shorten(place) for place in search_path(FOLDER, site))
    return Problem(
        code="T008",
        message=f"there is no template `{name}`",
        span=span,
        context=(f"searched: {searched}",),
        help=f"there is a template with a similar name: `{near}`" if near else "check the name",
    )


def _with_suffix(name: str) -> str:
    return name if name.endswith(SUFFIX) else name + SUFFIX


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        problem = Problem(
            code="T001",
            message="the file is not UTF-8",
            span=Span(file=shorten(path), line=line),
            help="save it as UTF-8 in the editor",
        )
        raise ProblemsFound([problem]) from error
