"""The commands of who sets a site up: init, check, explain; `convert` has a file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway import library
from gateway.cli.converting import convert
from gateway.cli.main import EXIT_CODES, Session, session_of
from gateway.clock import monotonic
from gateway.diagnostics import Problem, Span, count_line, one_line, plural
from gateway.errors import ConfigError, ProblemsFound, UsageError

if TYPE_CHECKING:
    from gateway.config import Config

_UNLOADED = "does not load"
_FILES = {"mappings": ".yaml", "templates": ".xml.j2", "xsd": ".xsd"}


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (init, check, convert, explain):
        app.command(epilog=EXIT_CODES)(command)


def init(
    context: typer.Context, folder: Annotated[Path, typer.Argument(help="The folder of the new site.")]
) -> None:
    """Lay out a new site: a commented config.yaml, the drop folder, and a place for own mappings."""
    from gateway.store.spool import Spool

    terminal = session_of(context).terminal
    if (folder / "config.yaml").exists():
        raise UsageError(f"{folder / 'config.yaml'} is there already; choose another folder")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; choose another folder")
    pattern = Path(library.__file__).parent / "site"
    for path in sorted(pattern.rglob("*")):
        place = folder / path.relative_to(pattern)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
            terminal.result(f"{terminal.mark('good')} {place}")
    drop = Spool(folder / "spool").drop_folder("shoptet-orders")
    terminal.result(f"{terminal.mark('good')} {drop}/")
    terminal.result(f"next: read {folder / 'config.yaml'}, then `cd {folder}`, `gateway check` and `gateway run`")


def check(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files or folders to check; none = the whole site and what ships with it."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
) -> None:
    """Check configuration, mappings, templates and schemas, all problems in one run."""
    session = session_of(context)
    terminal, started = session.terminal, monotonic()
    results = list(_check_files(session, paths) if paths else _check_site(session))
    problems = [problem for _, _, found in results for problem in found]
    bad = any(problem.level == "error" or strict for problem in problems)
    if as_json:
        terminal.json(
            [
                {"file": name, "about": about, "problems": [problem.as_json() for problem in found]}
                for name, about, found in results
            ]
        )
    else:
        width = max((len(name) for name, _, _ in results), default=0)
        for name, about, found in results:
            errors = any(problem.level == "error" for problem in found)
            mark = terminal.mark("bad" if errors else "doubtful" if found else "good")
            shown = one_line_without_place(found[0]) if found else about
            terminal.result(f"{mark} {name.ljust(width)}  {shown}")
        terminal.problems(problems)
        counted = count_line(problems, len(results))
        terminal.result(f"{counted} ({monotonic() - started:.2f} s)")
        if bad:
            codes = sorted({problem.code for problem in problems})
            terminal.result(f"next: mend the lines above; `gateway explain {codes[0]}` tells more")
        else:
            terminal.result("next: `gateway run`, or `gateway run --once` to try it")
    if bad:
        unloaded = any(about == _UNLOADED for _, about, _ in results)
        raise typer.Exit(ConfigError.exit_code if unloaded else ProblemsFound.exit_code)


def one_line_without_place(problem: Problem) -> str:
    """The short form for a table that names the file already."""
    import msgspec

    return one_line(msgspec.structs.replace(problem, span=None))


_Result = tuple[str, str, tuple[Problem, ...]]


def _check_site(session: Session) -> Iterator[_Result]:
    """The whole site; what is wrong in a file is told there and not once more by the routes that use it."""
    config: _Result | None = None
    site: Path | None = None
    if session.config_path.exists() or session.config_path != Path("config.yaml"):
        site = session.config_path.resolve().parent
        config = _check_config(session)
    files = [
        _check_file(path, site)
        for folder in _FILES
        for place in library.search_path(folder, site)
        for path in _checkable(place, folder)
    ]
    if config is not None:
        told = {problem for _, _, found in files for problem in found}
        yield config[0], config[1], tuple(problem for problem in config[2] if problem not in told)
    yield from files


def _check_files(session: Session, paths: list[Path]) -> Iterator[_Result]:
    site = session.config_path.resolve().parent if session.config_path.exists() else None
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist")
        files = [file for folder in _FILES for file in _checkable(path, folder)] if path.is_dir() else [path]
        for file in files:
            if file.name in (session.config_path.name, "config.yaml"):
                yield _check_config(Session(session.terminal, file))
            else:
                yield _check_file(file, site)


def _checkable(place: Path, folder: str) -> list[Path]:
    """The files of a kind below a folder; what a template includes is checked with that template."""
    found = sorted(place.rglob("*" + _FILES[folder]))
    data = [path for path in found if path.suffix == ".yaml" and any(path.parent.glob("*.j2"))]
    return [path for path in found if not path.name.startswith("_") and path not in data]


def _check_config(session: Session) -> _Result:
    from gateway.exchange.site import prepare_route

    name = str(session.config_path)
    try:
        config = session.config()
    except ConfigError as error:
        return name, _UNLOADED, error.problems
    problems = [*config.problems, *config.cautions, *_unknown_addresses(config, name)]
    for spec in config.routes.values():
        try:
            prepare_route(config, spec)
        except ProblemsFound as error:
            problems += [problem for problem in error.problems if problem not in problems]
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


def _check_file(path: Path, site: Path | None) -> _Result:
    from gateway.yamlfile import shorten

    name = shorten(path)
    checks = {".yaml": _check_mapping, ".yml": _check_mapping, ".j2": _check_template, ".xsd": _check_schema}
    checker = checks.get(path.suffix)
    if checker is None:
        raise UsageError(f"{name}: only .yaml, .j2 and .xsd files can be checked")
    try:
        return name, *checker(path, site)
    except ProblemsFound as error:
        return name, "", error.problems


def _check_mapping(path: Path, site: Path | None) -> tuple[str, tuple[Problem, ...]]:
    from gateway.mapping import load

    mapping = load(str(path), site=site)
    outcomes = mapping.run_tests(root=_root_of(path))
    failures = tuple(problem for outcome in outcomes for problem in outcome.problems)
    return f"{mapping.kind.name}, {plural(len(outcomes), 'test')}", failures


def _check_template(path: Path, site: Path | None) -> tuple[str, tuple[Problem, ...]]:
    from gateway.rendering import check as check_template

    if path.name.startswith("_"):
        return "part of other templates", ()
    return "fields, filters and includes are known", check_template(str(path), site=site)


def _check_schema(path: Path, _site: Path | None) -> tuple[str, tuple[Problem, ...]]:
    from gateway.rendering import load_schema

    load_schema(str(path))
    return "resolves, no network", ()


def _root_of(path: Path) -> Path:
    """The folder that samples in a mapping's tests count from: the one that holds `mappings/`."""
    for parent in path.resolve().parents:
        if parent.name == "mappings":
            return parent.parent
    return Path.cwd()


def explain(
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="A problem code such as D004; none = the list of all.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Tell what a problem code means, with a bad and a good example."""
    from gateway.diagnostics.explain import explanations

    terminal = session_of(context).terminal
    known = explanations()
    if not code:
        if as_json:
            terminal.json(list(known.values()))
            return
        terminal.table(("CODE", "MEANS"), [(found.code, found.title) for found in known.values()])
        terminal.result("next: `gateway explain CODE`")
        return
    found = known.get(code.upper())
    if found is None:
        raise UsageError(f"there is no problem code `{code}`; `gateway explain` lists them all")
    if as_json:
        terminal.json(found)
        return
    terminal.result(terminal.bold(f"{found.code}: {found.title}"))
    for title, text in (("why", found.why), ("bad", found.bad), ("good", found.good), ("what to do", found.do)):
        terminal.result(f"\n{title}:")
        for line in text.rstrip().splitlines():
            terminal.result(f"    {line}")
