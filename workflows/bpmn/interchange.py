"""Diagram interchange (BPMN 2.0, chapter 12): pictures as shapes and edges in a document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from lxml import etree

from . import picture
from .document import Document, place
from .layout import Box, Point
from .picture import Picture
from .vocabulary import BPMNDI, DC, DI, SCOPE_TAGS, local

NSMAP = {"bpmndi": BPMNDI, "dc": DC, "di": DI}
MARGIN = 40.0  # left of and over the picture
Element: TypeAlias = etree._Element


def di(name: str) -> str:
    """A name in the namespace of BPMN's diagrams, as lxml writes it."""
    return f"{{{BPMNDI}}}{name}"


def add_diagram(document: Document) -> None:
    """Lay the process of a document out and add the diagram."""
    drawn = Picture()
    drawn.add(picture.of(document.process), MARGIN, MARGIN)
    add_plane(document, document.process, drawn)


def add_plane(document: Document, of: Element, drawn: Picture) -> Element:
    """A diagram of a process or collaboration with the shapes and edges of a picture."""
    root = document.root
    diagram = root.makeelement(di("BPMNDiagram"), {"id": document.new_id("diagram")}, NSMAP)
    place(root, diagram, None)
    given = {"id": document.new_id("plane"), "bpmnElement": str(of.get("id"))}
    plane = diagram.makeelement(di("BPMNPlane"), given)
    place(diagram, plane, None)
    for element, box in drawn.boxes.items():
        add_shape(document, plane, element, box, drawn.labels.get(element))
    for element, points in drawn.lines.items():
        add_edge(document, plane, element, points, drawn.labels.get(element))
    return plane


def add_shape(
    document: Document, plane: Element, element: Element, box: Box, label: Box | None
) -> Element:
    """A shape on a plane, with the box of its name where that stands beside it."""
    key = str(element.get("id"))
    shape = plane.makeelement(
        di("BPMNShape"), {"id": document.new_id(f"{key}_di"), "bpmnElement": key}
    )
    place(plane, shape, None)
    if local(element) in SCOPE_TAGS:
        shape.set("isExpanded", "true")
    if local(element) in ("participant", "lane"):
        shape.set("isHorizontal", "true")
    if local(element) == "exclusiveGateway":
        shape.set("isMarkerVisible", "true")
    _bounds(shape, box)
    _label(shape, label)
    return shape


def add_edge(
    document: Document,
    plane: Element,
    element: Element,
    points: Iterable[Point],
    label: Box | None,
) -> Element:
    """An edge on a plane through its points, with the box of its name."""
    key = str(element.get("id"))
    edge = plane.makeelement(
        di("BPMNEdge"), {"id": document.new_id(f"{key}_di"), "bpmnElement": key}
    )
    place(plane, edge, None)
    for x, y in points:
        given = {"x": _number(x), "y": _number(y)}
        place(edge, edge.makeelement(f"{{{DI}}}waypoint", given), None)
    _label(edge, label)
    return edge


def _label(shape: Element, box: Box | None) -> None:
    if box is not None:
        label = shape.makeelement(di("BPMNLabel"))
        place(shape, label, None)
        _bounds(label, box)


def _bounds(home: Element, box: Box) -> None:
    given = {
        "x": _number(box.x),
        "y": _number(box.y),
        "width": _number(box.width),
        "height": _number(box.height),
    }
    place(home, home.makeelement(f"{{{DC}}}Bounds", given), None)


def _number(value: float) -> str:
    return str(round(value))
