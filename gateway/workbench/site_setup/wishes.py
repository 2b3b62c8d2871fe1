"""All that was answered: what is to travel, where from, where to, when."""

from __future__ import annotations

from datetime import date

import msgspec

from gateway.workbench.site_setup.addresses import Accounting, Address
from gateway.workbench.site_setup.journeys import Journey


class Wish(msgspec.Struct, frozen=True):
    """A route that somebody wants.

    mapping: the one that was named, else empty. files: the masks of the inputs, none = as the format says.
    since: older documents are left out. user: of the one new endpoint whose address names none.
    """

    journey: Journey
    accounting: Accounting
    source: Address
    target: Address
    name: str
    origin: str
    merchant: str
    company_id: str | None
    every: str | None = None
    schedule: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    since: date | None = None
    rehearsal: bool = False
    mapping: str = ""
    user: str | None = None
    key_file: str | None = None
