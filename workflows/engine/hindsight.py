"""The overlay of the diagram after an audit row of the past, rebuilt from the rows up to it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from workflows.audit import rebuild
from workflows.graph import structure
from workflows.graph.shape import INCLUSIVE, PARALLEL, Graph
from workflows.models import Execution, State

from . import graphs, tracks
from .overlay import LOOP, Overlay, Stand, laid, pending, shown_state, waits
from .tracks import Tracks


def then(execution: Execution, at: int) -> Overlay:
    """How it was after audit row `at`. Raises rebuild.Disagreement."""
    rows = list(rebuild.rows(execution.pk, at))
    picture = rebuild.last(rows)
    found = tracks.of_rows(execution, rows)
    nodes = _Hindsight(execution, picture, found, _caught(rows)).stands()
    taken = found.taken
    if execution.marking is None:
        done = [node for node, one in nodes.items() if one.state == State.COMPLETED]
        taken = tracks.of_plain(execution, found, done, picture.variables)
    return laid(execution, picture.seq, picture.state, nodes, taken, _here(execution, rows))


def _caught(rows: Iterable[rebuild.Row]) -> set[int]:
    """Tasks whose error has gone on elsewhere."""
    return {row.task_id for row in rows if row.task_id and "caught" in (row.data or {})}


def _here(execution: Execution, rows: Sequence[rebuild.Row]) -> int | None:
    """The node that the last row is about."""
    row = rows[-1] if rows else None
    if row is None or row.kind == "token.passed":
        return graphs.of(execution.version_id).index.get(row.key) if row else None
    found = execution.tasks.filter(pk=row.task_id or 0).values_list("node", flat=True)
    return found.first()


class _Hindsight:
    def __init__(
        self, execution: Execution, picture: rebuild.Picture, found: Tracks, caught: set[int]
    ) -> None:
        self.execution, self.picture, self.found, self.caught = execution, picture, found, caught
        self.graph = graphs.of(execution.version_id)
        self.is_plain = execution.marking is None
        self.arrived = _arrived(self.graph, found)
        self.nodes: dict[int, Stand] = defaultdict(Stand)
        self.ranks: dict[int, tuple[int, int]] = {}

    def stands(self) -> dict[int, Stand]:
        """By node, from the tasks as rows tell of them."""
        rows = self.execution.tasks.order_by("pk")
        for pk, node, kind, error_kind in rows.values_list("pk", "node", "kind", "error_kind"):
            state = self.picture.tasks.get(pk, State.PENDING if self.is_plain else None)
            if state is not None:
                self._add(pk, node, kind, error_kind, state)
        if not self.is_plain and self.picture.state in (State.RUNNING, State.PAUSED):
            self._park()
        return self.nodes

    def _add(self, pk: int, node: int, kind: str, error_kind: str, state: str) -> None:
        one, attempt = self.nodes[node], self.picture.attempts.get(pk, rebuild.NONE_YET).number
        waits_on = self._waits_on(node, state, attempt)
        is_due = state == State.PENDING and (waits_on == 0 or attempt > 0)
        is_broken = self._is_broken(pk, state)
        if kind != LOOP:
            one.visits += 1
            one.live += is_due or is_broken or state in (State.RUNNING, State.PAUSED)
            one.done += state == State.COMPLETED
            one.failed += state == State.FAILED
        if state == State.PENDING and not is_due:
            one.parked += self.arrived[node]
        rank = (2 if is_broken else int(kind == LOOP), pk)
        if rank > self.ranks.get(node, (-1, 0)):
            self.ranks[node] = rank
            one.state, one.task = shown_state(state, error_kind), pk
            one.waits = waits(self.graph, node, state, pending(waits_on, attempt))

    def _waits_on(self, node: int, state: str, attempt: int) -> int:
        """As its row said then: one for a retry, else the tokens that had not arrived."""
        if state == State.PENDING and attempt:
            return 1
        return max(self.graph.waits_on(node) - self.arrived[node], 0) if self.is_plain else 0

    def _is_broken(self, pk: int, state: str) -> bool:
        is_over = self.picture.state == State.CANCELLED and not self.is_plain
        return state == State.FAILED and pk not in self.caught and not is_over

    def _park(self) -> None:
        """Tokens that had arrived at a join in which they were not taken up yet."""
        ends = structure.of(self.graph)
        for node, one in enumerate(self.graph.nodes):
            is_choice = one.kind == INCLUSIVE and len(ends.entries[node]) > 1
            is_open = one.parent is None or self.nodes[one.parent].live
            if not is_open or not (is_choice or ends.is_join(node)):
                continue
            gone = max((self.found.taken[number] for number in ends.exits[node]), default=0)
            fired = gone if one.kind in (PARALLEL, INCLUSIVE) else self.nodes[node].visits
            waiting = [self.found.taken[number] - fired for number in ends.entries[node]]
            self.nodes[node].parked += sum(max(count, 0) for count in waiting)


def _arrived(graph: Graph, found: Tracks) -> Mapping[int, int]:
    arrived: Counter[int] = Counter()
    for number, count in found.taken.items():
        arrived[graph.flows[number].target] += count
    return arrived
