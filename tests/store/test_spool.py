"""The spool: private folders, and one holder at a time."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.diagnostics import render_all
from gateway.errors import ConfigError, SpoolInUse
from gateway.store import spool as spool_module
from gateway.store.spool import Spool, file_system_of, is_reserved

HOLDER = """
import sys, time
from pathlib import Path
from gateway.store.spool import Spool
with Spool(Path(sys.argv[1])).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    made = Spool(tmp_path / "site" / "spool")
    made.prepare()
    return made


@contextmanager
def held_elsewhere(spool: Spool) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(spool.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_every_folder_is_for_the_owner_alone(spool: Spool) -> None:
    drop, failed = spool.drop_folder("shop"), spool.failed_folder("shop")
    assert [mode(path) for path in (spool.root, spool.work, spool.blobs, drop.parent, drop, failed)] == [0o700] * 6
    assert (drop, failed) == (spool.root / "shop" / "in", spool.root / "shop" / "failed")


def test_a_drop_folder_is_private_also_where_it_is_the_first_thing_there(tmp_path: Path) -> None:
    drop = Spool(tmp_path / "spool").drop_folder("shop")
    assert [mode(path) for path in (drop, drop.parent, drop.parent.parent)] == [0o700] * 3


@pytest.mark.skipif(os.name != "posix", reason="rights are told by their bits on POSIX systems")
def test_a_spool_that_was_open_to_all_is_closed(tmp_path: Path) -> None:
    root = tmp_path / "spool"
    root.mkdir()
    root.chmod(0o755)
    for name in ("ledger.db", "ledger.db-wal"):
        (root / name).write_bytes(b"")
        (root / name).chmod(0o644)
    Spool(root).prepare()
    assert [mode(path) for path in (root, root / "ledger.db", root / "ledger.db-wal")] == [0o700, 0o600, 0o600]


@pytest.mark.skipif(os.name != "posix", reason="rights are told by their bits on POSIX systems")
def test_a_new_ledger_is_for_the_owner_alone(spool: Spool) -> None:
    assert mode(spool.ledger) == 0o600


@pytest.mark.skipif(os.name != "posix", reason="rights are told by their bits on POSIX systems")
def test_a_spool_that_is_opened_for_a_group_stays_so(spool: Spool) -> None:
    spool.root.chmod(0o710)
    spool.prepare()
    assert mode(spool.root) == 0o710


@pytest.mark.parametrize("name", ["work", "Blobs", "LOCK", "ledger", "nul", "COM1"])
def test_names_that_the_spool_or_windows_needs_are_reserved(name: str) -> None:
    assert is_reserved(name)
    assert not is_reserved(name + "-orders")


def test_folders_that_somebody_opened_for_a_group_stay_as_they_are(spool: Spool) -> None:
    drop = spool.drop_folder("shop")
    drop.chmod(0o770)
    spool.prepare()
    assert mode(spool.drop_folder("shop")) == 0o770


def test_the_lock_names_its_holder_and_is_given_back(spool: Spool) -> None:
    assert not spool.is_locked()
    with spool.lock():
        assert spool.is_locked()
        holder = json.loads((spool.root / "lock.holder").read_text())
        assert holder == {"pid": os.getpid(), "host": socket.gethostname()}
    assert not spool.is_locked()
    assert not (spool.root / "lock.holder").exists()


def test_a_second_holder_is_refused_and_told_who_has_it(spool: Spool) -> None:
    with held_elsewhere(spool) as other, pytest.raises(SpoolInUse) as caught, spool.lock():
        pass
    assert str(caught.value) == (
        f"the spool {spool.root} is in use by process {other.pid} on {socket.gethostname()}; "
        "stop that gateway first, or give this one a `spool:` of its own"
    )
    assert caught.value.exit_code == 7


def test_a_refused_holder_leaves_the_name_of_the_other_alone(spool: Spool) -> None:
    with held_elsewhere(spool) as other:
        with pytest.raises(SpoolInUse), spool.lock():
            pass
        assert json.loads((spool.root / "lock.holder").read_text())["pid"] == other.pid
        assert spool.is_locked()


@pytest.mark.parametrize("content", [None, "", "[]", '{"pid": 1}', "\xff"])
def test_a_holder_without_a_readable_name_is_still_a_holder(spool: Spool, content: str | None) -> None:
    with held_elsewhere(spool):
        path = spool.root / "lock.holder"
        path.unlink() if content is None else path.write_text(content, encoding="latin-1")
        with pytest.raises(SpoolInUse, match="is in use by another process; stop"), spool.lock():
            pass


def test_the_lock_of_a_killed_process_is_free(spool: Spool) -> None:
    with held_elsewhere(spool) as other:
        other.kill()
        other.wait()
        assert not spool.is_locked()
        # its name is still there, and misleads nobody
        assert (spool.root / "lock.holder").exists()
        with spool.lock():
            assert json.loads((spool.root / "lock.holder").read_text())["pid"] == os.getpid()


def test_a_spool_without_a_lock_file_is_not_locked(tmp_path: Path) -> None:
    assert not Spool(tmp_path).is_locked()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "fuse.sshfs"])
def test_a_network_share_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(spool_module, "file_system_of", lambda _: kind)
    with pytest.raises(ConfigError) as caught:
        Spool(tmp_path / "spool").prepare()
    assert render_all(caught.value.problems) == (
        f"error[C008]: the spool {tmp_path}/spool lies on a network share ({kind}), "
        "where a ledger can be damaged\n"
        "  = help: set `spool:` in config.yaml to a folder on a local disk"
    )


@pytest.mark.parametrize("kind", ["ext4", "btrfs", "overlay", None])
def test_a_local_disk_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str | None) -> None:
    monkeypatch.setattr(spool_module, "file_system_of", lambda _: kind)
    Spool(tmp_path / "spool").prepare()


def test_a_file_where_the_spool_should_be_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("")
    with pytest.raises(ConfigError) as caught:
        Spool(tmp_path / "spool").prepare()
    assert render_all(caught.value.problems) == (
        f"error[C008]: the spool {tmp_path}/spool cannot be created: File exists\n"
        "  = help: set `spool:` in config.yaml to a folder that the gateway's user may write to"
    )


@pytest.mark.skipif(not Path("/proc/self/mounts").exists(), reason="only Linux tells the mounts")
def test_the_file_system_of_a_path_is_that_of_the_deepest_mount() -> None:
    assert file_system_of(Path("/proc/self")) == "proc"
    assert file_system_of(Path("/")) is not None


def test_mount_points_with_blanks_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = "/dev/sda / ext4 rw 0 0\nserver:/x /mnt/my\\040share nfs4 rw 0 0\n"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: mounts)
    assert file_system_of(Path("/mnt/my share/spool")) == "nfs4"
    assert file_system_of(Path("/mnt/my shared")) == "ext4"


def test_looking_whether_somebody_holds_the_spool_never_refuses_a_start(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    with spool.lock():
        pass
    stop = threading.Event()

    def looks_all_the_time() -> None:
        while not stop.is_set():
            spool.is_locked()

    looking = threading.Thread(target=looks_all_the_time)
    looking.start()
    try:
        for _ in range(200):
            with spool.lock():
                pass
    finally:
        stop.set()
        looking.join()
