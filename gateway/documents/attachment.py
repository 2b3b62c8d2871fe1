"""The canonical attachment: a file that belongs to a document, such as the PDF of an invoice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.documents.completion import Finding, OnTotals, missing


class Attachment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file as it was received; it is shipped byte for byte.

    number: that of the document which it belongs to. of: the kind of that document. type: its media type.
    """

    number: str
    name: str
    sha256: str
    size: int
    of: str = "invoice"
    type: str = "application/octet-stream"


def complete_attachment(
    values: Mapping[str, Any], *, on_totals: OnTotals = "error"
) -> tuple[Attachment | None, tuple[Finding, ...]]:
    """Build an attachment from typed values; None where its name does not tell whose it is."""
    del on_totals  # it has no sums
    findings = missing(values, ("number", "name", "sha256", "size"))
    members = {name: values[name] for name in Attachment.__struct_fields__ if values.get(name) is not None}
    return (None if findings else Attachment(**members)), tuple(findings)
