"""An SFTP server in this process: both contracts, and the misbehaviours that OpenSSH cannot be told."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paramiko
import pytest
from paramiko.sftp import SFTP_FAILURE, SFTP_NO_SUCH_FILE, SFTP_PERMISSION_DENIED
from pydantic import SecretStr

from gateway.endpoints import Dropoff, Look, Outcome, Pickup, Source, Target
from gateway.endpoints.guard import Guard
from gateway.endpoints.sftp import SftpEndpoint, SftpOptions
from gateway.errors import (
    EndpointError,
    EndpointRefused,
    EndpointUnreachable,
    HostNotTrusted,
    HostUnreachable,
    LoginRefused,
    OutcomeUnknown,
)
from tests.endpoints.contract import DELETE, KEEP, MOVE, SourceContract, TargetContract
from tests.sftp_server import PASSWORD, USER, Misbehaviour, RunningSftp, sftp_server

LARGE = bytes(range(256)) * 4096


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "account"
    folder.mkdir()
    return folder


@pytest.fixture
def server(root: Path) -> Iterator[RunningSftp]:
    with sftp_server(root) as running:
        yield running


def endpoint(server: RunningSftp, **options: Any) -> SftpEndpoint:
    known = server.root.parent / "known_hosts"
    if not known.exists():
        known.write_text(server.known_host + "\n")
    given: dict[str, Any] = {
        "host": server.host,
        "port": server.port,
        "user": USER,
        "password": SecretStr(PASSWORD),
        "known_hosts": known,
        "connect_timeout": 3,
        "data_timeout": 0.5,
    }
    return SftpEndpoint("office", SftpOptions(**{**given, **options}), root=server.root)


def shown(key: paramiko.PKey) -> str:
    """A host key as `ssh-keygen -l` shows it."""
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode()
    return f"{key.get_name()} SHA256:{digest.rstrip('=')}"


class TestSourceOfAServerInThisProcess(SourceContract):
    @pytest.fixture
    def root(self, root: Path) -> Path:
        return root

    @pytest.fixture
    def open_source(self, server: RunningSftp) -> Iterator[Callable[..., Source]]:
        opened: list[Source] = []

        def source(folder: str = "", files: Any = ("*.xml",), after: Any = KEEP, **further: Any) -> Source:
            pickup = Pickup(folder, tuple(files), after, **further)
            opened.append(endpoint(server, data_timeout=5).source(pickup))
            return opened[-1]

        yield source
        for one in opened:
            one.close()


class TestTargetOfAServerInThisProcess(TargetContract):
    """It knows no posix-rename, and its rename refuses a name that is taken."""

    @pytest.fixture
    def root(self, root: Path) -> Path:
        return root

    @pytest.fixture
    def open_target(self, server: RunningSftp) -> Iterator[Callable[..., Target]]:
        opened: list[Target] = []

        def target(folder: str = "", **further: Any) -> Target:
            opened.append(endpoint(server, data_timeout=5).target(Dropoff(folder, **further)))
            return opened[-1]

        yield target
        for one in opened:
            one.close()


def test_a_server_that_is_silent_before_its_banner_is_given_up(root: Path) -> None:
    with sftp_server(root, Misbehaviour(silent=True)) as server:
        began = time.monotonic()
        with pytest.raises(EndpointUnreachable) as caught:
            endpoint(server, connect_timeout=0.5).probe()
    assert time.monotonic() - began < 5
    where, said = caught.value.message.split(": cannot connect: ")
    assert where == f"sftp://127.0.0.1:{server.port}/"
    # paramiko's own two clocks are equal, and either may be first
    assert said in ("no answer in time", "error reading SSH protocol banner")


@pytest.mark.parametrize(
    ("misbehaviour", "words"),
    [
        (Misbehaviour(silent_at_login=True), "no answer in time"),
        (Misbehaviour(cuts_at_login=True), "the server closed the connection"),
    ],
    ids=["silent", "cut"],
)
def test_a_line_that_dies_during_the_login_is_no_refused_login(
    root: Path, misbehaviour: Misbehaviour, words: str
) -> None:
    """Three refused logins hold a target; a bad line must not."""
    with sftp_server(root, misbehaviour) as server, pytest.raises(EndpointUnreachable) as caught:
        endpoint(server, connect_timeout=0.5).probe()
    assert caught.value.message == f"sftp://127.0.0.1:{server.port}/: cannot connect: {words}"


def test_a_port_where_something_else_answers_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        options = SftpOptions(
            host="127.0.0.1",
            port=listener.getsockname()[1],
            user=USER,
            connect_timeout=0.5,
            password=SecretStr("x"),
        )
        with pytest.raises(EndpointUnreachable) as caught:
            SftpEndpoint("office", options, root=tmp_path).probe()
    assert caught.value.code == "E001"


def test_a_download_that_stalls_ends_with_the_data_timeout_and_the_source_is_of_use_again(
    root: Path, server: RunningSftp
) -> None:
    (root / "orders.xml").write_bytes(LARGE)
    server.misbehaviour.stalls_reading_after = 100_000
    source = endpoint(server).source(Pickup("", ("*.xml",), KEEP))
    (entry,) = source.list()
    began = time.monotonic()
    with pytest.raises(EndpointUnreachable) as caught:
        source.read(entry, io.BytesIO())
    assert time.monotonic() - began < 5
    assert caught.value.message == f"sftp://127.0.0.1:{server.port}/: cannot fetch orders.xml: no answer in time"
    # and once the server answers again, so does the source
    server.misbehaviour.stalls_reading_after = None
    into = io.BytesIO()
    source.read(entry, into)
    source.close()
    assert into.getvalue() == LARGE


def test_an_upload_that_stalls_ends_with_the_data_timeout_and_nothing_has_the_final_name(
    root: Path, server: RunningSftp
) -> None:
    server.misbehaviour.stalls_writing_after = 100_000
    target = endpoint(server).target(Dropoff())
    began = time.monotonic()
    with pytest.raises(EndpointUnreachable):
        target.stage("order.xml", LARGE, attempt="d1-1")
    assert time.monotonic() - began < 8
    assert not (root / "order.xml").exists()


def test_a_download_that_is_cut_is_retryable_and_never_short(root: Path, server: RunningSftp) -> None:
    (root / "orders.xml").write_bytes(LARGE)
    server.misbehaviour.cuts_reading_after = 200_000
    source = endpoint(server).source(Pickup("", ("*.xml",), KEEP))
    (entry,) = source.list()
    with pytest.raises(EndpointUnreachable) as caught:
        source.read(entry, io.BytesIO())
    assert caught.value.retryable


def test_an_upload_that_the_server_shortens_is_noticed_before_it_gets_its_name(
    root: Path, server: RunningSftp
) -> None:
    server.misbehaviour.shortens_files_to = 3
    target = endpoint(server).target(Dropoff())
    with pytest.raises(EndpointUnreachable) as caught:
        target.stage("order.xml", b"<order/>", attempt="d1-1")
    target.close()
    assert caught.value.message == (
        f"sftp://127.0.0.1:{server.port}/: .order.xml.d1-1.tmp has 3 bytes there instead of 8"
    )
    assert not (root / "order.xml").exists()


def test_a_server_that_tells_wrong_sizes_gets_nothing_published(root: Path, server: RunningSftp) -> None:
    server.misbehaviour.size_told = 1
    target = endpoint(server).target(Dropoff())
    with pytest.raises(EndpointUnreachable) as caught:
        target.stage("order.xml", b"<order/>", attempt="d1-1")
    target.close()
    assert "has 1 bytes there instead of 8" in caught.value.message


def test_a_download_of_another_size_than_told_is_not_taken(root: Path, server: RunningSftp) -> None:
    (root / "orders.xml").write_bytes(b"<orders/>")
    server.misbehaviour.size_told = 5
    source = endpoint(server).source(Pickup("", ("*.xml",), DELETE))
    (entry,) = source.list()
    with pytest.raises(EndpointUnreachable) as caught:
        source.read(entry, io.BytesIO())
    source.close()
    assert caught.value.message == (
        f"sftp://127.0.0.1:{server.port}/: orders.xml came with 9 bytes, the server says 5 before and 5 after"
    )
    assert (root / "orders.xml").exists()


def test_a_server_that_takes_files_away_at_close_is_an_error_that_says_where_it_missed_the_file(
    root: Path, server: RunningSftp, tmp_path: Path
) -> None:
    """Such a server cannot be shipped to by renaming; nobody may believe that the file has arrived."""
    server.misbehaviour.takes_away_at_close = tmp_path
    target = endpoint(server).target(Dropoff())
    with pytest.raises(EndpointUnreachable) as caught:
        target.stage("order.xml", b"<order/>", attempt="d1-1")
    target.close()
    assert caught.value.message == (
        f"sftp://127.0.0.1:{server.port}/: .order.xml.d1-1.tmp has None bytes there instead of 8"
    )


def test_a_rename_that_would_replace_is_never_asked_for(root: Path, server: RunningSftp) -> None:
    server.misbehaviour.renames_over = True
    (root / "order.xml").write_bytes(b"somebody else's")
    target = endpoint(server).target(Dropoff())
    with pytest.raises(EndpointRefused) as caught:
        target.publish(target.stage("order.xml", b"<order/>", attempt="d1-1"))
    target.close()
    place = f"sftp://127.0.0.1:{server.port}/"
    assert (caught.value.code, caught.value.message, caught.value.help) == (
        "E007",
        f"{place}: a file named order.xml is there already and was not sent by this delivery",
        "move that file away, then `gateway retry` the delivery",
    )
    assert (root / "order.xml").read_bytes() == b"somebody else's"


def test_a_lost_answer_to_the_rename_is_an_unknown_outcome_and_looking_settles_it(
    root: Path, server: RunningSftp
) -> None:
    target = endpoint(server).target(Dropoff())
    staged = target.stage("order.xml", b"<order/>", attempt="d1-1")
    server.misbehaviour.loses_answer_to_rename = True
    with pytest.raises(OutcomeUnknown):
        target.publish(staged)
    assert target.look(staged) is Look.PUBLISHED
    target.close()


def test_a_lost_answer_to_the_after_work_rename_is_paid_by_the_next_ack(root: Path, server: RunningSftp) -> None:
    (root / "orders.xml").write_bytes(b"<orders/>")
    source = endpoint(server).source(Pickup("", ("*.xml",), MOVE))
    (entry,) = source.list()
    server.misbehaviour.loses_answer_to_rename = True
    with pytest.raises(OutcomeUnknown):
        source.ack(entry, Outcome.DONE)
    source.ack(entry, Outcome.DONE)
    source.close()
    assert [path.name for path in (root / "done").iterdir()] == ["orders.xml"]


def test_a_server_with_another_key_than_yesterday_gets_no_password(root: Path, tmp_path: Path) -> None:
    # given a host key that is known
    with sftp_server(root) as server:
        assert endpoint(server).probe() == "login ok, 0 names"
    # when another server answers there
    key = paramiko.ECDSAKey.generate()
    with sftp_server(root, port=server.port, key=key) as impostor, pytest.raises(HostNotTrusted) as caught:
        endpoint(impostor).probe()
    # then the key is told
    assert (caught.value.code, caught.value.message) == (
        "E011",
        f"sftp://127.0.0.1:{impostor.port}/: the host key has changed: it is {shown(key)} now",
    )
    assert caught.value.help == (
        "ask the server's owner whether it was renewed; only then remove the old line from "
        f"{tmp_path / 'known_hosts'} and run `gateway trust-host office`"
    )


def test_a_server_that_nobody_has_trusted_yet_gets_no_password(root: Path, tmp_path: Path) -> None:
    key = paramiko.ECDSAKey.generate()
    with sftp_server(root, key=key) as server, pytest.raises(HostNotTrusted) as caught:
        endpoint(server, known_hosts=tmp_path / "none").probe()
    assert (caught.value.code, caught.value.message, caught.value.help) == (
        "E011",
        f"the host key of [127.0.0.1]:{server.port} is not known: it says it is {shown(key)}",
        "compare that with what the server's owner tells you, then `gateway trust-host office`",
    )


def test_a_wrong_password_is_a_refused_login_that_never_shows_it(server: RunningSftp) -> None:
    with pytest.raises(LoginRefused) as caught:
        endpoint(server, password=SecretStr("guessed")).probe()
    assert caught.value.message == "127.0.0.1: the login of `shop` is refused"


def test_a_transfer_that_drips_is_given_up_after_transfer_timeout(root: Path, server: RunningSftp) -> None:
    (root / "orders.xml").write_bytes(LARGE)
    source = endpoint(server, transfer_timeout=0.001).source(Pickup("", ("*.xml",), KEEP))
    (entry,) = source.list()
    with pytest.raises(EndpointUnreachable) as caught:
        source.read(entry, io.BytesIO())
    source.close()
    assert (caught.value.code, caught.value.retryable) == ("E012", True)


def threads_of_the_client() -> list[threading.Thread]:
    """The threads that a connection to a server leaves while it is open, or for ever."""
    found = [one for one in threading.enumerate() if one.name == "guard" or "prefetch" in one.name]
    return found + [
        one
        for one in threading.enumerate()
        if isinstance(one, paramiko.Transport) and not one.server_mode and one.is_active()
    ]


@contextmanager
def line_that_takes_only(count: int, server: RunningSftp) -> Iterator[int]:
    """The port of a relay to the server which reads no more after so many bytes; the connection stays up."""
    stop = threading.Event()

    def pass_on(here: socket.socket, there: socket.socket, most: float) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while passed < most and (block := here.recv(4096)):
                passed += len(block)
                there.sendall(block)
            stop.wait()

    def relay(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection((server.host, server.port))
                for pair in ((near, far, count), (far, near, float("inf"))):
                    threading.Thread(target=pass_on, args=pair, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        threading.Thread(target=relay, args=(listener,), daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            stop.set()


@pytest.mark.parametrize(
    "misbehaviour", [Misbehaviour(silent_at_subsystem=True), Misbehaviour(silent_at_version=True)]
)
def test_a_server_that_is_silent_after_the_login_is_given_up(root: Path, misbehaviour: Misbehaviour) -> None:
    with sftp_server(root, misbehaviour) as server:
        began = time.monotonic()
        with pytest.raises(HostUnreachable) as caught:
            endpoint(server, connect_timeout=1).probe()
        assert time.monotonic() - began < 5
        assert threads_of_the_client() == []
    assert caught.value.message == f"sftp://127.0.0.1:{server.port}/: cannot connect: no answer in time"


def test_a_server_that_speaks_no_sftp_is_a_passing_trouble(root: Path) -> None:
    with sftp_server(root, Misbehaviour(speaks_garbage=True)) as server, pytest.raises(EndpointError) as caught:
        endpoint(server).probe()
    assert (caught.value.code, caught.value.retryable) == ("E001", True)
    assert "garbage packet received" in caught.value.message


@pytest.mark.parametrize("size", [2_000_000, 12_000_000])
def test_an_upload_to_a_peer_that_stops_reading_ends_with_the_data_timeout(
    server: RunningSftp, tmp_path: Path, size: int
) -> None:
    """The system's buffers are full then, and paramiko tries to send again and again."""
    with line_that_takes_only(200_000, server) as port:
        known = tmp_path / "known_hosts"
        known.write_text(server.known_host.replace(f":{server.port}", f":{port}") + "\n")
        target = endpoint(server, port=port, known_hosts=known, data_timeout=1).target(Dropoff())
        began = time.monotonic()
        with pytest.raises(EndpointUnreachable) as caught:
            target.stage("order.xml", bytes(size), attempt="d1-1")
        assert time.monotonic() - began < 8
        assert threads_of_the_client() == []
        target.close()
    assert caught.value.message.endswith("cannot upload .order.xml.d1-1.tmp: no answer in time")


