"""A draft or a version as a definition: what `register_workflow` takes, without what is default.

It is what the BPMN reader and writer speak; equal drafts have equal digests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from workflows.graph.shape import PASS, Graph
from workflows.models import Priority, TaskDefinition, Version, Workflow

from . import shared_forms
from .trigger_settings import DEFAULTS

SETTINGS = ("input_schema", "variables", "timeout_minutes", "retry_policy")
# Names in a definition, and of the rows' columns; "approval" to "calls" are of both.
FIELDS = {
    "agent": "agent_key",
    "dependencies": "depends_on",
    **{
        name: name
        for name in (
            "description",
            "role",
            "capabilities",
            "priority",
            "max_retries",
            "timeout_seconds",
            "input",
            "output_mapping",
            "join",
            "parent",
            "attached_to",
            "compensates",
            "approval",
            "event",
            "loop",
            "scope",
            "decision",
            "calls",
        )
    },
}
# Of no meaning for what nobody does; a BPMN task that says one of them is somebody's.
OF_WORKERS = ("agent", "role", "capabilities", "priority", "max_retries", "timeout_seconds")
OF_DECISIONS = ("decision", "result")  # the tables are frozen with the version beside them
DEFAULT = {"priority": Priority.NORMAL, "join": "every"}


def definition_of(
    workflow: Workflow, rows: Iterable[TaskDefinition] | None = None
) -> dict[str, Any]:
    """The draft as a definition."""
    tasks = workflow.task_definitions.all() if rows is None else rows
    return {
        **_head(workflow),
        **_some({name: getattr(workflow, name) for name in SETTINGS}),
        **_some({"triggers": _triggers(workflow)}),
        "tasks": [_of_row(task) for task in tasks],
    }


def definition_of_version(version: Version, graph: Graph) -> dict[str, Any]:
    """A version as a definition; what is not frozen with it, name and priority, is the draft's."""
    return {
        **_head(version.workflow),
        **_some({name: getattr(graph, name) for name in SETTINGS}),
        **_some({"triggers": list(graph.triggers)}),
        "tasks": [_of_node(graph, position) for position in range(len(graph.nodes))],
    }


def digest(definition: Mapping[str, Any]) -> str:
    """Lower-case hex digest of a definition's canonical JSON."""
    text = json.dumps(definition, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The names of what differs, as `drafts.changed` takes them."""
    names = [*dict.fromkeys([*old, *new])]
    before, after = _by_key(old), _by_key(new)
    found = [name for name in names if name != "tasks" and old.get(name) != new.get(name)]
    found += [f"tasks.{key} added" for key in after if key not in before]
    found += [f"tasks.{key} deleted" for key in before if key not in after]
    for key in (key for key in after if key in before):
        fields = dict.fromkeys([*before[key], *after[key]])
        found += [
            f"tasks.{key}.{_column(name)}"
            for name in fields
            if before[key].get(name) != after[key].get(name)
        ]
    return found


def _head(workflow: Workflow) -> dict[str, Any]:
    given = {"key": workflow.key, "name": workflow.name, "description": workflow.description}
    return _some({**given, "priority": workflow.priority})


def _of_row(task: TaskDefinition) -> dict[str, Any]:
    found = {name: getattr(task, column, None) for name, column in FIELDS.items()}
    return _told(task.key, task.name, task.kind, found)


def _of_node(graph: Graph, position: int) -> dict[str, Any]:
    node = graph.nodes[position]
    found = {name: getattr(node, column, None) for name, column in FIELDS.items()}
    found["capabilities"] = list(node.capabilities)
    found["dependencies"] = _ways_in(graph, position)
    found["decision"] = {
        name: node.decision[name] for name in OF_DECISIONS if name in node.decision
    }
    found["approval"] = shared_forms.unfrozen(node.approval)
    for name in ("parent", "attached_to", "compensates"):
        found[name] = _key(graph, found[name])
    return _told(node.key, node.name, node.kind, found)


def _told(key: str, name: str, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    left_out = OF_WORKERS if kind == PASS else ()
    kept = {field: value for field, value in fields.items() if field not in left_out}
    return {"key": key, "name": name, "kind": kind, **_some(kept)}


def _ways_in(graph: Graph, position: int) -> list[Any]:
    """The flows into a node; `order` where they leave their source in another order than drawn."""
    found: list[Any] = []
    for flow in graph.incoming[position]:
        beside = graph.outgoing[flow.source]
        natural = sorted(beside, key=lambda one: one.target)
        way = {
            "task": graph.nodes[flow.source].key,
            "when": flow.when,
            "default": flow.is_default,
            "order": 0 if list(beside) == natural else beside.index(flow),
            "name": getattr(flow, "name", ""),
        }
        kept = {name: value for name, value in way.items() if value}
        found.append(kept if len(kept) > 1 else kept["task"])
    return found


def _triggers(workflow: Workflow) -> list[Any]:
    """Names of events, and the settings of what the definition brought with it beyond a name."""
    defined = workflow.starters.filter(is_defined=True).order_by("pk")
    settings = [
        _different(trigger.config, DEFAULTS[trigger.kind])
        for trigger in (defined if workflow.pk else ())
    ]
    rich = [one for one in settings if set(one) != {"event"}]
    named = {one["event"] for one in rich if "event" in one}
    return [*(name for name in workflow.triggers or () if name not in named), *rich]


def _different(given: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value != default.get(name)}


def _some(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty or as it is by itself."""
    return {
        name: value
        for name, value in fields.items()
        if value not in (None, "", {}, [], ()) and DEFAULT.get(name) != value
    }


def _key(graph: Graph, position: Any) -> str:
    return graph.nodes[position].key if isinstance(position, int) else ""


def _by_key(definition: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {task["key"]: task for task in definition.get("tasks", ())}


def _column(name: str) -> str:
    return FIELDS.get(name, name)
