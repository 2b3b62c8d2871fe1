"""`gateway retry`: deliveries are sent again, inputs with records set aside are read again."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Row, select, update

from gateway.clock import from_text
from gateway.diagnostics import plural
from gateway.documents import decode
from gateway.endpoints import Look, Staged
from gateway.errors import EndpointError, GatewayError, UsageError
from gateway.exchange import failed
from gateway.exchange.anew import anew
from gateway.exchange.catalogue import significant_fingerprint
from gateway.exchange.naming import PARKED, Arguments, Step, known_route, once, resolve
from gateway.exchange.pipeline import process
from gateway.exchange.prepared import PreparedRoute
from gateway.exchange.resyncing import tell_again
from gateway.exchange.sent import mark_sent
from gateway.exchange.settlement import answering_targets
from gateway.exchange.site import Site
from gateway.exchange.writing import Written, assemble, render
from gateway.rendering import Identity
from gateway.store import tables
from gateway.store.blobs import BlobMissing
from gateway.store.ledger import new_exchange_id, tell

WAITING = ("held", "rejected")
"""States of a posting that a person settles."""

_ARRIVED = ("sent", "confirmed", "warned", "already_there")

_exchange, _delivery, _posting, _version = tables.exchange, tables.delivery, tables.posting, tables.version


def retry(site: Site, actor: str, arguments: Arguments) -> list[Step]:
    """Try again whatever of the named things did not go through."""
    steps: list[Step] = []
    if arguments.route is not None:
        known_route(site, arguments.route)
        steps += _retry_route(site, actor, arguments.route)
    for name in arguments.names:
        kind, rows = resolve(site, name)
        for row in rows:
            if kind == "exchange":
                steps += _retry_exchange(site, actor, row)
            elif kind == "delivery":
                steps += _retry_deliveries(site, actor, [row], send_again=arguments.send_again)
            else:
                steps += retry_posting(site, actor, row, send_again=arguments.send_again)
    return once(steps) or [Step("do nothing: there is nothing to try again", lambda: "nothing to try again")]


def _retry_route(site: Site, actor: str, route: str) -> list[Step]:
    with site.ledger.read() as connection:
        deliveries = connection.execute(
            select(_delivery).where(_delivery.c.route == route, _delivery.c.state.in_(PARKED))
        ).all()
        exchanges = connection.execute(
            select(_exchange)
            .where(
                _exchange.c.route == route,
                _exchange.c.id.in_(
                    select(tables.quarantine.c.exchange_id).where(tables.quarantine.c.resolved_by.is_(None))
                ),
            )
            .order_by(_exchange.c.received_at)
        ).all()
        rejected = connection.execute(
            select(_posting).where(_posting.c.route == route, tables.REJECTED).order_by(_posting.c.created_at)
        ).all()
    steps = _retry_deliveries(site, actor, deliveries)
    for row in rejected:
        steps += retry_posting(site, actor, row)
    for row in exchanges:
        steps += _retry_exchange(site, actor, row)
    return steps


def _retry_exchange(site: Site, actor: str, row: Row[tuple[object, ...]]) -> list[Step]:
    with site.ledger.read() as connection:
        deliveries = connection.execute(
            select(_delivery).where(_delivery.c.exchange_id == row.id, _delivery.c.state.in_(PARKED))
        ).all()
        waits = connection.execute(
            select(tables.quarantine.c.id).where(
                tables.quarantine.c.exchange_id == row.id, tables.quarantine.c.resolved_by.is_(None)
            )
        ).all()
        rejected = connection.execute(
            select(_posting).where(_posting.c.exchange_id == row.id, tables.REJECTED).order_by(_posting.c.id)
        ).all()
    steps = _retry_deliveries(site, actor, deliveries)
    for posting in rejected:
        steps += retry_posting(site, actor, posting)
    if row.failed_at is not None or waits:
        _refuse_emptied(row)
        what = "the whole input" if row.failed_at is not None else plural(len(waits), "record")
        steps.append(
            Step(f"read {row.input_name} of {row.id} again for {what}", lambda: _read_again(site, actor, row))
        )
    return steps


def _refuse_emptied(row: Row[tuple[object, ...]]) -> None:
    if row.emptied_at is not None:
        day = from_text(str(row.emptied_at)).astimezone().strftime("%Y-%m-%d")
        raise UsageError(
            f"the contents of {row.input_name} ({row.id}) were removed by retention on {day}; drop the file again"
        )


def _read_again(site: Site, actor: str, row: Row[tuple[object, ...]]) -> str:
    """The stored input becomes an exchange of its own, read by today's mapping; what is known stays as it is."""
    route = known_route(site, str(row.route))
    newer = _newer_snapshot(site, route, row) if route.is_snapshot else None
    if newer is not None:
        return newer
    now = site.ledger.now()
    again = new_exchange_id(site.clock.now())
    with site.ledger.write() as connection:
        connection.execute(
            _exchange.insert().values(
                id=again,
                merchant=row.merchant,
                route=row.route,
                origin=row.origin,
                kind=route.kind,
                mode="exchange",
                input_name=row.input_name,
                input_size=row.input_size,
                input_sha256=row.input_sha256,
                input_modified=row.input_modified,
                configuration=route.configuration,
                received_at=now,
                last_seen=now,
            )
        )
        tell(connection, now, "read_again", exchange=again, of=row.id, actor=actor)
    with site.lanes.exclusively(route.spec.read_lane) as lease:
        process(site, route, again, lease)
    failed.write_set_aside(site, again)
    failed.remove_mended(site, again)
    with site.ledger.read() as connection:
        result = connection.execute(select(_exchange).where(_exchange.c.id == again)).one()
    if result.failed_at is not None:
        return f"{row.input_name}: it still cannot be read; `gateway show {again}` says why"
    return (
        f"{row.input_name} was read again as {again}: {result.new + result.changed} sent on, "
        f"{result.set_aside} still set aside"
    )


