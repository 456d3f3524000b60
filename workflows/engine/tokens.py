"""Runs token graphs: routes under the execution's lock, over one marking, and writes what moved.

Plain graphs never come here. docs/architecture.md says how the two ways meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction

from workflows.errors import InvalidExpression, InvalidInput
from workflows.graph import ad_hoc, moves, tokens
from workflows.graph.game import Game
from workflows.graph.marking import INCIDENT, Marking
from workflows.graph.rerunning import Entry
from workflows.graph.shape import CALL, DECISION, WORK, Graph
from workflows.models import Delivery, Execution, State, Subscription, Task, Timer
from workflows.models.runs import seq_of

from . import approvals, deliveries, events, graphs, transitions, writing
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
from .writing import Run

DEADLINE = "execution_timeout"  # the error kind that nothing within an execution catches


def begin(execution_id: int, priority: int | None, at: int | None = None) -> None:
    """Put the first tokens of an execution that has just been inserted on their way.

    An explicit `priority` holds for all its tasks. `at`: at this start, whose event has brought the
    input. Raises InvalidInput when it cannot be told what the process waits for.
    """
    execution = Execution.objects.get(pk=execution_id)
    graph = graphs.of(execution.version_id)
    run = Run(execution, graph, Marking(priority=priority), dict(execution.variables))
    try:
        run.moves = tokens.start(graph, run.marking, run.variables, at, execution.input)
    except InvalidExpression as error:
        raise InvalidInput([str(error)]) from error
    _write([run])


def begin_within(
    execution_id: int, entry: Entry, came: Sequence[Mapping[int, Sequence[int]]]
) -> None:
    """Begin a fork that has just been inserted at one node. Raises InvalidInput, as `begin`."""
    execution = Execution.objects.get(pk=execution_id)
    graph = graphs.of(execution.version_id)
    run = Run(execution, graph, Marking(), dict(execution.variables))
    try:
        run.moves = tokens.start_within(graph, run.marking, run.variables, entry, came)
    except InvalidExpression as error:
        raise InvalidInput([str(error)]) from error
    _write([run])


def move(execution: Execution, old: Graph, *, by: str) -> None:
    """Go on over the graph of the version that a locked execution has been moved to.

    Raises InvalidInput when it cannot be told what is waited for there.
    """
    run = _run(execution, by)
    try:
        run.moves = tokens.moved(old, run.graph, run.marking, run.variables)
    except InvalidExpression as error:
        raise InvalidInput([str(error)]) from error
    _write([run])


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
        runs = {one.pk: _run(one) for one in executions if one.pk in wanted}
        outcomes, applied = _all_routed(runs, held, late)
        asked = [work for work, result in applied if isinstance(result, WaitsForPeople)]
        if _meet(runs.values(), outcomes):
            transitions.advance_tokens(session_id, outcomes, [], [], [], 0)
            approvals.open_for(asked)
            effects = _write(list(runs.values()), session_id, [], want)
        else:
            effects = _write(list(runs.values()), session_id, outcomes, want)
            approvals.open_for(asked)
        if any(is_due_soon(one) for one in outcomes):
            transitions.wake_sessions()
        events.announce(applied, [])
    return effects, late


def fire(execution: Execution, handler: int, payload: Mapping[str, Any]) -> bool:
    """An event that a locked execution waits for has happened; False if it waits no more."""
    if execution.marking is None or execution.is_final:
        return False
    run = _run(execution)
    if handler not in run.marking.armed:
        return False
    run.moves = tokens.fire(run.graph, run.marking, handler, payload, run.variables)
    _write([run])
    return True


def cancel(execution: Execution, task: Task, *, by: str, reason: str) -> None:
    """Take a task of a locked execution away, with what lies in it and its token."""
    run = _run(execution, by)
    seq = seq_of(task.pk)
    if seq in run.marking.open:
        run.moves = tokens.cancel(run.graph, run.marking, seq, reason, run.variables)
        _write([run])


def offered(execution: Execution, task: Task) -> tuple[int, ...]:
    """The nodes that an open ad-hoc sub-process offers now."""
    run = _run(execution)
    if seq_of(task.pk) not in run.marking.open:
        return ()
    return ad_hoc.offered(Game(run.graph, run.marking, run.variables), seq_of(task.pk))


def activate(execution: Execution, task: Task, node: int, *, by: str) -> None:
    """Begin a node that an ad-hoc sub-process of a locked execution offers."""
    run = _run(execution, by)
    seq = seq_of(task.pk)
    run.moves = tokens.activate(run.graph, run.marking, seq, node, run.variables)
    _write([run])


def answer(task: Task, output: Mapping[str, Any]) -> None:
    """The execution that a waiting task has called is done; its own execution is locked."""
    run = _run(Execution.objects.get(pk=task.execution_id))
    seq = seq_of(task.pk)
    if seq not in run.marking.open:
        return
    try:
        run.moves = tokens.leave(run.graph, run.marking, seq, output, run.variables)
    except InvalidExpression as error:
        run.moves = [moves.Failed(seq, str(error), "expression")]
    _write([run])


def answer_failed(task: Task, error: str, code: str) -> None:
    """Nothing will come of a call: its task fails, unless that is caught."""
    if answer_caught(task, error, code):
        return
    run = _run(Execution.objects.get(pk=task.execution_id))
    if seq_of(task.pk) in run.marking.open:
        run.moves = [moves.Failed(seq_of(task.pk), error, code)]
        _write([run])


def answer_caught(task: Task, error: str, code: str) -> bool:
    """The called execution has failed; False when nothing around the task catches that."""
    run = _run(Execution.objects.get(pk=task.execution_id))
    seq = seq_of(task.pk)
    if seq not in run.marking.open:
        return False
    found = tokens.raise_error(run.graph, run.marking, seq, code, error, run.variables)
    if found is None:
        return False
    run.moves = found
    _write([run])
    return True


def is_open(execution: Execution, task: Task) -> bool:
    """Whether a task's token is still at it: one whose error was caught elsewhere is not."""
    if execution.marking is None:
        return True
    return any(seq == seq_of(task.pk) for seq, *_ in execution.marking.get("open", ()))


