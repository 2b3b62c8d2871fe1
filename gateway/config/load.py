"""Reading config.yaml and its includes into a checked, frozen `Config`.

A broken root file is a ConfigError (exit 4). A broken included file, and a route with a problem of its own,
holds only its own routes: the others run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec.structs import replace
from pydantic import ValidationError

from gateway import library, yamlfile
from gateway.config.cautions import cautions, inline_secrets
from gateway.config.masking import masked_file, masked_problem
from gateway.config.model import ConfigModel
from gateway.config.routes import Resolver
from gateway.config.secrets import fill_in
from gateway.config.specs import RouteSpec
from gateway.config.upkeep import AlertSpec, RetentionSpec, alert_spec, retention_spec
from gateway.config.wording import arranged, word
from gateway.diagnostics import Problem, Span
from gateway.errors import ConfigError, ProblemsFound
from gateway.yamlfile import YamlFile

if TYPE_CHECKING:
    from gateway.endpoints.options import AnyOptions

Sections = Literal["endpoints", "targets", "routes", "merchants"]
_SECTIONS: tuple[Sections, ...] = ("merchants", "endpoints", "targets", "routes")


class Config(msgspec.Struct, frozen=True):
    """A checked site: what runs, `problems` for what does not, `cautions` for what should not stay so."""

    path: Path
    site: Path
    spool: Path
    workers: int
    minimum_free: int
    endpoints: dict[str, AnyOptions]
    routes: dict[str, RouteSpec]
    retention: RetentionSpec
    alerts: AlertSpec | None = None
    problems: tuple[Problem, ...] = ()
    cautions: tuple[Problem, ...] = ()


class _Part(msgspec.Struct):
    """One file of the configuration while it is put together."""

    file: YamlFile
    data: dict[str, Any]
    root: bool
    inline: frozenset[tuple[str, ...]] = frozenset()


def load(path: Path) -> Config:
    """Read a site's configuration. Raises ConfigError where the root file does not load."""
    site = path.resolve().parent
    problems: list[Problem] = []
    root = _read_root(path, site)
    parts = [root]
    for file in _included(root, path, problems):
        try:
            parts.append(_read_included(file, site))
        except ProblemsFound as error:
            problems.extend(error.problems)
    model = _validate(parts, problems)
    config = Config(
        path=path,
        site=site,
        spool=site / model.spool,
        workers=model.workers,
        minimum_free=model.minimum_free,
        endpoints=dict(model.endpoints),
        routes={},
        alerts=alert_spec(model.alerts),
        retention=retention_spec(model.retention),
    )
    routes = Resolver(model, [part.file for part in parts], problems, site=site).routes()
    doubtful = [
        problem for part in parts for problem in cautions(part.file, part.inline, config.endpoints, routes)
    ]
    return replace(config, routes=routes, problems=tuple(problems), cautions=tuple(doubtful))


def _read_root(path: Path, site: Path) -> _Part:
    if not path.exists():
        raise ConfigError(
            [
                Problem(
                    code="C000",
                    message=f"there is no configuration `{path}`",
                    help="`gateway init DIR` lays out a new site, `gateway --config FILE` names another file",
                )
            ]
        )
    try:
        return replace(_read_part(path, site), root=True)
    except ProblemsFound as error:
        raise ConfigError(error.problems) from None


def _read_part(path: Path, site: Path) -> _Part:
    try:
        raw = yamlfile.read(path)
    except ProblemsFound as error:
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        raise ProblemsFound([masked_problem(problem, text) for problem in error.problems]) from None
    file = masked_file(raw)
    if not isinstance(raw.data, dict):
        raise ProblemsFound(
            [
                Problem(
                    code="C003",
                    message="the file is not a table of keys and values",
                    span=file.span(()) or Span(file=file.path),
                    help="start it with `version: 1`",
                )
            ]
        )
    problems: list[Problem] = []
    data = fill_in(replace(file, data=raw.data), site, problems)
    if problems:
        raise ProblemsFound(problems)
    return _Part(file, data, root=False, inline=inline_secrets(raw.data))


