"""Routes with every name followed: the endpoints, targets and merchants that they speak of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

from gateway import library
from gateway.config.answers import INTO_DONE, AnswersSpec, answers_spec
from gateway.config.asking import ask_spec
from gateway.config.model import (
    AnswersModel,
    ConfigModel,
    ExpectModel,
    FromModel,
    RouteModel,
    TargetModel,
    ToModel,
)
from gateway.config.offers import offers_spec
from gateway.config.over_api import (
    impossible_for_lists,
    impossible_for_records,
    impossible_for_writing,
    impossible_without_lists,
)
from gateway.config.over_http import (
    Impossible,
    impossible_for_a_feed,
    impossible_for_a_source,
    impossible_for_calls,
    impossible_for_uploads,
)
from gateway.config.schedule import Schedule
from gateway.config.specs import Expectation, RouteSpec, TargetSpec
from gateway.diagnostics import Problem, Span
from gateway.endpoints import Dropoff, EndpointModel, Pickup
from gateway.endpoints.base import KEEP
from gateway.rendering.identity import Implied
from gateway.store.spool import is_reserved
from gateway.yamlfile import YamlFile

_REMOTE_INTERVAL = timedelta(minutes=5)
_SCAN_INTERVAL = timedelta(seconds=30)


class Resolver:
    """Follows the names between routes, targets, endpoints and merchants."""

    def __init__(self, model: ConfigModel, files: list[YamlFile], problems: list[Problem], *, site: Path) -> None:
        self._model = model
        self._site = site
        self._files = files
        self._problems = problems
        self._merchants = self._all_merchants()

    def routes(self) -> dict[str, RouteSpec]:
        """The enabled routes whose names all lead somewhere; the others become problems."""
        found: dict[str, RouteSpec] = {}
        for name, route in self._model.routes.items():
            if route.enabled and self._has_a_folder(name, found):
                spec = self._route(name, route)
                if spec is not None:
                    found[name] = spec
        targets = {target.id: (spec, target) for spec in found.values() for target in spec.to}
        for spec, target in targets.values():
            answers = target.answers
            if answers is None or self._is_in_the_way(target, answers, targets):
                continue
            if self._has_a_folder(answers.route, found, at=answers.span):
                found[answers.route] = _reading_answers(spec, target, answers)
        return found

    def _is_in_the_way(
        self, target: TargetSpec, answers: AnswersSpec, targets: dict[str, tuple[RouteSpec, TargetSpec]]
    ) -> bool:
        """Whether its answers would be taken by somebody else, or it would take what is not one."""
        if answers.by_call:
            return False
        folder = _plain(answers.pickup.folder)
        clashes = [
            other.id
            for _, other in targets.values()
            if other.endpoint == target.endpoint
            and (
                _plain(other.dropoff.folder) == folder
                or (
                    other.id != target.id
                    and other.answers is not None
                    and _plain(other.answers.pickup.folder) == folder
                )
            )
        ]
        if clashes:
            own = target.id in clashes
            whose = "its own files are" if own else f"the files or answers of `{clashes[0]}` are"
            self._problems.append(
                Problem(
                    code="C003",
                    message=f"the answers of `{target.id}` are in the folder where {whose}",
                    span=answers.span,
                    help="give the answers of each target a folder of their own, such as `folder: in/response`",
                )
            )
        return bool(clashes)

    def _has_a_folder(self, name: str, others: Iterable[str], *, at: Span | None = None) -> bool:
        """Whether the route's name can be that of its folder in the spool, and of no other route's."""
        twin = next((other for other in others if other.lower() == name.lower()), None)
        if twin is None and not is_reserved(name):
            return True
        why = (
            "is a name that the spool or the system needs itself"
            if twin is None
            else (f"differs from `{twin}` in case" if twin != name else "is the name of another one")
        )
        self._problems.append(
            Problem(
                code="C003",
                message=f"`{name}` cannot be the name of a route: it {why}",
                span=at or self._span(("routes", name), key=True),
                label="this name" if at is None else "its answers are read on a route of this name",
                help="choose another one: a route has a folder of its name in the spool, and on Windows capital "
                "and small letters are the same",
            )
        )
        return False

    def _all_merchants(self) -> dict[str, tuple[str | None, dict[str, TargetModel]]]:
        model = self._model
        if model.merchants:
            if model.merchant is not None:
                self._problems.append(
                    Problem(
                        code="C003",
                        message="`merchant` and `merchants` are both there; `merchant` is left out",
                        span=self._span(("merchant",), key=True),
                        help="write every merchant under `merchants:`, with its name",
                    )
                )
            return {name: (m.company_id, {**model.targets, **m.targets}) for name, m in model.merchants.items()}
        single = model.merchant
        targets = {**model.targets, **(single.targets if single else {})}
        return {"main": (single.company_id if single else None, targets)}

    def _route(self, name: str, route: RouteModel) -> RouteSpec | None:
        base = ("routes", name)
        merchant = self._merchant(route, base)
        if merchant is None:
            return None
        endpoint = route.from_.endpoint
        if endpoint is not None and endpoint not in self._model.endpoints:
            self._unknown("endpoint", endpoint, self._model.endpoints, (*base, "from", "endpoint"))
            return None
        targets = [self._target(merchant, to, (*base, "to", i)) for i, to in enumerate(route.to)]
        if any(target is None for target in targets):
            return None
        ask = None
        wanted = route.from_.ask or route.from_.print
        if wanted is not None:
            span = self._span((*base, "from", "ask" if route.from_.ask else "print"), key=True)
            asked = ask_spec(wanted, *self._merchants[merchant], self._model.endpoints, span)
            if isinstance(asked, Impossible):
                self._cannot([asked], (*base, "from"))
                return None
            ask, endpoint = asked
        elif self._cannot(self._not_from(endpoint, route.from_), (*base, "from")):
            return None
        options = self._model.endpoints[endpoint] if endpoint else None
        is_feed = options is not None and options.type == "http"
        is_list = options is not None and options.type == "api" and ask is None
        if is_list and self._cannot(impossible_for_records(route.max_new), base):
            return None
        if is_feed and self._cannot(impossible_for_a_feed(route.from_), (*base, "from")):
            return None
        after = route.from_.after
        return RouteSpec(
            name=name,
            merchant=merchant,
            origin=route.origin,
            endpoint=endpoint,
            pickup=Pickup(
                folder=route.from_.folder,
                files=tuple(route.from_.files),
                after=after.work() if after else (KEEP if is_feed or is_list else INTO_DONE),
                sort=route.from_.sort,
                done_file=route.from_.done_file,
                listing=route.from_.list_,
                since=route.since if is_list else None,
            ),
            give_up=route.from_.give_up,
            every=route.every or _usual_interval(self._model.endpoints[endpoint] if endpoint else None),
            schedule=Schedule(route.schedule, route.timezone) if route.schedule else None,
            expect=_expectation(route.expect),
            mapping=route.mapping,
            lookups=route.lookups,
            settings=route.settings,
            totals=route.totals,
            since=route.since,
            max_new=route.max_new,
            rehearsal=route.rehearsal,
            on_change=route.on_change,
            on_cancel=route.on_cancel,
            complete=route.complete,
            ask=ask,
            states=tuple(route.states),
            to=tuple(target for target in targets if target is not None),
            span=self._span(base, key=True),
            mapping_span=self._span((*base, "mapping")),
        )

    def _not_from(self, endpoint: str | None, source: FromModel) -> list[Impossible]:
        """What cannot be taken from that endpoint, or from the drop folder."""
        if endpoint is None:
            return impossible_without_lists(source, None)
        options = self._model.endpoints[endpoint]
        if options.type == "api":
            return impossible_for_lists(source, options, self._site)
        if options.is_service:
            return impossible_for_a_source(endpoint)
        return impossible_without_lists(source, endpoint)

    def _merchant(self, route: RouteModel, base: tuple[str, ...]) -> str | None:
        if route.merchant is None:
            if len(self._merchants) == 1:
                return next(iter(self._merchants))
            self._problems.append(
                Problem(
                    code="C002",
                    message="`merchant` is missing",
                    span=self._span(base, key=True),
                    help=f"add `merchant:`, one of {', '.join(self._merchants)}",
                )
            )
            return None
        if route.merchant not in self._merchants:
            if not self._model.merchants:
                self._problems.append(
                    Problem(
                        code="C004",
                        message=f"there is no merchant `{route.merchant}`",
                        span=self._span((*base, "merchant")),
                        help="leave `merchant:` out here: this site has a single one, without a name",
                    )
                )
                return None
            self._unknown("merchant", route.merchant, self._merchants, (*base, "merchant"))
            return None
        return route.merchant

    def _target(self, merchant: str, to: ToModel, base: tuple[str | int, ...]) -> TargetSpec | None:
        company_id, targets = self._merchants[merchant]
        target = targets.get(to.target)
        if target is None:
            self._unknown("target", to.target, targets, (*base, "target"))
            return None
        at = self._target_location(merchant, to.target)
        if target.endpoint not in self._model.endpoints:
            self._unknown("endpoint", target.endpoint, self._model.endpoints, (*at, "endpoint"))
            return None
        options = self._model.endpoints[target.endpoint]
        whose = {} if company_id is None else {"company_id": Implied(company_id)}
        own_settings = {**whose, **target.settings}
        if options.type == "http" and self._cannot(impossible_for_uploads(target, options), at):
            return None
        if options.type == "api":
            if self._cannot(impossible_for_writing(target, options, self._site), at):
                return None
        elif options.type == "mserver":
            written_for = {**own_settings, **to.settings}.get("company_id")
            if self._cannot(impossible_for_calls(target, options, written_for), at):
                return None
        elif self._lacks_a_folder(target.answers, at):
            return None
        if target.window is not None and "{key}" in target.file_name:
            self._problems.append(
                Problem(
                    code="C003",
                    message="`window` needs one fixed `file_name`, without `{key}`",
                    span=self._span((*at, "window"), key=True),
                    help="write `file_name: orders.xml`, or leave `window` out",
                )
            )
            return None
        offers = None
        if target.offers is not None:
            offers = offers_spec(target.offers, lambda place: self._span((*at, "offers", *place)), self._problems)
            if offers is None:
                return None
        identity = to.target if merchant == "main" else f"{merchant}/{to.target}"
        answers = target.answers or (AnswersModel() if options.is_service else None)
        tables = {**target.lookups}
        for table, entries in to.lookups.items():
            tables[table] = {**tables.get(table, {}), **entries}
        return TargetSpec(
            id=identity,
            endpoint=target.endpoint,
            dropoff=Dropoff(target.folder, target.temporary, target.done_file),
            file_name=target.file_name,
            window=target.window,
            template=to.template,
            schema=to.schema_,
            settings={**own_settings, **to.settings},
            lookups=tables,
            own_settings=own_settings,
            own_lookups=target.lookups,
            spans=(*self._places(base), *self._places(at)),
            answers=None
            if answers is None
            else answers_spec(
                answers,
                identity,
                options.answered_by,
                _usual_interval(options),
                self._span((*at, "answers"), key=True),
                self._span((*at, "answers", "mapping")),
            ),
            offers=offers,
        )

    def _lacks_a_folder(self, answers: AnswersModel | None, at: tuple[str, ...]) -> bool:
        """Whether answers are to be read that nobody says the place of."""
        if answers is None or answers.folder is not None:
            return False
        span = self._span((*at, "answers"), key=True)
        self._problems.append(Problem(code="C002", message="`folder` is missing", span=span, help="add `folder:`"))
        return True

    def _cannot(self, asked: Sequence[Impossible], location: tuple[str | int, ...]) -> bool:
        """Say what cannot be had; False where nothing of that was asked for."""
        for one in asked:
            span = self._span((*location, *one.option.split(".")))
            self._problems.append(Problem(code="C003", message=one.message, span=span, help=one.help))
        return bool(asked)

    def _target_location(self, merchant: str, name: str) -> tuple[str, ...]:
        for location in (
            ("merchants", merchant, "targets", name),
            ("merchant", "targets", name),
            ("targets", name),
        ):
            if self._span(location, exact=True) is not None:
                return location
        return ("targets", name)

    def _unknown(self, what: str, name: str, known: Iterable[str], location: tuple[str | int, ...]) -> None:
        names = list(known)
        near = library.similar(name, names)
        listed = f"known: {', '.join(names)}" if names else f"there is none under `{what}s:`"
        self._problems.append(
            Problem(
                code="C004",
                message=f"there is no {what} `{name}`",
                span=self._span(location),
                help=f"there is one with a similar name: `{near}`" if near else listed,
            )
        )

    def _places(self, location: tuple[str | int, ...]) -> list[tuple[YamlFile, tuple[str | int, ...]]]:
        return [(file, location) for file in self._files if location in file.spans] or [(self._files[0], location)]

    def _span(self, location: tuple[str | int, ...], *, key: bool = False, exact: bool = False) -> Span | None:
        for file in self._files:
            if location in file.spans:
                return file.span(location, key=key)
        return None if exact else self._files[0].span(location, key=key)


def _plain(folder: str) -> str:
    return "/".join(part for part in folder.lower().split("/") if part not in ("", "."))


def _usual_interval(endpoint: EndpointModel | None) -> timedelta:
    """How often a folder is looked at where nothing is said; None is the drop folder."""
    return _SCAN_INTERVAL if endpoint is None or endpoint.type == "local" else _REMOTE_INTERVAL


def _reading_answers(of: RouteSpec, target: TargetSpec, answers: AnswersSpec) -> RouteSpec:
    """The route that a target's answers are read on; its documents go nowhere."""
    return RouteSpec(
        name=answers.route,
        merchant=of.merchant,
        origin=answers.route,
        endpoint=target.endpoint,
        pickup=answers.pickup,
        give_up=answers.give_up,
        every=answers.every,
        schedule=None,
        expect=None,
        mapping=answers.mapping,
        lookups={},
        settings={},
        totals=None,
        since=None,
        max_new=None,
        rehearsal=False,
        on_change="ignore",
        on_cancel="ignore",
        to=(),
        span=answers.span,
        mapping_span=answers.mapping_span or answers.span,
        answers_of=target.id,
        by_call=answers.by_call,
    )


def _expectation(model: ExpectModel | None) -> Expectation | None:
    if model is None:
        return None
    later = model.every if model.error_after is None else model.error_after
    return Expectation(model.every, model.warn_after, max(later, model.warn_after))
