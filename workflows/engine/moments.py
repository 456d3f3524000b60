"""Moments by PostgreSQL's clock, which all hosts share."""

from __future__ import annotations

from datetime import datetime, timedelta


def at(when: float | str | None, since: datetime) -> datetime | None:
    """The moment of `graph.due.moment`: so many seconds after `since`, or one in ISO 8601."""
    if when is None:
        return None
    if isinstance(when, str):
        return datetime.fromisoformat(when)
    return since + timedelta(seconds=when)
