"""Where a graph's boxes and lines go: columns by longest path, rows by barycentre, left to right.

A long flow passes every column between its ends in a slot of its own, and a condition is a slot
too: so no line crosses a box and no two labels touch. Units are pixels.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from workflows.graph.shape import Graph

from .ordering import ordered, settled, straighten

NODE_WIDTH, NODE_HEIGHT = 156, 62
LABEL_LINE, LABEL_CHARACTERS, LABEL_LINES = 14, 18, 2
CHARACTER = 6.7  # advance of the 11 px monospace label
COLUMN_GAP, ROW_GAP, LINE_HEIGHT, MARGIN = 26, 26, 14, 10

_CAST = re.compile(r"\b(?:double|int|uint|string|bool)\((\w[\w.]*)\)")
_PATH = re.compile(r"\b(?:output|vars)\.(?:\w+\.)*(?=\w)")
_EQUALS = re.compile(r'==\s*"([^"]*)"')

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """Upper left corner and size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Line:
    """A flow's points, source to target; straight inside columns, free to bend between them.

    `passing` are those of its points that lie between the columns of its ends; `edges` are the x
    at which it leaves its source's column and enters its target's.
    """

    points: tuple[Point, ...]
    label: Box | None
    text: tuple[str, ...]
    passing: tuple[Point, ...] = ()
    edges: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Layout:
    """Boxes in the order of graph.nodes, lines in the order of graph.flows.

    `bands`: upper and lower edge of each lane, where the nodes are sorted into lanes.
    """

    width: float
    height: float
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    bands: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Manner:
    """How wide the gaps are, and how a label is broken into lines and how much room it has."""

    column_gap: float
    band_gap: float
    broken: Callable[[str], tuple[str, ...]]
    room: Callable[[tuple[str, ...]], tuple[float, float]]
    is_squared: bool = False  # lines have right angles: small steps are worth avoiding


@dataclass(slots=True)
class Slot:
    """A place in a column: a node, a label, or a line passing through."""

    width: float
    height: float
    is_passing: bool = False
    is_turned: bool = False  # passing, against the reading direction
    is_label: bool = False
    before: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0
    band: int = 0
    left: float = 0.0  # the edges of its column
    right: float = 0.0


def layout(graph: Graph) -> Layout:
    """Coordinates for every node and flow of a graph of steps; `nesting` knows the other kinds."""
    return arranged(graph, [(NODE_WIDTH, NODE_HEIGHT)] * len(graph.nodes))


def arranged(
    graph: Graph,
    sizes: Sequence[tuple[float, float]],
    manner: Manner | None = None,
    bands: Sequence[int] = (),
) -> Layout:
    """Coordinates for the nodes, of which each has a size, and the flows of one level.

    Loops back are drawn against the reading direction. `bands`: each node's lane, from 0 up.
    """
    if not graph.nodes:
        return Layout(0, 0, (), ())
    manner = manner or PAGES
    forward = without_loops(graph)
    ranks = _ranks(len(graph.nodes), forward)
    slots, columns, chains = _slotted(graph, forward, ranks, sizes, manner)
    _sort_into_bands(slots, chains, bands)
    columns = ordered(columns, slots)
    edges = settled(columns, slots, gap=ROW_GAP, band_gap=manner.band_gap)
    if manner.is_squared:
        straighten(columns, slots, edges, gap=ROW_GAP)
    width = _place_columns(columns, slots, manner.column_gap)
    top = min(slot.y for slot in slots) - MARGIN
    for slot in slots:
        slot.y -= top
    height = max(slot.y + slot.height for slot in slots) + MARGIN
    boxes = tuple(_box(slots[position]) for position in range(len(graph.nodes)))
    lines = tuple(
        _line(slots, chain, manner.broken(flow.when), turned=chain[0] != flow.source)
        for flow, chain in zip(graph.flows, chains, strict=True)
    )
    found = tuple((upper - top, lower - top) for upper, lower in edges) if bands else ()
    return Layout(width, height, boxes, lines, found)


def _sort_into_bands(
    slots: Sequence[Slot], chains: Sequence[Sequence[int]], bands: Sequence[int]
) -> None:
    """Each node goes into its lane, and what passes goes into that of the node on its left."""
    for slot, band in zip(slots, bands, strict=False):
        slot.band = band
    for chain in chains:
        for number in chain[1:-1]:
            slots[number].band = slots[chain[0]].band


def wrapped(condition: str) -> tuple[str, ...]:
    """A condition in at most two short lines, broken at spaces; the rest is an ellipsis."""
    lines = textwrap.wrap(
        _readable(condition),
        LABEL_CHARACTERS,
        max_lines=LABEL_LINES,
        placeholder="…",
        break_on_hyphens=False,
    )
    return tuple(lines)


def _readable(condition: str) -> str:
    """Without the casts, the path to the last name, and the quotes of a word compared with."""
    plain = _CAST.sub(r"\1", condition)
    plain = _PATH.sub("", plain)
    return _EQUALS.sub(r"= \1", plain)


def without_loops(graph: Graph) -> list[tuple[int, int]]:
    """Each flow as (left, right) node: a flow that closes a loop is turned round."""
    state = [0] * len(graph.nodes)
    closing: set[int] = set()
    leaving: list[list[tuple[int, int]]] = [[] for _ in graph.nodes]
    for position, flow in enumerate(graph.flows):
        leaving[flow.source].append((position, flow.target))
    for root in range(len(graph.nodes)):
        stack = [(root, iter(leaving[root]))] if state[root] == 0 else []
        state[root] = state[root] or 1
        while stack:
            node, rest = stack[-1]
            position, target = next(rest, (-1, -1))
            if position < 0:
                state[node] = 2
                stack.pop()
            elif state[target] == 1:
                closing.add(position)
            elif state[target] == 0:
                state[target] = 1
                stack.append((target, iter(leaving[target])))
    return [
        (flow.target, flow.source) if position in closing else (flow.source, flow.target)
        for position, flow in enumerate(graph.flows)
    ]


