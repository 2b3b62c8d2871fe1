"""APIs of shops: lists that records are taken from, and calls that write stock, prices and states back.

What is particular to a platform stands in `mappings/<platform>/api.yaml` and in templates; here is what all have
in common. The secrets go to the server of `url:` alone and stand in no message.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from gateway.endpoints.base import Memory, Pickup, Runtime, Traits, TransferOptions
from gateway.endpoints.http import HttpOptions, checked_address, host_of
from gateway.errors import EndpointRefused, ProblemsFound

if TYPE_CHECKING:  # a configuration is read without what speaks to servers
    from gateway.endpoints.api_calls import ApiService
    from gateway.endpoints.api_connection import ApiConnection
    from gateway.endpoints.api_description import ApiModel
    from gateway.endpoints.api_lists import ApiSource


class ApiOptions(TransferOptions):
    """The API of a shop: records are taken from its lists, stock, prices and states are written back by calls."""

    is_service: ClassVar[bool] = True
    has_lists: ClassVar[bool] = True
    answered_by: ClassVar[str] = "shop/answer"

    type: Literal["api"] = "api"
    platform: str = Field(
        description="whose API it is, such as `prestashop`: how it is spoken stands in its `api.yaml`",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$",
    )
    url: str = Field(description="the address of the shop, such as `https://shop.example.cz`")
    user: str | None = Field(default=None, description="login name, or the public part of a key")
    password: SecretStr | None = Field(
        default=None,
        description="password, or the secret part of a key; write `${env:NAME}` or `${file:PATH}`",
        json_schema_extra={"secret": True},
    )
    key: SecretStr | None = Field(
        default=None, description="the key of the API, where it is one alone", json_schema_extra={"secret": True}
    )
    token: SecretStr | None = Field(
        default=None, description="a bearer token that does not end", json_schema_extra={"secret": True}
    )
    settings: dict[str, str] = Field(
        default={}, description="texts of its `api.yaml`, such as `timezone: Europe/Prague`"
    )
    requests_per_second: float | None = Field(
        default=None, gt=0, le=100, description="how fast may be asked; default as the platform allows"
    )
    ca_file: Path | None = Field(
        default=None,
        description="certificate of the authority that signed the server's; default the system's list",
    )
    max_answer: int = Field(
        default=50_000_000, ge=1, description="bytes that an answer may have at most, also once it is unpacked"
    )
    max_connections: int = Field(
        default=1, ge=1, le=20, description="connections to this host at the same time; each keeps to the rate"
    )

    @property
    def tells_secrets_openly(self) -> bool:
        """Whether a secret would travel unencrypted."""
        return self.url.startswith("http://") and bool(self.user or self.token or self.key or self.password)

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        return checked_address(url, "the address of the shop alone; its platform knows what follows the `?`")

    @field_validator("key", "token")
    @classmethod
    def _can_be_sent(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value() if value is not None else "x"
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("a key has letters, digits and signs without blanks; it may be empty or cut here")
        return value

    @field_validator("token")
    @classmethod
    def _is_alone(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if token is not None and info.data.get("user") is not None:
            raise ValueError("either a token, or `user` and `password`")
        return token


class ApiEndpoint:
    """One shop's API."""

    def __init__(self, name: str, options: ApiOptions, *, root: Path, runtime: Runtime) -> None:
        self.name = name
        self._runtime = runtime
        self.traits = Traits(
            atomic_rename=False,
            stable_mtime=False,
            host=host_of(options.url),
            max_connections=options.max_connections,
        )
        ca_file = root / options.ca_file if options.ca_file else None
        self._options = options.model_copy(update={"ca_file": ca_file})
        self._root = root

    def source(self, pickup: Pickup, memory: Memory | None = None) -> ApiSource:
        """One of its lists. Raises EndpointRefused where there is no such list."""
        from gateway.endpoints.api_lists import ApiSource

        connection = self._connection()
        listed = connection.description.lists.get(pickup.listing or "")
        if listed is None:
            raise EndpointRefused(f"{self._options.platform} has no list `{pickup.listing}`", code="E009")
        return ApiSource(connection, listed, pickup, memory, self._runtime.clock)

    def service(self, memory: Memory | None = None) -> ApiService:
        """Its calls."""
        from gateway.endpoints.api_calls import ApiService

        return ApiService(
            self._connection(), memory, self._options.url.rstrip("/"), self._options.platform, self._runtime.clock
        )

    def probe(self) -> str:
        """Ask what changes nothing, and say in one line what was found. Raises EndpointError."""
        connection = self._connection()
        try:
            return f"{self._options.platform}: {connection.probe()} answers"
        finally:
            connection.close()

    def close(self) -> None:
        """Connections are closed by who opened them."""

    def _connection(self) -> ApiConnection:
        from gateway.endpoints.api_connection import ApiConnection
        from gateway.endpoints.http_client import HttpConnection

        options = self._options
        description = described(options, self._root)
        filled = filled_for(options, description)
        http = HttpOptions(
            url=options.url,
            user=None if description.login or options.password is None else options.user,
            password=None if description.login or options.user is None else options.password,
            token=options.token,
            ca_file=options.ca_file,
            max_size=options.max_answer,
            connect_timeout=options.connect_timeout,
            data_timeout=options.data_timeout,
            transfer_timeout=options.transfer_timeout,
            minimum_rate=options.minimum_rate,
            max_connections=1,
        )
        secrets = [each.get_secret_value() for each in (options.password, options.key, options.token) if each]
        rate = options.requests_per_second or description.requests_per_second
        client = HttpConnection(http, secrets)
        return ApiConnection(client, description, filled, rate, self._runtime.clock, self._runtime.stopping)


def described(options: ApiOptions, site: Path) -> ApiModel:
    """How the API is spoken. Raises EndpointRefused where its api.yaml is not in order."""
    from gateway.endpoints.api_description import load_description

    try:
        return load_description(options.platform, site)
    except ProblemsFound as error:
        raise EndpointRefused(
            error.problems[0].message, code="E009", help="`gateway check` shows its place"
        ) from None


def filled_for(options: ApiOptions, description: ApiModel) -> dict[str, str]:
    """What the placeholders of api.yaml stand for: the endpoint's own values and settings."""
    found = {f"settings.{name}": value or "" for name, value in description.settings.items()}
    found |= {f"settings.{name}": value for name, value in options.settings.items()}
    secrets = {"password": options.password, "key": options.key}
    found["user"] = options.user or ""
    return found | {name: each.get_secret_value() if each else "" for name, each in secrets.items()}
