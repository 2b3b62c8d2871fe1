"""Work in a copy of the process comes to the same as work done here."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gateway.cli.beside import beside
from gateway.errors import UsageError
from tests.mapping.conftest import ROOT

PROGRAM = """
import os, signal, sys
from gateway.cli.beside import beside
from gateway.errors import UsageError

here = os.getpid()

def work():
    if "raise" in sys.argv:
        raise UsageError("no file")
    if "end" in sys.argv and os.getpid() != here:
        os.kill(os.getpid(), signal.SIGKILL)
    return [1, os.getpid() == here]

sys.stdout.write("once ")
with beside(work) as result:
    try:
        print(result())
    except UsageError as error:
        print(type(error).__name__, error)
"""

needs_copies = pytest.mark.skipif(
    sys.platform != "linux" or (os.cpu_count() or 1) < 2, reason="only Linux with two cores copies a process"
)


def run(*words: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert finished.stderr == ""
    return finished.stdout


@needs_copies
def test_the_work_is_done_by_another_process_and_nothing_is_written_twice() -> None:
    assert run() == "once [1, False]\n"


@needs_copies
def test_what_it_raises_is_raised_here() -> None:
    assert run("raise") == "once UsageError no file\n"


@needs_copies
def test_a_copy_that_was_ended_by_somebody_costs_nothing_but_time() -> None:
    assert run("end") == "once [1, True]\n"


def test_where_copying_is_not_safe_the_work_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with beside(lambda: os.getpid()) as result:
        assert result() == os.getpid()


def test_nobody_needs_to_ask_for_the_result() -> None:
    with pytest.raises(UsageError), beside(lambda: 1):
        raise UsageError("something else was wrong")
