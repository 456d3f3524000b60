"""Tasks, calls and sub-processes (BPMN 2.0, 10.3), each as a task of a definition."""

from __future__ import annotations

from typing import Any

from lxml import etree

from workflows.graph.shape import AGENT, CALL, CATCH, HUMAN, PASS, SCOPE, START, THROW

from . import (
    assignments,
    calling,
    due_times,
    embedded,
    expressing,
    extension,
    forms,
    mappings,
    occurrences,
)
from .kinds import DECISION, SCOPES
from .source import (
    Source,
    attribute,
    child,
    is_true,
    local,
    zeebe,
)
from .source import extension as first_extension

_RESULTS = frozenset({"singleEntry", "singleResult", "collectEntries"})


def fill(source: Source, element: etree._Element, task: dict[str, Any], lane: str) -> None:
    """Say in a task what the element says of who does it and how; its kind may change."""
    match local(element):
        case "task" | "manualTask":
            _plain(source, element, task, lane)
        case "userTask":
            _human(source, element, task, lane)
        case "serviceTask":
            _work(source, element, task, lane)
        case "sendTask":
            _send(source, element, task, lane)
        case "receiveTask":
            _receive(source, element, task)
        case "scriptTask":
            mappings.script(source, element, task)
            _plain(source, element, task, "")
        case "businessRuleTask":
            _decide(source, element, task, lane)
        case "callActivity":
            calling.fill(source, element, task)
        case name if name in SCOPES:
            _scope(source, element, task)
    gives = task["kind"] in (AGENT, HUMAN, CALL, CATCH, DECISION)
    mappings.apply(source, element, task, gives=gives, fields=forms.fields(task))
    _quantities(source, element)


def own_json(source: Source, element: etree._Element, task: dict[str, Any]) -> None:
    """Lay over a task what our own extension says in JSON of its fields."""
    for tag, name in extension.JSON_FIELDS.items():
        found = first_extension(element, tag)
        if found is None:
            continue
        try:
            said = embedded.parsed_object("".join(found.itertext()))
        except embedded.Malformed as reason:
            source.unsupported(element, f"“{name}” cannot be read: {reason}.", found)
            continue
        task[name] = said if name == "approval" else {**task.get(name, {}), **said}
        if name == "decision" and task["kind"] in (PASS, AGENT):
            task["kind"] = DECISION


def _plain(source: Source, element: etree._Element, task: dict[str, Any], lane: str) -> None:
    """A task that says nothing of how it is done is passed, unless it names an agent."""
    found = assignments.definition(source, element)
    if found:
        task.update(found, kind=AGENT)


def _human(source: Source, element: etree._Element, task: dict[str, Any], lane: str) -> None:
    task.update(assignments.definition(source, element))
    if first_extension(element, extension.qualified("approval")) is None:
        task["approval"] = assignments.approval(source, element, lane)
        task["approval"] |= due_times.times(source, element)
        if form := forms.asked(source, element):
            task["approval"]["form"] = form


def _work(source: Source, element: etree._Element, task: dict[str, Any], lane: str) -> None:
    before = len(source.findings)
    found = assignments.worker(source, element, lane)
    task.update(found)
    if not found.keys() & {"agent", "role", "capabilities"} and len(source.findings) == before:
        source.note(element, "Nothing says which agent does it: any that is free will.")
    if name := attribute(element, "resultVariable") or attribute(element, "resultVariableName"):
        source.unsupported(element, f"Its result is not kept as “{name:.100}”: add an output.")


def _send(source: Source, element: etree._Element, task: dict[str, Any], lane: str) -> None:
    """An agent's work where that is named; else the message that it sends."""
    if not element.get("messageRef") or assignments.is_named(element):
        _work(source, element, task, lane)
        return
    named = occurrences.message_name(source, element, element.get("messageRef"))
    named.pop("key", None)
    task.update(kind=THROW, event={"type": "message", **named})


def _receive(source: Source, element: etree._Element, task: dict[str, Any]) -> None:
    named = occurrences.message_name(source, element, element.get("messageRef"))
    is_start = is_true(element, "instantiate")
    task.update(kind=START if is_start else CATCH, event={"type": "message", **named})


def _decide(source: Source, element: etree._Element, task: dict[str, Any], lane: str) -> None:
    """A decision table, or an agent where one is named."""
    task.update(assignments.definition(source, element))
    own = first_extension(element, zeebe("calledDecision"))
    if own is not None:
        table, result = own.get("decisionId") or "", (own.get("resultVariable") or "").strip()
    else:
        table, result = attribute(element, "decisionRef"), attribute(element, "resultVariable")
        if table and result and attribute(element, "mapDecisionResult") not in _RESULTS:
            what = "The result is a list of rows (resultList), which a decision does not give here."
            source.unsupported(element, what)
    if table:
        named = expressing.static(source, element, table, "The decision")
        task["decision"] = {"decision": str(named or ""), "result": result}
    elif first_extension(element, extension.qualified("decision")) is None:
        task["kind"] = AGENT
        found = assignments.worker(source, element, lane)
        task.update(found)
        if not found.keys() & {"agent", "role", "capabilities"}:
            source.unsupported(element, "It names no decision table and no agent.")


def _scope(source: Source, element: etree._Element, task: dict[str, Any]) -> None:
    task["kind"] = SCOPE
    if local(element) == "transaction":
        task["scope"] = {"type": "transaction"}
        if (element.get("method") or "##Compensate") not in ("##Compensate", "compensate"):
            source.unsupported(element, "A transaction is taken back by compensation only.")
    elif local(element) == "adHocSubProcess":
        task["scope"] = _ad_hoc(source, element)


def _ad_hoc(source: Source, element: etree._Element) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "ad_hoc",
        "ordering": "sequential" if element.get("ordering") == "Sequential" else "parallel",
        "cancel_remaining": is_true(element, "cancelRemainingInstances", True),
    }
    if child(element, "completionCondition") is not None:
        what = "The completion condition"
        condition = expressing.condition(source, element, "completionCondition", what)
        found.update({"completion": condition} if condition else {})
    return found


def _quantities(source: Source, element: etree._Element) -> None:
    for name in ("startQuantity", "completionQuantity"):
        if (element.get(name) or "1").strip() != "1":
            source.unsupported(element, f"A {name} other than 1 is not counted.")
