"""The commands of who sets a site up: init, check, convert, explain."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway import library
from gateway.cli.main import EXIT_CODES, Session, session_of
from gateway.clock import monotonic
from gateway.diagnostics import Problem, count_line, one_line, plural
from gateway.errors import ConfigError, GatewayError, ProblemsFound, UsageError

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.exchange.conversion import Conversion, Tally
    from gateway.mapping import Mapping
    from gateway.rendering import Schema, Template

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
    problems = [*config.problems, *config.cautions]
    for spec in config.routes.values():
        try:
            prepare_route(config, spec)
        except ProblemsFound as error:
            problems += [problem for problem in error.problems if problem not in problems]
    about = f"{plural(len(config.routes), 'route')}, {plural(len(config.endpoints), 'endpoint')}"
    return name, about, tuple(problems)


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


def convert(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="IN", help="The file to convert.")],
    mapping: Annotated[str, typer.Option("--mapping", "-m", help="The mapping, such as shoptet/order.")] = "",
    template: Annotated[str, typer.Option("--template", "-t", help="The template, such as pohoda/order.")] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; none = stdout.")
    ] = None,
    route: Annotated[
        str, typer.Option(help="Take mapping, template and settings from a route of config.yaml.")
    ] = "",
    schema: Annotated[
        str, typer.Option(help="The schema; default: the `data` schema of the template's folder.")
    ] = "",
    origin: Annotated[
        str, typer.Option(help="The origin that the ids name; default: the mapping's platform.")
    ] = "",
    setting: Annotated[list[str] | None, typer.Option("--set", help="A setting, NAME=VALUE; repeatable.")] = None,
    validate: Annotated[bool, typer.Option("--validate/--no-validate", help="Check every record.")] = True,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that work at the same time.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as JSON (with --output).")] = False,
) -> None:
    """Convert one file to one file, without spool and ledger. Bad records are left out and explained."""
    from gateway.exchange.conversion import Conversion, Tally

    session = session_of(context)
    if not source.is_file():
        raise UsageError(f"{source} is no file")
    if as_json and output is None:
        raise UsageError("--json needs --output: standard output has the XML")
    if output is not None:
        _check_output(source, output)
    job = _job(session, mapping, template, route, schema, origin, setting or [], validate=validate)
    conversion = Conversion(source, str(source), job.origin, job.prepare)
    tally, started = Tally(), monotonic()
    if output is None:
        if sys.stdout.isatty():
            session.terminal.note(
                "the XML is written as the accounting program wants it, often windows-1250; "
                "a file is easier to read: `-o out.xml`"
            )
        sys.stdout.flush()
        _write(session, conversion, workers, sys.stdout.buffer.write, tally)
        sys.stdout.buffer.flush()
    else:
        _write_file(session, conversion, workers, output, tally)
    _report(session, tally, output, monotonic() - started, as_json=as_json)
    if tally.set_aside:
        raise typer.Exit(3)


def _check_output(source: Path, output: Path) -> None:
    if output.is_dir():
        raise UsageError(f"{output} is a folder; --output names a file")
    if not output.parent.is_dir():
        raise UsageError(f"the folder {output.parent} does not exist; create it first")
    if output.exists() and output.samefile(source):
        raise UsageError(f"{output} is the input itself; choose another name")


class _Job:
    """Which mapping, template and schema a conversion uses; picklable, for worker processes."""

    def __init__(
        self,
        mapping: str,
        template: str,
        schema: str | None,
        origin: str,
        settings: dict[str, object],
        lookups: dict[str, dict[str, str]],
        overrides: dict[str, dict[str, str]],
        totals: str | None,
        site: Path | None,
    ) -> None:
        self.mapping, self.template, self.schema, self.origin = mapping, template, schema, origin
        self.settings, self.lookups, self.overrides = settings, lookups, overrides
        self.totals, self.site = totals, site

    @property
    def prepare(self) -> functools.partial[tuple[Mapping, Template, Schema | None]]:
        """What compiles it all, in whichever process."""
        return functools.partial(_prepare, self)


def _prepare(job: _Job) -> tuple[Mapping, Template, Schema | None]:
    from gateway import mapping, rendering

    totals = job.totals if job.totals in ("error", "warn") else None
    overrides = mapping.Overrides(lookups=job.overrides, totals=totals)  # type: ignore[arg-type]  # narrowed above
    return (
        mapping.load(job.mapping, site=job.site, overrides=overrides),
        rendering.load(job.template, settings=job.settings, lookups=job.lookups, site=job.site),
        rendering.load_schema(job.schema, site=job.site) if job.schema else None,
    )


def _job(
    session: Session,
    mapping: str,
    template: str,
    route: str,
    schema: str,
    origin: str,
    settings: list[str],
    *,
    validate: bool,
) -> _Job:
    given = dict(_pair(text) for text in settings)
    if route:
        return _job_of_route(session.config(), route, given, origin, validate=validate)
    if not mapping or not template:
        raise UsageError("convert needs --mapping and --template, or --route")
    site: Path | None = None
    settings_of: dict[str, object] = {}
    lookups: dict[str, dict[str, str]] = {}
    if session.config_path.exists():
        config = session.config()
        site = config.site
        found = next(((r, t) for r in config.routes.values() for t in r.to if t.template == template), None)
        if found is not None:
            settings_of, lookups = found[1].settings, found[1].lookups
            session.terminal.note(f"settings and lookups of the route {found[0].name} ({session.config_path})")
    chosen: str | None = schema or _schema_beside(template, site)
    return _Job(
        mapping,
        template,
        chosen if validate else None,
        origin or Path(mapping).parent.name or "file",
        {**settings_of, **given},
        lookups,
        {},
        None,
        site,
    )


def _job_of_route(config: Config, name: str, given: dict[str, object], origin: str, *, validate: bool) -> _Job:
    spec = config.routes.get(name)
    if spec is None:
        raise UsageError(f"there is no running route `{name}`; `gateway check` tells why")
    target = spec.to[0]
    return _Job(
        spec.mapping,
        target.template,
        target.schema if validate else None,
        origin or spec.origin,
        {**target.settings, **given},
        target.lookups,
        spec.lookups,
        spec.totals,
        config.site,
    )


def _pair(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text}: write NAME=VALUE")
    return name, value


def _schema_beside(template: str, site: Path | None) -> str | None:
    """The schema of a template's own folder: `pohoda/data` for `pohoda/order`."""
    name = f"{Path(template).parent.name}/data"
    return name if library.find("xsd", name, ".xsd", site) is not None else None


