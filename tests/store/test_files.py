"""Durable files: synced before they get their name, and whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store.files import write_durably


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done to the disk, in order, with the size that was there at that moment."""
    seen: list[str] = []
    fsync, rename = os.fsync, Path.replace

    def recorded_fsync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        seen.append("fsync folder" if stat.S_ISDIR(status.st_mode) else f"fsync {status.st_size} bytes")
        fsync(descriptor)

    def recorded_rename(self: Path, target: Path) -> Path:
        seen.append(f"rename {self.name} to {target.name}")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(Path, "replace", recorded_rename)
    return seen


def test_the_bytes_are_synced_then_named_then_the_name_is_synced(tmp_path: Path, steps: list[str]) -> None:
    write_durably(tmp_path / "order.xml", [b"<order>", b"</order>"])
    assert steps == ["fsync 15 bytes", "rename .order.xml.tmp to order.xml", "fsync folder"]
    assert (tmp_path / "order.xml").read_bytes() == b"<order></order>"


def test_an_older_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "order.xml").write_bytes(b"old and longer")
    write_durably(tmp_path / "order.xml", [b"new"])
    assert (tmp_path / "order.xml").read_bytes() == b"new"


def test_a_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    write_durably(tmp_path / "order.xml", [b"new"])
    assert stat.S_IMODE((tmp_path / "order.xml").stat().st_mode) == 0o600


def full_disk() -> Iterator[bytes]:
    yield b"half of "
    raise OSError(errno.ENOSPC, "No space left on device")


def test_where_writing_fails_nothing_stays_and_the_older_file_is_what_it_was(tmp_path: Path) -> None:
    (tmp_path / "order.xml").write_bytes(b"old")
    with pytest.raises(OSError, match="No space left"):
        write_durably(tmp_path / "order.xml", full_disk())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"order.xml": b"old"}


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_where_a_later_step_fails_nothing_stays_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fails(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(*{"fsync": (os, "fsync"), "replace": (Path, "replace")}[step], fails)
    with pytest.raises(OSError, match="Input/output error"):
        write_durably(tmp_path / "order.xml", [b"new"])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_durably(tmp_path / "nowhere" / "order.xml", [b"new"])
