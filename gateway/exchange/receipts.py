"""Receipts: what a receiver answers settles the postings that it speaks of.

An answer comes the way of every input: listed, taken in durably, put away. Instead of documents for a target it
leads to states of postings: one transaction, once the answer was read to its end. An answer that says nothing of
ours is set aside with its problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, Row, select, update

from gateway.diagnostics import Problem
from gateway.documents import Receipt, Remark, RemarkLevel, Verdict, encode
from gateway.exchange import drafts
from gateway.exchange.failed import problems_as_json
from gateway.exchange.holds import put_on_hold
from gateway.exchange.planning import Record
from gateway.exchange.pointing import Pointer
from gateway.exchange.sent import delay, mark_sent
from gateway.exchange.site import PreparedRoute, PreparedTarget, Site
from gateway.store import tables
from gateway.store.ledger import LaneLease, insert_into, tell
from gateway.telemetry import emit

_exchange, _delivery, _posting, _document = tables.exchange, tables.delivery, tables.posting, tables.document
_OPEN = ("sent", "planned", "rejected")
_IN_ORDER = ("confirmed", "warned", "already_there")


@dataclass(frozen=True)
class _Answer:
    """One answer as it was read, with what is needed to keep it for a person."""

    record: Record
    receipt: Receipt


@dataclass
class _Settled:
    """What an answer led to."""

    changed: int = 0
    refused: str | None = None
    again: set[str] = field(default_factory=set)
    set_aside: list[Record] = field(default_factory=list)


def settle(
    site: Site, route: PreparedRoute, row: Row[tuple[object, ...]], path: Path, lease: LaneLease | None
) -> None:
    """Bring one answer to its effect. Raises SourceProblems where it is not whole or no answer at all."""
    answers, unreadable = _read(route, path, str(row.input_name))
    target_id = str(route.spec.answers_of)
    target = site.targets().get(target_id)
    now = site.ledger.now()
    with site.ledger.read() as connection:
        pointer = Pointer(site, connection, target)
        planned = [(answer, *_meant(connection, target_id, str(row.input_name), answer)) for answer in answers]
        problems = {
            str(posting.id): _problems(target_id, posting, delivery, answer.receipt, pointer)
            for answer, delivery, postings in planned
            for posting in postings
        }
    settled = _Settled(set_aside=list(unreadable))
    with site.ledger.write(lease) as connection:
        for answer, delivery, postings in planned:
            if not postings:
                settled.set_aside.append(_orphan(answer, target_id))
                continue
            _arrived(connection, target, delivery, now)
            for posting in postings:
                said = problems[str(posting.id)]
                _keep(connection, row, target_id, answer, posting, now)
                _apply(connection, settled, target_id, answer.receipt, posting, said, now)
        drafts.set_aside(connection, route, str(row.id), settled.set_aside, now)
        _send_again(site, connection, target, settled, now)
        if target is not None:
            site.lanes.wake(connection, target.lane)
        _close(connection, row, len(answers) + len(unreadable), settled, now)
    if settled.refused is not None:
        put_on_hold(site, f"target:{target_id}", settled.refused, actor="gateway")
    emit(
        "answer_read",
        level="warning" if settled.set_aside or settled.refused else "info",
        exchange=row.id,
        target=target_id,
        input=row.input_name,
        records=len(answers),
        settled=settled.changed,
        set_aside=len(settled.set_aside),
    )


def _read(route: PreparedRoute, path: Path, shown_as: str) -> tuple[list[_Answer], list[Record]]:
    answers, unreadable = [], []
    for reading in route.mapping.read(path, shown_as=shown_as):
        record = Record(
            position=reading.position,
            line=reading.line,
            key=reading.key if reading.document is None or reading.document.item else None,  # type: ignore[union-attr]
            document=None,
            problems=tuple(reading.problems),
            fingerprint=reading.fingerprint(),
            fragment=reading.keep_fragment(),
        )
        if isinstance(reading.document, Receipt):
            answers.append(_Answer(record, reading.document))
        else:
            unreadable.append(record)
    return answers, unreadable


# -- what it is about --------------------------------------------------------------------------------------


def _meant(
    connection: Connection, target: str, name: str, answer: _Answer
) -> tuple[Row[tuple[object, ...]] | None, Sequence[Row[tuple[object, ...]]]]:
    """The delivery and the postings that an answer speaks of: by the file's name, else by the ids in it."""
    receipt = answer.receipt
    delivery = connection.execute(
        select(_delivery)
        .where(_delivery.c.target == target, _delivery.c.name == name, _delivery.c.state != "dropped")
        .order_by(_delivery.c.sequence.desc())
        .limit(1)
    ).one_or_none()
    known = (
        select(_posting, _document.c.key, _document.c.kind)
        .join(_document, _document.c.id == _posting.c.document_id)
        .where(_posting.c.target == target, _posting.c.delivery_id.is_not(None))
    )
    if delivery is not None:
        of_file = known.where(_posting.c.delivery_id == delivery.id)
        if receipt.item is not None:
            of_file = of_file.where(_posting.c.item_id == receipt.item)
        postings = connection.execute(of_file.order_by(_posting.c.id)).all()
        if postings:
            return delivery, postings
    by_ids = known.where(_posting.c.state != "superseded").order_by(_posting.c.created_at.desc())
    if receipt.item is not None:
        postings = connection.execute(by_ids.where(_posting.c.item_id == receipt.item).limit(1)).all()
    elif receipt.pack:
        postings = connection.execute(by_ids.where(_posting.c.pack_id == receipt.pack)).all()
        postings = [each for each in postings if each.delivery_id == postings[0].delivery_id]
    else:
        postings = []
    if not postings:
        return None, []
    delivery = connection.execute(select(_delivery).where(_delivery.c.id == postings[0].delivery_id)).one()
    return delivery, postings


