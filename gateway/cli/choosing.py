"""Which template writes the documents of a mapping, and with which settings: named, or found in a route."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from gateway import library
from gateway.cli.main import Session
from gateway.diagnostics import Problem
from gateway.errors import ProblemsFound, UsageError

if TYPE_CHECKING:
    from gateway.config import Config, RouteSpec, TargetSpec
    from gateway.mapping import Mapping, Overrides
    from gateway.rendering import Schema, Template


class Choice(msgspec.Struct, frozen=True):
    """A template with what it is bound to. `lender` says whose settings these are, if anybody's."""

    template: str
    schema: str | None
    settings: dict[str, Any]
    lookups: dict[str, dict[str, str]]
    site: Path | None
    lender: str = ""

    def prepared(self) -> tuple[Template, Schema | None]:
        """The template and the schema. Raises ProblemsFound."""
        from gateway.rendering import load, load_schema

        try:
            template = load(self.template, settings=self.settings, lookups=self.lookups, site=self.site)
        except ProblemsFound as error:
            raise ProblemsFound([with_option(problem) for problem in error.problems]) from None
        return template, load_schema(self.schema, site=self.site) if self.schema is not None else None


def choose(session: Session, mapping: str, template: str, settings: list[str]) -> Choice | None:
    """The template that is named, else that of the first route with this mapping, else (for the settings of a
    configuration) the only one that its routes use or that there is; None where there is none of them.

    Settings and lookups are those of that route, or of the only target that the template writes for.
    """
    from gateway.cli.files import site_of
    from gateway.workbench.goldens import schema_beside

    given = dict(pair(text) for text in settings)
    config = session.config() if session.config_path.exists() else None
    site = site_of(session)
    if not template:
        found = _of_route(config, mapping) if config is not None else None
        if found is not None:
            route, to = found
            settings_of = {**to.settings, **given}
            return Choice(to.template, to.schema, settings_of, to.lookups, site, f"the route {route.name}")
        template = only_template(mapping.rpartition("/")[2], site, config) if config is not None else ""
        if not template:
            return None
    borrowed = borrow(config, mapping, template) if config is not None else None
    own, lookups, lender = borrowed if borrowed is not None else ({}, {}, "")
    return Choice(template, schema_beside(template, site), {**own, **given}, lookups, site, lender)


def only_template(mapping: str, site: Path | None, config: Config | None) -> str:
    """The template for the documents of a mapping such as `order`: the only one that the routes use, else the only
    one there is; nothing where that is not clear.
    """
    kind = mapping.partition("_")[0]
    for known in (_used(config), library.names("templates", ".xml.j2", site)):
        fitting = [each for each in known if each.rpartition("/")[2] == kind]
        if len(fitting) == 1:
            return fitting[0]
    return ""


def templates_in_use(session: Session) -> list[str]:
    """The templates that the routes of the site use; none without a configuration."""
    return _used(session.config() if session.config_path.exists() else None)


def _used(config: Config | None) -> list[str]:
    return (
        sorted({to.template for route in config.routes.values() for to in route.to}) if config is not None else []
    )


def borrow(
    config: Config, mapping: str, template: str
) -> tuple[dict[str, Any], dict[str, dict[str, str]], str] | None:
    """Settings, lookups and whose they are: those of a route with this mapping and template, else those of the
    only target that the template writes for. In doubt nobody's: those of another shop would be a guess.
    """
    users = [(route, to) for route in config.routes.values() for to in route.to if to.template == template]
    for route, to in users:
        if route.mapping == mapping:
            return to.settings, to.lookups, f"the route {route.name}"
    if len({to.id for _, to in users}) != 1:
        return None
    target = users[0][1]
    return target.own_settings, target.own_lookups, f"the target {target.id}, without those of its routes"


def load_mapping(session: Session, name: str) -> Mapping:
    """A mapping by its name or file, with the lookups that a route adds. Raises ProblemsFound, UsageError."""
    from gateway import mapping
    from gateway.cli.files import named_mapping, site_of

    site = site_of(session)
    path = named_mapping(name, site)
    found = _of_route(session.config(), route_name(path)) if session.config_path.exists() else None
    if found is None:
        return mapping.load(str(path), site=site)
    return mapping.load(str(path), site=site, overrides=overrides_of(found[0]))


def overrides_of(route: RouteSpec) -> Overrides:
    """What a route changes of its mapping."""
    from gateway.mapping import Overrides

    return Overrides(lookups=route.lookups, settings=route.settings, totals=route.totals)


def route_name(path: Path) -> str:
    """What a route calls the mapping of a file: `shoptet/order`."""
    return "/".join(path.resolve().with_suffix("").parts[-2:])


def added_lookups(session: Session, name: str) -> dict[str, dict[str, str]]:
    """The rows that the first route with this mapping adds to its lookups."""
    found = _of_route(session.config(), name) if session.config_path.exists() else None
    return found[0].lookups if found is not None else {}


def with_option(problem: Problem) -> Problem:
    """A missing setting is told with the option that gives it: without a configuration there is no other way."""
    if problem.code != "T010":
        return problem
    name = problem.message.split("`")[1]
    return msgspec.structs.replace(
        problem, help=f"add `--set {name}=…`, or take all of a route: `--route NAME`; {problem.help}"
    )


def pair(text: str) -> tuple[str, object]:
    """NAME=VALUE of an option `--set`. Raises UsageError."""
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text}: write NAME=VALUE")
    return name, value


def _of_route(config: Config, mapping: str) -> tuple[RouteSpec, TargetSpec] | None:
    return next(
        ((route, to) for route in config.routes.values() if route.mapping == mapping for to in route.to), None
    )
