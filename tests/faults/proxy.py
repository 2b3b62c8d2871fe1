"""A proxy on loopback that breaks connections on purpose, between the gateway and a real server.

It passes FTP's data connections through itself too, and knows the commands that are sent, so that a fault can be
aimed: at the data of an upload, at the answer to a rename. To SSH it is a plain pipe.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["cut", "reset", "stall"]
CONTROL = "control"
_BLOCK = 16384
_PATIENCE = 30.0


@dataclass(frozen=True)
class Broken:
    """A connection that breaks after so many bytes of a command's data (`RETR`, `STOR`, …) or of the control line.

    cut: the reader sees the end of the file, the writer notices nothing. reset: both sides see an error.
    stall: nothing comes any more, and nobody is told.
    """

    where: str
    kind: Kind
    after: int = 0


@dataclass(frozen=True)
class LostAnswer:
    """A command that the server carries out and whose last answer never arrives."""

    command: str
    kind: Kind = "reset"


Fault = Broken | LostAnswer


@dataclass
class Session:
    """One control connection, and the command that was sent last."""

    command: str = ""


@dataclass
class FaultProxy:
    """A proxy that runs. Each fault of `faults` strikes once, the first connection that it fits."""

    target: tuple[str, int]
    ftp: bool
    port: int = 0
    faults: list[Fault] = field(default_factory=list)
    struck: list[Fault] = field(default_factory=list)
    session: Session = field(default_factory=Session)
    """of a control connection that this proxy cannot read, because it is encrypted"""
    stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def listen(self, target: tuple[str, int] | None = None, session: Session | None = None) -> int:
        """Pass on what comes to the returned port: to this proxy's target, or as one session's data connection."""
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(0.05)
        threading.Thread(target=self._accept, args=(listener, target, session), daemon=True).start()
        return int(listener.getsockname()[1])

    def _accept(self, listener: socket.socket, target: tuple[str, int] | None, session: Session | None) -> None:
        with listener:
            while not self.stop.is_set():
                with contextlib.suppress(TimeoutError):
                    client, _ = listener.accept()
                    arguments = (client, target or self.target, session)
                    threading.Thread(target=self._pass_on, args=arguments, daemon=True).start()
                    if session is not None:
                        return

    def _pass_on(self, client: socket.socket, target: tuple[str, int], session: Session | None) -> None:
        with contextlib.suppress(OSError), client:
            server = socket.create_connection(target, _PATIENCE)
            client.settimeout(_PATIENCE)
            with server:
                _Line(self, client, server, session or Session(), data=session is not None).run()

    def take(self, fits: type[Fault], where: str, so_far: int) -> Fault | None:
        """The first fault that fits here and now; it will not strike again."""
        with self._lock:
            for fault in self.faults:
                if isinstance(fault, LostAnswer):
                    strikes = fits is LostAnswer and fault.command == where
                else:
                    strikes = fits is Broken and fault.where == where and so_far >= fault.after
                if strikes:
                    self.faults.remove(fault)
                    self.struck.append(fault)
                    return fault
        return None


class _Line:
    """One connection and its two ends."""

    def __init__(
        self, proxy: FaultProxy, client: socket.socket, server: socket.socket, session: Session, *, data: bool
    ) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._session = session
        self._data = data
        self._passed = 0
        self._silenced: socket.socket | None = None

    def run(self) -> None:
        open_ends = [self._client, self._server]
        while open_ends and not self._proxy.stop.is_set():
            ready, _, _ = select.select(open_ends, [], [], 0.05)
            for end in ready:
                other = self._server if end is self._client else self._client
                block = end.recv(_BLOCK)
                if not block:
                    open_ends.remove(end)
                    with contextlib.suppress(OSError):
                        other.shutdown(socket.SHUT_WR)
                elif other is not self._silenced and not self._forward(block, end, other):
                    return
            if not self._data and len(open_ends) == 1:
                return

    def _forward(self, block: bytes, end: socket.socket, other: socket.socket) -> bool:
        """Pass a block on; False where the connection is over."""
        if self._proxy.ftp and not self._data:
            if end is self._client:
                self._session.command = block.split(None, 1)[0].decode("latin-1").upper() if block.split() else ""
            else:
                block = self._with_own_ports(block)
                last_answer = re.search(rb"^[2-5]\d\d ", block, re.MULTILINE)
                if last_answer and (lost := self._proxy.take(LostAnswer, self._session.command, 0)):
                    return self._strike(lost.kind, other)
        where = self._session.command if self._data else CONTROL
        fault = self._proxy.take(Broken, where, self._passed + len(block))
        if isinstance(fault, Broken):
            other.sendall(block[: max(0, fault.after - self._passed)])
            return self._strike(fault.kind, other)
        self._passed += len(block)
        other.sendall(block)
        return True

    def _strike(self, kind: Kind, reader: socket.socket) -> bool:
        if kind == "stall":
            self._proxy.stop.wait()
            return False
        if kind == "cut":
            with contextlib.suppress(OSError):
                reader.shutdown(socket.SHUT_WR)
            self._silenced = reader
            return self._data  # the writer of data goes on and notices nothing
        for end in (self._client, self._server):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def _with_own_ports(self, block: bytes) -> bytes:
        """The server's data port replaced by one of this proxy."""
        if found := re.search(rb"^227 [^\r\n]*\((?:\d+,){4}(\d+),(\d+)\)", block, re.MULTILINE):
            port = self._data_port(int(found[1]) * 256 + int(found[2]))
            return b"227 Entering passive mode (127,0,0,1,%d,%d)\r\n" % (port >> 8, port & 255)
        if found := re.search(rb"^229 [^\r\n]*\(\|\|\|(\d+)\|\)", block, re.MULTILINE):
            return b"229 Entering passive mode (|||%d|)\r\n" % self._data_port(int(found[1]))
        return block

    def _data_port(self, port: int) -> int:
        return self._proxy.listen((self._proxy.target[0], port), self._session)


@contextmanager
def fault_proxy(port: int, *, ftp: bool) -> Iterator[FaultProxy]:
    """A proxy before the server on that port of loopback; it ends with the block."""
    proxy = FaultProxy(("127.0.0.1", port), ftp)
    proxy.port = proxy.listen()
    try:
        yield proxy
    finally:
        proxy.stop.set()