def _orphan(answer: _Answer, target: str) -> Record:
    what = f"`{answer.receipt.item}`" if answer.receipt.item else "a whole file"
    problem = Problem(
        code="R006",
        message=f"{target} answers about {what}, and no document of this site was sent under that name",
        help="look whose it is: another program may use the same folder, or the ledger is older than the answer; "
        "`gateway retry` of this answer reads it again",
    )
    return Record(
        position=answer.record.position,
        line=answer.record.line,
        key=answer.record.key,
        document=None,
        problems=(problem,),
        fingerprint=answer.record.fingerprint,
        fragment=answer.record.fragment,
    )


# -- what it leads to --------------------------------------------------------------------------------------


def _arrived(
    connection: Connection, target: PreparedTarget | None, delivery: Row[tuple[object, ...]] | None, now: str
) -> None:
    """What is answered has arrived, whatever was known of it; and need not lie there any longer."""
    assert delivery is not None
    stays = target is None or target.spec.answers is None or not target.spec.answers.take_away
    connection.execute(
        update(_delivery)
        .where(_delivery.c.id == delivery.id)
        .values(
            state="delivered",
            settled_at=delivery.settled_at or now,
            problem=None,
            due_at=None,
            answered_at=now,
            taken_away_at=now if stays else None,
        )
    )
    mark_sent(connection, str(delivery.id), now)


def _apply(
    connection: Connection,
    settled: _Settled,
    target: str,
    receipt: Receipt,
    posting: Row[tuple[object, ...]],
    problems: tuple[Problem, ...],
    now: str,
) -> None:
    """Settle one posting. One that is in order already stays so, whatever a later answer says."""
    settles = posting.state in _OPEN
    if receipt.verdict is Verdict.BUSY:
        state = "planned" if posting.state in ("sent", "planned") else str(posting.state)
        if state == "planned":
            settled.again.add(str(posting.delivery_id))
    else:
        state = _state(connection, target, posting, receipt) if settles else str(posting.state)
    if settles:
        connection.execute(
            update(_posting)
            .where(_posting.c.id == posting.id)
            .values(
                state=state,
                reason=receipt.verdict.value if state == "rejected" else None,
                problems=problems_as_json(problems) if problems else posting.problems,
            )
        )
        settled.changed += 1
    if receipt.verdict is Verdict.REFUSED and state == "rejected":
        settled.refused = receipt.text or "it refuses whole files"
    tell(
        connection,
        now,
        "answered",
        exchange=str(posting.exchange_id),
        delivery=str(posting.delivery_id),
        posting=posting.id,
        verdict=receipt.verdict.value,
        state=state,
        number=receipt.record_number,
        reason=problems[0].message if problems else None,
    )


