"""The canonical request: what a program is asked for, page by page."""

from __future__ import annotations

import msgspec


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One page that is asked for.

    id_from: the first record id of the page. count: how many records it may hold at most.
    changed_since: only what was changed from then on, in the program's own notation of its own clock; None asks
    for everything. record_id: the one record that is asked for, where it is one.
    """

    number: str
    id_from: int
    count: int
    changed_since: str | None = None
    record_id: str | None = None
