"""The layout of a whole graph: sub-processes as boxes around what is in them, events on edges."""

from __future__ import annotations

from dataclasses import replace

from workflows.graph import structure
from workflows.graph.shape import (
    BOUNDARY,
    CATCH,
    END,
    EVENT_GATEWAY,
    GATEWAYS,
    SCOPE,
    START,
    THROW,
    Graph,
)

from .layout import NODE_HEIGHT, NODE_WIDTH, Box, Layout, Line, Point, arranged

GATEWAY, EVENT, ON_EDGE = 46.0, 42.0, 28.0  # sides and diameters, pixels
NAME_BELOW = 20.0  # room under a gateway or event for its name
NARROWEST = 96.0  # room for that name
PAD, HEADER = 14.0, 30.0  # around and over what is in a sub-process
EVENTS = frozenset({START, END, CATCH, THROW})
SMALL = GATEWAYS | EVENTS | {EVENT_GATEWAY}


def nested(graph: Graph) -> Layout:
    """Boxes in the order of graph.nodes, lines in the order of graph.flows."""
    boxes: dict[int, Box] = {}
    lines: dict[int, Line] = {}
    width, height = _level(graph, None, boxes, lines)
    return Layout(
        width,
        height,
        tuple(boxes[place] for place in range(len(graph.nodes))),
        tuple(lines[number] for number in range(len(graph.flows))),
    )


def _level(
    graph: Graph, parent: int | None, boxes: dict[int, Box], lines: dict[int, Line]
) -> tuple[float, float]:
    """Lay out what lies in one scope, from its own upper left corner; its size."""
    places = [
        place
        for place, node in enumerate(graph.nodes)
        if node.parent == parent and node.kind != BOUNDARY
    ]
    inner: dict[int, tuple[dict[int, Box], dict[int, Line]]] = {}
    sizes = []
    for place in places:
        if graph.nodes[place].kind == SCOPE:
            inner[place] = ({}, {})
            width, height = _level(graph, place, *inner[place])
            sizes.append((max(width, NODE_WIDTH) + 2 * PAD, height + HEADER + 2 * PAD))
        else:
            sizes.append(_size(graph, place))
    flows = [n for n, flow in enumerate(graph.flows) if graph.nodes[flow.source].parent == parent]
    found = arranged(_reduced(graph, places, flows), sizes)
    for place, box in zip(places, found.boxes, strict=True):
        boxes[place] = _shape(graph, place, box)
        if place in inner:
            _move_in(inner[place], box, boxes, lines)
        _sit_on_edge(graph, place, boxes)
    for number, line in zip(flows, found.lines, strict=True):
        lines[number] = _ended(graph, number, line, boxes)
    return found.width, found.height + (ON_EDGE / 2 if _has_edges(graph, places) else 0)


def _size(graph: Graph, place: int) -> tuple[float, float]:
    kind = graph.nodes[place].kind
    if kind in SMALL:
        side = EVENT if kind in EVENTS else GATEWAY
        return NARROWEST, side + 2 * NAME_BELOW
    return NODE_WIDTH, NODE_HEIGHT


def _shape(graph: Graph, place: int, box: Box) -> Box:
    """The box of a gateway or event without the room for its name."""
    kind = graph.nodes[place].kind
    if kind not in SMALL:
        return box
    side = EVENT if kind in EVENTS else GATEWAY
    return Box(box.x + (box.width - side) / 2, box.y + (box.height - side) / 2, side, side)


def _reduced(graph: Graph, places: list[int], flows: list[int]) -> Graph:
    """One level as a graph of its own; what leaves an event on an edge leaves its host."""
    index = {place: number for number, place in enumerate(places)}
    ways = []
    for number in flows:
        flow = graph.flows[number]
        source = graph.nodes[flow.source].attached_to
        source = flow.source if source is None else source
        ways.append(replace(flow, source=index[source], target=index[flow.target]))
    return Graph(tuple(graph.nodes[place] for place in places), tuple(ways))


def _move_in(
    inner: tuple[dict[int, Box], dict[int, Line]],
    box: Box,
    boxes: dict[int, Box],
    lines: dict[int, Line],
) -> None:
    dx, dy = box.x + PAD, box.y + HEADER + PAD
    for place, one in inner[0].items():
        boxes[place] = replace(one, x=one.x + dx, y=one.y + dy)
    for number, line in inner[1].items():
        label = line.label and replace(line.label, x=line.label.x + dx, y=line.label.y + dy)
        points = tuple((x + dx, y + dy) for x, y in line.points)
        lines[number] = replace(line, points=points, label=label)


def _sit_on_edge(graph: Graph, host: int, boxes: dict[int, Box]) -> None:
    box = boxes[host]
    for number, place in enumerate(structure.of(graph).boundaries.get(host, ())):
        x = box.x + box.width - (number + 1) * (ON_EDGE + 8)
        boxes[place] = Box(x, box.y + box.height - ON_EDGE / 2, ON_EDGE, ON_EDGE)


def _ended(graph: Graph, number: int, line: Line, boxes: dict[int, Box]) -> Line:
    """The line from shape to shape, where these are smaller than their slots."""
    flow = graph.flows[number]
    source, target = boxes[flow.source], boxes[flow.target]
    points = list(line.points)
    if graph.nodes[flow.source].kind == BOUNDARY:
        points[0] = (source.x + source.width, source.y + source.height / 2)
    elif graph.nodes[flow.source].kind in SMALL:
        points[0] = _touched(points[0], source)
    if graph.nodes[flow.target].kind in SMALL:
        points[-1] = _touched(points[-1], target)
    return replace(line, points=tuple(points))


def _touched(point: Point, box: Box) -> Point:
    is_right = point[0] > box.x + box.width / 2
    return (box.x + box.width if is_right else box.x, point[1])


def _has_edges(graph: Graph, places: list[int]) -> bool:
    return any(place in structure.of(graph).boundaries for place in places)
