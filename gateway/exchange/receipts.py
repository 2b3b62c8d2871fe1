"""Receipts: what a receiver answers settles the postings that it speaks of.

An answer comes the way of every input: listed, taken in durably, put away. Instead of documents for a target it
leads to states of postings: one transaction, once the answer was read to its end. An answer that says nothing of
ours is set aside with its problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs
from sqlalchemy import Connection, Row, func, select, update

from gateway.clock import to_text
from gateway.diagnostics import Problem
from gateway.documents import Receipt, Verdict, encode
from gateway.exchange import drafts, remarks
from gateway.exchange.correlation import Meanings, Meant
from gateway.exchange.failed import problems_as_json
from gateway.exchange.holds import write_hold
from gateway.exchange.offer_answers import settle_offers
from gateway.exchange.planning import Record
from gateway.exchange.pointing import Pointer
from gateway.exchange.prepared import PreparedRoute, PreparedTarget
from gateway.exchange.sent import delay, mark_sent
from gateway.exchange.site import Site
from gateway.store import tables
from gateway.store.ledger import LaneLease, insert_into, tell
from gateway.telemetry import emit

_exchange, _delivery, _posting = tables.exchange, tables.delivery, tables.posting
_OPEN = ("sent", "planned", "rejected")
UNANSWERED = "unanswered"
"""The reason of a posting that a person settled because no answer came: one that comes late still counts."""


class _Answer(msgspec.Struct, frozen=True):
    """One answer as it was read, with what is needed to keep it for a person."""

    record: Record
    receipt: Receipt


class _Said(msgspec.Struct, frozen=True):
    """One answer about one posting: what it leads to, and what is told of it."""

    answer: _Answer
    posting: Row[Any]
    state: str
    problems: tuple[Problem, ...]

    @property
    def settles(self) -> bool:
        """One that is in order already stays so, whatever a later answer says."""
        return self.posting.state in _OPEN or self.posting.reason == UNANSWERED


class _Settled(msgspec.Struct):
    """What an answer led to."""

    changed: int = 0
    refused: str | None = None
    again: set[str] = msgspec.field(default_factory=set)
    set_aside: list[Record] = msgspec.field(default_factory=list)
    healed: list[str] = msgspec.field(default_factory=list)


def settle(
    site: Site, route: PreparedRoute, row: Row[tuple[object, ...]], path: Path, lease: LaneLease | None
) -> None:
    """Bring one answer to its effect. Raises SourceProblems where it is not whole or no answer at all."""
    answers, unreadable = _read(route, path, str(row.input_name))
    target_id = str(route.spec.answers_of)
    target = site.targets().get(target_id)
    settled = _Settled(set_aside=list(unreadable))
    if target is not None and target.spec.offers is not None:
        _settle_offers(site, route, row, target, answers, settled, lease)
        return
    with site.ledger.read() as connection:
        known = _settled_before(connection, row)
        answers = [answer for answer in answers if answer.record.position not in known]
        call = _call(connection, row) if route.spec.by_call else None
        meanings = Meanings(connection, target_id, str(row.input_name), call=call)
        meant = _meant(meanings, target_id, answers, settled)
        pointer = Pointer(site, connection, target)
        said = [
            _said(connection, target_id, answer, posting, found, pointer)
            for answer, found in meant
            if found.delivery is not None
            for posting in found.postings
        ]
    with site.ledger.write(lease) as connection:
        _write(site, connection, row, target_id, meant, said, settled)
        drafts.set_aside(connection, route, str(row.id), settled.set_aside, site.ledger.now())
        drafts.heal(connection, route, str(row.id), settled.healed, site.ledger.now())
        _close(connection, row, len(answers) + len(unreadable), settled, site.ledger.now())
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


def _settle_offers(
    site: Site,
    route: PreparedRoute,
    row: Row[tuple[object, ...]],
    target: PreparedTarget,
    answers: Sequence[_Answer],
    settled: _Settled,
    lease: LaneLease | None,
) -> None:
    """An answer about products, stock or prices."""
    now, receipts = site.ledger.now(), [(answer.record.position, answer.receipt) for answer in answers]
    stays = target.spec.answers is None or not target.spec.answers.take_away
    with site.ledger.write(lease) as connection:
        call = _call(connection, row) if route.spec.by_call else None
        told = settle_offers(connection, row, target.spec.id, receipts, call=call, take_away=not stays, now=now)
        settled.changed, settled.refused = told.settled, told.refused
        settled.set_aside += [
            _orphan(each, target.spec.id) for each in answers if each.record.position in told.orphans
        ]
        if told.refused is not None:
            write_hold(connection, now, f"target:{target.spec.id}", told.refused, actor="gateway")
        site.lanes.wake(connection, target.lane)
        drafts.set_aside(connection, route, str(row.id), settled.set_aside, now)
        _close(connection, row, len(answers), settled, now)


def _call(connection: Connection, row: Row[tuple[object, ...]]) -> str | None:
    """The delivery that an answer was given to in the same call; None where it is read again by hand."""
    ack = tables.ack
    return connection.execute(select(ack.c.name).where(ack.c.exchange_id == row.id)).scalar()


def _meant(
    meanings: Meanings, target: str, answers: Sequence[_Answer], settled: _Settled
) -> list[tuple[_Answer, Meant]]:
    """What each answer is about; those about nothing of ours are set aside."""
    meant: list[tuple[_Answer, Meant]] = []
    for answer in answers:
        found = meanings.of(answer.receipt)
        if found is None:
            settled.set_aside.append(_orphan(answer, target))
        else:
            meant.append((answer, found))
            settled.healed.append(answer.record.identity)
    return meant


def _write(
    site: Site,
    connection: Connection,
    row: Row[tuple[object, ...]],
    target_id: str,
    meant: Sequence[tuple[_Answer, Meant]],
    said: Sequence[_Said],
    settled: _Settled,
) -> None:
    """Everything that an answer changes, in the caller's transaction."""
    now, target = site.ledger.now(), site.targets().get(target_id)
    reached = {found.delivery.id: found for _, found in meant if found.delivery is not None}
    for found in reached.values():
        _arrived(connection, found, now)
    _keep(connection, row, target_id, meant, now)
    for each in said:
        _apply(connection, settled, each, now)
    for found in reached.values():
        _answered(site, connection, target, found, settled, now)
    if settled.refused is not None:
        write_hold(connection, now, f"target:{target_id}", settled.refused, actor="gateway")
    if target is not None:
        site.lanes.wake(connection, target.lane)


