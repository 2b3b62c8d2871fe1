"""`make demo`, run as a person runs it, in a folder of the test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def demo(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the script from the repository's root."""
    return subprocess.run(
        [sys.executable, "samples/demo.py", str(folder)],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "site"


@pytest.fixture(scope="module")
def told(site: Path) -> str:
    done = demo(site)
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stderr == ""
    return done.stdout


def test_every_step_is_told(told: str) -> None:
    for line in (
        "into the drop folder:   orders-comma-decimals.xml, orders-one-broken.xml",
        "into FTP /shop/export:  order-extend-page.xml",
        "Hungarian VAT must not be booked so in a real accounting unit",
        "documents were sent today",
        "error[D004]: order 2026000402: the lookup `payment` has no entry for `Bitcoinem`",
        "<ord:numberOrder>2026000124</ord:numberOrder>",
        "orders.xml dropped again: exchange ",
        " is `duplicate`",
        "SIGTERM: it finished what it had in hand and ended.",
        "The site stays in ",
    ):
        assert line in told
    assert "\x1b" not in told


def test_orders_of_both_shops_lie_on_the_server(site: Path, told: str) -> None:
    shipped = [path.name for path in (site / "ftp" / "pohoda" / "in").iterdir()]
    assert all(name in told for name in shipped)
    assert any("shoptet-main" in name for name in shipped)
    assert any("shoprenter-main" in name for name in shipped)
    assert not any("2026000402" in name for name in shipped)
    assert (site / "ftp" / "shop" / "export" / "done" / "order-extend-page.xml").is_file()


def test_the_password_is_not_in_the_configuration(site: Path, told: str) -> None:
    password = (site / "secrets" / "ftp-password").read_text(encoding="utf-8").strip()
    assert password
    assert password not in (site / "config.yaml").read_text(encoding="utf-8")
    assert password not in (site / "gateway.log").read_text(encoding="utf-8")
    assert password not in told


def test_the_commands_at_the_end_work(told: str) -> None:
    commands = told.split("these work without it:\n", 1)[1].strip().splitlines()
    assert [command.split()[3] for command in commands] == ["status", "show", "explain", "check", "convert"]
    for command in commands:
        done = subprocess.run(
            command.split(), cwd=ROOT, capture_output=True, encoding="utf-8", timeout=120, check=False
        )
        assert done.returncode == 0, command + "\n" + done.stderr


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine", encoding="utf-8")
    done = demo(tmp_path)
    assert done.returncode == 1
    assert "holds something else" in done.stderr
    assert (tmp_path / "letter.txt").is_file()
