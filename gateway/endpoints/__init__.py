"""The transports: where files are taken from and shipped to, and who is called.

A new transport is one module with its options model and its endpoint class, and one line in `options.py`. A name
is imported when it is first used: a site loads the transports that it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.lazily import on_first_use

if TYPE_CHECKING:
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
    from gateway.endpoints.opening import open_endpoint, open_service, open_source
    from gateway.endpoints.options import EndpointModel

__all__ = [
    "AfterWork",
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

__getattr__ = on_first_use(
    __name__,
    {
        "opening": ("open_endpoint", "open_service", "open_source"),
        "options": ("EndpointModel",),
        "base": __all__,
    },
)
