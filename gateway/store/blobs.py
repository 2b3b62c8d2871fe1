"""Blobs: stored bytes, addressed by their sha256.

Many small blobs of one block share a segment file, so that a block costs one fsync. A segment without rows in
the ledger is what a crash left behind; `sweep` removes it. Rows go first (`drop`, `erase`), files only after the
commit (`unlink`): a crash in between leaves what `sweep` removes at the next start.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import file_digest, sha256
from pathlib import Path
from threading import get_ident
from typing import BinaryIO

import msgspec
from sqlalchemy import Connection, delete, select, update

from gateway.errors import DiskTrouble, GatewayError
from gateway.store import tables
from gateway.store.files import fsync_folder, write_durably
from gateway.store.ledger import Ledger, in_chunks


class StoredBlob(msgspec.Struct, frozen=True):
    """Where a blob lies; its row goes into the transaction of whatever refers to it."""

    sha256: str
    segment: str
    start: int
    size: int


class BlobMissing(GatewayError):
    """A blob that the ledger names cannot be read, or its bytes are not what they were."""


class Blobs:
    """The bytes of inputs and deliveries, in `folder`."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.folder = folder
        self.unknown = folder.with_name("unknown")
        self._ledger = ledger
        self._guard = threading.Lock()
        self._in_hand: set[str] = set()  # segments that are there and whose rows are yet to come

    def store(self, contents: Sequence[bytes], segment: str) -> list[StoredBlob]:
        """Write a block of contents into one new segment: durable when this returns, known after `record`."""
        stored, start = [], 0
        for content in contents:
            stored.append(StoredBlob(sha256(content).hexdigest(), segment, start, len(content)))
            start += len(content)
        if contents:
            write_durably(self.folder / segment, contents)
        return stored

    def take_in(self, file: Path, digest: str) -> StoredBlob:
        """Make a whole durable file on the same disk a segment of its own."""
        size = file.stat().st_size
        segment = f"{digest}.input"
        with self._guard:  # an older segment of that name may be about to be unlinked
            self._in_hand.add(segment)
            Path(file).replace(self.folder / segment)
        fsync_folder(self.folder)
        (self.unknown / f"{digest}.xml").unlink(missing_ok=True)
        return StoredBlob(digest, segment, 0, size)

    def record(self, connection: Connection, stored: Iterable[StoredBlob]) -> None:
        """Write the rows; a content that is known already keeps its first place, as long as that is there."""
        rows = {blob.sha256: blob for blob in stored}
        if not rows:
            return
        known = {
            row.sha256: row
            for row in connection.execute(
                select(tables.blob.c.sha256, tables.blob.c.segment).where(tables.blob.c.sha256.in_(rows))
            )
        }
        now = self._ledger.now()
        new = [msgspec.to_builtins(blob) | {"created_at": now} for sha, blob in rows.items() if sha not in known]
        if new:
            connection.execute(tables.blob.insert(), new)
        for sha, row in known.items():
            if not (self.folder / row.segment).exists():
                place = {"segment": rows[sha].segment, "start": rows[sha].start}
                connection.execute(update(tables.blob).where(tables.blob.c.sha256 == sha).values(place))
        with self._guard:
            self._in_hand -= {blob.segment for blob in rows.values()}

    def drop(self, connection: Connection, digests: Collection[str]) -> list[str]:
        """Delete the rows of blobs that nothing refers to any more.

        Returns the segments that are left without rows: `unlink` them once this is committed.
        """
        segments = _segments_of(connection, digests)
        for chunk in in_chunks(digests):
            connection.execute(delete(tables.blob).where(tables.blob.c.sha256.in_(chunk)))
        return sorted(segments - _still_used(connection, segments))

    def erase(self, connection: Connection, digests: Collection[str]) -> list[str]:
        """Delete blobs so that their bytes go too: a segment that holds others is written anew without them.

        Returns the segments to `unlink` once this is committed. Raises BlobMissing where a segment that holds
        others cannot be read.
        """
        segments = _segments_of(connection, digests)
        self.drop(connection, digests)
        for segment in sorted(_still_used(connection, segments)):
            self._write_anew(connection, segment)
        return sorted(segments)

    def _write_anew(self, connection: Connection, segment: str) -> None:
        rows = connection.execute(select(tables.blob).where(tables.blob.c.segment == segment)).all()
        try:
            with (self.folder / segment).open("rb") as file:
                contents = [_part(file, row.start, row.size) for row in rows]
        except OSError as error:
            raise BlobMissing(f"the stored bytes in {segment} cannot be read: {error.strerror}") from error
        name, start = f"{segment.split('~')[0]}~{secrets.token_hex(4)}", 0
        write_durably(self.folder / name, contents)
        for row in rows:
            connection.execute(
                update(tables.blob).where(tables.blob.c.sha256 == row.sha256).values(segment=name, start=start)
            )
            start += row.size

    def unlink(self, segments: Iterable[str]) -> int:
        """Remove segment files that no row knows any more. Returns how many bytes that made free."""
        freed = 0
        for segment in segments:
            with self._ledger.write() as connection, self._guard:  # no row can come while this is looked at
                if segment in self._in_hand or _still_used(connection, {segment}):
                    continue
                path = self.folder / segment
                try:
                    size = path.stat().st_size
                    path.unlink()
                except FileNotFoundError:
                    continue
                freed += size
        return freed

    def read(self, digest: str) -> bytes:
        """The whole content. Raises BlobMissing where it is gone or damaged, DiskTrouble."""
        place = self._place(digest)
        try:
            with (self.folder / place.segment).open("rb") as file:
                file.seek(place.start)
                content = file.read(place.size)
        except OSError as error:
            raise _unreadable(digest, error) from error
        if sha256(content).hexdigest() != digest:
            raise _damaged(digest)
        return content

    @contextmanager
    def as_file(self, digest: str) -> Iterator[Path]:
        """A file with the content, to be read only and only inside the block.

        Raises BlobMissing where it is gone or damaged, DiskTrouble.
        """
        place = self._place(digest)
        path = self.folder / place.segment
        try:
            is_whole = place.start == 0 and place.size == path.stat().st_size
            with path.open("rb") as file:
                found = file_digest(file, "sha256").hexdigest() if is_whole else None
        except OSError as error:
            raise _unreadable(digest, error) from error
        if is_whole and found != digest:
            raise _damaged(digest)
        if is_whole:
            yield path
            return
        part = self.folder / f".part-{digest}-{get_ident()}.tmp"  # it shares its segment with others
        try:
            part.write_bytes(self.read(digest))
            yield part
        finally:
            part.unlink(missing_ok=True)

    def sweep(self) -> int:
        """Remove segments that no row knows (a crash came between bytes and rows). Returns how many.

        An input that this ledger has never heard of is put into `unknown` until the same bytes are taken in again:
        where the ledger was restored from an older copy, it may be the only trace of an order.
        """
        with self._ledger.read() as connection:
            known = set(connection.execute(select(tables.blob.c.segment).distinct()).scalars())
            lost = [Path(e.path) for e in os.scandir(self.folder) if e.is_file() and e.name not in known]
            for path in lost:
                if path.suffix == ".input" and not _was_taken_in(connection, path.stem):
                    self.unknown.mkdir(exist_ok=True)
                    path.replace(self.unknown / f"{path.stem}.xml")
                else:
                    path.unlink()
        return len(lost)

    def _place(self, digest: str) -> StoredBlob:
        with self._ledger.read() as connection:
            row = connection.execute(select(tables.blob).where(tables.blob.c.sha256 == digest)).one_or_none()
        if row is None:
            raise BlobMissing(f"the stored bytes {digest[:12]} are not in the ledger (aged out or erased)")
        return StoredBlob(row.sha256, row.segment, row.start, row.size)