def _state(connection: Connection, target: str, posting: Row[tuple[object, ...]], receipt: Receipt) -> str:
    if receipt.verdict is Verdict.ACCEPTED:
        return "warned" if receipt.warns else "confirmed"
    if receipt.verdict is not Verdict.DUPLICATE:
        return "rejected"
    crosswalk = tables.crosswalk
    known = connection.execute(
        select(crosswalk.c.document_id).where(
            crosswalk.c.document_id == posting.document_id, crosswalk.c.target == target
        )
    ).one_or_none()
    return "already_there" if receipt.record_id or known else "rejected"


def _keep(
    connection: Connection,
    row: Row[tuple[object, ...]],
    target: str,
    answer: _Answer,
    posting: Row[tuple[object, ...]],
    now: str,
) -> None:
    """The answer itself, and under which id and number the receiver keeps the document."""
    receipt = answer.receipt
    connection.execute(
        tables.receipt.insert().values(
            exchange_id=row.id,
            position=answer.record.position,
            target=target,
            delivery_id=posting.delivery_id,
            posting_id=posting.id,
            verdict=receipt.verdict.value,
            body=encode(receipt),
            at=now,
        )
    )
    if receipt.verdict not in (Verdict.ACCEPTED, Verdict.DUPLICATE) or not receipt.record_id:
        return
    there = {
        "record_id": receipt.record_id,
        "record_number": receipt.record_number,
        "exchange_id": row.id,
        "at": now,
    }
    statement = insert_into(connection, tables.crosswalk).values(
        document_id=posting.document_id, target=target, **there
    )
    connection.execute(statement.on_conflict_do_update(index_elements=["document_id", "target"], set_=there))


def _send_again(
    site: Site, connection: Connection, target: PreparedTarget | None, settled: _Settled, now: str
) -> None:
    """What the receiver could not take now is shipped again later: the same bytes, under the same ids."""
    for delivery_id in sorted(settled.again):
        row = connection.execute(select(_delivery).where(_delivery.c.id == delivery_id)).one()
        connection.execute(
            update(_delivery).where(_delivery.c.id == delivery_id).values(state="deferred", settled_at=None)
        )
        if target is not None:
            site.lanes.wake(connection, target.lane, site.clock.now() + delay(row.attempts))
        tell(connection, now, "sent_again", exchange=str(row.exchange_id), delivery=delivery_id)


def _close(
    connection: Connection, row: Row[tuple[object, ...]], records: int, settled: _Settled, now: str
) -> None:
    counts = {
        "records": records,
        "changed": settled.changed,
        "same": records - settled.changed - len(settled.set_aside),
        "set_aside": len(settled.set_aside),
    }
    connection.execute(update(_exchange).where(_exchange.c.id == row.id).values(planned_at=now, **counts))
    tell(connection, now, "planned", exchange=str(row.id), held=None, counts=counts)


# -- in words ----------------------------------------------------------------------------------------------


def _problems(
    target: str,
    posting: Row[tuple[object, ...]],
    delivery: Row[tuple[object, ...]] | None,
    receipt: Receipt,
    pointer: Pointer,
) -> tuple[Problem, ...]:
    """What the receiver says against a document, in its own words, with the place in what was sent."""
    key = str(posting.key)
    record = f"{posting.kind} {key}"
    if receipt.verdict is Verdict.REFUSED:
        return (_refused(target, key, record, receipt),)
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