def _newer_snapshot(site: Site, route: PreparedRoute, row: Row[tuple[object, ...]]) -> str | None:
    """Of stock and prices only the newest counts: an input that later ones followed is not read over them."""
    later = (
        select(_exchange.c.id)
        .where(
            _exchange.c.merchant == route.spec.merchant,
            _exchange.c.origin == route.spec.origin,
            _exchange.c.kind == route.kind,
            _exchange.c.received_at > row.received_at,
            _exchange.c.planned_at.is_not(None),
        )
        .order_by(_exchange.c.received_at.desc())
        .limit(1)
    )
    quarantine, now = tables.quarantine, site.ledger.now()
    with site.ledger.write() as connection:
        newest = connection.execute(later).scalar()
        if newest is None:
            return None
        connection.execute(
            update(quarantine)
            .where(quarantine.c.exchange_id == row.id, quarantine.c.resolved_by.is_(None))
            .values(resolved_by=newest, resolved_at=now)
        )
    return (
        f"{row.input_name} is not read again: {newest} came after it, and its values would go over newer ones. "
        "What it set aside is settled; a record that is still bad is set aside anew by the next input"
    )


def retry_posting(site: Site, actor: str, row: Row[tuple[object, ...]], *, send_again: bool = False) -> list[Step]:
    """A posting that no template could write is read anew, a rejected one written anew; another one's delivery is
    sent again.
    """
    if row.state == "held" and row.reason == "problem":
        with site.ledger.read() as connection:
            exchange = connection.execute(select(_exchange).where(_exchange.c.id == row.exchange_id)).one()
        return [
            Step(f"read {exchange.input_name} of {exchange.id} again", lambda: _read_again(site, actor, exchange))
        ]
    if row.state == "rejected":
        what = f"write posting {row.id} anew for {row.target}, under the same ids"
        return [Step(what, lambda: send_anew(site, actor, row))]
    if row.delivery_id is None:
        return []
    states = (*PARKED, "delivered") if send_again else PARKED
    with site.ledger.read() as connection:
        deliveries = connection.execute(
            select(_delivery).where(_delivery.c.id == row.delivery_id, _delivery.c.state.in_(states))
        ).all()
    return _retry_deliveries(site, actor, deliveries, send_again=send_again)


