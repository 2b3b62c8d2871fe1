"""Planning: which documents go to which target, and the bytes that carry them.

`Planner.begin` decides for a block of records and stores nothing; the pipeline stores the finished plan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Literal

import msgspec
from msgspec import structs
from sqlalchemy import Connection

from gateway.diagnostics import Problem
from gateway.documents import KINDS, Document, OrderState, decode, differences, encode, fingerprint, is_cancelled
from gateway.exchange.catalogue import Known, PostingFact, known, postings_of, version_of
from gateway.exchange.prepared import PreparedRoute, PreparedTarget
from gateway.exchange.writing import Checks, Written, assemble, file_name, render, written_of
from gateway.mapping import Kept
from gateway.rendering import Identity, Rendered

Verdict = Literal["new", "same", "changed", "left_out"]


class Record(msgspec.Struct, frozen=True):
    """One record as the pipeline read it; `document` is None where it is bad."""

    position: int
    key: str | None
    document: Document | None
    problems: tuple[Problem, ...]
    kept: Kept

    @property
    def identity(self) -> str:
        """What it is known by among the records that were set aside."""
        return self.key or f"sha256:{self.kept.fingerprint}"


class PlannedVersion(msgspec.Struct, frozen=True):
    """A new version for the catalogue."""

    key: str
    ordinal: int
    position: int
    source_fingerprint: str
    cancelled: bool
    body: bytes


class PlannedPosting(msgspec.Struct, frozen=True):
    """A document on its way to a target; `delivery` is an index into the plan's deliveries, None when held."""

    key: str
    ordinal: int
    target: str
    generation: int
    pack_id: str
    item_id: str
    state: Literal["planned", "held", "already_there"]
    reason: Literal["changed", "cancelled", "problem", "adopted"] | None = None
    problems: tuple[Problem, ...] = ()
    delivery: int | None = None


class PlannedDelivery(msgspec.Struct, frozen=True):
    """The bytes for a target and the name that they get there."""

    target: str
    name: str
    content: bytes


class Plan(msgspec.Struct):
    """What a block of records leads to."""

    versions: list[PlannedVersion] = msgspec.field(default_factory=list)
    postings: list[PlannedPosting] = msgspec.field(default_factory=list)
    deliveries: list[PlannedDelivery] = msgspec.field(default_factory=list)
    verdicts: list[tuple[Record, Verdict]] = msgspec.field(default_factory=list)
    set_aside: list[Record] = msgspec.field(default_factory=list)
    withdrawn: list[PostingFact] = msgspec.field(default_factory=list)
    undone: list[str] = msgspec.field(default_factory=list)
    healed: list[str] = msgspec.field(default_factory=list)

    def count(self, verdict: Verdict) -> int:
        """How many records came out so."""
        return sum(found == verdict for _, found in self.verdicts)


