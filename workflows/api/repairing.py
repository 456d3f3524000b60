"""Repairs: complete or skip a task, change variables, move to a newer version; and why it waits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Body, Router, Schema
from pydantic import Field

from workflows import access, engine
from workflows.engine import graphs
from workflows.errors import UnknownTask
from workflows.graph.shape import REMOVED
from workflows.models import Scope

from .authentication import needs
from .executions import detail, found
from .listing import Id
from .operating import DECLARED, Reason
from .problems import answers

router = Router(tags=["executions"])
Name = Annotated[str, Field(max_length=100, pattern=r"^[^\x00]*$")]


class Output(Reason):
    """What the task is to have given."""

    output: dict[str, Any] = Field(default_factory=dict)


class Variables(Reason):
    """New values by name; others stay. `seen_version`: refuse if they have changed since then."""

    set: dict[str, Any] = Field(min_length=1)
    seen_version: int | None = Field(default=None, ge=0, le=2**31 - 1)


class Move(Reason):
    """`mapping`: present key -> new key, "" for none; what is not in it goes by its name."""

    version: int = Field(ge=1, le=2**31 - 1)
    mapping: dict[Name, Name] = Field(default_factory=dict)


class Plan(Schema):
    """What a move would do now. With problems it is refused."""

    version: int
    kept: dict[str, str]
    added: list[str]
    removed: list[str]
    problems: list[str]


class Why(Schema):
    """One sentence, when it ends by itself, and the verbs that would end it now."""

    cause: str
    text: str
    detail: str
    due: datetime | None
    actions: Sequence[str]


@router.post(
    "/executions/{execution_id}/tasks/{task_id}/complete",
    summary="Complete a task by hand",
    **DECLARED,
)
def task_complete(
    request: HttpRequest,
    execution_id: Id,
    task_id: Id,
    payload: Body[Output] = Output(),  # noqa: B008 an immutable default
) -> dict[str, Any]:
    """It counts as done with this output; a late result of its agent is refused."""
    by = access.person(request)
    engine.complete(execution_id, task_id, payload.output, by=by, reason=payload.reason)
    return detail(execution_id)


@router.post("/executions/{execution_id}/tasks/{task_id}/skip", summary="Skip a task", **DECLARED)
def task_skip(
    request: HttpRequest,
    execution_id: Id,
    task_id: Id,
    payload: Body[Output] = Output(),  # noqa: B008 an immutable default
) -> dict[str, Any]:
    """One that failed, is due or waits for a person; what follows reads this output."""
    by = access.person(request)
    engine.skip(execution_id, task_id, payload.output, by=by, reason=payload.reason)
    return detail(execution_id)


@router.get(
    "/executions/{execution_id}/tasks/{task_id}/explanation",
    auth=needs(Scope.READ, may=access.SEE),
    response={200: Why, **answers(404, 422)},
    summary="Ask why a task is not over",
)
def task_explanation(request: HttpRequest, execution_id: Id, task_id: Id) -> Any:
    """What it waits for, and what can be done about that."""
    task = found(execution_id).tasks.filter(pk=task_id).first()
    if task is None:
        raise UnknownTask()
    return engine.explain(task)


@router.post("/executions/{execution_id}/variables", summary="Change variables", **DECLARED)
def execution_variables(
    request: HttpRequest, execution_id: Id, payload: Body[Variables]
) -> dict[str, Any]:
    """Tasks that have their input keep it; conditions and mappings read the new values."""
    engine.set_variables(
        execution_id,
        payload.set,
        by=access.person(request),
        reason=payload.reason,
        seen_version=payload.seen_version,
    )
    return detail(execution_id)


@router.post("/executions/{execution_id}/move", summary="Move to a newer version", **DECLARED)
def execution_move(request: HttpRequest, execution_id: Id, payload: Body[Move]) -> dict[str, Any]:
    """What is done stays done, what waits goes on waiting; refused with every problem."""
    engine.move_to_version(
        execution_id,
        payload.version,
        payload.mapping,
        by=access.person(request),
        reason=payload.reason,
    )
    return detail(execution_id)


@router.post(
    "/executions/{execution_id}/move/plan",
    summary="Check a move to a newer version",
    **(DECLARED | {"response": {200: Plan, **answers(404, 408, 409, 413, 422)}}),
)
def execution_move_plan(
    request: HttpRequest, execution_id: Id, payload: Body[Move]
) -> dict[str, Any]:
    """Tells what a move would keep, add and remove, and what is wrong with it; changes nothing."""
    execution = found(execution_id)
    plan = engine.plan_move(execution_id, payload.version, payload.mapping)
    old = graphs.of(execution.version_id)
    return {
        "version": payload.version,
        "kept": {old.nodes[a].key: plan.graph.nodes[b].key for a, b in plan.kept.items()},
        "added": [plan.graph.nodes[node].key for node in plan.added],
        "removed": [old.nodes[n].key for n in plan.removed if old.nodes[n].kind != REMOVED],
        "problems": list(plan.problems),
    }
