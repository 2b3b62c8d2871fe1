"""POHODA's mServer: an accounting unit that is handed dataPacks over HTTP and answers each in the same breath.

Every request bears the check for duplicates, so that the same bytes may be handed over again whenever their answer
was lost. Before anything is handed over on a connection the unit is asked who it is.
"""

from __future__ import annotations

import gzip
import ipaddress
import re
from pathlib import Path
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from gateway.endpoints.base import EndpointOptions, Memory, Traits
from gateway.endpoints.http import HttpOptions, checked_address, host_of
from gateway.endpoints.http_answer import Answer
from gateway.endpoints.http_client import HttpConnection, basic_login
from gateway.endpoints.mserver_answer import checked_pack, judge
from gateway.endpoints.mserver_unit import Expected, Unit, check, read_unit
from gateway.errors import EndpointError, EndpointUnreachable, OutcomeUnknown
from gateway.telemetry import emit

_DECLARED = re.compile(rb"\A(?:\xef\xbb\xbf)?<\?xml\b[^>]*?\bencoding=[\"']([A-Za-z][A-Za-z0-9._-]*)[\"']")
_ADDRESS = "an address such as `http://192.168.1.20:444` is expected"
_PLAIN = re.compile(r"[\x20-\x7e]{1,100}")
_HEADS_AND_LINES = 5.0
"""Seconds by which the deadline of a call comes before that of its single waits, so that one wording is enough."""


class MServerOptions(EndpointOptions):
    """POHODA's mServer, for targets alone: one accounting unit, which answers one request after the other."""

    is_service: ClassVar[bool] = True

    type: Literal["mserver"] = "mserver"
    url: str = Field(
        description="the address of mServer, such as `http://192.168.1.20:444`; on its own machine `127.0.0.1`, "
        "never `localhost`"
    )
    user: str = Field(min_length=1, description="a user of POHODA with the right to mServer and to the unit")
    password: SecretStr = Field(
        description="password; write `${env:NAME}` or `${file:PATH}`", json_schema_extra={"secret": True}
    )
    company_id: str = Field(
        min_length=1, description="the company number (IČO) of the accounting unit that must answer"
    )
    year: int | None = Field(
        default=None,
        ge=1990,
        le=2100,
        description="the accounting year that it must work on; nothing is sent into another one",
    )
    encoding: Literal["utf-8", "windows-1250"] = Field(
        default="utf-8", description="how user and password are written, where they have accents"
    )
    timeout: float = Field(
        default=300, gt=0, description="seconds that an answer may take: a busy unit answers late, not never"
    )
    connect_timeout: float = Field(default=20, gt=0, description="seconds until a connection attempt is given up")
    compress: bool = Field(default=False, description="send requests packed with gzip")
    max_answer: int = Field(
        default=50 * 10**6, ge=1, description="bytes that an answer may have at most, also once it is unpacked"
    )
    application: str = Field(default="exchange-gateway", description="what POHODA's log calls the sender")
    instance: str | None = Field(
        default=None, description="a second name in POHODA's log; default the endpoint's own"
    )
    ca_file: Path | None = Field(
        default=None,
        description="certificate of the authority that signed the server's; default the system's list",
    )

    @property
    def tells_secrets_openly(self) -> bool:
        """Whether the password leaves this machine unencrypted."""
        return self.url.startswith("http://") and not _is_this_machine(urlsplit(self.url).hostname or "")

    @property
    def base(self) -> str:
        """The address that `/xml` and `/status` follow."""
        return self.url.rstrip("/").removesuffix("/xml")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        checked_address(url, _ADDRESS, _ADDRESS)
        if (urlsplit(url).hostname or "").lower() == "localhost":
            raise ValueError("mServer listens on IPv4 alone; write `127.0.0.1` instead of `localhost`")
        return url

    @field_validator("user")
    @classmethod
    def _has_no_colon(cls, user: str) -> str:
        if ":" in user:
            raise ValueError("a user name has no `:`, which would end it in the request")
        return user

    @field_validator("company_id")
    @classmethod
    def _has_digits(cls, company_id: str) -> str:
        if not re.fullmatch(r"[0-9 ]+", company_id) or not company_id.strip():
            raise ValueError("a company number has digits alone, such as `12345678`")
        return company_id

    @field_validator("encoding")
    @classmethod
    def _can_write_the_login(cls, encoding: str, info: ValidationInfo) -> str:
        user, password = info.data.get("user"), info.data.get("password")
        try:
            (f"{user}:{password.get_secret_value()}" if password else "").encode(encoding)
        except UnicodeEncodeError:
            raise ValueError(f"user and password cannot be written in {encoding}") from None
        return encoding

    @field_validator("application", "instance")
    @classmethod
    def _can_be_sent(cls, name: str | None) -> str | None:
        if name is not None and not _PLAIN.fullmatch(name):
            raise ValueError("a name in the log has 1 to 100 letters, digits and signs without accents")
        return name

    def login(self) -> str:
        """What the header of the login says."""
        return basic_login(f"{self.user}:{self.password.get_secret_value()}", self.encoding)


