"""`gateway forget`: a person's data are erased, the numbers of the orders stay known.

Everything is done in one transaction; files go after its commit. What is not settled is refused, because
its contents are still needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, or_, select, update

from gateway.clock import from_text
from gateway.diagnostics import Problem, from_json, plural
from gateway.errors import GatewayError, UsageError
from gateway.exchange import retention
from gateway.exchange.catalogue import note_fingerprints
from gateway.exchange.failed import problems_as_json
from gateway.exchange.naming import Arguments, Step
from gateway.exchange.persons import Found, by_email, by_number, find
from gateway.exchange.settlement import answering_targets, unsettled
from gateway.exchange.site import Site
from gateway.store import tables
from gateway.store.files import fsync_folder
from gateway.store.ledger import in_chunks, of_json, tell, to_json

ERASED = "(erased)"
_SHOWN = 5
_WITH = ", other orders in it included"
# What a timeline keeps of an event: numbers, ids, who did it. Everything else may quote what stood in an order.
_SAFE = frozenset({"actor", "counts", "documents", "held", "name", "of", "posting", "scope", "size", "until"})
_exchange, _delivery, _posting, _version = tables.exchange, tables.delivery, tables.posting, tables.version
_quarantine, _document, _timeline = tables.quarantine, tables.document, tables.timeline
_receipt = tables.receipt


def forget(site: Site, actor: str, arguments: Arguments) -> list[Step]:
    """Erase what is stored of the named orders, or of those with an e-mail address.

    Raises UsageError where nothing of it is known, or something of it is not settled yet.
    """
    found = _find(site, arguments)
    _refuse_unsettled(site, found)
    shops = ", ".join(origin for _, origin in found.origins)
    numbers = _listed([document.key for document in found.documents])
    what = f"the stored contents of {plural(len(found.documents), 'order')} ({shops}: {numbers})"
    if not found.documents:
        what = "what is stored with that address; no order of it was ever sent"
    steps = [Step(f"erase {what}", lambda: _carry_out(site, actor, arguments, what))]
    steps += [
        _said("erase", f"the stored input {name} as a whole{_WITH}") for name in sorted(found.inputs.values())
    ]
    steps += [
        _said("erase", f"the stored delivery {name} as a whole{_WITH}")
        for name in sorted({delivery.name for delivery in found.deliveries})
    ]
    steps += [_said("remove", _shown(site, path)) for path in found.files]
    return [*steps, *_beyond_reach(site, found)]


def _find(site: Site, arguments: Arguments) -> Found:
    documents = by_number(site, arguments.names, arguments.route)
    if arguments.email is not None:
        documents += [found for found in by_email(site, arguments.email) if found not in documents]
    found = find(site, documents, arguments.email)
    if not (found.documents or found.inputs or found.set_aside or found.files or found.waiting):
        raise UsageError(
            "nothing that is stored has that e-mail address; orders whose contents retention has removed "
            "cannot be found by it any more, and need no erasing"
        )
    return found


def _said(verb: str, what: str) -> Step:
    """A part of the whole, told on its own."""
    return Step(f"{verb} {what}", lambda: f"{verb}d {what}")


def _refuse_unsettled(site: Site, found: Found) -> None:
    """Raise UsageError where something waits that needs the contents, the order's own or a neighbour's."""
    with site.ledger.read() as connection:
        open_parts = unsettled(connection, found.exchanges, answering_targets(site))
        names = _input_names(connection, [part.exchange for part in open_parts])
    lines = [
        f"{part.what} (in {names[part.exchange]}, {part.exchange}) {part.why}: `{part.do}`" for part in open_parts
    ]
    for path in found.waiting:
        is_unknown = path.parent == site.blobs.unknown
        why = (
            "is not known to the ledger: `gateway status`"
            if is_unknown
            else "has not been read yet: let it be read"
        )
        lines.append(f"{_shown(site, path)} {why}")
    if lines:
        shown = "; ".join(dict.fromkeys(lines[:_SHOWN]))
        more = f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        raise UsageError(
            f"nothing was erased: contents that would go with it are still needed. Settle first: {shown}{more}"
        )


def _input_names(connection: Connection, exchanges: Sequence[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for chunk in in_chunks(exchanges):
        rows = select(_exchange.c.id, _exchange.c.input_name).where(_exchange.c.id.in_(chunk))
        names |= {row.id: row.input_name for row in connection.execute(rows)}
    return names


# -- what is done ------------------------------------------------------------------------------------------


def _carry_out(site: Site, actor: str, arguments: Arguments, what: str) -> str:
    """Look once more with nobody at work on these shops, and erase."""
    _refuse_busy(site)
    with ExitStack() as alone:
        lease = alone.enter_context(site.lanes.exclusively(retention.LANE))
        for lane in _read_lanes(site, _find(site, arguments)):
            alone.enter_context(site.lanes.exclusively(lane))
        found = _find(site, arguments)
        _refuse_unsettled(site, found)
        digests = {*found.inputs, *(delivery.content_sha256 for delivery in found.deliveries)}
        with site.ledger.write(lease) as connection:
            _erase(connection, found, actor, site.ledger.now())
            segments = site.blobs.erase(connection, digests)
        site.blobs.unlink(segments)
        _remove(found.files)
        emptied = site.ledger.truncate_log()
    if not emptied:
        return f"erased {what}; the ledger's log could not be emptied now, the next restart does it"
    return f"erased {what}; the numbers stay known"


def _refuse_busy(site: Site) -> None:
    busy = next((lane for lane in site.lanes.status() if lane.lane == retention.LANE and lane.owner), None)
    if busy is not None:
        raise GatewayError(
            "a backup is being made, or old contents are being removed: ask again when that is done"
        )


def _read_lanes(site: Site, found: Found) -> list[str]:
    shops = set(found.origins)
    lanes = {
        route.spec.read_lane
        for route in site.routes.values()
        if found.wanted.email is not None
        or (route.spec.merchant, route.spec.origin) in shops
        or route.spec.answers_of is not None
    }
    return sorted(lanes)


def _erase(connection: Connection, found: Found, actor: str, now: str) -> None:
    for ids in in_chunks([document.id for document in found.documents]):
        note_fingerprints(connection, _version.c.document_id.in_(ids))
        connection.execute(update(_version).where(_version.c.document_id.in_(ids)).values(body=None))
        connection.execute(update(_posting).where(_posting.c.document_id.in_(ids)).values(problems=None))
        postings = select(_posting.c.id).where(_posting.c.document_id.in_(ids))
        connection.execute(update(_receipt).where(_receipt.c.posting_id.in_(postings)).values(body=None))
        connection.execute(update(_document).where(_document.c.id.in_(ids)).values(forgotten_at=now))
    for ids in in_chunks(found.set_aside):
        connection.execute(
            update(_quarantine)
            .where(_quarantine.c.id.in_(ids))
            .values(fragment=None, problems="[]", file=None, told_sha256=None)
        )
    for exchanges in in_chunks(found.exchanges):
        _erase_of_exchanges(connection, exchanges, now)
    for exchange in found.exchanges:
        tell(connection, now, "forgotten", exchange=exchange, actor=actor)
    _erase_told(connection, [document.key for document in found.documents])


def _erase_of_exchanges(connection: Connection, exchanges: list[Any], now: str) -> None:
    """Problems and details quote what stood in an input: what happened stays, what was quoted goes."""
    rows = select(_exchange.c.id, _exchange.c.problems).where(
        _exchange.c.id.in_(exchanges), _exchange.c.problems.is_not(None)
    )
    for row in connection.execute(rows).all():
        bare = [_bare(from_json(item), now) for item in of_json(row.problems)]
        connection.execute(
            update(_exchange).where(_exchange.c.id == row.id).values(problems=problems_as_json(bare))
        )
    connection.execute(update(_delivery).where(_delivery.c.exchange_id.in_(exchanges)).values(problem=None))
    happenings = select(_timeline.c.id, _timeline.c.detail).where(_timeline.c.exchange_id.in_(exchanges))
    for row in connection.execute(happenings).all():
        detail = of_json(row.detail)
        safe = {name: value for name, value in detail.items() if name in _SAFE}
        if safe != detail:
            connection.execute(update(_timeline).where(_timeline.c.id == row.id).values(detail=to_json(safe)))


def _bare(problem: Problem, now: str) -> Problem:
    day = from_text(now).astimezone().strftime("%Y-%m-%d")
    return Problem(code=problem.code, level=problem.level, message=f"what was said here was erased on {day}")


def _erase_told(connection: Connection, keys: Iterable[str]) -> None:
    """What people were told of these orders: alerts keep their first line, answers to requests go."""
    alert, request = tables.alert, tables.request
    for key in keys:
        for row in connection.execute(select(alert).where(alert.c.message.contains(key, autoescape=True))).all():
            first = str(row.message).split("\n", 1)[0]
            connection.execute(update(alert).where(alert.c.cause == row.cause).values(message=first))
        told = or_(
            request.c.outcome.contains(key, autoescape=True), request.c.arguments.contains(key, autoescape=True)
        )
        connection.execute(
            update(request).where(told, request.c.done_at.is_not(None)).values(outcome=to_json([ERASED]))
        )


def _remove(files: Iterable[Path]) -> None:
    folders = set()
    for path in files:
        path.unlink(missing_ok=True)
        folders.add(path.parent)
    for folder in folders:
        fsync_folder(folder)


# -- what is told ------------------------------------------------------------------------------------------


def _beyond_reach(site: Site, found: Found) -> list[Step]:
    """What the gateway cannot erase, for the person who answers for it."""
    sources = sorted(
        f"{spec.endpoint} (route {name})"
        for name, spec in site.config.routes.items()
        if spec.endpoint is not None and ((spec.merchant, spec.origin) in found.origins or not found.documents)
    )
    at_targets = sorted({f"{delivery.name} at {delivery.target}" for delivery in found.deliveries})
    left = [f"files at the source {name}" for name in sources]
    left += [f"{_shown(site, path)}, which its route keeps" for path in found.kept]
    left += [_listed(at_targets) + ", and what the receiver made of it"] if at_targets else []
    left += ["backups that were made before", "log files", "mails and chats that told of it"]
    return [_left_alone(what) for what in left]


def _left_alone(what: str) -> Step:
    return Step(f"not reach {what}", lambda: f"not within the gateway's reach: {what}")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _shown(site: Site, path: Path) -> str:
    return f"{site.spool.root.name}/{path.relative_to(site.spool.root).as_posix()}"
