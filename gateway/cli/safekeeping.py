"""The commands that keep a site safe: backup, restore."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.main import EXIT_CODES, session_of
from gateway.diagnostics import plural
from gateway.errors import ProblemsFound, UsageError

Json = Annotated[bool, typer.Option("--json", help="The result as JSON.")]
_SHOWN = 5


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (backup, restore):
        app.command(epilog=EXIT_CODES)(command)


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The new file, such as gateway-2026-11-21.tar.gz.")],
    as_json: Json = False,
) -> None:
    """Write a backup beside the running gateway: the ledger at one moment, with every blob it names.

    Also the files that wait in drop folders, failed/, config.yaml with what it includes, own mappings, templates
    and schemas, and known_hosts. Secrets are never in it: keep them elsewhere.
    """
    from gateway.exchange.backup import back_up
    from gateway.exchange.reports import local_time

    session = session_of(context)
    terminal = session.terminal
    done = back_up(session.config_path, file, told=terminal.note)
    for name in done.outside:
        terminal.note(f"not in the backup, because it lies outside of the site's folder: {name}")
    if done.has_inline_secrets:
        terminal.note("a password stands in the configuration itself, and so in the backup: `gateway check`")
    if as_json:
        terminal.json(done)
    else:
        size = f"{done.bytes / 10**6:.1f} MB"
        terminal.result(f"{done.file}: the ledger of {local_time(done.at)} with every blob it names, {size}")
        for digest in done.missing[:_SHOWN]:
            terminal.result(f"lost in the spool already: the stored bytes {digest[:12]}")
        terminal.result(
            f"next: copy it to another machine; `gateway restore {done.file} --check` reads it through"
        )
    if done.missing:
        raise typer.Exit(ProblemsFound.exit_code)


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
    check_only: Annotated[
        bool, typer.Option("--check", help="Only read it through and compare everything in it.")
    ] = False,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="The folder of the site; default: that of --config.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a backup a site again. Nothing is sent before you have compared and released.

    What was not settled becomes in doubt, and every route and target is held: the backup does not know what was
    sent after it.
    """
    if check_only:
        if to is not None:
            raise UsageError("--check writes nothing, so --to has no meaning beside it")
        _check(context, file, as_json=as_json)
        return
    from gateway.exchange.reports import local_time
    from gateway.exchange.restore import restore as bring_back

    session = session_of(context)
    terminal = session.terminal
    done = bring_back(file, to or session.config_path.absolute().parent, told=terminal.note)
    for name in done.kept:
        terminal.note(f"left as it is, though it differs from the backup's: {name}")
    if as_json:
        terminal.json(done)
        return
    terminal.result(
        f"restored to {done.folder}: {plural(done.exchanges, 'exchange')}, as of {local_time(done.at)}; the spool "
        f"is {done.spool}"
    )
    terminal.result(f"held: {', '.join(scope.replace(':', ' ') for scope in done.held)}")
    doubtful = [f"deliveries in doubt: {done.in_doubt}"] if done.in_doubt else []
    doubtful += [f"inputs that failed: {done.failed}"] if done.failed else []
    if doubtful:
        terminal.result(f"not settled when the backup was made: {', '.join(doubtful)}")
    terminal.result(
        "next: put the secrets back, `gateway status`, compare with the accounting program, `gateway adopt ROUTE` "
        "what came since, then `gateway release` each route and target"
    )


def _check(context: typer.Context, file: Path, *, as_json: bool) -> None:
    from gateway.exchange.reports import local_time
    from gateway.exchange.restore import check

    terminal = session_of(context).terminal
    terminal.note(f"reading {file}")
    found = check(file)
    if as_json:
        terminal.json(found)
        return
    terminal.result(
        f"{file} is whole: the ledger of {local_time(found.at)} with {plural(found.exchanges, 'exchange')}, "
        f"{plural(found.contents, 'stored content')}, {plural(found.files, 'file')} in all"
    )
    if found.missing:
        terminal.result(f"lost before it was made: {plural(len(found.missing), 'stored content')}")
    terminal.result("next: keep it on another machine; `gateway restore FILE --to DIR` makes it a site")
