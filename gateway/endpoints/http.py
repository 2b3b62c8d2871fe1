"""HTTP servers: feeds that a shop offers under an address, and receivers that take uploads.

A feed is one file under one address, asked for with what is remembered of it; an upload is one request, since
HTTP knows no temporary names. The secrets go to the server of `url:` alone and stand in no message.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from gateway.endpoints.base import Dropoff, Memory, Pickup, Traits, TransferOptions

if TYPE_CHECKING:  # a configuration is read without what speaks to servers
    from gateway.endpoints.http_client import HttpConnection
    from gateway.endpoints.http_feed import HttpSource
    from gateway.endpoints.http_upload import HttpTarget

_NAME_OF_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OWN_HEADERS = frozenset(
    {"accept-encoding", "connection", "content-disposition", "content-encoding", "content-length", "content-type",
     "cookie", "host", "if-modified-since", "if-none-match", "range", "te", "transfer-encoding", "upgrade"}
)  # fmt: skip
_SECRET_NAME = re.compile(r"hash|key|token|auth|secret|pass|pwd|pin|sig|session", re.IGNORECASE)
_SECRET_FROM = 8


def host_of(url: str) -> str:
    """The server and port of an address, as the one thing that a limit of connections is about."""
    parts = urlsplit(url)
    return f"{(parts.hostname or '').lower()}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def checked_address(
    url: str, about_queries: str, expected: str = "an address such as `https://shop.example.cz/export` is expected"
) -> str:
    """An address of HTTP without login and query. Raises ValueError with words for who wrote it."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.username is not None or parts.password is not None:
        raise ValueError("user and password have options of their own, `user:` and `password:`")
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        raise ValueError(about_queries)
    plain = parts.scheme in ("http", "https") and parts.hostname and not re.search(r"[\x00-\x20\x7f]", url)
    if not plain:
        raise ValueError(expected)
    return url


