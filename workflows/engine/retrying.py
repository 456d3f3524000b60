"""Retry: what has failed runs again, in any number of locked executions with as many statements."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import F

from workflows import clock
from workflows.errors import IllegalTransition, UnknownTask, WorkflowError, WrongState
from workflows.models import Execution, State, Task, Timer
from workflows.models.runs import tasks_of

from . import deliveries, events, graphs, inputs, operations, tokens, transitions
from .operations import Refusals, Target

Failures = Mapping[int, Sequence[Task]]  # failed tasks by execution


def retry(
    targets: Sequence[Target],
    *,
    by: AbstractBaseUser | None,
    reason: str,
    input: Mapping[str, Any] | None = None,
    but_doubt: bool = False,
) -> Refusals:
    """Run failed tasks again, all of an execution or the one named, with fresh attempts.

    `input` is for the only target, which names a task. With `but_doubt`, not where somebody has to
    say first whether the work was done.
    """
    failures = _failures(targets)
    refusals = [_refusal(target, failures, but_doubt) for target in targets]
    chosen = [target for target, no in zip(targets, refusals, strict=True) if no is None]
    tasks = [task for target in chosen for task in _wanted(target, failures)]
    executions = list({target.execution.pk: target.execution for target in chosen}.values())
    who = transitions.actor(by)
    edited = []
    if input is not None and tasks:
        edited = [inputs.replace(tasks[0], input, by=who, reason=reason)]
    reopen(executions, tasks, by=who, reason=reason)
    for execution in executions:
        if execution.marking is not None and _may_end(execution):
            tokens.conclude(execution)
    operations.written(executions, edited)
    return refusals


def reopen(executions: Sequence[Execution], tasks: Sequence[Task], *, by: str, reason: str) -> None:
    """FAILED -> PENDING for tasks of locked executions, and for the executions themselves."""
    entries = _begin_again(executions, tasks, by, reason)
    failed = [execution for execution in executions if execution.state == State.FAILED]
    anew: dict[str, Any] = {"finished_at": None, "error": ""}
    entries += transitions.move_all(failed, State.PENDING, by=by, reason=reason, **anew)
    _renew_deadlines(failed)
    ids = [execution.pk for execution in failed]
    Timer.objects.filter(execution__in=ids, kind=Timer.Kind.EVENT).update(is_held=False)
    deliveries.release(ids)
    _count_open(tasks)
    operations.make_ready(executions)
    entries.sort(key=lambda one: one.execution_id or 0)
    transitions.record(entries)
    events.moved(entries)


def _failures(targets: Iterable[Target]) -> Failures:
    found = defaultdict[int, list[Task]](list)
    ids = [target.execution.pk for target in targets]
    for task in tasks_of(ids).filter(state=State.FAILED).order_by("pk"):
        found[task.execution_id].append(task)
    return found


def _wanted(target: Target, failures: Failures) -> list[Task]:
    """The failed tasks that a target means, without those whose error was caught elsewhere."""
    tasks = failures.get(target.execution.pk, ())
    meant = [task for task in tasks if target.task_id in (None, task.pk)]
    return tokens.still_open(target.execution, meant)


def _refusal(target: Target, failures: Failures, but_doubt: bool) -> WorkflowError | None:
    execution, task_id = target
    failed = failures.get(execution.pk, ())
    is_failed = task_id is None or any(task.pk == task_id for task in failed)
    if not is_failed and not execution.tasks.filter(pk=task_id or 0).exists():
        return UnknownTask()
    if but_doubt and any(task.is_in_doubt and task_id in (None, task.pk) for task in failed):
        return WrongState("A step is in doubt: say first whether it was done.")
    can_go_on = task_id is None and _can_go_on(execution)
    if execution.is_final or not (can_go_on or _wanted(target, failures)):
        return IllegalTransition(execution.state, State.PENDING, str(execution))
    return None


def _can_go_on(execution: Execution) -> bool:
    """Whether an execution failed with work left over, as it does at its deadline.

    Or its last token has gone since then, so that it can only be completed.
    """
    has_ended = bool((execution.marking or {}).get("ended"))
    return execution.state == State.FAILED and (execution.open_tasks > 0 or has_ended)


def _may_end(execution: Execution) -> bool:
    return execution.state == State.RUNNING or operations.is_over(execution)


def _begin_again(
    executions: Iterable[Execution], tasks: Iterable[Task], by: str, reason: str
) -> list[transitions.Entry]:
    versions = {execution.pk: execution.version_id for execution in executions}
    by_attempts = defaultdict[int, list[Task]](list)
    for task in tasks:
        policy = graphs.retry_policy(versions[task.execution_id], task.node)
        by_attempts[task.attempt + policy.max_attempts].append(task)
    return [
        entry
        for most, some in by_attempts.items()
        for entry in transitions.move_all(
            some,
            State.PENDING,
            by=by,
            reason=reason,
            waits_on=0,
            finished_at=None,
            max_attempts=most,
        )
    ]


def _count_open(tasks: Iterable[Task]) -> None:
    by_number = defaultdict[int, list[int]](list)
    for execution_id, number in Counter(task.execution_id for task in tasks).items():
        by_number[number].append(execution_id)
    for number, ids in by_number.items():
        Execution.objects.filter(pk__in=ids).update(open_tasks=F("open_tasks") + number)


def _renew_deadlines(executions: Iterable[Execution]) -> None:
    by_minutes = defaultdict[int, list[Execution]](list)
    for execution in executions:
        minutes = graphs.of(execution.version_id).timeout_minutes
        if minutes is not None:
            by_minutes[minutes].append(execution)
    kind = Timer.Kind.EXECUTION_TIMEOUT
    for minutes, some in by_minutes.items():
        deadline = clock.of_database() + timedelta(minutes=minutes)
        ids = [execution.pk for execution in some]
        Execution.objects.filter(pk__in=ids).update(deadline_at=deadline)
        Timer.objects.filter(execution__in=ids, kind=kind).delete()
        Timer.objects.bulk_create(
            Timer(execution=execution, kind=kind, due_at=deadline) for execution in some
        )
