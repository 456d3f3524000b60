"""Where tokens of an execution went, as its audit rows tell: how many on each flow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workflows.audit import rebuild
from workflows.errors import InvalidExpression
from workflows.graph import expressions, structure
from workflows.graph.shape import Graph
from workflows.models import AuditEvent, Execution

from . import graphs

KINDS = ("task.completed", "token.passed", "execution.moved")


@dataclass(slots=True)
class Tracks:
    """Tokens by flow; `told` are the nodes of which a row says where theirs went."""

    taken: Counter[int] = field(default_factory=Counter)
    told: set[int] = field(default_factory=set)


def of_rows(execution: Execution, rows: Iterable[rebuild.Row]) -> Tracks:
    """What rows say, in order."""
    following = _Following(execution)
    rows = [row for row in rows if row.kind in KINDS]
    wanted = {row.task_id for row in rows if row.task_id}
    tasks = execution.tasks.filter(pk__in=wanted) if wanted else execution.tasks.none()
    places = {
        pk: (node, index) for pk, node, index in tasks.values_list("pk", "node", "loop_index")
    }
    for row in rows:
        following.row(row, *places.get(row.task_id or 0, (None, None)))
    return following.tracks


def decided(execution: Execution) -> Tracks:
    """What rows say of the choices in a plain graph, where each node is left once at most."""
    if not any(flow.when for flow in graphs.of(execution.version_id).flows):
        return Tracks()
    events = AuditEvent.objects.filter(execution=execution.pk, kind__in=KINDS)
    told = events.filter(data__has_any_keys=["to", "went_to"]).order_by("seq")
    return of_rows(execution, map(rebuild.row_of, told))


def of_plain(
    execution: Execution, tracks: Tracks, done: Collection[int], variables: Mapping[str, Any]
) -> Counter[int]:
    """The flows out of the nodes that are `done`: as rows say, else as their conditions hold."""
    graph = graphs.of(execution.version_id)
    unsaid = {node for node in done if node not in tracks.told and has_choice(graph, node)}
    outputs: dict[int, Any] = {}
    if unsaid:
        outputs = dict(execution.tasks.filter(node__in=unsaid).values_list("node", "output"))
    return Counter(
        number
        for node in done
        for number in structure.of(graph).exits[node]
        if (
            tracks.taken[number] > 0
            if node in tracks.told
            else _holds(graph.flows[number].when, variables, outputs.get(node) or {})
        )
    )


def has_choice(graph: Graph, node: int) -> bool:
    """Whether it depends on something where a token leaves the node for."""
    return any(flow.when for flow in graph.outgoing[node])


class _Following:
    def __init__(self, execution: Execution) -> None:
        self.is_plain = execution.marking is None
        self.graph = graphs.of(execution.version_id)
        self.exits = structure.of(self.graph).exits
        self.tracks = Tracks()

    def row(self, row: rebuild.Row, node: int | None, loop_index: int | None) -> None:
        data = row.data or {}
        if row.kind == "execution.moved":
            for left, targets in data.get("went_to", ()):
                self._went(left, targets)
        elif row.kind == "token.passed":
            if (passed := self.graph.index.get(row.key)) is not None:
                self._went(passed, self._nodes(data.get("to", ())))
        elif node is not None and loop_index is None:
            self._completed(node, data)

    def _completed(self, node: int, data: Mapping[str, Any]) -> None:
        if "went_to" in data:
            self._went(node, data["went_to"])
        elif "to" in data:
            self._went(node, self._nodes(data["to"]))
        elif not (self.is_plain and has_choice(self.graph, node)):
            self._went(node, [flow.target for flow in self.graph.outgoing[node]])

    def _nodes(self, keys: Iterable[str]) -> list[int]:
        return [self.graph.index[key] for key in keys if key in self.graph.index]

    def _went(self, node: int, targets: Iterable[int]) -> None:
        """One token more on a flow to each target; a plain graph's node leaves once."""
        wanted, taken = Counter(targets), self.tracks.taken
        self.tracks.told.add(node)
        for number in self.exits[node]:
            if self.is_plain:
                del taken[number]
            if wanted[self.graph.flows[number].target]:
                wanted[self.graph.flows[number].target] -= 1
                taken[number] += 1


def _holds(when: str, variables: Mapping[str, Any], output: Mapping[str, Any]) -> bool:
    try:
        return not when or expressions.holds(when, variables, output)
    except InvalidExpression:
        return False
