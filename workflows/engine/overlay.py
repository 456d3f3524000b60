"""What is laid over the diagram of an execution: where its tokens are and which ways they took.

It costs a line for each node, however often a node was visited. `hindsight` gives the same of the
past, so that one painter serves both.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Count, F, Max, Q, QuerySet, Sum, Value, When

from workflows.graph import structure
from workflows.graph.marking import Marking
from workflows.graph.retry import IN_DOUBT
from workflows.graph.shape import (
    BOUNDARY,
    CALL,
    EVENT_GATEWAY,
    HUMAN,
    INCLUSIVE,
    PARALLEL,
    SCOPE,
    WORK,
    Graph,
)
from workflows.models import AuditHead, Execution, State, Task
from workflows.models.runs import task_id

from . import graphs, tracks

TAKEN, ACTIVE, SKIPPED = "taken", "active", "skipped"
LOOP = "loop"
COUNTED = ("live", "done", "failed", "visits", "parked")


@dataclass(slots=True)
class Stand:
    """How a node stands: tokens at it (`live`), through it (`done`), lost in it (`failed`).

    `parked` of the live ones have arrived and wait for others. `task` is the one to show, `waits`
    what it waits for: approval, call, retry, agent, paths, or the type of an event.
    """

    state: str = ""
    live: int = 0
    done: int = 0
    failed: int = 0
    visits: int = 0
    parked: int = 0
    task: int | None = None
    waits: str = ""


@dataclass(frozen=True, slots=True)
class Overlay:
    """After audit row `seq`; nodes and flows by their indexes in the graph, as far as reached.

    `here` is the node that the row is about, in the past.
    """

    seq: int
    state: str
    nodes: Mapping[int, Stand]
    flows: Mapping[int, str]
    here: int | None = None


def seq(execution_id: int) -> int:
    """The number of the last audit row: the overlay is another one only when this is."""
    found = AuditHead.objects.filter(pk=execution_id).values_list("seq", flat=True).first()
    return found or 0


def now(execution: Execution, at: int) -> Overlay:
    """The present of an execution whose last audit row is `at`."""
    marking = None if execution.marking is None else Marking.from_json(execution.marking)
    nodes = _stands(execution, marking)
    if marking is None:
        done = [node for node, one in nodes.items() if one.state == State.COMPLETED]
        told = tracks.decided(execution)
        taken = tracks.of_plain(execution, told, done, execution.variables)
    else:
        taken = Counter(marking.taken)
        for (_, node), flows in marking.parked.items():
            nodes[node].parked += sum(flows.values())
    return laid(execution, at, execution.state, nodes, taken)


def laid(
    execution: Execution,
    at: int,
    state: str,
    nodes: dict[int, Stand],
    taken: Counter[int],
    here: int | None = None,
) -> Overlay:
    """Add the nodes that have no tasks, of which the flows around them tell."""
    graph = graphs.of(execution.version_id)
    _behind_event_gateways(graph, taken)
    for node in range(len(graph.nodes)):
        known = nodes.get(node)
        if (known is None or not known.state) and (passed := _passed(graph, node, taken)):
            nodes[node].state, nodes[node].done = State.COMPLETED, passed
            nodes[node].visits = passed
    for one in nodes.values():
        one.live += one.parked
        if one.parked and not one.task:
            one.state, one.waits = State.PENDING, "paths"
    shown = {node: one for node, one in nodes.items() if one.state}
    return Overlay(at, state, shown, _uses(graph, shown, taken), here)


def shown_state(state: str, error_kind: str) -> str:
    """A task's state, or "in_doubt"."""
    return IN_DOUBT if state == State.FAILED and error_kind == IN_DOUBT else state


def pending(waits_on: int, attempt: int) -> str:
    """What a pending task waits for."""
    if waits_on:
        return "retry" if attempt else "paths"
    return "agent"


