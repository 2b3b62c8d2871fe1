"""A real HTTP server for tests, on loopback: a folder with feeds and uploads, and misbehaviour on request."""

from __future__ import annotations

import contextlib
import gzip
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

PAGE = b"<!DOCTYPE html>\n<html><body><form>Please log in</form></body></html>"


@dataclass(frozen=True)
class Asked:
    """One request as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class RunningHttp:
    """A server that runs: where it listens, its folder, what it was asked, and how it behaves.

    instead: answers a request itself; returns False where the server is to answer as usual.
    """

    root: Path
    scheme: str = "http"
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    instead: Callable[[Handler], bool] | None = None
    etags: bool = True
    times: bool = True
    required_header: tuple[str, str] | None = None
    required_query: tuple[str, str] | None = None
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def methods(self) -> list[str]:
        """What was asked, in order."""
        return [asked.method for asked in self.asked]


class Handler(BaseHTTPRequestHandler):
    """GET and HEAD of files with conditions, PUT that never replaces where it is told so, POST that stores."""

    protocol_version = "HTTP/1.1"
    timeout = 20
    running: RunningHttp
    body: bytes = b""

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - as the library has it
        """Nothing: the tests look at `asked`."""

    def do_GET(self) -> None:
        self.handled(self.send_file)

    def do_HEAD(self) -> None:
        self.handled(self.send_file)

    def do_PUT(self) -> None:
        self.handled(self.take_put)

    def do_POST(self) -> None:
        self.handled(self.take_post)

    def handled(self, usual: Callable[[], None]) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.running.asked.append(Asked(self.command, self.path, dict(self.headers.items()), self.body))
        with contextlib.suppress(ConnectionError):
            if not self.is_allowed():
                self.answer(401, b"who are you?", "text/plain")
            elif self.running.instead is None or not self.running.instead(self):
                usual()

    def is_allowed(self) -> bool:
        header, query = self.running.required_header, self.running.required_query
        if header is not None and self.headers.get(header[0]) != header[1]:
            return False
        return query is None or parse_qs(urlsplit(self.path).query).get(query[0]) == [query[1]]

    @property
    def file(self) -> Path:
        return self.running.root / unquote(urlsplit(self.path).path).lstrip("/")

    def answer(self, status: int, body: bytes = b"", kind: str = "application/xml", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_file(self) -> None:
        if not self.file.is_file():
            self.answer(404, PAGE, "text/html")
            return
        content, seconds = self.file.read_bytes(), int(self.file.stat().st_mtime)
        etag = f'"{sha256(content).hexdigest()[:16]}"'
        headers = {"ETag": etag} if self.running.etags else {}
        headers |= {"Last_Modified": formatdate(seconds, usegmt=True)} if self.running.times else {}
        if self.is_unchanged(etag, seconds):
            self.send_response(304)
            self.end_headers()
            return
        self.answer(200, content, **headers)

    def is_unchanged(self, etag: str, seconds: int) -> bool:
        known, since = self.headers.get("If-None-Match"), self.headers.get("If-Modified-Since")
        if self.running.etags and known is not None:
            return known == etag
        return self.running.times and since is not None and seconds <= parsedate_to_datetime(since).timestamp()

    def take_put(self) -> None:
        if not self.file.parent.is_dir():
            self.answer(409)
        elif self.headers.get("If-None-Match") == "*" and self.file.exists():
            self.answer(412)
        else:
            self.file.write_bytes(self.body)
            self.answer(201)

    def take_post(self) -> None:
        name = self.headers["Content-Disposition"].rpartition("''")[2]
        (self.file / unquote(name)).write_bytes(self.body)
        self.answer(200, b"<taken/>")


@contextmanager
def http_server(root: Path, *, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[RunningHttp]:
    """A server on loopback that ends with the block."""
    running = RunningHttp(root, "https" if tls else "http")
    handler = type("RunningHandler", (Handler,), {"running": running})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that hangs up is no news
    running.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        running.stopping.set()
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()


def status(code: int, body: bytes = b"", kind: str = "text/plain", **headers: str) -> Callable[[Handler], bool]:
    """Answers with a status, whatever is asked."""

    def instead(handler: Handler) -> bool:
        handler.answer(code, body, kind, **headers)
        return True

    return instead


def redirect(location: str, code: int = 302) -> Callable[[Handler], bool]:
    """Sends everybody on, except those who come to where it leads."""

    def instead(handler: Handler) -> bool:
        if location.endswith(handler.path):
            return False
        handler.answer(code, Location=location)
        return True

    return instead


def only(method: str, instead: Callable[[Handler], bool]) -> Callable[[Handler], bool]:
    """Misbehaves for one method alone."""
    return lambda handler: handler.command == method and instead(handler)


def cut(handler: Handler) -> bool:
    """Promises 1000 bytes, sends 400 and hangs up."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/xml")
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"<" + b"x" * 399)
    handler.close_connection = True
    return True


def drip(handler: Handler) -> bool:
    """Sends a byte now and then, without an end."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    while not handler.running.stopping.wait(0.05):
        handler.wfile.write(b"x")
        handler.wfile.flush()
    return True


def drip_headers(handler: Handler) -> bool:
    """Sends its headers byte by byte, without an end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while not handler.running.stopping.wait(0.05):
        handler.wfile.write(b"x")
        handler.wfile.flush()
    return True


def hang(handler: Handler) -> bool:
    """Takes the request and never answers."""
    handler.running.stopping.wait(20)
    handler.close_connection = True
    return True


def hang_up(handler: Handler) -> bool:
    """Takes the request and hangs up without an answer."""
    handler.close_connection = True
    return True


def takes_and_hangs_up(handler: Handler) -> bool:
    """Stores an upload, and the line breaks before the answer."""
    if handler.command == "PUT":
        handler.file.write_bytes(handler.body)
    elif handler.command == "POST":
        name = handler.headers["Content-Disposition"].rpartition("''")[2]
        (handler.file / unquote(name)).write_bytes(handler.body)
    else:
        return False
    handler.close_connection = True
    return True


def packed(content: bytes, *, end: int | None = None) -> Callable[[Handler], bool]:
    """Sends a content packed with gzip, cut before its end where that is given."""
    return status(200, gzip.compress(content)[:end], "application/xml", Content_Encoding="gzip")