def _write(
    session: Session, conversion: Conversion, workers: int, write: Callable[[bytes], object], tally: Tally
) -> None:
    from gateway.exchange.conversion import Block
    from gateway.exchange.conversion import convert as run

    started = monotonic()
    with session.terminal.progress("converting") as advance:
        for piece in run(conversion, workers=workers):
            if isinstance(piece, Block):
                tally.add(piece)
                write(piece.xml)
                rate = tally.written / max(monotonic() - started, 0.001)
                advance(piece.written + piece.set_aside + piece.left_out, f"{rate:,.0f}/s")
            else:
                write(piece)


def _write_file(session: Session, conversion: Conversion, workers: int, output: Path, tally: Tally) -> None:
    """Whole or not at all: a temporary name beside it, synced, then renamed."""
    temporary = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            _write(session, conversion, workers, file.write, tally)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(output)
    except OSError as error:
        raise GatewayError(f"{output} cannot be written: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _report(session: Session, tally: Tally, output: Path | None, seconds: float, *, as_json: bool) -> None:
    terminal = session.terminal
    if as_json:
        terminal.json(
            {
                "written": tally.written,
                "set_aside": tally.set_aside,
                "left_out": tally.left_out,
                "output": str(output),
                "seconds": round(seconds, 3),
                "problems": [problem.as_json() for problem in tally.problems],
            }
        )
        return
    terminal.problems(tally.problems)
    where = f" to {output}" if output is not None else ""
    terminal.note(
        f"{plural(tally.written, 'record')} written{where}, {tally.set_aside} with problems"
        f"{f', {tally.left_out} cancelled' if tally.left_out else ''} "
        f"({seconds:.2f} s, {tally.written / max(seconds, 0.001):,.0f}/s)"
    )
    if tally.set_aside:
        codes = sorted({problem.code for problem in tally.problems if problem.level == "error"})
        terminal.note(f"next: mend what is said above; `gateway explain {codes[0]}` tells more")


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
