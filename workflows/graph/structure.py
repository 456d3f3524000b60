"""What a graph's structure says once and for all: computed on first use, kept with the graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from .shape import (
    ACTIVITIES,
    BOUNDARY,
    CATCH,
    EVENT_GATEWAY,
    ONE,
    PARALLEL,
    PASS,
    REMOVED,
    START,
    THROW,
    Graph,
    Node,
)

JOINING_BY_CHOICE = ACTIVITIES | {CATCH, THROW, PASS, EVENT_GATEWAY}
_K = TypeVar("_K")


@dataclass(frozen=True)
class Structure:
    """Node and flow numbers by what they are asked for."""

    graph: Graph

    @cached_property
    def exits(self) -> tuple[tuple[int, ...], ...]:
        """Numbers of the flows out of each node."""
        return self._numbers([flow.source for flow in self.graph.flows])

    @cached_property
    def entries(self) -> tuple[tuple[int, ...], ...]:
        """Numbers of the flows into each node."""
        return self._numbers([flow.target for flow in self.graph.flows])

    @cached_property
    def boundaries(self) -> Mapping[int, tuple[int, ...]]:
        """The boundary events on each activity that has some."""
        return _grouped(
            (node.attached_to, place)
            for place, node in self._nodes()
            if node.kind == BOUNDARY and node.attached_to is not None
        )

    @cached_property
    def event_scopes(self) -> Mapping[int | None, tuple[int, ...]]:
        """The event sub-processes in each scope that has some."""
        return _grouped(
            (node.parent, place) for place, node in self._nodes() if node.is_event_scope
        )

    @cached_property
    def undoing(self) -> Mapping[int, int]:
        """The compensation handler of each activity that has one: a task or sub-process beside
        it, or an event sub-process within it.
        """
        within = {
            node.parent: place
            for place, node in self._nodes()
            if node.is_event_scope and not node.is_reaction and node.parent is not None
        }
        return within | {
            node.compensates: place for place, node in self._nodes() if node.compensates is not None
        }

    @cached_property
    def beginnings(self) -> Mapping[int | None, tuple[int, ...]]:
        """Where a scope begins: its start events, else every node that no flow leads to.

        Of an ad-hoc sub-process these are what is offered. A start with an event of its own begins
        only with that, see `event_starts`.
        """
        starts = _grouped((n.parent, place) for place, n in self._nodes() if n.kind == START)
        of_events = set(self.event_starts)
        starts = {
            scope: tuple(place for place in places if place not in of_events)
            for scope, places in starts.items()
        }
        roots = _grouped(
            (node.parent, place)
            for place, node in self._nodes()
            if not self.entries[place] and self._may_begin(node)
        )
        return {**roots, **starts}

    @cached_property
    def event_starts(self) -> tuple[int, ...]:
        """The starts of the process that an event begins it at."""
        return tuple(
            place
            for place, node in self._nodes()
            if node.kind == START and node.parent is None and node.event
        )

    def is_join(self, place: int) -> bool:
        """Whether the node waits for a token on every flow into it."""
        node = self.graph.nodes[place]
        if len(self.entries[place]) < 2:
            return False
        return node.kind == PARALLEL or (node.kind in JOINING_BY_CHOICE and node.join != ONE)

    @cached_property
    def is_repeatable(self) -> tuple[bool, ...]:
        """Per node, whether it may be entered more than once in a run."""
        nodes, entries = self.graph.nodes, self.entries
        circles = {*self.graph.in_circles, *self.links.values()}
        found = {
            place
            for place, node in self._nodes()
            if place in circles
            or (node.loop and node.kind != BOUNDARY)
            or node.event.get("interrupting") is False
            or (len(entries[place]) > 1 and not self.is_join(place))
            or node.kind == EVENT_GATEWAY
            or (node.parent is not None and nodes[node.parent].is_ad_hoc)
        }
        left = list(found)
        inside = _grouped((node.parent, place) for place, node in self._nodes())
        while left:
            place = left.pop()
            after = {*self.after(place), *inside.get(place, ())} - found
            after |= {self.undoing[place]} - found if place in self.undoing else set()
            found |= after
            left += after
        return tuple(place in found for place in range(len(nodes)))

    def after(self, place: int) -> Iterable[int]:
        """The nodes one step on: behind its flows, the boundary events on it, and a link."""
        for flow in self.exits[place]:
            yield self.graph.flows[flow].target
        yield from self.boundaries.get(place, ())
        if place in self.links:
            yield self.links[place]

    @cached_property
    def links(self) -> Mapping[int, int]:
        """Where each throwing link goes on: at the catching link of its name in its scope."""
        targets = {
            (node.parent, node.event.get("name")): place
            for place, node in self._nodes()
            if node.kind == CATCH and node.event.get("type") == "link"
        }
        return {
            place: targets[node.parent, node.event.get("name")]
            for place, node in self._nodes()
            if node.kind == THROW
            and node.event.get("type") == "link"
            and (node.parent, node.event.get("name")) in targets
        }

    def reaching(self, join: int) -> list[int]:
        """Per node, a bit set of the flows into `join` that it can reach without passing it.

        Bit k is the k-th of its incoming flows (BPMN 2.0, 13.4.3).
        """
        known = self._reach.get(join)
        if known is None:
            known = self._reach[join] = self._reaching(join)
        return known

    @cached_property
    def _reach(self) -> dict[int, list[int]]:
        return {}

    def _reaching(self, join: int) -> list[int]:
        bits = [0] * len(self.graph.nodes)
        left: dict[int, None] = {}
        for bit, flow in enumerate(self.entries[join]):
            source = self.graph.flows[flow].source
            bits[source] |= 1 << bit
            left[source] = None
        left.pop(join, None)
        while left:
            place = next(iter(left))
            del left[place]
            for earlier in self._before[place]:
                if earlier != join and bits[earlier] | bits[place] != bits[earlier]:
                    bits[earlier] |= bits[place]
                    left[earlier] = None
        return bits

    @cached_property
    def _before(self) -> list[list[int]]:
        found: list[list[int]] = [[] for _ in self.graph.nodes]
        for place in range(len(self.graph.nodes)):
            for target in self.after(place):
                found[target].append(place)
        return found

    def _may_begin(self, node: Node) -> bool:
        is_link = node.kind == CATCH and node.event.get("type") == "link"
        is_elsewhere = node.kind in (BOUNDARY, REMOVED) or node.is_event_scope or is_link
        return not is_elsewhere and node.compensates is None

    def _nodes(self) -> Iterable[tuple[int, Node]]:
        return enumerate(self.graph.nodes)

    def _numbers(self, ends: list[int]) -> tuple[tuple[int, ...], ...]:
        groups: list[list[int]] = [[] for _ in self.graph.nodes]
        for number, end in enumerate(ends):
            groups[end].append(number)
        return tuple(tuple(group) for group in groups)


def of(graph: Graph) -> Structure:
    """The structure of a graph, computed once for each."""
    known: Structure | None = graph.__dict__.get("_structure")
    if known is None:
        known = graph.__dict__["_structure"] = Structure(graph)
    return known


def _grouped(pairs: Iterable[tuple[_K, int]]) -> dict[_K, tuple[int, ...]]:
    groups: dict[_K, list[int]] = defaultdict(list)
    for key, place in pairs:
        groups[key].append(place)
    return {key: tuple(places) for key, places in groups.items()}
