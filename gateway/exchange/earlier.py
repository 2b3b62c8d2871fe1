"""The inputs of earlier exchanges, read once more to tell whether a record is the same but written otherwise.

Its canonical form is what it was then. Read by the same mapping it would give the same document, too: so this is
asked only where documents differ, and mapping or settings were changed since.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from gateway.errors import SourceProblems
from gateway.exchange.catalogue import Known
from gateway.exchange.prepared import PreparedRoute
from gateway.mapping import Kept
from gateway.store import tables
from gateway.store.blobs import BlobMissing, Blobs

_exchange = tables.exchange


class EarlierSources:
    """The stored sources of some documents. For one block of records."""

    def __init__(self, connection: Connection, route: PreparedRoute, blobs: Blobs, known: Iterable[Known]) -> None:
        self._connection = connection
        self._route = route
        self._blobs = blobs
        self._known = tuple(known)
        self._fingerprints: dict[str, dict[int, str]] = {}

    def was_same(self, record: Kept, before: Known) -> bool:
        """Whether the canonical form of a record is what it was; False also where that is not stored any more."""
        if before.exchange_id not in self._fingerprints:
            self._fingerprints[before.exchange_id] = self._read(before.exchange_id)
        earlier = self._fingerprints[before.exchange_id].get(before.position)
        return earlier is not None and earlier == record.canonical_fingerprint()

    def _read(self, exchange_id: str) -> dict[int, str]:
        """The canonical fingerprints of the records of an exchange that are asked about, by their positions."""
        row = self._connection.execute(
            select(_exchange.c.configuration, _exchange.c.input_sha256).where(_exchange.c.id == exchange_id)
        ).one_or_none()
        if row is None or row.configuration == self._route.configuration:
            return {}
        wanted = {known.position for known in self._known if known.exchange_id == exchange_id}
        try:
            with self._blobs.as_file(row.input_sha256) as path:
                readings = self._route.mapping.read(path, wanted=wanted.__contains__)
                return {reading.position: reading.fingerprint() for reading in readings}
        except (BlobMissing, SourceProblems):
            return {}
