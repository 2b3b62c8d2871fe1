"""Rows 6, 7, 9, 13, 14, 28 and 32 to 34 of the fault catalogue: servers that refuse, change, or are away."""

from __future__ import annotations

import ftplib
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paramiko
import pytest
from pyftpdlib.handlers import FTPHandler

from gateway.clock import ManualClock
from gateway.config import load
from gateway.daemon.once import run_once
from gateway.endpoints.remote import RemoteSource
from tests.daemon.running import start, status, wait_until
from tests.exchange.conftest import TestSite
from tests.exchange.shop import export
from tests.exchange.test_delivery import use_ftp
from tests.faults.accounts import SERVERS, Account
from tests.faults.conftest import Between, on
from tests.faults.disks import small_disk
from tests.faults.proxy import Broken, LostAnswer, fault_proxy
from tests.real_servers import LOGIN_PASSWORD, RealServer, proftpd
from tests.servers import ftp_server

TEMPORARY = pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("STOR", "421 Too many connections, try again later."),
        ("STOR", "452 Insufficient storage space."),
        ("RETR", "450 The file is busy."),
        ("RETR", "421 Service is going down."),
        ("DELE", "450 The file is busy."),
        ("RNTO", "451 Local error."),
        ("PASS", "530 Too many logins, try again later."),
    ],
)
PERMANENT = pytest.mark.parametrize("answer", ["552 Quota exceeded.", "553 This account may not write."])


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, int], None]:
    """Let every server of this process refuse a command so many times."""

    def refuse(command: str, answer: str, times: int) -> None:
        left = [times]
        original = getattr(FTPHandler, f"ftp_{command}")

        def answered(handler: FTPHandler, *args: Any, **options: Any) -> Any:
            if left[0] <= 0:
                return original(handler, *args, **options)
            left[0] -= 1
            return handler.respond(answer)

        monkeypatch.setattr(FTPHandler, f"ftp_{command}", answered)

    return refuse


@TEMPORARY
@on("pyftpdlib")
def test_a_server_that_refuses_twice_for_a_while_needs_nobody(
    between: Between, refusing: Callable[[str, str, int], None], command: str, answer: str
) -> None:
    refusing(command, answer, 2)
    between.put("orders.xml", "1001", "1002")
    between.run()
    between.settle()


@PERMANENT
@on("pyftpdlib")
def test_a_server_that_refuses_for_good_parks_the_delivery_and_a_retry_sends_it(
    between: Between, refusing: Callable[[str, str, int], None], answer: str
) -> None:
    refusing("STOR", answer, 1)
    between.put("orders.xml", "1001", "1002")
    (matter,) = between.run().matters
    assert matter.what == "delivery failed"
    assert answer in matter.reason
    # when the server's owner has made room, and the command that status names leads to the retry
    between.site.do("retry", "1001")
    between.settle()


@on("pyftpdlib", "paramiko")
def test_a_server_that_is_away_and_comes_back_on_the_same_port(between: Between, tmp_path: Path) -> None:
    between.put("orders.xml", "1001", "1002")
    port = between.account.port
    between.shop.target = between.office.target = ("127.0.0.1", 1)
    told = between.run()
    assert told.routes[0].state == "down"
    between.shop.target = between.office.target = ("127.0.0.1", port)
    between.settle()


@on("pyftpdlib")
def test_a_host_name_that_nobody_knows_is_told(between: Between) -> None:
    text = between.site.config_path.read_text()
    between.site.config_path.write_text(text.replace("host: 127.0.0.1", "host: shop.invalid"))
    between.put("orders.xml", "1001")
    (route,) = between.run().routes
    assert route.problem is not None
    assert "the host name is not known" in route.problem.message
    between.site.config_path.write_text(text)
    between.settle()


@on("paramiko")
def test_a_changed_host_key_holds_the_route_and_sends_nothing(between: Between) -> None:
    known = between.site.folder / "shop.known_hosts"
    trusted = known.read_text()
    other = paramiko.ECDSAKey.generate()
    known.write_text(f"{trusted.split()[0]} {other.get_name()} {other.get_base64()}\n")
    between.put("orders.xml", "1001")
    for _ in range(3):
        told = between.run()
    (matter,) = told.matters
    assert (matter.what, matter.name) == ("route held", "shop")
    assert "the host key has changed" in matter.reason
    # when a person has compared the fingerprints
    known.write_text(trusted)
    between.site.do("release", "shop")
    between.settle()


