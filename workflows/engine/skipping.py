"""Skipping a step: a person gives its output, and the execution goes on from there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from workflows import clock
from workflows.errors import IllegalTransition, NotAllowed, UnknownTask
from workflows.graph import routing
from workflows.graph.shape import HUMAN
from workflows.models import Execution, State, Task, Timer

from . import (
    approvals,
    executions,
    graphs,
    inputs,
    interventions,
    tasks,
    transitions,
)

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
    given = {} if output is None else output
    hand = interventions.locked(execution_id, "skip", by=by, reason=reason, task_id=task_id)
    with hand as execution:
        task = execution.tasks.filter(pk=task_id).first()
        if task is None:
            raise UnknownTask()
        if not may_skip(execution, task):
            raise IllegalTransition(task.state, State.COMPLETED, str(task))
        _check_four_eyes(execution, task, by)
        inputs.check(given)
        _check_way_on(execution, task, given)
        _complete(execution, task, dict(given), transitions.actor(by), reason)
        return executions.written(execution, [])


def may_skip(execution: Execution, task: Task) -> bool:
    """Whether the step is one whose turn has come and that nobody works on."""
    has_come = task.state != State.PENDING or task.waits_on == 0 or task.attempt > 0
    return task.state in SKIPPABLE and has_come and not execution.is_final


def _check_four_eyes(execution: Execution, task: Task, by: AbstractBaseUser | None) -> None:
    """Skipping is no way around a decision that somebody else has to take."""
    node = graphs.of(execution.version_id).nodes[task.node]
    if node.kind != HUMAN or not node.approval.get("not_requester", True) or by is None:
        return
    if by.pk in approvals.requesters(execution):
        raise NotAllowed("You started this execution: another person has to decide or skip this.")


def _check_way_on(execution: Execution, task: Task, given: Mapping[str, Any]) -> None:
    """Raise InvalidExpression now: completing would turn it into a failure of the task."""
    graph = graphs.of(execution.version_id)
    routing.leave(graph, task.node, given, execution.variables)


def _complete(
    execution: Execution, task: Task, given: dict[str, Any], who: str, reason: str
) -> None:
    had_failed = execution.state == State.FAILED
    transitions.record([_entry(task, given, who, reason)])
    _begin(execution, task, who, reason)
    tasks.complete_by_hand(task, given, by=who)
    if had_failed:
        transitions.end(execution.pk)  # another step may have failed as well
    execution.refresh_from_db()


def _entry(task: Task, given: dict[str, Any], who: str, reason: str) -> transitions.Entry:
    return transitions.Entry(
        kind="task.skipped",
        entity_type="task",
        entity_id=str(task.pk),
        actor=who,
        execution_id=task.execution_id,
        task_id=task.pk,
        attempt=task.attempt,
        data={"key": task.key, "output": given, **({"reason": reason} if reason else {})},
    )


def _begin(execution: Execution, task: Task, who: str, reason: str) -> None:
    """To RUNNING in nobody's hands, by the moves that the table has."""
    if task.state == State.FAILED:
        executions.reopen(execution, [task], by=who, reason=reason)
    if task.state == State.PAUSED:
        approvals.cancel_open(execution.pk, task.pk)
    Timer.objects.filter(task=task).delete()
    entries = executions.through_running(execution, who)
    fields: dict[str, Any] = {
        "is_ready": False,
        "waits_on": 0,
        "session": None,
        "fence": task.fence + 1,
    }
    if task.state == State.PENDING:
        fields["started_at"] = clock.now()
    entries.append(transitions.move(task, State.RUNNING, by=who, reason=reason, **fields))
    transitions.record(entries)
    task.refresh_from_db()
