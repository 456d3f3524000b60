"""Sequence flows in a document, what a definition leaves out, and what undoes what."""

from __future__ import annotations

from lxml import etree

from . import implicit
from .document import Document, child, children, put, remove
from .expanding import Added
from .extension import CEL, NAMESPACE, PREFIX
from .layout import wrapped
from .normal import Way
from .vocabulary import bpmn


def add(document: Document, parent: etree._Element, added: Added) -> etree._Element:
    """An element with a mark, put into its scope."""
    given = {"id": document.new_id(added.key), implicit.IMPLICIT: added.mark}
    element = parent.makeelement(bpmn(added.tag), given, {PREFIX: NAMESPACE})
    put(parent, element)
    turn(document, element, added)
    return element


def turn(document: Document, element: etree._Element, added: Added) -> None:
    """Make a marked gateway one of another kind."""
    element.tag = bpmn(added.tag)
    condition = child(element, "activationCondition")
    if condition is not None:
        remove(condition)
    if added.tag == "complexGateway":  # BPMN 2.0, 10.6.5: the first path that arrives goes on
        condition = put(element, element.makeelement(bpmn("activationCondition")))
        document.typed(condition, "activationCount == 1", CEL)


def connect(document: Document, parent: etree._Element, way: Way) -> etree._Element:
    """A sequence flow between the elements of two keys, put into their scope."""
    source, target = document.id_of(way.source), document.id_of(way.target)
    given = {
        "id": document.new_id(f"flow_{source}_{target}"),
        "sourceRef": source,
        "targetRef": target,
    }
    flow = put(parent, parent.makeelement(bpmn("sequenceFlow"), given))
    describe(document, flow, way)
    return flow


def describe(document: Document, flow: etree._Element, way: Way) -> None:
    """Set a flow's name and condition; without a name its condition is its label."""
    label = "" if way.name else " ".join(wrapped(way.when))
    flow.attrib.pop(implicit.LABEL, None)
    flow.attrib.pop("name", None)
    if way.name or label:
        flow.set("name", way.name or label)
    if label:
        flow.set(implicit.LABEL, label)
    condition = child(flow, "conditionExpression")
    if not way.when and condition is not None:
        remove(condition)
    elif way.when:
        if condition is None:
            condition = put(flow, flow.makeelement(bpmn("conditionExpression")))
        document.typed(condition, way.when, CEL)


def refer(element: etree._Element, flow: str, side: str) -> None:
    """Name a flow among the `incoming` or `outgoing` ones of an element."""
    made = put(element, element.makeelement(bpmn(side)))
    made.text = flow


def forget(element: etree._Element, flow: str) -> None:
    """Name a flow among an element's flows no more."""
    for one in list(children(element, "incoming", "outgoing")):
        if (one.text or "").strip().rpartition(":")[2] == flow:
            remove(one)


def undo(
    document: Document, parent: etree._Element, host: str, handler: str
) -> tuple[etree._Element, etree._Element]:
    """The event at the edge of a task that leads to what undoes it (BPMN 2.0, 10.7), and the
    association between them.
    """
    host, handler = document.id_of(host), document.id_of(handler)
    event = document.new_id(f"undo_{host}")
    element = put(
        parent,
        parent.makeelement(bpmn("boundaryEvent"), {"id": event, "attachedToRef": host}),
    )
    inner = put(element, element.makeelement(bpmn("compensateEventDefinition")))
    inner.set("id", document.new_id(f"{event}_compensate"))
    given = {
        "id": document.new_id(f"association_{event}"),
        "associationDirection": "One",
        "sourceRef": event,
        "targetRef": handler,
    }
    return element, put(parent, parent.makeelement(bpmn("association"), given))
