"""From options to the endpoint that they describe; nothing is connected yet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.endpoints.base import Endpoint, Runtime, ServiceEndpoint, SourceEndpoint
from gateway.endpoints.options import endpoint_type

if TYPE_CHECKING:
    from gateway.endpoints.options import AnyOptions


def open_endpoint(name: str, options: AnyOptions, root: Path) -> Endpoint:
    """The endpoint with folders that these options describe."""
    endpoint: Endpoint = endpoint_type(options)(name, options, root=root)
    return endpoint


def open_source(name: str, options: AnyOptions, root: Path, runtime: Runtime | None = None) -> SourceEndpoint:
    """The endpoint with folders or lists that these options describe."""
    endpoint: SourceEndpoint = _opened(name, options, root, runtime)
    return endpoint


def open_service(name: str, options: AnyOptions, root: Path, runtime: Runtime | None = None) -> ServiceEndpoint:
    """The endpoint that answers calls, which these options describe."""
    endpoint: ServiceEndpoint = _opened(name, options, root, runtime)
    return endpoint


def _opened(name: str, options: AnyOptions, root: Path, runtime: Runtime | None) -> Any:
    given = {"runtime": runtime or Runtime()} if options.has_lists else {}
    return endpoint_type(options)(name, options, root=root, **given)