def _read_included(path: Path, site: Path) -> _Part:
    """An included file holds merchants, endpoints, targets and routes; all else belongs into the root file."""
    part = _read_part(path, site)
    problems = [
        Problem(
            code="C003",
            message=f"`{section}`: a table of keys and values is expected",
            span=part.file.span((section,)),
            label="this value",
        )
        for section in _SECTIONS
        if section in part.data and not isinstance(part.data[section], dict)
    ]
    if part.data.get("version", "1") != "1":
        problems.append(
            Problem(
                code="C003",
                message="`version`: `1` is expected",
                span=part.file.span(("version",)),
                label="this value",
            )
        )
    known = ("version", *_SECTIONS)
    roots = [name for name in ConfigModel.model_fields if name not in known]
    for key in part.data:
        if key in roots:
            problems.append(
                Problem(
                    code="C001",
                    message=f"`{key}` belongs into the configuration itself, not into an included file",
                    span=part.file.span((key,), key=True),
                    help=f"move it there; here may stand {', '.join(f'`{name}`' for name in known)}",
                )
            )
        elif key not in known:
            near = library.similar(key, known)
            problems.append(
                Problem(
                    code="C001",
                    message=f"unknown key `{key}`",
                    span=part.file.span((key,), key=True),
                    label="not an option here",
                    help=f"there is an option with a similar name: `{near}`"
                    if near
                    else f"options here are {', '.join(f'`{name}`' for name in known)}",
                )
            )
    if problems:
        raise ProblemsFound(problems)
    return part


def _included(root: _Part, path: Path, problems: list[Problem]) -> Iterator[Path]:
    """The files that `include:` names, each once and never the root file itself."""
    masks = root.data.get("include") or []
    seen = {path.resolve()}
    for index, mask in enumerate(masks if isinstance(masks, list) else []):
        try:
            found = sorted(file for file in path.resolve().parent.glob(str(mask or "")) if file.is_file())
        except (ValueError, NotImplementedError):  # an empty mask, or one that begins with /
            found = []
        if not found:
            problems.append(
                Problem(
                    code="C004",
                    level="warning",
                    message=f"`{mask or ''}` names no file",
                    span=root.file.span(("include", index)),
                    help="masks count from the folder of config.yaml",
                )
            )
        for file in found:
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield file


def _validate(parts: list[_Part], problems: list[Problem]) -> ConfigModel:
    """Validate all parts together; what is wrong in an included part takes only that part out."""
    kept = list(parts)
    while True:
        merged, owner, twice = _merge(kept)
        try:
            model = ConfigModel.model_validate(merged)
        except ValidationError as error:
            fatal: list[Problem] = []
            broken: set[int] = set()
            for item in arranged(error.errors(include_url=False)):
                part = _owner(item["loc"], owner, kept[0])
                broken.add(id(part))
                (fatal if part.root else problems).append(word(item, part.file, merged))
            if fatal:
                raise ConfigError([*problems, *twice, *fatal]) from None  # pydantic's own text shows the values
            kept = [part for part in kept if id(part) not in broken]
        else:
            problems.extend(twice)
            return model


def _merge(parts: list[_Part]) -> tuple[dict[str, Any], dict[tuple[str, str], _Part], list[Problem]]:
    """All parts as one table, who wrote which member of a section, and what stands in two files."""
    merged = dict(parts[0].data)
    owner: dict[tuple[str, str], _Part] = {}
    twice: list[Problem] = []
    for section in _SECTIONS:
        members: dict[str, Any] = {}
        for part in parts:
            given = part.data.get(section)
            for name, value in given.items() if isinstance(given, dict) else ():
                if name not in members:
                    members[name] = value
                    owner[section, name] = part
                    continue
                first = owner[section, name].file
                place = first.span((section, name), key=True)
                twice.append(
                    Problem(
                        code="C006",
                        message=f"`{name}` stands in two files under `{section}`",
                        span=part.file.span((section, name), key=True),
                        label=f"first in {first.path}:{place.line}" if place else None,
                        help="rename one of the two; this one is left out",
                    )
                )
        if isinstance(merged.get(section), dict | None):
            merged[section] = members
    return merged, owner, twice


def _owner(location: Sequence[Any], owner: dict[tuple[str, str], _Part], root: _Part) -> _Part:
    return owner.get((str(location[0]), str(location[1])), root) if len(location) > 1 else root
