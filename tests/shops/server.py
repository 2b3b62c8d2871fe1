"""A shop's API on loopback: asked over real HTTP, with faults on request."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit


class Fault(Enum):
    """What happens to a request instead of an answer."""

    CUT_BEFORE = "the connection ends before anything was done"
    CUT_AFTER = "it is carried out, and the connection ends before the answer"
    CUT_WITHIN = "it is carried out, and the answer ends in its middle"
    BUSY = "429 with a pause of a second"
    BUSY_FOR_LONG = "429 with a pause of ten minutes"
    DOWN = "503 without a word"
    FORBIDDEN = "401"
    PAGE = "a web page"


@dataclass(frozen=True)
class Request:
    """One request as the shop saw it."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    headers: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Reply:
    """What the shop answers."""

    body: bytes = b""
    status: int = 200
    kind: str = "application/xml"
    headers: Mapping[str, str] = field(default_factory=dict)


class ShopServer:
    """Answers requests; a subclass is one platform.

    faults: what happens to the request of that number, counted from 1. meanwhile: called after each request.
    """

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.faults: dict[int, Fault] = {}
        self.meanwhile: Callable[[Request], None] | None = None
        self.lock = threading.Lock()
        self.url = ""

    def answer(self, request: Request) -> Reply:
        """The platform's own answer."""
        raise NotImplementedError

    def questions(self, beginning: str = "") -> list[str]:
        """What was asked, in order, of paths that begin so."""
        return [str(each) for each in self.asked if each.path.startswith(beginning)]

    def begin_anew(self) -> None:
        """Forget what was asked."""
        self.asked.clear()
        self.faults.clear()


@contextmanager
def listening(shop: ShopServer) -> Iterator[None]:
    """The shop on a free port of loopback for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10
        disable_nagle_algorithm = True

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - as the library has it
            """Nothing."""

        def handle_one_request(self) -> None:
            with suppress(ConnectionError, TimeoutError):
                super().handle_one_request()

        def _all(self) -> None:
            with shop.lock:
                request = _request_of(self)
                shop.asked.append(request)
                _reply(self, shop, request, shop.faults.pop(len(shop.asked), None))

        do_GET = do_PUT = do_POST = do_PATCH = _all  # noqa: N815 - as the library has it

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    shop.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _request_of(handler: BaseHTTPRequestHandler) -> Request:
    parts = urlsplit(handler.path)
    size = int(handler.headers.get("Content-Length") or 0)
    body = handler.rfile.read(size) if size else b""
    if handler.headers.get("Transfer-Encoding", "").lower() == "chunked":
        body = b"".join(iter(lambda: _chunk(handler), b""))
    headers = {name.lower(): value for name, value in handler.headers.items()}
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Request(handler.command, unquote(parts.path), query, body, headers)


def _chunk(handler: BaseHTTPRequestHandler) -> bytes:
    size = int(handler.rfile.readline().split(b";")[0], 16)
    content = handler.rfile.read(size)
    handler.rfile.readline()
    return content


def _reply(handler: BaseHTTPRequestHandler, shop: ShopServer, request: Request, fault: Fault | None) -> None:
    if fault is Fault.CUT_BEFORE:
        _hang_up(handler)
        return
    refused = {
        Fault.BUSY: Reply(status=429, headers={"Retry-After": "1"}),
        Fault.BUSY_FOR_LONG: Reply(status=429, headers={"Retry-After": "600"}),
        Fault.DOWN: Reply(status=503),
        Fault.FORBIDDEN: Reply(status=401),
        Fault.PAGE: Reply(b"<!DOCTYPE html><html><body>Maintenance</body></html>", kind="text/html"),
    }
    reply = refused[fault] if fault in refused else shop.answer(request)
    if shop.meanwhile is not None and fault not in refused:
        shop.meanwhile(request)
    if fault is Fault.CUT_AFTER:
        _hang_up(handler)
        return
    handler.send_response(reply.status)
    handler.send_header("Content-Type", reply.kind)
    handler.send_header("Content-Length", str(len(reply.body)))
    for name, value in reply.headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(reply.body[: len(reply.body) // 2] if fault is Fault.CUT_WITHIN else reply.body)
    if fault is Fault.CUT_WITHIN:
        _hang_up(handler)


def _hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    with suppress(OSError):
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)
