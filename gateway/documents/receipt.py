"""The canonical receipt: what an accounting program answers about one record that it was sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from gateway.documents.completion import Finding, OnTotals


class Verdict(StrEnum):
    """What became of the record there."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    BUSY = "busy"
    REFUSED = "refused"


class RemarkLevel(StrEnum):
    """How grave a remark is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class Remark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that the program says about the record.

    place: an XPath into the file that was sent. requested, produced: the value there, and what became of it.
    """

    level: RemarkLevel
    text: str | None = None
    code: str | None = None
    place: str | None = None
    requested: str | None = None
    produced: str | None = None


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer about one record, or about a whole file (`item` is None).

    item, pack: the ids under which the record was sent. record_id, record_number: of the record that the program
    made, or (duplicate) that it has already. BUSY: it is to be sent again later. REFUSED: nothing of the file was
    read, for a reason that the next file would meet too, such as missing rights.
    """

    verdict: Verdict
    item: str | None = None
    pack: str | None = None
    text: str | None = None
    record_id: str | None = None
    record_number: str | None = None
    program: str | None = None
    answered_at: datetime | None = None
    remarks: tuple[Remark, ...] = ()

    @property
    def warns(self) -> bool:
        """Whether it was accepted with reservations."""
        return any(remark.level is not RemarkLevel.OK for remark in self.remarks)


def complete_receipt(
    values: Mapping[str, Any], *, on_totals: OnTotals = "error"
) -> tuple[Receipt | None, tuple[Finding, ...]]:
    """Build a receipt from nested dicts of typed values; None with a finding where it says nothing.

    What a program calls accepted, with an error among its remarks, is rejected: the remark is the graver word.
    """
    del on_totals  # it has no sums
    verdict = values.get("verdict")
    if verdict is None:
        return None, (Finding(code="D001", field="verdict", message="`verdict` is missing"),)
    remarks = tuple(
        Remark(**{**row, "level": row.get("level") or RemarkLevel.ERROR}) for row in values.get("remarks") or ()
    )
    if verdict is Verdict.ACCEPTED and any(remark.level is RemarkLevel.ERROR for remark in remarks):
        verdict = Verdict.REJECTED
    members = {name: value for name, value in values.items() if name in Receipt.__struct_fields__}
    return Receipt(**{**members, "verdict": verdict, "remarks": remarks}), ()
