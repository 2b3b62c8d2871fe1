"""Rows 15 to 17 and 23 to 26 of the fault catalogue: disks that are full, ledgers that are locked or damaged."""

from __future__ import annotations

import hashlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import SQLAlchemyError

from gateway import telemetry
from gateway.errors import ConfigError, GatewayError
from gateway.store.lanes import SqliteLanes
from gateway.store.ledger import open_ledger
from tests.daemon.running import gateway, start, wait_until
from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder, export
from tests.faults.disks import fill, remounted, small_disk
from tests.faults.figures import Figures, of_orders

SOME = [ShopOrder(f"{number:03}", remark="na zvonek " * 20) for number in range(40)]
NUMBERS = [order.number for order in SOME]


@pytest.fixture
def site(tmp_path: Path) -> TestSite:
    telemetry.configure(json=True, level="error")
    return TestSite(tmp_path)


def run_as_it_can(site: TestSite) -> None:
    """A turn that may fail as a whole: what it may not do is lose, double or halve an order."""
    with suppress(OSError, GatewayError, SQLAlchemyError):
        site.run()


class TestDisks:
    @pytest.fixture
    def without_minimum(self, site: TestSite, counted: Figures) -> Iterator[TestSite]:
        """The gateway stops taking in long before a disk is full; here it is not to."""
        site.configure(replace=("version: 1", "version: 1\nminimum_free: 0 MB"))
        yield site
        counted.update(of_orders(NUMBERS, site.numbers()))

    @pytest.mark.parametrize("leave", [0, 20_000, 60_000, 100_000, 140_000])
    def test_a_spool_that_is_full_anywhere_goes_on_once_there_is_room(
        self, without_minimum: TestSite, counted: Figures, leave: int
    ) -> None:
        site = without_minimum
        with small_disk(site.folder / "spool", "size=4m"):
            site.run()
            site.drop("orders.xml", export(*SOME))
            ballast = fill(site.folder / "spool", leave=leave)
            run_as_it_can(site)
            run_as_it_can(site)
            assert len(site.numbers()) == len(set(site.numbers()))
            counted["faults"] += 1
            # when there is room again
            ballast.unlink()
            site.run()
            site.run()
            assert site.numbers() == NUMBERS
            assert site.status().matters == ()

    def test_a_spool_without_inodes_goes_on_once_there_are_some(
        self, without_minimum: TestSite, counted: Figures
    ) -> None:
        site = without_minimum
        with small_disk(site.folder / "spool", "size=8m,nr_inodes=40"):
            site.run()
            site.drop("orders.xml", export(*SOME))
            taken = []
            with suppress(OSError):
                for number in range(60):
                    taken.append(site.folder / "spool" / f"ballast-{number}")
                    taken[-1].touch()
            run_as_it_can(site)
            counted["faults"] += 1
            for path in taken:
                path.unlink(missing_ok=True)
            site.run()
            site.run()
            assert site.numbers() == NUMBERS

    def test_a_spool_that_became_read_only_is_refused_in_one_sentence(
        self, without_minimum: TestSite, counted: Figures
    ) -> None:
        site = without_minimum
        with small_disk(site.folder / "spool", "size=8m"):
            site.run()
            site.drop("orders.xml", export(*SOME))
            remounted(site.folder / "spool", "ro")
            with pytest.raises(ConfigError) as caught:
                site.run()
            assert caught.value.problems[0].message.endswith("cannot be created: Read-only file system")
            counted["faults"] += 1
            remounted(site.folder / "spool", "rw")
            site.run()
            assert site.numbers() == NUMBERS

    def test_a_target_that_is_full_is_waited_for(self, site: TestSite, counted: Figures) -> None:
        site.drop("orders.xml", export(*SOME))
        with small_disk(site.folder / "out", "size=64k"):
            result = site.run()
            assert "No space left on device" in result.unreachable["pohoda"]
            arrived = site.numbers()
            assert 0 < len(arrived) < len(NUMBERS)
            assert site.status().routes[0].waiting == len(NUMBERS) - len(arrived)
            counted["faults"] += 1
            # and when the accounting program makes room, the rest follows, none of it twice
            for path in (site.folder / "out" / "pohoda").glob("*.xml"):
                path.unlink()
            remounted(site.folder / "out", "size=4m")
            site.run()
            counted.update(of_orders(NUMBERS, arrived + site.numbers()))
            assert sorted(arrived + site.numbers()) == NUMBERS


