"""kill -9 at random moments: every order is on the FTP server exactly once."""

from __future__ import annotations

import os
import random
import subprocess
import time
from pathlib import Path

import pytest

from tests.daemon.running import gateway, start, status, wait_until
from tests.exchange.conftest import TestSite
from tests.exchange.shop import export
from tests.exchange.test_delivery import use_ftp
from tests.servers import ftp_server


class Receiver:
    """Takes a file from the server the moment it appears, as an accounting program does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.taken: list[str] = []

    def look(self) -> None:
        for path in sorted(self.folder.glob("*.xml")):
            self.taken.append(path.name)
            path.unlink()


def drop_while_killing(
    site: TestSite, *, files: int, kills: int, seed: int, receiver: Receiver | None
) -> list[str]:
    """Drop files and kill the daemon in between; returns the order numbers that were dropped."""
    chance = random.Random(seed)
    numbers, number = [], 0
    with (site.folder / "gateway.log").open("ab") as log:
        for round_ in range(kills):
            process = start(site.config_path, log)
            until = time.monotonic() + chance.uniform(0.7, 3.0)
            for _ in range(files // kills):
                content = [f"{number + n:06}" for n in range(chance.randint(1, 50))]
                number += len(content)
                numbers += content
                site.drop(f"orders-{number}.xml", export(*content))
            while time.monotonic() < until and process.poll() is None:
                time.sleep(0.02)
                if receiver is not None and round_ % 2:
                    receiver.look()
            process.kill()
            process.wait()
    return numbers


def finish(site: TestSite, receiver: Receiver | None) -> None:
    """One last start, until everything is through."""
    with (site.folder / "gateway.log").open("ab") as log:
        process = start(site.config_path, log)
        try:
            wait_until(lambda: _is_through(site, receiver), seconds=240)
        finally:
            process.terminate()
            process.wait(timeout=60)


def _is_through(site: TestSite, receiver: Receiver | None) -> bool:
    if receiver is not None:
        receiver.look()
    inbox = site.folder / "spool" / "shop" / "in"
    if any(path.is_file() for path in inbox.iterdir()):
        return False
    found = status(site.config_path)
    open_exchanges = [line for line in found["exchanges"] if line["state"] in ("in work", "on its way")]
    return not open_exchanges and found["status"]["routes"][0]["waiting"] == 0


def run_kills(tmp_path: Path, *, files: int, kills: int, seed: int, takes: bool) -> tuple[int, int, int]:
    """Returns (orders, lost, doubled)."""
    site = TestSite(tmp_path)
    root = tmp_path / "office"
    (root / "pohoda").mkdir(parents=True)
    with ftp_server(root) as server:
        use_ftp(site, server.port)
        receiver = Receiver(root / "pohoda") if takes else None
        dropped = drop_while_killing(site, files=files, kills=kills, seed=seed, receiver=receiver)
        finish(site, receiver)
    if receiver is not None:
        receiver.look()
        arrived = [name.removeprefix("shop-main_order_").removesuffix(".xml") for name in receiver.taken]
    else:
        arrived = site.numbers("office/pohoda")
    lost, doubled = set(dropped) - set(arrived), len(arrived) - len(set(arrived))
    leftovers = [path.name for path in (root / "pohoda").iterdir() if path.name.startswith(".")]
    assert leftovers == []
    return len(dropped), len(lost), doubled


@pytest.mark.parametrize("takes", [False, True], ids=["files stay", "the receiver takes them at once"])
def test_kill_9_at_random_loses_nothing_and_doubles_nothing(tmp_path: Path, takes: bool) -> None:
    orders, lost, doubled = run_kills(tmp_path, files=40, kills=10, seed=7, takes=takes)
    assert orders > 200
    assert (lost, doubled) == (0, 0)


@pytest.mark.soak
@pytest.mark.parametrize("takes", [False, True], ids=["files stay", "the receiver takes them at once"])
def test_fifty_kills_while_two_hundred_files_are_dropped(tmp_path: Path, takes: bool) -> None:
    seed = int(os.environ.get("GATEWAY_SEED", "1"))
    orders, lost, doubled = run_kills(tmp_path, files=200, kills=50, seed=seed, takes=takes)
    print(f"\n50 kills, 200 files, {orders} orders: {lost} lost, {doubled} doubled (seed {seed})")
    assert (lost, doubled) == (0, 0)


def test_the_ledger_is_sound_after_a_kill(tmp_path: Path) -> None:
    site = TestSite(tmp_path)
    with (tmp_path / "gateway.log").open("ab") as log:
        process: subprocess.Popen[bytes] = start(site.config_path, log)
        site.drop("orders.xml", export(*[f"{n:05}" for n in range(400)]))
        wait_until(lambda: (tmp_path / "out").exists())
        process.kill()
        process.wait()
    import sqlite3

    with sqlite3.connect(tmp_path / "spool" / "ledger.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert gateway(site.config_path, "run", "--once").returncode == 0
    assert site.numbers() == [f"{n:05}" for n in range(400)]
