"""The promises that all file servers share are kept without any server: both contracts over a dictionary."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.endpoints import AfterWork, Dropoff, Pickup, Source, Target
from tests.endpoints.contract import KEEP, SourceContract, TargetContract
from tests.endpoints.memory import MemoryEndpoint, MemoryPath, MemoryServer


class TestMemorySource(SourceContract):
    @pytest.fixture
    def root(self) -> Path:
        return MemoryPath(MemoryServer())  # type: ignore[return-value]  # it does what the contract does with paths

    @pytest.fixture
    def set_time(self) -> Callable[[MemoryPath, float], None]:  # type: ignore[override]
        return MemoryPath.set_time

    @pytest.fixture
    def open_source(self, root: MemoryPath) -> Callable[..., Source]:  # type: ignore[override]
        def opened(
            folder: str = "", files: Sequence[str] = ("*.xml",), after: AfterWork = KEEP, **options: Any
        ) -> Source:
            return MemoryEndpoint("memory", root.server).source(Pickup(folder, tuple(files), after, **options))

        return opened


class TestMemoryTarget(TargetContract):
    @pytest.fixture
    def root(self) -> Path:
        return MemoryPath(MemoryServer())  # type: ignore[return-value]

    @pytest.fixture
    def open_target(self, root: MemoryPath) -> Callable[..., Target]:  # type: ignore[override]
        return lambda folder="", **options: MemoryEndpoint("memory", root.server).target(
            Dropoff(folder, **options)
        )


def test_targets_on_many_threads_lose_nothing() -> None:
    server = MemoryServer()

    def ship(worker: int) -> None:
        target = MemoryEndpoint("memory", server).target(Dropoff())
        for number in range(50):
            target.publish(target.stage(f"{worker}-{number}.xml", b"<a/>", attempt=f"{worker}-{number}"))

    threads = [threading.Thread(target=ship, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.files) == 200
    assert all(name.endswith(".xml") for name in server.files)
