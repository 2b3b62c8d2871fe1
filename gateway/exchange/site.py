"""A site at work: its configuration made ready to run, its spool, ledger, blobs and lanes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import TypeVar, cast

from gateway.clock import Clock, SystemClock
from gateway.config import Config, RouteSpec, TargetSpec
from gateway.config.asking import AskSpec, PrintSpec
from gateway.diagnostics import Problem
from gateway.endpoints import (
    AfterWork,
    Dropoff,
    Endpoint,
    Pickup,
    Service,
    Source,
    Target,
    Traits,
    open_endpoint,
    open_service,
)
from gateway.endpoints.local import LocalEndpoint, LocalOptions
from gateway.errors import ProblemsFound
from gateway.exchange.asking import AskSource
from gateway.exchange.carriers import Calls, Folders
from gateway.exchange.idle import IdleTargets
from gateway.exchange.partners import NoConnectionFree, Partners
from gateway.exchange.printing import PrintSource, unprinted
from gateway.mapping import Mapping, Overrides
from gateway.mapping import load as load_mapping
from gateway.offers import BadRules, States, compile_states
from gateway.rendering import Schema, Template, load_schema
from gateway.rendering import load as load_template
from gateway.rendering.asking import Asking, load_asking
from gateway.store.blobs import Blobs
from gateway.store.lanes import SqliteLanes
from gateway.store.ledger import Ledger, open_ledger
from gateway.store.remembered import RouteMemory
from gateway.store.spool import Spool

FORMAT = "xml"
Side = TypeVar("Side", Target, Service)


@dataclass(frozen=True)
class PreparedTarget:
    """One target of a route with its template and schema compiled."""

    spec: TargetSpec
    template: Template
    schema: Schema | None

    @property
    def lane(self) -> str:
        """The lane that this target is shipped to on."""
        return self.spec.lane

    @property
    def pack(self) -> int:
        """How many documents share a file."""
        return int(getattr(self.template.settings, "pack", None) or 1)


@dataclass(frozen=True)
class PreparedRoute:
    """One route with its mapping, templates and schemas compiled.

    `configuration` changes with anything that could make the same bytes lead to another result.
    """

    spec: RouteSpec
    mapping: Mapping
    targets: tuple[PreparedTarget, ...]
    configuration: str
    request: tuple[Template, Asking] | None = None
    states: States | None = None

    @property
    def on_change(self) -> str:
        """What happens to a document that comes again with another content."""
        return self.spec.on_change or self.mapping.kind.on_change

    @property
    def kind(self) -> str:
        """The kind of its documents."""
        return self.mapping.kind.name

    @property
    def ships_files(self) -> bool:
        """Whether its inputs are files that are shipped as they are; a mapping reads their description."""
        return self.mapping.kind.name == "attachment"

    @property
    def is_snapshot(self) -> bool:
        """Whether its inputs go into the catalogue, from which targets are told."""
        return self.mapping.kind.nature == "snapshot"


def prepare_routes(config: Config) -> tuple[dict[str, PreparedRoute], list[Problem]]:
    """The routes that can run, and the problems of the others."""
    routes: dict[str, PreparedRoute] = {}
    problems: list[Problem] = []
    for name, spec in config.routes.items():
        try:
            route = prepare_route(config, spec)
        except ProblemsFound as error:
            problems.extend(error.problems)
            continue
        otherwise = _told_otherwise(route, routes.values())
        problems.extend(otherwise)
        if not otherwise:
            routes[name] = route
    return routes, problems


def prepare_route(config: Config, spec: RouteSpec) -> PreparedRoute:
    """Compile what a route needs. Raises ProblemsFound with all problems of all its files."""
    problems: list[Problem] = []
    mapping: Mapping | None = None
    targets: list[PreparedTarget] = []
    try:
        overrides = Overrides(lookups=spec.lookups, settings=spec.settings, totals=spec.totals)
        mapping = load_mapping(spec.mapping, site=config.site, overrides=overrides)
    except ProblemsFound as error:
        problems.extend(problem.at(spec.mapping_span) for problem in error.problems)
    request, states = None, None
    if spec.ask is not None:
        try:
            request = prepare_request(config, spec.ask)
        except ProblemsFound as error:
            problems.extend(problem.at(spec.ask.span) for problem in error.problems)
    for target in spec.to:
        try:
            targets.append(prepare_target(config, target))
        except ProblemsFound as error:
            problems.extend(problem.at(target.where(())) for problem in error.problems)
    if mapping is not None:
        problems.extend(
            _wrong_kind(mapping, target) for target in targets if target.template.kind != mapping.kind.for_targets
        )
        problems.extend(_offers_missing(mapping, spec, targets))
        states = _states(mapping, spec, problems)
        if (mapping.kind.name == "receipt") != (spec.answers_of is not None):
            problems.append(_no_receipts(mapping, spec))
    if problems or mapping is None:
        raise ProblemsFound(problems)
    configuration = _configuration(spec, mapping, targets)
    return PreparedRoute(spec, mapping, tuple(targets), configuration, request, states)


def prepare_target(config: Config, spec: TargetSpec) -> PreparedTarget:
    """Compile a target's template and schema. Raises ProblemsFound."""
    template = load_template(
        spec.template, settings=spec.settings, lookups=spec.lookups, site=config.site, where=spec.where
    )
    schema = load_schema(spec.schema, site=config.site) if spec.schema else None
    return PreparedTarget(spec, template, schema)


