"""POHODA's mServer as a service: what is sent, who must answer, and what each answer means."""

from __future__ import annotations

import gzip
import json
import socket
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from gateway import telemetry
from gateway.endpoints import open_service
from gateway.endpoints.mserver import MServerEndpoint, MServerOptions
from gateway.endpoints.mserver_service import MServer
from gateway.errors import (
    EndpointError,
    EndpointRefused,
    EndpointUnreachable,
    HostUnreachable,
    LoginRefused,
    OutcomeUnknown,
    PartnerRefused,
)
from tests.pohoda.desk import Answer, request
from tests.pohoda.mserver import VENDOR, MServerOffice, Way, listening

AGAIN = "nothing is to be done: the same bytes are sent again, and POHODA recognises what it has booked"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[MServerOffice]:
    with listening(MServerOffice(tmp_path / "books.jsonl")) as running:
        yield running


def options(office: MServerOffice, **changed: Any) -> MServerOptions:
    given: dict[str, Any] = {
        "url": office.url,
        "user": "eshop",
        "password": SecretStr("heslo-4711"),
        "company_id": "12345678",
        "timeout": 5,
        "connect_timeout": 2,
    }
    return MServerOptions(**{**given, **changed})


def endpoint(office: MServerOffice, **changed: Any) -> MServerEndpoint:
    return MServerEndpoint("office", options(office, **changed), root=Path())


def service(office: MServerOffice, **changed: Any) -> MServer:
    return endpoint(office, **changed).service()


def refused(office: MServerOffice, **changed: Any) -> EndpointError:
    """The error that the call of an order leads to; it tells no secret."""
    side = service(office, **changed)
    with pytest.raises(EndpointError) as caught:
        side.call("1001.xml", request("1001"))
    side.close()
    told = f"{caught.value.message} {caught.value.help}"
    assert "heslo-4711" not in told
    assert side._connection._options.headers["STW-Authorization"].get_secret_value() not in told
    return caught.value


# -- what is sent ------------------------------------------------------------------------------------------


def test_an_order_is_handed_over_and_its_answer_comes_back(office: MServerOffice) -> None:
    answer = Answer(service(office).call("1001.xml", request("1001")))
    assert answer.one("//rdc:producedDetails/rdc:number") == "26OP00001"
    assert list(office.orders) == ["1001"]
    (asked,) = office.posts()
    assert (asked.path, asked.body) == ("/xml", request("1001"))


def test_the_headers_of_a_request_say_who_asks_and_that_nothing_may_be_booked_twice(office: MServerOffice) -> None:
    service(office).call("1001.xml", request("1001"))
    sent = office.posts()[0].headers
    assert b64decode(sent["STW-Authorization"].removeprefix("Basic ")).decode() == "eshop:heslo-4711"
    assert "Authorization" not in sent
    assert sent["STW-Check-Duplicity"] == "true"
    assert sent["Content-Type"] == "text/xml; charset=windows-1250"
    assert sent["Accept-Encoding"] == "gzip, deflate"
    assert (sent["STW-Application"], sent["STW-Instance"]) == ("exchange-gateway", "office")
    assert "Transfer-Encoding" not in sent


