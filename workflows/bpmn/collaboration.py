"""Diagrams for a whole file: its pools below each other, their lanes, and what crosses between."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias

from lxml import etree

from . import picture, shapes
from .document import Document, children
from .interchange import MARGIN, add_plane
from .layout import Box, Point
from .picture import Picture
from .presence import bare
from .vocabulary import bpmn, local

TITLE = 30.0  # breadth of the strip with the name of a pool or lane
INSIDE = 20.0  # around what is in a lane
BETWEEN, CLOSED = 60.0, 60.0  # between pools; height of a pool that shows no process
Element: TypeAlias = etree._Element


def add_diagrams(root: Element) -> None:
    """Lay out every process of a file: the pools of a collaboration on one plane, else each on its
    own. Data and notes stand below the process that they lie in.
    """
    document = Document(root, root)
    shown: set[str] = set()
    for one in children(root, "collaboration"):
        if one.get("id"):
            shown |= {bare(pool.get("processRef")) for pool in children(one, "participant")}
            add_plane(document, one, _collaboration(root, one))
    for process in children(root, "process"):
        if process.get("id") and process.get("id") not in shown:
            drawn = Picture()
            drawn.add(_process(process), MARGIN, MARGIN)
            add_plane(document, process, drawn)


def _collaboration(root: Element, one: Element) -> Picture:
    drawn, pools = Picture(), [pool for pool in children(one, "participant") if pool.get("id")]
    by_id = {str(process.get("id")): process for process in children(root, "process")}
    inner = {pool: by_id.get(bare(pool.get("processRef"))) for pool in pools}
    made = {pool: _process(process) for pool, process in inner.items() if process is not None}
    width = max([one.width for one in made.values()], default=400.0) + TITLE
    y = MARGIN
    for pool in pools:
        height = CLOSED
        if pool in made:
            height = max(made[pool].height, 2 * CLOSED)
            drawn.add(made[pool], MARGIN + TITLE, y)
            _stretch(drawn, inner[pool], MARGIN + width)
        drawn.boxes[pool] = Box(MARGIN, y, width, height)
        y += height + BETWEEN
    _front(drawn, pools)
    for flow in children(one, "messageFlow"):
        path = _across(drawn, root, flow)
        if path and flow.get("id"):
            drawn.lines[flow] = path
    return drawn


def _process(process: Element) -> Picture:
    """A process with its lanes, if it has some, and with its data and notes."""
    lanes = list(_leaves(process))
    bands = {
        bare(reference.text): number
        for number, lane in enumerate(lanes)
        for reference in children(lane, "flowNodeRef")
    }
    inner = picture.of(process, bands if len(lanes) > 1 else None)
    left = TITLE * _depth(process) + (INSIDE if lanes else 0.0)
    made = Picture()
    made.add(inner, left, INSIDE if lanes else 0.0)
    made.width, made.height = inner.width + left, inner.height + (2 * INSIDE if lanes else 0.0)
    if lanes:
        made.width += INSIDE
        _put_lanes(made, process, lanes, inner.bands)
    return made


def _put_lanes(
    made: Picture, process: Element, lanes: list[Element], bands: tuple[tuple[float, float], ...]
) -> None:
    """Boxes of lanes: each reaches half-way to the next; an outer one is around its inner ones."""
    edges = [0.0]
    for (_, foot), (top, _) in itertools.pairwise(bands):
        edges.append((foot + top) / 2 + INSIDE)
    while len(edges) < len(lanes):  # lanes at the end in which nothing lies
        edges.append(made.height)
        made.height += 2 * CLOSED
    edges.append(made.height)
    boxes: dict[Element, Box] = {}
    for lane, top, foot in zip(lanes, edges, edges[1:], strict=False):
        boxes[lane] = Box(0.0, top, made.width, foot - top)
    found: dict[Element, Box] = {}
    for group in children(process, "laneSet"):
        _nest(group, 0.0, boxes, found, made.width)
    for lane, box in found.items():
        if lane.get("id"):
            made.boxes[lane] = box
    _front(made, list(found))


def _nest(
    group: Element, x: float, leaves: dict[Element, Box], found: dict[Element, Box], right: float
) -> None:
    for lane in children(group, "lane"):
        inner = list(children(lane, "childLaneSet"))
        if lane in leaves:
            found[lane] = replace(leaves[lane], x=x, width=right - x)
            continue
        place = len(found)
        for one in inner:
            _nest(one, x + TITLE, leaves, found, right)
        within = list(found.values())[place:]
        if within:
            top, foot = within[0].y, within[-1].y + within[-1].height
            rest = list(found.items())[place:]
            for key, _ in rest:
                del found[key]
            found[lane] = Box(x, top, right - x, foot - top)
            found.update(rest)


def _leaves(process: Element) -> Iterator[Element]:
    """The lanes that have no lanes in them."""
    for lane in process.iter(bpmn("lane")):
        if not any(True for one in children(lane, "childLaneSet") for _ in children(one, "lane")):
            yield lane


def _depth(process: Element) -> int:
    """How many lanes lie in each other."""

    def deep(group: Element) -> int:
        inner = [
            deep(one) for lane in children(group, "lane") for one in children(lane, "childLaneSet")
        ]
        return 1 + max(inner, default=0) if any(True for _ in children(group, "lane")) else 0

    return max((deep(group) for group in children(process, "laneSet")), default=0)


def _stretch(drawn: Picture, process: Element | None, right: float) -> None:
    """Let lanes reach the right edge of their pool."""
    for lane in process.iter(bpmn("lane")) if process is not None else ():
        if lane in drawn.boxes:
            box = drawn.boxes[lane]
            drawn.boxes[lane] = replace(box, width=right - box.x)


def _front(drawn: Picture, outer: list[Element]) -> None:
    """Name pools and lanes first: what is named later is drawn over them."""
    first = {one: drawn.boxes[one] for one in outer if one in drawn.boxes}
    drawn.boxes = {**first, **{k: box for k, box in drawn.boxes.items() if k not in first}}


def _across(drawn: Picture, root: Element, flow: Element) -> tuple[Point, ...]:
    """A message flow: straight up or down, with one step between the pools."""
    ends = []
    for name in ("sourceRef", "targetRef"):
        wanted = bare(flow.get(name))
        ends.append(next((box for e, box in drawn.boxes.items() if e.get("id") == wanted), None))
    source, target = ends
    if source is None or target is None:
        return ()
    is_down = source.y < target.y
    begin = source.y + source.height if is_down else source.y
    end = target.y if is_down else target.y + target.height
    x1, x2 = source.x + source.width / 2, target.x + target.width / 2
    if source.width > 5 * shapes.TASK[0] or target.width > 5 * shapes.TASK[0]:
        x1 = x2 = x1 if source.width < target.width else x2  # a pool is met anywhere
    if x1 == x2:
        return ((x1, begin), (x2, end))
    pools = [box for e, box in drawn.boxes.items() if local(e) == "participant"]
    level = next(
        (
            box.y + box.height + BETWEEN / 2
            for box in pools
            if begin <= box.y + box.height + BETWEEN / 2 <= end
            or end <= box.y + box.height + BETWEEN / 2 <= begin
        ),
        (begin + end) / 2,
    )
    return ((x1, begin), (x1, level), (x2, level), (x2, end))
