"""Starting an execution: by hand, once per idempotency key, or for a task that calls it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema_rs
from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction

from workflows import queue
from workflows.errors import InvalidInput, UnknownWorkflow
from workflows.models import Execution, Priority, Version, Workflow

from . import admission, arguments, events, graphs, starts, tokens, transitions


def start_workflow(
    key: str,
    input: Mapping[str, Any] | None = None,
    *,
    by: AbstractBaseUser | None = None,
    idempotency_key: str | None = None,
    priority: int | None = None,
    cause: Mapping[str, Any] | None = None,
    start: str | None = None,
) -> Execution:
    """Start the published version of a workflow.

    Starting again with the same `idempotency_key` gives the same execution. An explicit `priority`
    (1 LOW … 4 CRITICAL) holds for all its tasks. `cause` is what starts it where no person does,
    for the audit; `by` is then only who asked for it. `start` names the start event whose path
    begins, with the input as what the event has brought; without it, the process begins where no
    event does, else at its only start. Raises UnknownWorkflow, IntakePaused, InvalidInput.
    """
    return start_once(
        key,
        input,
        by=by,
        idempotency_key=idempotency_key,
        priority=priority,
        cause=cause,
        start=start,
    )[0]


def start_once(
    key: str,
    input: Mapping[str, Any] | None = None,
    *,
    by: AbstractBaseUser | None = None,
    idempotency_key: str | None = None,
    priority: int | None = None,
    cause: Mapping[str, Any] | None = None,
    start: str | None = None,
) -> tuple[Execution, bool]:
    """As `start_workflow`; and whether it was this call that started it."""
    workflow, version = _published(key)
    idempotency_key = arguments.idempotency_key(idempotency_key)
    earlier = _earlier(workflow, idempotency_key)
    if earlier is not None:
        return earlier, False
    given = arguments.cleaned("input", {} if input is None else input)
    _check_schema(graphs.of(version.pk).input_schema, given)
    admission.check(workflow, by)
    at = starts.place(graphs.of(version.pk), key, start)
    run = _run(workflow, version, given, by, idempotency_key, _priority(priority))
    if at is not None:
        run["data"] |= {"start": graphs.of(version.pk).nodes[at].key}
    if cause is not None:
        run |= {"actor": transitions.SYSTEM, "data": {**run["data"], "cause": dict(cause)}}
    try:
        return _insert(workflow, version, run, at=at), True
    except IntegrityError:
        earlier = _earlier(workflow, idempotency_key)
        if earlier is None:
            raise
        return earlier, False


def start_called(
    caller: Execution, task_id: int, key: str, input: Mapping[str, Any], number: int | None
) -> Execution:
    """Start a workflow for a task that waits for it: the version with a number, or the published.

    In the transaction that holds the caller. Raises UnknownWorkflow, InvalidInput.
    """
    workflow, version = _published(key)
    if number is not None:
        found = workflow.versions.filter(number=number).first()
        if found is None:
            raise UnknownWorkflow(f"Workflow “{key}” has no version {number}.")
        version = found
    given = dict(input)
    check_input(graphs.of(version.pk).input_schema, given)
    at = starts.place(graphs.of(version.pk), key, None)
    explicit = (caller.marking or {}).get("priority")
    run = _run(workflow, version, given, caller.requested_by, None, explicit)
    run["data"] |= {"called_by": task_id}
    return _insert(workflow, version, run, task_id, at=at)


def check_input(schema: Mapping[str, Any], given: Any) -> None:
    """Raise InvalidInput that lists every place where `given` misses the JSON Schema."""
    _check_schema(schema, arguments.json_object("input", given))


def _check_schema(schema: Mapping[str, Any], given: dict[str, Any]) -> None:
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


def _published(key: str) -> tuple[Workflow, Version]:
    named = Workflow.objects.select_related("published", "intake_paused_by")
    workflow = named.filter(key=key).first() if arguments.is_key(key) else None
    if workflow is None or workflow.published is None:
        raise UnknownWorkflow(f"There is no published workflow “{key!s:.100}”.")
    return workflow, workflow.published


def _earlier(workflow: Workflow, idempotency_key: str | None) -> Execution | None:
    if not idempotency_key:
        return None
    return workflow.executions.filter(idempotency_key=idempotency_key).first()


def _priority(priority: int | None) -> int | None:
    if priority is not None and (isinstance(priority, bool) or priority not in Priority.values):
        raise InvalidInput([f"priority: {priority!r:.100} is not one of 1, 2, 3 and 4"])
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


def _insert(
    workflow: Workflow,
    version: Version,
    run: dict[str, Any],
    parent_task: int | None = None,
    *,
    at: int | None = None,
) -> Execution:
    with transaction.atomic():
        execution_id = transitions.start_if_open(version.pk, run)
        if execution_id is None:
            admission.refuse(workflow)
        if parent_task is not None:
            Execution.objects.filter(pk=execution_id).update(parent_task=parent_task)
        if not graphs.of(version.pk).is_plain:
            tokens.begin(execution_id, run["explicit"], at)
        transitions.doorbell([execution_id], work=True)
        events.publish(
            "workflow_started", {"execution_id": execution_id, "workflow_id": workflow.key}
        )
        queue.wake()
    return Execution.objects.get(pk=execution_id)
