"""What operators type in: values that a task or an execution is given by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from workflows import json_text
from workflows.errors import InvalidInput
from workflows.models import Task

from . import transitions


def check(given: Any) -> None:
    """Raise InvalidInput unless `given` is a JSON object that the database can store."""
    if not isinstance(given, Mapping):
        raise InvalidInput([f"a JSON object was expected, not {type(given).__name__}"])
    problems = [f"{name}: {problem}" for name in given if (problem := _problem(name, given[name]))]
    if problems:
        raise InvalidInput(problems)


def _problem(name: Any, value: Any) -> str:
    """Why a named value is no JSON, or none that the database can store; "" when it is."""
    try:
        json.dumps({name: value}, allow_nan=False)
        json_text.check({name: value})
    except (json_text.Malformed, TypeError, ValueError, RecursionError) as error:
        return str(error)
    return ""


def replace(task: Task, given: Mapping[str, Any], *, by: str, reason: str) -> transitions.Entry:
    """Give a task of a locked execution another input; the audit row, still to append, has both.

    Raises InvalidInput.
    """
    check(given)
    before = task.input
    task.input = dict(given)
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
