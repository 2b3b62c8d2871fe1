"""Blobs: stored bytes, addressed by their sha256.

Many small blobs of one block share a segment file, so that a block costs one fsync. A segment without rows in
the ledger is what a crash left behind; `sweep` removes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import file_digest, sha256
from pathlib import Path
from threading import get_ident

import msgspec
from sqlalchemy import Connection, select, update

from gateway.errors import GatewayError
from gateway.store import tables
from gateway.store.files import fsync_folder, write_durably
from gateway.store.ledger import Ledger


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
        self._ledger = ledger

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
        Path(file).replace(self.folder / segment)
        fsync_folder(self.folder)
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

    def read(self, digest: str) -> bytes:
        """The whole content. Raises BlobMissing where it is gone or damaged."""
        place = self._place(digest)
        try:
            with (self.folder / place.segment).open("rb") as file:
                file.seek(place.start)
                content = file.read(place.size)
        except OSError as error:
            raise BlobMissing(f"the stored bytes {digest[:12]} cannot be read: {error.strerror}") from error
        if sha256(content).hexdigest() != digest:
            raise _damaged(digest)
        return content

    @contextmanager
    def as_file(self, digest: str) -> Iterator[Path]:
        """A file with the content, to be read only and only inside the block.

        Raises BlobMissing where it is gone or damaged.
        """
        place = self._place(digest)
        path = self.folder / place.segment
        try:
            is_whole = place.start == 0 and place.size == path.stat().st_size
            with path.open("rb") as file:
                found = file_digest(file, "sha256").hexdigest() if is_whole else None
        except OSError as error:
            raise BlobMissing(f"the stored bytes {digest[:12]} cannot be read: {error.strerror}") from error
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
        """Remove segments that no row knows (a crash came between bytes and rows). Returns how many."""
        with self._ledger.read() as connection:
            known = set(connection.execute(select(tables.blob.c.segment).distinct()).scalars())
        removed = 0
        for entry in os.scandir(self.folder):
            if entry.is_file() and entry.name not in known:
                Path(entry.path).unlink()
                removed += 1
        return removed

    def _place(self, digest: str) -> StoredBlob:
        with self._ledger.read() as connection:
            row = connection.execute(select(tables.blob).where(tables.blob.c.sha256 == digest)).one_or_none()
        if row is None:
            raise BlobMissing(f"the stored bytes {digest[:12]} are not in the ledger (aged out)")
        return StoredBlob(row.sha256, row.segment, row.start, row.size)


def _damaged(digest: str) -> BlobMissing:
    return BlobMissing(f"the stored bytes {digest[:12]} are damaged: their checksum is another one")
