"""What `gateway add route` tells: what was written, what the check and the probe found, what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway.cli.checking import check_config, one_line_without_place
from gateway.cli.connect import Row, looked_at, tell_rows
from gateway.diagnostics import Problem, plural
from gateway.diagnostics.problem import has_errors
from gateway.errors import EndpointError, ProblemsFound

if TYPE_CHECKING:
    from gateway.cli.adding import Change
    from gateway.cli.main import Session
    from gateway.cli.terminal import Terminal


def dry_run(terminal: Terminal, change: Change, *, as_json: bool) -> None:
    """What would be written."""
    if as_json:
        terminal.json({**_about(change), "written": False, "diff": change.diff})
        return
    terminal.result(change.diff)
    terminal.note("next: the same without --dry-run")


def outcome(session: Session, change: Change, *, probes: bool, as_json: bool) -> int:
    """Check, probe, tell all of it; the exit code."""
    _, about, problems = check_config(session)
    rows = _rows(session, change) if probes and not has_errors(problems) else []
    refused = [row for row in rows if row.problem is not None]
    code = ProblemsFound.exit_code if has_errors(problems) else EndpointError.exit_code if refused else 0
    steps = _next(change, problems, refused)
    if as_json:
        told = {"problems": [problem.as_json() for problem in problems], "probe": [row.as_json() for row in rows]}
        session.terminal.json({**_about(change), "written": True, **told, "next": steps})
        return code
    _tell(session.terminal, change, about, problems)
    tell_rows(session.terminal, rows)
    first, *others = steps
    session.terminal.result(f"next: {first}")
    for step in others:
        session.terminal.result(f"      {step}")
    return code


def _rows(session: Session, change: Change) -> list[Row]:
    config = session.config()
    return [row for name in change.ends.touched if name in config.endpoints for row in looked_at(config, name)]


def _tell(terminal: Terminal, change: Change, about: str, problems: Sequence[Problem]) -> None:
    name, good = _file(change), terminal.mark("good")
    backup = f"; as it was: {change.file.name}.bak" if change.before else ""
    terminal.result(f"{good} {name}  {_added(change)} added{backup}")
    for secret, _ in change.secrets:
        terminal.result(f"{good} {secret.file}  {secret.about}, for its owner alone")
    if change.wish.source.kind == "drop":
        terminal.result(f"{good} {_drop_folder(change)}/  its drop folder")
    mark = terminal.mark("bad" if has_errors(list(problems)) else "doubtful" if problems else "good")
    found = one_line_without_place(problems[0]) if problems else about
    terminal.result(f"{mark} {name}  {found}")
    row = change.wish.journey.row
    if row.verified_on is None:
        told = f"; {row.missing}" if row.missing else ""
        terminal.result(
            f"{terminal.mark('doubtful')} {change.wish.journey.platform.model.name}  {row.status}{told}"
        )
    terminal.problems(problems)


def _added(change: Change) -> str:
    words = {"routes": "route", "targets": "target", "endpoints": "endpoint"}
    named = [
        f"{words[entry.block[-1]]} {entry.name}" for entry in reversed(change.entries) if entry.block[-1] in words
    ]
    return ", ".join(named)


def _next(change: Change, problems: Sequence[Problem], refused: Sequence[Row]) -> list[str]:
    """What a person does now, each step a line."""
    wish, steps = change.wish, []
    if has_errors(list(problems)):
        code = next(problem.code for problem in problems if problem.level == "error")
        steps.append(f"mend the {plural(len(problems), 'line')} above; `gateway explain {code}` tells more")
    steps += [
        f"`gateway trust-host {wanted.name}`, once you know the server's fingerprint"
        for wanted in change.ends.wanted
        if wanted.address.kind == "sftp"
    ]
    steps += [
        f"`gateway probe {row.endpoint}` once that is mended"
        for row in refused
        if row.problem is not None and row.problem.code != "E011"
    ]
    new = [entry for entry in change.entries if "targets" in entry.block]
    if any("lookups" in entry.value for entry in new):
        steps.append(f"correct the names under `lookups:` of `{new[0].name}`: they are your program's own")
    if wish.journey.kind == "order_state":
        steps.append(f"write the shop's own names under `states:` of `{wish.name}`")
    if wish.source.kind == "drop":
        steps.append(f"put a file into {_drop_folder(change)}")
    steps.append("`gateway run --once`, and look at `gateway status`")
    if wish.rehearsal:
        told = f", then `gateway release {wish.name}` sends what was held" if wish.journey.is_event else ""
        steps.append(f"once that is right: delete `rehearsal: true` of `{wish.name}`{told}")
    return steps


def _drop_folder(change: Change) -> str:
    from gateway.yamlfile import shorten

    return shorten(change.drop_folder)


def _about(change: Change) -> dict[str, object]:
    named = {
        section: [entry.name for entry in change.entries if entry.block[-1] == section]
        for section in ("endpoints", "targets")
    }
    secrets = [secret.file for secret, _ in change.secrets]
    return {"route": change.wish.name, "file": _file(change), **named, "secrets": secrets}


def _file(change: Change) -> str:
    from gateway.yamlfile import shorten

    return shorten(change.file)
