"""Folders on this machine or on a mounted share."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal

from pydantic import Field

from gateway.endpoints.base import (
    Dropoff,
    EndpointOptions,
    Entry,
    Look,
    Memory,
    Outcome,
    Pickup,
    Staged,
    Traits,
    Written,
    complete,
    done_name,
    in_order,
    may_matter,
    temporary_name,
)
from gateway.errors import EndpointError, EndpointRefused, EndpointUnreachable, OutcomeUnknown
from gateway.store.files import fsync_folder

_PASSING = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.EBUSY, errno.EAGAIN, errno.ETIMEDOUT}
)

_IN_USE = (32, 33)  # Windows: a sharing or a lock violation


class LocalOptions(EndpointOptions):
    """A folder of this machine."""

    type: Literal["local"] = "local"
    path: Path = Field(description="the folder; relative ones count from the folder of config.yaml")
    create: bool | None = Field(
        default=None,
        description="create target folders that are missing; default: only below the site's own folder, "
        "because a folder that is gone may be a disk that is not mounted",
    )


class LocalEndpoint:
    """A folder of this machine or of a mounted share."""

    def __init__(self, name: str, options: LocalOptions, *, root: Path) -> None:
        self.name = name
        self.traits = Traits(can_watch=True, remote=False)
        self._options = options
        self.path = root / options.path

    def source(self, pickup: Pickup, memory: Memory | None = None) -> LocalSource:
        """A folder as a source."""
        return LocalSource(self.path / pickup.folder.lstrip("/"), pickup)

    def target(self, dropoff: Dropoff) -> LocalTarget:
        """A folder as a target, created where the endpoint may."""
        return LocalTarget(self._below(dropoff.folder), dropoff)

    def probe(self) -> str:
        """Write and remove a file. Raises EndpointError."""
        target = self.target(Dropoff())
        staged = target.stage("gateway-probe", b"probe", attempt=f"{os.getpid()}")
        target.discard(staged)
        return f"{self.path} can be written"

    def close(self) -> None:
        """There is nothing to give back."""

    def _below(self, folder: str) -> Path:
        path = self.path / folder.lstrip("/")
        may_create = self._options.create
        if may_create or (may_create is None and not self._options.path.is_absolute()):
            try:
                path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise translate(error, f"the folder {path} cannot be created") from error
        return path


class LocalSource:
    """A folder that files are taken from."""

    def __init__(self, folder: Path, pickup: Pickup) -> None:
        self.folder = folder
        self._pickup = pickup
        self._after = pickup.after

    def list(self) -> Iterable[Entry]:
        """All files that fit the mask. Raises EndpointError where the folder is not there."""
        found = []
        try:
            with os.scandir(self.folder) as entries:
                for item in entries:
                    if may_matter(item.name, self._pickup) and item.is_file(follow_symlinks=False):
                        with contextlib.suppress(FileNotFoundError):
                            found.append(_entry(item.name, item.stat(follow_symlinks=False)))
        except OSError as error:
            raise translate(error, f"the folder {self.folder} cannot be listed") from error
        return in_order(complete(found, self._pickup), self._pickup)

    def read(self, entry: Entry, into: BinaryIO) -> None:
        """Copy the whole file. Raises EndpointError where it is not whole or changed meanwhile."""
        path = self.folder / entry.name
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
            with os.fdopen(descriptor, "rb") as file:
                before = os.fstat(file.fileno())
                shutil.copyfileobj(file, into, 1 << 20)
                after = os.fstat(file.fileno())
        except OSError as error:
            raise translate(error, f"{path} cannot be read") from error
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise EndpointUnreachable(f"{path} changed while it was read", code="E006")

    def ack(self, entry: Entry, outcome: Outcome) -> None:
        """Do the after-work action; a file that is gone or was replaced since is left alone."""
        if self._after.action == "keep":
            return
        path = self.folder / entry.name
        try:
            if _entry(entry.name, path.stat()) != entry:
                return
            if self._after.action == "delete" or (outcome is Outcome.FAILED and not self._after.keep_failed):
                path.unlink()
            else:
                folder = self.folder / (self._after.folder or "done")
                folder.mkdir(parents=True, exist_ok=True)
                path.rename(_free_name(folder / entry.name))
                fsync_folder(self.folder)
        except FileNotFoundError:
            pass  # it was put away before
        except OSError as error:
            raise translate(error, f"{path} cannot be put away") from error
        self._unmark(entry.name)

    def _unmark(self, name: str) -> None:
        """The done-file goes last: while it is there, the file counts as there."""
        if self._pickup.done_file is None:
            return
        done = self.folder / done_name(self._pickup.done_file, name)
        try:
            done.unlink(missing_ok=True)
        except OSError as error:
            raise translate(error, f"{done} cannot be removed") from error

    def close(self) -> None:
        """There is nothing to give back."""


class LocalTarget:
    """A folder that files are shipped to."""

    def __init__(self, folder: Path, dropoff: Dropoff) -> None:
        self.folder = folder
        self._dropoff = dropoff

    @property
    def place(self) -> str:
        """The folder as a person would name it."""
        return str(self.folder)

    def named(self, name: str, size: int, *, attempt: str) -> Staged:
        """The names that `stage` would use; nothing is done."""
        return Staged(name, temporary_name(self._dropoff.temporary, name, attempt), size)

    def stage(self, name: str, content: bytes, *, attempt: str) -> Staged:
        """Write the whole content under a temporary name, durably. Raises EndpointError."""
        temporary = self.folder / self.named(name, len(content), attempt=attempt).temporary
        try:
            if temporary.parent != self.folder:
                temporary.parent.mkdir(exist_ok=True)
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            size = temporary.stat().st_size
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise translate(error, f"{temporary} cannot be written") from error
        if size != len(content):
            raise EndpointUnreachable(f"{temporary} has {size} bytes instead of {len(content)}", code="E006")
        return self.named(name, size, attempt=attempt)

    def publish(self, staged: Staged, *, over: int | None = None) -> Written:
        """Give it the final name. Raises EndpointRefused where a file has it, but for one of the size `over`.

        With done-files, an earlier publish that came as far as the final name is completed.
        """
        final = self.folder / staged.name
        unmarked = self._dropoff.done_file is not None and self.look(staged) is Look.UNMARKED
        try:
            replaces = over is not None and final.exists() and final.stat().st_size == over
            if final.exists() and not unmarked and not replaces:
                raise _name_taken(final)
            if replaces and not unmarked:
                (self.folder / staged.temporary).replace(final)
            elif not unmarked:
                (self.folder / staged.temporary).rename(final)
        except FileExistsError as error:
            raise _name_taken(final) from error
        except OSError as error:
            trouble = translate(error, f"{final} cannot be named")
            if _surely_not_done(error):
                raise trouble from error
            raise OutcomeUnknown(trouble.message, code=trouble.code, help=trouble.help) from error
        try:
            self._mark(staged)
            fsync_folder(self.folder)
        except OSError as error:
            trouble = translate(error, f"{final} has its name, but what follows failed")
            raise OutcomeUnknown(trouble.message, code=trouble.code, help=trouble.help) from error
        return Written(staged.name, staged.size)

    def look(self, staged: Staged) -> Look:
        """Look at both names. Raises EndpointError where the folder cannot be looked into."""
        try:
            names = set(os.listdir(self.folder))  # noqa: PTH208 - the names alone
            if (self.folder / staged.temporary).exists():
                return Look.STAGED
            if staged.name not in names:
                return Look.ABSENT
            size = (self.folder / staged.name).stat().st_size
        except FileNotFoundError:
            if self.folder.is_dir():
                return Look.ABSENT
            raise EndpointUnreachable(f"the folder {self.folder} is gone", code="E003") from None
        except OSError as error:
            raise translate(error, f"the folder {self.folder} cannot be looked into") from error
        if size != staged.size:
            return Look.TAKEN
        pattern = self._dropoff.done_file
        return Look.PUBLISHED if pattern is None or done_name(pattern, staged.name) in names else Look.UNMARKED

    def _mark(self, staged: Staged) -> None:
        """Say that the file is whole, by an empty one beside it."""
        if self._dropoff.done_file is not None:
            (self.folder / done_name(self._dropoff.done_file, staged.name)).touch()

    def discard(self, staged: Staged) -> None:
        """Remove the temporary file if it is there."""
        with contextlib.suppress(OSError):
            (self.folder / staged.temporary).unlink()

    def take_away(self, written: Written) -> None:
        """Remove a file that was shipped, with its done-file; one of another size stays. Raises EndpointError."""
        final = self.folder / written.name
        try:
            with contextlib.suppress(FileNotFoundError):
                if final.stat().st_size != written.size:
                    return
            if self._dropoff.done_file is not None:
                (self.folder / done_name(self._dropoff.done_file, written.name)).unlink(missing_ok=True)
            final.unlink(missing_ok=True)
        except OSError as error:
            raise translate(error, f"{final} cannot be removed") from error

    def refresh(self) -> None:
        """There is no connection."""

    def close(self) -> None:
        """There is nothing to give back."""


def translate(error: OSError, what: str) -> EndpointError:
    """What the operating system said, as retryable or permanent."""
    reason = error.strerror or str(error)
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return EndpointUnreachable(
            f"{what}: {reason}", code="E003", help="check the path, and whether the disk or share is mounted"
        )
    if getattr(error, "winerror", None) in _IN_USE:
        return EndpointUnreachable(f"{what}: another program has it open", code="E006")
    if error.errno in _PASSING:
        code = "E008" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "E001"
        return EndpointUnreachable(f"{what}: {reason}", code=code)
    if isinstance(error, PermissionError):
        return EndpointRefused(
            f"{what}: {reason}", code="E004", help="give the gateway's user the right to read and write there"
        )
    return EndpointRefused(f"{what}: {reason}", code="E004")


def _surely_not_done(error: OSError) -> bool:
    """Whether a rename was refused. On a share all else may be a lost answer, also that the old name is gone."""
    refused = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EXDEV)
    return error.errno in refused or getattr(error, "winerror", None) in _IN_USE


def _name_taken(final: Path) -> EndpointRefused:
    return EndpointRefused(
        f"a file named {final.name} is in {final.parent} already and was not sent by this delivery",
        code="E007",
        help="move that file away, then `gateway retry` the delivery",
    )


def _entry(name: str, status: os.stat_result) -> Entry:
    return Entry(name, status.st_size, datetime.fromtimestamp(status.st_mtime_ns / 1e9, UTC))


def _free_name(path: Path) -> Path:
    """The path itself, or with a number before its suffix where that is taken."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free
