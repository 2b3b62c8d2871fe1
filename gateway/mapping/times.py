"""Dates and times as shops write them, made aware with the zone that the mapping names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from gateway.mapping.unreadable import Unreadable

Warn = Callable[[Unreadable], None]

_ISO = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[T ]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,][0-9]+)?)?"
    r"\s?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
).fullmatch
_DOTTED = re.compile(
    r"([0-9]{1,2})\.\s?([0-9]{1,2})\.\s?([0-9]{4})(?:,?\s([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?)?()"
).fullmatch
_NOTHING = ("0000-00-00", "-0001-11-30", "00.00.0000")
_WANTED = "`YYYY-MM-DD`, `YYYY-MM-DD hh:mm:ss` or `D.M.YYYY hh:mm`"


def time_reader(formats: Sequence[str], zone: tzinfo | None) -> Callable[[str, Warn], datetime | None]:
    """A reader for one field.

    Without formats ISO 8601, `Y-m-d H:i:s` and `d.m.Y[ H:i[:S]]` are read. A text without a zone gets `zone`.
    The reader gives None for the null dates of databases (`0000-00-00 …`), raises Unreadable (D003), and
    warns (D015) of a time that a change to summer time left out.
    """

    def read(text: str, warn: Warn) -> datetime | None:
        if text.startswith(_NOTHING):
            return None
        moment = _by_formats(text, formats) if formats else _by_default(text)
        return _aware(moment, zone, text, warn)

    return read


def read_moment(text: str) -> datetime:
    """A time that says its own zone, where no mapping names one. Raises Unreadable (D003)."""
    moment = _by_default(text)
    if moment.tzinfo is None:
        raise Unreadable("D003", f"`{text}` names no zone", hint="write it like `2026-11-20T08:00:00+01:00`")
    return moment


def _by_default(text: str) -> datetime:
    if len(text) == 19 and text[4] == text[7] == "-" and text[10] in " T":
        try:
            return datetime.fromisoformat(text)  # the most common form by the quickest way
        except ValueError:
            pass
    match = _ISO(text)
    if match is not None:
        year, month, day, hour, minute, second, offset = match.groups()
    else:
        match = _DOTTED(text)
        if match is None:
            raise Unreadable("D003", f"`{text}` is not a date", hint=f"expected {_WANTED}, or give `format:`")
        day, month, year, hour, minute, second, offset = match.groups()
    try:
        return datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            tzinfo=_offset(offset) if offset else None,
        )
    except ValueError as error:
        raise _impossible(text) from error


def _by_formats(text: str, formats: Sequence[str]) -> datetime:
    for pattern in formats:
        try:
            return datetime.strptime(text, pattern)  # noqa: DTZ007 - the zone is added by the caller
        except ValueError:
            continue
    try:
        _by_default(text)
    except Unreadable as unreadable:
        if "calendar" in unreadable.message:
            raise
    shown = " or ".join(f"`{pattern}`" for pattern in formats)
    raise Unreadable("D003", f"`{text}` is not a date in the form {shown}", hint="add its form to `format:`")


def _aware(moment: datetime, zone: tzinfo | None, text: str, warn: Warn) -> datetime:
    if moment.tzinfo is not None:
        return moment.astimezone(zone) if zone is not None else moment
    assert zone is not None, "the mapping is checked for a zone when it is loaded"
    local = moment.replace(tzinfo=zone)
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        shifted = local.astimezone(UTC).astimezone(zone)
        if shifted.replace(tzinfo=None) != moment:
            warn(
                Unreadable(
                    "D015",
                    f"`{text}` does not exist in {zone}: the clocks were put forward; read as {shifted:%H:%M}",
                    hint="check `timezone:`; the export may be in another zone",
                )
            )
            return shifted
    return local


def _offset(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))


def _impossible(text: str) -> Unreadable:
    return Unreadable("D003", f"`{text}` is not in the calendar")
