"""What all tests share."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import settings

from tests.faults import figures
from tests.real_servers import WHY_NOT

os.environ.setdefault("TZ", "Europe/Prague")
_SERVER = "real server"

settings.register_profile("no deadline", deadline=None)  # machines are noisy
settings.load_profile("no deadline")


@pytest.fixture(autouse=True)
def _no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test marked `real_server("vsftpd")` counts for that server, or is skipped with what keeps it away."""
    for mark in item.iter_markers("real_server"):
        (name,) = mark.args
        item.user_properties.append((_SERVER, name))
        if reason := WHY_NOT[name]():
            pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many tests really met which server, so that a run without servers does not look like one with them."""
    ran: Counter[str] = Counter()
    missing: dict[str, str] = {}
    for outcome in ("passed", "failed", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            for kind, name in report.user_properties:
                if kind == _SERVER and outcome == "skipped":
                    missing[name] = str(report.longrepr[2]).removeprefix("Skipped: ")
                elif kind == _SERVER:
                    ran[name] += 1
    if ran or missing:
        told = ", ".join(f"{name} {count}" for name, count in sorted(ran.items())) or "none"
        why = "".join(f"; skipped: {name} ({reason})" for name, reason in sorted(missing.items()))
        terminalreporter.write_line(f"real servers: {told}{why}")
    faults: figures.Figures = Counter()
    for report in terminalreporter.stats.get("", []):
        for kind, counted in getattr(report, "user_properties", []):
            if kind == figures.PROPERTY:
                faults.update(counted)
    if faults:
        terminalreporter.write_line(figures.told(faults))
