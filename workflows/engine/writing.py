"""Writes what token games did: tasks, timers, subscriptions and audit rows, set-based."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from workflows import clock
from workflows.graph import moves
from workflows.graph.marking import BODY, INCIDENT, Marking
from workflows.graph.retry import RetryPolicy
from workflows.graph.shape import CALL, CATCH, EVENT_GATEWAY, HUMAN, WORK, Graph
from workflows.models import BufferedMessage, Delivery, Execution, State, Subscription, Task, Timer
from workflows.models.runs import task_id

from . import approvals, buffering, deliveries, graphs, transitions

WAITING = frozenset({CALL, CATCH, EVENT_GATEWAY})
PATHS: dict[tuple[str, str], tuple[str, ...]] = {
    (State.PENDING, State.COMPLETED): (State.RUNNING, State.COMPLETED),
    (State.RUNNING, State.COMPLETED): (State.COMPLETED,),
    (State.PAUSED, State.COMPLETED): (State.RUNNING, State.COMPLETED),
    (State.PENDING, State.CANCELLED): (State.CANCELLED,),
    (State.RUNNING, State.CANCELLED): (State.PAUSED, State.CANCELLED),
    (State.PAUSED, State.CANCELLED): (State.CANCELLED,),
    (State.PENDING, State.FAILED): (State.RUNNING, State.FAILED),
    (State.RUNNING, State.FAILED): (State.FAILED,),
    (State.PAUSED, State.FAILED): (State.RUNNING, State.FAILED),
}
LIVE = frozenset({State.PENDING, State.RUNNING, State.PAUSED})


@dataclass(slots=True)
class Run:
    """An execution of a token graph in hand: locked, with what has moved and is still to write.

    `reported` are the tasks whose results the database settles by itself; `closed` counts those of
    them that are over. `states` are those that the execution comes to, from the first on. `failure`
    says why it fails.
    """

    execution: Execution
    graph: Graph
    marking: Marking
    variables: dict[str, Any]
    actor: str = transitions.SYSTEM
    moves: list[moves.Move] = field(default_factory=list)
    assigned: dict[str, Any] = field(default_factory=dict)
    reported: set[int] = field(default_factory=set)
    closed: int = 0
    states: list[str] = field(default_factory=list)
    failure: str = ""

    def __post_init__(self) -> None:
        self.states.append(self.execution.state)

    def come_to(self, state: str, **told: Any) -> transitions.Entry:
        """The execution comes to a state; the audit row."""
        self.states.append(state)
        return transitions.foreseen(self.execution, state, by=self.actor, told=told)

    def id_of(self, seq: int) -> int:
        return task_id(self.execution.pk, seq)


@dataclass(slots=True)
class Row:
    """A task on its way: where it is by now, and the steps it took since it was read."""

    pk: int
    key: str
    node: int
    at: str
    task: Task | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)


class Page:
    """What is written for one transaction's runs."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = runs
        self.rows: dict[int, Row] = {}
        self.entries: list[transitions.Entry] = []
        self.opened: dict[int, int] = {}
        self.timers: dict[tuple[int, int], Timer] = {}
        self.subscriptions: dict[tuple[int, int], Subscription] = {}
        self.disarmed: set[tuple[int, int]] = set()
        self.cancelled: list[Row] = []
        self.parcels: list[tuple[str, int | None, dict[str, Any]]] = []
        self._read()

    def fold(self) -> list[transitions.Entry]:
        """Go through the moves; the audit rows, still to be recorded."""
        self.opened = {run.execution.pk: self._fold(run) for run in self.runs}
        return self.entries

    def write(
        self,
        session_id: int | None,
        outcomes: Sequence[dict[str, Any]],
        entries: Sequence[transitions.Entry],
        want: int,
    ) -> list[transitions.Effect]:
        """Write what was folded, with a session's outcomes and the audit rows; what is lent."""
        self._let_go()
        self._move()
        fresh = [row.fields | {"state": row.at} for row in self.rows.values() if row.fields]
        runs = [_run(run, self.opened[run.execution.pk]) for run in self.runs]
        lent = transitions.advance_tokens(session_id, outcomes, fresh, runs, entries, want)
        self._wait_for_events()
        deliveries.post(self.parcels)
        return lent

    def _read(self) -> None:
        """The tasks that the moves name and that are there already."""
        wanted = []
        for run in self.runs:
            fresh = {move.seq for move in run.moves if isinstance(move, moves.Opened)}
            wanted += [
                run.id_of(move.seq)
                for move in run.moves
                if isinstance(move, ENDING) and move.seq not in fresh
            ]
        for task in Task.objects.filter(pk__in=wanted) if wanted else ():
            self.rows[task.pk] = Row(task.pk, task.key, task.node, task.state, task)

    def _fold(self, run: Run) -> int:
        """Go through a run's moves in order; the change of its number of open tasks."""
        known = {pk for pk in self.rows if pk >> 20 == run.execution.pk}
        before = sum(self.rows[pk].at in LIVE for pk in known)
        for move in run.moves:
            self._one(run, move)
        mine = [row for pk, row in self.rows.items() if pk >> 20 == run.execution.pk]
        return sum(row.at in LIVE for row in mine) - before

    def _one(self, run: Run, move: moves.Move) -> None:
        match move:
            case moves.Opened():
                self._open(run, move)
            case moves.Completed(seq, output, assigned):
                run.assigned |= assigned
                changed: dict[str, Any] = {"set": dict(assigned)} if assigned else {}
                if row := self.rows.get(run.id_of(seq)):
                    changed |= way(run.graph, row.node, move)
                self._end(run, seq, State.COMPLETED, changed, output=dict(output))
            case moves.Cancelled(seq, reason):
                self._end(run, seq, State.CANCELLED, {"reason": reason})
            case moves.Failed(seq, error, kind):
                broken = {"error": error, "error_kind": kind}
                self._end(run, seq, State.FAILED, dict(broken), **broken)
                run.failure = run.failure or f"{self.rows[run.id_of(seq)].key}: {error}"
            case moves.Caught(seq, code, node):
                told = {"caught": run.graph.nodes[node].key, "error_kind": code}
                self._end(run, seq, State.FAILED, told, error_kind=code)
            case moves.Passed():
                self._pass(run, move)
            case moves.Armed():
                self._arm(run, move)
            case moves.Disarmed(handler):
                self._disarm(run, handler)
            case moves.Thrown() | moves.Called():
                self._send(run, move)
            case moves.Escalated(_, code) if run.execution.parent_task is not None:
                answer = {"task": run.execution.parent_task, "escalation": code}
                self.parcels.append((Delivery.Kind.ANSWER, run.execution.pk, answer))
            case moves.Stuck(nodes):
                names = ", ".join(run.graph.nodes[node].name for node in nodes)
                run.failure = f"Nothing can move on: {names} waits for paths that were not taken."

    def _open(self, run: Run, move: moves.Opened) -> None:
        node = run.graph.nodes[move.node]
        is_work = node.kind in WORK and move.role == ""
        pk = run.id_of(move.seq)
        row = Row(pk, node.key, move.node, State.PENDING)
        row.fields = {
            "id": pk,
            "node": move.node,
            "scope": run.id_of(move.scope) if move.scope else None,
            "iteration": move.iteration,
            "loop_index": move.index,
            "key": node.key,
            "name": node.name,
            "kind": "loop" if move.role == BODY else node.kind,
            "lane": graphs.lane(run.execution.version_id, move.node) if is_work else 0,
            "priority": run.marking.priority or node.priority,
            "is_ready": is_work and run.execution.state in (State.PENDING, State.RUNNING),
            "max_attempts": _attempts(run.graph, move.node) if is_work else 1,
            "timeout_seconds": node.timeout_seconds if is_work else None,
            "input": move.input,
            "error": "",
            "error_kind": "",
        }
        self.rows[pk] = row
        told = {"node": node.key, "scope": row.fields["scope"], "iteration": move.iteration}
        if move.index is not None:
            told["index"] = move.index
        self._tell(run, row, "task.opened", None, None, told)
        if not is_work and move.role != INCIDENT:
            self._step(run, row, State.RUNNING, {})
            if node.kind in WAITING and move.role == "":
                self._step(run, row, State.PAUSED, {"waits": node.event.get("type", node.kind)})

    def _end(self, run: Run, seq: int, goal: str, told: dict[str, Any], **fields: Any) -> None:
        row = self.rows.get(run.id_of(seq))
        if row is None or row.pk in run.reported:
            return
        path = PATHS.get((row.at, goal), ())
        if goal == State.CANCELLED and path:
            self.cancelled.append(row)
        for state in path:
            is_last = state == path[-1]
            self._step(run, row, state, told if is_last else {}, **(fields if is_last else {}))

    def _step(self, run: Run, row: Row, new: str, told: dict[str, Any], **fields: Any) -> None:
        if row.task is not None:
            row.steps.append({"id": row.pk, "old": row.at, "new": new, **fields})
        else:
            row.fields |= {**fields, "is_ready": False}
        self._tell(run, row, f"task.{new}", row.at, new, told)
        row.at = new

    def _tell(
        self,
        run: Run,
        row: Row,
        kind: str,
        old: str | None,
        new: str | None,
        told: dict[str, Any],
    ) -> None:
        task = row.task
        self.entries.append(
            transitions.Entry(
                kind=kind,
                entity_type="task",
                entity_id=str(row.pk),
                actor=run.actor,
                execution_id=run.execution.pk,
                task_id=row.pk,
                old_state=old,
                new_state=new,
                attempt=task.attempt if task else 0,
                agent_id=task.agent_key or None if task else None,
                lease_token=task.fence if task else 0,
                data={"key": row.key, **told},
            )
        )

    def _pass(self, run: Run, move: moves.Passed) -> None:
        node, flows = run.graph.nodes[move.node], run.graph.flows
        to = [run.graph.nodes[flows[number].target].key for number in move.flows]
        run.assigned |= move.data.get("set", {})
        self.entries.append(
            transitions.Entry(
                kind="token.passed",
                entity_type="node",
                entity_id=node.key,
                actor=run.actor,
                execution_id=run.execution.pk,
                data={"key": node.key, "kind": node.kind, "to": to, **move.data},
            )
        )

    def _arm(self, run: Run, move: moves.Armed) -> None:
        place = (run.execution.pk, move.handler)
        host = run.id_of(move.host) if move.host else None
        if move.kind == "timer":
            self.timers[place] = Timer(
                kind=Timer.Kind.EVENT,
                execution_id=run.execution.pk,
                task_id=host,
                handler=move.handler,
                due_at=_moment(move.due),
                is_held=run.execution.state in (State.PAUSED, State.FAILED),
            )
        elif move.kind in Subscription.Kind.values:
            self.subscriptions[place] = Subscription(
                execution_id=run.execution.pk,
                task_id=host,
                node=move.node,
                handler=move.handler,
                kind=move.kind,
                name=move.name,
                key=move.key,
            )

    def _disarm(self, run: Run, handler: int) -> None:
        place = (run.execution.pk, handler)
        if self.timers.pop(place, None) is None and self.subscriptions.pop(place, None) is None:
            self.disarmed.add(place)

    def _send(self, run: Run, move: moves.Thrown | moves.Called) -> None:
        run_id = run.execution.pk
        if isinstance(move, moves.Called):
            data = {
                "task": run.id_of(move.seq),
                "key": move.key,
                "input": dict(move.input),
                "version": move.version,
            }
            self.parcels.append((Delivery.Kind.CALL, run_id, data))
            return
        data = {"name": move.name, "key": move.key, "payload": dict(move.payload)}
        if move.ttl is not None:
            data["ttl"] = move.ttl
        self.parcels.append((move.kind, run_id, data))

    def _let_go(self) -> None:
        """What stood behind cancelled tasks: workers, questions to people, timers, called runs."""
        held = [row.task for row in self.cancelled if row.task]
        if not held:
            return
        transitions.let_go([task for task in held if task.state == State.RUNNING])
        for task in held:
            if task.kind == HUMAN and task.state == State.PAUSED:
                approvals.cancel_open(task.execution_id, task.pk)
            if task.kind == CALL:
                self.parcels.append((Delivery.Kind.CANCEL, None, {"task": task.pk}))
        own = Timer.objects.filter(task_id__in=[task.pk for task in held])
        own.exclude(kind=Timer.Kind.EVENT).delete()

    def _move(self) -> None:
        """Step by step, all tasks at once: the table knows no way around."""
        moving = [row.steps for row in self.rows.values() if row.steps]
        for place in range(max(map(len, moving), default=0)):
            transitions.move_tasks([steps[place] for steps in moving if place < len(steps)])

    def _wait_for_events(self) -> None:
        for run in self.runs:
            pk = run.execution.pk
            gone = [handler for owner, handler in self.disarmed if owner == pk]
            if gone:
                Timer.objects.filter(execution_id=pk, handler__in=gone).delete()
                Subscription.objects.filter(execution_id=pk, handler__in=gone).delete()
        if self.timers:
            Timer.objects.bulk_create(self.timers.values())
        if self.subscriptions:
            Subscription.objects.bulk_create(self.subscriptions.values())
            self._hear_early_messages()

    def _hear_early_messages(self) -> None:
        """Messages that came before; in the order of their keys, in which they are locked."""
        waiting = [one for one in self.subscriptions.values() if one.kind == "message"]
        for one in sorted(waiting, key=lambda one: (one.name, one.key)):
            buffering.lock(one.name, one.key)
            early = buffering.take(one.name, one.key)
            if early is not None:
                self.parcels.append((Delivery.Kind.EVENT, None, _event(one, early)))


