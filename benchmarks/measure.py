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
    None without /proc. together_mb: the most that they had at one moment, with what they share counted once (Pss);
    None where it was not asked for, because looking at it takes time.
    """

    seconds: float
    cpu: float | None
    peak_mb: float | None
    together_mb: float | None = None


class _Memory:
    """What is seen of the memory of a process and of all below it, in KB."""

    def __init__(self, *, together: bool) -> None:
        self.marks: dict[int, int] = {}
        self.together = 0
        self._looks_at_all = together

    def watch(self, pid: int, ended: threading.Event) -> None:
        """Look at it until that is set."""
        while not ended.wait(_SAMPLE):
            family = _family(pid)
            for member in family:
                mark = _kilobytes(Path(f"/proc/{member}/status"), "VmHWM:")
                if mark:
                    self.marks[member] = mark
            if self._looks_at_all:
                now = sum(_kilobytes(Path(f"/proc/{member}/smaps_rollup"), "Pss:") for member in family)
                self.together = max(self.together, now)


def measured(
    command: Sequence[str], folder: Path, environment: dict[str, str], *, together: bool = False
) -> Measurement:
    """Run a command in a folder. together: whether `together_mb` is wanted. Raises Failed."""
    memory = _Memory(together=together)
    ended = threading.Event()
    with tempfile.TemporaryFile() as said:
        started, spent = time.monotonic(), _spent()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=said)
        watcher = threading.Thread(target=memory.watch, args=(process.pid, ended), daemon=True)
        watcher.start()
        at_last = threading.Timer(_LONGEST, process.kill)  # a wait with a timeout is up to 50 ms late
        at_last.start()
        try:
            code = process.wait()
        finally:
            seconds = time.monotonic() - started
            at_last.cancel()
            process.kill()
            ended.set()
            watcher.join()
        if code != 0:
            said.seek(0)
            words = said.read().decode("utf-8", "replace").strip()
            raise Failed(f"`{' '.join(command)}` ended with {code}:\n{words[-2000:]}")
    after = _spent()
    cpu = after - spent if after is not None and spent is not None else None
    peak = sum(memory.marks.values()) / 1024 if memory.marks else None
    return Measurement(seconds, cpu, peak, memory.together / 1024 or None)


def _spent() -> float | None:
    """Processor seconds of all child processes that have ended."""
    if resource is None:
        return None
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _family(pid: int) -> list[int]:
    """The process and all below it."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    except OSError:
        return [pid]
    return [pid, *(member for child in listed for member in _family(int(child)))]


def _kilobytes(file: Path, name: str) -> int:
    """What a file of a process in /proc says under a name; 0 where the process is gone."""
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)
