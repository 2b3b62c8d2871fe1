"""Row 19 of the fault catalogue: the first, second, third … operation fails, until a run ends without a fault.

After each fault one clean run must have every order at the receiver, once and whole.
"""

from __future__ import annotations

import contextlib
import errno
import ftplib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from gateway import telemetry
from gateway.errors import GatewayError
from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder, export
from tests.faults.conftest import Between, on
from tests.faults.consumer import Consumer, consuming
from tests.faults.figures import Figures, of_orders

STEPS = pytest.mark.parametrize("step", [13, pytest.param(1, marks=pytest.mark.soak)])
"""In CI every thirteenth operation fails, under `make soak` each of them."""


class Countdown:
    """Raises at one call, and remembers that it did."""

    def __init__(self, number: int, error: Callable[[], Exception]) -> None:
        self._left = number
        self._error = error
        self._thread = threading.get_ident()
        self.struck = False

    def tick(self) -> None:
        """One operation of the gateway's own thread: servers and keep-alives live in others."""
        if threading.get_ident() != self._thread:
            return
        self._left -= 1
        if self._left == 0:
            self.struck = True
            raise self._error()


def failing(original: Callable[..., Any], countdown: Countdown, *, after: bool = False) -> Callable[..., Any]:
    """The operation, not done (or, with `after`, done and not answered) at the call that the countdown chooses."""

    def wrapped(*args: Any, **options: Any) -> Any:
        if not after:
            countdown.tick()
        result = original(*args, **options)
        if after:
            countdown.tick()
        return result

    return wrapped


class FailingFile:
    """A file whose writes count as operations."""

    def __init__(self, file: Any, countdown: Countdown) -> None:
        self._file = file
        self._countdown = countdown

    def write(self, content: bytes) -> int:
        self._countdown.tick()
        return int(self._file.write(content))

    def __enter__(self) -> FailingFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def let_files_fail(patch: pytest.MonkeyPatch, countdown: Countdown, site: Path) -> None:
    """Every opening, write, fsync, rename and removal below the site counts."""
    places = (str(site / "spool"), str(site / "out"))

    def below(original: Callable[..., Any]) -> Callable[..., Any]:
        counted = failing(original, countdown)
        return lambda *args, **options: (
            counted(*args, **options) if str(args[0]).startswith(places) else original(*args, **options)
        )

    for name in ("open", "rename", "replace", "unlink", "mkdir", "scandir"):
        patch.setattr(os, name, below(getattr(os, name)))
    patch.setattr(os, "fsync", failing(os.fsync, countdown))
    fdopen, path_open = os.fdopen, Path.open

    def fdopen_counted(descriptor: int, mode: str = "r", *args: Any, **options: Any) -> Any:
        file = fdopen(descriptor, mode, *args, **options)
        return FailingFile(file, countdown) if mode == "wb" else file

    def open_counted(path: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
        if not str(path).startswith(places):
            return path_open(path, mode, *args, **options)
        countdown.tick()
        file = path_open(path, mode, *args, **options)
        return FailingFile(file, countdown) if mode == "wb" else file

    patch.setattr(os, "fdopen", fdopen_counted)
    patch.setattr(Path, "open", open_counted)


@pytest.fixture
def local(tmp_path: Path, counted: Figures) -> Iterator[tuple[TestSite, Consumer, list[str]]]:
    """A site from its drop folder to a local folder, which a consumer empties."""
    telemetry.configure(json=True, level="error")
    site, expected = TestSite(tmp_path), list[str]()
    (tmp_path / "out" / "pohoda").mkdir(parents=True)
    (tmp_path / "taken").mkdir()
    with consuming(tmp_path / "out" / "pohoda", tmp_path / "taken") as consumer:
        yield site, consumer, expected
    counted.update(of_orders(expected, consumer.numbers))


def fail_each(
    local: tuple[TestSite, Consumer, list[str]],
    counted: Figures,
    step: int,
    fault: Callable[[pytest.MonkeyPatch, int], Countdown],
) -> int:
    """Let the operations fail one after the other, each on a new input; returns how many did."""
    site, consumer, expected = local
    number = 1
    while True:
        # given an input with two good orders and a bad one
        good = [f"{number}-a", f"{number}-b"]
        expected += good
        site.drop(f"orders-{number}.xml", export(*good, ShopOrder("bad", payment="Bitcoin")))
        # when the n-th operation fails
        with pytest.MonkeyPatch.context() as patch:
            countdown = fault(patch, number)
            with contextlib.suppress(OSError, GatewayError, SQLAlchemyError):
                site.run()
        counted["faults"] += countdown.struck
        # then a clean run has it all
        site.run()
        site.run()
        consumer.look()
        assert sorted(consumer.numbers) == sorted(expected), f"after operation {number}"
        assert consumer.halves == []
        assert consumer.leftovers() == [], f"after operation {number}"
        (matter,) = site.status().matters
        assert matter.name == "order bad"
        if not countdown.struck:
            return number
        number += step


@STEPS
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=["disk full", "disk broken"])
def test_file_operations_that_fail(
    local: tuple[TestSite, Consumer, list[str]], counted: Figures, step: int, number: int
) -> None:
    def fault(patch: pytest.MonkeyPatch, call: int) -> Countdown:
        countdown = Countdown(call, lambda: OSError(number, os.strerror(number)))
        let_files_fail(patch, countdown, local[0].folder)
        return countdown

    assert fail_each(local, counted, step, fault) > 40


