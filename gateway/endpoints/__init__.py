"""The transports: where files are taken from and shipped to, and who is called.

A new transport is one module with its options model and its endpoint class, and one line in `ENDPOINTS` here, or
in `SERVICES` where it answers at once, in `LISTS` where it has lists of records instead of folders.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from gateway.endpoints.api import ApiEndpoint, ApiOptions
from gateway.endpoints.base import (
    AfterWork,
    Dropoff,
    Endpoint,
    Entry,
    Look,
    Memory,
    Outcome,
    PagedSource,
    Pickup,
    Runtime,
    Service,
    ServiceEndpoint,
    Source,
    SourceEndpoint,
    Staged,
    Target,
    Traits,
    Written,
    cannot_be_asked_for,
    fits,
    name_trouble,
)
from gateway.endpoints.ftp import FtpEndpoint, FtpOptions
from gateway.endpoints.http import HttpEndpoint, HttpOptions
from gateway.endpoints.local import LocalEndpoint, LocalOptions
from gateway.endpoints.mserver import MServerEndpoint, MServerOptions
from gateway.endpoints.sftp import SftpEndpoint, SftpOptions

AnyOptions = LocalOptions | FtpOptions | SftpOptions | HttpOptions | ApiOptions | MServerOptions
"""The options of any endpoint."""

EndpointModel = Annotated[AnyOptions, Field(discriminator="type")]
"""The options of any endpoint, told apart by `type:`."""

ENDPOINTS: dict[type[Any], Callable[[str, Any, Path], Endpoint]] = {
    LocalOptions: lambda name, options, root: LocalEndpoint(name, options, root=root),
    FtpOptions: lambda name, options, root: FtpEndpoint(name, options, root=root),
    SftpOptions: lambda name, options, root: SftpEndpoint(name, options, root=root),
    HttpOptions: lambda name, options, root: HttpEndpoint(name, options, root=root),
}

LISTS: dict[type[Any], Callable[[str, Any, Path, Runtime], SourceEndpoint]] = {
    ApiOptions: lambda name, options, root, runtime: ApiEndpoint(name, options, root=root, runtime=runtime),
}

SERVICES: dict[type[Any], Callable[[str, Any, Path, Runtime], ServiceEndpoint]] = {
    ApiOptions: lambda name, options, root, runtime: ApiEndpoint(name, options, root=root, runtime=runtime),
    MServerOptions: lambda name, options, root, _: MServerEndpoint(name, options, root=root),
}


def open_endpoint(name: str, options: AnyOptions, root: Path) -> Endpoint:
    """The endpoint with folders that these options describe; nothing is connected yet."""
    return ENDPOINTS[type(options)](name, options, root)


def open_source(name: str, options: AnyOptions, root: Path, runtime: Runtime | None = None) -> SourceEndpoint:
    """The endpoint with folders or lists that these options describe; nothing is connected yet."""
    if options.has_lists:
        return LISTS[type(options)](name, options, root, runtime or Runtime())
    return open_endpoint(name, options, root)


def open_service(name: str, options: AnyOptions, root: Path, runtime: Runtime | None = None) -> ServiceEndpoint:
    """The endpoint that answers calls, which these options describe; nothing is connected yet."""
    return SERVICES[type(options)](name, options, root, runtime or Runtime())


__all__ = [
    "AfterWork",
    "AnyOptions",
    "ApiOptions",
    "Dropoff",
    "Endpoint",
    "EndpointModel",
    "Entry",
    "Look",
    "Memory",
    "Outcome",
    "PagedSource",
    "Pickup",
    "Runtime",
    "Service",
    "ServiceEndpoint",
    "Source",
    "SourceEndpoint",
    "Staged",
    "Target",
    "Traits",
    "Written",
    "cannot_be_asked_for",
    "fits",
    "name_trouble",
    "open_endpoint",
    "open_service",
    "open_source",
]
