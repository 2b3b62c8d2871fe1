"""Uploads over HTTP: what a missing or odd answer means, and that nothing is sent twice."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.endpoints import Dropoff, Look, Staged
from gateway.endpoints.http_upload import HttpTarget
from gateway.errors import EndpointError, EndpointRefused, EndpointUnreachable, LoginRefused, OutcomeUnknown
from tests.endpoints.test_http_contract import endpoint
from tests.http_server import (
    PAGE,
    Handler,
    RunningHttp,
    hang,
    hang_up,
    http_server,
    only,
    redirect,
    status,
    takes_and_hangs_up,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "office"
    (folder / "in").mkdir(parents=True)
    return folder


@pytest.fixture
def server(root: Path) -> Iterator[RunningHttp]:
    with http_server(root) as running:
        yield running


def target(server: RunningHttp, dropoff: Dropoff | None = None, **options: Any) -> HttpTarget:
    return endpoint(server, query={"key": SecretStr("key-rose-secret")}, **options).target(
        dropoff or Dropoff("/in")
    )


def published(side: HttpTarget, content: bytes = b"<a/>") -> Staged:
    staged = side.stage("order.xml", content, attempt="d1-1")
    side.publish(staged)
    return staged


def test_a_put_goes_to_its_name_after_looking_and_never_over_a_file(server: RunningHttp, root: Path) -> None:
    side = target(server, content_type="text/xml; charset=windows-1250")
    published(side)
    assert [(asked.method, asked.path) for asked in server.asked] == [
        ("HEAD", "/in/order.xml?key=key-rose-secret"),
        ("PUT", "/in/order.xml?key=key-rose-secret"),
    ]
    sent = server.asked[1].headers
    assert (sent["If-None-Match"], sent["Content-Length"]) == ("*", "4")
    assert sent["Content-Type"] == "text/xml; charset=windows-1250"
    assert "Transfer-Encoding" not in sent
    assert (root / "in" / "order.xml").read_bytes() == b"<a/>"
    assert side.place == f"{server.url}/in"


def test_a_post_goes_to_the_folder_with_the_name_in_a_header(server: RunningHttp, root: Path) -> None:
    published(target(server, method="POST"))
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/in?key=key-rose-secret", b"<a/>")
    assert asked.headers["Content-Disposition"] == "attachment; filename*=UTF-8''order.xml"
    assert "If-None-Match" not in asked.headers


def test_a_file_that_comes_in_between_is_not_replaced(server: RunningHttp, root: Path) -> None:
    def somebody_else_is_faster(handler: Handler) -> bool:
        handler.file.write_bytes(b"somebody else's")
        return False

    server.instead = only("PUT", somebody_else_is_faster)
    with pytest.raises(EndpointRefused) as caught:
        published(target(server))
    assert (caught.value.code, caught.value.message, caught.value.help) == (
        "E007",
        f"{server.url}/in: a file named order.xml is there already and was not sent by this delivery",
        "move that file away, then `gateway retry` the delivery",
    )
    assert (root / "in" / "order.xml").read_bytes() == b"somebody else's"


def test_a_server_that_is_down_got_nothing_and_may_be_tried_again() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        server = RunningHttp(Path(), port=unused.getsockname()[1])
    for method in ("PUT", "POST"):
        side = target(server, method=method)
        staged = side.stage("order.xml", b"<a/>", attempt="d1-1")
        with pytest.raises(EndpointUnreachable) as caught:
            side.publish(staged)
        assert caught.value.code == "E001"
        assert "rose" not in caught.value.message


SURELY_NOT_TAKEN: dict[str, tuple[Callable[[Handler], bool], type[EndpointError], str]] = {
    "401": (status(401), LoginRefused, "E002"),
    "404": (status(404), EndpointUnreachable, "E003"),
    "400": (status(400), EndpointRefused, "E004"),
    "413": (status(413), EndpointRefused, "E004"),
    "429": (status(429, Retry_After="5"), EndpointUnreachable, "E001"),
    "501": (status(501), EndpointRefused, "E004"),
    "503": (status(503, Retry_After="5"), EndpointUnreachable, "E001"),
    "507": (status(507), EndpointUnreachable, "E008"),
    "redirect": (status(308, Location="https://new.example.cz/in"), EndpointRefused, "E004"),
}


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize(("instead", "kind", "code"), SURELY_NOT_TAKEN.values(), ids=SURELY_NOT_TAKEN.keys())
def test_a_refusal_took_nothing(
    server: RunningHttp, method: str, instead: Callable[[Handler], bool], kind: type[EndpointError], code: str
) -> None:
    server.instead = only(method, instead)
    side = target(server, method=method)
    staged = side.stage("order.xml", b"<a/>", attempt="d1-1")
    with pytest.raises(EndpointError) as caught:
        side.publish(staged)
    assert (type(caught.value), caught.value.code) == (kind, code)
    assert "rose" not in caught.value.message
    # and it waits here as before
    assert side.look(staged) is Look.STAGED
    server.instead = None
    side.publish(staged)


PERHAPS_TAKEN = {
    "500": status(500),
    "502": status(502),
    "503 of a proxy": status(503),
    "504": status(504),
    "303": status(303, Location="/done"),
    "page": status(200, PAGE, "text/html"),
    "hung up": hang_up,
    "no answer": hang,
}


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("instead", PERHAPS_TAKEN.values(), ids=PERHAPS_TAKEN.keys())
def test_without_a_clear_answer_nobody_knows_and_it_is_not_sent_again(
    server: RunningHttp, method: str, instead: Callable[[Handler], bool]
) -> None:
    server.instead = only(method, instead)
    side = target(server, method=method, data_timeout=0.3)
    staged = side.stage("order.xml", b"<a/>", attempt="d1-1")
    with pytest.raises(OutcomeUnknown):
        side.publish(staged)
    with pytest.raises(EndpointRefused) as caught:
        side.look(staged)
    assert (caught.value.code, caught.value.retryable) == ("E013", False)
    assert "rose" not in caught.value.message
    # and publishing it again sends nothing
    sent = server.methods().count(method)
    with pytest.raises(EndpointUnreachable):
        side.publish(staged)
    assert server.methods().count(method) == sent


def test_what_nobody_can_tell_is_said_with_the_reason(server: RunningHttp) -> None:
    server.instead = only("POST", status(502))
    side = target(server, method="POST")
    staged = side.stage("order.xml", b"<a/>", attempt="d1-1")
    with pytest.raises(OutcomeUnknown):
        side.publish(staged)
    with pytest.raises(EndpointRefused) as caught:
        side.look(staged)
    assert caught.value.message == (
        f"{server.url}/in: what was sent by POST cannot be looked for "
        f"({server.url}/in?key=***: the server says 502 Bad Gateway)"
    )
    assert (caught.value.code, caught.value.help) == ("E013", "look in the accounting program whether it arrived")


def test_a_put_whose_answer_is_lost_is_found_by_looking(server: RunningHttp) -> None:
    server.instead = takes_and_hangs_up
    side = target(server)
    staged = side.stage("order.xml", b"<a/>", attempt="d1-1")
    with pytest.raises(OutcomeUnknown):
        side.publish(staged)
    assert side.look(staged) is Look.PUBLISHED
    # and by another process too, which knows the names alone
    assert target(server).look(Staged("order.xml", staged.temporary, 4)) is Look.PUBLISHED


def test_another_process_cannot_tell_what_is_not_there(server: RunningHttp) -> None:
    """It may have been sent and taken before the interruption."""
    said = {
        "PUT": "it is not there, so it was taken or never came",
        "POST": "what was sent by POST cannot be looked for",
    }
    for method, words in said.items():
        with pytest.raises(EndpointRefused) as caught:
            target(server, method=method).look(Staged("order.xml", ".order.xml.d1-1.tmp", 4))
        assert (caught.value.code, caught.value.message, caught.value.help) == (
            "E013",
            f"{server.url}/in: {words}",
            "look in the accounting program whether it arrived",
        )


def test_a_file_of_another_size_is_somebody_elses(server: RunningHttp, root: Path) -> None:
    (root / "in" / "order.xml").write_bytes(b"<other/>")
    assert target(server).look(Staged("order.xml", "t", 4)) is Look.TAKEN


@pytest.mark.parametrize("instead", [status(405), status(501)])
def test_where_the_server_knows_no_head_it_is_counted_by_get(
    server: RunningHttp, root: Path, instead: Callable[[Handler], bool]
) -> None:
    server.instead = only("HEAD", instead)
    side = target(server)
    staged = published(side)
    assert side.look(staged) is Look.PUBLISHED
    (root / "in" / "order.xml").write_bytes(b"<longer/>")
    assert side.look(staged) is Look.TAKEN


def test_an_upload_is_never_redirected(server: RunningHttp, root: Path) -> None:
    """Orders are personal data: they go to the address that was written down and nowhere else."""
    with http_server(root) as other:
        server.instead = redirect(f"{other.url}/in/order.xml", 307)
        with pytest.raises(EndpointRefused) as caught:
            published(target(server))
        assert other.asked == []
    assert caught.value.message == (
        f"{server.url}/in/order.xml?key=***: the server says 307 Temporary Redirect: "
        f"it is at {other.url}/in/order.xml"
    )


def test_many_uploads_go_over_one_connection(server: RunningHttp) -> None:
    ports = set()

    def note(handler: Handler) -> bool:
        ports.add(handler.client_address)
        return False

    server.instead = note
    side = target(server)
    for number in range(20):
        side.publish(side.stage(f"order-{number}.xml", b"<a/>", attempt=f"d{number}-1"))
    assert len(ports) == 1


def test_a_done_file_that_cannot_be_written_is_completed_later(server: RunningHttp, root: Path) -> None:
    dropoff = Dropoff("/in", done_file="{name}.done")
    server.instead = lambda handler: handler.path.startswith("/in/order.xml.done") and status(503)(handler)
    side = target(server, dropoff)
    staged = side.stage("order.xml", b"<a/>", attempt="d1-1")
    with pytest.raises(OutcomeUnknown):
        side.publish(staged)
    server.instead = None
    later = target(server, dropoff)
    assert later.look(staged) is Look.UNMARKED
    later.publish(staged)
    assert later.look(staged) is Look.PUBLISHED
