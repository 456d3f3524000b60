"""The only clock: Python asks `now()`, SQL asks `workflows_now()`; tests move both together."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)
