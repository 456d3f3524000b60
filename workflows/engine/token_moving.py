"""A token graph that runs is moved to a newer version: its tasks, tokens and waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.graph import token_moving
from workflows.graph.marking import Marking
from workflows.graph.moving import Plan
from workflows.graph.retry import RetryPolicy
from workflows.graph.shape import WORK, Graph, Node
from workflows.models import Execution, State, Task, Version
from workflows.models.runs import seq_of

from . import graphs, operations, tokens, transitions


def plan(execution: Execution, version: Version, mapping: Mapping[str, str]) -> Plan:
    """What a move would do now, its problems included."""
    old, new = graphs.of(execution.version_id), graphs.of(version.pk)
    if execution.marking is None or new.is_plain:
        return Plan(old, {}, (), (), (), {}, (_other_way(execution, version),))
    running = execution.tasks.filter(state=State.RUNNING, kind__in=WORK)
    held = {seq_of(pk) for pk in running.values_list("pk", flat=True)}
    return token_moving.plan(old, new, mapping, Marking.from_json(execution.marking), held)


def carry_out(execution: Execution, arranged: Version, found: Plan, *, by: str) -> None:
    """Move a locked execution whose plan has no problems."""
    old, graph = graphs.of(execution.version_id), graphs.of(arranged.pk)
    for task in execution.tasks.filter(node__in=list(found.kept)):
        _replace(task, arranged, graph, graph.nodes[task.node])
    Execution.objects.filter(pk=execution.pk).update(version=arranged)
    execution.refresh_from_db()
    tokens.move(execution, old, by=by)
    execution.refresh_from_db()
    operations.make_ready([execution])


def _replace(task: Task, arranged: Version, graph: Graph, node: Node) -> None:
    """The task of a node that goes on under its new definition; what has begun keeps its rank."""
    fields: dict[str, Any] = {"key": node.key, "name": node.name}
    if task.kind in WORK and task.state not in (State.COMPLETED, State.CANCELLED):
        fields |= {"lane": graphs.lane(arranged.pk, task.node)}
        fields |= {"timeout_seconds": node.timeout_seconds}
    if task.state == State.PENDING and task.attempt == 0 and task.kind in WORK:
        most = RetryPolicy.of(graph.retry_policy, node.max_retries).max_attempts
        fields |= {"priority": node.priority, "rank": node.priority, "max_attempts": most}
        fields |= {"is_ready": False}
        transitions.let_go([task])
    Task.objects.filter(pk=task.pk).update(**fields)


def _other_way(execution: Execution, version: Version) -> str:
    if execution.marking is None:
        return (
            f"Version {version.number} has gateways, events, sub-processes or loops, this "
            "execution has not: its steps have no tokens that could go on there."
        )
    return (
        f"Version {version.number} has no gateways, events, sub-processes or loops, this "
        "execution has: its tokens have no place there."
    )
