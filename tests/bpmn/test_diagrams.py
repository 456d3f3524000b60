"""What is drawn: nothing overlaps, no line runs through a box, and foreign files get a diagram."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lxml import etree

from config.demo.workflows import WORKFLOWS
from tests.bpmn import schema
from tests.bpmn.definitions import EVERYTHING, edited, of_graph, plain
from tests.graph.test_tokens import structured, unstructured
from workflows.bpmn.interchange import di
from workflows.bpmn.layout import Box, Point
from workflows.bpmn.vocabulary import DC, DI, SCOPE_TAGS, bpmn, local
from workflows.bpmn.writer import with_diagram, write
from workflows.errors import BpmnError

QUICKLY = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)


class Drawing:
    """The shapes, names and lines of a document, and in which scope each element lies."""

    def __init__(self, data: bytes) -> None:
        self.root = etree.fromstring(data)
        self.elements = {one.get("id"): one for one in self.root.iter() if one.get("id")}
        self.boxes: dict[str, Box] = {}
        self.names: dict[str, Box] = {}
        self.lines: dict[str, list[Point]] = {}
        for shape in self.root.iter(di("BPMNShape"), di("BPMNEdge")):
            key = shape.get("bpmnElement")
            label = shape.find(di("BPMNLabel"))
            if shape.tag == di("BPMNShape"):
                self.boxes[key] = self._box(shape)
            else:
                points = shape.iterchildren(f"{{{DI}}}waypoint")
                self.lines[key] = [(float(one.get("x")), float(one.get("y"))) for one in points]
            if label is not None:
                self.names[key] = self._box(label)

    def _box(self, shape: Any) -> Box:
        bounds = shape.find(f"{{{DC}}}Bounds")
        return Box(*(float(bounds.get(name)) for name in ("x", "y", "width", "height")))

    def scope(self, key: str) -> str:
        return str(self.elements[key].getparent().get("id"))

    def kind(self, key: str) -> str:
        return local(self.elements[key])

    def levels(self) -> Iterator[list[str]]:
        """Ids of the shapes that lie in the same scope."""
        scopes: dict[str, list[str]] = {}
        for key in self.boxes:
            scopes.setdefault(self.scope(key), []).append(key)
        yield from scopes.values()

    def problems(self) -> list[str]:
        found = []
        for level in self.levels():
            for one, other in combinations(level, 2):
                is_edge = "boundaryEvent" in (self.kind(one), self.kind(other))
                if not is_edge and overlap(self.boxes[one], self.boxes[other]):
                    found.append(f"{one} overlaps {other}")
        for flow, points in self.lines.items():
            ends = [self.elements[flow].get(name) for name in ("sourceRef", "targetRef")]
            hosts = [self.elements[end].get("attachedToRef") for end in ends]
            for key, box in self.boxes.items():
                is_beside = self.scope(key) == self.scope(flow)
                if is_beside and key not in (*ends, *hosts) and crosses(points, box):
                    found.append(f"{flow} runs through {key}")
            for (x1, y1), (x2, y2) in pairwise(points):
                if x1 != x2 and y1 != y2:
                    found.append(f"{flow} is slanting")
        return found


def overlap(one: Box, other: Box) -> bool:
    return (
        one.x < other.x + other.width and other.x < one.x + one.width
        and one.y < other.y + other.height and other.y < one.y + one.height
    )  # fmt: skip


def crosses(points: list[Point], box: Box) -> bool:
    inside = Box(box.x + 1, box.y + 1, box.width - 2, box.height - 2)
    return any(
        overlap(Box(min(a, c), min(b, d), abs(a - c) or 0.1, abs(b - d) or 0.1), inside)
        for (a, b), (c, d) in pairwise(points)
    )


@pytest.mark.parametrize("definition", [*WORKFLOWS, EVERYTHING], ids=lambda one: one["key"])
def test_every_element_is_drawn_and_nothing_is_in_the_way(definition: dict[str, Any]) -> None:
    drawing = Drawing(write(definition))
    assert drawing.problems() == []
    nodes = {key for key, one in drawing.elements.items() if one.getparent() is not None}
    for task in definition["tasks"]:
        assert task["key"] in drawing.boxes
        assert task["key"] in nodes
    flows = [one.get("id") for one in drawing.root.iter(bpmn("sequenceFlow"))]
    assert set(flows) <= set(drawing.lines)


def test_what_lies_in_a_sub_process_is_drawn_in_it_and_events_on_its_edge() -> None:
    drawing = Drawing(write(EVERYTHING))
    for key, box in drawing.boxes.items():
        outer = drawing.boxes.get(drawing.scope(key))
        if outer is not None:
            assert outer.x < box.x
            assert box.x + box.width < outer.x + outer.width
            assert outer.y < box.y
            assert box.y + box.height < outer.y + outer.height
        host = drawing.elements[key].get("attachedToRef")
        if host:
            assert box.y + box.height / 2 == drawing.boxes[host].y + drawing.boxes[host].height
        if drawing.kind(key) in SCOPE_TAGS:
            shape = drawing.root.find(f".//{di('BPMNShape')}[@bpmnElement='{key}']")
            assert shape.get("isExpanded") == "true"


ANY = st.one_of(plain(), edited(EVERYTHING), st.one_of(structured(), unstructured()).map(of_graph))


@QUICKLY
@given(ANY)
def test_any_workflow_is_drawn_without_anything_in_the_way(definition: dict[str, Any]) -> None:
    assert Drawing(write(definition)).problems() == []


POOLS = b"""<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d"
  targetNamespace="t">
