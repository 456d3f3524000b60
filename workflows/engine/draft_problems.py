"""What keeps a draft from being published that its graph alone does not tell."""

from __future__ import annotations

import jsonschema_rs

from workflows.graph.validation import Problem
from workflows.models import TaskDefinition, Version, Workflow

from . import approval_forms, trigger_settings
from .ways import dependencies, way_problems

RESERVED_KEYS = frozenset({"import", "new"})  # /workflows/import/ and …/new/ are pages


def of_rows(rows: list[TaskDefinition]) -> list[Problem]:
    keys = {row.key for row in rows}
    said = [
        Problem(row.key, "depends_on", message) for row in rows for message in way_problems(row)
    ]
    return (
        said
        + [
            Problem(row.key, "depends_on", f"“{name}” is not a task of this workflow.")
            for row in rows
            for name, _ in dependencies(row)
            if name not in keys
        ]
        + [
            Problem(row.key, field, f"“{name}” is not a task of this workflow.")
            for row in rows
            for field in ("parent", "attached_to", "compensates")
            if (name := getattr(row, field)) and name not in keys
        ]
    )


def of_forms(rows: list[TaskDefinition]) -> list[Problem]:
    """Forms of approvals that nobody could fill in."""
    return [
        Problem(row.key, "approval", message)
        for row in rows
        if row.kind == TaskDefinition.Kind.HUMAN
        and not isinstance((row.approval or {}).get("form"), str)  # see shared_forms.problems
        and (message := approval_forms.problem((row.approval or {}).get("form")))
    ]


def of_calls(workflow: Workflow, rows: list[TaskDefinition]) -> list[Problem]:
    """Calls of workflows, or versions of them, that are not there. One may call itself."""
    found = []
    for row in rows:
        key, number = (row.calls or {}).get("key"), (row.calls or {}).get("version")
        if not isinstance(key, str) or not key or (key == workflow.key and number is None):
            continue
        versions = Version.objects.filter(workflow__key=key)
        if number is None and not versions.exists():
            found.append(Problem(row.key, "calls", f"There is no published workflow “{key}”."))
        elif type(number) is int and not versions.filter(number=number).exists():
            found.append(Problem(row.key, "calls", f"Workflow “{key}” has no version {number}."))
    return found


def of_workflow(workflow: Workflow) -> list[Problem]:
    found = []
    if not workflow.key:
        found.append(Problem("", "key", "Give the workflow a key."))
    if workflow.key in RESERVED_KEYS:
        found.append(Problem("", "key", f"“{workflow.key}” is a reserved key; choose another."))
    found += [
        Problem("", "triggers", message)
        for message in map(trigger_settings.name_problem, workflow.triggers or ())
        if message
    ]
    try:
        jsonschema_rs.validator_for(dict(workflow.input_schema or {}), offline=True)
    except (ValueError, TypeError) as error:
        found.append(Problem("", "input_schema", f"This is no JSON Schema: {error}"))
    return found