def test_a_download_that_stalls_leaves_no_thread_behind(root: Path, server: RunningSftp) -> None:
    (root / "orders.xml").write_bytes(bytes(6_000_000))
    server.misbehaviour.stalls_reading_after = 200_000
    source = endpoint(server).source(Pickup("", ("*.xml",), KEEP))
    (entry,) = source.list()
    with pytest.raises(EndpointUnreachable):
        source.read(entry, io.BytesIO())
    assert threads_of_the_client() == []


@pytest.mark.parametrize("most", [1, 1000, 20_000])
def test_a_server_that_gives_less_than_it_was_asked_for_is_asked_for_the_rest(
    root: Path, server: RunningSftp, most: int
) -> None:
    content = LARGE[: most * 7 + 1]
    (root / "orders.xml").write_bytes(content)
    server.misbehaviour.reads_at_most = most
    source = endpoint(server, data_timeout=5).source(Pickup("", ("*.xml",), KEEP))
    (entry,) = source.list()
    into = io.BytesIO()
    source.read(entry, into)
    source.close()
    assert into.getvalue() == content


def test_a_folder_that_may_not_be_entered_is_told_and_leaves_no_connection(root: Path) -> None:
    (root / "out").mkdir()
    with sftp_server(root, Misbehaviour(refuses_to_look=True)) as server:
        target = endpoint(server).target(Dropoff("out"))
        for attempt in "123":
            with pytest.raises(EndpointUnreachable) as caught:
                target.stage("order.xml", b"<order/>", attempt=attempt)
        assert threads_of_the_client() == []
        target.close()
    assert caught.value.code == "E003"
    assert caught.value.message == (
        f"the folder sftp://127.0.0.1:{server.port}/out cannot be entered: the server says `Permission denied`"
    )