def waits(graph: Graph, position: int, state: str, pending: str) -> str:
    """What a node's task waits for; "" if it does not."""
    node = graph.nodes[position]
    if state == State.PENDING:
        return pending
    if state != State.PAUSED:
        return ""
    if node.kind in (HUMAN, CALL):
        return "approval" if node.kind == HUMAN else "call"
    return str(node.event.get("type") or "event")


def _stands(execution: Execution, marking: Marking | None) -> dict[int, Stand]:
    """By node, from its tasks: two queries, each of which answers a line a node."""
    rows, failed = execution.tasks.order_by(), Q(state=State.FAILED)
    if marking is not None:  # a failed task whose error was caught has no token any more
        failed &= Q(pk__in=[task_id(execution.pk, number) for number in marking.open])
    is_due = Q(state=State.PENDING) & (Q(waits_on=0) | Q(attempt__gt=0))
    each = ~Q(kind=LOOP)
    is_live = is_due | Q(state__in=[State.RUNNING, State.PAUSED]) | failed
    counted: Iterable[Mapping[str, Any]] = rows.values("node").annotate(
        live=Count("pk", filter=each & is_live),
        done=Count("pk", filter=each & Q(state=State.COMPLETED)),
        failed=Count("pk", filter=each & Q(state=State.FAILED)),
        broken=Max("pk", filter=failed),
        visits=Count("pk", filter=each),
        parked=Sum(F("needs") - F("waits_on"), filter=Q(state=State.PENDING) & ~is_due, default=0),
    )
    nodes: dict[int, Stand] = defaultdict(Stand)
    broken: set[int] = set()
    for one in counted:
        nodes[one["node"]] = Stand(**{name: one[name] for name in COUNTED})
        broken |= {one["broken"]} if one["broken"] else set()
    _show(graphs.of(execution.version_id), rows, broken, nodes)
    return nodes


def _show(graph: Graph, rows: QuerySet[Task], broken: set[int], nodes: dict[int, Stand]) -> None:
    """Of each node the task that stands for it: a broken one, else its loop, else the last."""
    gravity = Case(
        When(pk__in=broken, then=Value(2)), When(kind=LOOP, then=Value(1)), default=Value(0)
    )
    last = rows.annotate(gravity=gravity).order_by("node", "-gravity", "-pk").distinct("node")
    fields = ("node", "pk", "state", "error_kind", "waits_on", "attempt")
    for node, pk, state, error_kind, waits_on, attempt in last.values_list(*fields):
        one = nodes[node]
        one.task, one.state = pk, shown_state(state, error_kind)
        one.waits = waits(graph, node, state, pending(waits_on, attempt))


def _behind_event_gateways(graph: Graph, taken: Counter[int]) -> None:
    """A token goes on behind the event that happened: it was at that event, too."""
    exits = structure.of(graph).exits
    for node, one in enumerate(graph.nodes):
        for number in exits[node] if one.kind == EVENT_GATEWAY else ():
            beyond = exits[graph.flows[number].target]
            if count := max((taken[each] for each in beyond), default=0):
                taken[number] = count


def _passed(graph: Graph, node: int, taken: Counter[int]) -> int:
    """How many tokens went through a node, as far as the flows around it tell."""
    kind, ends = graph.nodes[node].kind, structure.of(graph)
    if kind in (*WORK, SCOPE, CALL):
        return 0
    going = [taken[number] for number in ends.exits[node]]
    if not going:
        return sum(taken[number] for number in ends.entries[node])
    return max(going) if kind in (PARALLEL, INCLUSIVE, BOUNDARY) else sum(going)


def _uses(graph: Graph, nodes: Mapping[int, Stand], taken: Counter[int]) -> dict[int, str]:
    uses = {}
    for number, flow in enumerate(graph.flows):
        source, target = nodes.get(flow.source), nodes.get(flow.target)
        if taken[number]:
            is_active = target and target.live and target.state in (State.RUNNING, State.PAUSED)
            uses[number] = ACTIVE if is_active else TAKEN
        elif source and not source.live and (source.done or source.state == State.CANCELLED):
            uses[number] = SKIPPED
    return uses
