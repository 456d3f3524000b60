"""One change of a marking as it goes on: what has moved, and which tokens are on their way."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import expressions, structure
from .marking import BODY, INCIDENT, ROOT, STEP, Activity, Marking, Scope
from .moves import Failed, Move, Opened, Passed
from .shape import Graph, Node

MAX_PASSES = 10_000  # automatic moves without a wait: then the token is an incident


@dataclass(slots=True)
class Game:
    """A marking being changed. `variables` are the run's, changed along with it.

    Tokens on their way are counted in their scope's `live`. Those bound for a throw go last, so
    that who waits for the event on a sibling branch already does.
    """

    graph: Graph
    marking: Marking
    variables: dict[str, Any]
    moves: list[Move] = field(default_factory=list)
    queue: deque[tuple[int, int]] = field(default_factory=deque)
    last: deque[tuple[int, int]] = field(default_factory=deque)
    reactions: list[tuple[int, int, Mapping[str, Any]]] = field(default_factory=list)
    emptied: list[int] = field(default_factory=list)
    passes: int = 0
    is_new: bool = True  # what is waited for, or a variable, since conditions were last looked at

    @property
    def structure(self) -> structure.Structure:
        return structure.of(self.graph)

    def node_of(self, seq: int) -> Node:
        """The node of an open activity."""
        return self.graph.nodes[self.marking.open[seq].node]

    def scope(self, seq: int) -> Scope:
        """The scope with a number, made if it is not there."""
        return self.marking.scopes.setdefault(seq, Scope())

    def send(self, flows: tuple[int, ...], scope: int) -> None:
        """Put a token on each flow."""
        self.scope(scope).live += len(flows)
        taken = self.marking.taken
        for flow in flows:
            taken[flow] = taken.get(flow, 0) + 1
            target = self.graph.nodes[self.graph.flows[flow].target]
            (self.last if target.kind == "throw" else self.queue).append((flow, scope))

    def consume(self, scope: int) -> None:
        """One token less in a scope; an empty one is looked at as soon as this step is over."""
        within = self.scope(scope)
        within.live -= 1
        if within.live == within.reacting:
            self.emptied.append(scope)

    def open(
        self,
        node: int,
        scope: int,
        role: str = STEP,
        index: int | None = None,
        local: Mapping[str, Any] | None = None,
    ) -> int:
        """A new activity at a node, for a token that its scope already counts; its number."""
        seq, given = self.marking.number(), local or {}
        self.marking.open[seq] = Activity(node, scope, role, index, given)
        if role in (INCIDENT, BODY):
            iteration = max(self.marking.visits.get(node, 1), 1)
        else:
            iteration = self._visit(node)
        seen = self.local(seq)
        data = {**self.graph.nodes[node].input, **self.variables, **seen} if seen else None
        self.moves.append(Opened(seq, node, scope, iteration, role, index, data))
        return seq

    def passed(self, node: int, scope: int, flows: tuple[int, ...] = (), **data: Any) -> None:
        """Note that a token went through; too many in one go are a loop that never waits."""
        self.passes += 1
        self.moves.append(Passed(node, scope, flows, data))

    def fail(
        self, node: int, scope: int, error: str, kind: str = "expression", index: int | None = None
    ) -> None:
        """The token at a node cannot move on: it becomes an incident."""
        seq = self.open(node, scope, INCIDENT, index)
        self.moves.append(Failed(seq, error, kind))

    def local(self, seq: int) -> dict[str, Any]:
        """What an activity sees beside the run's variables, from its loops, the inmost first."""
        found: dict[str, Any] = {}
        while seq != ROOT:
            activity = self.marking.open[seq]
            if activity.locals:
                found = {**activity.locals, **found}
            seq = activity.scope
        return found

    def seen(self, seq: int) -> dict[str, Any]:
        """All variables as an activity (or scope) sees them."""
        local = self.local(seq)
        return {**self.variables, **local} if local else self.variables

    def assign(self, values: Mapping[str, Any]) -> None:
        """Set variables of the run."""
        if values:
            self.variables.update(values)
            self.is_new = True

    def mapped(self, node: Node, output: Mapping[str, Any], seq: int) -> dict[str, Any]:
        """What a node's output mapping sets; raises InvalidExpression."""
        variable = node.decision.get("result")
        found = {str(variable): output.get("result")} if variable else {}
        if node.output_mapping:
            seen = self.seen(seq)
            for name, source in node.output_mapping.items():
                found[name] = expressions.assignable(source, seen, output)
        return found

    def _visit(self, node: int) -> int:
        if not self.structure.is_repeatable[node]:
            return 1
        count = self.marking.visits.get(node, 0) + 1
        self.marking.visits[node] = count
        return count
