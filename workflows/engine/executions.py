"""One run, from start to end, and an operator's hand on it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import jsonschema_rs
from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef

from workflows import clock, queue
from workflows.errors import IllegalTransition, InvalidInput, UnknownTask, UnknownWorkflow
from workflows.models import (
    AgentSlot,
    AuditHead,
    Execution,
    Priority,
    State,
    Task,
    Timer,
    Version,
    Workflow,
)

from . import admission, approvals, events, graphs, inputs, transitions


def start_workflow(
    key: str,
    input: Mapping[str, Any] | None = None,
    *,
    by: AbstractBaseUser | None = None,
    idempotency_key: str | None = None,
    priority: int | None = None,
    cause: Mapping[str, Any] | None = None,
) -> Execution:
    """Start the published version of a workflow.

    Starting again with the same `idempotency_key` gives the same execution. An explicit `priority`
    (1 LOW … 4 CRITICAL) holds for all its tasks. `cause` is what starts it where no person does,
    for the audit; `by` is then only who asked for it. Raises UnknownWorkflow, IntakePaused,
    InvalidInput.
    """
    return start_once(
        key, input, by=by, idempotency_key=idempotency_key, priority=priority, cause=cause
    )[0]


def start_once(
    key: str,
    input: Mapping[str, Any] | None = None,
    *,
    by: AbstractBaseUser | None = None,
    idempotency_key: str | None = None,
    priority: int | None = None,
    cause: Mapping[str, Any] | None = None,
) -> tuple[Execution, bool]:
    """As `start_workflow`; and whether it was this call that started it."""
    workflow, version = _published(key)
    earlier = _earlier(workflow, idempotency_key)
    if earlier is not None:
        return earlier, False
    given = dict(input or {})
    check_input(graphs.of(version.pk).input_schema, given)
    admission.check(workflow, by)
    run = _run(workflow, version, given, by, idempotency_key, _priority(priority))
    if cause is not None:
        run |= {"actor": transitions.SYSTEM, "data": {**run["data"], "cause": dict(cause)}}
    try:
        return _insert(workflow, version, run), True
    except IntegrityError:
        earlier = _earlier(workflow, idempotency_key)
        if earlier is None:
            raise
        return earlier, False


def check_input(schema: Mapping[str, Any], given: Any) -> None:
    """Raise InvalidInput that lists every place where `given` misses the JSON Schema."""
    if not isinstance(given, dict):
        raise InvalidInput(["the input is not a JSON object"])
    try:
        json.dumps(given, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput([f"the input is not JSON: {error}"]) from error
    if not schema:
        return
    # Offline: a schema's "$ref" must neither call other hosts nor read files of this one.
    validator = jsonschema_rs.validator_for(dict(schema), offline=True)
    found = [
        f"{'.'.join(str(part) for part in error.instance_path) or 'input'}: {error.message}"
        for error in validator.iter_errors(given)
    ]
    if found:
        raise InvalidInput(found)


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
        transitions.end(execution_id)
        execution.refresh_from_db()
        return execution


def cancel(execution_id: int, *, by: AbstractBaseUser | None, reason: str = "") -> Execution:
    """Stop it for good: nothing starts, late results are refused. Raises IllegalTransition."""
    with locked(execution_id, by) as execution:
        who = transitions.actor(by)
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
        failed = list(execution.tasks.filter(state=State.FAILED))
        chosen = [task for task in failed if task_id in (None, task.pk)]
        if execution.is_final or not (chosen or (task_id is None and _can_go_on(execution))):
            raise IllegalTransition(execution.state, State.PENDING, str(execution))
        who = transitions.actor(by)
        edited = [] if input is None else [inputs.replace(chosen[0], input, by=who, reason=reason)]
        reopen(execution, chosen, by=who, reason=reason)
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
    """Whether an execution failed with work left over, as it does at its deadline."""
    return execution.state == State.FAILED and execution.open_tasks > 0


def _published(key: str) -> tuple[Workflow, Version]:
    workflow = (
        Workflow.objects.select_related("published", "intake_paused_by").filter(key=key).first()
    )
    if workflow is None or workflow.published is None:
        raise UnknownWorkflow(f"There is no published workflow “{key}”.")
    return workflow, workflow.published


def _earlier(workflow: Workflow, idempotency_key: str | None) -> Execution | None:
    if not idempotency_key:
        return None
    return workflow.executions.filter(idempotency_key=idempotency_key).first()


def _priority(priority: int | None) -> int | None:
    if priority is not None and priority not in Priority.values:
        raise InvalidInput([f"priority: {priority!r} is not one of 1, 2, 3 and 4"])
    return priority


def _run(
    workflow: Workflow,
    version: Version,
    given: dict[str, Any],
    by: AbstractBaseUser | None,
    idempotency_key: str | None,
    priority: int | None,
) -> dict[str, Any]:
    variables = {**graphs.of(version.pk).variables, **given}
    return {
        "input": given,
        "variables": variables,
        "idempotency_key": idempotency_key or None,
        "requested_by": by.pk if by is not None else None,
        "priority": priority or workflow.priority,
        "explicit": priority,
        "actor": transitions.actor(by),
        "data": {"workflow": workflow.key, "version": version.number, "variables": variables},
    }


def _insert(workflow: Workflow, version: Version, run: dict[str, Any]) -> Execution:
    with transaction.atomic():
        execution_id = transitions.start_if_open(version.pk, run)
        if execution_id is None:
            admission.refuse(workflow)
        transitions.doorbell([execution_id], work=True)
        events.publish(
            "workflow_started", {"execution_id": execution_id, "workflow_id": workflow.key}
        )
        queue.wake()
    return Execution.objects.get(pk=execution_id)


def make_ready(execution: Execution) -> None:
    """What waits for nothing more may start, if the execution takes steps at present."""
    if execution.state not in (State.PENDING, State.RUNNING):
        return
    reserved = AgentSlot.objects.filter(task=OuterRef("pk"))
    waiting = execution.tasks.filter(state=State.PENDING, waits_on=0, is_ready=False)
    waiting.exclude(Exists(reserved)).update(is_ready=True, waits_since=clock.now())


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
    deadline = clock.now() + timedelta(minutes=minutes)
    Execution.objects.filter(pk=execution.pk).update(deadline_at=deadline)
    Timer.objects.filter(execution=execution, kind=Timer.Kind.EXECUTION_TIMEOUT).delete()
    Timer.objects.create(execution=execution, kind=Timer.Kind.EXECUTION_TIMEOUT, due_at=deadline)
