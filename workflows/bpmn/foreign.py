"""What a file says in other namespaces, and in standard elements that are not read: named each."""

from __future__ import annotations

from typing import Final

from lxml import etree

from . import extension, form_fields, implicit
from .kinds import ATTRIBUTES, NODES
from .source import BPMN, CLASSIC, FLOWABLE, ZEEBE, Source, child, children, local

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
_ALL = frozenset(NODES)

_READ: Final[dict[str, frozenset[str]]] = {
    "assignee": frozenset({"userTask"}),
    "candidateUsers": frozenset({"userTask"}),
    "candidateGroups": frozenset({"userTask"}),
    "dueDate": frozenset({"userTask"}),
    "followUpDate": frozenset({"userTask"}),
    "formKey": frozenset({"userTask"}),
    "formRef": frozenset({"userTask"}),
    "formRefBinding": frozenset({"userTask"}),
    "formRefVersion": frozenset({"userTask"}),
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
        "task-candidates-type",
        "work-form-field-validation",
        "element-name",
    }
)
_NOTED: Final[dict[str, str]] = {
    "dueDate": "A due date is kept of a user task alone.",
    "followUpDate": "A follow-up date is kept of a user task alone.",
    "taskSchedule": "Due and follow-up dates are kept of a user task alone.",
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
    "failedJobRetryTimeCycle": "Only an agent's work is tried again.",
    "includeInHistory": "Everything is kept in the history.",
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
    "taskSchedule": frozenset({"userTask"}),
    "formDefinition": frozenset({"userTask"}),
    "formProperty": frozenset({"userTask"}),
    "userTaskForm": frozenset({"process"}),
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


def name_all(source: Source, process: etree._Element) -> None:
    """Name what is not read in a process, its file's head, and the definitions that it uses."""
    _head(source)
    for element in [source.root, *source.used]:
        _attributes(source, element)
        _extensions(source, element)
    _inside(source, process)


def _inside(source: Source, element: etree._Element) -> None:
    """Everything in an element but what its extensions hold."""
    if element.attrib:
        _attributes(source, element)
    name = local(element)
    _standard(source, element, name)
    for one in element:
        if local(one) == "extensionElements":
            _extensions(source, element)
        elif local(one):
            _inside(source, one)
        else:
            _extension(source, element, one)


def _head(source: Source) -> None:
    for one in source.root:
        must = (one.get("mustUnderstand") or "").strip() in ("true", "1")
        if local(one) == "extension" and must:
            what = f"The extension “{one.get('definition', '')}” must be understood, and is not."
            source.unsupported(one, what)


def _attributes(source: Source, element: etree._Element) -> None:
    for full in element.attrib:
        if not full.startswith("{"):
            if full not in ATTRIBUTES:
                source.note(element, f"The attribute “{full:.100}” is not one of BPMN 2.0.")
            continue
        uri, _, name = full[1:].partition("}")
        if uri == BPMN:
            continue
        if uri in CLASSIC and local(element) in _READ.get(name, ()):
            continue
        if full == implicit.LABEL or (full == implicit.IMPLICIT and local(element) in NODES):
            continue
        _named(source, element, element, uri, name, "attribute")


def _extensions(source: Source, element: etree._Element) -> None:
    for holder in children(element, "extensionElements"):
        for one in holder:
            if not local(one):
                _extension(source, element, one)


def _extension(source: Source, element: etree._Element, one: etree._Element) -> None:
    tag = str(one.tag)
    uri, _, name = tag[1:].partition("}") if tag.startswith("{") else ("", "", tag)
    if tag in _OWN and local(element) in _OWN[tag]:
        return
    if tag == form_fields.FORM and local(element) == "userTask":
        return  # camunda:formData, which the others do not have
    is_read = uri == ZEEBE or uri in CLASSIC
    if not is_read or local(element) not in _ELEMENTS.get(name, ()):
        _named(source, element, one, uri, name, "element")


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
