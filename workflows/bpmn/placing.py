"""New shapes and edges in a diagram that somebody has drawn: beside their neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeAlias

from lxml import etree

from . import picture, shapes
from .document import Document, remove
from .interchange import add_edge, add_shape, di
from .layout import Box, Point
from .presence import bare
from .vocabulary import DC, NODE_TAGS, SCOPE_TAGS, bpmn, local

GAP, STEP, MOST = 60.0, 20.0, 200  # to a neighbour; between places that are tried; tries
PAD = 20.0
Element: TypeAlias = etree._Element


def draw(document: Document, fresh: Iterable[Element]) -> None:
    """Draw new elements, nodes before what joins them, if the document has a diagram."""
    sheet = _Sheet(document)
    if sheet.plane is None:
        return
    alive = [one for one in fresh if one.getparent() is not None]
    nodes = [one for one in alive if local(one) in NODE_TAGS]
    for node in (one for one in nodes if local(one) != "boundaryEvent"):
        sheet.place(node)
    for event in (one for one in nodes if local(one) == "boundaryEvent"):
        sheet.attach(event)
    for edge in (one for one in alive if local(one) in ("sequenceFlow", "association")):
        sheet.join(edge)


def erase(document: Document, ids: Iterable[str | None]) -> None:
    """Take out what is drawn of elements with some ids."""
    ids = {one for one in ids if one}
    for drawn in list(document.root.iter(di("BPMNShape"), di("BPMNEdge"))):
        if bare(drawn.get("bpmnElement")) in ids:
            remove(drawn)
    for plane in list(document.root.iter(di("BPMNPlane"))):
        if bare(plane.get("bpmnElement")) in ids:
            remove(plane.getparent())


def reshape(document: Document, element: Element) -> None:
    """Give a shape the size that its element has now, around the same middle."""
    sheet = _Sheet(document)
    box = sheet.boxes.get(str(element.get("id")))
    if box is not None and local(element) not in SCOPE_TAGS:
        width, height = shapes.size(element)
        x, y = box.x + (box.width - width) / 2, box.y + (box.height - height) / 2
        sheet.set(str(element.get("id")), Box(x, y, width, height))


class _Sheet:
    """The shapes of a document by the id of what they show."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.shapes: dict[str, Element] = {}
        self.boxes: dict[str, Box] = {}
        for shape in document.root.iter(di("BPMNShape")):
            bounds = shape.find(f"{{{DC}}}Bounds")
            key, box = bare(shape.get("bpmnElement")), _box(bounds)
            if box is not None:
                self.shapes[key], self.boxes[key] = shape, box
        self.plane: Element | None = next(document.root.iter(di("BPMNPlane")), None)

    def set(self, key: str, box: Box) -> None:
        """Give the shape of an element another place and size."""
        self.boxes[key] = box
        bounds = self.shapes[key].find(f"{{{DC}}}Bounds")
        for name in ("x", "y", "width", "height"):
            bounds.set(name, str(round(getattr(box, name))))

    def place(self, node: Element) -> None:
        """Draw a node, and what lies in it."""
        if str(node.get("id")) in self.boxes:
            return
        inner = picture.of(node) if local(node) in SCOPE_TAGS and len(node) else None
        width, height = shapes.size(node)
        if inner is not None and inner.boxes:
            width = max(width, inner.width + 2 * PAD)
            height = max(height, inner.height + picture.HEADER + PAD)
        box = self._free(node, self._wish(node, width, height))
        self._shape(node, box)
        if inner is not None:
            made = picture.Picture()
            made.add(inner, box.x + PAD, box.y + picture.HEADER)
            for element, one in made.boxes.items():
                self._shape(element, one)
            for element, points in made.lines.items():
                self._edge(element, points)
        self._grow(node, box)

    def attach(self, event: Element) -> None:
        """Draw an event on the lower edge of its host, left of those that are there."""
        host = self.boxes.get(bare(event.get("attachedToRef")))
        if host is None or str(event.get("id")) in self.boxes:
            return
        side = shapes.EVENT
        box = Box(host.x + host.width - side - 10, host.y + host.height - side / 2, side, side)
        others = [self.boxes[key] for key in self._beside(event)]
        while any(_overlap(box, one, 2) and one.width <= side + 10 for one in others):
            box = replace(box, x=box.x - side - 10)
        if box.x < host.x - side / 2:
            box = replace(box, x=host.x + host.width - side - 10)
        self._shape(event, box)

    def join(self, flow: Element) -> None:
        """Draw an edge between two shapes, past the others where there is a way."""
        source = self.boxes.get(bare(flow.get("sourceRef")))
        target = self.boxes.get(bare(flow.get("targetRef")))
        drawn = self.document.root.iter(di("BPMNEdge"))
        is_drawn = any(bare(edge.get("bpmnElement")) == flow.get("id") for edge in drawn)
        if source is None or target is None or is_drawn:
            return
        ends = (bare(flow.get("sourceRef")), bare(flow.get("targetRef")))
        beside = [self.boxes[key] for key in self._beside(flow) if key not in ends]
        tag = local(self._element(ends[0]))
        ways = list(_ways(source, target, beside, is_on_edge=tag == "boundaryEvent"))
        best = min(ways, key=lambda way: (_crossed(way, beside), len(way)))
        self._edge(flow, best)

    def _shape(self, element: Element, box: Box) -> None:
        plane = self._plane_of(element)
        key = str(element.get("id"))
        self.shapes[key] = add_shape(self.document, plane, element, box, None)
        self.boxes[key] = box

    def _edge(self, element: Element, points: Sequence[Point]) -> None:
        label = _label(element, points)
        add_edge(self.document, self._plane_of(element), element, points, label)

    def _plane_of(self, element: Element) -> Element:
        """The plane that shows an element's neighbours: a collapsed sub-process has its own."""
        scope = element.getparent()
        for plane in self.document.root.iter(di("BPMNPlane")):
            if scope is not None and bare(plane.get("bpmnElement")) == scope.get("id"):
                return plane
        shape = self.shapes.get(str(scope.get("id"))) if scope is not None else None
        return self.plane if shape is None else shape.getparent()

    def _element(self, key: str) -> Element:
        found = self.document.process.xpath(".//*[@id = $key]", key=key)
        return found[0] if found else self.document.process

    def _beside(self, element: Element) -> Iterator[str]:
        """The ids of what is drawn in the same scope."""
        scope = element.getparent()
        for one in scope if scope is not None else ():
            key = str(one.get("id"))
            if one is not element and key in self.boxes and local(one) != "sequenceFlow":
                yield key

    def _wish(self, node: Element, width: float, height: float) -> Box:
        before, after = self._neighbours(node, "targetRef"), self._neighbours(node, "sourceRef")
        if before:
            box = max(before, key=lambda one: one.x + one.width)
            x = box.x + box.width + GAP
            right = min((one.x for one in after if one.x > box.x + box.width), default=0.0)
            if right - box.x - box.width >= width + 2 * STEP:
                x = (box.x + box.width + right - width) / 2
            return Box(x, box.y + (box.height - height) / 2, width, height)
        if after:
            box = min(after, key=lambda one: one.x)
            return Box(box.x - GAP - width, box.y + (box.height - height) / 2, width, height)
        return self._below(node, width, height)

    def _below(self, node: Element, width: float, height: float) -> Box:
        others = [self.boxes[key] for key in self._beside(node)]
        home = self.boxes.get(str(node.getparent().get("id")))
        if others:
            lowest = max(box.y + box.height for box in others)
            return Box(min(box.x for box in others), lowest + 2 * STEP, width, height)
        if home is not None:
            return Box(home.x + PAD, home.y + picture.HEADER, width, height)
        return Box(GAP, GAP, width, height)

    def _neighbours(self, node: Element, side: str) -> list[Box]:
        other = "sourceRef" if side == "targetRef" else "targetRef"
        found = []
        for flow in node.getparent().iterchildren(bpmn("sequenceFlow")):
            key = bare(flow.get(other))
            if bare(flow.get(side)) == node.get("id") and key in self.boxes:
                found.append(self.boxes[key])
        return found

    def _free(self, node: Element, wish: Box) -> Box:
        """The wish, moved down until nothing is in its way."""
        others = [self.boxes[key] for key in self._beside(node)]
        for _ in range(MOST):
            if not any(_overlap(wish, one, STEP / 2) for one in others):
                break
            wish = replace(wish, y=wish.y + STEP)
        return wish

    def _grow(self, node: Element, box: Box) -> None:
        """Let what the node lies in reach around it: sub-processes, then the pool and its lanes."""
        scope = node.getparent()
        while scope is not None and local(scope) in SCOPE_TAGS:
            key = str(scope.get("id"))
            if key not in self.boxes or self.shapes[key].get("isExpanded") == "false":
                return
            box = _around(self.boxes[key], box)
            if box != self.boxes[key]:
                self.set(key, box)
            scope = scope.getparent()
        process = str(self.document.process.get("id"))
        for pool in self.document.root.iter(bpmn("participant")):
            key = str(pool.get("id"))
            if bare(pool.get("processRef")) == process and key in self.boxes:
                self._grow_pool(key, box)

    def _grow_pool(self, key: str, box: Box) -> None:
        old = self.boxes[key]
        grown = _around(old, box)
        if grown == old:
            return
        self.set(key, grown)
        for lane in self.document.process.iter(bpmn("lane")):
            name = str(lane.get("id"))
            one = self.boxes.get(name)
            if one is None:
                continue
            is_lowest = one.y + one.height >= old.y + old.height - 1
            height = grown.y + grown.height - one.y if is_lowest else one.height
            self.set(name, replace(one, width=grown.x + grown.width - one.x, height=height))


