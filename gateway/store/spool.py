"""The spool: the folders on disk, and the lock that only one daemon holds.

<route>/in        the drop folder;  <route>/in/done   what was taken from it
<route>/failed    records and files set aside, each with a `.why.txt`, for people
work/             inputs while they are being taken in
blobs/            stored bytes
ledger.db         the ledger; only its owner may read it
lock              who holds the spool
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.clock import monotonic
from gateway.diagnostics import Problem
from gateway.errors import ConfigError, SpoolInUse
from gateway.store.files import write_durably

_NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs"})
_SOON = 1.0
_PRIVATE = 0o700
_OTHERS = 0o007
_PRIVATE_FILE = 0o600
_OWN_NAMES = frozenset({"unknown", "work", "blobs", "lock", "ledger"})
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(10))})


class Spool:
    """The folders of one site below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work = root / "work"
        self.blobs = root / "blobs"
        self.ledger = root / "ledger.db"

    def prepare(self) -> None:
        """Create what is missing. Raises ConfigError where no ledger can lie there."""
        try:
            for folder in (self.root, self.work, self.blobs):
                folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
            self._close()
        except OSError as error:
            raise _unusable(
                f"the spool {self.root} cannot be created: {error.strerror}",
                "set `spool:` in config.yaml to a folder that the gateway's user may write to",
            ) from error
        kind = file_system_of(self.root)
        if kind in _NETWORK_FILE_SYSTEMS:
            raise _unusable(
                f"the spool {self.root} lies on a network share ({kind}), where a ledger can be damaged",
                "set `spool:` in config.yaml to a folder on a local disk",
            )

    def drop_folder(self, route: str) -> Path:
        """Where people and programs drop files for a route."""
        return self._made(self.root / route / "in")

    def failed_folder(self, route: str) -> Path:
        """Where set-aside records and files lie for people."""
        return self._made(self.root / route / "failed")

    def _close(self) -> None:
        """Shut others out, also of a folder that was there before, as a clone's is: it holds addresses of people.

        What somebody opened for a group stays open for it. What is another user's is left to them.
        """
        if sys.platform == "win32":
            return
        found = self.root.stat()
        if found.st_uid == os.geteuid() and found.st_mode & _OTHERS:
            self.root.chmod(_PRIVATE)
        os.close(
            os.open(self.ledger, os.O_RDWR | os.O_CREAT, _PRIVATE_FILE)
        )  # SQLite would make it for all to read
        for name in ("", "-wal", "-shm"):
            file = self.ledger.with_name(self.ledger.name + name)
            with contextlib.suppress(FileNotFoundError):
                state = file.stat()
                if state.st_uid == os.geteuid() and state.st_mode & _OTHERS:
                    file.chmod(_PRIVATE_FILE)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the spool alone. Raises SpoolInUse, naming who holds it, where somebody else does.

        The operating system gives the lock back when the process ends, however it ends.
        """
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not _lock_soon(descriptor):
                raise SpoolInUse(
                    f"the spool {self.root} is in use by {self._holder()}; "
                    "stop that gateway first, or give this one a `spool:` of its own"
                )
            write_durably(self.root / "lock.holder", [json.dumps(_myself()).encode()])
            try:
                yield
            finally:
                (self.root / "lock.holder").unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    def is_locked(self) -> bool:
        """Whether a daemon holds the spool at this moment."""
        try:
            descriptor = os.open(self.root / "lock", os.O_RDWR)
        except OSError:
            return False
        try:
            return not _try_lock(descriptor)
        finally:
            os.close(descriptor)

    def _holder(self) -> str:
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            holder = json.loads((self.root / "lock.holder").read_text(encoding="utf-8"))
            return f"process {holder['pid']} on {holder['host']}"
        return "another process"

    def _made(self, folder: Path) -> Path:
        for part in (self.root, folder.parent, folder):  # `parents=True` would not make them private
            part.mkdir(mode=_PRIVATE, parents=part == self.root, exist_ok=True)
        return folder


def is_reserved(name: str) -> bool:
    """Whether a route cannot have this name: the spool's own folders, and Windows' devices, in any case."""
    return name.lower() in _OWN_NAMES | _DEVICES


def file_system_of(path: Path) -> str | None:
    """The type of the file system that a path lies on, where the system tells it (Linux)."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    resolved, best, kind = str(path.resolve()), "", None
    for line in mounts:
        parts = line.split()
        if len(parts) > 2:
            point = parts[1].encode("latin-1", "replace").decode("unicode_escape")
            inside = resolved == point or resolved.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best):
                best, kind = point, parts[2]
    return kind


def _unusable(message: str, help_line: str) -> ConfigError:
    return ConfigError([Problem(code="C008", message=message, help=help_line)])


def _myself() -> dict[str, Any]:
    return {"pid": os.getpid(), "host": socket.gethostname()}


def _lock_soon(descriptor: int) -> bool:
    """Lock within a second: `gateway status` takes the lock for a moment to see whether somebody holds it."""
    until = monotonic() + _SOON
    while not _try_lock(descriptor):
        if monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def _try_lock(descriptor: int) -> bool:
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
