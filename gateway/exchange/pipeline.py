"""The pipeline: the bytes of one exchange become documents, postings and deliveries.

Blocks of records are drafted; one last transaction plans them all. An input that is not whole to its end plans
nothing. Whatever a crash leaves is dropped and done again: the input lies in the blobs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import msgspec
from sqlalchemy import Connection, Row, select, update

from gateway.diagnostics import Problem, plural
from gateway.documents import Document, OrderState, Receipt
from gateway.errors import ProblemsFound
from gateway.exchange import drafts, failed, receipts, snapshots
from gateway.exchange.asking import is_whole_round
from gateway.exchange.catalogue import PostingFact
from gateway.exchange.files import described
from gateway.exchange.planning import Plan, Planner, Record
from gateway.exchange.prepared import PreparedRoute
from gateway.exchange.site import Site
from gateway.offers import CannotWorkOut
from gateway.store import tables
from gateway.store.blobs import BlobMissing
from gateway.store.ledger import LaneLease, tell
from gateway.telemetry import emit

BLOCK = 500
_exchange = tables.exchange


class Counts(msgspec.Struct):
    """What became of the records of one exchange."""

    records: int = 0
    new: int = 0
    changed: int = 0
    same: int = 0
    left_out: int = 0
    set_aside: int = 0
    targets: set[str] = msgspec.field(default_factory=set)
    problems: tuple[Problem, ...] = ()
    withdrawn: list[PostingFact] = msgspec.field(default_factory=list)
    undone: list[str] = msgspec.field(default_factory=list)

    def add(self, plan: Plan) -> None:
        """Count a block's plan."""
        self.new += plan.count("new")
        self.changed += plan.count("changed")
        self.same += plan.count("same")
        self.left_out += plan.count("left_out")
        self.set_aside += len({record.position for record in plan.set_aside})
        self.withdrawn += plan.withdrawn
        self.undone += plan.undone
        self.targets |= {delivery.target for delivery in plan.deliveries}

    def as_columns(self) -> dict[str, int]:
        """The counts as the ledger keeps them."""
        names = ("records", "new", "changed", "same", "left_out", "set_aside")
        return {name: getattr(self, name) for name in names}


def process(site: Site, route: PreparedRoute, exchange_id: str, lease: LaneLease | None = None) -> None:
    """Bring one exchange to its plan, or to its failure. Does nothing for one that has come so far already."""
    with site.ledger.write(lease) as connection:
        row = connection.execute(select(_exchange).where(_exchange.c.id == exchange_id)).one()
        if row.planned_at is not None or row.failed_at is not None:
            return
        drafts.drop(connection, exchange_id, site.ledger.now(), why="taken up again after an interruption")
    try:
        with site.blobs.as_file(row.input_sha256) as path:
            if route.spec.answers_of is not None:
                receipts.settle(site, route, row, path, lease)
                return
            if route.is_snapshot:
                _take_in(site, route, row, path, lease)
                return
            if route.ships_files:
                with described(row, site.spool.work, quoted=route.spec.ask is not None) as description:
                    counts = _draft_all(site, route, row, description, lease, file=path.read_bytes())
            else:
                counts = _draft_all(site, route, row, path, lease)
    except ProblemsFound as error:
        if not _is_only_empty(error.problems):
            _fail(site, row, error.problems, lease)
            return
        counts = Counts(problems=error.problems)
    except BlobMissing as error:
        _fail(site, row, [Problem(code="G007", message=str(error), help="drop the file again")], lease)
        return
    _plan(site, route, row, counts, lease)


