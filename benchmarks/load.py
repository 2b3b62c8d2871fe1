"""The load test: python -m benchmarks.load [--files 2000] [--routes 100] [--only NAME] [--profile]

Many single-order files at once, to and from FTP and SFTP servers on loopback; the latency of one small file; and
many routes that poll one server. The gateway, the FTP server and the watcher of the target are processes of their
own; the SFTP server is OpenSSH, where it is installed.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import generate
from benchmarks.baseline import COMPANY_ID
from tests.real_servers import openssh, why_no_sshd
from tests.servers import PASSWORD, USER, ftp_server

ROOT = Path(__file__).resolve().parents[1]
LONGEST = 900.0
_SINGLE_FILES = 60


@dataclass(frozen=True)
class Server:
    """A server that runs: the lines of its endpoint, its folder on disk, and how often somebody connected."""

    name: str
    endpoint: str
    base: str
    root: Path
    connections: Callable[[], int | None]


@dataclass(frozen=True)
class Result:
    """What one scenario measured; seconds, and latencies from a file being whole to it being on the target."""

    name: str
    files: int
    seconds: float
    latencies: tuple[float, ...]
    connections: int | None

    def row(self) -> str:
        """The line of the table."""
        ordered = sorted(self.latencies)
        median = f"{statistics.median(ordered):.2f}" if ordered else "-"
        late = f"{ordered[int(len(ordered) * 0.95)]:.2f}" if ordered else "-"
        connections = "-" if self.connections is None else str(self.connections)
        rate = self.files / self.seconds
        return (
            f"| {self.name} | {self.files} | {self.seconds:.1f} | {rate:.0f} | {median} | {late} | {connections} |"
        )


_CONFIG = """\
version: 1
merchant: {{company_id: "{company_id}"}}
minimum_free: 1 MB
endpoints:
  folder: {{type: local, path: out}}
  server: {endpoint}
targets:
  pohoda:
    endpoint: {target}
    folder: {folder}
    lookups:
      payment: {{cash: Hotově, cash_on_delivery: Dobírkou, bank_transfer: Příkazem, card: Plat.kartou}}
      carrier: {{packeta: Zásilkovna, ppl: PPL, ceska_posta: Česká pošta, personal_pickup: Osobně}}
