"""Forks of token graphs: a token at one node, and those that had come to joins behind it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from workflows.errors import CannotRerun, InvalidExpression
from workflows.graph import gateways, rerunning, structure
from workflows.graph.shape import Graph
from workflows.models import AuditEvent, Execution, State, Task

from . import graphs


@dataclass
class History:
    """What the audit says up to and beyond the beginning of a step.

    `variables`: as they were when it began; `taken`: the flows that a token has ever gone on.
    """

    variables: dict[str, Any] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)


def check(origin: Execution, task: Task) -> None:
    """Raise CannotRerun when no fork can begin at the task's node."""
    wrong = rerunning.problem(graphs.of(origin.version_id), task.node)
    if wrong:
        raise CannotRerun(wrong)


def rerunnable(origin: Execution, tasks: Iterable[Task]) -> set[int]:
    """Which of an execution's tasks a fork can begin at, by id, as far as the graph tells.

    Of the visits of a node it is the last one.
    """
    graph = graphs.of(origin.version_id)
    last = {task.node: task for task in sorted(tasks, key=lambda task: task.pk)}
    return {task.pk for node, task in last.items() if not rerunning.problem(graph, node)}


def history(origin: Execution, task: Task) -> History:
    """The audit replayed, for a fork at a task."""
    graph = graphs.of(origin.version_id)
    nodes = dict(origin.tasks.values_list("pk", "node"))
    outputs = dict(origin.tasks.filter(state=State.COMPLETED).values_list("pk", "output"))
    found, seen, has_begun = History(), dict[str, Any](), False
    for row in origin.audit_events.order_by("seq").iterator():
        if row.task_id == task.pk and row.new_state == State.RUNNING:
            found.variables, has_begun = dict(seen), True
        seen |= (row.data or {}).get("variables") or {} if row.seq == 1 else {}
        seen |= (row.data or {}).get("set") or {}
        found.taken |= _taken(graph, row, nodes, outputs, seen)
    if not has_begun:
        found.variables = seen
    return found


def came(graph: Graph, entry: rerunning.Entry, known: History) -> list[dict[int, list[int]]]:
    """Per level, the flows into joins on which a token had come; CannotRerun when one has not."""
    levels: list[dict[int, list[int]]] = []
    for missing in entry.missing:
        levels.append({})
        for join, flows in missing.items():
            levels[-1][join] = [flow for flow in flows if flow in known.taken]
            lacking = [flow for flow in flows if flow not in known.taken]
            if lacking and structure.of(graph).is_join(join):
                source = graph.nodes[graph.flows[lacking[0]].source].name
                raise CannotRerun(
                    f"“{graph.nodes[join].name}” would wait for ever: no token had come from "
                    f"“{source}”, and none comes from here. Run again from a step before both."
                )
    return levels


def _taken(
    graph: Graph, row: AuditEvent, nodes: dict[int, int], outputs: dict[int, Any], seen: Any
) -> set[int]:
    """The flows on which the row has sent tokens."""
    shape = structure.of(graph)
    if row.kind == "token.passed":
        place, to = graph.index.get(row.entity_id), row.data.get("to", ())
        exits = shape.exits[place] if place is not None else ()
        return {n for n in exits if graph.nodes[graph.flows[n].target].key in to}
    if row.kind != "task.completed" or row.task_id not in outputs:
        return set()
    place = nodes[row.task_id]
    try:
        output = outputs[row.task_id] or {}
        return set(gateways.chosen(graph, place, shape.exits[place], seen, output))
    except InvalidExpression:
        return set()  # a scope or loop that saw more than the variables tell
