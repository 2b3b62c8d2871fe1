"""What a receiver says against a document, as problems: in its own words, with the place in what was sent."""

from __future__ import annotations

from sqlalchemy import Row

from gateway.diagnostics import Problem
from gateway.documents import Receipt, Remark, RemarkLevel, Verdict
from gateway.exchange.pointing import Pointer


def problems(
    target: str,
    posting: Row[tuple[object, ...]],
    delivery: Row[tuple[object, ...]] | None,
    receipt: Receipt,
    pointer: Pointer,
    *,
    earlier: bool,
) -> tuple[Problem, ...]:
    """What the receiver says against a document, in its own words, with the place in what was sent."""
    key = str(posting.key)
    record = f"{posting.kind} {key}"
    if receipt.verdict is Verdict.REFUSED:
        return (_refused(target, key, record, receipt),)
    if earlier:
        return (_earlier(target, key, record, receipt),)
    if receipt.verdict is Verdict.DUPLICATE and not receipt.record_id:
        return (_unknown_duplicate(target, key, record, receipt),)
    if receipt.verdict is Verdict.BUSY:
        first = receipt.remarks[0] if receipt.remarks else None
        message = f"{target} asks to be sent it again: {_words(receipt, first)}"
        return (Problem(code="R005", level="warning", message=message, record=record),)
    found = [
        _remarked(target, key, record, receipt, remark, pointer, posting, delivery)
        for remark in receipt.remarks
        if remark.level is not RemarkLevel.OK
    ]
    if not found and receipt.verdict is Verdict.REJECTED:
        found.append(_rejected(target, key, record, _words(receipt, None)))
    return tuple(found)


def _remarked(
    target: str,
    key: str,
    record: str,
    receipt: Receipt,
    remark: Remark,
    pointer: Pointer,
    posting: Row[tuple[object, ...]],
    delivery: Row[tuple[object, ...]] | None,
) -> Problem:
    words = _words(receipt, remark)
    if receipt.verdict is Verdict.REJECTED and remark.level is RemarkLevel.ERROR:
        problem = _rejected(target, key, record, words)
    else:
        problem = Problem(
            code="R004",
            level="warning",
            message=f"{target} took it with a remark: {words}",
            record=record,
            help="look at the record there; nothing is to be done where it is right",
        )
    return pointer.placed(problem, posting, delivery, remark.place)


def _words(receipt: Receipt, remark: Remark | None) -> str:
    """What was said, with the number of the message and the values."""
    if remark is None:
        return receipt.text or "it gives no reason"
    said = remark.text or receipt.text or "it gives no reason"
    if remark.code:
        said += f" ({remark.code})"
    if remark.requested:
        said += f"; `{remark.requested}`"
        if remark.produced is not None:
            said += f" became `{remark.produced}`"
    return said


def _rejected(target: str, key: str, record: str, words: str) -> Problem:
    return Problem(
        code="R001",
        message=f"{target} rejected it: {words}",
        record=record,
        help=f"mend it in the shop, in the settings of the target or there; then `gateway retry {key}` writes it "
        f"anew under the same ids, `gateway release {key} --drop` settles it unsent",
    )


def _refused(target: str, key: str, record: str, receipt: Receipt) -> Problem:
    return Problem(
        code="R002",
        message=f"{target} refused the whole file: {_words(receipt, None)}",
        record=record,
        help=f"mend the reason there (rights, company number, year); `gateway release {target}` lets the target "
        f"go on, `gateway retry {key}` sends this one again",
    )


def _unknown_duplicate(target: str, key: str, record: str, receipt: Receipt) -> Problem:
    return Problem(
        code="R003",
        message=f"{target} says that it had the record before, and names none: {_words(receipt, None)}",
        record=record,
        help=f"look there: `gateway release {key} --drop` where it is booked or was deleted on purpose; otherwise "
        "write it there by hand",
    )


def _earlier(target: str, key: str, record: str, receipt: Receipt) -> Problem:
    which = f" as {receipt.record_number}" if receipt.record_number else ""
    return Problem(
        code="R008",
        message=f"{target} had it before{which}, with the content that was sent first: {_words(receipt, None)}",
        record=record,
        help=f"correct it there by hand, then `gateway release {key} --drop`",
    )


def busy(target: str) -> Problem:
    """Why a delivery that had arrived is sent again."""
    return Problem(code="R005", level="warning", message=f"{target} asks to be sent it again, it was busy")
