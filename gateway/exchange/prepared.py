"""Routes and targets with everything compiled, and why one cannot be."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

import msgspec

from gateway.config import Config, RouteSpec, TargetSpec
from gateway.config.asking import AskSpec, PrintSpec
from gateway.diagnostics import Problem
from gateway.errors import ProblemsFound
from gateway.mapping import Mapping, Overrides
from gateway.mapping import load as load_mapping
from gateway.offers import BadRules, States, compile_states
from gateway.rendering import Schema, Template, Trees, load_schema
from gateway.rendering import load as load_template
from gateway.rendering.asking import Asking, load_asking


class PreparedTarget(msgspec.Struct, frozen=True):
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


class PreparedRoute(msgspec.Struct, frozen=True):
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


def prepare_routes(config: Config, trees: Trees | None = None) -> tuple[dict[str, PreparedRoute], list[Problem]]:
    """The routes that can run, and the problems of the others. trees: of templates that were loaded before."""
    trees = Trees() if trees is None else trees
    routes: dict[str, PreparedRoute] = {}
    problems: list[Problem] = []
    for name, spec in config.routes.items():
        try:
            route = prepare_route(config, spec, trees)
        except ProblemsFound as error:
            problems.extend(error.problems)
            continue
        otherwise = _told_otherwise(route, routes.values())
        problems.extend(otherwise)
        if not otherwise:
            routes[name] = route
    return routes, problems


def prepare_route(config: Config, spec: RouteSpec, trees: Trees | None = None) -> PreparedRoute:
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
            request = prepare_request(config, spec.ask, trees)
        except ProblemsFound as error:
            problems.extend(problem.at(spec.ask.span) for problem in error.problems)
    for target in spec.to:
        try:
            targets.append(prepare_target(config, target, trees))
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


def prepare_target(config: Config, spec: TargetSpec, trees: Trees | None = None) -> PreparedTarget:
    """Compile a target's template and schema. Raises ProblemsFound."""
    template = load_template(
        spec.template,
        settings=spec.settings,
        lookups=spec.lookups,
        site=config.site,
        where=spec.where,
        trees=trees,
    )
    schema = load_schema(spec.schema, site=config.site) if spec.schema else None
    return PreparedTarget(spec, template, schema)


def prepare_request(
    config: Config, spec: AskSpec | PrintSpec, trees: Trees | None = None
) -> tuple[Template, Asking]:
    """Compile the request of a route that asks. Raises ProblemsFound."""
    template = load_template(
        spec.template, settings=spec.settings, lookups={}, site=config.site, where=lambda _: spec.span, trees=trees
    )
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
    once = [name for name in ("since", "max_new", "on_change") if getattr(spec, name) is not None]
    if once and kind.nature == "snapshot":
        found.append(
            Problem(
                code="C007",
                message=f"`{once[0]}` is for what is sent once; of {kind.name}s only the newest counts",
                span=spec.span,
                help="leave it out; `brake:` under `offers:` of the target holds what would change too much",
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
