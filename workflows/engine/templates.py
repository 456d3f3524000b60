"""The task rows that every execution of a version begins with."""

from __future__ import annotations

from typing import Any

from workflows.graph.retry import RetryPolicy
from workflows.graph.shape import Graph, Node
from workflows.models import Lane


def template(graph: Graph) -> list[dict[str, Any]]:
    """The task rows of every execution, ready to insert; a token graph's come with its tokens."""
    rows = _rows(graph)
    return rows if graph.is_plain else []


def _rows(graph: Graph) -> list[dict[str, Any]]:
    lanes = {node.requirement: node for node in graph.nodes}
    numbers = {requirement: _lane(node) for requirement, node in lanes.items()}
    return [
        {
            "node": position,
            "key": node.key,
            "name": node.name,
            "kind": node.kind,
            "lane": numbers[node.requirement],
            "priority": node.priority,
            "waits_on": graph.waits_on(position),
            "max_attempts": RetryPolicy.of(graph.retry_policy, node.max_retries).max_attempts,
            "timeout_seconds": node.timeout_seconds,
        }
        for position, node in enumerate(graph.nodes)
    ]


def _lane(node: Node) -> int:
    if not node.requirement:
        return 0
    lane, _ = Lane.objects.get_or_create(
        requirement=node.requirement,
        defaults={
            "agent_key": node.agent_key,
            "role": "" if node.agent_key else node.role,
            "capabilities": [] if node.agent_key else sorted(node.capabilities),
        },
    )
    return lane.pk
