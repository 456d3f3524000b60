"""The diagram: a graph's layout with the states of one execution laid over it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any
from unicodedata import east_asian_width

from django.utils.translation import gettext as _

from workflows.bpmn.layout import Box, Layout, Line, Point
from workflows.bpmn.nesting import EVENTS, nested
from workflows.engine import graphs
from workflows.errors import InvalidExpression
from workflows.graph import expressions
from workflows.graph.shape import (
    AGENT,
    BOUNDARY,
    DECISION,
    HUMAN,
    REMOVED,
    SCOPE,
    WORK,
    Flow,
    Graph,
    Node,
)
from workflows.models import State, Task, TaskDefinition

NAME_WIDTH, SUB_WIDTH = 132.0, 88.0  # pixels
NAME_SIZE, SUB_SIZE = 14.5, 12.5
NARROW, WIDE = frozenset("fijlrtI.,:;'|!()[] -"), frozenset("mwMWQO@%—…")
ARROW = 6.0
MARKS = {
    "timer": "timer",
    "message": "mail",
    "signal": "zap",
    "error": "triangle-alert",
    "escalation": "arrow-up",
    "compensate": "history",
    "conditional": "circle-question-mark",
    "link": "arrow-right",
    "terminate": "ban",
    "exclusive": "x",
    "parallel": "plus",
    "inclusive": "circle-dashed",
    "event_gateway": "zap",
    "call": "workflow",
    "scope": "boxes",
    "decision": "table-2",
}


@dataclass(frozen=True, slots=True)
class DrawnNode:
    """A shape with what it says; `task` is None where nothing has run yet.

    `visits` is how often its node has been entered.
    """

    node: Node
    box: Box
    name: str
    sub: str
    task: Task | None
    visits: int = 0

    @property
    def shape(self) -> str:
        """ "task", "scope", "event", "edge" (an event on a task's edge) or "gateway"."""
        if self.node.kind in EVENTS:
            return "event"
        named = {BOUNDARY: "edge", SCOPE: "scope", "call": "task", "pass": "task"}
        return named.get(self.node.kind, "task" if self.node.kind in WORK else "gateway")

    @property
    def mark(self) -> str:
        """The icon that says which event or gateway it is, or who does it."""
        if self.node.kind in (AGENT, HUMAN):
            return "user" if self.is_human else "bot"
        event = str(self.node.event.get("type", ""))
        return MARKS.get(event) or MARKS.get(self.node.kind, "")

    @property
    def is_linked(self) -> bool:
        """Whether the page lists its task, so that the shape can lead there."""
        return self.task is not None and getattr(self.task, "is_listed", True)

    @property
    def right(self) -> str:
        """Where a sub-process shows its state."""
        return f"{self.box.width - 29:.1f}"

    @property
    def diamond(self) -> str:
        """The corners of a gateway."""
        half = self.box.width / 2
        return f"{half},0 {2 * half},{half} {half},{2 * half} 0,{half}"

    @property
    def kind_name(self) -> str:
        return str(TaskDefinition.Kind(self.node.kind).label)

    @property
    def state(self) -> str:
        return self.task.shown_state if self.task else ""

    @property
    def attempts(self) -> str:
        if self.visits > 1:
            return f"×{self.visits}"
        return f"×{self.task.attempt}" if self.task and self.task.attempt > 1 else ""

    @property
    def is_human(self) -> bool:
        return self.node.kind == HUMAN


@dataclass(frozen=True, slots=True)
class DrawnFlow:
    """A line with how it was used: taken, active (its target runs now), skipped, or ""."""

    path: str
    head: str
    label: Box | None
    text: tuple[str, ...]
    when: str
    use: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Everything the template needs, in drawing order."""

    layout: Layout
    nodes: tuple[DrawnNode, ...]
    flows: tuple[DrawnFlow, ...]


def drawn(
    version_id: int,
    tasks: Sequence[Task] = (),
    variables: Mapping[str, Any] | None = None,
    passed: Mapping[str, Collection[str]] | None = None,
) -> Drawing:
    """The diagram of a version, with the tasks of an execution on it if given.

    `passed`: the keys of the nodes to which tokens have left each gateway or event.
    """
    return _drawn(graphs.of(version_id), _placed(version_id), tasks, variables, passed)


def drawn_over(
    graph: Graph,
    tasks: Sequence[Task],
    variables: Mapping[str, Any],
    passed: Mapping[str, Collection[str]],
) -> Drawing:
    """`drawn`, of a graph that is no version."""
    return _drawn(graph, nested(graph), tasks, variables, passed)


def _drawn(
    graph: Graph,
    placed: Layout,
    tasks: Sequence[Task],
    variables: Mapping[str, Any] | None,
    passed: Mapping[str, Collection[str]] | None,
) -> Drawing:
    latest, visits = _latest(tasks), Counter(task.node for task in tasks if task.kind != "loop")
    nodes = tuple(
        _node(node, box, latest.get(position), visits[position])
        for position, (node, box) in enumerate(zip(graph.nodes, placed.boxes, strict=True))
    )
    use = partial(_use, graph, variables=variables or {}, passed=passed or {})
    flows = tuple(
        _flow(flow, line, use(flow, latest))
        for flow, line in zip(graph.flows, placed.lines, strict=True)
    )
    return Drawing(placed, nodes, flows)


@lru_cache(maxsize=256)
def _placed(version_id: int) -> Layout:
    return nested(graphs.of(version_id))


def _latest(tasks: Sequence[Task]) -> dict[int, Task]:
    """What each node shows: its last task, or the loop that its instances belong to."""
    latest: dict[int, Task] = {}
    for task in tasks:
        known = latest.get(task.node)
        if known is None or known.kind != "loop" or task.kind == "loop":
            latest[task.node] = task
    return latest


def _node(node: Node, box: Box, task: Task | None, visits: int) -> DrawnNode:
    sub = _fitted(_who(node, task), SUB_WIDTH, SUB_SIZE)
    width = box.width - 46 if node.kind == SCOPE else NAME_WIDTH
    return DrawnNode(node, box, _fitted(node.name, width, NAME_SIZE), sub, task, visits)


def _who(node: Node, task: Task | None) -> str:
    if node.kind == "call":
        return str(node.calls.get("key", ""))
    if node.kind == DECISION:
        return str(node.decision.get("decision", ""))
    if node.kind not in WORK:
        return ""
    if node.kind == HUMAN:
        asked = [*node.approval.get("groups", ()), *node.approval.get("users", ())]
        return ", ".join(asked) or _("a person")
    if node.kind == REMOVED:
        return _("not in this version")
    if task and task.agent_key:
        return task.agent_key
    return node.agent_key or ", ".join(node.capabilities) or node.role or _("any agent")


def _use(
    graph: Graph,
    flow: Flow,
    tasks: Mapping[int, Task],
    *,
    variables: Mapping[str, Any],
    passed: Mapping[str, Collection[str]],
) -> str:
    source, target = tasks.get(flow.source), tasks.get(flow.target)
    if not graph.is_plain:
        return _use_by_tokens(graph, flow, tasks, passed)
    if source is None or target is None:
        return ""
    if source.state == State.COMPLETED:
        if not _holds(flow, source, variables):
            return "skipped"
        return "active" if target.state in (State.RUNNING, State.PAUSED) else "taken"
    return "skipped" if source.state == State.CANCELLED else ""


def _use_by_tokens(
    graph: Graph, flow: Flow, tasks: Mapping[int, Task], passed: Mapping[str, Collection[str]]
) -> str:
    """What passed says of gateways and events; between tasks, that both were there."""
    source, target = graph.nodes[flow.source].key, graph.nodes[flow.target].key
    task, before = tasks.get(flow.target), tasks.get(flow.source)
    has_left = target in passed.get(source, ()) if source in passed else before is not None
    if not has_left or not (task or target in passed):
        return ""
    if before is not None and before.state != State.COMPLETED and source not in passed:
        return ""
    is_active = task is not None and task.state in (State.RUNNING, State.PAUSED)
    return "active" if is_active else "taken"


def _holds(flow: Flow, source: Task, variables: Mapping[str, Any]) -> bool:
    try:
        return not flow.when or expressions.holds(flow.when, variables, source.output or {})
    except InvalidExpression:
        return False


def _flow(flow: Flow, line: Line, use: str) -> DrawnFlow:
    return DrawnFlow(_path(line.points), _head(line.points), line.label, line.text, flow.when, use)


def _path(points: Sequence[Point]) -> str:
    """Straight where level, an S where not; it ends where the arrow's head begins."""
    *rest, (x, y) = points
    direction = 1 if x >= points[-2][0] else -1
    shortened = [*rest, (x - ARROW * direction, y)]
    parts = [f"M{_xy(shortened[0])}"]
    for (x1, y1), (x2, y2) in pairwise(shortened):
        middle = (x1 + x2) / 2
        if abs(y1 - y2) < 0.5 or abs(x1 - x2) < 0.5:
            parts.append(f"L{_xy((x2, y2))}")
        else:
            parts.append(f"C{_xy((middle, y1))} {_xy((middle, y2))} {_xy((x2, y2))}")
    return "".join(parts)


def _head(points: Sequence[Point]) -> str:
    x, y = points[-1]
    back = x - (ARROW + 2) * (1 if x >= points[-2][0] else -1)
    return f"{_xy((back, y - 4.5))} {_xy((x, y))} {_xy((back, y + 4.5))}"


def _xy(point: Point) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"


def _fitted(text: str, width: float, size: float) -> str:
    """The text cut to a width, by rough advances of the letters."""
    room = width
    for at, character in enumerate(text):
        room -= size * _advance(character)
        if room < 0:
            return text[: max(at - 1, 1)].rstrip() + "…"
    return text


def _advance(character: str) -> float:
    """In ems."""
    if east_asian_width(character) in "WF":
        return 1.0
    if character in NARROW:
        return 0.33
    return 0.85 if character in WIDE else 0.57