def _box(bounds: Element | None) -> Box | None:
    if bounds is None:
        return None
    try:
        return Box(*(float(bounds.get(name, "")) for name in ("x", "y", "width", "height")))
    except ValueError:
        return None


def _label(flow: Element, points: Sequence[Point]) -> Box | None:
    """The box of a flow's name, on its longest level part."""
    width, height = shapes.text_size(shapes.broken(flow.get("name") or ""))
    level = [(a, b) for a, b in pairwise(points) if a[1] == b[1]]
    if not width or not level:
        return None
    (x1, y), (x2, _) = max(level, key=lambda part: abs(part[0][0] - part[1][0]))
    return Box((x1 + x2 - width) / 2, y - height - shapes.ON_LINE, width, height)


def _around(outer: Box, inner: Box) -> Box:
    right = max(outer.x + outer.width, inner.x + inner.width + PAD)
    foot = max(outer.y + outer.height, inner.y + inner.height + PAD)
    x, y = min(outer.x, inner.x - PAD), min(outer.y, inner.y - PAD)
    return Box(x, y, right - x, foot - y)


def _overlap(one: Box, other: Box, room: float) -> bool:
    return (
        one.x < other.x + other.width + room
        and other.x < one.x + one.width + room
        and one.y < other.y + other.height + room
        and other.y < one.y + one.height + room
    )


