"""BPMN elements of tasks: which tag a kind has, and each field of a task in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lxml import etree

from workflows.graph.shape import (
    AGENT,
    BOUNDARY,
    CALL,
    CATCH,
    END,
    EVENT_GATEWAY,
    EXCLUSIVE,
    HUMAN,
    INCLUSIVE,
    PARALLEL,
    PASS,
    SCOPE,
    START,
    THROW,
)

from . import extending
from .document import Document, child, children, put, remove
from .event_writing import set_event, set_message
from .extension import CEL
from .normal import DECISION
from .vocabulary import LOOP_TAGS, bpmn, local

Task = Mapping[str, Any]
TAGS = {
    AGENT: "serviceTask",
    HUMAN: "userTask",
    PASS: "task",
    DECISION: "businessRuleTask",
    CALL: "callActivity",
    SCOPE: "subProcess",
    EXCLUSIVE: "exclusiveGateway",
    PARALLEL: "parallelGateway",
    INCLUSIVE: "inclusiveGateway",
    EVENT_GATEWAY: "eventBasedGateway",
    START: "startEvent",
    END: "endEvent",
    CATCH: "intermediateCatchEvent",
    THROW: "intermediateThrowEvent",
    BOUNDARY: "boundaryEvent",
}
SCOPES = {"transaction": "transaction", "ad_hoc": "adHocSubProcess"}


def tag(task: Task) -> str:
    """The local name of a task's element."""
    if task["kind"] == SCOPE:
        return SCOPES.get(task["scope"].get("type", ""), "subProcess")
    if task["kind"] == PASS and task["output_mapping"]:
        return "scriptTask"
    if task["kind"] == CATCH and (task["loop"] or task["is_host"]):
        return "receiveTask"  # only an activity is a loop or has an edge
    return TAGS[task["kind"]]


def made(document: Document, parent: etree._Element, task: Task) -> etree._Element:
    """A task's element, put into its scope with all that the task says but its event.

    The event of a sub-process stands at a start in it, so events are written when all are there.
    """
    element = put(parent, parent.makeelement(bpmn(tag(task)), {"id": document.new_id(task["key"])}))
    if tag(task) == "scriptTask":
        element.set("scriptFormat", CEL)
    for field, write in FIELDS.items():
        if field != "event":
            write(document, element, task)
    return element


def _name(document: Document, element: etree._Element, task: Task) -> None:
    if task["name"] != task["key"] or local(element) not in _NO_ACTIVITY:
        element.set("name", task["name"])
    else:
        element.attrib.pop("name", None)


def _description(document: Document, element: etree._Element, task: Task) -> None:
    describe(element, task["description"])


def describe(element: etree._Element, text: str) -> None:
    """Let an element have one documentation with a text, or none."""
    found = child(element, "documentation")
    for other in list(children(element, "documentation"))[1:]:
        remove(other)
    if text:
        if found is None:
            found = put(element, element.makeelement(bpmn("documentation")))
        found.text = text
    elif found is not None:
        remove(found)


def _work(document: Document, element: etree._Element, task: Task) -> None:
    extending.set_task_definition(element, task)


def _io(document: Document, element: etree._Element, task: Task) -> None:
    extending.set_io_mapping(element, task)


def _approval(document: Document, element: etree._Element, task: Task) -> None:
    is_asked = task["kind"] == HUMAN  # else the reader would ask the lane that it is drawn in
    extending.set_json(element, "approval", task["approval"], even_nothing=is_asked)


def _decision(document: Document, element: etree._Element, task: Task) -> None:
    extending.set_json(element, "decision", task["decision"])


def _calls(document: Document, element: etree._Element, task: Task) -> None:
    calls = dict(task["calls"])
    key = calls.pop("key", None)
    if isinstance(key, str) and key:
        element.set("calledElement", key)
    else:
        element.attrib.pop("calledElement", None)
    extending.set_json(element, "calls", calls)


def _scope(document: Document, element: etree._Element, task: Task) -> None:
    scope = task["scope"]
    for old in list(children(element, "completionCondition")):
        remove(old)
    for name in ("ordering", "cancelRemainingInstances"):
        element.attrib.pop(name, None)
    if scope.get("type") != "ad_hoc":
        return
    element.set("ordering", str(scope.get("ordering", "parallel")).capitalize())
    if scope.get("cancel_remaining") is False:
        element.set("cancelRemainingInstances", "false")
    if scope.get("completion"):
        _expression(document, element, "completionCondition", scope["completion"])


