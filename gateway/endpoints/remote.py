"""What every file server is asked in the same way: sizes before and after, temporary names, looking at both names.

A transport brings a `RemoteFolder` with the single steps of its protocol; the promises of `Source` and `Target`
are kept here, once for all of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from posixpath import join
from typing import BinaryIO, Protocol

from gateway.endpoints.base import (
    Dropoff,
    Entry,
    Look,
    Outcome,
    Pickup,
    Staged,
    Written,
    complete,
    done_name,
    in_order,
    may_matter,
    temporary_name,
)
from gateway.errors import EndpointError, EndpointRefused, EndpointUnreachable, OutcomeUnknown


class RemoteFolder(Protocol):
    """One folder of a server, by the steps of its protocol. Every step raises EndpointError."""

    @property
    def place(self) -> str:
        """The folder as a person would name it."""
        ...

    def entries(self, wanted: Callable[[str], bool]) -> Iterable[Entry]:
        """The regular files whose names are wanted. Raises where the folder is not there."""
        ...

    def find(self, name: str) -> Entry | None:
        """One file as it is now; None where there is none of that name."""
        ...

    def size_of(self, name: str) -> int | None:
        """The size of a file in bytes; None where there is none of that name."""
        ...

    def fetch(self, name: str, take: Callable[[bytes], object]) -> None:
        """Hand the content over block by block. That it ended without an error proves nothing."""
        ...

    def store(self, name: str, content: bytes) -> None:
        """Write a file, over an older one of that name. That it ended without an error proves nothing."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Give a file another name. Raises OutcomeUnknown where it may have been done."""
        ...

    def replace(self, old: str, new: str) -> None:
        """Give a file a name that another one has, in one step where the server can. Raises OutcomeUnknown."""
        ...

    def remove(self, name: str) -> None:
        """Delete a file."""
        ...

    def make_folder(self, name: str) -> None:
        """Create a folder in this one; it may be there already."""
        ...

    def refresh(self) -> None:
        """Make sure that a connection which lay idle is still good, or forget it. Never raises."""
        ...

    def drop(self) -> None:
        """Forget the connection: its state is not known any more."""
        ...

    def close(self) -> None:
        """Give the connection back. Never raises."""
        ...


class RemoteSource:
    """A folder of a server that files are taken from."""

    def __init__(self, folder: RemoteFolder, pickup: Pickup) -> None:
        self._folder = folder
        self._pickup = pickup
        self._after = pickup.after

    def list(self) -> Iterable[Entry]:
        """All files that fit the mask, with sizes and times where the server tells them. Raises EndpointError."""
        found = self._folder.entries(lambda name: may_matter(name, self._pickup))
        return in_order(complete(found, self._pickup), self._pickup)

    def read(self, entry: Entry, into: BinaryIO) -> None:
        """Copy the whole file; its size before, after and counted must be the same. Raises EndpointError."""
        before = self._folder.size_of(entry.name)
        if before is None:
            raise EndpointUnreachable(f"{self._folder.place}: {entry.name} is gone", code="E006")
        counted = 0

        def take(block: bytes) -> None:
            nonlocal counted
            counted += len(block)
            into.write(block)

        self._folder.fetch(entry.name, take)
        after = self._folder.size_of(entry.name)
        if not before == counted == after:
            self._folder.drop()
            raise EndpointUnreachable(
                f"{self._folder.place}: {entry.name} came with {counted} bytes, "
                f"the server says {before} before and {after} after",
                code="E006",
            )

    def ack(self, entry: Entry, outcome: Outcome) -> None:
        """Do the after-work action; a file that is gone or was replaced since is left alone."""
        if self._after.action == "keep":
            return
        found = self._folder.find(entry.name)
        if found is not None and _was_replaced(entry, found):
            return
        if found is not None and self._after.action == "delete":
            self._folder.remove(entry.name)
        elif found is not None:
            self._move(entry.name, self._after.folder or "done")
        self._unmark(entry.name)

    def close(self) -> None:
        """Close the connection."""
        self._folder.close()

    def _unmark(self, name: str) -> None:
        """The done-file goes last: while it is there, the file counts as there."""
        if self._pickup.done_file is None:
            return
        done = done_name(self._pickup.done_file, name)
        if self._folder.size_of(done) is not None:
            self._folder.remove(done)

    def _move(self, name: str, folder: str) -> None:
        parts = folder.strip("/").split("/")
        for depth in range(len(parts)):
            self._folder.make_folder("/".join(parts[: depth + 1]))
        stem, dot, suffix = name.rpartition(".")
        free, number = name, 1
        while self._folder.size_of(join(folder, free)) is not None:
            number += 1
            free = f"{stem}-{number}.{suffix}" if dot else f"{name}-{number}"
        self._folder.rename(name, join(folder, free))


