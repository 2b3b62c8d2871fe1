"""Lists of an API as a source: every record is one input, with its linked documents put into it.

A list changes while it is read page by page, so a pass over several pages is repeated until one brings nothing
new; only then the time since when changes are asked for moves, and never past the beginning of that pass. A record
that is listed again as it was is the same input by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, BinaryIO
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from gateway.clock import Clock, from_text, to_text
from gateway.endpoints.api_connection import ApiConnection, Said, filled_in
from gateway.endpoints.api_description import ListModel
from gateway.endpoints.api_follow import Failing, Links, OneRecord
from gateway.endpoints.api_tree import TREES, Tree
from gateway.endpoints.base import Entry, Memory, Outcome, Pickup, ShortMemory
from gateway.errors import EndpointRefused, EndpointUnreachable

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_PAGES = 10_000
_PASSES = 3
"""How often a whole list is read anew that changes meanwhile."""
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]")


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a list is read. since: changes from that time on are asked for, the same in all passes of a round.

    Of the pass in hand: began, number (pages that are looked at), at and offset (`changes`: where the next page
    begins, and records of that very time before it), highest (the newest change seen), clean (nothing new came),
    failing (a record could not be gathered).
    """

    since: str | None = None
    size: int = 0
    began: str | None = None
    number: int = 0
    at: str | None = None
    offset: int = 0
    highest: str | None = None
    clean: bool = True
    failing: bool = False

    def anew(self) -> Cursor:
        """The beginning of another pass of the same round."""
        return Cursor(since=self.since, size=self.size)


class _Record(msgspec.Struct, frozen=True):
    """node: what was listed; of a whole list the input itself."""

    node: Any
    family: str
    changed: datetime | None


