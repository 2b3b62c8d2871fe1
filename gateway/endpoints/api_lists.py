"""Lists of an API as a source: every record is one input, with its linked documents put into it.

The cursor moves only once everything of a page was taken in; a record that is listed again as it was is the same
input by its name. So an interruption asks for a page twice and never leaves a record out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, BinaryIO
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from gateway.clock import Clock, from_text, to_text
from gateway.endpoints.api_connection import ApiConnection, Said, filled_in
from gateway.endpoints.api_description import FollowModel, ListModel
from gateway.endpoints.api_tree import TREES, Tree
from gateway.endpoints.base import Entry, Memory, Outcome, Pickup
from gateway.errors import EndpointRefused, EndpointUnreachable

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_PAGES = 10_000
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]")


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the next page begins. since: changes from that time on are asked for; highest: the newest one seen.

    number: pages of this round that are taken in; offset: records at the very time `since` that are.
    """

    since: str | None = None
    highest: str | None = None
    number: int = 0
    offset: int = 0


class _Kept(msgspec.Struct, frozen=True):
    """An answer of a code list."""

    at: str
    content: str


@dataclass(frozen=True)
class _Record:
    node: Any
    changed: datetime | None


@dataclass(frozen=True)
class _Page:
    """One answer. asked: with which cursor. count: its records, whether or not they were seen before."""

    asked: Cursor
    records: Mapping[str, _Record]
    count: int


