"""Feeds over HTTP: remembered, checked, never lost, and secrets that stand in no message."""

from __future__ import annotations

import io
import os
import socket
import ssl
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from gateway.endpoints import Entry, Outcome, Pickup
from gateway.endpoints import pace as pace_of_transfers
from gateway.endpoints.http import HttpOptions
from gateway.endpoints.http_feed import HttpSource
from gateway.errors import (
    EndpointError,
    EndpointRefused,
    EndpointUnreachable,
    HostNotTrusted,
    HostUnreachable,
    LoginRefused,
)
from tests.endpoints.test_http_contract import Remembering, endpoint
from tests.http_server import (
    PAGE,
    Handler,
    RunningHttp,
    cut,
    drip,
    drip_headers,
    hang,
    hang_up,
    http_server,
    only,
    packed,
    redirect,
    status,
)

HASH = "hash0f9a7c31secret"
ORDERS = b"<ORDERS><ORDER/></ORDERS>"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    (folder / "export").mkdir(parents=True)
    (folder / "export" / "orders.xml").write_bytes(ORDERS)
    os.utime(folder / "export" / "orders.xml", (1_700_000_000, 1_700_000_000))
    return folder


@pytest.fixture
def server(root: Path) -> Iterator[RunningHttp]:
    with http_server(root) as running:
        yield running


def feed(server: RunningHttp, memory: Remembering | None = None, **options: Any) -> HttpSource:
    return endpoint(server, **options).source(Pickup("/export/orders.xml"), memory)


def polled(server: RunningHttp, memory: Remembering, **options: Any) -> tuple[Entry, bytes]:
    """One whole poll: listed, read, acknowledged."""
    source, into = feed(server, memory, **options), io.BytesIO()
    (entry,) = source.list()
    source.read(entry, into)
    source.ack(entry, Outcome.DONE)
    source.close()
    return entry, into.getvalue()


def refused(server: RunningHttp, **options: Any) -> EndpointError:
    with pytest.raises(EndpointError) as caught:
        feed(server, query={"hash": SecretStr(HASH)}, **options).list()
    assert HASH not in said_by(caught.value)
    return caught.value


def said_by(error: BaseException) -> str:
    """Everything that a log or a traceback could show of an error."""
    import traceback

    return "".join(traceback.format_exception(error)) + repr(error)


# -- what is remembered ------------------------------------------------------------------------------


def test_an_unchanged_feed_is_not_downloaded_again_and_is_the_same_entry(server: RunningHttp) -> None:
    memory = Remembering()
    first, _ = polled(server, memory)
    server.asked.clear()
    (second,) = feed(server, memory).list()
    assert (
        second == first == Entry("orders.xml", len(ORDERS), datetime.fromtimestamp(1_700_000_000, UTC), whole=True)
    )
    (asked,) = server.asked
    assert asked.headers["If-None-Match"].startswith('"')
    assert asked.headers["If-Modified-Since"] == "Tue, 14 Nov 2023 22:13:20 GMT"


def test_a_second_look_in_the_same_poll_asks_nothing(server: RunningHttp) -> None:
    source = feed(server)
    assert list(source.list()) == list(source.list())
    assert server.methods() == ["GET"]


def test_a_feed_is_remembered_only_once_it_is_settled(server: RunningHttp) -> None:
    """An exchange that was interrupted must find its feed again."""
    memory = Remembering()
    list(feed(server, memory).list())
    list(feed(server, memory).list())
    assert all("If-None-Match" not in asked.headers for asked in server.asked)


def test_an_owed_acknowledgement_is_paid_by_another_process(server: RunningHttp) -> None:
    memory = Remembering()
    (entry,) = feed(server, memory).list()
    feed(server, memory).ack(entry, Outcome.DONE)
    list(feed(server, memory).list())
    assert "If-None-Match" in server.asked[-1].headers


def test_without_validators_the_same_content_is_the_same_entry(server: RunningHttp) -> None:
    server.etags = server.times = False
    memory = Remembering()
    first, _ = polled(server, memory)
    second, _ = polled(server, memory)
    assert second == first
    assert first.modified is not None


