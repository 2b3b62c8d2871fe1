"""The gateway as a process of its own, as its users start it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "gateway"]


@contextmanager
def gateway_running(config: Path, *, log: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """`gateway run`, ended with the block (SIGTERM, and SIGKILL where that does not help)."""
    with (log or config.with_name("gateway.log")).open("ab") as output:
        process = start(config, output)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(timeout=30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def start(config: Path, output: Any) -> subprocess.Popen[bytes]:
    """`gateway run` in the background; the caller ends it."""
    return subprocess.Popen(
        [*COMMAND, "--config", str(config), "run", "--json"],
        cwd=config.parent,
        stdout=output,
        stderr=output,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


def gateway(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command beside the running gateway."""
    return subprocess.run(
        [*COMMAND, "--config", str(config), *arguments],
        cwd=config.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def status(config: Path) -> dict[str, Any]:
    """`gateway status --json`."""
    found: dict[str, Any] = json.loads(gateway(config, "status", "--json").stdout)
    return found


def wait_until(what: Callable[[], Any], *, seconds: float = 30) -> Any:
    """Wait for something to become true; fails with the last value where it does not."""
    until = time.monotonic() + seconds
    value = what()
    while not value and time.monotonic() < until:
        time.sleep(0.05)
        value = what()
    assert value, f"it did not happen within {seconds} s: {value!r}"
    return value