@pytest.mark.parametrize(
    ("head", "charset"),
    [
        (b'<?xml version="1.0" encoding="UTF-8"?>', "UTF-8"),
        (b"<?xml version='1.0' encoding='Windows-1250' ?>", "Windows-1250"),
        (b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?>', "utf-8"),
        (b"", "utf-8"),
    ],
)
def test_the_charset_is_that_of_the_declaration(office: MServerOffice, head: bytes, charset: str) -> None:
    service(office).call("1001.xml", head + b"<a/>")
    assert office.posts()[0].headers["Content-Type"] == f"text/xml; charset={charset}"


def test_the_check_for_duplicates_cannot_be_switched_off_and_the_same_bytes_are_booked_once(
    office: MServerOffice,
) -> None:
    side = service(office)
    side.call("1001.xml", request("1001"))
    again = Answer(side.call("1001.xml", request("1001")))
    assert again.one("//rsp:recordDuplicity/rsp:number") == "26OP00001"
    assert office.doubled() == []
    assert not [name for name in MServerOptions.model_fields if "dupl" in name]


def test_a_request_may_travel_packed(office: MServerOffice) -> None:
    service(office, compress=True).call("1001.xml", request("1001"))
    (asked,) = office.posts()
    assert (asked.headers["Content-Encoding"], asked.body) == ("gzip", request("1001"))
    assert asked.headers["Content-Length"] == str(len(gzip.compress(request("1001"), mtime=0)))


@pytest.mark.parametrize("packing", ["gzip", "deflate", "raw deflate", ""])
def test_an_answer_may_travel_packed(office: MServerOffice, packing: Any) -> None:
    office.packing = packing
    answer = service(office).call("1001.xml", request("1001"))
    assert answer.startswith(b'<?xml version="1.0" encoding="Windows-1250"?>')
    assert Answer(answer).one("//rdc:number") == "26OP00001"


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1250"])
def test_a_login_with_accents_is_written_in_the_encoding_that_is_set(office: MServerOffice, encoding: Any) -> None:
    office.login, office.encoding = ("žofie", "příliš-4711"), encoding
    login = {"user": "žofie", "password": SecretStr("příliš-4711")}
    service(office, encoding=encoding, **login).call("1001.xml", request("1001"))
    other = "windows-1250" if encoding == "utf-8" else "utf-8"
    assert refused(office, encoding=other, **login).code == "E002"


@pytest.mark.skipif(not VENDOR.is_dir(), reason="POHODA's own schemas are not there")
def test_a_request_is_checked_by_pohodas_own_schemas(tmp_path: Path) -> None:
    with listening(MServerOffice(tmp_path / "books.jsonl", vendor=VENDOR)) as office:
        broken = request("1001").replace(b"<ord:rateVAT>high<", b"<ord:rateVAT>often<")
        answer = Answer(service(office).call("1001.xml", broken))
        assert answer.one("//rsp:responsePackItem/@note").startswith("Nepoda")
        assert Answer(service(office).call("1002.xml", request("1002"))).one("//rdc:number") == "26OP00001"


# -- who must answer ---------------------------------------------------------------------------------------


def test_the_unit_is_asked_who_it_is_once_before_the_first_order_of_a_connection(office: MServerOffice) -> None:
    side = service(office, year=2026)
    side.call("1001.xml", request("1001"))
    side.call("1002.xml", request("1002"))
    asked = [(request.method, request.path) for request in office.asked]
    assert asked == [("GET", "/status?companyDetail"), ("POST", "/xml"), ("POST", "/xml")]
    # and again once the connection lay idle
    side.refresh()
    side.call("1003.xml", request("1003"))
    assert [request.method for request in office.asked] == ["GET", "POST", "POST", "GET", "POST"]


def test_the_place_names_the_database(office: MServerOffice) -> None:
    assert service(office).ready() == f"{office.url}/xml (StwPh_12345678_2026)"


def test_another_company_gets_nothing(office: MServerOffice) -> None:
    error = refused(office, company_id="87654321")
    assert isinstance(error, PartnerRefused)
    assert (error.code, error.message, error.help) == (
        "E017",
        (
            f"{office.url}/xml: mServer works on the company 12345678 (Vzorová s.r.o.), and `company_id:` of the "
            "endpoint is 87654321"
        ),
        (
            "nothing was sent; start mServer on the right unit, or correct `company_id:`, then `gateway release` "
            "the target if it is held"
        ),
    )
    assert office.posts() == []


def test_another_year_gets_nothing(office: MServerOffice) -> None:
    office.year = 2025
    error = refused(office, year=2026)
    assert (error.code, error.retryable, error.message, error.help) == (
        "E017",
        False,
        f"{office.url}/xml: mServer works on the year 2025, and `year:` of the endpoint is 2026",
        (
            "nothing was sent; start mServer on the right year, or correct `year:`, then `gateway release` the "
            "target if it is held"
        ),
    )
    assert office.posts() == []


def test_a_year_that_is_asked_for_and_not_told_gets_nothing(office: MServerOffice) -> None:
    office.status = "plain"
    error = refused(office, year=2026)
    assert (error.code, error.message, error.help) == (
        "E017",
        f"{office.url}/xml: mServer does not tell its year, and `year:` of the endpoint is 2026",
        (
            "nothing was sent; leave `year:` out where the release cannot tell it, and mind the year yourself, "
            "then `gateway release` the target if it is held"
        ),
    )
    assert office.posts() == []


def test_a_release_that_tells_nothing_is_told_and_gets_its_orders(
    office: MServerOffice, capfd: pytest.CaptureFixture[str]
) -> None:
    telemetry.configure(json=True, level="warning")
    office.status = "plain"
    service(office).call("1001.xml", request("1001"))
    assert list(office.orders) == ["1001"]
    (line,) = "".join(capfd.readouterr()).splitlines()
    told = json.loads(line)
    assert (told["event"], told["endpoint"], told["reason"]) == (
        "unit_not_checked",
        "office",
        "it does not tell its company, so that alone the number in each dataPack guards it",
    )


def test_a_page_where_the_unit_should_tell_who_it_is_gets_nothing(office: MServerOffice) -> None:
    office.status = "page"
    error = refused(office)
    assert (error.code, error.retryable, error.message, error.help) == (
        "E014",
        True,
        f"{office.url}/status?companyDetail: a web page came where mServer tells which unit it works on",
        "mServer has no pages: look which proxy or program answers under `url:` of the endpoint",
    )
    assert office.posts() == []


@pytest.mark.parametrize(
    ("told", "company", "year"),
    [
        (b"<a><ico>123 45 678</ico><year>2026</year></a>", "12345678", 2026),
        (b"<a><databaseName>StwPh_12345678_2026.mdb</databaseName></a>", "12345678", 2026),
        (b'<a xmlns="urn:x"><b ico="12345678" year="2026"/></a>', "12345678", 2026),
        (b"<a><databaseName>Moje</databaseName><year>2026 (1.1.-31.12.)</year></a>", None, 2026),
        (b"<a><year/></a>", None, None),
        (b"Response from POHODA mServer", None, None),
        (b"", None, None),
        (b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a><ico>&x;</ico></a>", None, None),
    ],
)
def test_the_facts_of_a_unit_are_found_wherever_they_stand(
    told: bytes, company: str | None, year: int | None
) -> None:
    from gateway.endpoints.mserver_unit import read_unit

    unit = read_unit(told, "http://127.0.0.1/xml")
    assert (unit.company_id, unit.year) == (company, year)


# -- what an answer means ----------------------------------------------------------------------------------


def test_a_refused_login_is_permanent_and_whatever_comes_next_is_refused_too(office: MServerOffice) -> None:
    error = refused(office, password=SecretStr("heslo-4711-old"))
    assert isinstance(error, LoginRefused)
    assert (error.code, error.message, error.help) == (
        "E002",
        f"{office.url}/status?companyDetail: mServer refuses the login: 401 Unauthorized",
        (
            "check `user:` and `password:` of the endpoint; where they have accents, this release may read "
            "`encoding: windows-1250`"
        ),
    )


def test_a_missing_right_is_permanent(office: MServerOffice) -> None:
    office.always(Way.NO_RIGHT)
    error = refused(office)
    assert isinstance(error, LoginRefused)
    assert (error.code, error.message, error.help) == (
        "E002",
        f"{office.url}/xml: the user may not use mServer or this accounting unit: 403 Forbidden",
        "in POHODA, give the user the rights to POHODA mServer, to Datová komunikace and to the unit",
    )


def test_a_request_that_cannot_be_read_is_permanent_for_this_order_alone(office: MServerOffice) -> None:
    office.always(Way.UNREADABLE)
    error = refused(office)
    assert isinstance(error, EndpointRefused)
    assert not isinstance(error, PartnerRefused)
    assert (error.code, error.message, error.help) == (
        "E004",
        f"{office.url}/xml: mServer cannot read `1001.xml`: 400 Bad Request",
        "look into the agenda XML log of POHODA; once it is mended, `gateway retry` sends it again",
    )


def test_an_address_that_is_none_of_mservers_is_permanent_for_the_target(office: MServerOffice) -> None:
    office.always(Way.ELSEWHERE)
    error = refused(office)
    assert isinstance(error, PartnerRefused)
    assert (error.code, error.message, error.help) == (
        "E004",
        f"{office.url}/xml: mServer takes no dataPacks there: 404 Not Found",
        (
            "`url:` of the endpoint is the address of mServer alone, such as `http://192.168.1.20:444`; the "
            "gateway adds `/xml`"
        ),
    )


UNKNOWN = {
    Way.TOO_LATE: ("E001", "mServer came to no end with `1001.xml`: 408 Request Timeout", AGAIN),
    Way.BROKEN: ("E001", "mServer came to no end with `1001.xml`: 500 Internal Server Error", AGAIN),
    Way.BUSY: ("E001", "mServer is busy: 503 Service Unavailable", AGAIN),
    Way.NOT_TAKEN: ("E001", "the server closed the connection", None),
    Way.UNTOLD: ("E001", "the server closed the connection", None),
    Way.CUT: ("E006", "the content was cut: ", None),
    Way.HALF: ("E006", "the answer to `1001.xml` is no whole XML: ", AGAIN),
    Way.PAGE: (
        "E014",
        "a web page came instead of POHODA's answer to `1001.xml`",
        (
            "mServer has no pages: look which proxy or program answers under `url:` of the endpoint; the same "
            "bytes are sent again, and POHODA recognises what it has booked"
        ),
    ),
    Way.STRANGER: (
        "E014",
        "the answer to `1001.xml` is no responsePack but `fault`",
        (
            "look which program answers under `url:` of the endpoint; the same bytes are sent again, and POHODA "
            "recognises what it has booked"
        ),
    ),
}


@pytest.mark.parametrize("way", UNKNOWN)
def test_whatever_goes_wrong_after_an_order_was_sent_leaves_it_to_be_sent_again(
    office: MServerOffice, way: Way
) -> None:
    code, message, advice = UNKNOWN[way]
    office.in_turn(way)
    error = refused(office)
    assert isinstance(error, OutcomeUnknown)
    assert (error.code, error.retryable, error.help) == (code, True, advice)
    told = f"{office.url}/xml: {message}"
    assert error.message.startswith(told) if message.endswith(": ") else error.message == told
    # and the same bytes again are booked once
    service(office).call("1001.xml", request("1001"))
    assert (list(office.orders), office.doubled()) == (["1001"], [])


def test_an_answer_that_does_not_come_in_time_leaves_the_order_to_be_sent_again(office: MServerOffice) -> None:
    office.always(Way.SLOW)
    office.pause = 10
    error = refused(office, timeout=0.3)
    assert isinstance(error, OutcomeUnknown)
    assert (error.code, error.message, error.help) == (
        "E012",
        f"{office.url}/xml: no answer to `1001.xml` within `timeout`, which is 0.3 seconds",
        "look whether POHODA waits for somebody on its own machine; `timeout:` of the endpoint sets the patience",
    )


def test_an_answer_without_end_is_given_up(office: MServerOffice) -> None:
    side = service(office, max_answer=900)
    side.ready()
    with pytest.raises(OutcomeUnknown) as caught:
        side.call("1001.xml", request("1001"))
    assert (caught.value.code, caught.value.message, caught.value.help) == (
        "E015",
        f"{office.url}/xml: the answer to `1001.xml` is larger than 900 bytes",
        "set `max_answer:` of the endpoint higher, or `pack:` of the target lower",
    )


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE rsp:responsePack [<!ENTITY x 'y'>]><responsePack>&x;</responsePack>",
        b"<!DOCTYPE responsePack><responsePack/>",
    ],
)
def test_an_answer_with_a_document_type_is_none_of_pohodas(content: bytes) -> None:
    from gateway.endpoints.mserver_answer import checked_pack

    with pytest.raises(OutcomeUnknown) as caught:
        checked_pack(content, "1001.xml", "http://127.0.0.1/xml")
    assert caught.value.code == "E014"


