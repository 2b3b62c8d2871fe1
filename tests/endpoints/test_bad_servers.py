"""FTP servers that are bad on purpose: for each, what the gateway does."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr
from pyftpdlib.handlers import FTPHandler, ThrottledDTPHandler

from gateway.endpoints import Dropoff, Entry, Look, Outcome, Pickup, Source, Target, ftp, pace
from gateway.endpoints.ftp import FtpEndpoint, FtpOptions
from gateway.errors import EndpointError, EndpointRefused, EndpointUnreachable, LoginRefused, OutcomeUnknown
from tests.endpoints.contract import DELETE, KEEP, MOVE, SourceContract, TargetContract
from tests.endpoints.scripted_ftp import scripted_ftp
from tests.servers import PASSWORD, USER, ftp_server


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "account"
    folder.mkdir()
    return folder


def endpoint(port: int, **options: Any) -> FtpEndpoint:
    given: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "user": USER,
        "password": SecretStr(PASSWORD),
        "connect_timeout": 3,
        "data_timeout": 3,
    }
    return FtpEndpoint("office", FtpOptions(**{**given, **options}), root=Path("/"))


def without(*commands: str) -> dict[str, Any]:
    """A server that does not know these commands, and does not announce them either."""
    return {"proto_cmds": {k: v for k, v in FTPHandler.proto_cmds.items() if k not in commands}}


def answers(line: str) -> Callable[..., Any]:
    """A command that always has the same answer."""
    return lambda handler, *_: handler.respond(line)


def read(source: Source) -> bytes:
    """What the only file of a source contains."""
    (entry,) = source.list()
    into = io.BytesIO()
    source.read(entry, into)
    return into.getvalue()


class OldServer:
    """Knows neither MLSD nor SIZE nor MDTM, as very old servers do: LIST has to do."""

    options: ClassVar[dict[str, Any]] = without("MLSD", "MLST", "SIZE", "MDTM")


class TestSourceOfAnOldServer(OldServer, SourceContract):
    @pytest.fixture
    def root(self, root: Path) -> Path:
        return root

    @pytest.fixture
    def open_source(self, root: Path) -> Iterator[Callable[..., Source]]:
        opened: list[Source] = []
        with ftp_server(root, **self.options) as server:

            def source(folder: str = "", files: Any = ("*.xml",), after: Any = KEEP, **further: Any) -> Source:
                opened.append(endpoint(server.port).source(Pickup(folder, tuple(files), after, **further)))
                return opened[-1]

            yield source
            for one in opened:
                one.close()

    test_files_are_listed_oldest_first = None  # type: ignore[assignment]  # such a server tells no times


class TestTargetOfAnOldServer(OldServer, TargetContract):
    @pytest.fixture
    def root(self, root: Path) -> Path:
        return root

    @pytest.fixture
    def open_target(self, root: Path) -> Iterator[Callable[..., Target]]:
        opened: list[Target] = []
        with ftp_server(root, **self.options) as server:

            def target(folder: str = "", **further: Any) -> Target:
                opened.append(endpoint(server.port).target(Dropoff(folder, **further)))
                return opened[-1]

            yield target
            for one in opened:
                one.close()


class TestListings:
    def test_an_empty_folder_that_answers_550_is_empty_and_a_missing_one_is_not(self, root: Path) -> None:
        def ftp_nlst(self: FTPHandler, path: str) -> Any:
            return FTPHandler.ftp_NLST(self, path) if any(Path(path).iterdir()) else self.respond("550 No files.")

        with ftp_server(root, ftp_NLST=ftp_nlst, **without("MLSD", "MLST")) as server:
            assert list(endpoint(server.port).source(Pickup()).list()) == []
            with pytest.raises(EndpointUnreachable) as caught:
                list(endpoint(server.port).source(Pickup("export")).list())
        assert caught.value.message.startswith(
            f"the folder ftp://127.0.0.1:{server.port}/export cannot be entered: the server says `550"
        )

    def test_the_folder_itself_in_the_listing_is_left_out(self) -> None:
        """pure-ftpd and others answer NLST with `.` and `..`, some with the whole path of each file."""
        with scripted_ftp(FEAT="502 no", NLST=["out/.", "out/..", "/out/orders.xml"]) as server:
            (entry,) = endpoint(server.port).source(Pickup()).list()
        assert (entry.name, entry.size) == ("orders.xml", 9)

    @pytest.mark.parametrize("name", ["/etc/orders.xml", "a\x07b.xml", "C:\\orders.xml"])
    def test_a_listed_name_that_leads_elsewhere_is_told_by_mlsd_as_it_is(self, name: str) -> None:
        """The intake refuses such names (S010); the listing does not hide them."""
        with scripted_ftp(MLSD=[f"type=file;size=9;modify=20261120100000; {name}"]) as server:
            (entry,) = endpoint(server.port).source(Pickup()).list()
        assert entry.name == name

    def test_a_name_with_a_path_is_cut_down_to_the_folder_by_nlst(self) -> None:
        with scripted_ftp(FEAT="502 no", NLST=["../../etc/orders.xml"]) as server:
            (entry,) = endpoint(server.port).source(Pickup()).list()
        assert entry.name == "orders.xml"

    def test_a_size_that_is_no_number_is_a_size_that_is_not_told(self) -> None:
        with scripted_ftp(MLSD=["type=file;size=unknown;modify=yesterday; orders.xml"]) as server:
            (entry,) = endpoint(server.port).source(Pickup()).list()
        assert (entry.size, entry.modified) == (None, None)

    @pytest.mark.parametrize(
        "line",
        [
            "-rw-r--r--   1 shop     shop            9 Nov 20 10:00 orders 1.xml",
            "11-20-26  10:00AM                    9 orders 1.xml",
        ],
        ids=["as Unix does", "as Windows does"],
    )
    def test_without_size_the_listing_for_people_has_to_do(self, line: str) -> None:
        with scripted_ftp(FEAT="502 no", SIZE="502 no", NLST=["orders 1.xml"], LIST=[line]) as server:
            (entry,) = endpoint(server.port).source(Pickup()).list()
        assert (entry.name, entry.size) == ("orders 1.xml", 9)

    def test_names_in_windows_1250_are_refused_with_the_option_that_helps(self, root: Path) -> None:
        (root / "objednávka č 1.xml").write_bytes(b"<a/>")
        with ftp_server(root, encoding="cp1250", unicode_errors="strict", **without("MLSD", "MLST")) as server:
            with pytest.raises(EndpointRefused) as caught:
                list(endpoint(server.port).source(Pickup()).list())
            source = endpoint(server.port, encoding="windows-1250").source(Pickup(after=MOVE))
            assert read(source) == b"<a/>"
            (entry,) = source.list()
            source.ack(entry, Outcome.DONE)
        assert (caught.value.code, caught.value.message, caught.value.help) == (
            "E009",
            f"ftp://127.0.0.1:{server.port}/: cannot list the folder: a file name there is not utf-8",
            "set `encoding:` of the endpoint to the server's, such as windows-1250",
        )
        assert (root / "done" / "objednávka č 1.xml").exists()


class TestSizes:
    def test_a_server_that_refuses_size_in_ascii_mode_is_asked_in_binary_mode(self, root: Path) -> None:
        """Listing switches to ASCII mode each time."""

        def ftp_size(self: FTPHandler, path: str) -> Any:
            ascii_mode = self._current_type == "a"
            return self.respond("550 not in ASCII mode") if ascii_mode else FTPHandler.ftp_SIZE(self, path)

        (root / "orders.xml").write_bytes(b"<a/>")
        with ftp_server(root, ftp_SIZE=ftp_size, **without("MLSD", "MLST")) as server:
            source = endpoint(server.port).source(Pickup(after=DELETE))
            assert read(source) == b"<a/>"
            (entry,) = source.list()
            source.ack(entry, Outcome.DONE)
        assert list(root.iterdir()) == []

    def test_a_download_whose_size_was_told_wrong_is_not_taken(self, root: Path) -> None:
        (root / "orders.xml").write_bytes(b"<orders/>")
        with ftp_server(root, ftp_SIZE=answers("213 5")) as server, pytest.raises(EndpointUnreachable) as caught:
            read(endpoint(server.port).source(Pickup()))
        assert caught.value.message == (
            f"ftp://127.0.0.1:{server.port}/: orders.xml came with 9 bytes, the server says 5 before and 5 after"
        )

    def test_a_file_that_grows_while_it_is_read_is_not_taken(self, root: Path) -> None:
        (root / "orders.xml").write_bytes(b"<orders>")

        def ftp_retr(self: FTPHandler, path: str) -> Any:
            answer = FTPHandler.ftp_RETR(self, path)
            with Path(path).open("ab") as file:
                file.write(b"<order/></orders>")
            return answer

        with ftp_server(root, ftp_RETR=ftp_retr) as server, pytest.raises(EndpointUnreachable) as caught:
            read(endpoint(server.port).source(Pickup()))
        assert caught.value.code == "E006"


class TestConnections:
    def test_the_private_address_of_a_server_behind_a_router_is_ignored(self, root: Path) -> None:
        with ftp_server(root, masquerade_address="10.99.99.99") as server:
            options = {"connect_timeout": 2, "data_timeout": 2}
            target = endpoint(server.port, **options).target(Dropoff())
            # IPv4 asks by PASV, whose answer has an address
            target.publish(target.stage("a.xml", b"<a/>", attempt="1"))
            target.close()
        assert (root / "a.xml").read_bytes() == b"<a/>"

    def test_a_connection_that_was_idle_for_too_long_is_opened_anew(self, root: Path) -> None:
        (root / "orders.xml").write_bytes(b"<a/>")
        with ftp_server(root, timeout=0.3) as server:
            source = endpoint(server.port).source(Pickup())
            assert read(source) == b"<a/>"
            time.sleep(0.6)
            with pytest.raises(EndpointUnreachable):
                list(source.list())
            assert read(source) == b"<a/>"
            source.close()

    def test_too_many_connections_is_a_passing_trouble(self) -> None:
        welcome = "421 There are too many connections from your address."
        with scripted_ftp(welcome=welcome) as server, pytest.raises(EndpointUnreachable) as caught:
            endpoint(server.port).probe()
        assert caught.value.message == (
            f"ftp://127.0.0.1:{server.port}/: cannot connect: "
            "the server says `421 There are too many connections from your address.`"
        )

    @pytest.mark.parametrize("welcome", ["HTTP/1.1 400 Bad Request", "", "SSH-2.0-OpenSSH_9.2"])
    def test_a_port_where_no_ftp_answers_is_a_passing_trouble(self, welcome: str) -> None:
        with scripted_ftp(welcome=welcome) as server, pytest.raises(EndpointUnreachable) as caught:
            endpoint(server.port, connect_timeout=0.5).probe()
        assert caught.value.code == "E001"

    def test_a_login_that_is_refused_for_a_while_is_a_refused_login(self) -> None:
        answer = "530 Too many logins, try again later."
        with scripted_ftp(PASS=answer) as server, pytest.raises(LoginRefused) as caught:
            endpoint(server.port).probe()
        assert caught.value.message == (
            "127.0.0.1: the login of `shop` is refused: `530 Too many logins, try again later.`"
        )

    def test_a_server_that_never_answers_ends_with_the_time_out(self) -> None:
        with scripted_ftp(USER=None) as server:
            began = time.monotonic()
            with pytest.raises(EndpointUnreachable) as caught:
                endpoint(server.port, connect_timeout=0.4).probe()
        assert time.monotonic() - began < 3
        assert caught.value.message == f"ftp://127.0.0.1:{server.port}/: cannot connect: no answer in time"

    def test_a_server_that_is_silent_at_the_farewell_is_left(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ftp, "_FAREWELL", 0.3)
        with scripted_ftp(QUIT=None) as server:
            target = endpoint(server.port).target(Dropoff())
            target.refresh()
            staged = target.named("a.xml", 9, attempt="1")
            assert target.look(staged) is Look.STAGED
            began = time.monotonic()
            target.close()
        assert time.monotonic() - began < 3


class TestTransfers:
    @pytest.mark.parametrize("passive", [True, False])
    def test_every_wait_of_a_transfer_ends_with_the_data_timeout(self, root: Path, passive: bool) -> None:
        """The answer after the data never comes, and the line stays up."""

        def respond(self: FTPHandler, resp: str, *args: Any, **options: Any) -> Any:
            return None if resp.startswith("226") else FTPHandler.respond(self, resp, *args, **options)

        (root / "orders.xml").write_bytes(b"<a/>")
        with ftp_server(root, respond=respond) as server:
            began = time.monotonic()
            options = {"data_timeout": 0.5, "passive": passive}
            with pytest.raises(EndpointUnreachable) as fetched:
                endpoint(server.port, **options).source(Pickup()).read(Entry("orders.xml", 4), io.BytesIO())
            with pytest.raises(EndpointUnreachable) as stored:
                endpoint(server.port, **options).target(Dropoff()).stage("a.xml", b"<a/>", attempt="1")
            assert time.monotonic() - began < 5
        assert fetched.value.message.endswith("cannot fetch orders.xml: no answer in time")
        assert stored.value.message.endswith("cannot upload .a.xml.1.tmp: no answer in time")

    def test_an_upload_whose_226_never_comes_may_be_repeated(self, root: Path) -> None:
        def respond(self: FTPHandler, resp: str, *args: Any, **options: Any) -> Any:
            return self.close() if resp.startswith("226") else FTPHandler.respond(self, resp, *args, **options)

        with ftp_server(root, respond=respond) as server:
            target = endpoint(server.port).target(Dropoff())
            with pytest.raises(EndpointUnreachable) as caught:
                target.stage("a.xml", b"<a/>", attempt="1")
        assert caught.value.message == (
            f"ftp://127.0.0.1:{server.port}/: cannot upload .a.xml.1.tmp: the server closed the connection"
        )
        assert not (root / "a.xml").exists()

    def test_a_download_that_drips_is_given_up_after_transfer_timeout(self, root: Path) -> None:
        class Drips(ThrottledDTPHandler):
            write_limit = 100_000

        (root / "orders.xml").write_bytes(b"x" * 1_000_000)
        with ftp_server(root, dtp_handler=Drips) as server:
            source = endpoint(server.port, transfer_timeout=0.5).source(Pickup())
            with pytest.raises(EndpointUnreachable) as caught:
                read(source)
        assert caught.value.code == "E012"
        assert "`transfer_timeout` is 0.5" in caught.value.message

    def test_an_upload_that_drips_is_given_up_after_transfer_timeout(self, root: Path) -> None:
        class Drips(ThrottledDTPHandler):
            read_limit = 1_000_000

        with ftp_server(root, dtp_handler=Drips) as server:
            target = endpoint(server.port, transfer_timeout=0.5).target(Dropoff())
            content = b"x" * 20_000_000  # the system's buffers swallow the first millions at once
            with pytest.raises(EndpointUnreachable) as caught:
                target.stage("a.xml", content, attempt="1")
        assert caught.value.code == "E012"
        assert not (root / "a.xml").exists()

    def test_a_server_that_is_slower_than_minimum_rate_is_given_up(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Drips(ThrottledDTPHandler):
            write_limit = 20_000

        monkeypatch.setattr(pace, "_PATIENCE", 0.5)
        (root / "orders.xml").write_bytes(b"x" * 1_000_000)
        with ftp_server(root, dtp_handler=Drips) as server:
            source = endpoint(server.port, minimum_rate=1_000_000).source(Pickup())
            with pytest.raises(EndpointUnreachable) as caught:
                read(source)
            # and the source is of use again
            assert [entry.name for entry in source.list()] == ["orders.xml"]
            source.close()
        assert "`minimum_rate` is 1000000" in caught.value.message


class TestRefusals:
    @pytest.mark.parametrize(
        ("answer", "code", "said", "retryable"),
        [
            ("452 Insufficient storage space.", "E001", "cannot upload .a.xml.1.tmp: the server says", True),
            ("552 Quota exceeded.", "E008", "the account is full:", False),
            ("553 Read-only server.", "E004", "cannot upload .a.xml.1.tmp: the server says", False),
        ],
    )
    def test_an_upload_that_is_refused_is_told_with_the_servers_words(
        self, root: Path, answer: str, code: str, said: str, retryable: bool
    ) -> None:
        with ftp_server(root, ftp_STOR=answers(answer)) as server, pytest.raises(EndpointError) as caught:
            endpoint(server.port).target(Dropoff()).stage("a.xml", b"<a/>", attempt="1")
        assert (caught.value.code, caught.value.retryable) == (code, retryable)
        assert caught.value.message == f"ftp://127.0.0.1:{server.port}/: {said} `{answer}`"
        assert caught.value.help is None

    def test_a_rename_over_a_file_that_came_meanwhile_is_refused_and_nothing_lost(self, root: Path) -> None:
        """IIS refuses it; the name was free when the gateway looked."""

        def ftp_rnto(self: FTPHandler, path: str) -> Any:
            Path(path).write_bytes(b"somebody else's")
            return self.respond("550 Cannot create a file when that file already exists.")

        with ftp_server(root, ftp_RNTO=ftp_rnto) as server:
            target = endpoint(server.port).target(Dropoff())
            staged = target.stage("a.xml", b"<a/>", attempt="1")
            with pytest.raises(EndpointRefused) as caught:
                target.publish(staged)
            assert target.look(staged) is Look.STAGED
            target.close()
        assert caught.value.code == "E004"
        assert (root / "a.xml").read_bytes() == b"somebody else's"

    @pytest.mark.parametrize("answer", ["550 not allowed here", "450 busy"])
    def test_a_file_that_may_not_be_deleted_stays_and_is_told(self, root: Path, answer: str) -> None:
        (root / "orders.xml").write_bytes(b"<a/>")
        with ftp_server(root, ftp_DELE=answers(answer)) as server:
            source = endpoint(server.port).source(Pickup(after=DELETE))
            (entry,) = source.list()
            with pytest.raises(EndpointError) as caught:
                source.ack(entry, Outcome.DONE)
            source.close()
        assert f"cannot remove orders.xml: the server says `{answer}`" in caught.value.message

    def test_a_lost_answer_to_the_rename_that_was_not_done_leaves_it_staged(self, root: Path) -> None:
        def ftp_rnto(self: FTPHandler, path: str) -> Any:
            return self.close()

        with ftp_server(root, ftp_RNTO=ftp_rnto) as server:
            target = endpoint(server.port).target(Dropoff())
            staged = target.stage("a.xml", b"<a/>", attempt="1")
            with pytest.raises(OutcomeUnknown):
                target.publish(staged)
            assert target.look(staged) is Look.STAGED
            target.close()

    def test_a_line_that_is_cut_at_the_announcement_of_a_rename_has_surely_changed_nothing(
        self, root: Path
    ) -> None:
        def ftp_rnfr(self: FTPHandler, path: str) -> Any:
            return self.close()

        with ftp_server(root, ftp_RNFR=ftp_rnfr) as server:
            target = endpoint(server.port).target(Dropoff())
            with pytest.raises(EndpointUnreachable):
                target.publish(target.stage("a.xml", b"<a/>", attempt="1"))
            target.close()

    @pytest.mark.parametrize("answer", ["450 busy", "250 done, as it seems"])
    def test_an_announcement_that_is_not_understood_has_surely_changed_nothing(
        self, root: Path, answer: str
    ) -> None:
        with ftp_server(root, ftp_RNFR=answers(answer)) as server:
            target = endpoint(server.port).target(Dropoff())
            with pytest.raises(EndpointUnreachable):
                target.publish(target.stage("a.xml", b"<a/>", attempt="1"))
            target.close()

    @pytest.mark.parametrize(("gone", "kind"), [(True, OutcomeUnknown), (False, EndpointRefused)])
    def test_a_rename_whose_old_name_is_gone_may_have_been_done(
        self, root: Path, gone: bool, kind: type[EndpointError]
    ) -> None:
        """By an earlier one that was not answered in time; a name that is there is just refused."""
        with ftp_server(root, ftp_RNFR=answers("550 No such file.")) as server:
            target = endpoint(server.port).target(Dropoff())
            staged = target.stage("a.xml", b"<a/>", attempt="1")
            if gone:
                (root / staged.temporary).unlink()
            with pytest.raises(kind):
                target.publish(staged)
            target.close()


class TestReplacing:
    """The receiver's file is removed only where the server may have refused because of it."""

    @pytest.mark.parametrize(
        "answer", ["550 Permission denied.", "550 Access is denied.", "553 Rename not allowed.", "501 what?"]
    )
    def test_it_stays_where_the_reason_is_another(self, root: Path, answer: str) -> None:
        (root / "a.xml").write_bytes(b"old")
        with ftp_server(root, ftp_RNTO=answers(answer)) as server:
            target = endpoint(server.port).target(Dropoff())
            with pytest.raises(EndpointRefused):
                target.publish(target.stage("a.xml", b"<a/>", attempt="1"), over=3)
            target.close()
        assert (root / "a.xml").read_bytes() == b"old"

    @pytest.mark.parametrize("command", ["ftp_RNFR", "ftp_RNTO"])
    def test_it_stays_where_the_temporary_file_is_gone(self, root: Path, command: str) -> None:
        def taken(self: FTPHandler, path: str) -> Any:
            (root / ".a.xml.1.tmp").unlink()
            return self.respond("550 No such file.")

        (root / "a.xml").write_bytes(b"old")
        with ftp_server(root, **{command: taken}) as server:
            target = endpoint(server.port).target(Dropoff())
            staged = target.stage("a.xml", b"<a/>", attempt="1")
            with pytest.raises(OutcomeUnknown):
                target.publish(staged, over=3)
            target.close()
        assert (root / "a.xml").read_bytes() == b"old"

    @pytest.mark.parametrize("answer", ["550 File exists.", "553 Name is taken."])
    def test_it_is_replaced_where_it_may_be_in_the_way(self, root: Path, answer: str) -> None:
        def ftp_rnto(self: FTPHandler, path: str) -> Any:
            return self.respond(answer) if Path(path).exists() else FTPHandler.ftp_RNTO(self, path)

        (root / "a.xml").write_bytes(b"old")
        with ftp_server(root, ftp_RNTO=ftp_rnto) as server:
            target = endpoint(server.port).target(Dropoff())
            target.publish(target.stage("a.xml", b"<a/>", attempt="1"), over=3)
            target.close()
        assert (root / "a.xml").read_bytes() == b"<a/>"
