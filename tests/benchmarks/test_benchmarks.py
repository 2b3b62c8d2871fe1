"""The benchmark measures what it says: an input that is accepted whole, and two converters that write the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

from benchmarks import generate, run, sites
from benchmarks.measure import measured

ROOT = Path(__file__).resolve().parents[2]
ORDERS = 20


def canonical(path: Path) -> bytes:
    parser = etree.XMLParser(remove_blank_text=True, resolve_entities=False, no_network=True)
    return etree.tostring(etree.parse(path, parser), method="c14n")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    sites.lay_out(tmp_path)
    generate.write(ORDERS, tmp_path / run.SOURCE)
    return tmp_path


@pytest.mark.parametrize("variant", run.variants()[1:], ids=lambda variant: variant.name)
def test_the_gateway_writes_what_the_baseline_writes(site: Path, variant: run.Variant) -> None:
    run.run(site, *run.variants()[0].arguments)
    by_hand = canonical(site / run.OUTPUT)
    (site / run.OUTPUT).unlink()
    run.run(site, *variant.arguments)
    assert canonical(site / run.OUTPUT) == by_hand
    assert by_hand.count(b"<dat:dataPackItem ") == ORDERS
    assert b'id="bench:order:2026000001"' in by_hand


def test_the_input_is_as_big_as_said_and_always_the_same(tmp_path: Path) -> None:
    for name in ("one.xml", "two.xml"):
        subprocess.run(
            [sys.executable, "-m", "benchmarks.generate", "300", str(tmp_path / name), "--seed", "5"],
            cwd=ROOT,
            check=True,
        )
    assert (tmp_path / "one.xml").read_bytes() == (tmp_path / "two.xml").read_bytes()
    root = etree.parse(tmp_path / "one.xml").getroot()
    assert sum(1 for _ in root.iter("*")) / 300 == pytest.approx(119, abs=3)
    assert (tmp_path / "one.xml").stat().st_size / 300 == pytest.approx(4000, rel=0.05)
    assert sum(1 for _ in root.iter("ITEM")) / 300 == pytest.approx(3, abs=0.15)


def test_whole_exchange_ships_every_order(tmp_path: Path) -> None:
    measured = run.exchange(tmp_path, ORDERS, 7, 1)
    assert len(measured.runs) == 1
    assert measured.seconds > 0


def test_the_baseline_takes_its_turn_beside_each_exchange(tmp_path: Path) -> None:
    generate.write(ORDERS, tmp_path / run.SOURCE)
    baseline = run.variants()[0]
    whole = run.exchange(tmp_path, ORDERS, 7, 2, baseline)
    assert len(baseline.runs) == len(whole.runs) == 2
    assert 0 < whole.ratio(baseline) < 10


TWO_PROCESSES = """
import os, time
held = bytearray(b"x") * (60 << 20)
child = os.fork()
time.sleep(0.6)
if child:
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").is_file(), reason="only Linux tells what processes share")
def test_memory_that_processes_share_is_counted_once_where_that_is_asked(tmp_path: Path) -> None:
    # Given two processes that have the same 60 MB
    command = [sys.executable, "-c", TWO_PROCESSES]
    # When they are measured
    found = measured(command, tmp_path, dict(os.environ), together=True)
    # Then both high-water marks have them, and both together have them once
    assert found.peak_mb is not None
    assert found.peak_mb > 120
    assert found.together_mb is not None
    assert 60 < found.together_mb < 110
    assert measured([sys.executable, "-c", ""], tmp_path, dict(os.environ)).together_mb is None


def test_the_start_is_measured_beside_the_baseline(tmp_path: Path) -> None:
    # Given a round that is not counted, and one that is
    lines = list(run.start(tmp_path, 1))
    # Then every small command has its times, and how many times the baseline's they are
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[3:]]
    assert [row[0] for row in rows] == [
        "by hand (baseline)",
        "--help",
        "convert, one order, XSD",
        "check, this repository",
    ]
    assert rows[0][-1] == "1.0"
    assert all(row[1] == row[2] and float(row[1]) > 0 for row in rows)