def test_a_server_that_is_down_got_nothing(tmp_path: Path) -> None:
    office = MServerOffice(tmp_path / "books.jsonl")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        office.port = unused.getsockname()[1]
    error = refused(office)
    assert isinstance(error, HostUnreachable)
    assert (error.code, error.message) == ("E001", f"{office.url}/status?companyDetail: connection refused")


def test_a_status_that_breaks_down_got_nothing(office: MServerOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.pohoda import mserver

    monkeypatch.setattr(mserver._Handler, "_get", lambda handler: handler._send(503))
    error = refused(office)
    assert isinstance(error, EndpointUnreachable)
    assert (error.code, error.message) == (
        "E001",
        f"{office.url}/status?companyDetail: mServer is busy: 503 Service Unavailable",
    )


# -- probe -------------------------------------------------------------------------------------------------


def test_a_probe_tells_program_company_and_year(office: MServerOffice) -> None:
    assert endpoint(office, year=2026).probe() == (
        "POHODA 14302.10 SQL (1.9.2026), company 12345678 (Vzorová s.r.o.), year 2026, idle"
    )


def test_a_probe_tells_what_it_cannot_check(office: MServerOffice) -> None:
    office.status = "plain"
    assert endpoint(office).probe() == (
        "company ?, year ?; it does not tell its company, so that alone the number in each dataPack guards it"
    )


def test_a_probe_of_another_unit_is_refused(office: MServerOffice) -> None:
    office.year = 2025
    with pytest.raises(PartnerRefused) as caught:
        endpoint(office, year=2026).probe()
    assert caught.value.code == "E017"


def test_one_request_at_a_time_goes_to_a_server(office: MServerOffice) -> None:
    traits = open_service("office", options(office), Path()).traits
    assert (traits.host, traits.max_connections) == (f"127.0.0.1:{office.port}", 1)


# -- options -----------------------------------------------------------------------------------------------

WRONG = {
    "localhost": (
        {"url": "http://localhost:444"},
        "mServer listens on IPv4 alone; write `127.0.0.1` instead of `localhost`",
    ),
    "no address": ({"url": "192.168.1.20:444"}, "an address such as `http://192.168.1.20:444` is expected"),
    "a query": (
        {"url": "http://192.168.1.20/xml?a=1"},
        "an address such as `http://192.168.1.20:444` is expected",
    ),
    "a login in it": (
        {"url": "http://a:b@192.168.1.20:444"},
        "user and password have options of their own, `user:` and `password:`",
    ),
    "a colon": ({"user": "a:b"}, "a user name has no `:`, which would end it in the request"),
    "letters": ({"company_id": "CZ12345678"}, "a company number has digits alone, such as `12345678`"),
    "an accent too far": (
        {"user": "日本", "encoding": "windows-1250"},
        "user and password cannot be written in windows-1250",
    ),
    "a name with accents": (
        {"application": "e-shop Žofie"},
        "a name in the log has 1 to 100 letters, digits and signs without accents",
    ),
}


@pytest.mark.parametrize(("changed", "said"), WRONG.values(), ids=WRONG.keys())
def test_options_that_cannot_be(office: MServerOffice, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        options(office, **changed)
    (error,) = caught.value.errors()
    assert error["msg"] == f"Value error, {said}"


@pytest.mark.parametrize(
    "url", ["http://192.168.1.20:444", "http://192.168.1.20:444/", "http://192.168.1.20:444/xml"]
)
def test_the_address_may_end_in_xml(office: MServerOffice, url: str) -> None:
    assert options(office, url=url).base == "http://192.168.1.20:444"


@pytest.mark.parametrize(
    ("url", "openly"),
    [("http://192.168.1.20:444", True), ("https://192.168.1.20:444", False), ("http://127.0.0.1:444", False)],
)
def test_a_password_travels_openly_only_over_a_network(office: MServerOffice, url: str, *, openly: bool) -> None:
    assert options(office, url=url).tells_secrets_openly is openly
