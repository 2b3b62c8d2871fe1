"""A file server that is nothing but a dictionary: the third implementation of the seams, without any transport.

`MemoryFolder` is the folder as the gateway sees it, `MemoryPath` the same files as the tests see them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from posixpath import join

from gateway.endpoints import Dropoff, Entry, Memory, Pickup, Traits
from gateway.endpoints.remote import RemoteSource, RemoteTarget
from gateway.errors import EndpointRefused, EndpointUnreachable


@dataclass(frozen=True)
class StoredFile:
    """One file and the second in which it was written."""

    content: bytes
    seconds: float


@dataclass
class MemoryServer:
    """All files by their paths, and the folders; every write is a second later than the one before."""

    files: dict[str, StoredFile] = field(default_factory=dict)
    folders: set[str] = field(default_factory=lambda: {""})
    lock: threading.RLock = field(default_factory=threading.RLock)
    seconds: Iterator[int] = field(default_factory=lambda: count(1_700_000_000))

    def write(self, path: str, content: bytes) -> None:
        with self.lock:
            self.files[path] = StoredFile(content, next(self.seconds))


@dataclass(frozen=True)
class MemoryPath:
    """A path on a memory server, with what the tests do with paths."""

    server: MemoryServer
    path: str = ""

    def __truediv__(self, name: str) -> MemoryPath:
        return MemoryPath(self.server, join(self.path, name) if self.path else name)

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def write_bytes(self, content: bytes) -> None:
        self.server.write(self.path, content)

    def read_bytes(self) -> bytes:
        return self.server.files[self.path].content

    def exists(self) -> bool:
        return self.path in self.server.files or self.path in self.server.folders

    def unlink(self) -> None:
        del self.server.files[self.path]

    def mkdir(self) -> None:
        self.server.folders.add(self.path)

    def iterdir(self) -> Iterator[MemoryPath]:
        every = [*self.server.files, *(self.server.folders - {""})]
        return iter([MemoryPath(self.server, path) for path in every if path.rpartition("/")[0] == self.path])

    def set_time(self, seconds: float) -> None:
        self.server.files[self.path] = StoredFile(self.read_bytes(), seconds)


class MemoryFolder:
    """One folder of a memory server, by the steps of a `RemoteFolder`."""

    def __init__(self, server: MemoryServer, folder: str) -> None:
        self._server = server
        self._folder = folder.strip("/")

    @property
    def place(self) -> str:
        return f"memory:///{self._folder}"

    def entries(self, wanted: Callable[[str], bool]) -> Iterable[Entry]:
        with self._server.lock:
            if self._folder not in self._server.folders:
                raise EndpointUnreachable(f"the folder {self.place} is not there", code="E003")
            paths = [path for path in self._server.files if path.rpartition("/")[0] == self._folder]
            names = [path.rpartition("/")[2] for path in paths]
            return [self._entry(name) for name in names if wanted(name)]

    def find(self, name: str) -> Entry | None:
        with self._server.lock:
            return self._entry(name) if self._path(name) in self._server.files else None

    def size_of(self, name: str) -> int | None:
        found = self.find(name)
        return None if found is None else found.size

    def fetch(self, name: str, take: Callable[[bytes], object]) -> None:
        content = self._file(name).content
        for start in range(0, len(content), 1000):
            take(content[start : start + 1000])

    def store(self, name: str, content: bytes) -> None:
        self._must_be_there(self._path(name).rpartition("/")[0])
        self._server.write(self._path(name), content)

    def rename(self, old: str, new: str) -> None:
        with self._server.lock:
            file = self._file(old)
            self._must_be_there(self._path(new).rpartition("/")[0])
            if self._path(new) in self._server.files:
                raise EndpointRefused(f"{self.place}: {new} is there already", code="E004")
            del self._server.files[self._path(old)]
            self._server.files[self._path(new)] = file

    def replace(self, old: str, new: str) -> None:
        with self._server.lock:
            self._server.files[self._path(new)] = self._file(old)
            del self._server.files[self._path(old)]

    def remove(self, name: str) -> None:
        with self._server.lock:
            self._file(name)
            del self._server.files[self._path(name)]

    def make_folder(self, name: str) -> None:
        self._server.folders.add(self._path(name))

    def refresh(self) -> None:
        """There is no connection."""

    def drop(self) -> None:
        """There is no connection."""

    def close(self) -> None:
        """There is no connection."""

    def _path(self, name: str) -> str:
        return join(self._folder, name) if self._folder else name

    def _file(self, name: str) -> StoredFile:
        try:
            return self._server.files[self._path(name)]
        except KeyError:
            raise EndpointRefused(f"{self.place}: there is no file {name}", code="E004") from None

    def _must_be_there(self, folder: str) -> None:
        if folder not in self._server.folders:
            raise EndpointUnreachable(f"the folder memory:///{folder} is not there", code="E003")

    def _entry(self, name: str) -> Entry:
        file = self._file(name)
        return Entry(name, len(file.content), datetime.fromtimestamp(file.seconds, UTC))


class MemoryEndpoint:
    """A memory server as an endpoint."""

    def __init__(self, name: str, server: MemoryServer) -> None:
        self.name = name
        self.traits = Traits(remote=False, max_connections=100)
        self._server = server

    def source(self, pickup: Pickup, memory: Memory | None = None) -> RemoteSource:
        return RemoteSource(MemoryFolder(self._server, pickup.folder), pickup)

    def target(self, dropoff: Dropoff) -> RemoteTarget:
        return RemoteTarget(MemoryFolder(self._server, dropoff.folder), dropoff)

    def probe(self) -> str:
        return f"{len(self._server.files)} files in memory"

    def close(self) -> None:
        """There is no connection."""
