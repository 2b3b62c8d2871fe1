"""The output of `gateway convert` is put on the disk while it is written."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Thread
from typing import BinaryIO

import pytest

from gateway.cli import synced
from gateway.cli.synced import SyncedFile


@pytest.fixture(autouse=True)
def _short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synced, "STRETCH", 10)


def test_what_was_written_is_there_and_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a disk that notes how much of the file it has been given
    path, seen = tmp_path / "out.xml", []
    real = os.fsync

    def noting(file: int) -> None:
        seen.append(path.stat().st_size)
        real(file)

    monkeypatch.setattr(os, "fsync", noting)
    # When several stretches are written
    with path.open("wb") as file, SyncedFile(file) as output:
        for number in range(100):
            output.write(b"%09d\n" % number)
    # Then some of it was given before the end, and all of it at the end
    assert path.read_bytes() == b"".join(b"%09d\n" % number for number in range(100))
    assert seen[0] < 1000
    assert seen[-1] == 1000


def test_a_disk_that_refuses_what_was_written_before_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(_: int) -> None:
        raise OSError(28, "No space left on device")

    # Given a disk that is full: the system says so once
    with (tmp_path / "out.xml").open("wb") as file:
        output = SyncedFile(file)
        with monkeypatch.context() as broken:
            broken.setattr(os, "fsync", refusing)
            output.write(b"0123456789")
            output.wait()
        # When the file ends, then it is not taken for written
        with pytest.raises(OSError, match="No space left on device"), output:
            pass


def test_without_a_thread_all_is_synced_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(_: Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Thread, "start", none_left)
    with (tmp_path / "out.xml").open("wb") as file, SyncedFile(file) as output:
        output.write(b"0123456789")
    assert (tmp_path / "out.xml").read_bytes() == b"0123456789"


def test_what_went_wrong_within_is_not_hidden_by_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", refusing)
    with (tmp_path / "out.xml").open("wb") as file, pytest.raises(ValueError, match="the input is bad"):
        _write_and_fail(file)


def _write_and_fail(file: BinaryIO) -> None:
    with SyncedFile(file) as output:
        output.write(b"0123456789")
        raise ValueError("the input is bad")