def test_a_folder_that_is_not_there_leaves_no_connection(server: RunningSftp) -> None:
    source = endpoint(server).source(Pickup("out"))
    for _ in range(3):
        with pytest.raises(EndpointUnreachable):
            list(source.list())
    assert threads_of_the_client() == []


class TestKeyFiles:
    def refusal(self, server: RunningSftp, key_file: Path, **options: Any) -> LoginRefused:
        with pytest.raises(LoginRefused) as caught:
            endpoint(server, key_file=key_file, password=None, **options).probe()
        where = f"127.0.0.1: `key_file` {key_file} cannot be used: "
        assert caught.value.message.startswith(where)
        assert caught.value.code == "E002"
        return LoginRefused(caught.value.message.removeprefix(where), code="E002", help=caught.value.help)

    def test_one_that_is_not_there_says_nothing_against_the_host(
        self, server: RunningSftp, tmp_path: Path
    ) -> None:
        told = self.refusal(server, tmp_path / "nowhere" / "id_ed25519")
        assert told.message == "no such file or directory"
        assert told.help == "check `key_file:` of the endpoint, and that the gateway's account may read it"

    @pytest.mark.parametrize("content", [b"", b"garbage\n", bytes(range(256))])
    def test_one_that_is_no_key(self, server: RunningSftp, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "key").write_bytes(content)
        assert self.refusal(server, tmp_path / "key").message == "it is no private key"

    def test_one_with_a_passphrase(self, server: RunningSftp, tmp_path: Path) -> None:
        key = tmp_path / "key"
        paramiko.ECDSAKey.generate().write_private_key_file(str(key), password="right")
        assert self.refusal(server, key).message == "it has a passphrase"
        told = self.refusal(server, key, key_passphrase=SecretStr("wrong"))
        assert (told.message, told.help) == (
            "the passphrase is wrong",
            "check `key_passphrase:` of the endpoint",
        )
        # the right one gets as far as the server, which knows no keys
        with pytest.raises(LoginRefused) as caught:
            endpoint(server, key_file=key, password=None, key_passphrase=SecretStr("right")).probe()
        assert caught.value.message == "127.0.0.1: the login of `shop` is refused"


