"""Set times: `06:00`, `14:30 mon-fri` or a cron line, in a time zone with its summer time.

A slot is the minute on the wall clock that a run belongs to, such as `2026-10-25 02:30`. Slots are counted on the
calendar and only then turned into moments, so each comes exactly once: a minute that the clock shows twice counts
the first time, one that it leaves out comes an hour later. What runs in every hour counts in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

if TYPE_CHECKING:
    from apscheduler.triggers.base import BaseTrigger
    from apscheduler.triggers.cron import CronTrigger

_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?:\s+([a-z,-]+))?")
_LOOK_BACK = (timedelta(hours=2), timedelta(days=2), timedelta(days=40), timedelta(days=400))
_CHANGE = timedelta(hours=2)
_YEAR = timedelta(days=370)
_SLOT = "%Y-%m-%d %H:%M"


class Schedule(msgspec.Struct, frozen=True):
    """When a route is run. `lines` are cron lines of five fields, `timezone` a name such as `Europe/Prague`."""

    lines: tuple[str, ...]
    timezone: str

    def trigger(self) -> BaseTrigger:
        """What a scheduler asks when the next run is."""
        from apscheduler.triggers.base import BaseTrigger

        schedule = self

        class Slots(BaseTrigger):  # type: ignore[misc]  # the library has no types
            def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
                return schedule.next_at(max(previous, now) if previous else now)

        return Slots()

    def last_slot(self, now: datetime) -> str | None:
        """The newest slot that has begun; None where there was none in a year."""
        for span in _LOOK_BACK:
            runs = [run for line in self.lines for run in self._runs(line, now - span, now)]
            if runs:
                return max(runs)[1]
        return None

    def next_at(self, now: datetime) -> datetime | None:
        """When it is run next after this moment, in UTC; None where that is more than a year away."""
        later = [moment for line in self.lines for moment in self._next(line, now)]
        return min(later, default=None)

    def doubtful(self, now: datetime) -> str | None:
        """A slot of the coming year whose minute comes twice, or never, because the clock is changed."""
        if self._is_hourly:
            return None
        for change, before, after in _changes(ZoneInfo(self.timezone), now, now + _YEAR):
            begin, end = sorted((change + before, change + after))
            for line in self.lines:
                for wall in _walls(line, begin, end - timedelta(seconds=1)):
                    return wall.strftime(_SLOT)
        return None

    @property
    def _is_hourly(self) -> bool:
        """Whether it runs in every hour of the clock, so that a changed clock changes nothing."""
        return all(line.split()[1].startswith("*") for line in self.lines)

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo("UTC" if self._is_hourly else self.timezone)

    def _runs(self, line: str, begin: datetime, end: datetime) -> Iterator[tuple[datetime, str]]:
        """The runs between two moments, with their slots."""
        zone = self._zone
        for wall in _walls(line, _on_the_wall(begin, zone) - _CHANGE, _on_the_wall(end, zone) + _CHANGE):
            moment = wall.replace(tzinfo=zone).astimezone(UTC)
            if begin <= moment <= end:
                yield moment, wall.strftime(_SLOT)

    def _next(self, line: str, now: datetime) -> Iterator[datetime]:
        for moment, _ in self._runs(line, now + timedelta(microseconds=1), now + _YEAR):
            yield moment
            return


def parse(value: Any) -> tuple[str, ...]:
    """One line or a list of them as cron lines. Raises ValueError in words for people."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not given or not all(isinstance(item, str) for item in given):
        raise ValueError("write a time such as `06:00`, `14:30 mon-fri` or a cron line, or a list of them")
    return tuple(_cron(item.strip()) for item in given)


def _cron(text: str) -> str:
    time = _TIME.fullmatch(text.lower())
    line = f"{int(time.group(2))} {int(time.group(1))} * * {time.group(3) or '*'}" if time else text
    fields = line.split()
    if len(fields) != 5:
        raise ValueError(f"`{text}` is neither a time such as `06:00 mon-fri` nor a cron line of five fields")
    if re.search(r"\d", fields[4]):
        raise ValueError("write the days as `mon-fri` or `sat,sun`: programs disagree which day 1 is")
    try:
        _calendar(line)
    except ValueError as error:
        raise ValueError(f"`{text}` cannot be understood: {error}") from error
    return line


def _calendar(line: str) -> CronTrigger:
    """The line on a calendar without time zones."""
    from apscheduler.triggers.cron import CronTrigger

    return CronTrigger.from_crontab(line, timezone=UTC)


def _walls(line: str, begin: datetime, end: datetime) -> Iterator[datetime]:
    """The minutes of a line on the wall calendar, as times without a zone."""
    calendar = _calendar(line)
    moment: datetime | None = calendar.get_next_fire_time(None, begin.replace(tzinfo=UTC))
    while moment is not None and moment <= end.replace(tzinfo=UTC):
        yield moment.replace(tzinfo=None)
        moment = calendar.get_next_fire_time(None, moment + timedelta(seconds=1))


def _on_the_wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _changes(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[tuple[datetime, timedelta, timedelta]]:
    """The moments at which the zone's clock is changed (in UTC), with its offset from UTC before and after."""
    moment = begin.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    before = moment.astimezone(zone).utcoffset() or timedelta(0)
    while moment < end:
        moment += timedelta(hours=1)
        after = moment.astimezone(zone).utcoffset() or timedelta(0)
        if after != before:
            yield moment.replace(tzinfo=None), before, after
            before = after
