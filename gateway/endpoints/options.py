"""The options of any endpoint, told apart by `type:`. Only the transports that a site uses are loaded."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter
from pydantic_core import PydanticKnownError, core_schema

from gateway.endpoints.base import EndpointOptions

if TYPE_CHECKING:
    from gateway.endpoints.api import ApiOptions
    from gateway.endpoints.ftp import FtpOptions
    from gateway.endpoints.http import HttpOptions
    from gateway.endpoints.local import LocalOptions
    from gateway.endpoints.mserver import MServerOptions
    from gateway.endpoints.sftp import SftpOptions

    AnyOptions = LocalOptions | FtpOptions | SftpOptions | HttpOptions | ApiOptions | MServerOptions

_CLASSES = {
    "local": "Local",
    "ftp": "Ftp",
    "sftp": "Sftp",
    "http": "Http",
    "api": "Api",
    "mserver": "MServer",
}
TYPES = tuple(_CLASSES)
"""The types of endpoints; each is a module here, which has the class of its options and that of its endpoint."""


def options_type(name: str) -> type[EndpointOptions]:
    """The class of the options of a type; its transport is loaded."""
    found: type[EndpointOptions] = _class(name, "Options")
    return found


def endpoint_type(options: EndpointOptions) -> Any:
    """The class of the endpoint that such options describe."""
    return _class(type(options).model_fields["type"].default, "Endpoint")


def _class(name: str, what: str) -> Any:
    return getattr(import_module(f"gateway.endpoints.{name}"), f"{_CLASSES[name]}{what}")


class _ByType:
    """Checks a table by the options of the type that it names; pydantic's own union needs all of them."""

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(_checked)

    def __get_pydantic_json_schema__(self, _: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        every: Any = Union[tuple(options_type(name) for name in TYPES)]  # noqa: UP007 - of what is known now only
        return handler(TypeAdapter(Annotated[every, Field(discriminator="type")]).core_schema)


def _checked(value: Any) -> EndpointOptions:
    if isinstance(value, EndpointOptions):
        return value
    if not isinstance(value, dict):
        raise PydanticKnownError("dict_type")
    if "type" not in value:
        raise PydanticKnownError("union_tag_not_found", {"discriminator": "'type'"})
    name = value["type"]
    if not isinstance(name, str) or name not in _CLASSES:
        known = ", ".join(f"'{each}'" for each in TYPES)
        raise PydanticKnownError(
            "union_tag_invalid", {"discriminator": "'type'", "tag": str(name), "expected_tags": known}
        )
    return options_type(name).model_validate(value)


if TYPE_CHECKING:
    EndpointModel = AnyOptions
else:
    EndpointModel = Annotated[EndpointOptions, _ByType()]
