"""`gateway pohoda-ini`: the ini by which Pohoda.exe /XML works on a target's folder, and a look at it there."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from gateway.cli.main import EXIT_CODES, session_of
from gateway.errors import EndpointRefused, UsageError

if TYPE_CHECKING:
    from gateway.cli.terminal import Terminal
    from gateway.config import Config
    from gateway.config.specs import TargetSpec
    from gateway.endpoints import Endpoint

_PROGRAM = r"C:\Program Files (x86)\STORMWARE\POHODA\Pohoda.exe"
_ENCODING = "cp1250"
_USUAL_NAME = "pohoda.ini"
_BOOKED_TWICE = "POHODA would book every file again that it finds twice"


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("pohoda-ini", epilog=EXIT_CODES)(pohoda_ini)


class _Ini(msgspec.Struct, frozen=True):
    """The ini of one accounting unit, with the folders as POHODA's machine sees them."""

    input_dir: PureWindowsPath
    response_dir: PureWindowsPath
    database: str
    name: str

    @property
    def place(self) -> PureWindowsPath:
        """Where it lies: what is not *.xml stays as it is there."""
        return self.input_dir / self.name

    def content(self) -> bytes:
        """The file. Raises UsageError where a name does not fit the encoding."""
        lines = (
            "[XML]",
            f"input_dir={self.input_dir}",
            f"response_dir={self.response_dir}",
            f"database={self.database}",
            "check_duplicity=1",
            "format_output=0",
        )
        try:
            return "".join(f"{line}\r\n" for line in lines).encode(_ENCODING)
        except UnicodeEncodeError as error:
            raise UsageError(
                f"`{error.object[error.start : error.end]}` cannot be written in windows-1250, which POHODA reads "
                "the ini in; choose other names for folders and database"
            ) from None


def pohoda_ini(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="TARGET", help="A target with `answers:`.")],
    database: Annotated[
        str, typer.Option("--database", help="The unit's database, such as StwPh_12345678_2026.")
    ] = "",
    folder: Annotated[
        str, typer.Option("--folder", help="The endpoint's folder as POHODA's machine sees it: C:\\gateway.")
    ] = "",
    user: Annotated[str, typer.Option("--user", help="POHODA's user in the command line of the task.")] = "USER",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it to this file; else it is printed.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Print the ini by which Pohoda.exe /XML works on a target's folder, and the task that starts it."""
    session = session_of(context)
    terminal = session.terminal
    target = _target(session.config(), name)
    ini = _ini(target, database, folder, output)
    if '"' in user or not user.isprintable():
        raise UsageError(f"`--user {user}` cannot stand between quotation marks")
    content = ini.content()
    if output is not None:
        _write(output, content, force=force)
        terminal.result(f"{terminal.mark('good')} {output}")
    else:
        _print(terminal, content)
    for line in _notes(ini, target, user):
        terminal.note(line)
    if output is None:
        terminal.note(f"next: the same with `-o {ini.name}` writes it, in windows-1250 as POHODA reads it")
        return
    known = target.answers is not None and target.answers.ini is not None
    add = "" if known else f" add `ini: {ini.name}` to `answers:` of `{target.id}`,"
    look = f"`gateway probe {target.endpoint}`"
    terminal.result(f"next: put it at {ini.place},{add} then {look}, and set up the task")


def _target(config: Config, name: str) -> TargetSpec:
    """A target of some route that answers. Raises UsageError."""
    targets = {target.id: target for route in config.routes.values() for target in route.to}
    target = targets.get(name)
    if target is None:
        raise UsageError(f"no route sends to a target `{name}`; known: {', '.join(targets) or 'none'}")
    if target.is_service:
        raise UsageError(f"the target `{name}` is an mServer, which needs no ini; see docs/pohoda-mserver.md")
    if target.answers is None:
        inside = _path_there(target, "response")
        raise UsageError(
            f"the target `{name}` has no `answers:`, and nobody would read what POHODA says to its files; "
            f"add `answers: {{folder: {inside}}}` to it"
        )
    return target


def _ini(target: TargetSpec, database: str, folder: str, output: Path | None) -> _Ini:
    """The ini of that target. Raises UsageError where something is missing or cannot be."""
    from gateway.endpoints import name_trouble

    assert target.answers is not None, "asked for by _target"
    if not database:
        raise UsageError(
            "`--database` is missing: the name of the accounting unit's database of this year, such as "
            "StwPh_12345678_2026 (SQL) or StwPh_12345678_2026.mdb"
        )
    if trouble := name_trouble(database):
        raise UsageError(f"`--database {database}` is no name of a database: {trouble}")
    base = _absolute(folder, target.endpoint)
    folder, answers = target.dropoff.folder, target.answers.pickup.folder
    input_dir = _below(base, _parts(folder), f"folder: {folder}")
    response_dir = _below(base, _parts(answers), f"folder: {answers}")
    if input_dir == response_dir:
        raise UsageError(
            f"the answers of `{target.id}` are in the folder of its files, {input_dir}: an answer has the name of "
            "its file, and POHODA would write over it; give `answers:` a folder of its own"
        )
    written = output.name if output is not None and output.suffix.lower() == ".ini" else _USUAL_NAME
    return _Ini(input_dir, response_dir, database, target.answers.ini or written)