def send_anew(site: Site, actor: str, row: Row[tuple[object, ...]]) -> str:
    """Render a held or rejected version with today's template, and plan its delivery, under the ids it has."""
    source = anew(site, row)
    key = source.key
    newer = _newer(site, row) if row.state == "rejected" else None
    if newer is not None:
        return (
            f"{key} {newer} in the shop since it was rejected: this version is not sent; `gateway show {key}` "
            f"tells of the newer one, `gateway release {row.id} --drop` settles this one"
        )
    if source.body is None:
        return f"the contents of {key} are not stored any more; `gateway release {key} --drop` settles it"
    origin = source.route.spec.origin
    content = source.content(site, Identity(pack=str(row.pack_id), item=str(row.item_id), origin=origin))
    if not isinstance(content, bytes):
        return f"{key} still cannot be written: {content[0].message}"
    now, name = site.ledger.now(), source.name(key)
    stored = site.blobs.store([content], f"{row.id}.{new_exchange_id(site.clock.now())}.released")
    with site.ledger.write() as connection:
        taken = connection.execute(
            update(_posting)
            .where(_posting.c.id == row.id, _posting.c.state == row.state)
            .values(state="planned", reason=None, problems=None)
        ).rowcount
        if not taken:
            return f"{key} is not {row.state} any more: a newer version came; `gateway show {key}`"
        delivery = source.plan(connection, site, name, content, stored, now)
        connection.execute(update(_posting).where(_posting.c.id == row.id).values(delivery_id=delivery))
        tell(connection, now, "released", exchange=str(row.exchange_id), delivery=delivery, actor=actor)
        site.lanes.urge(connection, source.target.lane)
    return f"{key} is on its way to {row.target} as {name}"


def _newer(site: Site, row: Row[tuple[object, ...]]) -> str | None:
    """What became of a document in the shop after this version, where that makes another document of it."""
    with site.ledger.read() as connection:
        versions = connection.execute(
            select(_version, tables.document.c.kind)
            .join(_exchange, _exchange.c.id == _version.c.exchange_id)
            .join(tables.document, tables.document.c.id == _version.c.document_id)
            .where(
                _version.c.document_id == row.document_id,
                _version.c.ordinal >= row.ordinal,
                _exchange.c.planned_at.is_not(None),
            )
            .order_by(_version.c.ordinal)
        ).all()
    if not versions:
        return None
    first, last = versions[0], versions[-1]
    if last.cancelled and not first.cancelled:
        return "was cancelled"
    first_of, last_of = (
        significant_fingerprint(each.kind, each.significant_fingerprint, each.body) for each in (first, last)
    )
    return "was changed" if first_of != last_of else None


def _retry_deliveries(
    site: Site, actor: str, rows: Sequence[Row[tuple[object, ...]]], *, send_again: bool = False
) -> list[Step]:
    return [_retry_delivery(site, actor, row, send_again=send_again) for row in rows]