class Planner:
    """Plans the blocks of one exchange of one route."""

    def __init__(
        self, route: PreparedRoute, exchange_id: str, *, adopt: bool = False, file: bytes | None = None
    ) -> None:
        """file: the bytes that are shipped instead of what the templates write."""
        self._route = route
        self._exchange_id = exchange_id
        self._adopt = adopt
        self._file = file
        self._everywhere = frozenset(target.spec.id for target in route.targets)
        self._packs = 0

    def begin(self, connection: Connection, records: Sequence[Record], checking: ExitStack) -> Callable[[], Plan]:
        """Decide for a block of records by what the ledger knows, and write what is to be sent. Stores nothing.

        checking: what is written is checked until this is closed. Returns what waits for that and gives the plan.
        """
        plan = Plan()
        spec = self._route.spec
        keys = [record.key for record in records if record.document is not None and record.key is not None]
        catalogue = known(
            connection,
            merchant=spec.merchant,
            origin=spec.origin,
            kind=self._route.kind,
            keys=list(dict.fromkeys(keys)),
            exchange_id=self._exchange_id,
        )
        to_send: list[_Errand] = []
        same: list[tuple[Record, Known]] = []
        for record in records:
            if record.document is None or record.key is None:
                plan.set_aside.append(record)
                continue
            before = catalogue.get(record.key)
            verdict, version = self._judge(record, record.document, before)
            plan.verdicts.append((record, verdict))
            if version is not None:
                plan.versions.append(version)
                catalogue[record.key] = _as_known(version, before, self._exchange_id)
            if self._adopt:
                if verdict == "new" and version is not None:
                    plan.postings += self._adopted(record, version)
                continue
            if verdict == "new" and version is not None:
                to_send.append(_Errand(record, version.ordinal, self._everywhere))
            elif verdict == "changed" and before is not None and version is not None:
                to_send += self._changed(connection, plan, record, before, version)
            elif verdict == "same" and before is not None and before.exchange_id != self._exchange_id:
                same.append((record, catalogue[record.key]))
        to_send += self._still_held(connection, plan, same)
        written = [self._written_for(target, to_send, checking) for target in self._route.targets]
        return partial(self._finish, plan, keys, written)

    def _finish(self, plan: Plan, keys: Sequence[str], written: Sequence[_WrittenFor]) -> Plan:
        """The plan with its deliveries, when everything is checked."""
        for each in written:
            self._deliver(plan, each)
        troubled = {record.key for record in plan.set_aside}
        plan.healed = [key for key in keys if key not in troubled]
        return plan

    def _still_held(
        self, connection: Connection, plan: Plan, same: Sequence[tuple[Record, Known]]
    ) -> list[_Errand]:
        """Documents that no template could write so far: today's mapping and template are tried on them.

        Where they still cannot be written they are only counted up, not told anew.
        """
        by_id = {before.document_id: (record, before) for record, before in same}
        held: dict[int, set[str]] = {}
        for fact in postings_of(connection, by_id, self._exchange_id, only_held=True):
            if fact.reason == "problem" and fact.target in self._everywhere:
                held.setdefault(fact.document_id, set()).add(fact.target)
        errands = []
        for document_id, targets in held.items():
            record, before = by_id[document_id]
            assert record.document is not None
            now_fine = set()
            for target in self._route.targets:
                if target.spec.id in targets:
                    written = render(target, record.document, self._identity(record, 0), before.key)
                    if isinstance(written, Written):
                        now_fine.add(target.spec.id)
                    else:
                        plan.set_aside.append(_troubled(record, _placed(record, written)))
            if now_fine:
                version = self._version(record, record.document, before)
                plan.versions.append(version)
                errands.append(_Errand(record, version.ordinal, frozenset(now_fine)))
        return errands

    def _judge(
        self, record: Record, document: Document, before: Known | None
    ) -> tuple[Verdict, PlannedVersion | None]:
        since = self._route.spec.since
        moment = KINDS[self._route.kind].when(document) if since is not None else None
        if since is not None and moment is not None and moment.date() < since:
            return "left_out", None
        if isinstance(document, OrderState) and document.state is None:
            return "left_out", None
        if before is None and is_cancelled(document):
            return "left_out", None
        if before is None:
            return "new", self._version(record, document, before)
        if before.source_fingerprint == record.kept.fingerprint:
            return "same", None
        version = self._version(record, document, before)
        changed = before.significant_fingerprint(self._route.kind) != self._fingerprint(document)
        cancelled = is_cancelled(document) != before.cancelled
        return ("changed" if changed or cancelled else "same"), version

    def _fingerprint(self, document: Document) -> str:
        return fingerprint(self._route.kind, document)

    def _version(self, record: Record, document: Document, before: Known | None) -> PlannedVersion:
        return PlannedVersion(
            key=record.key or "",
            ordinal=1 if before is None else before.ordinal + 1,
            position=record.position,
            source_fingerprint=record.kept.fingerprint,
            cancelled=is_cancelled(document),
            body=encode(document),
        )

    def _adopted(self, record: Record, version: PlannedVersion) -> list[PlannedPosting]:
        """What is called known counts as being there already: a later change of it is told, not sent."""
        identity = self._identity(record, 0)
        return [
            PlannedPosting(
                version.key, version.ordinal, target, 0, identity.pack, identity.item, "already_there", "adopted"
            )
            for target in sorted(self._everywhere)
        ]

    def _changed(
        self, connection: Connection, plan: Plan, record: Record, before: Known, version: PlannedVersion
    ) -> list[_Errand]:
        """A document that is known came with another content: send it, withdraw it, or hold it for a person."""
        assert record.document is not None
        cancelled = is_cancelled(record.document)
        if before.exchange_id == self._exchange_id:
            problem = self._held_problem(record, before.body, cancelled=before.cancelled, same_input=True)
            plan.postings += [self._held(record, version, target, problem) for target in sorted(self._everywhere)]
            return []
        facts = postings_of(connection, [before.document_id], self._exchange_id)
        policy = self._route.spec.on_cancel if cancelled else self._route.on_change
        errands: list[_Errand] = []
        for target in sorted(self._everywhere):
            out = [fact for fact in facts if fact.target == target and fact.went_out]
            if cancelled or policy == "replace":
                unsent = [fact for fact in out if fact.can_be_withdrawn]
                plan.withdrawn += unsent
                out = [fact for fact in out if fact not in unsent]
                if cancelled and unsent:  # settled at once if it can still be withdrawn when this is planned
                    problem = self._held_problem(record, before.body, cancelled=False, same_input=False)
                    plan.postings.append(self._held(record, version, target, problem))
            if not out or policy == "replace":
                if not cancelled:
                    errands.append(_Errand(record, version.ordinal, frozenset({target})))
            elif policy == "hold":
                self._hold_or_heal(connection, plan, record, version, out[-1], facts)
        return errands

    def _hold_or_heal(
        self,
        connection: Connection,
        plan: Plan,
        record: Record,
        version: PlannedVersion,
        last: PostingFact,
        facts: Sequence[PostingFact],
    ) -> None:
        """Compare with what the target has: differences are held, a change that was undone ends the hold."""
        assert record.document is not None
        kind = self._route.kind
        fingerprint_there, was_cancelled, body = version_of(connection, kind, last.document_id, last.ordinal)
        same = fingerprint_there == self._fingerprint(record.document) and not is_cancelled(record.document)
        held = [fact for fact in facts if fact.target == last.target and fact.state == "held"]
        settled = [fact for fact in facts if fact.target == last.target and fact.reason == "settled by hand"]
        if same and not any(fact.ordinal > last.ordinal for fact in settled):
            plan.undone += [fact.id for fact in held]
            return
        reactivated = same or was_cancelled
        problem = self._held_problem(record, body, cancelled=reactivated, same_input=False)
        plan.postings.append(self._held(record, version, last.target, problem))

    def _held(self, record: Record, version: PlannedVersion, target: str, problem: Problem) -> PlannedPosting:
        assert record.document is not None
        identity = self._identity(record, 0)
        reason: Literal["changed", "cancelled"] = "cancelled" if is_cancelled(record.document) else "changed"
        return PlannedPosting(
            version.key, version.ordinal, target, 0, identity.pack, identity.item, "held", reason, (problem,)
        )

    def _held_problem(self, record: Record, body: bytes | None, *, cancelled: bool, same_input: bool) -> Problem:
        name = f"{self._route.kind} {record.key}"
        assert record.document is not None
        if is_cancelled(record.document):
            return Problem(
                code="G004",
                level="warning",
                record=name,
                message="it was cancelled in the shop after it had been sent",
                help=f"cancel it by hand in the accounting program, then `gateway release {record.key} --drop`",
            )
        lines: tuple[str, ...] = ("the content that was sent is not stored any more",)
        if body is not None:
            old = decode(self._route.kind, body)
            lines = tuple(
                f"{path}: {a} → {b}" for path, a, b in differences(self._route.kind, old, record.document)
            )
        if same_input:
            code, message = "G009", "it stands twice in this input with different contents"
        elif cancelled:
            code, message = "G012", "it is active again in the shop, after a cancellation or a change by hand"
        else:
            code, message = "G003", "it came again with another content after it had been sent"
        return Problem(
            code=code,
            level="warning",
            record=name,
            message=message,
            context=lines,
            help=f"change it by hand in the accounting program, then `gateway release {record.key} --drop`; "
            f"`gateway release {record.key}` sends the new content under the same ids, "
            "which POHODA takes for the order that it has",
        )

    def _identity(self, record: Record, generation: int) -> Identity:
        return Identity.of(self._route.spec.origin, self._route.kind, record.key or "", generation)

    def _deliver(self, plan: Plan, written: _WrittenFor) -> None:
        """Put together what goes to one target; what cannot be written for it is held with its problems."""
        target, faults = written.target, written.checks.faults()
        waiting: list[_Member] = []
        for errand, each in written.documents:
            outcome = (next(faults) or each) if isinstance(each, _Member) else each
            if isinstance(outcome, _Member):
                waiting.append(outcome)
                if len(waiting) >= target.pack:
                    self._pack(plan, target, waiting)
                    waiting = []
            else:
                record, identity = errand.record, self._identity(errand.record, 0)
                found = _placed(record, outcome)
                plan.postings.append(
                    _posting(
                        record, errand.ordinal, target, identity, identity.pack, reason="problem", problems=found
                    )
                )
                plan.set_aside.append(_troubled(record, found))
        if waiting:
            self._pack(plan, target, waiting)

    def _written_for(self, target: PreparedTarget, to_send: Sequence[_Errand], checking: ExitStack) -> _WrittenFor:
        """The documents that go to a target as its XML, which is being checked."""
        checks = checking.enter_context(Checks(target.template, target.schema))
        documents = []
        for errand in to_send:
            if target.spec.id in errand.targets:
                each = self._written(target, errand)
                if isinstance(each, _Member):
                    checks.add(each.identity, each.rendered, errand.record.key or "")
                documents.append((errand, each))
        return _WrittenFor(target, tuple(documents), checks)

    def _written(self, target: PreparedTarget, errand: _Errand) -> _Member | tuple[Problem, ...]:
        """A document as the target's XML, not checked yet; or what keeps it from being written."""
        record = errand.record
        assert record.document is not None
        identity = self._identity(record, 0)
        rendered = written_of(target.template, record.document, identity, record.key or "")
        return _Member(record, errand.ordinal, identity, rendered) if isinstance(rendered, Rendered) else rendered

    def _pack(self, plan: Plan, target: PreparedTarget, members: Sequence[_Member]) -> None:
        spec, first = self._route.spec, members[0]
        if target.pack == 1:
            pack_id, content = (
                first.identity.pack,
                assemble(target.template, first.identity.pack, [first.rendered]),
            )
            key, version = first.record.key or "", first.ordinal
            content = content if self._file is None else self._file
        else:
            self._packs += 1
            pack_id = f"{self._exchange_id}.{target.spec.id}.{self._packs}"[:64]
            content = assemble(target.template, pack_id, [member.rendered for member in members])
            key, version = f"{self._exchange_id}.{self._packs}".upper(), 1
        name = file_name(target.spec.file_name, spec.origin, self._route.kind, key, version)
        index = len(plan.deliveries)
        plan.deliveries.append(PlannedDelivery(target.spec.id, name, content))
        for member in members:
            plan.postings.append(
                _posting(
                    member.record,
                    member.ordinal,
                    target,
                    member.identity,
                    pack_id,
                    problems=member.rendered.notes,
                    delivery=index,
                )
            )


