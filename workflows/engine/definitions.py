"""From a draft to a frozen version: admin rows compile to a graph, problems are all listed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from workflows.errors import CannotDraw, InvalidDefinition, StaleState
from workflows.graph import validation
from workflows.graph.shape import Flow, Graph, Node
from workflows.graph.validation import Problem
from workflows.models import Priority, TaskDefinition, Version, Workflow

from . import (
    decision_tables,
    describing,
    diagrams,
    draft_problems,
    drafts,
    shared_forms,
    starts,
    transitions,
    triggers,
)
from .templates import template
from .ways import ways_in

COLUMNS = TaskDefinition._meta.concrete_fields[2:]  # without the id and the workflow


def register_workflow(definition: Mapping[str, Any], *, by: User | None = None) -> Version:
    """Write a definition (the sketch's names are understood) as a draft and publish it.

    The same definition again gives the same version. Raises InvalidDefinition with all problems.
    """
    known = str(definition.get("key") or definition.get("workflow_id") or "")
    with transaction.atomic():
        workflow = _locked(known)
        before = describing.definition_of(workflow) if workflow else None
        workflow = workflow or draft(known, _workflow_fields(definition))
        write(workflow, definition)
        if "triggers" in definition:
            triggers.define(workflow, definition["triggers"], by=by)
        if describing.definition_of(workflow) != before:
            drafts.touched(workflow)
        return publish(workflow, by=by)


def draft(key: str, fields: Mapping[str, Any]) -> Workflow:
    """A new workflow with this key and these columns, without tasks.

    Raises InvalidDefinition, StaleState.
    """
    workflow = Workflow(key=key, **{"name": key, **fields})
    try:
        with transaction.atomic():
            _save(workflow)
    except IntegrityError as error:
        raise StaleState(f"Somebody else has just made a workflow “{key}”.") from error
    return workflow


def write(workflow: Workflow, definition: Mapping[str, Any]) -> None:
    """Make a locked draft what a definition says; what it does not name stays, but for the tasks.

    Triggers that have settings are left to `triggers.define`. Raises InvalidDefinition.
    """
    for name, given in _workflow_fields(definition).items():
        setattr(workflow, name, given)
    _save(workflow)
    _write_tasks(workflow, definition.get("tasks", []))


def problems(workflow: Workflow) -> list[Problem]:
    """Everything that keeps the draft from being published."""
    rows = list(workflow.task_definitions.all())
    return [*diagrams.problems(workflow, rows), *problems_of(workflow, rows)]


def problems_of(workflow: Workflow, rows: list[TaskDefinition]) -> list[Problem]:
    """Everything but what a document adds; the workflow and its tasks need not be stored."""
    graph = compiled(workflow, rows)
    return [
        *draft_problems.of_workflow(workflow),
        *draft_problems.of_rows(rows),
        *draft_problems.of_forms(rows),
        *draft_problems.of_calls(workflow, rows),
        *decision_tables.problems(rows),
        *shared_forms.problems(rows),
        *validation.problems(graph),
        *starts.problems(workflow, graph),
    ]


def compiled(workflow: Workflow, rows: Iterable[TaskDefinition] | None = None) -> Graph:
    """The graph of a draft; dependencies on unknown tasks are left out (see `problems`)."""
    tasks = list(workflow.task_definitions.all() if rows is None else rows)
    index = {task.key: position for position, task in enumerate(tasks)}
    ways = [
        (way, position)
        for position, task in enumerate(tasks)
        for way in ways_in(task)
        if way.task in index
    ]
    flows = [
        Flow(index[way.task], position, way.when, way.is_default, way.name)
        for way, position in sorted(ways, key=lambda one: one[0].order)
    ]
    return Graph(
        nodes=tuple(_node(task, index) for task in tasks),
        flows=tuple(flows),
        variables=workflow.variables or {},
        input_schema=workflow.input_schema or {},
        triggers=tuple(workflow.triggers or ()),
        timeout_minutes=workflow.timeout_minutes,
        retry_policy=workflow.retry_policy or {},
    )


def to_publish(workflow: Workflow) -> Graph:
    """The graph of a draft as a version would have it: with the newest tables of its decisions and
    the newest fields of its forms.

    Raises UnknownDecision, DecisionFailed, UnknownForm.
    """
    return shared_forms.frozen(decision_tables.frozen(compiled(workflow)))


def publish(
    workflow: Workflow, *, by: User | None, comment: str = "", revision: int | None = None
) -> Version:
    """Freeze the draft as the next version; an unchanged draft gives the present version.

    `revision`: only that one. Raises InvalidDefinition with every problem, DraftChanged.
    """
    found = problems(workflow)
    if found:
        raise InvalidDefinition(found)
    graph = to_publish(workflow)
    with transaction.atomic():
        locked = Workflow.objects.select_for_update(of=("self",)).get(pk=workflow.pk)
        if revision is not None:
            drafts.check(locked, revision)
        latest = locked.versions.filter(arranges=None).order_by("-number").first()
        if latest is not None and latest.sha256 == graph.sha256() and locked.published == latest:
            return latest
        version = _freeze(locked, graph, latest.number + 1 if latest else 1, by, comment)
        _freeze_diagram(version, locked)
        Workflow.objects.filter(pk=workflow.pk).update(published=version)
        workflow.published = version
        triggers.name_events(workflow, graph.triggers, by=by)
        triggers.define_starts(workflow, graph, by=by)
        _record_published(workflow, version, by, comment)
    return version


def _freeze(
    workflow: Workflow, graph: Graph, number: int, by: User | None, comment: str
) -> Version:
    return Version.objects.create(
        workflow=workflow,
        number=number,
        graph=graph.to_json(),
        template=template(graph),
        sha256=graph.sha256(),
        comment=comment,
        published_by=by,
    )


def _freeze_diagram(version: Version, workflow: Workflow) -> None:
    try:
        diagrams.freeze(version, workflow)
    except CannotDraw as error:
        raise InvalidDefinition(error.problems) from error


def _record_published(workflow: Workflow, version: Version, by: User | None, comment: str) -> None:
    transitions.record(
        [
            transitions.Entry(
                kind="workflow.published",
                entity_type="workflow",
                entity_id=str(workflow.pk),
                actor=transitions.actor(by),
                data={
                    "key": workflow.key,
                    "version": version.number,
                    "sha256": version.sha256,
                    "comment": comment,
                    "revision": workflow.revision,
                },
            )
        ]
    )
    transitions.doorbell([], "workflows")


def _node(task: TaskDefinition, index: Mapping[str, int]) -> Node:
    return Node(
        key=task.key,
        name=task.name or task.key,
        description=task.description,
        kind=task.kind,
        agent_key=task.agent_key,
        role=task.role,
        capabilities=tuple(task.capabilities or ()),
        priority=task.priority,
        max_retries=task.max_retries,
        timeout_seconds=task.timeout_seconds,
        input=task.input or {},
        output_mapping=task.output_mapping or {},
        join=task.join,
        approval=task.approval or {},
        parent=index.get(task.parent),
        attached_to=index.get(task.attached_to),
        compensates=index.get(task.compensates),
        event=task.event or {},
        loop=task.loop or {},
        calls=task.calls or {},
        scope=task.scope or {},
        decision=task.decision or {},
    )


def _workflow_fields(definition: Mapping[str, Any]) -> dict[str, Any]:
    fields = {
        name: definition[name]
        for name in (
            "name",
            "description",
            "input_schema",
            "variables",
            "timeout_minutes",
            "retry_policy",
        )
        if name in definition
    }
    if "triggers" in definition:
        fields["triggers"] = triggers.event_names(definition["triggers"])
    if "priority" in definition:
        fields["priority"] = _priority(definition["priority"])
    return fields


def _locked(key: str) -> Workflow | None:
    rows = Workflow.objects.select_for_update(of=("self",), no_key=True)
    return rows.filter(key=key).first()


def _save(workflow: Workflow) -> None:
    found = _field_problems(workflow, "")
    if found:
        raise InvalidDefinition(found)
    workflow.save()


def rows_of(workflow: Workflow, definition: Mapping[str, Any]) -> list[TaskDefinition]:
    """The tasks of a definition, and its fields in `workflow`; nothing is stored.

    Raises InvalidDefinition for what no row can hold.
    """
    for name, given in _workflow_fields(definition).items():
        setattr(workflow, name, given)
    rows = _rows_of(workflow, definition.get("tasks", []))
    if found := _field_problems(workflow, ""):
        raise InvalidDefinition(found)
    return rows


def _rows_of(workflow: Workflow, tasks: Iterable[Mapping[str, Any]]) -> list[TaskDefinition]:
    rows = [_task(workflow, position, task) for position, task in enumerate(tasks)]
    found = [problem for row in rows for problem in _field_problems(row, row.key)]
    found += [
        Problem(key, "key", f"The key “{key}” is used {count} times.")
        for key, count in Counter(row.key for row in rows).items()
        if count > 1
    ]
    if found:
        raise InvalidDefinition(found)
    return rows


def _write_tasks(workflow: Workflow, tasks: Iterable[Mapping[str, Any]]) -> None:
    rows = _rows_of(workflow, tasks)
    # Rows keep their ids: a form that is open elsewhere still finds the tasks it shows.
    workflow.task_definitions.exclude(key__in=[row.key for row in rows]).delete()
    present = {row.key: _values(row) for row in workflow.task_definitions.all()}
    TaskDefinition.objects.bulk_create(
        [row for row in rows if _values(row) != present.get(row.key)],
        update_conflicts=True,
        unique_fields=["workflow", "key"],
        update_fields=[field.name for field in COLUMNS],
    )


def _values(row: TaskDefinition) -> str:
    """All that a row says, to compare by: 1 and true are two."""
    return json.dumps([getattr(row, field.name) for field in COLUMNS], sort_keys=True)


def _field_problems(row: Workflow | TaskDefinition, element: str) -> list[Problem]:
    """What the fields' own rules say against a row that has not been saved yet."""
    try:
        row.clean_fields(exclude=["workflow", "published"])
    except ValidationError as error:
        return [
            Problem(element, field, _said(row, field, flaw))
            for field, flaws in error.error_dict.items()
            for flaw in flaws
        ]
    return []


def _said(row: Workflow | TaskDefinition, field: str, flaw: ValidationError) -> str:
    """Django does not say which choices there are."""
    choices = getattr(row._meta.get_field(field), "choices", None)
    if flaw.code != "invalid_choice" or not choices:
        return " ".join(flaw.messages)
    names = ", ".join(str(name) for name, _ in choices)
    return f"{getattr(row, field)!r:.100} is none of {names}."


def _task(workflow: Workflow, position: int, task: Mapping[str, Any]) -> TaskDefinition:
    key = task.get("key") or task.get("task_id") or ""
    return TaskDefinition(
        workflow=workflow,
        position=position,
        key=key,
        name=task.get("name") or key,
        description=task.get("description", ""),
        kind=task.get("kind", "agent"),
        agent_key=task.get("agent") or task.get("agent_id") or "",
        role=task.get("role") or "",
        capabilities=list(task.get("capabilities", ())),
        priority=_priority(task.get("priority", Priority.NORMAL)),
        max_retries=task.get("max_retries"),
        timeout_seconds=task.get("timeout_seconds"),
        input=task.get("input", task.get("input_data")) or {},
        output_mapping=task.get("output_mapping") or {},
        depends_on=list(task.get("dependencies", task.get("depends_on")) or ()),
        join=task.get("join", "every"),
        approval=task.get("approval") or {},
        parent=task.get("parent") or "",
        attached_to=task.get("attached_to") or "",
        compensates=task.get("compensates") or "",
        event=task.get("event") or {},
        loop=task.get("loop") or {},
        calls=task.get("calls") or {},
        scope=task.get("scope") or {},
        decision=task.get("decision") or {},
    )


def _priority(given: Any) -> int:
    """A priority by number or by name; raises InvalidDefinition."""
    try:
        return Priority[given.upper()] if isinstance(given, str) else Priority(given)
    except (KeyError, ValueError):
        problem = Problem("", "priority", f"{given!r} is none of LOW, NORMAL, HIGH, CRITICAL.")
        raise InvalidDefinition([problem]) from None
