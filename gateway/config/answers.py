"""The answers of a target as a route of their own: they are taken in as every other input is."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from gateway.config.model import AnswersModel
from gateway.diagnostics import Span
from gateway.endpoints import AfterWork, Pickup
from gateway.endpoints.base import KEEP

INTO_DONE = AfterWork(action="move", folder="done")
"""The after-work action where nothing is said."""

ASKED = "ask-"
"""How the names of requests begin: the answers to them are no receipts."""

_GIVE_UP = timedelta(minutes=10)


class AnswersSpec(msgspec.Struct, frozen=True):
    """How a target answers. route: the route that its answers are read on. within: after that one is late.

    by_call: they come in the calls that ship, and lie in no folder.

    take_away: whether a file is removed from the target once it is answered.
    ini: the name of POHODA's ini in the target's folder, where `gateway probe` is to look at it.
    """

    route: str
    pickup: Pickup
    give_up: timedelta
    mapping: str
    every: timedelta
    within: timedelta
    take_away: bool
    ini: str | None
    span: Span | None
    mapping_span: Span | None
    by_call: bool = False


def answers_spec(
    model: AnswersModel,
    target: str,
    mapping: str,
    usual: timedelta,
    span: Span | None,
    mapping_span: Span | None,
) -> AnswersSpec:
    """The answers of the target of that id. usual: how often a source such as its endpoint is looked at.

    mapping: what reads them where nothing is said. Without a folder they come in the calls.
    """
    by_call = model.folder is None
    after = KEEP if by_call else INTO_DONE
    return AnswersSpec(
        route=f"answers-{target.replace('/', '-')}",
        pickup=Pickup(
            folder=model.folder or "",
            files=tuple(model.files),
            skip=(f"{ASKED}*",),
            after=model.after.work() if model.after else after,
        ),
        give_up=_GIVE_UP,
        mapping=model.mapping or mapping,
        every=model.every or usual,
        within=model.within,
        take_away=model.take_away and not by_call,
        ini=model.ini,
        span=span,
        mapping_span=mapping_span,
        by_call=by_call,
    )