@pytest.mark.parametrize("step", [41, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("operation", ["do_execute", "do_commit"])
@pytest.mark.parametrize("after", [False, True], ids=["not done", "done and not answered"])
def test_database_operations_that_fail(
    local: tuple[TestSite, Consumer, list[str]], counted: Figures, step: int, operation: str, after: bool
) -> None:
    def fault(patch: pytest.MonkeyPatch, call: int) -> Countdown:
        countdown = Countdown(call, lambda: OperationalError("", {}, Exception("disk I/O error")))
        patch.setattr(
            DefaultDialect, operation, failing(getattr(DefaultDialect, operation), countdown, after=after)
        )
        return countdown

    few = step if operation == "do_execute" else max(1, step // 5)
    assert fail_each(local, counted, few, fault) > 10


LINES: dict[str, tuple[Any, str, Callable[[], Exception]]] = {
    "ftp sends": (ftplib.FTP, "putline", lambda: ConnectionResetError(errno.ECONNRESET, "reset")),
    "ftp receives": (ftplib.FTP, "getline", lambda: ConnectionResetError(errno.ECONNRESET, "reset")),
    "sftp sends": (paramiko.SFTPClient, "_send_packet", lambda: OSError("Socket is closed")),
    "sftp receives": (paramiko.SFTPClient, "_read_packet", lambda: OSError("Socket is closed")),
}


def fail_each_on_the_line(between: Between, counted: Figures, operation: str, step: int) -> None:
    place, name, error = LINES[operation]
    number = 1
    while True:
        between.put(f"orders-{number}.xml", f"{number}-a", f"{number}-b")
        with pytest.MonkeyPatch.context() as patch:
            countdown = Countdown(number, error)
            patch.setattr(place, name, failing(getattr(place, name), countdown))
            between.run()
        counted["faults"] += countdown.struck
        between.settle()
        if not countdown.struck:
            return
        number += step


@STEPS
@pytest.mark.parametrize("operation", ["ftp sends", "ftp receives"])
@on("pyftpdlib")
def test_ftp_operations_that_fail(between: Between, counted: Figures, operation: str, step: int) -> None:
    fail_each_on_the_line(between, counted, operation, step)


@STEPS
@pytest.mark.parametrize("operation", ["sftp sends", "sftp receives"])
@on("paramiko")
def test_sftp_operations_that_fail(between: Between, counted: Figures, operation: str, step: int) -> None:
    fail_each_on_the_line(between, counted, operation, step)
