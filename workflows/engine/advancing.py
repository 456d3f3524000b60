"""Reporting what came of lent work: routing decides, one database call applies it all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction

from workflows.errors import InvalidExpression
from workflows.graph import routing
from workflows.graph.retry import IN_DOUBT, TIMEOUT
from workflows.models import AuditEvent, State, Task
from workflows.models.runs import task_id

from . import approvals, claiming, deliveries, events, graphs, token_results, transitions
from .claiming import Work
from .results import (
    CHANCE,
    TICK_SECONDS,
    Broken,
    Completed,
    Released,
    Result,
    WaitsForPeople,
    failed,
    is_due_soon,
    is_tried_again,
    outcome,
)

__all__ = [
    "CHANCE",
    "TICK_SECONDS",
    "Broken",
    "Completed",
    "Released",
    "Result",
    "WaitsForPeople",
    "Work",
]


def unreported(task: Task, error: str, kind: str) -> Broken:
    """How an attempt ends of which its agent has not said what came of it.

    Repeatable work is broken and may be tried again; other work is in doubt, for it may be done.
    Only its time limit says that the agent failed: its worker may be lost for any reason.
    """
    answered = False if kind == TIMEOUT else None
    if task.is_repeatable or task.session is None:
        return Broken(error, kind, by=transitions.SYSTEM, answered=answered)
    text = f"{error} It may or may not have been done."
    return Broken(text, IN_DOUBT, is_retryable=False, by=transitions.SYSTEM, answered=answered)


def exchange(
    session_id: int | None, results: Sequence[tuple[Work, Result]], want: int
) -> list[Work]:
    """Apply the results of a session's work, each exactly once, and lend it up to `want` tasks.

    A result routed on variables that another branch changed meanwhile is routed again; one whose
    lease has passed on is stored in the audit and refused. Token graphs are routed under the lock
    of their executions, see `token_results`. Raises LeaseLost, after all that, when the session
    itself has been taken for dead.
    """
    left = [pair for pair in results if graphs.of(pair[0].version_id).is_plain]
    if len(left) < len(results):
        tokened = [pair for pair in results if not graphs.of(pair[0].version_id).is_plain]
        effects, refused = token_results.exchange(session_id, tokened, 0 if left else want)
        _record_refused(refused)
        if _is_gone(effects):
            raise claiming.LeaseLost
        if not left:
            return claiming.lent(effects)
    return _exchange_plain(session_id, left, want)


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


def _exchange_plain(
    session_id: int | None, left: list[tuple[Work, Result]], want: int
) -> list[Work]:
    works: list[Work] = []
    is_first, is_gone = True, False
    while left or (is_first and want):
        effects = _apply(session_id, left, 0 if is_gone else want - len(works))
        works += claiming.lent(effects)
        is_gone |= _is_gone(effects)
        stale = {effect.task_id: effect for effect in effects if effect.what == "stale"}
        late = {effect.task_id for effect in effects if effect.what == "refused"}
        if late:
            _record_refused([pair for pair in left if pair[0].task_id in late])
        events.announce(left, effects)
        if any(effect.what == "ended" and effect.task_id is not None for effect in effects):
            deliveries.carry()  # who has called it is told at once
        left = [
            (_reread(work, stale[work.task_id]), result)
            for work, result in left
            if work.task_id in stale
        ]
        is_first = False
    if is_gone:
        raise claiming.LeaseLost
    return works


def _is_gone(effects: list[transitions.Effect]) -> bool:
    return any(effect.what == "gone" for effect in effects)


def _apply(
    session_id: int | None, results: list[tuple[Work, Result]], want: int
) -> list[transitions.Effect]:
    outcomes = [_outcome(work, result) for work, result in results]
    waiting = [(work, one) for work, one in results if isinstance(one, WaitsForPeople)]
    sets_timer = any(is_due_soon(one) for one in outcomes)
    if not (waiting or sets_timer):
        return transitions.advance(session_id, outcomes, want)
    with transaction.atomic():
        effects = transitions.advance(session_id, outcomes, want)
        unapplied = {row.task_id for row in effects if row.what != "work"}
        approvals.open_for([pair for pair in waiting if pair[0].task_id not in unapplied])
        if sets_timer:
            transitions.wake_sessions()
    return effects


def _outcome(work: Work, result: Result) -> dict[str, Any]:
    base = outcome(work, result)
    match result:
        case Completed():
            return base | _left(work, result)
        case Broken():
            return base | failed(work, result, again=is_tried_again(work, result))
    return base


def _left(work: Work, result: Completed) -> dict[str, Any]:
    graph = graphs.of(work.version_id)
    try:
        step = routing.leave(graph, work.position, result.output, work.variables)
    except InvalidExpression as error:
        kind = "expression"
        broken = Broken(str(error), kind, is_retryable=False, by=result.by, answered=True)
        return failed(work, broken, again=False)
    told = transitions.signed({"reason": result.reason} if result.reason else {})
    told |= graphs.way(graph, work.position, step.targets)
    return {
        "to": "completed",
        "output": dict(result.output),
        "assigned": dict(step.assigned),
        "routed_on": work.variables_version if step.reads_variables else None,
        "targets": [task_id(work.execution_id, target) for target in step.targets],
        "actor": result.by,
        "data": told or None,
    }


def _reread(work: Work, effect: transitions.Effect) -> Work:
    return replace(work, variables=effect.variables, variables_version=effect.variables_version)


def _record_refused(refused: list[tuple[Work, Result]]) -> None:
    """A late result is not applied, but what it said is kept."""
    if not refused:
        return
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
