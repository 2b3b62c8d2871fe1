"""Which delivery and which postings an answer speaks of.

Only what may have reached the receiver can be answered: what was delivered once, what is in doubt, and what is in
the middle of its publish. A version that is still to be shipped is never settled by the answer to an earlier one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, and_, or_, select

from gateway.documents import Receipt, Verdict
from gateway.store import tables

_delivery, _posting, _document = tables.delivery, tables.posting, tables.document
_reached = or_(
    _delivery.c.published_at.is_not(None),
    _delivery.c.state == "in_doubt",
    and_(_delivery.c.state == "shipping", _delivery.c.publish_begun == 1, _delivery.c.staged_name.is_not(None)),
)


class Meant(msgspec.Struct, frozen=True):
    """The postings of one answer, and their delivery.

    delivery is None where they are on their way anew since: such an answer is kept and settles nothing.
    name_is_taken: a later file was published under the same name, so this one is gone.
    """

    delivery: Row[Any] | None
    postings: Sequence[Row[Any]]
    name_is_taken: bool = False


class Meanings:
    """Finds what the answers of one file are about: by the call or the file's name, else by the ids in them."""

    def __init__(self, connection: Connection, target: str, name: str, *, call: str | None = None) -> None:
        """call: the delivery that was handed over in the call which brought this answer."""
        self._connection = connection
        self._target = target
        meant = _delivery.c.name == name if call is None else _delivery.c.id == call
        self._delivery = connection.execute(
            select(_delivery)
            .where(_delivery.c.target == target, meant, _reached)
            .order_by(_delivery.c.sequence.desc())
            .limit(1)
        ).one_or_none()
        self._taken: dict[str, bool] = {}

    def of(self, receipt: Receipt) -> Meant | None:
        """What an answer is about; None where it is about nothing of ours.

        That something was booked must be said of a document by its name: never of a whole file.
        """
        if receipt.item is None:
            if receipt.verdict not in (Verdict.REJECTED, Verdict.REFUSED, Verdict.BUSY):
                return None
            return self._of_file(receipt)
        if self._delivery is not None:
            found = self._postings(_posting.c.delivery_id == self._delivery.id, _posting.c.item_id == receipt.item)
            if found:
                return self._meant(self._delivery, found)
        found = self._postings(_posting.c.item_id == receipt.item, _reached)
        if found:
            return self._meant(self._delivery_of(found[0]), found[:1])
        waiting = self._postings(_posting.c.item_id == receipt.item)
        return Meant(None, waiting[:1]) if waiting else None

    def _of_file(self, receipt: Receipt) -> Meant | None:
        if self._delivery is not None:
            found = self._postings(_posting.c.delivery_id == self._delivery.id)
            if found:
                return self._meant(self._delivery, found)
        if not receipt.pack:
            return None
        found = self._postings(_posting.c.pack_id == receipt.pack, _reached)
        if not found:
            return None
        same = [posting for posting in found if posting.delivery_id == found[0].delivery_id]
        return self._meant(self._delivery_of(found[0]), same)

    def _postings(self, *conditions: Any) -> Sequence[Row[Any]]:
        """Postings of this target that fit, those of the newest delivery first."""
        return self._connection.execute(
            select(_posting, _document.c.key, _document.c.kind)
            .join(_document, _document.c.id == _posting.c.document_id)
            .join(_delivery, _delivery.c.id == _posting.c.delivery_id)
            .where(_posting.c.target == self._target, *conditions)
            .order_by(_delivery.c.sequence.desc(), _posting.c.id)
        ).all()

    def _delivery_of(self, posting: Row[Any]) -> Row[Any]:
        return self._connection.execute(select(_delivery).where(_delivery.c.id == posting.delivery_id)).one()

    def _meant(self, delivery: Row[Any], postings: Sequence[Row[Any]]) -> Meant:
        taken = self._taken.get(delivery.id)
        if taken is None:
            later = select(_delivery.c.id).where(
                _delivery.c.target == self._target,
                _delivery.c.name == delivery.name,
                _delivery.c.sequence > delivery.sequence,
                _delivery.c.published_at.is_not(None),
            )
            taken = self._connection.execute(later.limit(1)).one_or_none() is not None
            self._taken[delivery.id] = taken
        return Meant(delivery, postings, taken)
