"""One run, from start to end, and an operator's hand on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Exists, F, OuterRef

from workflows import clock, queue
from workflows.errors import IllegalTransition, InvalidInput, UnknownTask
from workflows.models import (
    AgentSlot,
    AuditHead,
    Execution,
    State,
    Task,
    Timer,
)

from . import approvals, deliveries, events, graphs, inputs, tokens, transitions


def pause(execution_id: int, *, by: AbstractBaseUser | None, reason: str = "") -> Execution:
    """Steps in flight finish, nothing new starts, timers wait. Raises IllegalTransition."""
    with locked(execution_id, by) as execution:
        entries = through_running(execution, transitions.actor(by))
        entries.append(
            transitions.move(
                execution,
                State.PAUSED,
                by=transitions.actor(by),
                reason=reason,
                pause_reason=reason,
                paused_by=by,
            )
        )
        execution.tasks.filter(is_ready=True).update(is_ready=False)
        execution.timers.update(is_held=True)
        return written(execution, entries)


def resume(execution_id: int, *, by: AbstractBaseUser | None, reason: str = "") -> Execution:
    """Go on after a pause; what finished meanwhile moves on. Raises IllegalTransition."""
    with locked(execution_id, by) as execution:
        if execution.state != State.PAUSED:
            raise IllegalTransition(execution.state, State.RUNNING, str(execution))
        entries = [
            transitions.move(
                execution,
                State.RUNNING,
                by=transitions.actor(by),
                reason=reason,
                pause_reason="",
                paused_by=None,
            )
        ]
        make_ready(execution)
        execution.timers.update(is_held=False)
        written(execution, entries)
        _end(execution)
        execution.refresh_from_db()
        return execution


def cancel(execution_id: int, *, by: AbstractBaseUser | None, reason: str = "") -> Execution:
    """Stop it for good: nothing starts, late results are refused. Raises IllegalTransition."""
    with locked(execution_id, by) as execution:
        who = transitions.actor(by)
        tokens.stop(execution)
        deliveries.release(execution_id)
        _let_go(execution)
        entries = [
            entry
            for task in execution.tasks.exclude(
                state__in=(State.COMPLETED, State.CANCELLED, State.FAILED)
            )
            for entry in _cancelled(task, who, reason)
        ]
        entries += _cancelled(execution, who, reason)
        approvals.cancel_open(execution_id)
        Execution.objects.filter(pk=execution_id).update(open_tasks=0)
        return written(execution, entries)


def retry(
    execution_id: int,
    *,
    by: AbstractBaseUser | None,
    task_id: int | None = None,
    input: Mapping[str, Any] | None = None,
    reason: str = "",
) -> Execution:
    """Run the failed tasks of an execution again (or one of them), with fresh retries.

    `input` replaces that of the one task named; the audit keeps both. Raises UnknownTask,
    IllegalTransition when nothing of it has failed, InvalidInput.
    """
    with locked(execution_id, by) as execution:
        if input is not None and task_id is None:
            raise InvalidInput(["input: it is for one task; name the task"])
        if task_id is not None and not execution.tasks.filter(pk=task_id).exists():
            raise UnknownTask()
        failed = [
            task
            for task in execution.tasks.filter(state=State.FAILED)
            if tokens.is_open(execution, task)
        ]
        chosen = [task for task in failed if task_id in (None, task.pk)]
        if execution.is_final or not (chosen or (task_id is None and _can_go_on(execution))):
            raise IllegalTransition(execution.state, State.PENDING, str(execution))
        who = transitions.actor(by)
        edited = [] if input is None else [inputs.replace(chosen[0], input, by=who, reason=reason)]
        reopen(execution, chosen, by=who, reason=reason)
        if execution.marking is not None:
            tokens.conclude(execution)
        return written(execution, edited)


def reopen(execution: Execution, tasks: list[Task], *, by: str, reason: str) -> None:
    """FAILED -> PENDING for tasks of a locked execution, and for the execution itself."""
    entries = []
    for task in tasks:
        attempts = graphs.retry_policy(execution.version_id, task.node).max_attempts
        entries.append(
            transitions.move(
                task,
                State.PENDING,
                by=by,
                reason=reason,
                waits_on=0,
                finished_at=None,
                max_attempts=task.attempt + attempts,
            )
        )
    if execution.state == State.FAILED:
        entries.append(
            transitions.move(
                execution,
                State.PENDING,
                by=by,
                reason=reason,
                finished_at=None,
                error="",
            )
        )
        _renew_deadline(execution)
        execution.timers.filter(kind=Timer.Kind.EVENT).update(is_held=False)
        deliveries.release(execution.pk)
    Execution.objects.filter(pk=execution.pk).update(open_tasks=F("open_tasks") + len(tasks))
    if execution.state in (State.PENDING, State.RUNNING):
        make_ready(execution)
    transitions.record(entries)
    events.moved(entries)


def get_execution_status(execution_id: int) -> dict[str, Any]:
    """The sketch's status: ids, state, times (ISO 8601), tasks counted by state, audit rows.

    An unknown execution gives {"error": …}, as in the sketch.
    """
    execution = Execution.objects.select_related("workflow").filter(pk=execution_id).first()
    if execution is None:
        return {"error": "Execution not found"}
    stats = Counter(execution.tasks.values_list("state", flat=True))
    last = execution.audit_events.order_by("-seq").values_list("at", flat=True).first()
    head = AuditHead.objects.filter(pk=execution_id).values_list("seq", flat=True).first()
    return {
        "execution_id": execution.pk,
        "workflow_id": execution.workflow.key,
        "status": execution.state,
        "started_at": (execution.started_at or execution.created_at).isoformat(),
        "updated_at": (last or execution.created_at).isoformat(),
        "task_stats": dict(stats),
        "log_entries": head or 0,
    }


@contextmanager
def locked(execution_id: int, by: AbstractBaseUser | None) -> Iterator[Execution]:
    """The execution in a transaction of its own; a change that the table forbids is recorded."""
    try:
        with transaction.atomic():
            yield transitions.lock(execution_id)
    except IllegalTransition as error:
        _record_refused(execution_id, error, transitions.actor(by))
        raise


def _record_refused(execution_id: int, error: IllegalTransition, by: str) -> None:
    with transaction.atomic():
        transitions.record(
            [
                transitions.Entry(
                    kind="transition.refused",
                    entity_type="execution",
                    entity_id=str(execution_id),
                    actor=by,
                    execution_id=execution_id,
                    data={"was": error.old, "asked": error.new, "why": str(error)},
                )
            ]
        )


def _can_go_on(execution: Execution) -> bool:
    """Whether an execution failed with work left over, as it does at its deadline.

    Or its last token has gone since then, so that it can only be completed.
    """
    has_ended = bool((execution.marking or {}).get("ended"))
    return execution.state == State.FAILED and (execution.open_tasks > 0 or has_ended)


def _end(execution: Execution) -> None:
    """End a running execution if nothing is left of it to do."""
    if execution.marking is None:
        transitions.end(execution.pk)
        deliveries.carry()
    else:
        tokens.conclude(execution)


def make_ready(execution: Execution) -> None:
    """What waits for nothing more may start, if the execution takes steps at present."""
    if execution.state not in (State.PENDING, State.RUNNING):
        return
    reserved = AgentSlot.objects.filter(task=OuterRef("pk"))
    waiting = execution.tasks.filter(state=State.PENDING, waits_on=0, is_ready=False)
    waiting.exclude(Exists(reserved)).update(is_ready=True, waits_since=clock.in_database())


def written(execution: Execution, entries: list[transitions.Entry]) -> Execution:
    transitions.record(entries)
    events.moved(entries)
    transitions.doorbell([execution.pk], "approvals", work=True)
    queue.wake()
    return execution


def through_running(execution: Execution, by: str) -> list[transitions.Entry]:
    """PENDING -> RUNNING first, where the table knows no direct way."""
    if execution.state != State.PENDING:
        return []
    since = execution.started_at or clock.now()
    return [transitions.move(execution, State.RUNNING, by=by, started_at=since)]


def _cancelled(subject: Execution | Task, by: str, reason: str) -> list[transitions.Entry]:
    """RUNNING -> PAUSED -> CANCELLED and FAILED -> PENDING -> CANCELLED, two rows each."""
    entries = []
    if subject.state == State.RUNNING:
        entries.append(transitions.move(subject, State.PAUSED, by=by, reason="cancel"))
    if subject.state == State.FAILED:
        entries.append(transitions.move(subject, State.PENDING, by=by, reason="cancel"))
    final: dict[str, Any] = {"finished_at": clock.now()}
    if isinstance(subject, Task):
        final |= {"is_ready": False, "session": None}
    entries.append(transitions.move(subject, State.CANCELLED, by=by, reason=reason, **final))
    return entries


def _let_go(execution: Execution) -> None:
    transitions.let_go(execution.tasks.all())
    execution.timers.all().delete()


def _renew_deadline(execution: Execution) -> None:
    minutes = graphs.of(execution.version_id).timeout_minutes
    if minutes is None:
        return
    deadline = clock.of_database() + timedelta(minutes=minutes)
    Execution.objects.filter(pk=execution.pk).update(deadline_at=deadline)
    Timer.objects.filter(execution=execution, kind=Timer.Kind.EXECUTION_TIMEOUT).delete()
    Timer.objects.create(execution=execution, kind=Timer.Kind.EXECUTION_TIMEOUT, due_at=deadline)
