"""`gateway platforms`: what travels between the gateway and each platform, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.files import site_of
from gateway.cli.main import EXIT_CODES, session_of

if TYPE_CHECKING:
    from gateway.cli.terminal import Terminal
    from gateway.workbench.platforms import Platform


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("platforms", epilog=EXIT_CODES)(platforms)


def platforms(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="A platform, such as shoptet; none = the table of all.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Tell which platforms there are, what travels, which way, and how sure that is."""
    from gateway.workbench.platforms import load_platform
    from gateway.workbench.platforms import platforms as all_platforms

    session = session_of(context)
    site = site_of(session)
    if name:
        platform = load_platform(name, site)
        if as_json:
            session.terminal.json(platform.as_json())
        else:
            _tell_one(session.terminal, platform)
        return
    known = all_platforms(site)
    if as_json:
        session.terminal.json([each.as_json() for each in known])
    else:
        _tell_all(session.terminal, known)


def _tell_all(terminal: Terminal, known: list[Platform]) -> None:
    terminal.table(
        ("PLATFORM", "COUNTRIES", "WHAT TRAVELS", "HOW", "STATUS"),
        [
            (each.id, each.countries, ", ".join(row.what), ", ".join(row.way), row.standing)
            for each in known
            for row in each.model.travels
        ],
    )
    terminal.result("next: `gateway platforms NAME` tells what is missing, and how to begin")


def _tell_one(terminal: Terminal, platform: Platform) -> None:
    model = platform.model
    terminal.result(terminal.bold(f"{model.name}  {platform.countries}"))
    terminal.result(model.about)
    terminal.result()
    terminal.table(
        ("WHAT TRAVELS", "HOW", "BY", "STATUS"),
        [
            (
                ", ".join(row.what),
                ", ".join(row.way),
                ", ".join(each for each in (*row.mapping, row.template) if each is not None) or "-",
                row.standing,
            )
            for row in model.travels
        ],
    )
    told = [f"! {', '.join(row.what)}: {row.missing}" for row in model.travels if row.missing]
    for line in [*told, *(f"- {limit}" for limit in model.limits)]:
        terminal.result(line)
    terminal.result(f"known from: {model.source}")
    terminal.result(f"next: {platform.next}")
