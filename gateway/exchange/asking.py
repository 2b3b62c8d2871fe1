"""A program that is asked, as a source: each page of its answers is one input.

The cursor moves in three steps, each durable: where the next page begins is remembered when an answer was read,
it counts once that answer is planned (the after-work action), and the time since when changes are asked for moves
only when the last page of a round counts. So an interruption asks for a page twice and never leaves one out.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import BinaryIO

import msgspec

from gateway.clock import Clock
from gateway.config.asking import AskSpec
from gateway.documents import Request
from gateway.endpoints import Entry, Memory, Outcome
from gateway.errors import EndpointRefused, EndpointUnreachable
from gateway.exchange.carriers import Carrier
from gateway.exchange.writing import assemble
from gateway.rendering import Identity, Template
from gateway.rendering.asking import Asking, NotAPage, Page

_CURSOR, _NEXT, _ASKED = "cursor", "next", "asked"
PREFIX = "ask-"
"""How the names of requests begin: nobody else reads the answers to them."""


class _Cursor(msgspec.Struct, frozen=True):
    """Where the next page begins. round_stamp: the program's time of the first page of the round in hand."""

    id_from: int = 1
    changed_since: str | None = None
    round_stamp: str | None = None


class _Next(msgspec.Struct, frozen=True):
    """The cursor that counts once the answer `name` is planned."""

    name: str
    cursor: _Cursor
    more: bool


class _Asked(msgspec.Struct, frozen=True):
    """A request whose answer has not come yet."""

    name: str
    at: datetime


class AskSource:
    """The next page of one request."""

    def __init__(
        self, carrier: Carrier, spec: AskSpec, template: Template, asking: Asking, memory: Memory, clock: Clock
    ) -> None:
        self._carrier = carrier
        self._spec = spec
        self._template = template
        self._asking = asking
        self._memory = memory
        self._clock = clock
        self._entry: Entry | None = None
        self._answer = b""
        self.has_more = False

    def list(self) -> Iterable[Entry]:
        """The next page, asked for once; none where it holds no records.

        Raises EndpointError, also where the program refuses.
        """
        if self._entry is None:
            self._entry = self._ask()
        return [] if self._entry is None else [self._entry]

    def read(self, entry: Entry, into: BinaryIO) -> None:
        """Copy the page."""
        if entry != self._entry:
            raise EndpointUnreachable(f"{entry.name} is not the page that was asked for last", code="E006")
        into.write(self._answer)

    def _ask(self) -> Entry | None:
        """Ask, and remember where the next page begins. An empty page moves the cursor at once."""
        self.has_more = False
        cursor, asked = self._cursor(), self._asked()
        name = asked.name if asked is not None else self._name(cursor)
        request = self._request(name, cursor)
        answer = self._carrier.ask(name, request)
        if answer is None:
            self._look_at_the_clock(asked)
            return None
        page = self._page(answer)
        stamp = cursor.round_stamp or page.stamp
        more = len(page.ids) >= self._spec.page
        if more:
            following = _Cursor(max(page.ids) + 1, cursor.changed_since, stamp)
        else:
            following = _Cursor(1, self._since(stamp, cursor), None)
        if not page.ids:
            self._memory.put(_CURSOR, msgspec.json.encode(following).decode())
            self._finish(name, request)
            return None
        self._memory.put(_NEXT, msgspec.json.encode(_Next(name, following, more)).decode())
        self._answer = answer
        return Entry(name, len(answer), whole=True)

    def _page(self, answer: bytes) -> Page:
        try:
            return self._asking.page(answer)
        except NotAPage as trouble:
            message = f"{self._spec.name} was asked for `{self._spec.template}` and refuses: {trouble.message}"
            if trouble.busy:
                raise EndpointUnreachable(message, code="E018") from None
            raise EndpointRefused(
                message,
                code="E018",
                help="see to the rights of the user and to the accounting year there; it is asked again next time",
            ) from None

    def ack(self, entry: Entry, outcome: Outcome) -> None:
        """The answer is planned: the cursor moves. Idempotent; after a failure the page is asked for again."""
        stored = self._memory.get(_NEXT)
        following = msgspec.json.decode(stored, type=_Next) if stored else None
        if following is None or following.name != entry.name:
            return
        self._finish(entry.name, self._request(entry.name, self._cursor()))
        if outcome is not Outcome.FAILED:
            self._memory.put(_CURSOR, msgspec.json.encode(following.cursor).decode())
            self.has_more = following.more
        else:
            self.has_more = False
        self._memory.put(_NEXT, "")
        self._entry, self._answer = None, b""

    def close(self) -> None:
        """Give the connection back."""
        self._carrier.close()

    def _name(self, cursor: _Cursor) -> str:
        """A new name; one that has to be remembered is remembered before anybody can see it."""
        now = self._clock.now()
        kind = self._spec.template.rpartition("/")[2].removeprefix("request-")
        name = f"{PREFIX}{kind}-{now.strftime('%Y%m%d%H%M%S%f')}-{cursor.id_from}.xml"
        if self._carrier.waits:
            self._memory.put(_ASKED, msgspec.json.encode(_Asked(name, now)).decode())
        return name

    def _asked(self) -> _Asked | None:
        stored = self._memory.get(_ASKED)
        return msgspec.json.decode(stored, type=_Asked) if stored else None

    def _look_at_the_clock(self, asked: _Asked | None) -> None:
        """Raises EndpointUnreachable where a request has waited for too long."""
        if asked is not None and self._clock.now() - asked.at > self._spec.within:
            raise EndpointUnreachable(
                f"{self._spec.name} has not answered `{asked.name}` yet, which lies there since {asked.at:%H:%M}",
                code="E018",
                help="look whether its scheduled task runs, and whether the file is still in its folder",
            )

    def _finish(self, name: str, request: bytes) -> None:
        """The request and its answer are done with."""
        self._carrier.done(name, request)
        if self._carrier.waits:
            self._memory.put(_ASKED, "")

    def _cursor(self) -> _Cursor:
        stored = self._memory.get(_CURSOR)
        return msgspec.json.decode(stored, type=_Cursor) if stored else _Cursor()

    def _request(self, name: str, cursor: _Cursor) -> bytes:
        """The request under ids that were never used: a program that knows ids must not take it for the last."""
        pack = name.removesuffix(".xml")[:64]
        identity = Identity(pack=pack, item=pack, origin=self._spec.name)
        changed_since = cursor.changed_since if self._spec.cursor == "changes" else None
        document = Request(number=name, id_from=cursor.id_from, count=self._spec.page, changed_since=changed_since)
        return assemble(self._template, pack, [self._template.record(document, identity)])

    def _since(self, stamp: str | None, cursor: _Cursor) -> str | None:
        """The program's time of the round less the overlap; without one the last time stays."""
        try:
            moment = datetime.fromisoformat(stamp or "")
        except ValueError:
            return cursor.changed_since
        return _without_zone(moment - self._spec.overlap)


def _without_zone(moment: datetime) -> str:
    """As the program writes it: its own clock, whole seconds, no zone."""
    return moment.replace(tzinfo=None, microsecond=0).isoformat()


MOST_PAGES = 1000
"""Pages that one look at a source takes in; the next look goes on."""