ENDING = (moves.Completed, moves.Cancelled, moves.Failed, moves.Caught)


def way(graph: Graph, node: int, move: moves.Completed) -> dict[str, Any]:
    """For the audit: where the token of a task that is done has gone, as `graphs.way` tells it."""
    return graphs.way(graph, node, [graph.flows[flow].target for flow in move.flows])


def _run(run: Run, opened: int) -> dict[str, Any]:
    was, *states = run.states
    return {
        "id": run.execution.pk,
        "marking": run.marking.to_json(),
        "opened": opened - run.closed,
        "assigned": run.assigned or None,
        **({"was": was, "error": run.failure} if states else {}),
        **dict(zip(("first", "then"), states, strict=False)),
    }


def _event(waiter: Subscription, early: BufferedMessage) -> dict[str, Any]:
    return {
        "execution": waiter.execution_id,
        "handler": waiter.handler,
        "kind": waiter.kind,
        "name": waiter.name,
        "key": waiter.key,
        "payload": early.payload,
        "ttl": max((early.expires_at - clock.of_database()).total_seconds(), 0),
    }


def _attempts(graph: Graph, node: int) -> int:
    return RetryPolicy.of(graph.retry_policy, graph.nodes[node].max_retries).max_attempts


def _moment(due: float | str) -> Any:
    """Its value, or an expression for it."""
    if isinstance(due, str):
        return datetime.fromisoformat(due)
    return clock.in_database() + timedelta(seconds=due)