def prepare_request(config: Config, spec: AskSpec | PrintSpec) -> tuple[Template, Asking]:
    """Compile the request of a route that asks. Raises ProblemsFound."""
    template = load_template(spec.template, settings=spec.settings, lookups={}, site=config.site, where=spec.where)
    if template.kind != "request":
        message = f"`{spec.template}` writes {template.kind}s and no requests"
        raise ProblemsFound([Problem(code="C007", message=message, help="such as `pohoda-ask/request-stock`")])
    return template, load_asking(spec.template, site=config.site, where=spec.span)


def _wrong_kind(mapping: Mapping, target: PreparedTarget) -> Problem:
    return Problem(
        code="C007",
        message=f"`{target.spec.template}` writes another kind ({target.template.kind}) "
        f"than `{mapping.name}` reads ({mapping.kind.name})",
        span=target.spec.where(()),
        help="choose a mapping and a template of the same kind",
    )


def _offers_missing(mapping: Mapping, spec: RouteSpec, targets: list[PreparedTarget]) -> list[Problem]:
    """What goes by way of the catalogue and what does not have options of their own."""
    found, kind = [], mapping.kind
    for target in targets:
        if (target.spec.offers is None) == (kind.for_targets == "offer"):
            told = f"`{target.spec.id}` is told of {kind.name}s"
            lacks = kind.for_targets == "offer"
            found.append(
                Problem(
                    code="C007",
                    message=f"{told} and has no `offers:`" if lacks else f"{told}, which are no `offers:`",
                    span=target.spec.where(()),
                    help="add `offers: {}` to the target: it says what is told and when"
                    if lacks
                    else "use a target of its own for what is no product, stock level or price",
                )
            )
    if spec.complete and isinstance(spec.ask, AskSpec) and spec.ask.cursor == "changes":
        found.append(
            Problem(
                code="C007",
                message="`complete` calls gone what is not named, and `cursor: changes` asks for changes alone",
                span=spec.span,
                help="write `cursor: none` and a `page` that holds everything in `ask:`, or leave it out",
            )
        )
    if spec.complete and kind.nature != "snapshot":
        found.append(
            Problem(
                code="C007",
                message=f"`complete` is for products, stock and prices; `{mapping.name}` reads {kind.name}s",
                span=spec.span,
                help="leave it out",
            )
        )
    return found


