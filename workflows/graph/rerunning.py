"""Running a token graph from one of its nodes: which scopes are opened, and what joins wait for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from . import structure
from .shape import BOUNDARY, INCLUSIVE, Graph


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a run begins anew. `path`: the sub-processes around the node, the outermost first.

    `missing`: per level, from the process inwards, the flows into joins behind the node that no
    token from it can take: join -> flow numbers.
    """

    node: int
    path: tuple[int, ...]
    missing: tuple[Mapping[int, tuple[int, ...]], ...]


def problem(graph: Graph, node: int) -> str:
    """Why no run can begin at a node, in a sentence; "" when one can."""
    one = graph.nodes[node]
    if one.kind == BOUNDARY:
        return f"“{one.name}” is an event on a task: run again from that task."
    for place in (node, *reversed(path(graph, node))):
        at = graph.nodes[place]
        if at.compensates is not None:
            return f"“{at.name}” undoes another task: run again from a step before."
        if at.is_event_scope:
            return f"“{at.name}” is started by an event: run again from a step outside of it."
        if at.loop and place != node:
            return f"“{one.name}” lies in the loop “{at.name}”: run again from the loop."
    return ""


def path(graph: Graph, node: int) -> tuple[int, ...]:
    """The sub-processes that a node lies in, the outermost first."""
    found, at = [], graph.nodes[node].parent
    while at is not None:
        found.append(at)
        at = graph.nodes[at].parent
    return tuple(reversed(found))


def entry(graph: Graph, node: int) -> Entry:
    """How a run begins at a node that has no `problem`."""
    around = path(graph, node)
    levels = [_missing(graph, place) for place in (*around, node)]
    return Entry(node, around, tuple(levels))


def _missing(graph: Graph, place: int) -> dict[int, tuple[int, ...]]:
    """Flows into joins that a token from a node may come to, but which it cannot take itself."""
    shape = structure.of(graph)
    reached, left = {place}, [place]
    while left:
        news = set(shape.after(left.pop())) - reached
        reached |= news
        left += news
    found = {}
    for join in sorted(reached - {place}):
        flows = tuple(n for n in shape.entries[join] if graph.flows[n].source not in reached)
        if flows and _waits(graph, join):
            found[join] = flows
    return found


def _waits(graph: Graph, join: int) -> bool:
    return graph.nodes[join].kind == INCLUSIVE or structure.of(graph).is_join(join)
