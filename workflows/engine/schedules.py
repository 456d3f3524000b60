"""Schedules: which are due, and when each is next. Whoever moves a row's due time fires it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from workflows import clock
from workflows.graph import cron
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
            now = _now()
            for trigger in due:
                _fire(trigger, now)
            transitions.doorbell([], "triggers")
    return len(due)


def plan(trigger: Trigger, now: datetime | None = None) -> None:
    """Set, but do not save, when a trigger is next due: never, unless it is a schedule at work."""
    is_at_work = trigger.kind == Trigger.Kind.SCHEDULE and not trigger.is_paused
    found = _upcoming(trigger.config, now or clock.now(), 1) if is_at_work else []
    trigger.next_due_at = found[0] if found else None


def next_runs(trigger: Trigger, count: int = SHOWN) -> list[datetime]:
    """The next moments of a schedule at work, in UTC, earliest first; none for other triggers."""
    if trigger.next_due_at is None:
        return []
    later = _upcoming(trigger.config, trigger.next_due_at, count - 1)
    return [trigger.next_due_at, *later]


def _fire(trigger: Trigger, now: datetime) -> None:
    """The latest of the moments that are due; those before it are passed over."""
    first: Any = trigger.next_due_at
    moment = max(first, cron.latest(trigger.config["cron"], trigger.config["zone"], now) or first)
    is_missed = now - moment > LATE and trigger.config.get("catch_up") != ONCE
    Firing.objects.bulk_create(
        [
            Firing(
                trigger=trigger,
                workflow_id=trigger.workflow_id,
                key=moment.isoformat(),
                due_at=moment,
                created_at=now,
                problems=_missed(first, moment, now, is_missed),
                outcome=Firing.Outcome.SKIPPED if is_missed else Firing.Outcome.WAITING,
                fired_at=now if is_missed else None,
            )
        ],
        ignore_conflicts=True,
    )
    plan(trigger, now)
    Trigger.objects.filter(pk=trigger.pk).update(next_due_at=trigger.next_due_at)
    if is_missed:
        _record_missed(trigger, moment)


def _missed(first: datetime, moment: datetime, now: datetime, is_missed: bool) -> list[str]:
    if is_missed:
        late = round((now - moment).total_seconds())
        return [f"It was found {late} seconds late: no worker was there. Its catch-up is “skip”."]
    if first < moment:
        return [
            f"Moments from {first:%Y-%m-%d %H:%M} UTC on were missed; this is the last of them."
        ]
    return []


def _record_missed(trigger: Trigger, moment: datetime) -> None:
    transitions.record(
        [
            transitions.Entry(
                kind="firing.skipped",
                entity_type="trigger",
                entity_id=str(trigger.pk),
                actor=transitions.SYSTEM,
                data={"trigger": trigger.pk, "due_at": moment.isoformat()},
            )
        ]
    )


def _upcoming(config: dict[str, Any], after: datetime, count: int) -> list[datetime]:
    return cron.upcoming(config["cron"], config["zone"], after, count)


def _now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT workflows_now()")
        now: datetime = cursor.fetchone()[0]
    return now
