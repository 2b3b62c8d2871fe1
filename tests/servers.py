"""Real FTP servers for tests: pyftpdlib on loopback, each with an event loop of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

USER, PASSWORD = "shop", "not-a-secret"


@dataclass
class RunningFtp:
    """A server that runs: where it listens, and its folder on disk."""

    host: str
    port: int
    root: Path
    handler: type[FTPHandler]


@contextmanager
def ftp_server(root: Path, *, port: int = 0, **handler_options: Any) -> Iterator[RunningFtp]:
    """An FTP server on loopback that ends with the block."""
    authorizer = DummyAuthorizer()
    authorizer.add_user(USER, PASSWORD, str(root), perm="elradfmwMT")
    options = {
        "authorizer": authorizer,
        "banner": "ready",
        "auth_failed_timeout": 0.05,
        "passive_ports": None,
        **handler_options,
    }
    handler = type("Handler", (FTPHandler,), options)
    loop = IOLoop()
    server = FTPServer(("127.0.0.1", port), handler, ioloop=loop)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            server.serve_forever(timeout=0.02, blocking=False, handle_exit=False)
        server.close_all()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield RunningFtp("127.0.0.1", server.socket.getsockname()[1], root, handler)
    finally:
        stop.set()
        thread.join(timeout=10)
