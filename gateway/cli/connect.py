"""The commands about connections: probe, trust-host."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.main import EXIT_CODES, session_of
from gateway.clock import monotonic
from gateway.diagnostics import printable
from gateway.errors import EndpointError, UsageError

if TYPE_CHECKING:
    from gateway.config import Config


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog=EXIT_CODES)(probe)
    app.command("trust-host", epilog=EXIT_CODES)(trust_host)


def probe(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(help="Endpoints; none = all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Connect to endpoints, log in, and say what was found; `probe alerts` sends a test message."""
    session = session_of(context)
    config, terminal = session.config(), session.terminal
    for name in names or ():
        if name not in config.endpoints and not (name == "alerts" and config.alerts):
            raise UsageError(f"there is no endpoint `{name}`; known: {', '.join(config.endpoints) or 'none'}")
    rows = []
    for name in names or config.endpoints:
        started, problem, said = monotonic(), None, ""
        try:
            said = _probe(config, name)
        except EndpointError as error:
            problem, said = error, error.message
        rows.append((name, problem, said, monotonic() - started))
    if as_json:
        terminal.json(
            [
                {"endpoint": name, "ok": not problem, "said": said, "seconds": round(seconds, 3)}
                | ({"code": problem.code, "help": problem.help} if problem else {})
                for name, problem, said, seconds in rows
            ]
        )
    else:
        for name, problem, said, seconds in rows:
            mark = terminal.mark("bad" if problem else "good")
            terminal.result(f"{mark} {name}  {printable(said)}  ({seconds:.2f} s)")
            if problem is not None and problem.help:
                terminal.result(f"  help: {problem.help}")
        bad = [problem for _, problem, _, _ in rows if problem is not None]
        terminal.result(f"next: `gateway explain {bad[0].code}`" if bad else "next: `gateway run`")
    if any(problem for _, problem, _, _ in rows):
        raise typer.Exit(EndpointError.exit_code)


def _probe(config: Config, name: str) -> str:
    """What was found at an endpoint; `alerts` sends a test message. Raises EndpointError."""
    from gateway.endpoints import open_endpoint

    if name not in config.endpoints and config.alerts is not None:
        from gateway.exchange.alerts import send_test

        return send_test(config.alerts)
    endpoint = open_endpoint(name, config.endpoints[name], config.site)
    try:
        return endpoint.probe()
    finally:
        endpoint.close()


def trust_host(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ENDPOINT", help="An endpoint of type sftp.")],
    fingerprint: Annotated[
        str, typer.Option(help="Trust the key only if this is its fingerprint (SHA256:…), without asking.")
    ] = "",
) -> None:
    """Show the host key of an SFTP server and, once you have compared it, write it to known_hosts."""
    from gateway.endpoints.sftp import SftpOptions, offered_key

    session = session_of(context)
    config, terminal = session.config(), session.terminal
    options = config.endpoints.get(name)
    if not isinstance(options, SftpOptions):
        raise UsageError(f"`{name}` is no endpoint of type sftp")
    shown, line = offered_key(options)
    known_hosts = config.site / options.known_hosts
    lines = known_hosts.read_text(encoding="utf-8").splitlines() if known_hosts.is_file() else []
    terminal.result(f"{options.host}:{options.port} offers {shown}")
    if line in lines:
        terminal.result(f"it is trusted already ({known_hosts})")
        return
    server = line.split(" ", 1)[0]
    if any(known.split(" ", 1)[0] == server for known in lines):
        raise UsageError(
            f"{known_hosts} has another key for {server}: if its owner confirms the new one, remove that line"
        )
    if fingerprint:
        if shown.split(" ", 1)[1] != fingerprint.split(" ")[-1]:
            raise UsageError(f"the fingerprint is another one than {fingerprint}: nothing was trusted")
    elif not sys.stdin.isatty():
        raise UsageError(f"nobody can be asked here; compare it and give `--fingerprint {shown.split(' ', 1)[1]}`")
    elif not typer.confirm("Is this what the server's owner told you?", err=True):
        raise UsageError("nothing was trusted")
    known_hosts.parent.mkdir(parents=True, exist_ok=True)
    known_hosts.write_text("\n".join([*lines, line]) + "\n", encoding="utf-8")
    terminal.result(f"trusted; written to {known_hosts}")
    terminal.result(f"next: `gateway probe {name}`, and `gateway release` of what was held for it")
