"""Running an execution again from one of its steps, as another execution that is linked to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from workflows import clock, queue
from workflows.errors import CannotRerun, IllegalTransition, InvalidInput, UnknownTask
from workflows.graph import routing
from workflows.graph.rerunning import entry as token_entry
from workflows.graph.shape import REMOVED, Graph
from workflows.models import AuditEvent, Execution, State, Task
from workflows.models.runs import task_id

from . import arguments, events, graphs, interventions, rerunning, tokens, transitions

COPIED = ("input", "output", "attempt", "agent_key", "started_at", "finished_at")


def rerun_from(
    execution_id: int,
    task_key: str,
    *,
    by: AbstractBaseUser | None,
    reason: str = "",
    variables: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> Execution:
    """Start a fork: the same version, earlier results copied, this step and all after it fresh.

    Its variables are those with which the step began, overlaid by `variables`. The execution itself
    only gets an audit row that names the fork; asking again with one `idempotency_key` gives the
    same fork. The fork of a token graph has one token, at this step (its last visit), in new scopes
    around it; at joins behind it waits what other paths had brought. Raises UnknownTask,
    IllegalTransition when the step has never had its turn, InvalidInput, CannotRerun. Refusals are
    recorded.
    """
    edited = arguments.json_object("variables", {} if variables is None else variables)
    key = arguments.idempotency_key(idempotency_key)
    with interventions.locked(execution_id, "rerun_from", by=by, reason=reason) as origin:
        task = _step(origin, task_key)
        if (earlier := _earlier(origin, key)) is not None:
            return earlier
        if origin.marking is not None:
            return _token_fork(origin, task, edited, by, reason, key)
        past = _past(origin, task)
        is_gone = past.graph.nodes[task.node].kind == REMOVED
        if is_gone or not may_rerun_from(task) or past.waits_on(task.node):
            raise IllegalTransition(task.state, State.RUNNING, str(task))
        past.variables.update(edited)
        return _forked(origin, task, past, by, reason, key)


def variables_before(origin: Execution, task: Task) -> dict[str, Any]:
    """The variables with which the step began, as a fork from it would. Raises CannotRerun."""
    if origin.marking is not None:
        rerunning.check(origin, task)
        return rerunning.history(origin, task).variables
    return _past(origin, task).variables


def ways_taken(origin: Execution, tasks: Iterable[Task]) -> dict[int, list[int]]:
    """Where the tokens of the completed ones among its tasks went: node -> nodes."""
    done = {task.node: task for task in tasks if task.state == State.COMPLETED}
    past = Past(graphs.of(origin.version_id), done)
    _replay(origin, past, None)
    return past.went_to


def may_rerun_from(task: Task) -> bool:
    """Whether the step has had its turn, as far as its row tells."""
    if task.state in (State.PENDING, State.CANCELLED):
        return task.waits_on == 0 or task.attempt > 0
    return True


def rerunnable(origin: Execution, tasks: Iterable[Task]) -> set[int]:
    """The ids of those among its tasks that a fork can begin at, as far as their rows tell."""
    if origin.marking is not None:
        return rerunning.rerunnable(origin, tasks)
    return {task.pk for task in tasks if may_rerun_from(task)}


@dataclass
class Past:
    """What a fork takes over: tasks by node, where their tokens went, and the variables."""

    graph: Graph
    kept: dict[int, Task] = field(default_factory=dict)
    went_to: dict[int, list[int]] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)

    def leave(self, task: Task, known: list[int] | None) -> None:
        """Send a kept task's tokens on; `known`: where to, as a fork says of its own copies."""
        if known is None:
            step = routing.leave(self.graph, task.node, task.output or {}, self.variables)
            known = list(step.targets)
        self.went_to[task.node] = known

    @cached_property
    def tokens(self) -> Counter[int]:
        return Counter(target for targets in self.went_to.values() for target in targets)

    def waits_on(self, node: int) -> int:
        """How many tokens the node still waits for."""
        return max(self.graph.waits_on(node) - self.tokens[node], 0)


def _earlier(origin: Execution, idempotency_key: str | None) -> Execution | None:
    if not idempotency_key:
        return None
    runs = Execution.objects.filter(workflow=origin.workflow_id, idempotency_key=idempotency_key)
    found = runs.first()
    if found is not None and found.forked_from_id != origin.pk:
        told = f"idempotency_key: “{idempotency_key}” has started {found}, no fork of {origin}"
        raise InvalidInput([told])
    return found


def _step(origin: Execution, key: Any) -> Task:
    """The last visit of a step. Raises UnknownTask, CannotRerun when there has been none."""
    task = interventions.task_with_key(origin, key)
    if task is not None:
        return task
    if isinstance(key, str) and key in graphs.of(origin.version_id).index:
        raise CannotRerun(f"“{key}” has never had its turn in {origin}.")
    raise UnknownTask(f"There is no step “{key!s:.100}” in {origin}.")


def _past(origin: Execution, chosen: Task) -> Past:
    """The audit of the kept tasks, replayed: each took its ways on the variables of its time."""
    graph = graphs.of(origin.version_id)
    after = _reachable(graph, chosen.node)
    done = origin.tasks.filter(state=State.COMPLETED).exclude(node__in=after)
    past = Past(graph, {task.node: task for task in done})
    _replay(origin, past, chosen)
    return past


