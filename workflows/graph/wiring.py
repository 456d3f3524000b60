"""Whether the parts of a graph fit together: flows, scopes, hosts, and what can start at all."""

from __future__ import annotations

from collections.abc import Iterator

from . import structure, subprocesses
from .problems import Problem
from .shape import (
    ACTIVITIES,
    BOUNDARY,
    CATCH,
    END,
    EVENT_GATEWAY,
    PARALLEL,
    SCOPE,
    START,
    Graph,
)

MAX_DEPTH = 50  # scopes within scopes
CHOICES = frozenset({"timer", "message", "signal", "conditional", "multiple"})


def problems(graph: Graph) -> Iterator[Problem]:
    """Every place where parts do not fit."""
    nested = list(_nesting(graph))
    yield from nested
    yield from _ends(graph)
    yield from _defaults(graph)
    for place in range(len(graph.nodes)):
        yield from _attached(graph, place)
        yield from _chosen(graph, place)
        yield from _undoing(graph, place)
        yield from subprocesses.problems(graph, place)
    if not nested:
        yield from _unreached(graph)


def _nesting(graph: Graph) -> Iterator[Problem]:
    for place, node in enumerate(graph.nodes):
        seen, at = {place}, node.parent
        while at is not None and at not in seen and len(seen) <= MAX_DEPTH:
            seen.add(at)
            at = graph.nodes[at].parent
        if at is not None:
            yield Problem(node.key, "parent", "It lies in itself, or too deep.")
        if node.parent is not None and graph.nodes[node.parent].kind != SCOPE:
            name = graph.nodes[node.parent].name
            yield Problem(node.key, "parent", f"“{name}” is no sub-process.")
    for flow in graph.flows:
        source, target = graph.nodes[flow.source], graph.nodes[flow.target]
        if source.parent != target.parent:
            message = f"“{source.name}” lies in another sub-process: no flow leads over its edge."
            yield Problem(target.key, "depends_on", message)


def _ends(graph: Graph) -> Iterator[Problem]:
    """Nodes that no flow may lead to, or none away from."""
    for place, node in enumerate(graph.nodes):
        is_alone = node.is_event_scope or node.compensates is not None
        is_link = node.kind == CATCH and node.event.get("type") == "link"
        if graph.incoming[place] and (node.kind in (START, BOUNDARY) or is_alone or is_link):
            yield Problem(node.key, "depends_on", "No flow may lead to it.")
        is_jump = node.event.get("type") == "link" and not is_link
        if is_jump and place not in structure.of(graph).links:
            name = node.event.get("name")
            yield Problem(node.key, "event", f"No link “{name}” catches it beside it.")
        if graph.outgoing[place] and (node.kind == END or is_alone or is_jump):
            yield Problem(node.key, "kind", "No flow may lead away from it.")


def _defaults(graph: Graph) -> Iterator[Problem]:
    for place, node in enumerate(graph.nodes):
        defaults = [flow for flow in graph.outgoing[place] if flow.is_default]
        for flow in defaults:
            key = graph.nodes[flow.target].key
            if flow.when:
                yield Problem(key, "depends_on", "The default way has no condition.")
        if len(defaults) > 1:
            yield Problem(node.key, "depends_on", "It has more than one default way out.")
        is_bound = node.kind in (PARALLEL, EVENT_GATEWAY)
        if is_bound and any(flow.when or flow.is_default for flow in graph.outgoing[place]):
            yield Problem(node.key, "depends_on", "Its ways out have no conditions.")


def _attached(graph: Graph, place: int) -> Iterator[Problem]:
    node = graph.nodes[place]
    if node.kind != BOUNDARY:
        if node.attached_to is not None:
            yield Problem(node.key, "attached_to", "Only a boundary event is attached to a task.")
        return
    if node.attached_to is None:
        yield Problem(node.key, "attached_to", "Name the task that the event is attached to.")
        return
    host = graph.nodes[node.attached_to]
    if not host.is_activity or host.parent != node.parent:
        message = f"“{host.name}” is no task or sub-process beside it."
        yield Problem(node.key, "attached_to", message)