def _ranks(count: int, flows: Sequence[tuple[int, int]]) -> list[int]:
    """The length of the longest path to each node; a flow onto itself does not count."""
    flows = [(left, right) for left, right in flows if left != right]
    waiting, ranks = [0] * count, [0] * count
    leaving: list[list[int]] = [[] for _ in range(count)]
    for left, right in flows:
        waiting[right] += 1
        leaving[left].append(right)
    ready = [node for node in range(count) if not waiting[node]]
    for node in ready:
        for right in leaving[node]:
            ranks[right] = max(ranks[right], ranks[node] + 1)
            waiting[right] -= 1
            if not waiting[right]:
                ready.append(right)
    return ranks


def _slotted(
    graph: Graph,
    forward: Sequence[tuple[int, int]],
    ranks: Sequence[int],
    sizes: Sequence[tuple[float, float]],
    manner: Manner,
) -> tuple[list[Slot], list[list[int]], list[list[int]]]:
    """Slots (nodes first), columns of slot numbers, and each flow's chain of slot numbers.

    Column 2r holds the nodes of rank r, column 2r + 1 the labels of the flows that leave them.
    """
    labelled = {
        ranks[left]
        for (left, right), flow in zip(forward, graph.flows, strict=True)
        if flow.when and left != right
    }
    used = sorted({2 * rank for rank in ranks} | {2 * rank + 1 for rank in labelled})
    place = {column: position for position, column in enumerate(used)}
    slots = [Slot(width, height) for width, height in sizes]
    columns: list[list[int]] = [[] for _ in used]
    for node, rank in enumerate(ranks):
        columns[place[2 * rank]].append(node)
    chains = []
    for (left, right), flow in zip(forward, graph.flows, strict=True):
        chain = [left]
        for column in range(place[2 * ranks[left]] + 1, place[2 * ranks[right]]):
            is_label = bool(flow.when) and used[column] == 2 * ranks[left] + 1
            columns[column].append(len(slots))
            chain.append(len(slots))
            slots.append(_passing(manner, manner.broken(flow.when) if is_label else ()))
            slots[-1].is_turned = left != flow.source
        chain.append(right)
        for one, next_ in pairwise(chain):
            slots[one].after.append(next_)
            slots[next_].before.append(one)
        chains.append(chain)
    return slots, columns, chains


def _passing(manner: Manner, text: tuple[str, ...]) -> Slot:
    if not text:
        return Slot(0, LINE_HEIGHT, is_passing=True)
    width, height = manner.room(text)
    return Slot(width, height, is_passing=True, is_label=True)


def _room(text: tuple[str, ...]) -> tuple[float, float]:
    return round(max(map(len, text)) * CHARACTER) + 14, len(text) * LABEL_LINE + 6


PAGES = Manner(COLUMN_GAP, ROW_GAP, wrapped, _room)


def _place_columns(columns: Sequence[Sequence[int]], slots: Sequence[Slot], gap: float) -> float:
    x: float = MARGIN
    for column in columns:
        width = max(slots[number].width for number in column)
        for number in column:
            slot = slots[number]
            slot.left, slot.right = x, x + width
            slot.x = x if slot.is_label else x + (width - slot.width) / 2
            if not slot.width:
                slot.x, slot.width = x, width
        x += width + gap
    return x - gap + MARGIN


def _box(slot: Slot) -> Box:
    return Box(slot.x, slot.y, slot.width, slot.height)


def _line(
    slots: Sequence[Slot], chain: Sequence[int], text: tuple[str, ...], *, turned: bool
) -> Line:
    """From the first slot's right side to the last one's left side, straight through the others."""
    if chain[0] == chain[-1]:
        return Line(_round_trip(slots[chain[0]]), None, text)
    first, last = slots[chain[0]], slots[chain[-1]]
    points = [(first.x + first.width, first.y + first.height / 2)]
    if first.right > points[0][0]:
        points.append((first.right, points[0][1]))  # past the wider boxes above and below it
    passing = []
    for number in chain[1:-1]:
        slot = slots[number]
        middle = slot.y + slot.height / 2
        passing += [(slot.x, middle), (slot.x + slot.width, middle)]
    points += passing
    if last.left < last.x:
        points.append((last.left, last.y + last.height / 2))
    points.append((last.x, last.y + last.height / 2))
    label, edges = _label(slots, chain), (first.right, last.left)
    if turned:
        return Line(tuple(points[::-1]), label, text, tuple(passing[::-1]), edges[::-1])
    return Line(tuple(points), label, text, tuple(passing), edges)


def _round_trip(slot: Slot) -> tuple[Point, ...]:
    middle, above = slot.y + slot.height / 2, slot.y - LINE_HEIGHT / 2
    left, right = slot.x, slot.x + slot.width
    return ((right, middle), (right, above), (left, above), (left, middle))


def _label(slots: Sequence[Slot], chain: Sequence[int]) -> Box | None:
    found = (slots[number] for number in chain[1:-1] if slots[number].is_label)
    slot = next(found, None)
    return _box(slot) if slot else None