class HttpOptions(TransferOptions):
    """An HTTP server that feeds come from and files go to. `gateway check` warns of secrets over plain `http://`."""

    type: Literal["http"] = "http"
    url: str = Field(
        description="the address, such as `https://shop.example.cz`; `folder:` of a route or target is appended"
    )
    query: dict[str, SecretStr] = Field(
        default={},
        description='what follows the `?`, such as `{hash: "${env:SHOP_HASH}"}`; never shown in a message',
        json_schema_extra={"secrets": True},
    )
    user: str | None = Field(default=None, description="login name (HTTP Basic)")
    password: SecretStr | None = Field(
        default=None,
        validate_default=True,
        description="password; write `${env:NAME}` or `${file:PATH}`",
        json_schema_extra={"secret": True},
    )
    token: SecretStr | None = Field(
        default=None,
        description="a bearer token instead of `user:` and `password:`",
        json_schema_extra={"secret": True},
    )
    headers: dict[str, SecretStr] = Field(
        default={},
        description='further headers, such as `{X-Api-Key: "${env:API_KEY}"}`',
        json_schema_extra={"secrets": True},
    )
    method: Literal["PUT", "POST"] = Field(
        default="PUT",
        description="how files are uploaded: `PUT` under their names, or `POST` to the address of the folder",
    )
    content_type: str = Field(default="application/xml", description="what an upload says it is")
    ca_file: Path | None = Field(
        default=None,
        description="certificate of the authority that signed the server's; default the system's list",
    )
    max_redirects: int = Field(
        default=5, ge=0, le=20, description="redirects that are followed; no secret follows to another server"
    )
    max_size: int = Field(
        default=10**9, ge=1, description="bytes that a feed may have at most, also once it is unpacked"
    )

    @property
    def tells_secrets_openly(self) -> bool:
        """Whether a secret would travel unencrypted."""
        return self.url.startswith("http://") and bool(self.user or self.token or self.query or self.headers)

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        return checked_address(url, "what follows the `?` goes under `query:`, since it often is a secret")

    @field_validator("query")
    @classmethod
    def _has_names(cls, query: dict[str, SecretStr]) -> dict[str, SecretStr]:
        if "" in query:
            raise ValueError("a parameter without a name")
        return query

    @field_validator("user")
    @classmethod
    def _has_no_colon(cls, user: str | None) -> str | None:
        if user is not None and ":" in user:
            raise ValueError("a user name of HTTP has no `:`")
        return user

    @field_validator("password")
    @classmethod
    def _goes_with_the_user(cls, password: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if "user" in info.data and (info.data["user"] is None) != (password is None):
            raise ValueError("`user` and `password` go together")
        return password

    @field_validator("token")
    @classmethod
    def _is_alone_and_plain(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if token is not None and info.data.get("user") is not None:
            raise ValueError("either a token, or `user` and `password`")
        if token is not None and not re.fullmatch(r"[\x21-\x7e]+", token.get_secret_value()):
            raise ValueError("a token has letters, digits and signs without blanks; it may be empty or cut here")
        return token

    @field_validator("headers")
    @classmethod
    def _can_be_sent(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            if not _NAME_OF_HEADER.fullmatch(name):
                raise ValueError(f"`{name}` cannot be the name of a header")
            if name.lower() in _OWN_HEADERS:
                raise ValueError(f"the gateway sets `{name}` itself")
            if not re.fullmatch(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?", value.get_secret_value()):
                raise ValueError(f"the value of `{name}` is empty, or has characters that no header can have")
        return headers

    @field_validator("content_type")
    @classmethod
    def _is_a_type(cls, content_type: str) -> str:
        if not re.fullmatch(r"[\w.+-]+/[\w.+-]+(?:; ?[\w-]+=[\w.\"-]+)*", content_type, re.ASCII):
            raise ValueError("a type such as `application/xml` is expected")
        return content_type


class HttpEndpoint:
    """One server and what one may do there."""

    def __init__(self, name: str, options: HttpOptions, *, root: Path) -> None:
        self.name = name
        self.traits = Traits(
            atomic_rename=False,
            stable_mtime=False,
            host=host_of(options.url),
            max_connections=options.max_connections,
        )
        ca_file = root / options.ca_file if options.ca_file else None
        self._options = options.model_copy(update={"ca_file": ca_file})

    def source(self, pickup: Pickup, memory: Memory | None = None) -> HttpSource:
        """The feed under the address of a folder; masks do not apply, since nothing is listed."""
        from gateway.endpoints.http_feed import HttpSource

        return HttpSource(self._connection(), self._options, pickup, memory)

    def target(self, dropoff: Dropoff) -> HttpTarget:
        """The address of a folder, which takes uploads."""
        from gateway.endpoints.http_upload import HttpTarget

        return HttpTarget(self._connection(), self._options, dropoff)

    def probe(self) -> str:
        """Ask for the head of `url:` and say what it is. Raises EndpointError."""
        connection = self._connection()
        try:
            address = connection.address("")
            for method in ("HEAD", "GET"):
                with connection.ask(method, address) as answer:
                    if answer.status in (405, 501) and method == "HEAD":
                        continue
                    if answer.status < 400:
                        return f"{answer.said}, {answer.kind or 'no type'}, {answer.size_said}"
                    if answer.status in (404, 405, 410, 501):
                        return f"the server is there; it says {answer.said} to {answer.shown} without a `folder:`"
                    raise answer.error()
            raise AssertionError("a GET is always decided")
        finally:
            connection.close()

    def close(self) -> None:
        """Connections are closed by who opened them."""

    def _connection(self) -> HttpConnection:
        from gateway.endpoints.http_client import HttpConnection

        return HttpConnection(self._options, secrets_of(self._options))


def may_be_secret(name: str, value: str) -> bool:
    """Whether a query parameter or header is one: by its name, or as a long mix of letters and digits."""
    if _SECRET_NAME.search(name):
        return True
    mixed = re.search(r"\d", value) is not None and re.search(r"[A-Za-z]", value) is not None
    return len(value) >= _SECRET_FROM and mixed


def secrets_of(options: HttpOptions) -> tuple[str, ...]:
    """The values that may stand in no message."""
    tables = [*options.query.items(), *options.headers.items()]
    found = [value.get_secret_value() for name, value in tables if may_be_secret(name, value.get_secret_value())]
    found += [value.get_secret_value() for value in (options.password, options.token) if value is not None]
    return tuple(sorted((value for value in found if value), key=len, reverse=True))
