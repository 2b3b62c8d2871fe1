"""A site that pulls from one account and pushes to another, with a proxy before each that breaks connections."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from gateway import telemetry
from gateway.exchange.reports import SiteStatus
from tests.exchange.conftest import TestSite
from tests.exchange.shop import ShopOrder, export
from tests.faults.accounts import SERVERS, Account
from tests.faults.consumer import Consumer, consuming
from tests.faults.figures import PROPERTY, Figures, of_orders
from tests.faults.proxy import Fault, FaultProxy, fault_proxy

FIRST_TRIES, LATER_TRIES = 4, 12


_REAL = frozenset({"vsftpd", "proftpd", "pure-ftpd", "OpenSSH"})


def on(*names: str) -> pytest.MarkDecorator:
    """Run a test once for each of these servers."""
    servers = [pytest.param(name, marks=_marks(name)) for name in names]
    return pytest.mark.parametrize("account", servers, indirect=True)


def every(names: tuple[str, ...], **axes: Sequence[object]) -> pytest.MarkDecorator:
    """Every combination on the first server; on each of the others a few, and the rest only under `make soak`."""
    cells = []
    combinations = list(product(*axes.values()))
    for number, name in enumerate(names):
        few = random.Random(name).sample(combinations, k=min(3, len(combinations)))
        for cell in combinations:
            soak = [pytest.mark.soak] if number and cell not in few else []
            cells.append(pytest.param(name, *cell, marks=[*_marks(name), *soak]))
    return pytest.mark.parametrize(("account", *axes), cells, indirect=["account"])


def _marks(name: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.real_server(name)] if name in _REAL else []


@dataclass
class Between:
    """A site between a shop's account and the office's account, which a consumer empties."""

    site: TestSite
    account: Account
    shop: FaultProxy
    office: FaultProxy
    consumer: Consumer
    expected: list[str]

    @classmethod
    def open(cls, folder: Path, account: Account, proxy: FaultProxy, further: str) -> Between:
        """Between an account and itself, behind one proxy; the consumer looks whenever a turn ends."""
        folder.mkdir()
        site, root = TestSite(folder), account.root
        pull_and_push(site, account, proxy.port, proxy.port, further=further)
        return cls(site, account, proxy, proxy, Consumer(root / "pohoda", root / "taken"), [])

    def put(self, name: str, *orders: ShopOrder | str) -> None:
        """The shop writes an export, whole at once."""
        folder = self.account.root / "export"
        (folder / f".{name}.new").write_bytes(export(*orders))
        (folder / f".{name}.new").chmod(0o666)
        (folder / f".{name}.new").rename(folder / name)
        numbers = [order.number if isinstance(order, ShopOrder) else order for order in orders]
        self.expected += [number for number in numbers if number not in self.expected]

    def left_at_the_shop(self) -> list[str]:
        return sorted(path.name for path in (self.account.root / "export").iterdir() if path.is_file())

    def run(self) -> SiteStatus:
        """One whole turn, and how the site stands afterwards."""
        self.site.run()
        self.consumer.look()
        status = self.site.status()
        assert_the_state_is_explained(self, status)
        return status

    def run_until_all_faults_struck(self) -> None:
        for _ in range(FIRST_TRIES):
            self.run()
            if not self.shop.faults and not self.office.faults:
                return

    def settle(self) -> None:
        """Clean turns, as many as it takes; then the invariants must hold."""
        self.shop.faults.clear()
        self.office.faults.clear()
        for _ in range(LATER_TRIES):
            self.run()
            if not self.left_at_the_shop() and len(self.consumer.numbers) >= len(self.expected):
                break
        self.run()
        assert_nothing_lost_doubled_or_half(self)

    def survives(self, *, shop: tuple[Fault, ...] = (), office: tuple[Fault, ...] = ()) -> None:
        """Let faults strike on the way from the shop or to the office, and see that all of it comes right."""
        self.shop.faults += shop
        self.office.faults += office
        self.run_until_all_faults_struck()
        assert (self.shop.faults, self.office.faults) == ([], []), "these faults met nothing to strike"
        self.settle()


def assert_nothing_lost_doubled_or_half(between: Between) -> None:
    """What the gateway promises, whatever happened before."""
    consumer = between.consumer
    consumer.look()
    assert sorted(consumer.numbers) == sorted(between.expected)
    assert consumer.halves == []
    assert consumer.leftovers() == []
    assert between.left_at_the_shop() == []
    status = between.site.status()
    assert status.matters == ()
    assert [(route.state, route.waiting) for route in status.routes] == [("up", 0)]


def assert_the_state_is_explained(between: Between, status: SiteStatus) -> None:
    """An order that is not there yet is waited for by somebody, who says so."""
    missing = set(between.expected) - set(between.consumer.numbers)
    (route,) = status.routes
    told = route.problem is not None or route.waiting > 0 or route.in_doubt > 0 or status.matters
    assert not missing or told, f"{sorted(missing)} are not there and nobody says why: {status}"


@pytest.fixture(scope="module")
def account_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Account]]:
    """The account of a server, which is started once for all tests of a file."""
    running: dict[str, Account] = {}
    with ExitStack() as stack:

        def account(name: str) -> Account:
            if name not in running:
                running[name] = stack.enter_context(SERVERS[name](tmp_path_factory.mktemp(name)))
            return running[name]

        yield account


@pytest.fixture
def account(request: pytest.FixtureRequest, account_of: Callable[[str], Account]) -> Account:
    return account_of(request.param).emptied()


@pytest.fixture
def counted(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """What a test adds to the figures of the whole run."""
    figures: Figures = Counter()
    yield figures
    request.node.user_properties.append((PROPERTY, dict(figures)))  # a plain dict crosses to another process


@pytest.fixture
def between(account: Account, tmp_path: Path, counted: Figures) -> Iterator[Between]:
    telemetry.configure(json=True, level="error")
    site = TestSite(tmp_path)
    with (
        fault_proxy(account.port, ftp=account.ftp) as shop,
        fault_proxy(account.port, ftp=account.ftp) as office,
        consuming(account.root / "pohoda", account.root / "taken") as consumer,
    ):
        pull_and_push(site, account, shop.port, office.port)
        running = Between(site, account, shop, office, consumer, [])
        yield running
    counted.update(of_orders(running.expected, consumer.numbers), faults=len(shop.struck) + len(office.struck))


def pull_and_push(site: TestSite, account: Account, shop: int, office: int, *, further: str = "") -> None:
    """Pull from the account's `export`, push to its `pohoda`, each behind a port of its own."""
    site.configure(
        f'from: {{endpoint: shop, folder: "{account.folder("export")}", after: delete}}\nevery: 1s',
        settings="pack: 50",
        endpoints=account.endpoint("shop", shop, site.folder, further=further)
        + account.endpoint("office", office, site.folder, further=further),
        replace=("endpoint: out\n    folder: pohoda", f"endpoint: office\n    folder: {account.folder('pohoda')}"),
    )
