"""Results of work on token graphs: routed under the lock of their executions, each exactly once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction

from workflows.errors import InvalidExpression
from workflows.graph import moves, tokens
from workflows.graph.marking import INCIDENT
from workflows.graph.shape import CALL, DECISION
from workflows.models import Delivery
from workflows.models.runs import seq_of

from . import approvals, deliveries, events, transitions, writing
from .claiming import Work
from .results import (
    Broken,
    Completed,
    Result,
    WaitsForPeople,
    failed,
    is_due_soon,
    is_tried_again,
    outcome,
)
from .tokens import DEADLINE, run_of, write
from .writing import Run


def exchange(
    session_id: int | None, results: Sequence[tuple[Work, Result]], want: int
) -> tuple[list[transitions.Effect], list[tuple[Work, Result]]]:
    """Apply results of a session, each once, and lend it up to `want` tasks, in one transaction.

    What lending gave, and the results that are refused because their lease has passed on.
    """
    with transaction.atomic():
        executions, fences = transitions.take_up(session_id, [work.task_id for work, _ in results])
        held, late = _held(fences, results)
        wanted = {work.execution_id for work, _ in held}
        runs = {one.pk: run_of(one) for one in executions if one.pk in wanted}
        outcomes, applied = _all_routed(runs, held, late)
        asked = [(work, one) for work, one in applied if isinstance(one, WaitsForPeople)]
        if _meet(runs.values(), outcomes):
            transitions.advance_tokens(session_id, outcomes, [], [], [], 0)
            approvals.open_for(asked)
            effects = write(list(runs.values()), session_id, [], want)
        else:
            effects = write(list(runs.values()), session_id, outcomes, want)
            approvals.open_for(asked)
        if any(is_due_soon(one) for one in outcomes):
            transitions.wake_sessions()
        events.announce(applied, [])
    return effects, late


def _meet(runs: Iterable[Run], outcomes: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a task that has an outcome is moved on by another's: then that comes after it."""
    settled = {one["id"] for one in outcomes}
    return any(
        run.id_of(move.seq) in settled - run.reported
        for run in runs
        for move in run.moves
        if isinstance(move, writing.ENDING)
    )


def _held(
    fences: dict[int, int], results: Sequence[tuple[Work, Result]]
) -> tuple[list[tuple[Work, Result]], list[tuple[Work, Result]]]:
    """The results whose task still runs under this fence, and the others."""
    held: list[tuple[Work, Result]] = []
    late: list[tuple[Work, Result]] = []
    for work, result in results:
        is_held = fences.get(work.task_id) == work.fence
        fences.pop(work.task_id if is_held else 0, None)
        (held if is_held else late).append((work, result))
    return held, late


def _all_routed(
    runs: Mapping[int, Run],
    held: Sequence[tuple[Work, Result]],
    late: list[tuple[Work, Result]],
) -> tuple[list[dict[str, Any]], list[tuple[Work, Result]]]:
    """Route results one after another; one whose task an earlier one has taken away is late too.

    The outcomes to settle, and the results that they are of.
    """
    outcomes, applied = [], []
    for work, result in held:
        run = runs[work.execution_id]
        activity = run.marking.open.get(seq_of(work.task_id))
        if activity is None:
            late.append((work, result))
            continue
        is_own = isinstance(result, WaitsForPeople) or work.node.kind == DECISION
        if is_own and activity.role == INCIDENT and getattr(result, "by", None) is None:
            result = Completed({})  # it has not come as far as the question
        outcomes.append(_routed(run, work, result))
        applied.append((work, result))
    return outcomes, applied


def _routed(run: Run, work: Work, result: Result) -> dict[str, Any]:
    """The outcome to settle; what else moves is added to the run."""
    base = outcome(work, result)
    match result:
        case Completed():
            return base | _left(run, work, result)
        case Broken():
            return base | _broken(run, work, result)
    return base


def _left(run: Run, work: Work, result: Completed) -> dict[str, Any]:
    seq = seq_of(work.task_id)
    assigned: Mapping[str, Any] = {}
    told = transitions.signed({"reason": result.reason} if result.reason else {})
    try:
        moved = _onwards(run, work, seq, result)
    except InvalidExpression as error:
        kind = "expression"
        broken = Broken(str(error), kind, is_retryable=False, by=result.by, answered=True)
        return _broken(run, work, broken)
    for move in moved:
        if isinstance(move, moves.Completed) and move.seq == seq:
            assigned = move.assigned
            told |= writing.way(run.graph, work.position, move)
        else:
            run.moves.append(move)
    run.reported.add(work.task_id)
    run.assigned |= assigned
    run.closed += 1
    if result.by is not None and work.node.kind == CALL:
        deliveries.post([(Delivery.Kind.CANCEL, None, {"task": work.task_id})])
    return {
        "to": "completed",
        "output": dict(result.output),
        "assigned": dict(assigned),
        "routed_on": None,
        "targets": [],
        "actor": result.by,
        "data": {**told, **result.told} or None,
    }


def _onwards(run: Run, work: Work, seq: int, result: Completed) -> list[moves.Move]:
    """The moves behind a step; a wait or call that a session takes up again is retried."""
    if result.by is None and work.node.kind in writing.WAITING:
        return tokens.again(run.graph, run.marking, seq, run.variables)
    return tokens.leave(run.graph, run.marking, seq, result.output, run.variables)


def _broken(run: Run, work: Work, result: Broken) -> dict[str, Any]:
    """Caught by name at once, else tried again while the policy says so, else caught or fatal."""
    seq = seq_of(work.task_id)
    run.reported.add(work.task_id)
    is_here = result.kind != DEADLINE
    again = is_tried_again(work, result)
    if again and not (is_here and tokens.is_named(run.graph, run.marking, seq, result.kind)):
        return failed(work, result, again=True)
    moved = (
        tokens.raise_error(run.graph, run.marking, seq, result.kind, result.error, run.variables)
        if is_here
        else None
    )
    run.closed += 1
    if moved is None:
        run.failure = run.failure or f"{run.graph.nodes[work.position].name}: {result.error}"
        return failed(work, result, again=False)
    run.moves += moved
    caught = next(move for move in moved if isinstance(move, moves.Caught))
    return failed(work, result, again=False, caught=run.graph.nodes[caught.node].key)
