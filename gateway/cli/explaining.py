"""`gateway explain` and `gateway schema`: what problem codes mean, and what may stand in a file."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.main import EXIT_CODES, session_of
from gateway.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (explain, schema):
        app.command(epilog=EXIT_CODES)(command)


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


def schema(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="[mapping|config|table|vat_rates|api|platform]", help="Which one; none = what there is."
        ),
    ] = "",
    write: Annotated[
        bool,
        typer.Option("--write", help="Write the files of the package and the tables of README.md and docs/ anew."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --write: only say what is old.")] = False,
) -> None:
    """Print a JSON Schema for the editor."""
    from gateway.workbench.schemas import MODELINE, SCHEMAS, place_of, stale, text_of
    from gateway.yamlfile import shorten

    terminal = session_of(context).terminal
    if name and name not in SCHEMAS:
        raise UsageError(f"there is no schema `{name}`; there are {', '.join(SCHEMAS)}")
    if write:
        for path, text in list(stale()):
            if not dry_run:
                path.write_text(text, encoding="utf-8")
            terminal.result(f"{terminal.mark('good')} {shorten(path)}{' is old' if dry_run else ''}")
        terminal.result("next: the same without --dry-run" if dry_run else "next: `git diff`")
    elif name:
        terminal.result(text_of(name).rstrip("\n"))
    else:
        for each in SCHEMAS:
            terminal.result(f"{each.ljust(9)} {place_of(each)}")
        terminal.result(f"next: the first line of a file, `{MODELINE}PATH`, gives it to an editor")