def test_the_first_sight_counts_even_where_its_exchange_was_interrupted(
    server: RunningHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.etags = server.times = False
    memory = Remembering()
    (first,) = feed(server, memory).list()
    later = datetime(2099, 1, 1, tzinfo=UTC)
    monkeypatch.setattr("gateway.clock.SystemClock.now", lambda _: later)
    (second,) = feed(server, memory).list()
    assert second == first


def test_another_content_under_the_same_time_and_size_is_another_entry(server: RunningHttp, root: Path) -> None:
    """Some servers tell the time of the script, and an order may change without changing the size."""
    server.etags = False
    memory = Remembering()
    first, _ = polled(server, memory)
    (root / "export" / "orders.xml").write_bytes(ORDERS.replace(b"ORDERS", b"orders"))
    os.utime(root / "export" / "orders.xml", (1_700_000_000, 1_700_000_000))
    server.times = True
    server.instead = lambda handler: bool(handler.headers.__delitem__("If-Modified-Since"))
    second, content = polled(server, memory)
    assert content == ORDERS.replace(b"ORDERS", b"orders")
    assert second.size == first.size
    assert second.modified != first.modified


def test_a_time_of_this_very_second_is_no_sign(server: RunningHttp, root: Path) -> None:
    """What is written within the same second would pass for unchanged."""
    server.etags = False
    (root / "export" / "orders.xml").touch()
    memory = Remembering()
    polled(server, memory)
    (root / "export" / "orders.xml").write_bytes(b"<ORDERS>new</ORDERS>")
    _, content = polled(server, memory)
    assert content == b"<ORDERS>new</ORDERS>"


def test_the_signs_of_one_account_are_not_those_of_another(server: RunningHttp) -> None:
    memory = Remembering()
    polled(server, memory, query={"hash": SecretStr("one-hash-1")})
    list(feed(server, memory, query={"hash": SecretStr("another-2")}).list())
    assert "If-None-Match" not in server.asked[-1].headers
    assert "one-hash-1" not in "".join(memory.values.values())


def test_what_was_called_unchanged_can_be_read_all_the_same(server: RunningHttp) -> None:
    memory = Remembering()
    polled(server, memory)
    _, content = polled(server, memory)
    assert content == ORDERS
    assert ["If-None-Match" in asked.headers for asked in server.asked] == [False, True, False]


def test_a_server_that_calls_a_new_content_unchanged_is_found_out_when_it_is_read(
    server: RunningHttp, root: Path
) -> None:
    memory = Remembering()
    polled(server, memory)
    (root / "export" / "orders.xml").write_bytes(b"<ORDERS>new</ORDERS>")
    server.instead = lambda handler: "If-None-Match" in handler.headers and status(304)(handler)
    source = feed(server, memory)
    (entry,) = source.list()
    with pytest.raises(EndpointUnreachable) as caught:
        source.read(entry, io.BytesIO())
    assert caught.value.code == "E006"
    assert polled(server, memory)[1] == b"<ORDERS>new</ORDERS>"


# -- what comes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "folder", "path", "name"),
    [
        ("", "/export/orders.xml", "/export/orders.xml", "orders.xml"),
        ("/export", "orders.xml", "/export/orders.xml", "orders.xml"),
        ("/export/orders.xml", "", "/export/orders.xml", "orders.xml"),
        ("/export/", "", "/export/", "export"),
        ("", "", "/", "feed.xml"),
        ("", "/a b/č.xml", "/a%20b/%C4%8D.xml", "č.xml"),
        ("/con", "", "/con", "feed.xml"),
    ],
)
def test_the_address_is_the_url_and_the_folder(
    server: RunningHttp, url: str, folder: str, path: str, name: str
) -> None:
    server.instead = status(200, ORDERS)
    (entry,) = endpoint(server, url=server.url + url).source(Pickup(folder)).list()
    assert (server.asked[0].path, entry.name) == (path, name)


def test_every_secret_is_sent_where_the_server_wants_it(server: RunningHttp) -> None:
    server.required_query = ("hash", HASH)
    options = {
        "query": {"hash": SecretStr(HASH)},
        "headers": {"X-Api-Key": SecretStr("key-1")},
        "user": "shop",
        "password": SecretStr("heslo č. 1"),
    }
    assert len(list(feed(server, **options).list())) == 1
    sent = server.asked[0].headers
    assert (sent["X-Api-Key"], sent["Authorization"]) == ("key-1", "Basic c2hvcDpoZXNsbyDEjS4gMQ==")
    list(feed(server, query={"hash": SecretStr(HASH)}, token=SecretStr("abc.def")).list())
    assert server.asked[1].headers["Authorization"] == "Bearer abc.def"


