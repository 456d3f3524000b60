"""Schedules: which are due, and when each is next. Whoever moves a row's due time fires it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from workflows import clock
from workflows.errors import InvalidDefinition
from workflows.graph import recurrence
from workflows.models import Firing, Trigger

from . import transitions
from .trigger_settings import ONCE

BATCH = 100
LATE = timedelta(seconds=60)  # what is later than this was missed, and its catch-up policy decides
SHOWN = 5


def fire_due() -> int:
    """Put what is due into the outbox, once for each moment; how many schedules were due."""
    with transaction.atomic():
        due = list(
            Trigger.objects.select_for_update(skip_locked=True, no_key=True)
            .filter(next_due_at__isnull=False)
            .extra(where=["next_due_at <= workflows_now()"])
            .order_by("next_due_at")[:BATCH]
        )
        if due:
            now = clock.of_database()
            for trigger in due:
                _fire(trigger, now)
            transitions.doorbell([], "triggers")
    return len(due)


def plan(trigger: Trigger, now: datetime | None = None) -> None:
    """Set, but do not save, when a trigger is next due: never, unless it is a schedule at work."""
    is_at_work = trigger.kind == Trigger.Kind.SCHEDULE and not trigger.is_paused
    found = _upcoming(trigger.config, now or clock.of_database(), 1) if is_at_work else []
    trigger.next_due_at = found[0] if found else None


def next_runs(trigger: Trigger, count: int = SHOWN) -> list[datetime]:
    """The next moments of a schedule at work, in UTC, earliest first; none for other triggers."""
    if trigger.next_due_at is None:
        return []
    later = _upcoming(trigger.config, trigger.next_due_at, count - 1)
    return [trigger.next_due_at, *later]


def missed(firing: Firing, config: dict[str, Any]) -> str:
    """Why a moment is not to be fired any more, in a sentence; "" when it is.

    Raises InvalidDefinition when the settings have become wrong since they were checked.
    """
    if wrong := _problem(config):
        raise InvalidDefinition([wrong])
    late = firing.created_at - (firing.due_at or firing.created_at)
    if late <= LATE or config.get("catch_up") == ONCE:
        return ""
    seconds = round(late.total_seconds())
    return f"It was found {seconds} seconds late: no worker was there. Its catch-up is “skip”."


def _fire(trigger: Trigger, now: datetime) -> None:
    """The latest of the moments that are due; those before it are passed over."""
    first: Any = trigger.next_due_at
    moment = first if _problem(trigger.config) else _latest(trigger.config, first, now)
    told = f"Moments from {first:%Y-%m-%d %H:%M} UTC on were missed; this is the last of them."
    firing = Firing(
        trigger=trigger,
        workflow_id=trigger.workflow_id,
        key=moment.isoformat(),
        due_at=moment,
        created_at=now,
        problems=[told] if first < moment else [],
    )
    Firing.objects.bulk_create([firing], ignore_conflicts=True)
    plan(trigger, now)
    Trigger.objects.filter(pk=trigger.pk).update(next_due_at=trigger.next_due_at)


def _latest(config: dict[str, Any], first: datetime, now: datetime) -> datetime:
    return max(first, recurrence.latest(config, now) or first)


def _problem(config: dict[str, Any]) -> str:
    """What is wrong with the settings by now: zones come and go with the system's data."""
    return recurrence.problem(config)


def _upcoming(config: dict[str, Any], after: datetime, count: int) -> list[datetime]:
    return [] if _problem(config) else recurrence.upcoming(config, after, count)