def _take_in(
    site: Site, route: PreparedRoute, row: Row[tuple[object, ...]], path: Path, lease: LaneLease | None
) -> None:
    """An input of products, stock or prices goes into the catalogue."""
    taken = snapshots.draft_all(site, route, row.id, _records(route, path, row.input_name), BLOCK, lease)
    now, told = site.ledger.now(), snapshots.targets_of(site, route)
    with site.ledger.write(lease) as connection:
        whole = route.spec.ask is None or is_whole_round(str(row.input_name))
        gone = snapshots.let_count(connection, site, route, row.id, now, told=told, whole=whole)
        columns = taken.as_columns()
        connection.execute(update(_exchange).where(_exchange.c.id == row.id).values(planned_at=now, **columns))
        tell(connection, now, "planned", exchange=row.id, counts=columns, gone=gone or None)
        for target in told:
            site.lanes.wake(connection, f"ship:{target}")
    emit(
        "exchange_planned",
        level="warning" if taken.set_aside else "info",
        exchange=row.id,
        route=route.spec.name,
        input=row.input_name,
        gone=gone,
        **columns,
    )


def _draft_all(
    site: Site,
    route: PreparedRoute,
    row: Row[tuple[object, ...]],
    path: Path,
    lease: LaneLease | None,
    *,
    file: bytes | None = None,
) -> Counts:
    """Draft the documents of an input, or of the description of a file that is shipped as it is."""
    counts, numbers = Counts(), drafts.Numbers()
    planner = Planner(route, row.id, adopt=row.mode == "adopt", file=file)
    records = _records(route, path, row.input_name)
    block = max(BLOCK, max(target.pack for target in route.targets))
    number, chunk = 0, list(islice(records, block))
    while chunk:
        number += 1
        with ExitStack() as checking:
            with site.ledger.read() as connection:
                finish = planner.begin(connection, chunk, checking)
            ahead = list(islice(records, block))  # while these are checked
            plan = finish()
        stored = site.blobs.store([d.content for d in plan.deliveries], f"{row.id}.{number}.deliveries")
        with site.ledger.write(lease) as connection:
            drafts.draft(connection, route, row.id, plan, stored, site.blobs, numbers, site.ledger.now())
        counts.records += len(chunk)
        counts.add(plan)
        chunk = ahead
        del finish, plan, stored, ahead  # before the next ones are read: three blocks would be held at once
    return counts


def _is_only_empty(problems: tuple[Problem, ...]) -> bool:
    """A whole export without a record is what a shop without new orders gives: told, but no failure."""
    return all(problem.code == "S007" for problem in problems)


def _records(route: PreparedRoute, path: Path, shown_as: str) -> Iterator[Record]:
    """The input's records; each can give its fragment later, because a target may refuse it."""
    for reading in route.mapping.read(path, shown_as=shown_as):
        assert not isinstance(reading.document, Receipt), "answers go the way of receipts"
        document, problems = _with_state(route, reading.document, reading.problems)
        yield Record(
            position=reading.position,
            key=reading.key,
            document=document,
            problems=problems,
            kept=reading.keep(),
        )


def _with_state(
    route: PreparedRoute, document: Document | None, problems: Sequence[Problem]
) -> tuple[Document | None, tuple[Problem, ...]]:
    """The state of an order in the shop's own words."""
    if route.states is None or not isinstance(document, OrderState):
        return document, tuple(problems)
    try:
        return route.states.applied(document), tuple(problems)
    except CannotWorkOut as error:
        problem = Problem(
            code="G021",
            record=f"order_state {document.number}",
            message=f"`{'.'.join(error.rule)}` of `{route.spec.name}`: {error.message}",
            span=route.spec.span,
            help="mend the rule so that it fits orders without that value as well, such as `… | default(0)`",
        )
        return None, (*problems, problem)


