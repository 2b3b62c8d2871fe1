"""Names of elements for JSON keys and CSV headers, which may be any text."""

from __future__ import annotations

import re
from functools import lru_cache

from lxml import etree

_UNFIT = re.compile(r"[^\w.-]")
_BLANKS = re.compile(r"\s+")


@lru_cache(maxsize=4096)
def element_name(text: str) -> str:
    """The name that stands for a key or header in paths.

    Blanks at the ends are dropped; any other character that a name cannot hold is `_`, a run of blanks one `_`;
    a name that would begin with a digit, `.` or `-` gets a `_` before it. Letters of all languages stay.
    """
    name = _UNFIT.sub("_", _BLANKS.sub("_", text.strip()))
    if not name or not (name[0].isalpha() or name[0] == "_"):
        name = f"_{name}"
    try:
        etree.Element(name)
    except ValueError:  # \w knows some characters that XML does not
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    return name