def _retry_delivery(site: Site, actor: str, row: Row[tuple[object, ...]], *, send_again: bool) -> Step:
    unanswered = row.state == "delivered" and row.answered_at is None and row.target in answering_targets(site)
    if row.state in ("delivered", "dropped") and not (unanswered and send_again):
        said = "was delivered already" if row.state == "delivered" else "was withdrawn before it left"
        return Step(
            f"{row.name} ({row.id}) {said}: nothing is sent", lambda: f"{row.name} {said}: nothing is sent"
        )
    if row.state not in PARKED and not unanswered:
        return Step(f"try {row.name} ({row.id}) at {row.target} now", lambda: _urge(site, row))
    if row.state == "in_doubt" and not send_again:
        return Step(
            f"look for {row.name} ({row.id}) at {row.target}, and send it only if it is still to be renamed there",
            lambda: _look_again(site, actor, row),
        )
    target = site.targets().get(str(row.target))
    if target is not None and target.spec.offers is not None:
        text = f"tell {row.target} anew of what {row.name} ({row.id}) carries, as it stands now"
        return Step(text, lambda: tell_again(site, actor, target, row))
    return Step(f"send {row.name} ({row.id}) to {row.target} again", lambda: _send_again(site, actor, row))


def _look_again(site: Site, actor: str, row: Row[tuple[object, ...]]) -> str:
    """A delivery in doubt: what is seen of both of its names decides, and where nothing is seen a person does."""
    undecided = (
        f"`gateway release {row.id}` calls it delivered, `gateway retry {row.id} --send-again` sends it once more"
    )
    target = site.targets().get(str(row.target))
    if target is None or target.spec.is_service or row.staged_name is None:
        return f"{row.name}: nobody can look there; {undecided}"
    with site.lanes.exclusively(target.lane) as lease:
        try:
            with site.target(target.spec, wait=True) as side:
                if row.place is not None and row.place != side.place:
                    return f"{row.name} was on its way to {row.place}, the target is {side.place} now; {undecided}"
                found = side.look(Staged(str(row.name), str(row.staged_name), int(row.size)))
        except EndpointError as error:
            return f"{row.name}: {error.message}; {undecided}"
        now = site.ledger.now()
        if found in (Look.ABSENT, Look.TAKEN):
            return (
                f"{row.name}: neither it nor its temporary file is there: it was taken, or never came; {undecided}"
            )
        states = {Look.STAGED: "shipping", Look.UNMARKED: "shipping", Look.PUBLISHED: "delivered"}
        with site.ledger.write(lease) as connection:
            connection.execute(
                update(_delivery)
                .where(_delivery.c.id == row.id, _delivery.c.state == "in_doubt")
                .values(state=states[found], problem=None, settled_at=now if found is Look.PUBLISHED else None)
            )
            if found is Look.PUBLISHED:
                mark_sent(connection, str(row.id), now)
            tell(
                connection,
                now,
                "looked",
                exchange=str(row.exchange_id),
                delivery=str(row.id),
                actor=actor,
                found=found,
            )
            site.lanes.urge(connection, target.lane)
    return f"{row.name}: {'it is there' if found is Look.PUBLISHED else 'it is still to be renamed, and goes on'}"


def _render_again(site: Site, row: Row[tuple[object, ...]]) -> None:
    """The stored bytes of a delivery are gone: write them anew from its documents, under the same ids."""
    target = site.targets().get(str(row.target))
    if target is None:
        raise UsageError(f"there is no target {row.target} any more; its delivery {row.id} cannot be written anew")
    with site.ledger.read() as connection:
        rows = connection.execute(
            select(
                _posting, tables.document.c.key, tables.document.c.kind, tables.document.c.origin, _version.c.body
            )
            .join(tables.document, tables.document.c.id == _posting.c.document_id)
            .join(
                _version,
                (_version.c.document_id == _posting.c.document_id) & (_version.c.ordinal == _posting.c.ordinal),
            )
            .where(_posting.c.delivery_id == row.id, _posting.c.state != "superseded")
            .order_by(_posting.c.id)
        ).all()
    if target.spec.offers is not None:
        raise UsageError(f"`gateway resync {row.target}` tells of everything anew, and with that of {row.name}")
    if any(found.kind == "attachment" for found in rows):
        raise GatewayError(f"the file {row.name} is not stored any more: drop it again")
    members = []
    for found in rows:
        if found.body is None:
            raise GatewayError(f"the contents of {found.key} are not stored any more: it cannot be written anew")
        identity = Identity(pack=found.pack_id, item=found.item_id, origin=found.origin)
        written = render(target, decode(found.kind, found.body), identity, found.key)
        if not isinstance(written, Written):
            raise GatewayError(f"{found.key} cannot be written any more: {written[0].message}")
        members.append(written.rendered)
    content = assemble(target.template, rows[0].pack_id, members)
    stored = site.blobs.store([content], f"{row.id}.{new_exchange_id(site.clock.now())}.again")
    with site.ledger.write() as connection:
        site.blobs.record(connection, stored)
        connection.execute(
            update(_delivery)
            .where(_delivery.c.id == row.id, _delivery.c.state.in_(PARKED))
            .values(content_sha256=stored[0].sha256, size=stored[0].size)
        )


