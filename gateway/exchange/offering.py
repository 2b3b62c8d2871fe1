"""What targets are told of the catalogue: changed codes → rules → offers → one file.

It is done on the lane that ships to the target, right before shipping, so nothing of it is ever worked out twice
at the same time. What has not left yet gives way to the new file, which carries its changes too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, select, update

from gateway.clock import from_text
from gateway.diagnostics import Problem, plural
from gateway.documents import Offer
from gateway.exchange import drafts
from gateway.exchange.feeds import (
    Run,
    Sources,
    Worked,
    all_contents,
    all_pending,
    has_pending,
    known_of,
    no_longer_pending,
    offers_of,
    pending_again,
    pending_block,
    route_of,
    told_count,
    write_offers,
)
from gateway.exchange.holds import held_reason, write_hold
from gateway.exchange.planning import PlannedDelivery
from gateway.exchange.prepared import PreparedTarget
from gateway.exchange.site import Site
from gateway.exchange.writing import assemble, faults_of, file_name, written_of
from gateway.offers import CannotWorkOut, Known, LeftOut
from gateway.rendering import Identity, Rendered
from gateway.store import tables
from gateway.store.ledger import LaneLease, in_chunks, insert_into, tell
from gateway.telemetry import emit

_feed, _delivery, _exchange = tables.feed, tables.delivery, tables.exchange
_BLOCK = 500
_FEW = 20
"""A target that knows fewer products than this is not braked: one change of four is no sign of anything."""
_UNSENT = ("drafted", "deferred", "failed")


def work_out(
    site: Site, target: PreparedTarget, sources: Sources, lease: LaneLease | None = None
) -> datetime | None:
    """Draft what a target of offers is to be told; the moment to come again where it is too early, else None."""
    if held_reason(site, f"target:{target.spec.id}") is not None:
        return None
    return Offering(site, target, sources, lease).work()


class Offering:
    """Works out what one target is told."""

    def __init__(
        self, site: Site, target: PreparedTarget, sources: Sources, lease: LaneLease | None = None
    ) -> None:
        assert target.spec.offers is not None
        self._site = site
        self._target = target
        self._id = target.spec.id
        self._spec = target.spec.offers
        self._sources = sources
        self._origin = sources[0][1]
        self._lease = lease

    def work(self) -> datetime | None:
        """As `work_out`."""
        state = self._state()
        with self._site.ledger.read() as connection:
            waiting = has_pending(connection, self._id)
        if not waiting:
            return None
        if state.built_at is not None and state.braked_at is None:
            again = from_text(state.built_at) + self._spec.every
            if again > self._site.clock.now():
                return again
        run = self._run()
        if state.braked_at is not None or not self._is_braked(run):
            self._draft(run)
        return None

    def _state(self) -> Row[Any]:
        """How far the target is. With other rules or another template every code is worked out anew."""
        version, mine = self._version(), select(_feed).where(_feed.c.target == self._id)
        with self._site.ledger.read() as connection:
            row = connection.execute(mine).one_or_none()
        if row is not None and row.configuration == version:
            return row
        statement = insert_into(connection, _feed).values(target=self._id, configuration=version)
        renewed = {"configuration": version}
        with self._site.ledger.write(self._lease) as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["target"], set_=renewed))
            all_pending(connection, self._id, self._sources)
            return connection.execute(mine).one()

    def _version(self) -> str:
        parts = [self._spec.version, self._target.template.version, str(self._target.spec.schema)]
        parts += [f"{merchant}/{origin}" for merchant, origin in self._sources]
        return sha256("\n".join(parts).encode()).hexdigest()

    # -- working out -----------------------------------------------------------------------------------------

    def _run(self) -> Run:
        """Work out all that is pending, and what unsent files carry, block by block. Nothing is sent by this."""
        unsent = select(_delivery.c.id).where(_delivery.c.target == self._id, _delivery.c.state.in_(_UNSENT))
        with self._site.ledger.write(self._lease) as connection:
            taken_back = [str(each) for each in connection.execute(unsent).scalars()]
            pending_again(connection, self._id, taken_back)
        run, after = Run("", taken_back=taken_back), ""
        while True:
            with self._site.ledger.read() as connection:
                block = pending_block(connection, self._id, after, _BLOCK)
                known = known_of(connection, self._sources, list(block))
                before = offers_of(connection, self._id, list(block))
            if not block:
                return run
            after = max(block)
            run.pending |= block
            run.exchange_id = max(run.exchange_id, *block.values())
            for worked in self._block(block, known, before):
                self._sort_in(run, worked, before.get(worked.sku))

    def _block(
        self, codes: Mapping[str, str], known: Mapping[str, Known], before: Mapping[str, Row[Any]]
    ) -> Iterator[Worked]:
        """Rules, template and schema for a block of codes."""
        written: list[tuple[Offer, Identity, Rendered]] = []
        for code in codes:
            offer = self._offer(known.get(code, Known(code)))
            if isinstance(offer, Worked):
                yield offer
                continue
            identity = Identity.of(self._origin, "offer", code, 0)
            rendered = written_of(self._target.template, offer, identity, code)
            if isinstance(rendered, Rendered):
                written.append((offer, identity, rendered))
            else:
                yield Worked(code, problems=rendered)
        checked = [(identity, rendered, offer.sku) for offer, identity, rendered in written]
        faults = faults_of(self._target.template, self._target.schema, checked)
        for (offer, _, rendered), found in zip(written, faults, strict=True):
            row = before.get(offer.sku)
            serial = 1 if row is None else int(row.serial) + 1
            yield Worked(offer.sku, problems=found) if found else self._told(offer, rendered, serial)

    def _offer(self, known: Known) -> Offer | Worked:
        if not known.is_gone and not (known.products or known.stock or known.prices):
            return Worked(known.sku, reason="nothing is known of it any more")
        if known.is_gone and self._spec.gone == "leave_out":
            return Worked(known.sku, reason="its source does not have it any more")
        try:
            offer = self._spec.rules.work_out(known)
        except CannotWorkOut as error:
            return Worked(known.sku, problems=(self._bad_rule(known.sku, error),))
        return Worked(known.sku, reason=offer.reason) if isinstance(offer, LeftOut) else offer

    def _bad_rule(self, sku: str, error: CannotWorkOut) -> Problem:
        return Problem(
            code="G021",
            record=f"offer {sku}",
            message=f"`{'.'.join(('rules', *error.rule))}` of `{self._id}`: {error.message}",
            span=self._target.spec.where(("offers", "rules", *error.rule)),
            help="mend the rule so that it fits products without that value as well, such as `… | default(0)`; "
            "until then the target keeps what it was told last",
        )

    def _told(self, offer: Offer, rendered: Rendered, serial: int) -> Worked:
        """The record as it is, and under the ids of this very change.

        A receiver that knows ids must not take the second price of a product for the first one.
        """
        identity = Identity.of(self._origin, "offer", offer.sku, serial)
        told = rendered.data
        if self._spec.mode == "changes":
            again = written_of(self._target.template, offer, identity, offer.sku)
            assert isinstance(again, Rendered), "it was rendered before"
            told = again.data
        return Worked(
            offer.sku,
            mark=sha256(rendered.data).hexdigest(),
            content=rendered.data if self._spec.mode == "full" else None,
            told=told,
            quantity=None if offer.quantity is None else format(offer.quantity, "f"),
            serial=serial,
            item_id=identity.item,
            problems=rendered.notes,
        )

    def _sort_in(self, run: Run, worked: Worked, before: Row[Any] | None) -> None:
        """Whether the target is to be told: judged on what was delivered to it last."""
        was_told = before is not None and before.delivered is not None and before.state != "left_out"
        if worked.mark is None:
            run.others.append(worked)
            run.vanished += 1 if worked.reason is not None and was_told else 0
        elif before is not None and worked.mark == before.delivered and self._stands(before):
            run.others.append(Worked(worked.sku, mark=worked.mark))
        else:
            run.to_tell.append(worked)
            if was_told and before is not None and worked.mark != before.delivered:
                run.changed += 1
                run.zeroed += 1 if worked.quantity == "0" and before.quantity not in (None, "0") else 0

    def _stands(self, before: Row[Any]) -> bool:
        """Whether the target has it as it was told; a file with everything needs the record itself besides."""
        return before.state == "delivered" and (self._spec.mode == "changes" or before.content is not None)

    # -- the brake -------------------------------------------------------------------------------------------

    def _is_braked(self, run: Run) -> bool:
        """Hold the target where too much would change at once; a release lets the next run pass."""
        if self._spec.brake is None:
            return False
        with self._site.ledger.read() as connection:
            told = told_count(connection, self._id)
        changed = run.changed + run.vanished
        if told < _FEW or changed * 100 <= told * self._spec.brake:
            return False
        reason = (
            f"`brake: {self._spec.brake}`: {changed} of {plural(told, 'product')} would change at once "
            f"({run.zeroed} to no pieces, {run.vanished} would not be told any more)"
        )
        now = self._site.ledger.now()
        with self._site.ledger.write(self._lease) as connection:
            connection.execute(update(_feed).where(_feed.c.target == self._id).values(braked_at=now))
            write_hold(connection, now, f"target:{self._id}", reason, actor="gateway")
        emit("held", level="warning", scope=f"target:{self._id}", reason=reason)
        return True

    # -- drafting --------------------------------------------------------------------------------------------

    def _draft(self, run: Run) -> None:
        """One transaction: the offers as they are now, and the files that tell them instead of unsent ones."""
        now = self._site.ledger.now()
        files = self._files(run)
        planned = [each for each, _ in files]
        label = f"{run.exchange_id}.{self._id.replace('/', '-')}.{now.replace(':', '')}.offers"
        stored = self._site.blobs.store([each.content for each in planned], label)
        with self._site.ledger.write(self._lease) as connection:
            self._site.blobs.record(connection, stored)
            self._drop_unsent(connection, run.taken_back, now)
            emptied = update(_exchange).where(
                _exchange.c.id == run.exchange_id, _exchange.c.emptied_at.is_not(None)
            )
            connection.execute(emptied.values(emptied_at=None))  # so that retention looks at it once more
            route = route_of(self._site, self._target)
            ids = drafts.add_deliveries(connection, route, run.exchange_id, planned, stored, now)
            carried = {sku: ids[index] for index, (_, codes) in enumerate(files) for sku in codes}
            full = self._spec.mode == "full"
            write_offers(connection, self._id, [*run.to_tell, *run.others], carried, now, full=full)
            no_longer_pending(connection, self._id, run.pending)
            connection.execute(
                update(_feed).where(_feed.c.target == self._id).values(built_at=now, braked_at=None)
            )
            for delivery in ids:
                tell(
                    connection, now, "offered", exchange=run.exchange_id, delivery=delivery, products=len(carried)
                )
        emit("offers_worked_out", target=self._id, told=len(run.to_tell), seen=len(run.pending), files=len(ids))

    def _drop_unsent(self, connection: Connection, deliveries: Sequence[str], now: str) -> None:
        for chunk in in_chunks(deliveries):
            connection.execute(
                update(_delivery)
                .where(_delivery.c.id.in_(chunk), _delivery.c.state.in_(_UNSENT))
                .values(state="dropped", settled_at=now)
            )
        for delivery in deliveries:
            tell(connection, now, "superseded", delivery=delivery)

    def _files(self, run: Run) -> list[tuple[PlannedDelivery, list[str]]]:
        """The files of this run, each with the codes whose change it carries."""
        if self._spec.mode == "full":
            if not run.to_tell and not run.vanished and not run.taken_back:
                return []
            return [(self._planned(run, self._everything(run), 1), [worked.sku for worked in run.to_tell])]
        most = self._spec.most or max(1, len(run.to_tell))
        files = []
        for number, start in enumerate(range(0, len(run.to_tell), most), start=1):
            members = run.to_tell[start : start + most]
            records = [worked.told for worked in members if worked.told is not None]
            files.append((self._planned(run, records, number), [worked.sku for worked in members]))
        return files

    def _everything(self, run: Run) -> list[bytes]:
        """All records of the target by code: those of this run and those that stay as they are."""
        with self._site.ledger.read() as connection:
            contents = all_contents(connection, self._id)
        contents |= {worked.sku: worked.content for worked in run.to_tell if worked.content is not None}
        for worked in run.others:
            if worked.reason is not None:
                contents.pop(worked.sku, None)
        return [contents[sku] for sku in sorted(contents)]

    def _planned(self, run: Run, records: Sequence[bytes], number: int) -> PlannedDelivery:
        moment = self._site.clock.now().strftime("%Y%m%d%H%M%S%f")[:17]
        pack = f"{run.exchange_id}.{moment}.{number}"
        encoding = self._target.template.encoding
        content = assemble(self._target.template, pack, [Rendered(record, encoding) for record in records])
        name = file_name(self._target.spec.file_name, self._origin, "offer", f"{moment}-{number}")
        return PlannedDelivery(self._id, name, content)
