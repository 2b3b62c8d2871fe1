"""`gateway init`: a new site."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway import library
from gateway.cli.main import EXIT_CODES, session_of
from gateway.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(epilog=EXIT_CODES)(init)


def init(
    context: typer.Context, folder: Annotated[Path, typer.Argument(help="The folder of the new site.")]
) -> None:
    """Lay out a new site: a commented config.yaml, the drop folder, and a place for own mappings."""
    from gateway.store.spool import Spool

    terminal = session_of(context).terminal
    if (folder / "config.yaml").exists():
        raise UsageError(f"{folder / 'config.yaml'} is there already; choose another folder")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; choose another folder")
    pattern = Path(library.__file__).parent / "site"
    for path in sorted(pattern.rglob("*")):
        place = folder / path.relative_to(pattern)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(_with_schema(path.read_bytes()))
            terminal.result(f"{terminal.mark('good')} {place}")
    drop = Spool(folder / "spool").drop_folder("shoptet-orders")
    terminal.result(f"{terminal.mark('good')} {drop}/")
    terminal.result(f"next: read {folder / 'config.yaml'}, then `cd {folder}`, `gateway check` and `gateway run`")


def _with_schema(content: bytes) -> bytes:
    """A file of the pattern with the place of the installed schema in its first line, where it names one."""
    from gateway.workbench.schemas import MODELINE, place_of

    first, newline, rest = content.partition(b"\n")
    if not first.startswith(MODELINE.encode()):
        return content
    return f"{MODELINE}{place_of('config').as_posix()}".encode() + newline + rest
