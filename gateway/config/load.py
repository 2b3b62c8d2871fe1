"""Reading config.yaml and its includes into a checked, frozen `Config`.

A broken root file is a ConfigError (exit 4). A broken included file, and a route with a problem of its own,
holds only its own routes: the others run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import msgspec
from pydantic import ValidationError

from gateway import yamlfile
from gateway.config.model import ConfigModel
from gateway.config.routes import Resolver, RouteSpec
from gateway.config.secrets import fill_in
from gateway.config.wording import word
from gateway.diagnostics import Problem, Span
from gateway.endpoints.ftp import FtpOptions
from gateway.endpoints.local import LocalOptions
from gateway.errors import ConfigError, ProblemsFound
from gateway.yamlfile import YamlFile

EndpointOptions = LocalOptions | FtpOptions
Sections = Literal["endpoints", "targets", "routes", "merchants"]
_SECRET = re.compile(
    r"""((?:password|passphrase|token|secret)\s*:\s*)((?!["']?\$\{)[^\s,}][^,}]*)""", re.IGNORECASE
)
_SECTIONS: tuple[Sections, ...] = ("merchants", "endpoints", "targets", "routes")


@dataclass(frozen=True)
class Config:
    """A checked site: what runs, and `problems` for what does not."""

    path: Path
    site: Path
    spool: Path
    workers: int
    endpoints: dict[str, EndpointOptions]
    routes: dict[str, RouteSpec]
    problems: tuple[Problem, ...] = ()


@dataclass
class _Part:
    """One file of the configuration while it is put together."""

    file: YamlFile
    data: dict[str, Any]
    root: bool


def load(path: Path) -> Config:
    """Read a site's configuration. Raises ConfigError where the root file does not load."""
    site = path.resolve().parent
    root, problems = _read_root(path, site)
    parts = [root]
    for file in _included(root, site, problems):
        try:
            parts.append(_read_part(file, site))
        except ProblemsFound as error:
            problems.extend(error.problems)
    model = _validate(parts, problems)
    config = Config(
        path=path,
        site=site,
        spool=site / model.spool,
        workers=model.workers,
        endpoints=dict(model.endpoints),
        routes={},
    )
    routes = Resolver(model, [part.file for part in parts], problems).routes()
    return replace(config, routes=routes, problems=tuple(problems))


def _read_root(path: Path, site: Path) -> tuple[_Part, list[Problem]]:
    try:
        return replace(_read_part(path, site), root=True), []
    except ProblemsFound as error:
        raise ConfigError(error.problems) from error


def _read_part(path: Path, site: Path) -> _Part:
    try:
        file = _masked(yamlfile.read(path))
    except ProblemsFound as error:
        raise ProblemsFound([replace_span(problem) for problem in error.problems]) from None
    if not isinstance(file.data, dict):
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
    data = fill_in(file, site, problems)
    if problems:
        raise ProblemsFound(problems)
    return _Part(file, data, root=False)


def replace_span(problem: Problem) -> Problem:
    """The problem with secrets masked in its excerpt."""
    return msgspec.structs.replace(problem, span=_mask(problem.span)) if problem.span else problem


def _masked(file: YamlFile) -> YamlFile:
    """The file with secrets masked in every excerpt that a problem may show."""
    return replace(
        file,
        spans={at: _mask(span) for at, span in file.spans.items()},
        keys={at: _mask(span) for at, span in file.keys.items()},
    )


def _mask(span: Span) -> Span:
    text = span.text and _SECRET.sub(lambda m: m.group(1) + "*" * len(m.group(2)), span.text)
    return msgspec.structs.replace(span, text=text)


def _included(root: _Part, site: Path, problems: list[Problem]) -> Iterable[Path]:
    masks = root.data.get("include") or []
    for index, mask in enumerate(masks if isinstance(masks, list) else []):
        found = sorted(site.glob(str(mask))) if not str(mask).startswith("/") else []
        if not found:
            problems.append(
                Problem(
                    code="C004",
                    level="warning",
                    message=f"`{mask}` names no file",
                    span=root.file.span(("include", index)),
                    help="masks count from the folder of config.yaml",
                )
            )
        yield from found


def _validate(parts: list[_Part], problems: list[Problem]) -> ConfigModel:
    """Validate all parts together; what is wrong in an included part takes only that part out."""
    kept = list(parts)
    while True:
        merged, owner = _merge(kept, problems)
        try:
            return ConfigModel.model_validate(merged)
        except ValidationError as error:
            fatal: list[Problem] = []
            broken: set[int] = set()
            for item in error.errors(include_url=False):
                part = _owner(item["loc"], owner, kept[0])
                problem = word(item, part.file, merged)
                broken.add(id(part))
                (fatal if part.root else problems).append(problem)
            if fatal:
                raise ConfigError([*problems, *fatal]) from error
            kept = [part for part in kept if id(part) not in broken]


def _merge(parts: list[_Part], problems: list[Problem]) -> tuple[dict[str, Any], dict[tuple[str, str], _Part]]:
    merged = {key: value for key, value in parts[0].data.items() if key not in _SECTIONS}
    owner: dict[tuple[str, str], _Part] = {}
    for part in parts:
        if not part.root:
            merged.update({key: value for key, value in part.data.items() if key not in (*_SECTIONS, "version")})
        for section in _SECTIONS:
            members = part.data.get(section)
            if members is None:
                continue
            if not isinstance(members, dict):
                merged[section] = members
                continue
            table = merged.setdefault(section, {})
            for name, value in members.items():
                if name in table:
                    problems.append(
                        Problem(
                            code="C006",
                            message=f"`{name}` stands in two files under `{section}`",
                            span=part.file.span((section, name), key=True),
                            help="rename one of the two",
                        )
                    )
                    continue
                table[name] = value
                owner[section, name] = part
    return merged, owner


def _owner(location: Sequence[Any], owner: dict[tuple[str, str], _Part], root: _Part) -> _Part:
    return owner.get((str(location[0]), str(location[1])), root) if len(location) > 1 else root
