"""Finding a person's data: the orders that are asked for, and everything in the spool that holds them.

Stored inputs, deliveries and files on disk hold several orders; they can only be erased as whole files.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import file_digest
from pathlib import Path
from typing import TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Text, and_, cast, func, or_, select

from gateway.documents import Contact, Invoice, Order, decode
from gateway.errors import GatewayError, UsageError
from gateway.exchange.site import Site
from gateway.store import tables
from gateway.store.blobs import BlobMissing
from gateway.store.ledger import in_chunks

_exchange, _delivery, _posting, _version = tables.exchange, tables.delivery, tables.posting, tables.version
_quarantine, _document, _blob, _receipt = tables.quarantine, tables.document, tables.blob, tables.receipt
_Value = TypeVar("_Value", int, str)


class KnownDocument(msgspec.Struct, frozen=True):
    """A document of the catalogue."""

    id: int
    merchant: str
    origin: str
    kind: str
    key: str


class Wanted(msgspec.Struct, frozen=True):
    """What is looked for: the numbers of some documents, and perhaps an e-mail address."""

    keys: frozenset[str]
    email: str | None

    def pattern(self) -> re.Pattern[bytes]:
        """What a file that holds any of it matches; a number may match other things, too."""
        wholes = [rf"(?<![0-9A-Za-z]){re.escape(key)}(?![0-9A-Za-z])".encode() for key in sorted(self.keys)]
        texts = sorted(self.keys)
        if self.email is not None:
            email = re.escape(self.email)
            wholes.append(rf"(?<![0-9A-Za-z._%+-]){email}(?![0-9A-Za-z-]|\.[0-9A-Za-z])".encode())
            texts.append(self.email)
        wide = [re.escape(text.encode(code)) for text in texts for code in ("utf-16-le", "utf-16-be")]
        return re.compile(b"|".join([*wholes, *wide]), re.IGNORECASE)

    def email_pattern(self) -> re.Pattern[bytes] | None:
        """The same for the address alone: where that matches there is no doubt."""
        return None if self.email is None else Wanted(frozenset(), self.email).pattern()


class StoredDelivery(msgspec.Struct, frozen=True):
    """A delivery that carries one of the documents, perhaps among others."""

    id: str
    exchange: str
    target: str
    name: str
    content_sha256: str


class Found(msgspec.Struct, frozen=True):
    """All that the gateway has of the documents.

    kept: files that stay where they are, because the route keeps them there.
    waiting: files of drop folders that have not been read yet, and inputs that the ledger never heard of.
    """

    wanted: Wanted
    documents: tuple[KnownDocument, ...]
    exchanges: tuple[str, ...] = ()
    inputs: dict[str, str] = {}  # whole inputs: sha256 and name
    deliveries: tuple[StoredDelivery, ...] = ()
    set_aside: tuple[int, ...] = ()
    files: tuple[Path, ...] = ()
    kept: tuple[Path, ...] = ()
    waiting: tuple[Path, ...] = ()

    @property
    def origins(self) -> list[tuple[str, str]]:
        """The merchants and shops of the documents."""
        return sorted({(document.merchant, document.origin) for document in self.documents})


def by_number(site: Site, names: Sequence[str], route: str | None) -> list[KnownDocument]:
    """The documents of these numbers. Raises UsageError for one that is unknown, or known of several shops."""
    found: list[KnownDocument] = []
    with site.ledger.read() as connection:
        for name in names:
            documents = _documents(connection, _document.c.key == name)
            if route is not None:
                spec = site.config.routes.get(route)
                if spec is None:
                    raise UsageError(f"`{route}` is no route; routes: {', '.join(site.config.routes) or '-'}")
                here = (spec.merchant, spec.origin)
                documents = [found for found in documents if (found.merchant, found.origin) == here]
            if not documents:
                raise UsageError(_unknown(connection, name))
            shops = sorted({f"{found.merchant}/{found.origin}" for found in documents})
            if len(shops) > 1:
                raise UsageError(f"`{name}` is known of several shops ({', '.join(shops)}); name one with --route")
            found += documents
    return found


def by_email(site: Site, email: str) -> list[KnownDocument]:
    """The documents whose stored content has this address as that of a party, whatever its case."""
    wanted = email.strip().lower()
    text = func.lower(cast(_version.c.body, Text))
    ids: set[int] = set()
    with site.ledger.read() as connection:
        rows = connection.execute(
            select(_version.c.document_id, _version.c.body, _document.c.kind)
            .join(_document, _document.c.id == _version.c.document_id)
            .where(_version.c.body.is_not(None), func.instr(text, wanted) > 0)
        )
        for row in rows:
            document = decode(row.kind, row.body)
            if not isinstance(document, Order | Invoice | Contact):
                continue
            parties = [document.billing, *([document.delivery] if document.delivery else [])]
            if any((party.email or "").strip().lower() == wanted for party in parties):
                ids.add(row.document_id)
        return _documents(connection, _document.c.id.in_(sorted(ids)))


def find(site: Site, documents: Sequence[KnownDocument], email: str | None) -> Found:
    """Everything in the spool that holds the documents or the address."""
    wanted = Wanted(frozenset(document.key for document in documents), email.strip().lower() if email else None)
    return _Search(site, wanted, documents).run()


def _documents(connection: Connection, condition: ColumnElement[bool]) -> list[KnownDocument]:
    rows = connection.execute(select(_document).where(condition).order_by(_document.c.id))
    return [KnownDocument(row.id, row.merchant, row.origin, row.kind, row.key) for row in rows]


def _unknown(connection: Connection, name: str) -> str:
    waiting = connection.execute(
        select(_quarantine.c.exchange_id).where(
            _quarantine.c.identity == name, _quarantine.c.resolved_by.is_(None)
        )
    ).scalar()
    if waiting is not None:
        return f"`{name}` is set aside and was never sent: settle that first, `gateway show {waiting}`"
    return f"`{name}` is no order number of this site"


class _Search:
    def __init__(self, site: Site, wanted: Wanted, documents: Sequence[KnownDocument]) -> None:
        self._site = site
        self._wanted = wanted
        self._pattern = wanted.pattern() if wanted.keys or wanted.email else None
        self._certain = wanted.email_pattern()
        self._documents = tuple(documents)
        self._shops = {(document.merchant, document.origin) for document in documents}

    def run(self) -> Found:
        with self._site.ledger.read() as connection:
            exchanges = self._of_the_documents(connection)
            deliveries = self._deliveries(connection)
            exchanges |= {delivery.exchange for delivery in deliveries}
            set_aside, of_set_aside = self._set_aside(connection)
            exchanges |= of_set_aside
            inputs = self._inputs(connection, exchanges)
            exchanges |= self._exchanges_of(connection, inputs)
        files, kept, waiting = self._files(set(inputs))
        return Found(
            self._wanted,
            self._documents,
            tuple(sorted(exchanges)),
            inputs,
            tuple(deliveries),
            tuple(set_aside),
            tuple(files),
            tuple(kept),
            tuple(waiting),
        )

    def _of_the_documents(self, connection: Connection) -> set[str]:
        found: set[str] = set()
        for chunk in in_chunks([document.id for document in self._documents]):
            for table in (_version, _posting):
                rows = select(table.c.exchange_id).where(table.c.document_id.in_(chunk)).distinct()
                found |= set(connection.execute(rows).scalars())
            answers = (
                select(_receipt.c.exchange_id)
                .join(_posting, _posting.c.id == _receipt.c.posting_id)
                .where(_posting.c.document_id.in_(chunk))
            )
            found |= set(connection.execute(answers).scalars())
        return found

    def _deliveries(self, connection: Connection) -> list[StoredDelivery]:
        """Whatever carried one of the documents, and every other delivery of the very same bytes."""
        digests: set[str] = set()
        for chunk in in_chunks([document.id for document in self._documents]):
            rows = (
                select(_delivery.c.content_sha256)
                .join(_posting, _posting.c.delivery_id == _delivery.c.id)
                .where(_posting.c.document_id.in_(chunk))
            )
            digests |= set(connection.execute(rows).scalars())
        found: list[StoredDelivery] = []
        for names in in_chunks(sorted(digests)):
            rows_of = connection.execute(select(_delivery).where(_delivery.c.content_sha256.in_(names)))
            found += [StoredDelivery(r.id, r.exchange_id, r.target, r.name, r.content_sha256) for r in rows_of]
        return sorted(found, key=lambda delivery: delivery.id)

    def _set_aside(self, connection: Connection) -> tuple[list[int], set[str]]:
        """Records set aside under one of the numbers, or with the address in them."""
        keys = {(d.merchant, d.origin, d.kind, d.key) for d in self._documents}
        identities = [document.key for document in self._documents]
        by_key = _quarantine.c.identity.in_(identities)
        anything = _quarantine.c.fragment.is_not(None) if self._certain else by_key
        rows, exchanges = [], set[str]()
        for row in connection.execute(select(_quarantine).where(or_(by_key, anything))):
            named = (row.merchant, row.origin, row.kind, row.identity) in keys
            held = self._certain is not None and row.fragment and self._certain.search(row.fragment)
            if named or held:
                rows.append(row.id)
                exchanges |= {row.exchange_id, row.first_exchange}
        return rows, exchanges

    def _inputs(self, connection: Connection, exchanges: set[str]) -> dict[str, str]:
        """The stored inputs that hold any of it, by their sha256: those of these exchanges, and what is seen."""
        found: dict[str, str] = {}
        for chunk in in_chunks(sorted(exchanges)):
            rows = select(_exchange.c.input_sha256, _exchange.c.input_name).where(_exchange.c.id.in_(chunk))
            found |= {row.input_sha256: row.input_name for row in connection.execute(rows)}
        statement = (
            select(_exchange.c.input_sha256, _exchange.c.input_name, _exchange.c.route)
            .join(_blob, _blob.c.sha256 == _exchange.c.input_sha256)
            .order_by(_exchange.c.received_at)
        )
        if self._wanted.email is None:
            shops = [and_(_exchange.c.merchant == m, _exchange.c.origin == o) for m, o in sorted(self._shops)]
            statement = statement.where(or_(*shops))
        for row in connection.execute(statement).all():
            if row.input_sha256 not in found and self._stored_input_holds(row.input_sha256, row.route):
                found[row.input_sha256] = row.input_name
        return found

    def _stored_input_holds(self, digest: str, route: str) -> bool:
        try:
            with self._site.blobs.as_file(digest) as path:
                return self.holds(path, route)
        except BlobMissing:
            return False

    def _exchanges_of(self, connection: Connection, inputs: Iterable[str]) -> set[str]:
        found: set[str] = set()
        for chunk in in_chunks(sorted(inputs)):
            rows = select(_exchange.c.id).where(_exchange.c.input_sha256.in_(chunk))
            found |= set(connection.execute(rows).scalars())
        return found

    # -- files -----------------------------------------------------------------------------------------

    def _files(self, inputs: set[str]) -> tuple[list[Path], list[Path], list[Path]]:
        """Files of the routes' own folders: set aside and archived ones, kept ones, and those still to be read."""
        gone: list[Path] = []
        kept: list[Path] = []
        unknown = self._site.blobs.unknown
        waiting = [path for path in sorted(unknown.glob("*")) if self.holds(path, "")]
        for name, spec in self._site.config.routes.items():
            if self._wanted.email is None and (spec.merchant, spec.origin) not in self._shops:
                continue
            gone += self._failed(self._site.spool.root / name / "failed", name)
            drop = self._site.spool.root / name / "in"
            for path in sorted(drop.rglob("*")) if drop.is_dir() else []:
                if path.is_symlink() or not path.is_file() or not self._is_copy(path, name, inputs):
                    continue
                if path.parent != drop:
                    gone.append(path)
                elif spec.pickup.after.action == "keep":
                    kept.append(path)
                else:
                    waiting.append(path)
        return gone, kept, waiting

    def _failed(self, folder: Path, route: str) -> Iterator[Path]:
        """Records and inputs that were set aside for people, each with its reason."""
        if not folder.is_dir():
            return
        held = {
            path
            for path in sorted(folder.iterdir())
            if path.is_file() and not path.is_symlink() and self.holds(path, route)
        }
        for path in sorted(folder.iterdir()):
            partner = path.with_name(path.name.removesuffix(".why.txt"))
            if path in held or (partner != path and partner in held):
                yield path

    def _is_copy(self, path: Path, route: str, inputs: set[str]) -> bool:
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        return digest in inputs or self.holds(path, route)

    def holds(self, path: Path, route: str) -> bool:
        """Whether a file holds any of it. A number that is seen must be that of a record, if they can be read."""
        if self._pattern is None or not _matches(path, self._pattern):
            return False
        if path.name.endswith(".why.txt") or (self._certain is not None and _matches(path, self._certain)):
            return True
        prepared = self._site.routes.get(route)
        if prepared is None:
            return True
        try:
            return any(
                reading.key in self._wanted.keys for reading in prepared.mapping.read(path, shown_as=path.name)
            )
        except GatewayError:
            return True  # it cannot be read to its end: better one file too many


def _matches(path: Path, pattern: re.Pattern[bytes]) -> bool:
    if path.stat().st_size == 0:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return pattern.search(content) is not None