def _replay(origin: Execution, past: Past, chosen: Task | None) -> None:
    """Fill `past` from the audit. What was left before a move went where the move says."""
    kept = {task.pk: task for task in past.kept.values()}
    moves = origin.audit_events.filter(kind="execution.moved").order_by("-seq")
    moved_at = moves.values_list("seq", flat=True).first() or 0
    for row, has_begun in _rows(origin, chosen):
        if row.kind == "task.completed" and row.task_id in kept:
            if row.seq > moved_at:
                past.leave(kept[row.task_id], row.data.get("went_to"))
            past.variables.update(row.data.get("set") or {})
        elif row.kind == "execution.moved" and row.seq == moved_at:
            past.went_to.update({node: to for node, to in row.data["went_to"] if node in past.kept})
        elif row.entity_type == "execution" and not has_begun:
            past.variables.update(row.data.get("variables") or {})
            past.variables.update(row.data.get("set") or {})


def _rows(origin: Execution, chosen: Task | None) -> Iterator[tuple[AuditEvent, bool]]:
    """The audit rows in order, and whether the chosen step had begun before each."""
    has_begun = False
    for row in origin.audit_events.order_by("seq").iterator():
        if chosen is not None and row.task_id == chosen.pk and row.new_state == State.RUNNING:
            has_begun = True
        yield row, has_begun


def _reachable(graph: Graph, node: int) -> set[int]:
    """The node and all that come after it."""
    found, left = {node}, [node]
    while left:
        news = {flow.target for flow in graph.outgoing[left.pop()]} - found
        found |= news
        left += news
    return found


def _forked(
    origin: Execution,
    task: Task,
    past: Past,
    by: AbstractBaseUser | None,
    reason: str,
    idempotency_key: str | None,
) -> Execution:
    said = {"reason": reason} if reason else {}
    link = {"forked_from": origin.pk, "from_step": task.key, **said}
    fork = _started(origin, past.variables, by, link, idempotency_key)
    who = transitions.actor(by)
    entries = [entry for kept in past.kept.values() for entry in _copied(fork, kept, past, who)]
    entries += _open(fork, past, who)
    entries.append(_entry(origin, who, {"fork": fork.pk, "from_step": task.key, **said}))
    return _told(origin, fork, entries)


def _told(origin: Execution, fork: Execution, entries: list[transitions.Entry]) -> Execution:
    transitions.record(entries)
    transitions.doorbell([origin.pk, fork.pk], work=True)
    events.publish(
        "workflow_started", {"execution_id": fork.pk, "workflow_id": origin.workflow.key}
    )
    queue.wake()
    fork.refresh_from_db()
    return fork


def _token_fork(
    origin: Execution,
    task: Task,
    variables: Mapping[str, Any],
    by: AbstractBaseUser | None,
    reason: str,
    idempotency_key: str | None,
) -> Execution:
    rerunning.check(origin, task)
    graph, known = graphs.of(origin.version_id), rerunning.history(origin, task)
    entry = token_entry(graph, task.node)
    came = rerunning.came(graph, entry, known)
    said = {"reason": reason} if reason else {}
    link = {"forked_from": origin.pk, "from_step": task.key, **said}
    fork = _started(origin, {**known.variables, **variables}, by, link, idempotency_key)
    tokens.begin_within(fork.pk, entry, came)
    named = {"fork": fork.pk, "from_step": task.key, **said}
    return _told(origin, fork, [_entry(origin, transitions.actor(by), named)])


def _started(
    origin: Execution,
    variables: dict[str, Any],
    by: AbstractBaseUser | None,
    link: dict[str, Any],
    idempotency_key: str | None,
) -> Execution:
    run = {
        "input": origin.input,
        "variables": variables,
        "idempotency_key": idempotency_key or None,
        "requested_by": by.pk if by is not None else None,
        "priority": origin.priority,
        "explicit": None,
        "actor": transitions.actor(by),
        "data": {
            "workflow": origin.workflow.key,
            "version": origin.version.number,
            "variables": variables,
            **link,
        },
    }
    fork = Execution.objects.get(pk=transitions.start(origin.version_id, [run])[0])
    Execution.objects.filter(pk=fork.pk).update(forked_from=origin, forked_at=link["from_step"])
    return fork


def _copied(fork: Execution, kept: Task, past: Past, who: str) -> list[transitions.Entry]:
    """The task of the fork, brought to COMPLETED by legal moves that say where from."""
    task = Task.objects.get(pk=task_id(fork.pk, kept.node))
    copy = {name: getattr(kept, name) for name in COPIED}
    source = f"copied from #{kept.execution_id}"
    begun = transitions.move(
        task, State.RUNNING, by=who, reason=source, is_ready=False, waits_on=0, **copy
    )
    done = transitions.move(task, State.COMPLETED, by=who, reason=source)
    went_to = past.went_to[kept.node]
    return [begun, transitions.with_data(done, copied_from=kept.pk, went_to=went_to)]


def _open(fork: Execution, past: Past, who: str) -> list[transitions.Entry]:
    """What waits for tokens that the copied tasks have left, and what waits for nothing more."""
    nodes = past.graph.nodes
    fresh = [node for node in range(len(nodes)) if node not in past.kept]
    gone = [node for node in fresh if nodes[node].kind == REMOVED]
    for node in fresh:
        waits_on = past.waits_on(node)
        is_ready = waits_on == 0 and node not in gone
        since = clock.in_database() if is_ready else None
        Task.objects.filter(pk=task_id(fork.pk, node)).update(
            waits_on=waits_on, is_ready=is_ready, waits_since=since
        )
    due = sum(past.waits_on(node) == 0 for node in fresh if node not in gone)
    Execution.objects.filter(pk=fork.pk).update(open_tasks=due)
    return [
        transitions.move(task, State.CANCELLED, by=who, reason="removed", finished_at=clock.now())
        for task in fork.tasks.filter(node__in=gone)
    ]


def _entry(origin: Execution, who: str, data: dict[str, Any]) -> transitions.Entry:
    return transitions.Entry(
        kind="execution.forked",
        entity_type="execution",
        entity_id=str(origin.pk),
        actor=who,
        execution_id=origin.pk,
        data=data,
    )