def _segments_of(connection: Connection, digests: Collection[str]) -> set[str]:
    found: set[str] = set()
    for chunk in in_chunks(digests):
        rows = select(tables.blob.c.segment).where(tables.blob.c.sha256.in_(chunk)).distinct()
        found |= set(connection.execute(rows).scalars())
    return found


def _still_used(connection: Connection, segments: Collection[str]) -> set[str]:
    found: set[str] = set()
    for chunk in in_chunks(sorted(segments)):
        rows = select(tables.blob.c.segment).where(tables.blob.c.segment.in_(chunk)).distinct()
        found |= set(connection.execute(rows).scalars())
    return found


def _was_taken_in(connection: Connection, digest: str) -> bool:
    exchange = tables.exchange
    row = connection.execute(select(exchange.c.id).where(exchange.c.input_sha256 == digest).limit(1)).first()
    return row is not None


def _part(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)


def _unreadable(digest: str, error: OSError) -> GatewayError:
    """A file that is gone is gone; anything else may pass."""
    message = f"the stored bytes {digest[:12]} cannot be read: {error.strerror}"
    if isinstance(error, FileNotFoundError):
        return BlobMissing(message)
    return DiskTrouble(message, code="G020", help="look at the disk of the spool; it is tried again")


def _damaged(digest: str) -> BlobMissing:
    return BlobMissing(f"the stored bytes {digest[:12]} are damaged: their checksum is another one")
