"""One run, from start to end, and an operator's hand on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from workflows.errors import (
    IllegalTransition,
    InvalidInput,
    UnknownExecution,
    UnknownTask,
    WorkflowError,
)
from workflows.models import AuditHead, Execution

from . import arguments, interventions, operations, retrying, transitions
from .operations import Refusals, Target


def pause(execution_id: int, *, by: AbstractBaseUser | None, reason: str = "") -> Execution:
    """Steps in flight finish, nothing new starts, timers wait. Raises IllegalTransition."""
    with locked(execution_id, "pause", by=by, reason=reason) as execution:
        return _done(execution, operations.pause([Target(execution)], by=by, reason=reason))


def resume(execution_id: int, *, by: AbstractBaseUser | None, reason: str = "") -> Execution:
    """Go on after a pause; what finished meanwhile moves on. Raises IllegalTransition."""
    with locked(execution_id, "resume", by=by, reason=reason) as execution:
        _done(execution, operations.resume([Target(execution)], by=by, reason=reason))
        execution.refresh_from_db()
        return execution


def cancel(execution_id: int, *, by: AbstractBaseUser | None, reason: str = "") -> Execution:
    """Stop it for good: nothing starts, late results are refused. Raises IllegalTransition."""
    with locked(execution_id, "cancel", by=by, reason=reason) as execution:
        return _done(execution, operations.cancel([Target(execution)], by=by, reason=reason))


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
    with locked(execution_id, "retry", by=by, reason=reason) as execution:
        if input is not None and task_id is None:
            raise InvalidInput(["input: it is for one task; name the task"])
        number = None if task_id is None else arguments.number(task_id)
        if number == 0:
            raise UnknownTask(f"There is no task {task_id!r:.100} in {execution}.")
        wanted = [Target(execution, number)]
        return _done(execution, retrying.retry(wanted, by=by, reason=reason, input=input))


def _done(execution: Execution, refusals: Refusals) -> Execution:
    if isinstance(refusals[0], WorkflowError):
        raise refusals[0]
    return execution


def get_execution_status(execution_id: int) -> dict[str, Any]:
    """The sketch's status: ids, state, times (ISO 8601), tasks counted by state, audit rows.

    An unknown execution gives {"error": …}, as in the sketch.
    """
    number = arguments.number(execution_id)
    execution = Execution.objects.select_related("workflow").filter(pk=number).first()
    if execution is None:
        return {"error": "Execution not found"}
    stats = Counter(execution.tasks.values_list("state", flat=True))
    last = execution.audit_events.order_by("-seq").values_list("at", flat=True).first()
    head = AuditHead.objects.filter(pk=number).values_list("seq", flat=True).first()
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
def locked(
    execution_id: int, verb: str, *, by: AbstractBaseUser | None, reason: str = ""
) -> Iterator[Execution]:
    """The execution in a transaction of its own; what is refused is undone and recorded.

    Raises UnknownExecution, InvalidInput for a reason that is no text.
    """
    arguments.reason(reason)
    who = transitions.actor(by)
    try:
        with transaction.atomic():
            yield transitions.lock(execution_id)
    except UnknownExecution:
        raise
    except IllegalTransition as error:
        with transaction.atomic():
            transitions.record([refused(execution_id, error, who, reason)])
        raise
    except WorkflowError as error:
        interventions.record_refused(execution_id, verb, error, who, reason, None)
        raise


def refused(
    execution_id: int, error: IllegalTransition, by: str, reason: str = ""
) -> transitions.Entry:
    """The audit row, still to append, of a change that the table forbids."""
    return transitions.Entry(
        kind="transition.refused",
        entity_type="execution",
        entity_id=str(execution_id),
        actor=by,
        execution_id=execution_id,
        data={
            "was": error.old,
            "asked": error.new,
            "why": str(error),
            **({"reason": reason} if reason else {}),
        },
    )


def written(execution: Execution, entries: Sequence[transitions.Entry]) -> Execution:
    """Record what was moved in a locked execution, and tell everybody."""
    operations.written([execution], entries)
    return execution
