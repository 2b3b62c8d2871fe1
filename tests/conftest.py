"""What all tests share."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("TZ", "Europe/Prague")


@pytest.fixture(autouse=True)
def _no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