def conclude(execution: Execution) -> None:
    """End a locked token execution, if nothing is left of it or, running, a task has failed."""
    run = _run(execution)
    entries = []
    if run.marking.ended and execution.state == State.PENDING:
        entries.append(run.come_to(State.RUNNING))
    for task in execution.tasks.filter(state=State.FAILED).order_by("finished_at"):
        if is_open(execution, task):
            run.failure = f"{task.name}: {task.error}"
            break
    entries += _concluded(run)
    if entries:
        page = writing.Page([run])
        page.fold()
        page.write(None, [], entries, 0)
        _told(run)
        events.moved(entries)


def hold(execution: Execution) -> None:
    """Until a retry nothing begins in a locked execution that fails, and no timer event happens."""
    execution.tasks.filter(is_ready=True).update(is_ready=False)
    execution.timers.filter(kind=Timer.Kind.EVENT).update(is_held=True)


def stop(execution: Execution) -> None:
    """Forget what a locked execution that is being cancelled waits for, and what it has called."""
    Subscription.objects.filter(execution=execution).delete()
    called = execution.tasks.filter(kind="call", state=State.PAUSED).values_list("pk", flat=True)
    deliveries.post((Delivery.Kind.CANCEL, None, {"task": pk}) for pk in called)
    if execution.marking is not None:
        ended = Marking(next=execution.marking["next"], ended=True)
        Execution.objects.filter(pk=execution.pk).update(marking=ended.to_json())
    answer_caller(execution, "cancelled", "The called execution was cancelled.")


def answer_caller(execution: Execution, code: str, error: str) -> None:
    """Tell the task that has called a locked execution how it ended; "" for well."""
    if execution.parent_task is not None:
        data = {"task": execution.parent_task, "code": code, "error": error}
        deliveries.post([(Delivery.Kind.ANSWER, execution.pk, data)])


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


def _meet(runs: Iterable[Run], outcomes: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a task that has an outcome is moved on by another's: then that comes after it."""
    settled = {one["id"] for one in outcomes}
    return any(
        run.id_of(move.seq) in settled - run.reported
        for run in runs
        for move in run.moves
        if isinstance(move, writing.ENDING)
    )


def _run(execution: Execution, by: str = transitions.SYSTEM) -> Run:
    marking = Marking.from_json(execution.marking or {"next": 1})
    graph = graphs.of(execution.version_id)
    return Run(execution, graph, marking, dict(execution.variables), by)


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
    told = {"reason": result.reason} if result.reason else {}
    try:
        moved = _onwards(run, work, seq, result)
    except InvalidExpression as error:
        broken = Broken(str(error), "expression", is_retryable=False, by=result.by)
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


def _write(
    runs: list[Run],
    session_id: int | None = None,
    outcomes: Sequence[dict[str, Any]] = (),
    want: int = 0,
) -> list[transitions.Effect]:
    """Write what has moved, settle outcomes with it, and lend what is next."""
    entries = [run.come_to(State.RUNNING) for run in runs if _has_begun(run)]
    page = writing.Page(runs)
    entries += page.fold()
    entries += [entry for run in runs for entry in _concluded(run)]
    lent = page.write(session_id, outcomes, entries, want)
    for run in runs:
        _told(run)
    events.moved(entries)
    return lent


def _has_begun(run: Run) -> bool:
    """Whether something happens that only a running execution does."""
    is_waiting = run.execution.state == State.PENDING
    return is_waiting and any(not _is_ready(run, move) for move in run.moves)


def _is_ready(run: Run, move: moves.Move) -> bool:
    if isinstance(move, moves.Opened):
        return run.graph.nodes[move.node].kind in WORK and not move.role
    return isinstance(move, moves.Passed)


def _concluded(run: Run) -> list[transitions.Entry]:
    """The execution's end, if it has come: a paused one ends when it is resumed."""
    if run.execution.state != State.RUNNING or not (run.failure or run.marking.ended):
        return []
    run.actor = transitions.SYSTEM
    if run.failure:
        return [run.come_to(State.FAILED, error=run.failure)]
    return [run.come_to(State.COMPLETED)]


def _told(run: Run) -> None:
    """What an end that has been written means for others, and for what the execution waits for."""
    if len(run.states) < 2 or run.states[-1] not in (State.FAILED, State.COMPLETED):
        return
    if run.failure:
        hold(run.execution)
    if run.execution.parent_task is not None:
        answer_caller(run.execution, _code(run.execution) if run.failure else "", run.failure)


def _code(execution: Execution) -> str:
    """The kind of the error that an execution failed with."""
    tasks = execution.tasks.filter(state=State.FAILED).order_by("-finished_at")
    return tasks.values_list("error_kind", flat=True).first() or "error"
