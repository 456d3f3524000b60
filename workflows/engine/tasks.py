"""A person's hand on one task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F

from workflows import clock
from workflows.errors import (
    IllegalTransition,
    InvalidExpression,
    InvalidInput,
    NotAllowed,
    UnknownExecution,
    UnknownTask,
    WorkflowError,
)
from workflows.graph import routing
from workflows.graph.shape import HUMAN
from workflows.models import Execution, State, Task, Timer
from workflows.models.states import is_allowed

from . import (
    advancing,
    approvals,
    arguments,
    claiming,
    deliveries,
    events,
    executions,
    graphs,
    interventions,
    retrying,
    tokens,
    transitions,
)

LARGEST_OUTPUT = 256 * 1024  # bytes of JSON, as of an agent


def transition_state(
    execution_id: int,
    task_id: int | str,
    new_state: str,
    *,
    by: AbstractBaseUser | None,
    reason: str = "",
) -> bool:
    """Move one task by hand; True if it moved.

    False when the execution or task is unknown, when the table forbids the transition, or for a
    decision on one's own request: nothing changes then, and the refused attempt is recorded.
    `task_id` is an id or a task's key. A completed task sends its tokens on with an empty output.
    Raises InvalidInput for a reason that is no text.
    """
    arguments.reason(reason)
    try:
        with transaction.atomic():
            execution = transitions.lock(execution_id)
            task = interventions.task(execution, task_id)
            asked = new_state if isinstance(new_state, str) else f"{new_state!r:.100}"
            return task is not None and _move(execution, task, asked, by, reason)
    except UnknownExecution:
        return False


def complete(
    execution_id: int,
    task_id: int | str,
    output: Mapping[str, Any],
    *,
    by: AbstractBaseUser | None,
    reason: str = "",
) -> Execution:
    """Say that a task is done, with the output (a JSON object) that its agent would have given.

    For a task that failed or is in doubt, waits, or runs; its agent's late result is refused. What
    follows goes on as usual, unless another task of the execution has failed. Raises UnknownTask,
    NotAllowed (a decision on one's own request), IllegalTransition, InvalidInput when an expression
    over the output cannot be evaluated. Refusals are recorded.
    """
    with executions.locked(execution_id, "complete", by=by, reason=reason) as execution:
        given = checked_output(output)
        task = interventions.task(execution, task_id)
        if task is None:
            raise UnknownTask()
        if not may_be_completed(execution, task):
            raise IllegalTransition(task.state, State.COMPLETED, str(task))
        check_four_eyes(execution, task, by)
        _check_output(execution, task, given)
        finish(execution, task, given, by=transitions.actor(by), reason=reason)
        return executions.written(execution, [])


def may_be_completed(execution: Execution, task: Task) -> bool:
    """Whether the states of a task and its execution let a person complete the task."""
    match task.state:
        case State.FAILED | State.RUNNING:
            return not execution.is_final
        case State.PENDING | State.PAUSED:
            return execution.state in (State.PENDING, State.RUNNING, State.PAUSED)
    return False


def check_four_eyes(execution: Execution, task: Task, by: AbstractBaseUser | None) -> None:
    """Raise NotAllowed: no way leads around a decision that somebody else has to take."""
    node = graphs.of(execution.version_id).nodes[task.node]
    if node.kind != HUMAN or not node.approval.get("not_requester", True) or by is None:
        return
    if by.pk in approvals.requesters(execution):
        raise NotAllowed("You started this execution: another person has to decide or skip this.")


def check_way_on(execution: Execution, task: Task, output: Mapping[str, Any]) -> None:
    """Raise InvalidExpression now: completing would turn it into a failure of the task.

    A token graph is routed over its marking only; there `finish` sees what came of it.
    """
    graph = graphs.of(execution.version_id)
    if graph.is_plain:
        routing.leave(graph, task.node, output, execution.variables)


def finish(
    execution: Execution, task: Task, output: dict[str, Any], *, by: str, reason: str
) -> None:
    """FAILED -> PENDING -> RUNNING -> COMPLETED, or the part of it that is left, at one go.

    A failed execution goes on unless another task of it has failed; the execution is locked.
    Raises InvalidInput, which takes everything back, if the output of a token graph led nowhere.
    """
    had_failed = execution.state == State.FAILED
    if task.state == State.FAILED:
        retrying.reopen([execution], [task], by=by, reason=reason)
        execution.refresh_from_db()
    if task.state != State.RUNNING:
        _plain(execution, task, State.RUNNING, by, reason)
    complete_by_hand(_taken(task), output, by=by, reason=reason)
    execution.refresh_from_db()
    if had_failed and execution.marking is not None:
        tokens.conclude(execution)
    elif had_failed:
        transitions.end(execution.pk)
        deliveries.carry()
    execution.refresh_from_db()
    task.refresh_from_db()
    if task.state == State.FAILED:
        raise InvalidInput([f"output: {task.error}"])


def complete_by_hand(task: Task, output: dict[str, Any], *, by: str, reason: str = "") -> None:
    """Complete a running task that no session holds; its execution is locked."""
    done = advancing.Completed(output, by=by, reason=reason)
    advancing.report(None, [(claiming.in_hand(task), done)])


def _check_output(execution: Execution, task: Task, output: Mapping[str, Any]) -> None:
    try:
        check_way_on(execution, task, output)
    except InvalidExpression as error:
        raise InvalidInput([f"output: {error}"]) from error


def checked_output(output: Any) -> dict[str, Any]:
    """What a person says that a task has given. Raises InvalidInput."""
    given = arguments.json_object("output", output)
    size = len(json.dumps(given))
    if size > LARGEST_OUTPUT:
        raise InvalidInput([f"output: {size} bytes; {LARGEST_OUTPUT} is the limit"])
    return given


def _move(
    execution: Execution, task: Task, new: str, by: AbstractBaseUser | None, reason: str
) -> bool:
    who = transitions.actor(by)
    is_closed = _is_closed(execution, new) or not tokens.is_open(execution, task)
    if not is_allowed(task.state, new) or is_closed:
        _record_refused(task, new, who, reason, IllegalTransition(task.state, new, str(task)))
        return False
    try:
        if new == State.COMPLETED:
            check_four_eyes(execution, task, by)
    except NotAllowed as error:
        _record_refused(task, new, who, reason, error)
        return False
    match new:
        case State.COMPLETED:
            complete_by_hand(_taken(task), {}, by=who, reason=reason)
        case State.FAILED:
            broken = advancing.Broken(reason or "Failed by hand.", "manual", False, by=who)
            advancing.report(None, [(claiming.in_hand(_taken(task)), broken)])
        case State.CANCELLED if execution.marking is not None:
            tokens.cancel(execution, task, by=who, reason=reason)
        case State.PENDING:
            retrying.reopen([execution], [task], by=who, reason=reason)
        case _:
            _plain(execution, task, new, who, reason)
    transitions.doorbell([execution.pk], work=True)
    return True


def _is_closed(execution: Execution, new: str) -> bool:
    """A finished execution takes no step any more; a paused or failed one begins none."""
    if new == State.RUNNING:
        return execution.state not in (State.PENDING, State.RUNNING)
    return execution.is_final


def _taken(task: Task) -> Task:
    """The running task, taken from the session that holds it: its late result will be refused."""
    if task.session is not None:
        transitions.let_go([task])
        task.session, task.fence = None, task.fence + 1
        task.save(update_fields=["session", "fence"])
    return task


def _plain(execution: Execution, task: Task, new: str, who: str, reason: str) -> None:
    """RUNNING by hand, PAUSED and CANCELLED. A reserved slot is kept while the task runs."""
    change = _change_of_open_tasks(task, new)
    is_last = execution.open_tasks + change == 0
    entries = _begun(execution, who) if new == State.RUNNING or is_last else []
    if new != State.RUNNING:
        transitions.let_go([task])
    if task.state == State.PAUSED:
        approvals.cancel_open(execution.pk, task.pk)
    Timer.objects.filter(task=task).exclude(kind=Timer.Kind.EVENT).delete()
    entries.append(transitions.move(task, new, by=who, reason=reason, **_fields(task, new)))
    transitions.record(entries)
    events.moved(entries)
    if change:
        Execution.objects.filter(pk=execution.pk).update(open_tasks=F("open_tasks") + change)
    if change < 0:
        transitions.end(execution.pk)
        deliveries.carry()


def _change_of_open_tasks(task: Task, new: str) -> int:
    is_open = task.state != State.PENDING or task.waits_on == 0 or task.attempt > 0
    return int(new != State.CANCELLED) - int(is_open)


def _fields(task: Task, new: str) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "is_ready": False,
        "waits_on": 0,
        "session": None,
        "fence": task.fence + 1,
    }
    if new == State.RUNNING and task.state == State.PENDING:
        fields |= {"started_at": clock.now(), "attempt": task.attempt + 1}
    if new == State.CANCELLED:
        fields["finished_at"] = clock.now()
    return fields


def _begun(execution: Execution, who: str) -> list[transitions.Entry]:
    if execution.state != State.PENDING:
        return []
    since = execution.started_at or clock.now()
    return [transitions.move(execution, State.RUNNING, by=who, started_at=since)]


def _record_refused(task: Task, new: str, who: str, reason: str, error: WorkflowError) -> None:
    transitions.record(
        [
            transitions.Entry(
                kind="transition.refused",
                entity_type="task",
                entity_id=str(task.pk),
                actor=who,
                execution_id=task.execution_id,
                task_id=task.pk,
                attempt=task.attempt,
                data={
                    "key": task.key,
                    "asked": new,
                    "was": task.state,
                    "why": str(error),
                    **({"reason": reason} if reason else {}),
                },
            )
        ]
    )
