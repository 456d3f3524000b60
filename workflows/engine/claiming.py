"""Lending work: what a session holds between a claim and the report of its outcome."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from workflows.graph.shape import Node
from workflows.models import Execution, Task

from . import graphs, transitions

ENGINE_LANE = 0


@dataclass(frozen=True, slots=True)
class Work:
    """One attempt, lent. `variables` are as of the claim, `variables_version` says which."""

    task_id: int
    execution_id: int
    version_id: int
    position: int
    key: str
    lane: int
    attempt: int
    max_attempts: int
    fence: int
    agent_key: str
    given_input: dict[str, Any] | None
    variables: dict[str, Any]
    variables_version: int

    @property
    def node(self) -> Node:
        return graphs.of(self.version_id).nodes[self.position]

    @property
    def input(self) -> dict[str, Any]:
        """The node's own input overlaid by the variables, or what an operator gave instead."""
        if self.given_input is not None and self.attempt > 1:
            return self.given_input
        return {**self.node.input, **self.variables}

    @property
    def idempotency_key(self) -> str:
        """Stable over attempts; the trailing 1 is the visit of the node."""
        return f"{self.execution_id}:{self.key}:1"


def claim(session_id: int, want: int) -> list[Work]:
    """Up to `want` tasks for a session, the most urgent first, each with agent, lease and fence."""
    return [_work(row) for row in transitions.claim(session_id, want)]


def in_hand(task: Task) -> Work:
    """A task that no session holds, as work in the hand of whoever acts on it."""
    execution = Execution.objects.get(pk=task.execution_id)
    return Work(
        task_id=task.pk, execution_id=execution.pk, version_id=execution.version_id,
        position=task.node, key=task.key, lane=task.lane, attempt=task.attempt,
        max_attempts=task.max_attempts, fence=task.fence, agent_key=task.agent_key,
        given_input=task.input, variables=execution.variables,
        variables_version=execution.variables_version,
    )


def _work(row: tuple[Any, ...]) -> Work:
    *rest, given, variables, version = row
    return Work(*rest, _object(given), _object(variables) or {}, version)


def _object(value: Any) -> dict[str, Any] | None:
    loaded: dict[str, Any] | None = json.loads(value) if isinstance(value, str) else value
    return loaded
