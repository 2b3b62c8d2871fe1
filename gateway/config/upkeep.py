"""What a site does for itself: how long it keeps contents, and whom it tells what is wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from gateway.config.model import AlertsModel, RetentionModel
from gateway.config.schedule import Schedule


class RetentionSpec(msgspec.Struct, frozen=True):
    """How long the contents of exchanges are kept: by age, by their number, by the bytes that they take."""

    keep_for: timedelta = timedelta(days=400)
    keep_exchanges: int = 200_000
    keep_bytes: int = 10 * 10**9


def retention_spec(model: RetentionModel) -> RetentionSpec:
    """The retention of a configuration."""
    return RetentionSpec(model.keep_for, model.keep_exchanges, model.keep_bytes)


class AlertSpec(msgspec.Struct, frozen=True):
    """Who is told when something is wrong, and when. `notify` holds secrets."""

    notify: tuple[str, ...]
    name: str
    daily: Schedule | None
    patience: timedelta
    again: timedelta

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("name", self.name)]

    def __repr__(self) -> str:
        return f"AlertSpec(name={self.name!r}, {len(self.notify)} hidden)"


def alert_spec(model: AlertsModel | None) -> AlertSpec | None:
    """The alerts of a configuration; None where nobody is to be told."""
    if model is None:
        return None
    return AlertSpec(
        notify=tuple(address.get_secret_value() for address in model.notify),
        name=model.name,
        daily=Schedule(model.daily, model.timezone) if model.daily else None,
        patience=model.patience,
        again=model.again,
    )
