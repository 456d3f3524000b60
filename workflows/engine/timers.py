"""Everything with a due time: what is due is fired, and how long nothing will be."""

from __future__ import annotations

from dataclasses import replace

from django.db import connection, transaction
from django.db.models import F

from workflows import clock
from workflows.graph.retry import TIMEOUT
from workflows.graph.shape import WORK
from workflows.models import Execution, State, Task, Timer

from . import (
    advancing,
    approvals,
    breakers,
    buffering,
    claiming,
    executions,
    firing,
    graphs,
    operations,
    schedules,
    tokens,
    transitions,
)

BATCH = 500


def fire_due() -> int:
    """Fire what is due: retries in one statement, each timeout in its own transaction.

    Schedules too, what waits in the outbox of triggers, and trials of agents whose breakers are
    open. Messages that nobody has waited for in time are forgotten.
    """
    started = schedules.fire_due() + firing.fire_waiting()
    buffering.expire()
    started += breakers.begin_trials()
    with transaction.atomic():
        retried = transitions.fire_retries(BATCH)
        if retried:
            transitions.doorbell(sorted(set(retried)), work=True)
    return started + len(retried) + sum(_fire(timer) for timer in _due_timeouts())


def seconds_until_next() -> float | None:
    """Seconds until something is due (0 when it is overdue), None when nothing is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT workflows_seconds_until_due()")
        seconds = cursor.fetchone()[0]
    return None if seconds is None else max(0.0, seconds)


def _due_timeouts() -> list[Timer]:
    due = Timer.objects.filter(is_held=False).exclude(kind=Timer.Kind.RETRY)
    return list(due.extra(where=["due_at <= workflows_now()"]).order_by("due_at")[:BATCH])


def _fire(timer: Timer) -> bool:
    """One timeout; whoever deletes the row fires it."""
    with transaction.atomic():
        transitions.lock(timer.execution_id)
        if not Timer.objects.filter(pk=timer.pk, is_held=False).delete()[0]:
            return False
        match timer.kind:
            case Timer.Kind.TASK_TIMEOUT:
                _time_out_task(timer)
            case Timer.Kind.EVENT:
                _happen(timer)
            case Timer.Kind.DUE:
                approvals.note_overdue(timer.execution_id, timer.task_id or 0)
            case Timer.Kind.EXECUTION_TIMEOUT:
                _time_out_execution(timer)
    return True


def _time_out_task(timer: Timer) -> None:
    running = Task.objects.filter(state=State.RUNNING, fence=timer.fence)
    task = running.filter(pk=timer.task_id or 0).first()
    if task is None:
        return
    error = f"No result within {task.timeout_seconds} seconds."
    broken = advancing.unreported(task, error, TIMEOUT)
    advancing.report(task.session, [(claiming.in_hand(task), broken)])
    transitions.doorbell([timer.execution_id], work=True)


def _happen(timer: Timer) -> None:
    """A timer event of a token graph: its token moves on."""
    execution = Execution.objects.get(pk=timer.execution_id)
    tokens.fire(execution, timer.handler or 0, {})
    transitions.doorbell([timer.execution_id], work=True)


def _time_out_execution(timer: Timer) -> None:
    execution = Execution.objects.get(pk=timer.execution_id)
    minutes = graphs.of(execution.version_id).timeout_minutes
    fail(timer.execution_id, f"It did not finish within {minutes} minutes.", "execution_timeout")


def _stopped(task: Task, error: str, kind: str) -> advancing.Broken:
    return replace(advancing.unreported(task, error, kind), is_retryable=False)


def fail(execution_id: int, error: str, kind: str) -> None:
    """Fail an execution and what it runs, for a reason of its own such as its deadline."""
    with transaction.atomic():
        execution = transitions.lock(execution_id)
        if execution.state not in (State.PENDING, State.RUNNING):
            return
        entries = operations.through_running([execution], transitions.SYSTEM)
        for task in execution.tasks.filter(state=State.PAUSED, kind__in=WORK):
            entries.append(transitions.move(task, State.RUNNING, by=transitions.SYSTEM))
        transitions.record(entries)
        running = execution.tasks.filter(state=State.RUNNING, kind__in=WORK)
        broken = {task.pk: _stopped(task, error, kind) for task in running}
        transitions.let_go(running)
        running.update(session=None, fence=F("fence") + 1)
        advancing.report(
            None, [(claiming.in_hand(task), broken[task.pk]) for task in running.all()]
        )
        approvals.cancel_open(execution_id)
        execution.refresh_from_db()
        if execution.state == State.RUNNING:
            tokens.hold(execution)
            tokens.answer_callers([execution], kind, error)
            executions.written(
                execution,
                [
                    transitions.move(
                        execution,
                        State.FAILED,
                        by=transitions.SYSTEM,
                        reason=kind,
                        error=error,
                        finished_at=clock.now(),
                    )
                ],
            )
        else:
            Execution.objects.filter(pk=execution_id).update(error=error)
            transitions.doorbell([execution_id])
