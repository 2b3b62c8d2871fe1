"""A program that is asked, as a source: each page of its answers is one input.

The cursor moves in three steps, each durable: where the next page begins is remembered when an answer was read,
it counts once that answer is planned (the after-work action), and the time since when changes are asked for moves
only when the last page of a round counts. So an interruption asks for a page twice and never leaves one out.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import BinaryIO

import msgspec

from gateway.clock import Clock
from gateway.config.answers import ASKED
from gateway.config.asking import AskSpec
from gateway.documents import Request
from gateway.endpoints import Entry, Memory, Outcome
from gateway.errors import EndpointRefused, EndpointUnreachable
from gateway.exchange.carriers import Carrier
from gateway.exchange.writing import assemble
from gateway.rendering import Identity, Template
from gateway.rendering.asking import Asking, NotAPage, Page

_CURSOR, _NEXT, _ASKED = "cursor", "next", "asked"
_WHOLE = "-whole.xml"


class _Cursor(msgspec.Struct, frozen=True):
    """Where the next page begins. round_stamp: the program's time of the first page of the round in hand."""

    id_from: int = 1
    changed_since: str | None = None
    round_stamp: str | None = None


class _Next(msgspec.Struct, frozen=True):
    """The cursor that counts once the answer `name` to a request of that size is planned."""

    name: str
    request: str
    size: int
    cursor: _Cursor
    more: bool


class _Asked(msgspec.Struct, frozen=True):
    """A request whose answer has not come yet; it lies there whatever becomes of the configuration."""

    name: str
    at: datetime
    size: int
    sha256: str


class AskSource:
    """The next page of one request."""

    def __init__(
        self,
        carrier: Carrier,
        spec: AskSpec,
        template: Template,
        asking: Asking,
        memory: Memory,
        lasting: Memory,
        clock: Clock,
    ) -> None:
        """memory: of the route under its configuration. lasting: of the route, whatever its configuration."""
        self._carrier = carrier
        self._spec = spec
        self._template = template
        self._asking = asking
        self._memory = memory
        self._lasting = lasting
        self._clock = clock
        self._entry: Entry | None = None
        self._answer = b""
        self._has_more = False

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
        self._has_more = False
        cursor = self._cursor()
        asked = self._still_asked(cursor)
        name = asked.name if asked is not None else self._name(cursor)
        request = self._request(name, cursor)
        if asked is None and self._carrier.waits:
            self._remember(name, request)
        answer = self._carrier.ask(name, request)
        if answer is None:
            self._look_at_the_clock(asked)
            return None
        page = self._page(answer, name, len(request))
        more = page.count >= self._spec.page
        stamp = cursor.round_stamp or page.stamp
        if more:
            following = _Cursor(max(page.ids) + 1, cursor.changed_since, stamp)
        else:
            following = _Cursor(1, self._since(stamp, cursor), None)
        if not page.count:
            self._memory.put(_CURSOR, msgspec.json.encode(following).decode())
            self._finish(name, len(request))
            return None
        shown = f"{name.removesuffix('.xml')}{_WHOLE}" if cursor.id_from == 1 and not more else name
        coming = _Next(shown, name, len(request), following, more)
        self._memory.put(_NEXT, msgspec.json.encode(coming).decode())
        self._answer = answer
        return Entry(shown, len(answer), whole=True)

    def _page(self, answer: bytes, name: str, size: int) -> Page:
        """What the answer says of itself; a refused request is done with, and asked anew next time."""
        try:
            page = self._asking.page(answer)
            if page.count and not page.ids:
                raise NotAPage("its records have no ids, so that nobody can ask for the next page", busy=False)
        except NotAPage as trouble:
            self._finish(name, size)
            message = f"{self._spec.name} was asked for `{self._spec.template}` and refuses: {trouble.message}"
            if trouble.busy:
                raise EndpointUnreachable(message, code="E018") from None
            raise EndpointRefused(
                message,
                code="E018",
                help="see to the rights of the user and to the accounting year there; it is asked again next time",
            ) from None
        return page

    def ack(self, entry: Entry, outcome: Outcome) -> None:
        """The answer is planned: the cursor moves. Idempotent; after a failure the page is asked for again."""
        stored = self._memory.get(_NEXT)
        following = msgspec.json.decode(stored, type=_Next) if stored else None
        if following is None or following.name != entry.name:
            return
        self._finish(following.request, following.size)
        if outcome is not Outcome.FAILED:
            self._memory.put(_CURSOR, msgspec.json.encode(following.cursor).decode())
        self._has_more = following.more and outcome is not Outcome.FAILED
        self._memory.put(_NEXT, "")
        self._entry, self._answer = None, b""

    def next_page(self) -> bool:
        """Whether the page that was planned last has one after it; the cursor has moved with it."""
        return self._has_more

    def close(self) -> None:
        """Give the connection back."""
        self._carrier.close()

    def _name(self, cursor: _Cursor) -> str:
        kind = self._spec.template.rpartition("/")[2].removeprefix("request-")
        return f"{ASKED}{kind}-{self._clock.now().strftime('%Y%m%d%H%M%S%f')}-{cursor.id_from}.xml"

    def _remember(self, name: str, request: bytes) -> None:
        """Before anybody can see the request, so that it is found again and cleared away."""
        asked = _Asked(name, self._clock.now(), len(request), sha256(request).hexdigest())
        self._lasting.put(_ASKED, msgspec.json.encode(asked).decode())

    def _still_asked(self, cursor: _Cursor) -> _Asked | None:
        """The request that waits; one that would be written otherwise today is taken back."""
        stored = self._lasting.get(_ASKED)
        asked = msgspec.json.decode(stored, type=_Asked) if stored else None
        if asked is None or sha256(self._request(asked.name, cursor)).hexdigest() == asked.sha256:
            return asked
        self._finish(asked.name, asked.size)
        return None

    def _look_at_the_clock(self, asked: _Asked | None) -> None:
        """Raises EndpointUnreachable where a request has waited for too long."""
        if asked is not None and self._clock.now() - asked.at > self._spec.within:
            raise EndpointUnreachable(
                f"{self._spec.name} has not answered `{asked.name}` yet, which lies there since {asked.at:%H:%M}",
                code="E018",
                help="look whether its scheduled task runs, and whether the file is still in its folder",
            )

    def _finish(self, name: str, size: int) -> None:
        """The request and its answer are done with."""
        self._carrier.done(name, size)
        if self._carrier.waits:
            self._lasting.put(_ASKED, "")

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
        """The program's time of the round less the overlap; without one the last time stays.

        Where its clock was put back, changes may stand before the cursor: everything is asked for once.
        """
        try:
            moment = datetime.fromisoformat(stamp or "").replace(tzinfo=None, microsecond=0)
        except ValueError:
            return cursor.changed_since
        since = (moment - self._spec.overlap).isoformat()
        return None if cursor.changed_since is not None and since < cursor.changed_since else since


def is_whole_round(name: str) -> bool:
    """Whether an input of that name holds all that was asked for, and not one page of it."""
    return name.endswith(_WHOLE)


MOST_PAGES = 1000
"""Pages that one look at a source takes in; the next look goes on."""
