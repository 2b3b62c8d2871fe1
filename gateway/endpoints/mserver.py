"""POHODA's mServer: an accounting unit that is handed dataPacks over HTTP and answers each in the same breath.

Every request bears the check for duplicates, so that the same bytes may be handed over again whenever their answer
was lost. Before anything is handed over on a connection the unit is asked who it is.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from gateway.endpoints.base import EndpointOptions, Memory, Traits
from gateway.endpoints.http import checked_address, host_of

if TYPE_CHECKING:  # a configuration is read without what speaks to servers
    from gateway.endpoints.mserver_service import MServer

_ADDRESS = "an address such as `http://192.168.1.20:444` is expected"
_PLAIN = re.compile(r"[\x20-\x7e]{1,100}")


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
        from gateway.endpoints.http_client import basic_login

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
        from gateway.endpoints.mserver_service import MServer

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


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