<collaboration id="c">
  <participant id="us" name="Shop" processRef="p"/>
  <participant id="they" name="Customer"/>
  <messageFlow id="m" sourceRef="tell" targetRef="they"/>
</collaboration>
<process id="p"><laneSet id="ls">
    <lane id="desk" name="Desk"><flowNodeRef>s</flowNodeRef><flowNodeRef>check</flowNodeRef>
      <flowNodeRef>x</flowNodeRef></lane>
    <lane id="store" name="Store"><flowNodeRef>pack</flowNodeRef><flowNodeRef>tell</flowNodeRef>
    </lane>
  </laneSet>
  <startEvent id="s"/><task id="check" name="Check"/><exclusiveGateway id="x" name="Good?"/>
  <task id="pack"/><task id="tell"/>
  <sequenceFlow id="f1" sourceRef="s" targetRef="check"/>
  <sequenceFlow id="f2" sourceRef="check" targetRef="x"/>
  <sequenceFlow id="f3" sourceRef="x" targetRef="pack" name="yes"/>
  <sequenceFlow id="f4" sourceRef="x" targetRef="check" name="no"/>
  <sequenceFlow id="f5" sourceRef="pack" targetRef="tell"/>
</process></definitions>"""


def test_a_file_without_a_diagram_gets_one_and_keeps_its_bytes_otherwise() -> None:
    data = with_diagram(POOLS)
    assert schema.problems(data) == []
    assert schema.opened([data]) == [["bpmn:Definitions", []]]
    begin = data.index(b"<process")
    assert data[begin:].startswith(POOLS[POOLS.index(b"<process") : POOLS.index(b"</definitions>")])
    assert with_diagram(data) is data


def test_nodes_are_drawn_in_their_lanes_and_lanes_in_their_pool() -> None:
    drawing = Drawing(with_diagram(POOLS))
    pool, desk, store = (drawing.boxes[key] for key in ("us", "desk", "store"))
    assert desk.y + desk.height == store.y
    assert (pool.x + 30, pool.y) == (desk.x, desk.y)
    assert pool.y + pool.height == store.y + store.height
    for lane, keys in ((desk, ("s", "check", "x")), (store, ("pack", "tell"))):
        for key in keys:
            box = drawing.boxes[key]
            assert lane.y < box.y
            assert box.y + box.height < lane.y + lane.height
    assert drawing.boxes["they"].y > pool.y + pool.height
    assert len(drawing.lines["m"]) == 2


def test_what_is_no_bpmn_is_refused() -> None:
    with pytest.raises(BpmnError):
        with_diagram(b"<html/>")
    with pytest.raises(BpmnError):
        with_diagram(b"no xml")


def test_a_large_workflow_is_written_and_drawn_in_good_time() -> None:
    tasks = [
        {"key": f"t{n}", "depends_on": [f"t{m}" for m in (n - 1, n - 7) if m >= 0]}
        for n in range(500)
    ]
    data = write({"key": "large", "tasks": tasks})
    assert len(Drawing(data).boxes) > 500
