"""Who works here: what each agent can do, and how loaded it is."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Body, Query, Router, Schema

from agents import orchestrator
from agents.models import Agent, Kind, Role
from workflows import access
from workflows.api.authentication import needs
from workflows.api.listing import Asked, Key, Listed, part
from workflows.api.operating import Reason
from workflows.api.problems import Refusal, answers
from workflows.models import Scope

router = Router(tags=["agents"])
SEES = needs(Scope.READ, Scope.AGENTS, may="agents.view_agent")


class BreakerRow(Schema):
    """The circuit breaker of an agent.

    After `opens_after` failures in a row (0: never) it is open: the agent is given no step until
    `trial_at`. Then it is half_open, and lets one step at a time through: an answer closes it, a
    failure opens it again. `since`: when it came into this state, null when it was always closed.
    """

    state: Literal["closed", "open", "half_open"]
    failures: int
    opens_after: int
    cooldown_seconds: int
    since: datetime | None
    trial_at: datetime | None
    last_error: str
    last_failed_at: datetime | None


class AgentRow(Schema):
    """An agent and its load, derived from what it holds now. Its configuration stays inside."""

    agent_id: str
    name: str
    description: str
    role: Role
    kind: Kind
    capabilities: list[str]
    status: Literal["active", "offline"]
    current_tasks: int
    max_concurrent: int
    load_percentage: float
    total_assigned: int
    last_heartbeat: datetime | None
    breaker: BreakerRow


class Agents(Listed):
    items: list[AgentRow]


@router.get("/agents", auth=SEES, response={200: Agents, **answers(422)}, summary="List agents")
def agents(request: HttpRequest, asked: Query[Asked]) -> dict[str, Any]:
    """In the order in which they were registered."""
    rows = Agent.objects.order_by("pk")
    if asked.after is not None:
        rows = rows.filter(pk__gt=asked.after)
    return part(list(rows[: asked.limit + 1]), asked.limit, lambda row: int(row.pk), _row)


@router.get(
    "/agents/{key}",
    auth=SEES,
    response={200: AgentRow, **answers(404, 422)},
    summary="Read an agent",
)
def agent(request: HttpRequest, key: Key) -> dict[str, Any]:
    """One agent and its load."""
    one = Agent.objects.filter(key=key).first()
    if one is None:
        raise Refusal(404, f"There is no agent “{key}”.")
    return _row(one)


@router.post(
    "/agents/{key}/breaker/reset",
    auth=needs(Scope.OPERATE, may=access.CLOSE_BREAKER),
    response={200: AgentRow, **answers(404, 408, 409, 413, 422)},
    summary="Close the breaker of an agent",
)
def breaker_reset(
    request: HttpRequest,
    key: Key,
    payload: Body[Reason] = Reason(),  # noqa: B008 an immutable default
) -> dict[str, Any]:
    """The agent is given work again at once; 409 when its breaker is closed."""
    orchestrator.reset_breaker(key, by=access.person(request), reason=payload.reason)
    return _row(Agent.objects.get(key=key))


def _row(one: Agent) -> dict[str, Any]:
    return {
        **orchestrator.get_agent_load(one.key),
        "description": one.description,
        "kind": one.kind,
        "capabilities": one.capabilities,
        "last_heartbeat": one.last_heartbeat,
        "breaker": orchestrator.get_breaker(one.key),
    }
