"""When timers are due: ISO 8601 durations, moments and repetitions, or CEL that gives one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from workflows.errors import InvalidExpression

from . import expressions

FOREVER = -1
LONGEST = 3_155_760_000  # seconds: a hundred years
_DURATION = re.compile(
    r"P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?\Z"
)
_CYCLE = re.compile(r"R(?P<times>\d*)/(?P<every>P.+)\Z")
_LITERAL = re.compile(r"(?:R\d*/)?P(?=[\dT])\S*\Z|\d{4}-\d\d-\d\d")  # though it may be a wrong one
_UNITS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}


@dataclass(frozen=True, slots=True)
class Due:
    """Seconds from now or a moment in ISO 8601; `repeat` more times after it, -1 without end."""

    when: float | str
    repeat: int = 0


def due(event: Mapping[str, Any], seen: Mapping[str, Any]) -> Due:
    """When a timer event with a duration, a moment (`at`) or a cycle is due; InvalidExpression."""
    if "duration" in event:
        return Due(_seconds(_given(event["duration"], seen)))
    if "at" in event:
        return Due(_moment(_given(event["at"], seen)))
    cycle = _given(event.get("cycle"), seen)
    found = _CYCLE.match(cycle) if isinstance(cycle, str) else None
    if found is None:
        raise InvalidExpression(f"{cycle!r} is no cycle; R3/PT10M or R/PT1H was expected.")
    times = int(found["times"]) if found["times"] else 0
    if found["times"] and times < 1:
        raise InvalidExpression(f"“{cycle}” repeats nothing.")
    return Due(_seconds(found["every"]), times - 1 if found["times"] else FOREVER)


def moment(source: Any, seen: Mapping[str, Any]) -> float | str | None:
    """When something is to be done by: seconds from now, or a moment in ISO 8601.

    `source` is a duration, a moment, or CEL that gives either (also as a timestamp or duration of
    CEL) or null, which is no time: None. Raises InvalidExpression.
    """
    given = _given(source, seen)
    if given is None:
        return None
    if isinstance(given, timedelta):
        return _seconds(given.total_seconds())
    if isinstance(given, datetime):
        return _moment(given.isoformat())
    if isinstance(given, str) and not given.startswith("P"):
        return _moment(given)
    return _seconds(given)


def problem(source: Any) -> str:
    """What is wrong with a `source` of `moment`, as far as it shows beforehand; "" for nothing."""
    try:
        if not isinstance(source, str):
            raise InvalidExpression("It is no text.")
        if is_literal(source):
            moment(source, {})
        else:
            expressions.compiled(source)
    except InvalidExpression:
        shown = f"“{source:.100}”" if isinstance(source, str) else f"{source!r:.100}"
        return (
            f"{shown}; a duration such as PT4H or P2D, a moment with a time zone such as "
            "2030-01-31T09:00:00Z, or CEL that gives one was expected."
        )
    return ""


def is_literal(text: Any) -> bool:
    """Whether it is meant to say when by itself, without CEL."""
    if not isinstance(text, str):
        return isinstance(text, int | float) and not isinstance(text, bool)
    return bool(_LITERAL.match(text))


def _given(source: Any, seen: Mapping[str, Any]) -> Any:
    if is_literal(source):
        return source
    if not isinstance(source, str):
        raise InvalidExpression(f"{source!r} says no time.")
    return expressions.value(source, seen, {})


def _seconds(given: Any) -> float:
    found = _DURATION.match(given) if isinstance(given, str) else None
    if found and len(given) > 1 and not given.endswith("T"):
        parts = {unit: float(number) for unit, number in found.groupdict().items() if number}
        seconds = sum(number * _UNITS[unit] for unit, number in parts.items())
    elif isinstance(given, int | float) and not isinstance(given, bool):
        seconds = float(given)
    else:
        raise InvalidExpression(
            f"{given!r} is no duration; seconds or ISO 8601 with weeks to seconds was expected."
        )
    if not 0 <= seconds <= LONGEST:
        raise InvalidExpression(f"{given!r} is not between 0 and {LONGEST} seconds.")
    return seconds


def _moment(given: Any) -> str:
    moment = _read(given) if isinstance(given, str) else None
    if moment is None:
        raise InvalidExpression(
            f"{given!r} is no moment; ISO 8601 with a time zone, such as "
            "2030-01-31T09:00:00Z, was expected."
        )
    return moment.isoformat()


def _read(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
