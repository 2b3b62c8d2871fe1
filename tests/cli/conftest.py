"""The commands as a user calls them: a site as working folder, words in, exit code and two streams out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway import telemetry
from gateway.cli.main import main
from tests.exchange.conftest import TestSite


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def last(self) -> str:
        """The last line of the result."""
        return self.out.rstrip("\n").rsplit("\n", 1)[-1]


Gateway = Callable[..., Outcome]


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Gateway]:
    """Run a command in this process."""

    def run(*words: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["gateway", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        sys.stdout.flush()
        out, err = capfd.readouterr()
        assert "Traceback" not in err or "--debug" in words
        return Outcome(int(ended.value.code or 0), out, err)

    yield run
    telemetry.unconfigure()  # the log lines of `run` went to this test's standard error


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestSite:
    """A good site; its folder is the working folder."""
    telemetry.configure(json=True, level="error")
    made = TestSite(tmp_path)
    monkeypatch.chdir(tmp_path)
    return made
