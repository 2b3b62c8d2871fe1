"""`gateway check`: configuration, mappings, templates and schemas, all problems in one run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gateway import library
from gateway.cli.beside import shared_out
from gateway.cli.files import SUFFIXES, descriptions_below, files_below, files_of_site, root_of, site_of
from gateway.cli.main import EXIT_CODES, Session, session_of
from gateway.clock import monotonic
from gateway.diagnostics import Problem, Span, count_line, github_line, one_line, plural
from gateway.errors import ConfigError, ProblemsFound, UsageError

if TYPE_CHECKING:
    from gateway.cli.terminal import Terminal
    from gateway.config import Config
    from gateway.rendering import Trees

_UNLOADED = "does not load"
_Result = tuple[str, str, tuple[Problem, ...]]
Format = Literal["text", "json", "github"]


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(epilog=EXIT_CODES)(check)


def check(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files or folders to check; none = the whole site and what ships with it."),
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="text, json, or github: annotations for a workflow there.")
    ] = "text",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
) -> None:
    """Check configuration, mappings, templates and schemas, all problems in one run."""
    session = session_of(context)
    started = monotonic()
    results = list(_check_files(session, paths) if paths else _check_site(session))
    problems = _told(results)
    bad = any(problem.level == "error" or (strict and problem.level == "warning") for problem in problems)
    if as_json or form == "json":
        session.terminal.json(
            [
                {"file": name, "about": about, "problems": [problem.as_json() for problem in found]}
                for name, about, found in results
            ]
        )
    elif form == "github":
        for problem in problems:
            session.terminal.result(github_line(problem))
    else:
        _report(session.terminal, results, monotonic() - started, bad=bad)
    if bad:
        unloaded = any(about == _UNLOADED for _, about, _ in results)
        raise typer.Exit(ConfigError.exit_code if unloaded else ProblemsFound.exit_code)


def _report(terminal: Terminal, results: list[_Result], seconds: float, *, bad: bool) -> None:
    problems = _told(results)
    width = max((len(name) for name, _, _ in results), default=0)
    for name, about, found in results:
        errors = any(problem.level == "error" for problem in found)
        told = [problem for problem in found if problem.level != "note"]
        mark = terminal.mark("bad" if errors else "doubtful" if told else "good")
        shown = one_line_without_place(found[0]) if found else about
        terminal.result(f"{mark} {name.ljust(width)}  {shown}")
    terminal.problems(problems)
    terminal.result(f"{count_line(problems, len(results))} ({seconds:.2f} s)")
    if bad:
        codes = sorted({problem.code for problem in problems})
        terminal.result(f"next: mend the lines above; `gateway explain {codes[0]}` tells more")
    else:
        terminal.result("next: `gateway run`, or `gateway run --once` to try it")


def _told(results: list[_Result]) -> list[Problem]:
    """All problems; one that several files have of the mapping that they extend is told once."""
    return list(dict.fromkeys(problem for _, _, found in results for problem in found))


def one_line_without_place(problem: Problem) -> str:
    """The short form for a table that names the file already."""
    import msgspec

    return one_line(msgspec.structs.replace(problem, span=None))


def _check_site(session: Session) -> Iterator[_Result]:
    """The whole site; what is wrong in a file is told there and not once more by the routes that use it."""
    site = site_of(session)
    look = _Look(site)
    paths = [path for folder in SUFFIXES for path in files_of_site(folder, site)]
    paths += [path for place in library.search_path("mappings", site) for path in descriptions_below(place)]
    configured = session.config_path.exists() or session.config_path != Path("config.yaml")
    # templates together, and those of the targets beside them: they share their parts
    works = {path: partial(look.at, path) for path in paths if path.suffix != ".j2"}
    works |= {session.config_path: partial(look.config, session)} if configured else {}
    works |= {path: partial(look.at, path) for path in paths if path.suffix == ".j2"}
    found = dict(zip(works, shared_out([*works.values()]), strict=True))
    files = [found[path] for path in paths]
    if configured:
        told = {problem for _, _, problems in files for problem in problems}
        name, about, problems = found[session.config_path]
        yield name, about, tuple(problem for problem in problems if problem not in told)
    yield from files


def _check_files(session: Session, paths: list[Path]) -> Iterator[_Result]:
    look = _Look(site_of(session))
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist")
        files = [path]
        if path.is_dir():
            files = [file for folder in SUFFIXES for file in files_below(path, folder)]
            files += descriptions_below(path)
        for file in files:
            if file.name in (session.config_path.name, "config.yaml"):
                yield look.config(Session(session.terminal, file))
            else:
                yield look.at(file)


def check_config(session: Session, trees: Trees | None = None) -> _Result:
    """The configuration of the site: its name, a word about it, and all its problems.

    trees: of templates that were loaded before.
    """
    from gateway.exchange.prepared import prepare_routes

    name = str(session.config_path)
    try:
        config = session.config()
    except ConfigError as error:
        return name, _UNLOADED, error.problems
    problems = [*config.problems, *config.cautions, *_unknown_addresses(config, name)]
    _, found = prepare_routes(config, trees)
    problems += [problem for problem in dict.fromkeys(found) if problem not in problems]
    about = f"{plural(len(config.routes), 'route')}, {plural(len(config.endpoints), 'endpoint')}"
    return name, about, tuple(problems)


def _unknown_addresses(config: Config, name: str) -> list[Problem]:
    """The addresses of alerts that nothing can be sent to. Looked at here only: the library is slow to load."""
    if config.alerts is None:
        return []
    from gateway.endpoints.notices import why_no_address

    return [
        Problem(
            code="C012",
            message=f"address {number} of `notify` under `alerts` cannot be used: {reason}",
            span=Span(file=name),
            help="`gateway probe alerts` sends a test message once it is mended",
        )
        for number, address in enumerate(config.alerts.notify, start=1)
        if (reason := why_no_address(address)) is not None
    ]


class _Look:
    """The checks of files, one after the other; what templates share is parsed once."""

    def __init__(self, site: Path | None) -> None:
        from gateway.rendering import Trees

        self._site = site
        self._trees = Trees()

    def at(self, path: Path) -> _Result:
        """What is found in one file. Raises UsageError for what cannot be checked."""
        from gateway.yamlfile import shorten

        name = shorten(path)
        checks = {".yaml": self._mapping, ".yml": self._mapping, ".j2": self._template, ".xsd": _check_schema}
        described = {"api.yaml": _check_api, "platform.yaml": _check_platform}
        checker = described.get(path.name) or checks.get(path.suffix)
        if checker is None:
            raise UsageError(f"{name}: only .yaml, .j2 and .xsd files can be checked")
        try:
            return name, *checker(path, self._site)
        except ProblemsFound as error:
            return name, "", error.problems

    def config(self, session: Session) -> _Result:
        """What is found in the configuration."""
        return check_config(session, self._trees)

    def _template(self, path: Path, site: Path | None) -> tuple[str, tuple[Problem, ...]]:
        from gateway.rendering.reachability import reviewed

        if path.name.startswith("_"):
            return "part of other templates", ()
        return "fields, filters and includes are known", reviewed(str(path), site=site, trees=self._trees)

    def _mapping(self, path: Path, site: Path | None) -> tuple[str, tuple[Problem, ...]]:
        from gateway.mapping import load
        from gateway.workbench.goldens import run_tests

        mapping = load(str(path), site=site)
        checked = list(run_tests(mapping, root=root_of(path), site=site, trees=self._trees))
        failures = tuple(problem for each in checked for problem in each.outcome.problems)
        return f"{mapping.kind.name}, {plural(len(checked), 'test')}", failures


def _check_api(path: Path, _site: Path | None) -> tuple[str, tuple[Problem, ...]]:
    from gateway.endpoints.api_description import read_description

    description = read_description(path)
    return f"API, {plural(len(description.lists), 'list')}", ()


def _check_platform(path: Path, site: Path | None) -> tuple[str, tuple[Problem, ...]]:
    from gateway.workbench.platforms import check_platform

    return f"platform, {plural(len(check_platform(path, site).travels), 'row')}", ()


def _check_schema(path: Path, _site: Path | None) -> tuple[str, tuple[Problem, ...]]:
    from gateway.rendering import load_schema

    load_schema(str(path))
    return "resolves, no network", ()
