"""Run a command as a whole process, and tell how long it took and how much memory it needed."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_SAMPLE = 0.05
_LONGEST = 3600.0


class Failed(Exception):
    """A measured command ended with another exit code than 0; the message holds what it said."""


@dataclass(frozen=True)
class Measurement:
    """One run.

    seconds: wall time from start to end. cpu: processor seconds of the process and its workers, which say more
    where the machine is busy; None where the system does not tell. peak_mb: the high-water marks of the process
    and its workers added up (VmHWM of /proc, looked at every 50 ms; pages that they share are counted in each);
    None without /proc.
    """

    seconds: float
    cpu: float | None
    peak_mb: float | None


def measured(command: Sequence[str], folder: Path, environment: dict[str, str]) -> Measurement:
    """Run a command in a folder. Raises Failed."""
    marks: dict[int, int] = {}
    ended = threading.Event()
    with tempfile.TemporaryFile() as said:
        started, spent = time.monotonic(), _spent()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=said)
        watcher = threading.Thread(target=_watch, args=(process.pid, marks, ended), daemon=True)
        watcher.start()
        try:
            code = process.wait(timeout=_LONGEST)
        finally:
            seconds = time.monotonic() - started
            process.kill()
            ended.set()
            watcher.join()
        if code != 0:
            said.seek(0)
            words = said.read().decode("utf-8", "replace").strip()
            raise Failed(f"`{' '.join(command)}` ended with {code}:\n{words[-2000:]}")
    after = _spent()
    cpu = after - spent if after is not None and spent is not None else None
    return Measurement(seconds, cpu, sum(marks.values()) / 1024 if marks else None)


def _spent() -> float | None:
    """Processor seconds of all child processes that have ended."""
    if resource is None:
        return None
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _watch(pid: int, marks: dict[int, int], ended: threading.Event) -> None:
    while not ended.wait(_SAMPLE):
        for member in _family(pid):
            mark = _high_water(member)
            if mark:
                marks[member] = mark


def _family(pid: int) -> list[int]:
    """The process and all below it."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    except OSError:
        return [pid]
    return [pid, *(member for child in listed for member in _family(int(child)))]


def _high_water(pid: int) -> int:
    """The most memory that a process held at once, in KB; 0 where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