class _Page(msgspec.Struct, frozen=True):
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
        self._memory: Memory = ShortMemory() if memory is None else memory
        self._clock = clock
        self._zone = _zone(filled_in(listed.timezone, connection.filled.__getitem__))
        sign = repr((pickup.listing, str(pickup.since), connection.shown(listed.path), listed.query))
        self._key = f"cursor-{sha256(sign.encode()).hexdigest()[:12]}"
        self._links = Links(connection, self._tree, self._memory, clock)
        self._failing = Failing(self._memory, clock)
        self._page: _Page | None = None
        self._before: frozenset[str] = frozenset()
        self._begun: set[str] = set()
        self._done: set[str] = set()

    def list(self) -> Iterable[Entry]:
        """The records of the next page. Raises EndpointError, also for an answer that is no list."""
        if self._page is None:
            self._begun, self._done = set(), set()
            self._page = self._whole() if self._list.whole else self._asked(self._cursor())
        return [
            Entry(name, None, each.changed, whole=True, family=each.family)
            for name, each in self._page.records.items()
        ]

    def read(self, entry: Entry, into: BinaryIO) -> None:
        """Gather the record with all that belongs to it.

        Raises EndpointRefused (E018) where one of its parts is refused; after a day of that it is gathered without
        that part, and the mapping says what is missing. Raises any other EndpointError where the API is not there.
        """
        record = None if self._page is None else self._page.records.get(entry.name)
        if record is None:
            raise EndpointUnreachable(f"{entry.name} is not in the list that was asked for last", code="E006")
        self._begun.add(entry.name)
        if self._list.whole:
            into.write(record.node)
            return
        try:
            node = self._links.gathered(deepcopy(record.node), self._list)
        except OneRecord as trouble:
            if not self._failing.for_long(record.family):
                raise EndpointRefused(
                    f"{entry.name} cannot be read whole: {trouble}",
                    code="E018",
                    help="see to that document or to the rights of the key there; it is tried again at each look",
                ) from None
            node = self._links.gathered(deepcopy(record.node), self._list, lenient=True)
        self._failing.over(record.family)
        into.write(self._tree.written(self._list.wrap, node))

    def ack(self, entry: Entry, outcome: Outcome) -> None:
        """Note that the record was taken in, also where it is of no use; nothing is changed over there."""
        self._done.add(entry.name)

    def next_page(self) -> bool:
        """Everything listed was looked at: go on. Returns whether more is to be listed."""
        page, self._page = self._page, None
        if page is None:
            return False
        cursor = msgspec.structs.replace(
            page.asked,
            highest=_latest(page),
            clean=page.asked.clean and not self._begun,
            failing=page.asked.failing or bool(self._begun - self._done),
        )
        following, more = self._ended(cursor, page) if self._is_last(page) else (self._behind(cursor, page), True)
        self._before = frozenset() if not following.number else frozenset(page.records)
        self._memory.put(self._key, msgspec.json.encode(following).decode())
        return more

    def close(self) -> None:
        """Give the connection back."""
        self._api.close()

    # -- the way over the pages ----------------------------------------------------------------------------------

    def _cursor(self) -> Cursor:
        """Where the pass in hand goes on; it begins anew where pages have another size now."""
        stored = self._memory.get(self._key)
        cursor = msgspec.json.decode(stored, type=Cursor) if stored else Cursor()
        if cursor.size != self._list.size:
            cursor = Cursor(since=cursor.since, size=self._list.size)
        return cursor if cursor.began else msgspec.structs.replace(cursor, began=to_text(self._clock.now()))

    def _is_last(self, page: _Page) -> bool:
        """Whether nothing comes after a page: it is empty, or only says again what the one before it said.

        A page that is not full is not the last one for that: some shops leave out what the key may not see.
        """
        if not page.count or self._list.paging == "none" or self._list.whole:
            return True
        again = bool(page.asked.number) and frozenset(page.records) <= self._before
        if again and page.count >= self._list.size:
            raise EndpointRefused(
                f"{self._api.shown(self._list.path)}: page after page is the same",
                code="E018",
                help="`paging:` of the list does not fit what this API does",
            )
        return again

    def _ended(self, cursor: Cursor, page: _Page) -> tuple[Cursor, bool]:
        """What follows a pass: another one where it had several pages and brought something, or the next round."""
        pages = cursor.number + (1 if page.count else 0)
        if cursor.failing:
            return cursor.anew(), False
        if pages > 1 and not cursor.clean:
            return cursor.anew(), True
        newest = [text for text in (cursor.highest, cursor.began) if text]
        since = cursor.since if cursor.highest is None else min(newest)
        return Cursor(since=since, size=cursor.size), False

    def _behind(self, cursor: Cursor, page: _Page) -> Cursor:
        """Where the page after this one begins."""
        cursor = msgspec.structs.replace(cursor, number=cursor.number + 1)
        if self._list.paging != "changes":
            return cursor
        times = [each.changed for each in page.records.values() if each.changed is not None]
        last = max(times)
        same = sum(1 for moment in times if moment == last)
        if cursor.at == to_text(last):
            same += cursor.offset
        return msgspec.structs.replace(cursor, at=to_text(last), offset=same)

    # -- asking ------------------------------------------------------------------------------------------------

    def _asked(self, cursor: Cursor) -> _Page:
        nodes = self._records(cursor)
        records: dict[str, _Record] = {}
        for node in nodes:
            record_id = self._id(node)
            family = self._family(record_id)
            name = self._name(family, self._tree.written("", node))
            records[name] = _Record(node, family, self._changed(node, record_id))
        if self._list.paging == "changes":
            self._must_ascend(tuple(records.values()))
        return _Page(cursor, records, len(nodes))

    def _must_ascend(self, records: Sequence[_Record]) -> None:
        """A list that is not sorted by change cannot be followed by its times. Raises EndpointRefused."""
        times = [each.changed for each in records if each.changed is not None]
        if times != sorted(times):
            raise EndpointRefused(
                f"{self._api.shown(self._list.path)}: the list is not sorted by the time of change, oldest first",
                code="E018",
                help="correct the sorting in `query:` of the list, or write `paging: pages`",
            )

    def _whole(self) -> _Page:
        """All pages, as one record; the same content is the same input. What moved meanwhile is read anew."""
        for _ in range(_PASSES):
            nodes, pages = self._all_pages()
            ids = [self._id(node) for node in nodes]
            if pages < 2 or ids == [self._id(node) for node in self._all_pages()[0]]:
                content = self._tree.joined(self._list.wrap, nodes)
                family = self._family("all")
                records = {self._name(family, content): _Record(content, family, None)} if nodes else {}
                return _Page(Cursor(size=self._list.size), records, len(nodes))
        raise EndpointUnreachable(
            f"{self._api.shown(self._list.path)}: the list changes while it is read", code="E006"
        )

    def _all_pages(self) -> tuple[Sequence[Any], int]:
        nodes: Sequence[Any] = ()
        before: Sequence[str] = ()
        for number in range(_MOST_PAGES):
            page = self._records(Cursor(size=self._list.size, number=number))
            ids = [self._id(node) for node in page]
            if not page or ids == before:
                return nodes, number
            nodes, before = [*nodes, *page], ids
            if self._list.paging == "none":
                break
        return nodes, number + 1

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
        said = self._api.call("GET", filled_in(self._list.path, lambda name: quote(filled[name], safe="")), query)
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

    def _family(self, record_id: str) -> str:
        """How the names of one record begin, whatever its content."""
        mark = sha256(record_id.encode()).hexdigest()[:6]
        return f"{self._pickup.listing}-{_UNFIT.sub('_', record_id)[:60]}-{mark}-"

    def _name(self, family: str, content: bytes) -> str:
        """The same record with the same content has the same name, and another content another one."""
        return f"{family}{sha256(content).hexdigest()[:12]}{self._tree.suffix}"

    # -- times -------------------------------------------------------------------------------------------------

    def _since(self, cursor: Cursor) -> str:
        """`since` as the API writes times; at the beginning of a pass some minutes earlier."""
        if cursor.at is not None:
            moment = from_text(cursor.at)
            moment -= timedelta(seconds=0 if self._list.inclusive else 1)
        elif cursor.since is not None:
            moment = from_text(cursor.since) - timedelta(minutes=self._list.overlap_minutes)
        else:  # a day is the merchant's own, whatever the zone of the list; older orders are left out later
            day = self._pickup.since
            moment = _BEGINNING
            if day is not None:
                moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
        moment = max(moment, _BEGINNING)
        form = self._list.since_as or self._list.times
        if form == "unix":
            return str(int(moment.timestamp()))
        local = moment.astimezone(self._zone)
        if cursor.at is None and local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
            local -= timedelta(hours=1)  # this hour comes twice, and the list does not tell which one it means
        return local.strftime("%Y-%m-%dT%H:%M:%S" if form == "iso" else form)

    def _changed(self, node: Any, record_id: str) -> datetime | None:
        """When a record was changed. Raises EndpointRefused where the list needs that and it is not said."""
        texts = (self._tree.text(each) for way in self._list.changed for each in self._tree.all(node, way))
        text = next((text for text in texts if text), "")
        try:
            if self._list.times == "unix":
                return datetime.fromtimestamp(int(text), UTC)
            iso = self._list.times == "iso"
            moment = (
                datetime.fromisoformat(text) if iso else datetime.strptime(text, self._list.times)  # noqa: DTZ007 - the zone is added below
            )
        except (ValueError, OverflowError, OSError):
            if self._list.paging != "changes":
                return None
            raise EndpointRefused(
                f"{self._api.shown(self._list.path)}: the record {record_id} has no readable time of change",
                code="E018",
                help="`changed:` and `times:` of the list in api.yaml do not fit what this API answers",
            ) from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=self._zone)).astimezone(UTC)


def _latest(page: _Page) -> str | None:
    """The newest change that was seen in this pass."""
    times = [to_text(each.changed) for each in page.records.values() if each.changed is not None]
    known = [page.asked.highest] if page.asked.highest else []
    return max([*times, *known]) if times or known else None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise EndpointRefused(
            f"`{name}` is no time zone",
            code="E009",
            help="write `settings: {timezone: Europe/Prague}` at the endpoint",
        ) from None