def _chosen(graph: Graph, place: int) -> Iterator[Problem]:
    """The targets of an event gateway (BPMN 2.0, 10.6.6)."""
    node = graph.nodes[place]
    if node.kind != EVENT_GATEWAY:
        return
    if len(graph.outgoing[place]) < 2:
        yield Problem(
            node.key, "kind", "An event gateway needs at least two events to choose from."
        )
    for flow in graph.outgoing[place]:
        target = graph.nodes[flow.target]
        is_event = target.kind == CATCH and target.event.get("type") in CHOICES
        is_event = is_event and not target.event.get("parallel")
        if not is_event or len(graph.incoming[flow.target]) != 1:
            message = f"“{node.name}” must be followed by events that only it leads to."
            yield Problem(target.key, "depends_on", message)


def _undoing(graph: Graph, place: int) -> Iterator[Problem]:
    node = graph.nodes[place]
    if node.is_event_scope and not node.is_reaction:
        yield from _undoing_its_own(graph, place)
    if node.compensates is None:
        return
    host = graph.nodes[node.compensates]
    if host.kind not in ACTIVITIES or host.parent != node.parent or host is node:
        yield Problem(node.key, "compensates", f"“{host.name}” is no task beside it.")
    if node.kind not in ACTIVITIES:
        yield Problem(node.key, "compensates", "Only a task or sub-process can undo another.")
    if structure.of(graph).undoing.get(node.compensates) != place:
        yield Problem(node.key, "compensates", f"“{host.name}” is undone by more than one task.")


def _undoing_its_own(graph: Graph, place: int) -> Iterator[Problem]:
    """An event sub-process that undoes the sub-process that it is in (BPMN 2.0, 10.7.2)."""
    node = graph.nodes[place]
    if node.parent is None:
        yield Problem(node.key, "event", "What undoes a whole process has to be in a sub-process.")
    elif structure.of(graph).undoing.get(node.parent) != place:
        name = graph.nodes[node.parent].name
        yield Problem(node.key, "event", f"“{name}” is undone by something else already.")


def _unreached(graph: Graph) -> Iterator[Problem]:
    """Nodes that can never start: nothing leads to them, or they wait for what waits for them."""
    left = [place for place, can in enumerate(startable(graph)) if not can]
    cut_off = [place for place in left if not graph.incoming[place]]
    for place in cut_off:
        if graph.nodes[place].kind != BOUNDARY:
            message = "Nothing leads to it, and its sub-process begins elsewhere."
            yield Problem(graph.nodes[place].key, "depends_on", message)
    if left and not cut_off:
        names = ", ".join(graph.nodes[place].name for place in left[:10])
        message = f"These tasks wait for each other in a circle: {names}."
        yield Problem("", "depends_on", message)


def startable(graph: Graph) -> list[bool]:
    """Per node, whether it could ever start: a join needs all that lead to it, others one."""
    shape = structure.of(graph)
    can = [False] * len(graph.nodes)
    missing = [
        len(shape.entries[place]) if shape.is_join(place) else min(1, len(shape.entries[place]))
        for place in range(len(graph.nodes))
    ]
    left = [*shape.beginnings.get(None, ()), *shape.event_starts]
    left += shape.event_scopes.get(None, ())
    while left:
        place = left.pop()
        if can[place]:
            continue
        can[place] = True
        left += _set_free(graph, place)
        for flow in shape.exits[place]:
            target = graph.flows[flow].target
            missing[target] -= 1
            if missing[target] <= 0:
                left.append(target)
    return can


def _set_free(graph: Graph, place: int) -> Iterator[int]:
    """What may start with a node, beside what its flows lead to."""
    shape, node = structure.of(graph), graph.nodes[place]
    yield from shape.boundaries.get(place, ())
    if place in shape.undoing:
        yield shape.undoing[place]
    if node.kind == SCOPE:
        yield from shape.beginnings.get(place, ())
        yield from shape.event_scopes.get(place, ())
    if place in shape.links:
        yield shape.links[place]