def _read(route: PreparedRoute, path: Path, shown_as: str) -> tuple[list[_Answer], list[Record]]:
    answers, unreadable = [], []
    for reading in route.mapping.read(path, shown_as=shown_as):
        receipt = reading.document if isinstance(reading.document, Receipt) else None
        record = Record(
            position=reading.position,
            key=reading.key if receipt is None or receipt.item else None,
            document=None,
            problems=tuple(reading.problems),
            kept=reading.keep(),
        )
        if receipt is not None:
            answers.append(_Answer(record, receipt))
        else:
            unreadable.append(record)
    return answers, unreadable


def _settled_before(connection: Connection, row: Row[tuple[object, ...]]) -> set[int]:
    """The records of a stored answer that led to something when it was read first; it was read again by hand.

    An answer that came again by itself has an after-work action of its own, and counts.
    """
    ack = tables.ack
    if connection.execute(select(ack.c.exchange_id).where(ack.c.exchange_id == row.id)).one_or_none() is not None:
        return set()
    receipt = tables.receipt
    return set(
        connection.execute(
            select(receipt.c.position)
            .join(_exchange, _exchange.c.id == receipt.c.exchange_id)
            .where(_exchange.c.route == row.route, _exchange.c.input_sha256 == row.input_sha256)
        ).scalars()
    )


def _orphan(answer: _Answer, target: str) -> Record:
    """What can be settled by nothing: it names no document of ours, or none at all."""
    item = answer.receipt.item
    if item is None:
        message = f"{target} answers about a whole file and names no document in it"
        advice = "look there which documents were booked; `gateway release` of this answer with --drop settles it"
    else:
        message = f"{target} answers about `{item}`, and no document of this site was sent under that name"
        advice = (
            "look whose it is: another program may use the same folder, or the ledger is older than the answer; "
            "`gateway retry` of this answer reads it again, `gateway release` of it with --drop settles it"
        )
    return structs.replace(answer.record, problems=(Problem(code="R006", message=message, help=advice),))


# -- what it leads to --------------------------------------------------------------------------------------


def _said(
    connection: Connection, target: str, answer: _Answer, posting: Row[Any], found: Meant, pointer: Pointer
) -> _Said:
    """What an answer makes of a posting. A duplicate is in order only where the record holds this very version."""
    receipt = answer.receipt
    earlier = receipt.verdict is Verdict.DUPLICATE and _has_earlier_version(connection, target, posting)
    problems = remarks.problems(target, posting, found.delivery, receipt, pointer, earlier=earlier)
    if receipt.verdict is Verdict.ACCEPTED:
        state = "warned" if receipt.warns else "confirmed"
    elif receipt.verdict is Verdict.DUPLICATE and receipt.record_id and not earlier:
        state = "already_there"
    elif receipt.verdict is Verdict.BUSY:
        state = "planned" if posting.state in ("sent", "planned") else str(posting.state)
    else:
        state = "rejected"
    return _Said(answer, posting, state, problems)


def _has_earlier_version(connection: Connection, target: str, posting: Row[Any]) -> bool:
    """Whether the receiver may have booked an earlier version: it was sent there, and not plainly rejected."""
    receipt = tables.receipt
    said = select(receipt.c.id).where(receipt.c.posting_id == _posting.c.id)
    rejected = said.where(receipt.c.verdict == Verdict.REJECTED.value).exists()
    taken = said.where(receipt.c.verdict.in_((Verdict.ACCEPTED.value, Verdict.DUPLICATE.value))).exists()
    earlier = (
        select(_posting.c.id)
        .join(_delivery, _delivery.c.id == _posting.c.delivery_id)
        .where(
            _posting.c.document_id == posting.document_id,
            _posting.c.target == target,
            _posting.c.ordinal < posting.ordinal,
            _delivery.c.published_at.is_not(None),
            ~rejected | taken,
        )
    )
    return connection.execute(earlier.limit(1)).one_or_none() is not None


