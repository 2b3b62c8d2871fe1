"""Set times: how they are written, and what happens where the clock is changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.config.schedule import Schedule, parse
from tests.config.conftest import GOOD, Written


def prague(*lines: str) -> Schedule:
    return Schedule(parse(list(lines)), "Europe/Prague")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        ("06:00", ("0 6 * * *",)),
        ("6:05", ("5 6 * * *",)),
        ("14:30 mon-fri", ("30 14 * * mon-fri",)),
        ("*/10 8-18 * * mon,wed", ("*/10 8-18 * * mon,wed",)),
        (["06:00", "18:00 sat"], ("0 6 * * *", "0 18 * * sat")),
    ],
)
def test_a_time_or_a_cron_line_is_understood(written: object, lines: tuple[str, ...]) -> None:
    assert parse(written) == lines


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("6", "`6` is neither a time such as `06:00 mon-fri` nor a cron line of five fields"),
        ("25:00", "`25:00` is neither a time such as `06:00 mon-fri` nor a cron line of five fields"),
        ("0 6 * * 1-5", "write the days as `mon-fri` or `sat,sun`: programs disagree which day 1 is"),
        ([], "write a time such as `06:00`, `14:30 mon-fri` or a cron line, or a list of them"),
    ],
)
def test_what_cannot_be_understood_is_refused_in_words(written: object, said: str) -> None:
    with pytest.raises(ValueError, match="^" + said.replace("*", r"\*").split("(")[0]):
        parse(written)


def test_an_impossible_cron_line_says_why() -> None:
    with pytest.raises(ValueError, match=r"^`61 6 \* \* \*` cannot be understood: "):
        parse("61 6 * * *")


def test_the_newest_slot_is_named_by_the_clock_on_the_wall() -> None:
    schedule = prague("06:00", "14:30 mon-fri")
    assert schedule.last_slot(utc("2026-11-20 06:00")) == "2026-11-20 06:00"
    assert schedule.last_slot(utc("2026-11-20 13:30")) == "2026-11-20 14:30"
    assert schedule.last_slot(utc("2026-11-21 13:31")) == "2026-11-21 06:00"
    assert schedule.next_at(utc("2026-11-20 13:31")) == utc("2026-11-21 05:00")


def test_a_slot_of_long_ago_is_found() -> None:
    assert Schedule(("0 6 1 1 *",), "Europe/Prague").last_slot(utc("2026-11-21 10:00")) == "2026-01-01 06:00"


def test_where_the_clock_goes_back_the_minute_that_comes_twice_is_one_slot() -> None:
    schedule = prague("02:30")
    assert schedule.last_slot(utc("2026-10-25 00:31")) == "2026-10-25 02:30"
    assert schedule.last_slot(utc("2026-10-25 01:31")) == "2026-10-25 02:30"
    assert schedule.last_slot(utc("2026-10-26 01:31")) == "2026-10-26 02:30"
    assert schedule.next_at(utc("2026-10-25 00:30")) == utc("2026-10-26 01:30")


def test_where_the_clock_leaves_the_minute_out_the_slot_comes_an_hour_later() -> None:
    schedule = prague("02:30")
    assert schedule.next_at(utc("2026-03-28 12:00")) == utc("2026-03-29 01:30")
    assert schedule.last_slot(utc("2026-03-29 01:29")) == "2026-03-28 02:30"
    assert schedule.last_slot(utc("2026-03-29 01:30")) == "2026-03-29 02:30"


def test_the_scheduler_is_told_each_run_once_through_both_changes_of_the_clock() -> None:
    trigger, runs = prague("02:30").trigger(), []
    moment = utc("2026-01-01 00:00")
    while (fire := trigger.get_next_fire_time(moment, moment)) < utc("2027-01-01 00:00"):
        runs.append(fire)
        moment = fire
    assert len(runs) == len(set(runs)) == 365
    assert runs == sorted(runs)


def test_every_day_of_a_year_has_one_slot_and_none_goes_backwards() -> None:
    for time in ("00:30", "02:00", "02:30", "03:30"):
        schedule = prague(time)
        moment, seen = utc("2026-01-01 00:00"), list[str]()
        while moment < utc("2027-01-01 00:00"):
            slot = schedule.last_slot(moment)
            assert slot is not None
            if not seen or slot != seen[-1]:
                assert slot > (seen[-1] if seen else "")
                seen.append(slot)
            moment += timedelta(hours=4)
        days = [slot[:10] for slot in seen if slot.startswith("2026")]
        assert len(days) == len(set(days)) == 365, time


def test_what_runs_in_every_hour_runs_in_both_hours_of_one_name() -> None:
    schedule = prague("*/30 * * * *")
    slots = [schedule.last_slot(utc("2026-10-25 00:00") + timedelta(minutes=30 * n)) for n in range(4)]
    assert slots == [f"2026-10-25 {time}" for time in ("00:00", "00:30", "01:00", "01:30")]


@pytest.mark.parametrize(
    ("lines", "zone", "slot"),
    [
        (("30 2 * * *",), "Europe/Prague", "2026-03-29 02:30"),
        (("30 3 * * *",), "Europe/Bucharest", "2026-03-29 03:30"),
        (("30 3 * * *",), "Europe/Prague", None),
        (("0 6 * * *",), "Europe/Prague", None),
        (("30 2 * * *",), "UTC", None),
        (("*/30 * * * *",), "Europe/Prague", None),
    ],
)
def test_a_time_that_comes_twice_or_never_is_known_beforehand(
    lines: tuple[str, ...], zone: str, slot: str | None
) -> None:
    assert Schedule(lines, zone).doubtful(utc("2026-01-10 12:00")) == slot


def test_the_check_warns_of_such_a_time(written: Written) -> None:
    config = written.write(GOOD.replace("    mapping:", '    schedule: "02:30"\n    mapping:', 1)).load()
    (caution,) = [problem for problem in config.cautions if problem.code == "C011"]
    assert caution.message.startswith("`schedule` of `shop` has a run at 20")
    assert caution.message.endswith("02:30, when the clock is changed: that minute comes twice or never")
    assert config.routes["shop"].schedule == prague("02:30")


def test_an_unknown_time_zone_is_refused(written: Written) -> None:
    said = written.write(GOOD.replace("    mapping:", "    timezone: Europe/Praha\n    mapping:", 1)).refused()
    assert "a time zone has a name such as `Europe/Prague` or `Europe/Bucharest`" in said
