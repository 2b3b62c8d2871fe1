"""`gateway test`: the tests that stand in mappings, and their golden files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from gateway.cli.files import mappings_among, root_of, site_of
from gateway.cli.main import EXIT_CODES, Session, session_of
from gateway.cli.terminal import Terminal
from gateway.clock import monotonic
from gateway.diagnostics import Problem, plural, printable
from gateway.errors import ProblemsFound, UsageError

if TYPE_CHECKING:
    from gateway.mapping.selftest import Difference
    from gateway.workbench.goldens import Checked, Written


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(name="test", epilog=EXIT_CODES)(run_mapping_tests)


class _File(msgspec.Struct):
    """One mapping with what became of its tests; `problems` where it does not load."""

    name: str
    path: str
    checked: list[Checked] = msgspec.field(default_factory=list)
    problems: tuple[Problem, ...] = ()

    @property
    def failed(self) -> list[Checked]:
        return [each for each in self.checked if not each.outcome.passed]


def run_mapping_tests(
    context: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Mappings by file, folder or name; none = those of the site and those that ship."),
    ] = None,
    only: Annotated[str, typer.Option("-k", help="Only tests whose name contains this.")] = "",
    update: Annotated[
        bool, typer.Option("--update", help="Show what golden files would change, and ask.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --update: write without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --update: only show.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Run the tests that stand in mappings, with their golden files."""
    session = session_of(context)
    if (yes or dry_run) and not update:
        raise UsageError("--yes and --dry-run go with --update")
    started = monotonic()
    files = _run(session, paths or [], only)
    if update:
        written = _update(session.terminal, files, yes=yes, dry_run=dry_run)
        if written:
            files = _run(session, paths or [], only)
    if as_json:
        session.terminal.json([_as_json(file) for file in files])
    else:
        _report(session.terminal, files, monotonic() - started)
    if any(file.failed or file.problems for file in files):
        raise typer.Exit(ProblemsFound.exit_code)


def _run(session: Session, paths: list[str], only: str) -> list[_File]:
    from gateway.mapping import load
    from gateway.workbench.goldens import run_tests
    from gateway.yamlfile import shorten

    site = site_of(session)
    files = []
    chosen = mappings_among(paths, site)
    with session.terminal.progress("testing", len(chosen)) as advance:
        for path in chosen:
            name = "/".join(path.resolve().with_suffix("").parts[-2:])
            file = _File(name, shorten(path))
            try:
                mapping = load(str(path), site=site)
                file.checked += run_tests(mapping, root=root_of(path), site=site, only=only)
            except ProblemsFound as error:
                file.problems = error.problems
            files.append(file)
            advance()
    return [file for file in files if file.checked or file.problems or not only]


def _report(terminal: Terminal, files: list[_File], seconds: float) -> None:
    width = max((len(file.name) for file in files), default=0)
    for file in files:
        mark = terminal.mark("bad" if file.failed or file.problems else "good")
        terminal.result(f"{mark} {file.name.ljust(width)}  {_counted(file)}")
        for checked in file.failed:
            _show_failed(terminal, checked)
    terminal.problems([problem for file in files for problem in file.problems])
    passed = sum(len(file.checked) - len(file.failed) for file in files)
    failed = sum(len(file.failed) for file in files)
    unread = sum(bool(file.problems) for file in files)
    parts = [f"{passed} passed", *([f"{failed} failed"] if failed else [])]
    parts += [f"{plural(unread, 'mapping')} cannot be loaded"] if unread else []
    terminal.result(f"{', '.join(parts)} ({seconds:.2f} s)")
    terminal.result(_next(files))


def _counted(file: _File) -> str:
    if file.problems:
        return "cannot be loaded"
    if not file.checked:
        return "no tests"
    passed = len(file.checked) - len(file.failed)
    return ", ".join(
        part
        for part in (f"{passed} passed" if passed else "", f"{len(file.failed)} failed" if file.failed else "")
        if part
    )


