"""The commands about connections: probe, trust-host."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from gateway.cli.main import EXIT_CODES, session_of
from gateway.clock import monotonic
from gateway.diagnostics import printable
from gateway.errors import EndpointError, UsageError

if TYPE_CHECKING:
    from gateway.cli.terminal import Terminal
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
    rows = [row for name in names or config.endpoints for row in looked_at(config, name)]
    if as_json:
        terminal.json([row.as_json() for row in rows])
    else:
        tell_rows(terminal, rows)
        bad = [row.problem for row in rows if row.problem is not None]
        terminal.result(f"next: `gateway explain {bad[0].code}`" if bad else "next: `gateway run`")
    if any(row.problem for row in rows):
        raise typer.Exit(EndpointError.exit_code)


def tell_rows(terminal: Terminal, rows: Iterable[Row]) -> None:
    """What was found, a line each."""
    for row in rows:
        mark = terminal.mark("bad" if row.problem else "good")
        terminal.result(f"{mark} {row.shown}  {printable(row.said)}  ({row.seconds:.2f} s)")
        if row.problem is not None and row.problem.help:
            terminal.result(f"  help: {row.problem.help}")


class Row(msgspec.Struct, frozen=True):
    """What was found at an endpoint, or of the ini that one of its targets has there."""

    endpoint: str
    target: str | None
    problem: EndpointError | None
    said: str
    seconds: float

    @property
    def shown(self) -> str:
        """What it is about."""
        return self.endpoint if self.target is None else f"{self.endpoint} → {self.target}"

    def as_json(self) -> dict[str, object]:
        """The row for programs."""
        about = {"endpoint": self.endpoint} | ({"target": self.target} if self.target else {})
        found = {"ok": not self.problem, "said": self.said, "seconds": round(self.seconds, 3)}
        why = {"code": self.problem.code, "help": self.problem.help} if self.problem else {}
        return {**about, **found, **why}


def looked_at(config: Config, name: str) -> Iterator[Row]:
    """An endpoint, and if it is in order, the inis of POHODA that its targets have there."""
    from gateway.cli.pohoda import probe_ini
    from gateway.endpoints import open_endpoint, open_service

    if name not in config.endpoints:
        yield _row(lambda: _test_message(config), name)
        return
    options = config.endpoints[name]
    if options.is_service:
        yield _row(open_service(name, options, config.site).probe, name)
        return
    endpoint = open_endpoint(name, options, config.site)
    try:
        found = _row(endpoint.probe, name)
        yield found
        targets = {target.id: target for route in config.routes.values() for target in route.to}
        for target in targets.values() if found.problem is None else ():
            if target.endpoint == name and target.answers is not None and target.answers.ini is not None:
                yield _row(partial(probe_ini, endpoint, target), name, target.id)
    finally:
        endpoint.close()


def _row(look: Callable[[], str], name: str, target: str | None = None) -> Row:
    started = monotonic()
    try:
        said = look()
    except EndpointError as error:
        return Row(name, target, error, error.message, monotonic() - started)
    return Row(name, target, None, said, monotonic() - started)


def _test_message(config: Config) -> str:
    """Send a test message to who is to be alerted. Raises EndpointError."""
    from gateway.exchange.alerts import send_test

    assert config.alerts is not None, "`alerts` is refused where there are none"
    return send_test(config.alerts)


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
