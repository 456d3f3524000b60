"""Incidents: tasks that are failed now, grouped by what their failures have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from workflows.errors import InvalidInput
from workflows.models import Task, Workflow

KEY = re.compile(r"([1-9][0-9]{0,17})-([0-9a-f]{32})\Z")
MOST = 1000  # failures counted in one group
SHOWN = 100  # groups

FAILED = """
    SELECT t.id FROM workflows_task t JOIN workflows_execution x ON x.id = t.execution_id
    WHERE t.state = 'failed' AND t.id < %(before)s AND x.workflow_id = %(workflow)s
        AND workflows_fingerprint(t.key, t.error_kind, t.error) = %(fingerprint)s
        AND x.state NOT IN ('completed', 'cancelled')
    ORDER BY t.id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Incident:
    """One group: `failures` is counted up to MOST + 1, `task` is the latest of them."""

    fingerprint: str
    workflow: Workflow
    failures: int
    first_at: datetime
    last_at: datetime
    task: Task

    @property
    def key(self) -> str:
        """What names it in an address or in a batch's filter."""
        return f"{self.workflow.pk}-{self.fingerprint}"


def incidents() -> list[Incident]:
    """The groups of what is failed now, those that failed last first, at most SHOWN."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM workflows_incidents(%s, %s)", [SHOWN, MOST + 1])
        rows = cursor.fetchall()
    workflows = Workflow.objects.only("key", "name").in_bulk([row[1] for row in rows])
    tasks = Task.objects.in_bulk([row[5] for row in rows])
    return [
        Incident(print_, workflows[workflow], failures, first, last, tasks[task])
        for print_, workflow, failures, first, last, task in rows
        if task in tasks
    ]


def failed(key: str, before: int, limit: int) -> list[int]:
    """Ids of an incident's failed tasks below `before`, the newest first. Raises InvalidInput."""
    workflow, fingerprint = parsed(key)
    with connection.cursor() as cursor:
        cursor.execute(
            FAILED,
            {
                "workflow": workflow,
                "fingerprint": fingerprint,
                "before": before,
                "limit": limit,
            },
        )
        return [row[0] for row in cursor.fetchall()]


def parsed(key: str) -> tuple[int, str]:
    """Workflow and fingerprint of an incident's key; raises InvalidInput."""
    found = KEY.match(key)
    if found is None:
        raise InvalidInput([f"incident: “{key:.100}” is not the key of one"])
    return int(found[1]), found[2]
