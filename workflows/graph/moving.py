"""Moving what runs from one graph to another: what keeps its place, what is new, what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from workflows.errors import InvalidExpression

from . import expressions
from .shape import REMOVED, Flow, Graph, Node


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the node at one index of the old graph has come; `went_to` once it has completed."""

    is_completed: bool = False
    has_begun: bool = False
    is_running: bool = False
    is_over: bool = False
    output: Mapping[str, Any] = field(default_factory=dict)
    went_to: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The arranged graph: old nodes keep their index, new ones follow. `waits_on` is by index.

    `went_to`: of each completed node, where its tokens have gone in the arranged graph.

    A plan with problems must not be carried out.
    """

    graph: Graph
    kept: Mapping[int, int]
    removed: tuple[int, ...]
    added: tuple[int, ...]
    waits_on: tuple[int, ...]
    went_to: Mapping[int, Sequence[int]]
    problems: tuple[str, ...]


def plan(
    old: Graph,
    new: Graph,
    mapping: Mapping[str, str],
    standings: Sequence[Standing],
    variables: Mapping[str, Any],
) -> Plan:
    """Where everything goes. `mapping`: old key -> new key, "" for none; else by the same key.

    A way that both graphs have is taken as it was; a new one as its condition holds now.
    """
    kept, problems = mapped(old, new, mapping)
    added = tuple(node for node in range(len(new.nodes)) if node not in kept.values())
    place = {target: source for source, target in kept.items()}
    place |= {node: len(old.nodes) + number for number, node in enumerate(added)}
    graph = arranged(old, new, kept, added, place)
    padded = [*standings, *(Standing() for _ in added)]
    went_to, wrong = _ways(old, graph, padded, variables)
    tokens = Counter(target for targets in went_to.values() for target in targets)
    waits_on = tuple(
        max(graph.waits_on(node) - tokens[node], 0) for node in range(len(graph.nodes))
    )
    removed = tuple(node for node in range(len(old.nodes)) if node not in kept)
    found = Plan(graph, kept, removed, tuple(place[node] for node in added), waits_on, went_to, ())
    problems += [*wrong, *_problems(old, found, padded)]
    return replace(found, problems=tuple(problems))


def mapped(old: Graph, new: Graph, mapping: Mapping[str, str]) -> tuple[dict[int, int], list[str]]:
    """New index by old index, and what is wrong with the mapping."""
    problems = [
        f"“{key:.100}” is no step of the present version." for key in mapping.keys() - old.index
    ]
    problems += [
        f"“{key:.100}” is mapped to “{target:.100}”, which is no step of the new version."
        for key, target in mapping.items()
        if target and target not in new.index
    ]
    wanted = {
        index: mapping.get(node.key, node.key)
        for index, node in enumerate(old.nodes)
        if node.kind != REMOVED
    }
    kept = {index: new.index[key] for index, key in wanted.items() if key in new.index}
    for target, count in Counter(kept.values()).items():
        if count > 1:
            problems.append(f"{count} steps are mapped to “{new.nodes[target].key}”.")
    return kept, problems


def arranged(
    old: Graph, new: Graph, kept: Mapping[int, int], added: Sequence[int], place: Mapping[int, int]
) -> Graph:
    """The new graph with its nodes where those of the old one were; `place`: new index -> there."""
    nodes = [
        _moved(new.nodes[kept[index]], place) if index in kept else _placeholder(node, index)
        for index, node in enumerate(old.nodes)
    ]
    nodes += [_moved(new.nodes[index], place) for index in added]
    flows = tuple(
        replace(flow, source=place[flow.source], target=place[flow.target]) for flow in new.flows
    )
    return replace(new, nodes=tuple(nodes), flows=flows)


def _moved(node: Node, place: Mapping[int, int]) -> Node:
    def there(index: int | None) -> int | None:
        return None if index is None else place[index]

    if node.parent is None and node.attached_to is None and node.compensates is None:
        return node
    return replace(
        node,
        parent=there(node.parent),
        attached_to=there(node.attached_to),
        compensates=there(node.compensates),
    )


def _placeholder(node: Node, index: int) -> Node:
    """Its key may live on in the new graph as that of another node."""
    key = node.key if node.kind == REMOVED else f"{node.key}.removed-{index}"
    return Node(key=key, name=node.name, kind=REMOVED)


def _ways(
    old: Graph, graph: Graph, standings: Sequence[Standing], variables: Mapping[str, Any]
) -> tuple[dict[int, list[int]], list[str]]:
    """Where the tokens of completed nodes have gone, in the arranged graph."""
    went_to: dict[int, list[int]] = {}
    problems = []
    known = {(flow.source, flow.target, flow.when) for flow in old.flows}
    for node, standing in enumerate(standings):
        if not standing.is_completed:
            continue
        went_to[node] = []
        for flow in graph.outgoing[node]:
            is_known = (flow.source, flow.target, flow.when) in known
            try:
                if _is_taken(flow, standing, variables, is_known):
                    went_to[node].append(flow.target)
            except InvalidExpression as error:
                name = graph.nodes[node].name
                problems.append(f"A way out of “{name}” cannot be judged now: {error}")
    return went_to, problems


def _is_taken(flow: Flow, standing: Standing, variables: Mapping[str, Any], is_known: bool) -> bool:
    if is_known:
        return flow.target in standing.went_to
    return not flow.when or expressions.holds(flow.when, variables, standing.output)


def _problems(old: Graph, found: Plan, standings: Sequence[Standing]) -> Iterator[str]:
    graph = found.graph
    for node, standing in enumerate(standings):
        name = graph.nodes[node].name
        is_at_work = standing.has_begun and not standing.is_over
        if standing.is_running:
            yield f"“{name}” is running: pause the execution and wait until nothing runs."
        elif is_at_work and node in found.removed:
            yield f"“{name}” has begun and has no place in the new version: map it to a step."
        elif is_at_work and old.nodes[node].kind != graph.nodes[node].kind:
            yield f"“{name}” has begun as “{old.nodes[node].kind}”: it cannot become another kind."
    is_open = [
        not standing.is_over
        and graph.nodes[node].kind != REMOVED
        and (standing.has_begun or found.waits_on[node] == 0)
        for node, standing in enumerate(standings)
    ]
    for node in (node for node, waits in enumerate(is_open) if waits):
        if not standings[node].has_begun:
            yield from _comes_too_late(graph, node, standings)
    if not any(is_open):
        yield "Nothing would be left to run: no open step has a place in the new version."


def _comes_too_late(graph: Graph, node: int, standings: Sequence[Standing]) -> Iterator[str]:
    """A node that would run now although something behind it has begun."""
    seen, left = {node}, [node]
    while left:
        news = {flow.target for flow in graph.outgoing[left.pop()]} - seen
        seen |= news
        left += news
    begun = next((other for other in sorted(seen - {node}) if standings[other].has_begun), None)
    if begun is not None:
        yield (
            f"“{graph.nodes[node].name}” comes before “{graph.nodes[begun].name}”, "
            "which has begun already."
        )
