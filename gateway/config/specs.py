"""Routes and targets as the rest of the gateway takes them: every name followed, everything resolved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Literal

import msgspec

from gateway.config.answers import AnswersSpec
from gateway.config.asking import AskSpec, PrintSpec
from gateway.config.offers import OffersSpec
from gateway.config.schedule import Schedule
from gateway.diagnostics import Span
from gateway.endpoints import Dropoff, Pickup
from gateway.offers import StateModel
from gateway.yamlfile import YamlFile


class TargetSpec(msgspec.Struct, frozen=True):
    """One target of one route, everything resolved. `id` is unique in the site and names the lane `ship:<id>`.

    own_settings, own_lookups: those of the target itself, without what the route adds.
    """

    id: str
    endpoint: str
    dropoff: Dropoff
    file_name: str
    window: timedelta | None
    template: str
    schema: str | None
    settings: dict[str, Any]
    lookups: dict[str, dict[str, str]]
    own_settings: dict[str, Any]
    own_lookups: dict[str, dict[str, str]]
    spans: tuple[tuple[YamlFile, tuple[str | int, ...]], ...]
    answers: AnswersSpec | None = None
    offers: OffersSpec | None = None

    @property
    def lane(self) -> str:
        """The lane that this target is shipped to on."""
        return f"ship:{self.id}"

    @property
    def is_service(self) -> bool:
        """Whether it is called and answers at once, instead of being a folder."""
        return self.answers is not None and self.answers.by_call

    @property
    def replaces(self) -> bool:
        """Whether each file takes the place of the one before, under the same name."""
        return self.window is not None or (
            self.offers is not None and self.offers.mode == "full" and self.has_fixed_name
        )

    @property
    def has_fixed_name(self) -> bool:
        """Whether all files get one name, so that each must wait until the one before was taken."""
        return "{key}" not in self.file_name

    def where(self, location: Sequence[str | int]) -> Span | None:
        """The place in config.yaml of ("settings", NAME) or ("lookups", TABLE, KEY)."""
        for file, base in self.spans:
            at = (*base, *location)
            if at in file.spans or at in file.keys:
                return file.span(at, key=True)
        file, base = self.spans[0]
        return file.span(base)


class Expectation(msgspec.Struct, frozen=True):
    """An input is expected at least every so often; how much later it is a warning, and an error."""

    every: timedelta
    warn_after: timedelta
    error_after: timedelta


class RouteSpec(msgspec.Struct, frozen=True):
    """One route, everything resolved. `endpoint` is None where the route has its drop folder.

    answers_of: the id of the target whose answers it reads; such a route stands in no configuration of its own.
    by_call: they come in the calls that ship, so that there is no source to look at.
    """

    name: str
    merchant: str
    origin: str
    endpoint: str | None
    pickup: Pickup
    give_up: timedelta
    every: timedelta
    schedule: Schedule | None
    expect: Expectation | None
    mapping: str
    lookups: dict[str, dict[str, str]]
    settings: dict[str, str]
    totals: Literal["error", "warn"] | None
    since: date | None
    max_new: int | None
    rehearsal: bool
    on_change: Literal["hold", "ignore", "replace"] | None
    on_cancel: Literal["hold", "ignore"]
    to: tuple[TargetSpec, ...]
    span: Span | None
    mapping_span: Span | None
    answers_of: str | None = None
    by_call: bool = False
    complete: bool = False
    ask: AskSpec | PrintSpec | None = None
    states: tuple[StateModel, ...] = ()

    @property
    def read_lane(self) -> str:
        """The lane that this route's inputs are read on."""
        return f"read:{self.merchant}/{self.origin}"
