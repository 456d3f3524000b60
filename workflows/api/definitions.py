"""Workflows: what can be started, what it takes, and publishing a definition."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from workflows import access, engine
from workflows.engine import graphs
from workflows.errors import UnknownWorkflow
from workflows.models import Scope, Version, Workflow

from . import bodies, importing
from .authentication import needs
from .listing import Asked, Key, Listed, part
from .problems import answers

router = Router(tags=["workflows"])
SEES = needs(Scope.READ, may=access.SEE)
Whole = Annotated[int, Field(ge=0, le=2**31 - 1)]
Above = Annotated[int, Field(ge=1, le=2**31 - 1)]
Weight = int | str


class Dependency(Schema):
    """A task to wait for; with `when` (CEL over `output` and the variables), if that holds.

    `default`: taken when no other way with a condition is. `order`: which is looked at first.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    task: str
    when: str = ""
    default: bool = False
    order: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    name: str = ""


class TaskIn(Schema):
    """A step. The names of docs/modelling.md; `task_id`, `agent_id`, `input_data` and
    `depends_on` are understood for `key`, `agent`, `input` and `dependencies`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    key: str = ""
    task_id: str = ""
    name: str = ""
    description: str = ""
    kind: str = "agent"
    agent: str = ""
    agent_id: str | None = None
    role: str = ""
    capabilities: list[str] = []
    priority: Weight = 2
    max_retries: Annotated[int, Field(ge=0, le=32_767)] | None = None
    timeout_seconds: Above | None = None
    input: dict[str, Any] | None = None
    input_data: dict[str, Any] | None = None
    output_mapping: dict[str, str] = {}
    dependencies: list[str | Dependency] | None = None
    depends_on: list[str | Dependency] | None = None
    join: str = "every"
    approval: dict[str, Any] = {}
    parent: str = ""
    attached_to: str = ""
    compensates: str = ""
    event: dict[str, Any] = {}
    loop: dict[str, Any] = {}
    calls: dict[str, Any] = {}
    scope: dict[str, Any] = {}
    decision: dict[str, Any] = {}


class DefinitionIn(Schema):
    """A workflow as docs/modelling.md describes it; `workflow_id` is understood for `key`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    key: str = ""
    workflow_id: str = ""
    name: str = ""
    description: str = ""
    input_schema: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    triggers: list[str] = []
    timeout_minutes: Above | None = None
    retry_policy: dict[str, Any] = {}
    priority: Weight = 2
    tasks: list[TaskIn]


class WorkflowRow(Schema):
    """A workflow in a list; `version` is null while none is published."""

    key: str
    name: str
    description: str
    version: int | None
    priority: int
    triggers: list[str]
    timeout_minutes: int | None
    updated_at: datetime


class Node(Schema):
    """A step of the published version."""

    key: str
    name: str
    kind: str
    agent: str
    role: str
    capabilities: list[str]
    dependencies: list[Dependency]


class WorkflowDetail(WorkflowRow):
    """With what its start takes and the steps of its published version."""

    input_schema: dict[str, Any]
    variables: dict[str, Any]
    retry_policy: dict[str, Any]
    tasks: list[Node]


class Workflows(Listed):
    items: list[WorkflowRow]


class Published(Schema):
    """What is in force and what is drafted. A BPMN file that is imported as a draft has no version
    yet: `findings` names what cannot be run, `problems` all that keeps it from being published."""

    key: str
    version: int | None
    sha256: str | None
    published_at: datetime | None
    published_by: str | None
    revision: int
    findings: list[importing.Found]
    problems: list[importing.Flaw]


@router.get(
    "/workflows", auth=SEES, response={200: Workflows, **answers(422)}, summary="List workflows"
)
def workflows(request: HttpRequest, asked: Query[Asked]) -> dict[str, Any]:
    """In the order in which they were made."""
    rows = _rows().defer("input_schema", "variables").order_by("pk")
    if asked.after is not None:
        rows = rows.filter(pk__gt=asked.after)
    return part(list(rows[: asked.limit + 1]), asked.limit, lambda row: int(row.pk), _row)


@router.get(
    "/workflows/{key}",
    auth=SEES,
    response={200: WorkflowDetail, **answers(404, 422)},
    summary="Read a workflow",
)
def workflow(request: HttpRequest, key: Key) -> dict[str, Any]:
    """As published: what its start takes, and its steps."""
    one = _rows().filter(key=key).first()
    if one is None:
        raise UnknownWorkflow(f"There is no workflow “{key}”.")
    graph = graphs.of(one.published_id) if one.published_id else None
    shown = graph or one
    return {
        **_row(one),
        "input_schema": shown.input_schema,
        "variables": shown.variables,
        "retry_policy": shown.retry_policy,
        "tasks": [_node(graph, at) for at in range(len(graph.nodes))] if graph else [],
    }


@router.post(
    "/workflows",
    auth=needs(Scope.OPERATE, may=access.PUBLISH),
    response={200: Published, 201: Published, **answers(408, 413, 422)},
    summary="Publish a definition, or import BPMN",
    openapi_extra=importing.SENT,
)
def workflow_publish(
    request: HttpRequest, response: HttpResponse, asked: Query[importing.Importing]
) -> Status[dict[str, Any]]:
    """A definition in JSON is published; a BPMN file becomes a draft, with `publish` a version too.

    201 for a new version or workflow, else 200. 422 lists every problem, and nothing is stored.
    """
    if importing.is_sent(request):
        done = importing.imported(request, asked)
        key, version, draft = done.workflow.key, done.version, importing.told(done)
        is_new = done.is_new
    else:
        payload = bodies.document(request, DefinitionIn)
        key = payload.key or payload.workflow_id
        before = Workflow.objects.filter(key=key).values_list("published_id", flat=True).first()
        definition = payload.model_dump(exclude_unset=True)
        version = engine.register_workflow(definition, by=access.person(request))
        draft = {"revision": version.workflow.revision, "findings": [], "problems": []}
        is_new = version.pk != before
    response["Location"] = reverse("api:workflow", args=[key])
    return Status(201 if is_new else 200, {"key": key, **_published(version), **draft})


def _published(version: Version | None) -> dict[str, Any]:
    by = version.published_by if version else None
    return {
        "version": version and version.number,
        "sha256": version and version.sha256,
        "published_at": version and version.published_at,
        "published_by": by and by.get_username(),
    }


def _rows() -> Any:
    return Workflow.objects.select_related("published").defer(
        "published__graph", "published__template"
    )


def _row(one: Workflow) -> dict[str, Any]:
    same = ("key", "name", "description", "priority", "triggers", "timeout_minutes", "updated_at")
    return {
        "version": one.published.number if one.published else None,
        **{name: getattr(one, name) for name in same},
    }


def _node(graph: Any, position: int) -> dict[str, Any]:
    node = graph.nodes[position]
    return {
        "key": node.key,
        "name": node.name,
        "kind": node.kind,
        "agent": node.agent_key,
        "role": node.role,
        "capabilities": list(node.capabilities),
        "dependencies": [
            {
                "task": graph.nodes[flow.source].key,
                "when": flow.when,
                "default": flow.is_default,
                "order": graph.outgoing[flow.source].index(flow),
                "name": flow.name,
            }
            for flow in graph.incoming[position]
        ],
    }
