"""Opening a site to work on it: one process at a time, and nothing left over of the one before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.clock import Clock
from gateway.config import Config
from gateway.exchange.site import Site
from gateway.store.spool import Spool


@contextmanager
def opened(config: Config, clock: Clock | None = None) -> Iterator[Site]:
    """A site whose spool is held by this process, free of what the one before left half done.

    Raises SpoolInUse, GatewayError.
    """
    spool = Spool(config.spool)
    spool.prepare()
    with spool.lock():
        site = Site(config, clock=clock)
        clean_up(site)
        try:
            yield site
        finally:
            site.close()


def clean_up(site: Site) -> None:
    """With the lock held nobody else is at work: free the lanes of the process before, sweep its leftovers."""
    site.lanes.release_all()
    site.blobs.sweep()
    for leftover in site.spool.work.iterdir():
        leftover.unlink(missing_ok=True)