class TestTls:
    """proftpd under TLS, whose data connections must resume the session."""

    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[RealServer]:
        with proftpd(tmp_path, tls=True) as running:
            yield running

    @pytest.mark.parametrize("kind", ["cut", "reset", "stall"])
    @pytest.mark.parametrize("command", ["RETR", "STOR"])
    @pytest.mark.real_server("proftpd under TLS")
    def test_an_encrypted_transfer_that_breaks(
        self, server: RealServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, kind: Any
    ) -> None:
        """Nobody on the way can read the data port there; so this client asks for it by way of the proxy."""
        account = Account(server.name, server.port, server.root, True, server.user, LOGIN_PASSWORD).emptied()
        certificate = f", tls: explicit, ca_file: {server.secrets}/certificate.pem"
        with fault_proxy(server.port, ftp=False) as proxy:
            through(proxy, monkeypatch)
            between = Between.open(tmp_path / "site", account, proxy, certificate)
            between.put("orders.xml", *[f"{number:03}" for number in range(30)])
            proxy.faults.append(Broken(command, kind, 9_000))
            between.run_until_all_faults_struck()
            assert len(proxy.struck) == 1
            between.settle()

    @pytest.mark.parametrize(
        ("certificate", "words"),
        [({"days": -1}, "certificate has expired"), ({"host": "10.0.0.1"}, "IP address mismatch")],
        ids=["expired", "of another host"],
    )
    @pytest.mark.real_server("proftpd under TLS")
    def test_a_certificate_that_is_not_good_holds_the_route(
        self, tmp_path: Path, certificate: dict[str, Any], words: str
    ) -> None:
        with proftpd(tmp_path, tls=True, certificate=certificate) as server:
            account = Account(server.name, server.port, server.root, True, server.user, LOGIN_PASSWORD).emptied()
            options = f", tls: explicit, ca_file: {server.secrets}/certificate.pem"
            with fault_proxy(server.port, ftp=False) as proxy:
                between = Between.open(tmp_path / "site", account, proxy, options)
                between.put("orders.xml", "1001")
                for _ in range(3):
                    told = between.run()
            (matter,) = told.matters
            assert (matter.what, matter.name) == ("route held", "shop")
            assert words in matter.reason
            assert between.left_at_the_shop() == ["orders.xml"]