class TestReplacing:
    """The receiver's file is removed only where the server may have refused because of it."""

    @pytest.mark.parametrize("answer", [SFTP_PERMISSION_DENIED, SFTP_NO_SUCH_FILE])
    def test_it_stays_where_the_reason_is_another(self, root: Path, server: RunningSftp, answer: int) -> None:
        (root / "order.xml").write_bytes(b"old")
        target = endpoint(server).target(Dropoff())
        staged = target.stage("order.xml", b"<order/>", attempt="d1-1")
        server.misbehaviour.posix_rename_answer = answer
        with pytest.raises(EndpointError) as caught:
            target.publish(staged, over=3)
        target.close()
        assert isinstance(caught.value, OutcomeUnknown) == (answer == SFTP_NO_SUCH_FILE)
        assert (root / "order.xml").read_bytes() == b"old"

    def test_it_stays_where_the_temporary_file_is_gone(self, root: Path, server: RunningSftp) -> None:
        (root / "order.xml").write_bytes(b"old")
        target = endpoint(server).target(Dropoff())
        staged = target.stage("order.xml", b"<order/>", attempt="d1-1")
        (root / staged.temporary).unlink()
        server.misbehaviour.posix_rename_answer = SFTP_FAILURE
        with pytest.raises(OutcomeUnknown):
            target.publish(staged, over=3)
        target.close()
        assert (root / "order.xml").read_bytes() == b"old"

    def test_it_is_replaced_where_it_may_be_in_the_way(self, root: Path, server: RunningSftp) -> None:
        (root / "order.xml").write_bytes(b"old")
        target = endpoint(server).target(Dropoff())
        server.misbehaviour.posix_rename_answer = SFTP_FAILURE
        target.publish(target.stage("order.xml", b"<order/>", attempt="d1-1"), over=3)
        target.close()
        assert (root / "order.xml").read_bytes() == b"<order/>"


