"""A backup as one file: a compressed tar whose last member is the manifest of all the others.

    waiting/<route>/<file>     files of drop folders that had not been read
    ledger.db                  the ledger at one moment
    blobs/<segment>            the stored bytes that it names
    failed/<route>/<file>      what was set aside for people
    unknown/<file>             inputs that the ledger had never heard of
    site/<path>                config.yaml, what it includes, own mappings, templates and schemas
    manifest.json              name, size and sha256 of each

Nothing of a backup is believed before all of it was read once and compared with its manifest.
"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import IO, BinaryIO, ClassVar, Protocol

import msgspec

from gateway.errors import GatewayError, UsageError
from gateway.store.files import fsync_folder

LEDGER, MANIFEST = "ledger.db", "manifest.json"
ROOMS = ("waiting", "blobs", "failed", "unknown", "site")
FORMAT = 1
_LARGEST_MANIFEST = 1 << 30
_CHUNK = 1 << 20
_LEVEL = 4
_BROKEN = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, msgspec.DecodeError, UnicodeError)


class BrokenBackup(GatewayError):
    """A backup that is cut, was altered, or is none."""

    exit_code: ClassVar[int] = 3


class Member(msgspec.Struct, frozen=True):
    """One file of a backup."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds. missing: the stored bytes that the spool had lost already when it was made."""

    format: int
    gateway: str
    revision: str
    at: str
    config: str
    files: tuple[Member, ...]
    missing: tuple[str, ...] = ()


class Sink(Protocol):
    """Where the bytes of a member go while it is read."""

    def write(self, block: bytes, /) -> object:
        """Take the next block."""
        ...


class ArchiveWriter:
    """Writes a backup; it has its name only once it is whole and on the disk."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.members: list[Member] = []

    def add(self, name: str, path: Path, *, also: Sink | None = None) -> None:
        """Add a file that nobody changes meanwhile; its bytes go to `also`, too."""
        with path.open("rb") as file:
            self.add_open(name, file, os.fstat(file.fileno()).st_size, also=also)

    def add_open(self, name: str, file: BinaryIO, size: int, *, also: Sink | None = None) -> None:
        """Add `size` bytes of an open file."""
        reading = _Tee(file, also)
        self._tar.addfile(_header(name, size), reading)
        self.members.append(Member(name, size, reading.digest.hexdigest()))

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest as the last member."""
        content = msgspec.json.encode(manifest)
        self._tar.addfile(_header(MANIFEST, len(content)), io.BytesIO(content))


@contextmanager
def new_archive(file: Path) -> Iterator[ArchiveWriter]:
    """A backup of this name, for its owner alone. Where it fails, nothing of it stays.

    Raises UsageError where the file exists.
    """
    if file.exists():
        raise UsageError(f"{file} is there already; choose another name, a backup is never written over")
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with os.fdopen(descriptor, "wb") as raw:
            with (
                gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=_LEVEL, mtime=0) as packed,
                tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
            ):
                yield ArchiveWriter(tar)
            raw.flush()
            os.fsync(raw.fileno())
        if file.exists():
            raise UsageError(f"{file} has come meanwhile; choose another name, a backup is never written over")
        temporary.rename(file)
    except BaseException:  # whatever ended it, no half file is left; it is raised on
        with suppress(OSError):
            temporary.unlink()
        raise
    fsync_folder(file.parent)


def read_archive(file: Path, take: Callable[[str, int], Sink | None]) -> Manifest:
    """Read a whole backup and compare it with its manifest.

    take: is asked for every member, with its size, where its bytes are to go besides.
    Raises BrokenBackup where the file is cut or was altered, UsageError where it is not there.
    """
    seen: dict[str, Member] = {}
    manifest: Manifest | None = None
    try:
        with _members(file) as members:
            for name, size, content in members:
                if manifest is not None:
                    raise BrokenBackup(f"{file} is no whole backup: something follows its manifest")
                if name == MANIFEST:
                    manifest = _manifest(file, size, content)
                elif name in seen:
                    raise BrokenBackup(f"{file} is no whole backup: {name} is in it twice")
                else:
                    seen[name] = Member(name, size, _copy(content, take(name, size)))
    except _BROKEN as error:
        raise BrokenBackup(f"{file} is no whole backup: {error or type(error).__name__}") from error
    if manifest is None:
        raise BrokenBackup(f"{file} is no whole backup: it ends before its manifest")
    _compare(file, manifest, seen)
    return manifest