def _path_there(target: TargetSpec, name: str) -> str:
    """A file or folder in the target's folder, as config.yaml would name it."""
    folder = target.dropoff.folder
    return f"{folder.rstrip('/')}/{name}" if folder else name


def _absolute(folder: str, endpoint: str) -> PureWindowsPath:
    if not folder:
        raise UsageError(
            "`--folder` is missing: the absolute path under which POHODA's machine sees the folder of the "
            f"endpoint `{endpoint}`, such as `--folder C:\\gateway`"
        )
    path = PureWindowsPath(folder)
    if not path.is_absolute() or not folder.isprintable():
        raise UsageError(
            f"`--folder {folder}` is no absolute Windows path: it begins with a drive, such as C:\\gateway, or "
            "with a share, such as \\\\server\\gateway"
        )
    return _below(PureWindowsPath(path.anchor), path.parts[1:], f"--folder {folder}")


def _below(base: PureWindowsPath, parts: Sequence[str], given: str) -> PureWindowsPath:
    """A folder below another one. given: how it was given. Raises UsageError where Windows has no such name."""
    from gateway.endpoints import name_trouble

    for part in parts:
        if trouble := name_trouble(part):
            raise UsageError(f"`{given}` cannot be a folder on Windows: {trouble}")
    return base.joinpath(*parts)


def _parts(folder: str) -> list[str]:
    return [part for part in re.split(r"[/\\]", folder) if part not in ("", ".")]


def _write(output: Path, content: bytes, *, force: bool) -> None:
    try:
        with output.open("wb" if force else "xb") as file:
            file.write(content)
    except FileExistsError:
        raise UsageError(f"{output} is there already; `--force` writes over it") from None


def _print(terminal: Terminal, content: bytes) -> None:
    """To a terminal as text; into a pipe the very bytes, so that they may become a file."""
    if sys.stdout.isatty():
        terminal.result(content.decode(_ENCODING).replace("\r\n", "\n").rstrip("\n"))
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _notes(ini: _Ini, target: TargetSpec, user: str) -> list[str]:
    folder = f"the folder `{target.dropoff.folder}`" if target.dropoff.folder else "the folder"
    company = re.sub(r"\s", "", str(target.settings.get("company_id", "")))
    differs = (
        [f"{ini.database} does not name the company {company} of this target: POHODA refuses files of another one"]
        if company and company not in ini.database
        else []
    )
    return [
        f"compare: {ini.input_dir} must be {folder} of the endpoint `{target.endpoint}`",
        *differs,
        "the task for the Windows task scheduler, every few minutes (where Pohoda.exe lies is UNCONFIRMED):",
        f'  "{_PROGRAM}" /XML "{user}" "PASSWORD" "{ini.place}"',
        "the password is typed there: the gateway never asks for it, reads it or writes it",
        "never two at once for one unit: one task for this database, which starts no second instance of itself",
    ]


def probe_ini(endpoint: Endpoint, target: TargetSpec) -> str:
    """Say that POHODA's ini in the target's folder has its duplicate check. Raises EndpointError."""
    from glob import escape

    from gateway.endpoints import Pickup

    assert target.answers is not None
    assert target.answers.ini is not None
    name = target.answers.ini
    source = endpoint.source(Pickup(folder=target.dropoff.folder, files=(escape(name),)))
    try:
        found = next(iter(source.list()), None)
        content = BytesIO()
        if found is not None:
            source.read(found, content)
    finally:
        source.close()
    place = _path_there(target, name)
    fault = _fault(content.getvalue()) if found is not None else "is not there"
    if fault is not None:
        raise EndpointRefused(
            f"{place} {fault}: {_BOOKED_TWICE}",
            code="E016",
            help="write `check_duplicity=1` below its [XML], or put there what `gateway pohoda-ini "
            f"{target.id}` writes",
        )
    return f"{place} has `check_duplicity=1`"


def _fault(content: bytes) -> str | None:
    """What is wrong with POHODA's ini; None where it has its duplicate check."""
    try:
        text = content.decode(_ENCODING)
    except UnicodeDecodeError:
        return "is no text in windows-1250"
    section, has_section, values = "", False, []
    for number, line in enumerate(text.split("\n"), start=1):
        words = line.strip()
        key, equals, value = (part.strip() for part in words.partition("="))
        if not words or words[0] in ";#":
            continue
        if words[0] == "[" and words[-1] == "]":
            section = words[1:-1].strip().lower()
            has_section = has_section or section == "xml"
        elif not equals or not section:
            return f"is no ini: its line {number} is neither a section nor a key with a value"
        elif (section, key.lower()) == ("xml", "check_duplicity"):
            values.append(value)
    if not has_section:
        return "is no ini of POHODA: it has no section [XML]"
    other = [value for value in values if value != "1"]
    if other:
        return f"has `check_duplicity={other[0]}`"
    return None if values else "has no `check_duplicity`"
