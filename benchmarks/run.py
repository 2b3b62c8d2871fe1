"""The benchmark: python -m benchmarks.run [--orders 20000] [--repeat 3] [--memory | --start]

Every variant runs as a whole process, start-up and output to disk included. The variants take turns, so that a
busy minute strikes all of them; shown are medians, and the ratio is the median of the rounds' own ratios.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import generate, sites
from benchmarks.measure import Failed, Measurement, measured

ROOT = Path(__file__).resolve().parents[1]
SOURCE, OUTPUT = "orders.xml", "out.xml"
CONVERT = ("-m", "gateway", "--quiet", "convert", "--route", sites.ROUTE, SOURCE, "-o", OUTPUT)
BASELINE = "by hand (baseline)"
SINGLE_ORDERS, SMALL = 1_000, 1_000
PACK = 500


@dataclass
class Variant:
    """One way to do the job, and what was measured of it."""

    name: str
    arguments: tuple[str, ...]
    runs: list[Measurement] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return statistics.median(run.seconds for run in self.runs)

    @property
    def cpu(self) -> str:
        known = [run.cpu for run in self.runs if run.cpu is not None]
        return f"{statistics.median(known):.2f}" if known else "-"

    @property
    def peak(self) -> str:
        known = [run.peak_mb for run in self.runs if run.peak_mb is not None]
        return f"{max(known):.0f}" if known else "-"

    @property
    def together(self) -> str:
        known = [run.together_mb for run in self.runs if run.together_mb is not None]
        return f"{max(known):.0f}" if known else "-"

    def ratio(self, baseline: Variant) -> float:
        """Its speed as a part of the baseline's, round by round."""
        return statistics.median(
            theirs.seconds / ours.seconds for theirs, ours in zip(baseline.runs, self.runs, strict=True)
        )


def variants() -> list[Variant]:
    """What is compared, the baseline first."""
    return [
        Variant(BASELINE, ("-m", "benchmarks.baseline", SOURCE, OUTPUT)),
        Variant("lxml XSLT, by record", ("-m", "benchmarks.xslt", SOURCE, OUTPUT)),
        Variant("XPath a field + Jinja", ("-m", "benchmarks.xpath_jinja", SOURCE, OUTPUT)),
        Variant("convert, no XSD", (*CONVERT, "--no-validate", "--workers", "1")),
        Variant("convert, XSD", (*CONVERT, "--workers", "1")),
        Variant("convert, 2 workers, no XSD", (*CONVERT, "--workers", "2", "--no-validate")),
        Variant("convert, 2 workers, XSD", (*CONVERT, "--workers", "2")),
    ]


def conversions(
    folder: Path, orders: int, repeat: int, compared: list[Variant], *, together: bool = False
) -> list[Variant]:
    """The variants on one input, in turn. together: see Measurement."""
    sites.lay_out(folder)
    generate.write(orders, folder / SOURCE)
    for turn in range(1, repeat + 1):
        for variant in compared:
            tell(f"round {turn} of {repeat}: {variant.name}, {orders:,} orders")
            variant.runs.append(run(folder, *variant.arguments, together=together))
            (folder / OUTPUT).unlink()
    return compared


def exchange(
    folder: Path,
    orders: int,
    pack: int,
    repeat: int,
    baseline: Variant | None = None,
    *,
    together: bool = False,
) -> Variant:
    """A whole exchange: one file in the drop folder, read, kept in the ledger, shipped to a folder.

    baseline: takes its turn before each of them, with the input in the folder. together: see Measurement.
    """
    variant = Variant(f"run --once, pack {pack}", ("-m", "gateway", "--quiet", "run", "--once"))
    for turn in range(1, repeat + 1):
        tell(f"round {turn} of {repeat}: {variant.name}, {orders:,} orders")
        if baseline is not None:
            baseline.runs.append(run(folder, *baseline.arguments))
        site = folder / "site"
        sites.lay_out(site, pack=pack)
        generate.write(orders, sites.drop_folder(site) / SOURCE)
        variant.runs.append(run(site, *variant.arguments, together=together))
        shipped = sum(file.read_bytes().count(b"<ord:numberOrder>") for file in (site / "out").iterdir())
        shutil.rmtree(site)
        if shipped != orders:
            raise Failed(f"{variant.name}: {shipped} of {orders} orders were shipped")
    return variant


def run(folder: Path, *arguments: str, together: bool = False) -> Measurement:
    """One process of this Python, with this repository's packages. together: see Measurement."""
    known = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(ROOT), *([known] if known else [])])
    # an installed program has its bytecode beside it; nobody pays for compiling it at every start
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command, variables = [sys.executable, *arguments], {**environment, "PYTHONPATH": path}
    return measured(command, folder, variables, together=together)