def _told_otherwise(route: PreparedRoute, others: Iterable[PreparedRoute]) -> list[Problem]:
    """Offers of one target are written by one template: the routes to it all say the same."""
    return [
        Problem(
            code="C007",
            message=f"`{target.spec.id}` is told of products by `{other.spec.name}` already, and with another "
            "template, schema, settings or lookups",
            span=target.spec.where(()),
            help="write the same in both `to:`, or give one of them a target of its own",
        )
        for target in route.targets
        if target.spec.offers is not None
        for other in others
        for same in other.targets
        if same.spec.id == target.spec.id and _writing(same) != _writing(target)
    ]


def _writing(target: PreparedTarget) -> tuple[object, ...]:
    spec = target.spec
    return spec.template, spec.schema, spec.settings, spec.lookups


def _states(mapping: Mapping, spec: RouteSpec, problems: list[Problem]) -> States | None:
    """The compiled `states:` of a route of order states."""
    is_state = mapping.kind.name == "order_state"
    if is_state == bool(spec.states):
        try:
            return compile_states(spec.states) if is_state else None
        except BadRules as error:
            problems.extend(
                Problem(
                    code="C003", message=f"`{'.'.join(bad.place)}`: {bad.message}", span=spec.span, help=bad.hint
                )
                for bad in error.rules
            )
            return None
    message = (
        f"`{spec.name}` is told states of orders, and nothing says what the shop calls them"
        if is_state
        else f"`states` are for states of orders; `{mapping.name}` reads {mapping.kind.name}s"
    )
    advice = "add `states: [{when: delivered, is: Vyřízena}]`" if is_state else "leave them out"
    problems.append(Problem(code="C007", message=message, span=spec.span, help=advice))
    return None


def _no_receipts(mapping: Mapping, spec: RouteSpec) -> Problem:
    """Answers are read by mappings of receipts, and nothing else is."""
    kind, read = f"`{mapping.name}` reads the kind {mapping.kind.name}", spec.mapping_span
    if spec.answers_of is not None:
        message, advice = f"{kind}, and answers are read by one of the kind receipt", "such as `pohoda/response`"
        return Problem(code="C007", message=message, span=read, help=f"choose a mapping of receipts, {advice}")
    message, advice = (
        f"{kind}, which is for the answers of a target",
        "answers are read by `answers:` of the target",
    )
    return Problem(
        code="C007", message=message, span=read, help=f"choose a mapping of what the shop exports; {advice}"
    )


def _configuration(spec: RouteSpec, mapping: Mapping, targets: list[PreparedTarget]) -> str:
    parts = [
        mapping.version,
        str(spec.since),
        str(spec.max_new),
        str(spec.rehearsal),
        str(spec.on_change),
        spec.on_cancel,
    ]
    parts += [state.model_dump_json() for state in spec.states]
    if spec.ask is not None:
        cursor = spec.ask.cursor if isinstance(spec.ask, AskSpec) else "print"
        parts.append(f"{spec.ask.template} {cursor} {sorted(spec.ask.settings.items())}")
    parts += [f"{target.spec.id} {target.template.version} {target.spec.schema}" for target in targets]
    return sha256("\n".join(parts).encode()).hexdigest()


class Site:
    """Everything that the floors above work with. `routes` holds what is ready, `problems` why the rest is not."""

    def __init__(self, config: Config, *, clock: Clock | None = None) -> None:
        self.config = config
        self.clock = clock or SystemClock()
        self.stopping = threading.Event()
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
            endpoint = open_endpoint(spec.endpoint, self.config.endpoints[spec.endpoint], self.config.site)
            traits, source = endpoint.traits, endpoint.source(pickup, self._memory_of(spec))
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
        endpoint = open_service(spec.endpoint, options, self.config.site)
        with self._kept_open(spec, options, endpoint.traits, endpoint.service, wait=False) as side:
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
