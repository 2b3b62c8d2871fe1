"""A program that prints: the PDFs of its invoices as a source, one input for each invoice that has none yet."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from datetime import date
from typing import BinaryIO
from urllib.parse import quote, unquote

import msgspec
from sqlalchemy import Connection, func, select

from gateway.clock import Clock
from gateway.config.asking import PrintSpec
from gateway.documents import Invoice, Request, decode
from gateway.endpoints import Entry, Memory, Outcome, Service
from gateway.errors import EndpointRefused, EndpointUnreachable
from gateway.exchange.writing import assemble
from gateway.rendering import Identity, Template
from gateway.rendering.asking import Asking, NotAPage
from gateway.store import tables
from gateway.store.ledger import Ledger

_REFUSED = "refused"
_document, _version, _exchange = tables.document, tables.version, tables.exchange


def unprinted(
    connection: Connection,
    merchant: str,
    origin: str,
    since: date | None,
    most: int,
    behind: Container[str] = (),
) -> list[tuple[str, str]]:
    """Number and id in the accounting program of invoices without a PDF, oldest first, but for those `behind`."""
    has_file = _document.alias("has_file")
    newest = (
        select(func.max(_version.c.ordinal))
        .where(_version.c.document_id == _document.c.id)
        .correlate(_document)
        .scalar_subquery()
    )
    rows = connection.execute(
        select(_document.c.key, _version.c.body)
        .join(_version, (_version.c.document_id == _document.c.id) & (_version.c.ordinal == newest))
        .join(_exchange, _exchange.c.id == _version.c.exchange_id)
        .where(
            _document.c.merchant == merchant,
            _document.c.origin == origin,
            _document.c.kind == "invoice",
            _version.c.body.is_not(None),
            _version.c.cancelled == 0,
            _exchange.c.planned_at.is_not(None),
            ~select(has_file.c.id)
            .where(
                has_file.c.merchant == merchant,
                has_file.c.origin == origin,
                has_file.c.kind == "attachment",
                has_file.c.key == _document.c.key,
            )
            .exists(),
        )
        .order_by(_document.c.id)
        .execution_options(yield_per=200)
    )
    found: list[tuple[str, str]] = []
    for row in rows:
        if str(row.key) in behind:
            continue
        invoice = decode("invoice", row.body)
        if not isinstance(invoice, Invoice) or invoice.record_id is None:
            continue
        if since is None or invoice.issued_at.date() >= since:
            found.append((str(row.key), invoice.record_id))
        if len(found) >= most:
            break
    return found


class PrintSource:
    """The PDFs of invoices that the gateway knows and has no file of."""

    def __init__(
        self,
        service: Service,
        spec: PrintSpec,
        request: tuple[Template, Asking],
        ledger: Ledger,
        memory: Memory,
        clock: Clock,
        waiting: Callable[..., Sequence[tuple[str, str]]],
    ) -> None:
        """waiting: as `unprinted`, with whose invoices and since when filled in."""
        self._service = service
        self._spec = spec
        self._template, self._asking = request
        self._ledger = ledger
        self._memory = memory
        self._clock = clock
        self._waiting = waiting
        self._ids: dict[str, str] = {}

    def list(self) -> Iterable[Entry]:
        """One entry for each invoice without a file; those that were refused before come last."""
        refused, most = self._refused(), self._spec.most
        with self._ledger.read() as connection:
            found = list(self._waiting(connection, most=most, behind=refused))
            if len(found) < most and refused:
                again = self._waiting(connection, most=most + len(refused))
                found += [each for each in again if each[0] in refused][: most - len(found)]
        self._ids = {f"{quote(number, safe='')}.pdf": record_id for number, record_id in found}
        return [Entry(name, whole=True) for name in self._ids]

    def read(self, entry: Entry, into: BinaryIO) -> None:
        """Have it printed. Raises EndpointError, also where the program prints nothing."""
        answer = self._service.call(entry.name, self._request(entry.name))
        try:
            files = self._asking.files(answer)
        except NotAPage as trouble:
            message = f"{self._spec.name} does not print {entry.name}: {trouble.message}"
            if trouble.busy:
                raise EndpointUnreachable(message, code="E018") from None
            self._put_behind(entry.name)
            raise EndpointRefused(message, code="E018", help="see to the rights of the user there") from None
        if not files:
            self._put_behind(entry.name)
            raise EndpointRefused(
                f"{self._spec.name} says that it printed {entry.name}, and hands over no file",
                code="E018",
                help="mostly the number of the report is another one in that unit: look it up there and correct "
                "`report` under `settings:`",
            )
        into.write(files[0])

    def _refused(self) -> frozenset[str]:
        return frozenset(msgspec.json.decode(self._memory.get(_REFUSED) or "[]", type=list[str]))

    def _put_behind(self, name: str) -> None:
        """One that cannot be printed must not keep the others waiting."""
        numbers = {*self._refused(), unquote(name.removesuffix(".pdf"))}
        self._memory.put(_REFUSED, msgspec.json.encode(sorted(numbers)).decode())

    def ack(self, entry: Entry, outcome: Outcome) -> None:
        """Nothing to do: an invoice with a file is not listed again."""
        del entry, outcome

    def close(self) -> None:
        """Give the connection back."""
        self._service.close()

    def _request(self, name: str) -> bytes:
        pack = f"print-{self._clock.now().strftime('%Y%m%d%H%M%S%f')}-{self._ids[name]}"[:64]
        document = Request(number=name, id_from=1, count=1, record_id=self._ids[name])
        identity = Identity(pack=pack, item=pack, origin=self._spec.name)
        return assemble(self._template, pack, [self._template.record(document, identity)])
