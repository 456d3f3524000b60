"""One verb over many: batches, incidents, and the intake of a workflow."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Body, Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from workflows import access, engine
from workflows.engine import incidents as groups
from workflows.engine.filtering import LONGEST
from workflows.errors import UnknownBatch
from workflows.models import Batch, BatchItem, Scope, Workflow

from .authentication import needs
from .listing import Asked, Id, Key, Listed, Text, part
from .operating import Reason
from .problems import answers

router = Router(tags=["many at once"])
READS = needs(Scope.READ, may=access.SEE)
OPERATES = needs(Scope.OPERATE, may=access.OPERATE)


class Chosen(Schema):
    """Which executions: as the list is filtered, or (to retry) an incident. Empty: all."""

    model_config = ConfigDict(extra="forbid", strict=True)

    state: Literal["pending", "running", "paused", "failed"] | None = None
    workflow: Text | None = Field(None, max_length=100, description="a workflow's key")
    q: Text | None = Field(None, max_length=LONGEST, description="as in the list of executions")
    incident: Text | None = Field(None, max_length=60, description="an incident's key")


class NewBatch(Reason):
    """A verb, and the executions it is for: {} means all."""

    verb: Literal["pause", "resume", "cancel", "retry"]
    filter: Chosen


class BatchRow(Schema):
    """`total` counts the items found so far; all of them once `is_gathered`."""

    batch_id: int
    verb: str
    filter: dict[str, Any]
    reason: str
    created_by: str | None
    created_at: datetime
    is_gathered: bool
    total: int
    done: int
    refused: int
    finished_at: datetime | None
    stopped_because: str


class Batches(Listed):
    items: list[BatchRow]


class ItemRow(Schema):
    """One execution, or one failed task of it, and what came of it."""

    item_id: int
    execution_id: int
    task_id: int | None
    result: str
    message: str
    finished_at: datetime | None


class Items(Listed):
    items: list[ItemRow]


class WantedItems(Asked):
    result: Literal["waiting", "done", "refused"] | None = None


class IncidentRow(Schema):
    """Failed tasks that have much in common; `execution_id`: that of the last."""

    incident: str
    workflow_id: str
    task_key: str
    error_kind: str
    error: str
    failures: int
    first_at: datetime
    last_at: datetime
    execution_id: int


class Incidents(Schema):
    items: list[IncidentRow]


class Intake(Schema):
    """Whether a workflow takes new starts."""

    workflow_id: str
    is_paused: bool
    paused_at: datetime | None
    paused_by: str | None
    reason: str


@router.post(
    "/batches",
    auth=OPERATES,
    response={201: BatchRow, **answers(408, 413, 422)},
    summary="Do something to all that match",
)
def batch_create(
    request: HttpRequest, response: HttpResponse, payload: Body[NewBatch]
) -> Status[dict[str, Any]]:
    """Workers carry it out; executions that come later are not touched."""
    asked = payload.filter.model_dump(exclude_none=True)
    by = access.person(request)
    new = engine.create_batch(payload.verb, asked, by=by, reason=payload.reason)
    response["Location"] = reverse("api:batch", args=[new.pk])
    return Status(201, _batch(new))


@router.get("/batches", auth=READS, response={200: Batches, **answers(422)}, summary="List batches")
def batches(request: HttpRequest, asked: Query[Asked]) -> dict[str, Any]:
    """Newest first."""
    rows = Batch.objects.select_related("created_by").order_by("-pk")
    if asked.after is not None:
        rows = rows.filter(pk__lt=asked.after)
    return part(list(rows[: asked.limit + 1]), asked.limit, _key, _batch)


@router.get(
    "/batches/{batch_id}",
    auth=READS,
    response={200: BatchRow, **answers(404, 422)},
    summary="Read a batch",
)
def batch(request: HttpRequest, batch_id: Id) -> dict[str, Any]:
    """With its progress."""
    return _batch(_found(batch_id))


@router.get(
    "/batches/{batch_id}/items",
    auth=READS,
    response={200: Items, **answers(404, 422)},
    summary="List the items of a batch",
)
def batch_items(request: HttpRequest, batch_id: Id, asked: Query[WantedItems]) -> dict[str, Any]:
    """Newest execution last."""
    rows = _found(batch_id).items.order_by("-pk")
    if asked.result is not None:
        rows = rows.filter(result=asked.result)
    if asked.after is not None:
        rows = rows.filter(pk__lt=asked.after)
    return part(list(rows[: asked.limit + 1]), asked.limit, _key, _item)


@router.post(
    "/batches/{batch_id}/cancel",
    auth=OPERATES,
    response={200: BatchRow, **answers(404, 408, 409, 413, 422)},
    summary="Stop a batch",
)
def batch_cancel(
    request: HttpRequest,
    batch_id: Id,
    payload: Body[Reason] = Reason(),  # noqa: B008 an immutable default
) -> dict[str, Any]:
    """What it has done stays done, what is left is left alone."""
    engine.cancel_batch(batch_id, by=access.person(request), reason=payload.reason)
    return _batch(_found(batch_id))


@router.get(
    "/incidents", auth=READS, response={200: Incidents, **answers()}, summary="List incidents"
)
def incidents(request: HttpRequest) -> dict[str, Any]:
    """What is failed now, those groups first that failed last."""
    return {"items": [_incident(one) for one in groups.incidents()]}


@router.post(
    "/workflows/{key}/intake/pause",
    auth=OPERATES,
    response={200: Intake, **answers(404, 408, 409, 413, 422)},
    summary="Take no new starts",
)
def intake_pause(
    request: HttpRequest,
    key: Key,
    payload: Body[Reason] = Reason(),  # noqa: B008 an immutable default
) -> dict[str, Any]:
    """By nobody and by nothing; what runs goes on."""
    by = access.person(request)
    return _intake(engine.pause_intake(key, by=by, reason=payload.reason))


@router.post(
    "/workflows/{key}/intake/resume",
    auth=OPERATES,
    response={200: Intake, **answers(404, 408, 409, 413, 422)},
    summary="Take new starts again",
)
def intake_resume(
    request: HttpRequest,
    key: Key,
    payload: Body[Reason] = Reason(),  # noqa: B008 an immutable default
) -> dict[str, Any]:
    """At once; what was refused meanwhile is not made up for."""
    by = access.person(request)
    return _intake(engine.resume_intake(key, by=by, reason=payload.reason))


def _found(batch_id: int) -> Batch:
    one = Batch.objects.select_related("created_by").filter(pk=batch_id).first()
    if one is None:
        raise UnknownBatch(f"There is no batch {batch_id}.")
    return one


def _key(row: Batch | BatchItem) -> int:
    return int(row.pk)


def _batch(one: Batch) -> dict[str, Any]:
    same = ("verb", "filter", "reason", "created_at", "is_gathered", "total", "done", "refused")
    then = ("finished_at", "stopped_because")
    return {
        "batch_id": one.pk,
        "created_by": one.created_by and one.created_by.get_username(),
        **{name: getattr(one, name) for name in (*same, *then)},
    }


def _item(one: BatchItem) -> dict[str, Any]:
    names = ("execution_id", "task_id", "result", "message", "finished_at")
    return {"item_id": one.pk, **{name: getattr(one, name) for name in names}}


def _incident(one: groups.Incident) -> dict[str, Any]:
    return {
        "incident": one.key,
        "workflow_id": one.workflow.key,
        "task_key": one.task.key,
        "error_kind": one.task.error_kind,
        "error": one.task.error,
        "failures": one.failures,
        "first_at": one.first_at,
        "last_at": one.last_at,
        "execution_id": one.task.execution_id,
    }


def _intake(one: Workflow) -> dict[str, Any]:
    return {
        "workflow_id": one.key,
        "is_paused": one.intake_paused_at is not None,
        "paused_at": one.intake_paused_at,
        "paused_by": one.intake_paused_by and one.intake_paused_by.get_username(),
        "reason": one.intake_pause_reason,
    }