def test_a_rename_whose_old_name_is_gone_may_have_been_done(root: Path, server: RunningSftp) -> None:
    """By an earlier one that was not answered in time."""
    target = endpoint(server).target(Dropoff())
    staged = target.stage("order.xml", b"<order/>", attempt="d1-1")
    (root / staged.temporary).unlink()
    with pytest.raises(OutcomeUnknown):
        target.publish(staged)
    target.close()


class TestGuard:
    def test_it_never_cuts_after_its_step_and_leaves_no_thread(self) -> None:
        cuts: list[int] = []
        for _ in range(50):
            with Guard(lambda: cuts.append(1), whole=0.05):
                pass
        assert [one for one in threading.enumerate() if one.name == "guard"] == []
        time.sleep(0.1)
        assert cuts == []

    def test_it_cuts_once_where_nothing_moves_and_not_while_something_does(self) -> None:
        cuts: list[int] = []
        with Guard(lambda: cuts.append(1), whole=60, silence=0.3, moved=time.monotonic) as guard:
            time.sleep(0.6)
            assert (cuts, guard.tripped) == ([], None)
        with Guard(lambda: cuts.append(1), whole=60, silence=0.1) as guard:
            time.sleep(0.4)
        assert (cuts, guard.tripped) == ([1], "silence")
