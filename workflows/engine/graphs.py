"""Compiled graphs, cached per process by version id: versions never change."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from workflows.graph.retry import RetryPolicy
from workflows.graph.shape import Graph
from workflows.models import Lane, Version


@lru_cache(maxsize=512)
def of(version_id: int) -> Graph:
    """The graph of a version."""
    return Graph.from_json(Version.objects.values_list("graph", flat=True).get(pk=version_id))


@lru_cache(maxsize=4096)
def retry_policy(version_id: int, node: int) -> RetryPolicy:
    """How the node at index `node` is retried: its own number of retries wins."""
    graph = of(version_id)
    return RetryPolicy.of(graph.retry_policy, graph.nodes[node].max_retries)


def way(graph: Graph, node: int, targets: Sequence[int]) -> dict[str, Any]:
    """For the audit: `to`, where tokens went from a node when it was not all ways that leave it."""
    if len(targets) == len(graph.outgoing[node]):
        return {}
    return {"to": [graph.nodes[target].key for target in targets]}


def lane(version_id: int, node: int) -> int:
    """The lane of the node at index `node`; publishing has made it."""
    requirement = of(version_id).nodes[node].requirement
    return _lanes(version_id)[requirement] if requirement else 0


@lru_cache(maxsize=512)
def _lanes(version_id: int) -> dict[str, int]:
    wanted = {node.requirement for node in of(version_id).nodes}
    return dict(Lane.objects.filter(requirement__in=wanted).values_list("requirement", "pk"))
