"""FTP passes both contracts against a real server, and copes with servers that are bad on purpose."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr
from pyftpdlib.handlers import FTPHandler

from gateway.endpoints import AfterWork, Dropoff, Entry, Look, Pickup, Source, Target
from gateway.endpoints.ftp import FtpEndpoint, FtpOptions
from gateway.errors import EndpointError, EndpointRefused, EndpointUnreachable, OutcomeUnknown
from tests.endpoints.contract import DELETE, KEEP, SourceContract, TargetContract
from tests.servers import PASSWORD, USER, RunningFtp, ftp_server


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "account"
    folder.mkdir()
    return folder


def endpoint(server: RunningFtp, **options: Any) -> FtpEndpoint:
    given: dict[str, Any] = {
        "host": server.host,
        "port": server.port,
        "user": USER,
        "password": SecretStr(PASSWORD),
    }
    return FtpEndpoint(
        "ftp", FtpOptions(**{**given, "connect_timeout": 5, "data_timeout": 5, **options}), root=server.root
    )


def without_mlsd() -> dict[str, Any]:
    commands = {k: v for k, v in FTPHandler.proto_cmds.items() if k not in ("MLSD", "MLST")}
    return {"proto_cmds": commands}


class TestFtpSource(SourceContract):
    options: ClassVar[dict[str, Any]] = {}

    @pytest.fixture
    def root(self, root: Path) -> Path:
        return root

    @pytest.fixture
    def open_source(self, root: Path) -> Iterator[Callable[..., Source]]:
        opened: list[Source] = []
        with ftp_server(root, **self.options) as server:

            def source(
                folder: str = "", files: Sequence[str] = ("*.xml",), after: AfterWork = KEEP, **more: Any
            ) -> Source:
                opened.append(endpoint(server).source(Pickup(folder, tuple(files), after, **more)))
                return opened[-1]

            yield source
            for one in opened:
                one.close()


class TestFtpSourceOfAServerWithoutMlsd(TestFtpSource):
    options = without_mlsd()


class TestFtpTarget(TargetContract):
    @pytest.fixture
    def root(self, root: Path) -> Path:
        return root

    @pytest.fixture
    def open_target(self, root: Path) -> Iterator[Callable[..., Target]]:
        opened: list[Target] = []
        with ftp_server(root) as server:

            def target(folder: str = "", **more: Any) -> Target:
                opened.append(endpoint(server).target(Dropoff(folder, **more)))
                return opened[-1]

            yield target
            for one in opened:
                one.close()


def test_a_wrong_password_is_permanent_and_says_which_login(root: Path) -> None:
    with ftp_server(root) as server:
        target = endpoint(server, password=SecretStr("wrong")).target(Dropoff())
        with pytest.raises(EndpointRefused) as caught:
            target.stage("a.xml", b"<a/>", attempt="1")
    assert caught.value.code == "E002"
    assert "the login of `shop` is refused" in caught.value.message
    assert "wrong" not in caught.value.message
    assert caught.value.help == "check `user:` and `password:` of the endpoint"


def test_a_server_that_is_down_is_retryable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    options = FtpOptions(host="127.0.0.1", port=port, user=USER, password=SecretStr(PASSWORD))
    target = FtpEndpoint("ftp", options, root=Path()).target(Dropoff())
    with pytest.raises(EndpointUnreachable) as caught:
        target.stage("a.xml", b"<a/>", attempt="1")
    assert (caught.value.code, caught.value.retryable) == ("E001", True)
    assert "connection refused" in caught.value.message


def test_an_empty_folder_that_answers_550_is_empty(root: Path) -> None:
    def ftp_nlst(self: FTPHandler, path: str) -> Any:
        if not any(Path(path).iterdir()):
            return self.respond("550 No files found.")
        return FTPHandler.ftp_NLST(self, path)

    with ftp_server(root, ftp_NLST=ftp_nlst, **without_mlsd()) as server:
        assert list(endpoint(server).source(Pickup("", ("*.xml",), KEEP)).list()) == []


def test_names_in_windows_1250_need_the_encoding_and_say_so(root: Path) -> None:
    (root / "objednávka.xml").write_bytes(b"<a/>")
    with ftp_server(root, encoding="cp1250", unicode_errors="strict") as server:
        with pytest.raises(EndpointRefused) as caught:
            list(endpoint(server).source(Pickup("", ("*.xml",), KEEP)).list())
        assert caught.value.help == "set `encoding:` of the endpoint to the server's, such as windows-1250"
        source = endpoint(server, encoding="windows-1250").source(Pickup("", ("*.xml",), KEEP))
        assert [entry.name for entry in source.list()] == ["objednávka.xml"]


def test_a_download_that_is_cut_without_an_error_is_noticed(root: Path) -> None:
    """The data connection ends early and the server says 226: ftplib returns as if all were well."""
    (root / "orders.xml").write_bytes(b"x" * 100_000)

    def ftp_retr(self: FTPHandler, path: str) -> Any:
        Path(path).write_bytes(b"x" * 40_000)  # what is sent is shorter than what SIZE had said
        return FTPHandler.ftp_RETR(self, path)

    with ftp_server(root, ftp_RETR=ftp_retr) as server:
        source = endpoint(server).source(Pickup("", ("*.xml",), DELETE))
        (entry,) = source.list()
        with pytest.raises(EndpointUnreachable) as caught:
            source.read(entry, io.BytesIO())
    assert caught.value.code == "E006"
    assert "came with 40000 bytes" in caught.value.message


def test_an_upload_that_arrives_short_is_noticed(root: Path) -> None:
    def ftp_size(self: FTPHandler, path: str) -> Any:
        return self.respond("213 3")

    with ftp_server(root, ftp_SIZE=ftp_size) as server, pytest.raises(EndpointUnreachable) as caught:
        endpoint(server).target(Dropoff()).stage("a.xml", b"<a/>", attempt="1")
    assert "has 3 bytes there instead of 4" in caught.value.message


def test_a_lost_answer_to_the_rename_is_an_unknown_outcome_and_looking_settles_it(root: Path) -> None:
    class LosesAnswer:
        lost = False

    def ftp_rnto(self: FTPHandler, path: str) -> Any:
        if LosesAnswer.lost:
            return FTPHandler.ftp_RNTO(self, path)
        LosesAnswer.lost = True
        Path(self._rnfr).rename(path)
        return self.close()

    with ftp_server(root, ftp_RNTO=ftp_rnto) as server:
        target = endpoint(server).target(Dropoff())
        staged = target.stage("a.xml", b"<a/>", attempt="1")
        with pytest.raises(OutcomeUnknown):
            target.publish(staged)
        assert target.look(staged) is Look.PUBLISHED


def test_a_login_message_never_shows_the_password(root: Path) -> None:
    with ftp_server(root) as server:
        options = endpoint(server)._options
    assert PASSWORD not in repr(options)
    assert PASSWORD not in str(options)


def test_a_file_name_with_a_line_break_is_refused(root: Path) -> None:
    with ftp_server(root) as server:
        source = endpoint(server).source(Pickup("", ("*",), DELETE))
        with pytest.raises(EndpointError) as caught:
            source.read(Entry("a\r\nDELE b", 1), io.BytesIO())
    assert not caught.value.retryable


def test_probe_says_how_many_names_it_found(root: Path) -> None:
    (root / "a.xml").write_bytes(b"")
    with ftp_server(root) as server:
        assert endpoint(server).probe() == "login ok, 1 names in /"


def test_a_certificate_file_that_cannot_be_used_is_refused_and_not_tried_again(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing\n", encoding="utf-8")
    for name, why in (("none.pem", "No such file or directory"), ("empty.pem", "it holds no certificate")):
        options = FtpOptions(
            host="127.0.0.1", port=9, user=USER, password=SecretStr(PASSWORD), tls="explicit", ca_file=Path(name)
        )
        with pytest.raises(EndpointRefused) as caught:
            FtpEndpoint("ftp", options, root=tmp_path).probe()
        assert (caught.value.code, caught.value.message) == (
            "E010",
            f"`ca_file` {tmp_path / name} cannot be used: {why}",
        )
