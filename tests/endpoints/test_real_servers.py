"""Both contracts in full against real servers: OpenSSH's sftp, vsftpd and proftpd (also under TLS), pure-ftpd."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.endpoints import AfterWork, Dropoff, Endpoint, Outcome, Pickup, Source, Target
from gateway.endpoints.ftp import FtpEndpoint, FtpOptions
from gateway.endpoints.sftp import SftpEndpoint, SftpOptions
from gateway.errors import EndpointRefused, HostNotTrusted, LoginRefused
from tests.endpoints.contract import DELETE, KEEP, SourceContract, TargetContract
from tests.real_servers import LOGIN_PASSWORD, RealServer, openssh, proftpd, pureftpd, vsftpd

OPENSSH = pytest.mark.real_server("OpenSSH")
VSFTPD = pytest.mark.real_server("vsftpd")
VSFTPD_TLS = pytest.mark.real_server("vsftpd under TLS")
PROFTPD = pytest.mark.real_server("proftpd")
PROFTPD_TLS = pytest.mark.real_server("proftpd under TLS")
PUREFTPD = pytest.mark.real_server("pure-ftpd")


@pytest.fixture(scope="module")
def sftp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with openssh(tmp_path_factory.mktemp("openssh")) as server:
        yield server


@pytest.fixture(scope="module")
def plain_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with vsftpd(tmp_path_factory.mktemp("vsftpd"), tls=False) as server:
        yield server


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with vsftpd(tmp_path_factory.mktemp("vsftpds"), tls=True) as server:
        yield server


@pytest.fixture(scope="module")
def proftpd_tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with proftpd(tmp_path_factory.mktemp("proftpds"), tls=True) as server:
        yield server


@pytest.fixture(scope="module")
def proftpd_in_tokyo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with proftpd(tmp_path_factory.mktemp("tokyo"), tls=False, time_zone="Asia/Tokyo") as server:
        yield server


@pytest.fixture(scope="module")
def pureftpd_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with pureftpd(tmp_path_factory.mktemp("pureftpd")) as server:
        yield server


def sftp(server: RealServer, **options: Any) -> SftpEndpoint:
    given: dict[str, Any] = {
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "key_file": server.secrets / "user_key",
        "known_hosts": server.secrets / "known_hosts",
        "connect_timeout": 10,
        "data_timeout": 10,
    }
    return SftpEndpoint("office", SftpOptions(**{**given, **options}), root=Path("/"))


def ftp(server: RealServer, **options: Any) -> FtpEndpoint:
    given: dict[str, Any] = {
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "password": SecretStr(LOGIN_PASSWORD),
        "connect_timeout": 10,
        "data_timeout": 10,
    }
    return FtpEndpoint("office", FtpOptions(**{**given, **options}), root=Path("/"))


def ftps(server: RealServer, **options: Any) -> FtpEndpoint:
    return ftp(server, **{"tls": "explicit", "ca_file": server.secrets / "certificate.pem", **options})


def emptied(root: Path) -> Path:
    """The account's folder as the server's user finds it on the first day."""
    for entry in root.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    return root


class RealSource(SourceContract):
    """The source contract over one account; subclasses open the endpoint."""

    base = ""

    def open_endpoint(self, request: pytest.FixtureRequest) -> tuple[Endpoint, RealServer]:
        raise NotImplementedError("each server's test opens its own endpoint")

    @pytest.fixture
    def parts(self, request: pytest.FixtureRequest) -> tuple[Endpoint, RealServer]:
        return self.open_endpoint(request)

    @pytest.fixture
    def root(self, parts: tuple[Endpoint, RealServer]) -> Path:
        root = emptied(parts[1].root)
        root.chmod(0o777)
        return root

    @pytest.fixture
    def open_source(self, parts: tuple[Endpoint, RealServer], root: Path) -> Iterator[Callable[..., Source]]:
        opened: list[Source] = []
        base = str(root) if isinstance(parts[0], SftpEndpoint) else ""

        def source(
            folder: str = "", files: Sequence[str] = ("*.xml",), after: AfterWork = KEEP, **more: Any
        ) -> Source:
            place = f"{base}/{folder}".rstrip("/") if base else folder
            opened.append(parts[0].source(Pickup(place, tuple(files), after, **more)))
            return opened[-1]

        yield source
        for one in opened:
            one.close()


class RealTarget(TargetContract):
    """The target contract over one account; subclasses open the endpoint."""

    def open_endpoint(self, request: pytest.FixtureRequest) -> tuple[Endpoint, RealServer]:
        raise NotImplementedError("each server's test opens its own endpoint")

    @pytest.fixture
    def parts(self, request: pytest.FixtureRequest) -> tuple[Endpoint, RealServer]:
        return self.open_endpoint(request)

    @pytest.fixture
    def root(self, parts: tuple[Endpoint, RealServer]) -> Path:
        root = emptied(parts[1].root)
        root.chmod(0o777)
        return root

    @pytest.fixture
    def open_target(self, parts: tuple[Endpoint, RealServer], root: Path) -> Iterator[Callable[..., Target]]:
        opened: list[Target] = []
        base = str(root) if isinstance(parts[0], SftpEndpoint) else ""

        def target(folder: str = "", **more: Any) -> Target:
            opened.append(parts[0].target(Dropoff(f"{base}/{folder}".rstrip("/") if base else folder, **more)))
            return opened[-1]

        yield target
        for one in opened:
            one.close()


class OpenSsh:
    pytestmark = OPENSSH

    def open_endpoint(self, request: pytest.FixtureRequest) -> tuple[Endpoint, RealServer]:
        server = request.getfixturevalue("sftp_server")
        return sftp(server), server


class Vsftpd:
    pytestmark = VSFTPD

    def open_endpoint(self, request: pytest.FixtureRequest) -> tuple[Endpoint, RealServer]:
        server = request.getfixturevalue("plain_server")
        return ftp(server), server


class VsftpdUnderTls:
    pytestmark = VSFTPD_TLS

    def open_endpoint(self, request: pytest.FixtureRequest) -> tuple[Endpoint, RealServer]:
        server = request.getfixturevalue("tls_server")
        return ftps(server), server


class ProftpdUnderTls:
    pytestmark = PROFTPD_TLS

    def open_endpoint(self, request: pytest.FixtureRequest) -> tuple[Endpoint, RealServer]:
        server = request.getfixturevalue("proftpd_tls_server")
        return ftps(server), server


class PureFtpd:
    pytestmark = PUREFTPD

    def open_endpoint(self, request: pytest.FixtureRequest) -> tuple[Endpoint, RealServer]:
        server = request.getfixturevalue("pureftpd_server")
        return ftp(server), server


class TestOpenSshSource(OpenSsh, RealSource): ...


class TestOpenSshTarget(OpenSsh, RealTarget): ...


class TestVsftpdSource(Vsftpd, RealSource): ...


class TestVsftpdTarget(Vsftpd, RealTarget): ...


class TestVsftpdUnderTlsSource(VsftpdUnderTls, RealSource): ...


class TestVsftpdUnderTlsTarget(VsftpdUnderTls, RealTarget): ...


class TestProftpdUnderTlsSource(ProftpdUnderTls, RealSource): ...


class TestProftpdUnderTlsTarget(ProftpdUnderTls, RealTarget): ...


class TestPureFtpdSource(PureFtpd, RealSource): ...


class TestPureFtpdTarget(PureFtpd, RealTarget): ...


@OPENSSH
def test_an_unknown_host_key_is_refused_and_shown(sftp_server: RealServer) -> None:
    with pytest.raises(HostNotTrusted) as caught:
        sftp(sftp_server, known_hosts=Path("nowhere")).probe()
    assert caught.value.code == "E011"
    assert "is not known: it says it is ssh-ed25519 SHA256:" in caught.value.message
    assert caught.value.help is not None
    assert caught.value.help.endswith("then `gateway trust-host office`")


@OPENSSH
def test_a_changed_host_key_is_refused(sftp_server: RealServer, tmp_path: Path) -> None:
    other = (sftp_server.secrets / "user_key.pub").read_text().split()
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{sftp_server.port} {other[0]} {other[1]}\n")
    with pytest.raises(HostNotTrusted) as caught:
        sftp(sftp_server, known_hosts=known).probe()
    assert "the host key has changed" in caught.value.message


@OPENSSH
def test_a_key_that_the_server_does_not_know_is_a_refused_login(sftp_server: RealServer) -> None:
    with pytest.raises(LoginRefused) as caught:
        sftp(sftp_server, key_file=sftp_server.secrets / "host_key").probe()
    assert caught.value.code == "E002"


@VSFTPD_TLS
def test_a_certificate_of_nobody_known_is_refused_before_the_password_is_sent(tls_server: RealServer) -> None:
    with pytest.raises(HostNotTrusted) as caught:
        ftps(tls_server, ca_file=None).probe()
    place = f"ftps://127.0.0.1:{tls_server.port}/"
    assert (caught.value.code, caught.value.message, caught.value.help) == (
        "E010",
        f"{place}: the server's certificate is not trusted: self-signed certificate",
        "name the authority's certificate with `ca_file:`, or pin the server's with `fingerprint:`",
    )


@VSFTPD_TLS
def test_a_pinned_certificate_is_accepted_and_another_one_refused(tls_server: RealServer) -> None:
    pinned = (tls_server.secrets / "fingerprint").read_text()
    assert ftps(tls_server, ca_file=None, fingerprint=pinned).probe().startswith("login ok")
    with pytest.raises(EndpointRefused) as caught:
        ftps(tls_server, ca_file=None, fingerprint="ab" * 32).probe()
    assert (caught.value.code, caught.value.message, caught.value.help) == (
        "E010",
        f"127.0.0.1: the certificate is another one than the pinned: its SHA-256 is {pinned}",
        "ask the server's owner whether it was renewed; only then change `fingerprint:`",
    )


@VSFTPD_TLS
def test_tls_1_2_can_be_asked_for(tls_server: RealServer) -> None:
    assert ftps(tls_server, newest_tls="1.2").probe().startswith("login ok")


@PROFTPD_TLS
@pytest.mark.parametrize("newest", ["1.2", "1.3"])
def test_proftpd_takes_data_connections_that_resume_the_session(
    proftpd_tls_server: RealServer, newest: str
) -> None:
    root = emptied(proftpd_tls_server.root)
    target = ftps(proftpd_tls_server, newest_tls=newest).target(Dropoff())
    for number in range(5):
        target.publish(target.stage(f"{number}.xml", b"<a/>", attempt=f"d{number}"))
    target.close()
    assert len(list(root.iterdir())) == 5


@PROFTPD
def test_a_file_of_a_server_in_another_time_zone_has_its_true_time(proftpd_in_tokyo: RealServer) -> None:
    """LIST of that server says nine hours more; MLSD and MDTM are UTC."""
    root = emptied(proftpd_in_tokyo.root)
    written = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    (root / "orders.xml").write_bytes(b"<a/>")
    os.utime(root / "orders.xml", (written.timestamp(), written.timestamp()))
    source = ftp(proftpd_in_tokyo).source(Pickup("", ("*.xml",), DELETE))
    (entry,) = source.list()
    assert entry.modified == written
    # and it is the same when asked for the one file, so that the after-work action knows it again
    source.ack(entry, Outcome.DONE)
    source.close()
    assert list(root.iterdir()) == []