def _urge(site: Site, row: Row[tuple[object, ...]]) -> str:
    with site.ledger.write() as connection:
        site.lanes.urge(connection, f"ship:{row.target}")
    return f"{row.name} is on its way to {row.target} and is tried at once"


def _send_again(site: Site, actor: str, row: Row[tuple[object, ...]]) -> str:
    now = site.ledger.now()
    older, is_whole = _settle_older(site, actor, row) if row.state in PARKED else ([], False)
    names = ", ".join(older)
    if is_whole:
        return f"{row.name} is not sent: a newer version of {names} was delivered to {row.target} since"
    try:
        site.blobs.read(str(row.content_sha256))
        is_stored = True
    except BlobMissing:
        is_stored = False
    if older or not is_stored:
        _render_again(site, row)
    with site.ledger.write() as connection:
        connection.execute(
            update(_delivery)
            .where(_delivery.c.id == row.id, _delivery.c.state.in_((*PARKED, "delivered")))
            .values(state="drafted", attempts=0, due_at=None, problem=None, staged_name=None)
        )
        tell(connection, now, "retried", exchange=str(row.exchange_id), delivery=str(row.id), actor=actor)
        site.lanes.urge(connection, f"ship:{row.target}")
    without = f", without {names}: a newer version was delivered since" if older else ""
    return f"{row.name} is on its way to {row.target} again{without}"


def _settle_older(site: Site, actor: str, row: Row[tuple[object, ...]]) -> tuple[list[str], bool]:
    """Give way where a newer version arrived since: the keys of those documents, and whether they are all."""
    newer = _posting.alias("newer")
    arrived = (
        select(newer.c.id)
        .where(
            newer.c.document_id == _posting.c.document_id,
            newer.c.target == _posting.c.target,
            newer.c.ordinal > _posting.c.ordinal,
            newer.c.state.in_(_ARRIVED),
        )
        .exists()
    )
    carried = (_posting.c.delivery_id == row.id) & (_posting.c.state == "planned")
    now = site.ledger.now()
    with site.ledger.write() as connection:
        older = connection.execute(
            select(_posting.c.id, tables.document.c.key)
            .join(tables.document, tables.document.c.id == _posting.c.document_id)
            .where(carried, arrived)
            .order_by(_posting.c.id)
        ).all()
        if not older:
            return [], False
        connection.execute(
            update(_posting)
            .where(_posting.c.id.in_([each.id for each in older]))
            .values(state="superseded", settled_at=now, reason="a newer version was delivered")
        )
        is_whole = connection.execute(select(_posting.c.id).where(carried)).first() is None
        if is_whole:
            connection.execute(
                update(_delivery)
                .where(_delivery.c.id == row.id, _delivery.c.state.in_(PARKED))
                .values(state="dropped", settled_at=now)
            )
        tell(connection, now, "superseded", exchange=str(row.exchange_id), delivery=str(row.id), actor=actor)
    return [str(each.key) for each in older], is_whole
