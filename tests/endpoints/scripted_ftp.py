"""An FTP server that says what it is told to say: for answers that no library gives."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_ANSWERS = {
    "USER": "331 go on",
    "PASS": "230 welcome",
    "TYPE": "200 yes",
    "PWD": '257 "/"',
    "CWD": "250 there",
    "SIZE": "213 9",
    "MDTM": "213 20261120100000",
    "QUIT": "221 bye",
}
_FEATURES = "211-Features\r\n MLST type*;size*;modify*;\r\n211 End"


@dataclass(frozen=True)
class ScriptedFtp:
    """A server that runs."""

    port: int


@contextmanager
def scripted_ftp(*, welcome: str = "220 ready", **script: str | list[str] | None) -> Iterator[ScriptedFtp]:
    """A server on loopback: a text is an answer, a list the lines of a listing, None silence."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    stop = threading.Event()

    def accept() -> None:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                line, _ = listener.accept()
                threading.Thread(target=_serve, args=(line, welcome, script, stop), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield ScriptedFtp(listener.getsockname()[1])
    finally:
        stop.set()
        thread.join(timeout=10)
        listener.close()


def _serve(
    line: socket.socket, welcome: str, script: dict[str, str | list[str] | None], stop: threading.Event
) -> None:
    with line, contextlib.suppress(OSError), socket.create_server(("127.0.0.1", 0)) as data:
        line.sendall(f"{welcome}\r\n".encode())
        port = data.getsockname()[1]
        passive = {
            "PASV": f"227 Entering (127,0,0,1,{port >> 8},{port & 255})",
            "EPSV": f"229 Entering (|||{port}|)",
        }
        known = {**_ANSWERS, "FEAT": _FEATURES, **passive, **script}
        for received in line.makefile("r", encoding="utf-8"):
            answer = known.get(received.split()[0].upper(), "502 what?")
            if answer is None:
                stop.wait()
                return
            if isinstance(answer, str):
                line.sendall(f"{answer}\r\n".encode())
                continue
            line.sendall(b"150 here it comes\r\n")
            listing, _ = data.accept()
            with listing:
                listing.sendall("".join(f"{name}\r\n" for name in answer).encode())
            line.sendall(b"226 done\r\n")