def through(proxy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lead the data connections of this process through the proxy, which is told their commands."""
    makepasv, ntransfercmd = ftplib.FTP.makepasv, ftplib.FTP.ntransfercmd

    def ntransfercmd_noted(ftp: ftplib.FTP, cmd: str, rest: Any = None) -> Any:
        proxy.session.command = cmd.split()[0]
        return ntransfercmd(ftp, cmd, rest)

    def makepasv_led(ftp: ftplib.FTP) -> tuple[str, int]:
        host, port = makepasv(ftp)
        return host, proxy.listen((host, port), proxy.session)

    monkeypatch.setattr(ftplib.FTP, "ntransfercmd", ntransfercmd_noted)
    monkeypatch.setattr(ftplib.FTP, "makepasv", makepasv_led)


class TestContents:
    """Files that change while they are looked at, and names and orders that come again."""

    @pytest.mark.parametrize(
        "second", [export("1001", "1002"), export("1002")], ids=["it grew", "another one of the same size"]
    )
    @on("pyftpdlib", "paramiko")
    def test_an_export_that_is_replaced_between_size_and_download(
        self, between: Between, monkeypatch: pytest.MonkeyPatch, second: bytes
    ) -> None:
        between.put("orders.xml", "1001")
        original = RemoteSource.read

        def replaced_first(source: RemoteSource, entry: Any, into: Any) -> None:
            size_of = source._folder.size_of

            def sized(name: str) -> int | None:
                found = size_of(name)
                path = between.account.root / "export" / name
                if path.read_bytes() != second:
                    path.write_bytes(second)
                return found

            with monkeypatch.context() as inner:
                inner.setattr(source._folder, "size_of", sized)
                original(source, entry, into)

        with monkeypatch.context() as patch:
            patch.setattr(RemoteSource, "read", replaced_first)
            between.site.run()
        between.expected = ["1001", "1002"] if b">1001<" in second else ["1002"]
        between.settle()

    @on("pyftpdlib")
    def test_the_same_name_with_new_content_is_new(self, between: Between) -> None:
        between.put("orders.xml", "1001")
        between.settle()
        between.put("orders.xml", "1002")
        between.settle()

    @on("pyftpdlib")
    def test_the_same_content_under_a_new_name_and_the_same_order_in_two_files_are_sent_once(
        self, between: Between
    ) -> None:
        between.put("orders.xml", "1001", "1002")
        between.put("copy.xml", "1001", "1002")
        between.put("more.xml", "1002", "1003")
        between.settle()

    @on("vsftpd", "OpenSSH", "pyftpdlib")
    def test_a_name_with_control_characters_is_left_there_and_told(self, between: Between) -> None:
        (between.account.root / "export" / "evil\x07name.xml").write_bytes(export("666"))
        between.put("orders.xml", "1001")
        between.run()
        told = between.run()
        assert between.consumer.numbers == ["1001"]
        assert told.routes[0].problem is not None
        assert (told.routes[0].problem.code, told.routes[0].problem.message) == (
            "S010",
            "the listed name `evil\\x07name.xml` leads out of its folder or has control characters",
        )
        (between.account.root / "export" / "evil\x07name.xml").unlink()
        between.settle()

    @on("pyftpdlib")
    def test_a_clock_that_jumps_back_an_hour_changes_nothing(self, between: Between) -> None:
        clock = ManualClock(datetime.now(UTC) + timedelta(days=1))
        between.put("orders.xml", "1001")
        run_once(load(between.site.config_path), clock=clock)
        between.put("more.xml", "1002")
        between.put("copy.xml", "1001")
        clock.advance(-3600)
        run_once(load(between.site.config_path), clock=clock)
        between.put("last.xml", "1003")
        run_once(load(between.site.config_path), clock=clock)
        between.settle()


class TestDaemon:
    def test_a_sigterm_during_a_transfer_ends_soon_and_the_rest_follows(self, tmp_path: Path) -> None:
        (tmp_path / "server").mkdir()
        with SERVERS["pyftpdlib"](tmp_path / "server") as account, fault_proxy(account.port, ftp=True) as proxy:
            between = Between.open(tmp_path / "site", account.emptied(), proxy, ", data_timeout: 5")
            between.put("orders.xml", *[f"{number:03}" for number in range(30)])
            # given an upload that hangs
            proxy.faults.append(Broken("STOR", "stall", 1_000))
            with (tmp_path / "gateway.log").open("ab") as log:
                process = start(between.site.config_path, log)
                try:
                    wait_until(lambda: proxy.struck)
                    # when
                    process.send_signal(signal.SIGTERM)
                    # then it ends as soon as the time-out of the transfer lets it
                    assert process.wait(timeout=15) == 0
                finally:
                    process.kill()
                    process.wait()
            assert "Traceback" not in (tmp_path / "gateway.log").read_text()
            between.settle()

    def test_a_daemon_between_two_bad_lines_needs_nobody(self, tmp_path: Path) -> None:
        (tmp_path / "server").mkdir()
        with SERVERS["pyftpdlib"](tmp_path / "server") as account, fault_proxy(account.port, ftp=True) as proxy:
            between = Between.open(tmp_path / "site", account.emptied(), proxy, "")
            between.put("orders.xml", *[f"{number:03}" for number in range(30)])
            proxy.faults += [LostAnswer("RETR"), Broken("STOR", "cut", 1_000)]
            proxy.faults += [LostAnswer("RNTO"), LostAnswer("DELE")]
            with (tmp_path / "gateway.log").open("ab") as log:
                process = start(between.site.config_path, log)
                try:
                    wait_until(lambda: not proxy.faults, seconds=60)
                    wait_until(lambda: status(between.site.config_path)["status"]["routes"][0]["sent_today"] == 30)
                    wait_until(lambda: not between.left_at_the_shop(), seconds=60)
                finally:
                    process.terminate()
                    process.wait(timeout=30)
            between.settle()


def test_a_server_whose_own_disk_is_full_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    site = TestSite(tmp_path / "site")
    with small_disk(tmp_path / "office", "size=40k") as root:
        (root / "pohoda").mkdir()
        with ftp_server(root) as server:
            use_ftp(site, server.port)
            numbers = [f"{number:03}" for number in range(30)]
            site.drop("orders.xml", export(*numbers))
            site.run()
            arrived = site.numbers("../office/pohoda")
            assert 0 < len(arrived) < 30
            assert site.status().routes[0].waiting == 30 - len(arrived)
            for path in (root / "pohoda").glob("*.xml"):
                path.unlink()
            for _ in range(10):
                site.run()
                arrived += site.numbers("../office/pohoda")
                for path in (root / "pohoda").glob("*.xml"):
                    path.unlink()
                if len(arrived) >= 30:
                    break
    assert sorted(arrived) == numbers
