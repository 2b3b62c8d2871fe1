"""`gateway convert`: one file to one file, without spool and ledger."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from gateway.cli.choosing import borrow, only_template, overrides_of, pair, route_name, with_option
from gateway.cli.files import site_of
from gateway.cli.main import EXIT_CODES, Session, session_of
from gateway.cli.synced import SyncedFile
from gateway.clock import monotonic
from gateway.diagnostics import plural
from gateway.errors import GatewayError, ProblemsFound, UsageError

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.exchange.conversion import Conversion, Tally
    from gateway.mapping import Mapping, Overrides
    from gateway.rendering import Schema, Template


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(epilog=EXIT_CODES)(convert)


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
    workers: Annotated[
        int,
        typer.Option(min=0, max=64, help="Processes that work at the same time; 0 = by the size of the input."),
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as JSON (with --output).")] = False,
) -> None:
    """Convert one file to one file, without spool and ledger. Bad records are left out and explained."""
    from gateway.exchange.conversion import Conversion, Tally, workers_for

    session = session_of(context)
    if not source.is_file():
        raise UsageError(f"{source} is no file")
    if as_json and output is None:
        raise UsageError("--json needs --output: standard output has the XML")
    if output is not None:
        _check_output(source, output)
    job = _job(session, mapping, template, route, schema, origin, setting or [], validate=validate)
    conversion = Conversion(source, str(source), job.origin, job.prepare)
    workers = workers or workers_for(source.stat().st_size)
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
        overrides: Overrides,
        site: Path | None,
    ) -> None:
        self.mapping, self.template, self.schema, self.origin = mapping, template, schema, origin
        self.settings, self.lookups, self.overrides, self.site = settings, lookups, overrides, site

    @property
    def prepare(self) -> functools.partial[tuple[Mapping, Template, Schema | None]]:
        """What compiles it all, in whichever process."""
        return functools.partial(_prepare, self)


def _prepare(job: _Job) -> tuple[Mapping, Template, Schema | None]:
    from gateway import mapping, rendering

    try:
        template = rendering.load(job.template, settings=job.settings, lookups=job.lookups, site=job.site)
    except ProblemsFound as error:
        raise ProblemsFound([with_option(problem) for problem in error.problems]) from None
    return (
        mapping.load(job.mapping, site=job.site, overrides=job.overrides),
        template,
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
    given = dict(pair(text) for text in settings)
    if route:
        return _job_of_route(session.config(), route, given, origin, validate=validate)
    from gateway.mapping import Overrides
    from gateway.workbench.goldens import schema_beside

    config = session.config() if session.config_path.exists() else None
    template = template or only_template(route_name(Path(mapping)).rpartition("/")[2], site_of(session), config)
    if not mapping or not template:
        raise UsageError("convert needs --mapping and --template, or --route")
    site: Path | None = None
    settings_of: dict[str, object] = {}
    lookups: dict[str, dict[str, str]] = {}
    if config is not None:
        site = config.site
        found = borrow(config, mapping, template)
        if found is not None:
            settings_of, lookups, lender = found
            session.terminal.note(f"settings and lookups of {lender} ({session.config_path})")
    chosen: str | None = schema or schema_beside(template, site)
    return _Job(
        mapping,
        template,
        chosen if validate else None,
        origin or Path(mapping).parent.name or "file",
        {**settings_of, **given},
        lookups,
        Overrides(),
        site,
    )


def _job_of_route(config: Config, name: str, given: dict[str, object], origin: str, *, validate: bool) -> _Job:
    spec = config.routes.get(name)
    if spec is None:
        raise UsageError(f"there is no running route `{name}`; `gateway check` tells why")
    if spec.answers_of is not None:
        raise UsageError(f"`{name}` reads the answers of {spec.answers_of}; nothing is written of them")
    target = spec.to[0]
    return _Job(
        spec.mapping,
        target.template,
        target.schema if validate else None,
        origin or spec.origin,
        {**target.settings, **given},
        target.lookups,
        overrides_of(spec),
        config.site,
    )


def _write(
    session: Session, conversion: Conversion, workers: int, write: Callable[[bytes], object], tally: Tally
) -> None:
    from gateway.exchange.conversion import Block
    from gateway.exchange.conversion import convert as run

    started = monotonic()
    with session.terminal.progress("converting") as advance, _without_records_is_no_error(tally):
        for piece in run(conversion, workers=workers):
            if isinstance(piece, Block):
                tally.add(piece)
                write(piece.xml)
                rate = tally.written / max(monotonic() - started, 0.001)
                advance(piece.written + piece.set_aside + piece.left_out, f"{rate:,.0f}/s")
            else:
                write(piece)


@contextmanager
def _without_records_is_no_error(tally: Tally) -> Iterator[None]:
    """A proper export of a time without orders is told, and the conversion ends well."""
    try:
        yield
    except ProblemsFound as error:
        if any(problem.code != "S007" for problem in error.problems):
            raise
        tally.problems += [msgspec.structs.replace(problem, level="note") for problem in error.problems]


def _write_file(session: Session, conversion: Conversion, workers: int, output: Path, tally: Tally) -> None:
    """Whole or not at all: a temporary name beside it, synced, then renamed; no file without a record."""
    temporary = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file, SyncedFile(file) as synced:
            _write(session, conversion, workers, synced.write, tally)
        if tally.written:
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
                "output": str(output) if tally.written else None,
                "seconds": round(seconds, 3),
                "problems": [problem.as_json() for problem in tally.problems],
            }
        )
        return
    terminal.problems(tally.problems)
    where = f" to {output}" if output is not None and tally.written else ""
    terminal.note(
        f"{plural(tally.written, 'record')} written{where}, {tally.set_aside} with problems"
        f"{f', {tally.left_out} cancelled' if tally.left_out else ''} "
        f"({seconds:.2f} s, {tally.written / max(seconds, 0.001):,.0f}/s)"
    )
    if not tally.written:
        terminal.note(_nothing_written(tally, output))
    if tally.set_aside:
        codes = sorted({problem.code for problem in tally.problems if problem.level == "error"})
        terminal.note(f"next: mend what is said above; `gateway explain {codes[0]}` tells more")


def _nothing_written(tally: Tally, output: Path | None) -> str:
    """Why there is no output: accounting programs refuse a file without records."""
    if tally.set_aside:
        why = "no record could be converted"
    elif tally.left_out:
        why = "all records of the input are cancelled"
    else:
        why = "there is no record in the input"
    if output is None:
        return f"{why}, so nothing was written"
    there = "; what stood there before is as it was" if output.exists() else ""
    return f"{why}, so {output} was not written{there}"