class ApiSource:
    """One list of one API."""

    def __init__(
        self, connection: ApiConnection, listed: ListModel, pickup: Pickup, memory: Memory | None, clock: Clock
    ) -> None:
        """memory: what lasts whatever becomes of the route's mapping and templates."""
        self._api = connection
        self._list = listed
        self._tree: Tree = TREES[connection.description.format]
        self._pickup = pickup
        self._memory: Memory = memory or _Forgetful()
        self._clock = clock
        self._zone = _zone(filled_in(listed.timezone, connection.filled.__getitem__))
        sign = repr((pickup.listing, str(pickup.since), connection.shown(listed.path), listed.query))
        self._key = f"cursor-{sha256(sign.encode()).hexdigest()[:12]}"
        self._page: _Page | None = None
        self._before: frozenset[str] | None = None
        self._begun: set[str] = set()
        self._done: set[str] = set()

    def list(self) -> Iterable[Entry]:
        """The records of the next page. Raises EndpointError, also for an answer that is no list."""
        if self._page is None:
            self._begun, self._done = set(), set()
            self._page = self._whole() if self._list.whole else self._asked(self._cursor())
        return [
            Entry(name, None, each.changed, whole=True, versioned=True)
            for name, each in self._page.records.items()
        ]

    def read(self, entry: Entry, into: BinaryIO) -> None:
        """Gather the record with all that belongs to it. Raises EndpointError where one part does not come."""
        record = None if self._page is None else self._page.records.get(entry.name)
        if record is None:
            raise EndpointUnreachable(f"{entry.name} is not in the list that was asked for last", code="E006")
        self._begun.add(entry.name)
        if self._list.whole:
            into.write(self._tree.joined(self._list.wrap, record.node))
            return
        node = record.node
        if self._list.detail is not None:
            asked = {"as": "record", "path": self._list.detail, "take": self._list.detail_take or "."}
            whole = FollowModel.model_validate(asked)
            found = self._linked(whole, node, {})
            if not found:
                raise EndpointUnreachable(f"{entry.name} is listed and not there", code="E003")
            node = found[0]
        for follow in self._list.follow:
            self._follow(node, follow)
        into.write(self._tree.written(self._list.wrap, node))

    def ack(self, entry: Entry, outcome: Outcome) -> None:
        """Note that the record was taken in, also where it is of no use; nothing is changed over there."""
        self._done.add(entry.name)

    def next_page(self) -> bool:
        """Everything listed was taken in: move the cursor. Returns whether more is to be listed."""
        page, self._page = self._page, None
        if page is None or self._begun - self._done:
            return False
        more = page.count >= self._list.size and self._list.paging != "none" and not self._list.whole
        following = self._following(page, more=more)
        names = frozenset(page.records)
        if more and names == self._before:
            raise EndpointRefused(
                f"{self._api.shown(self._list.path)}: page after page is the same",
                code="E018",
                help="`paging:` of the list does not fit what this API does",
            )
        self._before = names
        self._memory.put(self._key, msgspec.json.encode(following).decode())
        return more

    def close(self) -> None:
        """Give the connection back."""
        self._api.close()

    # -- asking ------------------------------------------------------------------------------------------------

    def _cursor(self) -> Cursor:
        stored = self._memory.get(self._key)
        return msgspec.json.decode(stored, type=Cursor) if stored else Cursor()

    def _asked(self, cursor: Cursor) -> _Page:
        nodes = self._records(cursor)
        records: dict[str, _Record] = {}
        for node in nodes:
            name = self._name(self._id(node), self._tree.written("", node))
            records[name] = _Record(node, self._changed(node))
        return _Page(cursor, records, len(nodes))

    def _whole(self) -> _Page:
        """All pages of one round, as one record; the same content is the same input."""
        cursor = Cursor()
        nodes: Sequence[Any] = ()
        for number in range(_MOST_PAGES):
            page = self._records(msgspec.structs.replace(cursor, number=number))
            nodes = [*nodes, *page]
            if len(page) < self._list.size or self._list.paging == "none":
                break
        for node in nodes:
            self._id(node)
        content = self._tree.joined(self._list.wrap, nodes)
        records = {self._name("all", content): _Record(nodes, None)} if nodes else {}
        return _Page(cursor, records, len(nodes))

    def _records(self, cursor: Cursor) -> Sequence[Any]:
        """The records of one page."""
        special = {
            "since": self._since(cursor),
            "offset": str(cursor.offset if self._list.paging == "changes" else cursor.number * self._list.size),
            "page": str(self._list.first + cursor.number),
            "size": str(self._list.size),
        }
        filled = {**self._api.filled, **special}
        query = {name: filled_in(text, filled.__getitem__) for name, text in self._list.query.items()}
        said = self._api.get(filled_in(self._list.path, lambda name: quote(filled[name], safe="")), query)
        if not said.is_good:
            raise EndpointRefused(
                f"{said.shown} is not there: the server says {said.status}",
                code="E003",
                help="check `url:` and `platform:` of the endpoint, and whether the interface is on there",
            )
        root = self._tree.read(said.content, said.shown)
        if self._list.expect is not None and not self._tree.has(root, self._list.expect):
            raise self._refused(said)
        return self._tree.all(root, self._list.records)

    def _refused(self, said: Said) -> EndpointRefused:
        return EndpointRefused(
            f"{said.shown}: the answer is no list of {self._pickup.listing}: {self._api.said_words(said)}",
            code="E018",
            help="see to the rights of the user or key there; it is asked again next time",
        )

    def _id(self, node: Any) -> str:
        found = self._tree.all(node, self._list.id)
        text = self._tree.text(found[0]) if found else ""
        if not text:
            raise EndpointRefused(
                f"{self._api.shown(self._list.path)}: a record of the list has no `{self._list.id}`",
                code="E018",
                help="`id:` of the list in api.yaml does not fit what this API answers",
            )
        return text

    def _name(self, record_id: str, content: bytes) -> str:
        """The same record with the same content has the same name, and another content another one."""
        digest = sha256(record_id.encode() + b"\n" + content).hexdigest()[:12]
        return f"{self._pickup.listing}-{_UNFIT.sub('_', record_id)[:60]}-{digest}{self._tree.suffix}"

    # -- times and the cursor ----------------------------------------------------------------------------------

    def _since(self, cursor: Cursor) -> str:
        """`since` as the API writes times; at the beginning of a round some minutes earlier."""
        if cursor.since is None:
            day = self._pickup.since
            moment = _BEGINNING if day is None else datetime(day.year, day.month, day.day, tzinfo=self._zone)
        else:
            moment = from_text(cursor.since)
            if cursor.number == 0 or self._list.paging != "changes":  # one question for all pages of a round
                moment -= timedelta(minutes=self._list.overlap_minutes)
            elif not self._list.inclusive:
                moment -= timedelta(seconds=1)
        moment = max(moment, _BEGINNING)
        form = self._list.since_as or self._list.times
        if form == "unix":
            return str(int(moment.timestamp()))
        pattern = "%Y-%m-%dT%H:%M:%S" if form == "iso" else form
        return moment.astimezone(self._zone).strftime(pattern)

    def _changed(self, node: Any) -> datetime | None:
        """When a record was changed, where it says so in a form that can be read."""
        texts = (self._tree.text(each) for way in self._list.changed for each in self._tree.all(node, way))
        text = next((text for text in texts if text), "")
        try:
            if self._list.times == "unix":
                return datetime.fromtimestamp(int(text), UTC)
            iso = self._list.times == "iso"
            moment = datetime.fromisoformat(text) if iso else datetime.strptime(text, self._list.times)  # noqa: DTZ007
        except (ValueError, OverflowError, OSError):
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=self._zone)).astimezone(UTC)

    def _following(self, page: _Page, *, more: bool) -> Cursor:
        """Where the page after this one begins. A time in the future does not move it past now."""
        now = self._clock.now()
        times = [min(each.changed, now) for each in page.records.values() if each.changed is not None]
        before = page.asked
        known = [from_text(text) for text in (before.highest, before.since) if text]
        highest = to_text(max([*times, *known])) if times or known else None
        if not more:
            return Cursor(since=highest)
        if self._list.paging == "changes" and times:
            last = max(times)
            same = sum(1 for moment in times if moment == last)
            if before.since == to_text(last) and before.number:
                same += before.offset
            return Cursor(since=to_text(last), highest=highest, number=before.number + 1, offset=same)
        return msgspec.structs.replace(before, highest=highest, number=before.number + 1)

    # -- linked documents --------------------------------------------------------------------------------------

    def _follow(self, record: Any, follow: FollowModel) -> None:
        size = follow.size or 0
        for part in self._tree.all(record, follow.each):
            found: Sequence[Any] = ()
            for number in range(_MOST_PAGES):
                pages = {"page": str(number + 1), "offset": str(number * size), "size": str(size)}
                page = self._linked(follow, part, pages)
                found = [*found, *page]
                if not size or len(page) < size:
                    break
            if found:
                self._tree.put(part, follow.as_, found)

    def _linked(self, follow: FollowModel, part: Any, pages: Mapping[str, str]) -> Sequence[Any]:
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
        content = self._content(path, query, follow.keep_hours)
        return (
            [] if content is None else self._tree.all(self._tree.read(content, self._api.shown(path)), follow.take)
        )

    def _content(self, path: str, query: Mapping[str, str], keep_hours: int | None) -> bytes | None:
        """A document, from what is kept where that is young enough; None where the API says that there is none."""
        if keep_hours is None:
            said = self._api.get(path, query)
            return said.content if said.is_good else None
        key = f"kept-{sha256(repr((path, sorted(query.items()))).encode()).hexdigest()[:16]}"
        stored = self._memory.get(key)
        now = self._clock.now()
        if stored:
            kept = msgspec.json.decode(stored, type=_Kept)
            if now - from_text(kept.at) < timedelta(hours=keep_hours):
                return kept.content.encode("utf-8")
        said = self._api.get(path, query)
        if not said.is_good:
            return None
        text = said.content.decode("utf-8", "strict")
        self._memory.put(key, msgspec.json.encode(_Kept(to_text(now), text)).decode())
        return said.content


class _Forgetful:
    """A memory for who looks once."""

    def __init__(self) -> None:
        self._held: dict[str, str] = {}

    def get(self, key: str) -> str | None:
        """As the protocol says."""
        return self._held.get(key)

    def put(self, key: str, value: str) -> None:
        """As the protocol says."""
        self._held[key] = value


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise EndpointRefused(
            f"`{name}` is no time zone",
            code="E009",
            help="write `settings: {timezone: Europe/Prague}` at the endpoint",
        ) from None
