"""Onto the disk, or nothing of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.store.files import write_durably

BACKUP = ".bak"
_PRIVATE_FILE = 0o600


def replace_file(path: Path, content: bytes, *, like: Path | None = None) -> None:
    """Write a file whole under another name and rename it: it is the old one or the new one, never half of one.

    Its rights and owner are those that it had; of a new file those of `like`, or its owner's alone.
    """
    path = path.resolve()  # where it is a link, the link stays
    pattern = path if path.exists() else like
    found = pattern.stat() if pattern is not None and pattern.exists() else None
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    try:
        write_durably(temporary, [content])
        if found is not None:
            temporary.chmod(found.st_mode & 0o777)
            _own_as(temporary, found)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def keep_backup(path: Path) -> Path:
    """A copy of a file as it is, beside it; the one of the last time gives way."""
    backup = path.with_name(path.name + BACKUP)
    replace_file(backup, path.read_bytes(), like=path)
    return backup


def own_like(path: Path, pattern: Path) -> None:
    """Give a file that only its owner may read to the owner of another one, so that the service can read it."""
    found = pattern.stat()
    path.chmod(_PRIVATE_FILE if path.is_file() else 0o700)
    _own_as(path, found)


@contextlib.contextmanager
def put_back(paths: Sequence[Path]) -> Iterator[None]:
    """Whatever ends the work with an error, these files are afterwards what they were before, or not there."""
    before = {path: path.read_bytes() if path.is_file() else None for path in paths}
    try:
        yield
    except BaseException:  # whatever ended it; it is raised on
        for path, content in before.items():
            if content is None:
                path.unlink(missing_ok=True)
            elif path.read_bytes() != content:
                replace_file(path, content)
        raise


def _own_as(path: Path, found: os.stat_result) -> None:
    chown = getattr(os, "chown", None)  # Windows has none
    if chown is not None:
        with contextlib.suppress(OSError):  # only root may give files away; others own what they write
            chown(path, found.st_uid, found.st_gid)