def test_packed_content_is_unpacked_and_counted_unpacked(server: RunningHttp) -> None:
    server.instead = packed(ORDERS * 10_000)
    entry, content = polled(server, Remembering())
    assert content == ORDERS * 10_000
    assert entry.size == len(content)


def test_an_empty_feed_is_an_empty_file(server: RunningHttp) -> None:
    """Intake calls it not whole (S008); it is never "no orders"."""
    server.instead = status(200)
    assert polled(server, Remembering())[0].size == 0


def test_a_page_under_a_type_of_a_page_is_a_page_and_xml_under_it_is_xml(server: RunningHttp) -> None:
    """Many shops send their XML as text/html, which is what PHP says when nobody says otherwise."""
    server.instead = status(200, ORDERS, "text/html")
    assert polled(server, Remembering())[1] == ORDERS


ODD = {
    "401": (status(401), LoginRefused, "E002", "the login is refused: 401 Unauthorized"),
    "403": (status(403), LoginRefused, "E002", "the login is refused: 403 Forbidden"),
    "404": (status(404), EndpointUnreachable, "E003", "is not there: the server says 404 Not Found"),
    "410": (status(410), EndpointUnreachable, "E003", "is not there: the server says 410 Gone"),
    "429": (
        status(429, Retry_After="120"),
        EndpointUnreachable,
        "E001",
        "the server says 429 Too Many Requests, and asks to be left alone for 120 seconds",
    ),
    "503 until": (
        status(503, Retry_After="Tue, 01 Dec 2026 10:00:00 GMT"),
        EndpointUnreachable,
        "E001",
        "the server says 503 Service Unavailable, and asks to be left alone until 2026-12-01 10:00",
    ),
    "503 nonsense": (
        status(503, Retry_After="soon"),
        EndpointUnreachable,
        "E001",
        "the server says 503 Service Unavailable",
    ),
    "500": (status(500), EndpointUnreachable, "E001", "the server says 500 Internal Server Error"),
    "418": (status(418), EndpointRefused, "E004", "the server says 418 I'm a Teapot"),
    "400 with a reason": (
        status(400, f"no shop for {HASH}".encode()),
        EndpointRefused,
        "E004",
        "the server says 400 Bad Request: `no shop for ***`",
    ),
    "204": (status(204), EndpointUnreachable, "E006", "the server says 204 No Content instead of sending a file"),
    "304 unasked": (
        status(304),
        EndpointUnreachable,
        "E006",
        "the server says 304 Not Modified instead of sending a file",
    ),
    "page": (
        status(200, PAGE, "text/html"),
        EndpointRefused,
        "E014",
        "the server answered with a web page instead of a file",
    ),
    "xhtml": (
        status(200, b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- x -->\n<HTML/>"),
        EndpointRefused,
        "E014",
        "the server answered with a web page instead of a file",
    ),
    "cut": (cut, EndpointUnreachable, "E006", "the content was cut: 400 of 1000 bytes came"),
    "cut while packed": (
        packed(os.urandom(5000), end=3000),
        EndpointUnreachable,
        "E006",
        "the packed content was cut before its end",
    ),
    "damaged while packed": (
        status(200, b"no gzip at all", Content_Encoding="gzip"),
        EndpointUnreachable,
        "E006",
        "the packed content is damaged",
    ),
    "packed otherwise": (
        status(200, b"x", Content_Encoding="br"),
        EndpointRefused,
        "E004",
        "the content is packed with `br`, which was not asked for",
    ),
    "hung up": (hang_up, EndpointUnreachable, "E001", "the server closed the connection"),
}


@pytest.mark.parametrize(("instead", "kind", "code", "said"), ODD.values(), ids=ODD.keys())
def test_what_is_no_feed_is_an_error_that_says_what_it_is(
    server: RunningHttp, instead: Callable[[Handler], bool], kind: type[EndpointError], code: str, said: str
) -> None:
    server.instead = instead
    error = refused(server)
    assert (type(error), error.code) == (kind, code)
    between = " " if said.startswith("is not") else ": "
    assert error.message == f"{server.url}/export/orders.xml?hash=***{between}{said}"


@pytest.mark.parametrize(
    "instead", [status(200, b"<a>" + b"x" * 2000), packed(b"\0" * 300_000_000)], ids=["plain", "packed"]
)
def test_a_feed_that_is_larger_than_allowed_is_broken_off(
    server: RunningHttp, instead: Callable[[Handler], bool]
) -> None:
    server.instead = instead
    error = refused(server, max_size=1000)
    assert type(error) is EndpointRefused
    assert (error.code, error.message, error.help) == (
        "E015",
        f"{server.url}/export/orders.xml?hash=***: the content is larger than 1000 bytes",
        "set `max_size:` of the endpoint higher if that is right",
    )


def test_a_server_that_never_answers_is_given_up(server: RunningHttp) -> None:
    server.instead = hang
    assert refused(server, data_timeout=0.2).message.endswith(": no answer within 0.2 seconds")


@pytest.mark.parametrize("instead", [drip, drip_headers], ids=["content", "headers"])
def test_a_server_that_drips_is_given_up_at_the_deadline(
    server: RunningHttp, instead: Callable[[Handler], bool]
) -> None:
    server.instead = instead
    error = refused(server, transfer_timeout=0.5)
    assert (type(error), error.code) == (EndpointUnreachable, "E012")
    assert "`transfer_timeout`" in error.message


def test_a_transfer_below_the_minimum_rate_is_given_up(
    server: RunningHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace_of_transfers, "_PATIENCE", 0.2)
    server.instead = drip
    error = refused(server, minimum_rate=1000)
    assert (type(error), error.code) == (EndpointUnreachable, "E012")
    assert "`minimum_rate` is 1000" in error.message


def test_a_server_that_is_not_there_is_told() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        server = RunningHttp(Path(), port=unused.getsockname()[1])
    error = refused(server)
    assert (type(error), error.code) == (HostUnreachable, "E001")
    assert error.message == f"{server.url}/export/orders.xml?hash=***: connection refused"


def test_what_does_not_speak_http_is_told() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = RunningHttp(Path(), port=listener.getsockname()[1])

        def greet() -> None:
            line, _ = listener.accept()
            line.sendall(b"220 ftp.example.cz ready\r\n\r\n")
            line.close()

        import threading

        threading.Thread(target=greet, daemon=True).start()
        assert refused(server).message.endswith(": what answers there does not speak HTTP")


def test_the_temporary_copy_is_gone_after_close(
    server: RunningHttp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    source = feed(server)
    list(source.list())
    source.close()
    assert list((tmp_path / "temporary").iterdir()) == []


# -- redirects and secrets ---------------------------------------------------------------------------


def test_a_redirect_on_the_same_server_is_followed_with_the_login(server: RunningHttp, root: Path) -> None:
    (root / "export" / "orders-1.xml").write_bytes(b"<ORDERS/>")
    server.instead = redirect("/export/orders-1.xml")
    server.required_header = ("Authorization", "Bearer t0ken")
    entry, content = polled(server, Remembering(), token=SecretStr("t0ken"))
    assert (entry.name, content) == ("orders.xml", b"<ORDERS/>")


def test_no_secret_follows_a_redirect_to_another_server(server: RunningHttp, root: Path) -> None:
    with http_server(root) as other:
        server.instead = redirect(f"{other.url}/export/orders.xml?cdn=1")
        list(
            feed(
                server,
                query={"hash": SecretStr(HASH)},
                headers={"X-Api-Key": SecretStr("key-4711")},
                user="shop",
                password=SecretStr("heslo"),
            ).list()
        )
        (asked,) = other.asked
    assert asked.path == "/export/orders.xml?cdn=1"
    assert "Authorization" not in asked.headers
    assert "X-Api-Key" not in asked.headers


def test_a_redirect_that_would_carry_a_secret_to_another_server_is_not_followed(
    server: RunningHttp, root: Path
) -> None:
    with http_server(root) as other:
        server.instead = redirect(f"{other.url}/export/orders.xml?h={HASH}")
        error = refused(server)
        assert other.asked == []
    assert error.message == (
        f"{server.url}/export/orders.xml?hash=***: the server redirects to "
        f"{other.url}/export/orders.xml?h=***, another server, and would carry a secret of the endpoint there"
    )
    assert error.help == "if that is right, write the final address as `url:` of the endpoint"


def test_a_refused_login_after_a_redirect_says_that_no_secret_was_sent_there(
    server: RunningHttp, root: Path
) -> None:
    with http_server(root) as other:
        other.instead = status(401)
        server.instead = redirect(f"{other.url}/login")
        error = refused(server)
    assert error.message == (
        f"{other.url}/login: the login is refused: 401 Unauthorized; no secret was sent there, "
        "since it is another server than `url:`"
    )


def test_redirects_have_an_end(server: RunningHttp) -> None:
    server.instead = lambda handler: redirect(f"/{len(server.asked)}")(handler)
    error = refused(server, max_redirects=3)
    assert len(server.asked) == 4
    assert error.message.endswith(
        f"/3: the server redirects to http://127.0.0.1:{server.port}/4, which is more than 3 redirects"
    )


@pytest.mark.parametrize(
    "location", ["ftp://127.0.0.1/orders.xml", "http://[broken", "http://user:pw@127.0.0.1:1/"]
)
def test_a_redirect_to_nowhere_is_an_error_without_a_password(server: RunningHttp, location: str) -> None:
    server.instead = redirect(location)
    assert "pw" not in refused(server).message


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key in one file."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.fixture
def https(root: Path, certificate: Path) -> Iterator[RunningHttp]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with http_server(root, tls=context) as running:
        yield running


def test_an_unknown_certificate_is_not_trusted_and_nothing_is_sent(https: RunningHttp) -> None:
    error = refused(https)
    assert type(error) is HostNotTrusted
    address = f"{https.url}/export/orders.xml?hash=***"
    assert (error.code, error.message, error.help) == (
        "E010",
        f"{address}: the server's certificate is not trusted: self-signed certificate",
        "name the authority's certificate with `ca_file:`",
    )
    assert https.asked == []


def test_a_certificate_that_is_named_is_trusted(https: RunningHttp, certificate: Path) -> None:
    assert len(list(feed(https, ca_file=certificate).list())) == 1


def test_no_redirect_leads_from_https_to_http(https: RunningHttp, server: RunningHttp, certificate: Path) -> None:
    https.instead = redirect(f"{server.url}/export/orders.xml")
    error = refused(https, ca_file=certificate)
    assert error.message.endswith(", which is not encrypted")
    assert server.asked == []


def test_a_certificate_file_that_is_not_there_is_told(https: RunningHttp, tmp_path: Path) -> None:
    error = refused(https, ca_file=tmp_path / "none.pem")
    assert (error.code, error.message, error.help) == (
        "E010",
        f"`ca_file` {tmp_path / 'none.pem'} cannot be used: No such file or directory",
        "name a file with the authority's certificate in PEM form, which begins with BEGIN CERTIFICATE",
    )
    (tmp_path / "empty.pem").write_text("nothing\n", encoding="utf-8")
    assert refused(https, ca_file=tmp_path / "empty.pem").message == (
        f"`ca_file` {tmp_path / 'empty.pem'} cannot be used: it holds no certificate"
    )


def test_no_log_line_has_a_secret(server: RunningHttp, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        list(feed(server, query={"hash": SecretStr(HASH)}, token=SecretStr("t0ken-4711")).list())
    assert HASH not in caplog.text
    assert "t0ken" not in caplog.text


def test_options_show_no_secret() -> None:
    options = HttpOptions(
        url="https://shop.example.cz", query={"hash": SecretStr(HASH)}, headers={"X-Api-Key": SecretStr("key-1")}
    )
    assert HASH not in repr(options)
    assert "key-1" not in str(options)


# -- probe -------------------------------------------------------------------------------------------


def test_probe_says_status_type_and_size(server: RunningHttp) -> None:
    shop = endpoint(server, url=f"{server.url}/export/orders.xml")
    assert shop.probe() == f"200 OK, application/xml, {len(ORDERS)} bytes"
    assert server.methods() == ["HEAD"]


def test_probe_asks_by_get_where_the_server_knows_no_head(server: RunningHttp) -> None:
    server.instead = only("HEAD", status(405))
    shop = endpoint(server, url=f"{server.url}/export/orders.xml")
    assert shop.probe() == f"200 OK, application/xml, {len(ORDERS)} bytes"
    assert server.methods() == ["HEAD", "GET"]


def test_probe_of_a_bare_server_says_that_it_is_there(server: RunningHttp) -> None:
    assert endpoint(server).probe() == (
        f"the server is there; it says 404 Not Found to {server.url}/ without a `folder:`"
    )


def test_probe_says_that_the_login_is_refused(server: RunningHttp) -> None:
    server.instead = status(401)
    with pytest.raises(LoginRefused) as caught:
        endpoint(server).probe()
    assert caught.value.help == "check `user:` and `password:`, `token:`, `query:` or `headers:` of the endpoint"


def test_nothing_of_http_is_loaded_before_it_is_needed() -> None:
    """`gateway --help` must not wait for it."""
    import subprocess
    import sys

    code = "import sys, gateway.cli.main, gateway.config; print(sorted({'httpx', 'httpcore'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
