"""From a definition to a BPMN 2.0 document: a new one, or the previous one with what changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lxml import etree

from workflows.graph.shape import SCOPE

from . import elements, extending, flows, implicit, interchange
from .document import Document, put
from .expanding import Expanded, expanded, free
from .extension import NAMESPACE, PREFIX, WORKFLOW
from .normal import Normal, normal
from .vocabulary import BPMN, BPMNDI, DC, DI, XSI, bpmn

NSMAP = {"bpmn": BPMN, "bpmndi": BPMNDI, "dc": DC, "di": DI, "xsi": XSI, PREFIX: NAMESPACE}
EXPORTER = "Signalbox"


def write(definition: Mapping[str, Any], previous: bytes | None = None) -> bytes:
    """A definition as the bytes of a BPMN document."""
    document = document_of(normal(definition))
    interchange.add_diagram(document)
    return etree.tostring(document.root, encoding="UTF-8", xml_declaration=True)


def document_of(workflow: Normal) -> Document:
    """A new document that says what a workflow says, without a diagram."""
    key = free(workflow.key or "process", workflow.tasks)
    given = {
        "id": free("definitions", {*workflow.tasks, key}),
        "targetNamespace": NAMESPACE,
        "exporter": EXPORTER,
    }
    root = etree.Element(bpmn("definitions"), given, NSMAP)
    process = put(root, root.makeelement(bpmn("process"), {"id": key, "isExecutable": "true"}))
    document = Document(root, process)
    describe(process, workflow)
    _fill(document, workflow, expanded(workflow))
    return document


def describe(process: etree._Element, workflow: Normal) -> None:
    """What a workflow says beyond its tasks, at its process."""
    process.set("name", workflow.name)
    elements.describe(process, workflow.description)
    whole = dict(workflow.whole)
    if process.get("id") != workflow.key:
        whole["key"] = workflow.key
    if whole:
        extending.extend(process, WORKFLOW).text = extending.as_json(whole)
    else:
        extending.retract(process, WORKFLOW)


def _fill(document: Document, workflow: Normal, drawn: Expanded) -> None:
    placed: dict[str, etree._Element] = {"": document.process}
    _place_level(document, workflow, drawn, "", placed)
    for key, task in workflow.tasks.items():
        elements.FIELDS["event"](document, placed[key], task)
    for way in drawn.flows:
        parent = placed[way.source].getparent()
        flow = flows.connect(document, parent, way)
        flows.refer(placed[way.source], str(flow.get("id")), "outgoing")
        flows.refer(placed[way.target], str(flow.get("id")), "incoming")
        if way.is_default:
            placed[way.source].set("default", str(flow.get("id")))
    for key, task in workflow.tasks.items():
        if task["compensates"]:
            flows.undo(document, placed[key].getparent(), task["compensates"], key)


def _place_level(
    document: Document,
    workflow: Normal,
    drawn: Expanded,
    scope: str,
    placed: dict[str, etree._Element],
) -> None:
    """Put the elements that lie in a scope in the order in which a token meets them."""

    def add(mark: str, task: str = "") -> None:
        for one in drawn.added.values():
            if (one.mark, one.task, one.parent) == (mark, task, scope):
                placed[one.key] = flows.add(document, placed[scope], one)

    add(implicit.START)
    for key, task in workflow.tasks.items():
        if task["parent"] != scope:
            continue
        add(implicit.JOIN, key)
        placed[key] = elements.made(document, placed[scope], task)
        add(implicit.SPLIT, key)
        if task["kind"] == SCOPE:
            _place_level(document, workflow, drawn, key, placed)
    add(implicit.END)
