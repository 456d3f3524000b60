"""What people are asked: the inbox, one approval, the decision."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from workflows import access, engine
from workflows.errors import UnknownApproval
from workflows.models import Approval, Decision, Scope

from .authentication import needs
from .listing import Asked, Id, Listed, part
from .problems import answers

router = Router(tags=["approvals"])
LONGEST_COMMENT = 4000
SEES = needs(Scope.READ, Scope.DECIDE, may=(access.DECIDE, access.SEE))


class Box(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    ALL = "all"


class Boxed(Asked):
    box: Box = Field(Box.WAITING, description="for you, answered by you, or everything open")


class ApprovalRow(Schema):
    """A question to people; it is for the `groups` and `users`, `required` of them."""

    approval_id: int
    execution_id: int
    workflow_id: str
    task_id: int
    title: str
    state: Literal["open", "approved", "rejected", "cancelled"]
    groups: list[str]
    users: list[str]
    required: int
    not_requester: bool
    form: dict[str, Any] = Field(description="JSON Schema of what approving fills in; {} for none")
    requested_by: str | None
    requested_at: datetime
    decided_at: datetime | None
    due_at: datetime | None
    overdue: bool = Field(description="still open although its due time has passed")
    follow_up_at: datetime | None
    digest: str


class Given(Schema):
    """One person's decision."""

    user: str
    verdict: Literal["approve", "reject"]
    comment: str
    data: dict[str, Any]
    decided_at: datetime


class ApprovalDetail(ApprovalRow):
    """With what is to be decided; `refusal` says why you may not, and is empty when you may."""

    payload: dict[str, Any]
    decisions: list[Given]
    refusal: str


class Approvals(Listed):
    items: list[ApprovalRow]


class Verdict(Schema):
    """A decision. `digest`: of the payload that was seen; a changed one is refused.

    `data`: what is filled in, where the approval has a form; rejecting needs none.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    verdict: Literal["approve", "reject"]
    comment: str = Field("", max_length=LONGEST_COMMENT)
    digest: str | None = Field(None, max_length=64)
    data: dict[str, Any] | None = None


@router.get(
    "/approvals",
    auth=SEES,
    response={200: Approvals, **answers(422)},
    summary="List approvals",
)
def approvals(request: HttpRequest, asked: Query[Boxed]) -> dict[str, Any]:
    """Newest first: those that wait for you, unless `box` says otherwise."""
    rows = _box(asked.box, access.person(request)).order_by("-pk")
    if asked.after is not None:
        rows = rows.filter(pk__lt=asked.after)
    rows = rows.select_related("execution__workflow", "execution__requested_by").defer(
        "payload", "execution__variables", "execution__input", "execution__workflow__input_schema"
    )
    return part(list(rows[: asked.limit + 1]), asked.limit, lambda row: int(row.pk), _row)


@router.get(
    "/approvals/{approval_id}",
    auth=SEES,
    response={200: ApprovalDetail, **answers(404, 422)},
    summary="Read an approval",
)
def approval(request: HttpRequest, approval_id: Id) -> dict[str, Any]:
    """With the payload and its digest."""
    return _detail(request, approval_id)


@router.post(
    "/approvals/{approval_id}/decision",
    auth=needs(Scope.DECIDE, may=access.DECIDE),
    response={200: ApprovalDetail, **answers(404, 408, 409, 413, 422)},
    summary="Decide an approval",
)
def approval_decide(request: HttpRequest, approval_id: Id, payload: Verdict) -> dict[str, Any]:
    """Once per person, and final. 409 when it is decided already or the payload has changed."""
    engine.decide(
        approval_id,
        by=access.person(request),
        verdict=payload.verdict,
        comment=payload.comment.strip(),
        digest=payload.digest,
        data=payload.data,
    )
    return _detail(request, approval_id)


def _box(box: Box, user: Any) -> QuerySet[Approval]:
    match box:
        case Box.DONE:
            return access.decided_by(user)
        case Box.ALL:
            return Approval.objects.filter(state=Approval.State.OPEN)
        case _:
            return access.waiting_for(user)


def _detail(request: HttpRequest, approval_id: int) -> dict[str, Any]:
    given = Prefetch("decisions", Decision.objects.select_related("user"))
    rows = Approval.objects.select_related("execution__workflow", "execution__requested_by")
    one = rows.prefetch_related(given).filter(pk=approval_id).first()
    if one is None:
        raise UnknownApproval(f"There is no approval {approval_id}.")
    return {
        **_row(one),
        "payload": one.payload,
        "decisions": [_given(decision) for decision in one.decisions.all()],
        "refusal": access.refusal(request.user, one),
    }


def _row(one: Approval) -> dict[str, Any]:
    asker = one.execution.requested_by
    same = ("execution_id", "task_id", "title", "state", "groups", "users", "required")
    then = ("not_requester", "form", "requested_at", "decided_at", "due_at", "follow_up_at")
    return {
        "approval_id": one.pk,
        "workflow_id": one.execution.workflow.key,
        "requested_by": asker and asker.get_username(),
        "overdue": one.is_overdue,
        **{name: getattr(one, name) for name in (*same, *then, "digest")},
    }


def _given(decision: Decision) -> dict[str, Any]:
    return {
        "user": decision.user.get_username(),
        "verdict": decision.verdict,
        "comment": decision.comment,
        "data": decision.data,
        "decided_at": decision.decided_at,
    }
