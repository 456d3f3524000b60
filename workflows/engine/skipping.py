"""Skipping a step: a person gives its output, and the execution goes on from there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from workflows.errors import IllegalTransition, UnknownTask
from workflows.models import Execution, State, Task

from . import arguments, executions, interventions, tasks, tokens, transitions

SKIPPABLE = (State.PENDING, State.PAUSED, State.FAILED)


def skip(
    execution_id: int,
    task_id: int,
    output: Mapping[str, Any] | None = None,
    *,
    by: AbstractBaseUser | None,
    reason: str = "",
) -> Execution:
    """Complete a step that failed, is due or waits for a person with `output`; its tokens go on.

    A failed execution goes on unless another step has failed too; a paused one stays paused.
    Raises UnknownTask, NotAllowed (a decision on one's own request), IllegalTransition (it runs,
    is over, or its turn has not come), InvalidInput, and InvalidExpression when the output leads
    nowhere. Refusals are recorded.
    """
    given: Any = {} if output is None else output
    number = arguments.number(task_id)
    hand = interventions.locked(execution_id, "skip", by=by, reason=reason, task_id=number or None)
    with hand as execution:
        task = execution.tasks.filter(pk=number).first()
        if task is None:
            raise UnknownTask()
        if not may_skip(execution, task):
            raise IllegalTransition(task.state, State.COMPLETED, str(task))
        tasks.check_four_eyes(execution, task, by)
        given = tasks.checked_output(given)
        tasks.check_way_on(execution, task, given)
        who = transitions.actor(by)
        entry = interventions.of_task("task.skipped", task, by, reason, output=given)
        transitions.record([entry])
        tasks.finish(execution, task, given, by=who, reason=reason)
        return executions.written(execution, [])


def may_skip(execution: Execution, task: Task) -> bool:
    """Whether the step is one whose turn has come and that nobody works on."""
    has_come = task.state != State.PENDING or task.waits_on == 0 or task.attempt > 0
    is_over = execution.is_final or not tokens.is_open(execution, task)
    return task.state in SKIPPABLE and has_come and not is_over
