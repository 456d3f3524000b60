"""What a file says in other namespaces, and in standard elements that are not read: named each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from lxml import etree

from . import extension
from .kinds import NODES
from .source import BPMN, CLASSIC, FLOWABLE, ZEEBE, Source, child, local

# Engines: what they read in a file changes how it runs there.
_ENGINES: Final = (
    "http://camunda.org/schema/",
    "http://flowable.org/bpmn",
    "http://activiti.org/bpmn",
    "http://spiffworkflow.org/",
    "http://www.jboss.org/drools",
)
_DECORATION: Final = (
    "http://camunda.org/schema/modeler/",
    "http://bpmn.io/schema/bpmn/biocolor/",
    "http://bpmn.io/schema/bpmn",
    "http://www.omg.org/",
    "http://www.w3.org/",
    "http://www.signavio.com",
    "http://activiti.com/modeler",
    "http://flowable.org/design",
    "http://flowable.org/modeler",
)
_TASKS = frozenset({"task", "serviceTask", "sendTask", "businessRuleTask", "scriptTask"})
_MI = frozenset({"multiInstanceLoopCharacteristics"})
_ALL = NODES

_READ: Final[dict[str, frozenset[str]]] = {
    "assignee": frozenset({"userTask"}),
    "candidateUsers": frozenset({"userTask"}),
    "candidateGroups": frozenset({"userTask"}),
    "type": frozenset({"serviceTask", "sendTask", "businessRuleTask"}),
    "topic": frozenset({"serviceTask", "sendTask", "businessRuleTask"}),
    "class": frozenset({"serviceTask", "sendTask", "businessRuleTask"}),
    "expression": frozenset({"serviceTask", "sendTask", "businessRuleTask"}),
    "delegateExpression": frozenset({"serviceTask", "sendTask", "businessRuleTask"}),
    "resultVariable": frozenset({"serviceTask", "sendTask", "businessRuleTask", "scriptTask"}),
    "resultVariableName": frozenset({"serviceTask", "sendTask"}),
    "decisionRef": frozenset({"businessRuleTask"}),
    "mapDecisionResult": frozenset({"businessRuleTask"}),
    "decisionRefBinding": frozenset(),
    "calledElementBinding": frozenset({"callActivity"}),
    "calledElementVersion": frozenset({"callActivity"}),
    "collection": _MI,
    "elementVariable": _MI,
    "scope": frozenset({"signal"}),
}
_HARMLESS: Final = frozenset(
    {
        "async",
        "asyncBefore",
        "asyncAfter",
        "asyncLeave",
        "exclusive",
        "historyTimeToLive",
        "versionTag",
        "isStartableInTasklist",
        "diagramRelationId",
        "modelerTemplate",
        "modelerTemplateVersion",
        "modelerTemplateIcon",
        "category",
        "formFieldValidation",
        "isEagerExecutionFetching",
        "sourceDockerX",
        "sourceDockerY",
        "targetDockerX",
        "targetDockerY",
        "resourceURI",
    }
)
_NOTED: Final[dict[str, str]] = {
    "dueDate": "A due date is not kept: add a timer that reminds or ends.",
    "followUpDate": "A follow-up date is not kept.",
    "taskSchedule": "Due and follow-up dates are not kept: add a timer that reminds or ends.",
    "formKey": "The form is not taken over: a person sees the input and decides.",
    "formRef": "The form is not taken over: a person sees the input and decides.",
    "formRefBinding": "",
    "formRefVersion": "",
    "formHandlerClass": "The form is not taken over: a person sees the input and decides.",
    "formDefinition": "The form is not taken over: a person sees the input and decides.",
    "formData": "The form is not taken over: a person sees the input and decides.",
    "formProperty": "The form is not taken over: a person sees the input and decides.",
    "userTaskForm": "The form is not taken over: a person sees the input and decides.",
    "priority": "The priority is not taken over.",
    "priorityDefinition": "The priority is not taken over.",
    "jobPriority": "The priority is not taken over.",
    "taskPriority": "The priority is not taken over.",
    "historyLevel": "Everything is kept in the history.",
    "properties": "Properties are kept in the file and not read.",
    "localization": "",
    "userTask": "",
    "versionTag": "",
    "unitTests": "",
}
_ELEMENTS: Final[dict[str, frozenset[str]]] = {
    "taskDefinition": frozenset({"serviceTask", "sendTask", "businessRuleTask"}),
    "ioMapping": _ALL,
    "inputOutput": _ALL,
    "assignmentDefinition": frozenset({"userTask"}),
    "calledElement": frozenset({"callActivity"}),
    "calledDecision": frozenset({"businessRuleTask"}),
    "script": frozenset({"scriptTask"}),
    "loopCharacteristics": _MI,
    "subscription": frozenset({"message"}),
    "in": frozenset({"callActivity"}),
    "out": frozenset({"callActivity"}),
    "failedJobRetryTimeCycle": frozenset({"serviceTask", "sendTask", "businessRuleTask"}),
}
_OWN: Final = {
    extension.TASK_DEFINITION: _TASKS | {"userTask"},
    extension.IO_MAPPING: _ALL,
    extension.WORKFLOW: frozenset({"process"}),
    **dict.fromkeys(extension.JSON_FIELDS, _ALL),
}


def name_all(source: Source, process: etree._Element, used: Iterable[etree._Element]) -> None:
    """Name what is not read in a process, its file's head, and the definitions that it uses."""
    _head(source)
    for element in [source.root, *used]:
        _attributes(source, element)
        _extensions(source, element)
    for element in process.iter():
        name = local(element)
        if not name or name == "extensionElements" or _is_within_extension(element):
            continue
        _attributes(source, element)
        _extensions(source, element)
        _standard(source, element, name)


