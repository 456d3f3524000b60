"""A process stepped by hand: input and outcomes are chosen, nothing runs and nothing is kept.

A dry run is a graph, an input and what was chosen, in order. Playing that again gives the same
state, so taking back the last choice is to leave it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .marking import STEP
from .shape import AGENT, CALL, HUMAN, Graph, Node

RUNNING, COMPLETED, FAILED = "running", "completed", "failed"
ANSWERED = frozenset({AGENT, HUMAN, CALL})  # kinds of steps whose outcome is chosen
OPEN, DONE, BROKEN, GONE, UNREACHED = "open", "completed", "failed", "cancelled", "pending"
ABSENT = object()  # what a variable was that was not there


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody lets happen: "complete" or "fail" of a step, "happen" of an event, "activate"
    of a node that an ad-hoc sub-process offers.

    `data` is the output, the kind and message of the error, what the event carries, or the `node`.
    """

    what: str
    target: int
    data: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> list[Any]:
        return [self.what, self.target, dict(self.data)]


@dataclass(slots=True)
class Step:
    """An activity that a token has opened, by its number; of a plain graph, every one."""

    seq: int
    node: int
    state: str = OPEN
    scope: int = 0
    role: str = STEP
    index: int | None = None
    iteration: int = 1
    input: Mapping[str, Any] = field(default_factory=dict)
    output: Mapping[str, Any] | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Awaited:
    """An event that is waited for, by its number, on behalf of a step (0: the process).

    `due` is when a timer is: seconds from when it was set, or a moment in ISO 8601.
    """

    number: int
    host: int
    node: int
    kind: str
    name: str = ""
    key: str = ""
    due: float | str = ""


@dataclass(frozen=True, slots=True)
class Happening:
    """A line of the record: what happened to which node, in the words of `moves`."""

    what: str
    node: int | None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Run:
    """How far a dry run has come. `record` has one list of happenings per choice, the start first.

    `passed`: by node, the flows on which tokens have left it; `parked`: tokens that wait at a join,
    by node. `offers`: by ad-hoc sub-process, the nodes that may be chosen in it. `before`: what the
    variables were that the last choice has changed, ABSENT if nothing.
    """

    graph: Graph
    variables: dict[str, Any]
    state: str = RUNNING
    error: str = ""
    steps: dict[int, Step] = field(default_factory=dict)
    awaited: dict[int, Awaited] = field(default_factory=dict)
    passed: dict[int, set[int]] = field(default_factory=dict)
    parked: dict[int, int] = field(default_factory=dict)
    offers: dict[int, tuple[int, ...]] = field(default_factory=dict)
    record: list[list[Happening]] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)

    @property
    def open(self) -> list[Step]:
        """The steps that are open, in the order in which they were opened."""
        return [step for step in self.steps.values() if step.state == OPEN]

    @property
    def waiting(self) -> list[Step]:
        """Open steps whose outcome somebody has to choose."""
        return [step for step in self.open if self.is_answered(step)]

    def node(self, step: Step) -> Node:
        return self.graph.nodes[step.node]

    def is_answered(self, step: Step) -> bool:
        """Whether the outcome of a step is chosen, and not made by what lies in it or an event."""
        node = self.node(step)
        return step.role == STEP and (node.kind in ANSWERED or node.is_ad_hoc)

    def tell(self, what: str, node: int | None, **data: Any) -> None:
        """Add a line to the record of the present choice."""
        self.record[-1].append(Happening(what, node, data))

    def fail(self, error: str) -> None:
        """The run cannot go on; the first reason stays."""
        if self.state == RUNNING:
            self.state, self.error = FAILED, error
            self.tell("run_failed", None, error=error)


def stuck(names: Sequence[str]) -> str:
    """What is said of a run in which tokens wait for others that cannot come."""
    return f"Nothing can move on: {', '.join(names)} waits for paths that were not taken."