routes:
{routes}
"""
_ROUTE = """\
  {name}:
    origin: {name}
    mapping: shoptet/order
    every: {every}
    from: {source}
    to: [{{target: pohoda, template: pohoda/order, schema: pohoda/data}}]
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the scenarios and print their table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--routes", type=int, default=100)
    parser.add_argument("--only", choices=[*SCENARIOS, "all"], default="all")
    parser.add_argument("--profile", action="store_true", help="name the costs of one `run --once` of 300 files")
    parser.add_argument("--serve-ftp", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve_ftp is not None:
        return _serve_ftp(options.serve_ftp)
    if options.profile:
        return _profile()
    print("| scenario | files | wall s | files/s | latency median s | 95 % s | connections |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, scenario in SCENARIOS.items():
        if options.only in (name, "all"):
            with tempfile.TemporaryDirectory(prefix="gateway-load-") as folder:
                for result in scenario(Path(folder), options.files, options.routes):
                    print(result.row(), flush=True)
    return 0


# -- scenarios -------------------------------------------------------------------------------------------


def to_ftp(folder: Path, files: int, _routes: int) -> Iterator[Result]:
    """Files that are dropped at once, shipped to FTP."""
    with _ftp(folder) as server:
        yield _push(folder, server, files)


def to_sftp(folder: Path, files: int, _routes: int) -> Iterator[Result]:
    """Files that are dropped at once, shipped to SFTP."""
    with _sftp(folder) as server:
        if server is not None:
            yield _push(folder, server, files)


def from_ftp(folder: Path, files: int, _routes: int) -> Iterator[Result]:
    """Files that lie on an FTP server, into a folder."""
    with _ftp(folder) as server:
        yield _pull(folder, server, files)


def from_sftp(folder: Path, files: int, _routes: int) -> Iterator[Result]:
    """Files that lie on an SFTP server, into a folder."""
    with _sftp(folder) as server:
        if server is not None:
            yield _pull(folder, server, files)


def one_by_one(folder: Path, _files: int, _routes: int) -> Iterator[Result]:
    """One small file after the other, with pauses: the way of a single order to an FTP server."""
    with _ftp(folder) as server:
        routes = _ROUTE.format(name="shop", every="30 s", source="{}")
        config = _configure(folder, server, routes, target="server")
        orders = list(generate.single_orders(_SINGLE_FILES))
        with _gateway(config), _Watcher(server.root / "in") as watcher:
            time.sleep(3)
            before, begun = server.connections(), time.monotonic()
            for number, order in orders:
                watcher.expect(number, _drop(folder / "spool" / "shop" / "in", f"order-{number}.xml", order))
                time.sleep(0.5)
            watcher.wait(len(orders))
            yield _result("one file at a time, drop folder → FTP", watcher, begun, server, before)


def many_routes(folder: Path, _files: int, routes: int) -> Iterator[Result]:
    """Many routes that poll folders of one server, over two connections; each has one file."""
    with _ftp(folder) as server:
        lines = ""
        for n in range(routes):
            (server.root / f"shop{n}").mkdir()
            source = f"{{endpoint: server, folder: /shop{n}, after: delete}}"
            lines += _ROUTE.format(name=f"shop{n}", every="30 s", source=source)
        config = _configure(folder, server, lines, target="folder")
        orders = list(generate.single_orders(routes))
        begun = time.monotonic()
        with _Watcher(folder / "out" / "in") as watcher:
            for n, (number, order) in enumerate(orders):
                watcher.expect(number, _drop(server.root / f"shop{n}", "orders.xml", order))
            with _gateway(config):
                watcher.wait(len(orders))
            yield _result(f"{routes} routes polling one FTP server", watcher, begun, server, 0)


SCENARIOS = {
    "to-ftp": to_ftp,
    "to-sftp": to_sftp,
    "from-ftp": from_ftp,
    "from-sftp": from_sftp,
    "one-by-one": one_by_one,
    "many-routes": many_routes,
}


def _push(folder: Path, server: Server, files: int) -> Result:
    routes = _ROUTE.format(name="shop", every="30 s", source="{}")
    config = _configure(folder, server, routes, target="server")
    orders = list(generate.single_orders(files))
    with _gateway(config), _Watcher(server.root / "in") as watcher:
        time.sleep(3)
        before, begun = server.connections(), time.monotonic()
        for number, order in orders:
            watcher.expect(number, _drop(folder / "spool" / "shop" / "in", f"order-{number}.xml", order))
        watcher.wait(files)
        return _result(f"drop folder → {server.name}", watcher, begun, server, before)


def _pull(folder: Path, server: Server, files: int) -> Result:
    source = f"{{endpoint: server, folder: {server.base}/out, after: delete}}"
    config = _configure(folder, server, _ROUTE.format(name="shop", every="5 s", source=source), target="folder")
    (server.root / "out").mkdir()
    with _gateway(config), _Watcher(folder / "out" / "in") as watcher:
        time.sleep(3)
        before, begun = server.connections(), time.monotonic()
        for number, order in generate.single_orders(files):
            watcher.expect(number, _drop(server.root / "out", f"order-{number}.xml", order))
        watcher.wait(files)
        return _result(f"{server.name} → folder", watcher, begun, server, before)


def _result(name: str, watcher: _Watcher, begun: float, server: Server, before: int | None) -> Result:
    now = server.connections()
    used = None if now is None or before is None else now - before
    return Result(name, len(watcher.latencies), watcher.last - begun, tuple(watcher.latencies), used)


# -- what runs beside ------------------------------------------------------------------------------------


class _Watcher:
    """Looks at a target folder as its receiver would, and takes each file the moment it appears."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._dropped: dict[str, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.latencies: list[float] = []
        self.last = time.monotonic()

    def __enter__(self) -> _Watcher:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def expect(self, number: str, dropped: float) -> None:
        """An order whose file was whole at that moment."""
        self._dropped[number] = dropped

    def wait(self, files: int) -> None:
        """Wait until so many files have arrived."""
        until = time.monotonic() + LONGEST
        while len(self.latencies) < files:
            if time.monotonic() > until:
                raise SystemExit(f"only {len(self.latencies)} of {files} files arrived in {LONGEST:.0f} s")
            time.sleep(0.01)

    def _look(self) -> None:
        while not self._ended.wait(0.005):
            for entry in os.scandir(self._folder):
                if entry.name.startswith("."):
                    continue
                now = time.monotonic()
                number = entry.name.rsplit("_", 1)[-1].removesuffix(".xml")
                Path(entry.path).unlink()
                self.latencies.append(now - self._dropped.pop(number))
                self.last = now


def _drop(folder: Path, name: str, content: bytes) -> float:
    """Put a file there, whole at once; returns when."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f".{name}.tmp").write_bytes(content)
    (folder / f".{name}.tmp").rename(folder / name)
    return time.monotonic()


def _configure(folder: Path, server: Server, routes: str, *, target: str) -> Path:
    (folder / "password").write_text(PASSWORD)
    place = f"{server.base}/in" if target == "server" else "in"
    (server.root / "in").mkdir(exist_ok=True)
    text = _CONFIG.format(
        company_id=COMPANY_ID, endpoint=server.endpoint, target=target, folder=place, routes=routes
    )
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    return folder / "config.yaml"


@contextmanager
def _gateway(config: Path) -> Iterator[None]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "gateway", "--config", str(config), "run", "--json"]
    with (config.parent / "gateway.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=config.parent, stdout=log, stderr=log, env=environment)
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


@contextmanager
def _ftp(folder: Path) -> Iterator[Server]:
    root = folder / "ftp"
    root.mkdir()
    command = [sys.executable, "-m", "benchmarks.load", "--serve-ftp", str(root)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        count = root.with_name("ftp-connections")
        endpoint = f'{{type: ftp, host: 127.0.0.1, port: {port}, user: {USER}, password: "${{file:password}}"}}'
        yield Server("FTP", endpoint, "", root, lambda: count.stat().st_size if count.exists() else 0)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _serve_ftp(root: Path) -> int:
    """The FTP server's own process: a byte for every connection goes into a file beside its folder."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    count = root.with_name("ftp-connections")

    def connected(_handler: object) -> None:
        with count.open("ab") as file:
            file.write(b".")

    with ftp_server(root, on_connect=connected) as server:
        print(server.port, flush=True)
        ended.wait(LONGEST * 4)
    return 0


@contextmanager
def _sftp(folder: Path) -> Iterator[Server | None]:
    reason = why_no_sshd()
    if reason is not None:
        print(f"SFTP is left out: {reason}", file=sys.stderr)
        yield None
        return
    with ExitStack() as stack:
        server = stack.enter_context(openssh(folder))
        log = folder / "sshd.log"
        endpoint = (
            f"{{type: sftp, host: 127.0.0.1, port: {server.port}, user: {server.user}, "
            f"key_file: {server.secrets}/user_key, known_hosts: {server.secrets}/known_hosts}}"
        )
        yield Server(
            "SFTP", endpoint, str(server.root), server.root, lambda: log.read_text().count("Accepted publickey")
        )


def _profile() -> int:
    """Where the time of `run --once` goes, with 300 files for an FTP server."""
    import cProfile
    import pstats

    from gateway.config import load
    from gateway.daemon.once import run_once

    with tempfile.TemporaryDirectory(prefix="gateway-load-") as name, _ftp(Path(name)) as server:
        folder = Path(name)
        routes = _ROUTE.format(name="shop", every="30 s", source="{}")
        config = _configure(folder, server, routes, target="server")
        for number, order in generate.single_orders(300):
            _drop(folder / "spool" / "shop" / "in", f"order-{number}.xml", order)
        profile = cProfile.Profile()
        profile.runcall(run_once, load(config))
        pstats.Stats(profile).sort_stats("cumulative").print_stats(60)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
