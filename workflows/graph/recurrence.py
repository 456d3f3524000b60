"""When a start by time is due: a cron expression, a moment, or a cycle from a moment on.

{cron, zone} · {at: ISO 8601 with a zone} · {cycle: R3/PT1H or R/P1D, since} ·
{duration: PT1H, since}. `since` (ISO 8601) is when it was published. Moments are given in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from workflows.errors import InvalidExpression

from . import cron, due

KINDS = ("cron", "at", "cycle", "duration")


def problem(given: Mapping[str, Any]) -> str:
    """Why nobody could tell when that is due, in a sentence; "" when one can."""
    kinds = [name for name in KINDS if given.get(name) is not None]
    if len(kinds) != 1:
        return "Give one of “cron”, “at”, “cycle” and “duration”."
    if kinds == ["cron"]:
        wrong = cron.problem(str(given["cron"]))
        return wrong or cron.zone_problem(str(given.get("zone", "UTC")))
    if "zone" in given and kinds != ["cron"]:
        return "“zone” goes with “cron” only."
    if not due.is_literal(given[kinds[0]]):
        return f"{given[kinds[0]]!r:.100} is no time: before a start there are no variables to ask."
    try:
        found = due.due(given, {})
    except InvalidExpression as error:
        return str(error)
    if kinds == ["cycle"] and not found.when:
        return f"“{given['cycle']}” would be due all the time."
    return ""


def upcoming(given: Mapping[str, Any], after: datetime, count: int) -> list[datetime]:
    """The next `count` moments later than `after`, fewer if there are no more."""
    if given.get("cron") is not None:
        return cron.upcoming(given["cron"], given.get("zone", "UTC"), after, count)
    first, every, times = _series(given)
    at = 0 if after < first else _passed(first, every, after)
    last = at + count if times is None else min(at + count, times)
    return [first + every * place for place in range(at, last)]


def latest(given: Mapping[str, Any], until: datetime) -> datetime | None:
    """The last moment that is not later than `until`."""
    if given.get("cron") is not None:
        return cron.latest(given["cron"], given.get("zone", "UTC"), until)
    first, every, times = _series(given)
    if until < first:
        return None
    at = _passed(first, every, until)
    return first + every * ((at if times is None else min(at, times)) - 1)


def _series(given: Mapping[str, Any]) -> tuple[datetime, timedelta, int | None]:
    """The first moment, how far apart they are, and how many (None: without end)."""
    found = due.due({name: given[name] for name in KINDS if given.get(name) is not None}, {})
    if isinstance(found.when, str):
        return datetime.fromisoformat(found.when).astimezone(UTC), timedelta(days=1), 1
    every = timedelta(seconds=found.when)
    since = datetime.fromisoformat(given["since"]).astimezone(UTC)
    times = None if found.repeat == due.FOREVER else found.repeat + 1
    return since + every, every or timedelta(days=1), times


def _passed(first: datetime, every: timedelta, until: datetime) -> int:
    """How many moments of an endless series are not later than `until`."""
    return (until - first) // every + 1
