"""Reporting what came of lent work: routing decides, one database call applies it all."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import transaction

from workflows.errors import InvalidExpression
from workflows.graph import routing
from workflows.models import AuditEvent, State
from workflows.models.runs import task_id

from . import approvals, claiming, events, graphs, transitions
from .claiming import Work

CHANCE = random.Random()


@dataclass(frozen=True, slots=True)
class Completed:
    """The step is done; `by` is set when a person and not its agent completed it."""

    output: Mapping[str, Any]
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Broken:
    """The attempt failed. `retry_after` (seconds) is the least delay its cause asked for."""

    error: str
    kind: str = "error"
    is_retryable: bool = True
    retry_after: float = 0.0
    by: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WaitsForPeople:
    """The step holds no worker any more: an approval decides how it goes on."""


@dataclass(frozen=True, slots=True)
class Released:
    """Handed back unstarted; counts as no attempt."""


Result = Completed | Broken | WaitsForPeople | Released


def exchange(
    session_id: int | None, results: Sequence[tuple[Work, Result]], want: int
) -> list[Work]:
    """Apply the results of a session's work, each exactly once, and lend it up to `want` tasks.

    A result routed on variables that another branch changed meanwhile is routed again; one whose
    lease has passed on is stored in the audit and refused.
    """
    works: list[Work] = []
    left = list(results)
    is_first = True
    while left or (is_first and want):
        effects = _apply(session_id, left, want - len(works))
        works += claiming.lent(effects)
        stale = {effect.task_id: effect for effect in effects if effect.what == "stale"}
        late = {effect.task_id for effect in effects if effect.what == "refused"}
        if late:
            _record_refused([pair for pair in left if pair[0].task_id in late])
        events.announce(left, effects)
        left = [
            (_reread(work, stale[work.task_id]), result)
            for work, result in left
            if work.task_id in stale
        ]
        is_first = False
    return works


def report(session_id: int | None, results: Sequence[tuple[Work, Result]]) -> None:
    """`exchange` without asking for more."""
    exchange(session_id, results, 0)


def report_again(session_id: int, work: Work, result: Result) -> None:
    """`report` a result whose first report may have arrived although its answer was lost."""
    was_applied = AuditEvent.objects.filter(
        execution_id=work.execution_id,
        task_id=work.task_id,
        old_state=State.RUNNING,
        lease_token=work.fence,
        actor=f"agent:{work.agent_key}",
    )
    if not was_applied.exists():
        report(session_id, [(work, result)])


def _apply(
    session_id: int | None, results: list[tuple[Work, Result]], want: int
) -> list[transitions.Effect]:
    outcomes = [_outcome(work, result) for work, result in results]
    waiting = [work for work, result in results if isinstance(result, WaitsForPeople)]
    if not waiting:
        return transitions.advance(session_id, outcomes, want)
    with transaction.atomic():
        effects = transitions.advance(session_id, outcomes, want)
        unapplied = {row.task_id for row in effects if row.what != "work"}
        approvals.open_for([work for work in waiting if work.task_id not in unapplied])
    return effects


def _outcome(work: Work, result: Result) -> dict[str, Any]:
    base: dict[str, Any] = {"id": work.task_id, "fence": work.fence, "assigned": {}}
    match result:
        case Completed():
            return base | {"input": work.input} | _left(work, result)
        case Broken():
            return base | {"input": work.input} | _failed(work, result)
        case WaitsForPeople():
            return base | {"to": "paused", "input": work.input}
        case Released():
            return base | {"to": "released"}


def _left(work: Work, result: Completed) -> dict[str, Any]:
    graph = graphs.of(work.version_id)
    try:
        step = routing.leave(graph, work.position, result.output, work.variables)
    except InvalidExpression as error:
        return _failed(work, Broken(str(error), "expression", is_retryable=False, by=result.by))
    return {
        "to": "completed",
        "output": dict(result.output),
        "assigned": dict(step.assigned),
        "routed_on": work.variables_version if step.reads_variables else None,
        "targets": [task_id(work.execution_id, target) for target in step.targets],
        "actor": result.by,
    }


def _failed(work: Work, result: Broken) -> dict[str, Any]:
    policy = graphs.retry_policy(work.version_id, work.position)
    again = result.is_retryable and work.attempt < work.max_attempts and policy.retries(result.kind)
    delay = max(policy.jittered(work.attempt, CHANCE), result.retry_after) if again else None
    return {
        "to": "retry" if again else "failed",
        "error": result.error,
        "error_kind": result.kind,
        "delay": delay,
        "actor": result.by,
        "data": {"details": dict(result.details)} if result.details else None,
    }


def _reread(work: Work, effect: transitions.Effect) -> Work:
    return replace(work, variables=effect.variables, variables_version=effect.variables_version)


def _record_refused(refused: list[tuple[Work, Result]]) -> None:
    """A late result is not applied, but what it said is kept."""
    with transaction.atomic():
        transitions.record(
            transitions.Entry(
                kind="result.refused",
                entity_type="task",
                entity_id=str(work.task_id),
                actor=f"agent:{work.agent_key}" if work.agent_key else "system",
                execution_id=work.execution_id,
                task_id=work.task_id,
                attempt=work.attempt,
                agent_id=work.agent_key or None,
                lease_token=work.fence,
                data={"key": work.key, "reason": "lease_passed_on", **_shown(result)},
            )
            for work, result in refused
        )


def _shown(result: Result) -> dict[str, Any]:
    match result:
        case Completed(output=output):
            return {"output": dict(output)}
        case Broken(error=error):
            return {"error": error}
        case _:
            return {}