def _ways(
    source: Box, target: Box, others: Sequence[Box], *, is_on_edge: bool
) -> Iterator[list[Point]]:
    """Paths to choose from: straight or with one bend, and over or under everything."""
    right, middle = source.x + source.width, source.y + source.height / 2
    level, centre = target.y + target.height / 2, source.x + source.width / 2
    foot = source.y + source.height
    if is_on_edge:
        if target.x > centre:
            if level > foot:
                yield [(centre, foot), (centre, level), (target.x, level)]
            for x in (target.x - STEP, target.x - GAP / 2):
                yield [
                    (centre, foot), (centre, foot + STEP),
                    (x, foot + STEP), (x, level), (target.x, level),
                ]  # fmt: skip
    elif target.x >= right + STEP / 2:
        if abs(middle - level) < 1:
            yield [(right, middle), (target.x, level)]
        for x in ((right + target.x) / 2, right + STEP, target.x - STEP):
            yield [(right, middle), (x, middle), (x, level), (target.x, level)]
    boxes = [source, target, *others]
    over = min(box.y for box in boxes) - STEP
    under = max(box.y + box.height for box in boxes) + STEP
    into = target.x + target.width / 2
    start = foot if is_on_edge else source.y
    yield [(centre, start), (centre, over), (into, over), (into, target.y)]
    yield [(centre, foot), (centre, under), (into, under), (into, target.y + target.height)]


def _crossed(path: Sequence[Point], others: Iterable[Box]) -> int:
    """How many boxes a path runs through."""
    count = 0
    for box in others:
        for (x1, y1), (x2, y2) in pairwise(path):
            part = Box(min(x1, x2), min(y1, y2), abs(x1 - x2), abs(y1 - y2))
            if _overlap(part, box, -1):
                count += 1
                break
    return count