def _event(document: Document, element: etree._Element, task: Task) -> None:
    """The event, and whether it interrupts; that of an event sub-process is at its start."""
    event, kind = task["event"], task["kind"]
    if kind == SCOPE:
        _flag(element, "triggeredByEvent", bool(event), is_default=False)
        element = starting(document, element) if event else element
        rest = set_event(document, element, event) if event else {}
        if event:
            _flag(element, "isInterrupting", event.get("interrupting", True), is_default=True)
        home = element.getparent() if event else element
        extending.set_json(home, "event", rest)
        return
    if kind == START and element.getparent().get("triggeredByEvent") == "true":
        return  # its event is that of its sub-process
    if kind not in (START, END, CATCH, THROW, BOUNDARY):
        extending.set_json(element, "event", event)
        return
    if local(element) == "receiveTask" and event.get("type") == "message":
        extending.set_json(element, "event", set_message(document, element, event))
        return
    if kind == BOUNDARY:
        _flag(element, "cancelActivity", event.get("interrupting", True), is_default=True)
    extending.set_json(element, "event", set_event(document, element, event))


def starting(document: Document, scope: etree._Element) -> etree._Element:
    """The start event in an event sub-process; its tasks must be there before it is asked for."""
    found = child(scope, "startEvent")
    if found is None:
        given = {"id": document.new_id(f"start_event_{scope.get('id')}")}
        found = put(scope, scope.makeelement(bpmn("startEvent"), given))
    return found


def _loop(document: Document, element: etree._Element, task: Task) -> None:
    for old in list(children(element, *LOOP_TAGS)):
        remove(old)
    rest = dict(task["loop"])
    mode = rest.pop("mode", "parallel")
    if not task["loop"]:
        extending.set_json(element, "loop", {})
        return
    if mode == "standard":
        _standard_loop(document, element, rest)
    else:
        _instances(document, element, rest, mode)
    extending.set_json(element, "loop", rest)


def _standard_loop(document: Document, element: etree._Element, rest: dict[str, Any]) -> None:
    loop = put(element, element.makeelement(bpmn("standardLoopCharacteristics")))
    _flag(loop, "testBefore", rest.pop("test_before", True), is_default=False)
    if type(rest.get("max")) is int:
        loop.set("loopMaximum", str(rest.pop("max")))
    if rest.get("while"):
        _expression(document, loop, "loopCondition", rest.pop("while"))


def _instances(
    document: Document, element: etree._Element, rest: dict[str, Any], mode: str
) -> None:
    loop = put(element, element.makeelement(bpmn("multiInstanceLoopCharacteristics")))
    _flag(loop, "isSequential", mode == "sequential", is_default=False)
    count = rest.pop("cardinality", None)
    if count is not None:
        is_number = not isinstance(count, str)
        _expression(document, loop, "loopCardinality", str(count), "" if is_number else CEL)
    if rest.get("completion"):
        _expression(document, loop, "completionCondition", rest.pop("completion"))


def _attached(document: Document, element: etree._Element, task: Task) -> None:
    if task["kind"] == BOUNDARY:
        element.set("attachedToRef", document.id_of(task["attached_to"]))


def _undoing(document: Document, element: etree._Element, task: Task) -> None:
    if local(element) not in _NO_ACTIVITY:
        _flag(element, "isForCompensation", bool(task["compensates"]), is_default=False)


def _expression(
    document: Document, parent: etree._Element, name: str, text: str, language: str = CEL
) -> None:
    document.typed(put(parent, parent.makeelement(bpmn(name))), text, language)


def _flag(element: etree._Element, name: str, value: bool, *, is_default: bool) -> None:
    if value is is_default:
        element.attrib.pop(name, None)
    else:
        element.set(name, "true" if value else "false")


_NO_ACTIVITY = frozenset(name for kind, name in TAGS.items() if name.endswith(("Event", "Gateway")))
Write = Callable[[Document, etree._Element, Task], None]
# By field of the task; fields that share an element share a writer.
FIELDS: dict[str, Write] = {
    "name": _name,
    "description": _description,
    "agent": _work,
    "input": _io,
    "approval": _approval,
    "calls": _calls,
    "scope": _scope,
    "decision": _decision,
    "loop": _loop,
    "event": _event,
    "attached_to": _attached,
    "compensates": _undoing,
}