class RemoteTarget:
    """A folder of a server that files are shipped to."""

    def __init__(self, folder: RemoteFolder, dropoff: Dropoff) -> None:
        self._folder = folder
        self._dropoff = dropoff

    @property
    def place(self) -> str:
        """The folder as a person would name it."""
        return self._folder.place

    def named(self, name: str, size: int, *, attempt: str) -> Staged:
        """The names that `stage` would use; nothing is done."""
        return Staged(name, temporary_name(self._dropoff.temporary, name, attempt), size)

    def stage(self, name: str, content: bytes, *, attempt: str) -> Staged:
        """Upload under a temporary name; the server's size must be the content's. Raises EndpointError."""
        staged = self.named(name, len(content), attempt=attempt)
        if "/" in staged.temporary:
            self._folder.make_folder(staged.temporary.rpartition("/")[0])
        self._folder.store(staged.temporary, content)
        size = self._folder.size_of(staged.temporary)
        if size != staged.size:
            self._folder.drop()
            raise EndpointUnreachable(
                f"{self.place}: {staged.temporary} has {size} bytes there instead of {staged.size}", code="E006"
            )
        return staged

    def publish(self, staged: Staged, *, over: int | None = None) -> Written:
        """Rename to the final name, which must be free or have a file of the size `over`.

        Raises OutcomeUnknown where it may have been done, another EndpointError where it surely was not.
        With done-files, an earlier publish that came as far as the final name is completed.
        """
        if self._dropoff.done_file is not None and self.look(staged) is Look.UNMARKED:
            self._mark(staged)
            return Written(staged.name, staged.size)
        there = self._folder.size_of(staged.name)
        if there is not None and there != over:
            raise EndpointRefused(
                f"{self.place}: a file named {staged.name} is there already and was not sent by this delivery",
                code="E007",
                help="move that file away, then `gateway retry` the delivery",
            )
        if there is None:
            self._folder.rename(staged.temporary, staged.name)
        else:
            self._folder.replace(staged.temporary, staged.name)
        self._mark(staged)
        return Written(staged.name, staged.size)

    def look(self, staged: Staged) -> Look:
        """Look at both names. Raises EndpointError where one cannot look."""
        if self._folder.size_of(staged.temporary) is not None:
            return Look.STAGED
        final = self._folder.size_of(staged.name)
        if final is None:
            return Look.ABSENT
        if final != staged.size:
            return Look.TAKEN
        return Look.PUBLISHED if self._is_marked(staged) else Look.UNMARKED

    def _is_marked(self, staged: Staged) -> bool:
        pattern = self._dropoff.done_file
        return pattern is None or self._folder.size_of(done_name(pattern, staged.name)) is not None

    def _mark(self, staged: Staged) -> None:
        """Say that the file is whole, by an empty one beside it; the file itself has its name by now."""
        if self._dropoff.done_file is None:
            return
        try:
            self._folder.store(done_name(self._dropoff.done_file, staged.name), b"")
        except EndpointError as error:
            raise OutcomeUnknown(error.message, code=error.code, help=error.help) from error

    def discard(self, staged: Staged) -> None:
        """Remove the temporary file if it is there."""
        with contextlib.suppress(EndpointError):
            self._folder.remove(staged.temporary)

    def take_away(self, written: Written) -> None:
        """Remove a file that was shipped, with its done-file; one of another size stays. Raises EndpointError."""
        size = self._folder.size_of(written.name)
        if size not in (None, written.size):
            return
        if self._dropoff.done_file is not None:
            self._remove_if_there(done_name(self._dropoff.done_file, written.name))
        if size is not None:
            self._remove_if_there(written.name)

    def _remove_if_there(self, name: str) -> None:
        try:
            self._folder.remove(name)
        except EndpointError:
            if self._folder.size_of(name) is not None:
                raise

    def refresh(self) -> None:
        """Make sure that the connection is still good, or forget it."""
        self._folder.refresh()

    def close(self) -> None:
        """Close the connection."""
        self._folder.close()


def _was_replaced(listed: Entry, found: Entry) -> bool:
    """Whether another content has that name now; what the server does not tell does not count."""
    if listed.size is not None and found.size != listed.size:
        return True
    return None not in (listed.modified, found.modified) and listed.modified != found.modified
