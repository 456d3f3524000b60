"""Starts that events begin: the triggers that publishing makes of them, and which one is meant.

A trigger's config names the start (`start`) and how it is told (`by`: message, signal, conditional;
a schedule needs no word). People may set its filter and mapping and pause it; the rest is the
version's.
"""

from __future__ import annotations

from typing import Any

from django.db.models.fields.json import KT

from workflows import clock
from workflows.errors import InvalidInput
from workflows.graph import structure
from workflows.graph.problems import Problem
from workflows.graph.shape import Graph, Node
from workflows.models import Trigger, Workflow

from .trigger_settings import ONCE

TIMES = ("cron", "at", "cycle", "duration")


def wanted(graph: Graph) -> list[tuple[str, dict[str, Any]]]:
    """Kind and config of the trigger for each event that begins the process."""
    return [
        _trigger(graph.nodes[place].key, event)
        for place in structure.of(graph).event_starts
        for event in graph.nodes[place].parts
    ]


def problems(workflow: Workflow, graph: Graph) -> list[Problem]:
    """Messages that begin another workflow already: one message starts one process."""
    found = []
    for kind, config in wanted(graph):
        if config.get("by") != "message" or kind != Trigger.Kind.EVENT:
            continue
        others = _told("message", config["event"]).exclude(workflow=workflow.pk)
        other = others.select_related("workflow").first()
        if other is not None:
            message = (
                f"The message “{config['event']}” begins “{other.workflow}” already. A message "
                "starts one workflow: choose another name, or a signal, which starts all."
            )
            found.append(Problem(config["start"], "event", message))
    return found


def waiting(kind: str, name: str) -> list[Trigger]:
    """The triggers of starts that wait for a message or signal of this name, or for conditions."""
    return list(_told(kind, name).filter(workflow__published__isnull=False).order_by("pk"))


def choices(graph: Graph) -> list[Node]:
    """The starts among which whoever starts it by hand has to choose; none if it is clear."""
    shape = structure.of(graph)
    if graph.is_plain or shape.beginnings.get(None) or len(shape.event_starts) < 2:
        return []
    return [graph.nodes[one] for one in shape.event_starts]


def place(graph: Graph, workflow_key: str, key: str | None) -> int | None:
    """The start at which a run begins: None for where it begins without an event.

    `key` names one; without it, a process that only an event begins is begun at its only start.
    Raises InvalidInput when there is no such start, or several.
    """
    if key is None and graph.is_plain:
        return None
    shape = structure.of(graph)
    if key is not None:
        found = graph.index.get(key) if isinstance(key, str) else None
        if found in shape.event_starts:
            return found
        raise InvalidInput(
            [f"start: “{key!s:.100}” is no start of “{workflow_key}” that an event begins"]
        )
    if not shape.event_starts or shape.beginnings.get(None):
        return None
    if len(shape.event_starts) == 1:
        return shape.event_starts[0]
    names = ", ".join(node.key for node in choices(graph))
    raise InvalidInput(
        [f"start: “{workflow_key}” begins only by events; say which start it is: {names}"]
    )


def _told(kind: str, name: str) -> Any:
    rows = Trigger.objects.annotate(event=KT("config__event")).filter(event=name)
    return rows.filter(kind=Trigger.Kind.EVENT, config__by=kind)


def _trigger(key: str, event: Any) -> tuple[str, dict[str, Any]]:
    common = {"start": key, "mapping": {}}
    match event.get("type"):
        case "timer":
            times = {name: event[name] for name in TIMES if event.get(name) is not None}
            since = (
                {}
                if "cron" in times or "at" in times
                else {"since": clock.of_database().isoformat()}
            )
            zone = {"zone": event.get("zone", "UTC")} if "cron" in times else {}
            config = {**times, **zone, **since, "catch_up": ONCE, **common}
            return Trigger.Kind.SCHEDULE.value, config
        case "conditional":
            told = {"event": "", "by": "conditional", "filter": event.get("condition", "")}
            return Trigger.Kind.EVENT.value, {**told, **common}
    told = {"event": event.get("name", ""), "by": event.get("type"), "filter": ""}
    return Trigger.Kind.EVENT.value, {**told, **common}