class _WrittenFor(msgspec.Struct, frozen=True, eq=False):
    """What was written for a target: each document, or what keeps it from being written; and its checks."""

    target: PreparedTarget
    documents: tuple[tuple[_Errand, _Member | tuple[Problem, ...]], ...]
    checks: Checks


class _Errand(msgspec.Struct, frozen=True):
    """A version of a document that is to go to some of the route's targets."""

    record: Record
    ordinal: int
    targets: frozenset[str]


class _Member(msgspec.Struct, frozen=True):
    """One document of a pack."""

    record: Record
    ordinal: int
    identity: Identity
    rendered: Rendered


def _posting(
    record: Record,
    ordinal: int,
    target: PreparedTarget,
    identity: Identity,
    pack_id: str,
    *,
    reason: Literal["problem"] | None = None,
    problems: tuple[Problem, ...] = (),
    delivery: int | None = None,
) -> PlannedPosting:
    return PlannedPosting(
        key=record.key or "",
        ordinal=ordinal,
        target=target.spec.id,
        generation=0,
        pack_id=pack_id,
        item_id=identity.item,
        state="held" if reason else "planned",
        reason=reason,
        problems=problems,
        delivery=delivery,
    )


def _troubled(record: Record, problems: tuple[Problem, ...]) -> Record:
    return structs.replace(record, document=None, problems=problems)


def _placed(record: Record, problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """What a template or schema complains of, with the place of the record in the shop's own file."""
    place = f"it stands on line {record.kept.line()} of the input"
    return tuple(structs.replace(problem, context=(*problem.context, place)) for problem in problems)


def _as_known(version: PlannedVersion, before: Known | None, exchange_id: str) -> Known:
    return Known(
        before.document_id if before else 0,
        version.key,
        version.ordinal,
        exchange_id,
        version.source_fingerprint,
        "",
        version.cancelled,
        version.body,
    )
