"""Where the shapes and edges of a BPMN process go, scope by scope, from the inside out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from lxml import etree

from workflows.graph.shape import Flow, Graph, Node

from . import shapes
from .bends import squared
from .layout import Box, Layout, Line, Point, arranged, without_loops
from .vocabulary import NODE_TAGS, SCOPE_TAGS, local

PAD, HEADER = 20.0, 30.0  # around and over what is in a sub-process
ABOVE = 20.0  # room over a shape for a line that leads back to it
STEP = 10.0  # between lines that leave events on one edge
BETWEEN = 30.0  # between what stands below each other
Element: TypeAlias = etree._Element
Id = str


@dataclass
class Picture:
    """Boxes of shapes and of names, and lines of edges, by element."""

    width: float = 0.0
    height: float = 0.0
    boxes: dict[Element, Box] = field(default_factory=dict)
    labels: dict[Element, Box] = field(default_factory=dict)
    lines: dict[Element, tuple[Point, ...]] = field(default_factory=dict)
    bands: tuple[tuple[float, float], ...] = ()

    def add(self, other: Picture, dx: float, dy: float) -> None:
        """Put another picture in, its upper left corner at a point."""
        for element, box in other.boxes.items():
            self.boxes[element] = replace(box, x=box.x + dx, y=box.y + dy)
        for element, box in other.labels.items():
            self.labels[element] = replace(box, x=box.x + dx, y=box.y + dy)
        for element, points in other.lines.items():
            self.lines[element] = tuple((x + dx, y + dy) for x, y in points)


def of(scope: Element, bands: Mapping[Id, int] | None = None) -> Picture:
    """The picture of what lies in a process or sub-process. `bands`: the lanes of its nodes."""
    return _Level(scope, bands or {}).picture()


class _Level:
    """One scope: its nodes but for those that stand apart, and the flows between them."""

    def __init__(self, scope: Element, bands: Mapping[Id, int]) -> None:
        nodes = [one for one in scope if local(one) in NODE_TAGS and one.get("id")]
        self.scope, self.bands = scope, bands
        self.apart = [one for one in nodes if one.get("triggeredByEvent") == "true"]
        edge = [one for one in nodes if local(one) == "boundaryEvent"]
        elsewhere = {*edge, *self.apart}
        self.nodes = [one for one in nodes if one not in elsewhere]
        self.place = {str(one.get("id")): number for number, one in enumerate(self.nodes)}
        self.hosted: dict[int, list[Element]] = {}
        self.by_id = {str(one.get("id")): one for one in [*nodes]}
        for one in edge:
            host = self.place.get(_bare(one.get("attachedToRef")))
            if host is None:
                self.place[str(one.get("id"))] = len(self.nodes)
                self.nodes.append(one)
            else:
                self.place[str(one.get("id"))] = host
                self.hosted.setdefault(host, []).append(one)
        self.flows = [one for one in scope if self._is_flow(one)]
        self.inner = {one: of(one) for one in [*self.nodes, *self.apart] if _has_inside(one)}
        self.graph = Graph(
            tuple(Node(str(number), "") for number in range(len(self.nodes))),
            tuple(
                Flow(*self._ends(one), " ".join((one.get("name") or "").split()))
                for one in self.flows
            ),
        )
        self.turned = [
            forward != self._ends(one) or forward[0] == forward[1]
            for one, forward in zip(self.flows, without_loops(self.graph), strict=True)
        ]

        self.met = {
            end
            for flow, turned in zip(self.flows, self.turned, strict=True)
            for end in (self._ends(flow) if turned else ())
        }

    def picture(self) -> Picture:
        """Everything in its place, with the corner of the picture at (0, 0)."""
        sizes = [self._slot(number) for number in range(len(self.nodes))]
        bands = [self.bands.get(str(one.get("id")), 0) for one in self.nodes]
        drawn = arranged(self.graph, sizes, shapes.MANNER, bands if self.bands else ())
        made = Picture(drawn.width, drawn.height, bands=drawn.bands)
        for number, slot in enumerate(drawn.boxes):
            self._put(made, number, slot)
        paths = [self._path(made, number, drawn, line) for number, line in enumerate(drawn.lines)]
        for flow, line, path in zip(self.flows, drawn.lines, squared(paths), strict=True):
            made.lines[flow] = path
            if line.label and local(flow) == "sequenceFlow":
                made.labels[flow] = _on_line(line.label, line.text)
        self._put_apart(made)
        return made

    def _is_flow(self, one: Element) -> bool:
        if local(one) not in ("sequenceFlow", "association"):
            return False
        ends = [_bare(one.get("sourceRef")), _bare(one.get("targetRef"))]
        is_compensation = local(self.by_id.get(ends[0], one)) == "boundaryEvent"
        return all(end in self.place for end in ends) and (
            local(one) == "sequenceFlow" or is_compensation
        )

    def _ends(self, flow: Element) -> tuple[int, int]:
        source, target = _bare(flow.get("sourceRef")), _bare(flow.get("targetRef"))
        return self.place[source], self.place[target]

    def _size(self, element: Element) -> tuple[float, float]:
        if element not in self.inner:
            return shapes.size(element)
        inner = self.inner[element]
        wide = max(inner.width + 2 * PAD, shapes.TASK[0])
        return wide, max(inner.height + HEADER + PAD, shapes.TASK[1])

    def _slot(self, number: int) -> tuple[float, float]:
        """Room for a shape, with as much above its middle as below."""
        element = self.nodes[number]
        width, height = self._size(element)
        label = shapes.label(element)
        below = label[1] + 2 * shapes.NEAR if label[1] else 0.0
        hosted = self.hosted.get(number, ())
        if hosted:
            tallest = max(shapes.label(one)[1] for one in hosted)
            below = shapes.EVENT / 2 + tallest + shapes.NEAR + STEP * (len(hosted) + 1)
            width = max(width, sum(_room_on_edge(one) for one in hosted) + STEP)
        above = ABOVE if number in self.met else 0.0
        return max(width, label[0]), height + 2 * max(below, above)

    def _put(self, made: Picture, number: int, slot: Box) -> None:
        element = self.nodes[number]
        width, height = self._size(element)
        hosted = self.hosted.get(number, ())
        width = max(width, slot.width) if hosted else width
        box = Box(
            round(slot.x + (slot.width - width) / 2),
            round(slot.y + (slot.height - height) / 2),
            round(width),
            round(height),
        )
        made.boxes[element] = box
        if shapes.label(element)[1]:
            made.labels[element] = shapes.below(box, shapes.label(element))
        if element in self.inner:
            made.add(self.inner[element], box.x + PAD, box.y + HEADER)
        right = box.x + box.width - STEP
        for event in hosted:
            side = shapes.EVENT
            made.boxes[event] = Box(right - side, box.y + box.height - side / 2, side, side)
            right -= _room_on_edge(event)
            wide, tall = shapes.label(event)
            if tall:
                at = made.boxes[event]
                left = at.x + side / 2 - shapes.NEAR - wide
                made.labels[event] = Box(left, at.y + side + shapes.NEAR, wide, tall)

    def _path(self, made: Picture, number: int, drawn: Layout, line: Line) -> list[Point]:
        """A flow's points: from its source's shape through the slots to its target's shape."""
        flow, (source, target) = self.flows[number], self._ends(self.flows[number])
        start, end = self.by_id[_bare(flow.get("sourceRef"))], self.nodes[target]
        out, into = line.edges
        if source == target:
            right = drawn.boxes[source].x + drawn.boxes[source].width + STEP
            out, into = right, right
        if start is not self.nodes[source]:
            points = self._down(made, source, start, out)
        elif self.turned[number] and source != target:
            points = self._round(made, start, out, line.passing[:1])
        else:
            box = made.boxes[start]
            middle = box.y + box.height / 2
            points = [(box.x + box.width, middle), (out, middle)]
        points += line.passing
        box = made.boxes[end]
        if self.turned[number]:
            return points + self._round(made, end, into, line.passing[-1:])[::-1]
        middle = box.y + box.height / 2
        return [*points, (into, middle), (box.x, middle)]

    def _round(
        self, made: Picture, element: Element, x: float, beyond: Sequence[Point]
    ) -> list[Point]:
        """From a shape over it, or under it where the line goes on there, to the side."""
        box = made.boxes[element]
        middle = box.x + box.width / 2
        is_free = (
            not shapes.label(element)[1] and self.place[str(element.get("id"))] not in self.hosted
        )
        if is_free and beyond and beyond[0][1] > box.y + box.height / 2:
            foot = box.y + box.height
            return [(middle, foot), (middle, foot + ABOVE * 0.7), (x, foot + ABOVE * 0.7)]
        return [(middle, box.y), (middle, box.y - ABOVE * 0.7), (x, box.y - ABOVE * 0.7)]

    def _down(self, made: Picture, host: int, event: Element, x: float) -> list[Point]:
        """From the foot of an event on an edge to the side of its host's slot, below all names."""
        hosted = self.hosted[host]
        box = made.boxes[event]
        tallest = max(shapes.label(one)[1] for one in hosted)
        foot = box.y + box.height
        level = foot + tallest + shapes.NEAR + STEP * (hosted.index(event) + 0.6)
        middle = box.x + box.width / 2
        return [(middle, foot), (middle, level), (x, level)]

    def _put_apart(self, made: Picture) -> None:
        """Event sub-processes, which no flow leads to, side by side under the rest."""
        x, tallest = 0.0, 0.0
        upper = made.height + BETWEEN if made.boxes else 0.0
        for element in self.apart:
            width, height = self._size(element)
            made.boxes[element] = Box(x, upper, width, height)
            if element in self.inner:
                made.add(self.inner[element], x + PAD, upper + HEADER)
            x, tallest = x + width + BETWEEN, max(tallest, height)
        if self.apart:
            made.width, made.height = max(made.width, x - BETWEEN), upper + tallest


def _on_line(slot: Box, lines: Sequence[str]) -> Box:
    """The box of a name that stands on the line through the middle of its slot."""
    width, height = shapes.text_size(tuple(lines))
    x = slot.x + (slot.width - width) / 2
    return Box(round(x), round(slot.y + slot.height / 2 - height - shapes.ON_LINE), width, height)


def _room_on_edge(event: Element) -> float:
    name = shapes.label(event)[0]
    return shapes.EVENT + STEP + max(0.0, name - shapes.EVENT / 2 + shapes.NEAR)


def _has_inside(element: Element) -> bool:
    inside: Iterable[Element] = element if local(element) in SCOPE_TAGS else ()
    return any(local(one) in NODE_TAGS for one in inside)


def _bare(reference: str | None) -> str:
    """An id that a QName refers to."""
    return (reference or "").strip().rpartition(":")[2]
