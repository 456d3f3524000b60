"""Another input for a task, given by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.models import Task

from . import arguments, transitions


def replace(task: Task, given: Mapping[str, Any], *, by: str, reason: str) -> transitions.Entry:
    """Give a task of a locked execution another input; the audit row, still to append, has both.

    Raises InvalidInput.
    """
    edited = arguments.json_object("input", given)
    before = task.input
    task.input = edited
    task.save(update_fields=["input"])
    return transitions.Entry(
        kind="task.input_changed",
        entity_type="task",
        entity_id=str(task.pk),
        actor=by,
        execution_id=task.execution_id,
        task_id=task.pk,
        attempt=task.attempt,
        data={
            "key": task.key,
            "before": before,
            "after": task.input,
            **({"reason": reason} if reason else {}),
        },
    )
