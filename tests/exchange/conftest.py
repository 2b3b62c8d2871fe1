"""A site in a folder of its own, with a drop folder, a local target, and a run of the gateway in one call."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from gateway import telemetry
from gateway.clock import SystemClock
from gateway.config import load
from gateway.daemon.once import OnceResult, run_once
from gateway.daemon.opening import opened
from gateway.diagnostics import Problem
from gateway.exchange import requests
from gateway.exchange.matters import all_problems
from gateway.exchange.naming import Arguments
from gateway.exchange.reports import SiteStatus, Story, site_status, stories
from gateway.exchange.site import Site
from gateway.store import tables
from tests.exchange.shop import ShopOrder, export

CONFIG = """\
version: 1
merchant: {{company_id: "12345678"}}
endpoints:
  out: {{type: local, path: out}}
{endpoints}
targets:
  pohoda:
    endpoint: out
    folder: pohoda
    settings: {{{settings}}}
    lookups:
      payment: {{cash_on_delivery: Dobírkou, bank_transfer: Příkazem, card: Plat.kartou}}
routes:
  shop:
    origin: shop-main
    mapping: shoptet/order
    to: [{{target: pohoda, template: pohoda/order, schema: pohoda/data}}]
{route}
{routes}
"""


class QuickClock(SystemClock):
    """The real time, but nobody waits for a second look."""

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return super().wait(event, min(seconds, 0.005))


class LaterClock(QuickClock):
    """The real time and some more."""

    def __init__(self, later: timedelta) -> None:
        self._later = later

    def now(self) -> datetime:
        return super().now() + self._later


def contents(folder: Path, files: str = "*") -> dict[Path, bytes]:
    """The files in a folder with their bytes, sorted by name; a gateway may be at work in it meanwhile."""
    while True:
        try:
            return {path: path.read_bytes() for path in sorted(folder.glob(files)) if path.is_file()}
        except FileNotFoundError:  # renamed or taken away since it was listed: the folder is read again
            continue


class TestSite:
    """One site on disk."""

    __test__ = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config_path = folder / "config.yaml"
        self.configure()

    def configure(
        self,
        route: str = "",
        *,
        settings: str = "",
        routes: str = "",
        endpoints: str = "",
        replace: tuple[str, str] = ("", ""),
    ) -> None:
        """Write config.yaml; `route` are further lines of the route `shop`."""
        lines = "\n".join(f"    {line}" for line in route.splitlines())
        text = CONFIG.format(route=lines, settings=settings, routes=routes, endpoints=endpoints)
        self.config_path.write_text(text.replace(*replace) if replace[0] else text, encoding="utf-8")

    def drop(self, name: str, content: bytes | ShopOrder, *, route: str = "shop") -> Path:
        """Put a file into a drop folder, whole at once."""
        folder = self.folder / "spool" / route / "in"
        folder.mkdir(parents=True, exist_ok=True)
        data = export(content) if isinstance(content, ShopOrder) else content
        (folder / f".{name}.tmp").write_bytes(data)
        return (folder / f".{name}.tmp").rename(folder / name)

    def run(self, *, later: timedelta = timedelta()) -> OnceResult:
        """`gateway run --once`, so much later than it is."""
        return run_once(load(self.config_path), clock=LaterClock(later))

    @contextmanager
    def open(self) -> Iterator[Site]:
        """The site for looking and for operator requests."""
        with opened(load(self.config_path), QuickClock()) as site:
            yield site

    def do(
        self,
        action: requests.Action,
        *names: str,
        drop: bool = False,
        route: str | None = None,
        send_again: bool = False,
    ) -> list[str]:
        """An operator's command."""
        with self.open() as site:
            return requests.carry_out(site, "tester", action, Arguments(names, route, "", drop, send_again))

    def status(self) -> SiteStatus:
        with self.open() as site:
            return site_status(site, running=False)

    def story(self, name: str) -> list[Story]:
        with self.open() as site:
            return stories(site, name)

    def problems(self) -> list[Problem]:
        """The problems of all inputs, postings and deliveries."""
        with self.open() as site, site.ledger.read() as connection:
            columns = (tables.exchange.c.problems, tables.posting.c.problems, tables.delivery.c.problem)
            texts = [text for each in columns for text in connection.execute(select(each)).scalars()]
        return [problem for text in texts for problem in all_problems(text)]

    def told(self) -> list[str]:
        """The problems of all inputs, postings and deliveries, each with its code and its words."""
        return [f"{problem.code}: {problem.message}" for problem in self.problems()]

    def shipped(self, folder: str = "out/pohoda") -> dict[str, bytes]:
        """What lies at the target."""
        return {path.name: content for path, content in contents(self.folder / folder).items()}

    def numbers(self, folder: str = "out/pohoda") -> list[str]:
        """The order numbers of all files at the target, sorted; twice if an order lies there twice."""
        pattern = re.compile(rb"<ord:numberOrder>([^<]*)</ord:numberOrder>")
        return sorted(n.decode() for content in self.shipped(folder).values() for n in pattern.findall(content))

    def waiting_at_the_target(self) -> list[str]:
        """The import files that lie at the target."""
        return [name for name in self.shipped() if name.endswith(".xml")]

    def postings(self) -> list[tuple[str, str, str | None]]:
        """All postings: the key, the state, the reason."""
        posting, document = tables.posting, tables.document
        with self.open() as site, site.ledger.read() as connection:
            rows = connection.execute(
                select(document.c.key, posting.c.state, posting.c.reason)
                .join(document, document.c.id == posting.c.document_id)
                .order_by(posting.c.created_at, posting.c.id)
            )
            return [(row.key, row.state, row.reason) for row in rows]

    def change_deliveries(self, **columns: object) -> None:
        """Make all deliveries what a scene needs them to be."""
        with self.open() as site, site.ledger.write() as connection:
            connection.execute(update(tables.delivery).values(**columns))

    def change_postings(self, **columns: object) -> None:
        """Make all postings what a scene needs them to be."""
        with self.open() as site, site.ledger.write() as connection:
            connection.execute(update(tables.posting).values(**columns))

    def failed(self, route: str = "shop") -> dict[str, str]:
        """What lies in `failed/`, with line ends as on Linux."""
        place = self.folder / "spool" / route / "failed"
        if not place.is_dir():
            return {}
        return {
            path.name: path.read_text("utf-8-sig", errors="replace").replace("\r\n", "\n")
            for path in sorted(place.iterdir())
        }


@pytest.fixture
def site(tmp_path: Path) -> TestSite:
    telemetry.configure(json=True, level="error")
    return TestSite(tmp_path)


@pytest.fixture
def ran(site: TestSite) -> Callable[..., TestSite]:
    """Drop files and run once."""

    def run(**files: bytes) -> TestSite:
        for name, content in files.items():
            site.drop(f"{name}.xml", content)
        site.run()
        return site

    return run