def _next(files: list[_File]) -> str:
    failed = next((file for file in files if file.failed), None)
    if any(file.problems for file in files):
        return "next: mend the mappings above; `gateway check` shows each place"
    if failed is not None:
        codes = {problem.code for checked in failed.failed for problem in checked.outcome.problems}
        if codes & {"W001", "W002"}:
            return "next: mend it, or look at `gateway test --update`, which keeps the new output"
        return f"next: {_look(failed)}"
    if not any(file.checked for file in files):
        return "next: write tests under `tests:`; docs/mapping.md tells how"
    return "next: `gateway check`"


def _look(file: _File) -> str:
    """The command that follows the first value that is not as expected, or shows the record that is none."""
    differing = (each.outcome for each in file.failed if each.outcome.differences)
    outcome = next(differing, file.failed[0].outcome)
    sample, _, number = outcome.given.partition("#")
    name = next((each.field for each in outcome.differences if each.field != "problems"), None)
    mapping = file.name if file.path == f"mappings/{file.name}.yaml" else file.path
    record = f" --record {number}" if number not in ("", "1") else ""
    if name is None:
        return f"`gateway try {mapping} {sample}{record}` shows the whole record"
    quoted = f"'{name}'" if "[" in name else name
    return f"`gateway trace {mapping} {sample} {quoted}{record}` shows where a value comes from"


def _show_failed(terminal: Terminal, checked: Checked) -> None:
    outcome = checked.outcome
    place = f"{outcome.span.file}:{outcome.span.line}" if outcome.span is not None else ""
    terminal.result(f"  {terminal.mark('bad')} {printable(outcome.name).ljust(48)}  {place}")
    if outcome.differences:
        for line in _table(outcome.differences):
            terminal.result(f"      {line}")
        return
    for problem in outcome.problems:
        terminal.result(f"      {problem.code}: {printable(problem.message)}")
        for line in problem.context:
            terminal.result(f"        {printable(line)}")


def _table(differences: tuple[Difference, ...]) -> list[str]:
    """The expectations that do not hold, side by side, each with where its value comes from."""
    rows = [
        (each.field, f"expected {_short(each.expected)}", f"got {_short(each.found)}", _source(each))
        for each in differences
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return [
        "   ".join([*(cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True)), row[3]]).rstrip()
        for row in rows
    ]


def _short(text: str) -> str:
    text = printable(" ".join(text.split()))
    return text if len(text) <= 60 else f"{text[:59]}…"


def _source(difference: Difference) -> str:
    if difference.mapped is None:
        return ""
    place = f" ({difference.source.file}:{difference.source.line})" if difference.source is not None else ""
    path = f" from {difference.path}" if difference.path is not None else ""
    return f"<- mapped by line {difference.mapped.line}{path}{place}"


def _as_json(file: _File) -> dict[str, Any]:
    return {
        "mapping": file.name,
        "file": file.path,
        "problems": [problem.as_json() for problem in file.problems],
        "tests": [
            {
                "name": checked.outcome.name,
                "passed": checked.outcome.passed,
                "problems": [problem.as_json() for problem in checked.outcome.problems],
            }
            for checked in file.checked
        ],
    }


# -- golden files ----------------------------------------------------------------------------------------


def _update(terminal: Terminal, files: list[_File], *, yes: bool, dry_run: bool) -> bool:
    """Show what golden files would change, and write them if that is wanted. Whether something was written."""
    changes = [c.written for file in files for c in file.checked if c.written is not None and c.written.differs]
    if not changes:
        terminal.note("no golden file differs")
        return False
    for written in changes:
        _show_change(terminal, written)
    question = f"write {plural(len(changes), 'golden file')}?"
    if not (yes or dry_run) and sys.stdin.isatty():
        yes = typer.confirm(question, err=True)
    if dry_run or not yes:
        terminal.note("nothing was written; `gateway test --update --yes` writes without asking")
        return False
    for written in changes:
        written.save()
        terminal.note(f"{terminal.mark('good')} {written.name} written")
    return True


def _show_change(terminal: Terminal, written: Written) -> None:
    if written.stored is None:
        terminal.note(f"{written.name}: new, {plural(len(written.written.splitlines()), 'line')}")
        return
    terminal.note(f"{written.name}:")
    for line in written.difference():
        terminal.note(f"  {printable(line)}")
