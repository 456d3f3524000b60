"""When a cron expression is due, in the wall-clock time of a zone. Moments are given in UTC.

Where clocks go forward, what was due in the hour that is left out runs right after it; where they
go back, a fixed time runs once and `*` goes on, as Debian's cron does.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache, lru_cache
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

MAX_LENGTH = 100  # characters
FIELDS = 5
EXPECTED = (
    "five fields were expected: minute (0–59), hour (0–23), day of the month (1–31), month (1–12) "
    "and day of the week (0–7, or SUN–SAT), as in “30 7 * * MON-FRI”"
)


@lru_cache(maxsize=1024)
def problem(expression: str) -> str:
    """Why it is no cron expression, in a sentence; "" when it is one."""
    if len(expression) > MAX_LENGTH:
        return f"It is longer than {MAX_LENGTH} characters."
    if len(expression.split()) != FIELDS:
        return f"“{expression}”: {EXPECTED}."
    try:
        next(CronSim(expression, datetime.now(UTC)))
    except StopIteration:
        return f"“{expression}” is never due."
    except (CronSimError, ValueError, AssertionError, TypeError) as error:
        return f"“{expression}”: {str(error).lower() or 'it cannot be read'}; {EXPECTED}."
    return ""


def zone_problem(name: str) -> str:
    """Why it is no time zone, in a sentence; "" when it is one."""
    if name in _zones():
        return ""
    return f"“{name}” is no time zone; a name such as Europe/Berlin, Asia/Shanghai or UTC is."


def upcoming(expression: str, zone: str, after: datetime, count: int) -> list[datetime]:
    """The next `count` moments later than `after`, fewer if there are no more."""
    return list(islice(_moments(expression, zone, after), count))


def latest(expression: str, zone: str, until: datetime) -> datetime | None:
    """The last moment that is not later than `until`."""
    local = until.astimezone(ZoneInfo(zone)).replace(microsecond=0)
    if local.astimezone(UTC) in upcoming(expression, zone, _before(local), 1):
        return local.astimezone(UTC)
    found = next(CronSim(expression, local, reverse=True), None)
    return found.astimezone(UTC) if found else None


def _moments(expression: str, zone: str, after: datetime) -> Iterator[datetime]:
    for moment in CronSim(expression, after.astimezone(ZoneInfo(zone))):
        yield moment.astimezone(UTC)


def _before(local: datetime) -> datetime:
    """A second earlier: in UTC, where no hour is left out or comes twice."""
    at = local.astimezone(UTC)
    return datetime.fromtimestamp(at.timestamp() - 1, UTC)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
