"""Time spans as people write them: `30 s`, `5 min`, `7 d`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

_UNITS = {
    "s": 1, "sec": 1, "second": 1, "seconds": 1,
    "min": 60, "mins": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hour": 3600, "hours": 3600,
    "d": 86400, "day": 86400, "days": 86400,
}  # fmt: skip
_LONGEST = 366 * 86400
_LONGEST_KEPT = timedelta(days=7305)


def _duration(value: Any) -> Any:
    span = _span(value)
    if not span.total_seconds() <= _LONGEST:
        raise ValueError("a time span is at most 366 days")
    return span


def _kept_for(value: Any) -> Any:
    span = _span(value)
    if not timedelta(days=1) <= span <= _LONGEST_KEPT:
        raise ValueError("contents are kept for at least 1 day and at most 20 years (7305 d)")
    return span


def _span(value: Any) -> timedelta:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", value) if isinstance(value, str) else None
    if match is None or match.group(2) not in _UNITS:
        raise ValueError("a time span is a number and a unit, such as `30 s`, `5 min` or `1 h`")
    seconds = float(match.group(1)) * _UNITS[match.group(2)]
    return timedelta(seconds=min(seconds, 10 * _LONGEST_KEPT.total_seconds()))


_SPAN = WithJsonSchema({"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*[a-z]+\s*$"})
Duration = Annotated[timedelta, BeforeValidator(_duration), _SPAN]
KeptFor = Annotated[timedelta, BeforeValidator(_kept_for), _SPAN]
