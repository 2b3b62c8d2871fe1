"""Works that a copy of the process does its part of come to the same as works done here."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

import pytest

from gateway.cli import beside
from tests.mapping.conftest import ROOT

PROGRAM = """
import os, signal, sys, time
from functools import partial
from gateway.cli.beside import shared_out
from gateway.errors import UsageError

here = os.getpid()
what = sys.argv[1]

def work(number):
    in_copy = os.getpid() != here
    if what == ("raise there" if in_copy else "raise here"):
        raise UsageError("no file")
    if what == "end" and in_copy:
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "interrupt" and in_copy:
        raise KeyboardInterrupt
    time.sleep(0.05)
    return number, in_copy

sys.stdout.write("once ")
try:
    results = shared_out([partial(work, number) for number in range(8)])
except UsageError as error:
    print(type(error).__name__, error)
else:
    print([number for number, _ in results])
    # which of the two did a work, and how often it was the other one's turn
    done = [in_copy for _, in_copy in results]
    print(done[0], done[-1], sum(one != two for one, two in zip(done, done[1:])))
"""

needs_copies = pytest.mark.skipif(
    sys.platform != "linux" or (os.cpu_count() or 1) < 2, reason="only Linux with two cores copies a process"
)


def run(what: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM, what], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert finished.stderr == ""
    return finished.stdout


@needs_copies
def test_the_first_works_are_done_here_and_the_last_ones_by_a_copy_and_nothing_is_written_twice() -> None:
    assert run("") == "once [0, 1, 2, 3, 4, 5, 6, 7]\nFalse True 1\n"


@needs_copies
@pytest.mark.parametrize("how", ["end", "interrupt"])
def test_a_copy_that_was_ended_by_somebody_costs_nothing_but_time(how: str) -> None:
    assert run(how) == "once [0, 1, 2, 3, 4, 5, 6, 7]\nFalse False 0\n"


@needs_copies
@pytest.mark.parametrize("where", ["raise here", "raise there"])
def test_what_a_work_raises_is_raised_here_wherever_it_was_done(where: str) -> None:
    assert run(where) == "once UsageError no file\n"


def test_works_beyond_those_that_are_shared_out_are_done_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "_MOST", 3)
    assert beside.shared_out([partial(int, number) for number in range(10)]) == [*range(10)]


def test_where_copying_is_not_safe_the_works_are_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert set(beside.shared_out([os.getpid] * 5)) == {os.getpid()}


def test_nothing_comes_of_no_works() -> None:
    assert beside.shared_out([]) == []
