"""`gateway resync`: a target is told of everything anew."""

from __future__ import annotations

from functools import partial

from sqlalchemy import Row, update

from gateway.errors import UsageError
from gateway.exchange.feeds import all_pending, forget_told, has_pending, sources_of, tell_carried_again
from gateway.exchange.naming import Arguments, Step, names
from gateway.exchange.prepared import PreparedTarget
from gateway.exchange.site import Site
from gateway.store import tables
from gateway.store.ledger import tell

_delivery = tables.delivery


def resync(site: Site, actor: str, arguments: Arguments) -> list[Step]:
    """Targets of products, stock and prices, or all of a route. Raises UsageError for other names."""
    targets: dict[str, PreparedTarget] = {}
    for name in arguments.names:
        route, target = site.routes.get(name), site.targets().get(name)
        found = [target] if target is not None else list(route.targets) if route is not None else []
        offered = [each for each in found if each.spec.offers is not None]
        if not found:
            raise UsageError(f"`{name}` is no running route or target; {names(site)}")
        if not offered:
            raise UsageError(
                f"`{name}` is about documents that are sent once; only products, stock and prices can be told "
                f"anew. `gateway retry --route {name}` tries again what did not go through"
            )
        targets |= {each.spec.id: each for each in offered}
    return [
        Step(f"tell {name} of everything anew", partial(_do_resync, site, actor, target))
        for name, target in targets.items()
    ]


def _do_resync(site: Site, actor: str, target: PreparedTarget) -> str:
    name, now, sources = target.spec.id, site.ledger.now(), sources_of(site, target)
    if not sources:
        return f"{name}: its routes are in rehearsal; nothing is shipped"
    with site.ledger.write() as connection:
        forget_told(connection, name)
        all_pending(connection, name, sources)
        tell(connection, now, "resync", target=name, actor=actor)
        site.lanes.urge(connection, target.lane)
        known = has_pending(connection, name)
    return f"{name} is told of everything anew" if known else f"{name}: the catalogue is empty so far"


def tell_again(site: Site, actor: str, target: PreparedTarget, row: Row[tuple[object, ...]]) -> str:
    """What a file carries is worked out as it stands now: its own bytes may be older than what was told since."""
    now = site.ledger.now()
    with site.ledger.write() as connection:
        tell_carried_again(connection, target.spec.id, str(row.id))
        dropped = connection.execute(
            update(_delivery)
            .where(_delivery.c.id == row.id, _delivery.c.state.in_(("failed", "in_doubt", "deferred", "drafted")))
            .values(state="dropped", settled_at=now)
        ).rowcount
        if not dropped:
            connection.execute(
                update(_delivery).where(_delivery.c.id == row.id).values(answered_at=now, taken_away_at=now)
            )
        tell(connection, now, "told_again", exchange=str(row.exchange_id), delivery=str(row.id), actor=actor)
        site.lanes.urge(connection, target.lane)
    return f"{row.target} is told anew of what {row.name} carried"
