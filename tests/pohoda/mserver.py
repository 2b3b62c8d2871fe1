"""One accounting unit behind HTTP, as POHODA's mServer: on loopback, one request after the other.

What travels is the matter of this file; what is booked and answered that of `tests.pohoda.answering`. The shape of
/status?companyDetail is UNCONFIRMED but for the names of its facts.
"""

from __future__ import annotations

import contextlib
import gzip
import random
import threading
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

from tests.pohoda.answering import PROGRAM, Mood, Unit
from tests.pohoda.books import BookedOrder, Books
from tests.pohoda.office import PAGE

VENDOR = Path(__file__).resolve().parents[3] / "shared" / "formats" / "pohoda" / "xsd"
"""POHODA's own schemas, where they are at hand; requests are checked by them too."""


class Way(Enum):
    """How it goes with one request."""

    FINE = "fine"
    UNKNOWN_USER = "401, nothing is booked"
    NO_RIGHT = "403, nothing is booked"
    UNREADABLE = "400, nothing is booked"
    ELSEWHERE = "404, nothing is booked"
    TOO_LATE = "408, though it is booked"
    BROKEN = "500, though it is booked"
    BUSY = "503, nothing is booked"
    NOT_TAKEN = "hangs up before it is booked"
    UNTOLD = "hangs up once it is booked"
    CUT = "booked, and half an answer comes"
    HALF = "booked, and half an answer comes as a whole one"
    PAGE = "booked, and a web page of some proxy comes"
    STRANGER = "booked, and XML of another program comes"
    SLOW = "booked, and the answer comes late"
    DENIED = "200, and the whole pack is refused"
    LATER = "200, and every item is to be sent again"


_STATUS = {
    Way.UNKNOWN_USER: 401,
    Way.NO_RIGHT: 403,
    Way.UNREADABLE: 400,
    Way.ELSEWHERE: 404,
    Way.BUSY: 503,
}
_BOOKED_FIRST = {Way.TOO_LATE: 408, Way.BROKEN: 500}
PASSING = (
    Way.TOO_LATE, Way.BROKEN, Way.BUSY, Way.NOT_TAKEN, Way.UNTOLD, Way.CUT, Way.HALF, Way.PAGE, Way.STRANGER,
    Way.SLOW, Way.LATER,
)  # fmt: skip
"""What passes by itself; after the others a person has to look."""


