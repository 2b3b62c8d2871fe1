"""Runs of the gateway that are killed at a named point: `python -m tests.faults.dying`.

It reads one order a line from standard input and answers with how the run ended. Each run is a process of its
own, forked after everything is imported; the SIGKILL is real, so nothing is caught and nothing cleaned up.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway import telemetry
from gateway.config import load
from gateway.daemon.once import run_once
from gateway.endpoints.ftp import FtpFolder
from gateway.exchange import drafts, failed, intake, pipeline
from gateway.exchange.courier import Courier
from gateway.exchange.intake import Intake
from gateway.store.blobs import Blobs
from gateway.store.lanes import SqliteLanes
from tests.exchange.conftest import QuickClock

POINTS: dict[str, tuple[Any, str]] = {
    "download": (FtpFolder, "fetch"),
    "take in": (Blobs, "take_in"),
    "row": (Intake, "_write_row"),
    "received": (intake, "tell"),
    "blobs": (Blobs, "store"),
    "draft": (drafts, "draft"),
    "planned": (pipeline, "tell"),
    "set aside": (failed, "write_set_aside"),
    "put away": (Intake, "_put_away"),
    "remote delete": (FtpFolder, "remove"),
    "upload": (FtpFolder, "store"),
    "state": (Courier, "_note"),
    "remote rename": (FtpFolder, "rename"),
    "delivered": (Courier, "_delivered"),
    "lane": (SqliteLanes, "_give_back"),
}
"""Where the process can end: before or after each of these."""


def dies_at(number: int, original: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
    """A function that ends the process, without a word, at its n-th call."""
    calls = 0

    def wrapped(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **options)
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


def run(config: Path, point: str | None, number: int, *, after: bool) -> None:
    """One turn that ends at the n-th call of a point; a whole one where no point is named."""
    telemetry.configure(json=True, level="error")
    if point is not None:
        place, name = POINTS[point]
        setattr(place, name, dies_at(number, getattr(place, name), after=after))
    run_once(load(config), clock=QuickClock())


def serve() -> None:
    """Carry out what standard input orders, one line after the other."""
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                run(Path(order["config"]), order["point"], order["number"], after=order["after"])
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"killed": os.WIFSIGNALED(status)}), flush=True)


class Runner:
    """The process that starts and buries the dying ones."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, config: Path, point: str | None = None, number: int = 1, *, after: bool = False) -> bool:
        """One turn; whether it was killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"config": str(config), "point": point, "number": number, "after": after}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return bool(json.loads(self._process.stdout.readline())["killed"])


@contextmanager
def runner() -> Iterator[Runner]:
    """A runner for the length of a block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.dying"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Runner(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=30)


if __name__ == "__main__":
    serve()
