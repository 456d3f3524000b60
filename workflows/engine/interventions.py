"""A person's hand on an execution: under its lock, and recorded when it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from workflows.errors import UnknownExecution, WorkflowError
from workflows.models import Execution, Task

from . import arguments, transitions


@contextmanager
def locked(
    execution_id: int,
    verb: str,
    *,
    by: AbstractBaseUser | None,
    reason: str = "",
    task_id: int | None = None,
) -> Iterator[Execution]:
    """The locked execution, in one transaction with everything that is done to it.

    A refusal undoes all of it and is recorded: who wanted which verb, and why it was not done.
    Raises UnknownExecution, InvalidInput for a reason that is no text.
    """
    arguments.reason(reason)
    try:
        with transaction.atomic():
            yield transitions.lock(execution_id)
    except UnknownExecution:
        raise
    except WorkflowError as error:
        record_refused(execution_id, verb, error, transitions.actor(by), reason, task_id)
        raise


def task(execution: Execution, asked: Any) -> Task | None:
    """The task that an id or a key names (of a key the last visit); None if there is none."""
    number = arguments.number(asked)
    if not number:
        return task_with_key(execution, asked)
    return execution.tasks.filter(pk=number).first()


def task_with_key(execution: Execution, key: Any) -> Task | None:
    """The last visit of the step with a key; None if there is none."""
    if not arguments.is_key(key):
        return None
    return execution.tasks.filter(key=key).order_by("-pk").first()


def of_task(
    kind: str, task: Task, by: AbstractBaseUser | None, reason: str, **told: Any
) -> transitions.Entry:
    """The audit row, still to be recorded, of what a person did to a task that keeps its state."""
    return transitions.Entry(
        kind=kind,
        entity_type="task",
        entity_id=str(task.pk),
        actor=transitions.actor(by),
        execution_id=task.execution_id,
        task_id=task.pk,
        attempt=task.attempt,
        data={"key": task.key, **told, **({"reason": reason} if reason else {})},
    )


def record_refused(
    execution_id: int, verb: str, error: WorkflowError, who: str, reason: str, task_id: int | None
) -> None:
    """The audit row, in a transaction of its own, of what was refused and undone."""
    with transaction.atomic():
        transitions.record(
            [
                transitions.Entry(
                    kind="operation.refused",
                    entity_type="execution" if task_id is None else "task",
                    entity_id=str(task_id or execution_id),
                    actor=who,
                    execution_id=execution_id,
                    task_id=task_id,
                    data={
                        "asked": verb,
                        "why": str(error),
                        **({"reason": reason} if reason else {}),
                    },
                )
            ]
        )
