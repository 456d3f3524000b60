"""Named events: each is kept once, and starts whatever waits for it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Body, P, PathEx, Router, Schema
from pydantic import ConfigDict, Field

from workflows import access, engine
from workflows.engine.intake import MAX_KEY
from workflows.engine.trigger_settings import MAX_NAME
from workflows.models import Event, Firing, Scope
from workflows.models.definitions import KEY_PATTERN

from .authentication import needs
from .listing import Text
from .problems import answers

router = Router(tags=["events"])
Name = PathEx[str, P(max_length=MAX_NAME, pattern=KEY_PATTERN.replace(r"\Z", "$"))]


class Told(Schema):
    """What the event carries; the same `key` again is the same event and starts nothing more."""

    model_config = ConfigDict(extra="forbid", strict=True)

    payload: dict[str, Any] = Field(default_factory=dict)
    key: Text | None = Field(default=None, min_length=1, max_length=MAX_KEY)


class FiringRow(Schema):
    """What a trigger made of the event; `problems` say why it has started nothing."""

    trigger_id: int | None
    workflow_id: str
    outcome: Firing.Outcome
    execution_id: int | None
    problems: list[str]


class EventDetail(Schema):
    event_id: int
    name: str
    key: str | None
    payload: dict[str, Any]
    received_at: datetime
    firings: list[FiringRow]


@router.post(
    "/events/{name}",
    auth=needs(Scope.START, may=access.START),
    response={200: EventDetail, **answers(404, 408, 413, 422)},
    summary="Tell of an event",
)
def event_tell(
    request: HttpRequest,
    name: Name,
    payload: Body[Told] = Told(),  # noqa: B008 an immutable default
) -> dict[str, Any]:
    """It starts every published workflow whose trigger waits for it; what came of each is told."""
    event = engine.receive_event(name, payload.payload, key=payload.key, by=access.person(request))
    return _detail(event)


def _detail(event: Event) -> dict[str, Any]:
    firings = event.firings.select_related("workflow").order_by("pk")
    return {
        "event_id": event.pk,
        "name": event.name,
        "key": event.key,
        "payload": event.payload,
        "received_at": event.received_at,
        "firings": [_firing(one) for one in firings],
    }


def _firing(one: Firing) -> dict[str, Any]:
    return {
        "trigger_id": one.trigger_id,
        "workflow_id": one.workflow.key,
        "outcome": one.outcome,
        "execution_id": one.execution_id,
        "problems": [str(problem) for problem in one.problems],
    }