@dataclass(frozen=True)
class Request:
    """One request as the server saw it, with its content unpacked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    way: Way


class MServerOffice:
    """The unit behind it, who may use it, and how the next requests go."""

    def __init__(
        self, books: Path, *, company_id: str = "12345678", year: int = 2026, vendor: Path | None = None
    ) -> None:
        self.unit = Unit(Books(books), company_id=company_id, vendor=vendor)
        self.year = year
        self.login = ("eshop", "heslo-4711")
        self.encoding = "utf-8"
        self.status: Literal["detailed", "plain", "page"] = "detailed"
        self.packing: Literal["gzip", "deflate", "raw deflate", ""] = "gzip"
        self.pause = 0.3
        self.asked: list[Request] = []
        self.port = 0
        self.stopping = threading.Event()
        self._way: Callable[[], Way] = lambda: Way.FINE
        self._one_at_a_time = threading.Lock()
        self._counting = threading.Lock()
        self.at_once = 0
        self.most_at_once = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def orders(self) -> dict[str, list[BookedOrder]]:
        """What is in the agenda, by the shop's number."""
        return self.unit.books.orders()

    def doubled(self) -> list[str]:
        """The shop's numbers that are in the agenda more than once."""
        return sorted(order for order, booked in self.orders.items() if len(booked) > 1)

    def always(self, way: Way) -> None:
        """From now on every request goes like this."""
        self._way = lambda: way

    def in_turn(self, *ways: Way) -> None:
        """The next requests go like these, one after the other; then all is fine again."""
        left = iter(ways)
        self._way = lambda: next(left, Way.FINE)

    def by_chance(self, seed: int, *, percent: int = 30, among: Sequence[Way] = PASSING) -> None:
        """So many of a hundred requests go one of these ways, by a seed."""
        chance = random.Random(seed)
        self._way = lambda: chance.choice(among) if chance.randrange(100) < percent else Way.FINE

    def posts(self) -> list[Request]:
        """The dataPacks that came, in order."""
        return [request for request in list(self.asked) if request.method == "POST"]

    def next_way(self) -> Way:
        """How the request at hand goes."""
        return self._way()

    @contextmanager
    def one_request(self) -> Iterator[None]:
        """The unit works on one request at a time; how many wait for it is counted."""
        with self._counting:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            with self._one_at_a_time:
                yield
        finally:
            with self._counting:
                self.at_once -= 1

    def is_known(self, login: str | None) -> bool:
        """Whether a login is that of the user, written as this release reads it."""
        pair = ":".join(self.login).encode(self.encoding)
        return login == f"Basic {b64encode(pair).decode('ascii')}"

    def answered(self, request: bytes, way: Way, *, check_duplicity: bool) -> bytes:
        """What the unit says to a dataPack."""
        mood = {Way.DENIED: Mood.DENIED, Way.LATER: Mood.BUSY}.get(way, Mood.FINE)
        return self.unit.answer(request, check_duplicity=check_duplicity, mood=mood)

    def described(self, *, detail: bool) -> bytes:
        """What /status tells."""
        unit = (
            "<companyDetail><company>Vzorová s.r.o.</company>"
            f"<databaseName>StwPh_{self.unit.company_id}_{self.year}</databaseName><year>{self.year}</year>"
            f"<programVersion>{PROGRAM}</programVersion></companyDetail>"
        )
        return (
            '<?xml version="1.0" encoding="Windows-1250"?>\n'
            "<mServer><status>idle</status><server>eshop</server><processing>0</processing>"
            f"{unit if detail else ''}</mServer>\n"
        ).encode("windows-1250")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20
    office: MServerOffice

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - as the library has it
        """Nothing: the tests look at `asked`."""

    def do_GET(self) -> None:
        with contextlib.suppress(ConnectionError):
            self._get()

    def do_POST(self) -> None:
        with contextlib.suppress(ConnectionError):
            self._post()

    def do_PUT(self) -> None:
        self.do_GET()

    def _get(self) -> None:
        path, _, query = self.path.partition("?")
        self.office.asked.append(Request(self.command, self.path, dict(self.headers.items()), b"", Way.FINE))
        if path == "/xml" or self.command != "GET":
            self._send(405)
        elif path != "/status":
            self._send(404)
        elif query == "companyDetail" and not self.office.is_known(self.headers.get("STW-Authorization")):
            self._send(401)
        elif self.office.status == "plain":
            self._send(200, b"Response from POHODA mServer", "text/plain")
        elif self.office.status == "page":
            self._send(200, PAGE, "text/html")
        else:
            self._send(200, self.office.described(detail=query == "companyDetail"))

    def _post(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        office = self.office
        with office.one_request():
            way = office.next_way()
            office.asked.append(Request(self.command, self.path, dict(self.headers.items()), body, way))
            if self.path != "/xml":
                self._send(404)
            elif not office.is_known(self.headers.get("STW-Authorization")):
                self._send(401)
            elif way in _STATUS:
                self._send(_STATUS[way])
            elif way is Way.NOT_TAKEN:
                self.close_connection = True
            else:
                self._import(body, way)

    def _import(self, body: bytes, way: Way) -> None:
        check = self.headers.get("STW-Check-Duplicity") == "true"
        answer = self.office.answered(body, way, check_duplicity=check)
        if way is Way.SLOW:
            self.office.stopping.wait(self.office.pause)
        if way in _BOOKED_FIRST:
            self._send(_BOOKED_FIRST[way])
        elif way is Way.UNTOLD:
            self.close_connection = True
        elif way is Way.CUT:
            self._send(200, answer, cut=len(answer) // 2)
        elif way is Way.HALF:
            self._send(200, answer[: len(answer) // 2])
        elif way is Way.PAGE:
            self._send(200, PAGE, "text/html")
        elif way is Way.STRANGER:
            self._send(200, b"<fault>no such unit</fault>")
        else:
            self._send(200, answer)

    def _send(self, status: int, body: bytes = b"", kind: str = "text/xml", *, cut: int | None = None) -> None:
        packing = self.office.packing if body and cut is None else ""
        accepted = self.headers.get("Accept-Encoding", "")
        if packing and packing.split()[-1] in accepted:
            body = _packed(body, packing)
        else:
            packing = ""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if packing:
            self.send_header("Content-Encoding", packing.split()[-1])
        self.end_headers()
        self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True


def _packed(body: bytes, packing: str) -> bytes:
    if packing == "gzip":
        return gzip.compress(body)
    if packing == "deflate":
        return zlib.compress(body)
    pack = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return pack.compress(body) + pack.flush()


@contextmanager
def listening(office: MServerOffice, *, port: int = 0) -> Iterator[MServerOffice]:
    """The office behind HTTP until the block ends."""
    handler = type("RunningHandler", (_Handler,), {"office": office})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that hangs up is no news
    office.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield office
    finally:
        office.stopping.set()
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()