def extract(file: Path, manifest: Manifest, place: Callable[[str], Path | None]) -> int:
    """Write the members of a backup that was compared with its manifest to where `place` says. Returns how many.

    Raises BrokenBackup where a member is not what the manifest says.
    """
    known = {member.name: member for member in manifest.files}
    count = 0
    with _members(file) as members:
        for name, size, content in members:
            path = place(name) if name in known else None
            if path is None:
                continue
            if size != known[name].size:
                raise BrokenBackup(f"{file} was changed while it was read: {name}")
            with private_file(path) as out:
                digest = _copy(content, out)
                out.flush()
                os.fsync(out.fileno())
            if digest != known[name].sha256:
                raise BrokenBackup(f"{file} was changed while it was read: {name}")
            count += 1
    return count


@contextmanager
def private_file(path: Path) -> Iterator[BinaryIO]:
    """A new file for its owner alone, in a folder that is made where it is missing. Replaces an older one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        yield file


class Spans:
    """Compares parts of a file with their checksums while its bytes pass by: (start, size, sha256), in order."""

    def __init__(self, spans: Sequence[tuple[int, int, str]]) -> None:
        self._spans = [(start, start + size, digest, sha256()) for start, size, digest in spans]
        self._offset = 0

    def write(self, block: bytes) -> None:
        """The next bytes of the file."""
        begin, end = self._offset, self._offset + len(block)
        for start, stop, _, hashing in self._spans:
            if start < end and stop > begin:
                hashing.update(block[max(start, begin) - begin : min(stop, end) - begin])
        self._offset = end

    def wrong(self) -> list[str]:
        """The checksums of the parts that are not what they were."""
        return [digest for _, _, digest, hashing in self._spans if hashing.hexdigest() != digest]


@contextmanager
def _members(file: Path) -> Iterator[Iterator[tuple[str, int, IO[bytes]]]]:
    """The members of a tar, each with its name checked; links, folders and devices are refused."""

    def each(tar: tarfile.TarFile) -> Iterator[tuple[str, int, IO[bytes]]]:
        for header in tar:
            if not header.isreg() or not is_safe(header.name):
                raise BrokenBackup(f"{file} is no backup of the gateway: it holds {header.name!r}")
            content = tar.extractfile(header)
            assert content is not None
            yield header.name, header.size, content

    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    try:
        with gzip.open(file, "rb") as packed, tarfile.open(fileobj=packed, mode="r|") as tar:
            yield each(tar)
            while packed.read(_CHUNK):  # to the checksum at its end, which a cut file lacks
                pass
    except _BROKEN as error:
        raise BrokenBackup(f"{file} is no whole backup: {error or type(error).__name__}") from error


def is_safe(name: str) -> bool:
    """Whether a member's name is one that a backup has: in one of its rooms, and never leading out of it."""
    if name in (LEDGER, MANIFEST):
        return True
    parts = name.split("/")
    plain = all(part not in ("", ".", "..") and part.isprintable() for part in parts)
    return plain and len(parts) > 1 and parts[0] in ROOMS and not any(sign in name for sign in ("\\", ":", "\0"))


def _manifest(file: Path, size: int, content: IO[bytes]) -> Manifest:
    if size > _LARGEST_MANIFEST:
        raise BrokenBackup(f"{file} is no backup of the gateway: its manifest has {size} bytes")
    data = content.read()
    found = msgspec.json.decode(data)
    if isinstance(found, dict) and found.get("format") != FORMAT:
        raise BrokenBackup(
            f"{file} was made by a newer gateway (format {found.get('format')}): install that version"
        )
    return msgspec.json.decode(data, type=Manifest)


def _compare(file: Path, manifest: Manifest, seen: dict[str, Member]) -> None:
    listed = {member.name: member for member in manifest.files}
    if LEDGER not in listed:
        raise BrokenBackup(f"{file} is no backup of the gateway: it holds no ledger")
    for name in sorted(listed.keys() | seen.keys()):
        if name not in seen:
            raise BrokenBackup(f"{file} is no whole backup: {name} is missing")
        if seen[name] != listed.get(name):
            raise BrokenBackup(f"{file} was altered: {name} is not what its manifest says")


def _copy(content: IO[bytes], sink: Sink | None) -> str:
    hashing = sha256()
    while block := content.read(_CHUNK):
        hashing.update(block)
        if sink is not None:
            sink.write(block)
    return hashing.hexdigest()


def _header(name: str, size: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size, header.mode = size, 0o600
    return header


class _Tee:
    """Hashes what is read, and hands it on."""

    def __init__(self, file: BinaryIO, also: Sink | None) -> None:
        self._file = file
        self._also = also
        self.digest = sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self.digest.update(block)
        if self._also is not None:
            self._also.write(block)
        return block