class TestLedgers:
    def test_a_ledger_that_another_process_locks_is_waited_for(self, site: TestSite, counted: Figures) -> None:
        site.run()
        site.drop("orders.xml", export("1001", "1002"))
        locked = sqlite3.connect(
            site.folder / "spool" / "ledger.db", isolation_level=None, check_same_thread=False
        )
        locked.execute("BEGIN EXCLUSIVE")

        def let_go() -> None:
            time.sleep(2)
            locked.execute("COMMIT")
            locked.close()

        thread = threading.Thread(target=let_go)
        thread.start()
        site.run()
        thread.join()
        counted["faults"] += 1
        assert site.numbers() == ["1001", "1002"]

    def test_a_ledger_that_is_no_database_is_refused_with_what_to_do(self, site: TestSite) -> None:
        site.run()
        ledger = site.folder / "spool" / "ledger.db"
        ledger.write_bytes(b"x" * 8192)
        told = gateway(site.config_path, "run", "--once")
        assert told.returncode == 1
        assert "Traceback" not in told.stderr
        words = " ".join(told.stderr.split())
        assert "cannot be opened: file is not a database; check the disk and the rights of the file" in words
        assert "restore it and the folder `blobs` beside it from one backup" in words

    def test_a_ledger_with_damaged_pages_ends_in_words_and_sends_nothing_twice(self, site: TestSite) -> None:
        site.drop("orders.xml", export("1001", "1002"))
        site.run()
        ledger = site.folder / "spool" / "ledger.db"
        content = bytearray(ledger.read_bytes())
        for page in range(1, len(content) // 4096):
            content[page * 4096 : page * 4096 + 512] = b"\xff" * 512
        ledger.write_bytes(content)
        site.drop("more.xml", export("1001", "1003"))
        told = gateway(site.config_path, "run", "--once")
        assert told.returncode != 0
        assert "Traceback" not in told.stderr
        assert site.numbers() == ["1001", "1002"]

    def test_a_ledger_without_its_write_ahead_log_opens_and_what_was_at_the_source_comes(
        self, site: TestSite
    ) -> None:
        site.run()
        site.drop("orders.xml", export("1001"))
        for name in ("ledger.db-wal", "ledger.db-shm"):
            (site.folder / "spool" / name).unlink(missing_ok=True)
        site.run()
        assert site.numbers() == ["1001"]

    def test_an_order_that_an_older_ledger_never_heard_of_is_kept_and_told(self, site: TestSite) -> None:
        # given an order that was taken in after a copy of the ledger was made, and has not left yet
        site.drop("first.xml", export("1001"))
        site.run()
        ledger, copy = site.folder / "spool" / "ledger.db", site.folder / "copy.db"
        shutil.copy(ledger, copy)
        site.do("hold", "pohoda")
        site.drop("second.xml", export("1002"))
        site.run()
        for name in ("ledger.db-wal", "ledger.db-shm"):
            (site.folder / "spool" / name).unlink(missing_ok=True)
        # when the older ledger is put back
        shutil.copy(copy, ledger)
        site.run()
        # then its input is kept, and a person is told
        (matter,) = site.status().matters
        assert matter.what == "unknown input"
        assert matter.reason == (
            "was taken in by a newer ledger than this one, which was restored from an older copy"
        )
        # and dropped again it goes out, and nobody is told any more
        (kept,) = (site.folder / "spool" / "unknown").iterdir()
        site.drop("again.xml", kept.read_bytes())
        site.run()
        assert site.numbers() == ["1001", "1002"]
        assert site.status().matters == ()

    def test_an_input_whose_row_was_never_written_is_no_matter_once_it_is_taken_in_again(
        self, site: TestSite
    ) -> None:
        """Killed between the bytes and the row, the file still lies at its source."""
        site.run()
        content = export("1001")
        digest = hashlib.sha256(content).hexdigest()
        (site.folder / "spool" / "blobs" / f"{digest}.input").write_bytes(content)
        site.drop("orders.xml", content)
        site.run()
        assert site.numbers() == ["1001"]
        assert site.status().matters == ()


_PAUSED = """
import sys
from datetime import timedelta
from pathlib import Path
from gateway.store.lanes import SqliteLanes
from gateway.store.ledger import LaneLost, open_ledger
from gateway.store import tables
ledger = open_ledger(Path(sys.argv[1]))
lanes = SqliteLanes(ledger, lease=timedelta(seconds=1))
with lanes.exclusively("ship:pohoda") as lease:
    print("has the lane", flush=True)
    sys.stdin.readline()
    try:
        with ledger.write(lease) as connection:
            connection.execute(tables.hold.insert().values(scope="x", reason="x", actor="x", since="x"))
        print("committed", flush=True)
    except LaneLost as lost:
        print(lost, flush=True)
"""


class TestWorkers:
    def test_a_worker_that_slept_beyond_its_lease_can_commit_nothing(self, tmp_path: Path) -> None:
        # given a worker that has a lane
        ledger = open_ledger(tmp_path / "ledger.db")
        with subprocess.Popen(
            [sys.executable, "-c", _PAUSED, str(tmp_path / "ledger.db")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        ) as worker:
            assert worker.stdout is not None
            assert worker.stdin is not None
            assert worker.stdout.readline() == "has the lane\n"
            # when the machine stops it for longer than its lease, and another worker takes the lane
            worker.send_signal(signal.SIGSTOP)
            time.sleep(1.2)
            lanes = SqliteLanes(ledger, lease=timedelta(seconds=60))
            assert lanes.sweep([]) == 1
            with lanes.exclusively("ship:pohoda"):
                worker.send_signal(signal.SIGCONT)
                worker.stdin.write("\n")
                worker.stdin.flush()
                # then what it wakes up to write is refused
                assert worker.stdout.readline() == "lane ship:pohoda has another worker now\n"
        with ledger.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM hold").scalar() == 0
        ledger.close()

    def test_of_two_gateways_started_at_once_one_works(self, site: TestSite) -> None:
        site.drop("orders.xml", export("1001"))
        with (site.folder / "gateway.log").open("ab") as log:
            both = [start(site.config_path, log) for _ in range(2)]
            try:
                wait_until(lambda: any(process.poll() is not None for process in both))
                wait_until(lambda: site.numbers() == ["1001"])
            finally:
                for process in both:
                    process.terminate()
                codes = sorted(process.wait(timeout=30) for process in both)
        assert codes == [0, 7]
        assert site.numbers() == ["1001"]
