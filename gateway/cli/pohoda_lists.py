"""`gateway pohoda-lists`: the codes that POHODA knows, and those of a target that it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.main import EXIT_CODES, session_of
from gateway.diagnostics import plural, printable
from gateway.errors import EndpointError, ProblemsFound, UsageError

if TYPE_CHECKING:
    from gateway.cli.terminal import Terminal
    from gateway.config import Config
    from gateway.config.specs import TargetSpec
    from gateway.exchange.code_lists import CodeList, WrongCode


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("pohoda-lists", epilog=EXIT_CODES)(pohoda_lists)


def pohoda_lists(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="TARGET", help="A target whose endpoint is an mServer.")],
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Ask POHODA for its lists of codes, and say which settings and lookups of a target are in none of them.

    Nothing is written to POHODA.
    """
    from gateway.clock import SystemClock
    from gateway.endpoints import open_service
    from gateway.exchange.code_lists import ask_lists, lists_as_json, wrong_codes

    session = session_of(context)
    config, terminal = session.config(), session.terminal
    targets = _targets(config, name)
    endpoint = targets[0].endpoint
    service = open_service(endpoint, config.endpoints[endpoint], config.site).service()
    try:
        lists = list(ask_lists(config, targets[0], service, SystemClock()))
    finally:
        service.close()
    wrong = wrong_codes(config.site, targets, lists)
    if as_json:
        terminal.json(lists_as_json(lists, wrong))
    else:
        _tell(terminal, name, lists, wrong)
    if wrong:
        raise typer.Exit(ProblemsFound.exit_code)
    if any(each.refused is not None for each in lists):
        raise typer.Exit(EndpointError.exit_code)


def _targets(config: Config, name: str) -> list[TargetSpec]:
    """The target as each of its routes has it. Raises UsageError."""
    known = {target.id: target for route in config.routes.values() for target in route.to}
    found = [target for route in config.routes.values() for target in route.to if target.id == name]
    if not found:
        raise UsageError(f"no route sends to a target `{name}`; known: {', '.join(known) or 'none'}")
    if not found[0].is_service:
        raise UsageError(
            f"the target `{name}` is a folder, where POHODA answers later; only an mServer can be asked for its "
            "lists (docs/pohoda-mserver.md)"
        )
    return found


def _tell(terminal: Terminal, name: str, lists: list[CodeList], wrong: list[WrongCode]) -> None:
    for each in lists:
        terminal.result(terminal.bold(f"{each.list}  {each.title}"))
        if each.refused is not None:
            terminal.result(f"{terminal.mark('doubtful')} POHODA gives no such list: {printable(each.refused)}")
        elif not each.codes:
            terminal.result("  nothing is in it")
        width = min(max((len(code.code) for code in each.codes), default=0), 40)
        for code in each.codes:
            terminal.result(printable(f"  {code.code.ljust(width)}  {code.name}".rstrip()))
    for bad in wrong:
        place = f"{bad.span}  " if bad.span is not None else ""
        near = f"; there is one with a similar name: `{bad.similar}`" if bad.similar is not None else ""
        terminal.result(
            printable(f"{terminal.mark('bad')} {place}{bad.place}: `{bad.value}` is not in {bad.title}{near}")
        )
    refused = sum(each.refused is not None for each in lists)
    if wrong:
        terminal.result(f"next: correct {plural(len(wrong), 'code')} of `{name}`, then `gateway check`")
    elif refused:
        terminal.result(f"next: give the user of the endpoint the right to {plural(refused, 'list')}, or leave it")
    else:
        terminal.result(f"next: write them into `settings:` and `lookups:` of `{name}`; `gateway check`")
