"""Pause, resume, cancel, retry, rerun: each verb of the engine is an address to POST to."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Body, Router, Schema, Status
from pydantic import ConfigDict, Field

from workflows import access, engine
from workflows.models import Scope

from .authentication import needs
from .executions import ExecutionDetail, detail
from .listing import Id
from .problems import answers

router = Router(tags=["executions"])
LONGEST_REASON = 1000
DECLARED: dict[str, Any] = {
    "auth": needs(Scope.OPERATE, may=access.OPERATE),
    "response": {200: ExecutionDetail, **answers(404, 408, 409, 413, 422)},
}


class Reason(Schema):
    """Why; it is kept in the audit log."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: str = Field(default="", max_length=LONGEST_REASON)


class RetryReason(Reason):
    """Why, and which task, with another input if given; without one, everything that failed."""

    task_id: int | None = Field(default=None, ge=1, le=2**63 - 1)
    input: dict[str, Any] | None = None


class Choice(Reason):
    """Which task of the ad-hoc sub-process."""

    task_key: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00]*$")


class Rerun(Reason):
    """From which step, and what its variables are to be instead of those it began with."""

    task_key: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00]*$")
    variables: dict[str, Any] = Field(default_factory=dict)


@router.post("/executions/{execution_id}/pause", summary="Pause an execution", **DECLARED)
def execution_pause(
    request: HttpRequest,
    execution_id: Id,
    payload: Body[Reason] = Reason(),  # noqa: B008 an immutable default
) -> dict[str, Any]:
    """Steps in flight finish, nothing new starts."""
    engine.pause(execution_id, by=access.person(request), reason=payload.reason)
    return detail(execution_id)


@router.post("/executions/{execution_id}/resume", summary="Resume an execution", **DECLARED)
def execution_resume(
    request: HttpRequest,
    execution_id: Id,
    payload: Body[Reason] = Reason(),  # noqa: B008 an immutable default
) -> dict[str, Any]:
    """What waits starts, timers that came due meanwhile fire."""
    engine.resume(execution_id, by=access.person(request), reason=payload.reason)
    return detail(execution_id)


@router.post("/executions/{execution_id}/cancel", summary="Cancel an execution", **DECLARED)
def execution_cancel(
    request: HttpRequest,
    execution_id: Id,
    payload: Body[Reason] = Reason(),  # noqa: B008 an immutable default
) -> dict[str, Any]:
    """For good: open approvals are withdrawn, late results are kept and refused."""
    engine.cancel(execution_id, by=access.person(request), reason=payload.reason)
    return detail(execution_id)


@router.post("/executions/{execution_id}/retry", summary="Retry what failed", **DECLARED)
def execution_retry(
    request: HttpRequest,
    execution_id: Id,
    payload: Body[RetryReason] = RetryReason(),  # noqa: B008 an immutable default
) -> dict[str, Any]:
    """With fresh attempts; completed tasks keep their results."""
    engine.retry(
        execution_id,
        by=access.person(request),
        task_id=payload.task_id,
        input=payload.input,
        reason=payload.reason,
    )
    return detail(execution_id)


@router.post(
    "/executions/{execution_id}/tasks/{task_id}/activate",
    summary="Begin a task of an ad-hoc sub-process",
    **DECLARED,
)
def task_activate(
    request: HttpRequest, execution_id: Id, task_id: Id, payload: Body[Choice]
) -> dict[str, Any]:
    """One of those that it offers, as often as it is wanted."""
    by = access.person(request)
    engine.activate(execution_id, task_id, payload.task_key, by=by, reason=payload.reason)
    return detail(execution_id)


@router.post(
    "/executions/{execution_id}/rerun",
    **(DECLARED | {"response": {201: ExecutionDetail, **answers(404, 408, 409, 413, 422)}}),
    summary="Run again from a step",
)
def execution_rerun(
    request: HttpRequest, response: HttpResponse, execution_id: Id, payload: Body[Rerun]
) -> Status[dict[str, Any]]:
    """As another execution: earlier results are copied, this step and all after it run afresh."""
    fork = engine.rerun_from(
        execution_id,
        payload.task_key,
        by=access.person(request),
        reason=payload.reason,
        variables=payload.variables,
    )
    response["Location"] = reverse("api:execution", args=[fork.pk])
    return Status(201, detail(fork.pk))
