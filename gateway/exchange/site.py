"""A site at work: its configuration made ready to run, its spool, ledger, blobs and lanes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import TypeVar, cast

from msgspec.structs import replace

from gateway.clock import Clock, SystemClock
from gateway.config import Config, RouteSpec, TargetSpec
from gateway.config.asking import AskSpec, PrintSpec
from gateway.diagnostics import Problem
from gateway.endpoints import (
    AfterWork,
    Dropoff,
    Endpoint,
    Pickup,
    Runtime,
    Service,
    Source,
    Target,
    Traits,
    open_endpoint,
    open_service,
    open_source,
)
from gateway.endpoints.local import LocalEndpoint, LocalOptions
from gateway.exchange.asking import AskSource
from gateway.exchange.carriers import Calls, Folders
from gateway.exchange.idle import IdleTargets
from gateway.exchange.partners import NoConnectionFree, Partners
from gateway.exchange.prepared import PreparedRoute, PreparedTarget, prepare_routes
from gateway.exchange.printing import PrintSource, unprinted
from gateway.store.blobs import Blobs
from gateway.store.lanes import SqliteLanes
from gateway.store.ledger import Ledger, open_ledger
from gateway.store.remembered import RouteMemory
from gateway.store.spool import Spool

Side = TypeVar("Side", Target, Service)


class Site:
    """Everything that the floors above work with. `routes` holds what is ready, `problems` why the rest is not."""

    def __init__(self, config: Config, *, clock: Clock | None = None) -> None:
        self.config = config
        self.clock = clock or SystemClock()
        self.stopping = threading.Event()
        self._runtime = Runtime(self.clock, self.stopping)
        self.spool = Spool(config.spool)
        self.spool.prepare()
        self.ledger: Ledger = open_ledger(self.spool.ledger, self.clock)
        self.blobs = Blobs(self.spool.blobs, self.ledger)
        self.lanes = SqliteLanes(self.ledger)
        self.partners = Partners(self.clock)
        self.idle = IdleTargets(self.clock)
        self.routes: dict[str, PreparedRoute] = {}
        self.problems: tuple[Problem, ...] = ()
        self.apply(config)

    def apply(self, config: Config) -> None:
        """Make a configuration the one that runs; a route with problems is held, the others run."""
        self.routes, problems = prepare_routes(config)
        self.config, self.problems = config, (*config.problems, *problems)

    def targets(self) -> dict[str, PreparedTarget]:
        """All targets by id."""
        return {target.spec.id: target for route in self.routes.values() for target in route.targets}

    def drop_folder_of(self, spec: RouteSpec) -> LocalEndpoint | None:
        """The endpoint behind a route without one of its own: its drop folder in the spool."""
        if spec.endpoint is not None:
            return None
        folder = self.spool.drop_folder(spec.name)
        return LocalEndpoint(f"{spec.name}/in", LocalOptions(path=folder), root=folder)

    @contextmanager
    def source(self, spec: RouteSpec, *, wait: bool = False) -> Iterator[Source]:
        """The route's source, closed after the block. Raises NoConnectionFree, unless it may wait for one."""
        if spec.ask is not None:
            with self._asked(spec, spec.ask, wait=wait) as asked:
                yield asked
            return
        drop_folder = self.drop_folder_of(spec)
        pickup = replace(
            spec.pickup, after=self._dated(spec.pickup.after, has_drop_folder=drop_folder is not None)
        )
        if drop_folder is not None:
            traits: Traits = drop_folder.traits
            source: Source = drop_folder.source(replace(pickup, folder=""))
        else:
            assert spec.endpoint is not None
            options = self.config.endpoints[spec.endpoint]
            endpoint = open_source(spec.endpoint, options, self.config.site, self._runtime)
            lasting = RouteMemory(self.ledger, spec.name, "lasting") if options.has_lists else None
            traits, source = endpoint.traits, endpoint.source(pickup, lasting or self._memory_of(spec))
        with self._line(traits, spec.read_lane, wait=wait):
            try:
                yield source
            finally:
                source.close()

    @contextmanager
    def _asked(self, spec: RouteSpec, ask: AskSpec | PrintSpec, *, wait: bool) -> Iterator[Source]:
        """The program that a route asks, as a source."""
        assert spec.endpoint is not None
        options = self.config.endpoints[spec.endpoint]
        route, memory = self.routes[spec.name], self._memory_of(spec)
        assert route.request is not None
        assert memory is not None
        lasting = RouteMemory(self.ledger, spec.name, "lasting")
        source: AskSource | PrintSource
        if isinstance(ask, AskSpec) and ask.folders is not None:
            files = open_endpoint(spec.endpoint, options, self.config.site)
            traits = files.traits
            source = AskSource(_folders(files, *ask.folders), ask, *route.request, memory, lasting, self.clock)
        else:
            endpoint = open_service(spec.endpoint, options, self.config.site)
            traits = endpoint.traits
            if isinstance(ask, AskSpec):
                source = AskSource(Calls(endpoint.service()), ask, *route.request, memory, lasting, self.clock)
            else:
                waiting = partial(unprinted, merchant=spec.merchant, origin=spec.origin, since=spec.since)
                source = PrintSource(
                    endpoint.service(), ask, route.request, self.ledger, memory, self.clock, waiting
                )
        with self._line(traits, spec.read_lane, wait=wait):
            try:
                yield source
            finally:
                source.close()

    @contextmanager
    def _line(self, traits: Traits, lane: str, *, wait: bool) -> Iterator[None]:
        """One of the connections that the endpoint's host may have at a time. Raises NoConnectionFree."""
        connection = partial(self.partners.connection, traits.host, traits.max_connections, lane)
        with ExitStack() as stack:
            try:
                stack.enter_context(connection())
            except NoConnectionFree:
                if not self.idle.close_one(traits.host or "") and not wait:
                    raise
                stack.enter_context(connection(wait=wait))
            yield

    def _memory_of(self, spec: RouteSpec) -> RouteMemory | None:
        """What the route's source remembers under the configuration that runs."""
        route = self.routes.get(spec.name)
        return None if route is None else RouteMemory(self.ledger, spec.name, route.configuration)

    def _dated(self, after: AfterWork, *, has_drop_folder: bool) -> AfterWork:
        """The after-work action with the folder of today, by this machine's calendar."""
        folder = after.folder
        if folder is not None and "%" in folder:
            folder = self.clock.now().astimezone().strftime(folder)
        return AfterWork(action=after.action, folder=folder, keep_failed=not has_drop_folder)

    @contextmanager
    def target(self, spec: TargetSpec, *, wait: bool = False) -> Iterator[Target]:
        """The folder that a target's deliveries go to. Raises NoConnectionFree, unless it may wait for one."""
        options = self.config.endpoints[spec.endpoint]
        endpoint = open_endpoint(spec.endpoint, options, self.config.site)
        with self._kept_open(
            spec, (options, spec.dropoff), endpoint.traits, lambda: endpoint.target(spec.dropoff), wait=wait
        ) as side:
            yield side

    @contextmanager
    def service(self, spec: TargetSpec) -> Iterator[Service]:
        """The service that a target's deliveries are handed over to. Raises NoConnectionFree."""
        options = self.config.endpoints[spec.endpoint]
        endpoint = open_service(spec.endpoint, options, self.config.site, self._runtime)
        memory = RouteMemory(self.ledger, f"target:{spec.id}", "found")
        opened = partial(endpoint.service, memory)
        with self._kept_open(spec, options, endpoint.traits, opened, wait=False) as side:
            yield side

    @contextmanager
    def _kept_open(
        self, spec: TargetSpec, made_of: object, traits: Traits, opened: Callable[[], Side], *, wait: bool
    ) -> Iterator[Side]:
        """The side that was kept for this lane, or a new one; kept for the next where the block goes well."""
        kept = self.idle.take(spec.lane, made_of)
        if kept is not None:
            side, holds = cast(Side, kept[0]), kept[1]
        else:
            holds = ExitStack()
            side = opened()
            holds.enter_context(self._line(traits, spec.lane, wait=wait))
            holds.callback(side.close)
        with holds:
            yield side
            if traits.host is not None and not self.stopping.is_set():
                self.partners.answered(traits.host)
                self.idle.keep(spec.lane, traits.host, made_of, side, holds.pop_all())

    def is_remote(self, spec: RouteSpec) -> bool:
        """Whether the route's source is on another machine."""
        return spec.endpoint is not None and not isinstance(self.config.endpoints[spec.endpoint], LocalOptions)

    def close(self) -> None:
        """Give everything back."""
        self.idle.close_all()
        self.ledger.close()


def _folders(endpoint: Endpoint, dropoff: Dropoff, answers: Pickup) -> Folders:
    """The two folders of a program that is asked by files."""
    return Folders(
        lambda: closing(endpoint.target(dropoff)),
        lambda name: closing(endpoint.source(replace(answers, files=(name,)))),
    )
