"""Both contracts in full against real servers: OpenSSH's sftp, and vsftpd plain and under TLS."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.endpoints import AfterWork, Dropoff, Endpoint, Pickup, Source, Target
from gateway.endpoints.ftp import FtpEndpoint, FtpOptions
from gateway.endpoints.sftp import SftpEndpoint, SftpOptions
from gateway.errors import EndpointRefused, HostNotTrusted, LoginRefused
from tests.endpoints.contract import KEEP, SourceContract, TargetContract
from tests.real_servers import LOGIN_PASSWORD, RealServer, openssh, vsftpd, why_no_sshd, why_no_vsftpd


@pytest.fixture(scope="module")
def sftp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    if reason := why_no_sshd():
        pytest.skip(reason)
    with openssh(tmp_path_factory.mktemp("openssh")) as server:
        yield server


@pytest.fixture(scope="module")
def plain_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    if reason := why_no_vsftpd():
        pytest.skip(reason)
    with vsftpd(tmp_path_factory.mktemp("vsftpd"), tls=False) as server:
        yield server


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    if reason := why_no_vsftpd():
        pytest.skip(reason)
    with vsftpd(tmp_path_factory.mktemp("vsftpds"), tls=True) as server:
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

        def source(folder: str = "", files: Sequence[str] = ("*.xml",), after: AfterWork = KEEP) -> Source:
            place = f"{base}/{folder}".rstrip("/") if base else folder
            opened.append(parts[0].source(Pickup(place, tuple(files), after)))
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

        def target(folder: str = "") -> Target:
            opened.append(parts[0].target(Dropoff(f"{base}/{folder}".rstrip("/") if base else folder)))
            return opened[-1]

        yield target
        for one in opened:
            one.close()


class OpenSsh:
    def open_endpoint(self, request: pytest.FixtureRequest) -> tuple[Endpoint, RealServer]:
        server = request.getfixturevalue("sftp_server")
        return sftp(server), server


class Vsftpd:
    def open_endpoint(self, request: pytest.FixtureRequest) -> tuple[Endpoint, RealServer]:
        server = request.getfixturevalue("plain_server")
        return ftp(server), server


class VsftpdUnderTls:
    def open_endpoint(self, request: pytest.FixtureRequest) -> tuple[Endpoint, RealServer]:
        server = request.getfixturevalue("tls_server")
        return ftps(server), server


class TestOpenSshSource(OpenSsh, RealSource): ...


class TestOpenSshTarget(OpenSsh, RealTarget): ...


class TestVsftpdSource(Vsftpd, RealSource): ...


class TestVsftpdTarget(Vsftpd, RealTarget): ...


class TestVsftpdUnderTlsSource(VsftpdUnderTls, RealSource): ...


class TestVsftpdUnderTlsTarget(VsftpdUnderTls, RealTarget): ...


def test_an_unknown_host_key_is_refused_and_shown(sftp_server: RealServer) -> None:
    with pytest.raises(HostNotTrusted) as caught:
        sftp(sftp_server, known_hosts=Path("nowhere")).probe()
    assert caught.value.code == "E011"
    assert "is not known: it says it is ssh-ed25519 SHA256:" in caught.value.message
    assert caught.value.help is not None
    assert caught.value.help.endswith("then `gateway trust-host office`")


def test_a_changed_host_key_is_refused(sftp_server: RealServer, tmp_path: Path) -> None:
    other = (sftp_server.secrets / "user_key.pub").read_text().split()
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{sftp_server.port} {other[0]} {other[1]}\n")
    with pytest.raises(HostNotTrusted) as caught:
        sftp(sftp_server, known_hosts=known).probe()
    assert "the host key has changed" in caught.value.message


def test_a_key_that_the_server_does_not_know_is_a_refused_login(sftp_server: RealServer) -> None:
    with pytest.raises(LoginRefused) as caught:
        sftp(sftp_server, key_file=sftp_server.secrets / "host_key").probe()
    assert caught.value.code == "E002"


def test_a_certificate_of_nobody_known_is_refused_before_the_password_is_sent(tls_server: RealServer) -> None:
    with pytest.raises(HostNotTrusted) as caught:
        ftps(tls_server, ca_file=None).probe()
    assert caught.value.code == "E010"


def test_a_pinned_certificate_is_accepted_and_another_one_refused(tls_server: RealServer) -> None:
    pinned = (tls_server.secrets / "fingerprint").read_text()
    assert ftps(tls_server, ca_file=None, fingerprint=pinned).probe().startswith("login ok")
    with pytest.raises(EndpointRefused) as caught:
        ftps(tls_server, ca_file=None, fingerprint="ab" * 32).probe()
    assert f"its SHA-256 is {pinned}" in caught.value.message


def test_tls_1_2_can_be_asked_for(tls_server: RealServer) -> None:
    assert ftps(tls_server, newest_tls="1.2").probe().startswith("login ok")
