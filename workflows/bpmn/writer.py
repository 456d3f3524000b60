"""From a definition to a BPMN 2.0 document: a new one, or the previous one with what changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lxml import etree

from workflows.errors import BpmnError
from workflows.graph.shape import SCOPE

from . import (
    collaboration,
    drawable,
    elements,
    extending,
    flows,
    implicit,
    interchange,
    presence,
    reader,
)
from .document import Document, put
from .expanding import Expanded, expanded, free
from .extension import NAMESPACE, PREFIX, WORKFLOW
from .normal import Normal, equal, normal
from .parsing import parsed
from .patching import Patch, Unpatchable
from .splicing import Splice
from .vocabulary import BPMN, BPMNDI, DC, DI, XSI, bpmn, local

NSMAP = {"bpmn": BPMN, "bpmndi": BPMNDI, "dc": DC, "di": DI, "xsi": XSI, PREFIX: NAMESPACE}
EXPORTER = "Signalbox"


def write(
    definition: Mapping[str, Any], previous: bytes | None = None, *, process: str | None = None
) -> bytes:
    """A definition as a BPMN 2.0 document with a diagram.

    With `previous` only the elements are touched of which the definition says something else than
    that document: the others keep every byte, and where it says the same the document comes back as
    it is. `process` is which of several in it is meant, as for the reader. Raises BpmnError for a
    definition that cannot be drawn, with the key of the task.
    """
    workflow = drawable.checked(definition)
    if previous is None:
        return _new(workflow)
    before = normal(reader.read(previous, process=process).definition)
    if equal(before, workflow):
        return previous
    for thoroughly in (False, True):
        try:
            data = _patched(before, workflow, previous, process, thoroughly=thoroughly)
        except Unpatchable:
            break
        if equal(normal(reader.read(data, process=process).definition), workflow):
            return data
    return _new(workflow)


def with_diagram(data: bytes) -> bytes:
    """A document with a diagram: itself if it has one, else all its processes laid out.

    Raises BpmnError for what is no BPMN.
    """
    parsed(data)
    splice = Splice(data)
    if local(splice.root) != "definitions":
        raise BpmnError("It is no BPMN 2.0: <definitions> was expected.", 1)
    if any(True for _ in splice.root.iter(interchange.di("BPMNShape"))):
        return data
    collaboration.add_diagrams(splice.root)
    return splice.written()


def _new(workflow: Normal) -> bytes:
    document = document_of(workflow)
    interchange.add_diagram(document)
    text: bytes = etree.tostring(document.root, encoding="UTF-8", xml_declaration=True)
    return text + b"\n"


def _patched(
    before: Normal, workflow: Normal, previous: bytes, process: str | None, *, thoroughly: bool
) -> bytes:
    splice = Splice(previous)
    document = Document(splice.root, presence.process(splice.root, process))
    if _whole(before) != _whole(workflow):
        describe(document.process, workflow)
    Patch(document, before, workflow, thoroughly=thoroughly).apply()
    return splice.written()


def _whole(workflow: Normal) -> object:
    return workflow.key, workflow.name, workflow.description, workflow.whole


def document_of(workflow: Normal) -> Document:
    """A new document that says what a workflow says, without a diagram."""
    drawn = expanded(workflow)
    taken = {*workflow.tasks, *drawn.added}
    key = free(workflow.key or "process", taken)
    given = {
        "id": free("definitions", {*taken, key}),
        "targetNamespace": NAMESPACE,
        "exporter": EXPORTER,
    }
    root = etree.Element(bpmn("definitions"), given, NSMAP)
    process = put(root, root.makeelement(bpmn("process"), {"id": key, "isExecutable": "true"}))
    document = Document(root, process)
    describe(process, workflow)
    _fill(document, workflow, drawn)
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
            home = placed[task["compensates"]].getparent()
            flows.undo(document, home, task["compensates"], key)


def _place_level(
    document: Document,
    workflow: Normal,
    drawn: Expanded,
    scope: str,
    placed: dict[str, etree._Element],
) -> None:
    """Put the elements that lie in a scope in the order in which a token meets them."""

    added = {(one.mark, one.task): one for one in drawn.added.values() if one.parent == scope}

    def add(mark: str, task: str = "") -> None:
        if one := added.get((mark, task)):
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
