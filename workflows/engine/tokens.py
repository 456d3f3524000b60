"""Runs token graphs: routes under the execution's lock, over one marking, and writes what moved.

Plain graphs never come here. docs/architecture.md says how the two ways meet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workflows.errors import InvalidExpression, InvalidInput
from workflows.graph import ad_hoc, moves, tokens
from workflows.graph.game import Game
from workflows.graph.marking import Marking
from workflows.graph.rerunning import Entry
from workflows.graph.shape import WORK, Graph
from workflows.models import Delivery, Execution, State, Subscription, Task, Timer
from workflows.models.runs import seq_of, tasks_of

from . import deliveries, events, graphs, transitions, writing
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
    write([run])


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
    write([run])


def move(execution: Execution, old: Graph, *, by: str) -> None:
    """Go on over the graph of the version that a locked execution has been moved to.

    Raises InvalidInput when it cannot be told what is waited for there.
    """
    run = run_of(execution, by)
    try:
        run.moves = tokens.moved(old, run.graph, run.marking, run.variables)
    except InvalidExpression as error:
        raise InvalidInput([str(error)]) from error
    write([run])


def fire(execution: Execution, handler: int, payload: Mapping[str, Any]) -> bool:
    """An event that a locked execution waits for has happened; False if it waits no more."""
    if execution.marking is None or execution.is_final:
        return False
    run = run_of(execution)
    if handler not in run.marking.armed:
        return False
    run.moves = tokens.fire(run.graph, run.marking, handler, payload, run.variables)
    write([run])
    return True


def cancel(execution: Execution, task: Task, *, by: str, reason: str) -> None:
    """Take a task of a locked execution away, with what lies in it and its token."""
    run = run_of(execution, by)
    seq = seq_of(task.pk)
    if seq in run.marking.open:
        run.moves = tokens.cancel(run.graph, run.marking, seq, reason, run.variables)
        write([run])


def offered(execution: Execution, task: Task) -> tuple[int, ...]:
    """The nodes that an open ad-hoc sub-process offers now."""
    run = run_of(execution)
    if seq_of(task.pk) not in run.marking.open:
        return ()
    return ad_hoc.offered(Game(run.graph, run.marking, run.variables), seq_of(task.pk))


def activate(execution: Execution, task: Task, node: int, *, by: str) -> None:
    """Begin a node that an ad-hoc sub-process of a locked execution offers."""
    run = run_of(execution, by)
    seq = seq_of(task.pk)
    run.moves = tokens.activate(run.graph, run.marking, seq, node, run.variables)
    write([run])


def answer(task: Task, output: Mapping[str, Any]) -> None:
    """The execution that a waiting task has called is done; its own execution is locked."""
    run = run_of(Execution.objects.get(pk=task.execution_id))
    seq = seq_of(task.pk)
    if seq not in run.marking.open:
        return
    try:
        run.moves = tokens.leave(run.graph, run.marking, seq, output, run.variables)
    except InvalidExpression as error:
        run.moves = [moves.Failed(seq, str(error), "expression")]
    write([run])


def answer_failed(task: Task, error: str, code: str) -> None:
    """Nothing will come of a call: its task fails, unless that is caught."""
    if answer_caught(task, error, code):
        return
    run = run_of(Execution.objects.get(pk=task.execution_id))
    if seq_of(task.pk) in run.marking.open:
        run.moves = [moves.Failed(seq_of(task.pk), error, code)]
        write([run])


def answer_caught(task: Task, error: str, code: str) -> bool:
    """The called execution has failed; False when nothing around the task catches that."""
    return _caught(
        task,
        lambda run, seq: tokens.raise_error(
            run.graph, run.marking, seq, code, error, run.variables
        ),
    )


def answer_escalated(task: Task, code: str) -> bool:
    """The called execution has escalated; False when nothing around the task catches that."""
    return _caught(
        task,
        lambda run, seq: tokens.raise_escalation(run.graph, run.marking, seq, code, run.variables),
    )


def _caught(task: Task, raised: Callable[[Run, int], list[moves.Move] | None]) -> bool:
    """Write what comes of what a call has raised; False, and nothing written, if nothing does."""
    run = run_of(Execution.objects.get(pk=task.execution_id))
    seq = seq_of(task.pk)
    found = raised(run, seq) if seq in run.marking.open else None
    if found is None:
        return False
    run.moves = found
    write([run])
    return True


def is_open(execution: Execution, task: Task) -> bool:
    """Whether a task's token is still at it: one whose error was caught elsewhere is not."""
    return bool(still_open(execution, [task]))


def still_open(execution: Execution, tasks: Sequence[Task]) -> list[Task]:
    """Those tasks of an execution whose tokens are still at them."""
    if execution.marking is None or not tasks:
        return list(tasks)
    at = {seq for seq, *_ in execution.marking.get("open", ())}
    return [task for task in tasks if seq_of(task.pk) in at]


def conclude(execution: Execution) -> None:
    """End a locked token execution, if nothing is left of it or, running, a task has failed."""
    run = run_of(execution)
    entries = []
    if run.marking.ended and execution.state == State.PENDING:
        entries.append(run.come_to(State.RUNNING))
    failed = list(execution.tasks.filter(state=State.FAILED).order_by("finished_at"))
    for task in still_open(execution, failed)[:1]:
        run.failure = f"{task.name}: {task.error}"
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


def stop(executions: Sequence[Execution]) -> None:
    """Forget what locked executions that are being cancelled wait for and have called."""
    ids = [execution.pk for execution in executions]
    Subscription.objects.filter(execution__in=ids).delete()
    called = tasks_of(ids).filter(kind="call", state=State.PAUSED).values_list("pk", flat=True)
    deliveries.post((Delivery.Kind.CANCEL, None, {"task": pk}) for pk in called)
    routed = [execution for execution in executions if execution.marking is not None]
    for execution in routed:
        ended = Marking(next=(execution.marking or {})["next"], ended=True)
        execution.marking = ended.to_json()
    Execution.objects.bulk_update(routed, ["marking"])
    answer_callers(executions, "cancelled", "The called execution was cancelled.")


def answer_callers(executions: Sequence[Execution], code: str, error: str) -> None:
    """Tell the tasks that have called locked executions how these ended; "" for well."""
    deliveries.post(
        (Delivery.Kind.ANSWER, one.pk, {"task": one.parent_task, "code": code, "error": error})
        for one in executions
        if one.parent_task is not None
    )


def variables_set(execution: Execution, by: str) -> None:
    """Let a locked execution, whose variables somebody has set, take up what waited for that."""
    run = run_of(execution, by)
    run.moves += tokens.variables_set(run.graph, run.marking, run.variables)
    if run.moves:
        write([run])


def run_of(execution: Execution, by: str = transitions.SYSTEM) -> Run:
    """A locked execution in hand, with what `by` is about to move in it."""
    marking = Marking.from_json(execution.marking or {"next": 1})
    graph = graphs.of(execution.version_id)
    return Run(execution, graph, marking, dict(execution.variables), by)


def write(
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
        answer_callers([run.execution], _code(run.execution) if run.failure else "", run.failure)


def _code(execution: Execution) -> str:
    """The kind of the error that an execution failed with."""
    tasks = execution.tasks.filter(state=State.FAILED).order_by("-finished_at")
    return tasks.values_list("error_kind", flat=True).first() or "error"
