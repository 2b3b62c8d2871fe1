"""Room on the spool's disk: nothing is taken in that would fill it."""

from __future__ import annotations

import shutil

from gateway.diagnostics import Problem, printable
from gateway.errors import EndpointUnreachable
from gateway.exchange.site import Site

_LOOK_EVERY = 16 << 20
_HELP = "make room there; the gateway goes on by itself"


def disk_problem(site: Site) -> Problem | None:
    """Why nothing may be taken in: every input needs room for its copy, its deliveries and the ledger."""
    free = _free(site)
    if free >= site.config.minimum_free:
        return None
    return Problem(
        code="G013",
        message=f"the disk of the spool has {free // 10**6} MB left, `minimum_free` wants "
        f"{site.config.minimum_free // 10**6} MB: nothing is taken in",
        help=_HELP,
    )


class Room:
    """Watches one copy; `went` is told of every block, since a server may send more than it announced."""

    def __init__(self, site: Site, name: str, size: int | None) -> None:
        self._site = site
        self._name = name
        self._since = 0
        self._check(size or 0)

    def went(self, count: int) -> None:
        """So many bytes were written. Raises EndpointUnreachable where there is no room for more."""
        self._since += count
        if self._since >= _LOOK_EVERY:
            self._since = 0
            self._check(0)

    def _check(self, size: int) -> None:
        free = _free(self._site)
        if free - size < self._site.config.minimum_free:
            raise EndpointUnreachable(
                f"there is no room for `{printable(self._name)}`: the disk of the spool has {free // 10**6} MB "
                f"left, of which {self._site.config.minimum_free // 10**6} MB stay free",
                code="G013",
                help=_HELP,
            )


def _free(site: Site) -> int:
    return shutil.disk_usage(site.spool.root).free
