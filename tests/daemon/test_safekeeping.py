"""Beside a daemon at work: a backup is one consistent moment, and a person is forgotten by the daemon itself."""

from __future__ import annotations

import itertools
import json
import threading
from pathlib import Path

from sqlalchemy import func, select

from gateway import telemetry
from gateway.store import tables
from tests.daemon.running import gateway, gateway_running, status, wait_until
from tests.exchange.conftest import TestSite
from tests.exchange.shop import export
from tests.exchange.test_forget import EMAIL, orders, traces


def keep_dropping(site: TestSite, stop: threading.Event) -> None:
    for number in itertools.count(1000, 20):
        site.drop(f"{number}.xml", export(*(str(n) for n in range(number, number + 20))))
        if stop.wait(0.1):
            return


def test_a_backup_beside_a_daemon_under_load_restores_to_a_consistent_site(tmp_path: Path) -> None:
    telemetry.configure(json=True, level="error")
    (tmp_path / "site").mkdir()
    site, stop = TestSite(tmp_path / "site"), threading.Event()
    dropping = threading.Thread(target=keep_dropping, args=(site, stop))
    with gateway_running(site.config_path):
        dropping.start()
        try:
            wait_until(lambda: len(site.shipped()) > 20)
            # when three backups are made while orders come and go
            for number in range(3):
                made = gateway(site.config_path, "backup", f"../{number}.tar.gz", "--json")
                assert (made.returncode, json.loads(made.stdout)["missing"]) == (0, []), made.stderr
        finally:
            stop.set()
            dropping.join()
    # then each is whole, and restores to a site that sends nothing of itself
    for number in range(3):
        checked = gateway(site.config_path, "restore", f"../{number}.tar.gz", "--check", "--json")
        assert checked.returncode == 0, checked.stderr
        again = tmp_path / f"again-{number}"
        done = gateway(site.config_path, "restore", f"../{number}.tar.gz", "--to", str(again))
        assert done.returncode == 0, done.stderr
        once = gateway(again / "config.yaml", "run", "--once", "--json")
        assert json.loads(once.stdout)["exchanges"] == []
        assert not (again / "out").exists() or not list((again / "out" / "pohoda").iterdir())
        restored = TestSite.__new__(TestSite)
        restored.folder, restored.config_path = again, again / "config.yaml"
        consistent(restored, site)


def consistent(restored: TestSite, site: TestSite) -> None:
    """What the ledger calls sent is at the target, nothing waits unseen, every blob can be read."""
    with restored.open() as opened, opened.ledger.read() as connection:
        states = dict(
            connection.execute(
                select(tables.delivery.c.state, func.count()).group_by(tables.delivery.c.state)
            ).all()  # type: ignore[arg-type]
        )
        sent = connection.execute(
            select(tables.delivery.c.name).where(tables.delivery.c.state == "delivered")
        ).scalars()
        unplanned = connection.execute(
            select(func.count())
            .select_from(tables.exchange)
            .where(tables.exchange.c.planned_at.is_(None), tables.exchange.c.failed_at.is_(None))
        ).scalar_one()
        assert set(sent) <= set(site.shipped())
        for digest in connection.execute(select(tables.blob.c.sha256)).scalars().all():
            opened.blobs.read(digest)
    assert set(states) <= {"delivered", "in_doubt", "dropped"}
    assert (states["delivered"] > 0, unplanned) == (True, 0)


def test_a_running_daemon_forgets_a_person(tmp_path: Path) -> None:
    telemetry.configure(json=True, level="error")
    site = TestSite(tmp_path)
    with gateway_running(site.config_path):
        site.drop("a.xml", orders("1000", "1001"))
        wait_until(lambda: site.numbers() == ["1000", "1001"])
        wait_until(lambda: status(site.config_path)["exchanges"][0]["state"] == "sent")
        done = gateway(site.config_path, "forget", "--email", EMAIL)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[0] == (
            "erased the stored contents of 1 order (shop-main: 1001); the numbers stay known"
        )
        wait_until(lambda: traces(site) == [])
        # and it is still at work, and still knows the order
        site.drop("b.xml", orders("1001", "1002"))
        wait_until(lambda: len(site.numbers()) == 3)
    assert site.numbers() == ["1000", "1001", "1002"]
