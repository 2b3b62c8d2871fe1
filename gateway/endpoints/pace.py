"""How long a transfer may take as a whole, and how slow it may be: a server that drips must not hold a worker."""

from __future__ import annotations

from gateway.clock import monotonic
from gateway.endpoints.base import TransferOptions
from gateway.errors import EndpointUnreachable

_PATIENCE = 30.0
"""Seconds after which the rate counts: a short file and a slow start prove nothing."""


class Pace:
    """Watches one transfer; `went` is told of every block."""

    def __init__(self, options: TransferOptions, what: str) -> None:
        self._options = options
        self._what = what
        self._began = monotonic()
        self._bytes = 0

    def went(self, count: int) -> None:
        """So many bytes went. Raises EndpointUnreachable where the transfer is too slow or takes too long."""
        self._bytes += count
        seconds = monotonic() - self._began
        limit = self._options.transfer_timeout
        if seconds > limit:
            raise EndpointUnreachable(
                f"{self._what}: not done after {seconds:.0f} seconds ({self._bytes} bytes), "
                f"`transfer_timeout` is {limit:g}",
                code="E012",
                help="set `transfer_timeout:` of the endpoint higher where files are that large",
            )
        rate = self._bytes / seconds if seconds else 0.0
        if seconds > _PATIENCE and rate < self._options.minimum_rate:
            raise EndpointUnreachable(
                f"{self._what}: only {rate:.0f} bytes a second after {seconds:.0f} seconds, "
                f"`minimum_rate` is {self._options.minimum_rate}",
                code="E012",
                help="set `minimum_rate:` of the endpoint lower where the line is that slow",
            )
