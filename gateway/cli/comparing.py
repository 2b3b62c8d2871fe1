"""`gateway diff`: two versions of a mapping over the same samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.choosing import load_mapping
from gateway.cli.main import EXIT_CODES, session_of
from gateway.cli.terminal import Terminal, cut
from gateway.diagnostics import plural, printable
from gateway.errors import ProblemsFound, UsageError

if TYPE_CHECKING:
    from gateway.workbench.comparing import Comparison


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(epilog=EXIT_CODES)(diff)


def diff(
    context: typer.Context,
    mapping: Annotated[str, typer.Argument(help="The mapping of today, by name or file.")],
    other: Annotated[str, typer.Argument(help="Another version of it, by name or file.")],
    samples: Annotated[list[Path], typer.Argument(metavar="SAMPLE…", help="Exports that both read.")],
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Compare two versions of a mapping over samples.

    What would change if OTHER took the place of MAPPING: fields old → new, records that break or heal.

    The code is 0 where both read the same, 3 where something differs.
    """
    from gateway.workbench.comparing import compare

    session = session_of(context)
    old, new = load_mapping(session, mapping), load_mapping(session, other)
    for sample in samples:
        if not sample.is_file():
            raise UsageError(f"{sample} is no file")
    results = [compare(old, new, sample) for sample in samples]
    if as_json:
        session.terminal.json([_comparison_as_json(each) for each in results])
    else:
        for result in results:
            _show_comparison(session.terminal, result)
        _sum_up(session.terminal, results, old.path, new.path)
    if not all(result.same for result in results):
        raise typer.Exit(ProblemsFound.exit_code)


def _show_comparison(terminal: Terminal, result: Comparison) -> None:
    terminal.result(f"{terminal.mark('good' if result.same else 'doubtful')} {result.sample}")
    terminal.problems(result.unread)
    for each in result.differing:
        terminal.result(
            f"    {printable(each.record)}  {each.verdict if each.verdict != 'changed' else ''}".rstrip()
        )
        width = max((len(name) for name, _, _ in each.fields), default=0)
        for name, before, after in each.fields:
            terminal.result(f"        {name.ljust(width)}  {cut(before)} → {cut(after)}")
        for problem in each.problems:
            terminal.result(f"        {problem.code}: {printable(problem.message)}")


def _sum_up(terminal: Terminal, results: list[Comparison], old: str, new: str) -> None:
    records = sum(result.records for result in results)
    found = [each.verdict for result in results for each in result.differing]
    unread = sum(bool(result.unread) for result in results)
    counted = [f"{found.count(verdict)} {verdict}" for verdict in dict.fromkeys(found)]
    counted += [f"{plural(unread, 'sample')} cannot be read"] if unread else []
    more = f": {', '.join(counted)}" if counted else ""
    terminal.result(f"{plural(records, 'record')}, {len(found)} different{more}")
    if "breaks" in found:
        terminal.result(f"next: mend {new}; `gateway try {new} {results[0].sample}` shows a record")
    elif counted:
        terminal.result(f"next: look at each; {new} may take the place of {old} when all of it is wanted")
    else:
        terminal.result(f"next: {new} may take the place of {old}")


def _comparison_as_json(result: Comparison) -> dict[str, Any]:
    return {
        "sample": result.sample,
        "records": result.records,
        "unread": [problem.as_json() for problem in result.unread],
        "differing": [
            {
                "record": each.record,
                "verdict": each.verdict,
                "fields": [{"field": f, "old": before, "new": after} for f, before, after in each.fields],
                "problems": [problem.as_json() for problem in each.problems],
            }
            for each in result.differing
        ],
    }
