"""Lending work: what a session holds between a claim and the report of its outcome."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from workflows.graph.shape import Node
from workflows.models import Execution, Task
from workflows.models.runs import seq_of

from . import graphs, transitions

ENGINE_LANE = 0
RAISED_AT_ONCE = 500  # tasks


class LeaseLost(Exception):
    """Others have taken over what this session ran."""


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
        """The node's own input overlaid by the variables; what it once got, it gets again."""
        if self.given_input is not None:
            return self.given_input
        return {**self.node.input, **self.variables}

    @property
    def idempotency_key(self) -> str:
        """Stable over attempts; the trailing number tells the visits of the node apart."""
        is_plain = graphs.of(self.version_id).is_plain
        return f"{self.execution_id}:{self.key}:{1 if is_plain else seq_of(self.task_id)}"


def lent(effects: Iterable[transitions.Effect]) -> list[Work]:
    """The work among the effects of an exchange, the most urgent first."""
    return [
        Work(
            task_id=row.task_id,
            execution_id=row.execution_id,
            version_id=row.version_id,
            position=row.position,
            key=row.key,
            lane=row.lane,
            attempt=row.attempt,
            max_attempts=row.max_attempts,
            fence=row.fence,
            agent_key=row.agent_key,
            given_input=row.input,
            variables=row.variables,
            variables_version=row.variables_version,
        )
        for row in effects
        if row.what == "work"
    ]


def age() -> int:
    """Raise what has waited long, so that more urgent work does not starve it; how many tasks."""
    minutes = settings.AGEING_MINUTES
    return transitions.age(minutes, RAISED_AT_ONCE) if minutes > 0 else 0


def in_hand(task: Task) -> Work:
    """A task that no session holds, as work in the hand of whoever acts on it."""
    execution = Execution.objects.get(pk=task.execution_id)
    return Work(
        task_id=task.pk,
        execution_id=execution.pk,
        version_id=execution.version_id,
        position=task.node,
        key=task.key,
        lane=task.lane,
        attempt=task.attempt,
        max_attempts=task.max_attempts,
        fence=task.fence,
        agent_key=task.agent_key,
        given_input=task.input,
        variables=execution.variables,
        variables_version=execution.variables_version,
    )