def _plan(
    site: Site, route: PreparedRoute, row: Row[tuple[object, ...]], counts: Counts, lease: LaneLease | None
) -> None:
    """The one switch: everything that was drafted counts from now on."""
    spec, now = route.spec, site.ledger.now()
    held, problems = None, failed.problems_as_json(counts.problems) if counts.problems else None
    if row.mode != "adopt":
        if spec.max_new is not None and counts.new > spec.max_new:
            held, problems = "max_new", failed.problems_as_json([_too_many(route, counts.new, spec.max_new)])
        elif spec.rehearsal and counts.targets:
            held = "rehearsal"
    with site.ledger.write(lease) as connection:
        connection.execute(
            update(_exchange)
            .where(_exchange.c.id == row.id)
            .values(planned_at=now, held=held, problems=problems, **counts.as_columns())
        )
        supersede(connection, row.id)
        withdraw(connection, row.id, counts, now)
        tell(connection, now, "planned", exchange=row.id, held=held, counts=counts.as_columns())
        if held is None:
            for target in sorted(counts.targets):
                site.lanes.wake(connection, f"ship:{target}")
    emit(
        "exchange_planned",
        level="warning" if held == "max_new" or counts.set_aside else "info",
        exchange=row.id,
        route=spec.name,
        input=row.input_name,
        held=held,
        **counts.as_columns(),
    )


def withdraw(connection: Connection, exchange_id: str, counts: Counts, now: str) -> None:
    """Take back what has not left yet, and end the holds of changes that were undone."""
    posting, delivery = tables.posting, tables.delivery
    for fact in counts.withdrawn:
        taken = connection.execute(
            update(delivery)
            .where(delivery.c.id == fact.delivery_id, delivery.c.state.in_(("drafted", "deferred")))
            .values(state="dropped", settled_at=now)
        ).rowcount
        if taken:
            told_of_it = (posting.c.exchange_id == exchange_id) & (posting.c.state == "held")
            connection.execute(
                update(posting)
                .where(
                    posting.c.document_id == fact.document_id,
                    posting.c.target == fact.target,
                    (posting.c.id == fact.id) | told_of_it,
                )
                .values(state="superseded", settled_at=now, reason="withdrawn")
            )
            tell(connection, now, "withdrawn", exchange=exchange_id, delivery=fact.delivery_id, posting=fact.id)
    for posting_id in counts.undone:
        connection.execute(
            update(posting)
            .where(posting.c.id == posting_id, posting.c.state == "held")
            .values(state="superseded", settled_at=now, reason="undone in the shop")
        )


def supersede(connection: Connection, exchange_id: str) -> None:
    """A held or rejected posting gives way to a later version of the same document at the same target."""
    old, newer = tables.posting, tables.posting.alias("newer")
    connection.execute(
        update(old)
        .where(
            old.c.state.in_(("held", "rejected")),
            old.c.exchange_id != exchange_id,
            select(newer.c.id)
            .where(
                newer.c.exchange_id == exchange_id,
                newer.c.document_id == old.c.document_id,
                newer.c.target == old.c.target,
                newer.c.ordinal > old.c.ordinal,
            )
            .exists(),
            old.c.document_id.in_(select(newer.c.document_id).where(newer.c.exchange_id == exchange_id)),
        )
        .values(state="superseded")
    )


def _too_many(route: PreparedRoute, new: int, most: int) -> Problem:
    return Problem(
        code="G002",
        level="warning",
        message=f"the input brings {plural(new, 'new ' + route.kind)}, the route's brake `max_new` allows {most}",
        span=route.spec.span,
        help="look at them with `gateway show`; then `gateway release` sends them all, "
        "and `gateway adopt` is the way to call old orders known without sending them",
    )


def _fail(
    site: Site,
    row: Row[tuple[object, ...]],
    problems: tuple[Problem, ...] | list[Problem],
    lease: LaneLease | None,
) -> None:
    now = site.ledger.now()
    with site.ledger.write(lease) as connection:
        drafts.drop(connection, row.id, now, why="the input is not whole")
        connection.execute(
            update(_exchange)
            .where(_exchange.c.id == row.id)
            .values(failed_at=now, problems=failed.problems_as_json(problems))
        )
        tell(connection, now, "failed", exchange=row.id, problem=problems[0].message if problems else "")
    emit(
        "exchange_failed",
        level="error",
        exchange=row.id,
        route=row.route,
        input=row.input_name,
        problem=problems[0].message if problems else None,
    )
