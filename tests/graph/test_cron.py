"""Moments of a cron expression over the changes of the clocks, in any zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.graph import cron

# Changes at night, at midnight, by half an hour, in the south, for Ramadan, and none.
ZONES = (
    "Europe/Berlin",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "America/New_York",
    "Asia/Shanghai",
)
YEAR = timedelta(days=366)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(ZONES), st.integers(0, 23), st.integers(0, 59))
def test_a_daily_schedule_is_due_once_on_each_day_of_a_year(
    zone: str, hour: int, minute: int
) -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    moments = cron.upcoming(f"{minute} {hour} * * *", zone, first, 370)
    days = [moment.astimezone(ZoneInfo(zone)).date() for moment in moments]
    assert all(later - day == timedelta(days=1) for day, later in pairwise(days))
    assert moments[-1] - first > YEAR


def changes(zone: str) -> list[datetime]:
    """The first full hours of 2026 at which its clocks show something else than an hour before."""
    hours = [datetime(2026, 1, 1, tzinfo=UTC) + number * HOUR for number in range(366 * 24)]
    offsets = [hour.astimezone(ZoneInfo(zone)).utcoffset() for hour in hours]
    return [hours[n] for n in range(1, len(hours)) if offsets[n] != offsets[n - 1]]


@pytest.mark.parametrize("zone", ZONES[:-1])
@pytest.mark.parametrize(
    "expression", ["*/30 * * * *", "0 * * * *", "15 1-3 * * *", "30 2 * * *", "0 0 * * *"]
)
def test_the_latest_moment_is_the_one_that_came_before(zone: str, expression: str) -> None:
    """What is caught up with is what would have been due, in the hour that comes twice as well."""
    found = changes(zone)
    assert len(found) >= 2
    for change in found:
        moments = cron.upcoming(expression, zone, change - 30 * HOUR, 70)
        assert moments == sorted(set(moments))
        for moment, following in pairwise(moments):
            assert cron.latest(expression, zone, moment) == moment
            assert cron.latest(expression, zone, following - SECOND) == moment
