"""The whole state machine, as a table (tasks and executions share it)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    PENDING = "pending", _("Pending")  # -> running | cancelled
    RUNNING = "running", _("Running")  # -> completed | failed | paused
    PAUSED = "paused", _("Paused")  # -> running | cancelled
    COMPLETED = "completed", _("Completed")  # final
    FAILED = "failed", _("Failed")  # -> pending, by a retry
    CANCELLED = "cancelled", _("Cancelled")  # final


class Priority(models.IntegerChoices):
    LOW = 1, _("Low")
    NORMAL = 2, _("Normal")
    HIGH = 3, _("High")
    CRITICAL = 4, _("Critical")


ALLOWED: dict[str, frozenset[str]] = {
    State.PENDING: frozenset({State.RUNNING, State.CANCELLED}),
    State.RUNNING: frozenset({State.COMPLETED, State.FAILED, State.PAUSED}),
    State.PAUSED: frozenset({State.RUNNING, State.CANCELLED}),
    State.FAILED: frozenset({State.PENDING}),
    State.COMPLETED: frozenset(),
    State.CANCELLED: frozenset(),
}
FINAL: frozenset[str] = frozenset(state for state, onward in ALLOWED.items() if not onward)
OPEN: frozenset[str] = frozenset(ALLOWED) - FINAL


def is_allowed(old: str, new: str) -> bool:
    """Whether the table has the transition `old` -> `new`."""
    return new in ALLOWED.get(old, frozenset())