class MServerEndpoint:
    """One mServer and the accounting unit behind it."""

    def __init__(self, name: str, options: MServerOptions, *, root: Path) -> None:
        self.name = name
        self.traits = Traits(atomic_rename=False, stable_mtime=False, host=host_of(options.url))
        ca_file = root / options.ca_file if options.ca_file else None
        self._options = options.model_copy(update={"ca_file": ca_file, "instance": options.instance or name})

    def service(self, memory: Memory | None = None) -> MServer:
        """The unit, as one that is called; it needs no memory."""
        return MServer(self.name, self._options)

    def probe(self) -> str:
        """Ask the unit who it is, and say it in one line. Raises EndpointError, also where it is another one."""
        side = self.service()
        try:
            return side.described()
        finally:
            side.close()

    def close(self) -> None:
        """Connections are closed by who opened them."""


class MServer:
    """A connection to an accounting unit."""

    def __init__(self, name: str, options: MServerOptions) -> None:
        self._name = name
        self._options = options
        self._connection = HttpConnection(
            _over_http(options), (options.password.get_secret_value(), options.login()[6:])
        )
        self._shown = f"{options.base}/xml"
        self._place: str | None = None

    def ready(self) -> str:
        """Make sure that it is the unit that is meant; raises PartnerRefused (E017) where it is another one."""
        if self._place is None:
            unit = self._asked()
            unchecked = check(unit, self._expected(), self._shown)
            if unchecked is not None:
                emit("unit_not_checked", level="warning", endpoint=self._name, reason=unchecked)
            self._place = f"{self._shown} ({unit.database})" if unit.database else self._shown
        return self._place

    def described(self) -> str:
        """Who answers, for a person. Raises EndpointError where it is not who is meant."""
        unit = self._asked()
        unchecked = check(unit, self._expected(), self._shown)
        return unit.described() + (f"; {unchecked}" if unchecked else "")

    def call(self, name: str, content: bytes) -> bytes:
        """Hand a dataPack over, and return the responsePack."""
        self.ready()
        url = self._connection.address("xml")
        body = gzip.compress(content, mtime=0) if self._options.compress else content
        try:
            with self._connection.ask(
                "POST", url, headers=self._headers(content, body), content=body, follow=False
            ) as answer:
                judge(answer, name)
                return checked_pack(_whole(answer), name, answer.shown)
        except EndpointError as error:
            raise self._in_own_words(error, name) from None

    def refresh(self) -> None:
        """Whoever answers after a pause is asked who it is: mServer may have been started on another unit."""
        self._place = None

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def _asked(self) -> Unit:
        url = self._connection.address("status").copy_with(query=b"companyDetail")
        try:
            with self._connection.ask(
                "GET", url, headers={"Accept-Encoding": "gzip, deflate"}, follow=False
            ) as answer:
                if answer.status in (404, 405):  # a release that cannot be asked
                    return Unit()
                judge(answer, None)
                return read_unit(b"".join(answer.blocks()), answer.shown)
        except EndpointError as error:
            raise self._in_own_words(error, None) from None

    def _expected(self) -> Expected:
        return Expected(self._options.company_id, self._options.year)

    def _headers(self, content: bytes, body: bytes) -> dict[str, str]:
        declared = _DECLARED.match(content)
        charset = declared.group(1).decode("ascii") if declared else "utf-8"
        packed = {"Content-Encoding": "gzip"} if self._options.compress else {}
        return {
            "Content-Type": f"text/xml; charset={charset}",
            "Content-Length": str(len(body)),
            "Accept-Encoding": "gzip, deflate",
            "STW-Check-Duplicity": "true",
            "STW-Application": self._options.application,
            "STW-Instance": self._options.instance or self._name,
            **packed,
        }

    def _in_own_words(self, error: EndpointError, name: str | None) -> EndpointError:
        """The limits by the names that they have here; as what kind of error it came stays."""
        about = f" to `{name}`" if name else ""
        kind = EndpointUnreachable if name is None else OutcomeUnknown
        if error.code == "E012":
            return kind(
                f"{self._shown}: no answer{about} within `timeout`, which is {self._options.timeout:g} seconds",
                code="E012",
                help="look whether POHODA waits for somebody on its own machine; `timeout:` of the endpoint "
                "sets the patience",
            )
        if error.code == "E015":
            return kind(
                f"{self._shown}: the answer{about} is larger than {self._options.max_answer} bytes",
                code="E015",
                help="set `max_answer:` of the endpoint higher, or `pack:` of the target lower",
            )
        shown = error.message.replace(
            "?***", "?companyDetail"
        )  # the client hides every query; this one is no secret
        return type(error)(shown, code=error.code, help=error.help)


def _whole(answer: Answer) -> bytes:
    """The whole content of an answer. What cannot be read of it leaves open what was booked."""
    try:
        return b"".join(answer.blocks())
    except EndpointError as error:
        raise OutcomeUnknown(error.message, code=error.code, help=error.help) from None


def _over_http(options: MServerOptions) -> HttpOptions:
    """The same for the client of HTTP; what travels slowly there is watched by the one deadline."""
    return HttpOptions(
        url=options.base,
        headers={"STW-Authorization": SecretStr(options.login())},
        connect_timeout=options.connect_timeout,
        data_timeout=options.timeout + _HEADS_AND_LINES,
        transfer_timeout=options.timeout,
        minimum_rate=0,
        max_connections=1,
        max_size=options.max_answer,
        ca_file=options.ca_file,
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
