"""A person's hand on one task."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F

from workflows import clock
from workflows.errors import IllegalTransition, UnknownExecution
from workflows.models import Execution, State, Task, Timer
from workflows.models.states import is_allowed

from . import advancing, approvals, claiming, events, executions, tokens, transitions


def transition_state(
    execution_id: int,
    task_id: int | str,
    new_state: str,
    *,
    by: AbstractBaseUser | None,
    reason: str = "",
) -> bool:
    """Move one task by hand; True if it moved.

    False when the execution or task is unknown, or when the table forbids the transition: nothing
    changes then, and the refused attempt is recorded. `task_id` is an id or a task's key.
    A completed task sends its tokens on with an empty output.
    """
    try:
        with transaction.atomic():
            execution = transitions.lock(execution_id)
            task = _task(execution, task_id)
            return task is not None and _move(execution, task, new_state, by, reason)
    except UnknownExecution:
        return False


def complete_by_hand(task: Task, output: dict[str, Any], *, by: str) -> None:
    """Complete a running task that no session holds; its execution is locked."""
    advancing.report(None, [(claiming.in_hand(task), advancing.Completed(output, by=by))])


def _task(execution: Execution, task_id: int | str) -> Task | None:
    field = "pk" if isinstance(task_id, int) or str(task_id).isdecimal() else "key"
    return execution.tasks.filter(**{field: task_id}).order_by("-id").first()


def _move(
    execution: Execution, task: Task, new: str, by: AbstractBaseUser | None, reason: str
) -> bool:
    who = transitions.actor(by)
    is_closed = _is_closed(execution, new) or not tokens.is_open(execution, task)
    if not is_allowed(task.state, new) or is_closed:
        _record_refused(task, new, who, reason)
        return False
    match new:
        case State.COMPLETED:
            complete_by_hand(_taken(task), {}, by=who)
        case State.FAILED:
            broken = advancing.Broken(reason or "Failed by hand.", "manual", False, by=who)
            advancing.report(None, [(claiming.in_hand(_taken(task)), broken)])
        case State.CANCELLED if execution.marking is not None:
            tokens.cancel(execution, task, by=who, reason=reason)
        case State.PENDING:
            executions.reopen(execution, [task], by=who, reason=reason)
        case _:
            _plain(execution, task, new, who, reason)
    transitions.doorbell([execution.pk], work=True)
    return True


def _is_closed(execution: Execution, new: str) -> bool:
    """A finished execution takes no step any more; a paused or failed one begins none."""
    if new == State.RUNNING:
        return execution.state not in (State.PENDING, State.RUNNING)
    return execution.is_final


def _taken(task: Task) -> Task:
    """The running task, taken from the session that holds it: its late result will be refused."""
    if task.session is not None:
        transitions.let_go([task])
        task.session, task.fence = None, task.fence + 1
        task.save(update_fields=["session", "fence"])
    return task


def _plain(execution: Execution, task: Task, new: str, who: str, reason: str) -> None:
    """RUNNING by hand, PAUSED and CANCELLED. A reserved slot is kept while the task runs."""
    change = _change_of_open_tasks(task, new)
    is_last = execution.open_tasks + change == 0
    entries = _begun(execution, who) if new == State.RUNNING or is_last else []
    if new != State.RUNNING:
        transitions.let_go([task])
    if task.state == State.PAUSED:
        approvals.cancel_open(execution.pk, task.pk)
    Timer.objects.filter(task=task).exclude(kind=Timer.Kind.EVENT).delete()
    entries.append(transitions.move(task, new, by=who, reason=reason, **_fields(task, new)))
    transitions.record(entries)
    events.moved(entries)
    if change:
        Execution.objects.filter(pk=execution.pk).update(open_tasks=F("open_tasks") + change)
    if change < 0:
        transitions.end(execution.pk)


def _change_of_open_tasks(task: Task, new: str) -> int:
    is_open = task.state != State.PENDING or task.waits_on == 0 or task.attempt > 0
    return int(new != State.CANCELLED) - int(is_open)


def _fields(task: Task, new: str) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "is_ready": False,
        "waits_on": 0,
        "session": None,
        "fence": task.fence + 1,
    }
    if new == State.RUNNING and task.state == State.PENDING:
        fields |= {"started_at": clock.now(), "attempt": task.attempt + 1}
    if new == State.CANCELLED:
        fields["finished_at"] = clock.now()
    return fields


def _begun(execution: Execution, who: str) -> list[transitions.Entry]:
    if execution.state != State.PENDING:
        return []
    return [transitions.move(execution, State.RUNNING, by=who, started_at=clock.now())]


def _record_refused(task: Task, new: str, who: str, reason: str) -> None:
    error = IllegalTransition(task.state, new, str(task))
    transitions.record(
        [
            transitions.Entry(
                kind="transition.refused",
                entity_type="task",
                entity_id=str(task.pk),
                actor=who,
                execution_id=task.execution_id,
                task_id=task.pk,
                attempt=task.attempt,
                data={
                    "key": task.key,
                    "asked": new,
                    "was": task.state,
                    "why": str(error),
                    **({"reason": reason} if reason else {}),
                },
            )
        ]
    )
