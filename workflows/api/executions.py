"""Executions: start one, find them, read one with its tasks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Body, Header, Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from workflows import access, engine
from workflows.engine.filtering import LONGEST, Filter
from workflows.errors import UnknownExecution
from workflows.models import Execution, Scope, State, Task, Workflow

from .authentication import needs
from .listing import Asked, Id, Key, Listed, Text, part
from .problems import Refusal, answers

router = Router(tags=["executions"])
WITHOUT_WEIGHT = ("version__graph", "version__template", "workflow__input_schema")


class Start(Schema):
    """What an execution is started with."""

    model_config = ConfigDict(extra="forbid", strict=True)

    input: dict[str, Any] = Field(default_factory=dict, description="as the workflow's schema says")
    priority: int | None = Field(default=None, ge=1, le=4, description="1 low … 4 critical")
    start: str | None = Field(
        default=None,
        max_length=100,
        pattern=r"^[^\x00]*$",
        description="the start event at which it begins, where an event begins it",
    )


class ExecutionRow(Schema):
    """An execution in a list. `started_at` is its creation while it has not started."""

    execution_id: int
    workflow_id: str
    status: State
    priority: int
    error: str
    created_at: datetime
    started_at: datetime
    finished_at: datetime | None


class ExecutionDetail(ExecutionRow):
    """An execution as a whole; `log_entries` counts its audit rows."""

    version: int
    updated_at: datetime
    task_stats: dict[State, int]
    log_entries: int
    input: dict[str, Any]
    variables: dict[str, Any]
    variables_version: int
    requested_by: str | None
    pause_reason: str
    deadline_at: datetime | None


class Executions(Listed):
    items: list[ExecutionRow]


class TaskRow(Schema):
    """A step of an execution; `lease_token` grows with each lending of it."""

    task_id: int
    execution_id: int
    key: str
    name: str
    kind: str
    status: State
    priority: int
    attempt: int
    max_attempts: int
    agent: str
    lease_token: int
    input: dict[str, Any] | None
    output: Any
    error: str
    error_kind: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class Tasks(Listed):
    items: list[TaskRow]


class Wanted(Asked):
    state: State | None = None
    workflow: Text | None = Field(None, max_length=100, description="a workflow's key")
    q: Text = Field("", max_length=LONGEST, description="a number, name, key, or word of an error")


IdempotencyKey = Annotated[
    str | None,
    Header(
        None,
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key gives the same execution of the workflow, for ever.",
    ),
]


@router.post(
    "/workflows/{key}/executions",
    auth=needs(Scope.START, may=access.START),
    response={200: ExecutionDetail, 201: ExecutionDetail, **answers(404, 408, 413, 422)},
    summary="Start an execution",
)
def execution_start(
    request: HttpRequest,
    response: HttpResponse,
    key: Key,
    idempotency_key: IdempotencyKey = None,
    payload: Body[Start] = Start(),  # noqa: B008 an immutable default
) -> Status[dict[str, Any]]:
    """201 when it is started, 200 when the same key and input have started it before."""
    execution, is_new = engine.start_once(
        key,
        payload.input,
        by=access.person(request),
        idempotency_key=_bare(idempotency_key),
        priority=payload.priority,
        start=payload.start,
    )
    if not (is_new or _is_repeat(execution, payload)):
        raise _reused()
    response["Location"] = reverse("api:execution", args=[execution.pk])
    return Status(201 if is_new else 200, detail(execution.pk))


@router.get(
    "/executions",
    auth=needs(Scope.READ, may=access.SEE),
    response={200: Executions, **answers(422)},
    summary="List executions",
)
def executions(request: HttpRequest, asked: Query[Wanted]) -> dict[str, Any]:
    """Newest first."""
    wanted = Filter(asked.state or "", _workflow(asked.workflow), asked.q.strip())
    return part(wanted.fetch(asked.after, None, asked.limit + 1), asked.limit, _id, _row)


@router.get(
    "/executions/{execution_id}",
    auth=needs(Scope.READ, may=access.SEE),
    response={200: ExecutionDetail, **answers(404, 422)},
    summary="Read an execution",
)
def execution(request: HttpRequest, execution_id: Id) -> dict[str, Any]:
    """With input, variables, and how many of its tasks are in which state."""
    return detail(execution_id)


@router.get(
    "/executions/{execution_id}/tasks",
    auth=needs(Scope.READ, may=access.SEE),
    response={200: Tasks, **answers(404, 422)},
    summary="List the tasks of an execution",
)
def execution_tasks(request: HttpRequest, execution_id: Id, asked: Query[Asked]) -> dict[str, Any]:
    """In the order of the definition."""
    rows = found(execution_id).tasks.order_by("pk")
    if asked.after is not None:
        rows = rows.filter(pk__gt=asked.after)
    return part(list(rows[: asked.limit + 1]), asked.limit, _id, _task)


def found(execution_id: int) -> Execution:
    """The execution; raises UnknownExecution."""
    rows = Execution.objects.select_related("workflow", "version", "requested_by")
    one = rows.defer(*WITHOUT_WEIGHT).filter(pk=execution_id).first()
    if one is None:
        raise UnknownExecution(f"There is no execution {execution_id}.")
    return one


def detail(execution_id: int) -> dict[str, Any]:
    """What ExecutionDetail shows; raises UnknownExecution."""
    one = found(execution_id)
    return {
        **_row(one),
        **engine.get_execution_status(execution_id),
        "version": one.version.number,
        "input": one.input,
        "variables": one.variables,
        "variables_version": one.variables_version,
        "requested_by": one.requested_by and one.requested_by.get_username(),
        "pause_reason": one.pause_reason,
        "deadline_at": one.deadline_at,
    }


def _bare(key: str | None) -> str | None:
    """The draft standard writes the key as a quoted string; most clients do not."""
    return key[1:-1] if key and len(key) > 2 and key[0] == key[-1] == '"' else key


def _is_repeat(earlier: Execution, payload: Start) -> bool:
    return earlier.input == payload.input and payload.priority in (None, earlier.priority)


def _reused() -> Refusal:
    """422, as draft-ietf-httpapi-idempotency-key-header §2.7 says."""
    return Refusal(
        422,
        "This Idempotency-Key has started an execution with another input or priority. "
        "Send a new key, or the same request.",
        "idempotency-key-reused",
        "Idempotency-Key is already used",
    )


def _workflow(key: str | None) -> Workflow | None:
    if key is None:
        return None
    one = Workflow.objects.filter(key=key).first()
    if one is None:
        words = f"There is no workflow “{key}”."
        flaw = {"field": "query.workflow", "detail": words}
        raise Refusal(422, words, "invalid-request", "Invalid request", [flaw])
    return one


def _id(row: Execution | Task) -> int:
    return int(row.pk)


def _row(one: Execution) -> dict[str, Any]:
    return {
        "execution_id": one.pk,
        "workflow_id": one.workflow.key,
        "status": one.state,
        "priority": one.priority,
        "error": one.error,
        "created_at": one.created_at,
        "started_at": one.started_at or one.created_at,
        "finished_at": one.finished_at,
    }


def _task(one: Task) -> dict[str, Any]:
    same = ("execution_id", "key", "name", "kind", "priority", "attempt", "max_attempts", "input")
    then = ("output", "error", "error_kind", "created_at", "started_at", "finished_at")
    return {
        "task_id": one.pk,
        "status": one.state,
        "agent": one.agent_key,
        "lease_token": one.fence,
        **{name: getattr(one, name) for name in (*same, *then)},
    }
