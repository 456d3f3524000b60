"""Pause, resume and cancel: each over any number of locked executions, with as many statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Exists, OuterRef

from workflows import clock, queue
from workflows.errors import IllegalTransition, WorkflowError
from workflows.models import AgentSlot, Execution, State, Task, Timer
from workflows.models.runs import tasks_of

from . import approvals, deliveries, events, tokens, transitions

_CANCELLABLE = (State.PENDING, State.RUNNING, State.PAUSED, State.FAILED)
Refusals = list[WorkflowError | None]  # for each target why nothing was done to it, None if it was


class Target(NamedTuple):
    """What a verb is for: a locked execution, or (to retry only) one task of it."""

    execution: Execution
    task_id: int | None = None


def pause(targets: Sequence[Target], *, by: AbstractBaseUser | None, reason: str) -> Refusals:
    """Steps in flight finish, nothing new starts, timers wait."""
    refusals = _refusals(targets, State.PAUSED, lambda was: was in (State.PENDING, State.RUNNING))
    chosen = _chosen(targets, refusals)
    who = transitions.actor(by)
    entries = through_running(chosen, who)
    told: dict[str, Any] = {"pause_reason": reason, "paused_by": by}
    entries += transitions.move_all(chosen, State.PAUSED, by=who, reason=reason, **told)
    ids = [execution.pk for execution in chosen]
    tasks_of(ids).filter(is_ready=True).update(is_ready=False)
    timers = Timer.objects.filter(execution__in=ids).exclude(kind=Timer.Kind.DUE)
    timers.update(is_held=True)
    written(chosen, entries)
    return refusals


def resume(targets: Sequence[Target], *, by: AbstractBaseUser | None, reason: str) -> Refusals:
    """Go on after a pause; what finished meanwhile moves on, or ends."""
    refusals = _refusals(targets, State.RUNNING, lambda was: was == State.PAUSED)
    chosen = _chosen(targets, refusals)
    told: dict[str, Any] = {"pause_reason": "", "paused_by": None}
    who = transitions.actor(by)
    entries = transitions.move_all(chosen, State.RUNNING, by=who, reason=reason, **told)
    make_ready(chosen)
    Timer.objects.filter(execution__in=[one.pk for one in chosen]).update(is_held=False)
    written(chosen, entries)
    _end(chosen)
    return refusals


def cancel(targets: Sequence[Target], *, by: AbstractBaseUser | None, reason: str) -> Refusals:
    """Stop for good: nothing starts, late results are refused."""
    refusals = _refusals(targets, State.CANCELLED, lambda was: was in _CANCELLABLE)
    chosen = _chosen(targets, refusals)
    ids, who = [execution.pk for execution in chosen], transitions.actor(by)
    tokens.stop(chosen)
    deliveries.release(ids)
    open_tasks = list(tasks_of(ids).exclude(state__in=(State.COMPLETED, State.CANCELLED)))
    transitions.let_go(open_tasks)
    Timer.objects.filter(execution__in=ids).delete()
    approvals.withdraw(ids)
    tasks = [task for task in open_tasks if task.state != State.FAILED]
    entries = _cancelled(tasks, who, reason, is_ready=False, session=None)
    entries += _cancelled(chosen, who, reason, open_tasks=0)
    written(chosen, entries)
    return refusals


def make_ready(executions: Sequence[Execution]) -> None:
    """What waits for nothing more may start, in the executions that take steps at present."""
    ids = [one.pk for one in executions if one.state in (State.PENDING, State.RUNNING)]
    reserved = AgentSlot.objects.filter(task=OuterRef("pk"))
    waiting = tasks_of(ids).filter(state=State.PENDING, waits_on=0, is_ready=False)
    waiting.exclude(Exists(reserved)).update(is_ready=True, waits_since=clock.in_database())


def through_running(executions: Sequence[Execution], by: str) -> list[transitions.Entry]:
    """PENDING -> RUNNING first, where the table knows no direct way."""
    waiting = [execution for execution in executions if execution.state == State.PENDING]
    again = [execution for execution in waiting if execution.started_at is not None]
    first = [execution for execution in waiting if execution.started_at is None]
    return [
        *transitions.move_all(again, State.RUNNING, by=by),
        *transitions.move_all(first, State.RUNNING, by=by, started_at=clock.now()),
    ]


def is_over(execution: Execution) -> bool:
    """Whether nothing of an execution is left to do, as far as it says itself."""
    if execution.marking is None:
        return execution.open_tasks == 0
    return bool(execution.marking.get("ended"))


def written(executions: Sequence[Execution], entries: Sequence[transitions.Entry]) -> None:
    """Record what was moved, and tell everybody: in each chain first its tasks, then itself."""
    if not executions:
        return
    ordered = sorted(entries, key=lambda one: one.execution_id or 0)
    transitions.record(ordered)
    events.moved(ordered)
    transitions.doorbell([one.pk for one in executions], "approvals", work=True)
    queue.wake()


def _refusals(targets: Sequence[Target], new: str, may: Callable[[str], bool]) -> Refusals:
    return [
        None if may(execution.state) else IllegalTransition(execution.state, new, str(execution))
        for execution, _ in targets
    ]


def _chosen(targets: Sequence[Target], refusals: Refusals) -> list[Execution]:
    pairs = zip(targets, refusals, strict=True)
    return [target.execution for target, refusal in pairs if refusal is None]


def _cancelled(
    subjects: Sequence[Execution] | Sequence[Task], by: str, reason: str, **final: Any
) -> list[transitions.Entry]:
    """RUNNING -> PAUSED -> CANCELLED and FAILED -> PENDING -> CANCELLED, two rows each."""
    entries = []
    for was, between in ((State.RUNNING, State.PAUSED), (State.FAILED, State.PENDING)):
        some: Any = [subject for subject in subjects if subject.state == was]
        entries += transitions.move_all(some, between, by=by, reason="cancel")
    now = clock.now()
    entries += transitions.move_all(
        subjects, State.CANCELLED, by=by, reason=reason, finished_at=now, **final
    )
    return sorted(entries, key=lambda one: one.task_id or 0)


def _end(executions: Sequence[Execution]) -> None:
    """End those of running executions of which nothing is left to do."""
    ids = [execution.pk for execution in executions]
    failed = defaultdict[int, list[Task]](list)
    for task in tasks_of(ids).filter(state=State.FAILED).order_by("finished_at"):
        failed[task.execution_id].append(task)
    over = [one for one in executions if failed[one.pk] or is_over(one)]
    plain = [execution.pk for execution in over if execution.marking is None]
    if plain:
        transitions.end_all(plain)
        deliveries.carry()
    for execution in over:
        if execution.marking is not None:
            tokens.conclude(execution)
