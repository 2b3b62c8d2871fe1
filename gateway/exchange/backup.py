"""`gateway backup`: the ledger at one moment, with every blob it names, beside a running daemon.

Files of drop folders are copied before that moment: one that is taken in meanwhile is in the backup twice, as a
file and in the ledger, and never not at all. Retention and `gateway forget` wait until the backup is done.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from itertools import groupby
from pathlib import Path

import msgspec

from gateway import __version__
from gateway.clock import Clock, SystemClock
from gateway.config.belongings import Belongings, belongings
from gateway.errors import GatewayError, UsageError
from gateway.exchange import retention
from gateway.store.archive import FORMAT, LEDGER, ArchiveWriter, Manifest, Spans, new_archive
from gateway.store.lanes import SqliteLanes
from gateway.store.ledger import LaneLease, LaneLost, Ledger, open_ledger
from gateway.store.schema import current_revision
from gateway.store.spool import Spool, is_reserved

Segment = tuple[str, list[tuple[int, int, str]]]
Told = Callable[[str], None]


class BackedUp(msgspec.Struct, frozen=True):
    """What a backup holds. missing: stored bytes that the spool had lost before. outside: files left out."""

    file: str
    at: str
    bytes: int
    files: int
    contents: int
    missing: tuple[str, ...]
    outside: tuple[str, ...]
    has_inline_secrets: bool


def back_up(config: Path, file: Path, *, told: Told, clock: Clock | None = None) -> BackedUp:
    """Write a backup of a site to a new file.

    Raises UsageError where the file exists, lies in the spool, or there is nothing to back up.
    """
    own = belongings(config)
    spool = Spool(own.spool)
    place = file.parent.resolve()
    if not place.is_dir():
        raise UsageError(f"there is no folder {file.parent}")
    if spool.root.resolve() in (place, *place.parents):
        raise UsageError(f"{file} lies in the spool itself; choose a folder outside, best on another disk")
    if not spool.ledger.is_file() or not spool.ledger.stat().st_size:
        raise UsageError(f"there is no ledger in {spool.root}: nothing to back up")
    ledger = open_ledger(spool.ledger, clock or SystemClock(), migrate=False)
    try:
        with new_archive(file) as archive:
            manifest = _Backup(own, spool, ledger, archive, told).write(place)
    finally:
        ledger.close()
    return BackedUp(
        str(file),
        manifest.at,
        file.stat().st_size,
        len(manifest.files),
        sum(member.name.startswith("blobs/") for member in manifest.files),
        manifest.missing,
        own.outside,
        own.has_inline_secrets,
    )


class _Backup:
    def __init__(self, own: Belongings, spool: Spool, ledger: Ledger, archive: ArchiveWriter, told: Told) -> None:
        self._own = own
        self._spool = spool
        self._ledger = ledger
        self._archive = archive
        self._told = told
        self._lanes = SqliteLanes(ledger)

    def write(self, place: Path) -> Manifest:
        revision = current_revision(self._ledger)
        if revision is None:
            raise UsageError(f"the ledger in {self._spool.root} is empty: nothing to back up")
        self._lanes.sweep([])  # a backup that was killed must not be waited for
        with (
            tempfile.TemporaryDirectory(prefix=".gateway-backup-", dir=place) as folder,
            self._lanes.exclusively(retention.LANE) as lease,
        ):
            copy = Path(folder) / LEDGER
            self._waiting(Path(folder))
            at = self._ledger.now()
            self._told("copying the ledger")
            _snapshot(self._spool.ledger, copy)
            self._archive.add(LEDGER, copy)
            missing = self._blobs(copy, lease)
            self._room("failed", self._files("failed"))
            self._room("unknown", ((path.name, path) for path in sorted(self._spool.root.glob("unknown/*"))))
            for path in self._own.files:
                self._archive.add(f"site/{path.relative_to(self._own.site).as_posix()}", path)
        name = self._own.config.name
        files = tuple(self._archive.members)
        manifest = Manifest(FORMAT, __version__, revision, at, name, files, tuple(missing))
        self._archive.finish(manifest)
        return manifest

    def _waiting(self, folder: Path) -> None:
        """Files of drop folders change and go while they are read, so each is copied first."""
        for name, path in self._files("in"):
            copy = folder / "waiting"
            try:
                shutil.copyfile(path, copy)
            except FileNotFoundError:
                continue  # it was taken in a moment ago, and will be in the ledger
            self._archive.add(f"waiting/{name}", copy)

    def _room(self, room: str, files: Iterable[tuple[str, Path]]) -> None:
        for name, path in files:
            with suppress(FileNotFoundError):
                self._archive.add(f"{room}/{name}", path)

    def _files(self, folder: str) -> Iterator[tuple[str, Path]]:
        """The files of one folder of each route, those of its subfolders not: `in/done` is an archive."""
        for route in sorted(self._spool.root.iterdir()):
            place = route / folder
            if is_reserved(route.name) or not route.is_dir() or not place.is_dir():
                continue
            for path in sorted(place.iterdir()):
                if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
                    yield f"{route.name}/{path.name}", path

    def _blobs(self, ledger: Path, lease: LaneLease) -> list[str]:
        """The segments that the copy of the ledger names. Returns what is missing or damaged already."""
        missing: list[str] = []
        for done, (segment, spans) in enumerate(segments_of(ledger), start=1):
            if done % 1000 == 0:
                self._told(f"{done} files of stored contents")
            checking = Spans(spans)
            try:
                self._archive.add(f"blobs/{segment}", self._spool.blobs / segment, also=checking)
            except FileNotFoundError:
                self._check_alone(lease)
                missing += [digest for _, _, digest in spans]
            else:
                missing += checking.wrong()
        return missing

    def _check_alone(self, lease: LaneLease) -> None:
        """Raise GatewayError where retention may have been at work: a daemon that starts frees all lanes."""
        try:
            self._lanes.renew(lease)
        except LaneLost as lost:
            raise GatewayError(
                "a gateway was started while the backup was made, and old contents were removed; make it again"
            ) from lost


def segments_of(ledger: Path) -> Iterator[Segment]:
    """The segments that a ledger at rest names, each with its blobs as (start, size, sha256)."""
    with closing(sqlite3.connect(f"file:{_quoted(ledger)}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT segment, start, size, sha256 FROM blob ORDER BY segment, start")
        for segment, spans in groupby(rows, key=lambda row: str(row[0])):
            yield segment, [(start, size, digest) for _, start, size, digest in spans]


def _snapshot(ledger: Path, copy: Path) -> None:
    """The ledger at one moment, as one file: all pages in one step, because every write would begin it anew."""
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT, 0o600))
    with closing(sqlite3.connect(ledger, timeout=60)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target, pages=-1)
        target.execute("PRAGMA journal_mode=DELETE")


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path))