def _arrived(connection: Connection, found: Meant, now: str) -> None:
    """What is answered has arrived, whatever was known of it."""
    assert found.delivery is not None
    connection.execute(
        update(_delivery)
        .where(_delivery.c.id == found.delivery.id)
        .values(
            state="delivered",
            settled_at=func.coalesce(_delivery.c.settled_at, now),
            published_at=func.coalesce(_delivery.c.published_at, now),
            problem=None,
            due_at=None,
        )
    )
    mark_sent(connection, str(found.delivery.id), now)


def _keep(
    connection: Connection,
    row: Row[tuple[object, ...]],
    target: str,
    meant: Sequence[tuple[_Answer, Meant]],
    now: str,
) -> None:
    """The answers themselves, and under which id and number the receiver keeps the documents."""
    kept = [
        {
            "exchange_id": row.id,
            "position": answer.record.position,
            "target": target,
            "delivery_id": None if found.delivery is None else found.delivery.id,
            "posting_id": posting.id,
            "verdict": answer.receipt.verdict.value,
            "body": encode(answer.receipt),
            "at": now,
        }
        for answer, found in meant
        for posting in found.postings
    ]
    if kept:
        connection.execute(tables.receipt.insert(), kept)
    for answer, found in meant:
        receipt = answer.receipt
        if receipt.verdict in (Verdict.ACCEPTED, Verdict.DUPLICATE) and receipt.record_id:
            for posting in found.postings:
                _cross(connection, row, target, posting, receipt, now)


def _cross(
    connection: Connection,
    row: Row[tuple[object, ...]],
    target: str,
    posting: Row[Any],
    receipt: Receipt,
    now: str,
) -> None:
    there = {
        "record_id": receipt.record_id,
        "record_number": receipt.record_number,
        "exchange_id": row.id,
        "at": now,
    }
    statement = insert_into(connection, tables.crosswalk).values(
        document_id=posting.document_id, target=target, ordinal=posting.ordinal, **there
    )
    if receipt.verdict is Verdict.ACCEPTED:  # a duplicate says nothing of which version is there
        there["ordinal"] = posting.ordinal
    connection.execute(statement.on_conflict_do_update(index_elements=["document_id", "target"], set_=there))


def _apply(connection: Connection, settled: _Settled, said: _Said, now: str) -> None:
    """Settle one posting."""
    posting, receipt = said.posting, said.answer.receipt
    state = said.state if said.settles else str(posting.state)
    if said.settles:
        connection.execute(
            update(_posting)
            .where(_posting.c.id == posting.id)
            .values(
                state=state,
                reason=receipt.verdict.value if state == "rejected" else None,
                problems=problems_as_json(said.problems) if said.problems else posting.problems,
            )
        )
        settled.changed += 1
        if receipt.verdict is Verdict.BUSY and state == "planned":
            settled.again.add(str(posting.delivery_id))
        if receipt.verdict is Verdict.REFUSED:
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
        reason=said.problems[0].message if said.problems else None,
    )


def _answered(
    site: Site, connection: Connection, target: PreparedTarget | None, found: Meant, settled: _Settled, now: str
) -> None:
    """A delivery of which nothing waits for an answer any more need not lie there; a busy one is sent again.

    What still waits leaves the file where it is: the receiver may be about to answer the rest.
    """
    delivery = found.delivery
    assert delivery is not None
    again = str(delivery.id) in settled.again
    waits = select(_posting.c.id).where(_posting.c.delivery_id == delivery.id, _posting.c.state == "sent").limit(1)
    if not again and connection.execute(waits).one_or_none() is not None:
        return
    stays = target is None or target.spec.answers is None or not target.spec.answers.take_away
    values: dict[str, Any] = {"answered_at": now, "taken_away_at": now if stays or found.name_is_taken else None}
    if again:
        at = site.clock.now() + delay(delivery.attempts)
        problem = remarks.busy(target.spec.id if target else delivery.target)
        values |= {"state": "deferred", "due_at": to_text(at), "problem": problems_as_json([problem])}
        if target is not None:
            site.lanes.wake(connection, target.lane, at)
        tell(connection, now, "sent_again", exchange=str(delivery.exchange_id), delivery=str(delivery.id))
    connection.execute(update(_delivery).where(_delivery.c.id == delivery.id).values(**values))


def _close(
    connection: Connection, row: Row[tuple[object, ...]], records: int, settled: _Settled, now: str
) -> None:
    counts = {
        "records": records,
        "changed": settled.changed,
        "same": max(0, records - settled.changed - len(settled.set_aside)),
        "set_aside": len(settled.set_aside),
    }
    connection.execute(update(_exchange).where(_exchange.c.id == row.id).values(planned_at=now, **counts))
    tell(connection, now, "planned", exchange=str(row.id), held=None, counts=counts)