def _is_within_extension(element: etree._Element) -> bool:
    return any(local(one) == "extensionElements" for one in element.iterancestors())


def _head(source: Source) -> None:
    for one in source.root:
        must = (one.get("mustUnderstand") or "").strip() in ("true", "1")
        if local(one) == "extension" and must:
            what = f"The extension “{one.get('definition', '')}” must be understood, and is not."
            source.unsupported(one, what)


def _attributes(source: Source, element: etree._Element) -> None:
    for full in element.attrib:
        uri, _, name = str(full)[1:].partition("}")
        if not str(full).startswith("{") or uri == BPMN:
            continue
        if uri in CLASSIC and local(element) in _READ.get(name, ()):
            continue
        _named(source, element, element, uri, name, "attribute")


def _extensions(source: Source, element: etree._Element) -> None:
    for one in _foreign_children(element):
        uri, _, name = str(one.tag)[1:].partition("}")
        if not str(one.tag).startswith("{"):
            uri, name = "", str(one.tag)
        if one.tag in _OWN and local(element) in _OWN[str(one.tag)]:
            continue
        is_read = uri == ZEEBE or uri in CLASSIC
        if is_read and local(element) in _ELEMENTS.get(name, ()):
            continue
        _named(source, element, one, uri, name, "element")


def _foreign_children(element: etree._Element) -> Iterator[etree._Element]:
    for one in element:
        if local(one) == "extensionElements":
            yield from (inner for inner in one if not local(inner))
        elif not local(one):
            yield one


def _named(
    source: Source, element: etree._Element, at: etree._Element, uri: str, name: str, what: str
) -> None:
    if uri.startswith(_DECORATION):
        return
    sign = f"“{name:.100}”" if what == "attribute" else f"<{name:.100}>"
    if uri == extension.NAMESPACE:
        source.unsupported(element, f"Our {what} {sign} is not known here.", at)
    elif not uri.startswith(_ENGINES):
        source.note(element, f"The {what} {sign} of {uri or 'no namespace'} is not read.", at)
    elif name in _NOTED:
        if _NOTED[name]:
            source.note(element, _NOTED[name], at)
    elif name not in _HARMLESS:
        source.unsupported(element, f"The {what} {sign} of {uri} is not carried out.", at)


def _standard(source: Source, element: etree._Element, name: str) -> None:
    """Standard elements that would change how it runs and are not read."""
    if name == "correlationSubscription":
        what = "A message is not correlated by what is in it: give the event a key."
        source.unsupported(element, what)
    elif name in ("dataInputAssociation", "dataOutputAssociation"):
        moves = [child(element, one) for one in ("assignment", "transformation")]
        if any(one is not None for one in moves):
            what = "Data is not assigned or transformed here: use the input and the outputs."
            source.unsupported(element, what)
    elif name == "formalExpression" and element.get(f"{{{FLOWABLE}}}resource"):
        source.unsupported(element, "An expression in a file of its own is not read.")
