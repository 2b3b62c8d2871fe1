"""The documents that a record of an API links to, gathered and put into it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import msgspec

from gateway.clock import Clock, from_text, to_text
from gateway.endpoints.api_connection import ApiConnection, filled_in
from gateway.endpoints.api_description import FollowModel, ListModel
from gateway.endpoints.api_tree import Tree
from gateway.endpoints.base import Memory

_MOST_PAGES = 1000
_LONG = timedelta(days=1)
_FAILING = "failing"


class OneRecord(Exception):
    """A part of this record is refused; others may well be gathered."""


class _Kept(msgspec.Struct, frozen=True):
    """An answer of a code list, in Base64."""

    at: str
    content: str


class Failing:
    """The records that could not be gathered, and since when."""

    def __init__(self, memory: Memory, clock: Clock) -> None:
        self._memory = memory
        self._clock = clock
        stored = memory.get(_FAILING)
        self._since: dict[str, str] = msgspec.json.decode(stored, type=dict[str, str]) if stored else {}

    def for_long(self, family: str) -> bool:
        """Note that it failed; whether it has done so for a day."""
        if family not in self._since:
            self._since[family] = to_text(self._clock.now())
            self._put()
            return False
        return self._clock.now() - from_text(self._since[family]) > _LONG

    def over(self, family: str) -> None:
        """It was gathered."""
        if self._since.pop(family, None) is not None:
            self._put()

    def _put(self) -> None:
        self._memory.put(_FAILING, msgspec.json.encode(self._since).decode())


class Links:
    """Follows the links of records."""

    def __init__(self, connection: ApiConnection, tree: Tree, memory: Memory, clock: Clock) -> None:
        self._api = connection
        self._tree = tree
        self._memory = memory
        self._clock = clock

    def gathered(self, record: Any, listed: ListModel, *, lenient: bool = False) -> Any:
        """The record with all that belongs to it. Raises OneRecord where a part is refused (not if lenient)."""
        if listed.detail is not None:
            asked = {"as": "record", "path": listed.detail, "take": listed.detail_take or "."}
            found = self._page(FollowModel.model_validate(asked), record, {}, lenient=lenient)
            if not found and not lenient:
                raise OneRecord("it is listed, and not there")
            record = found[0] if found else record
        for follow in listed.follow:
            for part in self._tree.all(record, follow.each):
                taken = self._taken(follow, part, lenient=lenient)
                if taken:
                    self._tree.put(part, follow.as_, taken)
        return record

    def _taken(self, follow: FollowModel, part: Any, *, lenient: bool) -> Sequence[Any]:
        """What is taken of all pages of a linked document."""
        size = follow.size or 0
        taken: list[Any] = []
        for number in range(_MOST_PAGES):
            pages = {"page": str(number + 1), "offset": str(number * size), "size": str(size)}
            page = self._page(follow, part, pages, lenient=lenient)
            taken += page
            if not size or not page:
                break
        return taken

    def _page(self, follow: FollowModel, part: Any, pages: Mapping[str, str], *, lenient: bool) -> Sequence[Any]:
        """What is taken of a linked document; nothing where there is none, or it is not there any more."""
        missing = False

        def value(name: str) -> str:
            nonlocal missing
            if name in self._api.filled or name in pages:
                return pages.get(name) or self._api.filled[name]
            found = self._tree.all(part, name)
            text = self._tree.text(found[0]) if found else ""
            missing = missing or text in follow.empty
            return text.rpartition(follow.after_last)[2] if follow.after_last else text

        path = filled_in(follow.path, lambda name: quote(value(name), safe=""))
        query = {name: filled_in(text, value) for name, text in follow.query.items()}
        if missing:
            return []
        return self._kept(path, query, follow) or self._fetched(path, query, follow, lenient=lenient)

    def _kept(self, path: str, query: Mapping[str, str], follow: FollowModel) -> Sequence[Any]:
        """What is taken of a code list that was asked for not long ago."""
        stored = self._memory.get(self._key(path, query)) if follow.keep_hours is not None else None
        if not stored or follow.keep_hours is None:
            return []
        kept = msgspec.json.decode(stored, type=_Kept)
        if self._clock.now() - from_text(kept.at) >= timedelta(hours=follow.keep_hours):
            return []
        return self._tree.all(self._tree.read(b64decode(kept.content), self._api.shown(path)), follow.take)

    def _fetched(
        self, path: str, query: Mapping[str, str], follow: FollowModel, *, lenient: bool
    ) -> Sequence[Any]:
        said = self._api.call("GET", path, query, judged=False)
        if not said.is_good:
            if said.status in (404, 410) or lenient:
                return []
            raise OneRecord(f"{self._api.shown(path)} is answered by {self._api.said_words(said)}")
        found = self._tree.all(self._tree.read(said.content, said.shown), follow.take)
        if follow.keep_hours is not None and found:  # an answer that has nothing is asked for again
            kept = _Kept(to_text(self._clock.now()), b64encode(said.content).decode("ascii"))
            self._memory.put(self._key(path, query), msgspec.json.encode(kept).decode())
        return found

    def _key(self, path: str, query: Mapping[str, str]) -> str:
        looked_for = (self._api.shown(path), sorted(query.items()))
        return f"kept-{sha256(repr(looked_for).encode()).hexdigest()[:16]}"
