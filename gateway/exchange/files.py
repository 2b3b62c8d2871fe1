"""Files that are shipped as they are, such as PDFs: what is read of them is a description."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from lxml import etree
from sqlalchemy import Row

_TYPES = {
    ".pdf": "application/pdf",
    ".xml": "application/xml",
    ".isdoc": "application/xml",
    ".isdocx": "application/zip",
    ".zip": "application/zip",
    ".jpg": "image/jpeg",
    ".png": "image/png",
}
_TAIL = 1024


@contextmanager
def described(row: Row[Any], folder: Path, *, quoted: bool) -> Iterator[Path]:
    """The description of an input as a file that a mapping reads.

    quoted: the name was made of a number, in which `/` and the like are written as `%2F`.
    """
    name = Path(str(row.input_name))
    root = etree.Element("file")
    for tag, text in (
        ("name", name.name),
        ("stem", unquote(name.stem) if quoted else name.stem),
        ("type", _TYPES.get(name.suffix.lower(), "application/octet-stream")),
        ("size", str(row.input_size)),
        ("sha256", str(row.input_sha256)),
    ):
        etree.SubElement(root, tag).text = text
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".description") as file:
        file.write(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))
        file.flush()
        yield Path(file.name)


def is_unfinished(path: Path) -> bool:
    """Whether a file is cut: a PDF has its mark at the end; of other files nobody can tell."""
    with path.open("rb") as file:
        if not file.read(5).startswith(b"%PDF-"):
            return path.stat().st_size == 0
        file.seek(max(0, path.stat().st_size - _TAIL))
        return b"%%EOF" not in file.read()