def speed(folder: Path, orders: int, repeat: int) -> Iterator[str]:
    """The tables of speed, line by line."""
    compared = conversions(folder, orders, repeat, variants())
    megabytes = (folder / SOURCE).stat().st_size / 1e6
    yield f"## {orders:,} orders, {megabytes:.1f} MB in, median of {repeat}"
    yield from table(
        ("variant", "wall s", "CPU s", "orders/s", "MB/s", "peak MB", "x baseline"),
        [
            (
                variant.name,
                f"{variant.seconds:.2f}",
                variant.cpu,
                f"{orders / variant.seconds:,.0f}",
                f"{megabytes / variant.seconds:.1f}",
                variant.peak,
                f"{variant.ratio(compared[0]):.2f}",
            )
            for variant in compared
        ],
    )
    beside, few = variants()[0], min(orders, SINGLE_ORDERS)
    whole = [
        (orders, exchange(folder, orders, PACK, repeat, beside)),
        (few, exchange(folder, few, 1, repeat)),
    ]
    yield ""
    yield f"## A whole exchange: drop folder, ledger, XSD, shipped to a folder; median of {repeat}"
    yield from table(
        ("variant", "orders", "wall s", "CPU s", "orders/s", "peak MB", "x baseline"),
        [
            (
                variant.name,
                f"{count:,}",
                f"{variant.seconds:.2f}",
                variant.cpu,
                f"{count / variant.seconds:,.0f}",
                variant.peak,
                f"{variant.ratio(beside):.2f}" if count == orders else "-",
            )
            for count, variant in whole
        ],
    )


def start(folder: Path, repeat: int) -> Iterator[str]:
    """The table of what is waited for before the first result."""
    sites.lay_out(folder)
    generate.write(1, folder / SOURCE)
    compared = [
        (folder, variants()[0]),
        (folder, Variant("--help", ("-m", "gateway", "--help"))),
        (folder, Variant("convert, one order, XSD", CONVERT)),
        (ROOT, Variant("check, this repository", ("-m", "gateway", "check"))),
    ]
    for turn in range(repeat + 1):
        tell(f"round {turn} of {repeat}" if turn else "a round that is not counted")
        for place, variant in compared:
            measurement = run(place, *variant.arguments)
            variant.runs += [measurement] if turn else []
            (folder / OUTPUT).unlink(missing_ok=True)
    yield f"## Start: median of {repeat}, one order where there are any"
    yield from table(
        ("variant", "wall s", "least", "CPU s", "times baseline"),
        [
            (
                variant.name,
                f"{variant.seconds:.2f}",
                f"{min(run.seconds for run in variant.runs):.2f}",
                variant.cpu,
                f"{1 / variant.ratio(compared[0][1]):.1f}",
            )
            for _, variant in compared
        ],
    )


def memory(folder: Path, orders: int) -> Iterator[str]:
    """The table of memory: few orders beside many."""
    few, many = (
        [
            *conversions(
                folder,
                count,
                1,
                [variant for variant in variants() if "no XSD" not in variant.name],
                together=True,
            ),
            exchange(folder, count, PACK, 1, together=True),
        ]
        for count in (SMALL, orders)
    )
    yield "## Peak memory, one run each"
    yield from table(
        ("variant", f"MB at {SMALL:,}", f"MB at {orders:,}", "of that shared once", f"wall s at {orders:,}"),
        [
            (less.name, less.peak, more.peak, more.together, f"{more.seconds:.1f}")
            for less, more in zip(few, many, strict=True)
        ],
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A Markdown table with aligned columns; numbers to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
        return f"| {' | '.join(cells)} |"

    yield line(head)
    yield f"|{'-' * (widths[0] + 2)}|" + "".join(f"{'-' * (width + 1)}:|" for width in widths[1:])
    yield from map(line, rows)


def machine() -> str:
    """What it ran on, and how busy that was at the start."""
    load = f"load {os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "load unknown"
    return f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores; {load} at the start"


def tell(text: str) -> None:
    sys.stderr.write(text + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the gateway beside a converter written by hand.")
    parser.add_argument("--orders", type=int, help="orders of the input (20,000; with --memory 100,000)")
    parser.add_argument("--repeat", type=int, help="rounds; the median is shown (3; with --start 15)")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--memory", action="store_true", help="peak memory of a small and of a big input")
    chosen.add_argument("--start", action="store_true", help="how soon small commands are done")
    arguments = parser.parse_args()
    print(machine() + "\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        if arguments.memory:
            lines = memory(Path(folder), arguments.orders or 100_000)
        elif arguments.start:
            lines = start(Path(folder), arguments.repeat or 15)
        else:
            lines = speed(Path(folder), arguments.orders or 20_000, arguments.repeat or 3)
        try:
            for line in lines:
                print(line, flush=True)
        except Failed as error:
            tell(f"the benchmark failed: {error}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
